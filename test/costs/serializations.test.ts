// How often, and how much, is made into text: each distinct text once, whatever the number of those who get it.

import { beforeEach, expect, test, vi } from "vitest";
import type { BareClient } from "./bare-client.ts";
import { openStand, ROOM, roomOf } from "./stand.ts";

// What other files call: the serializer's own recursion is not counted.
const texts = vi.hoisted(() => [] as string[]);

vi.mock("../../server/xml/serialize.ts", async (importOriginal) => {
  const original = await importOriginal<Record<string, unknown>>();
  return Object.fromEntries(
    Object.entries(original).map(([name, value]) => {
      if (typeof value !== "function") return [name, value];
      return [
        name,
        (...args: unknown[]) => {
          const made: unknown = value(...args);
          if (typeof made === "string") texts.push(made);
          return made;
        },
      ];
    }),
  );
});

beforeEach(() => {
  texts.length = 0;
});

const CARBONS = "<iq type='set' id='carbons'><enable xmlns='urn:xmpp:carbons:2'/></iq>";
const BODY = "Wherefore art thou?";
const message = (to: string): string => `<message to='${to}' type='chat' id='m1'><body>${BODY}</body></message>`;

/** What was made into text of all that has `about` in it, while Juliet says something and everybody gets it. */
async function made(say: () => void, receivers: readonly BareClient[], about: string): Promise<readonly string[]> {
  for (const receiver of receivers) await receiver.sync();
  texts.length = 0;
  const told = receivers.map((receiver) => receiver.expect(about));
  say();
  await Promise.all(told);
  return texts.filter((text) => text.includes(about));
}

test("a message to one resource is made into text once", async () => {
  const stand = await openStand();
  const [juliet, romeo] = [await stand.online("juliet"), await stand.online("romeo")];
  const of = await made(() => juliet.say(message("romeo@example.com/phone")), [romeo], BODY);
  expect(of.length).toBeLessThanOrEqual(1);
});

test("a message to a bare JID with three resources is made into text once (RFC 6121 section 8.5.2.1.1)", async () => {
  const stand = await openStand();
  const juliet = await stand.online("juliet");
  const romeos: BareClient[] = [];
  for (const resource of ["phone", "desk", "orchard"]) romeos.push(await stand.online("romeo", { resource }));
  const of = await made(() => juliet.say(message("romeo@example.com")), romeos, BODY);
  expect(of.length).toBeLessThanOrEqual(1);
});

test("with copies for three devices of both sides, once as itself and once for each side (XEP-0280 sections 7, 8)", async () => {
  const stand = await openStand();
  const devices: BareClient[] = [];
  for (const user of ["juliet", "romeo"]) {
    for (const resource of ["phone", "desk", "orchard"]) {
      devices.push(await stand.online(user, { resource, before: CARBONS }));
    }
  }
  const [juliet, ...receivers] = devices as [BareClient, ...BareClient[]];
  const of = await made(() => juliet.say(message("romeo@example.com/phone")), receivers, BODY);
  expect(of.length).toBeLessThanOrEqual(3);
});

test("presence is made into text once for 50 watchers (RFC 6121 section 4.4.2)", async () => {
  const stand = await openStand();
  const names = Array.from({ length: 50 }, (_, n) => `watcher-${n}`);
  for (const name of names) await stand.befriend("juliet", name);
  const watchers: BareClient[] = [];
  for (const name of names) watchers.push(await stand.online(name));
  const juliet = await stand.online("juliet");
  const of = await made(
    () => juliet.say("<presence><status>on the balcony</status></presence>"),
    watchers,
    "on the balcony",
  );
  expect(of.length).toBeLessThanOrEqual(1);
});

test("a room message is made into text for all its occupants together (XEP-0045 section 7.4)", async () => {
  const stand = await openStand();
  const occupants = await roomOf(stand, 20);
  const cat = "thrice the brinded cat hath mewed";
  const say = () => occupants[0]?.say(`<message to='${ROOM}' type='groupchat'><body>${cat}</body></message>`);
  const of = await made(say, occupants, cat);
  // As it was said, as its occupants get it, and as the room's history has it.
  expect(of.length).toBeLessThanOrEqual(3);
  expect(new Set(of).size).toBe(of.length);
});
