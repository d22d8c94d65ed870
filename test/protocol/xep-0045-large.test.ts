// A room of a thousand: what is done for each who comes in does not grow with the square of those who are there. Counted is
// how often a stanza is made into text, and not how long anything takes.

import { expect, it, vi } from "vitest";

const counted = vi.hoisted(() => ({ serialized: 0 }));
vi.mock("../../server/xml/serialize.ts", async (original) => {
  const actual = await original<typeof import("../../server/xml/serialize.ts")>();
  return {
    ...actual,
    serialize: (element: Parameters<typeof actual.serialize>[0]) => {
      counted.serialized += 1;
      return actual.serialize(element);
    },
  };
});

import type { Element } from "ltx";
import { parse } from "ltx";
import { parseConfig } from "../../server/config.ts";
import { Jid } from "../../server/jid.ts";
import { Room, type RoomEnvironment } from "../../server/rooms/room.ts";
import type { Send } from "../../server/rooms/shared-stanza.ts";

const ADDRESS = Jid.fromTrusted("coven@rooms.example.com");

function environment(): RoomEnvironment {
  return {
    limits: parseConfig({}).rooms,
    archives: true,
    formerMs: 600_000,
    now: () => 0,
    occupantId: (room, user) => `${room} ${user}`,
    newId: () => "id",
  };
}

function enter(room: Room, n: number): Send[] {
  const from = Jid.fromTrusted(`user${n}@example.com/r`);
  const presence = parse("<presence><show>chat</show><c xmlns='http://jabber.org/protocol/caps' ver='v'/></presence>");
  const history = { stanzas: 20, characters: Number.POSITIVE_INFINITY, since: 0 };
  const sends = room.enter({ from, nick: `nick${n}`, presence: presence as Element, password: "", history });
  if ("kind" in sends) throw new Error(sends.condition);
  return sends;
}

/** Gives every recipient its text, as a session is given it; resolves with how many texts and serializations it took. */
function deliver(sends: readonly Send[]): number {
  let texts = 0;
  for (const { stanza, to } of sends) {
    for (const jid of to) texts += stanza.textFor(jid.toString()).length > 0 ? 1 : 0;
  }
  return texts;
}

/** Serializations and texts for the n-th who comes in. */
function fill(occupants: number, viewers: "moderators" | "anyone"): { each: number[]; texts: number[] } {
  const room = Room.create(ADDRESS, Jid.fromTrusted("user0@example.com"), environment());
  enter(room, 0);
  room.configure({ ...room.config, nonAnonymous: viewers === "anyone" });
  const [each, texts]: [number[], number[]] = [[], []];
  for (let n = 1; n <= occupants; n += 1) {
    const before = counted.serialized;
    texts.push(deliver(enter(room, n)));
    room.takeChange();
    each.push(counted.serialized - before);
  }
  return { each, texts };
}

it.each(["moderators", "anyone"] as const)("real addresses for %s: each of 1,000 costs the same", (viewers) => {
  const { each, texts } = fill(1_000, viewers);
  // Its own presence for itself, for those who see its address and for the others; the subject; the row on disk.
  expect(Math.max(...each)).toBeLessThanOrEqual(6);
  expect(each.at(-1)).toBe(each[10]);
  // Each of those who are there is shown to the newcomer, and hears of it: 2 n, its own presence and the subject.
  expect(texts.at(-1)).toBe(2 * 1_000 + 2);
});

it("a change of presence, a nickname, a kick, a message: as many serializations with 1,000 as with 10", () => {
  const costs = [10, 1_000].map((occupants) => {
    const room = Room.create(ADDRESS, Jid.fromTrusted("user0@example.com"), environment());
    for (let n = 0; n <= occupants; n += 1) {
      if (n === 1) room.unlock();
      deliver(enter(room, n));
    }
    room.takeChange();
    const from = Jid.fromTrusted("user5@example.com/r");
    const cost = (action: () => Send[]): number => {
      const before = counted.serialized;
      const texts = deliver(action());
      expect(texts).toBeGreaterThan(occupants);
      return counted.serialized - before;
    };
    const away = parse("<presence><show>away</show></presence>") as Element;
    return [
      cost(() => room.update(from, away)),
      cost(() => room.rename(from, "other", away) as Send[]),
      cost(() => [room.status([104])]),
      cost(() => room.leave(from, away)),
    ];
  });
  expect(costs[1]).toEqual(costs[0]);
  expect(Math.max(...(costs[1] ?? []))).toBeLessThanOrEqual(9);
});
