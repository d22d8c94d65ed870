// XEP-0013 1.3: Flexible Offline Message Retrieval. A client counts, views and removes its offline messages, rather than be
// sent all of them with its initial presence; offline/offline.ts keeps them.

import { Element, parse } from "ltx";
import type { OfflineMessage } from "../../storage/store.ts";
import { stanzaError } from "../errors.ts";
import type { Jid } from "../jid.ts";
import { NS } from "../namespaces.ts";
import { isBlocked, type Offline } from "../offline/offline.ts";
import type { IqRequest } from "../router/dispatch.ts";
import type { Core } from "../router/routing.ts";
import type { Session } from "../session/session.ts";
import { attr, elements, type IqReply, namespaceOf, result } from "../stanza.ts";
import { withChildren } from "../xml/serialize.ts";
import { defineModule, type Module } from "./module.ts";

const PAGE = 100;

/** @param offline is told that there may be room for more again */
export function flexibleOffline(core: Core, offline: Pick<Offline, "forgetCount">): Module {
  return defineModule({
    name: "flexible-offline",
    spec: "XEP-0013 1.3",
    features: [{ var: NS.flexibleOffline, on: ["domain"] }], // section 2.1
    setup: () => ({
      iq: [
        {
          type: "get",
          ns: NS.flexibleOffline,
          name: "offline",
          to: ["account"],
          refusal: "forbidden", // sections 2.4 to 2.7
          handle: (request) => retrieve(core, request),
        },
        {
          type: "set",
          ns: NS.flexibleOffline,
          name: "offline",
          to: ["account"],
          refusal: "forbidden",
          async handle(request) {
            const reply = await remove(core, request);
            offline.forgetCount(request.to.bareString);
            return reply;
          },
        },
      ],
      nodes: [
        {
          node: NS.flexibleOffline,
          on: ["account"],
          info: (request) => number(core, request),
          items: (request) => headers(core, request),
        },
      ],
    }),
  });
}

// ---- what there is (sections 2.2 and 2.3)

/** Only a client of the account may know; from here on nothing is sent to it, or to others beside it, unasked. */
function choose(request: IqRequest): IqReply | undefined {
  if (request.from.bareString !== request.to.bareString) return stanzaError("forbidden");
  if (request.session !== undefined) request.session.flexibleOffline = true;
  return undefined;
}

async function number(core: Core, request: IqRequest): Promise<IqReply> {
  const refused = choose(request);
  if (refused !== undefined) return refused;
  const count = await countOf(core, request.to);
  const query = new Element("query", { xmlns: NS.discoInfo, node: NS.flexibleOffline });
  query.c("identity", { category: "automation", type: "message-list" });
  query.c("feature", { var: NS.flexibleOffline });
  const form = query.c("x", { xmlns: NS.dataForms, type: "result" });
  form.c("field", { var: "FORM_TYPE", type: "hidden" }).c("value").t(NS.flexibleOffline);
  form.c("field", { var: "number_of_messages" }).c("value").t(String(count));
  return result(query);
}

async function headers(core: Core, request: IqRequest): Promise<IqReply> {
  const refused = choose(request);
  if (refused !== undefined) return refused;
  const owner = request.to;
  const query = new Element("query", { xmlns: NS.discoItems, node: NS.flexibleOffline });
  for await (const { id, xml } of messagesOf(core, owner)) {
    query.c("item", { jid: owner.bareString, node: nodeOf(id), name: attr(parse(xml) as Element, "from") });
  }
  return result(query);
}

// Section 2.3: opaque, but dictionary order is the order of the messages.
function nodeOf(id: number): string {
  return String(id).padStart(16, "0");
}

// ---- viewing (sections 2.4 and 2.6)

async function retrieve(core: Core, { payload, session, from }: IqRequest): Promise<IqReply> {
  if (session === undefined) return stanzaError("forbidden"); // section 4: only to one of the user's resources
  const owner = from.bare();
  if (isOnly(payload, "fetch")) {
    session.flexibleOffline = true;
    await sendAll(core, session, messagesOf(core, owner));
    return result();
  }
  const ids = idsOf(payload, "view");
  if (ids === undefined) return badRequest();
  // All must be there before one is sent. They are loaded again one by one: together they may be big.
  for (const id of ids) if ((await load(core, owner, id)) === undefined) return stanzaError("item-not-found");
  await sendAll(core, session, messagesOf(core, owner, ids));
  return result();
}

// XEP-0191 section 3.3: what somebody sent whom the owner blocks is as if it were not there.
async function countOf(core: Core, owner: Jid): Promise<number> {
  if ((await core.blocking.of(owner.bareString)).size === 0) return core.store.offline.count(owner.bareString);
  let count = 0;
  for await (const _ of messagesOf(core, owner)) count += 1;
  return count;
}

/** All of them, oldest first, or those of the ids, in that order, as far as they are there. */
async function* messagesOf(core: Core, owner: Jid, ids?: Iterable<number>): AsyncIterable<OfflineMessage> {
  for (const id of ids ?? []) {
    const message = await load(core, owner, id);
    if (message !== undefined) yield message;
  }
  if (ids !== undefined) return;
  const list = await core.blocking.of(owner.bareString);
  for (let page = await core.store.offline.load(owner.bareString, 0, PAGE); page.length > 0; ) {
    yield* list.size === 0 ? page : page.filter((message) => !isBlocked(list, owner, message));
    page = await core.store.offline.load(owner.bareString, (page.at(-1) as OfflineMessage).id, PAGE);
  }
}

async function load(core: Core, owner: Jid, id: number): Promise<OfflineMessage | undefined> {
  const list = await core.blocking.of(owner.bareString);
  const [message] = await core.store.offline.load(owner.bareString, id - 1, 1);
  if (message?.id !== id) return undefined;
  return list.size > 0 && isBlocked(list, owner, message) ? undefined : message;
}

/** No faster than the client takes them. They stay in the store, so a connection that breaks loses nothing. */
async function sendAll(core: Core, session: Session, messages: AsyncIterable<OfflineMessage>): Promise<void> {
  let room = core.limits.outboxBytes / 2;
  for await (const { id, xml } of messages) {
    if (core.sessions.get(session.jid) !== session) return;
    session.send(withNode(parse(xml) as Element, nodeOf(id)));
    room -= Buffer.byteLength(xml);
    if (room > 0) continue;
    await session.drained();
    room = core.limits.outboxBytes / 2;
  }
}

// Section 2.4. What its sender put there in this name is not the node.
function withNode(message: Element, node: string): Element {
  const offline = new Element("offline", { xmlns: NS.flexibleOffline });
  offline.c("item", { node });
  const others = (message.children as (Element | string)[]).filter(
    (child) => typeof child === "string" || namespaceOf(child) !== NS.flexibleOffline,
  );
  return withChildren(message, [...others, offline]);
}

// ---- removing (sections 2.5 and 2.7)

async function remove(core: Core, { payload, from }: IqRequest): Promise<IqReply> {
  const { offline } = core.store;
  const owner = from.bareString;
  if (isOnly(payload, "purge")) {
    await offline.removeUpTo(owner, Number.MAX_SAFE_INTEGER);
    return result();
  }
  const ids = idsOf(payload, "remove");
  if (ids === undefined) return badRequest();
  return (await offline.remove(owner, [...ids])) ? result() : stanzaError("item-not-found");
}

// ---- the request

function isOnly(payload: Element, name: string): boolean {
  const [first, ...others] = elements(payload);
  return others.length === 0 && first?.name === name && namespaceOf(first) === NS.flexibleOffline;
}

/** The messages that the items name; undefined: there are no items, or something else. A node that is none has id 0. */
function idsOf(payload: Element, action: "view" | "remove"): ReadonlySet<number> | undefined {
  const ids = new Set<number>();
  for (const item of elements(payload)) {
    const node = attr(item, "node");
    if (item.name !== "item" || namespaceOf(item) !== NS.flexibleOffline) return undefined;
    if (attr(item, "action") !== action || node === undefined) return undefined;
    ids.add(/^\d{16}$/.test(node) ? Number(node) : 0);
  }
  return ids.size > 0 ? ids : undefined;
}

function badRequest(): IqReply {
  return stanzaError("bad-request", "one of <fetch/>, <purge/> or <item/>s with action and node (XEP-0013)");
}
