// What a CPP subscribe operation does to the relation between a presentity and a user (RFC 3859 section 3.4.1; RFC 3922
// section 6.2), without clock, store or stanza. Row by row: the second table of test/gateway/rfc3922-6-states.test.ts.

import type { EpochMs } from "../server/clock.ts";
import type { StanzaCondition } from "../server/errors.ts";
import { Jid } from "../server/jid.ts";
import { isWatching } from "../server/roster/subscription.ts";
import type { CppSubscription, Relation } from "../storage/store.ts";
import type { UserDocument } from "./live-presence.ts";
import type { OutboundOperation } from "./operations.ts";
import { type RelationChange, step } from "./relations.ts";
import { freshId } from "./trans-id.ts";

/** A subscribe operation with a duration other than zero, and what the user's roster says of the presentity. */
export type Asked = {
  readonly transId: string;
  /** Seconds; null: no end. */
  readonly granted: number | null;
  /** A duration was named, so that it may be a refresh of a subscription that is active. */
  readonly explicit: boolean;
  /** The user approved it, now or once. */
  readonly authorised: boolean;
  /** The user has the request and is yet to decide. */
  readonly waiting: boolean;
};

/** Of the moment: the time, how long a request may wait (seconds), and the user's presence. */
export type Circumstances = {
  readonly now: EpochMs;
  readonly pendingSeconds: number;
  readonly document: () => UserDocument;
};

/**
 * "ask": the user must be asked; "active": response success and a notify; "conflict": one exists or is in progress.
 * A request that is pending, but neither waits for the user nor was decided, was lost in a crash, and counts as none; so
 * does a subscription that the user's roster does not know.
 */
export function decideSubscribe(
  relation: Relation,
  asked: Asked,
  circumstances: Circumstances,
): RelationChange<"ask" | "active" | "conflict"> {
  const live = relation.subscription;
  const exists = live?.state === "pending" ? asked.waiting : live !== null && asked.authorised && !asked.explicit;
  if (exists) return { next: relation, outcome: "conflict" };
  if (!asked.authorised) return request(relation, asked, circumstances);
  return accept(relation, asked, circumstances);
}

function request(
  relation: Relation,
  { transId, granted }: Asked,
  { now, pendingSeconds }: Circumstances,
): RelationChange<"ask"> {
  const { relation: next } = step(relation, "outbound", "subscribe");
  const waits = Math.min(granted ?? Number.POSITIVE_INFINITY, pendingSeconds); // JC-50
  const subscription: CppSubscription = {
    state: "pending",
    subscriptId: freshId(),
    transId,
    since: now,
    until: now + waits * 1000,
    durationSeconds: granted,
    lastDigest: "",
    lastOpen: false,
  };
  return { next: { ...next, subscription }, outcome: "ask" };
}

function accept(
  relation: Relation,
  { transId, granted }: Asked,
  { now, document }: Circumstances,
): RelationChange<"active"> {
  const live = relation.subscription;
  const { text, mark } = document();
  const subscription: CppSubscription = {
    state: "active",
    subscriptId: live?.subscriptId ?? freshId(),
    transId,
    since: live?.since ?? now,
    until: granted === null ? null : now + granted * 1000,
    durationSeconds: granted,
    ...mark,
  };
  // An authorised watcher is accepted at once (RFC 6121 appendix A.3.1), without a stanza to the user.
  const known = isWatching(relation.state)
    ? relation
    : step(step(relation, "outbound", "subscribe").relation, "inbound", "subscribed").relation;
  const earlier = live?.state === "pending" ? [response(relation, live.transId, "success")] : [];
  return {
    next: { ...known, subscription },
    operations: [...earlier, notify(relation, transId, text, subscription)],
    outcome: "active",
  };
}

type Pair = Pick<Relation, "presentity" | "user">;

/** The notify operation: the user's presence for the presentity. Source: RFC 3859 section 3.4.2. */
export function notify(
  { presentity, user }: Pair,
  transId: string,
  object: string,
  { subscriptId }: CppSubscription,
): OutboundOperation {
  const [target, watcher] = [Jid.fromTrusted(user), Jid.fromTrusted(presentity)];
  return { kind: "notify", transId, target, watcher, object, subscription: subscriptId };
}

/** The response to a request of the presentity. Source: RFC 3859 section 3.4.1. */
export function response(
  { presentity }: Pair,
  transId: string,
  status: "success" | "failure",
  condition?: StanzaCondition,
): OutboundOperation {
  const operation = { kind: "response", presentity: Jid.fromTrusted(presentity), transId, status } as const;
  return condition === undefined ? operation : { ...operation, condition };
}
