// The boxes of offline messages: whose they are, how much is in them, and the ids that messages get. In memory as well, so
// that to add a message is to insert its row and nothing else.

import type { Database } from "better-sqlite3";
import type { Turn } from "./turn.ts";

/** Boxes that were written to lately: some MB. */
const BOXES_KEPT = 50_000;
/** Ids are taken from the table so many at a time; those that are left when the process ends are never used. */
const IDS_AT_ONCE = 1_000;

export type Box = { readonly number: number; messages: number };

/** One per database. What it says holds within the open transaction. */
export class OfflineBoxes {
  readonly numberOf: (owner: string) => number | undefined;
  readonly count: (box: number) => number;
  readonly #begin: (owner: string) => number;
  readonly #moreIds: () => number;
  readonly #boxes = new Map<string, Box>();
  /** Undefined: to be asked for. */
  #nextId: number | undefined;
  #idsLeft = 0;

  constructor(db: Database, turn: Turn) {
    const find = db.prepare<[string], number>("SELECT number FROM offline_box WHERE owner = ?").pluck();
    const count = db.prepare<[number], number>("SELECT count(*) FROM offline_message WHERE box = ?").pluck();
    const create = db.prepare<[string]>("INSERT INTO offline_box (owner) VALUES (?)");
    const more = db
      .prepare<[], number>(
        `UPDATE offline_floor SET next = next + ${IDS_AT_ONCE} WHERE id = 1 RETURNING next - ${IDS_AT_ONCE}`,
      )
      .pluck();
    this.numberOf = (owner) => find.get(owner);
    this.count = (box) => count.get(box) ?? 0;
    this.#begin = (owner) => Number(create.run(owner).lastInsertRowid);
    this.#moreIds = () => more.get() as number;
    turn.whenStale(() => this.#clear());
  }

  /** Undefined: the owner has none. */
  of(owner: string): Box | undefined {
    const known = this.#boxes.get(owner);
    if (known !== undefined) return known;
    const number = this.numberOf(owner);
    return number === undefined ? undefined : this.#keep(owner, { number, messages: this.count(number) });
  }

  /** An empty one. */
  begin(owner: string): Box {
    return this.#keep(owner, { number: this.#begin(owner), messages: 0 });
  }

  /** The owner has none any more. */
  forget(owner: string): void {
    this.#boxes.delete(owner);
  }

  /** An id that no message of any box has had. */
  nextId(): number {
    if (this.#nextId === undefined || this.#idsLeft === 0) {
      this.#nextId = this.#moreIds();
      this.#idsLeft = IDS_AT_ONCE;
    }
    this.#idsLeft -= 1;
    this.#nextId += 1;
    return this.#nextId - 1;
  }

  #keep(owner: string, box: Box): Box {
    if (this.#boxes.size >= BOXES_KEPT) this.#boxes.clear();
    this.#boxes.set(owner, box);
    return box;
  }

  #clear(): void {
    this.#boxes.clear();
    this.#nextId = undefined;
  }
}
