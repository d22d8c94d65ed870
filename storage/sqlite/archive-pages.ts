// Reading an archive (XEP-0313 version 1.1.3 section 4.1). The conditions are first worked out to a stretch of positions:
// positions have no gaps, so that its length is how many messages match, and only the rows of the answer are read.

import type { Database } from "better-sqlite3";
import { pageRows } from "../bounds.ts";
import type { ArchivedMessage, ArchivePage, ArchiveQuery } from "../store.ts";
import type { ArchiveIds } from "./archive-ids.ts";
import { ARCHIVE, type Archive, archiveClock, placeOf } from "./archive-tables.ts";

type Row = Omit<ArchivedMessage, "owner" | "id"> & { readonly number: number; readonly id: string | null };
type Find = (archive: number, id: string) => number | undefined;
type Bounded = Pick<ArchiveQuery, "with" | "start" | "end">;
/** From a position on, without `to`; empty if `to` is not above `from`. */
type Stretch = { readonly archive: number; readonly from: number; readonly to: number };

const ROW = `number, id, contact AS "with", at, xml`;

/** `page` and `count` of ArchiveStore, to be run in one transaction each. */
export function archivePages(db: Database, ids: ArchiveIds, findId: Find) {
  const find = db.prepare<[string], Archive>(`SELECT ${ARCHIVE} FROM archive WHERE owner = ?`);
  const positions = archivePositions(db, findId);
  const read = archiveRows(db);

  function matching(stretch: Stretch, query: ArchiveQuery): Page | undefined {
    const limit = pageRows(query.limit);
    if (query.ids !== undefined) {
      const named = positions.ofIds(stretch.archive, query.ids);
      return named && read.named(stretch, named, query, limit);
    }
    if (query.with !== undefined) return read.withContact(stretch, query.with, query.backward, limit);
    return read.all(stretch, query.backward, limit);
  }

  function messagesOf(owner: string, rows: readonly Row[]): ArchivedMessage[] {
    const made = ids.idsOf(rows.map(({ number }) => number));
    return rows.map(({ number: _, id, ...row }, n) => ({ owner, id: id ?? (made[n] as string), ...row }));
  }

  return {
    page(owner: string, query: ArchiveQuery): ArchivePage | undefined {
      const archive = find.get(owner);
      if (archive === undefined) return namesAnId(query) ? undefined : { messages: [], complete: true };
      const stretch = positions.between(archive, query);
      const page = stretch && matching(stretch, query);
      return page && { messages: messagesOf(owner, page.rows), complete: page.complete };
    },
    count(owner: string, query: Bounded, atMost: number): number {
      const archive = find.get(owner);
      if (archive === undefined) return 0;
      const stretch = positions.inTime(archive, query);
      if (query.with !== undefined) return read.countWith(stretch, query.with, atMost);
      return Math.min(Math.max(0, stretch.to - stretch.from), atMost);
    },
  };
}

function namesAnId({ afterId, beforeId, ids = [] }: ArchiveQuery): boolean {
  return afterId !== undefined || beforeId !== undefined || ids.length > 0;
}

function archivePositions(db: Database, findId: Find) {
  const firstTime = archiveClock(db);

  function inTime(archive: Archive, { start, end }: Bounded): Stretch {
    return {
      archive: archive.number,
      from: start === undefined ? archive.first : firstTime(archive, (at) => at >= start),
      to: end === undefined ? archive.next : firstTime(archive, (at) => at > end),
    };
  }

  return {
    inTime,
    /** Undefined: afterId or beforeId is not in the archive. */
    between(archive: Archive, query: ArchiveQuery): Stretch | undefined {
      const { from, to } = inTime(archive, query);
      const after = query.afterId === undefined ? -1 : findId(archive.number, query.afterId);
      const before = query.beforeId === undefined ? to : findId(archive.number, query.beforeId);
      if (after === undefined || before === undefined) return undefined;
      return { archive: archive.number, from: Math.max(from, after + 1), to: Math.min(to, before) };
    },
    /** Ascending, each once. Undefined: one is not in the archive. */
    ofIds(archive: number, ids: readonly string[]): number[] | undefined {
      const found = new Set<number>();
      for (const id of ids) {
        const position = findId(archive, id);
        if (position === undefined) return undefined;
        found.add(position);
      }
      return [...found].sort((a, b) => a - b);
    },
  };
}

type Page = { readonly rows: readonly Row[]; readonly complete: boolean };

function archiveRows(db: Database) {
  const stretchOf = db.prepare<[bigint, bigint], Row>(
    `SELECT ${ROW} FROM archive_message WHERE place >= ? AND place < ? ORDER BY place`,
  );
  const [firstWith, lastWith] = (["ASC", "DESC"] as const).map((order) =>
    db.prepare<[string, bigint, bigint, number], Row>(
      `SELECT ${ROW} FROM archive_message WHERE contact = ? AND place >= ? AND place < ?
       ORDER BY place ${order} LIMIT ?`,
    ),
  );
  const countContact = db
    .prepare<[string, bigint, bigint, number], number>(
      `SELECT count(*) FROM
       (SELECT 1 FROM archive_message WHERE contact = ? AND place >= ? AND place < ? LIMIT ?)`,
    )
    .pluck();
  const one = db.prepare<[bigint], Row>(`SELECT ${ROW} FROM archive_message WHERE place = ?`);

  return {
    all({ archive, from, to }: Stretch, backward: boolean, limit: number): Page {
      const begin = backward ? Math.max(from, to - limit) : from;
      const end = backward ? to : Math.min(to, from + limit);
      return { rows: stretchOf.all(placeOf(archive, begin), placeOf(archive, end)), complete: to - from <= limit };
    },
    withContact({ archive, from, to }: Stretch, contact: string, backward: boolean, limit: number): Page {
      // One more than is asked for tells whether there is more.
      const statement = backward ? lastWith : firstWith;
      const found = statement?.all(contact, placeOf(archive, from), placeOf(archive, to), limit + 1) ?? [];
      const rows = found.slice(0, limit);
      return { rows: backward ? rows.reverse() : rows, complete: found.length <= limit };
    },
    named({ archive, from, to }: Stretch, positions: number[], query: ArchiveQuery, limit: number): Page {
      const rows = positions
        .filter((position) => position >= from && position < to)
        .flatMap((position) => one.get(placeOf(archive, position)) ?? [])
        .filter((row) => query.with === undefined || row.with === query.with);
      const begin = query.backward ? Math.max(0, rows.length - limit) : 0;
      return { rows: rows.slice(begin, begin + limit), complete: rows.length <= limit };
    },
    countWith({ archive, from, to }: Stretch, contact: string, atMost: number): number {
      return countContact.get(contact, placeOf(archive, from), placeOf(archive, to), atMost) ?? 0;
    },
  };
}
