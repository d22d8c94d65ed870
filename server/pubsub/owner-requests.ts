// What the owner of an account asks of its nodes in the owner's namespace: configuration, deletion, purging, affiliations and
// subscriptions (XEP-0060 1.30.0 sections 8.2 to 8.5, 8.8, 8.9).

import { Element } from "ltx";
import type { PubsubAffiliation, PubsubNode, PubsubSubscription } from "../../storage/store.ts";
import { type StanzaError, stanzaError } from "../errors.ts";
import { Jid } from "../jid.ts";
import { NS } from "../namespaces.ts";
import type { IqRequest } from "../router/dispatch.ts";
import { attr, child, childrenOf, type IqReply, result } from "../stanza.ts";
import { isError, notFound, pubsubError, unsupported } from "./errors.ts";
import { configForm } from "./forms.ts";
import { DEFAULT_CONFIG, parseConfig } from "./node-config.ts";
import { answer, readConfiguration } from "./publish-requests.ts";
import type { Pubsub } from "./pubsub.ts";
import { setSubscriptions } from "./subscribers.ts";

/** Sections 8.2.1, 8.3, 8.8.1, 8.9.1. */
export async function ownerGet(pubsub: Pubsub, request: IqRequest, element: Element): Promise<IqReply> {
  const reply = new Element("pubsub", { xmlns: NS.pubsubOwner });
  if (element.name === "default") {
    reply.c("default").cnode(configForm(DEFAULT_CONFIG, "form"));
    return result(reply);
  }
  const name = attr(element, "node");
  if (name === undefined) return pubsubError("bad-request", "nodeid-required");
  const node = await pubsub.core.store.pubsub.node(request.to.bareString, name);
  if (node === undefined) return notFound();
  const list = reply.c(element.name, { node: name });
  switch (element.name) {
    case "configure":
      list.cnode(configForm(parseConfig(node.config), "form"));
      return result(reply);
    case "affiliations":
      list.c("affiliation", { jid: node.owner, affiliation: "owner" });
      for (const { jid, affiliation } of node.affiliations) list.c("affiliation", { jid, affiliation });
      return result(reply);
    case "subscriptions":
      for (const { jid, state } of node.subscriptions) {
        if (state === "subscribed") list.c("subscription", { jid, subscription: state });
      }
      return result(reply);
    default:
      return stanzaError("feature-not-implemented");
  }
}

/** Sections 8.2.4, 8.4, 8.5, 8.8.2, 8.9.2. */
export async function ownerSet(pubsub: Pubsub, request: IqRequest, element: Element): Promise<IqReply> {
  const name = attr(element, "node");
  if (name === undefined) return pubsubError("bad-request", "nodeid-required");
  const owner = request.to;
  switch (element.name) {
    case "configure":
      return configure(pubsub, request, element, name);
    case "delete":
      return answer(request, await pubsub.delete(owner, name));
    case "purge":
      return answer(request, await pubsub.purge(owner, name));
    case "affiliations":
      return setAffiliations(pubsub, owner, name, element);
    case "subscriptions": {
      const wanted = readSubscriptions(element);
      return isError(wanted) ? wanted : setSubscriptions(pubsub, owner, name, wanted);
    }
    default:
      return stanzaError("feature-not-implemented");
  }
}

async function configure(pubsub: Pubsub, request: IqRequest, element: Element, name: string): Promise<IqReply> {
  const form = child(element, "x", NS.dataForms);
  if (form === undefined) return stanzaError("bad-request", "there is no form");
  if (attr(form, "type") === "cancel") {
    const node = await pubsub.core.store.pubsub.node(request.to.bareString, name);
    return node === undefined ? notFound() : result();
  }
  const options = readConfiguration(pubsub, element);
  if (isError(options)) return options;
  return answer(request, await pubsub.configure(request.to, name, options));
}

// ---- affiliations (section 8.9.2)

type Wanted = { readonly jid: string; readonly affiliation: PubsubAffiliation["affiliation"] | "none" };

// Departs from section 8.9.2.4: one entry that cannot be set leaves all of them as they were.
async function setAffiliations(pubsub: Pubsub, owner: Jid, name: string, element: Element): Promise<IqReply> {
  const wanted = readAffiliations(owner, element);
  if (isError(wanted)) return wanted;
  let refused: StanzaError | undefined;
  const most = pubsub.config.entitiesPerNode;
  const changed = await pubsub.update(owner, name, (node) => {
    const affiliations = withAffiliations(node, wanted);
    if (affiliations.length > most && affiliations.length > node.affiliations.length) {
      refused = stanzaError("resource-constraint", `a node has ${most} affiliations (pubsub.entitiesPerNode)`);
      return undefined;
    }
    return { ...node, affiliations };
  });
  return refused ?? (changed === undefined ? notFound() : result());
}

function readAffiliations(owner: Jid, element: Element): Wanted[] | StanzaError {
  const wanted: Wanted[] = [];
  for (const entry of childrenOf(element, "affiliation", NS.pubsubOwner)) {
    const jid = Jid.parse(attr(entry, "jid") ?? "");
    if (!jid.ok) return stanzaError("jid-malformed", jid.reason);
    const { bareString } = jid.value; // section 4.1: affiliations are of bare JIDs
    if (wanted.some((other) => other.jid === bareString)) return stanzaError("bad-request", `${bareString} twice`);
    const affiliation = attr(entry, "affiliation");
    if (affiliation === undefined) continue; // it stays
    if (bareString === owner.bareString) {
      if (affiliation !== "owner") return stanzaError("not-acceptable", "a node of an account is the account's");
      continue;
    }
    switch (affiliation) {
      case "member":
      case "outcast":
      case "none":
        wanted.push({ jid: bareString, affiliation });
        break;
      case "publisher":
      case "publish-only":
        return unsupported(`${affiliation}-affiliation`);
      default:
        return stanzaError("not-acceptable", "affiliations are member, outcast and none");
    }
  }
  return wanted;
}

function withAffiliations(node: PubsubNode, wanted: readonly Wanted[]): PubsubAffiliation[] {
  const named = new Set(wanted.map(({ jid }) => jid));
  const others = node.affiliations.filter(({ jid }) => !named.has(jid));
  return [
    ...others,
    ...wanted.flatMap(({ jid, affiliation }) => (affiliation === "none" ? [] : [{ jid, affiliation }])),
  ];
}

// ---- subscriptions (section 8.8.2)

export type WantedSubscription = { readonly jid: string; readonly state: PubsubSubscription["state"] | "none" };

function readSubscriptions(element: Element): WantedSubscription[] | StanzaError {
  const wanted: WantedSubscription[] = [];
  for (const entry of childrenOf(element, "subscription", NS.pubsubOwner)) {
    const jid = Jid.parse(attr(entry, "jid") ?? "");
    if (!jid.ok) return stanzaError("jid-malformed", jid.reason);
    const state = attr(entry, "subscription");
    if (state === undefined) continue;
    if (state !== "subscribed" && state !== "none") {
      return stanzaError("not-acceptable", "a subscription is subscribed or none");
    }
    wanted.push({ jid: jid.value.toString(), state });
  }
  return wanted;
}
