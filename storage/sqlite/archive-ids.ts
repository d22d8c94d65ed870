// The ids that the store gives archived messages: a number that counts up, encrypted, so that they tell nothing (XEP-0359
// version 0.7.0 section 6) while the table and what it has of them only ever grows at its end.

import { type Cipher, createCipheriv, createDecipheriv, type Decipher, randomBytes } from "node:crypto";
import type { Database } from "better-sqlite3";
import { POSITION } from "./archive-tables.ts";

const BLOCK = 16; // AES
const BATCH = 64;
/** Ids that were made and not yet added: those of the turns under way. */
const MADE_KEPT = 10_000;

/** One per database. */
export class ArchiveIds {
  readonly #encrypt: Cipher;
  readonly #decrypt: Decipher;
  readonly #newest: () => number;
  readonly #made = new Map<string, number>();
  #last: number | undefined;
  #batch: string[] = [];

  constructor(db: Database) {
    const key = keyOf(db);
    // Single blocks, of which no two are the same: there is nothing for a mode to chain.
    this.#encrypt = createCipheriv("aes-128-ecb", key, null).setAutoPadding(false);
    this.#decrypt = createDecipheriv("aes-128-ecb", key, null).setAutoPadding(false);
    const newest = db.prepare<[], number | null>("SELECT max(number) FROM archive_message").pluck();
    this.#newest = () => newest.get() ?? 0;
  }

  /** A new id. */
  make(): string {
    if (this.#batch.length === 0) this.#fill();
    return this.#batch.pop() as string;
  }

  /** A number for a message with an id of somebody else's. */
  makeNumber(): number {
    // By the clock, in microseconds, at every start: also what was given out and then lost, by a crash or because a backup was
    // restored, is not given out again.
    this.#last ??= Math.max(this.#newest(), Date.now() * 1_000);
    this.#last += 1;
    return this.#last;
  }

  /** The number that an id stands for; undefined: it is not of this store's making. */
  numberOf(id: string): number | undefined {
    const made = this.#made.get(id);
    if (made !== undefined) return made;
    if (id.length !== 22) return undefined;
    const sealed = Buffer.from(id, "base64url");
    if (sealed.length !== BLOCK || sealed.toString("base64url") !== id) return undefined;
    const block = this.#decrypt.update(sealed);
    const number = block.readBigUInt64BE(0);
    const known = block.readBigUInt64BE(8) === 0n && number <= BigInt(Number.MAX_SAFE_INTEGER);
    return known ? Number(number) : undefined;
  }

  /** The number of an id that was just made, which must be used then; undefined: of any other, or the second time. */
  take(id: string): number | undefined {
    const number = this.#made.get(id);
    this.#made.delete(id);
    return number;
  }

  /** The ids of numbers. */
  idsOf(numbers: readonly number[]): string[] {
    const blocks = Buffer.alloc(numbers.length * BLOCK);
    numbers.forEach((number, n) => {
      blocks.writeUIntBE(Math.floor(number / 2 ** 32), n * BLOCK, 4);
      blocks.writeUInt32BE(number % 2 ** 32, n * BLOCK + 4);
    });
    const sealed = this.#encrypt.update(blocks);
    return numbers.map((_, n) => sealed.toString("base64url", n * BLOCK, (n + 1) * BLOCK));
  }

  #fill(): void {
    if (this.#made.size >= MADE_KEPT) this.#made.clear();
    const numbers = Array.from({ length: BATCH }, () => this.makeNumber());
    const ids = this.idsOf(numbers);
    ids.forEach((id, n) => {
      this.#made.set(id, numbers[n] as number);
    });
    this.#batch = ids.reverse();
  }
}

/** Finds the position of a message in an archive by its id. */
export function archiveFinder(db: Database, ids: ArchiveIds): (archive: number, id: string) => number | undefined {
  type Found = { readonly archive: number; readonly position: number };
  const numbered = db.prepare<[number], Found>(
    `SELECT place >> 36 AS archive, ${POSITION} AS position FROM archive_message WHERE number = ?`,
  );
  const named = db
    .prepare<[number, string], number>(`SELECT ${POSITION} FROM archive_message WHERE place >> 36 = ? AND id = ?`)
    .pluck();
  return (archive, id) => {
    const number = ids.numberOf(id);
    const found = number === undefined ? undefined : numbered.get(number);
    return found?.archive === archive ? found.position : named.get(archive, id);
  };
}

// Made when it is first needed. Another process may be about to make one, too.
function keyOf(db: Database): Buffer {
  const select = db.prepare<[], string>("SELECT value FROM secret WHERE name = 'archive-ids'").pluck();
  if (select.get() === undefined) {
    const made = randomBytes(BLOCK).toString("hex");
    db.prepare<[string]>("INSERT OR IGNORE INTO secret VALUES ('archive-ids', ?)").run(made);
  }
  return Buffer.from(select.get() as string, "hex");
}
