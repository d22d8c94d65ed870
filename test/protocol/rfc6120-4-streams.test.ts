// RFC 6120 section 4: XML streams; and section 11: restrictions on XML.

import { describe, expect, it } from "vitest";
import { startServer } from "../support/server.ts";

describe("RFC 6120 section 4.7: stream attributes", () => {
  it("4.7: the response header says who, to whom, which id and version", async () => {
    const server = await startServer();
    const client = await server.connect();
    client.write(client.header("from='juliet@example.com' xml:lang='en'"));
    const attrs = await client.nextOpen();
    expect(attrs).toMatchObject({ from: "example.com", to: "juliet@example.com", version: "1.0", "xml:lang": "en" });
    expect(attrs.id).toMatch(/^[\w-]{20,}$/);
    await client.close();
  });

  it("4.3.3: every stream on a connection has an id of its own", async () => {
    const server = await startServer();
    const client = await server.connect();
    client.write(client.header());
    const first = (await client.nextOpen()).id;
    await client.next();
    await client.startTls();
    const ids = [...client.received.matchAll(/ id='([^']+)'/g)].map((match) => match[1]);
    expect(new Set(ids).size).toBe(2);
    expect(ids[0]).toBe(first);
    await client.close();
  });

  it("4.9.3.6: a host that is not served is host-unknown, behind a response header", async () => {
    const server = await startServer();
    const client = await server.connect();
    client.write(client.header().replace("to='example.com'", "to='example.org'"));
    await client.nextOpen();
    await client.expectStreamError("host-unknown");
  });

  it("4.7.2: a header without 'to' is improper-addressing", async () => {
    const server = await startServer();
    const client = await server.connect();
    client.write(client.header().replace("to='example.com'", ""));
    await client.nextOpen();
    await client.expectStreamError("improper-addressing");
  });

  it.each([
    ["no version", "", "unsupported-version"],
    ["version 0.9", "version='0.9'", "unsupported-version"],
  ])("4.7.5: %s", async (_name, version, condition) => {
    const server = await startServer();
    const client = await server.connect();
    client.write(client.header().replace(/version='1.0' *>/, `${version}>`));
    await client.nextOpen();
    await client.expectStreamError(condition);
  });

  it("4.7.5: a later version is answered with 1.0", async () => {
    const server = await startServer();
    const client = await server.connect();
    client.write(client.header().replace(/version='1.0' *>/, "version='1.7'>"));
    expect((await client.nextOpen()).version).toBe("1.0");
    await client.close();
  });

  it.each([
    ["the stream namespace", (header: string) => header.replace("etherx.jabber.org/streams", "example.org/other")],
    ["the content namespace", (header: string) => header.replace("xmlns='jabber:client'", "xmlns='jabber:elsewhere'")],
  ])("4.9.3.10: another namespace in place of %s is invalid-namespace", async (_name, change) => {
    const server = await startServer();
    const client = await server.connect();
    client.write(change(client.header()));
    await client.nextOpen();
    await client.expectStreamError("invalid-namespace");
  });

  it("4.8.5: other prefixes for the same namespaces are understood", async () => {
    const server = await startServer();
    const client = await server.connect();
    client.write(
      "<s:stream xmlns:s='http://etherx.jabber.org/streams' xmlns='jabber:client' xmlns:t='urn:ietf:params:xml:ns:xmpp-tls' to='example.com' version='1.0'>",
    );
    await client.nextOpen();
    await client.next();
    client.write("<t:starttls/>");
    await client.expect("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    client.cut();
  });
});

describe("RFC 6120 section 4.4: closing a stream", () => {
  it("answers the end tag with its own, then ends the connection", async () => {
    const server = await startServer();
    const client = await server.client("juliet");
    client.write("</stream:stream>");
    await client.expectClosed();
  });

  it("4.9.1.2: even what is no XML at all gets a header, the error and an end", async () => {
    const server = await startServer();
    const client = await server.connect();
    client.write("GET / HTTP/1.1\r\n\r\n");
    await client.nextOpen();
    await client.expectStreamError("not-well-formed");
  });

  it("4.9.3.1: a stop of the server ends every stream with system-shutdown", async () => {
    const server = await startServer();
    const client = await server.client("juliet");
    const stopped = server.stop();
    await client.expectStreamError("system-shutdown");
    await stopped;
  });
});

describe("RFC 6120 section 11: what is no XMPP", () => {
  it.each([
    ["11.1: a comment", "<!-- hello -->", "restricted-xml"],
    ["11.1: a processing instruction", "<?php ?>", "restricted-xml"],
    [
      "11.1: a CDATA section is fine, an undefined entity is not",
      "<message><body>&foo;</body></message>",
      "restricted-xml",
    ],
    ["11.3: unbalanced tags", "<message><body></message>", "not-well-formed"],
    ["11.3: an attribute twice", "<message to='a@b' to='c@d'/>", "not-well-formed"],
    ["11.3: an attribute without quotes", "<message to=a/>", "not-well-formed"],
    ["11.3: an undeclared prefix", "<foo:message/>", "bad-namespace-prefix"],
    ["11.4: a NUL", "<message><body>\0</body></message>", "not-well-formed"],
    ["11.4: a reference to a character that XML forbids", "<message><body>&#1;</body></message>", "not-well-formed"],
    ["11.3: a name that is none behind a prefix", "<message xmlns:x='y'><x:1/></message>", "not-well-formed"],
    ["11.3: white space in a namespace name", "<message><a xmlns=' jabber:client '/></message>", "not-well-formed"],
    ["11.7: text between stanzas", "hello<presence/>", "bad-format"],
    ["8: no stanza", "<foo/>", "unsupported-stanza-type"],
    ["8: a stanza of another namespace", "<message xmlns='jabber:server'/>", "unsupported-stanza-type"],
  ])("%s", async (_name, input, condition) => {
    const server = await startServer();
    const client = await server.client("juliet");
    client.write(input);
    await client.expectStreamError(condition);
  });

  it("11.1: a DTD in front of the header", async () => {
    const server = await startServer();
    const client = await server.connect();
    client.write(`<?xml version='1.0'?><!DOCTYPE foo [<!ENTITY x "y">]>`);
    await client.nextOpen();
    await client.expectStreamError("restricted-xml");
  });

  it("11.6: bytes that are not UTF-8", async () => {
    const server = await startServer();
    const client = await server.client("juliet");
    client.write(Buffer.concat([Buffer.from("<message><body>"), Buffer.from([0xc3, 0x28])]));
    await client.expectStreamError("not-well-formed");
  });

  it("11.5: XML 1.1 is not spoken", async () => {
    const server = await startServer();
    const client = await server.connect();
    client.write("<?xml version='1.1'?>");
    await client.nextOpen();
    await client.expectStreamError("not-well-formed");
  });

  it("11.6: another encoding is unsupported-encoding", async () => {
    const server = await startServer();
    const client = await server.connect();
    client.write("<?xml version='1.0' encoding='ISO-8859-1'?>");
    await client.nextOpen();
    await client.expectStreamError("unsupported-encoding");
  });

  it("a stanza split at every byte, through a multi-byte character, arrives whole", async () => {
    const server = await startServer();
    const juliet = await server.client("juliet");
    const romeo = await server.online("romeo");
    const bytes = Buffer.from("<message to='romeo@example.com' type='chat'><body>tschüss 📱</body></message>");
    for (const byte of bytes) {
      juliet.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await romeo.expect("<message from='{any}'><body>tschüss 📱</body></message>");
  });

  it("many stanzas joined in one chunk keep their order", async () => {
    const server = await startServer();
    const juliet = await server.client("juliet");
    const romeo = await server.online("romeo");
    const numbers = Array.from({ length: 200 }, (_, index) => index);
    juliet.write(
      numbers.map((n) => `<message to='romeo@example.com' type='chat'><body>${n}</body></message>`).join(" \n"),
    );
    for (const n of numbers) await romeo.expect(`<message><body>${n}</body></message>`);
  });
});

describe("limits (RFC 6120 section 13.12)", () => {
  it("before login a stanza may have limits.stanzaBytesBeforeLogin bytes", async () => {
    const server = await startServer();
    const client = await server.connect();
    await client.open();
    client.write(`<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'>${" ".repeat(10_001)}`);
    const error = await client.expectStreamError("policy-violation");
    expect(error.toString()).toContain("10000 bytes");
  });

  it("after login it may have limits.stanzaBytes", async () => {
    const server = await startServer({ limits: { stanzaBytes: 20_000 } });
    const romeo = await server.online("romeo");
    const juliet = await server.client("juliet");
    juliet.send(`<message to='romeo@example.com' type='chat'><body>${"a".repeat(19_000)}</body></message>`);
    await romeo.expect("<message type='chat'/>");
    juliet.write(`<message to='romeo@example.com' type='chat'><body>${"a".repeat(21_000)}`);
    await juliet.expectStreamError("policy-violation");
    await romeo.expectNothing();
  });

  it.each([
    ["depth", { depth: 5 }, `<message>${"<a>".repeat(5)}`],
    ["attributes", { attributes: 5 }, "<message a='1' b='1' c='1' d='1' e='1' f='1'/>"],
    ["elements", { elements: 5 }, `<message>${"<a/>".repeat(5)}`],
  ])("limits.%s", async (_name, limits, input) => {
    const server = await startServer({ limits });
    const client = await server.client("juliet");
    client.write(input);
    await client.expectStreamError("policy-violation");
  });

  it("a reader that stops reading is closed alone, at limits.outboxBytes", async () => {
    const server = await startServer({ limits: { outboxBytes: 65_536 } });
    const romeo = await server.online("romeo");
    const juliet = await server.online("juliet");
    const gone = new Promise((resolve) => server.on("sessionEnd", resolve));
    romeo.pause();
    const body = "a".repeat(50_000);
    let ended = false;
    void gone.then(() => {
      ended = true;
    });
    for (let n = 0; n < 2_000 && !ended; n++) {
      juliet.send(
        `<message to='romeo@example.com/${romeo.jid.resourcepart}' type='chat'><body>${body}</body></message>`,
      );
      if (n % 10 === 0) await juliet.sync();
    }
    expect(await gone).toMatchObject({ jid: romeo.jid });
    await juliet.sync();
  });
});

describe("two servers in one process", () => {
  it("share nothing", async () => {
    const [one, other] = [await startServer(), await startServer({ domain: "example.org" })];
    const juliet = await one.online("juliet");
    const namesake = await other.online("juliet");
    juliet.send("<message to='juliet@example.com' type='chat'><body>me</body></message>");
    await juliet.expect("<message><body>me</body></message>");
    await namesake.expectNothing();
    expect((await juliet.ask("get", "<ping xmlns='urn:xmpp:ping'/>", "example.org")).attrs.type).toBe("error");
  });
});
