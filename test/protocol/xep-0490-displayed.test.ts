// XEP-0490 1.0.1: Message Displayed Synchronization, as a private node of the account and with the server's assistance.

import type { Element } from "ltx";
import { describe, expect, it } from "vitest";
import type { ScriptedClient } from "../support/client.ts";
import { configuring, EVENT, idsIn, items, messagesUntilNow, publishing, wants } from "../support/pep.ts";
import { befriend, startServer, type TestServer } from "../support/server.ts";

const MDS = "urn:xmpp:mds:displayed:0";
const INFO = "http://jabber.org/protocol/disco#info";
/** Of section 4.2. */
const OPTIONS = {
  persist_items: "true",
  max_items: "max",
  send_last_published_item: "never",
  access_model: "whitelist",
};
const MARKER = "<displayed xmlns='urn:xmpp:chat-markers:0' id='the-msg-1'/>";
const ID = "0423e3a9-d516-493d-bb06-bee0e51ab9fb";

const displayed = (by: string, id = ID): string =>
  `<displayed xmlns='${MDS}'><stanza-id xmlns='urn:xmpp:sid:0' by='${by}' id='${id}'/></displayed>`;

type Scene = { server: TestServer; juliet: ScriptedClient; chamber: ScriptedClient; romeo: ScriptedClient };

/** Juliet has two clients, and sees Romeo as he sees her. */
async function scene(): Promise<Scene> {
  const server = await startServer();
  const juliet = await server.online("juliet", { resource: "balcony" });
  const chamber = await server.online("juliet", { resource: "chamber" });
  const romeo = await server.online("romeo", { resource: "orchard" });
  await befriend(juliet, romeo);
  await chamber.sync();
  return { server, juliet, chamber, romeo };
}

/** What is stored: chat and stanza id. */
async function stored(client: ScriptedClient): Promise<[string, string | undefined][]> {
  const answer = await client.ask("get", items(MDS));
  const list = answer.getChild("pubsub")?.getChild("items")?.getChildren("item") ?? [];
  return list.map((item) => [item.attrs.id, item.getChild("displayed", MDS)?.getChild("stanza-id")?.attrs.id]);
}

describe("XEP-0490 sections 4.1 to 4.4: the node", () => {
  it("keeps an item for each chat, the full JID of a room's occupant among them; the newest state of each", async () => {
    const { juliet, chamber } = await scene();
    const chats = ["romeo@example.com", "room@rooms.example.com", "room@rooms.example.com/nick"];
    for (const chat of [...chats, chats[0]]) {
      const payload = publishing(MDS, `<item id='${chat}'>${displayed(juliet.bare, `of ${chat}`)}</item>`, OPTIONS);
      expect((await juliet.ask("set", payload)).attrs.type).toBe("result");
    }
    expect((await stored(chamber)).sort()).toEqual(chats.map((chat) => [chat, `of ${chat}`]).sort());
  });

  it("4.3: the user's clients are told, and no contact is, whatever it is interested in", async () => {
    const { juliet, chamber, romeo } = await scene();
    for (const client of [chamber, romeo]) await wants(client, MDS);
    await juliet.ask("set", publishing(MDS, `<item id='a@x.example'>${displayed(juliet.bare)}</item>`, OPTIONS));
    expect((await messagesUntilNow(chamber)).map(idsIn)).toEqual([["a@x.example"]]);
    expect(await messagesUntilNow(romeo)).toEqual([]);
    expect((await romeo.ask("get", items(MDS), juliet.bare)).attrs.type).toBe("error");
  });

  it("7: it is private even where a client leaves the options out", async () => {
    const { juliet, romeo } = await scene();
    for (const chat of ["a@x.example", "b@x.example"]) {
      await juliet.ask("set", publishing(MDS, `<item id='${chat}'>${displayed(juliet.bare)}</item>`));
    }
    expect(await stored(juliet)).toHaveLength(2);
    expect((await romeo.ask("get", items(MDS), juliet.bare)).attrs.type).toBe("error");
  });
});

describe("XEP-0490 section 4.5: server assist", () => {
  it("4.5.2: the account announces it", async () => {
    const { juliet } = await scene();
    const info = (await juliet.ask("get", `<query xmlns='${INFO}'/>`, juliet.bare)).toString();
    expect(info).toContain('var="urn:xmpp:mds:server-assist:0"');
  });

  it("4.5.3: the message goes on without the element, and the item is published, in a private node", async () => {
    const { juliet, chamber, romeo } = await scene();
    await wants(chamber, MDS);
    juliet.send(`<message to='${romeo.bare}' type='chat'>${MARKER}${displayed(juliet.bare)}</message>`);
    const message = await romeo.until(`<message from='${juliet.full}'>${MARKER}</message>`);
    expect(message.toString()).not.toContain(MDS);
    expect(message.toString()).not.toContain(ID);
    const event = await chamber.until(
      `<message type='headline' from='${juliet.bare}'><event xmlns='${EVENT}'/></message>`,
    );
    const item = event.getChild("event")?.getChild("items")?.getChild("item");
    expect(item?.attrs.id).toBe(romeo.bare);
    expect(item?.getChild("displayed", MDS)?.getChild("stanza-id")?.attrs).toMatchObject({ by: juliet.bare, id: ID });
    const config = (await juliet.ask("get", configurationOf())).toString();
    expect(config).toMatch(/access_model".*?<value>whitelist<\/value><\/field>/);
    expect(config).toMatch(/send_last_published_item".*?<value>never<\/value><\/field>/);
    expect(await stored(juliet)).toEqual([[romeo.bare, ID]]);
  });

  it("5.2: neither copies for other devices nor the archives have it", async () => {
    const { juliet, chamber, romeo } = await scene();
    await chamber.ask("set", "<enable xmlns='urn:xmpp:carbons:2'/>");
    juliet.send(`<message to='${romeo.bare}' type='chat'><body>x</body>${MARKER}${displayed(juliet.bare)}</message>`);
    const copy = await chamber.until("<message><sent xmlns='urn:xmpp:carbons:2'/></message>");
    expect(copy.toString()).toContain("the-msg-1");
    expect(copy.toString()).not.toContain(MDS);
    for (const client of [juliet, romeo]) {
      client.send("<iq type='set' id='mam'><query xmlns='urn:xmpp:mam:2'/></iq>");
      const archived = await client.until("<message><result xmlns='urn:xmpp:mam:2'/></message>");
      expect(archived.toString()).toContain("the-msg-1");
      expect(archived.toString()).not.toContain(MDS);
      await client.until("<iq id='mam' type='result'/>");
    }
  });

  it("5.2: the item id is the address as the client wrote it, and the stanza id is not looked at", async () => {
    const { juliet } = await scene();
    const odd = `<displayed xmlns='${MDS}'><stanza-id xmlns='urn:xmpp:sid:0' by='&lt;' id='&apos;'/></displayed>`;
    juliet.send(`<message to='Romeo@EXAMPLE.com' type='chat'>${MARKER}${odd}</message>`);
    await juliet.sync();
    expect(await stored(juliet)).toEqual([["Romeo@EXAMPLE.com", "'"]]);
  });

  it("state moves on with each message, and what was published by a client is the same node", async () => {
    const { juliet, romeo } = await scene();
    await juliet.ask("set", publishing(MDS, `<item id='${romeo.bare}'>${displayed(juliet.bare, "1")}</item>`, OPTIONS));
    juliet.send(`<message to='${romeo.bare}' type='chat'>${MARKER}${displayed(juliet.bare, "2")}</message>`);
    await juliet.sync();
    expect(await stored(juliet)).toEqual([[romeo.bare, "2"]]);
  });

  it("several elements: all are taken out; without an addressee, or in an error, nothing is published", async () => {
    const { juliet, romeo } = await scene();
    juliet.send(`<message type='chat'><body>self</body>${displayed("x")}</message>`);
    expect((await juliet.until("<message><body>self</body></message>")).toString()).not.toContain(MDS);
    juliet.send(`<message to='${romeo.full}' type='error'>${displayed("x")}</message>`);
    await juliet.sync();
    expect(await stored(juliet)).toEqual([]);
    juliet.send(`<message to='${romeo.full}' type='chat'><body>y</body>${displayed("x")}${displayed("y")}</message>`);
    expect((await romeo.until("<message><body>y</body></message>")).toString()).not.toContain(MDS);
    expect(await stored(juliet)).toHaveLength(1);
  });

  it("an account that may keep no more: the message goes on all the same", async () => {
    const server = await startServer({ pubsub: { itemBytes: 100 } });
    const [juliet, romeo] = [await server.online("juliet"), await server.online("romeo")];
    const giant = displayed("x".repeat(500));
    juliet.send(`<message to='${romeo.full}' type='chat'><body>z</body>${giant}</message>`);
    expect((await romeo.until("<message><body>z</body></message>")).toString()).not.toContain(MDS);
    expect(await stored(juliet)).toEqual([]);
  });

  it("what others send does nothing to the recipient's node", async () => {
    const { juliet, romeo } = await scene();
    romeo.send(`<message to='${juliet.full}' type='chat'><body>x</body>${displayed(juliet.bare)}</message>`);
    await juliet.until("<message><body>x</body></message>");
    expect(await stored(juliet)).toEqual([]);
    expect(
      (await romeo.ask("set", publishing(MDS, `<item id='x'>${displayed("x")}</item>`), juliet.bare)).attrs.type,
    ).toBe("error");
  });

  it("an order that its owner gave the node is kept", async () => {
    const { juliet, romeo } = await scene();
    await juliet.ask("set", publishing(MDS, `<item id='a'>${displayed("x")}</item>`, OPTIONS));
    await juliet.ask("set", configuring(MDS, { title: "Mine" }));
    juliet.send(`<message to='${romeo.bare}' type='chat'>${MARKER}${displayed(juliet.bare)}</message>`);
    await juliet.sync();
    expect((await juliet.ask("get", configurationOf())).toString()).toContain("Mine");
    expect(await stored(juliet)).toHaveLength(2);
  });

  it("messages keep their order, with the element and without", async () => {
    const { juliet, romeo } = await scene();
    const bodies = Array.from({ length: 20 }, (_, index) => `m${index}`);
    for (const [index, body] of bodies.entries()) {
      const extra = index % 2 === 0 ? displayed("x", body) : "";
      juliet.send(`<message to='${romeo.full}' type='chat'><body>${body}</body>${extra}</message>`);
    }
    const came: Element[] = [];
    while (came.length < bodies.length) came.push(await romeo.until("<message type='chat'/>"));
    expect(came.map((message) => message.getChildText("body"))).toEqual(bodies);
  });
});

function configurationOf(): string {
  return `<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><configure node='${MDS}'/></pubsub>`;
}
