// ArchiveStore: adding, pages, counts and bounds.

import { describe, expect, it } from "vitest";
import type { ArchivedMessage, ArchiveQuery, Store } from "../../../storage/store.ts";
import { AT, archived, JULIET, NURSE, ROMEO } from "../records.ts";

const PARIS = "paris@example.net";

export function archiveContract(store: () => Store): void {
  /** The ids of a page, and "+" if there is more. "unknown": the query names an id that is not there. */
  async function ids(query: Partial<ArchiveQuery>, owner = JULIET): Promise<string> {
    const page = await store().archive.page(owner, { backward: false, limit: 100, ...query });
    if (page === undefined) return "unknown";
    return page.messages.map(({ id }) => id).join(" ") + (page.complete ? "" : " +");
  }

  async function add(...messages: ArchivedMessage[]): Promise<void> {
    await store().archive.add(messages);
  }

  /** "a" to "f" one second apart from AT on, every other one with Romeo (a, c, e) and with Paris (b, d, f). */
  async function fill(): Promise<void> {
    const names = ["a", "b", "c", "d", "e", "f"];
    await add(...names.map((id, n) => archived(JULIET, id, { with: n % 2 === 0 ? ROMEO : PARIS, at: AT + n * 1_000 })));
  }

  describe("archive", () => {
    it("gives messages back in the order of adding, every part of them", async () => {
      const first = archived(JULIET, "z", { xml: "<message>ä\u{1f339}</message>", at: AT + 0.5 });
      const others = [archived(JULIET, "a", { with: NURSE, at: AT + 1 }), archived(JULIET, "m", { at: AT + 1 })];
      await add(first);
      await add(...others);
      const page = await store().archive.page(JULIET, { backward: false, limit: 10 });
      expect(page).toStrictEqual({ messages: [first, ...others], complete: true });
    });

    it("adds to the archives of several owners at once, each by itself", async () => {
      await add(archived(JULIET, "1"), archived(ROMEO, "1", { with: JULIET }), archived(JULIET, "2"));
      expect(await ids({}, JULIET)).toBe("1 2");
      expect(await ids({}, ROMEO)).toBe("1");
      expect(await ids({}, NURSE)).toBe("");
      await add();
    });

    it.each([
      ["that is there", ["2", "1"]],
      ["twice", ["2", "3", "2"]],
    ])("adds nothing if an id is one %s", async (_, names) => {
      await add(archived(JULIET, "1"));
      await expect(add(archived(ROMEO, "x"), ...names.map((id) => archived(JULIET, id)))).rejects.toThrow();
      expect([await ids({}, JULIET), await ids({}, ROMEO)]).toEqual(["1", ""]);
      await add(archived(JULIET, "2"));
      expect(await ids({}, JULIET)).toBe("1 2");
    });

    it("never lets a time descend: a clock that is set back hides nothing", async () => {
      await add(archived(JULIET, "1", { at: AT }), archived(JULIET, "2", { at: AT - 5 }), archived(ROMEO, "3"));
      await add(archived(JULIET, "4", { at: AT - 9 }), archived(JULIET, "5", { at: AT + 1 }));
      const page = await store().archive.page(JULIET, { backward: false, limit: 10 });
      expect(page?.messages.map(({ at }) => at - AT)).toEqual([0, 0, 0, 1]);
      expect(await ids({ start: AT })).toBe("1 2 4 5");
      expect(await ids({ end: AT - 1 })).toBe("");
    });
  });

  describe("archive ids that the store makes", () => {
    it("are found again, each in its archive, beside those of others; they are never the same, nor alike", async () => {
      const made = Array.from({ length: 200 }, () => store().archive.newId());
      expect(new Set(made).size).toBe(200);
      for (const id of made) expect(id).toMatch(/^[\w-]{22}$/);
      // XEP-0359 section 6: what follows what cannot be told.
      expect(made.toSorted()).not.toEqual(made);
      const [a = "", b = "", c = ""] = made;
      await add(archived(JULIET, b), archived(ROMEO, c, { with: JULIET }));
      await add(archived(JULIET, "foreign"), archived(JULIET, a));
      expect(await ids({})).toBe(`${b} foreign ${a}`);
      expect(await ids({ afterId: b })).toBe(`foreign ${a}`);
      expect(await ids({ beforeId: a, backward: true })).toBe(`${b} foreign`);
      expect(await ids({ ids: [a, b] })).toBe(`${b} ${a}`);
      expect(await ids({ afterId: c })).toBe("unknown");
      expect(await ids({ afterId: made[3] as string })).toBe("unknown");
      expect(await store().archive.replace(JULIET, c, "<no/>")).toBe(false);
      expect(await store().archive.replace(JULIET, a, "<other/>")).toBe(true);
    });

    it("are refused a second time, with all that was to be added with them", async () => {
      const [id, other] = [store().archive.newId(), store().archive.newId()];
      await add(archived(JULIET, id));
      await expect(add(archived(JULIET, other), archived(JULIET, id))).rejects.toThrow();
      await expect(add(archived(JULIET, other), archived(JULIET, other))).rejects.toThrow();
      expect(await ids({})).toBe(id);
      await add(archived(JULIET, other), archived(ROMEO, id, { with: JULIET }));
      expect([await ids({}), await ids({}, ROMEO)]).toEqual([`${id} ${other}`, id]);
      expect(await ids({ afterId: id }, ROMEO)).toBe("");
    });
  });

  describe("archive page", () => {
    it.each<[string, Partial<ArchiveQuery>, string]>([
      ["the first", { limit: 2 }, "a b +"],
      ["the last", { limit: 2, backward: true }, "e f +"],
      ["all, and no more", { limit: 6 }, "a b c d e f"],
      ["all backward", { limit: 6, backward: true }, "a b c d e f"],
      ["after an id", { afterId: "b", limit: 2 }, "c d +"],
      ["up to the end", { afterId: "b", limit: 4 }, "c d e f"],
      ["before an id, backward", { beforeId: "e", backward: true, limit: 2 }, "c d +"],
      ["before an id, forward", { beforeId: "e", limit: 2 }, "a b +"],
      ["to the beginning", { beforeId: "e", backward: true, limit: 4 }, "a b c d"],
      ["after an id, backward", { afterId: "b", backward: true, limit: 2 }, "e f +"],
      ["between two ids", { afterId: "a", beforeId: "e" }, "b c d"],
      ["between ids the wrong way round", { afterId: "e", beforeId: "a" }, ""],
      ["after the last", { afterId: "f" }, ""],
      ["before the first", { beforeId: "a", backward: true }, ""],
      ["from a time, inclusive", { start: AT + 2_000 }, "c d e f"],
      ["from between two times", { start: AT + 1_999.5, limit: 3 }, "c d e +"],
      ["until a time, inclusive", { end: AT + 2_000, backward: true, limit: 2 }, "b c +"],
      ["of one moment", { start: AT + 2_000, end: AT + 2_000 }, "c"],
      ["of no time", { start: AT + 2_001, end: AT + 2_999 }, ""],
      ["of a time that ends before it starts", { start: AT + 3_000, end: AT + 1_000 }, ""],
      ["before all times", { end: AT - 1 }, ""],
      ["after all times", { start: AT + 5_001 }, ""],
      ["from a time, after an id", { start: AT + 1_000, afterId: "c" }, "d e f"],
      ["from a time past an id", { start: AT + 4_000, afterId: "c" }, "e f"],
      ["until a time before an id", { end: AT + 1_000, beforeId: "e" }, "a b"],
      ["until a time past an id", { end: AT + 5_000, beforeId: "c" }, "a b"],
      ["with one", { with: ROMEO }, "a c e"],
      ["with one, the first", { with: ROMEO, limit: 2 }, "a c +"],
      ["with one, the last", { with: PARIS, limit: 2, backward: true }, "d f +"],
      ["with one, exactly", { with: PARIS, limit: 3, backward: true }, "b d f"],
      ["with one, after an id of another", { with: ROMEO, afterId: "b" }, "c e"],
      ["with one, before an id", { with: PARIS, beforeId: "f", backward: true, limit: 1 }, "d +"],
      ["with one, from a time until another", { with: PARIS, start: AT + 1_000, end: AT + 4_000 }, "b d"],
      ["with nobody", { with: NURSE }, ""],
      ["with an address that another begins with", { with: "romeo@example" }, ""],
      ["by id, in order and once", { ids: ["e", "a", "e", "b"] }, "a b e"],
      ["by id, the first", { ids: ["e", "a", "b"], limit: 2 }, "a b +"],
      ["by id, the last", { ids: ["e", "a", "b"], limit: 2, backward: true }, "b e +"],
      ["by id, with one", { ids: ["e", "a", "b"], with: ROMEO }, "a e"],
      ["by id, after an id, until a time", { ids: ["a", "c", "e"], afterId: "a", end: AT + 2_000 }, "c"],
      ["by no id", { ids: [] }, ""],
      ["of nothing, because the limit is 0", { limit: 0 }, " +"],
      ["of nothing, because the limit is below 0", { limit: -1, with: ROMEO }, " +"],
      ["of nothing, where there is nothing", { limit: 0, with: NURSE }, ""],
    ])("%s", async (_, query, expected) => {
      await fill();
      expect(await ids(query)).toBe(expected);
    });

    it.each<[string, Partial<ArchiveQuery>]>([
      ["after", { afterId: "x" }],
      ["before", { beforeId: "x" }],
      ["after one, before another", { afterId: "a", beforeId: "x" }],
      ["by id", { ids: ["a", "x"] }],
      ["by id, outside of the time", { ids: ["a", "x"], start: AT + 9_000 }],
    ])("is undefined if an id is not in the archive: %s", async (_, query) => {
      expect(await ids(query)).toBe("unknown");
      await fill();
      await add(archived(ROMEO, "x", { with: JULIET }));
      expect(await ids(query)).toBe("unknown");
    });

    it("has at most 100 messages", async () => {
      await add(...Array.from({ length: 101 }, (_, n) => archived(JULIET, String(n))));
      const page = await store().archive.page(JULIET, { backward: false, limit: 1_000 });
      expect([page?.messages.length, page?.complete]).toEqual([100, false]);
      const rest = await store().archive.page(JULIET, { with: ROMEO, afterId: "0", backward: true, limit: 1_000 });
      expect([rest?.messages.length, rest?.complete]).toEqual([100, true]);
    });

    it("leads through an archive from either end without a gap, while messages are added", async () => {
      await fill();
      const forward = [await ids({ limit: 4 })];
      await add(archived(JULIET, "g", { at: AT + 9_000 }));
      forward.push(await ids({ limit: 4, afterId: "d" }));
      expect(forward).toEqual(["a b c d +", "e f g"]);
      expect(await ids({ limit: 4, backward: true, beforeId: "d" })).toBe("a b c");
    });

    it("sees the messages of its own turn once they are committed", async () => {
      const [, page] = await Promise.all([add(archived(JULIET, "1")), ids({})]);
      expect(page).toBe("1");
    });
  });

  describe("archive count", () => {
    it.each<[string, Pick<ArchiveQuery, "with" | "start" | "end">, number, number]>([
      ["all", {}, 100, 6],
      ["as many as it may", {}, 4, 4],
      ["with one", { with: ROMEO }, 100, 3],
      ["with one, as many as it may", { with: ROMEO }, 2, 2],
      ["with nobody", { with: NURSE }, 100, 0],
      ["from a time", { start: AT + 1_000 }, 100, 5],
      ["between times", { start: AT + 1_000, end: AT + 3_000 }, 100, 3],
      ["between times, with one", { start: AT + 1_000, end: AT + 4_000, with: ROMEO }, 100, 2],
      ["of a time that ends before it starts", { start: AT + 3_000, end: AT + 1_000 }, 100, 0],
      ["nothing, because it may count nothing", {}, 0, 0],
      ["nothing, because it may count less than nothing", { with: ROMEO }, -1, 0],
    ])("%s", async (_, query, atMost, expected) => {
      await fill();
      await add(archived(NURSE, "a"));
      expect(await store().archive.count(JULIET, query, atMost)).toBe(expected);
    });

    it("is 0 of an archive that nobody has", async () => {
      expect(await store().archive.count(JULIET, {}, 10)).toBe(0);
    });
  });

  describe("archive bounds", () => {
    it("are the oldest and the newest message", async () => {
      expect(await store().archive.bounds(JULIET)).toBeUndefined();
      await add(archived(JULIET, "a", { at: AT + 0.5 }));
      const only = { id: "a", at: AT + 0.5 };
      expect(await store().archive.bounds(JULIET)).toStrictEqual({ first: only, last: only });
      await add(archived(JULIET, "b", { at: AT + 2 }), archived(NURSE, "c", { at: AT + 3 }));
      expect(await store().archive.bounds(JULIET)).toStrictEqual({ first: only, last: { id: "b", at: AT + 2 } });
    });
  });
}
