// XEP-0045 1.35.1 sections 13.6 and 17.1: floods, sizes, nicknames that look like others', and who sees what.

import { describe, expect, it } from "vitest";
import { attr } from "../../server/stanza.ts";
import { FakeClock } from "../support/fake-clock.ts";
import {
  admin,
  askIn,
  bodyOf,
  conditionOf,
  configure,
  join,
  make,
  nickOf,
  OWNER,
  ROOM,
  say,
  USER,
} from "../support/rooms.ts";
import { startServer } from "../support/server.ts";

const PLAIN = { c2s: { requireTls: false } };

describe("13.6: floods", () => {
  it("of messages: what is over the rate is refused with policy-violation to wait for, and nobody gets it", async () => {
    const clock = new FakeClock();
    const server = await startServer({ ...PLAIN, rooms: { stanzasPerSecond: 1, burstStanzas: 5 } }, { clock });
    const [juliet, romeo] = [await server.online("juliet"), await server.online("romeo")];
    await make(juliet, "jule");
    await join(romeo, "rom"); // the first of five
    await juliet.sync();
    for (let n = 0; n < 8; n += 1) say(romeo, `m${n}`);
    const got = await romeo.untilNow();
    expect(got.filter(({ attrs }) => attrs.type === "groupchat").map(bodyOf)).toEqual(["m0", "m1", "m2", "m3"]);
    const refused = got.filter(({ attrs }) => attrs.type === "error");
    expect(refused.map(conditionOf)).toEqual(Array(4).fill("policy-violation"));
    expect(refused[0]?.getChild("error")?.attrs.type).toBe("wait");
    expect((await juliet.untilNow()).map(bodyOf)).toEqual(["m0", "m1", "m2", "m3"]);
    clock.advance(2_000);
    for (let n = 8; n < 12; n += 1) say(romeo, `m${n}`);
    await romeo.sync();
    expect((await juliet.untilNow()).map(bodyOf)).toEqual(["m8", "m9"]);
  });

  it("of presence and of coming and going: leaving does not fill the bucket", async () => {
    const server = await startServer(
      { ...PLAIN, rooms: { stanzasPerSecond: 1, burstStanzas: 5 } },
      { clock: new FakeClock() },
    );
    const [juliet, romeo] = [await server.online("juliet"), await server.online("romeo")];
    await make(juliet, "jule");
    for (let n = 0; n < 5; n += 1) {
      await join(romeo, "rom", { history: "<history maxchars='0'/>" });
      romeo.send(`<presence type='unavailable' to='${ROOM}/rom'/>`);
      await romeo.sync();
    }
    askIn(romeo, "rom");
    expect(conditionOf(await romeo.expect("<presence type='error'/>"))).toBe("policy-violation");
    expect((await juliet.untilNow()).length).toBe(10);
  });
});

describe("13.6: rooms made at a rate", () => {
  it("is bounded as what goes through a room is", async () => {
    const server = await startServer(
      { ...PLAIN, rooms: { stanzasPerSecond: 1, burstStanzas: 5 } },
      { clock: new FakeClock() },
    );
    const juliet = await server.online("juliet");
    for (let n = 0; n < 7; n += 1) askIn(juliet, "jule", { room: `r${n}@rooms.example.com` });
    const got = (await juliet.untilNow()).filter(({ name }) => name === "presence");
    expect(got.map(conditionOf)).toEqual(["", "", "", "", "", "policy-violation", "policy-violation"]);
  });
});

describe("13.6: sizes", () => {
  it.each<[string, string, string]>([
    [
      "a message",
      `<message to='${ROOM}' type='groupchat'><body>${"x".repeat(70_000)}</body></message>`,
      "policy-violation",
    ],
    [
      "a subject",
      `<message to='${ROOM}' type='groupchat'><subject>${"x".repeat(2_001)}</subject></message>`,
      "not-acceptable",
    ],
    ["presence", `<presence to='${ROOM}/jule'><status>${"x".repeat(9_000)}</status></presence>`, "policy-violation"],
    ["a nickname", `<presence to='${ROOM}/${"x".repeat(101)}'/>`, "not-acceptable"],
    [
      "a private message",
      `<message to='${ROOM}/jule' type='chat'><body>${"x".repeat(70_000)}</body></message>`,
      "policy-violation",
    ],
  ])("%s that is too large is refused", async (_, stanza, condition) => {
    const server = await startServer(PLAIN);
    const juliet = await server.online("juliet");
    await make(juliet, "jule");
    juliet.send(stanza);
    expect(conditionOf(await juliet.next())).toBe(condition);
    await juliet.expectNothing();
  });

  it("of names and descriptions, of lists, of invitations at once", async () => {
    const server = await startServer({ ...PLAIN, rooms: { affiliationsPerRoom: 2 } });
    const juliet = await server.online("juliet");
    await make(juliet, "jule");
    expect(conditionOf(await configure(juliet, { roomname: "x".repeat(201) }))).toBe("not-acceptable");
    const member = (name: string) => `<item jid='${name}@example.com' affiliation='member'/>`;
    expect(conditionOf(await admin(juliet, member("a") + member("b")))).toBe("resource-constraint");
    expect(attr(await admin(juliet, member("a")), "type")).toBe("result");
    expect(conditionOf(await admin(juliet, member("b")))).toBe("resource-constraint");
    expect(attr(await admin(juliet, "<item jid='a@example.com' affiliation='outcast'/>"), "type")).toBe("result");
    const invites = Array.from({ length: 21 }, (_, n) => `<invite to='p${n}@example.com'/>`).join("");
    juliet.send(`<message to='${ROOM}'><x xmlns='${USER}'>${invites}</x></message>`);
    expect(conditionOf(await juliet.until("<message type='error'/>"))).toBe("policy-violation");
  });

  it("of a request about lists", async () => {
    const server = await startServer(PLAIN);
    const juliet = await server.online("juliet");
    await make(juliet, "jule");
    const items = Array.from({ length: 201 }, (_, n) => `<item jid='p${n}@example.com' affiliation='member'/>`);
    expect(conditionOf(await admin(juliet, items.join("")))).toBe("not-acceptable");
    expect(attr(await admin(juliet, items.slice(1).join("")), "type")).toBe("result");
  });

  it("a reason is cut, and not refused", async () => {
    const server = await startServer({ ...PLAIN, rooms: { reasonCharacters: 5 } });
    const [juliet, romeo] = [await server.online("juliet"), await server.online("romeo")];
    await make(juliet, "jule");
    await join(romeo, "rom");
    await admin(juliet, "<item nick='rom' role='none'><reason>Avaunt, cullion</reason></item>");
    const kicked = await romeo.expect(`<presence type='unavailable' from='${ROOM}/rom'/>`);
    expect(kicked.getChild("x", USER)?.getChild("item")?.getChildText("reason")).toBe("Avaun");
  });
});

describe("17.1: nicknames", () => {
  it.each([
    ["in other case", "JULE"],
    ["in full width", "\uff4aule"],
    ["decomposed", "Ju\u0308le"],
    ["with a space behind", "J\u00fcle "],
    ["with two spaces where one is", "old  hag"],
    ["with another space", "old\u00a0hag"],
  ])("one that looks like somebody's, %s, is a conflict", async (_, nick) => {
    const server = await startServer(PLAIN);
    const [juliet, nurse, romeo] = [
      await server.online("juliet"),
      await server.online("nurse"),
      await server.online("romeo"),
    ];
    const shown = nick.includes("hag") ? "old hag" : nick.normalize("NFC").includes("\u00fc") ? "J\u00fcle" : "jule";
    await make(juliet, shown);
    askIn(romeo, nick);
    expect(conditionOf(await romeo.expect("<presence type='error'/>"))).toBe("conflict");
    await join(nurse, "angelica");
    nurse.send(`<presence to='${ROOM}/${nick}'/>`);
    expect(conditionOf(await nurse.expect("<presence type='error'/>"))).toBe("conflict");
  });

  it.each([
    ["zero width", "ju\u200ble"],
    ["a change of direction", "\u202ejule"],
    ["a control character", "ju\u0085le"],
  ])("with %s it is no resourcepart at all (RFC 7622 section 3.4)", async (_, nick) => {
    const server = await startServer(PLAIN);
    const romeo = await server.online("romeo");
    askIn(romeo, nick);
    expect(conditionOf(await romeo.expect("<presence type='error'/>"))).toBe("jid-malformed");
  });

  it("of nothing to be seen is refused", async () => {
    const server = await startServer(PLAIN);
    const romeo = await server.online("romeo");
    romeo.send(`<presence to='${ROOM}/\u3164'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
    expect(["jid-malformed", "not-acceptable"]).toContain(conditionOf(await romeo.expect("<presence type='error'/>")));
  });

  it("a user's own may be in other case, after leaving", async () => {
    const server = await startServer(PLAIN);
    const juliet = await server.online("juliet");
    await make(juliet, "jule");
    juliet.send(`<presence to='${ROOM}/JULE'/>`);
    const [gone, come] = [await juliet.next(), await juliet.next()];
    expect([nickOf(gone), nickOf(come)]).toEqual(["jule", "JULE"]);
  });
});

describe("who is not in the room", () => {
  it("changes nothing, sees nothing, and sends nothing by it", async () => {
    const server = await startServer(PLAIN);
    const [juliet, romeo] = [await server.online("juliet"), await server.online("romeo")];
    await make(juliet, "jule", { membersonly: "1" });
    const set = async (payload: string) => conditionOf(await romeo.ask("set", payload, ROOM));
    expect(
      await set(`<query xmlns='http://jabber.org/protocol/muc#admin'><item nick='jule' role='none'/></query>`),
    ).toBe("forbidden");
    expect(await set(`<query xmlns='${OWNER}'><destroy/></query>`)).toBe("forbidden");
    expect(await set("<vCard xmlns='vcard-temp'/>")).toBe("forbidden");
    expect(await set("<query xmlns='urn:xmpp:mam:2'/>")).toBe("forbidden");
    romeo.send(`<message to='${ROOM}'><x xmlns='${USER}'><invite to='nurse@example.com'/></x></message>`);
    expect(conditionOf(await romeo.expect("<message type='error'/>"))).toBe("not-acceptable");
    romeo.send(
      `<message to='${ROOM}' type='error'><error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`,
    );
    romeo.send(`<iq type='result' id='1' to='${ROOM}/jule'/>`);
    await romeo.sync();
    await juliet.expectNothing();
    expect(romeo.received).not.toContain(juliet.full);
  });

  it("what the room sends has never more than one <x/> of its own", async () => {
    const server = await startServer(PLAIN);
    const [juliet, romeo] = [await server.online("juliet"), await server.online("romeo")];
    await make(juliet, "jule");
    await join(romeo, "rom", { inner: `<x xmlns='${USER}'><status code='301'/></x>` });
    const told = await juliet.expect(`<presence from='${ROOM}/rom'/>`);
    expect(told.getChildren("x", USER)).toHaveLength(1);
    expect(told.toString()).not.toContain("301");
  });
});

describe("XEP-0191: who blocks an occupant of a room", () => {
  it("has nothing of that one any more, and still what others say", async () => {
    const server = await startServer(PLAIN);
    const [juliet, romeo, nurse] = [
      await server.online("juliet"),
      await server.online("romeo"),
      await server.online("nurse"),
    ];
    await make(juliet, "jule");
    await join(romeo, "rom");
    await join(nurse, "angelica");
    const item = `<item jid='${ROOM}/rom'/>`;
    expect((await nurse.ask("set", `<block xmlns='urn:xmpp:blocking'>${item}</block>`)).attrs.type).toBe("result");
    await nurse.sync();
    say(romeo, "hark");
    say(juliet, "peace");
    await juliet.sync();
    await romeo.sync();
    expect((await nurse.untilNow()).filter(({ name }) => name === "message").map(bodyOf)).toEqual(["peace"]);
  });
});
