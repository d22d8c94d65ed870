// Fills an account in one step: what an import brings. Each part takes the place of all that is there, so that this needs
// no more than one statement for a row.

import type { Database } from "better-sqlite3";
import { checkPubsubQuota, privateBytes, pubsubItemBytes } from "../bounds.ts";
import type { AccountHoldings, PubsubQuota } from "../store.ts";
import { pubsubEraser } from "./pubsub.ts";

type Part<Name extends keyof AccountHoldings> = NonNullable<AccountHoldings[Name]>;

/**
 * Runs inside an operation; throws StoreLimitError.
 * @param offline fills the offline store: sqliteOffline's
 * @returns its `at` is when nodes were made
 */
export function holdingsFiller(
  db: Database,
  offline: (owner: string, messages: Part<"offline">) => void,
): (owner: string, holdings: AccountHoldings, at: number, quota: PubsubQuota) => void {
  const roster = rosterFiller(db);
  const vcard = vcardFiller(db);
  const privateXml = privateXmlFiller(db);
  const nodes = nodeFiller(db);
  return (owner, holdings, at, quota) => {
    if (holdings.roster !== undefined) roster(owner, holdings.roster);
    if (holdings.offline !== undefined) offline(owner, holdings.offline);
    if (holdings.vcard !== undefined) vcard.run(owner, holdings.vcard);
    if (holdings.privateXml !== undefined) privateXml(owner, holdings.privateXml);
    if (holdings.nodes !== undefined) nodes(owner, holdings.nodes, at, quota);
  };
}

/** All items are of one version, and no change from an earlier one can be told. */
function rosterFiller(db: Database): (owner: string, items: Part<"roster">) => void {
  const version = db
    .prepare<[string], number>(
      "SELECT coalesce((SELECT version FROM roster WHERE owner = ?), version) FROM roster_floor",
    )
    .pluck();
  const header = db.prepare<[string, number, number, number]>("INSERT OR REPLACE INTO roster VALUES (?, ?, ?, ?)");
  const statements = ["roster_item", "roster_removal"].map((table) =>
    db.prepare<[string]>(`DELETE FROM ${table} WHERE owner = ?`),
  );
  const insert = db.prepare<[string, string, number, number, string, string, string, number, string]>(
    "INSERT INTO roster_item VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
  );
  return (owner, items) => {
    const next = (version.get(owner) ?? 0) + 1;
    for (const statement of statements) statement.run(owner);
    header.run(owner, next, items.length, next);
    for (const { contact, inRoster, name, groups, state, approved, pendingSubscribe } of items) {
      const groupNames = groups.length === 0 ? "[]" : JSON.stringify(groups);
      insert.run(owner, contact, next, inRoster ? 1 : 0, name, groupNames, state, approved ? 1 : 0, pendingSubscribe);
    }
  };
}

function vcardFiller(db: Database) {
  return db.prepare<[string, string]>(
    "INSERT INTO vcard (owner, xml) VALUES (?, ?) ON CONFLICT (owner) DO UPDATE SET xml = excluded.xml",
  );
}

function privateXmlFiller(db: Database): (owner: string, elements: Part<"privateXml">) => void {
  const erase = db.prepare<[string]>("DELETE FROM private_xml WHERE owner = ?");
  const insert = db.prepare<[string, string, string, number, string]>(
    "INSERT INTO private_xml (owner, ns, name, bytes, xml) VALUES (?, ?, ?, ?, ?)",
  );
  return (owner, elements) => {
    erase.run(owner);
    for (const element of elements) insert.run(owner, element.ns, element.name, privateBytes(element), element.xml);
  };
}

function nodeFiller(db: Database): (owner: string, nodes: Part<"nodes">, at: number, quota: PubsubQuota) => void {
  const erase = pubsubEraser(db);
  const total = db.prepare<[string, number, number]>("INSERT INTO pubsub_account VALUES (?, ?, ?)");
  const insertNode = db.prepare<[string, string, number, number, string, string, string]>(
    `INSERT INTO pubsub_node (owner, name, created_at, items, config, affiliations, subscriptions)
     VALUES (?, ?, ?, ?, ?, ?, ?)`,
  );
  const insertItem = db.prepare<[number | bigint, string, string, number, number, string]>(
    "INSERT INTO pubsub_item (node, id, publisher, at, bytes, xml) VALUES (?, ?, ?, ?, ?, ?)",
  );
  return (owner, nodes, at, quota) => {
    erase(owner);
    const bytes = nodes.flatMap(({ items }) => items).reduce((sum, item) => sum + pubsubItemBytes(item), 0);
    checkPubsubQuota(owner, quota, { nodes: 0, bytes: 0 }, { nodes: nodes.length, bytes });
    if (nodes.length > 0) total.run(owner, nodes.length, bytes);
    for (const { name, config, affiliations, subscriptions, items } of nodes) {
      const lists = [JSON.stringify(affiliations), JSON.stringify(subscriptions)] as const;
      const { lastInsertRowid } = insertNode.run(owner, name, at, items.length, config, ...lists);
      for (const item of items) {
        insertItem.run(lastInsertRowid, item.id, item.publisher, item.at, pubsubItemBytes(item), item.xml);
      }
    }
  };
}
