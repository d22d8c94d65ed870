// What one message costs, in counts that are the same on every machine: writes, octets, statements, and what Node makes of
// promises, timers and ticks. None of them is a time.

import { expect, test } from "vitest";
import type { BareClient } from "./bare-client.ts";
import { countWrites, type Made, made, recordStatements } from "./meters.ts";
import { openStand } from "./stand.ts";

const CARBONS = "<iq type='set' id='carbons'><enable xmlns='urn:xmpp:carbons:2'/></iq>";
const MANAGED = "<enable xmlns='urn:xmpp:sm:3'/>";
const ATTRIBUTES = "type='chat' id='m1'";
const MESSAGE = `<message to='romeo@example.com/phone' ${ATTRIBUTES}><body>Wherefore art thou?</body></message>`;
/** Of Juliet's phone, as the server stamps it. */
const STAMP = " from='juliet@example.com/phone'";

const KINDS = ["PROMISE", "Timeout", "Immediate", "TickObject"];

/** Messages that come in one piece, and so are read in one turn of the event loop: fewer than 8 KiB. */
async function burst(from: BareClient, to: BareClient, count: number, message = MESSAGE): Promise<void> {
  const arrived = to.expect("</message>", count);
  from.say(message.repeat(count));
  await arrived;
}

test("what one turn of the event loop sends to a recipient leaves in one write", async () => {
  const stand = await openStand();
  const [juliet, romeo] = [await stand.online("juliet"), await stand.online("romeo")];
  const writes = await countWrites();
  await burst(juliet, romeo, 20);
  expect(writes.get(romeo.port)).toBe(1);
  expect(writes.get(juliet.port)).toBeUndefined();
  await burst(juliet, romeo, 1);
  expect(writes.get(romeo.port)).toBe(2);
});

test("a message adds its sender's address to its octets, and nothing else", async () => {
  const stand = await openStand();
  const [juliet, romeo] = [await stand.online("juliet"), await stand.online("romeo")];
  const before = romeo.received.length;
  await burst(juliet, romeo, 1);
  expect(romeo.received.length - before).toBe(MESSAGE.length + STAMP.length);
});

test.each([
  ["a plain message", "", false],
  ["a message with copies for other devices", CARBONS, true],
  ["a message between managed sessions that cannot be resumed", MANAGED, false],
])("%s takes no statement and no commit of the store", async (_, before, devices) => {
  const stand = await openStand();
  const juliet = await stand.online("juliet", { before });
  const romeo = await stand.online("romeo", { before });
  const others = devices ? [await stand.online("romeo", { resource: "desk", before })] : [];
  const statements = recordStatements();
  await burst(juliet, romeo, 20);
  for (const other of others) await other.sync();
  expect(statements).toEqual([]);
  juliet.say("<message to='nurse@example.com' type='chat'><body>Where is she?</body></message>"); // who is not online
  await juliet.sync();
  expect(statements).not.toEqual([]); // the meter sees those that there are
});

test.each([
  ["a plain message", ""],
  ["a message with copies wanted, and nobody else there", CARBONS],
])("%s makes no promise, no timer and no tick of its own", async (_, before) => {
  const stand = await openStand();
  const juliet = await stand.online("juliet", { before });
  const romeo = await stand.online("romeo", { before });
  await burst(juliet, romeo, 20); // whatever is made for the first time only
  const count = async (messages: number) => {
    const rounds: Made[] = [];
    for (let round = 0; round < 3; round += 1) rounds.push(await made(() => burst(juliet, romeo, messages)));
    // The least: what else this process had to do meanwhile is not the server's.
    const least = (kind: string) => Math.min(...rounds.map((counts) => counts[kind] ?? 0));
    return KINDS.map((kind) => `${least(kind)} ${kind}`);
  };
  // The turn costs something, and the messages in it nothing more: 20 are as dear as 10.
  const ten = await count(10);
  expect(ten).toContain("1 Immediate"); // the write of the turn: the meter sees what there is
  expect(await count(20)).toEqual(ten);
});
