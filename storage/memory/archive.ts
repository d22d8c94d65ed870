// Message archives (XEP-0313 version 1.1.3).

import { randomBytes } from "node:crypto";
import { pageRows, rows } from "../bounds.ts";
import type { ArchivedMessage, ArchivePage, ArchivePreferences, ArchiveQuery, ArchiveStore } from "../store.ts";
import type { Run } from "./run.ts";
import { frozenCopy } from "./values.ts";

type Archive = { readonly ids: Set<string>; readonly messages: ArchivedMessage[] };

/** Archives by owner; `erase` removes one with its preferences. */
export function memoryArchive(run: Run): { readonly store: ArchiveStore; readonly erase: (owner: string) => void } {
  const archives = new Map<string, Archive>();
  const preferences = new Map<string, ArchivePreferences>();
  let remains = 0; // messages of erased archives that `prune` has yet to count

  const messagesOf = (owner: string): readonly ArchivedMessage[] => archives.get(owner)?.messages ?? [];

  function append(message: ArchivedMessage): void {
    const archive: Archive = archives.get(message.owner) ?? { ids: new Set(), messages: [] };
    const at = Math.max(message.at, archive.messages.at(-1)?.at ?? message.at);
    archive.ids.add(message.id);
    archive.messages.push(frozenCopy({ ...message, at }));
    archives.set(message.owner, archive);
  }

  function cut(owner: string, { ids, messages }: Archive, amount: number): void {
    for (const { id } of messages.splice(0, amount)) ids.delete(id);
    if (messages.length === 0) archives.delete(owner);
  }

  function erase(owner: string): void {
    remains += messagesOf(owner).length;
    archives.delete(owner);
    preferences.delete(owner);
  }

  const store: ArchiveStore = {
    newId: () => randomBytes(16).toString("base64url"),
    add: (messages) =>
      run(() => {
        refuseKnown(messages, archives);
        messages.forEach(append);
      }),
    page: (owner, query) => run(() => pageOf(messagesOf(owner), query)),
    count: (owner, query, atMost) => run(() => Math.min(messagesOf(owner).filter(meets(query)).length, rows(atMost))),
    bounds: (owner) =>
      run(() => {
        const [first, last] = [messagesOf(owner)[0], messagesOf(owner).at(-1)];
        return first && last && { first: { id: first.id, at: first.at }, last: { id: last.id, at: last.at } };
      }),
    preferences: (owner) => run(() => preferences.get(owner)),
    setPreferences: (owner, next) => run(() => void preferences.set(owner, frozenCopy(next))),
    prune: (before, keepPerOwner, limit) =>
      run(() => {
        let removed = Math.min(remains, rows(limit));
        remains -= removed;
        for (const [owner, archive] of archives) {
          const { messages } = archive;
          const young = messages.findIndex(({ at }) => at >= before);
          const old = young < 0 ? messages.length : young;
          const amount = Math.min(Math.max(old, messages.length - rows(keepPerOwner)), rows(limit) - removed);
          cut(owner, archive, amount);
          removed += amount;
        }
        return removed;
      }),
    removeOwner: (owner) => run(() => erase(owner)),
    replace: (owner, id, xml) =>
      run(() => {
        const messages = archives.get(owner)?.messages ?? [];
        const place = messages.findIndex((message) => message.id === id);
        if (place < 0) return false;
        messages[place] = frozenCopy({ ...(messages[place] as ArchivedMessage), xml });
        return true;
      }),
  };
  return { store, erase };
}

/** Throws if an id is in its archive already, or twice in what is to be added. */
function refuseKnown(messages: readonly ArchivedMessage[], archives: ReadonlyMap<string, Archive>): void {
  const added = new Set<string>();
  for (const { owner, id } of messages) {
    const key = JSON.stringify([owner, id]);
    if (added.has(key) || archives.get(owner)?.ids.has(id)) {
      throw new Error(`${id} is in the archive of ${owner} already`);
    }
    added.add(key);
  }
}

function pageOf(archive: readonly ArchivedMessage[], query: ArchiveQuery): ArchivePage | undefined {
  const { afterId, beforeId, ids, backward } = query;
  const placeOf = new Map(archive.map(({ id }, place) => [id, place]));
  const after = afterId === undefined ? -1 : placeOf.get(afterId);
  const before = beforeId === undefined ? archive.length : placeOf.get(beforeId);
  if (after === undefined || before === undefined || ids?.some((id) => !placeOf.has(id))) return undefined;
  const matching = archive
    .slice(after + 1, before)
    .filter(meets(query))
    .filter(({ id }) => ids?.includes(id) ?? true);
  const limit = pageRows(query.limit);
  const begin = backward ? Math.max(0, matching.length - limit) : 0;
  return { messages: matching.slice(begin, begin + limit), complete: matching.length <= limit };
}

function meets(query: Pick<ArchiveQuery, "with" | "start" | "end">): (message: ArchivedMessage) => boolean {
  const { with: contact, start = Number.NEGATIVE_INFINITY, end = Number.POSITIVE_INFINITY } = query;
  return (message) => (contact === undefined || message.with === contact) && message.at >= start && message.at <= end;
}
