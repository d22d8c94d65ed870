// Steps of the subscription machine with a presentity as the owner: authorisation (RFC 6121 appendix A) and CPP
// subscriptions (RFC 3859) side by side, changed together with the events that follow from them.

import type { Jid } from "../server/jid.ts";
import { type Direction, type Transition, transition } from "../server/roster/subscription.ts";
import type { SubscriptionType } from "../server/stanza.ts";
import type { Relation } from "../storage/store.ts";
import { type GatewayCore, record } from "./host.ts";
import type { OutboundOperation } from "./operations.ts";

/** What one change decides; `operations` go to the foreign side, in order. */
export type RelationChange<T> = {
  readonly next: Relation;
  readonly operations?: readonly OutboundOperation[];
  readonly outcome: T;
};

export function emptyRelation(presentity: Jid, user: Jid): Relation {
  return {
    presentity: presentity.bareString,
    user: user.bareString,
    state: "none",
    approved: false,
    watch: null,
    subscription: null,
  };
}

/** One stanza's step in the machine, as a changed relation and what the table says must follow. */
export function step(
  relation: Relation,
  direction: Direction,
  type: SubscriptionType,
): { readonly relation: Relation; readonly effects: Transition } {
  const effects = transition(relation, { direction, type });
  return {
    relation: { ...relation, state: effects.state, approved: effects.approved },
    effects,
  };
}

/** Changes the relation between a presentity and a user in one transaction, and announces its events afterwards. */
export async function change<T>(
  core: GatewayCore,
  presentity: Jid,
  user: Jid,
  decide: (relation: Relation) => RelationChange<T>,
): Promise<T> {
  let outcome: T | undefined;
  const { events } = await core.store.updateRelation(presentity.bareString, user.bareString, (before) => {
    const decided = decide(before ?? emptyRelation(presentity, user));
    outcome = decided.outcome;
    const { next } = decided;
    const idle = next.state === "none" && next.watch === null && next.subscription === null && !next.approved;
    return { next: idle ? undefined : next, events: record(core, decided.operations ?? []) };
  });
  core.events.announce(events);
  return outcome as T;
}
