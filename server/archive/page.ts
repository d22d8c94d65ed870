// One page of an archive: from a query to messages, what is known of the rest, and no more than a client should be sent at
// once (XEP-0313 1.1.3 sections 4.1 and 4.3).

import type { ArchivedMessage, ArchivePage, ArchiveQuery, ArchiveStore } from "../../storage/store.ts";
import type { Filter } from "./query.ts";
import type { SetRequest } from "./rsm.ts";
import { scanPage } from "./scan.ts";
import { indexOf, sizeOf } from "./standing.ts";

export type AnsweredPage = {
  /** In the order of the archive. */
  readonly messages: readonly ArchivedMessage[];
  /** Nothing is left in the direction of paging. */
  readonly complete: boolean;
  /** How many messages match, and how many of them come before the page; undefined: that takes too long to find out. */
  readonly count: number | undefined;
  readonly index: number | undefined;
};

export type PageOrder = {
  readonly filter: Filter;
  readonly set: SetRequest & { readonly max: number };
  /** What the page may take of the client's outbox, with `overhead` for each message besides its own text. */
  readonly characters: number;
  readonly overhead: number;
};

/** Undefined: an id of the request is not in the archive (sections 4.1.3 and 4.3.2: item-not-found). */
export async function readPage(
  store: ArchiveStore,
  owner: string,
  order: PageOrder,
): Promise<AnsweredPage | undefined> {
  const { filter, set } = order;
  const query = await storeQuery(store, owner, filter, set);
  if (query === undefined) return undefined;
  const found =
    filter.with === undefined || filter.with.isBare
      ? await store.page(owner, query)
      : await scanPage(store, owner, query, filter.with);
  if (found === undefined) return undefined;
  const page = cut(found, order);
  const startsWhole = set.after === undefined && (set.backward ? page.complete : true);
  const isWhole = startsWhole && page.complete && set.before === undefined;
  const count = isWhole ? page.messages.length : await sizeOf(store, owner, filter);
  const index =
    startsWhole || page.messages[0] === undefined ? 0 : await indexOf(store, owner, filter, page.messages[0]);
  return { ...page, count, index };
}

// Undefined: an id is not in the archive.
async function storeQuery(
  store: ArchiveStore,
  owner: string,
  filter: Filter,
  set: SetRequest & { readonly max: number },
): Promise<ArchiveQuery | undefined> {
  const { with: contact, afterId, beforeId, ...rest } = filter;
  const after = await strictest(store, owner, afterId, set.after, "last");
  const before = await strictest(store, owner, beforeId, set.before, "first");
  if (after === "unknown" || before === "unknown") return undefined;
  return {
    ...rest,
    ...(contact === undefined ? {} : { with: contact.bareString }),
    ...(after === undefined ? {} : { afterId: after.id }),
    ...(before === undefined ? {} : { beforeId: before.id }),
    backward: set.backward,
    limit: set.max,
  };
}

// XEP-0313 section 9: the form bounds what matches, the set bounds the page; both hold.
async function strictest(
  store: ArchiveStore,
  owner: string,
  filterId: string | undefined,
  setId: string | undefined,
  which: "first" | "last",
): Promise<{ readonly id: string } | undefined | "unknown"> {
  const id = filterId ?? setId;
  if (id === undefined) return undefined;
  if (filterId === undefined || setId === undefined || filterId === setId) return { id };
  const both = await store.page(owner, { ids: [filterId, setId], backward: false, limit: 2 });
  return both?.messages.at(which === "first" ? 0 : -1) ?? "unknown";
}

// Section 4.3.1: the server may send less than was asked for. One message is always sent.
function cut({ messages, complete }: ArchivePage, { set, characters, overhead }: PageOrder): ArchivePage {
  let left = characters;
  let fitting = 0;
  for (; fitting < messages.length; fitting += 1) {
    const message = messages.at(set.backward ? -1 - fitting : fitting);
    left -= overhead + (message?.xml.length ?? 0);
    if (left < 0 && fitting > 0) break;
  }
  if (fitting === messages.length) return { messages, complete };
  const begin = set.backward ? messages.length - fitting : 0;
  return { messages: messages.slice(begin, begin + fitting), complete: false };
}
