// RFC 6121 section 8.5: which resources of a local account a message reaches, as a pure function of what is known.

import type { MessageType } from "../stanza.ts";

/** What delivery needs to know of a bound resource. */
export type Recipient = { readonly available: boolean; readonly priority: number };

export type Delivery<R extends Recipient> =
  | { readonly kind: "deliver"; readonly to: readonly R[] }
  | { readonly kind: "store" } // offline, or refuse with service-unavailable where that cannot be
  | { readonly kind: "refuse" } // service-unavailable
  | { readonly kind: "ignore" };

/**
 * A message to a bare JID, or to a full JID that no resource has (`matched` false, `full` true).
 * @param resources the account's bound resources, in any order
 * @returns a chat or normal message goes to all resources of non-negative priority: section 8.5.2.1.1 leaves the choice,
 *   and today's clients rely on every device having it
 * Source: RFC 6121 sections 8.5.2.1.1, 8.5.2.2.1, 8.5.3.2.1 and table 1.
 */
export function deliverMessage<R extends Recipient>(
  type: MessageType,
  resources: Iterable<R>,
  options: { readonly full: boolean },
): Delivery<R> {
  if (type === "error") return { kind: "ignore" };
  if (type === "groupchat") return { kind: "refuse" };
  if (options.full && type !== "chat") return { kind: "refuse" };
  const to: R[] = [];
  for (const resource of resources) if (resource.available && resource.priority >= 0) to.push(resource);
  if (to.length > 0) return { kind: "deliver", to };
  return type === "headline" ? { kind: "ignore" } : { kind: "store" };
}
