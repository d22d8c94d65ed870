// RFC 6120 section 8: XML stanzas; section 10: server rules for processing them.

import { describe, expect, it } from "vitest";
import { canonical } from "../support/canonical-xml.ts";
import type { ScriptedClient } from "../support/client.ts";
import { befriend, startServer, type TestServer } from "../support/server.ts";

const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";

function error(condition: string, type: string): string {
  return `<error type='${type}'><${condition} xmlns='${STANZAS}'/></error>`;
}

/** Juliet and Romeo, both online, strangers to each other. */
async function pair(server: TestServer): Promise<[ScriptedClient, ScriptedClient]> {
  return [
    await server.online("juliet", { resource: "balcony" }),
    await server.online("romeo", { resource: "orchard" }),
  ];
}

describe("RFC 6120 section 8: a partial stanza is not processed", () => {
  it.each([
    ["an end tag of another name", "<message to='romeo@example.com' type='chat'><body>hi</body></presence>"],
    ["an end tag with another prefix", "<message to='romeo@example.com' type='chat'><body>hi</body></x:message>"],
    ["an end tag too early", "<message to='romeo@example.com' type='chat'><body>hi</message>"],
    ["an end tag in another case", "<presence to='romeo@example.com'></Presence>"],
    [
      "the stream's end tag in the middle",
      "<message to='romeo@example.com' type='chat'><body>hi</body></stream:stream>",
    ],
  ])("%s: what came before it is, it is not, and the stream ends", async (_name, broken) => {
    const server = await startServer();
    const [juliet, romeo] = await pair(server);
    juliet.send(`<message to='romeo@example.com' type='chat'><body>whole</body></message>${broken}`);
    await juliet.expectStreamError("not-well-formed");
    await romeo.expect("<message><body>whole</body></message>");
    await romeo.expectNothing();
  });

  it("nor is the end of another element the end of the stream", async () => {
    const server = await startServer();
    const [juliet] = await pair(server);
    juliet.send("</message>");
    await juliet.expectStreamError("not-well-formed");
  });

  it("the middle of one that never ends, cut off, is nothing", async () => {
    const server = await startServer();
    const [juliet, romeo] = await pair(server);
    juliet.write(
      "<message to='romeo@example.com' type='chat'><body>whole</body></message><message to='romeo@example.com' type='chat'><body>hi</body>",
    );
    await romeo.expect("<message><body>whole</body></message>");
    const ended = new Promise((resolve) => server.on("sessionEnd", resolve));
    juliet.cut();
    await ended;
    await romeo.expectNothing();
  });
});

describe("RFC 6120 section 8.1.1: to", () => {
  it("8.1.1.1: is delivered as it was written: a bare JID stays bare, a full one full", async () => {
    const server = await startServer();
    const [juliet, romeo] = await pair(server);
    juliet.send("<message to='romeo@example.com' type='chat'><body>1</body></message>");
    juliet.send("<message to='romeo@example.com/orchard' type='chat'><body>2</body></message>");
    await romeo.expect("<message to='romeo@example.com'><body>1</body></message>");
    await romeo.expect("<message to='romeo@example.com/orchard'><body>2</body></message>");
  });

  it("8.1.1.1: what the server itself says to a client, if it says to whom, names the full JID", async () => {
    const server = await startServer();
    const [juliet] = await pair(server);
    const pong = await juliet.ask("get", "<ping xmlns='urn:xmpp:ping'/>", "example.com");
    expect(pong.attrs.to).toBe(juliet.full);
    const refusal = await juliet.ask("get", "<query xmlns='urn:example:unknown'/>");
    expect(refusal.attrs.to).toBe(juliet.full);
  });

  it.each([
    ["no domainpart", "juliet@"],
    ["an empty address", ""],
    ["no localpart before the @", "@example.com"],
    ["a character no localpart has", "juliet&lt;capulet@example.com"],
    ["two @", "ch@r@cters@muc.example.com/JulieC"],
    ["a space in the domainpart", "juliet@exa mple.com"],
    ["an empty resourcepart", "juliet@example.com/"],
    ["a localpart over 1023 octets", `${"j".repeat(1024)}@example.com`],
    ["a control character", "juliet@example.com/\u0085"],
  ])("8.3.3.8: %s is jid-malformed, for each kind of stanza", async (_name, to) => {
    const server = await startServer();
    const [juliet] = await pair(server);
    juliet.send(`<message id='m1' to='${to}'><body>hi</body></message>`);
    await juliet.expect(`<message id='m1' type='error'>${error("jid-malformed", "modify")}</message>`);
    juliet.send(`<iq id='i1' type='get' to='${to}'><ping xmlns='urn:xmpp:ping'/></iq>`);
    await juliet.expect(`<iq id='i1' type='error'>${error("jid-malformed", "modify")}</iq>`);
    juliet.send(`<presence id='p1' to='${to}'/>`);
    await juliet.expect(`<presence id='p1' type='error'>${error("jid-malformed", "modify")}</presence>`);
    juliet.send(`<presence id='p2' to='${to}' type='subscribe'/>`);
    await juliet.expect(`<presence id='p2' type='error'>${error("jid-malformed", "modify")}</presence>`);
    await juliet.expectNothing();
  });

  it("RFC 7622 section 3: other spellings of an address reach the same user", async () => {
    const server = await startServer();
    const [juliet, romeo] = await pair(server);
    for (const to of ["ROMEO@example.com", "romeo@EXAMPLE.COM", "romeo@example.com.", "\uff32omeo@example.com"]) {
      juliet.send(`<message to='${to}' type='chat'><body>${to}</body></message>`);
      await romeo.expect(`<message><body>${to}</body></message>`);
    }
    juliet.send("<message to='romeo@example.com/Orchard'><body>another resource</body></message>");
    await juliet.expect("<message type='error' from='romeo@example.com/Orchard'/>");
    await romeo.expectNothing();
  });
});

describe("RFC 6120 section 8.1.2: from", () => {
  it("8.1.2.1: the server adds the sender's full JID to every kind of stanza", async () => {
    const server = await startServer();
    const [juliet, romeo] = await pair(server);
    await befriend(juliet, romeo);
    juliet.send(`<message to='${romeo.full}'><body>hi</body></message>`);
    await romeo.expect("<message from='juliet@example.com/balcony'/>");
    juliet.send(`<presence to='${romeo.full}'/>`);
    await romeo.expect("<presence from='juliet@example.com/balcony' type='{absent}'/>");
    juliet.send(`<iq id='1' type='get' to='${romeo.full}'><query xmlns='urn:example:x'/></iq>`);
    await romeo.expect("<iq from='juliet@example.com/balcony' id='1' type='get'/>");
  });

  it.each([
    ["its full JID", "juliet@example.com/balcony"],
    ["its bare JID", "juliet@example.com"],
    ["its full JID in another spelling", "JULIET@EXAMPLE.com/balcony"],
    ["its bare JID in another spelling", "Juliet@example.com."],
  ])("8.1.2.1: %s is accepted and overridden with the full JID", async (_name, from) => {
    const server = await startServer();
    const [juliet, romeo] = await pair(server);
    juliet.send(`<message from='${from}' to='romeo@example.com' type='chat'><body>hi</body></message>`);
    await romeo.expect("<message from='juliet@example.com/balcony'/>");
  });

  it.each([
    ["another user", "romeo@example.com"],
    ["another resource of its own", "juliet@example.com/chamber"],
    ["its own resource in another case", "juliet@example.com/Balcony"],
    ["the server", "example.com"],
    ["another domain", "juliet@example.org/balcony"],
    ["no address at all", "juliet@"],
    ["nothing", ""],
  ])("4.9.3.9: %s ends the stream with invalid-from, and nothing is delivered", async (_name, from) => {
    const server = await startServer();
    const [juliet, romeo] = await pair(server);
    juliet.send(`<message from='${from}' to='romeo@example.com' type='chat'><body>hi</body></message>`);
    await juliet.expectStreamError("invalid-from");
    await romeo.expectNothing();
  });

  it("8.1.2.1: answers for the server come from its domain, for the account from none or the bare JID", async () => {
    const server = await startServer();
    const [juliet] = await pair(server);
    expect((await juliet.ask("get", "<ping xmlns='urn:xmpp:ping'/>", "example.com")).attrs.from).toBe("example.com");
    expect([undefined, juliet.bare]).toContain((await juliet.ask("get", "<ping xmlns='urn:xmpp:ping'/>")).attrs.from);
    expect((await juliet.ask("get", "<ping xmlns='urn:xmpp:ping'/>", juliet.bare)).attrs.from).toBe(juliet.bare);
  });
});

describe("RFC 6120 section 8.1.3: id", () => {
  it.each(["a", "", " spaces  ", "&lt;&amp;&apos;&quot;", "é📱", "x".repeat(5000)])(
    "comes back in the answer as it was: %.20s",
    async (id) => {
      const server = await startServer();
      const [juliet] = await pair(server);
      juliet.send(`<iq type='get' id='${id}' to='example.com'><ping xmlns='urn:xmpp:ping'/></iq>`);
      await juliet.expect(`<iq type='result' id='${id}'/>`);
      juliet.send(`<iq type='get' id='${id}' to='example.com'><nothing xmlns='urn:example:unknown'/></iq>`);
      await juliet.expect(`<iq type='error' id='${id}'/>`);
      juliet.send(`<message id='${id}' to='example.org'><body>hi</body></message>`);
      await juliet.expect(`<message type='error' id='${id}'/>`);
    },
  );

  it("8.3.1: an error for a message without one has none", async () => {
    const server = await startServer();
    const [juliet] = await pair(server);
    juliet.send("<message to='example.org'><body>hi</body></message>");
    await juliet.expect("<message type='error' id='{absent}' from='example.org' to='juliet@example.com/balcony'/>");
  });
});

describe("RFC 6120 section 8.1.5: xml:lang", () => {
  /** Logged in over a stream whose header says Czech. */
  async function czech(server: TestServer): Promise<ScriptedClient> {
    await server.admin.addUser("juliet", "secret");
    const client = await server.connect();
    await client.open("xml:lang='de'");
    await client.startTls();
    client.write(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGp1bGlldABzZWNyZXQ=</auth>`);
    await client.expect("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
    await client.open("xml:lang='cs'");
    await client.bind();
    return client;
  }

  it("a stanza without it gets that of its stream, and one with it keeps its own", async () => {
    const server = await startServer();
    const juliet = await czech(server);
    const romeo = await server.online("romeo");
    juliet.send(`<message to='${romeo.full}'><body>Dvořím se</body></message>`);
    await romeo.expect("<message xml:lang='cs'><body xml:lang='{absent}'>Dvořím se</body></message>");
    juliet.send(`<message to='${romeo.full}' xml:lang='en'><body>hi</body><body xml:lang='fr'>salut</body></message>`);
    await romeo.expect("<message xml:lang='en'><body>hi</body><body xml:lang='fr'>salut</body></message>");
    juliet.send(`<presence to='${romeo.full}'><status>zde</status></presence>`);
    await romeo.expect("<presence xml:lang='cs'/>");
  });

  it("4.7.4: where the stream has none, none is made up", async () => {
    const server = await startServer();
    const [juliet, romeo] = await pair(server);
    juliet.send(`<message to='${romeo.full}'><body>hi</body></message>`);
    await romeo.expect("<message xml:lang='{absent}'/>");
  });
});

describe("RFC 6120 section 8.2.3: IQ semantics", () => {
  it.each([
    ["an unknown type", "type='subscribe' id='1'", "<ping xmlns='urn:xmpp:ping'/>"],
    ["no type", "id='1'", "<ping xmlns='urn:xmpp:ping'/>"],
    ["a type in another case", "type='GET' id='1'", "<ping xmlns='urn:xmpp:ping'/>"],
    ["a get without a child", "type='get' id='1'", ""],
    ["a get with text alone", "type='get' id='1'", "ping"],
    ["a set without a child", "type='set' id='1'", ""],
    ["a get with two children", "type='get' id='1'", "<ping xmlns='urn:xmpp:ping'/><ping xmlns='urn:xmpp:ping'/>"],
    ["a set with two children", "type='set' id='1'", "<a xmlns='urn:example:a'/><b xmlns='urn:example:b'/>"],
  ])("%s is bad-request, whoever it is for", async (_name, attrs, payload) => {
    const server = await startServer();
    const [juliet, romeo] = await pair(server);
    await befriend(juliet, romeo);
    for (const to of ["example.com", juliet.bare, romeo.bare, romeo.full, "nobody@example.com"]) {
      juliet.send(`<iq ${attrs} to='${to}'>${payload}</iq>`);
      await juliet.expect(`<iq type='error' id='1' from='${to}'>${error("bad-request", "modify")}</iq>`);
    }
    juliet.send(`<iq ${attrs}>${payload}</iq>`);
    await juliet.expect(`<iq type='error' id='1'>${error("bad-request", "modify")}</iq>`);
    await romeo.expectNothing();
  });

  it("the id is required", async () => {
    const server = await startServer();
    const [juliet] = await pair(server);
    juliet.send("<iq type='get' to='example.com'><ping xmlns='urn:xmpp:ping'/></iq>");
    await juliet.expect(`<iq type='error' id='{absent}'>${error("bad-request", "modify")}</iq>`);
  });

  it("8.4: a payload that is not understood is service-unavailable", async () => {
    const server = await startServer();
    const [juliet, romeo] = await pair(server);
    for (const to of ["example.com", "example.com/resource", juliet.bare, romeo.bare, "nobody@example.com"]) {
      for (const type of ["get", "set"]) {
        juliet.send(`<iq id='1' type='${type}' to='${to}'><query xmlns='urn:example:unknown'/></iq>`);
        await juliet.expect(
          `<iq id='1' type='error' from='${to}' to='${juliet.full}'>${error("service-unavailable", "cancel")}</iq>`,
        );
      }
    }
    juliet.send("<iq id='1' type='set'><query xmlns='urn:example:unknown'/></iq>");
    await juliet.expect(`<iq id='1' type='error'>${error("service-unavailable", "cancel")}</iq>`);
    await romeo.expectNothing();
  });

  it("8.4: a known name in another namespace, or the other type, is not understood either", async () => {
    const server = await startServer();
    const [juliet] = await pair(server);
    juliet.send("<iq id='1' type='get'><query xmlns='jabber:iq:roster:2'/></iq>");
    await juliet.expect(`<iq id='1' type='error'>${error("service-unavailable", "cancel")}</iq>`);
    juliet.send("<iq id='2' type='set'><ping xmlns='urn:xmpp:ping'/></iq>");
    await juliet.expect(`<iq id='2' type='error'>${error("service-unavailable", "cancel")}</iq>`);
  });

  it("10.3.3: results and errors that answer nothing are ignored, whoever they are for", async () => {
    const server = await startServer();
    const [juliet] = await pair(server);
    const nowhere = ["example.com", "example.com/x", juliet.bare, "romeo@example.com", "romeo@example.com/none"];
    for (const to of [...nowhere, "nobody@example.com", "nobody@example.com/x", "somebody@example.org", "juliet@"]) {
      juliet.send(`<iq type='result' id='1' to='${to}'/>`);
      juliet.send(`<iq type='error' id='2' to='${to}'>${error("bad-request", "modify")}</iq>`);
      juliet.send(`<iq type='result' to='${to}'/>`);
    }
    juliet.send("<iq type='result' id='1'/>");
    juliet.send(`<iq type='error' id='2'>${error("bad-request", "modify")}</iq>`);
    await juliet.expectNothing();
  });

  it("8.3.1: no error stanza is answered with one", async () => {
    const server = await startServer();
    const [juliet, romeo] = await pair(server);
    for (const to of ["example.com", "romeo@example.com", "romeo@example.com/none", "x@example.org", "juliet@"]) {
      juliet.send(`<message type='error' to='${to}'><body>hi</body>${error("gone", "cancel")}</message>`);
      juliet.send(`<presence type='error' to='${to}'>${error("gone", "cancel")}</presence>`);
    }
    juliet.send(`<message type='error'>${error("gone", "cancel")}</message>`);
    juliet.send(`<presence type='error'>${error("gone", "cancel")}</presence>`);
    await juliet.expectNothing();
    await romeo.expectNothing();
  });
});

describe("RFC 6120 section 8.3: stanza errors", () => {
  it("8.3.1: the same kind of stanza, addresses swapped, one error child with one condition", async () => {
    const server = await startServer();
    const [juliet] = await pair(server);
    for (const kind of ["message", "iq", "presence"]) {
      const type = { message: "chat", iq: "get", presence: "subscribe" }[kind];
      juliet.send(`<${kind} id='1' to='x@example.org' type='${type}'><x xmlns='urn:example:x'/></${kind}>`);
      const reply = await juliet.expect(
        `<${kind} id='1' type='error' from='x@example.org' to='juliet@example.com/balcony'>${error("remote-server-not-found", "cancel")}</${kind}>`,
      );
      const errors = reply.getChildren("error");
      expect(errors).toHaveLength(1);
      expect(errors[0]?.getChildElements().filter(({ name }) => name !== "text")).toHaveLength(1);
    }
  });

  it("10.4.3: a domain that cannot be reached is remote-server-not-found for directed presence too", async () => {
    const server = await startServer();
    const [juliet] = await pair(server);
    juliet.send("<presence id='1' to='romeo@example.org'/>");
    await juliet.expect(`<presence id='1' type='error'>${error("remote-server-not-found", "cancel")}</presence>`);
  });

  it("RFC 6121 section 4.7.1: presence of an unknown type is bad-request", async () => {
    const server = await startServer();
    const [juliet, romeo] = await pair(server);
    juliet.send(`<presence id='1' type='available' to='${romeo.full}'/><presence id='2' type='invisible'/>`);
    await juliet.expect(`<presence id='1' type='error'>${error("bad-request", "modify")}</presence>`);
    await juliet.expect(`<presence id='2' type='error'>${error("bad-request", "modify")}</presence>`);
    await romeo.expectNothing();
  });

  it("4.9.3.24: what is no stanza ends the stream, even with an address that is none", async () => {
    const server = await startServer();
    const [juliet] = await pair(server);
    juliet.send("<foo to='juliet@'/>");
    await juliet.expectStreamError("unsupported-stanza-type");
  });
});

describe("RFC 6120 section 8.4: extended content is delivered unmodified", () => {
  const PAYLOADS: [string, string][] = [
    ["an extension element", "<x xmlns='urn:example:x'/>"],
    ["nested namespaces", "<a xmlns='urn:a'><b xmlns='urn:b'><c xmlns='urn:a'/><d/></b></a>"],
    ["a content element within an extension", "<a xmlns='urn:a'><body xmlns='jabber:client'>b</body></a>"],
    [
      "a stanza within an extension",
      "<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' to='a@b'/></forwarded>",
    ],
    ["prefixes", "<p:a xmlns:p='urn:p'><p:b/><c xmlns='urn:c'><p:d/></c></p:a>"],
    ["one prefix for two namespaces", "<p:a xmlns:p='urn:1'><p:b xmlns:p='urn:2'><p:c/></p:b><p:d/></p:a>"],
    ["elements of no namespace", "<a xmlns=''><b/></a>"],
    ["an element of no namespace in an extension", "<a xmlns='urn:a'><b xmlns=''>text<c/></b></a>"],
    ["attributes with a prefix", "<a xmlns='urn:a' xmlns:p='urn:p' p:x='1' x='2'><b p:x='3'/></a>"],
    [
      "one attribute prefix for two namespaces",
      "<a xmlns='urn:a' xmlns:p='urn:1' p:x='1'><b xmlns:p='urn:2' p:x='2'/></a>",
    ],
    ["an attribute and an element of one prefix", "<p:a xmlns:p='urn:p' p:x='1'><p:b/></p:a>"],
    ["xml:lang and xml:space", "<a xmlns='urn:a' xml:lang='de' xml:space='preserve'> <b xml:lang='fr'/> </a>"],
    ["a prefixed content element", "<c:body xmlns:c='jabber:client'>hi</c:body>"],
    ["mixed content and white space", "<a xmlns='urn:a'>\n  one <b>two</b>\tthree\n</a>"],
    [
      "character references and CDATA",
      "<a xmlns='urn:a' x='&lt;&amp;&quot;&apos;&#9;&#10;&#13;'>&lt;&#x1F4F1;&#13;<![CDATA[<&>]]>]]&gt;</a>",
    ],
    ["attributes called like JavaScript's own", "<a xmlns='urn:a' constructor='1' toString='2' hasOwnProperty='3'/>"],
  ];

  it.each(PAYLOADS)("%s", async (_name, payload) => {
    const server = await startServer({ archive: { enabled: false } }); // it adds an id (XEP-0359)
    const [juliet, romeo] = await pair(server);
    const attrs = `id='1' to='${romeo.full}' from='${juliet.full}'`;
    await befriend(juliet, romeo);
    for (const stanza of [
      `<message ${attrs}>${payload}</message>`,
      `<presence ${attrs}>${payload}</presence>`,
      `<iq ${attrs} type='set'>${payload}</iq>`,
    ]) {
      romeo.received = "";
      juliet.send(stanza);
      await romeo.next();
      expect(canonical(romeo.received)).toEqual(canonical(stanza));
    }
  });

  it.each(PAYLOADS)("%s, out of the offline store", async (_name, payload) => {
    const server = await startServer({ archive: { enabled: false } }); // it adds an id (XEP-0359)
    const juliet = await server.client("juliet");
    const romeo = await server.client("romeo");
    const stanza = `<message id='1' to='romeo@example.com' from='${juliet.full}'>${payload}<store xmlns='urn:xmpp:hints'/></message>`;
    juliet.send(stanza);
    await juliet.sync();
    romeo.received = "";
    romeo.send("<presence/>");
    await romeo.expect("<message/>");
    const [message] = /<message.*<\/message>/s.exec(romeo.received) ?? [""];
    const delay = /<delay [^>]*\/>/.exec(message)?.[0] as string;
    expect(canonical(message.replace(delay, ""))).toEqual(canonical(stanza));
  });

  it("a stanza written with a prefix for the content namespace is the same stanza", async () => {
    const server = await startServer();
    const [juliet, romeo] = await pair(server);
    juliet.send(`<c:message xmlns:c='jabber:client' to='${romeo.full}'><c:body>hi</c:body></c:message>`);
    await romeo.expect("<message><body>hi</body></message>");
  });
});

describe("RFC 6120 section 10.3: no 'to' address", () => {
  it("10.3.1: a message goes to the account itself", async () => {
    const server = await startServer();
    const [juliet] = await pair(server);
    const chamber = await server.online("juliet", { resource: "chamber" });
    await juliet.sync();
    juliet.send("<message type='chat'><body>note to self</body></message>");
    for (const resource of [juliet, chamber]) {
      await resource.expect("<message from='juliet@example.com/balcony'><body>note to self</body></message>");
    }
  });

  it("10.3.3: an iq is the account's, whether it says so or not", async () => {
    const server = await startServer();
    const [juliet] = await pair(server);
    for (const to of [undefined, juliet.bare, "JULIET@example.com"]) {
      const answer = await juliet.ask("get", "<query xmlns='jabber:iq:roster'/>", to);
      expect(answer.attrs.type).toBe("result");
      expect(answer.getChild("query", "jabber:iq:roster")).toBeDefined();
    }
  });
});

describe("RFC 6120 section 10.5: local domain", () => {
  it("10.5.1 and 10.5.2: messages and iqs to the domain, with a resource too, get an error", async () => {
    const server = await startServer();
    const [juliet] = await pair(server);
    for (const to of ["example.com", "example.com/admin", "EXAMPLE.com"]) {
      juliet.send(`<message id='1' to='${to}'><body>hi</body></message>`);
      await juliet.expect(`<message id='1' type='error' from='${to}'/>`);
    }
    juliet.send("<iq id='2' type='get' to='example.com/admin'><ping xmlns='urn:xmpp:ping'/></iq>");
    await juliet.expect("<iq id='2' type='error' from='example.com/admin'/>");
  });
});
