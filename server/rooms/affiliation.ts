// XEP-0045 1.35.1 section 5: roles and affiliations, what they allow, and who may change them. The tables are the XEP's.

import type { StanzaCondition } from "../errors.ts";

export const ROLES = ["none", "visitor", "participant", "moderator"] as const;
export type Role = (typeof ROLES)[number];

/** Lowest first. */
export const AFFILIATIONS = ["outcast", "none", "member", "admin", "owner"] as const;
export type Affiliation = (typeof AFFILIATIONS)[number];

/** What somebody is in a room, and to it. */
export type Standing = { readonly role: Role; readonly affiliation: Affiliation };

export function isRole(text: string | undefined): text is Role {
  return (ROLES as readonly (string | undefined)[]).includes(text);
}

export function isAffiliation(text: string | undefined): text is Affiliation {
  return (AFFILIATIONS as readonly (string | undefined)[]).includes(text);
}

/** Whether the first one is the higher. */
export function outranks(a: Affiliation, b: Affiliation): boolean {
  return AFFILIATIONS.indexOf(a) > AFFILIATIONS.indexOf(b);
}

export function atLeast(affiliation: Affiliation, least: Affiliation): boolean {
  return !outranks(least, affiliation);
}

/** Section 5.1.1. "configured": as the room's configuration says, the default being beside it in RoomConfig. */
export const ROLE_PRIVILEGES = {
  "present in room": { none: false, visitor: true, participant: true, moderator: true },
  "receive messages": { none: false, visitor: true, participant: true, moderator: true },
  "receive occupant presence": { none: false, visitor: true, participant: true, moderator: true },
  "broadcast presence": { none: false, visitor: "configured", participant: true, moderator: true },
  "change availability": { none: false, visitor: true, participant: true, moderator: true },
  "change nickname": { none: false, visitor: true, participant: true, moderator: true },
  "send private messages": { none: false, visitor: "configured", participant: "configured", moderator: "configured" },
  "invite other users": { none: false, visitor: "configured", participant: "configured", moderator: true },
  "send messages to all": { none: false, visitor: false, participant: true, moderator: true },
  "modify subject": { none: false, visitor: false, participant: "configured", moderator: true },
  "kick participants and visitors": { none: false, visitor: false, participant: false, moderator: true },
  "grant voice": { none: false, visitor: false, participant: false, moderator: true },
  "revoke voice": { none: false, visitor: false, participant: false, moderator: true },
} as const satisfies Record<string, Record<Role, boolean | "configured">>;

export type RolePrivilege = keyof typeof ROLE_PRIVILEGES;

/** @param configured what the room's configuration says where the table leaves it to that */
export function roleAllows(role: Role, privilege: RolePrivilege, configured = true): boolean {
  const allowed: boolean | "configured" = ROLE_PRIVILEGES[privilege][role];
  return allowed === "configured" ? configured : allowed;
}

/** Section 5.1.2. Undefined: entry is not permitted. An outcast is not let in at all. */
export const INITIAL_ROLES = {
  moderated: { none: "visitor", member: "participant", admin: "moderator", owner: "moderator" },
  unmoderated: { none: "participant", member: "participant", admin: "moderator", owner: "moderator" },
  "members-only": { none: undefined, member: "participant", admin: "moderator", owner: "moderator" },
  open: { none: "participant", member: "participant", admin: "moderator", owner: "moderator" },
} as const satisfies Record<string, Record<Exclude<Affiliation, "outcast">, Role | undefined>>;

/** Undefined: entry is not permitted. */
export function initialRole(
  affiliation: Affiliation,
  room: { readonly moderated: boolean; readonly membersOnly: boolean },
): Role | undefined {
  if (affiliation === "outcast") return undefined;
  if (room.membersOnly && INITIAL_ROLES["members-only"][affiliation] === undefined) return undefined;
  return INITIAL_ROLES[room.moderated ? "moderated" : "unmoderated"][affiliation];
}

/** Section 5.1.3: who can bring a change of role about, but for the occupant, who enters and leaves. */
export const ROLE_CHANGES = {
  none: { none: undefined, visitor: undefined, participant: undefined, moderator: undefined },
  visitor: { none: "moderator", visitor: undefined, participant: "moderator", moderator: "admin" },
  participant: { none: "moderator", visitor: "moderator", participant: undefined, moderator: "admin" },
  moderator: { none: "admin", visitor: "admin", participant: "admin", moderator: undefined },
} as const satisfies Record<Role, Record<Role, "moderator" | "admin" | undefined>>;

/**
 * Whether `actor` may give `target`, another occupant, a role. Undefined: yes, or it has that role already.
 * Source: sections 5.1.3, 8.2 to 8.5, 9.6 and 9.7.
 */
export function roleRefusal(actor: Standing, target: Standing, to: Role): StanzaCondition | undefined {
  const admin = atLeast(actor.affiliation, "admin");
  if (actor.role !== "moderator" && !admin) return "forbidden";
  const needs: "moderator" | "admin" | undefined = ROLE_CHANGES[target.role][to];
  if (needs === undefined) return undefined;
  if (needs === "admin" && !admin) return target.role === "moderator" ? "not-allowed" : "forbidden";
  if (to === "moderator") return undefined;
  // Sections 8.2 and 5.1.3, footnote: nobody of a higher affiliation.
  if (outranks(target.affiliation, actor.affiliation)) return "not-allowed";
  if (to === "none") return undefined;
  // Sections 8.4 and 9.7: neither voice nor moderator status is taken from an admin or owner, by anybody.
  const lowered = ROLES.indexOf(to) < ROLES.indexOf(target.role);
  if (lowered && atLeast(target.affiliation, "admin")) return "not-allowed";
  // Section 8.4 says "at or above the moderator's level". Departs from it for those without an affiliation, or a moderator
  // who has none could quieten nobody.
  const equal = target.affiliation === actor.affiliation && target.affiliation !== "none";
  return to === "visitor" && equal ? "not-allowed" : undefined;
}

/** Section 5.2.1. "N/A" of the table is false. */
export const AFFILIATION_PRIVILEGES = {
  "enter open room": { outcast: false, none: true, member: true, admin: true, owner: true },
  "register with open room": { outcast: false, none: true, member: false, admin: false, owner: false },
  "retrieve member list": { outcast: false, none: false, member: true, admin: true, owner: true },
  "enter members-only room": { outcast: false, none: false, member: true, admin: true, owner: true },
  "ban members and unaffiliated users": { outcast: false, none: false, member: false, admin: true, owner: true },
  "edit member list": { outcast: false, none: false, member: false, admin: true, owner: true },
  "assign and remove moderator role": { outcast: false, none: false, member: false, admin: true, owner: true },
  "edit admin list": { outcast: false, none: false, member: false, admin: false, owner: true },
  "edit owner list": { outcast: false, none: false, member: false, admin: false, owner: true },
  "change room configuration": { outcast: false, none: false, member: false, admin: false, owner: true },
  "destroy room": { outcast: false, none: false, member: false, admin: false, owner: true },
} as const satisfies Record<string, Record<Affiliation, boolean>>;

export type AffiliationPrivilege = keyof typeof AFFILIATION_PRIVILEGES;

export function affiliationAllows(affiliation: Affiliation, privilege: AffiliationPrivilege): boolean {
  return AFFILIATION_PRIVILEGES[privilege][affiliation];
}

/** Section 5.2.2: who can bring a change of affiliation about; "admin": admin or owner. */
export const AFFILIATION_CHANGES = {
  outcast: { outcast: undefined, none: "admin", member: "admin", admin: "owner", owner: "owner" },
  none: { outcast: "admin", none: undefined, member: "admin", admin: "owner", owner: "owner" },
  member: { outcast: "admin", none: "admin", member: undefined, admin: "owner", owner: "owner" },
  admin: { outcast: "owner", none: "owner", member: "owner", admin: undefined, owner: "owner" },
  owner: { outcast: "owner", none: "owner", member: "owner", admin: "owner", owner: undefined },
} as const satisfies Record<Affiliation, Record<Affiliation, "admin" | "owner" | undefined>>;

/** Undefined: the actor may. Source: sections 5.2.2, 9.1, 10.3 and 10.6. */
export function affiliationRefusal(
  actor: Affiliation,
  from: Affiliation,
  to: Affiliation,
): StanzaCondition | undefined {
  if (!atLeast(actor, "admin")) return "forbidden";
  if (AFFILIATION_CHANGES[from][to] !== "owner" || actor === "owner") return undefined;
  // Section 9.1: whoever ranks at least as high cannot be banned or removed; sections 10.3 and 10.6: a list of the owners'.
  return atLeast(from, "admin") ? "not-allowed" : "forbidden";
}
