// What is known of somebody who asks for a node: from the owner's roster and the node itself.

import type { PubsubNode, RosterItem } from "../../storage/store.ts";
import type { Jid } from "../jid.ts";
import type { Rosters } from "../roster/rosters.ts";
import { watches } from "../roster/subscription.ts";
import type { Asker } from "./access.ts";

/** @param item of the owner's roster, for the asker */
export function askerOf(node: PubsubNode, asker: Jid, item: RosterItem | undefined): Asker {
  const bare = asker.bareString;
  const isOwner = bare === node.owner;
  const seesPresence = item !== undefined && watches(item.state);
  return {
    isOwner,
    isKnown: isOwner || seesPresence || item?.inRoster === true,
    seesPresence,
    groups: item?.inRoster === true ? item.groups : [],
    affiliation: isOwner ? "owner" : (node.affiliations.find(({ jid }) => jid === bare)?.affiliation ?? "none"),
    subscription: subscriptionOf(node, asker),
  };
}

/** As askerOf, with the roster looked up. */
export async function findAsker(rosters: Rosters, node: PubsubNode, asker: Jid): Promise<Asker> {
  const own = asker.bareString === node.owner;
  return askerOf(node, asker, own ? undefined : await rosters.item(node.owner, asker.bareString));
}

// Whoever asks for items may be any resource of the subscriber.
function subscriptionOf({ subscriptions }: PubsubNode, asker: Jid): Asker["subscription"] {
  const bare = asker.bareString;
  const states = subscriptions
    .filter(({ jid }) => jid === bare || jid.startsWith(`${bare}/`))
    .map(({ state }) => state);
  return states.includes("subscribed") ? "subscribed" : (states[0] ?? "none");
}
