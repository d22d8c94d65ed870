// Rosters, with the marks of removal that roster versioning needs (RFC 6121 section 2.6).

import { checkKey, checkRosterLimits, REMOVALS_KEPT } from "../bounds.ts";
import type { RosterItem, RosterStore } from "../store.ts";
import type { Run } from "./run.ts";
import { compareText, frozenCopy } from "./values.ts";

type Roster = {
  version: number;
  /** No changes can be told to a client whose version is below this. */
  pruned: number;
  items: Map<string, { version: number; item: RosterItem }>;
  /** Versions of removals by contact, oldest first. */
  removals: Map<string, number>;
};

/**
 * Rosters by owner; `erase` removes one, but lets no later roster have a version that it had. `fill` puts others in the
 * place of all items, which are then of one version; no change from an earlier one can be told.
 */
export function memoryRoster(run: Run): {
  readonly store: RosterStore;
  readonly erase: (owner: string) => void;
  readonly fill: (owner: string, items: readonly RosterItem[]) => void;
} {
  const rosters = new Map<string, Roster>();
  let floor = 0; // above every version of an erased roster

  function find(owner: string): Roster {
    return rosters.get(owner) ?? { version: floor, pruned: floor, items: new Map(), removals: new Map() };
  }

  const store: RosterStore = {
    load: (owner) =>
      run(() => {
        const { version, items } = find(owner);
        const sorted = [...items.values()].map(({ item }) => item).sort((a, b) => compareText(a.contact, b.contact));
        return { version, items: sorted };
      }),
    get: (owner, contact) => run(() => find(owner).items.get(contact)?.item),
    update: (owner, contact, change, limits) =>
      run(() => {
        const roster = find(owner);
        const before = roster.items.get(contact)?.item;
        const next = change(before);
        if (next === before) return { before, after: next, version: roster.version };
        if (next !== undefined) checkKey(contact, next.contact);
        if (next !== undefined && limits !== undefined) {
          const { items } = roster;
          checkRosterLimits(owner, limits, { before, after: next, total: items.size }, (inRoster) => {
            let count = 0;
            for (const { item } of items.values()) if (item.inRoster === inRoster) count += 1;
            return count;
          });
        }
        const after = frozenCopy(next);
        rosters.set(owner, roster);
        roster.version += 1;
        if (after === undefined) remove(roster, contact);
        else put(roster, after);
        return { before, after, version: roster.version };
      }),
    changesSince: (owner, since) =>
      run(() => {
        const { version, pruned, items, removals } = find(owner);
        if (!(since >= pruned && since <= version)) return undefined;
        const changed = [...items].map(([contact, entry]) => ({ contact, ...entry }));
        const removed = [...removals].map(([contact, at]) => ({ contact, version: at, item: undefined }));
        const changes = [...changed, ...removed].filter((entry) => entry.version > since);
        return { version, changes: changes.sort((a, b) => a.version - b.version) };
      }),
  };

  function erase(owner: string): void {
    const roster = rosters.get(owner);
    if (roster === undefined) return;
    floor = Math.max(floor, roster.version + 1);
    rosters.delete(owner);
  }

  function fill(owner: string, items: readonly RosterItem[]): void {
    const version = find(owner).version + 1;
    const entries = items.map((item) => [item.contact, { version, item: frozenCopy(item) }] as const);
    rosters.set(owner, { version, pruned: version, items: new Map(entries), removals: new Map() });
  }

  return { store, erase, fill };
}

function put(roster: Roster, item: RosterItem): void {
  roster.items.set(item.contact, { version: roster.version, item });
  roster.removals.delete(item.contact);
}

function remove(roster: Roster, contact: string): void {
  roster.items.delete(contact);
  roster.removals.set(contact, roster.version);
  if (roster.removals.size <= REMOVALS_KEPT) return;
  for (const [oldest, version] of roster.removals) {
    roster.removals.delete(oldest);
    roster.pruned = version;
    return;
  }
}
