// RFC 6120 section 4: XML streams; and section 11: restrictions on XML.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { ScriptedClient } from "../support/client.ts";
import { gatedStore } from "../support/gated-store.ts";
import { befriend, startServer, type TestServer } from "../support/server.ts";

const STREAMS = "urn:ietf:params:xml:ns:xmpp-streams";

/** A connection that has sent this header; the attributes of the answer. */
async function headerSent(
  server: TestServer,
  change: (header: string) => string,
): Promise<{ client: ScriptedClient; attrs: Record<string, string> }> {
  const client = await server.connect();
  client.write(change(client.header()));
  return { client, attrs: await client.nextOpen() };
}

describe("RFC 6120 section 4.3: stream negotiation", () => {
  it("4.3.2 and 4.3.4: features follow the response header, at the start and after each restart", async () => {
    const server = await startServer();
    await server.admin.addUser("juliet", "secret");
    const client = await server.connect();
    for (const features of [
      await client.open(),
      await client.startTls(),
      await client.authenticate("juliet", "secret"),
    ]) {
      expect(features.name).toBe("features");
      expect(features.getNS()).toBe("http://etherx.jabber.org/streams");
    }
    const children = (await headerSent(server, (header) => header)).client;
    expect((await children.next()).getChildElements().map(({ name }) => name)).toEqual(["starttls"]);
  });

  it("4.3.3: a restart closes no stream and gives it a new id", async () => {
    const server = await startServer();
    const juliet = await server.client("juliet");
    expect(juliet.received).not.toContain("</stream:stream>");
    const ids = [...juliet.received.matchAll(/<stream:stream[^>]* id='([^']+)'/g)].map((match) => match[1]);
    expect(new Set(ids).size).toBe(3);
  });

  it("4.3.5: no features come behind the last", async () => {
    const server = await startServer();
    const juliet = await server.online("juliet");
    await juliet.sync();
    expect(juliet.received.match(/<stream:features/g)).toHaveLength(3);
  });

  it("4.3.6: the address is that of the login, in its canonical form, with the bound resource", async () => {
    const server = await startServer();
    await server.admin.addUser("juliet", "secret");
    const client = await server.client("JULIET", { password: "secret", resource: "Balcony" });
    expect(client.full).toBe("juliet@example.com/Balcony");
  });

  it("a stream header within a stream, without a restart, is bad-format", async () => {
    const server = await startServer();
    const { client } = await headerSent(server, (header) => header);
    await client.next();
    client.write(client.header().replace(/^<\?xml[^>]*>/, ""));
    await client.expectStreamError("bad-format");
  });
});

describe("RFC 6120 section 4.7: stream attributes", () => {
  it("4.7.1 and 4.7.2: the answer is from the domain, to the bare JID that the header is from", async () => {
    const server = await startServer();
    const from = async (attribute: string): Promise<Record<string, string>> =>
      (await headerSent(server, (header) => header.replace(">", ">").replace(/ ?>$/, ` ${attribute}>`))).attrs;
    expect(await from("from='JULIET@example.com/balcony'")).toMatchObject({
      from: "example.com",
      to: "juliet@example.com",
    });
    expect(await from("")).not.toHaveProperty("to");
    expect(await from("from='no@such@address'")).not.toHaveProperty("to");
  });

  it("4.7.2: a header without 'from' is answered without 'to', whatever an earlier header said", async () => {
    const server = await startServer();
    const client = await server.connect();
    await client.open("from='juliet@example.com'");
    await client.startTls();
    const headers = client.received.match(/<stream:stream[^>]*>/g) as string[];
    expect(headers[0]).toContain(" to='juliet@example.com'");
    expect(headers[1]).not.toContain(" to=");
  });

  it("4.7.2: the domain may be spelled otherwise (RFC 7622 section 3.2)", async () => {
    const server = await startServer();
    for (const to of ["EXAMPLE.com", "example.com."]) {
      const { client } = await headerSent(server, (header) => header.replace("to='example.com'", `to='${to}'`));
      expect((await client.next()).name).toBe("features");
    }
  });

  it("4.7.3: an id of the client's is ignored; the server's are all different and cannot be guessed", async () => {
    const server = await startServer();
    const ids = new Set<string | undefined>();
    for (let n = 0; n < 50; n++) {
      const { client, attrs } = await headerSent(server, (header) => header.replace(/ ?>$/, " id='mine'>"));
      expect(attrs.id).toMatch(/^[\w-]{22,}$/); // 128 bits
      ids.add(attrs.id);
      client.cut();
    }
    expect(ids.size).toBe(50);
  });

  it.each(["de", "en-GB", "x-klingon", "", "&lt;&apos;", "not a tag", "a".repeat(2_000)])(
    "4.7.4: the answer is in English, whatever the client would like: %.20s",
    async (lang) => {
      const server = await startServer();
      const { attrs } = await headerSent(server, (header) => header.replace(/ ?>$/, ` xml:lang='${lang}'>`));
      expect(attrs["xml:lang"]).toBe("en");
    },
  );

  it("4.7.4: what is no language tag is given to no stanza", async () => {
    const server = await startServer();
    await server.admin.addUser("juliet", "secret");
    const romeo = await server.online("romeo");
    for (const [lang, expected] of [
      ["not a tag", "{absent}"],
      ["", "{absent}"],
      ["de-CH", "de-CH"],
    ]) {
      const juliet = await server.connect();
      await juliet.open();
      await juliet.startTls();
      juliet.write(
        `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${Buffer.from("\0juliet\0secret").toString("base64")}</auth>`,
      );
      await juliet.expect("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
      await juliet.open(`xml:lang='${lang}'`);
      await juliet.bind();
      juliet.send("<message to='romeo@example.com' type='chat'><body>hi</body></message>");
      await romeo.expect(`<message xml:lang='${expected}'/>`);
    }
  });

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
    ["no version is 0.9, and answered without one", "", undefined],
    ["the lower of both is answered", "version='0.9'", "0.9"],
    ["numbers are compared, not texts", "version='0.10'", "0.10"],
    ["what is no version is none", "version='one'", undefined],
  ])("4.7.5: %s; it is unsupported-version", async (_name, version, answer) => {
    const server = await startServer();
    const { client, attrs } = await headerSent(server, (header) => header.replace(/version='1.0' *>$/, `${version}>`));
    expect(attrs.version).toBe(answer);
    await client.expectStreamError("unsupported-version");
  });

  it.each(["1.7", "1.10", "2.0", "11.0", "01.0", "1.00"])("4.7.5: %s is answered with 1.0", async (version) => {
    const server = await startServer();
    const { client, attrs } = await headerSent(server, (header) =>
      header.replace(/version='1.0' *>$/, `version='${version}'>`),
    );
    expect(attrs.version).toBe("1.0");
    expect((await client.next()).name).toBe("features");
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

  it.each([
    ["of servers", (header: string) => header.replace("xmlns='jabber:client'", "xmlns='jabber:server'")],
    ["none", (header: string) => header.replace("xmlns='jabber:client'", "")],
    [
      "the stream namespace itself (4.8.2)",
      (header: string) =>
        header
          .replace("stream:stream", "stream")
          .replace("xmlns='jabber:client' xmlns:stream=", "xmlns:c='jabber:client' xmlns="),
    ],
  ])("4.8.3: as content namespace, %s is invalid-namespace", async (_name, change) => {
    const server = await startServer();
    const { client } = await headerSent(server, change);
    await client.expectStreamError("invalid-namespace");
  });

  it("4.8.3: a stanza of the servers' content namespace is invalid-namespace", async () => {
    const server = await startServer();
    const juliet = await server.client("juliet");
    juliet.send("<message xmlns='jabber:server' to='romeo@example.com'><body>hi</body></message>");
    await juliet.expectStreamError("invalid-namespace");
  });

  it("4.8.4: other XML is not delivered to anybody, and ends the stream", async () => {
    const server = await startServer();
    const romeo = await server.online("romeo");
    const juliet = await server.client("juliet");
    juliet.send(`<playbill xmlns='http://capulet.example/ns' to='${romeo.full}'><item/></playbill>`);
    await juliet.expectStreamError("unsupported-stanza-type");
    await romeo.expectNothing();
  });

  it("4.8.5: a namespace that the header declares is declared anew where a stanza that uses it is delivered", async () => {
    const server = await startServer();
    await server.admin.addUser("juliet", "secret");
    const romeo = await server.online("romeo");
    const juliet = await server.connect();
    await juliet.open();
    await juliet.startTls();
    juliet.write(
      `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${Buffer.from("\0juliet\0secret").toString("base64")}</auth>`,
    );
    await juliet.expect("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
    await juliet.open("xmlns:p='urn:example:poetry'");
    await juliet.bind();
    romeo.received = "";
    juliet.send("<message to='romeo@example.com' type='chat'><p:line p:metre='iambic'><p:foot/></p:line></message>");
    const message = await romeo.next();
    const line = message.getChild("line", "urn:example:poetry");
    expect(line?.getChild("foot", "urn:example:poetry")).toBeDefined();
    expect(romeo.received).toMatch(/<line [^>]*xmlns:p='urn:example:poetry' p:metre='iambic'/);
  });

  it("4.8.5: whatever the client calls the stream's namespace, the server calls it stream", async () => {
    const server = await startServer();
    const { client } = await headerSent(server, (header) =>
      header.replaceAll("stream:stream", "s:stream").replace("xmlns:stream", "xmlns:s"),
    );
    await client.next();
    expect(client.received).toMatch(/^<\?xml version='1.0'\?><stream:stream xmlns='jabber:client' xmlns:stream=/);
    expect(client.received).toContain("<stream:features>");
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
  it("what comes behind the end tag is not read", async () => {
    const server = await startServer();
    const romeo = await server.online("romeo");
    const juliet = await server.client("juliet");
    juliet.write(
      "</stream:stream><message to='romeo@example.com' type='chat'><body>PS</body></message><!-- nor refused -->",
    );
    await juliet.expectClosed();
    await romeo.expectNothing();
  });

  it("a client that sends no more gets its answers, the end tag and the end", async () => {
    const server = await startServer();
    const juliet = await server.client("juliet");
    juliet.send("<iq type='get' id='last' to='example.com'><ping xmlns='urn:xmpp:ping'/></iq>");
    juliet.halfClose();
    await juliet.expect("<iq type='result' id='last'/>");
    await juliet.expectClosed();
  });

  it("so does one that has not logged in", async () => {
    const server = await startServer();
    const client = await server.connect();
    client.write(client.header());
    client.halfClose();
    await client.nextOpen();
    expect((await client.next()).name).toBe("features");
    await client.expectClosed();
  });

  it("4.9.1.1: a client that reports an error gets no error back", async () => {
    const server = await startServer();
    for (const client of [await server.client("juliet"), (await headerSent(server, (header) => header)).client]) {
      client.write(`<stream:error><undefined-condition xmlns='${STREAMS}'/></stream:error></stream:stream>`);
      if (client.jid.localpart !== "juliet") await client.next(); // the features
      await client.expectClosed();
    }
  });

  it("10.1: an error is in order, too: what came before it, and waits, is processed", async () => {
    const { store, hold } = gatedStore();
    const server = await startServer({}, { store });
    const romeo = await server.online("romeo");
    const juliet = await server.client("juliet");
    const gate = hold("roster", "load");
    juliet.write(
      "<iq type='get' id='slow'><query xmlns='jabber:iq:roster'/></iq>" +
        "<message to='romeo@example.com' type='chat'><body>before</body></message><message><body></message>",
    );
    await gate.reached;
    await romeo.expectNothing();
    gate.open();
    await juliet.expect("<iq type='result' id='slow'/>");
    await juliet.expectStreamError("not-well-formed");
    await romeo.expect("<message><body>before</body></message>");
  });

  it("a stream that ends with an error makes its resource unavailable", async () => {
    const server = await startServer();
    const juliet = await server.online("juliet");
    const romeo = await server.online("romeo");
    await befriend(juliet, romeo);
    juliet.write("<message><body></message>");
    await juliet.expectStreamError("not-well-formed");
    await romeo.expect(`<presence type='unavailable' from='${juliet.full}'/>`);
  });

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

  it("4.9.1.2: in one packet: the header, the error, the end", async () => {
    const server = await startServer();
    const { client } = await headerSent(server, (header) => header.replace("etherx", "example"));
    await client.expectStreamError("invalid-namespace");
    expect(client.received).toMatch(
      /^<\?xml version='1.0'\?><stream:stream [^>]*from='example.com'[^>]*><stream:error>.*<\/stream:error><\/stream:stream>$/,
    );
  });

  it("4.9.2: an error has one condition, and a text in English", async () => {
    const server = await startServer();
    const juliet = await server.client("juliet");
    juliet.write("<presence><status></presence>");
    const error = await juliet.expectStreamError("not-well-formed");
    const [condition, text, ...rest] = error.getChildElements();
    expect([condition?.name, condition?.getNS(), text?.name, text?.getNS(), rest]).toEqual([
      "not-well-formed",
      STREAMS,
      "text",
      STREAMS,
      [],
    ]);
    expect(text?.attrs["xml:lang"]).toBe("en");
  });

  it("4.9.3.19: there is no other host to see: nothing in the server sends see-other-host", () => {
    const server = join(import.meta.dirname, "../../server");
    const sources = readdirSync(server, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
    const senders = sources.filter((name) =>
      /StreamError\(\s*"see-other-host"/.test(readFileSync(join(server, name), "utf8")),
    );
    expect(sources.length).toBeGreaterThan(50);
    expect(senders).toEqual([]);
  });

  it("4.9.3.20: a stop of the server ends every stream with system-shutdown", async () => {
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
    ["11.1: a comment in a stanza", "<message><!-- --></message>", "restricted-xml"],
    ["11.1: a processing instruction", "<?php ?>", "restricted-xml"],
    ["11.1: an entity that is not predefined", "<message><body>&foo;</body></message>", "restricted-xml"],
    ["11.1: an entity between stanzas", "&foo;", "restricted-xml"],
    ["11.1: an entity in an attribute", "<message id='&foo;'/>", "restricted-xml"],
    ["11.1: a document type", "<!DOCTYPE message>", "restricted-xml"],
    ["11.5: an XML declaration in mid-stream", "<?xml version='1.0'?>", "not-well-formed"],
    ["11.3: unbalanced tags", "<message><body></message>", "not-well-formed"],
    ["11.3: an attribute twice", "<message to='a@b' to='c@d'/>", "not-well-formed"],
    ["11.3: an attribute without quotes", "<message to=a/>", "not-well-formed"],
    ["11.3: an undeclared prefix", "<foo:message/>", "not-well-formed"],
    ["4.9.3.13: an undeclared prefix within", "<message><foo:body>?</foo:body></message>", "not-well-formed"],
    ["11.3: an undeclared prefix of an attribute", "<message foo:a='b'/>", "not-well-formed"],
    [
      "11.3: two attributes of one name through two prefixes",
      "<message xmlns:a='x' xmlns:b='x' a:c='' b:c=''/>",
      "not-well-formed",
    ],
    ["11.3: a prefix undeclared again", "<message xmlns:a=''/>", "not-well-formed"],
    ["11.3: the reserved prefix xmlns", "<message xmlns:xmlns='x'/>", "not-well-formed"],
    ["11.3: the end tag of another element", "</message>", "not-well-formed"],
    ["11.3: < in an attribute", "<message id='<'/>", "not-well-formed"],
    ["11.3: an & by itself", "<message><body>Romeo & Juliet</body></message>", "not-well-formed"],
    ["11.3: an & by itself, and a ; later", "<message><body>Romeo & Juliet;</body></message>", "not-well-formed"],
    ["11.3: a reference without its ;", "<message><body>&amp</body></message>", "not-well-formed"],
    ["11.3: a reference that is not finished in an attribute", "<message id='&#65'/>", "not-well-formed"],
    ["11.3: ]]> in text", "<message><body>]]></body></message>", "not-well-formed"],
    ["11.3: a NUL", "<message><body>\0</body></message>", "not-well-formed"],
    ["11.3: a control character", "<message><body>\u0001</body></message>", "not-well-formed"],
    ["11.3: U+FFFF, which is no character", "<message><body>\uffff</body></message>", "not-well-formed"],
    ["11.3: a reference to a character that XML forbids", "<message><body>&#1;</body></message>", "not-well-formed"],
    ["11.3: a reference to NUL", "<message><body>&#0;</body></message>", "not-well-formed"],
    ["11.3: a reference to a surrogate", "<message><body>&#xD83D;</body></message>", "not-well-formed"],
    [
      "11.3: a reference to two surrogates is none to a character",
      "<message><body>&#xD83D;&#xDCF1;</body></message>",
      "not-well-formed",
    ],
    ["11.3: a reference beyond Unicode", "<message><body>&#x110000;</body></message>", "not-well-formed"],
    ["11.3: a name that is none behind a prefix", "<message xmlns:x='y'><x:1/></message>", "not-well-formed"],
    ["11.3: white space in a namespace name", "<message><a xmlns=' jabber:client '/></message>", "not-well-formed"],
    ["11.7: text between stanzas", "hello<presence/>", "bad-format"],
    ["8: no stanza", "<foo/>", "unsupported-stanza-type"],
    ["8: a stanza of another namespace", "<message xmlns='urn:example:x'/>", "unsupported-stanza-type"],
    ["8: a stanza of no namespace", "<message xmlns=''/>", "unsupported-stanza-type"],
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

  it.each([
    ["a continuation that is none", [0xc3, 0x28]],
    ["a continuation by itself", [0x80]],
    ["more octets than needed", [0xc0, 0xaf]],
    ["a surrogate", [0xed, 0xa0, 0xbd]],
    ["two surrogates, as CESU-8 has them", [0xed, 0xa0, 0xbd, 0xed, 0xb3, 0xb1]],
    ["beyond Unicode", [0xf4, 0x90, 0x80, 0x80]],
    ["an octet of no encoding of it", [0xff]],
  ])("4.9.3.22 and 11.6: what is no UTF-8: %s", async (_name, octets) => {
    const server = await startServer();
    const client = await server.client("juliet");
    const before = "<iq type='get' id='é' to='example.com'><ping xmlns='urn:xmpp:ping'/></iq><message><body>";
    client.write(Buffer.concat([Buffer.from(before), Buffer.from(octets), Buffer.from("</body></message>")]));
    await client.expect("<iq type='result' id='é'/>");
    await client.expectStreamError("unsupported-encoding");
  });

  it("11.6: a byte order mark in front is a character like any other, and may not be there", async () => {
    const server = await startServer();
    const { client } = await headerSent(server, (header) => `\ufeff${header}`);
    await client.expectStreamError("not-well-formed");
  });

  it("11.6: U+FEFF in a stanza is text", async () => {
    const server = await startServer();
    const juliet = await server.client("juliet");
    const romeo = await server.online("romeo");
    juliet.send("<message to='romeo@example.com' type='chat'><body>\ufeffx\ufeff</body></message>");
    expect((await romeo.next()).getChildText("body")).toBe("\ufeffx\ufeff");
  });

  it("11.6: UTF-16 is not understood", async () => {
    const server = await startServer();
    const client = await server.connect();
    client.write(Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(client.header(), "utf16le")]));
    await client.nextOpen();
    await client.expectStreamError("unsupported-encoding");
  });

  it.each([
    ["11.1: the predefined entities", "&lt;&gt;&amp;&apos;&quot;", "<>&'\""],
    ["11.1: references to characters", "&#65;&#x1F4F1;&#10;", "A📱\n"],
    ["11.1: a CDATA section", "<![CDATA[<b>&amp;</b>]]>", "<b>&amp;</b>"],
    ["11.3: line ends become line feeds (XML 1.0 section 2.11)", "a\r\nb\rc", "a\nb\nc"],
    ["noncharacters that XML allows", "\ufdd0", "\ufdd0"],
  ])("%s are fine", async (_name, body, text) => {
    const server = await startServer();
    const juliet = await server.client("juliet");
    const romeo = await server.online("romeo");
    juliet.send(`<message to='romeo@example.com' type='chat'><body>${body}</body></message>`);
    expect((await romeo.next()).getChildText("body")).toBe(text);
    expect(romeo.received).not.toContain("CDATA");
  });

  it("11.5: the server's header has a declaration, without standalone; a client's may have one", async () => {
    const server = await startServer();
    for (const standalone of ["yes", "no"]) {
      const { client } = await headerSent(server, (header) =>
        header.replace("<?xml version='1.0'?>", `<?xml version="1.0" encoding="utf-8" standalone="${standalone}"?>\n`),
      );
      expect((await client.next()).name).toBe("features");
      expect(client.received).toMatch(/^<\?xml version='1.0'\?>/);
    }
  });

  it("11.5: the declaration may be left out", async () => {
    const server = await startServer();
    const { client } = await headerSent(server, (header) => header.replace(/^<\?xml[^>]*>/, ""));
    expect((await client.next()).name).toBe("features");
  });

  it("11.7: white space between stanzas, of any kind, however much", async () => {
    const server = await startServer();
    const romeo = await server.online("romeo");
    const juliet = await server.client("juliet");
    juliet.write(" \n\t\r\n".repeat(500));
    for (const body of ["1", "2"]) {
      juliet.write(`\n \t<message to='romeo@example.com' type='chat'><body>${body}</body></message>\r\n`);
      await romeo.expect(`<message><body>${body}</body></message>`);
    }
  });

  it("11.8: XML 1.1 is not spoken", async () => {
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

describe("RFC 6120 section 13.10: information leaks", () => {
  it("13.10.1: nobody is told another's IP address", async () => {
    const server = await startServer();
    const juliet = await server.online("juliet");
    const romeo = await server.online("romeo");
    await befriend(juliet, romeo);
    juliet.send(`<presence><show>away</show></presence><message to='${romeo.full}'><body>hi</body></message>`);
    juliet.send(`<iq type='get' id='1' to='${romeo.full}'><query xmlns='urn:example:x'/></iq>`);
    await juliet.sync();
    romeo.send(`<presence type='probe' to='${juliet.bare}'/>`);
    for (const to of [juliet.bare, "example.com"]) {
      await romeo.ask("get", "<query xmlns='http://jabber.org/protocol/disco#info'/>", to);
      await romeo.ask("get", "<query xmlns='http://jabber.org/protocol/disco#items'/>", to);
    }
    juliet.cut();
    await romeo.until(`<presence type='unavailable' from='${juliet.full}'/>`);
    expect(romeo.received).toContain(juliet.full);
    expect(romeo.received).not.toMatch(/127\.0\.0\.1|::1/);
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
