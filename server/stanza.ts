// Typed readers and builders over ltx Elements (RFC 6120 section 8, RFC 6121).

import { Element } from "ltx";
import { type StanzaCondition, type StanzaError, stanzaErrorElement } from "./errors.ts";
import { NS } from "./namespaces.ts";
import { withAttrs } from "./xml/serialize.ts";

export { Element };

/** The first child element of that name and namespace; the content namespace by default. */
export function child(parent: Element, name: string, ns: string = NS.client): Element | undefined {
  for (const node of parent.children) {
    if (typeof node !== "string" && (node as Element).name === name && namespaceOf(node as Element) === ns)
      return node as Element;
  }
  return undefined;
}

/** All child elements of that name and namespace. */
export function childrenOf(parent: Element, name: string, ns: string = NS.client): Element[] {
  return elements(parent).filter((el) => el.name === name && namespaceOf(el) === ns);
}

/** The child elements, without the text between them. */
export function elements(parent: Element): Element[] {
  return parent.children.filter((node) => typeof node !== "string") as Element[];
}

/** The namespace of an element; one that carries none stands in the content namespace. */
export function namespaceOf(element: Element): string {
  let el: Element | null = element;
  while (el !== null) {
    const own = el.attrs.xmlns as string | undefined;
    if (own !== undefined) return own;
    el = el.parent;
  }
  return NS.client;
}

/** The element's own character data, concatenated. */
export function textOf(element: Element): string {
  let text = "";
  for (const node of element.children) if (typeof node === "string") text += node;
  return text;
}

export function attr(element: Element, name: string): string | undefined {
  return element.attrs[name] as string | undefined;
}

export type PresenceType =
  | "available"
  | "unavailable"
  | "subscribe"
  | "subscribed"
  | "unsubscribe"
  | "unsubscribed"
  | "probe"
  | "error";

export type SubscriptionType = "subscribe" | "subscribed" | "unsubscribe" | "unsubscribed";

const SUBSCRIPTION_TYPES: readonly string[] = ["subscribe", "subscribed", "unsubscribe", "unsubscribed"];

/** The type of a presence stanza, "available" where the attribute is absent; undefined if it is none of RFC 6121's. */
export function presenceType(stanza: Element): PresenceType | undefined {
  const type = attr(stanza, "type");
  if (type === undefined) return "available";
  if (type === "unavailable" || type === "probe" || type === "error" || SUBSCRIPTION_TYPES.includes(type)) {
    return type as PresenceType;
  }
  return undefined;
}

export function isSubscriptionType(type: PresenceType): type is SubscriptionType {
  return SUBSCRIPTION_TYPES.includes(type);
}

export type MessageType = "normal" | "chat" | "groupchat" | "headline" | "error";

/** RFC 6121 section 5.2.2: no type, or one that is not known, is "normal". */
export function messageType(stanza: Element): MessageType {
  const type = attr(stanza, "type");
  return type === "chat" || type === "groupchat" || type === "headline" || type === "error" ? type : "normal";
}

/** The priority of a presence stanza: -128 to 127, 0 where it is absent or no such integer (RFC 6121 section 4.7.2.3). */
export function presencePriority(stanza: Element): number {
  const priority = child(stanza, "priority");
  if (priority === undefined) return 0;
  const text = textOf(priority).trim();
  if (!/^[+-]?\d{1,3}$/.test(text)) return 0;
  const value = Number(text);
  return value >= -128 && value <= 127 ? value : 0;
}

// ---- builders

export function presence(attrs: Record<string, string>): Element {
  return new Element("presence", attrs);
}

export function message(attrs: Record<string, string>): Element {
  return new Element("message", attrs);
}

/** What a handler answers to a get or set: a result with at most one payload, or a StanzaError. */
export type IqResult = {
  readonly kind: "result";
  readonly payload: Element | undefined;
  /** What must reach the asker behind the reply. */
  readonly afterwards?: () => void;
};
export type IqReply = IqResult | StanzaError;

export function result(payload?: Element, afterwards?: () => void): IqResult {
  return afterwards === undefined ? { kind: "result", payload } : { kind: "result", payload, afterwards };
}

/** The iq that answers `request`, its addresses swapped. Source: RFC 6120 section 8.2.3. */
export function iqReply(request: Element, reply: IqReply): Element {
  if (reply.kind === "error") return errorReply(request, reply);
  const iq = new Element("iq", { type: "result" });
  swapAddresses(request, iq);
  if (reply.payload !== undefined) {
    reply.payload.parent = iq;
    iq.children.push(reply.payload);
  }
  return iq;
}

/**
 * The error stanza that answers `stanza`. The original payload is not sent back: it is the sender's own, and may be big.
 * Source: RFC 6120 section 8.3.1.
 */
export function errorReply(stanza: Element, error: StanzaError): Element {
  const reply = new Element(stanza.name, { type: "error" });
  swapAddresses(stanza, reply);
  reply.cnode(stanzaErrorElement(error));
  return reply;
}

/** What a request of stream management gets that cannot be met. Source: XEP-0198 1.6.3 section 6. */
export function managementFailed(condition: StanzaCondition, attrs: Record<string, string> = {}): Element {
  const failed = new Element("failed", { xmlns: NS.sm, ...attrs });
  failed.c(condition, { xmlns: NS.stanzas });
  return failed;
}

function swapAddresses(from: Element, to: Element): void {
  const { id, from: sender, to: recipient } = from.attrs as Record<string, string | undefined>;
  if (recipient !== undefined) to.attrs.from = recipient;
  if (sender !== undefined) to.attrs.to = sender;
  if (id !== undefined) to.attrs.id = id;
}

/** Whether an error may be sent in answer to it: never to an error or a result (RFC 6120 section 8.3.1). */
export function mayAnswerWithError(stanza: Element): boolean {
  const type = attr(stanza, "type");
  return type !== "error" && !(stanza.name === "iq" && type === "result");
}

export { withAttrs };
