// XEP-0163 1.2.2: Personal Eventing Protocol, with XEP-0222 and XEP-0223, as Juliet and her contacts see it.

import { describe, expect, it } from "vitest";
import { childrenOf } from "../../server/stanza.ts";
import { createMemoryStore } from "../../storage/memory.ts";
import type { PubsubNode } from "../../storage/store.ts";
import type { ScriptedClient } from "../support/client.ts";
import { FakeClock } from "../support/fake-clock.ts";
import {
  configuring,
  detail,
  EVENT,
  idsIn,
  items,
  messagesUntilNow,
  PUBSUB,
  publishing,
  refusal,
  TUNE,
  tune,
  wants,
} from "../support/pep.ts";
import { befriend, startServer, type TestServer } from "../support/server.ts";

const INFO = "http://jabber.org/protocol/disco#info";
const ITEMS = "http://jabber.org/protocol/disco#items";
const ROSTER = "jabber:iq:roster";
const DEVICES = "eu.siacs.conversations.axolotl.devicelist";
const RSM = "http://jabber.org/protocol/rsm";
const MOOD = "http://jabber.org/protocol/mood";

type Scene = { server: TestServer; juliet: ScriptedClient; romeo: ScriptedClient };

/** Juliet and Romeo see each other; Benvolio is a stranger. */
async function scene(): Promise<Scene> {
  const server = await startServer();
  const juliet = await server.online("juliet", { resource: "balcony" });
  const romeo = await server.online("romeo", { resource: "orchard" });
  await befriend(juliet, romeo);
  return { server, juliet, romeo };
}

async function publish(client: ScriptedClient, node: string, item: string, options?: Record<string, string>) {
  const answer = await client.ask("set", publishing(node, item, options));
  expect(answer.attrs.type).toBe("result");
  return answer;
}

const event = (from: ScriptedClient, to: string, node: string, content: string): string =>
  `<message type='headline' from='${from.bare}' to='${to}' id='{any}'><event xmlns='${EVENT}'><items node='${node}'>${content}</items></event></message>`;

describe("XEP-0163 sections 1.2 and 3: publishing", () => {
  it("1.2: everyone who is interested is notified, the owner's own resources too, at their full JIDs", async () => {
    const { server, juliet, romeo } = await scene();
    const chamber = await server.online("juliet", { resource: "chamber" });
    const benvolio = await server.online("benvolio");
    for (const client of [juliet, chamber, romeo, benvolio]) await wants(client, TUNE);
    await publish(juliet, TUNE, `<item>${tune("Allegro vigoroso")}</item>`);
    for (const client of [juliet, chamber, romeo]) {
      await client.until(event(juliet, client.full, TUNE, `<item id='{any}'>${tune("Allegro vigoroso")}</item>`));
    }
    expect(await messagesUntilNow(benvolio)).toEqual([]);
  });

  it("2.3, 3: the service is the account's bare JID, and the node comes into being with the default access model", async () => {
    const { server, juliet, romeo } = await scene();
    const benvolio = await server.online("benvolio");
    await publish(juliet, TUNE, `<item id='1'>${tune("a")}</item>`);
    const answer = await romeo.ask("get", items(TUNE), juliet.bare);
    expect(answer.attrs).toMatchObject({ type: "result", from: juliet.bare });
    expect(idsIn(answer)).toEqual(["1"]);
    benvolio.send(`<iq type='get' id='1' to='${juliet.bare}'>${items(TUNE)}</iq>`);
    await benvolio.expect(refusal("item-not-found", "cancel"));
  });

  it("3: the publisher may name its own bare JID", async () => {
    const { juliet } = await scene();
    const answer = await juliet.ask("set", publishing(TUNE, `<item id='1'>${tune("a")}</item>`), juliet.bare);
    expect(answer.attrs.type).toBe("result");
    expect(idsIn(await juliet.ask("get", items(TUNE)))).toEqual(["1"]);
  });

  it.each(["juliet@example.com", "nobody@example.com"])(
    "2.2: nobody else publishes, creates or retracts: %s",
    async (to) => {
      const { romeo } = await scene();
      for (const request of [
        publishing(TUNE, `<item>${tune("forged")}</item>`),
        `<pubsub xmlns='${PUBSUB}'><create node='n'/></pubsub>`,
        `<pubsub xmlns='${PUBSUB}'><retract node='${TUNE}'><item id='1'/></retract></pubsub>`,
      ]) {
        romeo.send(`<iq type='set' id='1' to='${to}'>${request}</iq>`);
        await romeo.expect(refusal("forbidden", "auth"));
      }
    },
  );

  it("a 'from' that is somebody else's ends the stream, and nothing is published", async () => {
    const { juliet, romeo } = await scene();
    romeo.send(
      `<iq type='set' id='1' from='${juliet.full}' to='${juliet.bare}'>${publishing(TUNE, `<item>${tune("x")}</item>`)}</iq>`,
    );
    await romeo.expectStreamError("invalid-from");
    juliet.send(`<iq type='get' id='1'>${items(TUNE)}</iq>`);
    await juliet.until(refusal("item-not-found", "cancel"));
  });
});

describe("XEP-0163 section 4: notifications", () => {
  it("4.2: who has not asked for a node is not told of it", async () => {
    const { juliet, romeo } = await scene();
    await wants(romeo, MOOD);
    await publish(juliet, TUNE, `<item>${tune("a")}</item>`);
    await juliet.sync();
    expect(await messagesUntilNow(romeo)).toEqual([]);
    await publish(juliet, MOOD, `<item><mood xmlns='${MOOD}'/></item>`);
    await romeo.expect(event(juliet, romeo.full, MOOD, "<item/>"));
  });

  it("4.2: neither is a resource without capabilities, or one that is not available", async () => {
    const { server, juliet, romeo } = await scene();
    const silent = await server.client("romeo");
    await wants(romeo, TUNE);
    romeo.send("<presence type='unavailable'/>");
    await messagesUntilNow(romeo);
    await publish(juliet, TUNE, `<item>${tune("a")}</item>`);
    await juliet.sync();
    for (const client of [romeo, silent]) expect(await messagesUntilNow(client)).toEqual([]);
  });

  it("4.3.3, 4.3.4: initial presence brings the last item of each node, with its time; presence after it nothing", async () => {
    const clock = new FakeClock();
    const server = await startServer({ limits: { idleTimeoutSeconds: 0 } }, { clock });
    const juliet = await server.online("juliet", { resource: "balcony" });
    const romeo = await server.online("romeo", { resource: "orchard" });
    await befriend(juliet, romeo);
    const published = new Date(clock.now()).toISOString();
    await publish(juliet, TUNE, `<item id='1'>${tune("old")}</item>`);
    await publish(juliet, TUNE, `<item id='2'>${tune("new")}</item>`);
    await publish(juliet, MOOD, `<item id='3'><mood xmlns='${MOOD}'/></item>`);
    clock.advance(60_000);
    const [message, ...more] = await wants(romeo, TUNE);
    expect(more).toEqual([]);
    expect(message?.attrs).toMatchObject({ type: "headline", from: juliet.bare, to: romeo.full });
    expect(message && idsIn(message)).toEqual(["2"]);
    expect(message?.getChild("delay", "urn:xmpp:delay")?.attrs.stamp).toBe(published);
    const same = romeo.received.match(/ver='[^']*'/g);
    expect(same).not.toBeNull();
    romeo.send("<presence><show>away</show></presence>");
    expect(await messagesUntilNow(romeo)).toEqual([]);
  });

  it("4.3.4: the owner's newly available resource has the last items, too", async () => {
    const { server, juliet } = await scene();
    await publish(juliet, TUNE, `<item id='1'>${tune("a")}</item>`);
    const chamber = await server.online("juliet", { resource: "chamber" });
    const came = await wants(chamber, TUNE);
    expect(came.map(idsIn)).toEqual([["1"]]);
  });

  it("4.3.4: a change of capabilities brings what is wanted now and was not before", async () => {
    const { juliet, romeo } = await scene();
    await publish(juliet, TUNE, `<item id='1'>${tune("a")}</item>`);
    await publish(juliet, MOOD, `<item id='2'><mood xmlns='${MOOD}'/></item>`);
    expect((await wants(romeo, TUNE)).map(idsIn)).toEqual([["1"]]);
    expect((await wants(romeo, TUNE, MOOD)).map(idsIn)).toEqual([["2"]]);
    expect((await wants(romeo, MOOD)).map(idsIn)).toEqual([]);
    await publish(juliet, TUNE, `<item id='3'>${tune("b")}</item>`);
    await publish(juliet, MOOD, `<item id='4'><mood xmlns='${MOOD}'/></item>`);
    await romeo.expect(event(juliet, romeo.full, MOOD, "<item id='4'/>"));
  });

  it("4.3.4: an approved subscription brings the last items at once", async () => {
    const server = await startServer();
    const juliet = await server.online("juliet");
    const romeo = await server.online("romeo");
    await publish(juliet, TUNE, `<item id='1'>${tune("a")}</item>`);
    expect(await wants(romeo, TUNE)).toEqual([]);
    romeo.send(`<presence to='${juliet.bare}' type='subscribe'/>`);
    await juliet.until("<presence type='subscribe'/>");
    juliet.send(`<presence to='${romeo.bare}' type='subscribed'/>`);
    await romeo.until(event(juliet, romeo.full, TUNE, "<item id='1'/>"));
  });

  it("XEP-0060 6.1.7: with send_last_published_item never, nothing is sent but news (XEP-0222 section 2)", async () => {
    const { juliet, romeo } = await scene();
    await publish(juliet, TUNE, `<item id='1'>${tune("a")}</item>`, { send_last_published_item: "never" });
    expect(await wants(romeo, TUNE)).toEqual([]);
    await publish(juliet, TUNE, `<item id='2'>${tune("b")}</item>`);
    await romeo.expect(event(juliet, romeo.full, TUNE, "<item id='2'/>"));
  });

  it("5: they are neither archived nor stored for who is away, whatever their type", async () => {
    const { server, juliet, romeo } = await scene();
    await wants(romeo, TUNE);
    const subscription = `<pubsub xmlns='${PUBSUB}'><subscribe node='${TUNE}' jid='${romeo.bare}'/></pubsub>`;
    await publish(juliet, TUNE, `<item id='1'>${tune("a")}</item>`, { notification_type: "normal" });
    await romeo.until(`<message type='{absent}' to='${romeo.full}'><event xmlns='${EVENT}'/></message>`);
    expect((await romeo.ask("set", subscription, juliet.bare)).attrs.type).toBe("result");
    await romeo.close();
    await publish(juliet, TUNE, `<item id='2'>${tune("b")}</item>`);
    const back = await server.client("romeo");
    back.send("<presence/>");
    expect(await messagesUntilNow(back)).toEqual([]);
    for (const client of [juliet, back]) {
      const fin = await client.ask("set", "<query xmlns='urn:xmpp:mam:2'/>");
      expect(fin.getChild("fin")?.getChild("set")?.getChildText("count")).toBe("0");
    }
  });

  it("4.3.1: what happens while the last items are on their way is not undone by them", async () => {
    const store = createMemoryStore();
    let hold: Promise<void> | undefined;
    const slow = {
      ...store,
      pubsub: {
        ...store.pubsub,
        async lastItems(...args: Parameters<typeof store.pubsub.lastItems>) {
          const found = await store.pubsub.lastItems(...args);
          await hold;
          return found;
        },
      },
    };
    const server = await startServer({}, { store: slow });
    const juliet = await server.online("juliet");
    const romeo = await server.online("romeo");
    await befriend(juliet, romeo);
    await publish(juliet, TUNE, `<item id='1'>${tune("old")}</item>`);
    let open = (): void => {};
    hold = new Promise((resolve) => {
      open = resolve;
    });
    expect(await wants(romeo, TUNE)).toEqual([]);
    await publish(juliet, TUNE, `<item id='2'>${tune("new")}</item>`);
    open();
    await romeo.expect(event(juliet, romeo.full, TUNE, "<item id='2'/>"));
    expect(await messagesUntilNow(romeo)).toEqual([]);
  });

  it("4.3.3: who is blocked is not notified, of news or on coming (XEP-0191)", async () => {
    const { juliet, romeo } = await scene();
    await wants(romeo, TUNE);
    const blocked = await juliet.ask("set", `<block xmlns='urn:xmpp:blocking'><item jid='${romeo.bare}'/></block>`);
    expect(blocked.attrs.type).toBe("result");
    await publish(juliet, TUNE, `<item>${tune("a")}</item>`);
    await juliet.sync();
    expect(await messagesUntilNow(romeo)).toEqual([]);
    expect(await wants(romeo, TUNE, MOOD)).toEqual([]);
    romeo.send("<presence type='unavailable'/>");
    expect(await wants(romeo, TUNE)).toEqual([]);
  });
});

describe("XEP-0163 section 6, XEP-0060 section 4.5: access models", () => {
  it("open: whoever asks has the items, without any subscription; so strangers can write encrypted (XEP-0384)", async () => {
    const { server, juliet } = await scene();
    const benvolio = await server.online("benvolio");
    const list = "<list xmlns='eu.siacs.conversations.axolotl'><device id='31415'/></list>";
    await publish(juliet, DEVICES, `<item id='current'>${list}</item>`, {
      access_model: "open",
      persist_items: "true",
    });
    const answer = await benvolio.ask("get", items(DEVICES), juliet.bare);
    expect(answer.toString()).toContain('<device id="31415"/>');
    expect(idsIn(answer)).toEqual(["current"]);
  });

  it("a bundle that is not there is item-not-found, for its owner, contacts and strangers, and where there is no such account", async () => {
    const { server, juliet, romeo } = await scene();
    const benvolio = await server.online("benvolio");
    const bundle = "eu.siacs.conversations.axolotl.bundles:31415";
    for (const client of [juliet, romeo, benvolio]) {
      for (const to of [juliet.bare, "nobody@example.com"]) {
        client.send(`<iq type='get' id='b' to='${to}'>${items(bundle)}</iq>`);
        await client.expect(refusal("item-not-found", "cancel"));
      }
    }
  });

  it("the same for an item of a node that is there (urn:xmpp:omemo:2 has one for each device)", async () => {
    const { server, juliet } = await scene();
    const benvolio = await server.online("benvolio");
    const node = "urn:xmpp:omemo:2:bundles";
    await publish(juliet, node, "<item id='1'><bundle xmlns='urn:xmpp:omemo:2'/></item>", {
      access_model: "open",
      max_items: "max",
    });
    for (const client of [juliet, benvolio]) {
      client.send(`<iq type='get' id='b' to='${juliet.bare}'>${items(node, "<item id='2'/>")}</iq>`);
      await client.expect(refusal("item-not-found", "cancel"));
      expect(idsIn(await client.ask("get", items(node, "<item id='2'/><item id='1'/>"), juliet.bare))).toEqual(["1"]);
    }
  });

  it("roster: contacts in one of the groups alone", async () => {
    const { juliet, romeo } = await scene();
    await wants(romeo, TUNE);
    const group = (name: string) =>
      juliet.ask("set", `<query xmlns='${ROSTER}'><item jid='${romeo.bare}'><group>${name}</group></item></query>`);
    await group("Servants");
    const options = { access_model: "roster", roster_groups_allowed: "Friends\nFamily" };
    await publish(juliet, TUNE, `<item id='1'>${tune("a")}</item>`, options);
    romeo.send(`<iq type='get' id='1' to='${juliet.bare}'>${items(TUNE)}</iq>`);
    await romeo.expect(refusal("not-authorized", "auth", detail("not-in-roster-group")));
    await group("Friends");
    await publish(juliet, TUNE, `<item id='2'>${tune("b")}</item>`);
    await romeo.expect(event(juliet, romeo.full, TUNE, "<item id='2'/>"));
    expect(idsIn(await romeo.ask("get", items(TUNE), juliet.bare))).toEqual(["2"]);
  });

  it("XEP-0223 section 2, whitelist: the owner's resources alone", async () => {
    const { server, juliet, romeo } = await scene();
    const chamber = await server.online("juliet", { resource: "chamber" });
    for (const client of [chamber, romeo]) await wants(client, "storage:bookmarks");
    const options = { persist_items: "true", access_model: "whitelist" };
    await publish(
      juliet,
      "storage:bookmarks",
      "<item id='current'><storage xmlns='storage:bookmarks'/></item>",
      options,
    );
    await chamber.until(event(juliet, chamber.full, "storage:bookmarks", "<item id='current'/>"));
    romeo.send(`<iq type='get' id='1' to='${juliet.bare}'>${items("storage:bookmarks")}</iq>`);
    await romeo.expect(refusal("not-allowed", "cancel", detail("closed-node")));
    expect(await messagesUntilNow(romeo)).toEqual([]);
  });

  it("7.1: who loses access hears nothing more, by whatever way it subscribed", async () => {
    const { juliet, romeo } = await scene();
    await wants(romeo, TUNE);
    await publish(juliet, TUNE, `<item id='1'>${tune("a")}</item>`);
    await romeo.expect(event(juliet, romeo.full, TUNE, "<item id='1'/>"));
    const request = `<pubsub xmlns='${PUBSUB}'><subscribe node='${TUNE}' jid='${romeo.bare}'/></pubsub>`;
    expect((await romeo.ask("set", request, juliet.bare)).attrs.type).toBe("result");
    await messagesUntilNow(romeo);
    juliet.send(`<presence to='${romeo.bare}' type='unsubscribed'/>`);
    await juliet.sync();
    await publish(juliet, TUNE, `<item id='2'>${tune("b")}</item>`);
    await juliet.sync();
    expect(await messagesUntilNow(romeo)).toEqual([]);
    const list = await juliet.ask("get", `<pubsub xmlns='${PUBSUB}#owner'><subscriptions node='${TUNE}'/></pubsub>`);
    expect(list.toString()).not.toContain(romeo.bare);
  });
});

describe("XEP-0163 section 6.1: service discovery", () => {
  it("the account is pubsub/pep with the features that clients look for, for the owner and for contacts", async () => {
    const { juliet, romeo } = await scene();
    for (const client of [juliet, romeo]) {
      const answer = await client.ask("get", `<query xmlns='${INFO}'/>`, juliet.bare);
      const query = answer.getChild("query", INFO);
      const identities = childrenOf(query as never, "identity", INFO).map(
        ({ attrs }) => `${attrs.category}/${attrs.type}`,
      );
      expect(identities).toEqual(expect.arrayContaining(["account/registered", "pubsub/pep"]));
      const features = childrenOf(query as never, "feature", INFO).map(({ attrs }) => attrs.var);
      for (const name of [
        "publish-options",
        "persistent-items",
        "config-node-max",
        "multi-items",
        "auto-create",
        "access-presence",
      ])
        expect(features).toContain(`${PUBSUB}#${name}`);
    }
  });

  it("XEP-0222 and XEP-0223 section 5: the server says so as well", async () => {
    const { juliet } = await scene();
    const text = (await juliet.ask("get", `<query xmlns='${INFO}'/>`, "example.com")).toString();
    expect(text).toContain('category="pubsub" type="pep"');
    expect(text).toContain(`var="${PUBSUB}#publish-options"`);
  });

  it("6.2: nodes are listed for who may retrieve from them, and no others", async () => {
    const { juliet, romeo } = await scene();
    const models = {
      open: "open",
      presence: "presence",
      whitelist: "whitelist",
      roster: "roster",
      authorize: "authorize",
    };
    for (const access_model of Object.values(models)) {
      await publish(juliet, `n:${access_model}`, "<item id='1'><x xmlns='x'/></item>", { access_model });
    }
    const listed = async (client: ScriptedClient) => {
      const answer = await client.ask("get", `<query xmlns='${ITEMS}'/>`, juliet.bare);
      return (answer.getChild("query")?.getChildren("item") ?? []).map(({ attrs }) => `${attrs.jid} ${attrs.node}`);
    };
    expect(await listed(juliet)).toEqual(
      ["authorize", "open", "presence", "roster", "whitelist"].map((m) => `${juliet.bare} n:${m}`),
    );
    expect(await listed(romeo)).toEqual(["open", "presence"].map((m) => `${juliet.bare} n:${m}`));
    for (const model of ["whitelist", "roster", "authorize", "none"]) {
      for (const ns of [INFO, ITEMS]) {
        romeo.send(`<iq type='get' id='1' to='${juliet.bare}'><query xmlns='${ns}' node='n:${model}'/></iq>`);
        await romeo.expect(refusal("item-not-found", "cancel"));
      }
    }
  });
});

it("the nodes of an account that is deleted are not there for the next one of its name", async () => {
  const { server, juliet, romeo } = await scene();
  await publish(juliet, TUNE, `<item id='1'>${tune("a")}</item>`, { access_model: "open" });
  await server.admin.deleteUser("juliet");
  await server.admin.addUser("juliet", "another");
  await romeo.sync();
  romeo.send(`<iq type='get' id='1' to='${juliet.bare}'>${items(TUNE)}</iq>`);
  await romeo.until(refusal("item-not-found", "cancel"));
});

describe("quotas", () => {
  it("of nodes, of bytes of an item and of an account; what is too much is refused and changes nothing", async () => {
    const server = await startServer({ pubsub: { nodesPerAccount: 2, itemBytes: 300, bytesPerAccount: 10_000 } });
    const juliet = await server.online("juliet");
    const big = (bytes: number) => `<item id='big'><x xmlns='x'>${"x".repeat(bytes)}</x></item>`;
    juliet.send(`<iq type='set' id='1'>${publishing("a", big(300))}</iq>`);
    await juliet.expect(refusal("not-acceptable", "modify", detail("payload-too-big")));
    await publish(juliet, "a", big(200), { max_items: "max" });
    await publish(juliet, "b", big(200));
    juliet.send(`<iq type='set' id='1'>${publishing("c", big(1))}</iq>`);
    await juliet.expect(refusal("resource-constraint", "wait"));
    let count = 1;
    for (;;) {
      const answer = await juliet.ask("set", publishing("a", big(200).replace("big", `big${count}`)));
      if (answer.attrs.type === "error") break;
      count += 1;
    }
    // 200 for each item, besides payload and id
    expect(count).toBeGreaterThan(20);
    expect(count).toBeLessThan(25);
    expect(idsIn(await juliet.ask("get", items("a")))).toHaveLength(count);
  });

  it("of items: the oldest make room", async () => {
    const server = await startServer({ pubsub: { itemsPerNode: 3 } });
    const juliet = await server.online("juliet");
    for (const id of ["1", "2", "3", "4"])
      await publish(juliet, "n", `<item id='${id}'><x xmlns='x'/></item>`, { max_items: "max" });
    expect(idsIn(await juliet.ask("get", items("n")))).toEqual(["2", "3", "4"]);
    juliet.send(`<iq type='set' id='1'>${configuring("n", { max_items: "4" })}</iq>`);
    await juliet.expect(refusal("not-acceptable", "modify"));
  });

  it("10,000 items: pages hold no more than a client can be sent, and lead to all of them", async () => {
    const store = createMemoryStore();
    const server = await startServer({ limits: { outboxBytes: 1_000_000 } }, { store });
    const juliet = await server.online("juliet");
    const options = { max_items: "max", access_model: "open" };
    await publish(juliet, "n", "<item id='i0'><x xmlns='x'/></item>", options);
    const xml = `<x xmlns='x'>${"x".repeat(100)}</x>`;
    for (let n = 1; n < 10_000; n += 1) {
      const item = { id: `i${n}`, publisher: juliet.full, at: n, xml };
      const quota = { nodes: 1, bytes: Number.MAX_SAFE_INTEGER };
      await store.pubsub.publish(
        juliet.bare,
        "n",
        (create) => ({ create: create as PubsubNode, item, keep: 10_000, since: 0 }),
        quota,
      );
    }
    const ids = Array.from({ length: 10_000 }, (_, n) => `i${n}`);
    const whole = await juliet.ask("get", items("n"));
    const first = idsIn(whole);
    expect(whole.toString().length).toBeLessThan(500_000);
    expect(first).toEqual(ids.slice(0, first.length));
    const set = whole.getChild("pubsub")?.getChild("set", RSM);
    expect(set?.getChildText("count")).toBe("10000");
    expect(set?.getChildText("last")).toBe(first.at(-1));
    expect(idsIn(await juliet.ask("get", items("n", "", "max_items='3'")))).toEqual(ids.slice(-3));
    const all: string[] = [];
    for (let page = first; page.length > 0; ) {
      all.push(...page);
      const after = `<set xmlns='${RSM}'><max>1000</max><after>${page.at(-1)}</after></set>`;
      page = idsIn(await juliet.ask("get", `<pubsub xmlns='${PUBSUB}'><items node='n'/>${after}</pubsub>`));
    }
    expect(all).toEqual(ids);
    await publish(juliet, "n", "<item id='new'><x xmlns='x'/></item>");
    expect(await store.pubsub.count(juliet.bare, "n")).toBe(10_000);
  });
});
