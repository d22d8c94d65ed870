// Offline messages (XEP-0160 version 1.0.1).

import type { Database } from "better-sqlite3";
import { rows } from "../bounds.ts";
import { inOrder } from "../offline-order.ts";
import type { EpochMs, OfflineMessage, OfflineStore } from "../store.ts";
import { type Box, OfflineBoxes } from "./offline-boxes.ts";
import type { Turn } from "./turn.ts";

/** The tables of offline messages. */
export type OfflineTables = {
  readonly store: OfflineStore;
  /** Removes all messages of an owner. Like the next, within an operation. */
  readonly erase: (owner: string) => void;
  /** Puts these, the oldest first, in the place of an owner's. */
  readonly fill: (owner: string, messages: readonly Omit<OfflineMessage, "id">[]) => void;
};

export function sqliteOffline(db: Database, turn: Turn): OfflineTables {
  const boxes = new OfflineBoxes(db, turn);
  const insert = db.prepare<[number, number, number, string]>("INSERT INTO offline_message VALUES (?, ?, ?, ?)");
  const select = db.prepare<[number, number, number], OfflineMessage>(
    "SELECT id, xml, at FROM offline_message WHERE box = ? AND id > ? ORDER BY id LIMIT ?",
  );
  const removeAll = db.prepare<[number]>("DELETE FROM offline_message WHERE box = ?");
  const removeUpTo = db.prepare<[number, number]>("DELETE FROM offline_message WHERE box = ? AND id <= ?");
  const has = db.prepare<[number, number], number>("SELECT 1 FROM offline_message WHERE id = ? AND box = ?").pluck();
  const removeOne = db.prepare<[number]>("DELETE FROM offline_message WHERE id = ?");
  const times = db.prepare<[number], { id: number; at: number }>(
    "SELECT id, at FROM offline_message WHERE box = ? ORDER BY id",
  );
  const renumber = db.prepare<[number, number]>("UPDATE offline_message SET id = ? WHERE id = ?");
  const removeBox = db.prepare<[number]>("DELETE FROM offline_box WHERE number = ?");

  function erase(owner: string): void {
    const number = boxes.numberOf(owner);
    if (number === undefined) return;
    removeAll.run(number);
    removeBox.run(number);
    boxes.forget(owner);
  }

  function put(box: Box, at: EpochMs, xml: string): void {
    insert.run(boxes.nextId(), box.number, at, xml);
    box.messages += 1;
  }

  function fill(owner: string, messages: readonly Omit<OfflineMessage, "id">[]): void {
    erase(owner);
    if (messages.length === 0) return;
    const box = boxes.begin(owner);
    for (const { at, xml } of messages) put(box, at, xml);
  }

  const store: OfflineStore = {
    add: (owner, xml, at, quota) =>
      turn.step(() => {
        const known = boxes.of(owner);
        if ((known?.messages ?? 0) >= quota) return false;
        put(known ?? boxes.begin(owner), at, xml);
        return true;
      }),
    load: (owner, afterId, limit) =>
      turn.read(() => {
        const box = boxes.numberOf(owner);
        return box === undefined ? [] : select.all(box, afterId, rows(limit));
      }),
    removeUpTo: (owner, id) =>
      turn.step(() => {
        const box = boxes.of(owner);
        if (box !== undefined) box.messages -= removeUpTo.run(box.number, id).changes;
      }),
    remove: (owner, ids) =>
      turn.step(() => {
        const going = new Set(ids);
        if (going.size === 0) return true;
        const box = boxes.of(owner);
        if (box === undefined) return false;
        for (const id of going) if (has.get(id, box.number) === undefined) return false;
        for (const id of going) removeOne.run(id);
        box.messages -= going.size;
        return true;
      }),
    sort: (owner, added) =>
      turn.write(() => {
        const box = boxes.numberOf(owner);
        const sorted = box === undefined ? undefined : inOrder(times.all(box), added);
        for (const { id } of sorted ?? []) renumber.run(boxes.nextId(), id);
      }),
    count: (owner) =>
      turn.read(() => {
        const box = boxes.numberOf(owner);
        return box === undefined ? 0 : boxes.count(box);
      }),
  };
  return { store, erase, fill };
}
