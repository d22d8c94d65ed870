// Where archives end: kept in memory, so that to append a message is to insert its row and nothing else. On disk that is
// what the places of an archive's messages say.

import type { Database } from "better-sqlite3";
import { ARCHIVE, type Archive, placeOf } from "./archive-tables.ts";
import type { Turn } from "./turn.ts";

/** Archives that were written to lately: some MB. */
const TAILS_KEPT = 50_000;

/** How often the row of an archive is told of `next`. What it says is less by so many at most, and never more. */
const NEXT_EVERY = 64;

/** `last` is the place of the newest message. */
type Tail = { readonly number: number; readonly first: number; next: number; last: bigint; lastAt: number };

/** One per database. What it says holds within the open transaction, which nobody else's can get ahead of. */
export class ArchiveTails {
  readonly #load: (owner: string) => Tail | undefined;
  readonly #begin: (owner: string, at: number) => Tail;
  readonly #note: (next: number, archive: number) => void;
  readonly #large: (atLeast: number) => number[];
  readonly #tails = new Map<string, Tail>();
  /** Archives that may have more than `keep` messages; undefined: to be asked for. */
  #larger: { readonly keep: number; readonly archives: Set<number> } | undefined;

  constructor(db: Database, turn: Turn) {
    const find = db.prepare<[string], Archive>(`SELECT ${ARCHIVE} FROM archive WHERE owner = ?`);
    const timeOf = db.prepare<[bigint], number>("SELECT at FROM archive_message WHERE place = ?").pluck();
    this.#load = (owner) => {
      const archive = find.get(owner);
      if (archive === undefined) return undefined;
      const last = placeOf(archive.number, archive.next - 1);
      return { ...archive, last, lastAt: timeOf.get(last) ?? 0 };
    };
    const create = db.prepare<[string, number]>(
      "INSERT INTO archive (owner, first, next, first_at) VALUES (?, 0, 1, ?)",
    );
    this.#begin = (owner, at) => {
      const number = Number(create.run(owner, at).lastInsertRowid);
      return { number, first: 0, next: 0, last: placeOf(number, 0) - 1n, lastAt: at };
    };
    const note = db.prepare<[number, number]>("UPDATE archive SET next = ? WHERE number = ?");
    this.#note = (next, archive) => void note.run(next, archive);
    const large = db.prepare<[number], number>("SELECT number FROM archive WHERE next - first > ?").pluck();
    this.#large = (size) => large.all(size);
    turn.whenStale(() => this.clear());
  }

  /** The place and the time of an owner's next message, whose row must be inserted then, or the operation fail. */
  advance(owner: string, at: number): { readonly place: bigint; readonly time: number } {
    const tail = this.#tails.get(owner) ?? this.#add(owner, at);
    if (at > tail.lastAt) tail.lastAt = at;
    tail.last += 1n;
    tail.next += 1;
    if (tail.next % NEXT_EVERY === 0) this.#note(tail.next, tail.number);
    if (this.#larger !== undefined && tail.next - tail.first > this.#larger.keep)
      this.#larger.archives.add(tail.number);
    return { place: tail.last, time: tail.lastAt };
  }

  /** Numbers of archives that may have more than so many messages. All that have are among them; who finds that one has not deletes it. */
  largerThan(keep: number): Set<number> {
    if (this.#larger?.keep !== keep) this.#larger = { keep, archives: new Set(this.#large(keep - NEXT_EVERY)) };
    return this.#larger.archives;
  }

  /** One got another owner, or began elsewhere. */
  forget(): void {
    this.#tails.clear();
  }

  clear(): void {
    this.#tails.clear();
    this.#larger = undefined;
  }

  #add(owner: string, at: number): Tail {
    if (this.#tails.size >= TAILS_KEPT) this.#tails.clear();
    const tail = this.#load(owner) ?? this.#begin(owner, at);
    this.#tails.set(owner, tail);
    return tail;
  }
}
