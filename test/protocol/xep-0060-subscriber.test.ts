// XEP-0060 1.30.0 sections 5.6, 5.7, 6.1, 6.2, 8.6, 8.8, 8.9: explicit subscriptions and affiliations.

import { describe, expect, it } from "vitest";
import type { ScriptedClient } from "../support/client.ts";
import {
  detail,
  EVENT,
  form,
  idsIn,
  items,
  messagesUntilNow,
  OWNER,
  PUBSUB,
  publishing,
  refusal,
  wants,
} from "../support/pep.ts";
import { befriend, startServer } from "../support/server.ts";

const NODE = "princely_musings";
const item = (id: string): string => `<item id='${id}'><entry xmlns='http://www.w3.org/2005/Atom'/></item>`;
const owning = (content: string): string => `<pubsub xmlns='${OWNER}'>${content}</pubsub>`;
const asking = (content: string): string => `<pubsub xmlns='${PUBSUB}'>${content}</pubsub>`;
const subscribing = (jid: string, node = NODE): string => asking(`<subscribe node='${node}' jid='${jid}'/>`);
const unsubscribing = (jid: string, node = NODE): string => asking(`<unsubscribe node='${node}' jid='${jid}'/>`);
const event = (content: string, attrs = ""): string =>
  `<message ${attrs}><event xmlns='${EVENT}'>${content}</event></message>`;
const itemEvent = (id: string, to: string): string =>
  event(`<items node='${NODE}'><item id='${id}'/></items>`, `to='${to}'`);

async function publish(client: ScriptedClient, id: string, options?: Record<string, string>): Promise<void> {
  expect((await client.ask("set", publishing(NODE, item(id), options))).attrs.type).toBe("result");
}

/** Hamlet has a node; Francisco is a stranger to him. */
async function strangers(access_model = "open") {
  const server = await startServer({ pubsub: { entitiesPerNode: 2 } });
  const hamlet = await server.online("hamlet", { resource: "elsinore" });
  const francisco = await server.online("francisco", { resource: "barracks" });
  await publish(hamlet, "1", { access_model, send_last_published_item: "on_sub" });
  return { server, hamlet, francisco };
}

async function refused(client: ScriptedClient, type: "get" | "set", to: string, payload: string, error: string) {
  client.send(`<iq type='${type}' id='r' to='${to}'>${payload}</iq>`);
  await client.expect(error);
}

describe("XEP-0060 section 6.1: subscribing", () => {
  it("6.1.2, 6.1.7: to an open node; the last item follows, and then the news, without any capabilities", async () => {
    const { hamlet, francisco } = await strangers();
    const answer = await francisco.ask("set", subscribing(francisco.bare), hamlet.bare);
    expect(answer.getChild("pubsub")?.getChild("subscription")?.attrs).toEqual({
      node: NODE,
      jid: francisco.bare,
      subscription: "subscribed",
    });
    const last = await francisco.next();
    expect(idsIn(last)).toEqual(["1"]);
    expect(last.getChild("delay", "urn:xmpp:delay")).toBeDefined();
    await publish(hamlet, "2");
    await francisco.expect(itemEvent("2", francisco.bare));
  });

  it("XEP-0163 4.3.2: a full JID gets one notification; a bare one each interested resource, and nobody two", async () => {
    const { server, hamlet, francisco } = await strangers();
    const chamber = await server.online("francisco", { resource: "chamber" });
    await francisco.ask("set", subscribing(francisco.full), hamlet.bare);
    await messagesUntilNow(francisco);
    await publish(hamlet, "2");
    await francisco.expect(itemEvent("2", francisco.full));
    expect(await messagesUntilNow(chamber)).toEqual([]);
    await wants(chamber, NODE);
    await francisco.ask("set", subscribing(francisco.bare), hamlet.bare);
    await messagesUntilNow(francisco);
    await publish(hamlet, "3");
    await francisco.expect(itemEvent("3", francisco.full));
    await chamber.until(itemEvent("3", chamber.full));
    for (const client of [francisco, chamber]) expect(await messagesUntilNow(client)).toEqual([]);
  });

  it("6.1.3.1: for nobody else", async () => {
    const { hamlet, francisco } = await strangers();
    const invalid = refusal("bad-request", "modify", detail("invalid-jid"));
    for (const jid of ["bernardo@example.com", "", "@"]) {
      await refused(francisco, "set", hamlet.bare, subscribing(jid), invalid);
    }
  });

  it("6.1.3.2 to 6.1.3.4: contacts are told why not", async () => {
    const server = await startServer();
    const hamlet = await server.online("hamlet");
    const francisco = await server.online("francisco");
    await befriend(hamlet, francisco);
    for (const [access_model, error] of [
      ["roster", refusal("not-authorized", "auth", detail("not-in-roster-group"))],
      ["whitelist", refusal("not-allowed", "cancel", detail("closed-node"))],
    ] as const) {
      const content = publishing(access_model, item("1"), { access_model });
      expect((await hamlet.ask("set", content)).attrs.type).toBe("result");
      await refused(francisco, "set", hamlet.bare, subscribing(francisco.bare, access_model), error);
    }
    hamlet.send(`<presence to='${francisco.bare}' type='unsubscribed'/>`);
    await hamlet.sync();
    await publish(hamlet, "1", { access_model: "presence" });
    await francisco.sync();
    const presence = refusal("not-authorized", "auth", detail("presence-subscription-required"));
    await refused(francisco, "set", hamlet.bare, subscribing(francisco.bare), presence);
  });

  it("6.5.9.11: no node, a hidden one and no account are answered alike, also with XEP-0086's code for older clients", async () => {
    const { hamlet, francisco } = await strangers("whitelist");
    const error = async (to: string, node: string) =>
      String((await francisco.ask("get", items(node), to)).getChild("error"));
    const hidden = await error(hamlet.bare, NODE);
    expect(hidden).toContain('code="404"');
    expect(await error(hamlet.bare, "no-such-node")).toBe(hidden);
    expect(await error("nobody@example.com", NODE)).toBe(hidden);
  });

  it.each(["presence", "roster", "whitelist"])(
    "strangers are told nothing of a node of access model %s, as if there were no such account",
    async (access_model) => {
      const { hamlet, francisco } = await strangers(access_model);
      for (const to of [hamlet.bare, "nobody@example.com"]) {
        const missing = refusal("item-not-found", "cancel");
        await refused(francisco, "set", to, subscribing(francisco.bare), missing);
        await refused(francisco, "set", to, unsubscribing(francisco.bare), missing);
        await refused(francisco, "get", to, items(NODE), missing);
        for (const what of ["subscriptions", "affiliations"]) {
          const answer = await francisco.ask("get", asking(`<${what}/>`), to);
          expect(answer.getChild("pubsub")?.getChild(what)?.children).toEqual([]);
        }
      }
    },
  );

  it("6.1.3.8: an outcast is forbidden", async () => {
    const { hamlet, francisco } = await strangers();
    const outcast = owning(
      `<affiliations node='${NODE}'><affiliation jid='${francisco.bare}' affiliation='outcast'/></affiliations>`,
    );
    expect((await hamlet.ask("set", outcast)).attrs.type).toBe("result");
    await refused(francisco, "set", hamlet.bare, subscribing(francisco.bare), refusal("forbidden", "auth"));
    await refused(francisco, "get", hamlet.bare, items(NODE), refusal("forbidden", "auth"));
  });

  it("6.1.3.9: a node has so many subscriptions", async () => {
    const { hamlet, francisco } = await strangers();
    for (const resource of ["a", "b"]) {
      const answer = await francisco.ask("set", subscribing(`${francisco.bare}/${resource}`), hamlet.bare);
      expect(answer.attrs.type).toBe("result");
    }
    await messagesUntilNow(francisco);
    const full = refusal("policy-violation", "wait", detail("too-many-subscriptions"));
    await refused(francisco, "set", hamlet.bare, subscribing(francisco.bare), full);
    expect((await francisco.ask("set", subscribing(`${francisco.bare}/a`), hamlet.bare)).attrs.type).toBe("result");
  });

  it("6.1.3.12: no such node", async () => {
    const { hamlet, francisco } = await strangers();
    await refused(francisco, "set", hamlet.bare, subscribing(francisco.bare, "x"), refusal("item-not-found", "cancel"));
  });
});

describe("XEP-0060 section 6.2: unsubscribing", () => {
  it("6.2.2: no more news", async () => {
    const { hamlet, francisco } = await strangers();
    await francisco.ask("set", subscribing(francisco.bare), hamlet.bare);
    await messagesUntilNow(francisco);
    const answer = await francisco.ask("set", unsubscribing(francisco.bare), hamlet.bare);
    expect(answer.getChild("pubsub")?.getChild("subscription")?.attrs.subscription).toBe("none");
    await publish(hamlet, "2");
    await hamlet.sync();
    expect(await messagesUntilNow(francisco)).toEqual([]);
  });

  it("6.2.3: not for others, not without a name, not from nothing", async () => {
    const { hamlet, francisco } = await strangers();
    await refused(francisco, "set", hamlet.bare, unsubscribing(hamlet.bare), refusal("forbidden", "auth"));
    const jid = refusal("bad-request", "modify", detail("jid-required"));
    await refused(francisco, "set", hamlet.bare, asking(`<unsubscribe node='${NODE}'/>`), jid);
    const node = refusal("bad-request", "modify", detail("nodeid-required"));
    await refused(francisco, "set", hamlet.bare, asking(`<unsubscribe jid='${francisco.bare}'/>`), node);
    await befriend(hamlet, francisco);
    const none = refusal("unexpected-request", "cancel", detail("not-subscribed"));
    await refused(francisco, "set", hamlet.bare, unsubscribing(francisco.bare), none);
  });
});

describe("XEP-0060 sections 5.6 and 5.7: one's own subscriptions and affiliations", () => {
  it("of all nodes, or of one", async () => {
    const { hamlet, francisco } = await strangers();
    await hamlet.ask("set", publishing("other", item("1"), { access_model: "open" }));
    for (const node of [NODE, "other"]) await francisco.ask("set", subscribing(francisco.full, node), hamlet.bare);
    const member = owning(
      `<affiliations node='other'><affiliation jid='${francisco.bare}' affiliation='member'/></affiliations>`,
    );
    await hamlet.ask("set", member);
    await messagesUntilNow(francisco);
    const listed = async (client: ScriptedClient, what: string, attrs = "") => {
      const answer = await client.ask("get", asking(`<${what} ${attrs}/>`), hamlet.bare);
      return answer
        .getChild("pubsub")
        ?.getChild(what)
        ?.getChildren(what.slice(0, -1))
        .map((el) => el.attrs);
    };
    const subscription = { jid: francisco.full, subscription: "subscribed" };
    expect(await listed(francisco, "subscriptions")).toEqual([
      { node: "other", ...subscription },
      { node: NODE, ...subscription },
    ]);
    expect(await listed(francisco, "subscriptions", `node='${NODE}'`)).toEqual([{ node: NODE, ...subscription }]);
    expect(await listed(francisco, "affiliations")).toEqual([{ node: "other", affiliation: "member" }]);
    expect(await listed(hamlet, "affiliations", `node='${NODE}'`)).toEqual([{ node: NODE, affiliation: "owner" }]);
    expect(await listed(hamlet, "subscriptions")).toEqual([]);
  });
});

describe("XEP-0060 sections 6.1.4, 8.6 and 8.8: approval by the owner", () => {
  const answering = (client: ScriptedClient, fields: Record<string, string>) =>
    client.send(
      `<message to='${client.bare}' id='approve1'>${form(`${PUBSUB}#subscribe_authorization`, fields)}</message>`,
    );

  it("a request is pending, the owner is asked, and says yes by the form", async () => {
    const { hamlet, francisco } = await strangers("authorize");
    const unsubscribed = refusal("not-authorized", "auth", detail("not-subscribed"));
    await refused(francisco, "get", hamlet.bare, items(NODE), unsubscribed);
    const answer = await francisco.ask("set", subscribing(francisco.bare), hamlet.bare);
    expect(answer.getChild("pubsub")?.getChild("subscription")?.attrs.subscription).toBe("pending");
    const asked = await hamlet.until(`<message from='${hamlet.bare}'><x xmlns='jabber:x:data' type='form'/></message>`);
    for (const text of [NODE, francisco.bare, "pubsub#allow"]) expect(asked.toString()).toContain(text);
    const pending = refusal("not-authorized", "auth", detail("pending-subscription"));
    await refused(francisco, "set", hamlet.bare, subscribing(francisco.bare), pending);
    await refused(francisco, "get", hamlet.bare, items(NODE), unsubscribed);
    await publish(hamlet, "2");
    answering(hamlet, { node: NODE, subscriber_jid: francisco.bare, allow: "true" });
    await francisco.expect(event(`<subscription node='${NODE}' jid='${francisco.bare}' subscription='subscribed'/>`));
    expect(idsIn(await francisco.ask("get", items(NODE), hamlet.bare))).toEqual(["2"]);
    await publish(hamlet, "3");
    await francisco.expect(itemEvent("3", francisco.bare));
    expect((await messagesUntilNow(hamlet)).map(String)).toEqual([]);
  });

  it("or no", async () => {
    const { hamlet, francisco } = await strangers("authorize");
    await francisco.ask("set", subscribing(francisco.bare), hamlet.bare);
    await hamlet.until("<message><x xmlns='jabber:x:data' type='form'/></message>");
    answering(hamlet, { node: NODE, subscriber_jid: francisco.bare, allow: "0" });
    await francisco.expect(event(`<subscription node='${NODE}' jid='${francisco.bare}' subscription='none'/>`));
    const unsubscribed = refusal("not-authorized", "auth", detail("not-subscribed"));
    await refused(francisco, "get", hamlet.bare, items(NODE), unsubscribed);
  });

  it("nobody else says yes", async () => {
    const { hamlet, francisco } = await strangers("authorize");
    await francisco.ask("set", subscribing(francisco.bare), hamlet.bare);
    const fields = { node: NODE, subscriber_jid: francisco.bare, allow: "true" };
    francisco.send(`<message to='${hamlet.bare}'>${form(`${PUBSUB}#subscribe_authorization`, fields)}</message>`);
    answering(francisco, fields);
    await messagesUntilNow(francisco);
    const unsubscribed = refusal("not-authorized", "auth", detail("not-subscribed"));
    await refused(francisco, "get", hamlet.bare, items(NODE), unsubscribed);
  });

  it("8.8: the owner lists subscribers, not pending ones, and changes them", async () => {
    const { hamlet, francisco } = await strangers("authorize");
    await francisco.ask("set", subscribing(francisco.bare), hamlet.bare);
    const listed = async () => {
      const answer = await hamlet.ask("get", owning(`<subscriptions node='${NODE}'/>`));
      return answer
        .getChild("pubsub")
        ?.getChild("subscriptions")
        ?.getChildren("subscription")
        .map(({ attrs }) => attrs);
    };
    const change = (jid: string, to: string) =>
      owning(`<subscriptions node='${NODE}'><subscription jid='${jid}' subscription='${to}'/></subscriptions>`);
    expect(await listed()).toEqual([]);
    expect((await hamlet.ask("set", change(francisco.bare, "subscribed"))).attrs.type).toBe("result");
    await francisco.expect(event(`<subscription node='${NODE}' subscription='subscribed'/>`));
    expect(await listed()).toEqual([{ jid: francisco.bare, subscription: "subscribed" }]);
    await refused(
      hamlet,
      "set",
      hamlet.bare,
      change(francisco.bare, "unconfigured"),
      refusal("not-acceptable", "modify"),
    );
    await refused(hamlet, "set", hamlet.bare, change("@", "none"), refusal("jid-malformed", "modify"));
    expect((await hamlet.ask("set", change(francisco.bare, "none"))).attrs.type).toBe("result");
    await francisco.expect(event(`<subscription node='${NODE}' subscription='none'/>`));
    expect(await listed()).toEqual([]);
  });
});

describe("XEP-0060 section 8.9: affiliations", () => {
  const setting = (...entries: [jid: string, affiliation: string][]) =>
    owning(
      `<affiliations node='${NODE}'>${entries.map(([jid, a]) => `<affiliation jid='${jid}' affiliation='${a}'/>`).join("")}</affiliations>`,
    );
  const list = async (client: ScriptedClient) => {
    const answer = await client.ask("get", owning(`<affiliations node='${NODE}'/>`));
    const entries = answer.getChild("pubsub")?.getChild("affiliations")?.getChildren("affiliation") ?? [];
    return entries.map(({ attrs }) => `${attrs.jid} ${attrs.affiliation}`);
  };

  it("4.5: members are the whitelist", async () => {
    const { hamlet, francisco } = await strangers("whitelist");
    expect(await list(hamlet)).toEqual([`${hamlet.bare} owner`]);
    const member = setting([`${francisco.bare}/barracks`, "member"], ["bernardo@example.com", "outcast"]);
    expect((await hamlet.ask("set", member)).attrs.type).toBe("result");
    expect(await list(hamlet)).toEqual([
      `${hamlet.bare} owner`,
      `${francisco.bare} member`,
      "bernardo@example.com outcast",
    ]);
    expect(idsIn(await francisco.ask("get", items(NODE), hamlet.bare))).toEqual(["1"]);
    expect((await hamlet.ask("set", setting([francisco.bare, "none"]))).attrs.type).toBe("result");
    await refused(francisco, "get", hamlet.bare, items(NODE), refusal("item-not-found", "cancel"));
    expect(await list(hamlet)).toEqual([`${hamlet.bare} owner`, "bernardo@example.com outcast"]);
  });

  it("8.9.2.3 and 8.9.2.4: what cannot be set changes nothing", async () => {
    const { hamlet } = await strangers("whitelist");
    const bard = "bard@example.com";
    const set = (error: string, ...entries: [string, string][]) =>
      refused(hamlet, "set", hamlet.bare, setting(...entries), error);
    await set(refusal("not-acceptable", "modify"), [bard, "member"], [hamlet.bare, "none"]);
    await set(refusal("bad-request", "modify"), [bard, "member"], [`${bard}/x`, "outcast"]);
    await set(refusal("jid-malformed", "modify"), [bard, "member"], ["@", "outcast"]);
    await set(refusal("not-acceptable", "modify"), [bard, "owner"]);
    for (const affiliation of ["publisher", "publish-only"]) {
      const feature = detail("unsupported", `feature='${affiliation}-affiliation'`);
      await set(refusal("feature-not-implemented", "cancel", feature), [bard, affiliation]);
    }
    await set(refusal("resource-constraint", "wait"), [bard, "member"], ["b@c", "member"], ["d@e", "member"]);
    expect(await list(hamlet)).toEqual([`${hamlet.bare} owner`]);
  });
});
