// Roster items as clients see them, and roster pushes (RFC 6121 sections 2.1.2, 2.1.6).

import { Element } from "ltx";
import type { RosterItem } from "../../storage/store.ts";
import { NS } from "../namespaces.ts";
import { randomId } from "../random.ts";
import type { Session } from "../session/session.ts";
import type { Sessions } from "../session/sessions.ts";
import { isPendingOut, subscriptionAttribute } from "./subscription.ts";

/** RFC 6121 section 2.1.2. */
export function rosterItemElement(item: RosterItem): Element {
  const el = new Element("item", { jid: item.contact, subscription: subscriptionAttribute(item.state) });
  if (item.name !== "") el.attrs.name = item.name;
  if (isPendingOut(item.state)) el.attrs.ask = "subscribe";
  if (item.approved) el.attrs.approved = "true";
  for (const group of item.groups) el.c("group").t(group);
  return el;
}

/** RFC 6121 section 2.1.2.5: an item that was removed. */
export function removedItemElement(contact: string): Element {
  return new Element("item", { jid: contact, subscription: "remove" });
}

/** The iq set of a push to one resource. Source: RFC 6121 section 2.1.6. */
export function rosterPush(to: string, item: Element, version: number): Element {
  const iq = new Element("iq", { type: "set", id: `push-${randomId(6)}`, to });
  const query = new Element("query", { xmlns: NS.roster, ver: String(version) });
  query.cnode(item);
  iq.cnode(query);
  return iq;
}

/** Tells one resource; an item that is not in the roster is told as removed. */
export function pushTo(session: Session, contact: string, item: RosterItem | undefined, version: number): void {
  const el = item?.inRoster ? rosterItemElement(item) : removedItemElement(contact);
  session.send(rosterPush(session.jid.toString(), el, version));
}

/** Tells every interested resource of the owner. Call it in the turn of the commit: pushes keep the order of the changes. */
export function pushItem(
  sessions: Sessions,
  owner: string,
  contact: string,
  item: RosterItem | undefined,
  version: number,
): void {
  for (const session of sessions.of(owner)) if (session.interested) pushTo(session, contact, item, version);
}
