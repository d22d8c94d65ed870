// The audit trail: the newest records, as many as AUDIT_RECORDS_KEPT.

import { AUDIT_PRUNE_STEP, AUDIT_RECORDS_KEPT, rows } from "../bounds.ts";
import type { AuditRecord, AuditStore } from "../store.ts";
import type { Run } from "./run.ts";
import { frozenCopy } from "./values.ts";

/** Records in one array. */
export function memoryAudit(run: Run): AuditStore {
  const records: AuditRecord[] = [];
  return {
    add: (record) =>
      run(() => {
        records.push(frozenCopy(record));
        const excess = records.length - AUDIT_RECORDS_KEPT;
        if (excess >= AUDIT_PRUNE_STEP) records.splice(0, excess);
      }),
    list: (limit) => run(() => records.slice(Math.max(0, records.length - rows(limit))).reverse()),
  };
}
