// What happens to stream-managed sessions, on its way to disk: the changes of one turn go in one write, which shares the
// commit of whatever else was stored in that turn.

import { type SessionChange, type SessionStore, StoreWriteError } from "../../storage/store.ts";
import type { Logger } from "../log.ts";

/** A session whose description has changed. It is asked once, when the turn's changes are written. */
export interface Saved {
  save(): SessionChange;
}

export class SessionJournal {
  readonly #store: SessionStore;
  readonly #log: Logger;
  #changes: SessionChange[] = [];
  #changed = new Set<Saved>();
  /** Of the changes that are being collected. */
  #next: Promise<void> | undefined;
  #last: Promise<void> = Promise.resolve();

  constructor(store: SessionStore, log: Logger) {
    this.#store = store;
    this.#log = log;
  }

  add(change: SessionChange): void {
    this.#changes.push(change);
    this.#schedule();
  }

  /** The session's description is written with this turn's changes, ahead of none and behind none of its own. */
  touch(session: Saved): void {
    this.#changed.add(session);
    this.#schedule();
  }

  forget(session: Saved): void {
    this.#changed.delete(session);
  }

  /** Resolves when every change so far is on disk; rejects with what the store refused this turn's changes with. */
  committed(): Promise<void> {
    if (this.#changes.length > 0) this.#schedule(); // refused before, and tried again
    return this.#next ?? this.#last;
  }

  #schedule(): void {
    if (this.#next !== undefined) return;
    // A microtask: still the same turn, and so the same transaction, as what the changes belong to.
    this.#next = Promise.resolve().then(() => this.#write());
    this.#next.catch(() => {}); // who waits for it is told; nobody need wait
  }

  async #write(): Promise<void> {
    const changes = [...this.#changes, ...[...this.#changed].map((session) => session.save())];
    this.#changes = [];
    this.#changed.clear();
    this.#last = this.#next as Promise<void>;
    this.#next = undefined;
    try {
      await this.#store.apply(changes);
    } catch (error) {
      this.#log.error({ err: error, changes: changes.length }, "session-changes-refused");
      // What is in memory is true: the disk is told again with the next change. Anything else than a refusing disk is a
      // mistake in the changes themselves, which a second try would only repeat.
      if (error instanceof StoreWriteError) this.#changes = [...changes, ...this.#changes];
      throw error;
    }
  }
}
