// Retrieving items (XEP-0060 1.30.0 section 6.5), by id, the newest, or page by page (XEP-0059).

import { Element } from "ltx";
import type { PubsubItem, PubsubNode } from "../../storage/store.ts";
import { type SetRequest, setElement, setRequest } from "../archive/rsm.ts";
import { type StanzaError, stanzaError } from "../errors.ts";
import type { Jid } from "../jid.ts";
import { NS } from "../namespaces.ts";
import type { IqRequest } from "../router/dispatch.ts";
import { attr, childrenOf, type IqReply, result } from "../stanza.ts";
import type { Denial } from "./access.ts";
import { mayRetrieve } from "./access.ts";
import { findAsker } from "./asker.ts";
import { notFound, pubsubError } from "./errors.ts";
import { itemElement } from "./events.ts";
import { type NodeConfig, parseConfig } from "./node-config.ts";
import { isExpired } from "./notifier.ts";
import { expiryOf, type Pubsub } from "./pubsub.ts";

const PAGE = 100;
/** Items that one request can name. */
const MOST_IDS = 100;
/** What an answer may take of limits.outboxBytes. */
const OUTBOX_SHARE = 1 / 4;

/** A node that the asker may retrieve items from. */
export type OpenNode = { readonly node: PubsubNode; readonly config: NodeConfig };

/** Errors: those of section 6.5.9, with item-not-found for what is hidden. */
export async function openNode(pubsub: Pubsub, owner: Jid, name: string, asker: Jid): Promise<OpenNode | StanzaError> {
  const node = await pubsub.core.store.pubsub.node(owner.bareString, name);
  if (node === undefined) return notFound();
  const config = parseConfig(node.config);
  const access = mayRetrieve(config, await findAsker(pubsub.core.rosters, node, asker));
  return access === "allowed" ? { node, config } : denied(access);
}

/** Sections 6.1.3 and 6.5.9. */
export function denied(denial: Denial): StanzaError {
  switch (denial) {
    case "hidden":
      return notFound();
    case "outcast":
      return stanzaError("forbidden");
    case "closed-node":
      return pubsubError("not-allowed", denial);
    default:
      return pubsubError("not-authorized", denial);
  }
}

export async function retrieveItems(pubsub: Pubsub, request: IqRequest, element: Element): Promise<IqReply> {
  const name = attr(element, "node");
  if (name === undefined) return pubsubError("bad-request", "nodeid-required");
  const keeper = request.from.bareString === request.to.bareString ? pubsub.keepers.get(name) : undefined;
  const refused = await keeper?.beforeRetrieval?.(request.to);
  if (refused !== undefined) return refused;
  const ids = childrenOf(element, "item", NS.pubsub).map((item) => attr(item, "id") ?? "");
  const open = await openNode(pubsub, request.to, name, request.from);
  if ("kind" in open) return keeper?.emptyAtFirst && ids.length === 0 ? nothing(name) : open;
  if (!open.config.persistItems) return nothing(name);
  if (ids.length > 0) return byId(pubsub, open, ids);
  const newest = attr(element, "max_items");
  if (newest !== undefined && !/^\d{1,9}$/.test(newest)) return stanzaError("bad-request", "max_items is no number");
  const set = setRequest(request.payload);
  if ("kind" in set) return set;
  // Who asks for page after page and does not read them waits here.
  await request.session?.drained();
  return page(pubsub, open, newest === undefined ? undefined : Number(newest), set);
}

async function byId(pubsub: Pubsub, open: OpenNode, ids: readonly string[]): Promise<IqReply> {
  if (ids.length > MOST_IDS) return stanzaError("not-acceptable", `one request may name ${MOST_IDS} items`);
  const { core } = pubsub;
  const { owner, name } = open.node;
  const found = await core.store.pubsub.itemsById(owner, name, [...new Set(ids)]);
  const items = found.filter((item) => !isExpired(item, open.config, core.clock.now()));
  // Departs from section 6.5.9.12, where that is an empty result: what clients look for behind "item-not-found" is whether
  // the keys that they published are still there (XEP-0384).
  if (items.length === 0) return notFound();
  return answerWith(open, items);
}

/** @param newest at most so many, from the end (section 6.5.7) */
async function page(pubsub: Pubsub, open: OpenNode, newest: number | undefined, set: SetRequest): Promise<IqReply> {
  const { core } = pubsub;
  const { owner, name } = open.node;
  const paged = set.max !== undefined || set.after !== undefined || set.backward;
  const backward = set.backward || (newest !== undefined && !paged);
  const most = Math.min(set.max ?? Number.POSITIVE_INFINITY, newest ?? Number.POSITIVE_INFINITY);
  const since = expiryOf(open.config, core.clock.now());
  const items: PubsubItem[] = [];
  let left = core.limits.outboxBytes * OUTBOX_SHARE;
  let edge = backward ? set.before : set.after;
  let complete = false;
  while (!complete && items.length < most && left > 0) {
    const limit = Math.min(PAGE, most - items.length);
    const bounds = {
      ...(backward ? optional("beforeId", edge) : optional("afterId", edge)),
      ...(backward ? optional("afterId", set.after) : optional("beforeId", set.before)),
    };
    const found = await core.store.pubsub.items(owner, name, { ...bounds, since, backward, limit });
    if (found === undefined) return notFound();
    const ordered = backward ? found.toReversed() : found;
    complete = found.length < limit;
    for (const item of ordered) {
      left -= item.xml.length + item.id.length;
      if (left < 0 && items.length > 0) {
        complete = false;
        break;
      }
      items.push(item);
    }
    edge = items.at(-1)?.id;
  }
  const ordered = backward ? items.reverse() : items;
  if (!paged && (complete || ordered.length === newest)) return answerWith(open, ordered);
  const isFirst = !backward && set.after === undefined;
  const count = open.config.itemExpire === "max" ? await core.store.pubsub.count(owner, name) : undefined;
  const [first, last] = [ordered[0]?.id, ordered.at(-1)?.id];
  return answerWith(open, ordered, setElement({ first, last, index: isFirst ? 0 : undefined, count }));
}

function optional(key: "afterId" | "beforeId", id: string | undefined): { afterId?: string; beforeId?: string } {
  return id === undefined ? {} : { [key]: id };
}

function nothing(node: string): IqReply {
  const reply = new Element("pubsub", { xmlns: NS.pubsub });
  reply.c("items", { node });
  return result(reply);
}

function answerWith({ node, config }: OpenNode, items: readonly PubsubItem[], set?: Element): IqReply {
  const reply = new Element("pubsub", { xmlns: NS.pubsub });
  const list = reply.c("items", { node: node.name });
  for (const item of items) list.cnode(itemElement(item, config, true));
  if (set !== undefined) reply.cnode(set);
  return result(reply);
}
