// RoomStore, and ArchiveStore.replace: every sentence of their docstrings.

import { describe, expect, it } from "vitest";
import type { RoomAffiliation, RoomOccupant, SavedRoom, Store } from "../../../storage/store.ts";
import { AT, account, archived, JULIET, NURSE, ROMEO } from "../records.ts";

const COVEN = "coven@rooms.example.com";
const HEATH = "heath@rooms.example.com";

function room(address: string, change: Partial<SavedRoom> = {}): SavedRoom {
  return { address, creator: JULIET, usedAt: AT, temporary: false, listed: false, name: "", state: "{}", ...change };
}

function affiliated(jid: string, affiliation: RoomAffiliation["affiliation"], reason = ""): RoomAffiliation {
  return { jid, affiliation, reason };
}

function occupant(jid: string, change: Partial<RoomOccupant> = {}): RoomOccupant {
  return { jid, nick: "witch", role: "participant", presence: "<presence/>", ...change };
}

export function roomsContract(store: () => Store): void {
  const make = (...rooms: readonly SavedRoom[]): Promise<void> =>
    store().rooms.apply(rooms.map((save) => ({ address: save.address, save })));

  describe("rooms", () => {
    it("gives back what was saved, every part of it, affiliations by JID and occupants by arrival", async () => {
      const { rooms } = store();
      expect(await rooms.load(COVEN)).toBeUndefined();
      const save = room(COVEN, {
        usedAt: AT + 0.5,
        temporary: true,
        listed: true,
        name: "Höhle\u{1f339}",
        state: '{"a":1}',
      });
      const affiliations = [affiliated(ROMEO, "outcast", "spam"), affiliated(JULIET, "owner")];
      const occupants = [occupant(`${ROMEO}/b`, { nick: "\u{1f339}", role: "visitor" }), occupant(`${JULIET}/a`)];
      await rooms.apply([{ address: COVEN, save, vcard: "<vCard/>", affiliations, occupants }]);
      expect(await rooms.load(COVEN)).toStrictEqual({ room: save, affiliations: affiliations.toReversed(), occupants });
      expect(await rooms.vcard(COVEN)).toBe("<vCard/>");
    });

    it("replaces a room but for its people and its vCard", async () => {
      const { rooms } = store();
      const affiliations = [affiliated(JULIET, "owner")];
      await rooms.apply([
        { address: COVEN, save: room(COVEN), vcard: "<vCard/>", affiliations, occupants: [occupant(JULIET)] },
      ]);
      const next = room(COVEN, { creator: NURSE, name: "n", state: "[]", usedAt: AT + 1 });
      await make(next);
      expect(await rooms.load(COVEN)).toStrictEqual({ room: next, affiliations, occupants: [occupant(JULIET)] });
      expect(await rooms.vcard(COVEN)).toBe("<vCard/>");
    });

    it("replaces and removes affiliations and occupants by their JID", async () => {
      const { rooms } = store();
      await make(room(COVEN));
      await rooms.apply([
        { address: COVEN, affiliations: [affiliated(JULIET, "owner"), affiliated(ROMEO, "member")] },
        { address: COVEN, occupants: [occupant(JULIET), occupant(ROMEO), occupant(NURSE)] },
      ]);
      await rooms.apply([
        { address: COVEN, affiliations: [affiliated(ROMEO, "none"), affiliated(JULIET, "admin", "r")] },
        { address: COVEN, occupants: [occupant(JULIET, { nick: "other" })], left: [ROMEO, "nobody@example.com"] },
      ]);
      const loaded = await rooms.load(COVEN);
      expect(loaded?.affiliations).toStrictEqual([affiliated(JULIET, "admin", "r")]);
      expect(loaded?.occupants).toStrictEqual([occupant(JULIET, { nick: "other" }), occupant(NURSE)]);
    });

    it("applies the parts of a change, and changes, in their order", async () => {
      const { rooms } = store();
      const all = { affiliations: [affiliated(JULIET, "owner")], occupants: [occupant(JULIET)], left: [JULIET] };
      await rooms.apply([{ address: COVEN, save: room(COVEN), ...all }]);
      expect((await rooms.load(COVEN))?.occupants).toEqual([]);
      await rooms.apply([
        { address: COVEN, remove: true },
        { address: COVEN, affiliations: [affiliated(ROMEO, "owner")] },
        { address: COVEN, save: room(COVEN, { name: "new" }) },
      ]);
      expect(await rooms.load(COVEN)).toStrictEqual({
        room: room(COVEN, { name: "new" }),
        affiliations: [],
        occupants: [],
      });
    });

    it("removes a room with all that is its own but the archive", async () => {
      const { rooms, archive } = store();
      await rooms.apply([
        { address: COVEN, save: room(COVEN), vcard: "<vCard/>", affiliations: [affiliated(JULIET, "owner")] },
      ]);
      await archive.add([archived(COVEN, "1")]);
      await rooms.apply([{ address: COVEN, remove: true }]);
      expect(await rooms.load(COVEN)).toBeUndefined();
      expect(await rooms.vcard(COVEN)).toBe("");
      await make(room(COVEN));
      expect((await rooms.load(COVEN))?.affiliations).toEqual([]);
      expect((await archive.bounds(COVEN))?.first.id).toBe("1");
    });

    it("ignores a change of a room that is not there", async () => {
      const { rooms } = store();
      await rooms.apply([{ address: COVEN, vcard: "<vCard/>", occupants: [occupant(JULIET)], remove: true }]);
      expect(await rooms.load(COVEN)).toBeUndefined();
    });

    it("changes nothing if a change saves a room of another address", async () => {
      const { rooms } = store();
      const change = { address: COVEN, save: room(HEATH) };
      await expect(rooms.apply([{ address: HEATH, save: room(HEATH) }, change])).rejects.toThrow(TypeError);
      expect(await rooms.load(HEATH)).toBeUndefined();
    });

    it("lists rooms in order of address, by pages", async () => {
      const { rooms } = store();
      const addresses = Array.from({ length: 5 }, (_, n) => `r${5 - n}@rooms.example.com`);
      await make(
        ...addresses.map((address) => room(address, { listed: true, name: address.slice(0, 2) })),
        room(HEATH),
      );
      const page = await rooms.listed({ limit: 2 });
      expect(page).toStrictEqual([
        { address: "r1@rooms.example.com", name: "r1" },
        { address: "r2@rooms.example.com", name: "r2" },
      ]);
      const rest = await rooms.listed({ after: "r2@rooms.example.com", limit: 100 });
      expect(rest.map(({ name }) => name)).toEqual(["r3", "r4", "r5"]);
    });

    it("counts what somebody made, up to a number", async () => {
      const { rooms } = store();
      await make(room(COVEN), room(HEATH), room("other@rooms.example.com", { creator: NURSE }));
      expect(await rooms.countCreated(JULIET, 10)).toBe(2);
      expect(await rooms.countCreated(JULIET, 1)).toBe(1);
      expect(await rooms.countCreated(ROMEO, 10)).toBe(0);
    });

    it("knows rooms that are in use or temporary, and those that nobody uses", async () => {
      const { rooms } = store();
      await make(
        room("a@rooms.example.com", { temporary: true, usedAt: AT - 9 }),
        room("b@rooms.example.com", { usedAt: AT - 8 }),
        room("c@rooms.example.com", { usedAt: AT - 7 }),
        room("d@rooms.example.com", { usedAt: AT }),
      );
      await rooms.apply([{ address: "b@rooms.example.com", occupants: [occupant(JULIET), occupant(ROMEO)] }]);
      expect(await rooms.awake({ limit: 100 })).toEqual(["a@rooms.example.com", "b@rooms.example.com"]);
      expect(await rooms.awake({ after: "a@rooms.example.com", limit: 100 })).toEqual(["b@rooms.example.com"]);
      expect(await rooms.awake({ limit: 1 })).toEqual(["a@rooms.example.com"]);
      expect(await rooms.unused(AT, 100)).toEqual(["c@rooms.example.com"]);
      expect(await rooms.unused(AT + 1, 100)).toEqual(["c@rooms.example.com", "d@rooms.example.com"]);
      expect(await rooms.unused(AT + 1, 1)).toHaveLength(1);
    });

    it("forgets the affiliations of an account that is deleted", async () => {
      const { rooms, accounts } = store();
      await accounts.create(account("juliet"));
      const affiliations = [affiliated(JULIET, "owner"), affiliated(NURSE, "admin")];
      await rooms.apply([{ address: COVEN, save: room(COVEN), affiliations }]);
      await accounts.delete("juliet", JULIET);
      expect((await rooms.load(COVEN))?.affiliations).toStrictEqual([affiliated(NURSE, "admin")]);
    });

    it("is not reached by a later change of what was given", async () => {
      const affiliations = [affiliated(JULIET, "owner")];
      await store().rooms.apply([{ address: COVEN, save: room(COVEN), affiliations }]);
      affiliations.push(affiliated(NURSE, "admin"));
      expect((await store().rooms.load(COVEN))?.affiliations).toHaveLength(1);
    });
  });

  describe("archive replacement", () => {
    it("puts another text in place of one, and leaves the rest as it is", async () => {
      const { archive } = store();
      await archive.add([archived(COVEN, "1"), archived(COVEN, "2", { at: AT + 1 }), archived(HEATH, "1")]);
      expect(await archive.replace(COVEN, "1", "<gone/>")).toBe(true);
      const page = await archive.page(COVEN, { backward: false, limit: 10 });
      expect(page?.messages).toStrictEqual([
        archived(COVEN, "1", { xml: "<gone/>" }),
        archived(COVEN, "2", { at: AT + 1 }),
      ]);
      const other = await archive.page(HEATH, { backward: false, limit: 10 });
      expect(other?.messages).toStrictEqual([archived(HEATH, "1")]);
    });

    it("says where there is no such message", async () => {
      const { archive } = store();
      expect(await archive.replace(COVEN, "1", "<gone/>")).toBe(false);
      await archive.add([archived(HEATH, "1")]);
      expect(await archive.replace(COVEN, "1", "<gone/>")).toBe(false);
      expect(await archive.replace(HEATH, "2", "<gone/>")).toBe(false);
    });
  });
}
