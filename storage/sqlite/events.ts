// The gateway's event log: ids only grow, and what was pruned is remembered, so that a consumer can resume or be told
// that it missed something.

import type { Database } from "better-sqlite3";
import { rows } from "../bounds.ts";
import type { GatewayEvent, GatewayStore, NewGatewayEvent } from "../store.ts";
import type { Turn } from "./turn.ts";

type Events = Pick<GatewayStore, "appendEvents" | "eventsAfter" | "eventBounds" | "pruneEvents"> & {
  /** For a step that causes events: runs inside its operation. */
  readonly append: (event: NewGatewayEvent) => GatewayEvent;
};

// Presentities are stepped through by the index (a plain DISTINCT would read all of it), then for each the newest event
// that is past those to keep is found, again by the index alone.
const DOOMED = `
  WITH RECURSIVE named(presentity) AS (
    SELECT min(presentity) FROM gateway_event
    UNION ALL
    SELECT (SELECT min(presentity) FROM gateway_event WHERE presentity > named.presentity)
    FROM named WHERE named.presentity IS NOT NULL
  ), excess(presentity, up_to) AS (
    SELECT presentity, (
      SELECT id FROM gateway_event WHERE presentity = named.presentity ORDER BY id DESC LIMIT 1 OFFSET :keep
    ) FROM named WHERE presentity IS NOT NULL
  ), doomed(id, presentity) AS (
    SELECT event.id, event.presentity FROM excess CROSS JOIN gateway_event AS event
    ON event.presentity = excess.presentity AND event.id <= excess.up_to WHERE event.at < :before
  )`;

/** The event tables, and `append` for the operations of other tables. */
export function sqliteEvents(db: Database, turn: Turn): Events {
  const insert = db.prepare<[string, string, string, number]>(
    "INSERT INTO gateway_event (presentity, type, data, at) VALUES (?, ?, ?, ?)",
  );
  const lastId = db.prepare<[], number>("SELECT seq FROM sqlite_sequence WHERE name = 'gateway_event'").pluck();
  const notePruned = db.prepare<[PruneRule]>(
    `${DOOMED} INSERT INTO gateway_event_pruned SELECT presentity, max(id) FROM doomed WHERE true GROUP BY presentity
     ON CONFLICT DO UPDATE SET up_to = max(up_to, excluded.up_to)`,
  );
  const prune = db.prepare<[PruneRule]>(`${DOOMED} DELETE FROM gateway_event WHERE id IN (SELECT id FROM doomed)`);
  const ofPresentity = scopeStatements(db, "presentity");
  const ofDomain = scopeStatements(db, "domain");

  function append(event: NewGatewayEvent): GatewayEvent {
    const { presentity, type, data, at } = event;
    const id = Number(insert.run(presentity, type, data, at).lastInsertRowid);
    return { id, presentity, type, data, at };
  }

  return {
    append,
    appendEvents: (events) => turn.write(() => events.map(append)),
    eventsAfter: (scope, afterId, limit) =>
      turn.read(() =>
        "presentity" in scope
          ? ofPresentity.after.all(scope.presentity, afterId, rows(limit))
          : ofDomain.after.all(scope.domain, afterId, rows(limit)),
      ),
    eventBounds: (scope) =>
      turn.read(() => {
        const pruned =
          "presentity" in scope ? ofPresentity.pruned.get(scope.presentity) : ofDomain.pruned.get(scope.domain);
        return { prunedUpTo: pruned ?? 0, last: lastId.get() ?? 0 };
      }),
    pruneEvents: (before, keepPerPresentity) =>
      turn.write(() => {
        const rule = { before, keep: rows(keepPerPresentity) };
        notePruned.run(rule);
        return prune.run(rule).changes;
      }),
  };
}

type PruneRule = { readonly before: number; readonly keep: number };

function scopeStatements(db: Database, column: "presentity" | "domain") {
  return {
    after: db.prepare<[string, number, number], GatewayEvent>(
      `SELECT id, presentity, type, data, at FROM gateway_event WHERE ${column} = ? AND id > ? ORDER BY id LIMIT ?`,
    ),
    pruned: db
      .prepare<[string], number | null>(`SELECT max(up_to) FROM gateway_event_pruned WHERE ${column} = ?`)
      .pluck(),
  };
}
