// XEP-0352 1.0.0: Client State Indication. An answer to a ping is important, and takes along what was kept: that several
// states have become one shows that they were kept.

import type { Element } from "ltx";
import { describe, expect, it } from "vitest";
import { child, textOf } from "../../server/stanza.ts";
import type { ScriptedClient } from "../support/client.ts";
import { befriend, startServer, type TestServer } from "../support/server.ts";

const CSI = "urn:xmpp:csi:0";
const ACTIVE = `<active xmlns='${CSI}'/>`;
const INACTIVE = `<inactive xmlns='${CSI}'/>`;
const CHAT_STATES = "http://jabber.org/protocol/chatstates";
const CARBONS = "urn:xmpp:carbons:2";

/** Juliet and Romeo see each other. */
async function couple(server: TestServer): Promise<[juliet: ScriptedClient, romeo: ScriptedClient]> {
  const juliet = await server.online("juliet", { resource: "balcony" });
  const romeo = await server.online("romeo", { resource: "garden" });
  await befriend(juliet, romeo);
  return [juliet, romeo];
}

async function becomeInactive(client: ScriptedClient): Promise<void> {
  client.send(INACTIVE);
  await client.sync();
}

async function show(client: ScriptedClient, ...shows: string[]): Promise<void> {
  for (const each of shows) client.send(`<presence><show>${each}</show></presence>`);
  await client.sync();
}

function state(to: string, name: string): string {
  return `<message to='${to}' type='chat'><${name} xmlns='${CHAT_STATES}'/></message>`;
}

/** In short: what each stanza says. */
function gist(stanzas: readonly Element[]): string[] {
  return stanzas.map((stanza) => {
    const said = child(stanza, "show") ?? child(stanza, "body");
    if (said !== undefined) return textOf(said);
    if (stanza.attrs.type !== undefined && stanza.name === "presence") return stanza.attrs.type as string;
    return (stanza.children as Element[]).map(({ name }) => name).join(" ") || "available";
  });
}

describe("XEP-0352 section 4.1: discovering support", () => {
  it("it is a stream feature after login, and not before", async () => {
    const server = await startServer();
    await server.admin.addUser("juliet", "secret");
    const client = await server.connect();
    expect((await client.open()).getChild("csi", CSI)).toBeUndefined();
    expect((await client.startTls()).getChild("csi", CSI)).toBeUndefined();
    expect((await client.authenticate("juliet", "secret")).getChild("csi", CSI)).toBeDefined();
  });
});

describe("XEP-0352 section 4.2: indicating state", () => {
  it("neither is answered, in any order or number", async () => {
    const server = await startServer();
    const juliet = await server.client("juliet");
    juliet.send(ACTIVE + INACTIVE + INACTIVE + ACTIVE + ACTIVE + INACTIVE);
    await juliet.expectNothing();
  });

  it("a stream begins active: all presence comes as it is said", async () => {
    const server = await startServer();
    const [juliet, romeo] = await couple(server);
    await show(romeo, "away", "dnd", "xa");
    expect(gist(await juliet.untilNow())).toEqual(["away", "dnd", "xa"]);
  });

  it("5.2: so does the next stream of a client that was inactive", async () => {
    const server = await startServer();
    const [juliet, romeo] = await couple(server);
    await becomeInactive(juliet);
    await juliet.close();
    const again = await server.online("juliet", { resource: "balcony" });
    await romeo.sync();
    await show(romeo, "away", "dnd", "xa");
    expect(gist(await again.untilNow())).toEqual(["away", "dnd", "xa"]);
  });
});

describe("XEP-0352 section 3.2: an inactive client", () => {
  it("becoming active gets the latest presence of each contact, before the answer to its next request (section 5.1)", async () => {
    const server = await startServer();
    const [juliet, romeo] = await couple(server);
    const nurse = await server.online("nurse", { resource: "house" });
    await befriend(juliet, nurse);
    await settle(juliet, romeo);
    await becomeInactive(juliet);
    await show(romeo, "away", "dnd");
    await show(nurse, "away");
    await show(romeo, "xa");
    juliet.send(`${ACTIVE}<iq to='example.com' id='ping1' type='get'><ping xmlns='urn:xmpp:ping'/></iq>`);
    await juliet.expect(`<presence from='${nurse.full}'><show>away</show></presence>`);
    await juliet.expect(`<presence from='${romeo.full}'><show>xa</show></presence>`);
    await juliet.expect("<iq id='ping1' type='result'/>");
    await show(romeo, "away", "dnd");
    expect(gist(await juliet.untilNow())).toEqual(["away", "dnd"]);
  });

  it("has the latest of every resource, and of one that left that it left", async () => {
    const server = await startServer();
    const [juliet, garden] = await couple(server);
    const home = await server.online("romeo", { resource: "home" });
    await settle(juliet, garden);
    await becomeInactive(juliet);
    await show(home, "away", "dnd");
    await show(garden, "chat", "xa");
    home.send("<presence type='unavailable'/>");
    await home.sync();
    juliet.send(ACTIVE);
    const seen = await juliet.untilNow();
    expect(seen.map(({ attrs }) => attrs.from)).toEqual([garden.full, home.full]);
    expect(gist(seen)).toEqual(["xa", "unavailable"]);
  });

  it("is sent a message at once, behind what was kept before it, each sender's latest state once", async () => {
    const server = await startServer();
    const [juliet, romeo] = await couple(server);
    await becomeInactive(juliet);
    await show(romeo, "away", "dnd");
    for (const name of ["composing", "paused", "composing"]) romeo.send(state(juliet.full, name));
    await show(romeo, "xa");
    romeo.send(`<message to='${juliet.full}' type='chat'><body>1</body></message>`);
    romeo.send(state(juliet.full, "gone"));
    for (const expected of [
      `<message from='${romeo.full}'><composing xmlns='${CHAT_STATES}'/></message>`,
      `<presence from='${romeo.full}'><show>xa</show></presence>`,
      `<message from='${romeo.full}'><body>1</body></message>`,
    ]) {
      await juliet.expect(expected);
    }
    await romeo.sync();
    expect(gist(await juliet.untilNow())).toEqual(["gone"]);
  });

  it("loses no message, encrypted or not, no request and no error", async () => {
    const server = await startServer();
    const [juliet, romeo] = await couple(server);
    await becomeInactive(juliet);
    const STANZAS = [
      `<message to='${juliet.bare}' type='chat'><body>1</body></message>`,
      `<message to='${juliet.full}'><encrypted xmlns='urn:xmpp:omemo:2'/></message>`,
      `<message to='${juliet.full}'><received xmlns='urn:xmpp:receipts' id='1'/></message>`,
      `<message to='${juliet.full}'><received xmlns='urn:xmpp:receipts' id='2'/></message>`,
      `<message to='${juliet.full}' type='error'><body>2</body></message>`,
      `<iq to='${juliet.full}' type='get' id='q1'><query xmlns='jabber:iq:version'/></iq>`,
      `<presence to='${juliet.full}' type='error' id='p1'/>`,
    ];
    for (const stanza of STANZAS) romeo.send(stanza);
    for (const stanza of STANZAS) await juliet.expect(stanza);
    await romeo.sync();
    await juliet.expectNothing();
  });

  it("is sent a subscription request at once", async () => {
    const server = await startServer();
    const [juliet, romeo] = await couple(server);
    const tybalt = await server.online("tybalt");
    await becomeInactive(juliet);
    await show(romeo, "away", "dnd");
    tybalt.send(`<presence to='${juliet.bare}' type='subscribe'/>`);
    await juliet.expect(`<presence from='${romeo.full}'><show>dnd</show></presence>`);
    await juliet.expect(`<presence from='${tybalt.bare}' type='subscribe'/>`);
  });

  it("gets copies (XEP-0280) of messages at once, of chat states later", async () => {
    const server = await startServer();
    const [juliet, romeo] = await couple(server);
    const hall = await server.online("juliet", { resource: "hall" });
    expect((await juliet.ask("set", `<enable xmlns='${CARBONS}'/>`)).attrs.type).toBe("result");
    await settle(juliet, romeo, hall);
    await becomeInactive(juliet);
    for (const name of ["composing", "paused", "active"]) romeo.send(state(hall.full, name));
    romeo.send(`<message to='${hall.full}' type='chat'><body>1</body></message>`);
    const copy = (payload: string) =>
      `<message from='${juliet.bare}'><received xmlns='${CARBONS}'><forwarded xmlns='urn:xmpp:forward:0'>` +
      `<message xmlns='jabber:client'>${payload}</message></forwarded></received></message>`;
    await juliet.expect(copy(`<active xmlns='${CHAT_STATES}'/>`));
    await juliet.expect(copy("<body>1</body>"));
    await romeo.sync();
    await juliet.expectNothing();
  });

  it("holds back nothing from the other devices of its user", async () => {
    const server = await startServer();
    const [juliet, romeo] = await couple(server);
    const hall = await server.online("juliet", { resource: "hall" });
    await settle(juliet, romeo);
    await becomeInactive(juliet);
    await show(romeo, "away", "dnd", "xa");
    expect(gist(await hall.untilNow())).toEqual(["away", "dnd", "xa"]);
    expect(gist(await juliet.untilNow())).toEqual(["xa"]);
  });

  it("has the latest in the end, however big and however often", async () => {
    const server = await startServer();
    const [juliet, romeo] = await couple(server);
    await becomeInactive(juliet);
    const text = "x".repeat(50_000);
    for (let n = 0; n < 100; n++) romeo.send(`<presence to='${juliet.full}'><status>${n} ${text}</status></presence>`);
    await romeo.sync();
    juliet.send(ACTIVE);
    const last = (await juliet.untilNow()).at(-1);
    expect(textOf(child(last as Element, "status") as Element)).toBe(`99 ${text}`);
  });
});

describe("XEP-0352 sections 5 and 6: what it does not touch", () => {
  it("5: the state is unrelated to the user's presence; 6: nobody is told of it", async () => {
    const server = await startServer();
    const [juliet, romeo] = await couple(server);
    const hall = await server.online("juliet", { resource: "hall" });
    await show(juliet, "chat");
    await settle(romeo, hall);
    for (const nonza of [INACTIVE, ACTIVE, INACTIVE]) {
      juliet.send(nonza);
      await juliet.sync();
      await romeo.expectNothing();
      await hall.expectNothing();
    }
    romeo.send(`<presence to='${juliet.bare}' type='probe'/>`);
    await romeo.sync();
    const later = await server.online("romeo", { resource: "later" });
    later.send(`<presence to='${juliet.bare}' type='probe'/>`);
    await later.until(`<presence from='${juliet.full}'><show>chat</show></presence>`);
  });

  it("5: a client without presence may say it, and gets what is addressed to it", async () => {
    const server = await startServer();
    const [juliet, romeo] = [await server.client("juliet"), await server.online("romeo")];
    await becomeInactive(juliet);
    romeo.send(`<message to='${juliet.full}'><body>1</body></message>`);
    await juliet.expect("<message><body>1</body></message>");
  });
});

async function settle(...clients: ScriptedClient[]): Promise<void> {
  for (const client of clients) await client.sync();
}
