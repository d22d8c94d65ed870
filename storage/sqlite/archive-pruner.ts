// Removing what an archive need not keep, a bounded step at a time, from its oldest end (XEP-0313 version 1.1.3
// section 3.2: no gaps).

import type { Database } from "better-sqlite3";
import { ARCHIVE, type Archive, archiveClock, placeOf } from "./archive-tables.ts";
import type { ArchiveTails } from "./archive-tails.ts";

/** `prune` of ArchiveStore, with whole numbers of rows. */
export function archivePruner(
  db: Database,
  tails: ArchiveTails,
): (before: number, keep: number, limit: number) => number {
  const select = (condition: string) =>
    db.prepare<number[], Archive>(`SELECT ${ARCHIVE} FROM archive WHERE ${condition} LIMIT 1`);
  const erased = select("owner IS NULL");
  const older = select("first_at < ?");
  const numbered = select("number = ?");
  const firstTime = archiveClock(db);
  const cut = archiveCutter(db);

  function larger(keep: number): Archive | undefined {
    const numbers = tails.largerThan(keep);
    for (const number of numbers) {
      const archive = numbered.get(number);
      if (archive !== undefined && archive.next - archive.first > keep) return archive;
      numbers.delete(number);
    }
    return undefined;
  }

  /** An archive with something to prune, and the position before which all may go. */
  function next(before: number, keep: number): { archive: Archive; upTo: number } | undefined {
    const orphan = erased.get();
    if (orphan !== undefined) return { archive: orphan, upTo: orphan.next };
    const large = larger(keep);
    if (large !== undefined) return { archive: large, upTo: large.next - keep };
    const old = older.get(before);
    // Its oldest message is known to go: every step removes something.
    return old && { archive: old, upTo: firstTime({ ...old, first: old.first + 1 }, (at) => at >= before) };
  }

  return (before, keep, limit) => {
    let removed = 0;
    while (removed < limit) {
      const found = next(before, keep);
      if (found === undefined) break;
      const { archive, upTo } = found;
      const end = Math.min(upTo, archive.first + limit - removed);
      cut(archive, end);
      removed += end - archive.first;
    }
    if (removed > 0) tails.forget();
    return removed;
  };
}

function archiveCutter(db: Database): (archive: Archive, end: number) => void {
  const removeRows = db.prepare<[bigint, bigint]>("DELETE FROM archive_message WHERE place >= ? AND place < ?");
  const removeArchive = db.prepare<[number]>("DELETE FROM archive WHERE number = ?");
  const shorten = db.prepare<[number, number, bigint, number]>(
    `UPDATE archive SET first = ?, next = ?, first_at = (SELECT at FROM archive_message WHERE place = ?)
     WHERE number = ?`,
  );
  return ({ number, first, next }, end) => {
    removeRows.run(placeOf(number, first), placeOf(number, end));
    if (end === next) removeArchive.run(number);
    else shorten.run(end, next, placeOf(number, end), number);
  };
}
