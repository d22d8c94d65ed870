// Stream-managed sessions and what their clients have not acknowledged (XEP-0198 version 1.6.3).

import type { Database } from "better-sqlite3";
import { checkKey } from "../bounds.ts";
import type { SavedSession, SessionChange, SessionStore, UnackedStanza } from "../store.ts";
import type { Turn } from "./turn.ts";

/** Sessions whose numbers are in memory: some MB. */
const NUMBERS_KEPT = 20_000;

/** The tables of saved sessions; `erase` removes all of an owner, within an operation. */
export function sqliteSessions(
  db: Database,
  turn: Turn,
): { readonly store: SessionStore; readonly erase: (owner: string) => void } {
  /** By id, of sessions that were changed lately; a number stays the same for as long as its session is there. */
  const numbers = new Map<string, number>();
  turn.whenStale(() => numbers.clear());
  const change = sessionChanger(db, numbers);
  const remove = db.prepare<[string]>("DELETE FROM saved_session WHERE owner = ?"); // stanzas: ON DELETE CASCADE
  const sessions = db.prepare<[], SavedSession & { readonly number: number }>(
    "SELECT number, id, owner, resourcepart, state, inbound, saved_at AS savedAt FROM saved_session ORDER BY number",
  );
  const stanzas = db.prepare<[number], UnackedStanza>(
    "SELECT sequence, xml, at, delivery FROM unacked_stanza WHERE session = ? ORDER BY sequence",
  );
  const loadAll = db.transaction(() =>
    sessions.all().map(({ number, ...session }) => ({ session, unacked: stanzas.all(number) })),
  );
  const store: SessionStore = {
    apply: (changes) => turn.write(() => changes.forEach(change)),
    loadAll: () => turn.read(() => loadAll()),
  };
  function erase(owner: string): void {
    remove.run(owner);
    numbers.clear();
  }
  return { store, erase };
}

function sessionChanger(db: Database, numbers: Map<string, number>): (change: SessionChange) => void {
  const save = db.prepare<[string, string, string, string, number, number]>(
    `INSERT INTO saved_session (id, owner, resourcepart, state, inbound, saved_at) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET owner = excluded.owner, resourcepart = excluded.resourcepart,
     state = excluded.state, inbound = excluded.inbound, saved_at = excluded.saved_at`,
  );
  const find = db.prepare<[string], number>("SELECT number FROM saved_session WHERE id = ?").pluck();
  const setInbound = db.prepare<[number, number]>("UPDATE saved_session SET inbound = ? WHERE number = ?");
  const insert = db.prepare<[number, number, number, string, string]>(
    "INSERT INTO unacked_stanza (session, sequence, at, delivery, xml) VALUES (?, ?, ?, ?, ?)",
  );
  const settle = db.prepare<[number, number]>(
    "UPDATE unacked_stanza SET delivery = '' WHERE session = ? AND sequence = ?",
  );
  const acknowledge = db.prepare<[number, number]>("DELETE FROM unacked_stanza WHERE session = ? AND sequence <= ?");
  const remove = db.prepare<[number]>("DELETE FROM saved_session WHERE number = ?"); // stanzas: ON DELETE CASCADE

  function numberOf(id: string): number | undefined {
    const known = numbers.get(id) ?? find.get(id);
    if (numbers.size >= NUMBERS_KEPT) numbers.clear();
    if (known !== undefined) numbers.set(id, known);
    return known;
  }

  return ({ id, save: saved, inbound, append = [], settled = [], ackedUpTo, remove: removed = false }) => {
    if (saved !== undefined) {
      checkKey(id, saved.id);
      save.run(id, saved.owner, saved.resourcepart, saved.state, saved.inbound, saved.savedAt);
    }
    const session = numberOf(id);
    if (session === undefined) return;
    if (inbound !== undefined) setInbound.run(inbound, session);
    for (const { sequence, at, delivery, xml } of append) insert.run(session, sequence, at, delivery, xml);
    for (const sequence of settled) settle.run(session, sequence);
    if (ackedUpTo !== undefined) acknowledge.run(session, ackedUpTo);
    if (removed) {
      remove.run(session);
      numbers.delete(id);
    }
  };
}
