// XEP-0357 0.4.1 section 7: which messages are worth a notification, and what it says.

import { Element, parse } from "ltx";
import type { PushService } from "../../storage/store.ts";
import type { Config } from "../config.ts";
import { ENCRYPTED } from "../encrypted.ts";
import { NS } from "../namespaces.ts";
import { importance } from "../session/client-state.ts";
import { attr, child, elements, messageType, namespaceOf, textOf } from "../stanza.ts";

/** What one notification stands for. */
export type Notice = {
  readonly messages: number;
  /** Of the last of them. */
  readonly sender: string;
  /** Empty: it has none, or it is encrypted. */
  readonly body: string;
};

const MAX_BODY_CHARACTERS = 1_000;

/** Content without which a message is not worth waking a phone, besides a body: calls, invitations, what is encrypted. */
const SHOWN: ReadonlyMap<string, readonly string[]> = new Map([
  ...ENCRYPTED,
  [NS.jingleMessage, ["propose", "retract"]],
  [NS.conference, ["x"]],
  [NS.fileSharing, ["file-sharing"]],
]);

/**
 * Whether the user should know of a message before the client comes back by itself. It is at least important by XEP-0352;
 * of such messages receipts, markers and events of nodes wait.
 */
export function isNotifiable(message: Element): boolean {
  if (importance(message) !== "now" || messageType(message) === "error") return false;
  return elements(message).some(isShown);
}

function isShown(element: Element): boolean {
  const ns = namespaceOf(element);
  if (ns === NS.client) return element.name === "body" && textOf(element) !== "";
  if (ns === NS.mucUser) return child(element, "invite", NS.mucUser) !== undefined;
  return SHOWN.get(ns)?.includes(element.name) ?? false;
}

/** A notice of so many messages, of which this is the last. */
export function noticeOf(message: Element, messages: number): Notice {
  const encrypted = elements(message).some((el) => ENCRYPTED.has(namespaceOf(el)));
  const body = encrypted ? undefined : child(message, "body");
  const text = body === undefined ? "" : [...textOf(body)].slice(0, MAX_BODY_CHARACTERS).join("");
  return { messages, sender: attr(message, "from") ?? "", body: text };
}

/** The payload of the request that publishes a notice. Source: section 7. */
export function publication(
  { node, options }: PushService,
  { messages, sender, body }: Notice,
  { includeSender, includeBody }: Pick<Config["push"], "includeSender" | "includeBody">,
): Element {
  const pubsub = new Element("pubsub", { xmlns: NS.pubsub });
  const item = pubsub.c("publish", node === "" ? {} : { node }).c("item");
  const form = item.c("notification", { xmlns: NS.push }).c("x", { xmlns: NS.dataForms, type: "submit" });
  const field = (name: string, value: string): void => void form.c("field", { var: name }).c("value").t(value);
  form.c("field", { var: "FORM_TYPE", type: "hidden" }).c("value").t(NS.pushSummary);
  field("message-count", String(messages));
  if (includeSender && sender !== "") field("last-message-sender", sender);
  if (includeBody && body !== "") field("last-message-body", body);
  if (options !== "") pubsub.c("publish-options").cnode(parse(options) as Element);
  return pubsub;
}
