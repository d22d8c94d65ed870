// What presence and room messages cost when many receive them: one text made, one write for each of them, nothing stored.

import { expect, test } from "vitest";
import type { BareClient } from "./bare-client.ts";
import { countWrites, recordStatements } from "./meters.ts";
import { openStand, ROOM, roomOf } from "./stand.ts";

const WATCHERS = 50;
const OCCUPANTS = 20;

test("presence to 50 watchers: one write to each, and no statement (RFC 6121 section 4.4.2)", async () => {
  const stand = await openStand();
  const names = Array.from({ length: WATCHERS }, (_, n) => `watcher-${n}`);
  for (const name of names) await stand.befriend("juliet", name);
  const watchers: BareClient[] = [];
  for (const name of names) watchers.push(await stand.online(name));
  const juliet = await stand.online("juliet");
  for (const watcher of watchers) await watcher.sync();
  const writes = await countWrites();
  const statements = recordStatements();
  const told = watchers.map((watcher) => watcher.expect("<show>away</show>"));
  juliet.say("<presence><show>away</show></presence>");
  await Promise.all(told);
  expect(watchers.map(({ port }) => writes.get(port))).toEqual(watchers.map(() => 1));
  expect(statements).toEqual([]);
});

test("a room message to 20 occupants: one write to each (XEP-0045 section 7.4)", async () => {
  const stand = await openStand();
  const occupants = await roomOf(stand, OCCUPANTS);
  for (const occupant of occupants) await occupant.sync();
  const writes = await countWrites();
  const told = occupants.map((occupant) => occupant.expect("thrice the brinded cat"));
  occupants[0]?.say(`<message to='${ROOM}' type='groupchat'><body>thrice the brinded cat</body></message>`);
  await Promise.all(told);
  expect(occupants.map(({ port }) => writes.get(port))).toEqual(occupants.map(() => 1));
});
