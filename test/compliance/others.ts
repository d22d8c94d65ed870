// What Balcony implements besides the suites: a scene for each document.

import assert from "node:assert/strict";
import { type Element, parse } from "ltx";
import { capabilityHash } from "../../server/presence/caps-hash.ts";
import { befriend } from "../../server/testing/befriend.ts";
import type { ScriptedClient } from "../support/client.ts";
import { configuring, form, idsIn, items, OWNER, PUBSUB, publishing } from "../support/pep.ts";
import { say } from "../support/rooms.ts";
import { bodies, query } from "./archives.ts";
import { inRoom } from "./group-chat.ts";
import { publishAvatar } from "./im.ts";
import { wants } from "./interests.ts";
import { announces, ask, chat, info, refused, type Stage } from "./stage.ts";
import type { Other, Scene } from "./suite.ts";

const SID = "urn:xmpp:sid:0";
const OFFLINE = "http://jabber.org/protocol/offline";
const DEVICES = "eu.siacs.conversations.axolotl.devicelist";

async function pair(stage: Stage): Promise<[juliet: ScriptedClient, romeo: ScriptedClient]> {
  return [await stage.online("juliet"), await stage.online("romeo")];
}

/** The server answers a question about itself. */
const answers =
  (payload: string, name: string, ns: string): Scene =>
  async (stage) => {
    const juliet = await stage.online("juliet");
    await announces(juliet, stage.domain, ns);
    assert((await ask(juliet, "get", payload, stage.domain)).getChild(name, ns), `no <${name}/>`);
  };

async function addresses(stage: Stage): Promise<void> {
  const juliet = await stage.online("juliet", { resource: "Balcony" });
  const [localpart] = juliet.bare.split("@");
  for (const bare of [`${localpart?.toUpperCase()}@${stage.domain.toUpperCase()}`, juliet.bare]) {
    juliet.send(chat(bare, "to myself"));
    await juliet.until("<message><body>to myself</body></message>");
  }
  juliet.send("<iq type='get' id='x' to='a b@example.com'><ping xmlns='urn:xmpp:ping'/></iq>");
  const answer = await juliet.until("<iq type='error'/>");
  assert.match(answer.toString(), /jid-malformed/);
}

async function gateway(stage: Stage): Promise<void> {
  const juliet = await stage.online("juliet");
  const romeo = `romeo-${stage.domain}@example.net`;
  await stage.admin.addPresentity(romeo, { policy: "allow" });
  const { token } = await stage.admin.addToken("domain:example.net");
  const api = `https://${stage.domain}:${stage.target.httpsPort}/cpim/v1`;
  const call = (method: string, path: string, type: string, body: string) =>
    stage.https(`${api}${path}`, { method, headers: { authorization: `Bearer ${token}`, "content-type": type } }, body);
  const pidf = `<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="pres:${romeo}"><tuple id="orchard"><status><basic>open</basic></status><note>Wooing</note></tuple></presence>`;
  const published = await call("PUT", `/presentities/${romeo}/presence`, "application/pidf+xml", pidf);
  assert.equal(published.status, 201, published.body);
  juliet.send(`<presence to='${romeo}' type='subscribe'/>`);
  await juliet.until(`<presence from='${romeo}/orchard'><status>Wooing</status></presence>`);
  const cpim = `From: <im:${romeo}>\r\nTo: <im:${juliet.bare}>\r\n\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nwhat light`;
  const sent = await call("POST", "/messages", "message/cpim", cpim);
  assert.equal(sent.status, 200, sent.body);
  await juliet.until("<message><body>what light</body></message>");
}

async function lastActivity(stage: Stage): Promise<void> {
  const [juliet, romeo] = await pair(stage);
  const last = "<query xmlns='jabber:iq:last'/>";
  for (const to of [stage.domain, juliet.bare]) await ask(juliet, "get", last, to);
  assert.equal((await romeo.ask("get", last, juliet.bare)).attrs.type, "error", "a stranger learns it");
  await befriend(juliet, romeo);
  await juliet.close();
  const answer = (await ask(romeo, "get", last, juliet.bare)).getChild("query");
  assert.match(String(answer?.attrs.seconds), /^\d+$/);
}

/** Romeo has written to Juliet, who is away. */
async function written(stage: Stage): Promise<ScriptedClient> {
  const [localpart, romeo] = [await stage.account("juliet"), await stage.online("romeo")];
  for (const body of ["one", "two"]) romeo.send(chat(`${localpart}@${stage.domain}`, body));
  await romeo.sync();
  return stage.client("juliet");
}

async function flexibleOffline(stage: Stage): Promise<void> {
  const juliet = await written(stage);
  await announces(juliet, stage.domain, OFFLINE);
  assert.match(String(await info(juliet, juliet.bare, OFFLINE)), /number_of_messages"[^>]*><value>2</);
  await ask(juliet, "set", `<offline xmlns='${OFFLINE}'><purge/></offline>`);
  juliet.send("<presence/>");
  assert.doesNotMatch((await juliet.untilNow()).join(), /<body>/);
}

async function offline(stage: Stage): Promise<void> {
  const juliet = await written(stage);
  await announces(juliet, stage.domain, "msgoffline");
  juliet.send("<presence/>");
  const delay = `<delay xmlns='urn:xmpp:delay' stamp='{any}'/>`;
  for (const body of ["one", "two"]) await juliet.until(`<message><body>${body}</body>${delay}</message>`);
}

async function pubsub(stage: Stage): Promise<void> {
  const [juliet, romeo] = await pair(stage);
  await befriend(juliet, romeo);
  const node = "urn:notes";
  const note = (id: string): string => `<item id='${id}'><note xmlns='urn:notes'>${id}</note></item>`;
  const config = form(`${PUBSUB}#node_config`, { max_items: "max", persist_items: "true", notify_retract: "true" });
  await ask(
    juliet,
    "set",
    `<pubsub xmlns='${PUBSUB}'><create node='${node}'/><configure>${config}</configure></pubsub>`,
  );
  await ask(
    romeo,
    "set",
    `<pubsub xmlns='${PUBSUB}'><subscribe node='${node}' jid='${romeo.bare}'/></pubsub>`,
    juliet.bare,
  );
  for (const id of ["1", "2", "3"]) await ask(juliet, "set", publishing(node, note(id)));
  await romeo.until(
    "<message type='headline'><event xmlns='http://jabber.org/protocol/pubsub#event'><items node='urn:notes'><item id='3'/></items></event></message>",
  );
  const page = "<set xmlns='http://jabber.org/protocol/rsm'><max>2</max></set>";
  const some = await ask(
    romeo,
    "get",
    `<pubsub xmlns='${PUBSUB}'><items node='${node}'/>${page}</pubsub>`,
    juliet.bare,
  );
  assert.equal(idsIn(some).length, 2);
  await ask(juliet, "set", `<pubsub xmlns='${PUBSUB}'><retract node='${node}'><item id='1'/></retract></pubsub>`);
  assert.deepEqual(idsIn(await ask(juliet, "get", items(node))), ["2", "3"]);
  await ask(juliet, "set", configuring(node, { access_model: "whitelist" }));
  assert.equal((await romeo.ask("get", items(node), juliet.bare)).attrs.type, "error");
  await ask(juliet, "set", `<pubsub xmlns='${OWNER}'><delete node='${node}'/></pubsub>`);
  await refused(juliet, "item-not-found", "get", items(node));
}

async function ownAccount(stage: Stage): Promise<void> {
  const juliet = await stage.client("juliet");
  const register = (inner: string): string => `<query xmlns='jabber:iq:register'>${inner}</query>`;
  const username = juliet.bare.split("@")[0] as string;
  await ask(juliet, "set", register(`<username>${username}</username><password>new</password>`), stage.domain);
  const again = await stage.connect();
  assert.doesNotMatch(String(await again.open()), /register/);
  await again.startTls();
  await again.authenticate(username, "new");
  await again.bind();
  await ask(again, "set", register("<remove/>"));
  await assert.rejects(stage.client("juliet"), /not-authorized/);
}

async function avatar(stage: Stage): Promise<void> {
  const [juliet, romeo] = await pair(stage);
  await befriend(juliet, romeo);
  await wants(romeo, "urn:xmpp:avatar:metadata");
  const id = await publishAvatar(juliet);
  assert.deepEqual(idsIn(await romeo.until("<message type='headline'/>")), [id]);
  assert.deepEqual(idsIn(await ask(romeo, "get", items("urn:xmpp:avatar:data", `<item id='${id}'/>`), juliet.bare)), [
    id,
  ]);
}

async function nickname(stage: Stage): Promise<void> {
  const NICK = "http://jabber.org/protocol/nick";
  const [juliet, romeo] = await pair(stage);
  await befriend(juliet, romeo);
  await wants(romeo, NICK);
  await ask(juliet, "set", publishing(NICK, `<item id='current'><nick xmlns='${NICK}'>Jule</nick></item>`));
  assert.match(String(await romeo.until("<message type='headline'/>")), /Jule/);
}

async function vcard4(stage: Stage): Promise<void> {
  const [juliet, stranger] = await pair(stage);
  const vcard = "<vcard xmlns='urn:ietf:params:xml:ns:vcard-4.0'><fn><text>Juliet</text></fn></vcard>";
  const item = `<item id='current'>${vcard}</item>`;
  await ask(juliet, "set", publishing("urn:xmpp:vcard4", item, { access_model: "open" }));
  assert.match(String(await ask(stranger, "get", items("urn:xmpp:vcard4"), juliet.bare)), /<text>Juliet</);
}

async function contacts(stage: Stage): Promise<void> {
  const juliet = await stage.online("juliet");
  assert.match(String(await info(juliet, stage.domain)), /abuse-addresses"[^>]*><value>mailto:abuse@example\.com</);
}

async function publicNode(stage: Stage): Promise<void> {
  const [juliet, stranger] = await pair(stage);
  const open = { persist_items: "true", access_model: "open", max_items: "max" };
  await ask(juliet, "set", publishing("urn:public", "<item id='1'><x xmlns='urn:public'/></item>", open));
  assert.deepEqual(idsIn(await ask(stranger, "get", items("urn:public"), juliet.bare)), ["1"]);
}

async function hints(stage: Stage): Promise<void> {
  const [juliet, romeo] = await pair(stage);
  romeo.send(chat(juliet.bare, "not kept", "<no-store xmlns='urn:xmpp:hints'/>"));
  romeo.send(chat(juliet.bare, "kept"));
  await juliet.until("<message><body>not kept</body></message>");
  await juliet.until("<message><body>kept</body></message>");
  assert.deepEqual(await bodies(juliet), ["kept"]);
}

async function stanzaIds(stage: Stage): Promise<void> {
  const [juliet, romeo] = await pair(stage);
  await announces(juliet, juliet.bare, SID);
  romeo.send(chat(juliet.bare, "hark", `<stanza-id xmlns='${SID}' by='${juliet.bare}' id='forged'/>`));
  const message = await juliet.until("<message><body>hark</body></message>");
  const ids = message.getChildren("stanza-id", SID).map(({ attrs }) => attrs);
  assert.equal(ids.length, 1);
  assert.notEqual(ids[0]?.id, "forged");
  assert.deepEqual(
    (await query(juliet)).found.map(({ id }) => id),
    [ids[0]?.id],
  );
}

async function report(stage: Stage): Promise<void> {
  const [juliet, romeo] = await pair(stage);
  await announces(juliet, stage.domain, "urn:xmpp:reporting:1");
  const spam = "<report xmlns='urn:xmpp:reporting:1' reason='urn:xmpp:reporting:spam'/>";
  await ask(juliet, "set", `<block xmlns='urn:xmpp:blocking'><item jid='${romeo.bare}'>${spam}</item></block>`);
  const [record] = (await stage.admin.listAudit(5)).filter(({ event }) => event === "reported");
  assert.equal(record?.account, juliet.bare);
}

async function omemo(stage: Stage): Promise<void> {
  const [juliet, stranger] = await pair(stage);
  const open = { persist_items: "true", access_model: "open" };
  const bundle = `eu.siacs.conversations.axolotl.bundles:31415`;
  const list = "<list xmlns='eu.siacs.conversations.axolotl'><device id='31415'/></list>";
  await ask(juliet, "set", publishing(DEVICES, `<item id='current'>${list}</item>`, open));
  await refused(juliet, "item-not-found", "get", items(bundle));
  const keys = "<bundle xmlns='eu.siacs.conversations.axolotl'/>";
  await ask(juliet, "set", publishing(bundle, `<item id='current'>${keys}</item>`, open));
  for (const node of [DEVICES, bundle]) {
    assert.deepEqual(idsIn(await ask(stranger, "get", items(node), juliet.bare)), ["current"]);
  }
}

async function newCapabilities(stage: Stage): Promise<void> {
  const [juliet, features] = await stage.authenticated("juliet");
  await juliet.bind();
  const hash = features.getChild("c", "urn:xmpp:caps")?.getChildText("hash", "urn:xmpp:hashes:2");
  const node = `urn:xmpp:caps#sha-256.${hash}`;
  assert.equal(capabilityHash(parse(String(await info(juliet, stage.domain))) as Element, "sha-256"), hash);
  await info(juliet, stage.domain, node);
}

async function occupantIds(stage: Stage): Promise<void> {
  const { juliet, romeo, room, arrival } = await inRoom(stage);
  const idOf = (stanza: Element) => stanza.getChild("occupant-id", "urn:xmpp:occupant-id:0")?.attrs.id as string;
  const id = idOf(arrival.self);
  assert(id);
  romeo.send(`<presence to='${room}/montague'/>`);
  await romeo.until(`<presence from='${room}/montague'/>`);
  say(romeo, "hark", room);
  assert.equal(idOf(await juliet.until("<message><body>hark</body></message>")), id);
  assert.notEqual(idOf(arrival.others[0] as Element), id);
}

async function moderation(stage: Stage): Promise<void> {
  const { juliet, romeo, room } = await inRoom(stage);
  await announces(juliet, room, "urn:xmpp:message-moderate:1");
  say(romeo, "free potions", room);
  const said = await juliet.until("<message><body>free potions</body></message>");
  const id = said.getChild("stanza-id", SID)?.attrs.id as string;
  const retract = "<retract xmlns='urn:xmpp:message-retract:1'/>";
  await ask(juliet, "set", `<moderate xmlns='urn:xmpp:message-moderate:1' id='${id}'>${retract}</moderate>`, room);
  await romeo.until(`<message from='${room}'><retract xmlns='urn:xmpp:message-retract:1' id='${id}'/></message>`);
  const [stone] = (await query(romeo, "", room)).found;
  assert(stone?.message.getChild("retracted", "urn:xmpp:message-retract:1"), "no tombstone");
  assert(!(await bodies(romeo, "", room)).includes("free potions"));
}

async function roomPicture(stage: Stage): Promise<void> {
  const { juliet, romeo, room } = await inRoom(stage);
  const picture = "<PHOTO><TYPE>image/png</TYPE><BINVAL>iVBORw==</BINVAL></PHOTO>";
  await ask(juliet, "set", `<vCard xmlns='vcard-temp'>${picture}</vCard>`, room);
  assert.match(String(await ask(romeo, "get", "<vCard xmlns='vcard-temp'/>", room)), /iVBORw==/);
  assert.match(String(await info(romeo, room)), /muc#roominfo_avatarhash/);
}

async function channelBinding(stage: Stage): Promise<void> {
  const client = await stage.connect();
  await client.open();
  const features = await client.startTls();
  const types = features.getChild("sasl-channel-binding", "urn:xmpp:sasl-cb:0")?.getChildren("channel-binding") ?? [];
  assert(
    types.some(({ attrs }) => attrs.type === "tls-server-end-point"),
    "no tls-server-end-point",
  );
  assert.match(String(features.getChild("mechanisms")), /SCRAM-SHA-1-PLUS/);
}

async function preferences(stage: Stage): Promise<void> {
  const [juliet, romeo] = await pair(stage);
  const prefs = "<prefs xmlns='urn:xmpp:mam:2' default='never'><always/><never/></prefs>";
  await ask(juliet, "set", prefs);
  const kept = (await ask(juliet, "get", "<prefs xmlns='urn:xmpp:mam:2'/>")).getChild("prefs");
  assert.equal(kept?.attrs.default, "never");
  romeo.send(chat(juliet.bare, "hark"));
  await juliet.until("<message><body>hark</body></message>");
  assert.deepEqual(await bodies(juliet), []);
}

async function streamLimits(stage: Stage): Promise<void> {
  const limits = async (features: Element) =>
    Number(features.getChild("limits", "urn:xmpp:stream-limits:0")?.getChildText("max-bytes"));
  const stranger = await stage.connect();
  await stranger.open();
  const before = await limits(await stranger.startTls());
  const [client, features] = await stage.authenticated("juliet");
  const after = await limits(features);
  assert(before >= 10_000 && after >= before, `${before} and ${after}`); // RFC 6120 section 13.12
  await client.bind();
  client.send(`<message><body>${"x".repeat(after)}</body></message>`);
  await client.until("<error xmlns='http://etherx.jabber.org/streams'/>");
}

async function displayed(stage: Stage): Promise<void> {
  const [juliet, romeo] = await pair(stage);
  const phone = await stage.online("juliet", { resource: "phone" });
  await wants(phone, "urn:xmpp:mds:displayed:0");
  romeo.send(chat(juliet.bare, "hark"));
  const id = (await juliet.until("<message><body>hark</body></message>")).getChild("stanza-id", SID)?.attrs.id;
  const item = `<displayed xmlns='urn:xmpp:mds:displayed:0'><stanza-id xmlns='${SID}' by='${juliet.bare}' id='${id}'/></displayed>`;
  const marker = "<displayed xmlns='urn:xmpp:chat-markers:0' id='hark'/>";
  await announces(juliet, juliet.bare, "urn:xmpp:mds:server-assist:0");
  juliet.send(`<message to='${romeo.bare}' type='chat'>${marker}${item}</message>`);
  assert.deepEqual(idsIn(await phone.until("<message type='headline'/>")), [romeo.bare]);
  const got = await romeo.until(`<message>${marker}</message>`);
  assert.equal(got.getChild("displayed", "urn:xmpp:mds:displayed:0"), undefined, "the contact sees the item");
}

const one = (document: string, title: string, shows: string, scene: Scene): Other => ({
  document,
  title,
  parts: [{ shows, scene }],
});

export const OTHERS: readonly Other[] = [
  one("RFC 7622", "Addresses", "upper case is the same address; a space in it is refused", addresses),
  {
    document: "RFC 3922",
    title: "Mapping to CPIM",
    parts: [
      {
        shows: "a presentity's PIDF over HTTP becomes presence for its watcher, its Message/CPIM a message",
        scene: gateway,
        needs: ["administration", "https"],
      },
    ],
  },
  one("XEP-0012", "Last Activity", "of the server, of a contact who left; not for strangers", lastActivity),
  one("XEP-0013", "Flexible Offline Message Retrieval", "counted, and purged before presence", flexibleOffline),
  one(
    "XEP-0060",
    "Publish-Subscribe",
    "on accounts: create, subscribe, publish, page, retract, configure, delete",
    pubsub,
  ),
  {
    document: "XEP-0077",
    title: "In-Band Registration",
    parts: [
      { shows: "own account: password changed, account removed", scene: ownAccount },
      { notOffered: "registration of new accounts by anybody; XEP-0479 notes it for public networks, off by default" },
    ],
  },
  one("XEP-0084", "User Avatar", "a contact is told, and fetches it", avatar),
  one(
    "XEP-0092",
    "Software Version",
    "asked",
    answers("<query xmlns='jabber:iq:version'/>", "query", "jabber:iq:version"),
  ),
  {
    document: "XEP-0157",
    title: "Contact Addresses",
    parts: [{ shows: "those of the configuration are announced", scene: contacts, needs: ["administration"] }],
  },
  one(
    "XEP-0160, XEP-0203",
    "Offline Messages, Delayed Delivery",
    "two messages to who is away come in order, with their time",
    offline,
  ),
  one("XEP-0172", "User Nickname", "a contact is told of it", nickname),
  one("XEP-0199", "Ping", "asked", async (stage) => {
    const juliet = await stage.online("juliet");
    for (const to of [undefined, stage.domain, juliet.bare])
      await ask(juliet, "get", "<ping xmlns='urn:xmpp:ping'/>", to);
  }),
  one("XEP-0202", "Entity Time", "asked", answers("<time xmlns='urn:xmpp:time'/>", "time", "urn:xmpp:time")),
  one(
    "XEP-0222",
    "Persistent Storage of Public Data",
    "made public by publish options, read by a stranger",
    publicNode,
  ),
  one("XEP-0292", "vCard4", "published, and read by a stranger", vcard4),
  one("XEP-0334", "Message Processing Hints", "what is not to be stored is delivered, and not archived", hints),
  one("XEP-0359", "Stanza IDs", "the archive's own, not a forged one", stanzaIds),
  {
    document: "XEP-0377",
    title: "Blocking Command Reports",
    parts: [{ shows: "a report of spam is in the audit trail", scene: report, needs: ["administration"] }],
  },
  one(
    "XEP-0384",
    "OMEMO (what servers do for it)",
    "devices and keys, open to strangers; item-not-found for a missing bundle",
    omemo,
  ),
  one(
    "XEP-0390",
    "Entity Capabilities 2.0",
    "the hash among the stream features is that of what is answered",
    newCapabilities,
  ),
  one("XEP-0421", "Occupant Identifiers", "the same over a new nickname, another's is another", occupantIds),
  one(
    "XEP-0424, XEP-0425",
    "Moderated Message Retraction",
    "occupants are told; a tombstone in the archive",
    moderation,
  ),
  one("XEP-0440", "Channel-Binding Types", "tls-server-end-point is named, and SCRAM-...-PLUS offered", channelBinding),
  one("XEP-0441", "Archive Preferences", "archive nothing: nothing is archived", preferences),
  one("XEP-0478", "Stream Limits", "told before login and after; what is over them ends the stream", streamLimits),
  one("XEP-0486", "Room Avatars", "set by the owner, fetched by an occupant, its hash in disco", roomPicture),
  one(
    "XEP-0490",
    "Message Displayed Synchronization",
    "with a marker for the contact; told to the other device alone",
    displayed,
  ),
];
