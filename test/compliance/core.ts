// XEP-0479 section 2.1: the Core suite.

import assert from "node:assert/strict";
import { type Element, parse } from "ltx";
import { verificationString } from "../../server/presence/caps-hash.ts";
import { befriend } from "../../server/testing/befriend.ts";
import type { ScriptedClient } from "../support/client.ts";
import { EVENT, idsIn, items, messagesUntilNow, publishing, TUNE, tune } from "../support/pep.ts";
import { readServerFirst, scramClient } from "../support/scram-client.ts";
import { wants } from "./interests.ts";
import { announces, ask, chat, info, refused, type Stage } from "./stage.ts";
import type { Category } from "./suite.ts";

const SASL = "urn:ietf:params:xml:ns:xmpp-sasl";
const TLS = "urn:ietf:params:xml:ns:xmpp-tls";
const CAPS = "http://jabber.org/protocol/caps";
const NO_S2S = "no server-to-server links";

async function streams(stage: Stage): Promise<void> {
  const username = await stage.account("juliet");
  const client = await stage.connect();
  await client.open();
  await client.startTls();
  await scram(client, username, "wrong").then(
    () => assert.fail("a wrong password was good"),
    (error: Error) => assert.match(error.message, /not-authorized/),
  );
  await scram(client, username, "secret");
  const features = await client.open();
  assert(features.getChild("bind"), "no <bind/> after login");
  assert.equal((await client.bind("balcony")).toString(), `${username}@${stage.domain}/balcony`);
  await refused(client, "service-unavailable", "get", "<query xmlns='urn:unheard-of'/>", stage.domain);
  const romeo = await stage.online("romeo");
  for (let n = 0; n < 10; n += 1) client.send(chat(romeo.full, `${n}`));
  for (let n = 0; n < 10; n += 1) await romeo.expect(`<message from='${client.full}'><body>${n}</body></message>`);
  romeo.send("<message></iq>");
  await romeo.until("<error xmlns='http://etherx.jabber.org/streams'/>");
  await romeo.expectClosed();
  await client.close();
}

// RFC 6120 section 13.8: SCRAM-SHA-1 is what every server has.
async function scram(client: ScriptedClient, username: string, password: string): Promise<void> {
  const half = scramClient({ hash: "sha1", username, password });
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  client.send(`<auth xmlns='${SASL}' mechanism='SCRAM-SHA-1'>${base64(half.first)}</auth>`);
  const challenge = Buffer.from((await client.expect(`<challenge xmlns='${SASL}'/>`)).getText(), "base64").toString();
  assert(readServerFirst(challenge).iterations >= 4096, "fewer than 4096 iterations (RFC 5802 section 5.1)");
  const { message, serverFinal } = half.final(challenge);
  client.send(`<response xmlns='${SASL}'>${base64(message)}</response>`);
  const success = await client.expect(`<success xmlns='${SASL}'/>`);
  assert.equal(Buffer.from(success.getText(), "base64").toString(), serverFinal, "the server's own proof");
}

async function startTls(stage: Stage): Promise<void> {
  const client = await stage.connect();
  const features = await client.open();
  assert(features.getChild("starttls", TLS)?.getChild("required"), "TLS is not required");
  assert.equal(features.getChild("mechanisms", SASL), undefined, "login is offered before TLS");
  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    const socket = await stage.tls("starttls", { minVersion: version, maxVersion: version });
    assert.equal(socket.getProtocol(), version);
    assert.match(socket.getCipher().name, /^(TLS_|ECDHE-)/, "no forward secrecy");
  }
  for (const version of ["TLSv1", "TLSv1.1"] as const) {
    const terms = { minVersion: version, maxVersion: version, ciphers: "ALL:@SECLEVEL=0" };
    await assert.rejects(stage.tls("starttls", terms), /alert protocol version/);
  }
}

async function directTls(stage: Stage): Promise<void> {
  const socket = await stage.tls("direct", { ALPNProtocols: ["xmpp-client"] });
  assert.equal(socket.alpnProtocol, "xmpp-client");
  await stage.tls("direct", {}); // not every client names the protocol
  const juliet = await stage.client("juliet", { over: "direct" });
  await juliet.sync();
}

async function discovery(stage: Stage): Promise<void> {
  const juliet = await stage.online("juliet");
  const [INFO, ITEMS] = ["info", "items"].map((name) => `http://jabber.org/protocol/disco#${name}`);
  await announces(juliet, stage.domain, `${INFO}`, `${ITEMS}`);
  for (const [to, category, type] of [
    [stage.domain, "server", "im"],
    [juliet.bare, "account", "registered"],
  ] as const) {
    const identities = (await info(juliet, to)).getChildren("identity").map(({ attrs }) => attrs);
    assert(
      identities.some((each) => each.category === category && each.type === type),
      `${to} is no ${category}`,
    );
  }
  const list = await ask(juliet, "get", `<query xmlns='${ITEMS}'/>`, stage.domain);
  for (const { attrs } of list.getChild("query")?.getChildren("item") ?? []) {
    if (attrs.jid !== stage.target.component.domain) await info(juliet, attrs.jid as string);
  }
  await refused(juliet, "item-not-found", "get", `<query xmlns='${INFO}' node='nowhere'/>`, stage.domain);
}

async function capabilities(stage: Stage): Promise<void> {
  const [juliet, features] = await stage.authenticated("juliet");
  await juliet.bind();
  const own = features.getChild("c", CAPS);
  assert(own, "no capabilities among the stream features");
  const node = `${own.attrs.node}#${own.attrs.ver}`;
  for (const query of [await info(juliet, stage.domain), await info(juliet, stage.domain, node)]) {
    assert.equal(verificationString(parse(query.toString()) as Element, "sha-1"), own.attrs.ver);
  }
}

async function component(stage: Stage): Promise<void> {
  const [irc, juliet] = [await stage.component(), await stage.online("juliet")];
  const nick = `verona@${irc.domain}`;
  juliet.send(chat(nick, "hark"));
  await irc.until(`<message from='${juliet.full}' to='${nick}'><body>hark</body></message>`);
  irc.send(`<message from='${nick}/x' to='${juliet.bare}' type='chat'><body>who calls</body></message>`);
  await juliet.until(`<message from='${nick}/x'><body>who calls</body></message>`);
  irc.send(`<message from='juliet@${stage.domain}' to='${juliet.bare}'><body>forged</body></message>`);
  await irc.until("<error xmlns='http://etherx.jabber.org/streams'/>");
}

async function events(stage: Stage): Promise<void> {
  const [juliet, romeo] = [await stage.online("juliet"), await stage.online("romeo")];
  const stranger = await stage.online("tybalt");
  await befriend(juliet, romeo);
  await announces(juliet, juliet.bare, "http://jabber.org/protocol/pubsub#publish");
  for (const client of [romeo, stranger]) await wants(client, TUNE);
  await ask(juliet, "set", publishing("urn:other", "<item id='0'><x xmlns='urn:other'/></item>"));
  await ask(juliet, "set", publishing(TUNE, `<item id='1'>${tune("Allegro")}</item>`));
  const event = await romeo.until("<message type='headline'/>");
  assert.deepEqual([event.attrs.from, idsIn(event)], [juliet.bare, ["1"]]);
  assert(event.getChild("event", EVENT), "no event");
  assert.deepEqual(await messagesUntilNow(stranger), []);
  const denied = await stranger.ask("get", items(TUNE), juliet.bare);
  assert.equal(denied.attrs.type, "error", "a stranger reads a node for contacts");
  const phone = await stage.client("romeo", { resource: "phone" });
  await wants(phone, TUNE);
  assert.deepEqual(idsIn(await phone.until("<message type='headline'/>")), ["1"]);
}

export const CORE: Category = {
  "Core features": {
    "RFC 6120": [
      {
        shows:
          "clients: stream, STARTTLS, SCRAM with a wrong and a right password, bind, an unknown request, messages in order, bad XML, close",
        scene: streams,
      },
      { notOffered: `servers: ${NO_S2S}` },
    ],
  },
  TLS: {
    "RFC 7590": [
      { shows: "clients: required before login; 1.2 and 1.3 spoken, 1.0 and 1.1 refused", scene: startTls },
      { notOffered: `servers: ${NO_S2S}` },
    ],
  },
  "Direct TLS": {
    "XEP-0368": [
      { shows: "login with the protocol xmpp-client named and without", scene: directTls, needs: ["direct TLS"] },
    ],
  },
  "Feature discovery": {
    "XEP-0030": [{ shows: "server, account, each item of the server, a node that is not there", scene: discovery }],
  },
  "Feature broadcasts": {
    "XEP-0115": [
      { shows: "the hash among the stream features is that of what the server answers", scene: capabilities },
    ],
  },
  "Server Extensibility": {
    "XEP-0114": [
      {
        shows: "handshake, a message each way, another domain's address is refused",
        scene: component,
        needs: ["component"],
      },
    ],
  },
  "Event publishing": {
    "XEP-0163": [
      {
        shows: "a contact that wants it is told, a stranger is not and reads nothing; who logs in gets the last item",
        scene: events,
      },
    ],
  },
};
