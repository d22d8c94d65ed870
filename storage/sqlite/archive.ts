// Message archives (XEP-0313 version 1.1.3): appending, bounds, preferences and erasure.

import type { Database } from "better-sqlite3";
import { rows } from "../bounds.ts";
import type { ArchiveBound, ArchivedMessage, ArchivePreferences, ArchiveStore } from "../store.ts";
import { ArchiveIds, archiveFinder } from "./archive-ids.ts";
import { archivePages } from "./archive-pages.ts";
import { archivePruner } from "./archive-pruner.ts";
import { ARCHIVE, type Archive, placeOf } from "./archive-tables.ts";
import { ArchiveTails } from "./archive-tails.ts";
import type { Turn } from "./turn.ts";

/** The tables of archives; `erase` puts one out of reach, with its preferences. */
export function sqliteArchive(
  db: Database,
  turn: Turn,
): { readonly store: ArchiveStore; readonly erase: (owner: string) => void } {
  const ids = new ArchiveIds(db);
  const tails = new ArchiveTails(db, turn);
  const find = archiveFinder(db, ids);
  const append = archiveAppender(db, ids, tails);
  const bounds = db.transaction(archiveBounds(db, ids));
  const prune = archivePruner(db, tails);
  const erase = archiveEraser(db, tails);
  const replace = archiveReplacer(db, find);
  const pages = archivePages(db, ids, find);
  // The steps of one answer see the same state, whatever another process writes between them.
  const page = db.transaction(pages.page);
  const count = db.transaction(pages.count);
  const store: ArchiveStore = {
    newId: () => ids.make(),
    add: (added) => {
      const numbers = added.map(({ id }) => ids.take(id));
      // None of those can be there already: the operation cannot fail half-way.
      if (!numbers.includes(undefined)) {
        return turn.step(() => {
          for (const [n, message] of added.entries()) append.made(message, numbers[n] as number);
        });
      }
      return turn.write(() => {
        for (const message of added) append.any(message);
      });
    },
    page: (owner, query) => turn.read(() => page(owner, query)),
    count: (owner, query, atMost) => turn.read(() => count(owner, query, rows(atMost))),
    bounds: (owner) => turn.read(() => bounds(owner)),
    prune: (before, keepPerOwner, limit) => turn.write(() => prune(before, rows(keepPerOwner), rows(limit))),
    removeOwner: (owner) => turn.write(() => erase(owner)),
    replace: (owner, id, xml) => turn.write(() => replace(owner, id, xml)),
    ...archivePreferences(db, turn),
  };
  return { store, erase };
}

function archiveEraser(db: Database, tails: ArchiveTails): (owner: string) => void {
  const disown = db.prepare<[string]>("UPDATE archive SET owner = NULL WHERE owner = ?");
  const forget = db.prepare<[string]>("DELETE FROM archive_preferences WHERE owner = ?");
  return (owner) => {
    disown.run(owner);
    forget.run(owner);
    tails.forget();
  };
}

function archiveAppender(db: Database, ids: ArchiveIds, tails: ArchiveTails) {
  const insert = db.prepare<[number, bigint, string, number, string | null, string]>(
    "INSERT INTO archive_message (number, place, contact, at, id, xml) VALUES (?, ?, ?, ?, ?, ?)",
  );
  const archiveOf = db.prepare<[number], number>("SELECT place >> 36 FROM archive_message WHERE number = ?").pluck();

  return {
    /** With an id that was just made. */
    made({ owner, with: contact, at, xml }: ArchivedMessage, number: number): void {
      const { place, time } = tails.advance(owner, at);
      insert.run(number, place, contact, time, null, xml);
    },
    /** Throws if the id is there. */
    any({ owner, id, with: contact, at, xml }: ArchivedMessage): void {
      const { place, time } = tails.advance(owner, at);
      const known = ids.numberOf(id);
      const other = known === undefined ? undefined : archiveOf.get(known);
      if (other === Number(place >> 36n)) throw new Error(`${id} is in the archive of ${owner} already`);
      if (known !== undefined && other === undefined) insert.run(known, place, contact, time, null, xml);
      else insert.run(ids.makeNumber(), place, contact, time, id, xml);
    },
  };
}

function archiveReplacer(db: Database, find: (archive: number, id: string) => number | undefined) {
  const archiveOf = db.prepare<[string], number>("SELECT number FROM archive WHERE owner = ?").pluck();
  const update = db.prepare<[string, bigint]>("UPDATE archive_message SET xml = ? WHERE place = ?");
  return (owner: string, id: string, xml: string): boolean => {
    const archive = archiveOf.get(owner);
    const position = archive === undefined ? undefined : find(archive, id);
    if (archive === undefined || position === undefined) return false;
    return update.run(xml, placeOf(archive, position)).changes === 1;
  };
}

type End = { readonly number: number; readonly id: string | null; readonly at: number };

function archiveBounds(db: Database, ids: ArchiveIds) {
  const find = db.prepare<[string], Archive>(`SELECT ${ARCHIVE} FROM archive WHERE owner = ?`);
  const select = db.prepare<[bigint], End>("SELECT number, id, at FROM archive_message WHERE place = ?");
  function end({ number }: Archive, position: number): ArchiveBound {
    const row = select.get(placeOf(number, position)) as End;
    return { id: row.id ?? (ids.idsOf([row.number])[0] as string), at: row.at };
  }
  return (owner: string): { first: ArchiveBound; last: ArchiveBound } | undefined => {
    const archive = find.get(owner);
    return archive && { first: end(archive, archive.first), last: end(archive, archive.next - 1) };
  };
}

type PreferencesRow = Record<"always" | "never", string> & Pick<ArchivePreferences, "default">;

function archivePreferences(db: Database, turn: Turn): Pick<ArchiveStore, "preferences" | "setPreferences"> {
  const select = db.prepare<[string], PreferencesRow>(
    `SELECT default_policy AS "default", always, never FROM archive_preferences WHERE owner = ?`,
  );
  const put = db.prepare<[string, string, string, string]>(
    `INSERT INTO archive_preferences VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET
     default_policy = excluded.default_policy, always = excluded.always, never = excluded.never`,
  );
  return {
    preferences: (owner) =>
      turn.read(() => {
        const row = select.get(owner);
        return row && { default: row.default, always: JSON.parse(row.always), never: JSON.parse(row.never) };
      }),
    setPreferences: (owner, preferences) =>
      turn.write(() => {
        const { always, never } = preferences;
        put.run(owner, preferences.default, JSON.stringify(always), JSON.stringify(never));
      }),
  };
}
