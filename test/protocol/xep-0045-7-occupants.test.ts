// XEP-0045 1.35.1 section 7: entering a room, talking in it, leaving it.

import { describe, expect, it } from "vitest";
import { attr, child } from "../../server/stanza.ts";
import { FakeClock } from "../support/fake-clock.ts";
import {
  admin,
  askIn,
  bodyOf,
  conditionOf,
  configure,
  itemOf,
  join,
  MUC,
  make,
  nickOf,
  ROOM,
  STANZAS,
  say,
  statuses,
  USER,
} from "../support/rooms.ts";
import { startServer, type TestServer } from "../support/server.ts";

const PLAIN = { c2s: { requireTls: false } };

async function trio(server: TestServer) {
  return [await server.online("juliet"), await server.online("romeo"), await server.online("nurse")] as const;
}

function refusal(condition: string, type: string): string {
  return `<presence type='error'><x xmlns='${MUC}'/><error type='${type}' by='${ROOM}'><${condition} xmlns='${STANZAS}'/></error></presence>`;
}

describe("7.1 and 7.2: entering", () => {
  it("7.2.2: others' presence first, then one's own with 110; the others are told; history, then the subject", async () => {
    const server = await startServer(PLAIN);
    const [juliet, romeo, nurse] = await trio(server);
    await make(juliet, "jule");
    await join(romeo, "rom");
    say(romeo, "hark");
    await romeo.until("<message><body>hark</body></message>");
    const { others, self, history, subject } = await join(nurse, "angelica");
    expect(others.map(nickOf)).toEqual(["jule", "rom"]);
    expect(others.map((presence) => itemOf(presence))).toEqual([
      { affiliation: "owner", role: "moderator" },
      { affiliation: "none", role: "participant" },
    ]);
    expect(itemOf(self)).toMatchObject({ affiliation: "none", role: "participant" });
    expect(statuses(self)).toContain(110);
    expect(history.map(bodyOf)).toEqual(["hark"]);
    expect(child(history[0] as never, "delay", "urn:xmpp:delay")?.attrs.from).toBe(ROOM);
    expect(subject.getChildText("subject")).toBe("");
    const told = await romeo.expect(`<presence from='${ROOM}/angelica' to='${romeo.full}' type='{absent}'/>`);
    expect(statuses(told)).toEqual([]);
  });

  it("7.2.1: without a nickname, jid-malformed", async () => {
    const server = await startServer(PLAIN);
    const juliet = await server.online("juliet");
    juliet.send(`<presence to='${ROOM}'><x xmlns='${MUC}'/></presence>`);
    await juliet.expect(refusal("jid-malformed", "modify"));
  });

  it("7.2.1 and 17.3: who joins again is sent everything again, and the others hear of what is new", async () => {
    const server = await startServer(PLAIN);
    const [juliet, romeo] = await trio(server);
    await make(juliet, "jule");
    await join(romeo, "rom");
    await juliet.expect(`<presence from='${ROOM}/rom'/>`);
    const again = await join(romeo, "rom");
    expect(again.others.map(nickOf)).toEqual(["jule"]);
    await juliet.expectNothing();
    await join(romeo, "rom", { inner: "<show>away</show>" });
    await juliet.expect(`<presence from='${ROOM}/rom'><show>away</show></presence>`);
  });

  it("7.2.3: a non-anonymous room shows full JIDs to all, and warns who comes in (100)", async () => {
    const server = await startServer(PLAIN);
    const [juliet, romeo, nurse] = await trio(server);
    await make(juliet, "jule", { whois: "anyone" });
    const { others, self } = await join(romeo, "rom");
    expect(statuses(self)).toContain(100);
    expect(others.map((presence) => itemOf(presence).jid)).toEqual([juliet.full]);
    await join(nurse, "angelica");
    expect(itemOf(await romeo.expect(`<presence from='${ROOM}/angelica'/>`)).jid).toBe(nurse.full);
  });

  it("7.2.4: a semi-anonymous room shows them to moderators alone, also when somebody becomes one", async () => {
    const server = await startServer(PLAIN);
    const [juliet, romeo, nurse] = await trio(server);
    await make(juliet, "jule");
    const { others, self } = await join(romeo, "rom");
    expect(statuses(self)).not.toContain(100);
    expect(others.map((presence) => itemOf(presence).jid)).toEqual([undefined]);
    expect(itemOf(await juliet.expect(`<presence from='${ROOM}/rom'/>`)).jid).toBe(romeo.full);
    await join(nurse, "angelica");
    expect(itemOf(await romeo.expect(`<presence from='${ROOM}/angelica'/>`)).jid).toBeUndefined();
    await admin(juliet, "<item nick='rom' role='moderator'/>");
    await romeo.expect(`<presence from='${ROOM}/rom'/>`);
    nurse.send(`<presence to='${ROOM}/angelica'><show>dnd</show></presence>`);
    expect(itemOf(await romeo.expect(`<presence from='${ROOM}/angelica'/>`)).jid).toBe(nurse.full);
    // And nothing that was received named juliet to the nurse.
    expect(nurse.received).not.toContain(juliet.full);
  });

  it.each([
    ["7.2.5: a wrong password", { password: "wrong" }, "not-authorized", "auth"],
    ["7.2.5: no password", {}, "not-authorized", "auth"],
  ])("%s", async (_, options, condition, type) => {
    const server = await startServer(PLAIN);
    const [juliet, romeo] = await trio(server);
    await make(juliet, "jule", { passwordprotectedroom: "1", roomsecret: "cauldronburn" });
    askIn(romeo, "rom", options);
    await romeo.expect(refusal(condition, type));
    await join(romeo, "rom", { password: "cauldronburn" });
  });

  it("7.2.6: a members-only room, registration-required; 7.2.7: who is banned, forbidden", async () => {
    const server = await startServer(PLAIN);
    const [juliet, romeo] = await trio(server);
    await make(juliet, "jule", { membersonly: "1" });
    askIn(romeo, "rom");
    await romeo.expect(refusal("registration-required", "auth"));
    await admin(juliet, `<item jid='${romeo.bare}' affiliation='member'/>`);
    expect(itemOf((await join(romeo, "rom")).self)).toMatchObject({ affiliation: "member", role: "participant" });
    await admin(juliet, `<item jid='${romeo.bare}' affiliation='outcast'/>`);
    await romeo.until("<presence type='unavailable'/>");
    askIn(romeo, "rom");
    await romeo.expect(refusal("forbidden", "auth"));
  });

  it("7.2.8: a nickname that somebody has is a conflict; another client of the same user shares it", async () => {
    const server = await startServer(PLAIN);
    const [juliet, romeo] = await trio(server);
    await make(juliet, "jule");
    askIn(romeo, "jule");
    await romeo.expect(refusal("conflict", "cancel"));
    const phone = await server.online("juliet", { resource: "phone" });
    await juliet.sync();
    const { others, self } = await join(phone, "jule");
    expect(others).toEqual([]);
    expect(statuses(self)).toContain(110);
    await juliet.sync();
    say(phone, "to both");
    await juliet.expect("<message type='groupchat'><body>to both</body></message>");
    await phone.expect("<message type='groupchat'><body>to both</body></message>");
    await join(romeo, "rom");
    await juliet.expect(`<presence from='${ROOM}/rom'/>`);
    await phone.expect(`<presence from='${ROOM}/rom'/>`);
    // One of them leaves: the occupant is still there.
    phone.send(`<presence type='unavailable' to='${ROOM}/jule'/>`);
    const own = await phone.expect(`<presence type='unavailable' from='${ROOM}/jule'/>`);
    expect(statuses(own)).toContain(110);
    await romeo.expect(`<presence from='${ROOM}/jule' type='{absent}'/>`);
  });

  it("7.2.9: a full room is service-unavailable to wait for, but not for its owners", async () => {
    const server = await startServer(PLAIN);
    const [juliet, romeo, nurse] = await trio(server);
    await make(juliet, "jule", { maxusers: "2" });
    await join(romeo, "rom");
    askIn(nurse, "angelica");
    await nurse.expect(refusal("service-unavailable", "wait"));
    await admin(juliet, `<item jid='${nurse.bare}' affiliation='admin'/>`);
    await join(nurse, "angelica");
  });

  it("7.2.10: a room that was not set up yet is item-not-found for others; 7.2.11: a room that is not there is made", async () => {
    const server = await startServer(PLAIN);
    const [juliet, romeo] = await trio(server);
    const { self } = await join(juliet, "jule");
    expect(statuses(self)).toContain(201);
    expect(itemOf(self)).toMatchObject({ affiliation: "owner", role: "moderator" });
    askIn(romeo, "rom");
    await romeo.expect(refusal("item-not-found", "cancel"));
    await configure(juliet);
    expect(statuses((await join(romeo, "rom")).self)).not.toContain(201);
  });

  it("7.2.12: who enters a room whose messages are kept is told so (170)", async () => {
    const server = await startServer(PLAIN);
    const [juliet, romeo] = await trio(server);
    await make(juliet, "jule", { enablearchiving: "0" });
    expect(statuses((await join(romeo, "rom")).self)).not.toContain(170);
    await configure(juliet, { enablearchiving: "1" });
    expect(statuses(await romeo.expect("<message type='groupchat'/>"))).toEqual([170]);
    expect(statuses((await join(romeo, "rom")).self)).toContain(170);
  });

  it("7.2.14: history as it is asked for", async () => {
    const clock = new FakeClock();
    const server = await startServer(PLAIN, { clock });
    const [juliet, romeo] = await trio(server);
    await make(juliet, "jule");
    for (const body of ["one", "two", "three"]) {
      say(juliet, body);
      await juliet.until(`<message><body>${body}</body></message>`);
      clock.advance(60_000);
    }
    const asked = async (history: string) => {
      const arrived = await join(romeo, "rom", { history });
      return arrived.history.map(bodyOf).join(" ");
    };
    expect(await asked("<history maxchars='0'/>")).toBe("");
    expect(await asked("<history maxstanzas='2'/>")).toBe("two three");
    expect(await asked("<history seconds='90'/>")).toBe("three");
    expect(await asked("<history since='2026-01-01T00:00:30Z'/>")).toBe("two three");
    expect(await asked("")).toBe("one two three");
  });

  it("7.2.15: the subject comes last, from who set it and with its time; without one it is empty", async () => {
    const clock = new FakeClock();
    const server = await startServer(PLAIN, { clock });
    const [juliet, romeo] = await trio(server);
    await make(juliet, "jule");
    juliet.send(`<message to='${ROOM}' type='groupchat' id='s'><subject>Fire Burn</subject></message>`);
    await juliet.until("<message><subject>Fire Burn</subject></message>");
    clock.advance(60_000);
    const { subject, history } = await join(romeo, "rom");
    expect(history).toEqual([]);
    expect(attr(subject, "from")).toBe(`${ROOM}/jule`);
    expect(subject.getChildText("subject")).toBe("Fire Burn");
    const delay = child(subject, "delay", "urn:xmpp:delay");
    expect(delay?.attrs).toMatchObject({ from: ROOM, stamp: "2026-01-01T00:00:00.000Z" });
  });

  it("7.2.18: presence without <x/> of who is not in the room is answered by a kick for technical reasons", async () => {
    const server = await startServer(PLAIN);
    const [juliet, romeo] = await trio(server);
    await make(juliet, "jule");
    romeo.send(`<presence to='${ROOM}/rom'/>`);
    const kick = await romeo.expect(`<presence type='unavailable' from='${ROOM}/rom'/>`);
    expect(statuses(kick)).toEqual([110, 307, 333]);
    await juliet.expectNothing();
  });
});

describe("7.4: messages to all", () => {
  it("go to everybody from the sender's room JID, with the same id and what is in them", async () => {
    const server = await startServer(PLAIN);
    const [juliet, romeo] = await trio(server);
    await make(juliet, "jule");
    await join(romeo, "rom");
    await juliet.sync();
    romeo.send(
      `<message to='${ROOM}' type='groupchat' id='hysf1v37' xml:lang='en'><body>hark</body><active xmlns='http://jabber.org/protocol/chatstates'/></message>`,
    );
    for (const client of [juliet, romeo]) {
      await client.expect(
        `<message from='${ROOM}/rom' to='${client.full}' type='groupchat' id='hysf1v37' xml:lang='en'><body>hark</body><active xmlns='http://jabber.org/protocol/chatstates'/></message>`,
      );
    }
  });

  it("of a visitor are forbidden, of who is not in the room not-acceptable, and nobody gets them", async () => {
    const server = await startServer(PLAIN);
    const [juliet, romeo, nurse] = await trio(server);
    await make(juliet, "jule", { moderatedroom: "1" });
    expect(itemOf((await join(romeo, "rom")).self).role).toBe("visitor");
    await juliet.sync();
    say(romeo, "hark");
    expect(conditionOf(await romeo.expect("<message type='error' id='hark'/>"))).toBe("forbidden");
    say(nurse, "hark");
    expect(conditionOf(await nurse.expect("<message type='error' id='hark'/>"))).toBe("not-acceptable");
    await juliet.expectNothing();
  });

  it("17.2: to a room that is not there, item-not-found", async () => {
    const server = await startServer(PLAIN);
    const juliet = await server.online("juliet");
    say(juliet, "hark");
    expect(conditionOf(await juliet.expect("<message type='error'/>"))).toBe("item-not-found");
  });

  it("17.3 rule 6, XEP-0421 section 4: what only the room may say is not reflected", async () => {
    const server = await startServer(PLAIN);
    const [juliet, romeo] = await trio(server);
    await make(juliet, "jule");
    await join(romeo, "rom");
    await juliet.sync();
    const forged =
      `<x xmlns='${USER}'><item affiliation='owner' role='moderator' jid='${juliet.full}'/></x>` +
      "<occupant-id xmlns='urn:xmpp:occupant-id:0' id='forged'/>" +
      `<stanza-id xmlns='urn:xmpp:sid:0' by='${ROOM}' id='forged'/>` +
      `<delay xmlns='urn:xmpp:delay' from='${ROOM}' stamp='2002-10-13T23:58:37Z'/>`;
    say(romeo, "hark", ROOM, forged);
    const got = (await juliet.expect("<message><body>hark</body></message>")).toString();
    for (const claim of ["forged", "owner", "2002"]) expect(got).not.toContain(claim);
    romeo.send(`<presence to='${ROOM}/rom'>${forged}</presence>`);
    const presence = await juliet.expect(`<presence from='${ROOM}/rom'/>`);
    expect(presence.toString()).not.toContain("forged");
    expect(itemOf(presence)).toMatchObject({ affiliation: "none", role: "participant", jid: romeo.full });
  });
});

describe("7.5: private messages", () => {
  it("reach every client of the occupant, marked, and no others; the recipient's archive has one", async () => {
    const server = await startServer(PLAIN);
    const [juliet, romeo, nurse] = await trio(server);
    await make(juliet, "jule");
    const phone = await server.online("juliet", { resource: "phone" });
    await join(phone, "jule");
    await join(romeo, "rom");
    await join(nurse, "angelica");
    for (const client of [juliet, phone, romeo]) await client.sync();
    romeo.send(`<message to='${ROOM}/jule' type='chat' id='hgn27af1'><body>psst</body></message>`);
    for (const client of [juliet, phone]) {
      await client.expect(
        `<message from='${ROOM}/rom' to='${client.full}' type='chat' id='hgn27af1'><body>psst</body><x xmlns='${USER}'/></message>`,
      );
    }
    await nurse.expectNothing();
    await romeo.expectNothing();
    juliet.send("<iq type='set' id='q'><query xmlns='urn:xmpp:mam:2'/></iq>");
    const kept = (await juliet.untilNow()).filter((stanza) => stanza.toString().includes("psst"));
    expect(kept).toHaveLength(1);
  });

  it.each([
    ["of type groupchat: bad-request", "groupchat", "jule", "bad-request"],
    ["to nobody: item-not-found", "chat", "stranger", "item-not-found"],
  ])("%s", async (_, type, nick, condition) => {
    const server = await startServer(PLAIN);
    const [juliet, romeo] = await trio(server);
    await make(juliet, "jule");
    await join(romeo, "rom");
    romeo.send(`<message to='${ROOM}/${nick}' type='${type}'><body>psst</body></message>`);
    expect(conditionOf(await romeo.expect("<message type='error'/>"))).toBe(condition);
  });

  it("of who is not in the room: not-acceptable; where the room allows none: forbidden", async () => {
    const server = await startServer(PLAIN);
    const [juliet, romeo] = await trio(server);
    await make(juliet, "jule", { allowpm: "moderators" });
    const psst = `<message to='${ROOM}/jule' type='chat'><body>psst</body></message>`;
    romeo.send(psst);
    expect(conditionOf(await romeo.expect("<message type='error'/>"))).toBe("not-acceptable");
    await join(romeo, "rom");
    romeo.send(psst);
    expect(conditionOf(await romeo.expect("<message type='error'/>"))).toBe("forbidden");
    await juliet.sync();
    juliet.send(`<message to='${ROOM}/rom' type='chat'><body>psst</body></message>`);
    await romeo.expect("<message type='chat'><body>psst</body></message>");
  });
});

describe("7.6: changing one's nickname", () => {
  it("the old one goes with 303 and the new name, the new one comes, to all", async () => {
    const server = await startServer(PLAIN);
    const [juliet, romeo] = await trio(server);
    await make(juliet, "jule");
    await join(romeo, "rom");
    await juliet.sync();
    romeo.send(`<presence to='${ROOM}/oldhag'/>`);
    for (const [client, own] of [
      [juliet, []],
      [romeo, [110]],
    ] as const) {
      const gone = await client.expect(`<presence type='unavailable' from='${ROOM}/rom'/>`);
      expect(itemOf(gone)).toMatchObject({ nick: "oldhag", role: "participant", affiliation: "none" });
      expect(statuses(gone)).toEqual([...own, 303]);
      const come = await client.expect(`<presence from='${ROOM}/oldhag' type='{absent}'/>`);
      expect(statuses(come)).toEqual([...own]);
    }
    say(romeo, "hark");
    await juliet.expect(`<message from='${ROOM}/oldhag'/>`);
  });

  it("to one that somebody has: conflict, and nothing changes", async () => {
    const server = await startServer(PLAIN);
    const [juliet, romeo] = await trio(server);
    await make(juliet, "jule");
    await join(romeo, "rom");
    await juliet.sync();
    romeo.send(`<presence to='${ROOM}/jule'/>`);
    await romeo.expect(refusal("conflict", "cancel"));
    await juliet.expectNothing();
  });

  it("who was renamed leaves by ending the session, once", async () => {
    const server = await startServer(PLAIN);
    const [juliet, romeo] = await trio(server);
    await make(juliet, "jule");
    await join(romeo, "rom");
    romeo.send(`<presence to='${ROOM}/oldhag'/>`);
    await romeo.sync();
    await juliet.sync();
    await romeo.close();
    await juliet.expect(`<presence type='unavailable' from='${ROOM}/oldhag'/>`);
    await juliet.expectNothing();
  });
});

describe("7.7: availability", () => {
  it("changes are passed on with what is in them, roles and affiliations beside it", async () => {
    const server = await startServer(PLAIN);
    const [juliet, romeo] = await trio(server);
    await make(juliet, "jule");
    await join(romeo, "rom");
    await juliet.sync();
    romeo.send(`<presence to='${ROOM}/rom'><show>xa</show><status>gone</status></presence>`);
    const told = await juliet.expect(`<presence from='${ROOM}/rom'><show>xa</show><status>gone</status></presence>`);
    expect(itemOf(told)).toMatchObject({ affiliation: "none", role: "participant" });
    expect(statuses(await romeo.expect(`<presence from='${ROOM}/rom'><show>xa</show></presence>`))).toEqual([110]);
  });

  it("presence of roles that the room does not broadcast goes to its own client alone", async () => {
    const server = await startServer(PLAIN);
    const [juliet, romeo, nurse] = await trio(server);
    await make(juliet, "jule", { moderatedroom: "1", presencebroadcast: ["moderator", "participant"] });
    await join(romeo, "rom");
    await juliet.expectNothing();
    expect((await join(nurse, "angelica")).others.map(nickOf)).toEqual(["jule"]);
    await admin(juliet, "<item nick='rom' role='participant'/>");
    await nurse.expect(`<presence from='${ROOM}/rom'/>`);
  });
});

describe("7.8: invitations", () => {
  it("7.8.2: mediated, from the room, with reason and password; the refusal comes back", async () => {
    const server = await startServer(PLAIN);
    const [juliet, romeo, nurse] = await trio(server);
    await make(juliet, "jule", { passwordprotectedroom: "1", roomsecret: "cauldronburn" });
    juliet.send(
      `<message to='${ROOM}' id='nzd143v8'><x xmlns='${USER}'><invite to='${nurse.bare}'><reason>come</reason></invite></x></message>`,
    );
    await nurse.expect(
      `<message from='${ROOM}' to='${nurse.bare}' id='nzd143v8'><x xmlns='${USER}'><invite from='${ROOM}/jule'><reason>come</reason></invite><password>cauldronburn</password></x></message>`,
    );
    expect(nurse.received).not.toContain("juliet@");
    const decline = (to: string) =>
      `<message to='${ROOM}'><x xmlns='${USER}'><decline to='${to}'><reason>busy</reason></decline></x></message>`;
    nurse.send(decline(`${ROOM}/jule`));
    await juliet.expect(
      `<message from='${ROOM}'><x xmlns='${USER}'><decline from='${nurse.bare}'><reason>busy</reason></decline></x></message>`,
    );
    // Nobody else can speak through the room by declining what was never said.
    for (const client of [nurse, romeo]) {
      client.send(decline(juliet.bare));
      expect(conditionOf(await client.expect("<message type='error'/>"))).toBe("item-not-found");
    }
    await juliet.expectNothing();
  });

  it("9.5: in a members-only room, by admins, or by members where the room allows it: the invited become members", async () => {
    const server = await startServer(PLAIN);
    const [juliet, romeo, nurse] = await trio(server);
    await make(juliet, "jule", { membersonly: "1" });
    await admin(juliet, `<item jid='${romeo.bare}' affiliation='member'/>`);
    await join(romeo, "rom");
    const invite = `<message to='${ROOM}'><x xmlns='${USER}'><invite to='${nurse.bare}'/></x></message>`;
    romeo.send(invite);
    expect(conditionOf(await romeo.expect("<message type='error'/>"))).toBe("forbidden");
    await configure(juliet, { allowinvites: "1" });
    await romeo.until("<message type='groupchat'/>");
    romeo.send(invite);
    await nurse.expect(`<message from='${ROOM}'><x xmlns='${USER}'><invite/></x></message>`);
    expect(itemOf((await join(nurse, "angelica")).self).affiliation).toBe("member");
  });

  it("nobody learns from an invitation who has an account", async () => {
    const server = await startServer(PLAIN);
    const juliet = await server.online("juliet");
    await make(juliet, "jule");
    juliet.send(`<message to='${ROOM}'><x xmlns='${USER}'><invite to='nobody@example.com'/></x></message>`);
    await juliet.expectNothing();
  });

  it("XEP-0249: a direct one goes from user to user, untouched", async () => {
    const server = await startServer(PLAIN);
    const [juliet, , nurse] = await trio(server);
    const direct = `<x xmlns='jabber:x:conference' jid='${ROOM}' reason='come' password='cauldronburn'/>`;
    juliet.send(`<message to='${nurse.bare}'>${direct}</message>`);
    await nurse.expect(`<message from='${juliet.full}'>${direct}</message>`);
  });
});

describe("7.13 and 8.6: asking for voice", () => {
  it("moderators get a form, and who submits it grants voice", async () => {
    const server = await startServer(PLAIN);
    const [juliet, romeo] = await trio(server);
    await make(juliet, "jule", { moderatedroom: "1" });
    await join(romeo, "rom");
    await juliet.sync();
    const field = (name: string, value: string) => `<field var='${name}'><value>${value}</value></field>`;
    const form = (fields: string) =>
      `<message to='${ROOM}'><x xmlns='jabber:x:data' type='submit'>${field("FORM_TYPE", `${MUC}#request`)}${fields}</x></message>`;
    romeo.send(form(field("muc#role", "participant")));
    await juliet.expect(
      `<message from='${ROOM}'><x xmlns='jabber:x:data' type='form'>${field("muc#roomnick", "rom")}${field("muc#jid", romeo.full)}</x></message>`,
    );
    const answer = form(
      field("muc#role", "participant") + field("muc#roomnick", "rom") + field("muc#request_allow", "true"),
    );
    romeo.send(answer); // not one's own
    expect(conditionOf(await romeo.expect("<message type='error'/>"))).toBe("forbidden");
    juliet.send(answer);
    const voiced = await romeo.expect(`<presence from='${ROOM}/rom'/>`);
    expect(itemOf(voiced).role).toBe("participant");
  });
});

describe("7.14: leaving", () => {
  it("everybody is told, oneself with 110, what was said at parting included; a temporary room ends with the last", async () => {
    const server = await startServer(PLAIN);
    const [juliet, romeo] = await trio(server);
    await make(juliet, "jule");
    await join(romeo, "rom");
    await juliet.sync();
    romeo.send(`<presence to='${ROOM}/rom' type='unavailable'><status>bye</status></presence>`);
    const own = await romeo.expect(`<presence type='unavailable' from='${ROOM}/rom'><status>bye</status></presence>`);
    expect([statuses(own), itemOf(own).role]).toEqual([[110], "none"]);
    const told = await juliet.expect(`<presence type='unavailable' from='${ROOM}/rom'><status>bye</status></presence>`);
    expect([statuses(told), itemOf(told).role]).toEqual([[], "none"]);
    juliet.send(`<presence to='${ROOM}/jule' type='unavailable'/>`);
    await juliet.sync();
    expect(statuses((await join(romeo, "rom")).self)).toContain(201);
  });

  it("also by general unavailable presence, and by the end of the session", async () => {
    const server = await startServer(PLAIN);
    const [juliet, romeo, nurse] = await trio(server);
    await make(juliet, "jule");
    await join(romeo, "rom");
    await join(nurse, "angelica");
    await juliet.sync();
    romeo.send("<presence type='unavailable'/>");
    await juliet.expect(`<presence type='unavailable' from='${ROOM}/rom'/>`);
    nurse.cut();
    await juliet.expect(`<presence type='unavailable' from='${ROOM}/angelica'/>`);
  });

  it("17.3 rule 5: unavailable presence of who is not in the room is ignored, other types neither let in nor out", async () => {
    const server = await startServer(PLAIN);
    const [juliet, romeo] = await trio(server);
    await make(juliet, "jule");
    romeo.send(`<presence to='${ROOM}/rom' type='unavailable'/>`);
    romeo.send(`<presence to='${ROOM}/rom' type='probe'><x xmlns='${MUC}'/></presence>`);
    await romeo.expectNothing();
    juliet.send(`<presence to='${ROOM}/jule' type='probe'/>`);
    await juliet.expectNothing();
    await join(romeo, "rom");
  });

  it("18.1.2: an error of a client's for what the room sent takes it out of the room, with 333", async () => {
    const server = await startServer(PLAIN);
    const [juliet, romeo] = await trio(server);
    await make(juliet, "jule");
    await join(romeo, "rom");
    await juliet.sync();
    romeo.send(
      `<message to='${ROOM}/jule' type='error'><error type='wait'><recipient-unavailable xmlns='${STANZAS}'/></error></message>`,
    );
    const told = await juliet.expect(`<presence type='unavailable' from='${ROOM}/rom'/>`);
    expect(statuses(told)).toEqual([333]);
    expect(statuses(await romeo.expect(`<presence type='unavailable' from='${ROOM}/rom'/>`))).toEqual([110, 333]);
  });
});
