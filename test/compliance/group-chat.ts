// XEP-0479 section 2.3: group chat of the IM suite.

import assert from "node:assert/strict";
import { idsIn, items, publishing } from "../support/pep.ts";
import { admin, bodyOf, configure, join, make, OWNER, say, statuses, USER } from "../support/rooms.ts";
import { bodies } from "./archives.ts";
import { wants } from "./interests.ts";
import { announces, ask, chat, info, refused, type Stage } from "./stage.ts";
import type { Category } from "./suite.ts";

const BOOKMARKS = "urn:xmpp:bookmarks:1";
const LIST = "storage:bookmarks";
const MAM = "urn:xmpp:mam:2";
const PING = "<ping xmlns='urn:xmpp:ping'/>";

/** Juliet made a room, and Romeo is in it. */
export async function inRoom(stage: Stage, fields: Record<string, string> = {}) {
  const [juliet, romeo] = [await stage.online("juliet"), await stage.online("romeo")];
  const room = await stage.room(juliet);
  await make(juliet, "jule", fields, room);
  const arrival = await join(romeo, "rom", { room });
  await juliet.until(`<presence from='${room}/rom'/>`);
  return { juliet, romeo, room, arrival };
}

async function rooms(stage: Stage): Promise<void> {
  const { juliet, romeo, room, arrival } = await inRoom(stage, { roomname: "Coven" });
  assert.deepEqual(
    arrival.others.map(({ attrs }) => attrs.from),
    [`${room}/jule`],
  );
  assert.match(String(await info(romeo, room)), /name="Coven"/);
  say(juliet, "hark", room);
  for (const client of [juliet, romeo]) await client.until(`<message from='${room}/jule'><body>hark</body></message>`);
  romeo.send(chat(`${room}/jule`, "aside"));
  await juliet.until(`<message from='${room}/rom' type='chat'><body>aside</body></message>`);
  juliet.send(`<message to='${room}' type='groupchat'><subject>Verona</subject></message>`);
  await romeo.until(`<message from='${room}/jule'><subject>Verona</subject></message>`);
  romeo.send(`<presence to='${room}/montague'/>`);
  assert(statuses(await juliet.until(`<presence from='${room}/rom' type='unavailable'/>`)).includes(303));
  await juliet.until(`<presence from='${room}/montague'/>`);
  await admin(juliet, "<item nick='montague' role='none'/>", room);
  assert(statuses(await romeo.until(`<presence from='${room}/montague' type='unavailable'/>`)).includes(307));
  await romeo.sync();
  const { history } = await join(romeo, "rom", { room });
  assert(history.map(bodyOf).includes("hark"), "no history");
  await admin(juliet, `<item jid='${romeo.bare}' affiliation='outcast'/>`, room);
  assert(statuses(await romeo.until(`<presence from='${room}/rom' type='unavailable'/>`)).includes(301));
  romeo.send(`<presence to='${room}/rom'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
  await romeo.until(`<presence type='error' from='${room}/rom'/>`);
  juliet.send(`<iq type='set' id='end' to='${room}'><query xmlns='${OWNER}'><destroy/></query></iq>`);
  await juliet.until(`<presence from='${room}/jule' type='unavailable'><x xmlns='${USER}'><destroy/></x></presence>`);
}

async function invitation(stage: Stage): Promise<void> {
  const [juliet, romeo] = [await stage.online("juliet"), await stage.online("romeo")];
  const room = await stage.room(juliet);
  await make(juliet, "jule", { membersonly: "1" }, room);
  await admin(juliet, `<item jid='${romeo.bare}' affiliation='member'/>`, room);
  juliet.send(`<message to='${romeo.bare}'><x xmlns='jabber:x:conference' jid='${room}' reason='come'/></message>`);
  const came = await romeo.until(
    `<message from='${juliet.full}'><x xmlns='jabber:x:conference' reason='come'/></message>`,
  );
  await join(romeo, "rom", { room: came.getChild("x", "jabber:x:conference")?.attrs.jid as string });
}

const conference = (ns: string, jid = ""): string =>
  `<conference xmlns='${ns}' name='Coven' autojoin='true'${jid}><nick>jule</nick></conference>`;

// Version 1.2 keeps the list in a node, and in private XML for old clients.
async function bookmarkList(stage: Stage): Promise<void> {
  const juliet = await stage.online("juliet");
  const room = await stage.room(juliet);
  const list = `<storage xmlns='${LIST}'>${conference(LIST, ` jid='${room}'`)}</storage>`;
  const options = { persist_items: "true", access_model: "whitelist" };
  await ask(juliet, "set", publishing(LIST, `<item id='current'>${list}</item>`, options));
  const phone = await stage.online("juliet", { resource: "phone" });
  assert.match(String(await ask(phone, "get", items(LIST))), new RegExp(room));
  const old = await ask(phone, "get", `<query xmlns='jabber:iq:private'><storage xmlns='${LIST}'/></query>`);
  assert.match(old.toString(), new RegExp(room));
}

async function nativeBookmarks(stage: Stage): Promise<void> {
  const juliet = await stage.online("juliet");
  const phone = await stage.client("juliet", { resource: "phone" });
  const room = await stage.room(juliet);
  await announces(juliet, juliet.bare, `${BOOKMARKS}#compat`);
  await wants(phone, BOOKMARKS);
  const options = {
    persist_items: "true",
    max_items: "max",
    send_last_published_item: "never",
    access_model: "whitelist",
  };
  await ask(juliet, "set", publishing(BOOKMARKS, `<item id='${room}'>${conference(BOOKMARKS)}</item>`, options));
  assert.deepEqual(idsIn(await phone.until("<message type='headline'/>")), [room]);
  const old = await ask(juliet, "get", `<query xmlns='jabber:iq:private'><storage xmlns='${LIST}'/></query>`);
  assert.match(old.toString(), new RegExp(room));
  const moved = `moved-${room}`;
  const list = `<storage xmlns='${LIST}'>${conference(LIST, ` jid='${moved}'`)}</storage>`;
  await ask(juliet, "set", `<query xmlns='jabber:iq:private'>${list}</query>`);
  assert.deepEqual(idsIn(await ask(phone, "get", items(BOOKMARKS))), [moved]);
}

async function archive(stage: Stage): Promise<void> {
  const { juliet, romeo, room } = await inRoom(stage);
  await announces(juliet, room, MAM);
  for (const body of ["hark", "what light"]) say(juliet, body, room);
  await romeo.until("<message><body>what light</body></message>");
  assert.deepEqual(await bodies(romeo, "", room), ["hark", "what light"]);
}

async function selfPing(stage: Stage): Promise<void> {
  const { juliet, romeo, room } = await inRoom(stage);
  await announces(juliet, room, "http://jabber.org/protocol/muc#self-ping-optimization");
  await ask(juliet, "get", PING, `${room}/jule`);
  romeo.send(`<presence to='${room}/rom' type='unavailable'/>`);
  await romeo.sync();
  await refused(romeo, "not-acceptable", "get", PING, `${room}/rom`);
  await configure(juliet, {}, room);
}

export const GROUP_CHAT: Category = {
  "Group Chat": {
    "XEP-0045": [
      {
        shows:
          "found, made, configured; join, messages, private message, subject, nickname, kick, history, ban, end of the room",
        scene: rooms,
      },
    ],
    "XEP-0249": [{ shows: "an invitation into a members-only room arrives, and is good", scene: invitation }],
  },
  "Advanced Group Chat": {
    "XEP-0048": [{ shows: "a list in a node is there for another device, and in private XML", scene: bookmarkList }],
    "XEP-0313": [{ shows: "an occupant reads the room's archive", scene: archive }],
    "XEP-0402": [
      { shows: "another device is told; private XML shows the same, and changes it", scene: nativeBookmarks },
    ],
    "XEP-0410": [{ shows: "the room answers: in it, not in it", scene: selfPing }],
  },
};
