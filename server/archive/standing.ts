// How many messages match a query, and how many of them come before one of its messages (XEP-0059 1.0 section 2.2: count
// and index). The store counts by time; messages of the same moment are counted one by one.

import type { ArchiveBound, ArchivedMessage, ArchiveStore } from "../../storage/store.ts";
import type { Filter } from "./query.ts";

/** Messages with one contact are not counted any further: each costs a step. All messages together cost nothing. */
export const COUNTED_WITH_CONTACT = 10_000;
const PAGE = 100;

/** Undefined: too many to count. A number that reaches COUNTED_WITH_CONTACT may be an understatement of all with one. */
export async function sizeOf(store: ArchiveStore, owner: string, filter: Filter): Promise<number | undefined> {
  if (isScanned(filter)) return undefined;
  if (filter.ids !== undefined) return (await namedOf(store, owner, filter)).length;
  if (filter.afterId === undefined && filter.beforeId === undefined)
    return countUntil(store, owner, filter, filter.end);
  const from = await positionAfter(store, owner, filter);
  const to =
    filter.beforeId === undefined
      ? exact(filter, await countUntil(store, owner, filter, filter.end))
      : await positionOf(store, owner, filter, filter.beforeId);
  return from === undefined || to === undefined ? undefined : Math.max(0, to - from);
}

/** How many that match come before a message that does. Undefined: too many to count. */
export async function indexOf(
  store: ArchiveStore,
  owner: string,
  filter: Filter,
  message: ArchivedMessage,
): Promise<number | undefined> {
  if (isScanned(filter)) return undefined;
  if (filter.ids !== undefined) {
    return (await namedOf(store, owner, filter)).findIndex(({ id }) => id === message.id);
  }
  const from = await positionAfter(store, owner, filter);
  const at = await countBefore(store, owner, filter, message);
  return from === undefined || at === undefined ? undefined : at - from;
}

// A full JID: scan.ts.
function isScanned({ with: contact }: Filter): boolean {
  return contact !== undefined && !contact.isBare;
}

async function namedOf(store: ArchiveStore, owner: string, filter: Filter): Promise<readonly ArchivedMessage[]> {
  const { with: contact, ...rest } = filter;
  const query = { ...rest, ...(contact === undefined ? {} : { with: contact.bareString }) };
  return (await store.page(owner, { ...query, backward: false, limit: PAGE }))?.messages ?? [];
}

// Where the messages behind afterId begin, among all that match without the ids.
async function positionAfter(store: ArchiveStore, owner: string, filter: Filter): Promise<number | undefined> {
  if (filter.afterId === undefined) return 0;
  const after = await messageOf(store, owner, filter.afterId);
  const before = after && (await countBefore(store, owner, filter, after));
  return before === undefined || after === undefined ? undefined : before + (isAmong(filter, after) ? 1 : 0);
}

async function positionOf(store: ArchiveStore, owner: string, filter: Filter, id: string): Promise<number | undefined> {
  const message = await messageOf(store, owner, id);
  return message && countBefore(store, owner, filter, message);
}

async function messageOf(store: ArchiveStore, owner: string, id: string): Promise<ArchivedMessage | undefined> {
  return (await store.page(owner, { ids: [id], backward: false, limit: 1 }))?.messages[0];
}

function isAmong(
  { with: contact, start = 0, end = Number.POSITIVE_INFINITY }: Filter,
  message: ArchivedMessage,
): boolean {
  return (contact === undefined || contact.bareString === message.with) && message.at >= start && message.at <= end;
}

// The ids of the filter left out of account.
async function countBefore(
  store: ArchiveStore,
  owner: string,
  filter: Filter,
  { id, at }: ArchiveBound,
): Promise<number | undefined> {
  const { start = 0, end = Number.POSITIVE_INFINITY } = filter;
  // Messages are stored by a clock of whole milliseconds.
  const earlier = exact(filter, await countUntil(store, owner, filter, Math.min(end, at - 1)));
  const atOnce = await store.page(owner, {
    ...contactOf(filter),
    start: Math.max(start, at),
    end: Math.min(end, at),
    beforeId: id,
    backward: false,
    limit: PAGE,
  });
  if (earlier === undefined || atOnce === undefined || !atOnce.complete) return undefined;
  return earlier + atOnce.messages.length;
}

function countUntil(store: ArchiveStore, owner: string, filter: Filter, end: number | undefined): Promise<number> {
  const query = {
    ...contactOf(filter),
    ...(filter.start === undefined ? {} : { start: filter.start }),
    ...(end === undefined ? {} : { end }),
  };
  return store.count(owner, query, mostOf(filter));
}

function contactOf({ with: contact }: Filter): { with?: string } {
  return contact === undefined ? {} : { with: contact.bareString };
}

function mostOf(filter: Filter): number {
  return filter.with === undefined ? Number.MAX_SAFE_INTEGER : COUNTED_WITH_CONTACT;
}

function exact(filter: Filter, count: number): number | undefined {
  return count < mostOf(filter) ? count : undefined;
}
