// The elements that rooms make (XEP-0045 1.35.1, XEP-0421 1.0.1): presence with <x/>, status codes, notices.

import { Element } from "ltx";
import { withoutForgedIds } from "../archive/stanza-id.ts";
import type { Jid } from "../jid.ts";
import { NS } from "../namespaces.ts";
import { attr, message as messageStanza, namespaceOf, presence as presenceStanza } from "../stanza.ts";
import { withChildren } from "../xml/serialize.ts";
import type { Affiliation, Role } from "./affiliation.ts";

export type Item = {
  readonly affiliation: Affiliation;
  readonly role: Role;
  readonly jid?: Jid | undefined;
  /** A new nickname (status 303). */
  readonly nick?: string | undefined;
  /** The nickname of who did it. */
  readonly actor?: string | undefined;
  readonly reason?: string | undefined;
};

export type RoomPresence = {
  readonly from: string;
  readonly type?: "unavailable" | undefined;
  readonly id?: string | undefined;
  /** What the client said, whose own content is passed on. */
  readonly said?: Element | undefined;
  readonly item: Item;
  readonly statuses: readonly number[];
  readonly destroy?: Element | undefined;
  readonly occupantId: string;
};

export function roomPresence(parts: RoomPresence): Element {
  const { from, type, id, said, item, statuses, destroy, occupantId } = parts;
  const el = presenceStanza({ from });
  if (type !== undefined) el.attrs.type = type;
  if (id !== undefined) el.attrs.id = id;
  const lang = said === undefined ? undefined : attr(said, "xml:lang");
  if (lang !== undefined) el.attrs["xml:lang"] = lang;
  el.children = said === undefined ? [] : withoutClaims(said, from.split("/")[0] as string);
  const x = el.c("x", { xmlns: NS.mucUser });
  x.cnode(itemElement(item));
  for (const code of [...statuses].sort((a, b) => a - b)) x.c("status", { code: String(code) });
  if (destroy !== undefined) x.cnode(destroy);
  el.c("occupant-id", { xmlns: NS.occupantIds, id: occupantId });
  return el;
}

export function itemElement({ affiliation, role, jid, nick, actor, reason }: Item): Element {
  const el = new Element("item", { affiliation, role });
  if (jid !== undefined) el.attrs.jid = jid.toString();
  if (nick !== undefined) el.attrs.nick = nick;
  if (actor !== undefined) el.c("actor", { nick: actor });
  if (reason !== undefined && reason !== "") el.c("reason").t(reason);
  return el;
}

/** What only a room itself may say (section 17.3, rule 6; XEP-0359 section 3; XEP-0421 section 4) is not passed on. */
function withoutClaims(stanza: Element, room: string): (Element | string)[] {
  return (withoutForgedIds(stanza, room).children as (Element | string)[]).filter((node) => {
    if (typeof node === "string") return true;
    const ns = namespaceOf(node);
    if (ns === NS.muc || ns === NS.mucUser || ns === NS.occupantIds) return false;
    // A delay in the room's name would make a live message look like history.
    return !(ns === NS.delay && attr(node, "from")?.split("/")[0] === room);
  });
}

/** A message of the room's own with status codes (section 10.2.1). */
export function statusMessage(room: string, id: string, statuses: readonly number[]): Element {
  const el = messageStanza({ from: room, type: "groupchat", id });
  const x = el.c("x", { xmlns: NS.mucUser });
  for (const code of statuses) x.c("status", { code: String(code) });
  return el;
}

/** Tells who sees real addresses that somebody's affiliation has changed who is not in the room (section 10.3). */
export function affiliationMessage(room: string, id: string, item: Item): Element {
  const el = messageStanza({ from: room, id });
  el.c("x", { xmlns: NS.mucUser }).cnode(itemElement(item));
  return el;
}

/** The same message as a room would say it: from an occupant, without what only the room may say. */
export function reflected(
  message: Element,
  { room, from, id, type, occupantId }: { room: string; from: string; id: string; type: string; occupantId: string },
): Element {
  const children = withoutClaims(message, room);
  children.push(new Element("occupant-id", { xmlns: NS.occupantIds, id: occupantId }));
  const el = withChildren(message, children);
  delete el.attrs.to;
  Object.assign(el.attrs, { from, id, type });
  return el;
}
