// The archive of a room (XEP-0313 1.1.3 sections 3.1 and 6.1.2): what goes into it, and who is shown what of it.

import { Element, parse } from "ltx";
import type { ArchivedMessage, ArchiveStore } from "../../storage/store.ts";
import { readPage } from "../archive/page.ts";
import { type Filter, readQuery } from "../archive/query.ts";
import { finElement, overheadOf, resultElement } from "../archive/results.ts";
import type { EpochMs } from "../clock.ts";
import { type StanzaError, stanzaError } from "../errors.ts";
import type { Jid } from "../jid.ts";
import { NS } from "../namespaces.ts";
import { attr, namespaceOf } from "../stanza.ts";
import { serialize, withAttrs, withChildren } from "../xml/serialize.ts";
import type { Room } from "./room.ts";
import { itemElement } from "./room-elements.ts";

/**
 * A message as it is stored: with its author's real address, which only those are shown who may see it.
 * @param author bare JID; the room's, of what it says itself
 */
export function archiveEntry(room: Room, message: Element, author: Jid, id: string, at: EpochMs): ArchivedMessage {
  const owner = room.address.toString();
  const children = [...(message.children as (Element | string)[])];
  if (author.toString() !== owner) {
    const [occupant] = room.ofUser(author.toString());
    const item = { affiliation: room.affiliationOf(author), role: occupant?.role ?? "none", jid: author } as const;
    children.push(new Element("x", { xmlns: NS.mucUser }).cnode(itemElement(item)).up());
  }
  const stored = withAttrs(withChildren(message, children), { xmlns: NS.client, to: undefined });
  return { owner, id, with: author.toString(), at, xml: serialize(stored) };
}

export type RoomPage = { readonly results: readonly Element[]; readonly fin: Element };

/**
 * Answers a query. The caller has asked whether the asker may enter.
 * Errors: as readQuery; item-not-found; forbidden for a real address that the asker may not know.
 */
export async function answerRoomQuery(
  store: ArchiveStore,
  room: Room,
  query: Element,
  asker: { readonly jid: Jid; readonly characters: number },
): Promise<RoomPage | StanzaError> {
  const request = readQuery(query);
  if ("kind" in request) return request;
  const owner = room.address.toString();
  const real = room.seesAddresses(asker.jid);
  const filter = withFilter(request.filter, room.address, real);
  if ("kind" in filter) return filter;
  const envelope = { from: owner, to: asker.jid.toString(), queryid: request.queryid };
  const overhead = overheadOf(envelope);
  const page = await readPage(store, owner, { filter, set: request.set, characters: asker.characters, overhead });
  if (page === undefined) return stanzaError("item-not-found");
  const messages = request.flipped ? page.messages.toReversed() : page.messages;
  const results = messages.map((message) => resultElement(real ? message : withoutAddress(message), envelope));
  return { results, fin: finElement(page) };
}

// Section 4.1.1: "only available to entities that would already have been allowed to know the publisher".
function withFilter(filter: Filter, room: Jid, real: boolean): Filter | StanzaError {
  const { with: publisher, ...rest } = filter;
  if (publisher === undefined || publisher.bareString === room.toString()) return filter;
  if (!real) return stanzaError("forbidden", "you may not know real addresses here");
  return { ...rest, with: publisher.bare() };
}

function withoutAddress(message: ArchivedMessage): ArchivedMessage {
  const element = parse(message.xml) as Element;
  const children = (element.children as (Element | string)[]).filter(
    (node) => typeof node === "string" || namespaceOf(node) !== NS.mucUser,
  );
  return { ...message, xml: serialize(withChildren(element, children)) };
}

/** What of an archived message is shown as history: without the real address. */
export function fromArchive(message: ArchivedMessage): Element {
  return withAttrs(parse(withoutAddress(message).xml) as Element, { xmlns: undefined });
}

/** Section 5. */
export async function roomMetadata(store: ArchiveStore, room: string): Promise<Element> {
  const bounds = await store.bounds(room);
  const element = new Element("metadata", { xmlns: NS.archive });
  if (bounds === undefined) return element;
  const { first, last } = bounds;
  element.c("start", { id: first.id, timestamp: new Date(first.at).toISOString() });
  element.c("end", { id: last.id, timestamp: new Date(last.at).toISOString() });
  return element;
}

export function isArchiveQuery(payload: Element): boolean {
  return namespaceOf(payload) === NS.archive && attr(payload, "node") === undefined;
}
