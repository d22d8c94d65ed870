// OfflineStore: every sentence of its docstrings.

import { describe, expect, it } from "vitest";
import type { Store } from "../../../storage/store.ts";
import { AT, JULIET, NURSE } from "../records.ts";

export function offlineContract(store: () => Store): void {
  describe("offline messages", () => {
    async function fill(...bodies: string[]): Promise<number[]> {
      for (const body of bodies) await store().offline.add(JULIET, body, AT, 100);
      return (await store().offline.load(JULIET, 0, 100)).map(({ id }) => id);
    }

    it("gives messages back oldest first, with the time they came", async () => {
      await store().offline.add(JULIET, "<message>1 \u{1f339}</message>", AT + 5, 10);
      await store().offline.add(NURSE, "<message>2</message>", AT, 10);
      await store().offline.add(JULIET, "<message>3</message>", AT, 10);
      const loaded = await store().offline.load(JULIET, 0, 10);
      expect(loaded.map(({ xml, at }) => [xml, at])).toEqual([
        ["<message>1 \u{1f339}</message>", AT + 5],
        ["<message>3</message>", AT],
      ]);
      expect(loaded[0]?.id).toBeLessThan(loaded[1]?.id ?? 0);
    });

    it("loads at most limit, above an id", async () => {
      const [first = 0, second, third] = await fill("1", "2", "3");
      const load = async (after: number, limit: number) =>
        (await store().offline.load(JULIET, after, limit)).map(({ id }) => id);
      expect(await load(first, 1)).toEqual([second]);
      expect(await load(first, 5)).toEqual([second, third]);
      expect(await load(third ?? 0, 5)).toEqual([]);
      expect(await load(0, 0)).toEqual([]);
      expect(await load(0, -1)).toEqual([]);
    });

    it("puts messages in the order of their times, those added last before others of their time", async () => {
      for (const [body, at] of [
        ["later 1", AT + 5],
        ["later 2", AT + 5],
        ["first 1", AT],
        ["middle", AT + 1],
        ["first 2", AT],
      ] as const) {
        await store().offline.add(JULIET, body, at, 100);
      }
      await store().offline.add(NURSE, "hers", AT - 1, 100);
      await store().offline.sort(JULIET, 1);
      const loaded = await store().offline.load(JULIET, 0, 100);
      expect(loaded.map(({ xml }) => xml)).toEqual(["first 2", "first 1", "middle", "later 1", "later 2"]);
      expect(await store().offline.count(JULIET)).toBe(5);
      expect((await store().offline.load(NURSE, 0, 100)).map(({ xml }) => xml)).toEqual(["hers"]);
      await store().offline.sort(JULIET, 0);
      expect(await store().offline.load(JULIET, 0, 100)).toEqual(loaded);
    });

    it("stores nothing past the quota, of each owner by itself", async () => {
      const add = (owner: string) => store().offline.add(owner, "<message/>", AT, 2);
      expect(await Promise.all([add(JULIET), add(JULIET), add(JULIET)])).toEqual([true, true, false]);
      expect(await add(NURSE)).toBe(true);
      expect(await store().offline.count(JULIET)).toBe(2);
      expect(await store().offline.load(JULIET, 0, 10)).toHaveLength(2);
      expect(await store().offline.add(JULIET, "<message/>", AT, 0)).toBe(false);
      expect(await store().offline.add("new@example.com", "<message/>", AT, 0)).toBe(false);
      expect(await store().offline.count("new@example.com")).toBe(0);
    });

    it("removes up to and including an id, and makes room", async () => {
      const [, second = 0, third] = await fill("1", "2", "3");
      await store().offline.add(NURSE, "<message/>", AT, 10);
      await store().offline.removeUpTo(JULIET, second);
      expect((await store().offline.load(JULIET, 0, 10)).map(({ id }) => id)).toEqual([third]);
      expect(await store().offline.count(JULIET)).toBe(1);
      expect(await store().offline.count(NURSE)).toBe(1);
      await store().offline.removeUpTo(JULIET, second);
      expect(await store().offline.count(JULIET)).toBe(1);
      expect(await store().offline.add(JULIET, "4", AT, 2)).toBe(true);
      expect(await store().offline.add(JULIET, "5", AT, 2)).toBe(false);
    });

    it("removes exactly the messages named, and makes room; none of them, if one is not there or is another's", async () => {
      const [first = 0, second = 0, third = 0] = await fill("1", "2", "3");
      await store().offline.add(NURSE, "<message/>", AT, 10);
      const [{ id: hers } = { id: 0 }] = await store().offline.load(NURSE, 0, 1);
      const left = async () => (await store().offline.load(JULIET, 0, 10)).map(({ id }) => id);
      for (const ids of [[second, hers + 1_000], [first, hers], [hers], [-1], [0.5]]) {
        expect(await store().offline.remove(JULIET, ids)).toBe(false);
      }
      expect(await left()).toEqual([first, second, third]);
      expect(await store().offline.count(JULIET)).toBe(3);
      expect(await store().offline.remove(JULIET, [])).toBe(true);
      expect(await store().offline.remove(JULIET, [third, first, third])).toBe(true);
      expect(await left()).toEqual([second]);
      expect(await store().offline.count(JULIET)).toBe(1);
      expect(await store().offline.count(NURSE)).toBe(1);
      expect(await store().offline.remove(JULIET, [first])).toBe(false);
      expect(await store().offline.add(JULIET, "4", AT, 2)).toBe(true);
      expect(await store().offline.add(JULIET, "5", AT, 2)).toBe(false);
    });

    it("does not give an id again after its message is removed", async () => {
      const [only = 0] = await fill("1");
      await store().offline.removeUpTo(JULIET, only);
      const [next = 0] = await fill("2");
      expect(next).toBeGreaterThan(only);
    });
  });
}
