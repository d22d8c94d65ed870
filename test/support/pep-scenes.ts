// How each announced feature of publish-subscribe is tried, on the client's own account (XEP-0060 1.30.0 section 11).

import { randomBytes } from "node:crypto";
import { type Element, parse } from "ltx";
import { expect } from "vitest";
import { capabilityHash, verificationString } from "../../server/presence/caps-hash.ts";
import type { ScriptedClient } from "./client.ts";
import { configuring, EVENT, form, idsIn, items, messagesUntilNow, OWNER, PUBSUB, publishing, wants } from "./pep.ts";
import type { TestServer } from "./server.ts";

type Scene = (server: TestServer, client: ScriptedClient) => Promise<void>;

const INFO = "http://jabber.org/protocol/disco#info";
const MEMBER = "member@example.com";

const item = (id: string): string => `<item id='${id}'><x xmlns='urn:x'/></item>`;
const owning = (content: string): string => `<pubsub xmlns='${OWNER}'>${content}</pubsub>`;
const asking = (content: string): string => `<pubsub xmlns='${PUBSUB}'>${content}</pubsub>`;

async function done(client: ScriptedClient, type: "get" | "set", payload: string): Promise<Element> {
  const answer = await client.ask(type, payload);
  expect(answer.toString()).toContain('type="result"');
  return answer;
}

/** A node of its own for each scene, with items. */
async function node(client: ScriptedClient, ids: readonly string[] = ["1"], options: Record<string, string> = {}) {
  const name = `n${randomBytes(4).toString("hex")}`;
  for (const id of ids) await done(client, "set", publishing(name, item(id), options));
  return name;
}

async function affiliated(client: ScriptedClient, affiliation: string): Promise<void> {
  const name = await node(client);
  const entry = `<affiliation jid='${MEMBER}' affiliation='${affiliation}'/>`;
  await done(client, "set", owning(`<affiliations node='${name}'>${entry}</affiliations>`));
  const list = await done(client, "get", owning(`<affiliations node='${name}'/>`));
  expect(list.toString()).toContain(`jid="${MEMBER}" affiliation="${affiliation}"`);
}

async function configuration(client: ScriptedClient, name: string): Promise<string> {
  return (await done(client, "get", owning(`<configure node='${name}'/>`))).toString();
}

/** Told of a node that it asks for, and of no other. */
async function notified(_server: TestServer, client: ScriptedClient): Promise<void> {
  const [wanted, other] = [await node(client), await node(client)];
  await wants(client, wanted);
  for (const name of [other, wanted]) await done(client, "set", publishing(name, item("2")));
  expect((await messagesUntilNow(client)).map(idsIn)).toEqual([["2"]]);
  await wants(client);
}

const persistent: Scene = async (_server, client) => {
  const name = await node(client, ["1", "2", "3"], { persist_items: "true", max_items: "max" });
  expect(idsIn(await done(client, "get", items(name)))).toEqual(["1", "2", "3"]);
};
const subscribing: Scene = async (_server, client) => {
  const name = await node(client);
  for (const action of ["subscribe", "unsubscribe"]) {
    await done(client, "set", asking(`<${action} node='${name}' jid='${client.bare}'/>`));
  }
};
const creating: Scene = async (_server, client) => {
  const answer = await done(client, "set", asking("<create/>"));
  const name = answer.getChild("pubsub")?.getChild("create")?.attrs.node as string;
  await done(client, "get", items(name));
  await done(client, "set", owning(`<delete node='${name}'/>`));
  expect((await client.ask("get", items(name))).attrs.type).toBe("error");
};
const retracting: Scene = async (_server, client) => {
  const name = await node(client);
  await done(client, "set", asking(`<retract node='${name}'><item id='1'/></retract>`));
  expect(idsIn(await done(client, "get", items(name)))).toEqual([]);
};

/** By the name behind the namespace. */
const SCENES: Record<string, Scene> = {
  async "access-presence"(_server, client) {
    expect(await configuration(client, await node(client))).toMatch(
      /access_model".*?<value>presence<\/value><\/field>/,
    );
  },
  "auto-create": async (_server, client) => void (await node(client)),
  "auto-subscribe": notified,
  "filtered-notifications": notified,
  "presence-subscribe": notified,
  async "config-node"(_server, client) {
    const name = await node(client);
    await done(client, "set", configuring(name, { title: "Titled" }));
    expect(await configuration(client, name)).toContain("Titled");
  },
  async "config-node-max"(_server, client) {
    const name = await node(client, ["1"], { max_items: "max", item_expire: "max" });
    expect((await configuration(client, name)).match(/<value>max<\/value>/g)?.length).toBeGreaterThanOrEqual(2);
  },
  async "create-and-configure"(_server, client) {
    const name = `c${randomBytes(4).toString("hex")}`;
    const fields = form(`${PUBSUB}#node_config`, { title: "Made so" });
    await done(client, "set", asking(`<create node='${name}'/><configure>${fields}</configure>`));
    expect(await configuration(client, name)).toContain("Made so");
  },
  "create-nodes": creating,
  "instant-nodes": creating,
  "delete-nodes": creating,
  "delete-items": retracting,
  "retract-items": retracting,
  "item-ids": persistent,
  "multi-items": persistent,
  "persistent-items": persistent,
  publish: persistent,
  "retrieve-items": persistent,
  async rsm(_server, client) {
    const name = await node(client, ["1", "2", "3"], { max_items: "max" });
    const set = "<set xmlns='http://jabber.org/protocol/rsm'><max>2</max><after>1</after></set>";
    expect(idsIn(await done(client, "get", asking(`<items node='${name}'/>${set}`)))).toEqual(["2", "3"]);
  },
  async "last-published"(_server, client) {
    const name = await node(client, ["1"]);
    expect((await wants(client, name)).map(idsIn)).toEqual([["1"]]);
    await wants(client);
  },
  async "manage-subscriptions"(_server, client) {
    const name = await node(client);
    const entry = `<subscription jid='${MEMBER}' subscription='subscribed'/>`;
    await done(client, "set", owning(`<subscriptions node='${name}'>${entry}</subscriptions>`));
    const list = await done(client, "get", owning(`<subscriptions node='${name}'/>`));
    expect(list.toString()).toContain(MEMBER);
  },
  "member-affiliation": (_server, client) => affiliated(client, "member"),
  "modify-affiliations": (_server, client) => affiliated(client, "member"),
  "outcast-affiliation": (_server, client) => affiliated(client, "outcast"),
  async "meta-data"(_server, client) {
    const name = await node(client, ["1"], { title: "About this" });
    const info = await done(client, "get", `<query xmlns='${INFO}' node='${name}'/>`);
    for (const text of ["pubsub#meta-data", "About this", 'category="pubsub" type="leaf"']) {
      expect(info.toString()).toContain(text);
    }
  },
  async "publish-options"(_server, client) {
    const name = await node(client, ["1"], { access_model: "whitelist" });
    const refused = await client.ask("set", publishing(name, item("2"), { access_model: "open" }));
    expect(refused.toString()).toContain("precondition-not-met");
  },
  async "pubsub-on-a-jid"(_server, client) {
    const name = await node(client);
    expect((await client.ask("get", items(name), client.bare)).attrs).toMatchObject({
      type: "result",
      from: client.bare,
    });
  },
  async "purge-nodes"(_server, client) {
    const name = await node(client);
    await done(client, "set", owning(`<purge node='${name}'/>`));
    expect(idsIn(await done(client, "get", items(name)))).toEqual([]);
  },
  async "retrieve-affiliations"(_server, client) {
    const name = await node(client);
    const list = await done(client, "get", asking(`<affiliations node='${name}'/>`));
    expect(list.toString()).toContain(`node="${name}" affiliation="owner"`);
  },
  async "retrieve-default"(_server, client) {
    expect((await done(client, "get", owning("<default/>"))).toString()).toContain("pubsub#access_model");
  },
  async "retrieve-subscriptions"(_server, client) {
    const name = await node(client);
    await done(client, "set", asking(`<subscribe node='${name}' jid='${client.bare}'/>`));
    const list = await done(client, "get", asking("<subscriptions/>"));
    expect(list.toString()).toContain(`node="${name}"`);
    expect((await messagesUntilNow(client)).every((message) => message.getChild("event", EVENT))).toBe(true);
  },
  subscribe: subscribing,
};

/** By the whole name of the feature. */
export const PUBSUB_SCENES: Record<string, Scene> = {
  [PUBSUB]: persistent,
  ...Object.fromEntries(Object.entries(SCENES).map(([name, scene]) => [`${PUBSUB}#${name}`, scene])),
};

async function announced(client: ScriptedClient): Promise<Element> {
  const query = (await client.ask("get", `<query xmlns='${INFO}'/>`, client.domain)).getChild("query", INFO);
  return parse(String(query)) as Element;
}

/** The server's own capabilities are what it announces to a client that logs in. */
export const CAPS_SCENES: Record<string, Scene> = {
  async "http://jabber.org/protocol/caps"(_server, client) {
    expect(client.received).toContain(`ver='${verificationString(await announced(client), "sha-1")}'`);
  },
  async "urn:xmpp:caps"(_server, client) {
    expect(client.received).toContain(`>${capabilityHash(await announced(client), "sha-256")}</hash>`);
  },
};
