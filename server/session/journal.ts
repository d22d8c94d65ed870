// What happens to stream-managed sessions, on its way to disk: the changes of one turn go in one write, which shares the
// commit of whatever else was stored in that turn.

import type { SessionChange, SessionStore } from "../../storage/store.ts";
import type { Clock, Timer } from "../clock.ts";
import type { Logger } from "../log.ts";

/** A session that is kept on disk. */
export interface Saved {
  /** Of its changes. */
  readonly id: string;
  /** Its description. It is asked once, when the turn's changes are written. */
  save(): SessionChange;
  /** All of it as it is now, whatever of it is on disk. */
  rewrite(): readonly SessionChange[];
}

/** What was left for later is written after so long, where nobody asked for it before. */
const LATER_MS = 250;

/** A session with stanzas that need not be on disk before somebody is told that they are safe. */
export interface Unsaved {
  readonly id: string;
  saveDue(): void;
}

export class SessionJournal {
  readonly #store: SessionStore;
  readonly #log: Logger;
  #changes: SessionChange[] = [];
  readonly #changed = new Set<Saved>();
  readonly #known = new Map<string, Saved>();
  /** Of known sessions, of which something on disk is not as it is in memory: they are written anew as a whole. */
  readonly #behind = new Set<string>();
  /** Of the changes that are being collected. */
  #next: Promise<void> | undefined;
  #last: Promise<void> = Promise.resolve();
  readonly #clock: Clock;
  readonly #later = new Map<string, Unsaved>();
  #timer: Timer | undefined;
  readonly #owed = new Set<Promise<void>>();

  constructor(store: SessionStore, clock: Clock, log: Logger) {
    this.#store = store;
    this.#clock = clock;
    this.#log = log;
  }

  add(change: SessionChange): void {
    this.#changes.push(change);
    this.#schedule();
  }

  /** The session's description is written with this turn's changes: the first time ahead of them, for they need it. */
  touch(session: Saved): void {
    if (this.#known.has(session.id)) this.#changed.add(session);
    else {
      this.#known.set(session.id, session);
      this.#changes.push(session.save());
    }
    this.#schedule();
  }

  /** What was written of the session is not true any more. */
  rewrite(id: string): void {
    if (!this.#known.has(id)) return;
    this.#behind.add(id);
    this.#schedule();
  }

  /** It has ended. Its last change is tried once: who makes it knows what else belongs to it. */
  forget(session: Saved): void {
    this.#changed.delete(session);
    this.#known.delete(session.id);
    this.#behind.delete(session.id);
    this.#later.delete(session.id);
  }

  /**
   * The session has something that is written when somebody is about to be told that it is safe (`flush`), or soon. Most of
   * it is acknowledged by then, and is never written.
   */
  later(session: Unsaved): void {
    this.#later.set(session.id, session);
    this.#timer ??= this.#clock.after(LATER_MS, () => this.#saveLater());
  }

  #saveLater(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const session of this.#later.values()) session.saveDue();
    this.#later.clear();
  }

  /** Of a session that has ended: until it resolves, what the session left is on its way to another place. */
  owe(settled: Promise<void>): void {
    this.#owed.add(settled);
    const done = (): boolean => this.#owed.delete(settled);
    settled.then(done, done);
  }

  /**
   * Resolves when all is on disk, also what was left for later, and what ended sessions left; rejects as `committed` does.
   */
  async flush(): Promise<void> {
    if (this.#later.size > 0) this.#saveLater();
    await this.committed();
    if (this.#owed.size > 0) await Promise.all(this.#owed);
  }

  /** Resolves when every change so far is on disk; rejects with what the store refused this turn's changes with. */
  committed(): Promise<void> {
    if (this.#behind.size > 0) this.#schedule(); // refused before, and tried again
    return this.#next ?? this.#last;
  }

  #schedule(): void {
    if (this.#next !== undefined) return;
    // A microtask: still the same turn, and so the same transaction, as what the changes belong to.
    this.#next = Promise.resolve().then(() => this.#write());
    this.#next.catch(() => {}); // who waits for it is told; nobody need wait
  }

  async #write(): Promise<void> {
    const changes = this.#take();
    const written = this.#next as Promise<void>;
    this.#last = written;
    this.#next = undefined;
    try {
      await this.#store.apply(changes);
    } catch (error) {
      this.#log.error({ err: error, changes: changes.length }, "session-changes-refused");
      // What is in memory is true. The same changes again would be ever more of them, and some were taken back since.
      for (const { id } of changes) if (this.#known.has(id)) this.#behind.add(id);
      if (this.#last === written) this.#last = Promise.resolve();
      throw error;
    }
  }

  #take(): readonly SessionChange[] {
    const changes = this.#changes.filter(({ id }) => !this.#behind.has(id));
    for (const session of this.#changed) if (!this.#behind.has(session.id)) changes.push(session.save());
    for (const id of this.#behind) changes.push(...(this.#known.get(id) as Saved).rewrite());
    this.#changes = [];
    this.#changed.clear();
    this.#behind.clear();
    return changes;
  }
}
