// Push services that accounts enabled (XEP-0357 version 0.4.1).

import type { Database } from "better-sqlite3";
import type { PushService, PushStore } from "../store.ts";
import type { Turn } from "./turn.ts";

/** The table of push services. @param erase pushEraser's */
export function sqlitePushes(db: Database, turn: Turn, erase: (owner: string) => void): PushStore {
  const list = db.prepare<[string], PushService>(
    "SELECT jid, node, resourcepart, options FROM push_service WHERE owner = ? ORDER BY jid, node",
  );
  const count = db.prepare<[string], number>("SELECT count(*) FROM push_service WHERE owner = ?").pluck();
  const has = db
    .prepare<[string, string, string], number>("SELECT 1 FROM push_service WHERE owner = ? AND jid = ? AND node = ?")
    .pluck();
  const put = db.prepare<[string, string, string, string, string]>(
    `INSERT INTO push_service VALUES (?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET resourcepart = excluded.resourcepart, options = excluded.options`,
  );
  const removeNode = db.prepare<[string, string, string]>(
    "DELETE FROM push_service WHERE owner = ? AND jid = ? AND node = ?",
  );
  const removeAll = db.prepare<[string, string]>("DELETE FROM push_service WHERE owner = ? AND jid = ?");
  return {
    list: (owner) => turn.read(() => list.all(owner)),
    put: (owner, { jid, node, resourcepart, options }, most) =>
      turn.write(() => {
        if (has.get(owner, jid, node) === undefined && (count.get(owner) ?? 0) >= most) return false;
        put.run(owner, jid, node, resourcepart, options);
        return true;
      }),
    remove: (owner, jid, node) =>
      turn.write(() => (node === undefined ? removeAll.run(owner, jid) : removeNode.run(owner, jid, node)).changes),
    erase: (owner) => turn.write(() => erase(owner)),
  };
}

/** Removes all of an owner's. */
export function pushEraser(db: Database): (owner: string) => void {
  const remove = db.prepare<[string]>("DELETE FROM push_service WHERE owner = ?");
  return (owner) => void remove.run(owner);
}
