// XEP-0313 1.1.3 section 6.1.2: archives of rooms; XEP-0424 0.4.2 and XEP-0425 0.3.0: what becomes of retracted messages.

import type { Element } from "ltx";
import { describe, expect, it } from "vitest";
import { attr, child, childrenOf } from "../../server/stanza.ts";
import { form, MAM, set } from "../support/archive-client.ts";
import type { ScriptedClient } from "../support/client.ts";
import { FakeClock } from "../support/fake-clock.ts";
import {
  admin,
  bodyOf,
  conditionOf,
  configure,
  itemOf,
  join,
  make,
  ROOM,
  say,
  statuses,
  USER,
} from "../support/rooms.ts";
import { startServer } from "../support/server.ts";

const PLAIN = { c2s: { requireTls: false } };

type Found = { readonly id: string; readonly inner: Element };

async function query(client: ScriptedClient, content = ""): Promise<{ found: Found[]; answer: Element }> {
  const id = `q${Math.random()}`;
  client.send(`<iq type='set' id='${id}' to='${ROOM}'><query xmlns='${MAM}' queryid='f27'>${content}</query></iq>`);
  const found: Found[] = [];
  for (;;) {
    const stanza = await client.next("results");
    if (attr(stanza, "id") === id) return { found, answer: stanza };
    const result = child(stanza, "result", MAM);
    if (result === undefined) continue;
    expect(attr(stanza, "from")).toBe(ROOM);
    expect(attr(result, "queryid")).toBe("f27");
    const forwarded = child(result, "forwarded", "urn:xmpp:forward:0") as Element;
    found.push({ id: attr(result, "id") as string, inner: child(forwarded, "message", "jabber:client") as Element });
  }
}

/** The bodies of what is found. */
async function bodies(client: ScriptedClient, content = ""): Promise<string> {
  const { found, answer } = await query(client, content);
  if (attr(answer, "type") !== "result") return conditionOf(answer);
  return found.map(({ inner }) => bodyOf(inner)).join(" ");
}

async function stage(fields: Record<string, string> = {}) {
  const server = await startServer(PLAIN);
  const [juliet, romeo, nurse] = [
    await server.online("juliet"),
    await server.online("romeo"),
    await server.online("nurse"),
  ];
  await make(juliet, "jule", fields);
  await join(romeo, "rom");
  await juliet.sync();
  return { server, juliet, romeo, nurse };
}

async function said(client: ScriptedClient, body: string, inner = ""): Promise<string> {
  say(client, body, ROOM, inner);
  const got = await client.until(`<message type='groupchat'><body>${body}</body></message>`);
  return attr(child(got, "stanza-id", "urn:xmpp:sid:0") as Element, "id") as string;
}

describe("6.1.2: what is kept", () => {
  it("each message once, by the id that all were told; no private messages, chat states or refused ones", async () => {
    const { juliet, romeo, nurse } = await stage();
    const ids = [await said(juliet, "one"), await said(romeo, "two")];
    romeo.send(`<message to='${ROOM}/jule' type='chat'><body>psst</body></message>`);
    romeo.send(
      `<message to='${ROOM}' type='groupchat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>`,
    );
    romeo.send(`<message to='${ROOM}' type='groupchat'><subject>not mine to set</subject></message>`);
    say(nurse, "from outside");
    await romeo.sync();
    juliet.send(`<message to='${ROOM}' type='groupchat'><subject>Spells</subject></message>`);
    await juliet.sync();
    const { found, answer } = await query(romeo);
    expect(found.slice(0, 2).map(({ id }) => id)).toEqual(ids);
    expect(found.map(({ inner }) => bodyOf(inner) || inner.getChildText("subject"))).toEqual(["one", "two", "Spells"]);
    expect(attr(child(answer, "fin", MAM) as Element, "complete")).toBe("true");
    for (const { inner } of found) expect(attr(inner, "to")).toBeUndefined();
    expect(found.map(({ inner }) => attr(inner, "from"))).toEqual([`${ROOM}/jule`, `${ROOM}/rom`, `${ROOM}/jule`]);
    // Of it the account's own archive has the private message, and none to all.
    const own = await romeo.ask("get", `<metadata xmlns='${MAM}'/>`);
    expect(attr(own, "type")).toBe("result");
  });

  it("what has no body but content, and what says that it is not to be kept (XEP-0334)", async () => {
    const { juliet } = await stage();
    juliet.send(`<message to='${ROOM}' type='groupchat'><reactions xmlns='urn:xmpp:reactions:0' id='x'/></message>`);
    await said(juliet, "secret", "<no-store xmlns='urn:xmpp:hints'/>").catch(() => undefined);
    expect((await query(juliet)).found).toHaveLength(1);
  });

  it("an archive that is off has neither ids nor messages, and is not there", async () => {
    const { juliet } = await stage({ enablearchiving: "0" });
    say(juliet, "gone");
    const got = await juliet.until("<message><body>gone</body></message>");
    expect(child(got, "stanza-id", "urn:xmpp:sid:0")).toBeUndefined();
    expect(await bodies(juliet)).toBe("service-unavailable");
  });
});

describe("6.1.2: who may read it", () => {
  it("an open room's, whoever is not banned; a members-only room's, who belongs to it; one with a password, who is in it", async () => {
    const { juliet, romeo, nurse } = await stage();
    await said(juliet, "hark");
    expect(await bodies(nurse)).toBe("hark");
    await admin(juliet, `<item jid='${nurse.bare}' affiliation='outcast'/>`);
    expect(await bodies(nurse)).toBe("forbidden");
    await admin(
      juliet,
      `<item jid='${nurse.bare}' affiliation='none'/><item jid='${romeo.bare}' affiliation='member'/>`,
    );
    await configure(juliet, { membersonly: "1" });
    expect(await bodies(nurse)).toBe("forbidden");
    expect(await bodies(romeo)).toBe("hark");
    await configure(juliet, { membersonly: "0", passwordprotectedroom: "1", roomsecret: "s" });
    expect(await bodies(nurse)).toBe("forbidden");
    expect(await bodies(romeo)).toBe("hark");
  });

  it("real addresses are for those who may know them, at the time of the query", async () => {
    const { juliet, romeo } = await stage();
    const forged = `<x xmlns='${USER}'><item jid='paris@example.com' affiliation='owner' role='moderator'/></x>`;
    await said(juliet, "hark", forged);
    const seen = async (client: ScriptedClient) => (await query(client)).found.map(({ inner }) => itemOf(inner).jid);
    expect(await seen(juliet)).toEqual([juliet.bare]);
    expect(await seen(romeo)).toEqual([undefined]);
    expect(romeo.received).not.toContain(juliet.bare);
    await configure(juliet, { whois: "anyone" });
    expect(await seen(romeo)).toEqual([juliet.bare]);
  });

  it("4.1.1: by publisher: anybody's room address; a real address only for who may know it", async () => {
    const { juliet, romeo } = await stage();
    await said(juliet, "one");
    await said(romeo, "two");
    expect(await bodies(romeo, form({ with: `${ROOM}/rom` }))).toBe("two");
    expect(await bodies(romeo, form({ with: juliet.bare }))).toBe("forbidden");
    expect(await bodies(juliet, form({ with: romeo.bare }))).toBe("two");
    expect(await bodies(juliet, form({ with: romeo.full }))).toBe("two");
  });

  it("4.3: by pages, and by time", async () => {
    const clock = new FakeClock();
    const server = await startServer(PLAIN, { clock });
    const juliet = await server.online("juliet");
    await make(juliet, "jule");
    for (const body of ["one", "two", "three"]) {
      await said(juliet, body);
      clock.advance(60_000);
    }
    expect(await bodies(juliet, set("<max>2</max><before/>"))).toBe("two three");
    expect(await bodies(juliet, form({ start: "2026-01-01T00:00:30Z", end: "2026-01-01T00:01:30Z" }))).toBe("two");
    const fields = await juliet.ask("get", `<query xmlns='${MAM}'/>`, ROOM);
    expect(fields.toString()).toContain("after-id");
    const metadata = await juliet.ask("get", `<metadata xmlns='${MAM}'/>`, ROOM);
    expect(child(child(metadata, "metadata", MAM) as Element, "start", MAM)?.attrs.timestamp).toBe(
      "2026-01-01T00:00:00.000Z",
    );
  });
});

describe("XEP-0424 sections 5 and 6: a message that its author takes back", () => {
  const retract = (id: string) =>
    `<message to='${ROOM}' type='groupchat' id='retract-1'><retract xmlns='urn:xmpp:message-retract:1' id='${id}'/></message>`;

  it("is a tombstone in the archive and in nobody's history; the retraction is kept", async () => {
    const { romeo, nurse } = await stage();
    const id = await said(romeo, "sorry");
    romeo.send(retract(id));
    await romeo.until("<message><retract xmlns='urn:xmpp:message-retract:1'/></message>");
    await romeo.sync();
    const { found } = await query(nurse);
    expect(found).toHaveLength(2);
    expect(found[0]?.id).toBe(id);
    const stone = found[0]?.inner as Element;
    expect(bodyOf(stone)).toBe("");
    expect(child(stone, "retracted", "urn:xmpp:message-retract:1")?.attrs).toMatchObject({ id: "retract-1" });
    expect(child(stone, "occupant-id", "urn:xmpp:occupant-id:0")).toBeDefined();
    expect((await join(nurse, "angelica")).history.map(bodyOf)).not.toContain("sorry");
  });

  it("of somebody else it stays as it is", async () => {
    const { juliet, romeo, nurse } = await stage();
    const id = await said(juliet, "mine");
    romeo.send(retract(id));
    await romeo.until("<message><retract xmlns='urn:xmpp:message-retract:1'/></message>");
    await romeo.sync();
    expect(bodyOf((await query(nurse)).found[0]?.inner as Element)).toBe("mine");
  });
});

describe("XEP-0425: moderation", () => {
  const reason = "inappropriate";
  const current = (id: string) =>
    `<moderate xmlns='urn:xmpp:message-moderate:1' id='${id}'><retract xmlns='urn:xmpp:message-retract:1'/><reason>${reason}</reason></moderate>`;
  const older = (id: string) =>
    `<apply-to xmlns='urn:xmpp:fasten:0' id='${id}'><moderate xmlns='urn:xmpp:message-moderate:0'><retract xmlns='urn:xmpp:message-retract:0'/><reason>${reason}</reason></moderate></apply-to>`;

  it.each([
    ["section 3", current],
    ["version 0.2.1", older],
  ])("%s: everybody is told in both versions' words, and a tombstone stays", async (_, payload) => {
    const { juliet, romeo, nurse } = await stage();
    const id = await said(romeo, "free potions");
    await juliet.sync();
    expect((await juliet.ask("set", payload(id), ROOM)).attrs).toMatchObject({ type: "result", from: ROOM });
    const told = await romeo.expect(
      `<message from='${ROOM}' type='groupchat'>
        <retract xmlns='urn:xmpp:message-retract:1' id='${id}'><moderated xmlns='urn:xmpp:message-moderate:1' by='${ROOM}/jule'/><reason>${reason}</reason></retract>
        <apply-to xmlns='urn:xmpp:fasten:0' id='${id}'><moderated xmlns='urn:xmpp:message-moderate:0' by='${ROOM}/jule'><retract xmlns='urn:xmpp:message-retract:0'/><reason>${reason}</reason></moderated></apply-to>
      </message>`,
    );
    const { found } = await query(nurse);
    expect(found).toHaveLength(2);
    const stone = found[0]?.inner as Element;
    expect([found[0]?.id, bodyOf(stone)]).toEqual([id, ""]);
    const retracted = child(stone, "retracted", "urn:xmpp:message-retract:1") as Element;
    expect(retracted.getChildText("reason")).toBe(reason);
    expect(attr(retracted, "id")).toBe(attr(told, "id"));
    expect(childrenOf(retracted, "moderated", "urn:xmpp:message-moderate:1")).toHaveLength(1);
    expect((await join(nurse, "angelica")).history.map(bodyOf)).not.toContain("free potions");
  });

  it("is for moderators, of messages that are there, and of retractions", async () => {
    const { juliet, romeo } = await stage();
    const id = await said(juliet, "hark");
    expect(conditionOf(await romeo.ask("set", current(id), ROOM))).toBe("forbidden");
    expect(conditionOf(await juliet.ask("set", current("unknown"), ROOM))).toBe("item-not-found");
    const other = `<moderate xmlns='urn:xmpp:message-moderate:1' id='${id}'><edit xmlns='urn:other'/></moderate>`;
    expect(conditionOf(await juliet.ask("set", other, ROOM))).toBe("bad-request");
    expect((await query(juliet)).found.map(({ inner }) => bodyOf(inner))).toEqual(["hark"]);
    expect(statuses(juliet.left()[0] ?? (await join(juliet, "jule")).self)).toContain(110);
  });
});
