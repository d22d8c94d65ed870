// Pages of the messages with one resource (XEP-0313 1.1.3 section 4.1.1): an occupant of a room, or one device. The store
// knows bare JIDs only, so that what it finds for one of them is read until there is enough.

import { setImmediate as nextTurn } from "node:timers/promises";
import { type Element, parse } from "ltx";
import type { ArchivedMessage, ArchivePage, ArchiveQuery, ArchiveStore } from "../../storage/store.ts";
import { Jid } from "../jid.ts";
import { attr } from "../stanza.ts";

const STEP = 100;

/**
 * As ArchiveStore.page, of the messages to or from a full JID. Others have their turn between every 100 messages read.
 * @param query its `with` is the bare JID of `resource`
 */
export async function scanPage(
  store: ArchiveStore,
  owner: string,
  query: ArchiveQuery,
  resource: Jid,
): Promise<ArchivePage | undefined> {
  // The owner's own devices stand in all messages, and not only in those to itself.
  const { with: contact, ...others } = query;
  const wanted = resource.bareString === owner || contact === undefined ? others : query;
  const { backward, limit } = query;
  let next: ArchiveQuery = { ...wanted, limit: STEP };
  let found: ArchivedMessage[] = [];
  for (;;) {
    const page = await store.page(owner, next);
    if (page === undefined) return undefined;
    const matching = page.messages.filter((message) => hasAddress(message, resource));
    found = backward ? [...matching, ...found] : [...found, ...matching];
    if (found.length > limit) {
      const begin = backward ? found.length - limit : 0;
      return { messages: found.slice(begin, begin + limit), complete: false };
    }
    const edge = page.messages.at(backward ? 0 : -1);
    if (page.complete || edge === undefined) return { messages: found, complete: true };
    next = { ...next, ...(backward ? { beforeId: edge.id } : { afterId: edge.id }) };
    await nextTurn();
  }
}

function hasAddress({ xml }: ArchivedMessage, wanted: Jid): boolean {
  // Of the stored text only the first tag is read; ">" does not stand in its attributes.
  const tag = xml.slice(0, xml.indexOf(">")).replace(/\/$/, "");
  const message = parse(`${tag}/>`) as Element;
  return ["from", "to"].some((name) => {
    const address = Jid.parse(attr(message, name) ?? "");
    return address.ok && address.value.equals(wanted);
  });
}
