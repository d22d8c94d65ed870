// Offline messages (XEP-0160 version 1.0.1).

import { rows } from "../bounds.ts";
import { inOrder } from "../offline-order.ts";
import type { OfflineMessage, OfflineStore } from "../store.ts";
import type { Run } from "./run.ts";

/** Messages by owner; `erase` removes all of one, `fill` puts others in their place. */
export function memoryOffline(run: Run): {
  readonly store: OfflineStore;
  readonly erase: (owner: string) => void;
  readonly fill: (owner: string, messages: readonly Omit<OfflineMessage, "id">[]) => void;
} {
  const boxes = new Map<string, OfflineMessage[]>();
  let lastId = 0;
  const store: OfflineStore = {
    add: (owner, xml, at, quota) =>
      run(() => {
        const box = boxes.get(owner) ?? [];
        if (box.length >= quota) return false;
        lastId += 1;
        box.push(Object.freeze({ id: lastId, xml, at }));
        boxes.set(owner, box);
        return true;
      }),
    load: (owner, afterId, limit) =>
      run(() => (boxes.get(owner) ?? []).filter(({ id }) => id > afterId).slice(0, rows(limit))),
    removeUpTo: (owner, upTo) =>
      run(() => {
        const left = (boxes.get(owner) ?? []).filter(({ id }) => id > upTo);
        if (left.length > 0) boxes.set(owner, left);
        else boxes.delete(owner);
      }),
    remove: (owner, ids) =>
      run(() => {
        const box = boxes.get(owner) ?? [];
        const going = new Set(ids);
        const left = box.filter(({ id }) => !going.has(id));
        if (box.length - left.length !== going.size) return false;
        if (left.length > 0) boxes.set(owner, left);
        else boxes.delete(owner);
        return true;
      }),
    sort: (owner, added) =>
      run(() => {
        const sorted = inOrder(boxes.get(owner) ?? [], added);
        if (sorted === undefined) return;
        const renumbered = sorted.map(({ xml, at }) => {
          lastId += 1;
          return Object.freeze({ id: lastId, xml, at });
        });
        boxes.set(owner, renumbered);
      }),
    count: (owner) => run(() => boxes.get(owner)?.length ?? 0),
  };
  function fill(owner: string, messages: readonly Omit<OfflineMessage, "id">[]): void {
    boxes.delete(owner);
    for (const { xml, at } of messages) void store.add(owner, xml, at, Number.POSITIVE_INFINITY);
  }

  return { store, erase: (owner) => boxes.delete(owner), fill };
}
