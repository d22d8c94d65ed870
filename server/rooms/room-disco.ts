// What the room service and a room say of themselves (XEP-0045 1.35.1 section 6, XEP-0486 0.1.0 section 3.3).

import { Element } from "ltx";
import type { RoomStore } from "../../storage/store.ts";
import { setElement, setRequest } from "../archive/rsm.ts";
import { type StanzaError, stanzaError } from "../errors.ts";
import type { Jid } from "../jid.ts";
import { NS } from "../namespaces.ts";
import { attr } from "../stanza.ts";
import type { Room } from "./room.ts";

const SERVICE_FEATURES = [
  NS.discoInfo,
  NS.discoItems,
  NS.muc,
  NS.stableId,
  NS.occupantIds,
  NS.vcard,
  NS.ping,
  NS.resultSets,
];
const PAGE = 100;

export function serviceInfo(name: string): Element {
  const query = new Element("query", { xmlns: NS.discoInfo });
  query.c("identity", { category: "conference", type: "text", name });
  for (const feature of SERVICE_FEATURES) query.c("feature", { var: feature });
  return query;
}

/** The rooms that are listed, in pages (section 6.3). Errors: bad-request, feature-not-implemented. */
export async function serviceItems(store: RoomStore, request: Element): Promise<Element | StanzaError> {
  const set = setRequest(request);
  if ("kind" in set) return set;
  if (set.backward) return stanzaError("feature-not-implemented", "the list is read forward");
  const limit = Math.min(set.max ?? PAGE, PAGE);
  const page = { ...(set.after === undefined ? {} : { after: set.after }), limit };
  const rooms = await store.listed(page);
  const query = new Element("query", { xmlns: NS.discoItems });
  for (const { address, name } of rooms) {
    query.c("item", { jid: address, name: name === "" ? (address.split("@")[0] as string) : name });
  }
  const asked = set.max !== undefined || set.after !== undefined;
  if (asked || rooms.length === limit) {
    const [first, last] = [rooms[0]?.address, rooms.at(-1)?.address];
    query.cnode(setElement({ first, last, index: undefined, count: undefined }));
  }
  return query;
}

/** Sections 6.4 and 15.3. Errors: item-not-found, feature-not-implemented, service-unavailable for nodes. */
export function roomInfo(room: Room, asker: Jid, request: Element): Element | StanzaError {
  const node = attr(request, "node");
  if (node === "x-roomuser-item") return stanzaError("feature-not-implemented"); // section 7.12: no nickname is reserved
  if (node === NS.roomTraffic) return stanzaError("service-unavailable"); // section 18.1.1: nothing is discarded
  if (node !== undefined) return stanzaError("item-not-found");
  const query = new Element("query", { xmlns: NS.discoInfo });
  const { config } = room;
  const name = config.name === "" ? (room.address.localpart as string) : config.name;
  query.c("identity", { category: "conference", type: "text", name });
  for (const feature of roomFeatures(room)) query.c("feature", { var: feature });
  query.cnode(roomForm(room, asker));
  return query;
}

function roomFeatures({ config }: Room): string[] {
  const archive = [
    NS.archive,
    NS.archiveExtended,
    NS.stanzaIds,
    NS.moderation,
    NS.oldModeration,
    `${NS.retraction}#tombstone`,
  ];
  return [
    NS.discoInfo,
    NS.discoItems,
    NS.muc,
    NS.roomConfig,
    NS.roomInfo,
    NS.voiceRequest,
    NS.stableId,
    NS.selfPing,
    NS.occupantIds,
    NS.vcard,
    NS.ping,
    ...(config.archiving ? archive : []),
    config.password === "" ? "muc_unsecured" : "muc_passwordprotected",
    config.public ? "muc_public" : "muc_hidden",
    config.persistent ? "muc_persistent" : "muc_temporary",
    config.membersOnly ? "muc_membersonly" : "muc_open",
    config.moderated ? "muc_moderated" : "muc_unmoderated",
    config.nonAnonymous ? "muc_nonanonymous" : "muc_semianonymous",
  ];
}

function roomForm(room: Room, asker: Jid): Element {
  const { config } = room;
  const form = new Element("x", { xmlns: NS.dataForms, type: "result" });
  const field = (name: string, type: string, ...values: readonly string[]): void => {
    const el = form.c("field", { var: name, type });
    for (const value of values) el.c("value").t(value);
  };
  field("FORM_TYPE", "hidden", NS.roomInfo);
  field("muc#roomconfig_roomname", "text-single", config.name);
  if (config.description !== "") field("muc#roominfo_description", "text-single", config.description);
  if (config.language !== "") field("muc#roominfo_lang", "text-single", config.language);
  field("muc#maxhistoryfetch", "text-single", String(config.historyMessages));
  field("muc#roomconfig_changesubject", "boolean", config.changeSubject ? "1" : "0");
  field("muc#roominfo_subjectmod", "boolean", config.changeSubject ? "1" : "0");
  field("muc#roomconfig_allowinvites", "boolean", config.allowInvites ? "1" : "0");
  // Section 13.4: what is said in a room is for those who may come in.
  if (room.mayEnter(asker) && (config.password === "" || room.occupantOf(asker) !== undefined)) {
    field("muc#roominfo_occupants", "text-single", String([...room.occupants()].length));
    field("muc#roominfo_subject", "text-single", room.subjectText);
  }
  if (room.avatar.length > 0) field("muc#roominfo_avatarhash", "text-multi", ...room.avatar);
  return form;
}
