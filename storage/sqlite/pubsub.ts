// Personal publish-subscribe nodes (XEP-0060): nodes, their items, and what an account has of both.

import type { Database } from "better-sqlite3";
import { checkPubsubQuota, pageRows, pubsubItemBytes } from "../bounds.ts";
import type { PubsubItem, PubsubNode, PubsubNodeState, PubsubQuota, PubsubStore } from "../store.ts";
import { pubsubItems } from "./pubsub-items.ts";
import type { Turn } from "./turn.ts";

type Row = Pick<PubsubNode, "owner" | "name" | "createdAt" | "config"> & {
  readonly number: number;
  readonly items: number;
  readonly affiliations: string;
  readonly subscriptions: string;
};
type Account = { readonly nodes: number; readonly bytes: number };

const SELECT =
  "SELECT number, owner, name, created_at AS createdAt, items, config, affiliations, subscriptions FROM pubsub_node";

/** The tables of nodes and items. */
export function sqlitePubsub(db: Database, turn: Turn): PubsubStore {
  const select = db.prepare<[string, string], Row>(`${SELECT} WHERE owner = ? AND name = ?`);
  const byNumber = db.prepare<[number], Row>(`${SELECT} WHERE number = ?`);
  const page = db.prepare<[string, string, number], Row>(
    `${SELECT} WHERE owner = ? AND name > ? ORDER BY name LIMIT ?`,
  );
  const names = db.prepare<[string], { readonly number: number; readonly name: string }>(
    "SELECT number, name FROM pubsub_node WHERE owner = ?",
  );
  const insert = db.prepare<[string, string, number, string, string, string]>(
    `INSERT INTO pubsub_node (owner, name, created_at, items, config, affiliations, subscriptions)
     VALUES (?, ?, ?, 0, ?, ?, ?)`,
  );
  const change = db.prepare<[string, string, string, number]>(
    "UPDATE pubsub_node SET config = ?, affiliations = ?, subscriptions = ? WHERE number = ?",
  );
  const setItems = db.prepare<[number, number]>("UPDATE pubsub_node SET items = ? WHERE number = ?");
  const removeNode = db.prepare<[number]>("DELETE FROM pubsub_node WHERE number = ?");
  const account = accountTotals(db);
  const items = pubsubItems(db);

  function create(owner: string, name: string, state: PubsubNodeState, at: number, quota: PubsubQuota): Row {
    const before = account.read(owner);
    const after = { ...before, nodes: before.nodes + 1 };
    checkPubsubQuota(owner, quota, before, after);
    insert.run(owner, name, at, ...columns(state));
    account.write(owner, after);
    return select.get(owner, name) as Row;
  }

  /** Items are gone or have come: the numbers follow. */
  function recount({ owner, number }: Row, count: number, bytes: number): void {
    setItems.run(count, number);
    if (bytes === 0) return;
    const before = account.read(owner);
    account.write(owner, { ...before, bytes: before.bytes + bytes });
  }

  function put(
    row: Row,
    item: PubsubItem,
    { keep, since, quota }: { keep: number; since: number; quota: PubsubQuota },
  ) {
    const old = items.remove(row.number, item.id);
    const expired = items.removeOlder(row.number, since);
    const left = row.items - expired.count - (old === undefined ? 0 : 1);
    const trimmed = items.removeOldest(row.number, left + 1 - keep);
    const freed = (old ?? 0) + expired.bytes + trimmed.bytes;
    const size = pubsubItemBytes(item);
    const before = account.read(row.owner);
    checkPubsubQuota(row.owner, quota, before, { ...before, bytes: before.bytes - freed + size });
    items.add(row.number, item, size);
    recount(row, left + 1 - trimmed.count, size - freed);
  }

  return {
    node: (owner, name) => turn.read(() => optionalNode(select.get(owner, name))),
    nodes: (owner, { after = "", limit }) => turn.read(() => page.all(owner, after, pageRows(limit)).map(toNode)),
    create: (owner, name, state, at, quota) =>
      turn.write(() => {
        if (select.get(owner, name) !== undefined) return false;
        create(owner, name, state, at, quota);
        return true;
      }),
    update: (owner, name, decide, keep) =>
      turn.write(() => {
        const row = select.get(owner, name);
        if (row === undefined) return undefined;
        const before = toNode(row);
        const next = decide(before);
        if (next === undefined || next === before) return { before, after: before };
        change.run(...columns(next), row.number);
        const trimmed = items.removeOldest(row.number, row.items - keep(next.config));
        if (trimmed.count > 0) recount(row, row.items - trimmed.count, -trimmed.bytes);
        return { before, after: toNode(select.get(owner, name) as Row) };
      }),
    remove: (owner, name) =>
      turn.write(() => {
        const row = select.get(owner, name);
        if (row === undefined) return undefined;
        const gone = items.removeAll(row.number);
        removeNode.run(row.number);
        const before = account.read(owner);
        account.write(owner, { nodes: before.nodes - 1, bytes: before.bytes - gone.bytes });
        return toNode(row);
      }),
    publish: (owner, name, decide, quota) =>
      turn.write(() => {
        const known = select.get(owner, name);
        const decision = decide(optionalNode(known));
        if (decision === undefined) return undefined;
        const { item, keep, since } = decision;
        const row = known ?? create(owner, name, decision.create, item?.at ?? since, quota);
        if (item !== undefined) put(row, item, { keep, since, quota });
        return { node: toNode(row), created: known === undefined };
      }),
    retract: (owner, name, id) =>
      turn.write(() => {
        const row = select.get(owner, name);
        const bytes = row && items.remove(row.number, id);
        if (row === undefined || bytes === undefined) return false;
        recount(row, row.items - 1, -bytes);
        return true;
      }),
    purge: (owner, name) =>
      turn.write(() => {
        const row = select.get(owner, name);
        if (row === undefined) return false;
        recount(row, 0, -items.removeAll(row.number).bytes);
        return true;
      }),
    items: (owner, name, query) =>
      turn.read(() => {
        const row = select.get(owner, name);
        return row && items.page(row.number, query);
      }),
    itemsById: (owner, name, ids) =>
      turn.read(() => {
        const row = select.get(owner, name);
        return row === undefined ? [] : ids.flatMap((id) => items.get(row.number, id) ?? []);
      }),
    count: (owner, name) => turn.read(() => select.get(owner, name)?.items ?? 0),
    lastItems: (owners, wanted) =>
      turn.read(() =>
        owners
          .flatMap((owner) => names.all(owner).filter(({ name }) => wanted.has(name)))
          .flatMap(({ number }) => {
            const item = items.last(number);
            const row = item && byNumber.get(number);
            return item === undefined || row === undefined ? [] : [{ node: toNode(row), item }];
          }),
      ),
  };
}

/** Removes all nodes of an owner. */
export function pubsubEraser(db: Database): (owner: string) => void {
  const statements = [
    "DELETE FROM pubsub_item WHERE node IN (SELECT number FROM pubsub_node WHERE owner = ?)",
    "DELETE FROM pubsub_node WHERE owner = ?",
    "DELETE FROM pubsub_account WHERE owner = ?",
  ].map((sql) => db.prepare<[string]>(sql));
  return (owner) => {
    for (const statement of statements) statement.run(owner);
  };
}

function accountTotals(db: Database) {
  const select = db.prepare<[string], Account>("SELECT nodes, bytes FROM pubsub_account WHERE owner = ?");
  const put = db.prepare<[string, number, number]>("INSERT OR REPLACE INTO pubsub_account VALUES (?, ?, ?)");
  const remove = db.prepare<[string]>("DELETE FROM pubsub_account WHERE owner = ?");
  return {
    read: (owner: string): Account => select.get(owner) ?? { nodes: 0, bytes: 0 },
    write(owner: string, { nodes, bytes }: Account): void {
      if (nodes === 0) remove.run(owner);
      else put.run(owner, nodes, bytes);
    },
  };
}

function columns({ config, affiliations, subscriptions }: PubsubNodeState): [string, string, string] {
  return [config, JSON.stringify(affiliations), JSON.stringify(subscriptions)];
}

function optionalNode(row: Row | undefined): PubsubNode | undefined {
  return row && toNode(row);
}

const NONE: readonly never[] = Object.freeze([]);

function toNode({ owner, name, createdAt, config, affiliations, subscriptions }: Row): PubsubNode {
  return {
    owner,
    name,
    createdAt,
    config,
    affiliations: affiliations === "[]" ? NONE : JSON.parse(affiliations),
    subscriptions: subscriptions === "[]" ? NONE : JSON.parse(subscriptions),
  };
}
