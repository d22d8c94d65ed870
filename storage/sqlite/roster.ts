// Rosters, with the marks of removal that roster versioning needs (RFC 6121 section 2.6).

import type { Database } from "better-sqlite3";
import { checkKey, checkRosterLimits, REMOVALS_KEPT } from "../bounds.ts";
import type { RosterItem, RosterStore, SubscriptionState } from "../store.ts";
import type { Turn } from "./turn.ts";

type ItemRow = {
  readonly contact: string;
  readonly inRoster: number;
  readonly name: string;
  readonly groupNames: string;
  readonly state: SubscriptionState;
  readonly approved: number;
  readonly pendingSubscribe: string;
};
type Header = { readonly version: number; readonly items: number; readonly pruned: number };

const COLUMNS = `contact, in_roster AS inRoster, name, group_names AS groupNames, state, approved,
  pending_subscribe AS pendingSubscribe`;

/** The roster tables. */
export function sqliteRoster(db: Database, turn: Turn): RosterStore {
  const header = rosterHeader(db);
  const selectItems = db.prepare<[string], ItemRow>(
    `SELECT ${COLUMNS} FROM roster_item WHERE owner = ? ORDER BY contact`,
  );
  const selectItem = db.prepare<[string, string], ItemRow>(
    `SELECT ${COLUMNS} FROM roster_item WHERE owner = ? AND contact = ?`,
  );
  const changedItems = db.prepare<[string, number], ItemRow & { version: number }>(
    `SELECT ${COLUMNS}, version FROM roster_item WHERE owner = ? AND version > ?`,
  );
  const removedItems = db.prepare<[string, number], { contact: string; version: number }>(
    "SELECT contact, version FROM roster_removal WHERE owner = ? AND version > ?",
  );
  const insertItem = db.prepare<[string, string, number, number, string, string, string, number, string]>(
    "INSERT INTO roster_item VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
  );
  const updateItem = db.prepare<[number, number, string, string, string, number, string, string, string]>(
    `UPDATE roster_item SET version = ?, in_roster = ?, name = ?, group_names = ?, state = ?, approved = ?,
     pending_subscribe = ? WHERE owner = ? AND contact = ?`,
  );
  const deleteItem = db.prepare<[string, string]>("DELETE FROM roster_item WHERE owner = ? AND contact = ?");
  const countItems = db
    .prepare<[string, number], number>("SELECT count(*) FROM roster_item WHERE owner = ? AND in_roster = ?")
    .pluck();
  const removals = rosterRemovals(db);

  function put(owner: string, item: RosterItem, version: number, isNew: boolean): void {
    const inRoster = item.inRoster ? 1 : 0;
    const groups = item.groups.length === 0 ? "[]" : JSON.stringify(item.groups);
    const approved = item.approved ? 1 : 0;
    const { contact, name, state, pendingSubscribe } = item;
    if (isNew) {
      insertItem.run(owner, contact, version, inRoster, name, groups, state, approved, pendingSubscribe);
      removals.forget(owner, contact);
    } else {
      updateItem.run(version, inRoster, name, groups, state, approved, pendingSubscribe, owner, contact);
    }
  }

  return {
    // The version is read first: if the command line writes in between, a client is told something twice, never not at all.
    load: (owner) =>
      turn.read(() => ({ version: header.read(owner).version, items: selectItems.all(owner).map(toItem) })),
    get: (owner, contact) => turn.read(() => optionalItem(selectItem.get(owner, contact))),
    update: (owner, contact, change, limits) =>
      turn.write(() => {
        const before = optionalItem(selectItem.get(owner, contact));
        const after = change(before);
        const { version: current, items } = header.read(owner);
        if (after === before) return { before, after, version: current };
        const version = current + 1;
        if (after === undefined) {
          deleteItem.run(owner, contact);
          header.write(owner, version, items - 1);
          removals.add(owner, contact, version);
        } else {
          checkKey(contact, after.contact);
          if (limits !== undefined) {
            checkRosterLimits(
              owner,
              limits,
              { before, after, total: items },
              (inRoster) => countItems.get(owner, inRoster ? 1 : 0) ?? 0,
            );
          }
          put(owner, after, version, before === undefined);
          header.write(owner, version, before === undefined ? items + 1 : items);
        }
        return { before, after, version };
      }),
    changesSince: (owner, since) =>
      turn.read(() => {
        const { version, pruned } = header.read(owner);
        if (!(since >= pruned && since <= version)) return undefined;
        const changed = changedItems.all(owner, since).map((row) => ({ ...stamp(row), item: toItem(row) }));
        const removed = removedItems.all(owner, since).map((row) => ({ ...stamp(row), item: undefined }));
        return { version, changes: [...changed, ...removed].sort((a, b) => a.version - b.version) };
      }),
  };
}

/** Version and size of a roster. One that was never touched has the floor for a version. */
function rosterHeader(db: Database) {
  const select = db.prepare<[string], Header>("SELECT version, items, pruned FROM roster WHERE owner = ?");
  const untouched = db.prepare<[], Header>("SELECT version, 0 AS items, version AS pruned FROM roster_floor");
  const update = db.prepare<[number, number, string]>("UPDATE roster SET version = ?, items = ? WHERE owner = ?");
  const insert = db.prepare<[string, number, number]>("INSERT INTO roster SELECT ?, ?, ?, version FROM roster_floor");
  return {
    read: (owner: string): Header => select.get(owner) ?? untouched.get() ?? { version: 0, items: 0, pruned: 0 },
    write(owner: string, version: number, items: number): void {
      if (update.run(version, items, owner).changes === 0) insert.run(owner, version, items);
    },
  };
}

function rosterRemovals(db: Database) {
  const insert = db.prepare<[string, string, number]>("INSERT INTO roster_removal VALUES (?, ?, ?)");
  const remove = db.prepare<[string, string]>("DELETE FROM roster_removal WHERE owner = ? AND contact = ?");
  const oldest = db
    .prepare<[string], number>(
      `SELECT version FROM roster_removal WHERE owner = ? ORDER BY version DESC LIMIT 1 OFFSET ${REMOVALS_KEPT}`,
    )
    .pluck();
  const prune = db.prepare<[string, number]>("DELETE FROM roster_removal WHERE owner = ? AND version <= ?");
  const notePruned = db.prepare<[number, string]>("UPDATE roster SET pruned = ? WHERE owner = ?");
  return {
    add(owner: string, contact: string, version: number): void {
      insert.run(owner, contact, version);
      const upTo = oldest.get(owner);
      if (upTo === undefined) return;
      prune.run(owner, upTo);
      notePruned.run(upTo, owner);
    },
    forget: (owner: string, contact: string) => remove.run(owner, contact),
  };
}

/** Removes all that is known of an owner's roster, but lets no later roster have a version that it had. */
export function rosterEraser(db: Database): (owner: string) => void {
  const raiseFloor = db.prepare<[string]>(
    `UPDATE roster_floor SET version = max(version, 1 + coalesce((SELECT version FROM roster WHERE owner = ?), -1))`,
  );
  const statements = ["roster", "roster_item", "roster_removal"].map((table) =>
    db.prepare<[string]>(`DELETE FROM ${table} WHERE owner = ?`),
  );
  return (owner) => {
    for (const statement of [raiseFloor, ...statements]) statement.run(owner);
  };
}

function stamp({ contact, version }: { contact: string; version: number }) {
  return { contact, version };
}

function optionalItem(row: ItemRow | undefined): RosterItem | undefined {
  return row && toItem(row);
}

const NO_GROUPS: readonly string[] = Object.freeze([]);

const states = new Map<string, SubscriptionState>();

// One string for each state, where each row brings one of its own: rosters stay in memory.
function stateOf(text: SubscriptionState): SubscriptionState {
  const known = states.get(text);
  if (known !== undefined) return known;
  states.set(text, text);
  return text;
}

function toItem(row: ItemRow): RosterItem {
  return {
    contact: row.contact,
    inRoster: row.inRoster === 1,
    name: row.name,
    groups: row.groupNames === "[]" ? NO_GROUPS : JSON.parse(row.groupNames),
    state: stateOf(row.state),
    approved: row.approved === 1,
    pendingSubscribe: row.pendingSubscribe,
  };
}
