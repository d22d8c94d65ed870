// XEP-0114 1.6: Jabber Component Protocol, the side that accepts connections.

import { describe, expect, it } from "vitest";
import type { ConfigInput } from "../../server/index.ts";
import { childrenOf } from "../../server/stanza.ts";
import { ScriptedComponent } from "../support/component.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { startServer, type TestServer } from "../support/server.ts";

const IRC = "irc.example.com";
const ITEMS = "http://jabber.org/protocol/disco#items";
const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";

function start(config: ConfigInput = {}, parts: Parameters<typeof startServer>[1] = {}): Promise<TestServer> {
  return startServer(
    {
      components: [
        { domain: IRC, secret: "secret", name: "Chat elsewhere" },
        { domain: "push.example.com", secret: "other" },
      ],
      componentPort: 0,
      componentAddresses: ["127.0.0.1"],
      rooms: { enabled: false },
      ...config,
    },
    parts,
  );
}

function error(condition: string): string {
  return `<error><${condition} xmlns='${STANZAS}'/></error>`;
}

describe("XEP-0114 section 3: stream header", () => {
  it("the answer is from the component's domain, with an id, and another one for each stream", async () => {
    const server = await start();
    const ids = new Set<string>();
    for (const _ of [1, 2]) {
      const component = await ScriptedComponent.connect(server, IRC);
      component.send(component.header());
      const attrs = await component.nextOpen();
      expect(attrs).toMatchObject({ from: IRC, id: expect.stringMatching(/^.{16,}$/) });
      ids.add(attrs.id as string);
    }
    expect(ids.size).toBe(2);
  });

  it.each(["example.com", "other.example", "user@irc.example.com", "irc.example.com/x", ""])(
    "a name that is not served (%s): header, host-unknown, end",
    async (name) => {
      const component = await ScriptedComponent.connect(await start(), IRC);
      component.send(component.header(name));
      await component.nextOpen();
      await component.expectStreamError("host-unknown");
    },
  );

  it.each(["jabber:client", "jabber:server", "jabber:component:connect"])(
    "the namespace %s: header, invalid-namespace, end",
    async (ns) => {
      const component = await ScriptedComponent.connect(await start(), IRC);
      component.send(component.header(IRC, ns));
      await component.nextOpen();
      await component.expectStreamError("invalid-namespace");
    },
  );

  it("it is off where no components are configured", async () => {
    expect((await startServer()).addresses.components).toBeNull();
  });
});

describe("XEP-0114 section 3: handshake", () => {
  it("the lower-case hex of SHA-1 over stream id and secret gets an empty handshake", async () => {
    const component = await ScriptedComponent.login(await start(), IRC);
    await component.expectNothing();
  });

  it.each<[string, (component: ScriptedComponent, id: string) => void]>([
    ["of a wrong secret", (component, id) => component.handshake(id, "wrong")],
    ["with the other component's secret", (component, id) => component.handshake(id, "other")],
    ["for another stream's id", (component) => component.handshake("0", "secret")],
    ["that is empty", (component) => component.send("<handshake/>")],
    ["that is too long", (component) => component.send(`<handshake>${"a".repeat(4_000)}</handshake>`)],
    ["in place of which there is a stanza", (component) => component.send(`<message from='${IRC}' to='example.com'/>`)],
  ])("one %s: not-authorized", async (_what, say) => {
    const component = await ScriptedComponent.connect(await start(), IRC);
    say(component, await component.open());
    await component.expectStreamError("not-authorized");
  });

  it("nothing that is sent along with a wrong one is routed", async () => {
    const server = await start();
    const juliet = await server.online("juliet");
    const component = await ScriptedComponent.connect(server, IRC);
    await component.open();
    component.send(`<handshake>no</handshake><message from='${IRC}' to='${juliet.bare}'><body>hello</body></message>`);
    await component.expectStreamError("not-authorized");
    await juliet.expectNothing();
  });

  it("who does not say it in time is cut off (limits.handshakeTimeoutSeconds)", async () => {
    const clock = new FakeClock();
    const component = await ScriptedComponent.connect(
      await start({ limits: { idleTimeoutSeconds: 0 } }, { clock }),
      IRC,
    );
    await component.open();
    clock.advance(30_000);
    await component.expectStreamError("policy-violation");
  });

  it("before it only small elements are read (limits.stanzaBytesBeforeLogin)", async () => {
    const component = await ScriptedComponent.connect(await start(), IRC);
    await component.open();
    component.send(`<handshake>${"a".repeat(10_000)}`);
    await component.expectStreamError("policy-violation");
  });
});

describe("XEP-0114 section 3: stanzas", () => {
  it("go from any address at the component's domain to a user, and back, in the client's namespace and the component's", async () => {
    const server = await start();
    const juliet = await server.online("juliet");
    const component = await ScriptedComponent.login(server, IRC);
    component.send(
      `<message from='romeo@${IRC}/x' to='${juliet.bare}' type='chat' id='m1'><body>hello</body></message>`,
    );
    await juliet.expect(`<message from='romeo@${IRC}/x' type='chat' id='m1'><body>hello</body></message>`);
    juliet.send(`<message to='romeo@${IRC}/x' type='chat' id='m2'><body>hi</body><thread>t</thread></message>`);
    const arrived = await component.next();
    expect(arrived.toString()).toBe(
      `<message to="romeo@${IRC}/x" type="chat" id="m2" from="${juliet.full}"><body>hi</body><thread>t</thread></message>`,
    );
  });

  it("an iq to the component's domain is the component's to answer", async () => {
    const server = await start();
    const juliet = await server.online("juliet");
    const component = await ScriptedComponent.login(server, IRC);
    juliet.send(`<iq type='get' id='1' to='${IRC}'><ping xmlns='urn:xmpp:ping'/></iq>`);
    await component.expect(
      `<iq type='get' id='1' from='${juliet.full}' to='${IRC}'><ping xmlns='urn:xmpp:ping'/></iq>`,
    );
    component.send(`<iq type='result' id='1' from='${IRC}' to='${juliet.full}'/>`);
    await juliet.expect(`<iq type='result' id='1' from='${IRC}'/>`);
  });

  it("between components", async () => {
    const server = await start();
    const irc = await ScriptedComponent.login(server, IRC);
    const push = await ScriptedComponent.login(server, "push.example.com", "other");
    irc.send(`<message from='a@${IRC}' to='b@push.example.com'><body>hi</body></message>`);
    await push.expect(`<message from='a@${IRC}' to='b@push.example.com'><body>hi</body></message>`);
  });

  it.each([
    "juliet@example.com/balcony",
    "example.com",
    "push.example.com",
    "irc.example.com.evil.example",
    "a@sub.irc.example.com",
    "@irc.example.com",
    "",
  ])("from an address that is not the component's (%s): invalid-from, and nobody gets it", async (from) => {
    const server = await start();
    const juliet = await server.online("juliet");
    const component = await ScriptedComponent.login(server, IRC);
    component.send(`<message from='${from}' to='${juliet.bare}'><body>forged</body></message>`);
    await component.expectStreamError("invalid-from");
    await juliet.expectNothing();
  });

  it.each([`from='${IRC}'`, "to='juliet@example.com'", ""])(
    "with only [%s] of the two addresses: improper-addressing",
    async (attrs) => {
      const component = await ScriptedComponent.login(await start(), IRC);
      component.send(`<presence ${attrs}/>`);
      await component.expectStreamError("improper-addressing");
    },
  );

  it("what cannot be delivered is told to the component, and its stream goes on", async () => {
    const component = await ScriptedComponent.login(await start(), IRC);
    const ask = (to: string): void =>
      component.send(`<iq type='get' id='1' from='a@${IRC}' to='${to}'><query xmlns='unknown'/></iq>`);
    ask("example.com");
    await component.expect(
      `<iq type='error' id='1' from='example.com' to='a@${IRC}'>${error("service-unavailable")}</iq>`,
    );
    ask("nobody@example.com/x");
    await component.expect(`<iq type='error'>${error("service-unavailable")}</iq>`);
    ask("somewhere.example");
    await component.expect(`<iq type='error'>${error("remote-server-not-found")}</iq>`);
    ask("@");
    await component.expect(`<iq type='error'>${error("jid-malformed")}</iq>`);
    await component.expectNothing();
  });

  it("the gateway is for users of this server: service-unavailable", async () => {
    const server = await start({ gateway: { domains: { "example.net": {} } } });
    await server.admin.addPresentity("romeo@example.net", { policy: "allow" });
    const component = await ScriptedComponent.login(server, IRC);
    component.send(`<message from='a@${IRC}' to='romeo@EXAMPLE.net' type='chat'><body>hi</body></message>`);
    await component.expect(`<message type='error'>${error("service-unavailable")}</message>`);
    await component.expectNothing();
  });

  it("what is no stanza, or in another namespace, ends the stream", async () => {
    const server = await start();
    for (const [xml, condition] of [
      [`<log from='${IRC}' to='example.com'/>`, "unsupported-stanza-type"],
      [`<message xmlns='jabber:client' from='${IRC}' to='example.com'/>`, "invalid-namespace"],
      ["<handshake/>", "unsupported-stanza-type"],
    ] as const) {
      const component = await ScriptedComponent.login(server, IRC);
      component.send(xml);
      await component.expectStreamError(condition);
    }
  });

  it("RFC 6121 section 3: a user subscribes to somebody there, is approved, and sees presence; a new resource probes", async () => {
    const server = await start();
    const juliet = await server.online("juliet");
    const component = await ScriptedComponent.login(server, IRC);
    juliet.send(`<presence to='romeo@${IRC}' type='subscribe'/>`);
    await component.expect(`<presence type='subscribe' from='${juliet.bare}' to='romeo@${IRC}'/>`);
    component.send(`<presence type='subscribed' from='romeo@${IRC}' to='${juliet.bare}'/>`);
    await juliet.until(`<presence type='subscribed' from='romeo@${IRC}'/>`);
    component.send(`<presence from='romeo@${IRC}/x' to='${juliet.bare}'><show>away</show></presence>`);
    await juliet.until(`<presence from='romeo@${IRC}/x'><show>away</show></presence>`);
    await server.online("juliet", { resource: "second" });
    await component.expect(`<presence type='probe' from='${juliet.bare}' to='romeo@${IRC}'/>`);
  });

  it("the service has no more rights than a stranger: an account's own things stay closed to it", async () => {
    const server = await start();
    await server.online("juliet");
    const component = await ScriptedComponent.login(server, IRC);
    for (const [payload, condition] of [
      ["<query xmlns='jabber:iq:roster'/>", "forbidden"],
      ["<query xmlns='jabber:iq:last'/>", "forbidden"],
      ["<query xmlns='jabber:iq:private'><a xmlns='b'/></query>", "forbidden"],
      ["<query xmlns='http://jabber.org/protocol/disco#info'/>", "service-unavailable"],
      ["<vCard xmlns='vcard-temp'/>", "service-unavailable"],
    ] as const) {
      component.send(`<iq type='get' id='1' from='${IRC}' to='juliet@example.com'>${payload}</iq>`);
      await component.expect(`<iq type='error'>${error(condition)}</iq>`);
    }
  });
});

describe("limits of a component's stream", () => {
  it.each([
    [
      "a stanza that is too big",
      `<message from='${IRC}' to='example.com'><body>${"a".repeat(20_000)}</body></message>`,
    ],
    ["one that is too deep", `<message from='${IRC}' to='example.com'>${"<a>".repeat(9)}${"</a>".repeat(9)}</message>`],
  ])("%s: policy-violation", async (_what, xml) => {
    const component = await ScriptedComponent.login(await start({ limits: { stanzaBytes: 15_000, depth: 8 } }), IRC);
    component.send(xml);
    await component.expectStreamError("policy-violation");
  });

  it("what came before a mistake is carried out", async () => {
    const server = await start();
    const juliet = await server.online("juliet");
    const component = await ScriptedComponent.login(server, IRC);
    const messages = [1, 2, 3].map((n) => `<message from='${IRC}' to='${juliet.bare}'><body>${n}</body></message>`);
    component.send(`${messages.join("")}<not well formed`);
    component.send("<>");
    for (const n of [1, 2, 3]) await juliet.expect(`<message><body>${n}</body></message>`);
    await component.expectStreamError("not-well-formed");
  });

  it("one that does not read is cut off at limits.outboxBytes, and its senders go on", async () => {
    const server = await start({ limits: { outboxBytes: 65_536 } });
    const juliet = await server.online("juliet");
    const component = await ScriptedComponent.login(server, IRC);
    component.pause();
    const body = "a".repeat(200_000);
    const refused = `<message type='error' from='${IRC}'>${error("remote-server-timeout")}</message>`;
    let gone = false;
    // The kernel takes some megabytes by itself.
    for (let n = 0; n < 500 && !gone; n += 1) {
      juliet.send(`<message to='${IRC}' id='${n}'><body>${body}</body></message>`);
      gone = (await juliet.untilNow()).some((stanza) => stanza.attrs.type === "error");
    }
    expect(gone).toBe(true);
    juliet.send(`<message to='${IRC}'><body>more</body></message>`);
    await juliet.expect(refused);
    component.resume();
    await component.ended();
  });
});

describe("a component that is away, and comes back", () => {
  it("while it is away: remote-server-timeout, and it is no item of the server's", async () => {
    const server = await start();
    const juliet = await server.online("juliet");
    const items = async (): Promise<unknown[]> => {
      const answer = await juliet.ask("get", `<query xmlns='${ITEMS}'/>`, "example.com");
      const query = answer.getChild("query", ITEMS);
      return query === undefined ? [] : childrenOf(query, "item", ITEMS).map(({ attrs }) => [attrs.jid, attrs.name]);
    };
    expect(await items()).toEqual([]);
    expect((await juliet.ask("get", "<ping xmlns='urn:xmpp:ping'/>", IRC)).getChild("error")?.toString()).toContain(
      "remote-server-timeout",
    );
    const component = await ScriptedComponent.login(server, IRC);
    expect(await items()).toEqual([[IRC, "Chat elsewhere"]]);
    component.send("</stream:stream>");
    await component.expectClosed();
    expect(await items()).toEqual([]);
  });

  it("a new connection replaces the one before, which ends with a conflict", async () => {
    const server = await start();
    const juliet = await server.online("juliet");
    const first = await ScriptedComponent.login(server, IRC);
    const second = await ScriptedComponent.login(server, IRC);
    await first.expectStreamError("conflict");
    juliet.send(`<message to='${IRC}'><body>hello</body></message>`);
    await second.expect("<message><body>hello</body></message>");
  });

  it("one that does not know the secret replaces nothing", async () => {
    const server = await start();
    const juliet = await server.online("juliet");
    const right = await ScriptedComponent.login(server, IRC);
    const wrong = await ScriptedComponent.connect(server, IRC);
    wrong.handshake(await wrong.open(), "wrong");
    await wrong.expectStreamError("not-authorized");
    juliet.send(`<message to='${IRC}'><body>hello</body></message>`);
    await right.expect("<message><body>hello</body></message>");
  });

  it("the end of the server is system-shutdown", async () => {
    const server = await start();
    const component = await ScriptedComponent.login(server, IRC);
    const stopped = server.stop();
    await component.expectStreamError("system-shutdown");
    await stopped;
  });
});

describe("the configuration", () => {
  it.each([
    ["example.com", "is in use already"],
    ["example.net", "is in use already"],
    ["IRC.example.com", "is in use already"],
    ["no domain", "is no domain"],
  ])("a component at %s is refused: %s", async (domain, problem) => {
    const components = [
      { domain: IRC, secret: "secret" },
      { domain, secret: "secret" },
    ];
    await expect(start({ components, gateway: { domains: { "example.net": {} } } })).rejects.toThrow(problem);
  });
});
