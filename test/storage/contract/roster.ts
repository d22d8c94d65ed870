// RosterStore: load, get and update.

import { describe, expect, it } from "vitest";
import { type RosterItem, type Store, StoreLimitError } from "../../../storage/store.ts";
import { item, JULIET, NURSE, ROMEO } from "../records.ts";

export function rosterContract(store: () => Store): void {
  describe("roster", () => {
    it("has nothing at first", async () => {
      expect(await store().roster.load(JULIET)).toStrictEqual({ version: 0, items: [] });
      expect(await store().roster.get(JULIET, ROMEO)).toBeUndefined();
    });

    it("gives back every part of an item", async () => {
      const full = item(ROMEO, {
        inRoster: false,
        name: "Róméo \u{1f339}",
        groups: ["Friends", 'a "b"', ""],
        state: "none+out+in",
        approved: true,
        pendingSubscribe: "<presence type='subscribe'><status>hi</status></presence>",
      });
      await store().roster.update(JULIET, ROMEO, () => full);
      expect(await store().roster.get(JULIET, ROMEO)).toStrictEqual(full);
      expect(await store().roster.load(JULIET)).toStrictEqual({ version: 1, items: [full] });
    });

    it("tells what was before and after, and the new version", async () => {
      const { roster } = store();
      const first = item(ROMEO);
      const second = item(ROMEO, { state: "to", groups: ["Friends"] });
      expect(await roster.update(JULIET, ROMEO, () => first)).toEqual({ before: undefined, after: first, version: 1 });
      expect(await roster.update(JULIET, ROMEO, () => second)).toEqual({ before: first, after: second, version: 2 });
      expect(await roster.update(JULIET, ROMEO, () => undefined)).toEqual({
        before: second,
        after: undefined,
        version: 3,
      });
      expect(await roster.load(JULIET)).toEqual({ version: 3, items: [] });
    });

    it("changes nothing, not even the version, when the callback returns the same object", async () => {
      const { roster } = store();
      await roster.update(JULIET, ROMEO, () => item(ROMEO));
      const same = await roster.update(JULIET, ROMEO, (now) => now);
      expect(same).toEqual({ before: item(ROMEO), after: item(ROMEO), version: 1 });
      expect(same.after).toBe(same.before);
      const none = await roster.update(JULIET, NURSE, (now) => now);
      expect(none).toEqual({ before: undefined, after: undefined, version: 1 });
      expect(await roster.load(JULIET)).toEqual({ version: 1, items: [item(ROMEO)] });
    });

    it("takes an equal but other object for a change", async () => {
      const { roster } = store();
      await roster.update(JULIET, ROMEO, () => item(ROMEO));
      expect((await roster.update(JULIET, ROMEO, (now) => now && { ...now })).version).toBe(2);
    });

    it("runs updates of one turn one after the other", async () => {
      const append = (now: RosterItem | undefined) => item(ROMEO, { name: `${now?.name ?? ""}x` });
      const changes = await Promise.all(Array.from({ length: 50 }, () => store().roster.update(JULIET, ROMEO, append)));
      expect(changes.map(({ version }) => version)).toEqual(Array.from({ length: 50 }, (_, n) => n + 1));
      expect((await store().roster.get(JULIET, ROMEO))?.name).toBe("x".repeat(50));
    });

    it("lets a read see the writes before it in the same turn, and none after it", async () => {
      const { roster } = store();
      const [, seen] = await Promise.all([
        roster.update(JULIET, ROMEO, () => item(ROMEO, { name: "first" })),
        roster.get(JULIET, ROMEO),
        roster.update(JULIET, ROMEO, () => item(ROMEO, { name: "second" })),
      ]);
      expect(seen?.name).toBe("first");
    });

    it("rejects with what the callback throws, and changes nothing", async () => {
      const { roster } = store();
      await roster.update(JULIET, ROMEO, () => item(ROMEO));
      const failing = roster.update(JULIET, ROMEO, () => {
        throw new RangeError("no");
      });
      await expect(failing).rejects.toThrow(new RangeError("no"));
      await expect(roster.update(JULIET, ROMEO, () => item(NURSE))).rejects.toThrow(TypeError);
      expect(await roster.load(JULIET)).toEqual({ version: 1, items: [item(ROMEO)] });
    });

    it("refuses a new item past limits.items, but changes and deletes at the limit", async () => {
      const { roster } = store();
      const limits = { items: 2, requests: 2 };
      await roster.update(JULIET, "a@x", () => item("a@x"), limits);
      await roster.update(JULIET, "b@x", () => item("b@x"), limits);
      const refused = await roster.update(JULIET, "c@x", () => item("c@x"), limits).catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(StoreLimitError);
      expect(refused).toMatchObject({ name: "StoreLimitError", limit: "rosterItems" });
      expect((await roster.load(JULIET)).items).toHaveLength(2);
      expect((await roster.load(JULIET)).version).toBe(2);
      await roster.update(JULIET, "a@x", () => item("a@x", { name: "A" }), limits);
      await roster.update(NURSE, "c@x", () => item("c@x"), limits);
      await roster.update(JULIET, "a@x", () => undefined, limits);
      await roster.update(JULIET, "c@x", () => item("c@x"), limits);
      expect((await roster.load(JULIET)).items.map(({ contact }) => contact)).toEqual(["b@x", "c@x"]);
    });

    it("counts requests that wait outside the roster by themselves: neither takes the other's room", async () => {
      const { roster } = store();
      const limits = { items: 2, requests: 3 };
      const request = (contact: string) =>
        roster.update(JULIET, contact, () => item(contact, { inRoster: false }), limits);
      for (const contact of ["r1@x", "r2@x", "r3@x"]) await request(contact);
      await expect(request("r4@x")).rejects.toMatchObject({ name: "StoreLimitError", limit: "pendingRequests" });
      const add = (contact: string) => roster.update(JULIET, contact, () => item(contact), limits);
      await add("a@x");
      await add("r1@x"); // an answer takes it into the roster
      await expect(add("r2@x")).rejects.toMatchObject({ limit: "rosterItems" });
      await request("r4@x");
      await request("a@x"); // taken out of the roster, one may always go on waiting
      expect((await roster.load(JULIET)).items).toHaveLength(5);
    });

    it("refuses only the update past the limit among several of one turn", async () => {
      const results = await Promise.allSettled(
        ["a@x", "b@x", "c@x"].map((contact) =>
          store().roster.update(JULIET, contact, () => item(contact), { items: 2, requests: 2 }),
        ),
      );
      expect(results.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected"]);
      expect((await store().roster.load(JULIET)).items).toHaveLength(2);
    });

    it("is not reached by a later change of what was given or returned", async () => {
      const groups = ["Friends"];
      const given = { ...item(ROMEO), groups };
      await store().roster.update(JULIET, ROMEO, () => given);
      groups.push("Foes");
      given.name = "changed";
      const returned = await store().roster.get(JULIET, ROMEO);
      if (returned !== undefined) Reflect.set(returned, "name", "changed"); // does nothing to a frozen record
      expect(await store().roster.get(JULIET, ROMEO)).toEqual(item(ROMEO, { groups: ["Friends"] }));
    });
  });
}
