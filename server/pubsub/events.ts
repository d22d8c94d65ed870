// Event notifications (XEP-0060 1.30.0 sections 7.1.2, 7.2.2, 8.2.5, 8.4.2, 8.5.2; XEP-0163 1.2.2 section 4.3): what they
// look like. One is serialized once, with only `to` put in for each recipient.

import { Element, parse } from "ltx";
import type { PubsubItem } from "../../storage/store.ts";
import type { EpochMs } from "../clock.ts";
import { NS } from "../namespaces.ts";
import { randomId } from "../random.ts";
import { serialize, withAttrs } from "../xml/serialize.ts";
import type { NodeConfig } from "./node-config.ts";

/** What is told to subscribers of one node. */
export type PubsubEvent =
  | { readonly kind: "items"; readonly item: PubsubItem | undefined }
  | { readonly kind: "retract"; readonly id: string }
  | { readonly kind: "purge" }
  | { readonly kind: "delete" }
  | { readonly kind: "configuration"; readonly form: Element | undefined };

/** An item as it is retrieved, or with an event: in the namespace of what it stands in. */
export function itemElement(item: PubsubItem, { itemReply }: NodeConfig, payload: boolean): Element {
  const element = new Element("item", { id: item.id });
  if (itemReply === "publisher") element.attrs.publisher = item.publisher;
  if (payload && item.xml !== "") element.cnode(parse(item.xml) as Element);
  return element;
}

/**
 * The message that tells of an event, without `to`.
 * @param owner bare JID: the service is the account itself
 * @param delayed when an item was published that is sent later (XEP-0203)
 */
export function eventMessage(
  owner: string,
  node: string,
  event: PubsubEvent,
  config: NodeConfig,
  delayed?: EpochMs,
): Element {
  const id = randomId(9);
  const attrs = config.notificationType === "headline" ? { type: "headline" } : {};
  const message = new Element("message", { ...attrs, from: owner, id });
  const content = message.c("event", { xmlns: NS.pubsubEvent });
  switch (event.kind) {
    case "items": {
      const items = content.c("items", { node });
      if (event.item !== undefined) items.cnode(itemElement(event.item, config, config.deliverPayloads));
      break;
    }
    case "retract":
      content.c("items", { node }).c("retract", { id: event.id });
      break;
    case "configuration": {
      const configuration = content.c("configuration", { node });
      if (event.form !== undefined && config.deliverPayloads) configuration.cnode(event.form);
      break;
    }
    default:
      content.c(event.kind, { node });
  }
  if (delayed !== undefined)
    message.c("delay", { xmlns: NS.delay, from: owner, stamp: new Date(delayed).toISOString() });
  // XEP-0334 section 4.2, for servers elsewhere: a message of type normal would be stored for who is away.
  if (config.notificationType === "normal") message.c("no-store", { xmlns: NS.hints });
  return message;
}

/** What becomes of a subscription (XEP-0060 section 13.14). */
export function subscriptionMessage(owner: string, node: string, jid: string, subscription: string): Element {
  const message = new Element("message", {
    type: "headline",
    from: owner,
    to: jid,
    id: randomId(9),
  });
  message.c("event", { xmlns: NS.pubsubEvent }).c("subscription", { node, jid, subscription });
  return message;
}

/** A message for many recipients. */
export class SharedMessage {
  readonly element: Element;
  #tail: string | undefined;

  /** @param element without `to` */
  constructor(element: Element) {
    this.element = element;
  }

  /** The text for one recipient. */
  textFor(to: string): string {
    this.#tail ??= serialize(this.element).slice("<message".length);
    return `${serialize(new Element("message", { to })).slice(0, -"/>".length)}${this.#tail}`;
  }

  elementFor(to: string): Element {
    return withAttrs(this.element, { to });
  }
}
