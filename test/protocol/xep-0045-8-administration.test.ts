// XEP-0045 1.35.1 sections 8, 9 and 10: moderators, admins and owners.

import type { Element } from "ltx";
import { describe, expect, it } from "vitest";
import { attr, child, childrenOf, textOf } from "../../server/stanza.ts";
import type { ScriptedClient } from "../support/client.ts";
import {
  ADMIN,
  admin,
  askIn,
  conditionOf,
  configForm,
  configure,
  itemOf,
  join,
  make,
  OWNER,
  ROOM,
  say,
  statuses,
  USER,
} from "../support/rooms.ts";
import { startServer, type TestServer } from "../support/server.ts";

const PLAIN = { c2s: { requireTls: false } };

/** Juliet's room with Romeo and the nurse in it, and nothing left unread. */
async function stage(fields: Record<string, string> = {}) {
  const server: TestServer = await startServer(PLAIN);
  const [juliet, romeo, nurse] = [
    await server.online("juliet"),
    await server.online("romeo"),
    await server.online("nurse"),
  ];
  await make(juliet, "jule", fields);
  await join(romeo, "rom");
  await join(nurse, "angelica");
  for (const client of [juliet, romeo, nurse]) await client.sync();
  return { server, juliet, romeo, nurse };
}

async function list(client: ScriptedClient, item: string): Promise<Element[]> {
  const answer = await client.ask("get", `<query xmlns='${ADMIN}'><item ${item}/></query>`, ROOM);
  if (attr(answer, "type") !== "result") throw new Error(conditionOf(answer));
  return childrenOf(answer.getChild("query", ADMIN) as Element, "item", ADMIN);
}

describe("8.1: the subject", () => {
  it("is changed by moderators, or by participants where the room allows it; everybody is told", async () => {
    const { juliet, romeo, nurse } = await stage();
    const subject = `<message to='${ROOM}' type='groupchat' id='lh2bs617'><subject>Fire Burn</subject></message>`;
    romeo.send(subject);
    expect(conditionOf(await romeo.expect("<message type='error' id='lh2bs617'/>"))).toBe("forbidden");
    juliet.send(subject);
    for (const client of [juliet, romeo, nurse]) {
      await client.expect(`<message from='${ROOM}/jule' type='groupchat'><subject>Fire Burn</subject></message>`);
    }
    await configure(juliet, { changesubject: "1" });
    await romeo.until("<message type='groupchat'/>");
    romeo.send(`<message to='${ROOM}' type='groupchat'><subject/></message>`);
    await romeo.expect(`<message from='${ROOM}/rom' type='groupchat'><subject/></message>`);
  });

  it("with a body or a thread it is a message and no subject change", async () => {
    const { romeo, juliet } = await stage();
    romeo.send(`<message to='${ROOM}' type='groupchat'><subject>s</subject><body>b</body></message>`);
    await juliet.expect(`<message from='${ROOM}/rom'><subject>s</subject><body>b</body></message>`);
    await romeo.sync();
    expect((await join(romeo, "rom")).subject.getChildText("subject")).toBe("");
  });
});

describe("8.2: kicking", () => {
  it("the kicked are told with 307, actor and reason; the moderator has the result; the others are told", async () => {
    const { juliet, romeo, nurse } = await stage();
    const answer = await admin(juliet, "<item nick='rom' role='none'><reason>Avaunt</reason></item>");
    expect(attr(answer, "type")).toBe("result");
    const kicked = await romeo.expect(
      `<presence type='unavailable' from='${ROOM}/rom'><x xmlns='${USER}'><item affiliation='none' role='none'><actor nick='jule'/><reason>Avaunt</reason></item></x></presence>`,
    );
    expect(statuses(kicked)).toEqual([110, 307]);
    expect(statuses(await nurse.expect(`<presence type='unavailable' from='${ROOM}/rom'/>`))).toEqual([307]);
    say(romeo, "hark");
    expect(conditionOf(await romeo.expect("<message type='error'/>"))).toBe("not-acceptable");
    await join(romeo, "rom");
  });

  it.each([
    ["a participant: forbidden", "romeo", "<item nick='angelica' role='none'/>", "forbidden"],
    ["somebody of a higher affiliation: not-allowed", "nurse", "<item nick='jule' role='none'/>", "not-allowed"],
    ["nobody: item-not-found", "juliet", "<item nick='stranger' role='none'/>", "item-not-found"],
    [
      "17.4 rule 4, both at once: bad-request",
      "juliet",
      "<item nick='rom' role='none' affiliation='outcast'/>",
      "bad-request",
    ],
    ["neither: bad-request", "juliet", "<item nick='rom'/>", "bad-request"],
    ["an unknown role: bad-request", "juliet", "<item nick='rom' role='king'/>", "bad-request"],
  ] as const)("%s", async (_, who, item, condition) => {
    const clients = await stage();
    await admin(clients.juliet, "<item nick='angelica' role='moderator'/>");
    expect(conditionOf(await admin(clients[who], item))).toBe(condition);
  });
});

describe("8.3 to 8.5, 9.6 to 9.8: voice and moderators", () => {
  it("roles are given and taken by nickname, and listed for moderators", async () => {
    const { juliet, romeo, nurse } = await stage();
    await admin(juliet, "<item nick='rom' role='visitor'><reason>hush</reason></item>");
    const told = await nurse.expect(`<presence from='${ROOM}/rom'/>`);
    expect(itemOf(told).role).toBe("visitor");
    expect((await list(juliet, "role='participant'")).map(({ attrs }) => attrs.nick)).toEqual(["angelica"]);
    expect((await list(juliet, "role='visitor'"))[0]?.attrs).toEqual({
      affiliation: "none",
      jid: romeo.full,
      nick: "rom",
      role: "visitor",
    });
    await expect(list(nurse, "role='visitor'")).rejects.toThrow("forbidden");
    await admin(juliet, "<item nick='angelica' role='moderator'/>");
    await admin(nurse, "<item nick='rom' role='participant'/>");
    expect(
      itemOf(
        await romeo.until(`<presence from='${ROOM}/rom'><x xmlns='${USER}'><item role='participant'/></x></presence>`),
      ).role,
    ).toBe("participant");
    expect(conditionOf(await admin(nurse, "<item nick='jule' role='participant'/>"))).toBe("not-allowed");
  });

  it("8.5: of several changes all are made or none", async () => {
    const { juliet, romeo } = await stage();
    const answer = await admin(juliet, "<item nick='rom' role='visitor'/><item nick='stranger' role='visitor'/>");
    expect(conditionOf(answer)).toBe("item-not-found");
    await romeo.expectNothing();
  });
});

describe("9.1 and 9.2: bans", () => {
  it("the banned are out with 301, and stay out; the list has them with the reason; the ban is lifted", async () => {
    const { juliet, romeo, nurse } = await stage();
    await admin(juliet, `<item affiliation='outcast' jid='${romeo.full}'><reason>Treason</reason></item>`);
    const gone = await romeo.expect(`<presence type='unavailable' from='${ROOM}/rom'/>`);
    expect(statuses(gone)).toEqual([110, 301]);
    expect(itemOf(gone)).toMatchObject({ affiliation: "outcast", role: "none" });
    expect(statuses(await nurse.expect(`<presence type='unavailable' from='${ROOM}/rom'/>`))).toEqual([301]);
    const [outcast] = await list(juliet, "affiliation='outcast'");
    expect(outcast?.attrs).toEqual({ affiliation: "outcast", jid: romeo.bare });
    expect(outcast?.getChildText("reason")).toBe("Treason");
    await expect(list(nurse, "affiliation='outcast'")).rejects.toThrow("forbidden");
    await admin(juliet, `<item affiliation='none' jid='${romeo.bare}'/>`);
    await join(romeo, "rom");
  });

  it("of a whole domain: those who are in the room as well, but not those who belong to it", async () => {
    const server = await startServer({ ...PLAIN, rooms: { create: "everyone" } });
    const [juliet, romeo] = [await server.online("juliet"), await server.online("romeo")];
    await make(juliet, "jule");
    expect(conditionOf(await admin(juliet, "<item affiliation='outcast' jid='example.com'/>"))).toBe("conflict");
    expect(attr(await admin(juliet, "<item affiliation='outcast' jid='example.org'/>"), "type")).toBe("result");
    expect(conditionOf(await admin(juliet, "<item affiliation='member' jid='example.org'/>"))).toBe("bad-request");
    await join(romeo, "rom");
  });

  it.each([
    ["oneself: conflict", "juliet", "juliet@example.com", "conflict"],
    ["an owner by an admin: not-allowed", "nurse", "juliet@example.com", "not-allowed"],
    ["by a participant: forbidden", "romeo", "nurse@example.com", "forbidden"],
    ["what is no address: jid-malformed", "juliet", "@", "jid-malformed"],
  ] as const)("%s", async (_, who, jid, condition) => {
    const clients = await stage();
    await admin(clients.juliet, `<item affiliation='admin' jid='${clients.nurse.bare}'/>`);
    expect(conditionOf(await admin(clients[who], `<item affiliation='outcast' jid='${jid}'/>`))).toBe(condition);
  });
});

describe("9.3 to 9.5: members", () => {
  it("who is in the room is shown with the new affiliation; a member speaks in a moderated room", async () => {
    const { juliet, romeo, nurse } = await stage({ moderatedroom: "1" });
    await admin(juliet, `<item affiliation='member' jid='${romeo.bare}'/>`);
    expect(itemOf(await nurse.expect(`<presence from='${ROOM}/rom'/>`))).toMatchObject({
      affiliation: "member",
      role: "participant",
    });
    await admin(juliet, `<item affiliation='none' jid='${romeo.bare}'/>`);
    expect(itemOf(await nurse.expect(`<presence from='${ROOM}/rom'/>`)).affiliation).toBe("none");
  });

  it("9.4: who loses membership leaves a members-only room with 321, in one presence", async () => {
    const { juliet, romeo, nurse } = await stage();
    await admin(juliet, [romeo, nurse].map(({ bare }) => `<item affiliation='member' jid='${bare}'/>`).join(""));
    await configure(juliet, { membersonly: "1" });
    for (const client of [juliet, romeo, nurse]) await client.sync();
    await admin(juliet, `<item affiliation='none' jid='${romeo.bare}'/>`);
    const gone = await romeo.expect(`<presence type='unavailable' from='${ROOM}/rom'/>`);
    expect(statuses(gone)).toEqual([110, 321]);
    expect(statuses(await nurse.expect(`<presence type='unavailable' from='${ROOM}/rom'/>`))).toEqual([321]);
    askIn(romeo, "rom");
    expect(conditionOf(await romeo.expect("<presence type='error'/>"))).toBe("registration-required");
  });

  it("9.5: in a non-anonymous room members see the lists, and hear of members who are not there: OMEMO needs both", async () => {
    const { juliet, romeo, nurse } = await stage({ whois: "anyone", membersonly: "0" });
    await admin(juliet, `<item affiliation='member' jid='${romeo.bare}'/>`);
    await romeo.sync();
    await admin(juliet, "<item affiliation='member' jid='paris@example.com'/>");
    const told = await romeo.expect(`<message from='${ROOM}' type='{absent}'/>`);
    expect(itemOf(told)).toEqual({ affiliation: "member", role: "none", jid: "paris@example.com" });
    expect((await list(romeo, "affiliation='member'")).map(({ attrs }) => attrs.jid)).toEqual(
      ["paris@example.com", romeo.bare].sort((a, b) => (a === romeo.bare ? -1 : b === romeo.bare ? 1 : 0)),
    );
    expect((await list(nurse, "affiliation='owner'")).map(({ attrs }) => attrs.jid)).toEqual([juliet.bare]);
    romeo.send(`<presence to='${ROOM}/rom' type='unavailable'/>`);
    expect(await list(romeo, "affiliation='admin'")).toEqual([]);
  });

  it("9.5: in a semi-anonymous room nobody but admins does", async () => {
    const { juliet, romeo } = await stage();
    await admin(juliet, `<item affiliation='member' jid='${romeo.bare}'/>`);
    await expect(list(romeo, "affiliation='member'")).rejects.toThrow("forbidden");
  });
});

describe("10.1: making rooms", () => {
  it("10.1.2: an instant room; 10.1.3: a form is shown, submitted, refused where it cannot be", async () => {
    const server = await startServer(PLAIN);
    const [juliet, romeo] = [await server.online("juliet"), await server.online("romeo")];
    await join(juliet, "jule");
    const shown = await juliet.ask("get", `<query xmlns='${OWNER}'/>`, ROOM);
    const form = child(shown.getChild("query", OWNER) as Element, "x", "jabber:x:data") as Element;
    const names = childrenOf(form, "field", "jabber:x:data").map((field) => attr(field, "var"));
    expect(names).toEqual(expect.arrayContaining(["FORM_TYPE", "muc#roomconfig_membersonly", "muc#roomconfig_whois"]));
    const refused = await configure(juliet, { passwordprotectedroom: "1" });
    expect([conditionOf(refused), child(refused, "error")?.attrs.type]).toEqual(["not-acceptable", "modify"]);
    askIn(romeo, "rom");
    expect(conditionOf(await romeo.expect("<presence type='error'/>"))).toBe("item-not-found");
    expect(attr(await configure(juliet, { roomname: "Cave" }), "type")).toBe("result");
    await join(romeo, "rom");
  });

  it("10.1.3: as Conversations makes a private group: unknown fields and three spellings of archiving", async () => {
    const server = await startServer(PLAIN);
    const juliet = await server.online("juliet");
    await make(juliet, "jule", {
      persistentroom: "1",
      membersonly: "1",
      publicroom: "0",
      whois: "anyone",
      changesubject: "0",
      allowinvites: "0",
      enablearchiving: "1",
      mam: "1",
      enablelogging: "0",
      "muc#roomconfig_unheard_of": "1",
    });
    const answer = (await juliet.ask("get", "<query xmlns='http://jabber.org/protocol/disco#info'/>", ROOM)).toString();
    for (const feature of ["muc_membersonly", "muc_nonanonymous", "muc_persistent", "muc_hidden", "urn:xmpp:mam:2"]) {
      expect(answer).toContain(`"${feature}"`);
    }
  });

  it.each(["cancelled", "left"])("10.1.3: a room whose set-up is %s is gone", async (how) => {
    const server = await startServer(PLAIN);
    const [juliet, romeo] = [await server.online("juliet"), await server.online("romeo")];
    await join(juliet, "jule");
    if (how === "left") juliet.send(`<presence to='${ROOM}/jule' type='unavailable'/>`);
    else {
      await juliet.ask("set", `<query xmlns='${OWNER}'><x xmlns='jabber:x:data' type='cancel'/></query>`, ROOM);
      expect((await juliet.untilNow()).length).toBeLessThan(2);
    }
    await juliet.sync();
    expect(statuses((await join(romeo, "rom")).self)).toContain(201);
  });

  it("10.1.1: not-allowed where nobody may; at most so many of one user", async () => {
    const closed = await startServer({ ...PLAIN, rooms: { create: "nobody" } });
    const juliet = await closed.online("juliet");
    askIn(juliet, "jule");
    expect(conditionOf(await juliet.expect("<presence type='error'/>"))).toBe("not-allowed");
    const few = await startServer({ ...PLAIN, rooms: { roomsPerUser: 1 } });
    const romeo = await few.online("romeo");
    await make(romeo, "rom");
    askIn(romeo, "rom", { room: "heath@rooms.example.com" });
    expect(conditionOf(await romeo.expect("<presence type='error'/>"))).toBe("resource-constraint");
    await romeo.ask("set", `<query xmlns='${OWNER}'><destroy/></query>`, ROOM);
    await make(romeo, "rom", {}, "heath@rooms.example.com");
  });
});

describe("10.2: changing the configuration", () => {
  it("is the owners'; a cancelled form changes nothing", async () => {
    const { juliet, romeo } = await stage();
    expect(conditionOf(await romeo.ask("get", `<query xmlns='${OWNER}'/>`, ROOM))).toBe("forbidden");
    expect(
      conditionOf(await romeo.ask("set", `<query xmlns='${OWNER}'>${configForm({ roomname: "x" })}</query>`, ROOM)),
    ).toBe("forbidden");
    await juliet.ask("set", `<query xmlns='${OWNER}'><x xmlns='jabber:x:data' type='cancel'/></query>`, ROOM);
    await romeo.expectNothing();
  });

  it.each<[string, Record<string, string>, number[]]>([
    ["172: non-anonymous", { whois: "anyone" }, [172]],
    ["171: messages are not kept any more", { enablearchiving: "0" }, [171]],
    ["104: anything else", { roomname: "Cave" }, [104]],
    ["nothing new", { roomname: "" }, []],
  ])("10.2.1: %s", async (_, fields, codes) => {
    const { juliet, romeo } = await stage();
    await configure(juliet, fields);
    const told = (await romeo.untilNow()).map(statuses);
    expect(told).toEqual(codes.length === 0 ? [] : [codes]);
  });

  it("non-members are out with 322 when the room becomes members-only", async () => {
    const { juliet, romeo, nurse } = await stage();
    await admin(juliet, `<item affiliation='member' jid='${nurse.bare}'/>`);
    await nurse.sync();
    await romeo.sync();
    await configure(juliet, { membersonly: "1" });
    expect(statuses(await romeo.expect(`<presence type='unavailable' from='${ROOM}/rom'/>`))).toEqual([110, 322]);
    expect(statuses(await nurse.expect(`<presence type='unavailable' from='${ROOM}/rom'/>`))).toEqual([322]);
  });
});

describe("10.3 to 10.8: owners and admins", () => {
  it("are made and unmade by owners, who moderate at once; the last owner stays", async () => {
    const { juliet, romeo, nurse } = await stage();
    await admin(juliet, `<item affiliation='admin' jid='${romeo.bare}'/>`);
    expect(itemOf(await nurse.expect(`<presence from='${ROOM}/rom'/>`))).toMatchObject({
      affiliation: "admin",
      role: "moderator",
    });
    expect(conditionOf(await admin(romeo, `<item affiliation='admin' jid='${nurse.bare}'/>`))).toBe("forbidden");
    expect(conditionOf(await admin(romeo, `<item affiliation='none' jid='${juliet.bare}'/>`))).toBe("not-allowed");
    expect(conditionOf(await admin(juliet, `<item affiliation='admin' jid='${juliet.bare}'/>`))).toBe("conflict");
    await admin(juliet, `<item affiliation='owner' jid='${nurse.bare}'/>`);
    await admin(juliet, `<item affiliation='none' jid='${juliet.bare}'/>`);
    const lost = await nurse.until(`<presence from='${ROOM}/jule'/>`);
    expect(itemOf(lost)).toMatchObject({ affiliation: "none", role: "participant" });
    expect((await list(nurse, "affiliation='owner'")).map(({ attrs }) => attrs.jid)).toEqual([nurse.bare]);
  });

  it("an owner's account that is deleted leaves the room to its admin", async () => {
    const { server, juliet, romeo } = await stage({ persistentroom: "1" });
    await admin(juliet, `<item affiliation='admin' jid='${romeo.bare}'/>`);
    await romeo.sync();
    await server.admin.deleteUser("juliet");
    await romeo.until(`<presence type='unavailable' from='${ROOM}/jule'/>`);
    expect((await list(romeo, "affiliation='owner'")).map(({ attrs }) => attrs.jid)).toEqual([romeo.bare]);
    const again = await server.online("juliet", { password: "secret" }).catch(() => undefined);
    expect(again).toBeUndefined();
  });
});

describe("10.9: destroying a room", () => {
  it("each occupant is told once, with reason and the place to go; it is gone with its archive", async () => {
    const { juliet, romeo, nurse } = await stage({ persistentroom: "1" });
    say(romeo, "hark");
    await nurse.until("<message><body>hark</body></message>");
    await romeo.sync();
    expect(conditionOf(await romeo.ask("set", `<query xmlns='${OWNER}'><destroy/></query>`, ROOM))).toBe("forbidden");
    const destroy = "<destroy jid='heath@rooms.example.com'><reason>Macbeth doth come.</reason></destroy>";
    const answer = await juliet.ask("set", `<query xmlns='${OWNER}'>${destroy}</query>`, ROOM);
    expect(attr(answer, "type")).toBe("result");
    for (const [client, nick] of [
      [romeo, "rom"],
      [nurse, "angelica"],
    ] as const) {
      const told = await client.expect(
        `<presence type='unavailable' from='${ROOM}/${nick}'><x xmlns='${USER}'><item affiliation='none' role='none'/>${destroy}</x></presence>`,
      );
      expect(textOf(told)).toBe("");
      await client.expectNothing();
    }
    await make(romeo, "rom");
    expect((await join(nurse, "angelica")).history).toEqual([]);
  });
});
