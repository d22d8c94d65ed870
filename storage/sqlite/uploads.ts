// Uploads (XEP-0363): slots and files, counted for each owner.

import type { Database } from "better-sqlite3";
import { rows } from "../bounds.ts";
import type { Upload, UploadQuota, UploadStore } from "../store.ts";
import type { Turn } from "./turn.ts";

type Row = Omit<Upload, "complete"> & { readonly complete: 0 | 1 };
type Usage = { readonly bytes: number; readonly files: number };

const COLUMNS = "id, owner, bucket, name, type, size, complete, until, keep_until AS keepUntil";
const LIVING = "owner = ? AND bucket = ? AND (until IS NULL OR until > ?)";

/** The table of uploads. */
export function sqliteUploads(db: Database, turn: Turn): UploadStore {
  const insert = db.prepare<[string, string, string, string, string, number, 0 | 1, number | null, number | null]>(
    `INSERT INTO upload (id, owner, bucket, name, type, size, complete, until, keep_until)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const usage = db.prepare<[string, string, number], Usage>(
    `SELECT coalesce(sum(size), 0) AS bytes, count(*) AS files FROM upload WHERE ${LIVING}`,
  );
  const next = db
    .prepare<[string, string, number], number | null>(`SELECT min(until) FROM upload WHERE ${LIVING}`)
    .pluck();
  const oldest = db.prepare<[string, string, number], { number: number; size: number }>(
    `SELECT number, size FROM upload INDEXED BY upload_order WHERE ${LIVING} AND complete = 1 ORDER BY number`,
  );
  const expire = db.prepare<[number]>("UPDATE upload SET until = 0 WHERE number = ?");
  const select = db.prepare<[string], Row>(`SELECT ${COLUMNS} FROM upload WHERE id = ?`);
  const begin = db.prepare<[number, string, number]>(
    "UPDATE upload SET until = ? WHERE id = ? AND complete = 0 AND (until IS NULL OR until > ?)",
  );
  const complete = db.prepare<[string, string]>(
    "UPDATE upload SET complete = 1, type = ?, until = keep_until WHERE id = ? AND complete = 0 AND owner != ''",
  );
  const expired = db
    .prepare<[number, number], string>("SELECT id FROM upload WHERE until <= ? ORDER BY until, number LIMIT ?")
    .pluck();
  const remove = db.prepare<[string]>("DELETE FROM upload WHERE id = ?");

  // The numbers of what would have to go; undefined: that is not enough, or not allowed.
  function inTheWay({ owner, bucket, size }: Upload, now: number, quota: UploadQuota): number[] | undefined {
    let { bytes, files } = usage.get(owner, bucket, now) as Usage;
    const fits = (): boolean => bytes + size <= quota.bytes && files < quota.files;
    const going: number[] = [];
    if (fits()) return going;
    if (!quota.oldestGo) return undefined;
    for (const old of oldest.iterate(owner, bucket, now)) {
      going.push(old.number);
      bytes -= old.size;
      files -= 1;
      if (fits()) return going;
    }
    return undefined;
  }

  return {
    reserve: (slot, now, quota) =>
      turn.write(() => {
        const going = inTheWay(slot, now, quota);
        if (going === undefined) return { next: next.get(slot.owner, slot.bucket, now) ?? null };
        for (const number of going) expire.run(number);
        const { id, owner, bucket, name, type, size, until, keepUntil } = slot;
        insert.run(id, owner, bucket, name, type, size, slot.complete ? 1 : 0, until, keepUntil);
        return undefined;
      }),
    get: (id) =>
      turn.read(() => {
        const row = select.get(id);
        return row && { ...row, complete: row.complete === 1 };
      }),
    begin: (id, now, until) => turn.write(() => begin.run(until, id, now).changes > 0),
    complete: (id, type) => turn.write(() => complete.run(type, id).changes > 0),
    expired: (now, limit) => turn.read(() => expired.all(now, rows(limit))),
    remove: (ids) =>
      turn.write(() => {
        for (const id of ids) remove.run(id);
      }),
  };
}

/** Lets all files of an owner expire: they are on disk, and go from there first. */
export function uploadEraser(db: Database): (owner: string) => void {
  const statement = db.prepare<[string]>("UPDATE upload SET owner = '', until = 0, keep_until = 0 WHERE owner = ?");
  return (owner) => void statement.run(owner);
}
