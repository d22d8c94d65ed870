// RFC 7622: two spellings of one address are one account, one roster item, one session; and what is no address is refused
// wherever one is expected (section 4).

import { describe, expect, it } from "vitest";
import type { ScriptedClient } from "../support/client.ts";
import { befriend, startServer, type TestServer } from "../support/server.ts";

const ROSTER = "jabber:iq:roster";
const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";

/** One name, five ways: composed, decomposed, in capitals, fullwidth, and with the decomposed capital. */
const JULIE = ["j\u00fclie", "ju\u0308lie", "J\u00dcLIE", "\uff4a\u00fclie", "JU\u0308LIE"];
/** A domain: U-label, A-label, capitals, final dot, decomposed. */
const DOMAINS = [
  "m\u00fcnchen.example",
  "xn--mnchen-3ya.example",
  "M\u00dcNCHEN.Example",
  "m\u00fcnchen.example.",
  "mu\u0308nchen.example",
];

function everySpelling(): string[] {
  return [...JULIE.map((name) => `${name}@${DOMAINS[0]}`), ...DOMAINS.map((domain) => `${JULIE[0]}@${domain}`)];
}

function munich(): Promise<TestServer> {
  return startServer({ domain: "XN--MNCHEN-3YA.example." });
}

describe("RFC 7622 section 3: two spellings of one address", () => {
  it("are one account: whoever spells it how logs in as the same, and it cannot be made twice", async () => {
    const server = await munich();
    await server.admin.addUser(JULIE[2] as string, "secret");
    for (const name of JULIE) {
      const client = await server.client(name, { password: "secret" });
      expect(client.bare).toBe("j\u00fclie@m\u00fcnchen.example");
      await expect(server.admin.addUser(name, "other")).rejects.toMatchObject({ code: "exists" });
    }
  });

  it("are one domain: in the stream header, in 'to', and in what the server says of itself", async () => {
    const server = await munich();
    const romeo = await server.online("romeo");
    for (const domain of DOMAINS) {
      const client = await server.connect();
      client.write(client.header().replace(/ to='[^']*'/, ` to='${domain}'`));
      expect((await client.nextOpen()).from).toBe("m\u00fcnchen.example");
      expect((await client.next()).name).toBe("features");
      expect((await romeo.ask("get", "<ping xmlns='urn:xmpp:ping'/>", domain)).attrs.type).toBe("result");
    }
  });

  it("are one recipient, of messages, presence and iq", async () => {
    const server = await munich();
    await server.admin.addUser("j\u00fclie", "secret");
    const julie = await server.online("j\u00fclie", { password: "secret", resource: "balcony" });
    const romeo = await server.online("romeo");
    await befriend(romeo, julie);
    for (const [index, address] of everySpelling().entries()) {
      romeo.send(`<message to='${address}' type='chat' id='${index}'><body>hi</body></message>`);
      await julie.expect(`<message id='${index}' from='${romeo.full}'/>`);
      romeo.send(`<iq to='${address}/balcony' type='get' id='q${index}'><query xmlns='urn:example:x'/></iq>`);
      await julie.expect(`<iq id='q${index}' type='get'/>`);
    }
  });

  it("are one roster item, and one subscription", async () => {
    const server = await munich();
    const romeo = await server.online("romeo");
    await server.admin.addUser("j\u00fclie", "secret");
    const julie = await server.online("j\u00fclie", { password: "secret" });
    for (const [index, address] of everySpelling().entries()) {
      await romeo.ask("set", `<query xmlns='${ROSTER}'><item jid='${address}' name='${index}'/></query>`);
      romeo.send(`<presence to='${address}' type='subscribe'/>`);
    }
    await julie.expect("<presence type='subscribe' from='romeo@m\u00fcnchen.example'/>");
    await julie.expectNothing();
    await romeo.untilNow();
    const roster = await romeo.ask("get", `<query xmlns='${ROSTER}'/>`);
    const items = roster.getChild("query", ROSTER)?.getChildElements() ?? [];
    expect(items.map((item) => [item.attrs.jid, item.attrs.name])).toEqual([
      ["j\u00fclie@m\u00fcnchen.example", String(everySpelling().length - 1)],
    ]);
    const removed = await romeo.ask(
      "set",
      `<query xmlns='${ROSTER}'><item jid='${everySpelling()[4]}' subscription='remove'/></query>`,
    );
    expect(removed.attrs.type).toBe("result");
  });

  it("are one session: a resource in another spelling takes the place of the first", async () => {
    const server = await munich();
    const first = await server.client("romeo", { resource: "Caf\u00e9 1" });
    const second = await server.client("romeo", { resource: "Cafe\u0301\u00a01" });
    await first.expectStreamError("conflict");
    expect(second.full).toBe("romeo@m\u00fcnchen.example/Caf\u00e9 1");
    const other = await server.client("romeo", { resource: "caf\u00e9 1" }); // case matters in a resourcepart
    await second.sync();
    await other.sync();
  });

  it("are one sender: 'from' may be spelled any way, and leaves in one", async () => {
    const server = await munich();
    await server.admin.addUser("j\u00fclie", "secret");
    const julie = await server.online("j\u00fclie", { password: "secret", resource: "balcony" });
    const romeo = await server.online("romeo");
    for (const address of everySpelling()) {
      julie.send(`<message from='${address}/balcony' to='${romeo.full}'><body>hi</body></message>`);
      await romeo.expect("<message from='j\u00fclie@m\u00fcnchen.example/balcony'/>");
    }
  });

  it("sharp s and double s are two accounts, and a final sigma is no sigma (section 3.5)", async () => {
    const server = await munich();
    for (const name of ["fussball", "fu\u00dfball", "\u03bf\u03b4\u03bf\u03c3", "\u03bf\u03b4\u03bf\u03c2"]) {
      await server.admin.addUser(name, "secret");
    }
    await expect(server.admin.addUser("\u039f\u0394\u039f\u03a3", "secret")).rejects.toMatchObject({ code: "exists" });
  });
});

describe("RFC 7622 section 4: addresses are checked where the server handles them", () => {
  const BAD = [
    "@example.com",
    "juliet@",
    "ju liet@example.com",
    "juliet@exa_mple.com",
    "henry\u2163@example.com",
    "a@b/",
  ];

  async function expectMalformed(client: ScriptedClient, kind: string, id: string): Promise<void> {
    await client.expect(
      `<${kind} type='error' id='${id}'><error type='modify'><jid-malformed xmlns='${STANZAS}'/></error></${kind}>`,
    );
  }

  it("'to' of every kind of stanza", async () => {
    const server = await startServer();
    const romeo = await server.online("romeo");
    for (const [index, to] of BAD.entries()) {
      romeo.send(`<message to='${to}' id='m${index}'><body>hi</body></message>`);
      await expectMalformed(romeo, "message", `m${index}`);
      romeo.send(`<iq to='${to}' type='get' id='i${index}'><ping xmlns='urn:xmpp:ping'/></iq>`);
      await expectMalformed(romeo, "iq", `i${index}`);
      romeo.send(`<presence to='${to}' id='p${index}'/>`);
      await expectMalformed(romeo, "presence", `p${index}`);
    }
    await romeo.expectNothing();
  });

  it("'jid' of a roster item", async () => {
    const server = await startServer();
    const romeo = await server.online("romeo");
    for (const jid of BAD) {
      const answer = await romeo.ask("set", `<query xmlns='${ROSTER}'><item jid='${jid}'/></query>`);
      expect(answer.getChild("error")?.getChild("jid-malformed", STANZAS)).toBeDefined();
    }
  });

  it("'from': one that is no address is nobody's", async () => {
    const server = await startServer();
    for (const from of BAD) {
      const romeo = await server.client("romeo");
      romeo.send(`<message from='${from}' to='romeo@example.com'><body>hi</body></message>`);
      await romeo.expectStreamError("invalid-from");
    }
  });

  it("names of accounts", async () => {
    const server = await startServer();
    for (const name of ["", "a b", "a@b", "\u265a", "a".repeat(1_024), "\u05e9a"]) {
      await expect(server.admin.addUser(name, "secret")).rejects.toThrow();
    }
  });

  it("what a message merely carries is none of the server's business", async () => {
    const server = await startServer();
    const romeo = await server.online("romeo");
    const juliet = await server.online("juliet");
    romeo.send(
      `<message to='${juliet.full}' type='chat'><x xmlns='jabber:x:conference' jid='@@not an address@@'/></message>`,
    );
    const message = await juliet.next();
    expect(message.getChild("x", "jabber:x:conference")?.attrs.jid).toBe("@@not an address@@");
  });
});
