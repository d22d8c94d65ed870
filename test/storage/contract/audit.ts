// AuditStore.

import { describe, expect, it } from "vitest";
import { AUDIT_PRUNE_STEP, AUDIT_RECORDS_KEPT } from "../../../storage/bounds.ts";
import type { AuditRecord, Store } from "../../../storage/store.ts";
import { AT } from "../records.ts";

function record(detail: string): AuditRecord {
  return { at: AT, event: "login-failed", account: "juliet", address: "192.0.2.1", detail };
}

export function auditContract(store: () => Store): void {
  describe("audit", () => {
    it("lists the newest first, at most limit", async () => {
      const { audit } = store();
      expect(await audit.list(10)).toEqual([]);
      await Promise.all(["1", "2", "3"].map((detail) => audit.add(record(detail))));
      expect(await audit.list(2)).toEqual([record("3"), record("2")]);
      expect(await audit.list(10)).toHaveLength(3);
      expect(await audit.list(0)).toEqual([]);
      expect(await audit.list(-1)).toEqual([]);
    });

    it("is bounded", async () => {
      const { audit } = store();
      const total = AUDIT_RECORDS_KEPT + 2 * AUDIT_PRUNE_STEP;
      await Promise.all(Array.from({ length: total }, (_, n) => audit.add(record(String(n)))));
      const kept = await audit.list(Number.POSITIVE_INFINITY);
      expect(kept[0]).toEqual(record(String(total - 1)));
      expect(kept.length).toBeGreaterThanOrEqual(AUDIT_RECORDS_KEPT);
      expect(kept.length).toBeLessThan(AUDIT_RECORDS_KEPT + AUDIT_PRUNE_STEP);
    });
  });
}
