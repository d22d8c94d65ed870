// RFC 6120 section 5: STARTTLS; XEP-0368: direct TLS.

import { connect } from "node:tls";
import { describe, expect, it } from "vitest";
import { startServer } from "../support/server.ts";

describe("RFC 6120 section 5: STARTTLS", () => {
  it("5.3.1: is required, and nothing else is offered before it", async () => {
    const server = await startServer();
    const client = await server.connect();
    const features = await client.open();
    expect(features.toString()).toBe(
      '<stream:features><starttls xmlns="urn:ietf:params:xml:ns:xmpp-tls"><required/></starttls></stream:features>'
        .replaceAll("stream:", "")
        .replace("<features>", '<features xmlns="http://etherx.jabber.org/streams">'),
    );
    await client.close();
  });

  it("5.4.3.3: within TLS it is not offered, but SASL is", async () => {
    const server = await startServer();
    const client = await server.connect();
    await client.open();
    const features = await client.startTls();
    expect(features.getChild("starttls")).toBeUndefined();
    expect(features.getChild("mechanisms", "urn:ietf:params:xml:ns:xmpp-sasl")).toBeDefined();
  });

  it("5.4.1: where it is not required it is offered without required, first", async () => {
    const server = await startServer({ c2s: { requireTls: false } });
    const client = await server.connect();
    const [first, second] = (await client.open()).getChildElements();
    expect([first?.name, first?.getChildElements().length, second?.name]).toEqual(["starttls", 0, "mechanisms"]);
    await client.startTls();
    await client.close();
  });

  it.each([
    ["a stanza", "<message to='juliet@example.com'><body>hi</body></message>", "not-authorized"],
    ["a bind request", "<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>", "not-authorized"],
    ["anything else", "<enable xmlns='urn:example:x'/>", "not-authorized"],
  ])("5.3.1 and 4.3.5: before it %s ends the stream, and is not processed", async (_name, element, condition) => {
    const server = await startServer();
    const juliet = await server.online("juliet");
    const client = await server.connect();
    await client.open();
    client.write(element);
    await client.expectStreamError(condition);
    await juliet.expectNothing();
  });

  it("5.4.3.3: what was said before it counts no more: neither 'from' nor a failed login's count is kept in the clear", async () => {
    const server = await startServer();
    const client = await server.connect();
    await client.open("from='romeo@example.com' xml:lang='it'");
    await client.startTls();
    const [, inside = ""] = client.received.match(/<stream:stream[^>]*>/g) ?? [];
    expect(inside).not.toContain("romeo");
    await server.admin.addUser("juliet", "secret");
    await client.authenticate("juliet", "secret"); // the 'from' in the clear was another's
  });

  it("5.3.3 and 5.4.3.1: nothing but proceed is sent, no white space either, until TLS begins", async () => {
    const server = await startServer();
    const client = await server.connect();
    await client.open();
    const before = client.received.length;
    client.write("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    await client.expect("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    await (await server.online("juliet")).sync();
    expect(client.received.slice(before)).toBe("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    client.cut();
  });

  it("5.4.3.2: where TLS fails no end tag is sent", async () => {
    const server = await startServer();
    const client = await server.connect();
    await client.open();
    client.write("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    await client.expect("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    const before = client.received;
    client.write("<stream:stream xmlns='jabber:client'/> in the clear\r\n\r\n");
    await client.ended();
    expect(client.received.slice(before.length)).not.toContain("stream");
  });

  it("5.4.3.2: a peer that leaves in the middle of the handshake leaves nothing behind", async () => {
    const server = await startServer();
    for (const leave of ["halfClose", "cut"] as const) {
      const client = await server.connect();
      await client.open();
      client.write("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
      await client.expect("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
      client.write(Buffer.from([0x16, 0x03, 0x01, 0x02]));
      client[leave]();
      if (leave === "cut") continue;
      await server.wire.next({ from: "server", kind: "end" });
      server.clock.advance(5_000); // the peer does not follow
      await client.ended();
    }
    await server.online("juliet");
  });

  it("5.4.2.2: after the login it is refused and the stream closed", async () => {
    const server = await startServer({ c2s: { requireTls: false } });
    await server.admin.addUser("juliet", "secret");
    const client = await server.connect();
    await client.open();
    await client.authenticate("juliet", "secret");
    client.write("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    await client.expect("<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    await client.expectClosed();
  });

  it("6.5.4: SASL before it is encryption-required", async () => {
    const server = await startServer();
    const client = await server.connect();
    await client.open();
    client.write("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGEAYg==</auth>");
    await client.expect("<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><encryption-required/></failure>");
    await client.close();
  });

  it("5.4.2.2: within TLS it is refused and the stream closed", async () => {
    const server = await startServer();
    const client = await server.connect();
    await client.open();
    await client.startTls();
    client.write("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    await client.expect("<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    await client.expectClosed();
  });

  it("5.4.3.3: a whole conversation in the packet of starttls is dropped, however long it is", async () => {
    const server = await startServer();
    await server.admin.addUser("juliet", "secret");
    const client = await server.connect();
    await client.open();
    const plain = Buffer.from("\0juliet\0secret").toString("base64");
    const injected =
      `${client.header()}<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${plain}</auth>${client.header()}` +
      "<iq type='set' id='evil'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";
    client.write(`<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>${injected}${" ".repeat(100_000)}${injected}`);
    await client.expect("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    // Whatever TLS makes of it, none of it is XML of the stream.
    await client.ended();
    expect(client.received).not.toContain("success");
    expect(client.received).not.toContain("evil");
  });

  it("5.4.3.3: what was sent in the same packet behind starttls is not read as if inside TLS", async () => {
    const server = await startServer();
    const client = await server.connect();
    await client.open();
    client.write(
      "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGEAYg==</auth>",
    );
    await client.expect("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    await client.upgrade();
    const features = await client.open();
    expect(features.getChild("mechanisms")).toBeDefined(); // no answer to the injected <auth/> came before
    await client.authenticate("nobody", "x").then(
      () => expect.unreachable(),
      (error: Error) => expect(error.message).toContain("failure"),
    );
    client.cut();
  });

  it("5.4.3.1: garbage in place of a handshake ends the connection and nothing else", async () => {
    const server = await startServer();
    const client = await server.connect();
    await client.open();
    client.write("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    await client.expect("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    client.write("this is no ClientHello, whatever one makes of it\r\n\r\n");
    await client.ended();
    await server.online("juliet");
  });
});

describe("XEP-0368: direct TLS", () => {
  async function handshake(
    port: number,
    protocols?: string[],
  ): Promise<{ alpn: string | false | null; version: string | null }> {
    const socket = connect({
      port,
      host: "127.0.0.1",
      rejectUnauthorized: false,
      ...(protocols && { ALPNProtocols: protocols }),
    });
    await new Promise<void>((resolve, reject) => {
      socket.once("secureConnect", resolve);
      socket.once("error", reject);
    });
    const outcome = { alpn: socket.alpnProtocol, version: socket.getProtocol() };
    socket.destroy();
    return outcome;
  }

  it("selects ALPN xmpp-client where it is offered, needs none, and speaks TLS 1.3", async () => {
    const server = await startServer();
    const port = server.addresses.directTls as number;
    expect(await handshake(port, ["h2", "xmpp-client"])).toEqual({ alpn: "xmpp-client", version: "TLSv1.3" });
    expect(await handshake(port)).toEqual({ alpn: false, version: "TLSv1.3" });
  });

  it("logs in", async () => {
    const server = await startServer();
    const client = await server.client("juliet", { tls: "direct" });
    expect(client.bare).toBe("juliet@example.com");
  });
});
