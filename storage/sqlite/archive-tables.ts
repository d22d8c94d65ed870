// How a message's place in its archive and its key go together, and how a time is found.

import type { Database } from "better-sqlite3";

const POSITION_BITS = 36n;

/** SQL: the position in the archive. */
export const POSITION = `key & ${(1n << POSITION_BITS) - 1n}`;

/** The key of a message; it needs more bits than a number has. */
export function keyOf(archive: number, position: number): bigint {
  return (BigInt(archive) << POSITION_BITS) | BigInt(position);
}

/** An archive that has messages: those of the positions from `first`, without `next`. */
export type Archive = { readonly number: number; readonly first: number; readonly next: number };

/** SQL: the columns of Archive. */
export const ARCHIVE = "number, first, next";

/** Finds the first position whose time meets `holds`, which must hold for all after it as well; `next` if none does. */
export function archiveClock(db: Database): (archive: Archive, holds: (at: number) => boolean) => number {
  const timeOf = db.prepare<[bigint], number>("SELECT at FROM archive_message WHERE key = ?").pluck();
  return ({ number, first, next }, holds) => {
    let [low, high] = [first, next];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const at = timeOf.get(keyOf(number, middle));
      if (at !== undefined && holds(at)) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}
