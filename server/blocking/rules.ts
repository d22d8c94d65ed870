// The rules of blocking (XEP-0191 version 1.3): which addresses a block list matches, and what becomes of a stanza between a
// user and an address that the user blocks.

import type { Element } from "ltx";
import { type StanzaError, stanzaError } from "../errors.ts";
import type { Jid } from "../jid.ts";
import { NS } from "../namespaces.ts";
import type { Verdict } from "../router/hooks.ts";
import { isSubscriptionType, messageType, presenceType } from "../stanza.ts";

/** The addresses that one user blocks, as strings of JIDs. Never changed: a changed list is a new one. */
export type BlockList = ReadonlySet<string>;

export const EMPTY_LIST: BlockList = new Set();

/**
 * Whether an address is among those that a list names: itself, all resources of a bare JID, or all of a domain.
 * Source: section 6; `<domain/resource>` means that address alone, and so needs no rule of its own.
 */
export function matches(list: BlockList, address: Jid): boolean {
  if (list.size === 0) return false;
  return list.has(address.toString()) || list.has(address.bareString) || list.has(address.domainpart);
}

/**
 * Whether a user blocks an address. Never the user's own resources (section 5, note), nor the user's own server: that is
 * what answers for the account, also the request to unblock it.
 */
export function blocks(list: BlockList, user: Jid, other: Jid): boolean {
  if (!matches(list, other) || other.bareString === user.bareString) return false;
  return other.localpart !== undefined || other.domainpart !== user.domainpart;
}

/** What a user is told who sends something to an address that the user blocks. Source: section 3.3. */
export function blockedError(): StanzaError {
  return { ...stanzaError("not-acceptable", undefined, "cancel"), detail: { name: "blocked", ns: NS.blockingErrors } };
}

/**
 * What becomes of a stanza between a user and an address that the user blocks.
 * @param direction seen from the user. Who may not be answered with an error is not, whatever is returned here
 * Source: section 3.3.
 */
export function verdictOf(stanza: Element, direction: "outbound" | "inbound"): Verdict {
  if (direction === "outbound") return blockedError();
  if (stanza.name === "presence") {
    const type = presenceType(stanza);
    // Left to the recipient's side of the machine: the sender's own side goes on as if nothing were blocked.
    return type !== undefined && isSubscriptionType(type) ? "pass" : "drop";
  }
  // To a room an error says that the user has left it, and the room is not what is blocked.
  if (stanza.name === "message" && messageType(stanza) === "groupchat") return "drop";
  return stanzaError("service-unavailable");
}
