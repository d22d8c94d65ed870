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

  it("6.5.5: SASL before it is encryption-required", async () => {
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
