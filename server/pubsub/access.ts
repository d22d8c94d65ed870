// Who may retrieve the items of a node and subscribe to it (XEP-0060 1.30.0 sections 4.1, 4.5, 6.1.3 and 6.5): one decision,
// made of what is known of the asker.

import type { AccessModel } from "./node-config.ts";

export type Asker = {
  readonly isOwner: boolean;
  /** In the owner's roster, or allowed to see the owner's presence: knows that the account is there. */
  readonly isKnown: boolean;
  readonly seesPresence: boolean;
  /** In the owner's roster. */
  readonly groups: readonly string[];
  readonly affiliation: "owner" | "member" | "outcast" | "none";
  readonly subscription: "subscribed" | "pending" | "none";
};

/** `hidden`: to the asker the node, and the account, are not there. */
export type Denial =
  | "hidden"
  | "outcast"
  | "presence-subscription-required"
  | "not-in-roster-group"
  | "closed-node"
  | "not-subscribed"
  | "pending-subscription";

export type Access = "allowed" | Denial;

export type AccessRule = { readonly accessModel: AccessModel; readonly rosterGroupsAllowed: readonly string[] };

/** Sections 4.5 and 6.5.1. A member may whatever the model is (section 4.1). */
export function mayRetrieve(rule: AccessRule, asker: Asker): Access {
  if (asker.isOwner || asker.affiliation === "member") return "allowed";
  if (asker.affiliation === "outcast") return "outcast";
  switch (rule.accessModel) {
    case "open":
      return "allowed";
    case "presence":
      return asker.seesPresence ? "allowed" : unlessHidden(asker, "presence-subscription-required");
    case "roster":
      return asker.seesPresence && isInGroup(rule, asker) ? "allowed" : unlessHidden(asker, "not-in-roster-group");
    case "whitelist":
      return unlessHidden(asker, "closed-node");
    case "authorize":
      return asker.subscription === "subscribed" ? "allowed" : "not-subscribed";
  }
}

/** Sections 4.5 and 6.1; `approval`: the owner has to be asked (section 6.1.4). */
export function maySubscribe(rule: AccessRule, asker: Asker): Access | "approval" {
  const access = mayRetrieve(rule, asker);
  if (access !== "not-subscribed") return access;
  return asker.subscription === "pending" ? "pending-subscription" : "approval";
}

/** Sections 9.1.1 and 9.1.2: no explicit subscription is needed. */
export function isNotified(rule: AccessRule, asker: Asker): boolean {
  return (asker.isOwner || asker.seesPresence) && mayRetrieve(rule, asker) === "allowed";
}

// Departs from sections 6.1.3.2 to 6.1.3.4 for strangers: those errors say that there is such a node, and such an account
// (RFC 6120 section 13.11). Whoever opens a node to everybody, or to everybody who asks, says so.
function unlessHidden({ isKnown }: Asker, denial: Denial): Denial {
  return isKnown ? denial : "hidden";
}

function isInGroup({ rosterGroupsAllowed }: AccessRule, { groups }: Asker): boolean {
  return groups.some((group) => rosterGroupsAllowed.includes(group));
}
