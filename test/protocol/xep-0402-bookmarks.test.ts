// XEP-0402 1.2.0: PEP Native Bookmarks, the same as those of XEP-0048 in private XML (XEP-0049) and in a node (XEP-0223).

import type { Element } from "ltx";
import { describe, expect, it } from "vitest";
import { createMemoryStore } from "../../storage/memory.ts";
import type { ScriptedClient } from "../support/client.ts";
import {
  configuring,
  EVENT,
  idsIn,
  items,
  messagesUntilNow,
  OWNER,
  PUBSUB,
  publishing,
  wants,
} from "../support/pep.ts";
import { befriend, startServer, type TestServer } from "../support/server.ts";

const NATIVE = "urn:xmpp:bookmarks:1";
const LIST = "storage:bookmarks";
const PRIVATE = "jabber:iq:private";
const INFO = "http://jabber.org/protocol/disco#info";
const PLAY = "theplay@conference.shakespeare.lit";
const ORCHARD = "orchard@conference.shakespeare.lit";
/** Of XEP-0402 section 3.3. */
const OPTIONS = {
  persist_items: "true",
  max_items: "max",
  send_last_published_item: "never",
  access_model: "whitelist",
};
const STATE = "<state xmlns='http://myclient.example/bookmark/state' minimized='true'/>";

async function juliet(): Promise<{ server: TestServer; client: ScriptedClient }> {
  const server = await startServer();
  return { server, client: await server.online("juliet", { resource: "balcony" }) };
}

async function done(client: ScriptedClient, type: "get" | "set", payload: string, to?: string): Promise<Element> {
  const answer = await client.ask(type, payload, to);
  expect(answer.attrs.type, answer.toString()).toBe("result");
  return answer;
}

const item = (id: string, attrs = "", content = ""): string =>
  `<item id='${id}'><conference xmlns='${NATIVE}' ${attrs}>${content}</conference></item>`;
const conference = (jid: string, attrs = "", content = ""): string =>
  `<conference jid='${jid}' ${attrs}>${content}</conference>`;
const storage = (content: string): string => `<storage xmlns='${LIST}'>${content}</storage>`;

/** The three ways to write a list or an item. */
async function publishNative(client: ScriptedClient, content: string): Promise<void> {
  await done(client, "set", publishing(NATIVE, content, OPTIONS));
}
async function setPrivate(client: ScriptedClient, content: string): Promise<void> {
  await done(client, "set", `<query xmlns='${PRIVATE}'>${storage(content)}</query>`);
}
async function publishList(client: ScriptedClient, content: string): Promise<void> {
  const options = { persist_items: "true", access_model: "whitelist" };
  await done(client, "set", publishing(LIST, `<item id='current'>${storage(content)}</item>`, options));
}

/** The three ways to read all. */
async function native(client: ScriptedClient): Promise<Element[]> {
  const answer = await client.ask("get", items(NATIVE));
  return answer.getChild("pubsub")?.getChild("items")?.getChildren("item") ?? [];
}
async function privateList(client: ScriptedClient): Promise<Element> {
  const answer = await done(client, "get", `<query xmlns='${PRIVATE}'>${storage("")}</query>`);
  return answer.getChild("query", PRIVATE)?.getChild("storage", LIST) as Element;
}
async function nodeList(client: ScriptedClient): Promise<Element | undefined> {
  const list = (await client.ask("get", items(LIST))).getChild("pubsub")?.getChild("items");
  expect(list?.getChildren("item").length ?? 0).toBeLessThanOrEqual(1);
  return list?.getChild("item")?.getChild("storage", LIST) ?? undefined;
}

/** What each dialect shows, in the words of the last: jid, name, autojoin, nick, password. */
async function shown(client: ScriptedClient): Promise<Record<string, (string | null | undefined)[][]>> {
  const row = (element: Element, jid: unknown) => [
    jid as string,
    element.attrs.name,
    element.attrs.autojoin,
    element.getChildText("nick"),
    element.getChildText("password"),
  ];
  const listed = (list: Element | undefined) =>
    (list?.getChildren("conference") ?? []).map((element) => row(element, element.attrs.jid)).sort();
  return {
    native: (await native(client))
      .map((element) => row(element.getChild("conference", NATIVE) as Element, element.attrs.id))
      .sort(),
    private: listed(await privateList(client)),
    node: listed(await nodeList(client)),
  };
}

const everywhere = (...rows: (string | null | undefined)[][]) => ({ native: rows, private: rows, node: rows });

describe("XEP-0402 section 6: discovery", () => {
  it("3.3: before the first bookmark there is an empty list for the owner, and nothing for others (XEP-0060 6.5.9.11)", async () => {
    const { server, client } = await juliet();
    const romeo = await server.online("romeo", { resource: "orchard" });
    await befriend(client, romeo);
    const answer = await done(client, "get", items(NATIVE));
    expect(answer.getChild("pubsub")?.getChild("items")?.attrs.node).toBe(NATIVE);
    expect(idsIn(answer)).toEqual([]);
    for (const [asker, payload] of [
      [romeo, items(NATIVE)],
      [client, items("no-such-node")],
    ] as const) {
      const refused = await asker.ask("get", payload, client.bare);
      expect(refused.getChild("error")?.getChild("item-not-found")).toBeDefined();
    }
  });

  it("the account, and not the server, announces what it unifies, and what clients need besides", async () => {
    const { client } = await juliet();
    const info = async (to: string) => (await client.ask("get", `<query xmlns='${INFO}'/>`, to)).toString();
    const account = await info(client.bare);
    for (const feature of [`${NATIVE}#compat`, `${NATIVE}#compat-pep`]) {
      expect(account).toContain(`var="${feature}"`);
      expect(await info("example.com")).not.toContain(feature);
    }
    for (const feature of ["publish-options", "config-node-max"]) expect(account).toContain(`${PUBSUB}#${feature}`);
  });
});

describe("XEP-0402 section 5.3: what is written in one dialect is read in all", () => {
  const row = [PLAY, "The Play's the Thing", "true", "JC", "cauldronburn"];
  const words = "name='The Play&apos;s the Thing' autojoin='true'";
  const content = "<nick>JC</nick><password>cauldronburn</password>";

  it.each<[string, (client: ScriptedClient) => Promise<void>]>([
    ["as an item", (client) => publishNative(client, item(PLAY, words, content))],
    ["as a list in private XML", (client) => setPrivate(client, conference(PLAY, words, content))],
    ["as a list in a node", (client) => publishList(client, conference(PLAY, words, content))],
  ])("%s", async (_what, write) => {
    const { client } = await juliet();
    await write(client);
    expect(await shown(client)).toEqual(everywhere(row));
  });

  it("5.3.1: there may be nothing in a bookmark, and autojoin may be 1", async () => {
    const { client } = await juliet();
    await publishNative(client, item(PLAY));
    await publishNative(client, item(ORCHARD, "autojoin='1'"));
    expect((await privateList(client)).getChildren("conference").map(({ attrs }) => attrs)).toEqual([
      { jid: PLAY },
      { jid: ORCHARD, autojoin: "true" },
    ]);
  });

  it("each dialect changes and removes what another one added", async () => {
    const { client } = await juliet();
    await publishNative(client, item(PLAY, "name='1'"));
    await publishList(client, conference(PLAY, "name='2'") + conference(ORCHARD, "name='2'"));
    expect(await shown(client)).toEqual(
      everywhere([ORCHARD, "2", undefined, null, null], [PLAY, "2", undefined, null, null]),
    );
    await setPrivate(client, conference(ORCHARD, "name='3'", "<nick>n</nick>"));
    expect(await shown(client)).toEqual(everywhere([ORCHARD, "3", undefined, "n", null]));
    await publishNative(client, item(ORCHARD, "name='4'"));
    expect(await shown(client)).toEqual(everywhere([ORCHARD, "4", undefined, null, null]));
    const retract = `<pubsub xmlns='${PUBSUB}'><retract node='${NATIVE}' notify='true'><item id='${ORCHARD}'/></retract></pubsub>`;
    await done(client, "set", retract);
    expect(await shown(client)).toEqual(everywhere());
  });

  it.each<[string, string]>([
    ["purged", `<purge node='${NATIVE}'/>`],
    ["deleted", `<delete node='${NATIVE}'/>`],
  ])("where the items are %s no dialect has any", async (_what, action) => {
    const { client } = await juliet();
    await publishList(client, conference(PLAY));
    await done(client, "set", `<pubsub xmlns='${OWNER}'>${action}</pubsub>`);
    expect(await shown(client)).toEqual(everywhere());
  });

  it("a list that replaces all is empty: so is everything", async () => {
    const { client } = await juliet();
    await publishNative(client, item(PLAY));
    await setPrivate(client, "");
    expect(await shown(client)).toEqual(everywhere());
  });

  it("an account without bookmarks has none in any dialect, and no nodes come of looking", async () => {
    const { client } = await juliet();
    expect(await shown(client)).toEqual(everywhere());
    for (const node of [NATIVE, LIST]) {
      const form = await client.ask("get", `<pubsub xmlns='${OWNER}'><configure node='${node}'/></pubsub>`);
      expect(form.getChild("error")?.getChild("item-not-found")).toBeDefined();
    }
  });

  it("a list in a node that a crash left behind the items is right when it is looked at", async () => {
    const store = createMemoryStore();
    const server = await startServer({}, { store });
    const client = await server.online("juliet");
    await publishList(client, conference(PLAY));
    await done(client, "get", items(LIST));
    // As written, without what comes of it.
    await store.pubsub.retract(client.bare, NATIVE, PLAY);
    const late = { id: ORCHARD, publisher: client.full, at: 1, xml: `<conference xmlns='${NATIVE}'/>` };
    const create = { config: "{}", affiliations: [], subscriptions: [] };
    const quota = { nodes: 10, bytes: 100_000 };
    await store.pubsub.publish(client.bare, NATIVE, () => ({ create, item: late, keep: 9, since: 0 }), quota);
    expect(await shown(client)).toEqual(everywhere([ORCHARD, undefined, undefined, null, null]));
  });

  it("a list that was there before, of both old kinds, becomes items", async () => {
    const store = createMemoryStore();
    const server = await startServer({}, { store });
    const client = await server.online("juliet");
    const [kept, url] = [conference(PLAY, "name='a'", "<nick>n</nick>"), "<url name='u' url='http://example.com/'/>"];
    const element = { ns: LIST, name: "storage", xml: storage(kept + url) };
    await store.profiles.setPrivateXml(client.bare, [element], { bytes: 10_000, elements: 10 });
    const before = { id: "current", publisher: client.full, at: 1, xml: storage(conference(ORCHARD)) };
    const create = { config: "{}", affiliations: [], subscriptions: [] };
    await store.pubsub.publish(client.bare, LIST, () => ({ create, item: before, keep: 1, since: 0 }), {
      nodes: 10,
      bytes: 10_000,
    });
    expect(idsIn(await done(client, "get", items(NATIVE)))).toEqual([ORCHARD, PLAY]);
    expect(await shown(client)).toEqual(
      everywhere([ORCHARD, undefined, undefined, null, null], [PLAY, "a", undefined, "n", null]),
    );
    expect((await privateList(client)).getChildren("url")).toHaveLength(1);
  });
});

describe("XEP-0402 sections 2 and 3.4: what a dialect has no name for is not lost", () => {
  it("extensions are shown in lists, and stay where a client leaves them out or changes something else", async () => {
    const { client } = await juliet();
    await publishNative(client, item(ORCHARD, "name='a'", `<nick>JC</nick><extensions>${STATE}</extensions>`));
    for (const list of [await privateList(client), await nodeList(client)]) {
      const state = list?.getChild("conference")?.getChild("extensions", LIST)?.getChild("state");
      expect(state?.attrs).toMatchObject({ xmlns: "http://myclient.example/bookmark/state", minimized: "true" });
    }
    for (const write of [setPrivate, publishList]) {
      await write(client, conference(ORCHARD, "name='b'"));
      const [stored] = await native(client);
      const element = stored?.getChild("conference", NATIVE);
      expect(element?.attrs.name).toBe("b");
      expect(element?.getChild("nick")).toBeUndefined();
      expect(element?.getChild("extensions", NATIVE)?.getChildren("state")).toHaveLength(1);
    }
    // The copy has it again, whatever that client wrote.
    expect((await nodeList(client))?.toString()).toContain("minimized");
  });

  it("what a client puts into a list's conference beside the standard is an extension of the item", async () => {
    const { client } = await juliet();
    await setPrivate(client, conference(PLAY, "", "<minimize xmlns='xmpp:gajim.org/bookmarks'>true</minimize>"));
    const [stored] = await native(client);
    const extensions = stored?.getChild("conference", NATIVE)?.getChild("extensions", NATIVE);
    expect(extensions?.getChild("minimize", "xmpp:gajim.org/bookmarks")?.text()).toBe("true");
    expect((await privateList(client)).toString()).toContain("xmpp:gajim.org/bookmarks");
  });

  it("web pages and unknown elements stay in both lists, and are no items", async () => {
    const { client } = await juliet();
    const rest =
      "<url name='Works' url='http://the-tech.mit.edu/Shakespeare/'/><other xmlns='urn:other' a='1'>x</other>";
    await publishList(client, rest + conference(PLAY));
    await publishNative(client, item(ORCHARD));
    for (const list of [await privateList(client), await nodeList(client)]) {
      expect(list?.getChild("url", LIST)?.attrs).toMatchObject({ name: "Works" });
      expect(list?.getChild("other", "urn:other")?.text()).toBe("x");
      expect(list?.getChildren("conference")).toHaveLength(2);
    }
    expect((await native(client)).map(({ attrs }) => attrs.id)).toEqual([PLAY, ORCHARD]);
    await setPrivate(client, conference(PLAY));
    expect((await nodeList(client))?.getChild("url")).toBeUndefined();
  });

  it("items that are no bookmarks of rooms are in no list, and no list removes them", async () => {
    const { client } = await juliet();
    await publishNative(client, item("javascript:alert(1)", "name='x'"));
    await publishNative(client, "<item id='other@example.com'><other xmlns='urn:other'/></item>");
    await publishNative(client, item(PLAY));
    expect((await privateList(client)).getChildren("conference").map(({ attrs }) => attrs.jid)).toEqual([PLAY]);
    await setPrivate(client, "");
    expect((await native(client)).map(({ attrs }) => attrs.id)).toEqual(["javascript:alert(1)", "other@example.com"]);
  });
});

describe("XEP-0402 sections 4 and 5.3.2: notifications", () => {
  it("a list in either old dialect: each changed item, each removed one, and nothing for the others", async () => {
    const { server, client } = await juliet();
    const chamber = await server.online("juliet", { resource: "chamber" });
    for (const write of [setPrivate, publishList]) {
      await write(client, conference("same@x.example") + conference("old@x.example") + conference("gone@x.example"));
      await wants(chamber, NATIVE);
      await write(client, conference("same@x.example", "autojoin='false'") + conference("old@x.example", "name='new'"));
      const told = (await messagesUntilNow(chamber)).map((message) => {
        const list = message.getChild("event", EVENT)?.getChild("items");
        expect(list?.attrs.node).toBe(NATIVE);
        return list?.getChild("item")?.attrs.id ?? `no more ${list?.getChild("retract")?.attrs.id}`;
      });
      expect(told.sort()).toEqual(["no more gone@x.example", "old@x.example"]);
      await wants(chamber);
    }
  });

  it("an item: whoever wants the list is told the list, also where there was no node for it", async () => {
    const { server, client } = await juliet();
    const chamber = await server.online("juliet", { resource: "chamber" });
    await wants(chamber, LIST);
    await publishNative(client, item(PLAY, "name='a'"));
    const message = await chamber.until(`<message from='${client.bare}'><event xmlns='${EVENT}'/></message>`);
    const list = message.getChild("event")?.getChild("items");
    expect([list?.attrs.node, list?.getChild("item")?.attrs.id]).toEqual([LIST, "current"]);
    expect(list?.toString()).toContain(`jid="${PLAY}"`);
    // It comes to rest: no dialect answers the other for ever.
    await nodeList(client);
    await privateList(client);
    expect(await messagesUntilNow(chamber)).toEqual([]);
  });

  it("contacts are told nothing, and can read nothing", async () => {
    const { server, client } = await juliet();
    const romeo = await server.online("romeo");
    await befriend(client, romeo);
    await wants(romeo, NATIVE, LIST);
    // Not even where the client forgets to say so.
    await done(client, "set", publishing(NATIVE, item(PLAY)));
    await publishList(client, conference(PLAY) + conference(ORCHARD));
    expect(await messagesUntilNow(romeo)).toEqual([]);
    for (const node of [NATIVE, LIST]) {
      expect((await romeo.ask("get", items(node), client.bare)).attrs.type).toBe("error");
      expect((await romeo.ask("set", publishing(node, item(PLAY)), client.bare)).attrs.type).toBe("error");
    }
    const query = `<query xmlns='${PRIVATE}'>${storage("")}</query>`;
    for (const type of ["get", "set"] as const)
      expect((await romeo.ask(type, query, client.bare)).attrs.type).toBe("error");
    expect((await native(client)).map(({ attrs }) => attrs.id)).toEqual([PLAY, ORCHARD]);
  });

  it("5.1: a node that others could read is closed before a private list goes into it", async () => {
    const { server, client } = await juliet();
    const romeo = await server.online("romeo");
    await befriend(client, romeo);
    await publishNative(client, item(PLAY));
    await done(client, "set", configuring(NATIVE, { access_model: "open", max_items: "1" }));
    await setPrivate(client, conference(PLAY) + conference(ORCHARD, "", "<password>p</password>"));
    expect((await romeo.ask("get", items(NATIVE), client.bare)).attrs.type).toBe("error");
    expect(await native(client)).toHaveLength(2);
    await nodeList(client);
    await done(client, "set", configuring(LIST, { access_model: "open" }));
    await publishNative(client, item("third@x.example"));
    expect((await nodeList(client))?.getChildren("conference")).toHaveLength(3);
    expect((await romeo.ask("get", items(LIST), client.bare)).attrs.type).toBe("error");
  });

  it("publish-options: a list for a node that is otherwise is refused, and changes nothing", async () => {
    const { client } = await juliet();
    await publishList(client, conference(PLAY));
    const refused = publishing(LIST, `<item id='current'>${storage("")}</item>`, { access_model: "open" });
    expect((await client.ask("set", refused)).toString()).toContain("precondition-not-met");
    expect(await shown(client)).toEqual(everywhere([PLAY, undefined, undefined, null, null]));
  });
});

describe("hostile lists", () => {
  it.each([
    "javascript:alert(1)",
    "&lt;script&gt;alert(1)&lt;/script&gt;@rooms.example.com",
    "' onmouseover=alert(1) x=@rooms.example.com".replace("'", "&apos;"),
    "",
    "room@rooms.example.com/nick",
    `${"x".repeat(1_100)}@rooms.example.com`,
  ])("a room whose address is %j is no item; the lists show it as it was written", async (address) => {
    const { client } = await juliet();
    await setPrivate(client, conference(address, "name='evil'") + conference(PLAY));
    expect((await native(client)).map(({ attrs }) => attrs.id)).toEqual([PLAY]);
    for (const list of [await privateList(client), await nodeList(client)]) {
      expect(list?.getChildren("conference").map(({ attrs }) => attrs.name)).toEqual([undefined, "evil"]);
    }
  });

  it("an address in other letters is the same room; of two bookmarks for it the first counts", async () => {
    const { client } = await juliet();
    await publishNative(client, item(PLAY));
    await setPrivate(client, conference(PLAY.toUpperCase(), "name='1'") + conference(PLAY, "name='2'"));
    expect(await shown(client)).toEqual(everywhere([PLAY, "1", undefined, null, null]));
  });

  it("more rooms than a node keeps: refused, and nothing is pushed out", async () => {
    const server = await startServer({ pubsub: { itemsPerNode: 3 } });
    const client = await server.online("juliet");
    await setPrivate(client, conference(PLAY));
    const four = [1, 2, 3, 4].map((number) => conference(`r${number}@x.example`)).join("");
    const query = `<query xmlns='${PRIVATE}'>${storage(four)}</query>`;
    expect((await client.ask("set", query)).toString()).toContain("resource-constraint");
    expect((await native(client)).map(({ attrs }) => attrs.id)).toEqual([PLAY]);
  });

  it("a list that is too long for an item: who asks is told; items and private XML go on", async () => {
    const server = await startServer({ pubsub: { itemBytes: 1_000 } });
    const client = await server.online("juliet");
    for (let number = 0; number < 10; number += 1) {
      await publishNative(client, item(`r${number}@x.example`, `name='${"n".repeat(150)}'`));
    }
    expect((await client.ask("get", items(LIST))).toString()).toContain("payload-too-big");
    expect((await privateList(client)).getChildren("conference")).toHaveLength(10);
  });

  it("one that is too long for a stanza: a list in private XML is refused instead of being cut short", async () => {
    const server = await startServer({ limits: { outboxBytes: 65_536 } });
    const client = await server.online("juliet");
    for (let number = 0; number < 10; number += 1) {
      await publishNative(client, item(`r${number}@x.example`, `name='${"n".repeat(2_000)}'`));
    }
    const query = `<query xmlns='${PRIVATE}'>${storage("")}</query>`;
    expect((await client.ask("get", query)).toString()).toContain("resource-constraint");
    expect((await client.ask("set", query)).toString()).toContain("resource-constraint");
    expect(await native(client)).not.toHaveLength(0);
  });

  it("private XML of other kinds in one request is kept with it, or not at all", async () => {
    const server = await startServer({ limits: { privateXmlBytes: 500 } });
    const client = await server.online("juliet");
    const write = (text: string) =>
      client.ask("set", `<query xmlns='${PRIVATE}'><a xmlns='n'>${text}</a>${storage(conference(PLAY))}</query>`);
    expect((await write("x".repeat(600))).toString()).toContain("resource-constraint");
    expect(await native(client)).toEqual([]);
    expect((await write("kept")).attrs.type).toBe("result");
    expect((await done(client, "get", `<query xmlns='${PRIVATE}'><a xmlns='n'/></query>`)).toString()).toContain(
      "kept",
    );
    expect(await native(client)).toHaveLength(1);
  });

  it("clients of all dialects at once: every dialect ends with the same", async () => {
    const { server, client } = await juliet();
    const [second, third] = [await server.online("juliet"), await server.online("juliet")];
    const each = async (write: (index: number) => Promise<void>): Promise<void> => {
      for (let index = 0; index < 8; index += 1) await write(index);
    };
    await Promise.all([
      each((index) => publishNative(client, item(`native${index}@x.example`))),
      each((index) =>
        setPrivate(second, conference(`private${index}@x.example`) + conference(PLAY, `name='${index}'`)),
      ),
      each((index) => publishList(third, conference(`list${index}@x.example`) + conference(PLAY, `name='l${index}'`))),
    ]);
    const all = await shown(client);
    expect(all.native?.length).toBeGreaterThan(1);
    expect(all.private).toEqual(all.native);
    expect(all.node).toEqual(all.native);
  });
});
