// The errors of publish-subscribe: a stanza error with a condition of its own beside it (XEP-0060 1.30.0 section 12).

import { type ErrorType, type StanzaCondition, type StanzaError, stanzaError } from "../errors.ts";
import { NS } from "../namespaces.ts";

/** Source: XEP-0060 section 18.2. */
export type PubsubCondition =
  | "closed-node"
  | "invalid-jid"
  | "invalid-payload"
  | "item-forbidden"
  | "item-required"
  | "jid-required"
  | "nodeid-required"
  | "not-in-roster-group"
  | "not-subscribed"
  | "payload-required"
  | "payload-too-big"
  | "pending-subscription"
  | "precondition-not-met"
  | "presence-subscription-required"
  | "too-many-subscriptions"
  | "unsupported-access-model";

export type PubsubErrorOptions = { readonly text?: string; readonly type?: ErrorType };

export function pubsubError(
  condition: StanzaCondition,
  name: PubsubCondition,
  { text, type }: PubsubErrorOptions = {},
): StanzaError {
  return { ...stanzaError(condition, text, type), detail: { name, ns: NS.pubsubErrors } };
}

/**
 * No such node, or none that the asker may know of: one answer for both. By its legacy code profanity (0.13, and its source
 * of July 2026) tells that an account has no list of OMEMO devices yet; without it, it never publishes one.
 * Source: XEP-0060 section 6.5.9.11; XEP-0086.
 */
export function notFound(): StanzaError {
  return { ...stanzaError("item-not-found"), code: 404 };
}

/** @param feature without the namespace in front, for example "publisher-affiliation" */
export function unsupported(feature: string): StanzaError {
  const detail = { name: "unsupported", ns: NS.pubsubErrors, attrs: { feature } };
  return { ...stanzaError("feature-not-implemented"), detail };
}

export function isError(value: object): value is StanzaError {
  return "kind" in value && value.kind === "error";
}
