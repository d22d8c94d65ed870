// Relations between presentities and XMPP users: authorisation, watch and CPP subscription.

import { checkKey } from "../bounds.ts";
import type { GatewayEvent, GatewayStore, NewGatewayEvent, Relation } from "../store.ts";
import type { Run } from "./run.ts";
import { compareText, frozenCopy } from "./values.ts";

type Relations = Pick<
  GatewayStore,
  | "getRelation"
  | "updateRelation"
  | "listRelations"
  | "listRelationsOfUser"
  | "expiredSubscriptions"
  | "openSubscriptions"
>;

/** @param append adds an event to the log */
export function memoryRelations(
  run: Run,
  append: (event: NewGatewayEvent) => GatewayEvent,
): { readonly store: Relations; readonly erase: (presentity: string) => void } {
  /** By presentity, then user. */
  const relations = new Map<string, Map<string, Relation>>();

  function all(): Relation[] {
    return [...relations.values()].flatMap((ofPresentity) => [...ofPresentity.values()]);
  }

  function put(relation: Relation): void {
    const ofPresentity = relations.get(relation.presentity) ?? new Map<string, Relation>();
    relations.set(relation.presentity, ofPresentity.set(relation.user, relation));
  }

  function remove(presentity: string, user: string): void {
    const ofPresentity = relations.get(presentity);
    ofPresentity?.delete(user);
    if (ofPresentity?.size === 0) relations.delete(presentity);
  }

  const store: Relations = {
    getRelation: (presentity, user) => run(() => relations.get(presentity)?.get(user)),
    updateRelation: (presentity, user, change) =>
      run(() => {
        const before = relations.get(presentity)?.get(user);
        const { next, events = [] } = change(before);
        if (next !== undefined && next !== before) {
          checkKey(presentity, next.presentity);
          checkKey(user, next.user);
        }
        const after = next === before ? before : frozenCopy(next);
        if (after === undefined) remove(presentity, user);
        else put(after);
        return { before, after, events: events.map(append) };
      }),
    listRelations: (presentity) =>
      run(() => [...(relations.get(presentity)?.values() ?? [])].sort((a, b) => compareText(a.user, b.user))),
    listRelationsOfUser: (user) =>
      run(() => {
        const found = [...relations.values()].flatMap((ofPresentity) => ofPresentity.get(user) ?? []);
        return found.sort((a, b) => compareText(a.presentity, b.presentity));
      }),
    openSubscriptions: () =>
      run(() => {
        return all()
          .filter(({ subscription }) => subscription?.lastOpen)
          .sort(compareKeys);
      }),
    expiredSubscriptions: (now) =>
      run(() => {
        const ends = all().flatMap(withEnd);
        ends.sort((a, b) => a.end - b.end || compareKeys(a.relation, b.relation));
        return {
          relations: ends.filter(({ end }) => end <= now).map(({ relation }) => relation),
          next: ends.find(({ end }) => end > now)?.end ?? null,
        };
      }),
  };
  return { store, erase: (presentity) => relations.delete(presentity) };
}

function withEnd(relation: Relation): { relation: Relation; end: number }[] {
  const end = relation.subscription?.until ?? null;
  return end === null ? [] : [{ relation, end }];
}

function compareKeys(a: Relation, b: Relation): number {
  return compareText(a.presentity, b.presentity) || compareText(a.user, b.user);
}
