// UploadStore: every sentence of its docstrings.

import { describe, expect, it } from "vitest";
import type { Store, Upload, UploadQuota } from "../../../storage/store.ts";
import { AT, account, JULIET, NURSE } from "../records.ts";

/** A slot of Juliet's that ends after a minute, for a file that is kept for an hour. */
export function slot(id: string, change: Partial<Upload> = {}): Upload {
  return {
    id,
    owner: JULIET,
    bucket: "message",
    name: "balcony.jpg",
    type: "image/jpeg",
    size: 100,
    complete: false,
    until: AT + 60_000,
    keepUntil: AT + 3_600_000,
    ...change,
  };
}

const QUOTA: UploadQuota = { bytes: 250, files: 10, oldestGo: false };

export function uploadsContract(store: () => Store): void {
  describe("uploads", () => {
    const reserve = (upload: Upload, now = AT, quota = QUOTA) => store().uploads.reserve(upload, now, quota);
    async function completed(id: string, change: Partial<Upload> = {}): Promise<void> {
      expect(await reserve(slot(id, change))).toBeUndefined();
      expect(await store().uploads.complete(id, "image/jpeg")).toBe(true);
    }

    it("gives back what was reserved, and nothing else", async () => {
      await reserve(slot("a", { name: "\u{1f339}.jpg", keepUntil: null }));
      expect(await store().uploads.get("a")).toEqual(slot("a", { name: "\u{1f339}.jpg", keepUntil: null }));
      expect(await store().uploads.get("b")).toBeUndefined();
    });

    it("an id twice is refused", async () => {
      await reserve(slot("a"));
      await expect(reserve(slot("a"))).rejects.toThrow();
    });

    it("refuses past the bytes of one bucket of one owner, and says when something of it expires", async () => {
      await reserve(slot("a"));
      await completed("b");
      expect(await reserve(slot("c"))).toEqual({ next: AT + 60_000 });
      expect(await store().uploads.get("c")).toBeUndefined();
      expect(await reserve(slot("c", { size: 50 }))).toBeUndefined();
      expect(await reserve(slot("d", { bucket: "profile" }))).toBeUndefined();
      expect(await reserve(slot("e", { owner: NURSE }))).toBeUndefined();
      expect(await reserve(slot("f", { size: 251, bucket: "other" }))).toEqual({ next: null });
    });

    it("refuses past the number of files", async () => {
      const quota = { bytes: 1_000, files: 2, oldestGo: false };
      for (const id of ["a", "b"]) expect(await reserve(slot(id), AT, quota)).toBeUndefined();
      expect(await reserve(slot("c"), AT, quota)).toEqual({ next: AT + 60_000 });
    });

    it("slots that are asked for at once do not get past the quota together", async () => {
      const all = await Promise.all(["a", "b", "c", "d"].map((id) => reserve(slot(id))));
      expect(all.filter((refused) => refused === undefined)).toHaveLength(2);
    });

    it("what has expired does not count", async () => {
      await reserve(slot("a"));
      await completed("b");
      expect(await reserve(slot("c"), AT + 59_999)).toBeDefined();
      const later = { until: AT + 9_000_000 };
      expect(await reserve(slot("c", later), AT + 60_000)).toBeUndefined();
      expect(await reserve(slot("d", later), AT + 3_599_999)).toBeDefined();
      expect(await reserve(slot("d", later), AT + 3_600_000)).toBeUndefined();
    });

    it("where the oldest go, complete files make room, no more of them than needed, and expire", async () => {
      const quota = { ...QUOTA, oldestGo: true };
      await completed("a", { keepUntil: null });
      await completed("b", { keepUntil: null });
      expect(await reserve(slot("c"), AT, quota)).toBeUndefined();
      expect(await store().uploads.expired(AT, 10)).toEqual(["a"]);
      expect((await store().uploads.get("b"))?.until).toBeNull();
      // The slot "c" does not make room: its file is on its way.
      expect(await reserve(slot("d", { size: 200 }), AT, quota)).toEqual({ next: AT + 60_000 });
      expect((await store().uploads.get("b"))?.until).toBeNull();
    });

    it("begin: only a slot that has not expired, for as long as it says", async () => {
      await reserve(slot("a"));
      expect(await store().uploads.begin("a", AT + 60_000, AT + 90_000)).toBe(false);
      expect(await store().uploads.begin("a", AT + 59_999, AT + 90_000)).toBe(true);
      expect((await store().uploads.get("a"))?.until).toBe(AT + 90_000);
      expect(await store().uploads.begin("none", AT, AT + 1)).toBe(false);
      await completed("b");
      expect(await store().uploads.begin("b", AT, AT + 1)).toBe(false);
    });

    it("complete: once, with the type that it came with, and kept from then on as long as was said", async () => {
      await reserve(slot("a"));
      expect(await store().uploads.complete("a", "image/png")).toBe(true);
      expect(await store().uploads.get("a")).toEqual(
        slot("a", { type: "image/png", complete: true, until: AT + 3_600_000 }),
      );
      expect(await store().uploads.complete("a", "text/html")).toBe(false);
      expect(await store().uploads.complete("none", "")).toBe(false);
    });

    it("expired: the earliest first, at most limit; what never expires is not there", async () => {
      await reserve(slot("a", { until: AT + 3 }));
      await reserve(slot("b", { until: AT + 1 }));
      await completed("c", { keepUntil: null, size: 1 });
      expect(await store().uploads.expired(AT, 10)).toEqual([]);
      expect(await store().uploads.expired(AT + 1, 10)).toEqual(["b"]);
      expect(await store().uploads.expired(AT + 9, 10)).toEqual(["b", "a"]);
      expect(await store().uploads.expired(AT + 9, 1)).toEqual(["b"]);
      expect(await store().uploads.expired(AT + 9, 0)).toEqual([]);
    });

    it("remove: those, and makes room", async () => {
      await reserve(slot("a"));
      await reserve(slot("b"));
      await store().uploads.remove(["a", "none"]);
      expect(await store().uploads.get("a")).toBeUndefined();
      expect(await store().uploads.get("b")).toBeDefined();
      expect(await reserve(slot("c"))).toBeUndefined();
      await store().uploads.remove([]);
    });

    it("files of a deleted account expire, and its slots are good for nothing", async () => {
      await store().accounts.create(account("juliet"));
      await completed("a", { keepUntil: null });
      await reserve(slot("b"));
      await reserve(slot("c", { owner: NURSE }));
      await store().accounts.delete("juliet", JULIET);
      expect((await store().uploads.expired(0, 10)).sort()).toEqual(["a", "b"]);
      expect(await store().uploads.complete("b", "")).toBe(false);
      expect(await store().uploads.begin("b", AT, AT + 1)).toBe(false);
      expect((await store().uploads.get("c"))?.owner).toBe(NURSE);
    });
  });
}
