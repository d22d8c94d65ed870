// What accounts say of themselves: vCards, private XML, last activity.

import { checkPrivateLimits, privateBytes } from "../bounds.ts";
import type { LastActivity, PrivateElement, ProfileStore } from "../store.ts";
import type { Run } from "./run.ts";
import { compareText, frozenCopy } from "./values.ts";

/** Profiles by owner; `erase` removes all of one, the others put a part in the place of what is there. */
export function memoryProfiles(run: Run): {
  readonly store: ProfileStore;
  readonly erase: (owner: string) => void;
  readonly fillVcard: (owner: string, xml: string) => void;
  readonly fillPrivateXml: (owner: string, elements: readonly PrivateElement[]) => void;
} {
  const vcards = new Map<string, string>();
  const privateXml = new Map<string, Map<string, PrivateElement>>();
  const activities = new Map<string, LastActivity>();

  function erase(owner: string): void {
    for (const map of [vcards, privateXml, activities]) map.delete(owner);
  }

  const store: ProfileStore = {
    vcard: (owner) => run(() => vcards.get(owner)),
    updateVcard: (owner, change) =>
      run(() => {
        const before = vcards.get(owner);
        const after = change(before);
        if (after === undefined) vcards.delete(owner);
        else vcards.set(owner, after);
        return { before, after };
      }),
    privateXml: (owner, ns, name) => run(() => privateXml.get(owner)?.get(keyOf({ ns, name }))?.xml),
    allPrivateXml: (owner) =>
      run(() => {
        const all = [...(privateXml.get(owner)?.values() ?? [])];
        return all.sort((a, b) => compareText(a.ns, b.ns) || compareText(a.name, b.name));
      }),
    setPrivateXml: (owner, elements, limits) =>
      run(() => {
        const before = privateXml.get(owner) ?? new Map<string, PrivateElement>();
        const after = new Map(before);
        for (const element of elements) {
          if (element.xml === "") after.delete(keyOf(element));
          else after.set(keyOf(element), frozenCopy(element));
        }
        checkPrivateLimits(owner, limits, total(before), total(after));
        privateXml.set(owner, after);
      }),
    lastActivity: (owner) => run(() => activities.get(owner)),
    setLastActivity: (owner, activity) => run(() => void activities.set(owner, frozenCopy(activity))),
    erase: (owner) => run(() => erase(owner)),
  };
  return {
    store,
    erase,
    fillVcard: (owner, xml) => void vcards.set(owner, xml),
    fillPrivateXml(owner, elements) {
      privateXml.set(owner, new Map(elements.map((element) => [keyOf(element), frozenCopy(element)])));
    },
  };
}

function keyOf({ ns, name }: Pick<PrivateElement, "ns" | "name">): string {
  return `${name} ${ns}`; // no name has a space in it
}

function total(elements: ReadonlyMap<string, PrivateElement>): { elements: number; bytes: number } {
  let bytes = 0;
  for (const element of elements.values()) bytes += privateBytes(element);
  return { elements: elements.size, bytes };
}
