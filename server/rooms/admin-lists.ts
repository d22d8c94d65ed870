// The lists of a room: roles by nickname, affiliations by address (XEP-0045 1.35.1 sections 8.2 to 8.5, 9, 10.3 to 10.8 and
// 17.4), read and changed.

import { Element } from "ltx";
import type { RoomAffiliation } from "../../storage/store.ts";
import { type StanzaError, stanzaError } from "../errors.ts";
import { Jid } from "../jid.ts";
import { NS } from "../namespaces.ts";
import { attr, child, childrenOf, textOf } from "../stanza.ts";
import {
  type Affiliation,
  affiliationAllows,
  affiliationRefusal,
  atLeast,
  isAffiliation,
  isRole,
  type Role,
  roleRefusal,
} from "./affiliation.ts";
import type { Occupant } from "./occupant.ts";
import type { Room } from "./room.ts";
import { itemElement } from "./room-elements.ts";

/** Answers a request for a list. Errors: bad-request, forbidden. */
export function listOf(room: Room, from: Jid, query: Element): Element | StanzaError {
  const item = child(query, "item", NS.mucAdmin);
  const role = item && attr(item, "role");
  const affiliation = item && attr(item, "affiliation");
  const list = new Element("query", { xmlns: NS.mucAdmin });
  if (isAffiliation(affiliation) && affiliation !== "none" && role === undefined) {
    if (!maySeeList(room, from, affiliation)) return stanzaError("forbidden");
    for (const one of room.affiliations()) {
      if (one.affiliation !== affiliation) continue;
      const el = list.c("item", { affiliation, jid: one.jid });
      if (one.reason !== "") el.c("reason").t(one.reason);
    }
    return list;
  }
  if (isRole(role) && role !== "none" && affiliation === undefined) {
    if (!maySeeRoles(room, from)) return stanzaError("forbidden");
    for (const occupant of room.occupants()) {
      if (occupant.role !== role) continue;
      list.cnode(itemElement({ ...room.standing(occupant), jid: occupant.lead?.jid, nick: occupant.nick }));
    }
    return list;
  }
  return stanzaError("bad-request", "one item with a role or an affiliation");
}

// Section 9.5: in a non-anonymous room those who are in it, and members from outside, may know who belongs to it: clients
// need all of the addresses for end-to-end encryption. Bans are the admins' business.
function maySeeList(room: Room, from: Jid, wanted: Affiliation): boolean {
  const affiliation = room.affiliationOf(from);
  if (atLeast(affiliation, "admin")) return true;
  if (wanted === "outcast" || !room.config.nonAnonymous) return false;
  return affiliationAllows(affiliation, "retrieve member list") || room.occupantOf(from) !== undefined;
}

function maySeeRoles(room: Room, from: Jid): boolean {
  return room.occupantOf(from)?.role === "moderator" || atLeast(room.affiliationOf(from), "admin");
}

export type RoleChange = {
  readonly kind: "role";
  readonly occupant: Occupant;
  readonly role: Role;
  readonly reason: string;
};
export type AffiliationChange = { readonly kind: "affiliation"; readonly change: RoomAffiliation };
export type ListChange = RoleChange | AffiliationChange;

/** Items of one request: each is compared with everybody in the room. */
const ITEMS = 200;

export type ListLimits = { readonly affiliationsPerRoom: number; readonly reasonCharacters: number };

/**
 * Reads what is to be changed, all of it or nothing (section 9.2).
 * Errors: bad-request, forbidden, not-allowed, conflict, item-not-found, resource-constraint.
 */
export function readChanges(room: Room, from: Jid, query: Element, limits: ListLimits): ListChange[] | StanzaError {
  const items = childrenOf(query, "item", NS.mucAdmin);
  if (items.length === 0) return stanzaError("bad-request", "no item");
  if (items.length > ITEMS) return stanzaError("not-acceptable", `at most ${ITEMS} items at once`);
  const changes: ListChange[] = [];
  for (const item of items) {
    const read = readItem(room, from, item, limits);
    if (!Array.isArray(read)) return read;
    changes.push(...read);
  }
  return afterAll(room, changes, limits);
}

function readItem(room: Room, from: Jid, item: Element, limits: ListLimits): ListChange[] | StanzaError {
  const { role, affiliation, jid, nick } = item.attrs as Record<string, string | undefined>;
  const why = child(item, "reason", NS.mucAdmin);
  const reason = why === undefined ? "" : textOf(why).slice(0, limits.reasonCharacters);
  if ((role === undefined) === (affiliation === undefined))
    return stanzaError("bad-request", "a role or an affiliation");
  if (role !== undefined) return readRole(room, from, { role, nick, reason });
  if (!isAffiliation(affiliation)) return stanzaError("bad-request", "no such affiliation");
  const whom = addressOf(room, jid, nick);
  return whom instanceof Jid ? readAffiliation(room, from, { affiliation, whom, reason }) : whom;
}

function readRole(
  room: Room,
  from: Jid,
  { role, nick, reason }: { role: string; nick: string | undefined; reason: string },
): ListChange[] | StanzaError {
  if (!isRole(role) || nick === undefined) return stanzaError("bad-request", "a role and a nickname");
  const actor = room.occupantOf(from);
  const standing =
    actor === undefined ? { role: "none" as const, affiliation: room.affiliationOf(from) } : room.standing(actor);
  if (standing.role !== "moderator" && !atLeast(standing.affiliation, "admin")) return stanzaError("forbidden");
  const occupant = room.byNick(nick);
  if (occupant === undefined) return stanzaError("item-not-found", "nobody here has that nickname");
  const refused = roleRefusal(standing, room.standing(occupant), role);
  if (refused !== undefined) return stanzaError(refused);
  return [{ kind: "role", occupant, role, reason }];
}

function addressOf(room: Room, jid: string | undefined, nick: string | undefined): Jid | StanzaError {
  if (jid === undefined) {
    const occupant = nick === undefined ? undefined : room.byNick(nick);
    return occupant?.user ?? stanzaError(nick === undefined ? "bad-request" : "item-not-found");
  }
  const parsed = Jid.parse(jid);
  return parsed.ok ? parsed.value.bare() : stanzaError("jid-malformed", parsed.reason);
}

function readAffiliation(
  room: Room,
  from: Jid,
  { affiliation, whom, reason }: { affiliation: Affiliation; whom: Jid; reason: string },
): ListChange[] | StanzaError {
  const actor = room.affiliationOf(from);
  const before = room.affiliationOf(whom);
  const refused = affiliationRefusal(actor, before, affiliation);
  if (refused !== undefined) return stanzaError(refused);
  const self =
    whom.toString() === from.bareString || (whom.localpart === undefined && whom.domainpart === from.domainpart);
  if (self && affiliation === "outcast") return stanzaError("conflict", "nobody bans themselves"); // section 9.1
  if (whom.localpart === undefined && affiliation !== "outcast" && affiliation !== "none") {
    return stanzaError("bad-request", "a domain can be banned, and nothing else");
  }
  return [{ kind: "affiliation", change: { jid: whom.toString(), affiliation, reason } }];
}

function afterAll(room: Room, changes: ListChange[], limits: ListLimits): ListChange[] | StanzaError {
  const after = new Map([...room.affiliations()].map(({ jid, affiliation }) => [jid, affiliation]));
  for (const change of changes) {
    if (change.kind !== "affiliation") continue;
    const { jid, affiliation } = change.change;
    if (affiliation === "none") after.delete(jid);
    else after.set(jid, affiliation);
  }
  // Section 10.4: a room keeps an owner.
  if (![...after.values()].includes("owner")) return stanzaError("conflict", "a room needs an owner");
  if (after.size > limits.affiliationsPerRoom && after.size > room.affiliationCount) {
    return stanzaError(
      "resource-constraint",
      "the room has as many affiliations as it may (rooms.affiliationsPerRoom)",
    );
  }
  return changes;
}

/** Whether somebody may bring others into the room. Sections 7.8.2 and 9.5. */
export function mayInvite(room: Room, occupant: Occupant): boolean {
  const { affiliation } = room.standing(occupant);
  if (!room.config.membersOnly || atLeast(affiliation, "admin")) return true;
  return room.config.allowInvites && affiliation === "member";
}
