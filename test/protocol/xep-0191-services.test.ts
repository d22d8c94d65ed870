// XEP-0191 1.3 section 3.3 where the server answers or notifies for accounts (PEP, vCard, discovery), and in rooms.

import { expect, it } from "vitest";
import { conditionOf, query } from "../support/archive-client.ts";
import type { ScriptedClient } from "../support/client.ts";
import { items, messagesUntilNow, publishing, TUNE, tune, wants } from "../support/pep.ts";
import { askIn, bodyOf, join, make, ROOM, say } from "../support/rooms.ts";
import { befriend, startServer } from "../support/server.ts";

const ROMEO = "romeo@example.com";
const JULIET = "juliet@example.com";
const SONG = publishing(TUNE, `<item id='1'>${tune("Siciliano")}</item>`);

async function change(client: ScriptedClient, name: "block" | "unblock", address: string): Promise<void> {
  const answer = await client.ask("set", `<${name} xmlns='urn:xmpp:blocking'><item jid='${address}'/></${name}>`);
  expect(answer.attrs.type).toBe("result");
}

it.each([
  ["the publisher blocks the subscriber", "romeo", JULIET],
  ["the subscriber blocks the publisher", "juliet", ROMEO],
])(
  "PEP: no notification where %s, neither of what is new nor of what is there, and both after the unblocking",
  async (_, who, whom) => {
    const server = await startServer();
    const [juliet, romeo] = [await server.online("juliet"), await server.online("romeo")];
    await befriend(juliet, romeo);
    await wants(juliet, TUNE);
    expect((await romeo.ask("set", SONG)).attrs.type).toBe("result");
    expect(await messagesUntilNow(juliet)).toHaveLength(1);
    const blocker = who === "romeo" ? romeo : juliet;
    await change(blocker, "block", whom);
    await romeo.ask("set", SONG);
    expect(await messagesUntilNow(juliet)).toEqual([]);
    const phone = await server.client("juliet", { resource: "phone" });
    expect(await wants(phone, TUNE)).toEqual([]);
    await change(blocker, "unblock", whom);
    expect(await messagesUntilNow(phone)).toHaveLength(1);
    await juliet.sync();
    await romeo.ask("set", SONG);
    expect(await messagesUntilNow(juliet)).toHaveLength(1);
  },
);

it.each([
  ["PEP items", items(TUNE)],
  ["vCard", "<vCard xmlns='vcard-temp'/>"],
  ["discovery", "<query xmlns='http://jabber.org/protocol/disco#info'/>"],
  ["items of discovery", "<query xmlns='http://jabber.org/protocol/disco#items'/>"],
])("%s: who is blocked is told service-unavailable, and who blocks not-acceptable", async (_, payload) => {
  const server = await startServer();
  const [juliet, romeo] = [await server.online("juliet"), await server.online("romeo")];
  await befriend(juliet, romeo);
  await juliet.ask("set", SONG);
  await juliet.ask("set", "<vCard xmlns='vcard-temp'><FN>Juliet</FN></vCard>");
  expect((await romeo.ask("get", payload, JULIET)).attrs.type).toBe("result");
  await change(juliet, "block", ROMEO);
  expect(conditionOf(await romeo.ask("get", payload, JULIET))).toBe("cancel/service-unavailable");
  expect(conditionOf(await juliet.ask("get", payload, ROMEO))).toBe("cancel/not-acceptable");
  expect((await juliet.ask("get", payload, JULIET)).attrs.type).toBe("result"); // her own
});

it("rooms: a room that is blocked is left, and nothing of it comes any more", async () => {
  const server = await startServer();
  const [juliet, romeo] = [await server.client("juliet"), await server.client("romeo")];
  await make(romeo, "romeo");
  await join(juliet, "juliet");
  await romeo.expect(`<presence from='${ROOM}/juliet'/>`);
  await change(juliet, "block", ROOM);
  await romeo.expect(`<presence type='unavailable' from='${ROOM}/juliet'/>`);
  say(romeo, "anyone?");
  await romeo.expect("<message type='groupchat'><body>anyone?</body></message>");
  await juliet.expectNothing();
  askIn(juliet, "juliet");
  await juliet.expect("<presence type='error'><error><blocked xmlns='urn:xmpp:blocking:errors'/></error></presence>");
  await change(juliet, "unblock", ROOM);
  expect((await join(juliet, "juliet")).history.map(bodyOf)).toEqual(["anyone?"]);
});

it("rooms: one occupant is blocked, who is not heard or seen, and the blocker stays in", async () => {
  const server = await startServer();
  const [juliet, romeo, tybalt] = [
    await server.client("juliet"),
    await server.client("romeo"),
    await server.client("tybalt"),
  ];
  await make(romeo, "romeo");
  await join(juliet, "juliet");
  await join(tybalt, "tybalt");
  await juliet.until(`<presence from='${ROOM}/tybalt'/>`);
  await change(juliet, "block", `${ROOM}/tybalt`);
  for (const client of [romeo, tybalt]) await client.untilNow();
  say(tybalt, "peace? I hate the word");
  await romeo.expect("<message type='groupchat'><body>peace? I hate the word</body></message>");
  tybalt.send(`<presence to='${ROOM}/tybalt'><show>dnd</show></presence>`);
  await romeo.expect(`<presence from='${ROOM}/tybalt'/>`);
  tybalt.send(`<message to='${ROOM}/juliet' type='chat' id='1'><body>a word with you</body></message>`);
  const answers = await tybalt.untilNow();
  expect(answers.filter(({ attrs }) => attrs.type === "error").map((stanza) => conditionOf(stanza))).toEqual([
    "cancel/service-unavailable",
  ]);
  say(romeo, "gentle");
  await juliet.expect(`<message type='groupchat' from='${ROOM}/romeo'><body>gentle</body></message>`);
  await juliet.expectNothing();
  say(juliet, "still here");
  await romeo.until("<message type='groupchat'><body>still here</body></message>");
});

it("rooms: blocking an account's own address blocks nobody in a room", async () => {
  const server = await startServer();
  const [juliet, romeo] = [await server.client("juliet"), await server.client("romeo")];
  await make(romeo, "romeo");
  await join(juliet, "juliet");
  await change(juliet, "block", ROMEO);
  say(romeo, "by the room");
  await juliet.expect(`<message type='groupchat' from='${ROOM}/romeo'/>`);
  expect((await query(juliet)).results).toEqual([]);
});

it("rooms: the domain of the rooms is blocked as a whole", async () => {
  const server = await startServer();
  const [juliet, romeo] = [await server.client("juliet"), await server.client("romeo")];
  await make(romeo, "romeo");
  await join(juliet, "juliet");
  await romeo.expect(`<presence from='${ROOM}/juliet'/>`);
  await change(juliet, "block", "rooms.example.com");
  await romeo.expect(`<presence type='unavailable' from='${ROOM}/juliet'/>`);
  await juliet.expectNothing();
});
