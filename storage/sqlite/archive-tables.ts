// How a message's position in its archive and its place in the table go together, and how a time is found.

import type { Database } from "better-sqlite3";

const POSITION_BITS = 36n;
const POSITIONS = 2 ** Number(POSITION_BITS);

/** SQL: the position in the archive. */
export const POSITION = `place & ${POSITIONS - 1}`;

/** The place of a message; it needs more bits than a number has. */
export function placeOf(archive: number, position: number): bigint {
  return (BigInt(archive) << POSITION_BITS) | BigInt(position);
}

/** An archive that has messages: those of the positions from `first`, without `next`. */
export type Archive = { readonly number: number; readonly first: number; readonly next: number };

/** SQL: the columns of Archive, from the table `archive`. Its own `next` may lag behind (archive-tails.ts). */
export const ARCHIVE = `number, first, (
  SELECT max(place) & ${POSITIONS - 1} FROM archive_message
  WHERE place >= archive.number << ${POSITION_BITS} AND place < (archive.number + 1) << ${POSITION_BITS}
) + 1 AS next`;

/** Finds the first position whose time meets `holds`, which must hold for all after it as well; `next` if none does. */
export function archiveClock(db: Database): (archive: Archive, holds: (at: number) => boolean) => number {
  const timeOf = db.prepare<[bigint], number>("SELECT at FROM archive_message WHERE place = ?").pluck();
  return ({ number, first, next }, holds) => {
    let [low, high] = [first, next];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const at = timeOf.get(placeOf(number, middle));
      if (at !== undefined && holds(at)) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}
