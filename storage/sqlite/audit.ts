// The audit trail: the newest records, as many as AUDIT_RECORDS_KEPT.

import type { Database } from "better-sqlite3";
import { AUDIT_PRUNE_STEP, AUDIT_RECORDS_KEPT, rows } from "../bounds.ts";
import type { AuditRecord, AuditStore } from "../store.ts";
import type { Turn } from "./turn.ts";

/** The audit table. */
export function sqliteAudit(db: Database, turn: Turn): AuditStore {
  const insert = db.prepare<[number, string, string, string, string]>(
    "INSERT INTO audit (at, event, account, address, detail) VALUES (?, ?, ?, ?, ?)",
  );
  const prune = db.prepare<[number]>("DELETE FROM audit WHERE id <= ?");
  const newest = db.prepare<[number], AuditRecord>(
    "SELECT at, event, account, address, detail FROM audit ORDER BY id DESC LIMIT ?",
  );
  return {
    add: ({ at, event, account, address, detail }) =>
      turn.write(() => {
        const id = Number(insert.run(at, event, account, address, detail).lastInsertRowid);
        if (id % AUDIT_PRUNE_STEP === 0) prune.run(id - AUDIT_RECORDS_KEPT);
      }),
    list: (limit) => turn.read(() => newest.all(rows(limit))),
  };
}
