// What service discovery says of an account's nodes (XEP-0060 1.30.0 sections 5.2 to 5.5; XEP-0163 1.2.2 section 6.2): to
// everybody no more than what they may retrieve.

import { Element } from "ltx";
import type { DiscoNode } from "../modules/module.ts";
import { NS } from "../namespaces.ts";
import type { IqRequest } from "../router/dispatch.ts";
import { type IqReply, result } from "../stanza.ts";
import { mayRetrieve } from "./access.ts";
import { askerOf } from "./asker.ts";
import { notFound } from "./errors.ts";
import { metadataForm } from "./forms.ts";
import { parseConfig } from "./node-config.ts";
import type { Pubsub } from "./pubsub.ts";
import { expiryOf } from "./pubsub.ts";
import { type OpenNode, openNode } from "./retrieve.ts";
import { nodesOf } from "./subscribers.ts";

/** Of the newest items; the others are found by retrieving them. */
const ITEMS_LISTED = 100;

/** An item of disco#items for each node that the asker may retrieve items from. */
export async function nodeItems(pubsub: Pubsub, { to: owner, from }: IqRequest): Promise<Element[]> {
  const own = owner.bareString === from.bareString;
  const item = own ? undefined : await pubsub.core.rosters.item(owner.bareString, from.bareString);
  const items: Element[] = [];
  for await (const node of nodesOf(pubsub, owner.bareString)) {
    const config = parseConfig(node.config);
    if (mayRetrieve(config, askerOf(node, from, item)) !== "allowed") continue;
    const name = config.title === "" ? {} : { name: config.title };
    items.push(new Element("item", { jid: owner.bareString, node: node.name, ...name }));
  }
  return items;
}

/** Undefined: there is no such node, or the asker may not know of it. */
export async function discoNode(pubsub: Pubsub, name: string, { to, from }: IqRequest): Promise<DiscoNode | undefined> {
  const open = await openNode(pubsub, to, name, from);
  if ("kind" in open) return undefined;
  return { node: name, on: ["account"], info: () => nodeInfo(open), items: () => itemsOf(pubsub, open) };
}

function nodeInfo({ node, config }: OpenNode): IqReply {
  const query = new Element("query", { xmlns: NS.discoInfo, node: node.name });
  query.c("identity", { category: "pubsub", type: "leaf", ...(config.title === "" ? {} : { name: config.title }) });
  query.c("feature", { var: NS.pubsub });
  query.cnode(metadataForm(node, config));
  return result(query);
}

async function itemsOf({ core }: Pubsub, { node, config }: OpenNode): Promise<IqReply> {
  const since = expiryOf(config, core.clock.now());
  const page = { since, backward: true, limit: ITEMS_LISTED };
  const found = await core.store.pubsub.items(node.owner, node.name, page);
  if (found === undefined) return notFound();
  const query = new Element("query", { xmlns: NS.discoItems, node: node.name });
  for (const { id } of found) query.c("item", { jid: node.owner, name: id });
  return result(query);
}
