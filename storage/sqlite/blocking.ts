// Block lists (XEP-0191 version 1.3).

import type { Database } from "better-sqlite3";
import { checkBlockList } from "../bounds.ts";
import type { BlockingStore } from "../store.ts";
import type { Turn } from "./turn.ts";

/** The table of blocked addresses. @param erase blockingEraser's */
export function sqliteBlocking(db: Database, turn: Turn, erase: (owner: string) => void): BlockingStore {
  const list = db.prepare<[string], string>("SELECT address FROM blocked WHERE owner = ? ORDER BY address").pluck();
  const count = db.prepare<[string], number>("SELECT count(*) FROM blocked WHERE owner = ?").pluck();
  const has = db.prepare<[string, string], number>("SELECT 1 FROM blocked WHERE owner = ? AND address = ?").pluck();
  const insert = db.prepare<[string, string]>("INSERT INTO blocked VALUES (?, ?)");
  const remove = db.prepare<[string, string]>("DELETE FROM blocked WHERE owner = ? AND address = ?");
  return {
    list: (owner) => turn.read(() => list.all(owner)),
    add: (owner, addresses, limit) =>
      turn.write(() => {
        const added = [...new Set(addresses)].filter((address) => has.get(owner, address) === undefined);
        checkBlockList(owner, limit, count.get(owner) ?? 0, added.length);
        for (const address of added) insert.run(owner, address);
        return added;
      }),
    remove: (owner, addresses) =>
      turn.write(() => [...new Set(addresses)].filter((address) => remove.run(owner, address).changes > 0)),
    clear: (owner) =>
      turn.write(() => {
        const removed = list.all(owner);
        erase(owner);
        return removed;
      }),
  };
}

/** Removes an owner's whole list. */
export function blockingEraser(db: Database): (owner: string) => void {
  const remove = db.prepare<[string]>("DELETE FROM blocked WHERE owner = ?");
  return (owner) => void remove.run(owner);
}
