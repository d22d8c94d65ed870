// ArchiveStore: preferences, retention and erasure.

import { describe, expect, it } from "vitest";
import type { ArchivePreferences, Store } from "../../../storage/store.ts";
import { AT, archived, JULIET, NURSE, ROMEO } from "../records.ts";

const EVERYTHING = Number.MAX_SAFE_INTEGER;
const FOREVER = Number.NEGATIVE_INFINITY;

export function archiveKeepingContract(store: () => Store): void {
  /** Messages "1", "2" ... one millisecond apart from AT on. */
  async function fill(owner: string, count: number): Promise<void> {
    await store().archive.add(Array.from({ length: count }, (_, n) => archived(owner, String(n + 1), { at: AT + n })));
  }

  async function ids(owner: string): Promise<string> {
    const page = await store().archive.page(owner, { backward: false, limit: 100 });
    return (page?.messages ?? []).map(({ id }) => id).join(" ");
  }

  describe("archive preferences", () => {
    const preferences: ArchivePreferences = { default: "roster", always: [ROMEO, "ä@example.net"], never: [] };

    it("are given back as they were set last, of each owner by itself", async () => {
      const { archive } = store();
      expect(await archive.preferences(JULIET)).toBeUndefined();
      await archive.setPreferences(JULIET, preferences);
      await archive.setPreferences(NURSE, { default: "never", always: [], never: [] });
      expect(await archive.preferences(JULIET)).toStrictEqual(preferences);
      await archive.setPreferences(JULIET, { default: "always", always: [], never: [NURSE] });
      expect(await archive.preferences(JULIET)).toStrictEqual({ default: "always", always: [], never: [NURSE] });
      expect((await archive.preferences(NURSE))?.default).toBe("never");
    });

    it("are not reached by a later change of what was given", async () => {
      const always = [ROMEO];
      await store().archive.setPreferences(JULIET, { ...preferences, always });
      always.push(NURSE);
      expect((await store().archive.preferences(JULIET))?.always).toEqual([ROMEO]);
    });
  });

  describe("archive pruning", () => {
    it("removes what is older than a time, and says how many", async () => {
      await fill(JULIET, 4);
      await fill(NURSE, 2);
      expect(await store().archive.prune(AT, EVERYTHING, 100)).toBe(0);
      expect(await store().archive.prune(AT + 2, EVERYTHING, 100)).toBe(4);
      expect([await ids(JULIET), await ids(NURSE)]).toEqual(["3 4", ""]);
      expect(await store().archive.prune(AT + 2, EVERYTHING, 100)).toBe(0);
    });

    it("removes what is beyond the newest of each owner", async () => {
      await fill(JULIET, 5);
      await fill(NURSE, 2);
      expect(await store().archive.prune(FOREVER, 2, 100)).toBe(3);
      expect([await ids(JULIET), await ids(NURSE)]).toEqual(["4 5", "1 2"]);
      expect(await store().archive.prune(FOREVER, 2, 100)).toBe(0);
      expect(await store().archive.prune(FOREVER, 0, 100)).toBe(4);
      expect([await ids(JULIET), await ids(NURSE)]).toEqual(["", ""]);
    });

    it("removes both, from the oldest end", async () => {
      await fill(JULIET, 6);
      await fill(NURSE, 6);
      await store().archive.add([archived(NURSE, "7", { at: AT + 9 })]);
      expect(await store().archive.prune(AT + 2, 5, 100)).toBe(4);
      expect([await ids(JULIET), await ids(NURSE)]).toEqual(["3 4 5 6", "3 4 5 6 7"]);
      expect(await store().archive.prune(AT + 4, 3, 100)).toBe(4);
      expect([await ids(JULIET), await ids(NURSE)]).toEqual(["5 6", "5 6 7"]);
    });

    it("removes at most so many a call, and less only when nothing is left to prune", async () => {
      await fill(JULIET, 5);
      await fill(NURSE, 5);
      await fill(ROMEO, 1);
      const counts: number[] = [];
      for (let n = 0; n < 5; n += 1) counts.push(await store().archive.prune(AT + 3, 4, 2));
      expect(counts).toEqual([2, 2, 2, 1, 0]);
      expect([await ids(JULIET), await ids(NURSE), await ids(ROMEO)]).toEqual(["4 5", "4 5", ""]);
      expect(await store().archive.prune(AT + 9, 0, 0)).toBe(0);
      expect(await store().archive.prune(AT + 9, 0, -1)).toBe(0);
      expect(await ids(JULIET)).toBe("4 5");
    });

    it("stops in the middle of an archive at its oldest end", async () => {
      await fill(JULIET, 5);
      expect(await store().archive.prune(EVERYTHING, EVERYTHING, 2)).toBe(2);
      expect(await ids(JULIET)).toBe("3 4 5");
      expect((await store().archive.bounds(JULIET))?.first).toEqual({ id: "3", at: AT + 2 });
    });

    it("leaves an archive that can be asked and added to", async () => {
      const { archive } = store();
      await fill(JULIET, 4);
      await archive.prune(AT + 2, EVERYTHING, 100);
      const page = { backward: false, limit: 10 };
      expect(await archive.page(JULIET, { ...page, afterId: "2" })).toBeUndefined();
      expect(await archive.page(JULIET, { ...page, ids: ["3", "2"] })).toBeUndefined();
      expect((await archive.page(JULIET, { ...page, start: AT, limit: 1 }))?.messages[0]?.id).toBe("3");
      expect(await archive.count(JULIET, {}, 100)).toBe(2);
      expect(await archive.count(JULIET, { with: ROMEO, end: AT + 2 }, 100)).toBe(1);
      await archive.add([archived(JULIET, "5", { at: AT + 4 })]);
      expect(await ids(JULIET)).toBe("3 4 5");
      await archive.prune(EVERYTHING, EVERYTHING, 100);
      expect(await archive.bounds(JULIET)).toBeUndefined();
      await archive.add([archived(JULIET, "6", { at: AT })]);
      expect(await archive.bounds(JULIET)).toEqual({ first: { id: "6", at: AT }, last: { id: "6", at: AT } });
    });
  });

  describe("archive erasure", () => {
    it("puts an archive and its preferences out of reach at once, and no other's", async () => {
      const { archive } = store();
      for (const owner of [JULIET, NURSE]) {
        await fill(owner, 3);
        await archive.setPreferences(owner, { default: "always", always: [], never: [] });
      }
      await archive.removeOwner(JULIET);
      await archive.removeOwner("nobody@example.com");
      expect(await ids(JULIET)).toBe("");
      expect(await archive.bounds(JULIET)).toBeUndefined();
      expect(await archive.count(JULIET, {}, 10)).toBe(0);
      expect(await archive.page(JULIET, { afterId: "1", backward: false, limit: 10 })).toBeUndefined();
      expect(await archive.preferences(JULIET)).toBeUndefined();
      expect([await ids(NURSE), (await archive.preferences(NURSE))?.default]).toEqual(["1 2 3", "always"]);
    });

    it("leaves nothing to what comes after it, before pruning and after", async () => {
      const { archive } = store();
      await fill(JULIET, 3);
      await archive.removeOwner(JULIET);
      await archive.add([archived(JULIET, "2", { at: AT - 9 })]);
      const anew = { id: "2", at: AT - 9 };
      expect(await archive.bounds(JULIET)).toEqual({ first: anew, last: anew });
      await archive.prune(FOREVER, EVERYTHING, 100);
      expect(await archive.bounds(JULIET)).toEqual({ first: anew, last: anew });
    });

    it("is finished by pruning, whatever the age, in bounded steps", async () => {
      const { archive } = store();
      await fill(JULIET, 3);
      await fill(NURSE, 2);
      await fill(ROMEO, 1);
      for (const owner of [JULIET, NURSE]) await archive.removeOwner(owner);
      const counts: number[] = [];
      for (let n = 0; n < 4; n += 1) counts.push(await archive.prune(FOREVER, EVERYTHING, 2));
      expect(counts).toEqual([2, 2, 1, 0]);
      expect(await ids(ROMEO)).toBe("1");
    });
  });
}
