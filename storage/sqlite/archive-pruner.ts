// Removing what an archive need not keep, a bounded step at a time, from its oldest end (XEP-0313 version 1.1.3
// section 3.2: no gaps).

import type { Database } from "better-sqlite3";
import { ARCHIVE, type Archive, archiveClock, keyOf } from "./archive-tables.ts";

/** `prune` of ArchiveStore, with whole numbers of rows. */
export function archivePruner(db: Database): (before: number, keep: number, limit: number) => number {
  const select = (condition: string) =>
    db.prepare<number[], Archive>(`SELECT ${ARCHIVE} FROM archive WHERE ${condition} LIMIT 1`);
  const erased = select("owner IS NULL");
  const older = select("first_at < ?");
  const larger = select("next - first > ?");
  const firstTime = archiveClock(db);
  const cut = archiveCutter(db);

  /** An archive with something to prune, and the position before which all may go. */
  function next(before: number, keep: number): { archive: Archive; upTo: number } | undefined {
    const orphan = erased.get();
    if (orphan !== undefined) return { archive: orphan, upTo: orphan.next };
    const large = larger.get(keep);
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
    return removed;
  };
}

function archiveCutter(db: Database): (archive: Archive, end: number) => void {
  const removeRows = db.prepare<[bigint, bigint]>("DELETE FROM archive_message WHERE key >= ? AND key < ?");
  const removeArchive = db.prepare<[number]>("DELETE FROM archive WHERE number = ?");
  const shorten = db.prepare<[number, bigint, number]>(
    "UPDATE archive SET first = ?, first_at = (SELECT at FROM archive_message WHERE key = ?) WHERE number = ?",
  );
  return ({ number, first, next }, end) => {
    removeRows.run(keyOf(number, first), keyOf(number, end));
    if (end === next) removeArchive.run(number);
    else shorten.run(end, keyOf(number, end), number);
  };
}
