// Rooms while the disk is at work, or takes nothing: XEP-0045 1.35.1 sections 7.1 and 7.4, with what Balcony promises on top,
// that nobody sees a message, or has a result, before it is on disk.

import { describe, expect, it } from "vitest";
import { attr } from "../../server/stanza.ts";
import { StoreWriteError } from "../../storage/store.ts";
import { gatedStore } from "../support/gated-store.ts";
import {
  admin,
  askIn,
  bodyOf,
  conditionOf,
  configure,
  itemOf,
  join,
  make,
  nickOf,
  ROOM,
  say,
  statuses,
} from "../support/rooms.ts";
import { startServer } from "../support/server.ts";

const PLAIN = { c2s: { requireTls: false } };
const FULL = new StoreWriteError("full", "the disk is full", undefined);

async function stage() {
  const { store, hold } = gatedStore();
  const server = await startServer(PLAIN, { store });
  const [juliet, romeo, nurse] = [
    await server.online("juliet"),
    await server.online("romeo"),
    await server.online("nurse"),
  ];
  await make(juliet, "jule", { persistentroom: "1" });
  await join(romeo, "rom");
  await juliet.sync();
  return { store, hold, server, juliet, romeo, nurse };
}

describe("a message to all", () => {
  it("is seen by nobody before it is in the archive; who comes in meanwhile gets it live, behind history and subject", async () => {
    const { hold, juliet, romeo, nurse } = await stage();
    say(juliet, "before");
    await romeo.until("<message><body>before</body></message>");
    await juliet.sync();
    const gate = hold("archive", "add");
    say(juliet, "now");
    await gate.reached;
    await romeo.expectNothing();
    const { history } = await join(nurse, "angelica");
    expect(history.map(bodyOf)).toEqual(["before"]);
    await nurse.expectNothing();
    gate.open();
    await nurse.expect("<message type='groupchat'><body>now</body><delay xmlns='urn:xmpp:delay'/></message>").then(
      () => Promise.reject(new Error("it is live, and not history")),
      () => undefined,
    );
    await romeo.until("<message><body>now</body></message>");
    expect((await join(nurse, "angelica")).history.map(bodyOf)).toEqual(["before", "now"]);
  });

  it("that the disk does not take is refused to its sender, and nobody else hears of it", async () => {
    const { hold, juliet, romeo, nurse } = await stage();
    const gate = hold("archive", "add");
    say(juliet, "lost");
    await gate.reached;
    gate.fail(FULL);
    expect(conditionOf(await juliet.expect("<message type='error' id='lost'/>"))).toBe("resource-constraint");
    await romeo.expectNothing();
    expect((await join(nurse, "angelica")).history).toEqual([]);
    say(juliet, "kept");
    await romeo.until("<message><body>kept</body></message>");
  });

  it("of two senders keeps one order for everybody", async () => {
    const { hold, juliet, romeo } = await stage();
    const gate = hold("archive", "add");
    say(juliet, "first");
    await gate.reached;
    say(romeo, "second");
    await romeo.expect("<message><body>second</body></message>");
    gate.open();
    const order = async (client: typeof juliet) => (await client.untilNow()).map(bodyOf);
    expect(await order(romeo)).toEqual(["first"]);
    expect(await order(juliet)).toEqual(["second", "first"]);
  });
});

describe("a subject", () => {
  it("that the disk does not take changes nothing", async () => {
    const { hold, juliet, romeo } = await stage();
    const gate = hold("rooms", "apply");
    juliet.send(`<message to='${ROOM}' type='groupchat' id='s'><subject>Spells</subject></message>`);
    await gate.reached;
    gate.fail(FULL);
    expect(conditionOf(await juliet.expect("<message type='error' id='s'/>"))).toBe("resource-constraint");
    await romeo.expectNothing();
    expect((await join(romeo, "rom")).subject.getChildText("subject")).toBe("");
  });
});

describe("configuration and lists", () => {
  it("are on disk before the result is sent, and before anybody is told", async () => {
    const { hold, juliet, romeo } = await stage();
    const gate = hold("rooms", "apply");
    const answer = admin(juliet, `<item jid='${romeo.bare}' affiliation='member'/>`);
    await gate.reached;
    await romeo.expectNothing();
    gate.open();
    expect(attr(await answer, "type")).toBe("result");
    expect(itemOf(await romeo.expect(`<presence from='${ROOM}/rom'/>`)).affiliation).toBe("member");
  });

  it("that the disk does not take are as they were, with everybody still in the room", async () => {
    const { hold, juliet, romeo, nurse } = await stage();
    const gate = hold("rooms", "apply");
    const answer = configure(juliet, { membersonly: "1", roomname: "Cave" });
    await gate.reached;
    gate.fail(FULL);
    expect(conditionOf(await answer)).toBe("resource-constraint");
    await romeo.expectNothing();
    const { others, self } = await join(nurse, "angelica");
    expect(others.map(nickOf)).toEqual(["jule", "rom"]);
    expect(statuses(self)).toContain(110);
    say(romeo, "still here");
    await juliet.until("<message><body>still here</body></message>");
  });
});

describe("a room that is not in memory", () => {
  it("is made once by two who come at once", async () => {
    const { hold, server, juliet, romeo } = await stage();
    const heath = "heath@rooms.example.com";
    const gate = hold("rooms", "load");
    askIn(juliet, "jule", { room: heath });
    await gate.reached;
    askIn(romeo, "rom", { room: heath });
    await (await server.online("nurse", { resource: "other" })).sync();
    gate.open();
    expect(statuses(await juliet.until(`<presence from='${heath}/jule'/>`))).toContain(201);
    expect(conditionOf(await romeo.until("<presence type='error'/>"))).toBe("item-not-found");
  });

  it("who leaves while it is loaded does not come in", async () => {
    const { hold, juliet, romeo } = await stage();
    for (const [client, nick] of [
      [juliet, "jule"],
      [romeo, "rom"],
    ] as const) {
      client.send(`<presence to='${ROOM}/${nick}' type='unavailable'/>`);
      await client.sync();
    }
    const gate = hold("rooms", "load");
    askIn(romeo, "rom");
    await gate.reached;
    romeo.cut();
    await romeo.ended();
    await juliet.sync();
    gate.open();
    expect((await join(juliet, "jule")).others).toEqual([]);
  });
});
