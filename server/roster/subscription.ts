// The subscription state machine: RFC 6121 appendix A, row by row, and pre-approval (section 3.4). Pure: it knows states
// and stanza types, never names, stanzas or stores. Local accounts and the gateway's foreign presentities both use it.

import type { SubscriptionState } from "../../storage/store.ts";
import type { SubscriptionType } from "../stanza.ts";

export type { SubscriptionState };

export type Direction = "outbound" | "inbound";

export type Subscription = { readonly state: SubscriptionState; readonly approved: boolean };

export type Transition = Subscription & {
  /** Outbound: route the stanza to the contact. */
  readonly route: boolean;
  /** Inbound: deliver the stanza to the owner. */
  readonly deliver: boolean;
  /** Inbound: answer on the owner's behalf. */
  readonly reply: "subscribed" | "unsubscribed" | undefined;
  /** What a roster push shows has changed: subscription, ask or approved. */
  readonly push: boolean;
  /** The owner's presence that the contact must get: all available resources, or unavailable from each of them. */
  readonly presence: "current" | "unavailable" | undefined;
};

type Row = readonly [next: SubscriptionState, pass: boolean];
type Table = Readonly<Record<SubscriptionState, Row>>;

// Tables 2 to 5: [new state, route?]. "S.N." and "M.N." are false.
const OUTBOUND: Readonly<Record<SubscriptionType, Table>> = {
  subscribe: {
    none: ["none+out", true],
    "none+out": ["none+out", true],
    "none+in": ["none+out+in", true],
    "none+out+in": ["none+out+in", true],
    to: ["to", true],
    "to+in": ["to+in", true],
    from: ["from+out", true],
    "from+out": ["from+out", true],
    both: ["both", true],
  },
  unsubscribe: {
    none: ["none", true],
    "none+out": ["none", true],
    "none+in": ["none+in", true],
    "none+out+in": ["none+in", true],
    to: ["none", true],
    "to+in": ["none+in", true],
    from: ["from", true],
    "from+out": ["from", true],
    both: ["from", true],
  },
  subscribed: {
    none: ["none", false],
    "none+out": ["none+out", false],
    "none+in": ["from", true],
    "none+out+in": ["from+out", true],
    to: ["to", false],
    "to+in": ["both", true],
    from: ["from", false],
    "from+out": ["from+out", false],
    both: ["both", false],
  },
  unsubscribed: {
    none: ["none", false],
    "none+out": ["none+out", false],
    "none+in": ["none", true],
    "none+out+in": ["none+out", true],
    to: ["to", false],
    "to+in": ["to", true],
    from: ["none", true],
    "from+out": ["none+out", true],
    both: ["to", true],
  },
};

// Tables 6 to 9: [new state, deliver?].
const INBOUND: Readonly<Record<SubscriptionType, Table>> = {
  subscribe: {
    none: ["none+in", true],
    "none+out": ["none+out+in", true],
    "none+in": ["none+in", false],
    "none+out+in": ["none+out+in", false],
    to: ["to+in", true],
    "to+in": ["to+in", false],
    from: ["from", false],
    "from+out": ["from+out", false],
    both: ["both", false],
  },
  unsubscribe: {
    none: ["none", false],
    "none+out": ["none+out", false],
    "none+in": ["none", true],
    "none+out+in": ["none+out", true],
    to: ["to", false],
    "to+in": ["to", true],
    from: ["none", true],
    "from+out": ["none+out", true],
    both: ["to", true],
  },
  subscribed: {
    none: ["none", false],
    "none+out": ["to", true],
    "none+in": ["none+in", false],
    "none+out+in": ["to+in", true],
    to: ["to", false],
    "to+in": ["to+in", false],
    from: ["from", false],
    "from+out": ["both", true],
    both: ["both", false],
  },
  unsubscribed: {
    none: ["none", false],
    "none+out": ["none", true],
    "none+in": ["none+in", false],
    "none+out+in": ["none+in", true],
    to: ["none", true],
    "to+in": ["none+in", true],
    from: ["from", false],
    "from+out": ["from", true],
    both: ["from", true],
  },
};

/**
 * What one subscription stanza does to the owner's state, and what the server must do about it.
 * Source: RFC 6121 appendix A.2 and A.3; section 3.4 for `approved`.
 */
export function transition(
  { state, approved }: Subscription,
  { direction, type }: { readonly direction: Direction; readonly type: SubscriptionType },
): Transition {
  const [next, pass] = (direction === "outbound" ? OUTBOUND : INBOUND)[type][state];
  const changed = describe(state, next);
  if (direction === "outbound") {
    const nextApproved =
      type === "subscribed" ? approved || !(pass || watches(state)) : approved && type !== "unsubscribed";
    return {
      state: next,
      approved: nextApproved,
      route: pass,
      deliver: false,
      reply: undefined,
      push: changed || nextApproved !== approved,
      presence: changed ? presenceAfter(state, next) : undefined,
    };
  }
  if (type === "subscribe" && watches(state)) {
    // Table 6, note 2; the presence follows the reply as in section 3.1.5.
    return same(state, approved, { reply: "subscribed", presence: "current" });
  }
  if (type === "subscribe" && approved) {
    // Section 3.4.2: never delivered, answered at once, as if the owner had approved the request.
    const granted = OUTBOUND.subscribed[next][0];
    return { ...same(granted, approved, { reply: "subscribed", presence: "current" }), push: true };
  }
  return {
    state: next,
    approved,
    route: false,
    deliver: pass,
    reply: type === "unsubscribe" && pass ? "unsubscribed" : undefined,
    push: changed,
    presence: changed ? presenceAfter(state, next) : undefined,
  };
}

function same(
  state: SubscriptionState,
  approved: boolean,
  effects: Pick<Transition, "reply" | "presence">,
): Transition {
  return { state, approved, route: false, deliver: false, push: false, ...effects };
}

/** Whether the contact is subscribed to the owner's presence. */
export function watches(state: SubscriptionState): boolean {
  return state === "from" || state === "from+out" || state === "both";
}

/** Whether the owner is subscribed to the contact's presence. */
export function isWatching(state: SubscriptionState): boolean {
  return state === "to" || state === "to+in" || state === "both";
}

/** Whether the owner has asked and the contact has not answered: `ask='subscribe'`. */
export function isPendingOut(state: SubscriptionState): boolean {
  return state === "none+out" || state === "none+out+in" || state === "from+out";
}

/** Whether the contact has asked and the owner has not answered. */
export function isPendingIn(state: SubscriptionState): boolean {
  return state === "none+in" || state === "none+out+in" || state === "to+in";
}

/** The value of a roster item's `subscription` attribute. Source: RFC 6121 section 2.1.2.5. */
export function subscriptionAttribute(state: SubscriptionState): "none" | "to" | "from" | "both" {
  if (state === "both") return "both";
  if (watches(state)) return "from";
  return isWatching(state) ? "to" : "none";
}

// Whether two states look different in the roster.
function describe(before: SubscriptionState, after: SubscriptionState): boolean {
  return subscriptionAttribute(before) !== subscriptionAttribute(after) || isPendingOut(before) !== isPendingOut(after);
}

function presenceAfter(before: SubscriptionState, after: SubscriptionState): "current" | "unavailable" | undefined {
  if (watches(before) === watches(after)) return undefined;
  return watches(after) ? "current" : "unavailable";
}
