// Block lists (XEP-0191 version 1.3).

import { checkBlockList } from "../bounds.ts";
import type { BlockingStore } from "../store.ts";
import type { Run } from "./run.ts";
import { compareText } from "./values.ts";

/** Addresses by owner; `erase` removes all of one. */
export function memoryBlocking(run: Run): { readonly store: BlockingStore; readonly erase: (owner: string) => void } {
  const lists = new Map<string, Set<string>>();
  const store: BlockingStore = {
    list: (owner) => run(() => sorted(lists.get(owner))),
    add: (owner, addresses, limit) =>
      run(() => {
        const list = lists.get(owner) ?? new Set();
        const added = [...new Set(addresses)].filter((address) => !list.has(address));
        checkBlockList(owner, limit, list.size, added.length);
        for (const address of added) list.add(address);
        if (list.size > 0) lists.set(owner, list);
        return added;
      }),
    remove: (owner, addresses) =>
      run(() => {
        const list = lists.get(owner) ?? new Set();
        const removed = [...new Set(addresses)].filter((address) => list.delete(address));
        if (list.size === 0) lists.delete(owner);
        return removed;
      }),
    clear: (owner) =>
      run(() => {
        const removed = sorted(lists.get(owner));
        lists.delete(owner);
        return removed;
      }),
  };
  return { store, erase: (owner) => lists.delete(owner) };
}

function sorted(addresses: Iterable<string> = []): string[] {
  return [...addresses].sort(compareText);
}
