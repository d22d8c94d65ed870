// RFC 7395: XMPP over WebSocket, as it looks on the wire. The rest of the protocol: over-websocket-*.test.ts.

import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { describe, expect, it } from "vitest";
import { type ClientOptions, WebSocket } from "ws";
import { FakeClock } from "../support/fake-clock.ts";
import { handshake, RawWebSocket } from "../support/raw-websocket.ts";
import { cleanUp, startServer, type TestServer } from "../support/server.ts";

const FRAMING = "urn:ietf:params:xml:ns:xmpp-framing";
const OPEN = `<open xmlns='${FRAMING}' to='example.com' version='1.0'/>`;
const CLOSE = `<close xmlns='${FRAMING}'/>`;
const AUTH = `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${Buffer.from("\0juliet\0secret").toString("base64")}</auth>`;
const bind = (resource: string) =>
  `<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${resource}</resource></bind></iq>`;

function plain(config: Parameters<typeof startServer>[0] = {}, parts?: Parameters<typeof startServer>[1]) {
  return startServer({ ...config, c2s: { requireTls: false } }, parts);
}

function portOf(server: TestServer): number {
  return server.addresses.http as number;
}

async function connected(server: TestServer, secure = false, options: ClientOptions = {}): Promise<RawWebSocket> {
  const ws = await RawWebSocket.connect(portOf(server), options, secure);
  cleanUp(async () => ws.ws.terminate());
  return ws;
}

/** A bound resource. */
async function bound(server: TestServer, options: ClientOptions = {}, resource = "balcony"): Promise<RawWebSocket> {
  await server.admin.addUser("juliet", "secret").catch(() => {});
  const ws = await connected(server, true, options);
  ws.send(OPEN);
  await ws.next();
  await ws.next();
  ws.send(AUTH);
  expect(await ws.next()).toMatch(/^<success /);
  ws.send(OPEN);
  await ws.next();
  await ws.next();
  ws.send(bind(resource));
  expect(await ws.next()).toContain(`juliet@example.com/${resource}`);
  return ws;
}

const withTls = (config: Parameters<typeof startServer>[0] = {}, parts?: Parameters<typeof startServer>[1]) =>
  startServer({ ...config, http: { tls: true, ...config.http } }, parts);

describe("RFC 7395 section 3.1: the handshake", () => {
  it("answers with the subprotocol xmpp, also where others are offered before it", async () => {
    const server = await plain();
    const { status, headers } = await handshake(portOf(server), {}, ["chat", "xmpp"]);
    expect([status, headers["sec-websocket-protocol"]]).toEqual([101, "xmpp"]);
    expect(headers["sec-websocket-extensions"]).toBeUndefined();
  });

  it("refuses who does not offer it", async () => {
    const server = await plain();
    const { status, body } = await handshake(portOf(server), {}, "chat");
    expect(status).toBe(400);
    expect(JSON.parse(body)).toMatchObject({ condition: "bad-request" });
  });

  it("says 426 to a request that is no upgrade, and 404 elsewhere", async () => {
    const server = await plain();
    const here = await fetch(`http://127.0.0.1:${portOf(server)}/xmpp-websocket`);
    expect([here.status, here.headers.get("upgrade")]).toEqual([426, "websocket"]);
    const ws = new WebSocket(`ws://127.0.0.1:${portOf(server)}/other`, "xmpp");
    ws.on("error", () => {});
    const [, response] = await once(ws, "unexpected-response");
    expect(response.statusCode).toBe(404);
    ws.terminate();
  });

  it("http.websocket false: there is none", async () => {
    const server = await plain({ http: { websocket: false } });
    expect((await handshake(portOf(server))).status).toBe(404);
  });

  it.each([
    ["GET", "/healthz", "", 200],
    ["PUT", "/cpim/v1/presentities/romeo@example.net", "{}", 401],
  ])("RFC 9110 section 7.8: an upgrade to something else is ignored: %s", async (method, path, body, status) => {
    const server = await plain({ gateway: { domains: { "example.net": {} } } });
    const request = httpRequest({ port: portOf(server), host: "127.0.0.1", method, path });
    request.setHeader("Connection", "Upgrade, HTTP2-Settings");
    request.setHeader("Upgrade", "h2c");
    request.setHeader("HTTP2-Settings", "");
    request.end(body);
    const [response] = await once(request, "response");
    response.resume();
    expect(response.statusCode).toBe(status);
  });
});

describe("RFC 6455 section 10.2: origins", () => {
  it.each([
    [["*"], "https://anywhere.example", 101],
    [["https://chat.example.com"], "https://chat.example.com", 101],
    [["https://chat.example.com"], "https://chat.example.com:444", 403],
    [["https://chat.example.com"], "null", 403],
    [["https://chat.example.com"], undefined, 101],
    [[], "https://chat.example.com", 403],
  ])("http.origins %j: %s gets %i", async (origins, origin, status) => {
    const server = await plain({ http: { origins } });
    expect((await handshake(portOf(server), origin === undefined ? {} : { origin })).status).toBe(status);
  });
});

describe("RFC 7395 section 3.3: frames", () => {
  it("3.3.3: each is a document with the namespaces it uses", async () => {
    const server = await withTls();
    await server.admin.addUser("juliet", "secret");
    const ws = await connected(server, true);
    ws.send(OPEN);
    expect(await ws.next()).toMatch(/^<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' [^<]*version='1.0'[^<]*\/>$/);
    const features = await ws.next();
    expect(features).toMatch(
      /^<stream:features xmlns:stream='http:\/\/etherx.jabber.org\/streams'>.*<\/stream:features>$/,
    );
    ws.send(AUTH);
    await ws.next();
    ws.send(OPEN);
    await ws.next();
    await ws.next();
    ws.send(bind("balcony"));
    expect(await ws.next()).toMatch(/^<iq xmlns='jabber:client' .*<\/iq>$/);
    ws.send("<presence xmlns='jabber:client'/>");
    expect(await ws.next()).toMatch(/^<presence xmlns='jabber:client' .*\/>$/);
    ws.send("<enable xmlns='urn:xmpp:sm:3'/>");
    expect(await ws.next()).toMatch(/^<enabled xmlns='urn:xmpp:sm:3'/);
  });

  it("3.3.1: an XML declaration is allowed, each message is read by itself", async () => {
    const server = await plain();
    const ws = await connected(server);
    ws.send(`<?xml version='1.0' encoding='UTF-8'?>${OPEN}`);
    expect(await ws.next()).toMatch(/^<open /);
  });

  it.each([
    ["white space", " ", "bad-format"],
    ["white space before the element", ` ${OPEN}`, "bad-format"],
    ["an empty message", "", "bad-format"],
    ["half an element", "<message xmlns='jabber:client'>", "not-well-formed"],
    ["two elements", "<presence xmlns='jabber:client'/><presence xmlns='jabber:client'/>", "not-well-formed"],
    ["text behind the element", "<presence xmlns='jabber:client'/>x", "not-well-formed"],
    ["an end tag", "</open>", "not-well-formed"],
    ["a comment", "<!-- x -->", "restricted-xml"],
    ["a declaration alone", "<?xml version='1.0'?>", "not-well-formed"],
    ["a second <open/>", OPEN, "bad-format"],
    ["a prefix of another message", "<p:presence/>", "not-well-formed"],
  ])("%s: %s", async (_name, message, condition) => {
    const server = await withTls();
    const ws = await bound(server);
    ws.send(message);
    const { messages, code } = await ws.untilClosed();
    expect(messages[0]).toMatch(
      new RegExp(`^<stream:error xmlns:stream='http://etherx.jabber.org/streams'><${condition} `),
    );
    expect(messages.slice(1)).toEqual([CLOSE]);
    expect(code).toBe(1000);
  });

  it("3.3.2: a stanza without its own namespace is none", async () => {
    const server = await withTls();
    const ws = await bound(server);
    ws.send("<presence/>");
    expect((await ws.untilClosed()).messages[0]).toMatch(/unsupported-stanza-type|invalid-namespace/);
  });

  it("a stanza that comes in fragments, and several in one piece, are what they are", async () => {
    const server = await withTls();
    const ws = await bound(server);
    const ping = (id: number) =>
      `<iq xmlns='jabber:client' type='get' id='${id}' to='example.com'><ping xmlns='urn:xmpp:ping'/></iq>`;
    for (const [n, character] of [...ping(1)].entries()) ws.ws.send(character, { fin: n === ping(1).length - 1 });
    expect(await ws.next()).toContain("id='1'");
    for (let n = 2; n < 50; n++) ws.send(ping(n));
    for (let n = 2; n < 50; n++) expect(await ws.next()).toContain(`id='${n}'`);
  });

  it("3.2: binary messages are refused", async () => {
    const server = await plain();
    const ws = await connected(server);
    ws.ws.send(Buffer.from(OPEN), { binary: true });
    expect((await ws.untilClosed()).code).toBe(1003);
  });
});

describe("RFC 7395 section 3.4: opening", () => {
  it.each([
    ["no <open/>", AUTH, "invalid-namespace"],
    [
      "<open/> in another namespace",
      "<open xmlns='jabber:client' to='example.com' version='1.0'/>",
      "invalid-namespace",
    ],
    [
      "the header of TCP",
      "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='example.com' version='1.0'>",
      "not-well-formed|bad-format",
    ],
    ["another domain", `<open xmlns='${FRAMING}' to='example.org' version='1.0'/>`, "host-unknown"],
    ["no version", `<open xmlns='${FRAMING}' to='example.com'/>`, "unsupported-version"],
  ])("%s: an <open/>, the error and a <close/>", async (_name, first, condition) => {
    const server = await plain();
    const ws = await connected(server);
    ws.send(first);
    const { messages } = await ws.untilClosed();
    expect(messages).toHaveLength(3);
    expect(messages[0]).toMatch(/^<open /);
    expect(messages[1]).toMatch(new RegExp(`<(${condition}) `));
    expect(messages[2]).toBe(CLOSE);
  });
});

describe("RFC 7395 section 3.6: closing", () => {
  it("<close/> is answered, then the WebSocket is closed", async () => {
    const server = await withTls();
    const ws = await bound(server);
    ws.send(CLOSE);
    expect(await ws.untilClosed()).toEqual({ messages: [CLOSE], code: 1000 });
  });

  it("a WebSocket that is closed without one keeps a managed session alive", async () => {
    const server = await withTls();
    const ws = await bound(server);
    ws.send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
    const previd = /id='([^']*)'/.exec(await ws.next())?.[1];
    ws.ws.close(1000);
    await ws.untilClosed();
    const again = await server.authenticated("juliet", { password: "secret" });
    again.send(`<resume xmlns='urn:xmpp:sm:3' previd='${previd}' h='0'/>`);
    await again.expect(`<resumed xmlns='urn:xmpp:sm:3' previd='${previd}'/>`);
  });

  it("the server's end is told with system-shutdown", async () => {
    const server = await withTls();
    const ws = await bound(server);
    const closed = ws.untilClosed();
    await server.stop();
    expect((await closed).messages[0]).toContain("<system-shutdown ");
  });
});

describe("RFC 7395 section 3.8: pings", () => {
  it("the server pings every http.websocketPingSeconds, and answers the client's", async () => {
    const clock = new FakeClock();
    const server = await plain({ http: { websocketPingSeconds: 20 } }, { clock });
    const ws = await connected(server);
    ws.ws.ping("balcony");
    const [answered] = await once(ws.ws, "pong");
    expect(String(answered)).toBe("balcony");
    let pinged = 0;
    ws.ws.on("ping", () => {
      pinged += 1;
    });
    clock.advance(19_000);
    ws.ws.ping();
    await once(ws.ws, "pong"); // in order: there was none before
    expect(pinged).toBe(0);
    clock.advance(1_000);
    await once(ws.ws, "ping");
  });

  it("a client that answers them is not idle, one that does not is pinged as RFC 6120 section 4.6 has it", async () => {
    const clock = new FakeClock();
    const server = await withTls({ http: { websocketPingSeconds: 20 }, limits: { idleTimeoutSeconds: 60 } }, { clock });
    const lively = await bound(server);
    for (let n = 0; n < 5; n++) {
      clock.advance(20_000);
      await once(lively.ws, "ping");
      lively.ws.ping(); // behind the pong, so that its answer says that the server has it
      await once(lively.ws, "pong");
    }
    lively.send("<iq xmlns='jabber:client' type='get' id='1' to='example.com'><ping xmlns='urn:xmpp:ping'/></iq>");
    expect(await lively.next()).toContain("id='1'"); // and nothing before it
    const dead = await bound(server, { autoPong: false }, "other");
    clock.advance(70_000);
    expect(await dead.next()).toContain("<ping xmlns='urn:xmpp:ping'/>");
  });
});

describe("RFC 7395 section 3.9: TLS", () => {
  it("a server that requires it refuses a WebSocket without", async () => {
    const server = await startServer();
    const { status, body } = await handshake(portOf(server));
    expect([status, JSON.parse(body).condition]).toEqual([403, "forbidden"]);
  });

  it("STARTTLS is not offered, and fails", async () => {
    const server = await plain();
    const ws = await connected(server);
    ws.send(OPEN);
    await ws.next();
    const features = await ws.next();
    expect(features).not.toContain("starttls");
    ws.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    expect(await ws.next()).toMatch(/^<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/);
  });

  it.each([
    [true, true],
    [false, false],
  ])("http.websocketChannelBinding %s: SCRAM-PLUS offered: %s", async (websocketChannelBinding, offered) => {
    const server = await withTls({ http: { websocketChannelBinding } });
    const ws = await connected(server, true);
    ws.send(OPEN);
    await ws.next();
    const features = await ws.next();
    expect(features.includes("tls-exporter")).toBe(offered);
    expect(features.includes("-PLUS")).toBe(offered);
    expect(features).toContain("PLAIN");
  });
});

describe("behind a proxy", () => {
  const behind = (trustedProxies: string[], limits = {}) =>
    startServer({ http: { trustedProxies }, limits, auth: { throttle: false } });
  const forwarded = (address: string, proto = "https") => ({
    headers: { "X-Forwarded-For": address, "X-Forwarded-Proto": proto },
  });

  it("TLS that a trusted one says to have ended counts, without channel binding", async () => {
    const server = await behind(["127.0.0.0/8"]);
    const ws = await RawWebSocket.connect(portOf(server), forwarded("192.0.2.7"));
    cleanUp(async () => ws.ws.terminate());
    ws.send(OPEN);
    await ws.next();
    const features = await ws.next();
    expect(features).toContain("PLAIN");
    expect(features).not.toContain("-PLUS");
  });

  it.each([
    ["one that is not trusted", ["192.0.2.1"], "https"],
    ["one that says http", ["127.0.0.1"], "http"],
    ["one that says nothing", ["127.0.0.1"], ""],
  ])("%s is refused", async (_name, proxies, proto) => {
    const server = await behind(proxies);
    expect((await handshake(portOf(server), forwarded("192.0.2.7", proto))).status).toBe(403);
  });

  it("limits.connectionsPerAddress counts the clients, not the proxy, and together with TCP", async () => {
    const server = await behind(["127.0.0.1"], { connectionsPerAddress: 2 });
    for (const address of ["192.0.2.1", "192.0.2.2", "192.0.2.1", "192.0.2.3"]) {
      const ws = await RawWebSocket.connect(portOf(server), forwarded(address));
      cleanUp(async () => ws.ws.terminate());
    }
    const refused = await handshake(portOf(server), forwarded("192.0.2.1"));
    expect([refused.status, JSON.parse(refused.body).condition]).toEqual([429, "resource-constraint"]);
    // This machine's two over TCP leave none for a WebSocket that comes from here.
    await server.connect();
    await server.connect();
    expect((await handshake(portOf(server), forwarded("127.0.0.1"))).status).toBe(429);
  });

  it("a place is free again when its WebSocket is gone", async () => {
    const server = await behind(["127.0.0.1"], { connectionsPerAddress: 1 });
    for (let n = 0; n < 3; n++) {
      const ws = await RawWebSocket.connect(portOf(server), forwarded("192.0.2.1"));
      expect((await handshake(portOf(server), forwarded("192.0.2.1"))).status).toBe(429);
      ws.send(`<open xmlns='${FRAMING}' to='example.org' version='1.0'/>`); // host-unknown
      await ws.untilClosed();
    }
  });
});

describe("RFC 6120 section 13.12: limits", () => {
  it("before login a message may be as long as limits.stanzaBytesBeforeLogin, after it as limits.stanzaBytes", async () => {
    const server = await withTls({ limits: { stanzaBytesBeforeLogin: 10_000, stanzaBytes: 20_000 } });
    const before = await connected(server, true);
    before.send(OPEN.replace("to=", `x='${"x".repeat(10_000)}' to=`));
    expect((await before.untilClosed()).messages[1]).toContain("limits.stanzaBytesBeforeLogin");
    const after = await bound(server);
    const message = (length: number) =>
      `<message xmlns='jabber:client' to='juliet@example.com/balcony'><body>${"x".repeat(length)}</body></message>`;
    after.send(message(15_000));
    expect((await after.next()).length).toBeGreaterThan(15_000);
    after.send(message(20_000));
    expect((await after.untilClosed()).messages[0]).toContain("limits.stanzaBytes is exceeded".slice(0, 18));
  });

  it.each([
    ["one frame", (ws: RawWebSocket) => ws.ws.send("<".padEnd(5_000_000, "x"))],
    [
      "fragments",
      (ws: RawWebSocket) => {
        for (let n = 0; n < 500; n++) ws.ws.send("<".padEnd(1_000, "x"), { fin: false });
      },
    ],
    [
      "fragments with pings between",
      (ws: RawWebSocket) => {
        for (let n = 0; n < 500; n++) {
          ws.ws.send("<".padEnd(1_000, "x"), { fin: false });
          ws.ws.ping("x".repeat(100));
        }
      },
    ],
  ])("a message that does not end is refused before it is all there: %s", async (_name, send) => {
    const server = await plain();
    const ws = await connected(server);
    send(ws);
    const { messages } = await ws.untilClosed();
    expect(messages[1]).toMatch(/<policy-violation .*limits\.stanzaBytesBeforeLogin/);
  });

  it("limits.handshakeTimeoutSeconds", async () => {
    const clock = new FakeClock();
    const server = await plain({}, { clock });
    const ws = await connected(server);
    clock.advance(30_000);
    expect((await ws.untilClosed()).messages[1]).toContain("limits.handshakeTimeoutSeconds");
  });

  it("a client that does not read loses its stream at limits.outboxBytes, and nobody else waits", async () => {
    const server = await withTls({ limits: { outboxBytes: 65_536, bytesPerSecond: 0 } });
    const slow = await bound(server);
    slow.ws.pause();
    const romeo = await server.client("romeo");
    const body = "x".repeat(100_000);
    const ended = new Promise((resolve) => server.once("sessionEnd", resolve));
    let over = false;
    void ended.then(() => {
      over = true;
    });
    while (!over) {
      romeo.send(`<message to='juliet@example.com/balcony' type='headline'><body>${body}</body></message>`);
      await romeo.sync();
    }
    slow.ws.resume();
    await slow.untilClosed();
  });

  it("what is no WebSocket costs nothing but itself", async () => {
    const server = await plain();
    const ws = await connected(server);
    const socket = connect(portOf(server), "127.0.0.1");
    socket.write(
      "GET /xmpp-websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: xmpp\r\n\r\n",
    );
    const [answer] = await once(socket, "data");
    expect(String(answer)).toMatch(/^HTTP\/1\.1 400 /);
    const broken = await connected(server);
    (broken.ws as unknown as { _socket: { write(data: Buffer): void } })._socket.write(Buffer.from([0xff, 0xff]));
    await broken.untilClosed();
    ws.send(OPEN);
    expect(await ws.next()).toMatch(/^<open /);
  });
});
