// Message archives (XEP-0313 version 1.1.3): appending, bounds, preferences and erasure.

import type { Database } from "better-sqlite3";
import { rows } from "../bounds.ts";
import type { ArchiveBound, ArchivedMessage, ArchivePreferences, ArchiveStore } from "../store.ts";
import { archivePages } from "./archive-pages.ts";
import { archivePruner } from "./archive-pruner.ts";
import { ARCHIVE, type Archive, keyOf } from "./archive-tables.ts";
import type { Turn } from "./turn.ts";

/** @param erase puts an archive out of reach, with its preferences: archiveEraser's */
export function sqliteArchive(db: Database, turn: Turn, erase: (owner: string) => void): ArchiveStore {
  const append = archiveAppender(db);
  const bounds = archiveBounds(db);
  const prune = archivePruner(db);
  const replace = db.prepare<[string, string, string]>(
    `UPDATE archive_message SET xml = ? WHERE archive = (SELECT number FROM archive WHERE owner = ?) AND id = ?`,
  );
  const pages = archivePages(db);
  // The steps of one answer see the same state, whatever another process writes between them.
  const page = db.transaction(pages.page);
  const count = db.transaction(pages.count);
  return {
    add: (messages) =>
      turn.write(() => {
        for (const message of messages) append(message);
      }),
    page: (owner, query) => turn.read(() => page(owner, query)),
    count: (owner, query, atMost) => turn.read(() => count(owner, query, rows(atMost))),
    bounds: (owner) => turn.read(() => bounds(owner)),
    prune: (before, keepPerOwner, limit) => turn.write(() => prune(before, rows(keepPerOwner), rows(limit))),
    removeOwner: (owner) => turn.write(() => erase(owner)),
    replace: (owner, id, xml) => turn.write(() => replace.run(xml, owner, id).changes === 1),
    ...archivePreferences(db, turn),
  };
}

/** Puts an archive out of reach, and removes its preferences. */
export function archiveEraser(db: Database): (owner: string) => void {
  const disown = db.prepare<[string]>("UPDATE archive SET owner = NULL WHERE owner = ?");
  const forget = db.prepare<[string]>("DELETE FROM archive_preferences WHERE owner = ?");
  return (owner) => {
    disown.run(owner);
    forget.run(owner);
  };
}

function archiveAppender(db: Database): (message: ArchivedMessage) => void {
  const find = db.prepare<[string], Archive & { readonly lastAt: number }>(
    `SELECT ${ARCHIVE}, last_at AS lastAt FROM archive WHERE owner = ?`,
  );
  const create = db.prepare<[string, number, number]>(
    "INSERT INTO archive (owner, first, next, first_at, last_at) VALUES (?, 0, 1, ?, ?)",
  );
  const advance = db.prepare<[number, number]>("UPDATE archive SET next = next + 1, last_at = ? WHERE number = ?");
  const insert = db.prepare<[bigint, number, string, string, number, string]>(
    "INSERT INTO archive_message VALUES (?, ?, ?, ?, ?, ?)",
  );
  return ({ owner, id, with: contact, at, xml }) => {
    const archive = find.get(owner);
    if (archive === undefined) {
      const number = Number(create.run(owner, at, at).lastInsertRowid);
      insert.run(keyOf(number, 0), number, id, contact, at, xml);
      return;
    }
    const { number, next, lastAt } = archive;
    const time = Math.max(at, lastAt);
    insert.run(keyOf(number, next), number, id, contact, time, xml);
    advance.run(time, number);
  };
}

function archiveBounds(db: Database) {
  const select = db.prepare<[string], Record<"firstId" | "lastId", string> & Record<"firstAt" | "lastAt", number>>(
    `SELECT oldest.id AS firstId, oldest.at AS firstAt, newest.id AS lastId, newest.at AS lastAt FROM archive
     JOIN archive_message AS oldest ON oldest.key = (number << 36) | first
     JOIN archive_message AS newest ON newest.key = (number << 36) | (next - 1)
     WHERE owner = ?`,
  );
  return (owner: string): { first: ArchiveBound; last: ArchiveBound } | undefined => {
    const row = select.get(owner);
    return row && { first: { id: row.firstId, at: row.firstAt }, last: { id: row.lastId, at: row.lastAt } };
  };
}

type PreferencesRow = Record<"always" | "never", string> & Pick<ArchivePreferences, "default">;

function archivePreferences(db: Database, turn: Turn): Pick<ArchiveStore, "preferences" | "setPreferences"> {
  const select = db.prepare<[string], PreferencesRow>(
    `SELECT default_policy AS "default", always, never FROM archive_preferences WHERE owner = ?`,
  );
  const put = db.prepare<[string, string, string, string]>(
    `INSERT INTO archive_preferences VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET
     default_policy = excluded.default_policy, always = excluded.always, never = excluded.never`,
  );
  return {
    preferences: (owner) =>
      turn.read(() => {
        const row = select.get(owner);
        return row && { default: row.default, always: JSON.parse(row.always), never: JSON.parse(row.never) };
      }),
    setPreferences: (owner, preferences) =>
      turn.write(() => {
        const { always, never } = preferences;
        put.run(owner, preferences.default, JSON.stringify(always), JSON.stringify(never));
      }),
  };
}
