// XEP-0479 section 2.3: the IM suite, without its group chat.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { Element } from "ltx";
import { befriend } from "../../server/testing/befriend.ts";
import { form, set } from "../support/archive-client.ts";
import type { ScriptedClient } from "../support/client.ts";
import { idsIn, items, publishing } from "../support/pep.ts";
import { bodies, query } from "./archives.ts";
import { GROUP_CHAT } from "./group-chat.ts";
import { STREAM_MANAGEMENT } from "./mobile.ts";
import { announces, ask, chat, info, refused, type Stage, untilAll } from "./stage.ts";
import type { Category } from "./suite.ts";

const ROSTER = "jabber:iq:roster";
const CARBONS = "urn:xmpp:carbons:2";
const BLOCKING = "urn:xmpp:blocking";
const UPLOAD = "urn:xmpp:http:upload:0";
const AVATAR = "urn:xmpp:avatar";
const PNG = Buffer.from("89504e470d0a1a0a0000000d49484452", "hex");

async function instantMessaging(stage: Stage): Promise<void> {
  const [juliet, romeo] = [await stage.online("juliet"), await stage.online("romeo")];
  await ask(juliet, "get", `<query xmlns='${ROSTER}'/>`);
  juliet.send(`<iq type='set' id='r'><query xmlns='${ROSTER}'><item jid='${romeo.bare}' name='Romeo'/></query></iq>`);
  await juliet.until(`<iq type='set'><query xmlns='${ROSTER}'><item name='Romeo' subscription='none'/></query></iq>`);
  await befriend(juliet, romeo);
  const roster = await ask(juliet, "get", `<query xmlns='${ROSTER}'/>`);
  const [item] = roster.getChild("query", ROSTER)?.getChildren("item") ?? [];
  assert.deepEqual([item?.attrs.jid, item?.attrs.name, item?.attrs.subscription], [romeo.bare, "Romeo", "both"]);
  romeo.send("<presence><show>away</show></presence>");
  await juliet.until(`<presence from='${romeo.full}'><show>away</show></presence>`);
  juliet.send(chat(romeo.bare, "hark"));
  await romeo.until(`<message from='${juliet.full}'><body>hark</body></message>`);
  await romeo.close();
  await juliet.until(`<presence from='${romeo.full}' type='unavailable'/>`);
  juliet.send(chat(romeo.bare, "later"));
  await juliet.sync();
  const back = await stage.client("romeo");
  back.send("<presence/>");
  await untilAll(
    back,
    `<message from='${juliet.full}'><body>later</body></message>`,
    `<presence from='${juliet.full}' type='{absent}'/>`,
  );
  await ask(juliet, "set", `<query xmlns='${ROSTER}'><item jid='${romeo.bare}' subscription='remove'/></query>`);
  await back.until(`<presence from='${juliet.full}' type='unavailable'/>`);
  // Section 8.5.1: a message may be dropped without a word, a request may not.
  await refused(juliet, "service-unavailable", "get", "<query xmlns='urn:unheard-of'/>", `nobody@${stage.domain}`);
}

const photo = (bytes: Buffer): string =>
  `<vCard xmlns='vcard-temp'><PHOTO><TYPE>image/png</TYPE><BINVAL>${bytes.toString("base64")}</BINVAL></PHOTO></vCard>`;
const photoOf = (vcard: Element): string | undefined | null =>
  vcard.getChild("vCard")?.getChild("PHOTO")?.getChildText("BINVAL");
const hashOf = (bytes: Buffer): string => createHash("sha1").update(bytes).digest("hex");

/** As XEP-0084 section 3 has it. */
export async function publishAvatar(client: ScriptedClient, bytes = PNG): Promise<string> {
  const id = hashOf(bytes);
  const data = `<data xmlns='${AVATAR}:data'>${bytes.toString("base64")}</data>`;
  const told = `<info bytes='${bytes.length}' id='${id}' type='image/png'/>`;
  const open = { access_model: "open" };
  await ask(client, "set", publishing(`${AVATAR}:data`, `<item id='${id}'>${data}</item>`, open));
  const metadata = `<metadata xmlns='${AVATAR}:metadata'>${told}</metadata>`;
  await ask(client, "set", publishing(`${AVATAR}:metadata`, `<item id='${id}'>${metadata}</item>`, open));
  return id;
}

async function conversion(stage: Stage): Promise<void> {
  const [juliet, romeo] = [await stage.online("juliet"), await stage.online("romeo")];
  await announces(juliet, juliet.bare, "urn:xmpp:pep-vcard-conversion:0");
  await publishAvatar(juliet);
  assert.equal(photoOf(await ask(romeo, "get", "<vCard xmlns='vcard-temp'/>", juliet.bare)), PNG.toString("base64"));
  const other = Buffer.concat([PNG, Buffer.from("another")]);
  await ask(juliet, "set", photo(other));
  const metadata = await ask(romeo, "get", items(`${AVATAR}:metadata`, "", "max_items='1'"), juliet.bare);
  assert.deepEqual(idsIn(metadata), [hashOf(other)]);
}

async function photoHash(stage: Stage): Promise<void> {
  const [juliet, romeo] = [await stage.online("juliet"), await stage.online("romeo")];
  await befriend(juliet, romeo);
  await ask(juliet, "set", photo(PNG));
  const update = `<x xmlns='vcard-temp:x:update'><photo>${hashOf(PNG)}</photo></x>`;
  await romeo.until(`<presence from='${juliet.full}'>${update}</presence>`);
  juliet.send("<presence><show>away</show></presence>");
  await romeo.until(`<presence from='${juliet.full}'><show>away</show>${update}</presence>`);
}

async function vcard(stage: Stage): Promise<void> {
  const [juliet, romeo] = [await stage.online("juliet"), await stage.online("romeo")];
  await announces(juliet, stage.domain, "vcard-temp");
  await ask(juliet, "set", "<vCard xmlns='vcard-temp'><FN>Juliet Capulet</FN></vCard>");
  for (const [client, to] of [
    [juliet, undefined],
    [romeo, juliet.bare],
  ] as const) {
    const answer = await ask(client, "get", "<vCard xmlns='vcard-temp'/>", to);
    assert.equal(answer.getChild("vCard", "vcard-temp")?.getChildText("FN"), "Juliet Capulet");
  }
  const denied = await romeo.ask("set", "<vCard xmlns='vcard-temp'/>", juliet.bare);
  assert.equal(denied.attrs.type, "error", "another's vCard was changed");
}

async function carbons(stage: Stage): Promise<void> {
  const [desk, phone] = [
    await stage.online("juliet", { resource: "desk" }),
    await stage.online("juliet", { resource: "phone" }),
  ];
  const romeo = await stage.online("romeo");
  await announces(desk, stage.domain, CARBONS);
  for (const client of [desk, phone]) await ask(client, "set", `<enable xmlns='${CARBONS}'/>`);
  const copy = (direction: string, body: string): string =>
    `<message from='${desk.bare}'><${direction} xmlns='${CARBONS}'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'><body>${body}</body></message></forwarded></${direction}></message>`;
  romeo.send(chat(desk.full, "hark"));
  await phone.until(copy("received", "hark"));
  desk.send(chat(romeo.full, "who calls"));
  await phone.until(copy("sent", "who calls"));
  romeo.send(chat(desk.full, "between us", "<private xmlns='urn:xmpp:carbons:2'/>"));
  await desk.until("<message><body>between us</body></message>");
  assert.doesNotMatch((await phone.untilNow()).join(), /between us/);
}

async function blocking(stage: Stage): Promise<void> {
  const [juliet, romeo] = [await stage.online("juliet"), await stage.online("romeo")];
  await announces(juliet, stage.domain, BLOCKING);
  const list = (name: string): string => `<${name} xmlns='${BLOCKING}'><item jid='${romeo.bare}'/></${name}>`;
  await ask(juliet, "get", `<blocklist xmlns='${BLOCKING}'/>`); // who has asked is told of changes
  juliet.send(`<iq type='set' id='b'>${list("block")}</iq>`);
  await juliet.until(`<iq type='set'>${list("block")}</iq>`);
  assert.match(String(await ask(juliet, "get", `<blocklist xmlns='${BLOCKING}'/>`)), new RegExp(romeo.bare));
  romeo.send(chat(juliet.bare, "hark"));
  await romeo.until(`<message type='error' from='${juliet.bare}'/>`);
  juliet.send(chat(romeo.bare, "no"));
  await juliet.until(`<message type='error'><error><blocked xmlns='${BLOCKING}:errors'/></error></message>`);
  assert.doesNotMatch((await juliet.untilNow()).join(), /hark/);
  await ask(juliet, "set", list("unblock"));
  romeo.send(chat(juliet.bare, "again"));
  await juliet.until("<message><body>again</body></message>");
}

export const PRIVATE = { persist_items: "true", access_model: "whitelist" };

async function privateNode(stage: Stage): Promise<void> {
  const [juliet, romeo] = [await stage.online("juliet"), await stage.online("romeo")];
  await befriend(juliet, romeo);
  await announces(juliet, juliet.bare, "http://jabber.org/protocol/pubsub#publish-options");
  await ask(juliet, "set", publishing("urn:diary", "<item id='1'><day xmlns='urn:diary'/></item>", PRIVATE));
  const denied = await romeo.ask("get", items("urn:diary"), juliet.bare);
  assert.equal(denied.attrs.type, "error", "a contact reads it");
  const phone = await stage.online("juliet", { resource: "phone" });
  assert.deepEqual(idsIn(await ask(phone, "get", items("urn:diary"))), ["1"]);
  const open = { ...PRIVATE, access_model: "open" };
  const again = await juliet.ask("set", publishing("urn:diary", "<item id='2'><day xmlns='urn:diary'/></item>", open));
  assert.match(String(again.getChild("error")), /precondition-not-met/);
}

async function privateXml(stage: Stage): Promise<void> {
  const [juliet, romeo] = [await stage.online("juliet"), await stage.online("romeo")];
  const query = (inner: string): string =>
    `<query xmlns='jabber:iq:private'><prefs xmlns='urn:prefs'>${inner}</prefs></query>`;
  await ask(juliet, "set", query("<colour>red</colour>"));
  assert.match(String(await ask(juliet, "get", query(""))), /red/);
  const denied = await romeo.ask("get", query(""), juliet.bare);
  assert.equal(denied.attrs.type, "error", "another reads it");
}

async function archive(stage: Stage): Promise<void> {
  const [juliet, romeo] = [await stage.online("juliet"), await stage.online("romeo")];
  await announces(juliet, juliet.bare, "urn:xmpp:mam:2");
  for (const body of ["one", "two", "three"]) romeo.send(chat(juliet.bare, body));
  await juliet.until("<message><body>three</body></message>");
  juliet.send(chat(`nobody@${stage.domain}`, "elsewhere"));
  await juliet.sync();
  await juliet.sync();
  assert.deepEqual(await bodies(juliet, form({ with: romeo.bare })), ["one", "two", "three"]);
  assert.deepEqual(await bodies(romeo, form({ with: juliet.bare })), ["one", "two", "three"]);
  const first = await query(juliet, form({ with: romeo.bare }) + set("<max>2</max>"));
  assert.deepEqual([first.found.length, first.complete], [2, false]);
  const after = set(`<max>2</max><after>${first.last}</after>`);
  assert.deepEqual(await bodies(juliet, form({ with: romeo.bare }) + after), ["three"]);
  assert.deepEqual(await bodies(juliet, form({ with: romeo.bare }) + set("<max>1</max><before/>")), ["three"]);
  const denied = await romeo.ask("set", "<query xmlns='urn:xmpp:mam:2'/>", juliet.bare);
  assert.equal(denied.attrs.type, "error", "another reads it");
}

async function upload(stage: Stage): Promise<void> {
  const juliet = await stage.online("juliet");
  const service = await stage.service(juliet, "store", "file");
  const details = String(await info(juliet, service));
  const most = Number(/var="max-file-size"[^>]*><value>(\d+)/.exec(details)?.[1]);
  const request = (size: number): string =>
    `<request xmlns='${UPLOAD}' filename='balcony scene.txt' size='${size}' content-type='text/plain'/>`;
  await refused(juliet, "not-acceptable", "get", request(most + 1), service);
  const slot = (await ask(juliet, "get", request(11), service)).getChild("slot", UPLOAD);
  const urlOf = (name: string): string => String(slot?.getChild(name)?.attrs.url);
  const [put, get] = [urlOf("put"), urlOf("get")];
  assert(put.startsWith("https:") && get.startsWith("https:"), "an address that is not https");
  // Section 4: what the service wants to be told goes along.
  const wanted = slot?.getChild("put")?.getChildren("header") ?? [];
  const told = Object.fromEntries(wanted.map((header) => [header.attrs.name as string, header.getText()]));
  const headers = { ...told, "content-type": "text/plain", "content-length": "11" };
  assert.equal((await stage.https(put, { method: "PUT", headers }, "wherefore?!")).status, 201);
  const { status, body } = await stage.https(get);
  assert.deepEqual([status, body], [200, "wherefore?!"]);
}

export const IM: Category = {
  "Core features": {
    "RFC 6121": [
      {
        shows:
          "roster push, subscription both ways, presence, a message to who is there and to who is away, removal, no such user",
        scene: instantMessaging,
      },
    ],
  },
  "User Avatar Compatibility": {
    "XEP-0398": [{ shows: "an avatar becomes the vCard's picture, a vCard's picture the avatar", scene: conversion }],
    "XEP-0153": [{ shows: "presence carries the hash of the vCard's picture", scene: photoHash }],
  },
  "vcard-temp": {
    "XEP-0054": [{ shows: "set, read by the owner and by another, whom it refuses to change it", scene: vcard }],
  },
  "Outbound Message Synchronization": {
    "XEP-0280": [
      { shows: "the other device has copies of what came and was sent, not of what is private", scene: carbons },
    ],
  },
  "User Blocking": {
    "XEP-0191": [{ shows: "block with push, messages refused both ways, list, unblock", scene: blocking }],
  },
  ...GROUP_CHAT,
  "Persistent Storage of Private Data via PubSub": {
    "XEP-0223": [
      { shows: "made private by publish options, read by the owner's other device, by no contact", scene: privateNode },
    ],
  },
  "Private XML Storage": { "XEP-0049": [{ shows: "set and got, by nobody else", scene: privateXml }] },
  "Stream Management": { "XEP-0198": [STREAM_MANAGEMENT] },
  "History Storage / Retrieval": {
    "XEP-0313": [
      { shows: "both archives, filtered by contact, page by page, the last page, by nobody else", scene: archive },
    ],
  },
  "File Upload": {
    "XEP-0363": [
      { shows: "found, a file too large refused, one uploaded and fetched", scene: upload, needs: ["https"] },
    ],
  },
};
