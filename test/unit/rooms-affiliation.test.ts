// XEP-0045 1.35.1 section 5: the tables, row by row as the XEP has them.

import { describe, expect, it } from "vitest";
import {
  AFFILIATION_CHANGES,
  AFFILIATION_PRIVILEGES,
  AFFILIATIONS,
  type Affiliation,
  affiliationRefusal,
  INITIAL_ROLES,
  initialRole,
  ROLE_CHANGES,
  ROLE_PRIVILEGES,
  ROLES,
  type Role,
  roleAllows,
  roleRefusal,
} from "../../server/rooms/affiliation.ts";

/** "No", "Yes", and "Yes*" or "No*" where the configuration of the room may say otherwise. */
function cell(allowed: boolean | "configured"): string {
  return allowed === "configured" ? "?" : allowed ? "Yes" : "No";
}

describe("5.1.1 privileges of roles: none, visitor, participant, moderator", () => {
  // Where the XEP lets the configuration modify a default ("*"), this table has "?" if a room can be configured so, else
  // the default.
  it.each<[keyof typeof ROLE_PRIVILEGES, string]>([
    ["present in room", "No Yes Yes Yes"],
    ["receive messages", "No Yes Yes Yes"],
    ["receive occupant presence", "No Yes Yes Yes"],
    ["broadcast presence", "No ? Yes Yes"],
    ["change availability", "No Yes Yes Yes"],
    ["change nickname", "No Yes Yes Yes"],
    ["send private messages", "No ? ? ?"],
    ["invite other users", "No ? ? Yes"],
    ["send messages to all", "No No Yes Yes"],
    ["modify subject", "No No ? Yes"],
    ["kick participants and visitors", "No No No Yes"],
    ["grant voice", "No No No Yes"],
    ["revoke voice", "No No No Yes"],
  ])("%s: %s", (privilege, row) => {
    expect(ROLES.map((role) => cell(ROLE_PRIVILEGES[privilege][role])).join(" ")).toBe(row);
  });

  it("what is left to the configuration is as that says", () => {
    expect(roleAllows("participant", "modify subject", false)).toBe(false);
    expect(roleAllows("participant", "modify subject", true)).toBe(true);
    expect(roleAllows("moderator", "modify subject", false)).toBe(true);
  });
});

describe("5.1.2 initial roles: none, member, admin, owner", () => {
  it.each<[keyof typeof INITIAL_ROLES, string]>([
    ["moderated", "visitor participant moderator moderator"],
    ["unmoderated", "participant participant moderator moderator"],
    ["members-only", "N/A participant moderator moderator"],
    ["open", "participant participant moderator moderator"],
  ])("%s: %s", (type, row) => {
    const roles = (["none", "member", "admin", "owner"] as const).map((one) => INITIAL_ROLES[type][one] ?? "N/A");
    expect(roles.join(" ")).toBe(row);
  });

  it.each<[boolean, boolean, string]>([
    [false, false, "N/A participant participant moderator moderator"],
    [true, false, "N/A visitor participant moderator moderator"],
    [false, true, "N/A N/A participant moderator moderator"],
    [true, true, "N/A N/A participant moderator moderator"],
  ])("moderated %s, members-only %s: %s", (moderated, membersOnly, row) => {
    const roles = AFFILIATIONS.map((affiliation) => initialRole(affiliation, { moderated, membersOnly }) ?? "N/A");
    expect(roles.join(" ")).toBe(row);
  });
});

describe("5.1.3 changes of roles, by others", () => {
  it.each<[Role, string]>([
    ["none", "- - - -"],
    ["visitor", "moderator - moderator admin"],
    ["participant", "moderator moderator - admin"],
    ["moderator", "admin admin admin -"],
  ])("from %s to none, visitor, participant, moderator: %s", (from, row) => {
    expect(ROLES.map((to) => ROLE_CHANGES[from][to] ?? "-").join(" ")).toBe(row);
  });

  it.each<[string, { role: Role; affiliation: Affiliation }, { role: Role; affiliation: Affiliation }, Role, string]>([
    ["8.2: a moderator kicks a participant", mod("none"), one("participant", "none"), "none", "yes"],
    ["8.2: a participant kicks nobody", one("participant", "member"), one("visitor", "none"), "none", "forbidden"],
    ["8.2: a member who moderates kicks no admin", mod("member"), mod("admin"), "none", "not-allowed"],
    ["8.2: an admin kicks no owner", mod("admin"), mod("owner"), "none", "not-allowed"],
    ["8.2: an admin kicks an admin", mod("admin"), mod("admin"), "none", "yes"],
    ["8.2: a moderator kicks no moderator", mod("none"), mod("none"), "none", "not-allowed"],
    ["8.2: an owner kicks an admin", mod("owner"), mod("admin"), "none", "yes"],
    ["8.2: a moderator kicks no member above", mod("none"), one("participant", "member"), "none", "not-allowed"],
    ["8.3: a moderator grants voice", mod("none"), one("visitor", "none"), "participant", "yes"],
    ["8.3: a visitor grants none", one("visitor", "none"), one("visitor", "none"), "participant", "forbidden"],
    ["8.4: a moderator revokes voice", mod("member"), one("participant", "none"), "visitor", "yes"],
    ["8.4: not from somebody of the same level", mod("member"), one("participant", "member"), "visitor", "not-allowed"],
    ["8.4: not from a higher one", mod("none"), one("participant", "member"), "visitor", "not-allowed"],
    ["8.4: never from an admin", mod("owner"), one("participant", "admin"), "visitor", "not-allowed"],
    ["8.4: never from an owner", mod("owner"), mod("owner"), "visitor", "not-allowed"],
    ["9.6: an admin grants moderator status", mod("admin"), one("participant", "none"), "moderator", "yes"],
    ["9.6: an admin who is outside does so, too", one("none", "admin"), one("visitor", "none"), "moderator", "yes"],
    ["9.6: a moderator does not", mod("member"), one("participant", "none"), "moderator", "forbidden"],
    ["9.7: an admin revokes it", mod("admin"), mod("member"), "participant", "yes"],
    ["9.7: a moderator does not", mod("member"), mod("none"), "participant", "not-allowed"],
    ["9.7: not from an admin", mod("owner"), mod("admin"), "participant", "not-allowed"],
    ["9.7: not from an owner", mod("owner"), mod("owner"), "participant", "not-allowed"],
    ["no change asks for nothing", mod("none"), one("participant", "owner"), "participant", "yes"],
  ])("%s", (_, actor, target, to, answer) => {
    expect(roleRefusal(actor, target, to) ?? "yes").toBe(answer);
  });
});

describe("5.2.1 privileges of affiliations: outcast, none, member, admin, owner", () => {
  it.each<[keyof typeof AFFILIATION_PRIVILEGES, string]>([
    ["enter open room", "No Yes Yes Yes Yes"],
    ["register with open room", "No Yes No No No"],
    ["retrieve member list", "No No Yes Yes Yes"],
    ["enter members-only room", "No No Yes Yes Yes"],
    ["ban members and unaffiliated users", "No No No Yes Yes"],
    ["edit member list", "No No No Yes Yes"],
    ["assign and remove moderator role", "No No No Yes Yes"],
    ["edit admin list", "No No No No Yes"],
    ["edit owner list", "No No No No Yes"],
    ["change room configuration", "No No No No Yes"],
    ["destroy room", "No No No No Yes"],
  ])("%s: %s", (privilege, row) => {
    expect(AFFILIATIONS.map((one) => cell(AFFILIATION_PRIVILEGES[privilege][one])).join(" ")).toBe(row);
  });
});

describe("5.2.2 changes of affiliations", () => {
  it.each<[Affiliation, string]>([
    ["outcast", "- admin admin owner owner"],
    ["none", "admin - admin owner owner"],
    ["member", "admin admin - owner owner"],
    ["admin", "owner owner owner - owner"],
    ["owner", "owner owner owner owner -"],
  ])("from %s to outcast, none, member, admin, owner: %s", (from, row) => {
    expect(AFFILIATIONS.map((to) => AFFILIATION_CHANGES[from][to] ?? "-").join(" ")).toBe(row);
  });

  // Every case of the chart: who may, by the word of its cell.
  it.each(
    AFFILIATIONS.flatMap((actor) =>
      AFFILIATIONS.flatMap((from) => AFFILIATIONS.map((to) => [actor, from, to] as const)),
    ),
  )("%s changes %s to %s", (actor, from, to) => {
    const needs = AFFILIATION_CHANGES[from][to];
    const may = actor === "owner" || (actor === "admin" && needs !== "owner");
    const answer = affiliationRefusal(actor, from, to);
    if (may) expect(answer).toBeUndefined();
    else if (actor !== "admin") expect(answer).toBe("forbidden");
    // 9.1: banning somebody of a higher affiliation is not-allowed; 10.6: the admin list is the owners'.
    else expect(answer).toBe(from === "admin" || from === "owner" ? "not-allowed" : "forbidden");
  });
});

function one(role: Role, affiliation: Affiliation): { role: Role; affiliation: Affiliation } {
  return { role, affiliation };
}

function mod(affiliation: Affiliation): { role: Role; affiliation: Affiliation } {
  return { role: "moderator", affiliation };
}
