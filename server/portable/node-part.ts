// Personal nodes of XEP-0227 1.1 section 4.11, with the configuration that this server gives them and back.

import { randomBytes } from "node:crypto";
import { Element, parse } from "ltx";
import { checkPubsubQuota, pubsubItemBytes } from "../../storage/bounds.ts";
import {
  type AccountHoldings,
  type PubsubAffiliation,
  type PubsubItem,
  type PubsubSubscription,
  StoreLimitError,
} from "../../storage/store.ts";
import type { EpochMs } from "../clock.ts";
import type { Config } from "../config.ts";
import { Jid } from "../jid.ts";
import { NS } from "../namespaces.ts";
import { configForm } from "../pubsub/forms.ts";
import {
  defaultConfig,
  itemsKept,
  type NodeConfig,
  parseConfig,
  readFields,
  serializeConfig,
} from "../pubsub/node-config.ts";
import { attr, child, childrenOf, elements, namespaceOf, textOf } from "../stanza.ts";
import { serialize, withAttrs } from "../xml/serialize.ts";
import type { Tally } from "./tally.ts";

const NAME_CHARACTERS = 1_023;
const ACCESS_MODEL = "pubsub#access_model";

type Node = NonNullable<AccountHoldings["nodes"]>[number];

/** What a file says of one node. */
export type NodeElements = {
  readonly name: string;
  readonly configure?: Element;
  readonly affiliations?: Element;
  readonly subscriptions?: Element;
  /** In order. */
  readonly items: readonly Element[];
};

/** The nodes, and the newest of their items that the limits allow. @param at when the items count as published */
export function readNodes(
  nodes: readonly NodeElements[],
  owner: Jid,
  { limits, at, tally }: { readonly limits: Config["pubsub"]; readonly at: EpochMs; readonly tally: Tally },
): Node[] {
  const read: Node[] = [];
  const quota = { nodes: limits.nodesPerAccount, bytes: limits.bytesPerAccount };
  let bytes = 0;
  for (const node of nodes) {
    if (node.name === "" || node.name.length > NAME_CHARACTERS) {
      tally.add("nodes without a name, or with one that is too long");
      continue;
    }
    const config = readConfig(node, limits, tally);
    const items = readItems(node.items, owner, { most: itemsKept(config, limits), limits, at, tally });
    const size = items.reduce((sum, item) => sum + pubsubItemBytes(item), 0);
    try {
      const before = { nodes: read.length, bytes };
      checkPubsubQuota(owner.bareString, quota, before, { nodes: read.length + 1, bytes: bytes + size });
    } catch (error) {
      if (!(error instanceof StoreLimitError)) throw error;
      tally.add(`nodes beyond pubsub.${error.limit}`);
      continue;
    }
    bytes += size;
    read.push({
      name: node.name,
      config: serializeConfig(config),
      affiliations: readAffiliations(node.affiliations, owner, limits.entitiesPerNode, tally),
      subscriptions: readSubscriptions(node.subscriptions, limits.entitiesPerNode, tally),
      items,
    });
  }
  return read;
}

/** The inverse of `readNodes`: `<pubsub/>` of the owner, and that of the items. */
export function writeNodes(nodes: readonly Node[]): readonly Element[] {
  const settings = new Element("pubsub", { xmlns: NS.pubsubOwner });
  const contents = new Element("pubsub", { xmlns: NS.pubsub });
  for (const { name, config, affiliations, subscriptions, items } of nodes) {
    settings.c("configure", { node: name }).cnode(configForm(parseConfig(config), "result"));
    if (affiliations.length > 0) {
      const list = settings.c("affiliations", { node: name });
      for (const { jid, affiliation } of affiliations) list.c("affiliation", { jid, affiliation });
    }
    if (subscriptions.length > 0) {
      const list = settings.c("subscriptions", { node: name });
      for (const { jid, state } of subscriptions) list.c("subscription", { jid, subscription: state });
    }
    const list = contents.c("items", { node: name });
    for (const { id, publisher, xml } of items) {
      const item = list.c("item", { id, publisher });
      if (xml !== "") item.cnode(parse(xml) as Element);
    }
  }
  return nodes.length === 0 ? [] : [settings, contents];
}

// Section 4.11.1: options that are not known here are ignored. Not that who may see a node: what cannot be understood of it
// shows the node to nobody else.
function readConfig({ name, configure }: NodeElements, limits: Config["pubsub"], tally: Tally): NodeConfig {
  let config = defaultConfig(name);
  const form = configure === undefined ? undefined : child(configure, "x", NS.dataForms);
  for (const field of form === undefined ? [] : childrenOf(form, "field", NS.dataForms)) {
    const key = attr(field, "var") ?? "";
    if (!key.startsWith("pubsub#")) continue; // FORM_TYPE
    const values = childrenOf(field, "value", NS.dataForms).map(textOf);
    const read = readFields(new Map([[key, values]]), limits);
    if (!("bad" in read) && read.unknown.length === 0) config = { ...config, ...read.values };
    else {
      tally.add("settings of nodes that are not known here, or have another value");
      if (key === ACCESS_MODEL) config = { ...config, accessModel: "whitelist" };
    }
  }
  return config;
}

type ItemLimits = {
  readonly most: number;
  readonly limits: Config["pubsub"];
  readonly at: EpochMs;
  readonly tally: Tally;
};

function readItems(given: readonly Element[], owner: Jid, { most, limits, at, tally }: ItemLimits): PubsubItem[] {
  const items = new Map<string, PubsubItem>();
  for (const element of given) {
    const id = attr(element, "id") ?? randomBytes(12).toString("base64url");
    const payload = elements(element)[0];
    const xml = payload === undefined ? "" : serialize(withAttrs(payload, { xmlns: namespaceOf(payload) }));
    if (id === "" || id.length > NAME_CHARACTERS || Buffer.byteLength(xml) > limits.itemBytes) {
      tally.add("items of nodes that are larger than pubsub.itemBytes, or whose id is too long");
      continue;
    }
    items.delete(id); // published again, it is the newest
    const publisher = Jid.parse(attr(element, "publisher") ?? "");
    const isOwn = publisher.ok && publisher.value.bareString === owner.bareString;
    items.set(id, { id, publisher: isOwn ? publisher.value.toString() : owner.bareString, at, xml });
  }
  const kept = most === 0 ? [] : [...items.values()].slice(-most);
  if (kept.length < items.size) tally.add("items beyond what their nodes keep", items.size - kept.length);
  return kept;
}

function readAffiliations(list: Element | undefined, owner: Jid, most: number, tally: Tally): PubsubAffiliation[] {
  const read = new Map<string, PubsubAffiliation>();
  for (const element of list === undefined ? [] : childrenOf(list, "affiliation", NS.pubsubOwner)) {
    const [jid, affiliation] = [Jid.parse(attr(element, "jid") ?? ""), attr(element, "affiliation")];
    if (jid.ok && (affiliation === "member" || affiliation === "outcast")) {
      const { bareString } = jid.value;
      if (read.has(bareString) || read.size < most) read.set(bareString, { jid: bareString, affiliation });
      else tally.add("affiliations with nodes beyond pubsub.entitiesPerNode");
    } else if (!jid.ok || jid.value.bareString !== owner.bareString) {
      tally.add("affiliations with nodes that are none here");
    }
  }
  return [...read.values()];
}

function readSubscriptions(list: Element | undefined, most: number, tally: Tally): PubsubSubscription[] {
  const read = new Map<string, PubsubSubscription>();
  for (const element of list === undefined ? [] : childrenOf(list, "subscription", NS.pubsubOwner)) {
    const [jid, state] = [Jid.parse(attr(element, "jid") ?? ""), attr(element, "subscription") ?? "subscribed"];
    if (jid.ok && (state === "subscribed" || state === "pending")) {
      const address = jid.value.toString();
      if (read.has(address) || read.size < most) read.set(address, { jid: address, state });
      else tally.add("subscriptions of nodes beyond pubsub.entitiesPerNode");
    } else tally.add("subscriptions of nodes that are none here");
  }
  return [...read.values()];
}
