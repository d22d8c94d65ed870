// SessionStore: every sentence of its docstrings.

import { describe, expect, it } from "vitest";
import type { Store } from "../../../storage/store.ts";
import { AT, JULIET, NURSE, savedSession, unacked } from "../records.ts";

export function sessionsContract(store: () => Store): void {
  /** The sequences of every session, in the order of loadAll. */
  async function sequences(): Promise<Record<string, number[]>> {
    const loaded = await store().sessions.loadAll();
    return Object.fromEntries(loaded.map(({ session, unacked: of }) => [session.id, of.map((one) => one.sequence)]));
  }

  describe("sessions", () => {
    it("gives back what was saved, and stanzas in order of sequence, every part of them", async () => {
      const { sessions } = store();
      expect(await sessions.loadAll()).toEqual([]);
      const session = savedSession("s1", { state: '{"csi":"ä\u{1f339}"}', inbound: 4_294_967_295, savedAt: AT + 0.5 });
      const far = unacked(4_294_967_297, { xml: "<message>ä\u{1f339}</message>", at: AT + 0.5, delivery: "d1" });
      await sessions.apply([{ id: "s1", save: session, append: [far, unacked(2)] }]);
      expect(await sessions.loadAll()).toStrictEqual([{ session, unacked: [unacked(2), far] }]);
    });

    it("lists sessions by their first save", async () => {
      const { sessions } = store();
      await sessions.apply(["c", "a", "b"].map((id) => ({ id, save: savedSession(id) })));
      await sessions.apply([{ id: "c", save: savedSession("c", { inbound: 9 }) }]);
      expect((await sessions.loadAll()).map(({ session }) => session.id)).toEqual(["c", "a", "b"]);
      await sessions.apply([
        { id: "c", remove: true },
        { id: "c", save: savedSession("c") },
      ]);
      expect((await sessions.loadAll()).map(({ session }) => session.id)).toEqual(["a", "b", "c"]);
    });

    it("replaces a session but for its stanzas", async () => {
      const { sessions } = store();
      await sessions.apply([{ id: "s1", save: savedSession("s1"), append: [unacked(1)] }]);
      const next = savedSession("s1", { owner: NURSE, resourcepart: "r", state: "[]", inbound: 7, savedAt: AT + 1 });
      await sessions.apply([{ id: "s1", save: next }]);
      expect(await sessions.loadAll()).toStrictEqual([{ session: next, unacked: [unacked(1)] }]);
    });

    it("sets how many stanzas were handled, and nothing else", async () => {
      const { sessions } = store();
      await sessions.apply([{ id: "s1", save: savedSession("s1"), inbound: 3 }]);
      expect((await sessions.loadAll())[0]?.session).toStrictEqual(savedSession("s1", { inbound: 3 }));
      await sessions.apply([{ id: "s1", inbound: 0 }]);
      expect((await sessions.loadAll())[0]?.session).toStrictEqual(savedSession("s1", { inbound: 0 }));
    });

    it("removes stanzas up to and including a sequence, of one session", async () => {
      const { sessions } = store();
      const stanzas = [1, 2, 3].map((sequence) => unacked(sequence));
      await sessions.apply(["a", "b"].map((id) => ({ id, save: savedSession(id), append: stanzas })));
      await sessions.apply([{ id: "a", ackedUpTo: 2 }]);
      expect(await sequences()).toEqual({ a: [3], b: [1, 2, 3] });
      await sessions.apply([{ id: "a", ackedUpTo: 0 }]);
      await sessions.apply([{ id: "b", ackedUpTo: 99 }]);
      expect(await sequences()).toEqual({ a: [3], b: [] });
    });

    it("applies the parts of a change in their order: save, inbound, append, ackedUpTo, remove", async () => {
      const { sessions } = store();
      const all = { save: savedSession("a"), inbound: 5, append: [unacked(1), unacked(2)], ackedUpTo: 1 };
      await sessions.apply([
        { id: "a", ...all },
        { id: "b", ...all, save: savedSession("b"), remove: true },
      ]);
      expect(await sequences()).toEqual({ a: [2] });
      expect((await sessions.loadAll())[0]?.session.inbound).toBe(5);
    });

    it("applies changes in their order", async () => {
      const { sessions } = store();
      await sessions.apply([
        { id: "a", save: savedSession("a"), append: [unacked(1)] },
        { id: "a", ackedUpTo: 1 },
        { id: "a", append: [unacked(1, { xml: "<again/>" }), unacked(2)] },
        { id: "b", save: savedSession("b"), append: [unacked(1)] },
        { id: "b", remove: true },
        { id: "b", append: [unacked(3)] },
        { id: "b", save: savedSession("b"), inbound: 8 },
        { id: "b", append: [unacked(4)] },
      ]);
      expect(await sequences()).toEqual({ a: [1, 2], b: [4] });
      expect((await sessions.loadAll())[0]?.unacked[0]?.xml).toBe("<again/>");
      await sessions.apply([]);
      expect(await sequences()).toEqual({ a: [1, 2], b: [4] });
    });

    it("removes a session with its stanzas", async () => {
      const { sessions } = store();
      await sessions.apply(["a", "b"].map((id) => ({ id, save: savedSession(id), append: [unacked(1)] })));
      await sessions.apply([{ id: "a", remove: true }]);
      expect(await sequences()).toEqual({ b: [1] });
      await sessions.apply([{ id: "a", save: savedSession("a") }]);
      expect(await sequences()).toEqual({ b: [1], a: [] });
    });

    it("ignores a change of a session that is not saved", async () => {
      const { sessions } = store();
      await sessions.apply([
        { id: "x", inbound: 1, append: [unacked(1)], ackedUpTo: 0 },
        { id: "x", remove: true },
        { id: "x", remove: false },
      ]);
      await sessions.apply([{ id: "x", save: savedSession("x") }]);
      expect(await sequences()).toEqual({ x: [] });
    });

    it.each([
      ["that is there", [unacked(2), unacked(1)]],
      ["twice", [unacked(2), unacked(3), unacked(2)]],
    ])("changes nothing if a sequence is one %s", async (_, append) => {
      const { sessions } = store();
      await sessions.apply([{ id: "a", save: savedSession("a"), append: [unacked(1)] }]);
      const before = await sessions.loadAll();
      await expect(
        sessions.apply([
          { id: "b", save: savedSession("b") },
          { id: "a", inbound: 9, append },
          { id: "a", remove: true },
        ]),
      ).rejects.toThrow();
      expect(await sessions.loadAll()).toStrictEqual(before);
    });

    it("changes nothing if a change saves a session of another id", async () => {
      const { sessions } = store();
      await expect(
        sessions.apply([
          { id: "a", save: savedSession("a") },
          { id: "b", save: savedSession("c") },
        ]),
      ).rejects.toThrow(TypeError);
      expect(await sessions.loadAll()).toEqual([]);
    });

    it("is not reached by a later change of what was given or returned", async () => {
      const { sessions } = store();
      const append = [unacked(1)];
      await sessions.apply([{ id: "a", save: savedSession("a", { owner: JULIET }), append }]);
      append.push(unacked(2));
      (await sessions.loadAll())[0]?.unacked.pop();
      expect(await sequences()).toEqual({ a: [1] });
    });
  });
}
