// Explicit subscriptions (XEP-0060 1.30.0 sections 5.6, 5.7, 6.1, 6.2, 8.6, 8.8): for who is no contact, and for nodes whose
// owner wants to be asked.

import { Element } from "ltx";
import type { PubsubNode, PubsubNodeState, PubsubSubscription } from "../../storage/store.ts";
import { submittedForm } from "../archive/data-form.ts";
import { type StanzaError, stanzaError } from "../errors.ts";
import { Jid } from "../jid.ts";
import { NS } from "../namespaces.ts";
import { randomId } from "../random.ts";
import type { IqRequest } from "../router/dispatch.ts";
import { attr, child, type IqReply, message as messageStanza, result } from "../stanza.ts";
import { maySubscribe } from "./access.ts";
import { findAsker } from "./asker.ts";
import { notFound, pubsubError } from "./errors.ts";
import { subscriptionMessage } from "./events.ts";
import { authorizationForm } from "./forms.ts";
import { parseConfig } from "./node-config.ts";
import type { WantedSubscription } from "./owner-requests.ts";
import type { Pubsub } from "./pubsub.ts";
import { denied } from "./retrieve.ts";

/** Section 6.1. */
export async function subscribe(pubsub: Pubsub, request: IqRequest, element: Element): Promise<IqReply> {
  const { to: owner, from, session } = request;
  const jid = subscriberOf(element, from);
  if ("kind" in jid) return jid;
  const name = attr(element, "node");
  if (name === undefined) return pubsubError("bad-request", "nodeid-required");
  const node = await pubsub.core.store.pubsub.node(owner.bareString, name);
  if (node === undefined) return notFound();
  const access = maySubscribe(parseConfig(node.config), await findAsker(pubsub.core.rosters, node, from));
  if (access !== "allowed" && access !== "approval") return denied(access);
  const state = access === "allowed" ? "subscribed" : "pending";
  const address = jid.toString();
  const reply = result(subscriptionReply(name, address, state));
  if (node.subscriptions.some((known) => known.jid === address && known.state === state)) return reply;
  let full = false;
  const changed = await pubsub.update(owner, name, (found) => {
    const others = found.subscriptions.filter((known) => known.jid !== address);
    full = others.length >= pubsub.config.entitiesPerNode;
    return full ? undefined : { ...found, subscriptions: [...others, { jid: address, state }] };
  });
  if (changed === undefined) return notFound();
  if (full) return pubsubError("policy-violation", "too-many-subscriptions", { type: "wait" }); // section 6.1.3.9
  if (state === "pending") await askOwner(pubsub, owner, name, address);
  else if (session !== undefined) {
    return {
      ...reply,
      afterwards: () => void logged(pubsub, pubsub.notifier.welcome(session, owner.bareString, name)),
    };
  }
  return reply;
}

/** Section 6.2. */
export async function unsubscribe(pubsub: Pubsub, { to: owner, from }: IqRequest, element: Element): Promise<IqReply> {
  const jid = Jid.parse(attr(element, "jid") ?? "");
  if (!jid.ok) return pubsubError("bad-request", "jid-required");
  const name = attr(element, "node");
  if (name === undefined) return pubsubError("bad-request", "nodeid-required");
  if (jid.value.bareString !== from.bareString) return stanzaError("forbidden"); // section 6.2.3.3
  const address = jid.value.toString();
  let was = false;
  const changed = await pubsub.update(owner, name, (found) => {
    const subscriptions = found.subscriptions.filter((known) => known.jid !== address);
    was = subscriptions.length < found.subscriptions.length;
    return was ? { ...found, subscriptions } : undefined;
  });
  if (was) return result(subscriptionReply(name, address, "none"));
  // Whoever may not know of the node must not learn of it here.
  const known = changed !== undefined && (await findAsker(pubsub.core.rosters, changed.before, from)).isKnown;
  return known ? pubsubError("unexpected-request", "not-subscribed", { type: "cancel" }) : notFound();
}

/** Sections 5.6 and 5.7: what the asker has at the nodes of this account. */
export async function ownList(pubsub: Pubsub, { to: owner, from }: IqRequest, element: Element): Promise<IqReply> {
  const only = attr(element, "node");
  const reply = new Element("pubsub", { xmlns: NS.pubsub });
  const list = reply.c(element.name, only === undefined ? {} : { node: only });
  const bare = from.bareString;
  for await (const node of nodesOf(pubsub, owner.bareString)) {
    if (only !== undefined && node.name !== only) continue;
    if (element.name === "affiliations") {
      const affiliation =
        bare === node.owner ? "owner" : node.affiliations.find(({ jid }) => jid === bare)?.affiliation;
      if (affiliation !== undefined) list.c("affiliation", { node: node.name, affiliation });
      continue;
    }
    for (const { jid, state } of node.subscriptions) {
      if (Jid.fromTrusted(jid).bareString === bare)
        list.c("subscription", { node: node.name, jid, subscription: state });
    }
  }
  return result(reply);
}

/** All nodes of an account, in order of name. */
export async function* nodesOf(pubsub: Pubsub, owner: string): AsyncIterable<PubsubNode> {
  let after: string | undefined;
  for (;;) {
    const page = await pubsub.core.store.pubsub.nodes(owner, { limit: 100, ...(after === undefined ? {} : { after }) });
    yield* page;
    if (page.length < 100) return;
    after = page.at(-1)?.name;
  }
}

// ---- what the owner decides

/** Sections 8.6 and 8.8.2; who is affected is told (section 8.8.4). Errors: item-not-found, resource-constraint. */
export async function setSubscriptions(
  pubsub: Pubsub,
  owner: Jid,
  name: string,
  wanted: readonly WantedSubscription[],
): Promise<IqReply> {
  let refused: StanzaError | undefined;
  const most = pubsub.config.entitiesPerNode;
  const changed = await pubsub.update(owner, name, (node): PubsubNodeState | undefined => {
    const subscriptions = withSubscriptions(node, wanted);
    if (subscriptions.length <= most || subscriptions.length <= node.subscriptions.length)
      return { ...node, subscriptions };
    refused = stanzaError("resource-constraint", `a node has ${most} subscriptions (pubsub.entitiesPerNode)`);
    return undefined;
  });
  if (refused !== undefined) return refused;
  if (changed === undefined) return notFound();
  for (const { jid, state } of wanted) {
    const before = changed.before.subscriptions.find((known) => known.jid === jid)?.state ?? "none";
    if (before !== state) await route(pubsub, subscriptionMessage(owner.bareString, name, jid, state), owner);
  }
  return result();
}

function withSubscriptions(node: PubsubNode, wanted: readonly WantedSubscription[]): PubsubSubscription[] {
  const byJid = new Map(node.subscriptions.map((known) => [known.jid, known]));
  for (const { jid, state } of wanted) {
    if (state === "none") byJid.delete(jid);
    else byJid.set(jid, { jid, state });
  }
  return [...byJid.values()];
}

async function askOwner(pubsub: Pubsub, owner: Jid, name: string, subscriber: string): Promise<void> {
  const to = owner.bareString;
  const message = messageStanza({ from: to, to, id: randomId(9) });
  message.c("body").t(`${subscriber} wants to subscribe to your node ${name}.`);
  message.cnode(authorizationForm(name, subscriber));
  await route(pubsub, message, owner);
}

/** The owner's answer to such a question (section 8.6); undefined: the message is none. */
export function authorizationOf(
  message: Element,
): { readonly node: string; readonly wanted: WantedSubscription } | undefined {
  if (child(message, "x", NS.dataForms) === undefined) return undefined;
  const form = submittedForm(message, NS.pubsubAuthorization);
  if ("kind" in form) return undefined;
  const [node] = form.get("pubsub#node") ?? [];
  const [allow = ""] = form.get("pubsub#allow") ?? [];
  const jid = Jid.parse(form.get("pubsub#subscriber_jid")?.[0] ?? "");
  if (node === undefined || !jid.ok) return undefined;
  return { node, wanted: { jid: jid.value.toString(), state: ["1", "true"].includes(allow) ? "subscribed" : "none" } };
}

// ----

async function route({ core }: Pubsub, message: Element, from: Jid): Promise<void> {
  const refused = await core.route(message, from);
  if (refused !== undefined) core.log.debug({ condition: refused.condition }, "notification-refused");
}

async function logged({ core }: Pubsub, work: Promise<void>): Promise<void> {
  await work.catch((err: unknown) => core.log.error({ err }, "notifications-failed"));
}

function subscriptionReply(node: string, jid: string, subscription: string): Element {
  const reply = new Element("pubsub", { xmlns: NS.pubsub });
  reply.c("subscription", { node, jid, subscription });
  return reply;
}

// Section 6.1.3.1
function subscriberOf(element: Element, from: Jid): Jid | StanzaError {
  const jid = Jid.parse(attr(element, "jid") ?? "");
  if (jid.ok && jid.value.bareString === from.bareString) return jid.value;
  return pubsubError("bad-request", "invalid-jid");
}
