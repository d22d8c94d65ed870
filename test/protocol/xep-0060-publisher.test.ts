// XEP-0060 1.30.0 sections 6.5, 7 and 8: publishing, retrieving, retracting; nodes made, configured, deleted.

import type { Element } from "ltx";
import { describe, expect, it } from "vitest";
import type { ScriptedClient } from "../support/client.ts";
import { FakeClock } from "../support/fake-clock.ts";
import {
  configuring,
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
const RSM = "http://jabber.org/protocol/rsm";
const entry = (title: string): string =>
  `<entry xmlns='http://www.w3.org/2005/Atom'><title>${title}</title><summary>To be, or not to be: that is the question</summary></entry>`;
const item = (id: string, title = id): string => `<item id='${id}'>${entry(title)}</item>`;

async function hamlet(): Promise<ScriptedClient> {
  const server = await startServer();
  return server.online("hamlet", { resource: "elsinore" });
}

/** Hamlet publishes; Francisco sees his presence, and wants to be told. */
async function withSubscriber() {
  const server = await startServer();
  const hamlet = await server.online("hamlet", { resource: "elsinore" });
  const francisco = await server.online("francisco", { resource: "barracks" });
  await befriend(hamlet, francisco);
  await wants(francisco, NODE);
  return { server, hamlet, francisco };
}

async function publish(client: ScriptedClient, content: string, options?: Record<string, string>): Promise<Element> {
  const answer = await client.ask("set", publishing(NODE, content, options));
  expect(answer.toString()).toContain('type="result"');
  return answer;
}

async function refused(client: ScriptedClient, type: "get" | "set", payload: string, error: string): Promise<void> {
  client.send(`<iq type='${type}' id='r'>${payload}</iq>`);
  await client.expect(error);
}

const owning = (content: string): string => `<pubsub xmlns='${OWNER}'>${content}</pubsub>`;
const asking = (content: string): string => `<pubsub xmlns='${PUBSUB}'>${content}</pubsub>`;
const event = (content: string): string => `<message><event xmlns='${EVENT}'>${content}</event></message>`;

describe("XEP-0060 section 7.1: publishing an item", () => {
  it("7.1.2: the answer names the item, with the id that was given or one that the service made", async () => {
    const client = await hamlet();
    const given = await publish(client, item("bnd81g37d61f49fgn581"));
    expect(given.getChild("pubsub", PUBSUB)?.getChild("publish")?.attrs.node).toBe(NODE);
    const made = await publish(client, `<item>${entry("Soliloquy")}</item>`);
    const id = made.getChild("pubsub")?.getChild("publish")?.getChild("item")?.attrs.id as string;
    expect(id).toMatch(/./);
    expect(idsIn(await client.ask("get", items(NODE)))).toEqual([id]);
  });

  it("7.1.2: the payload is given back as it came, with its namespaces, language and characters", async () => {
    const client = await hamlet();
    const payload =
      "<a:entry xmlns:a='urn:a' xmlns:b='urn:b' xml:lang='da' b:mark='1'><a:x>&lt;&amp;\u{1f339}</a:x><b:y/><z xmlns=''/></a:entry>";
    await publish(client, `<item id='1'>${payload}</item>`);
    const got = await client.ask("get", items(NODE));
    expect(got.attrs.type).toBe("result");
    const kept = (got.getChild("pubsub")?.getChild("items")?.getChild("item")?.children[0] as Element) ?? undefined;
    expect(kept.getName()).toBe("entry");
    expect(kept.getNS()).toBe("urn:a");
    expect(kept.attrs["xml:lang"]).toBe("da");
    expect(kept.getChild("x", "urn:a")?.text()).toBe("<&\u{1f339}");
    expect(kept.getChild("y", "urn:b")).toBeDefined();
  });

  it("7.1.2: a payload without a namespace of its own keeps the one it was published in, also in an event", async () => {
    const { hamlet, francisco } = await withSubscriber();
    await publish(hamlet, "<item id='1'><bare/></item>");
    const message = await francisco.next();
    const got = await hamlet.ask("get", items(NODE));
    for (const parent of [message.getChild("event"), got.getChild("pubsub")]) {
      const kept = parent?.getChild("items")?.getChild("item")?.children[0] as Element;
      expect([kept.getName(), kept.getNS()]).toEqual(["bare", PUBSUB]);
    }
  });

  it("7.1.2: an item of the same id is overwritten, and subscribers are told", async () => {
    const { hamlet, francisco } = await withSubscriber();
    for (const title of ["first", "second"]) {
      await publish(hamlet, item("1", title));
      await francisco.expect(event(`<items node='${NODE}'><item id='1'>${entry(title)}</item></items>`));
    }
    const got = await hamlet.ask("get", items(NODE));
    expect(idsIn(got)).toEqual(["1"]);
    expect(got.toString()).toContain("second");
  });

  it("7.1.2.2: a node that does not deliver payloads tells of the item alone; it is retrieved whole", async () => {
    const { hamlet, francisco } = await withSubscriber();
    await publish(hamlet, item("1"), { deliver_payloads: "false" });
    const message = await francisco.next();
    const told = message.getChild("event")?.getChild("items")?.getChild("item");
    expect(told?.attrs.id).toBe("1");
    expect(told?.children).toEqual([]);
    expect((await francisco.ask("get", items(NODE), hamlet.bare)).toString()).toContain("To be");
  });

  it("7.1.2.3: with itemreply publisher the item has its publisher, in events and when retrieved; none can be forged", async () => {
    const { hamlet, francisco } = await withSubscriber();
    const forged = `<item id='1' publisher='portia@merchantofvenice.lit'>${entry("x")}</item>`;
    await publish(hamlet, forged);
    await francisco.expect(event(`<items node='${NODE}'><item id='1' publisher='{absent}'/></items>`));
    await hamlet.ask("set", configuring(NODE, { itemreply: "publisher" }));
    await publish(hamlet, forged);
    await francisco.expect(event(`<items node='${NODE}'><item id='1' publisher='${hamlet.full}'/></items>`));
    expect((await hamlet.ask("get", items(NODE))).toString()).toContain(`publisher="${hamlet.full}"`);
  });

  it("7.1.3.5 to 7.1.3.7: what is no publication of this node is refused", async () => {
    const client = await hamlet();
    await publish(client, item("1"), { max_payload_size: "400" });
    const modify = (name: string) => refusal("bad-request", "modify", detail(name));
    await refused(client, "set", asking("<publish><item/></publish>"), modify("nodeid-required"));
    await refused(client, "set", publishing(NODE, ""), modify("item-required"));
    await refused(client, "set", publishing(NODE, "<item id='2'/>"), modify("payload-required"));
    await refused(
      client,
      "set",
      publishing(NODE, `<item>${entry("a")}${entry("b")}</item>`),
      modify("invalid-payload"),
    );
    await refused(client, "set", publishing(NODE, item("2") + item("3")), refusal("bad-request", "modify"));
    const big = publishing(NODE, `<item id='2'>${entry("x".repeat(400))}</item>`);
    await refused(client, "set", big, refusal("not-acceptable", "modify", detail("payload-too-big")));
    const long = publishing(NODE, item("i".repeat(1_024)));
    await refused(client, "set", long, refusal("not-acceptable", "modify"));
    expect(idsIn(await client.ask("get", items(NODE)))).toEqual(["1"]);
  });

  it("4.3, 7.1.3.7: a transient node that delivers no payloads takes no item, and tells that something happened", async () => {
    const { hamlet, francisco } = await withSubscriber();
    await publish(hamlet, "", { persist_items: "0", deliver_payloads: "0" });
    const message = await francisco.next();
    expect(message.getChild("event")?.getChild("items")?.children).toEqual([]);
    await refused(
      hamlet,
      "set",
      publishing(NODE, item("1")),
      refusal("bad-request", "modify", detail("item-forbidden")),
    );
  });

  it("4.3: a transient node tells of its items and keeps none", async () => {
    const { hamlet, francisco } = await withSubscriber();
    await publish(hamlet, item("1"), { persist_items: "false" });
    await francisco.expect(event(`<items node='${NODE}'><item id='1'>${entry("1")}</item></items>`));
    expect(idsIn(await hamlet.ask("get", items(NODE)))).toEqual([]);
    const transient = refusal("feature-not-implemented", "cancel", detail("unsupported", "feature='persistent-items'"));
    await refused(hamlet, "set", asking(`<retract node='${NODE}'><item id='1'/></retract>`), transient);
    await refused(hamlet, "set", owning(`<purge node='${NODE}'/>`), transient);
  });
});

describe("XEP-0060 section 7.1.5: publish options", () => {
  it("a new node is as they say", async () => {
    const client = await hamlet();
    const options = {
      access_model: "whitelist",
      persist_items: "true",
      max_items: "max",
      send_last_published_item: "never",
    };
    await publish(client, item("1"), options);
    const config = (await client.ask("get", owning(`<configure node='${NODE}'/>`))).toString();
    for (const [name, value] of [
      ["access_model", "whitelist"],
      ["max_items", "max"],
      ["send_last_published_item", "never"],
      ["persist_items", "1"],
    ]) {
      expect(config).toMatch(new RegExp(`var="pubsub#${name}".*?<value>${value}</value></field>`));
    }
  });

  it("preconditions of an existing node: met, the item is published; not met, conflict, and nothing is", async () => {
    const client = await hamlet();
    await publish(client, item("1"), { access_model: "open", persist_items: "true" });
    await publish(client, item("2"), { access_model: "open", persist_items: "1" });
    const conflict = refusal("conflict", "cancel", detail("precondition-not-met"));
    for (const options of [{ access_model: "presence" }, { access_model: "open", max_items: "max" }]) {
      await refused(client, "set", publishing(NODE, item("3"), options as Record<string, string>), conflict);
    }
    expect(idsIn(await client.ask("get", items(NODE)))).toEqual(["2"]);
  });

  it("what clients do then: read the configuration, change it, publish again", async () => {
    const client = await hamlet();
    await publish(client, item("1"));
    const options = { access_model: "open", max_items: "max" };
    await refused(
      client,
      "set",
      publishing(NODE, item("2"), options),
      refusal("conflict", "cancel", detail("precondition-not-met")),
    );
    expect((await client.ask("get", owning(`<configure node='${NODE}'/>`))).attrs.type).toBe("result");
    expect((await client.ask("set", configuring(NODE, options))).attrs.type).toBe("result");
    await publish(client, item("2"), options);
    expect(idsIn(await client.ask("get", items(NODE)))).toEqual(["1", "2"]);
  });

  it("unknown fields and values that cannot be are refused, and no node comes of it", async () => {
    const client = await hamlet();
    await refused(client, "set", publishing(NODE, item("1"), { colour: "red" }), refusal("not-acceptable", "modify"));
    const impossible = publishing(NODE, item("1"), { access_model: "everybody" });
    await refused(client, "set", impossible, refusal("conflict", "cancel", detail("precondition-not-met")));
    const wrong = asking(
      `<publish node='${NODE}'>${item("1")}</publish><publish-options>${form("urn:x", {})}</publish-options>`,
    );
    await refused(client, "set", wrong, refusal("bad-request", "modify"));
    await refused(client, "get", items(NODE), refusal("item-not-found", "cancel"));
  });
});

describe("XEP-0060 section 6.5: retrieving items", () => {
  async function four(): Promise<ScriptedClient> {
    const client = await hamlet();
    for (const id of ["1", "2", "3", "4"]) await publish(client, item(id), { max_items: "max" });
    return client;
  }
  const paged = (set: string) => asking(`<items node='${NODE}'/><set xmlns='${RSM}'>${set}</set>`);

  it("6.5.2, 6.5.7, 6.5.8: all, the newest so many, or those of the ids", async () => {
    const client = await four();
    const ids = async (content = "", attrs = "") => idsIn(await client.ask("get", items(NODE, content, attrs)));
    expect(await ids()).toEqual(["1", "2", "3", "4"]);
    expect(await ids("", "max_items='2'")).toEqual(["3", "4"]);
    expect(await ids("", "max_items='9'")).toEqual(["1", "2", "3", "4"]);
    expect(await ids("<item id='3'/>")).toEqual(["3"]);
    expect(await ids("<item id='3'/><item id='1'/>")).toEqual(["3", "1"]);
    await refused(client, "get", items(NODE, "", "max_items='-1'"), refusal("bad-request", "modify"));
    await refused(client, "get", items(NODE, "<item id='x'/>".repeat(101)), refusal("not-acceptable", "modify"));
  });

  it("6.5.4: page by page in both directions (XEP-0059)", async () => {
    const client = await four();
    const first = await client.ask("get", paged("<max>3</max>"));
    expect(idsIn(first)).toEqual(["1", "2", "3"]);
    const set = first.getChild("pubsub")?.getChild("set", RSM);
    expect(set?.getChild("first")?.attrs.index).toBe("0");
    expect([set?.getChildText("first"), set?.getChildText("last"), set?.getChildText("count")]).toEqual([
      "1",
      "3",
      "4",
    ]);
    expect(idsIn(await client.ask("get", paged("<max>3</max><after>3</after>")))).toEqual(["4"]);
    expect(idsIn(await client.ask("get", paged("<max>3</max><before/>")))).toEqual(["2", "3", "4"]);
    expect(idsIn(await client.ask("get", paged("<max>3</max><before>3</before>")))).toEqual(["1", "2"]);
    const count = await client.ask("get", paged("<max>0</max>"));
    expect(idsIn(count)).toEqual([]);
    expect(count.getChild("pubsub")?.getChild("set")?.getChildText("count")).toBe("4");
    await refused(client, "get", paged("<after>none</after>"), refusal("item-not-found", "cancel"));
  });

  it("6.5.9.12: a node without items has none, which is no error", async () => {
    const client = await hamlet();
    expect((await client.ask("set", asking(`<create node='${NODE}'/>`))).attrs.type).toBe("result");
    const answer = await client.ask("get", items(NODE));
    expect(answer.attrs.type).toBe("result");
    expect(idsIn(answer)).toEqual([]);
  });

  it("17.4.4, item_expire: what has expired is not given out, nor sent to who comes", async () => {
    const clock = new FakeClock();
    const server = await startServer({ limits: { idleTimeoutSeconds: 0 } }, { clock });
    const client = await server.online("hamlet");
    await publish(client, item("1"), { item_expire: "60", max_items: "max" });
    clock.advance(50_000);
    await publish(client, item("2"));
    expect(idsIn(await client.ask("get", items(NODE)))).toEqual(["1", "2"]);
    clock.advance(20_000);
    expect(idsIn(await client.ask("get", items(NODE)))).toEqual(["2"]);
    await refused(client, "get", items(NODE, "<item id='1'/>"), refusal("item-not-found", "cancel"));
    clock.advance(60_000);
    expect(idsIn(await client.ask("get", items(NODE)))).toEqual([]);
    expect(await wants(client, NODE)).toEqual([]);
  });
});

describe("XEP-0060 section 7.2: retracting an item", () => {
  const retracting = (content: string, attrs = "") => asking(`<retract node='${NODE}' ${attrs}>${content}</retract>`);

  it("7.2.2: the item is gone; subscribers are told if the publisher or the node wants it", async () => {
    const { hamlet, francisco } = await withSubscriber();
    await publish(hamlet, item("1"), { max_items: "max", notify_retract: "false" });
    for (const id of ["2", "3"]) await publish(hamlet, item(id));
    await messagesUntilNow(francisco);
    expect((await hamlet.ask("set", retracting("<item id='1'/>"))).attrs.type).toBe("result");
    expect((await hamlet.ask("set", retracting("<item id='2'/>", "notify='true'"))).attrs.type).toBe("result");
    await francisco.expect(event(`<items node='${NODE}'><retract id='2'/></items>`));
    await hamlet.ask("set", configuring(NODE, { notify_retract: "true" }));
    expect((await hamlet.ask("set", retracting("<item id='3'/>"))).attrs.type).toBe("result");
    await francisco.expect(event(`<items node='${NODE}'><retract id='3'/></items>`));
    expect(idsIn(await hamlet.ask("get", items(NODE)))).toEqual([]);
  });

  it("7.2.3: what is not there or not named is refused", async () => {
    const client = await hamlet();
    await refused(client, "set", retracting("<item id='1'/>"), refusal("item-not-found", "cancel"));
    await publish(client, item("1"));
    await refused(client, "set", retracting("<item id='2'/>"), refusal("item-not-found", "cancel"));
    await refused(client, "set", retracting(""), refusal("bad-request", "modify", detail("item-required")));
    await refused(client, "set", retracting("<item/>"), refusal("bad-request", "modify", detail("item-required")));
    const nameless = asking("<retract><item id='1'/></retract>");
    await refused(client, "set", nameless, refusal("bad-request", "modify", detail("nodeid-required")));
    expect(idsIn(await client.ask("get", items(NODE)))).toEqual(["1"]);
  });
});

describe("XEP-0060 section 8.1: creating a node", () => {
  it("8.1.2: with the default configuration; a second one of the name is a conflict", async () => {
    const client = await hamlet();
    expect((await client.ask("set", asking(`<create node='${NODE}'/>`))).attrs.type).toBe("result");
    await refused(client, "set", asking(`<create node='${NODE}'/>`), refusal("conflict", "cancel"));
  });

  it("8.1.1: an instant node has a name that the service made", async () => {
    const client = await hamlet();
    const answer = await client.ask("set", asking("<create/>"));
    const node = answer.getChild("pubsub")?.getChild("create")?.attrs.node as string;
    expect(node).toMatch(/./);
    expect((await client.ask("get", items(node))).attrs.type).toBe("result");
  });

  it("8.1.3: configured at once; a form that cannot be met makes no node", async () => {
    const client = await hamlet();
    const create = (fields: Record<string, string>, attrs = "") =>
      asking(`<create node='${NODE}'/><configure ${attrs}>${form(`${PUBSUB}#node_config`, fields)}</configure>`);
    await refused(client, "set", create({}, "node='x'"), refusal("bad-request", "modify"));
    const model = refusal("not-acceptable", "modify", detail("unsupported-access-model"));
    await refused(client, "set", create({ access_model: "nobody" }), model);
    await refused(client, "set", create({ max_items: "many" }), refusal("not-acceptable", "modify"));
    expect((await client.ask("set", create({ title: "Princely Musings", access_model: "open" }))).attrs.type).toBe(
      "result",
    );
    const config = (await client.ask("get", owning(`<configure node='${NODE}'/>`))).toString();
    expect(config).toContain("Princely Musings");
  });
});

describe("XEP-0060 sections 8.2 and 8.3: configuring a node", () => {
  it("8.2.2: the form has the current values, and the options of the lists", async () => {
    const client = await hamlet();
    await publish(client, item("1"));
    const answer = await client.ask("get", owning(`<configure node='${NODE}'/>`));
    const x = answer.getChild("pubsub", OWNER)?.getChild("configure")?.getChild("x", "jabber:x:data");
    expect(x?.attrs.type).toBe("form");
    const field = (name: string) => x?.getChildren("field").find(({ attrs }) => attrs.var === name);
    expect(field("FORM_TYPE")?.getChildText("value")).toBe(`${PUBSUB}#node_config`);
    expect(field("pubsub#access_model")?.getChildText("value")).toBe("presence");
    expect(
      field("pubsub#access_model")
        ?.getChildren("option")
        .map((option) => option.getChildText("value")),
    ).toEqual(["authorize", "open", "presence", "roster", "whitelist"]);
  });

  it("8.2.5: a submitted form changes the fields in it, and passes over what it does not know", async () => {
    const client = await hamlet();
    await publish(client, item("1"), { max_items: "5" });
    const answer = await client.ask("set", configuring(NODE, { access_model: "open", colour: "red", title: "T" }));
    expect(answer.attrs.type).toBe("result");
    const config = (await client.ask("get", owning(`<configure node='${NODE}'/>`))).toString();
    expect(config).toMatch(/var="pubsub#access_model".*?<value>open<\/value><\/field>/);
    expect(config).toMatch(/var="pubsub#max_items"[^/]*<value>5</);
  });

  it("8.2.4: a cancelled form changes nothing; 8.2.5.2: one that cannot be met neither", async () => {
    const client = await hamlet();
    await publish(client, item("1"));
    const cancel = owning(`<configure node='${NODE}'><x xmlns='jabber:x:data' type='cancel'/></configure>`);
    expect((await client.ask("set", cancel)).attrs.type).toBe("result");
    const bad = configuring(NODE, { access_model: "open", send_last_published_item: "sometimes" });
    await refused(client, "set", bad, refusal("not-acceptable", "modify"));
    const config = (await client.ask("get", owning(`<configure node='${NODE}'/>`))).toString();
    expect(config).toMatch(/var="pubsub#access_model".*?<value>presence<\/value><\/field>/);
  });

  it("fewer items are kept at once", async () => {
    const client = await hamlet();
    for (const id of ["1", "2", "3"]) await publish(client, item(id), { max_items: "max" });
    await client.ask("set", configuring(NODE, { max_items: "2" }));
    expect(idsIn(await client.ask("get", items(NODE)))).toEqual(["2", "3"]);
  });

  it("8.2.5.3: subscribers are told if the node says so, with the configuration if it delivers payloads", async () => {
    const { hamlet, francisco } = await withSubscriber();
    await publish(hamlet, item("1"));
    await francisco.next();
    await hamlet.ask("set", configuring(NODE, { title: "quiet" }));
    await hamlet.ask("set", configuring(NODE, { title: "told", notify_config: "1" }));
    await francisco.expect(
      event(
        `<configuration node='${NODE}'><x xmlns='jabber:x:data' type='result'><field var='pubsub#title'><value>told</value></field></x></configuration>`,
      ),
    );
    await hamlet.ask("set", configuring(NODE, { deliver_payloads: "0" }));
    const message = await francisco.next();
    expect(message.getChild("event")?.getChild("configuration")?.children).toEqual([]);
  });

  it("8.3: the default configuration", async () => {
    const client = await hamlet();
    const answer = (await client.ask("get", owning("<default/>"))).toString();
    expect(answer).toContain('var="pubsub#send_last_published_item"');
    expect(answer).toContain("<value>on_sub_and_presence</value></field>");
  });

  it("8.2.3: no node, or none of that name", async () => {
    const client = await hamlet();
    for (const [type, content] of [
      ["get", "<configure/>"],
      ["set", "<configure/>"],
      ["set", "<delete/>"],
      ["set", "<purge/>"],
      ["get", "<affiliations/>"],
    ] as const) {
      await refused(client, type, owning(content), refusal("bad-request", "modify", detail("nodeid-required")));
    }
    for (const content of ["<configure node='x'/>", "<affiliations node='x'/>", "<subscriptions node='x'/>"]) {
      await refused(client, "get", owning(content), refusal("item-not-found", "cancel"));
    }
    for (const content of ["<delete node='x'/>", "<purge node='x'/>", "<affiliations node='x'/>"]) {
      await refused(client, "set", owning(content), refusal("item-not-found", "cancel"));
    }
    await refused(client, "set", configuring("x", {}), refusal("item-not-found", "cancel"));
    await refused(client, "set", owning("<configure node='x'/>"), refusal("bad-request", "modify"));
  });

  it.each(["hamlet@example.com", "nobody@example.com"])(
    "8.2.3.2 and others: whoever is no owner is forbidden: %s",
    async (to) => {
      const { hamlet, francisco } = await withSubscriber();
      await publish(hamlet, item("1"));
      await messagesUntilNow(francisco);
      for (const content of [
        `<configure node='${NODE}'/>`,
        "<default/>",
        `<affiliations node='${NODE}'/>`,
        `<subscriptions node='${NODE}'/>`,
      ]) {
        francisco.send(`<iq type='get' id='1' to='${to}'>${owning(content)}</iq>`);
        await francisco.expect(refusal("forbidden", "auth"));
      }
      for (const content of [`<delete node='${NODE}'/>`, `<purge node='${NODE}'/>`]) {
        francisco.send(`<iq type='set' id='1' to='${to}'>${owning(content)}</iq>`);
        await francisco.expect(refusal("forbidden", "auth"));
      }
      expect(idsIn(await hamlet.ask("get", items(NODE)))).toEqual(["1"]);
    },
  );
});

describe("XEP-0060 sections 8.4 and 8.5: deleting and purging", () => {
  it("8.4.2: the node is gone, and subscribers are told, unless the node says otherwise", async () => {
    const { hamlet, francisco } = await withSubscriber();
    await publish(hamlet, item("1"));
    await francisco.next();
    expect((await hamlet.ask("set", owning(`<delete node='${NODE}'/>`))).attrs.type).toBe("result");
    await francisco.expect(event(`<delete node='${NODE}'/>`));
    await refused(hamlet, "get", items(NODE), refusal("item-not-found", "cancel"));
    await publish(hamlet, item("2"), { notify_delete: "0" });
    await francisco.next();
    await hamlet.ask("set", owning(`<delete node='${NODE}'/>`));
    expect(await messagesUntilNow(francisco)).toEqual([]);
  });

  it("8.5.2: all items are gone, and subscribers are told once", async () => {
    const { hamlet, francisco } = await withSubscriber();
    for (const id of ["1", "2"]) await publish(hamlet, item(id), { max_items: "max" });
    await messagesUntilNow(francisco);
    expect((await hamlet.ask("set", owning(`<purge node='${NODE}'/>`))).attrs.type).toBe("result");
    const told = await messagesUntilNow(francisco);
    expect(told.map((message) => message.getChild("event")?.getChild("purge")?.attrs.node)).toEqual([NODE]);
    expect(idsIn(await hamlet.ask("get", items(NODE)))).toEqual([]);
  });
});

it("requests that are none", async () => {
  const client = await hamlet();
  await refused(client, "set", `<pubsub xmlns='${PUBSUB}'/>`, refusal("bad-request", "modify"));
  for (const type of ["get", "set"] as const) {
    await refused(client, type, asking("<dance/>"), refusal("feature-not-implemented", "cancel"));
    const options = refusal(
      "feature-not-implemented",
      "cancel",
      detail("unsupported", "feature='subscription-options'"),
    );
    await refused(client, type, asking("<options node='x' jid='y'/>"), options);
  }
});
