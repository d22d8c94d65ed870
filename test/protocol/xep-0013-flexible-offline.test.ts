// XEP-0013 1.3: Flexible Offline Message Retrieval.

import type { Element } from "ltx";
import { describe, expect, it } from "vitest";
import { childrenOf, textOf } from "../../server/stanza.ts";
import type { ScriptedClient } from "../support/client.ts";
import { befriend, startServer, type TestServer } from "../support/server.ts";

const OFFLINE = "http://jabber.org/protocol/offline";
const INFO = "http://jabber.org/protocol/disco#info";
const ITEMS = "http://jabber.org/protocol/disco#items";
const COUNT = `<query xmlns='${INFO}' node='${OFFLINE}'/>`;
const HEADERS = `<query xmlns='${ITEMS}' node='${OFFLINE}'/>`;
const FETCH = `<offline xmlns='${OFFLINE}'><fetch/></offline>`;
const PURGE = `<offline xmlns='${OFFLINE}'><purge/></offline>`;
const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";
const ROMEO = "romeo@example.com";

function items(action: "view" | "remove", ...nodes: string[]): string {
  return `<offline xmlns='${OFFLINE}'>${nodes.map((node) => `<item action='${action}' node='${node}'/>`).join("")}</offline>`;
}

function refused(condition: string, type: string): string {
  return `<iq type='error'><error type='${type}'><${condition} xmlns='${STANZAS}'/></error></iq>`;
}

/** Juliet has written to Romeo while he was away. */
async function written(server: TestServer, ...bodies: string[]): Promise<ScriptedClient> {
  await server.admin.addUser("romeo", "secret").catch(() => {});
  const juliet = await server.online("juliet", { resource: "balcony" });
  for (const body of bodies)
    juliet.send(`<message to='${ROMEO}' type='chat' id='m${body}'><body>${body}</body></message>`);
  await juliet.sync();
  return juliet;
}

/** Logged in, without presence. */
function romeo(server: TestServer, resource = "orchard"): Promise<ScriptedClient> {
  return server.client("romeo", { resource, password: "secret" });
}

async function headers(client: ScriptedClient): Promise<{ jid: string; node: string; name: string }[]> {
  const answer = await client.ask("get", HEADERS);
  expect(answer.attrs.type).toBe("result");
  const query = answer.getChild("query", ITEMS) as Element;
  expect(query.attrs.node).toBe(OFFLINE);
  return childrenOf(query, "item", ITEMS).map(({ attrs }) => attrs as { jid: string; node: string; name: string });
}

async function count(client: ScriptedClient): Promise<string> {
  const answer = await client.ask("get", COUNT);
  const form = answer.getChild("query", INFO)?.getChild("x", "jabber:x:data") as Element;
  const field = childrenOf(form, "field", "jabber:x:data").find(({ attrs }) => attrs.var === "number_of_messages");
  return textOf(field?.getChild("value") as Element);
}

/** The bodies of the messages that have come by now. */
async function bodies(client: ScriptedClient): Promise<string[]> {
  return (await client.untilNow())
    .filter(({ name }) => name === "message")
    .map((each) => each.getChildText("body") ?? "");
}

describe("XEP-0013 section 2.1: discovering server support", () => {
  it("the server announces it", async () => {
    const server = await startServer();
    const client = await server.client("romeo");
    const info = await client.ask("get", `<query xmlns='${INFO}'/>`, "example.com");
    expect(info.toString()).toContain(`var="${OFFLINE}"`);
  });
});

describe("XEP-0013 section 2.2: requesting the number of messages", () => {
  it.each(["", `to='${ROMEO}'`])(
    "it is in a form, beside the identity and the feature of the node (%s)",
    async (to) => {
      const server = await startServer();
      await written(server, "1", "2", "3");
      const client = await romeo(server);
      client.send(`<iq type='get' id='n' ${to}>${COUNT}</iq>`);
      const answer = await client.expect(
        `<iq type='result' id='n' to='${client.full}'><query xmlns='${INFO}' node='${OFFLINE}'>` +
          `<identity category='automation' type='message-list'/><feature var='${OFFLINE}'/>` +
          `<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'><value>${OFFLINE}</value></field>` +
          "<field var='number_of_messages'><value>3</value></field></x></query></iq>",
      );
      expect(answer.getChild("query", INFO)?.children).toHaveLength(3);
    },
  );

  it("is 0 where there are none", async () => {
    const server = await startServer();
    expect(await count(await server.client("romeo"))).toBe("0");
  });

  it.each([
    ["the number", COUNT],
    ["the headers", HEADERS],
  ])("who asked for %s is sent no messages with its presence, but new ones as usual", async (_what, query) => {
    const server = await startServer();
    const juliet = await written(server, "1", "2");
    const client = await romeo(server);
    await client.ask("get", query);
    client.send("<presence/>");
    expect(await bodies(client)).toEqual([]);
    juliet.send(`<message to='${ROMEO}' type='chat'><body>new</body></message>`);
    await client.until("<message><body>new</body></message>");
    client.send("<presence><priority>-1</priority></presence><presence><priority>1</priority></presence>");
    expect(await bodies(client)).toEqual([]);
    expect(await count(client)).toBe("2");
  });

  it("neither is another resource while that session lasts; when it is over the next one is", async () => {
    const server = await startServer();
    await written(server, "1", "2");
    const first = await romeo(server);
    await count(first);
    const second = await romeo(server, "second");
    second.send("<presence/>");
    expect(await bodies(second)).toEqual([]);
    first.send("<presence/>");
    expect(await bodies(first)).toEqual([]);
    await first.close();
    await second.close();
    const third = await romeo(server, "third");
    third.send("<presence/>");
    expect(await bodies(third)).toEqual(["1", "2"]);
  });

  it("who asked for nothing is sent them, and the number is 0 then", async () => {
    const server = await startServer();
    await written(server, "1", "2");
    const client = await romeo(server);
    client.send("<presence/>");
    expect(await bodies(client)).toEqual(["1", "2"]);
    expect(await count(client)).toBe("0");
  });
});

describe("XEP-0013 section 2.3: requesting message headers", () => {
  it("every message has a node of its own, in order, with its sender's full JID", async () => {
    const server = await startServer();
    const juliet = await written(server, "1", "2");
    const mercutio = await server.online("mercutio", { resource: "pda" });
    mercutio.send(`<message to='${ROMEO}'><body>3</body></message>`);
    await mercutio.sync();
    const client = await romeo(server);
    const found = await headers(client);
    expect(found.map(({ jid }) => jid)).toEqual([ROMEO, ROMEO, ROMEO]);
    expect(found.map(({ name }) => name)).toEqual([juliet.full, juliet.full, mercutio.full]);
    const nodes = found.map(({ node }) => node);
    expect(new Set(nodes).size).toBe(3);
    expect([...nodes].sort()).toEqual(nodes);
    expect(await headers(client)).toEqual(found);
  });

  it("there are none: an empty query", async () => {
    const server = await startServer();
    const answer = await (await server.client("romeo")).ask("get", HEADERS);
    expect(answer.attrs.type).toBe("result");
    expect(answer.getChild("query", ITEMS)?.children).toEqual([]);
  });

  it("another user who sees the presence is told forbidden; a stranger what XEP-0030 section 8 has", async () => {
    const server = await startServer();
    const [juliet, client, tybalt] = [
      await server.online("juliet"),
      await server.online("romeo"),
      await server.online("tybalt"),
    ];
    await befriend(juliet, client);
    for (const query of [COUNT, HEADERS]) {
      juliet.send(`<iq type='get' id='1' to='${ROMEO}'>${query}</iq>`);
      await juliet.expect(refused("forbidden", "auth"));
    }
    tybalt.send(`<iq type='get' id='1' to='${ROMEO}'>${COUNT}</iq>`);
    await tybalt.expect(refused("service-unavailable", "cancel"));
    tybalt.send(`<iq type='get' id='2' to='${ROMEO}'>${HEADERS}</iq>`);
    expect((await tybalt.expect("<iq type='result' id='2'/>")).getChild("query", ITEMS)?.children).toEqual([]);
  });
});

describe("XEP-0013 section 2.4: retrieving specific messages", () => {
  it("they come with their nodes and stamps before the result, and stay in the store", async () => {
    const server = await startServer();
    const juliet = await written(server, "1", "2", "3");
    const client = await romeo(server);
    const nodes = (await headers(client)).map(({ node }) => node);
    client.send(`<iq type='get' id='view1'>${items("view", nodes[2] as string, nodes[0] as string)}</iq>`);
    for (const [body, node] of [
      ["3", nodes[2]],
      ["1", nodes[0]],
    ]) {
      await client.expect(
        `<message from='${juliet.full}' to='${ROMEO}' type='chat' id='m${body}'><body>${body}</body>` +
          `<offline xmlns='${OFFLINE}'><item node='${node}'/></offline><delay xmlns='urn:xmpp:delay' stamp='{any}'/></message>`,
      );
    }
    expect((await client.expect("<iq type='result' id='view1'/>")).children).toEqual([]);
    expect(await count(client)).toBe("3");
  });

  it("a node that does not exist: item-not-found, and nothing is sent", async () => {
    const server = await startServer();
    await written(server, "1");
    const client = await romeo(server);
    const [{ node } = { node: "" }] = await headers(client);
    for (const other of ["2003-02-27T22:52:37.225Z", "", "0", `${"9".repeat(16)}`, `${node}0`]) {
      client.send(`<iq type='get' id='1'>${items("view", node, other)}</iq>`);
      await client.expect(refused("item-not-found", "cancel"));
    }
  });

  it("of another user's messages: forbidden, and their nodes are nobody else's", async () => {
    const server = await startServer();
    const juliet = await written(server, "1");
    const [{ node } = { node: "" }] = await headers(await romeo(server));
    juliet.send(`<iq type='get' id='1' to='${ROMEO}'>${items("view", node)}</iq>`);
    await juliet.expect(refused("forbidden", "auth"));
    juliet.send(`<iq type='get' id='2'>${items("view", node)}</iq>`);
    await juliet.expect(refused("item-not-found", "cancel"));
    juliet.send(`<iq type='set' id='3'>${items("remove", node)}</iq>`);
    await juliet.expect(refused("item-not-found", "cancel"));
  });

  it("the node is the server's word: what the sender put there does not come through", async () => {
    const server = await startServer();
    const juliet = await written(server);
    juliet.send(
      `<message to='${ROMEO}' type='chat'><body>1</body><offline xmlns='${OFFLINE}'><item node='forged'/></offline></message>`,
    );
    await juliet.sync();
    const client = await romeo(server);
    const [{ node } = { node: "" }] = await headers(client);
    client.send(`<iq type='get' id='1'>${items("view", node)}</iq>`);
    const message = await client.expect(
      `<message><offline xmlns='${OFFLINE}'><item node='${node}'/></offline></message>`,
    );
    expect(message.toString()).not.toContain("forged");
  });
});

describe("XEP-0013 section 2.5: removing specific messages", () => {
  it("they are gone, and only they", async () => {
    const server = await startServer();
    await written(server, "1", "2", "3");
    const client = await romeo(server);
    const found = await headers(client);
    const nodes = found.map(({ node }) => node);
    client.send(`<iq type='set' id='remove1'>${items("remove", nodes[0] as string, nodes[2] as string)}</iq>`);
    expect((await client.expect(`<iq type='result' to='${client.full}' id='remove1'/>`)).children).toEqual([]);
    expect(await headers(client)).toEqual([found[1]]);
    await client.close();
    const next = await romeo(server);
    next.send("<presence/>");
    expect(await bodies(next)).toEqual(["2"]);
  });

  it("a node that does not exist: item-not-found, and nothing is removed", async () => {
    const server = await startServer();
    await written(server, "1", "2");
    const client = await romeo(server);
    const found = await headers(client);
    client.send(`<iq type='set' id='1'>${items("remove", found[0]?.node as string, "nowhere")}</iq>`);
    await client.expect(refused("item-not-found", "cancel"));
    expect(await headers(client)).toEqual(found);
    client.send(`<iq type='set' id='2'>${items("remove", found[0]?.node as string)}</iq>`);
    await client.expect("<iq type='result' id='2'/>");
    client.send(`<iq type='set' id='3'>${items("remove", found[0]?.node as string)}</iq>`);
    await client.expect(refused("item-not-found", "cancel"));
  });
});

describe("XEP-0013 section 2.6: retrieving all messages", () => {
  it("all come before the result, and not again with the presence; they stay until they are removed", async () => {
    const server = await startServer();
    const juliet = await written(server, "1", "2", "3");
    const client = await romeo(server);
    client.send(`<iq type='get' id='fetch1'>${FETCH}</iq>`);
    for (const body of ["1", "2", "3"]) {
      await client.expect(
        `<message from='${juliet.full}'><body>${body}</body><offline xmlns='${OFFLINE}'><item node='{any}'/></offline></message>`,
      );
    }
    await client.expect(`<iq type='result' id='fetch1' to='${client.full}'/>`);
    client.send("<presence/>");
    expect(await bodies(client)).toEqual([]);
    expect(await count(client)).toBe("3");
  });

  it("more of them than one page of the store, and more bytes than may wait for a client", async () => {
    const server = await startServer({ limits: { outboxBytes: 65_536 } });
    await server.admin.addUser("romeo", "secret");
    const juliet = await server.online("juliet");
    const text = "x".repeat(2_000);
    for (let n = 0; n < 250; n++) juliet.send(`<message to='${ROMEO}' type='chat'><body>${n} ${text}</body></message>`);
    await juliet.sync();
    const client = await romeo(server);
    client.send(`<iq type='get' id='fetch1'>${FETCH}</iq>`);
    for (let n = 0; n < 250; n++) await client.expect(`<message><body>${n} ${text}</body></message>`);
    await client.expect("<iq type='result' id='fetch1'/>");
  });

  it("there are none: a result alone", async () => {
    const server = await startServer();
    const client = await server.client("romeo");
    client.send(`<iq type='get' id='fetch1'>${FETCH}</iq>`);
    await client.expect("<iq type='result' id='fetch1'/>");
  });
});

describe("XEP-0013 section 2.7: removing all messages", () => {
  it.each(["", `to='${ROMEO}'`])("nothing is left, for this session or another (%s)", async (to) => {
    const server = await startServer();
    const juliet = await written(server, "1", "2", "3");
    const client = await romeo(server);
    client.send(`<iq type='set' id='purge1' ${to}>${PURGE}</iq>`);
    expect((await client.expect(`<iq type='result' to='${client.full}' id='purge1'/>`)).children).toEqual([]);
    client.send("<presence/>");
    expect(await bodies(client)).toEqual([]);
    expect(await count(client)).toBe("0");
    await client.close();
    juliet.send(`<message to='${ROMEO}' type='chat'><body>4</body></message>`);
    await juliet.sync();
    const next = await romeo(server);
    next.send("<presence/>");
    expect(await bodies(next)).toEqual(["4"]);
  });

  it("of nothing it is no error", async () => {
    const server = await startServer();
    expect((await (await server.client("romeo")).ask("set", PURGE)).attrs.type).toBe("result");
  });

  it("by another user: forbidden, whether there is such an account or not, and nothing is removed", async () => {
    const server = await startServer();
    const juliet = await written(server, "1");
    for (const to of [ROMEO, "nobody@example.com"]) {
      for (const [type, payload] of [
        ["set", PURGE],
        ["get", FETCH],
      ]) {
        juliet.send(`<iq type='${type}' id='1' to='${to}'>${payload}</iq>`);
        await juliet.expect(refused("forbidden", "auth"));
      }
    }
    expect(await count(await romeo(server))).toBe("1");
  });
});

describe("XEP-0013: requests that are none", () => {
  it.each([
    ["get", `<offline xmlns='${OFFLINE}'/>`],
    ["set", `<offline xmlns='${OFFLINE}'/>`],
    ["get", PURGE],
    ["set", FETCH],
    ["get", items("remove", "1")],
    ["set", items("view", "1")],
    ["get", `<offline xmlns='${OFFLINE}'><item action='view'/></offline>`],
    ["set", `<offline xmlns='${OFFLINE}'><purge/><item action='remove' node='1'/></offline>`],
    ["set", `<offline xmlns='${OFFLINE}'><purge xmlns='urn:example:x'/></offline>`],
  ] as const)("%s %s: bad-request", async (type, payload) => {
    const server = await startServer();
    await written(server, "1");
    const client = await romeo(server);
    client.send(`<iq type='${type}' id='1'>${payload}</iq>`);
    await client.expect(refused("bad-request", "modify"));
    expect(await count(client)).toBe("1");
  });
});
