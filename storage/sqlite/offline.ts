// Offline messages (XEP-0160 version 1.0.1).

import type { Database } from "better-sqlite3";
import { rows } from "../bounds.ts";
import { inOrder } from "../offline-order.ts";
import type { OfflineMessage, OfflineStore } from "../store.ts";
import type { Turn } from "./turn.ts";

/** The tables of offline messages. */
export function sqliteOffline(db: Database, turn: Turn): OfflineStore {
  const countOne = db.prepare<[string, number]>(
    `INSERT INTO offline_box VALUES (?, 1)
     ON CONFLICT DO UPDATE SET messages = messages + 1 WHERE messages < ?`,
  );
  const uncount = db.prepare<[number, string]>("UPDATE offline_box SET messages = messages - ? WHERE owner = ?");
  const count = db.prepare<[string], number>("SELECT messages FROM offline_box WHERE owner = ?").pluck();
  const insert = db.prepare<[string, number, string]>("INSERT INTO offline_message (owner, at, xml) VALUES (?, ?, ?)");
  const select = db.prepare<[string, number, number], OfflineMessage>(
    "SELECT id, xml, at FROM offline_message WHERE owner = ? AND id > ? ORDER BY id LIMIT ?",
  );
  const remove = db.prepare<[string, number]>("DELETE FROM offline_message WHERE owner = ? AND id <= ?");
  const has = db.prepare<[number, string], number>("SELECT 1 FROM offline_message WHERE id = ? AND owner = ?").pluck();
  const times = db.prepare<[string], { id: number; at: number }>(
    "SELECT id, at FROM offline_message WHERE owner = ? ORDER BY id",
  );
  const repeat = db.prepare<[number]>(
    "INSERT INTO offline_message (owner, at, xml) SELECT owner, at, xml FROM offline_message WHERE id = ?",
  );
  const removeOne = db.prepare<[number]>("DELETE FROM offline_message WHERE id = ?");

  return {
    add: (owner, xml, at, quota) =>
      turn.write(() => {
        if (quota < 1 || countOne.run(owner, quota).changes === 0) return false;
        insert.run(owner, at, xml);
        return true;
      }),
    load: (owner, afterId, limit) => turn.read(() => select.all(owner, afterId, rows(limit))),
    removeUpTo: (owner, id) =>
      turn.write(() => {
        const { changes } = remove.run(owner, id);
        if (changes > 0) uncount.run(changes, owner);
      }),
    remove: (owner, ids) =>
      turn.write(() => {
        const going = new Set(ids);
        for (const id of going) if (has.get(id, owner) === undefined) return false;
        for (const id of going) removeOne.run(id);
        if (going.size > 0) uncount.run(going.size, owner);
        return true;
      }),
    sort: (owner, added) =>
      turn.write(() => {
        const known = times.all(owner);
        const sorted = inOrder(known, added);
        if (sorted === undefined) return;
        for (const { id } of sorted) repeat.run(id);
        remove.run(owner, known.at(-1)?.id ?? 0);
      }),
    count: (owner) => turn.read(() => count.get(owner) ?? 0),
  };
}

/** Removes all messages of an owner. */
export function offlineEraser(db: Database): (owner: string) => void {
  const statements = ["offline_box", "offline_message"].map((table) =>
    db.prepare<[string]>(`DELETE FROM ${table} WHERE owner = ?`),
  );
  return (owner) => {
    for (const statement of statements) statement.run(owner);
  };
}
