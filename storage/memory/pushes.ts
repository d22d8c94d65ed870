// Push services that accounts enabled (XEP-0357 version 0.4.1).

import type { PushService, PushStore } from "../store.ts";
import type { Run } from "./run.ts";
import { compareText, frozenCopy } from "./values.ts";

/** Services by owner; `erase` removes all of one. */
export function memoryPushes(run: Run): { readonly store: PushStore; readonly erase: (owner: string) => void } {
  const lists = new Map<string, readonly PushService[]>();
  const of = (owner: string): readonly PushService[] => lists.get(owner) ?? [];
  const store: PushStore = {
    list: (owner) => run(() => [...of(owner)]),
    put: (owner, service, most) =>
      run(() => {
        const others = of(owner).filter(({ jid, node }) => jid !== service.jid || node !== service.node);
        if (others.length === of(owner).length && others.length >= most) return false;
        lists.set(owner, [...others, frozenCopy(service)].sort(compareServices));
        return true;
      }),
    remove: (owner, jid, node) =>
      run(() => {
        const before = of(owner);
        const left = before.filter((one) => one.jid !== jid || (node !== undefined && one.node !== node));
        lists.set(owner, left);
        return before.length - left.length;
      }),
    erase: (owner) => run(() => void lists.delete(owner)),
  };
  return { store, erase: (owner) => lists.delete(owner) };
}

function compareServices(a: PushService, b: PushService): number {
  return compareText(a.jid, b.jid) || compareText(a.node, b.node);
}
