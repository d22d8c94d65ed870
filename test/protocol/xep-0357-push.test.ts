// XEP-0357 0.4.1: Push Notifications. The app server is a component (XEP-0114).

import type { Element } from "ltx";
import { describe, expect, it } from "vitest";
import type { ConfigInput } from "../../server/index.ts";
import type { ScriptedClient } from "../support/client.ts";
import { ScriptedComponent } from "../support/component.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { temporaryFolder } from "../support/folder.ts";
import { befriend, startServer, type TestServer } from "../support/server.ts";

const NS = "urn:xmpp:push:0";
const APP = "push.client.example";
const PUBSUB = "http://jabber.org/protocol/pubsub";
const OPTIONS = "http://jabber.org/protocol/pubsub#publish-options";
const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";
const INFO = "http://jabber.org/protocol/disco#info";

type Scene = { server: TestServer; app: ScriptedComponent; juliet: ScriptedClient; romeo: ScriptedClient };

function start(config: ConfigInput = {}, parts: Parameters<typeof startServer>[1] = {}): Promise<TestServer> {
  return startServer(
    {
      components: [{ domain: APP, secret: "secret" }],
      componentPort: 0,
      componentAddresses: ["127.0.0.1"],
      ...config,
      limits: { idleTimeoutSeconds: 0, ...config.limits },
    },
    parts,
  );
}

/** Juliet's client with push enabled, its app server, and Romeo who writes to her. */
async function scene(config: ConfigInput = {}, parts: Parameters<typeof startServer>[1] = {}): Promise<Scene> {
  const server = await start(config, parts);
  const app = await ScriptedComponent.login(server, APP);
  const juliet = await server.online("juliet", { resource: "phone" });
  const romeo = await server.online("romeo");
  await ok(juliet, enable());
  return { server, app, juliet, romeo };
}

function enable(node = "yxs32uqsflafdk3iuqo", content = ""): string {
  return `<enable xmlns='${NS}' jid='${APP}' node='${node}'>${content}</enable>`;
}

async function ok(client: ScriptedClient, payload: string): Promise<void> {
  expect((await client.ask("set", payload)).toString()).toContain('type="result"');
}

function chat(body: string, content = ""): string {
  return `<message to='juliet@example.com' type='chat'><body>${body}</body>${content}</message>`;
}

/** The next thing that the app server gets is a notification; it is answered. */
async function notified(app: ScriptedComponent, answer = "<iq type='result'/>"): Promise<Element> {
  const iq = await app.expect(`<iq type='set' from='example.com' to='${APP}'><pubsub xmlns='${PUBSUB}'/></iq>`);
  const [head, ...rest] = answer.split("<iq ");
  app.send(`${head}<iq id='${iq.attrs.id}' from='${APP}' to='example.com' ${rest.join("<iq ")}`);
  return iq;
}

function fieldsOf(iq: Element): Record<string, string> {
  const item = iq.getChild("pubsub")?.getChild("publish")?.getChild("item");
  const form = item?.getChild("notification", NS)?.getChild("x", "jabber:x:data");
  const fields = form?.getChildren("field") ?? [];
  return Object.fromEntries(fields.map((field) => [field.attrs.var as string, field.getChildText("value") ?? ""]));
}

function error(condition: string, type: string): string {
  return `<iq type='error'><error type='${type}'><${condition} xmlns='${STANZAS}'/></error></iq>`;
}

describe("XEP-0357 section 4.1: support", () => {
  it.each([
    ["with a component that may be an app server", {}, true],
    ["without components, as there is no way to any", { components: [] }, false],
    ["with push.enabled false", { push: { enabled: false } }, false],
  ])("%s", async (_what, config, announced) => {
    const juliet = await (await start(config)).online("juliet");
    const info = await juliet.ask("get", `<query xmlns='${INFO}'/>`, juliet.bare);
    expect(info.toString().includes(`<feature var="${NS}"/>`)).toBe(announced);
    expect((await juliet.ask("set", `<disable xmlns='${NS}' jid='${APP}'/>`)).attrs.type).toBe(
      announced ? "result" : "error",
    );
  });
});

describe("XEP-0357 section 5: enabling", () => {
  it.each([
    ["without a jid", `<enable xmlns='${NS}' node='n'/>`, "bad-request"],
    ["with a jid that is none", `<enable xmlns='${NS}' jid='@' node='n'/>`, "jid-malformed"],
    [
      "at a server that cannot be reached",
      `<enable xmlns='${NS}' jid='far.example' node='n'/>`,
      "remote-server-not-found",
    ],
    [
      "at a user of this server",
      `<enable xmlns='${NS}' jid='romeo@example.com/x' node='n'/>`,
      "remote-server-not-found",
    ],
    ["with a form of another type", enable("n", "<x xmlns='jabber:x:data' type='submit'/>"), "bad-request"],
    ["with too long a node", enable("n".repeat(5_000)), "policy-violation"],
  ])("%s: refused", async (_what, request, condition) => {
    const juliet = await (await start()).online("juliet");
    const answer = await juliet.ask("set", request);
    expect(answer.getChild("error")?.getChild(condition, STANZAS)).toBeDefined();
  });

  it("for another's account: service-unavailable, whether it exists or not", async () => {
    const { juliet, romeo } = await scene();
    await befriend(juliet, romeo);
    for (const to of [juliet.bare, "nobody@example.com"]) {
      for (const request of [enable("mine"), `<disable xmlns='${NS}' jid='${APP}'/>`]) {
        const answer = await romeo.ask("set", request, to);
        expect(answer.getChild("error")?.getChild("service-unavailable", STANZAS)).toBeDefined();
      }
    }
  });

  it("an account has so many (push.servicesPerAccount): resource-constraint; the same node again is no other", async () => {
    const juliet = await (await start({ push: { servicesPerAccount: 2 } })).online("juliet");
    await ok(juliet, enable("1"));
    await ok(juliet, enable("2"));
    expect((await juliet.ask("set", enable("3"))).getChild("error")?.getChild("resource-constraint")).toBeDefined();
    await ok(juliet, enable("2"));
  });

  it("the last request's publish options go with each notification", async () => {
    const { app, juliet, romeo } = await scene();
    const form = (secret: string): string =>
      `<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>${OPTIONS}</value></field>` +
      `<field var='secret'><value>${secret}</value></field></x>`;
    await ok(juliet, enable(undefined, form("old")));
    await ok(juliet, enable(undefined, form("eruio234vzxc2kla-91")));
    await juliet.close();
    romeo.send(chat("hello"));
    const options = (await notified(app)).getChild("pubsub")?.getChild("publish-options");
    const fields = options?.getChild("x", "jabber:x:data")?.getChildren("field") ?? [];
    expect(fields.map((field) => [field.attrs.var, field.getChildText("value")])).toEqual([
      ["FORM_TYPE", OPTIONS],
      ["secret", "eruio234vzxc2kla-91"],
    ]);
  });
});

describe("XEP-0357 section 6: disabling", () => {
  async function nodesToldOf({ app, juliet, romeo }: Scene, request: string): Promise<unknown[]> {
    await ok(juliet, enable("2"));
    await ok(juliet, request);
    await juliet.close();
    romeo.send(chat("hello"));
    await romeo.sync();
    app.send(`<iq type='get' id='now' from='${APP}' to='example.com'><ping xmlns='urn:xmpp:ping'/></iq>`);
    const nodes: unknown[] = [];
    for (let iq = await app.next(); iq.attrs.id !== "now"; iq = await app.next()) {
      nodes.push(iq.getChild("pubsub")?.getChild("publish")?.attrs.node);
    }
    return nodes;
  }

  it("one node: the other is told still", async () => {
    expect(await nodesToldOf(await scene(), `<disable xmlns='${NS}' jid='${APP}' node='2'/>`)).toEqual([
      "yxs32uqsflafdk3iuqo",
    ]);
  });

  it("without a node: none of the service's is told any more", async () => {
    expect(await nodesToldOf(await scene(), `<disable xmlns='${NS}' jid='${APP}'/>`)).toEqual([]);
  });

  it("while an answer is awaited: what was to follow it is not sent", async () => {
    const { server, app, juliet, romeo } = await scene();
    const desktop = await server.online("juliet", { resource: "desktop" });
    await juliet.close();
    romeo.send(chat("1"));
    const first = await app.expect("<iq type='set'/>");
    romeo.send(chat("2"));
    await romeo.sync();
    await ok(desktop, `<disable xmlns='${NS}' jid='${APP}'/>`);
    app.send(`<iq type='result' id='${first.attrs.id}' from='${APP}' to='example.com'/>`);
    await app.expectNothing();
    await app.expectNothing();
  });

  it("another service, or a node that is not enabled: a result, and nothing changes", async () => {
    const { app, juliet, romeo } = await scene();
    await ok(juliet, `<disable xmlns='${NS}' jid='other.example'/>`);
    await ok(juliet, `<disable xmlns='${NS}' jid='${APP}' node='x'/>`);
    await juliet.close();
    romeo.send(chat("hello"));
    await notified(app);
  });
});

describe("XEP-0357 section 7: publishing", () => {
  it("to an offline account: a publication to the node, that tells a number and nothing else", async () => {
    const { app, juliet, romeo } = await scene();
    await juliet.close();
    romeo.send(chat("wherefore art thou"));
    const iq = await notified(app);
    expect(iq.getChild("pubsub")?.getChild("publish")?.attrs.node).toBe("yxs32uqsflafdk3iuqo");
    expect(fieldsOf(iq)).toEqual({ FORM_TYPE: "urn:xmpp:push:summary", "message-count": "1" });
    expect(iq.toString()).not.toMatch(/wherefore|romeo/);
  });

  it("to a client whose connection is lost (XEP-0198)", async () => {
    const { server, app, romeo } = await scene();
    const phone = await server.client("juliet", { resource: "tablet" });
    await phone.enable();
    phone.send("<presence/>");
    await ok(phone, `<disable xmlns='${NS}' jid='${APP}'/>`);
    await ok(phone, enable("tablet"));
    phone.ack();
    await phone.sync();
    phone.ack();
    await phone.sync();
    phone.cut();
    await romeo.sync();
    // Whether the loss is seen before the message or after it, she is told once.
    romeo.send(chat("hello"));
    const iq = await notified(app);
    expect(iq.getChild("pubsub")?.getChild("publish")?.attrs.node).toBe("tablet");
  });

  it("of what a client had not acknowledged when its connection was lost", async () => {
    const { server, app, romeo } = await scene();
    const tablet = await server.client("juliet", { resource: "tablet" });
    await tablet.enable();
    tablet.send("<presence/>");
    await ok(tablet, enable("tablet"));
    romeo.send(chat("one"));
    romeo.send(chat("two"));
    await tablet.until("<message><body>two</body></message>");
    await app.expectNothing();
    tablet.cut();
    expect(fieldsOf(await notified(app))).toMatchObject({ "message-count": "2" });
  });

  it("to a client that is inactive (XEP-0352), which has the message, too; not to one that is active", async () => {
    const { app, juliet, romeo } = await scene();
    romeo.send(chat("one"));
    await juliet.until("<message><body>one</body></message>");
    await app.expectNothing();
    juliet.send("<inactive xmlns='urn:xmpp:csi:0'/>");
    await juliet.sync();
    romeo.send(chat("two"));
    await notified(app);
    await juliet.until("<message><body>two</body></message>");
    juliet.send("<active xmlns='urn:xmpp:csi:0'/>");
    await juliet.sync();
    romeo.send(chat("three"));
    await juliet.until("<message><body>three</body></message>");
    await app.expectNothing();
  });

  it("to the device that is away, while another is active", async () => {
    const { server, app, juliet, romeo } = await scene();
    const desktop = await server.online("juliet", { resource: "desktop" });
    await juliet.close();
    romeo.send(chat("hello"));
    await desktop.until("<message><body>hello</body></message>");
    await notified(app);
  });

  it.each([
    ["a chat state", "<composing xmlns='http://jabber.org/protocol/chatstates'/>"],
    ["a receipt", "<received xmlns='urn:xmpp:receipts' id='1'/>"],
    ["a chat marker", "<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>"],
    ["an empty body", "<body/>"],
    ["an event of a node", "<event xmlns='http://jabber.org/protocol/pubsub#event'><items node='n'/></event>"],
  ])("not of %s", async (_what, content) => {
    const { app, juliet, romeo } = await scene();
    await juliet.close();
    romeo.send(`<message to='juliet@example.com' type='chat'>${content}</message>`);
    await romeo.sync();
    await app.expectNothing();
  });

  it.each([
    [
      "encrypted",
      "<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'/><payload>x</payload></encrypted>",
    ],
    ["a call", "<propose xmlns='urn:xmpp:jingle-message:0' id='1'/>"],
    ["an invitation", "<x xmlns='http://jabber.org/protocol/muc#user'><invite from='a@b'/></x>"],
  ])("of what is %s, without a body", async (_what, content) => {
    const { app, juliet, romeo } = await scene();
    await juliet.close();
    romeo.send(`<message to='juliet@example.com' type='chat'>${content}<store xmlns='urn:xmpp:hints'/></message>`);
    await notified(app);
  });

  it("not of presence, of errors, or of what the user wrote", async () => {
    const { server, app, juliet, romeo } = await scene();
    const desktop = await server.online("juliet", { resource: "desktop" });
    await ok(desktop, "<enable xmlns='urn:xmpp:carbons:2'/>");
    await ok(juliet, "<enable xmlns='urn:xmpp:carbons:2'/>");
    juliet.send("<inactive xmlns='urn:xmpp:csi:0'/>");
    await juliet.sync();
    desktop.send(`<message to='${romeo.bare}' type='chat'><body>from me</body></message>`);
    desktop.send(chat("to myself"));
    romeo.send(`<presence to='${juliet.bare}'/>`);
    romeo.send(`<message to='${juliet.full}' type='error'><body>b</body>${error("gone", "cancel")}</message>`);
    await desktop.sync();
    await romeo.sync();
    await juliet.sync();
    await app.expectNothing();
  });

  it("not for an account that is not there, and nobody learns by it", async () => {
    const { server, app, juliet, romeo } = await scene();
    await juliet.close();
    await server.admin.deleteUser("juliet");
    romeo.send(chat("hello"));
    await romeo.expectNothing();
    await app.expectNothing();
    await server.admin.addUser("juliet", "secret");
    romeo.send(chat("hello"));
    await romeo.expectNothing();
    await app.expectNothing();
  });

  it("sender and body only where the configuration says so, and never the body of what is encrypted", async () => {
    const { app, juliet, romeo } = await scene({ push: { includeSender: true, includeBody: true } });
    await juliet.close();
    romeo.send(chat("wherefore"));
    expect(fieldsOf(await notified(app))).toMatchObject({
      "last-message-sender": romeo.full,
      "last-message-body": "wherefore",
    });
    romeo.send(chat("I sent you an OMEMO message", "<encryption xmlns='urn:xmpp:eme:0' namespace='x'/>"));
    expect(fieldsOf(await notified(app))).toEqual({
      FORM_TYPE: "urn:xmpp:push:summary",
      "message-count": "1",
      "last-message-sender": romeo.full,
    });
  });

  it("one at a time: what comes before the answer is one more notification", async () => {
    const { app, juliet, romeo } = await scene();
    await juliet.close();
    romeo.send(chat("1"));
    const first = await app.expect("<iq type='set'><pubsub xmlns='http://jabber.org/protocol/pubsub'/></iq>");
    for (const n of [2, 3, 4]) romeo.send(chat(String(n)));
    await romeo.sync();
    await app.expectNothing();
    app.send(`<iq type='result' id='${first.attrs.id}' from='${APP}' to='example.com'/>`);
    expect(fieldsOf(await notified(app))).toMatchObject({ "message-count": "3" });
    await app.expectNothing();
  });

  it("what was enabled is kept over a restart", async () => {
    const storage = { path: await temporaryFolder() };
    const { server, romeo } = await scene({ storage });
    await romeo.close();
    await server.stop();
    const after = await start({ storage });
    const app = await ScriptedComponent.login(after, APP);
    const again = await after.client("romeo");
    again.send(chat("hello"));
    await notified(app);
  });
});

describe("XEP-0357 section 7.1: errors", () => {
  it.each([
    ["item-not-found", "cancel"],
    ["forbidden", "auth"],
    ["not-acceptable", "modify"],
  ])("%s disables the node", async (condition, type) => {
    const { app, juliet, romeo } = await scene();
    await juliet.close();
    romeo.send(chat("1"));
    await notified(app, error(condition, type));
    await app.expectNothing();
    romeo.send(chat("2"));
    await romeo.sync();
    await app.expectNothing();
  });

  it("one of type wait does not, until there are too many in a row (push.errors)", async () => {
    const { app, juliet, romeo } = await scene({ push: { errors: 3 } });
    await juliet.close();
    const wait = error("resource-constraint", "wait");
    for (const answer of [wait, wait, "<iq type='result'/>", wait, wait, wait]) {
      romeo.send(chat("x"));
      await notified(app, answer);
      await app.expectNothing();
    }
    romeo.send(chat("x"));
    await romeo.sync();
    await app.expectNothing();
  });

  it("an answer that does not come is such an error", async () => {
    const clock = new FakeClock();
    const { app, juliet, romeo } = await scene({ push: { errors: 1 } }, { clock });
    await juliet.close();
    romeo.send(chat("1"));
    await app.expect("<iq type='set'/>");
    clock.advance(30_000);
    romeo.send(chat("2"));
    await romeo.sync();
    await app.expectNothing();
  });

  it("an app server that is not connected is none: it is told of what comes when it is back", async () => {
    const { server, app, juliet, romeo } = await scene({ push: { errors: 1 } });
    await juliet.close();
    app.send("</stream:stream>");
    await app.expectClosed();
    romeo.send(chat("1"));
    await romeo.sync();
    const back = await ScriptedComponent.login(server, APP);
    romeo.send(chat("2"));
    await notified(back);
  });

  it("an answer from somebody else is none", async () => {
    const server = await start({
      components: [
        { domain: APP, secret: "secret" },
        { domain: "evil.example", secret: "secret" },
      ],
    });
    const [app, evil] = [
      await ScriptedComponent.login(server, APP),
      await ScriptedComponent.login(server, "evil.example"),
    ];
    const [juliet, romeo] = [await server.online("juliet"), await server.online("romeo")];
    await ok(juliet, enable());
    await juliet.close();
    romeo.send(chat("1"));
    const iq = await app.expect("<iq type='set'/>");
    evil.send(
      `<iq type='error' id='${iq.attrs.id}' from='evil.example' to='example.com'>${"<error type='cancel'/>"}</iq>`,
    );
    await evil.expectNothing();
    app.send(`<iq type='result' id='${iq.attrs.id}' from='${APP}' to='example.com'/>`);
    await app.expectNothing();
    romeo.send(chat("2"));
    await notified(app);
  });
});

describe("XEP-0357 section 8: the service ends it", () => {
  it.each([
    [APP, "yxs32uqsflafdk3iuqo", "juliet@example.com", false],
    [APP, "other", "juliet@example.com", true],
    [APP, "yxs32uqsflafdk3iuqo", "romeo@example.com", true],
  ])("a notice from %s for node %s of %s: still enabled is %s", async (from, node, jid, enabled) => {
    const { app, juliet, romeo } = await scene();
    await juliet.close();
    app.send(
      `<message from='${from}' to='juliet@example.com'><pubsub xmlns='${PUBSUB}' node='${node}'>` +
        `<affiliation jid='${jid}' affiliation='none'/></pubsub></message>`,
    );
    await app.expectNothing();
    romeo.send(chat("hello"));
    await romeo.sync();
    if (enabled) await notified(app);
    else await app.expectNothing();
  });

  it("from a stranger it says nothing", async () => {
    const { app, juliet, romeo } = await scene();
    await juliet.close();
    romeo.send(
      `<message to='juliet@example.com'><pubsub xmlns='${PUBSUB}' node='yxs32uqsflafdk3iuqo'>` +
        "<affiliation jid='juliet@example.com' affiliation='none'/></pubsub></message>",
    );
    romeo.send(chat("hello"));
    await notified(app);
  });
});
