// The items of publish-subscribe nodes, by the number of their node: steps of the operations in pubsub.ts.

import type { Database } from "better-sqlite3";
import { pageRows } from "../bounds.ts";
import type { PubsubItem, PubsubItemQuery } from "../store.ts";

/** How many items were removed, and what they counted for. */
export type Removed = { readonly count: number; readonly bytes: number };

const SELECT = "SELECT id, publisher, at, xml FROM pubsub_item";
const PAGE = `${SELECT} WHERE node = ? AND key > ? AND key < ? AND at >= ? ORDER BY key`;
const TOTAL = "SELECT count(*) AS count, coalesce(sum(bytes), 0) AS bytes FROM pubsub_item";
const NOTHING: Removed = { count: 0, bytes: 0 };

export function pubsubItems(db: Database) {
  const get = db.prepare<[number, string], PubsubItem>(`${SELECT} WHERE node = ? AND id = ?`);
  const last = db.prepare<[number], PubsubItem>(`${SELECT} WHERE node = ? ORDER BY key DESC LIMIT 1`);
  const keyOf = db.prepare<[number, string], number>("SELECT key FROM pubsub_item WHERE node = ? AND id = ?").pluck();
  const forward = db.prepare<[number, number, number, number, number], PubsubItem>(`${PAGE} LIMIT ?`);
  const backward = db.prepare<[number, number, number, number, number], PubsubItem>(`${PAGE} DESC LIMIT ?`);
  const insert = db.prepare<[number, string, string, number, number, string]>(
    "INSERT INTO pubsub_item (node, id, publisher, at, bytes, xml) VALUES (?, ?, ?, ?, ?, ?)",
  );
  const removeOne = db
    .prepare<[number, string], number>("DELETE FROM pubsub_item WHERE node = ? AND id = ? RETURNING bytes")
    .pluck();
  const oldest = db.prepare<[number], { readonly key: number; readonly at: number; readonly bytes: number }>(
    "SELECT key, at, bytes FROM pubsub_item WHERE node = ? ORDER BY key LIMIT 1",
  );
  const removeKey = db.prepare<[number]>("DELETE FROM pubsub_item WHERE key = ?");
  const total = db.prepare<[number], Removed>(`${TOTAL} WHERE node = ?`);
  const removeAll = db.prepare<[number]>("DELETE FROM pubsub_item WHERE node = ?");

  /** From the oldest end, while `goes` holds. */
  function removeWhile(node: number, goes: (at: number, count: number) => boolean): Removed {
    let { count, bytes } = NOTHING;
    for (let row = oldest.get(node); row !== undefined && goes(row.at, count); row = oldest.get(node)) {
      removeKey.run(row.key);
      count += 1;
      bytes += row.bytes;
    }
    return { count, bytes };
  }

  return {
    get: (node: number, id: string) => get.get(node, id),
    last: (node: number) => last.get(node),
    /** Undefined: an id of the query is not there. */
    page(
      node: number,
      { afterId, beforeId, since, backward: fromEnd, limit }: PubsubItemQuery,
    ): PubsubItem[] | undefined {
      const after = afterId === undefined ? Number.MIN_SAFE_INTEGER : keyOf.get(node, afterId);
      const before = beforeId === undefined ? Number.MAX_SAFE_INTEGER : keyOf.get(node, beforeId);
      if (after === undefined || before === undefined) return undefined;
      const statement = fromEnd ? backward : forward;
      const found = statement.all(node, after, before, since, pageRows(limit));
      return fromEnd ? found.reverse() : found;
    },
    add(node: number, { id, publisher, at, xml }: PubsubItem, bytes: number): void {
      insert.run(node, id, publisher, at, bytes, xml);
    },
    /** What it counted for; undefined: there is none. */
    remove: (node: number, id: string) => removeOne.get(node, id),
    removeOldest: (node: number, amount: number): Removed =>
      amount > 0 ? removeWhile(node, (_, count) => count < amount) : NOTHING,
    /** Times descend where the clock was set back: what stands behind such an item stays with it. */
    removeOlder: (node: number, since: number): Removed => removeWhile(node, (at) => at < since),
    removeAll(node: number): Removed {
      const gone = total.get(node) ?? NOTHING;
      removeAll.run(node);
      return gone;
    },
  };
}
