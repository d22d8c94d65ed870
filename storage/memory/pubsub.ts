// Personal publish-subscribe nodes (XEP-0060).

import { checkPubsubQuota, pageRows, pubsubItemBytes } from "../bounds.ts";
import type {
  AccountHoldings,
  PubsubItem,
  PubsubItemQuery,
  PubsubNode,
  PubsubNodeState,
  PubsubQuota,
  PubsubStore,
} from "../store.ts";
import type { Run } from "./run.ts";
import { compareText, frozenCopy } from "./values.ts";

/** Items in order of publication: a Map keeps that order, and an item published again is taken out first. */
type Held = { node: PubsubNode; readonly items: Map<string, PubsubItem>; bytes: number };
type Account = Map<string, Held>;

/** Nodes by owner and name; `erase` removes all of one owner, `fill` puts others in their place. */
export function memoryPubsub(run: Run): {
  readonly store: PubsubStore;
  readonly erase: (owner: string) => void;
  readonly fill: (owner: string, nodes: NonNullable<AccountHoldings["nodes"]>, at: number) => void;
} {
  const accounts = new Map<string, Account>();
  const find = (owner: string, name: string): Held | undefined => accounts.get(owner)?.get(name);

  function totals(owner: string): { nodes: number; bytes: number } {
    const nodes = [...(accounts.get(owner)?.values() ?? [])];
    return { nodes: nodes.length, bytes: nodes.reduce((sum, { bytes }) => sum + bytes, 0) };
  }

  function create(owner: string, name: string, state: PubsubNodeState, createdAt: number, quota: PubsubQuota): Held {
    const before = totals(owner);
    checkPubsubQuota(owner, quota, before, { ...before, nodes: before.nodes + 1 });
    return { node: frozenCopy({ ...pick(state), owner, name, createdAt }), items: new Map(), bytes: 0 };
  }

  function keepNode(held: Held): void {
    const { owner, name } = held.node;
    const account = accounts.get(owner) ?? new Map<string, Held>();
    accounts.set(owner, account.set(name, held));
  }

  function put(
    held: Held,
    item: PubsubItem,
    { since, keep, quota }: { since: number; keep: number; quota: PubsubQuota },
  ) {
    const going = leaving(held.items, item.id, since, keep);
    const freed = going.reduce((sum, id) => sum + pubsubItemBytes(held.items.get(id) as PubsubItem), 0);
    const size = pubsubItemBytes(item);
    const before = totals(held.node.owner);
    checkPubsubQuota(held.node.owner, quota, before, { ...before, bytes: before.bytes - freed + size });
    removeAll(held, going);
    held.items.set(item.id, frozenCopy(item));
    held.bytes += size;
  }

  const store: PubsubStore = {
    node: (owner, name) => run(() => find(owner, name)?.node),
    nodes: (owner, { after = "", limit }) =>
      run(() => {
        const all = [...(accounts.get(owner)?.values() ?? [])].map(({ node }) => node);
        all.sort((a, b) => compareText(a.name, b.name));
        return all.filter(({ name }) => compareText(name, after) > 0).slice(0, pageRows(limit));
      }),
    create: (owner, name, state, at, quota) =>
      run(() => {
        if (find(owner, name) !== undefined) return false;
        keepNode(create(owner, name, state, at, quota));
        return true;
      }),
    update: (owner, name, change, keep) =>
      run(() => {
        const held = find(owner, name);
        if (held === undefined) return undefined;
        const before = held.node;
        const next = change(before);
        if (next === undefined || next === before) return { before, after: before };
        held.node = frozenCopy({ ...before, ...pick(next) });
        removeAll(held, beyond(held.items, keep(next.config)));
        return { before, after: held.node };
      }),
    remove: (owner, name) =>
      run(() => {
        const held = find(owner, name);
        accounts.get(owner)?.delete(name);
        return held?.node;
      }),
    publish: (owner, name, decide, quota) =>
      run(() => {
        const known = find(owner, name);
        const decision = decide(known?.node);
        if (decision === undefined) return undefined;
        const { item, since, keep } = decision;
        const held = known ?? create(owner, name, decision.create, item?.at ?? since, quota);
        if (item !== undefined) put(held, item, { since, keep, quota });
        if (known === undefined) keepNode(held);
        return { node: held.node, created: known === undefined };
      }),
    retract: (owner, name, id) =>
      run(() => {
        const held = find(owner, name);
        if (!held?.items.has(id)) return false;
        removeAll(held, [id]);
        return true;
      }),
    purge: (owner, name) =>
      run(() => {
        const held = find(owner, name);
        if (held !== undefined) removeAll(held, [...held.items.keys()]);
        return held !== undefined;
      }),
    items: (owner, name, query) =>
      run(() => {
        const held = find(owner, name);
        return held && pageOf([...held.items.values()], query);
      }),
    itemsById: (owner, name, ids) => run(() => ids.flatMap((id) => find(owner, name)?.items.get(id) ?? [])),
    count: (owner, name) => run(() => find(owner, name)?.items.size ?? 0),
    lastItems: (owners, names) =>
      run(() =>
        owners
          .flatMap((owner) => [...(accounts.get(owner)?.values() ?? [])])
          .filter(({ node }) => names.has(node.name))
          .flatMap(({ node, items }) => {
            const item = [...items.values()].at(-1);
            return item === undefined ? [] : [{ node, item }];
          }),
      ),
  };
  function fill(owner: string, nodes: NonNullable<AccountHoldings["nodes"]>, createdAt: number): void {
    accounts.delete(owner);
    for (const { name, items, ...state } of nodes) {
      keepNode({
        node: frozenCopy({ ...pick(state), owner, name, createdAt }),
        items: new Map(items.map((item) => [item.id, frozenCopy(item)])),
        bytes: items.reduce((sum, item) => sum + pubsubItemBytes(item), 0),
      });
    }
  }

  return { store, erase: (owner) => accounts.delete(owner), fill };
}

function pick({ config, affiliations, subscriptions }: PubsubNodeState): PubsubNodeState {
  return { config, affiliations, subscriptions };
}

/** Ids of the items that a new one replaces, that are too old, or that are too many beside it. */
function leaving(items: ReadonlyMap<string, PubsubItem>, id: string, since: number, keep: number): string[] {
  const going = items.has(id) ? [id] : [];
  let old = true;
  for (const [other, { at }] of items) {
    if (other === id) continue;
    old &&= at < since;
    if (!old && items.size - going.length + 1 <= keep) break;
    going.push(other);
  }
  return going;
}

/** Ids of the oldest items, so that no more than `keep` stay. */
function beyond(items: ReadonlyMap<string, PubsubItem>, keep: number): string[] {
  return [...items.keys()].slice(0, Math.max(0, items.size - keep));
}

function removeAll(held: Held, ids: readonly string[]): void {
  for (const id of ids) {
    const item = held.items.get(id);
    if (item === undefined || !held.items.delete(id)) continue;
    held.bytes -= pubsubItemBytes(item);
  }
}

function pageOf(all: readonly PubsubItem[], query: PubsubItemQuery): PubsubItem[] | undefined {
  const { afterId, beforeId, since, backward, limit } = query;
  const after = afterId === undefined ? -1 : all.findIndex(({ id }) => id === afterId);
  const before = beforeId === undefined ? all.length : all.findIndex(({ id }) => id === beforeId);
  if ((afterId !== undefined && after < 0) || before < 0) return undefined;
  const matching = all.slice(after + 1, before).filter(({ at }) => at >= since);
  const most = pageRows(limit);
  return backward ? matching.slice(Math.max(0, matching.length - most)) : matching.slice(0, most);
}
