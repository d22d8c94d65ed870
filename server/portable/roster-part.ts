// Rosters and subscription requests of XEP-0227 1.1 sections 4.4 and 4.10, to the states of RFC 6121 appendix A and back.

import { Element, parse } from "ltx";
import type { RosterItem, SubscriptionState } from "../../storage/store.ts";
import type { Config } from "../config.ts";
import { Jid } from "../jid.ts";
import { NS } from "../namespaces.ts";
import { rosterItemElement } from "../roster/push.ts";
import { isPendingIn, watches } from "../roster/subscription.ts";
import { attr, childrenOf, textOf } from "../stanza.ts";
import { serialize, withAttrs } from "../xml/serialize.ts";
import type { Tally } from "./tally.ts";

type Limits = Pick<
  Config["limits"],
  "rosterItems" | "pendingRequests" | "nameCharacters" | "groupsPerItem" | "stanzaBytes"
>;

/**
 * The roster with the requests that wait.
 * @param items `<item/>` in jabber:iq:roster
 * @param requests presence of type subscribe
 * @param owner bare JID
 */
export function readRoster(
  { items, requests }: { readonly items: readonly Element[]; readonly requests: readonly Element[] },
  owner: Jid,
  limits: Limits,
  tally: Tally,
): RosterItem[] {
  const roster = new Map<string, RosterItem>();
  for (const element of items) {
    const contact = contactOf(attr(element, "jid"), owner, "contacts", tally);
    if (contact === undefined) continue;
    if (roster.has(contact)) tally.add("contacts that are in a roster twice");
    else if (attr(element, "subscription") === "remove") tally.add("contacts with subscription='remove'");
    else if (roster.size >= limits.rosterItems) tally.add("contacts beyond limits.rosterItems");
    else roster.set(contact, readItem(element, contact, limits, tally));
  }
  let waiting = 0;
  for (const element of requests) {
    const contact = contactOf(attr(element, "from"), owner, "subscription requests", tally);
    if (contact === undefined) continue;
    const known = roster.get(contact);
    const state = withRequest(known?.state ?? "none");
    if (state === undefined) tally.add("subscription requests of contacts who are subscribed, or asked before");
    else if (known === undefined && waiting >= limits.pendingRequests) {
      tally.add("subscription requests beyond limits.pendingRequests");
    } else {
      if (known === undefined) waiting += 1;
      const xml = serialize(withAttrs(element, { from: contact, to: owner.bareString }));
      const isTooLarge = Buffer.byteLength(xml) > limits.stanzaBytes;
      if (isTooLarge) tally.add("contents of subscription requests larger than limits.stanzaBytes");
      roster.set(contact, { ...(known ?? stranger(contact)), state, pendingSubscribe: isTooLarge ? "" : xml });
    }
  }
  return [...roster.values()];
}

/** As a client would be shown it, and the requests. The inverse of `readRoster`. */
export function writeRoster(
  roster: readonly RosterItem[],
  owner: string,
): { readonly query: Element; readonly requests: readonly string[] } {
  const query = new Element("query", { xmlns: NS.roster });
  const shown = roster.filter(({ inRoster }) => inRoster);
  for (const item of shown) query.cnode(rosterItemElement(item));
  const waiting = roster.filter(({ state }) => isPendingIn(state));
  const requests = waiting.map(({ contact, pendingSubscribe }) =>
    serialize(
      withAttrs(
        pendingSubscribe === ""
          ? new Element("presence", { type: "subscribe", from: contact, to: owner })
          : (parse(pendingSubscribe) as Element),
        { xmlns: NS.client },
      ),
    ),
  );
  return { query, requests };
}

function contactOf(text: string | undefined, owner: Jid, what: string, tally: Tally): string | undefined {
  const parsed = Jid.parse(text ?? "");
  if (!parsed.ok) {
    tally.add(`${what} without a valid address`);
    return undefined;
  }
  const { bareString } = parsed.value;
  if (bareString !== owner.bareString) return bareString;
  tally.add(`${what} that are the account itself`);
  return undefined;
}

function readItem(element: Element, contact: string, limits: Limits, tally: Tally): RosterItem {
  const shorten = (text: string): string => {
    if (text.length <= limits.nameCharacters) return text;
    tally.add("ends of names beyond limits.nameCharacters");
    return text.slice(0, limits.nameCharacters);
  };
  const named = [...new Set(childrenOf(element, "group", NS.roster).map((group) => shorten(textOf(group))))];
  const groups = named.filter((group) => group !== "").slice(0, limits.groupsPerItem);
  const beyond = named.filter((group) => group !== "").length - groups.length;
  if (beyond > 0) tally.add("groups beyond limits.groupsPerItem", beyond);
  const approved = attr(element, "approved");
  return {
    contact,
    inRoster: true,
    name: shorten(attr(element, "name") ?? ""),
    groups,
    state: stateOf(attr(element, "subscription"), attr(element, "ask") === "subscribe"),
    approved: approved === "true" || approved === "1",
    pendingSubscribe: "",
  };
}

// RFC 6121 sections 2.1.2.2 and 2.1.2.5. What is asked of a contact whose presence comes already asks for nothing.
function stateOf(subscription: string | undefined, ask: boolean): SubscriptionState {
  if (subscription === "both" || subscription === "to") return subscription;
  if (subscription === "from") return ask ? "from+out" : "from";
  return ask ? "none+out" : "none";
}

/** The state when the contact has asked, too; undefined: there is nothing to ask for, or it has asked already. */
function withRequest(state: SubscriptionState): SubscriptionState | undefined {
  if (watches(state) || isPendingIn(state)) return undefined;
  return state === "none+out" ? "none+out+in" : state === "to" ? "to+in" : "none+in";
}

function stranger(contact: string): RosterItem {
  return { contact, inRoster: false, name: "", groups: [], state: "none", approved: false, pendingSubscribe: "" };
}
