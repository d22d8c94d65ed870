// RosterStore.changesSince: what a client that remembers a version must be told (RFC 6121 section 2.6).

import { describe, expect, it } from "vitest";
import type { Store } from "../../../storage/store.ts";
import { account, item, JULIET, NURSE, ROMEO } from "../records.ts";

export function rosterVersionsContract(store: () => Store): void {
  describe("roster versions", () => {
    it("knows no changes of an empty or a current roster", async () => {
      expect(await store().roster.changesSince(JULIET, 0)).toEqual({ version: 0, changes: [] });
      await store().roster.update(JULIET, ROMEO, () => item(ROMEO));
      expect(await store().roster.changesSince(JULIET, 1)).toEqual({ version: 1, changes: [] });
    });

    it("tells the last change of each contact, in order of change", async () => {
      const { roster } = store();
      for (const contact of ["a@x", "b@x", "c@x", "d@x"]) await roster.update(JULIET, contact, () => item(contact));
      await roster.update(JULIET, "b@x", () => undefined);
      await roster.update(JULIET, "a@x", () => item("a@x", { name: "A" }));
      await roster.update(JULIET, "c@x", () => item("c@x", { inRoster: false }));
      await roster.update(NURSE, "z@x", () => item("z@x"));
      expect(await roster.changesSince(JULIET, 3)).toEqual({
        version: 7,
        changes: [
          { contact: "d@x", version: 4, item: item("d@x") },
          { contact: "b@x", version: 5, item: undefined },
          { contact: "a@x", version: 6, item: item("a@x", { name: "A" }) },
          { contact: "c@x", version: 7, item: item("c@x", { inRoster: false }) },
        ],
      });
      expect((await roster.changesSince(JULIET, 6))?.changes.map(({ contact }) => contact)).toEqual(["c@x"]);
    });

    it("forgets a removal when the contact is back", async () => {
      const { roster } = store();
      await roster.update(JULIET, ROMEO, () => item(ROMEO));
      await roster.update(JULIET, ROMEO, () => undefined);
      await roster.update(JULIET, ROMEO, () => item(ROMEO, { name: "again" }));
      expect((await roster.changesSince(JULIET, 1))?.changes).toEqual([
        { contact: ROMEO, version: 3, item: item(ROMEO, { name: "again" }) },
      ]);
    });

    it("does not know a version that was never given, nor a broken one", async () => {
      await store().roster.update(JULIET, ROMEO, () => item(ROMEO));
      for (const version of [2, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
        expect(await store().roster.changesSince(JULIET, version)).toBeUndefined();
      }
      expect(await store().roster.changesSince(NURSE, 1)).toBeUndefined();
    });

    it("keeps the newest 500 removals, and says of older versions that they are too old", async () => {
      const { roster } = store();
      const contacts = Array.from({ length: 502 }, (_, n) => `contact-${n}@x`);
      await Promise.all(contacts.map((contact) => roster.update(JULIET, contact, () => item(contact))));
      await Promise.all(contacts.map((contact) => roster.update(JULIET, contact, () => undefined)));
      // Versions 503 to 1004 are removals; those of 503 and 504 are forgotten.
      expect(await roster.changesSince(JULIET, 503)).toBeUndefined();
      const delta = await roster.changesSince(JULIET, 504);
      expect(delta?.version).toBe(1004);
      expect(delta?.changes.map(({ version }) => version)).toEqual(Array.from({ length: 500 }, (_, n) => 505 + n));
      expect(delta?.changes.every((change) => change.item === undefined)).toBe(true);
    });

    it("takes no version of an erased account for one of its successor", async () => {
      const { accounts, roster } = store();
      await accounts.create(account("juliet"));
      await roster.update(JULIET, ROMEO, () => item(ROMEO));
      await roster.update(JULIET, NURSE, () => item(NURSE));
      await accounts.delete("juliet", JULIET);
      const empty = await roster.load(JULIET);
      expect(empty.items).toEqual([]);
      for (const remembered of [0, 1, 2]) expect(await roster.changesSince(JULIET, remembered)).toBeUndefined();
      expect(await roster.changesSince(JULIET, empty.version)).toEqual({ version: empty.version, changes: [] });
      const { version } = await roster.update(JULIET, NURSE, () => item(NURSE));
      expect(version).toBe(empty.version + 1);
      for (const remembered of [0, 1, 2]) expect(await roster.changesSince(JULIET, remembered)).toBeUndefined();
      expect((await roster.changesSince(JULIET, empty.version))?.changes).toHaveLength(1);
    });
  });
}
