// Grouped commit: the writes of one event-loop turn share one transaction, and nobody is told of anything that is not on
// disk yet. Where commits do not wait for the disk themselves, their answers do (group-sync.ts): nothing else waits then.

import type { Database, Statement } from "better-sqlite3";
import { StoreClosedError } from "../errors.ts";
import { type StoreStatistics, StoreWriteError } from "../store.ts";
import { type Answer, GroupSync } from "./group-sync.ts";
import { asSyncError, asWriteError, isBusy } from "./write-error.ts";

/** How long an operation waits for another process that writes. Nothing else runs meanwhile. */
export const BUSY_TIMEOUT_MS = 5_000;

/** After one such wait was in vain: only this long, until the lock is had again. One wait must not become a hundred. */
const BUSY_AGAIN_TIMEOUT_MS = 100;

/** A transaction that waits for the disk ends at so many operations, or after so long: other processes write, too. */
const TOGETHER = 500;
const TOGETHER_MS = 50;

/** An operation of the open transaction, to be answered at its end. */
type Waiting = Answer & {
  /** Of a read: asked again if the transaction that it looked into is undone. */
  readonly query: (() => unknown) | undefined;
};

export type TurnOptions = {
  readonly busyTimeoutMs?: number;
  /** Puts on disk what was committed before the call; left out: a commit does that itself, or nobody asks for it. */
  readonly sync?: () => Promise<void>;
  /** Called before every commit, which may still fail. */
  readonly committing?: () => void;
  /** Called after every commit, outside of a transaction. */
  readonly committed?: () => void;
};

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** One per database. Operations are synchronous functions over prepared statements; they run at once, in order. */
export class Turn {
  readonly #statistics: Mutable<StoreStatistics> = {
    reads: 0,
    writes: 0,
    commits: 0,
    commitSeconds: 0,
    refused: 0,
    refusal: undefined,
  };
  readonly #db: Database;
  readonly #busyTimeoutMs: number;
  readonly #committing: () => void;
  readonly #committed: () => void;
  readonly #group: GroupSync | undefined;
  readonly #begin: Statement<[]>;
  readonly #commit: Statement<[]>;
  readonly #rollback: Statement<[]>;
  readonly #savepoint: Statement<[]>;
  readonly #release: Statement<[]>;
  readonly #rollbackTo: Statement<[]>;
  readonly #totalChanges: Statement<[], number>;
  readonly #dataVersion: Statement<[], number>;
  readonly #caches: (() => void)[] = [];
  /** Another one: another connection has committed something. */
  #seenVersion: number | undefined;
  /** A write of the open transaction was refused. */
  #refusedNow = false;
  /** Rows changed when a write was refused last, or a commit tried since. */
  #changes = 0;
  #waiting: Waiting[] = [];
  /** The scheduled commit; undefined while no transaction is open. */
  #end: NodeJS.Immediate | undefined;
  /** The transaction is open beyond its turn, until the disk is idle, or until then. */
  #deferred: NodeJS.Timeout | undefined;
  #patienceMs: number;
  /** Rows changed at the last commit. */
  #committedChanges = 0;
  /** Operations that wait for `release`; undefined: nothing is held. */
  #held: (() => void)[] | undefined;
  #failure: StoreWriteError | undefined;
  /** Why no write of this turn is taken any more. */
  #refusal: StoreWriteError | undefined;
  #closed: Promise<void> | undefined;

  constructor(db: Database, options: TurnOptions = {}) {
    const { busyTimeoutMs = BUSY_TIMEOUT_MS, sync, committing = () => {}, committed = () => {} } = options;
    this.#db = db;
    this.#busyTimeoutMs = busyTimeoutMs;
    this.#patienceMs = busyTimeoutMs;
    this.#committing = committing;
    this.#committed = committed;
    this.#group =
      sync &&
      new GroupSync(
        sync,
        (error) => this.fail(error),
        () => this.#diskIdle(),
      );
    this.#begin = db.prepare("BEGIN IMMEDIATE");
    this.#commit = db.prepare("COMMIT");
    this.#rollback = db.prepare("ROLLBACK");
    this.#savepoint = db.prepare("SAVEPOINT operation");
    this.#release = db.prepare("RELEASE operation");
    this.#rollbackTo = db.prepare("ROLLBACK TO operation");
    this.#dataVersion = db.prepare<[], number>("PRAGMA data_version").pluck();
    this.#totalChanges = db.prepare<[], number>("SELECT total_changes()").pluck();
  }

  /** The same object, whose numbers grow. */
  get statistics(): StoreStatistics {
    return this.#statistics;
  }

  /** Nothing is taken any more: `fail` was called. */
  get failed(): boolean {
    return this.#failure !== undefined;
  }

  /** Resolves with the operation's result once it is committed. If it throws, it alone is undone and rejects with that. */
  write<T>(operation: () => T): Promise<T> {
    return this.#take(() => {
      this.#savepoint.run();
      const value = operation();
      this.#release.run();
      return value;
    }, true) as Promise<T>;
  }

  /**
   * The same for an operation that changes nothing if it throws: all of it is one statement, or those before the last can
   * fail only where the disk does, which undoes the turn. SQLite takes back a statement that fails.
   */
  step<T>(operation: () => T): Promise<T> {
    return this.#take(operation, false) as Promise<T>;
  }

  /**
   * Calls back when rows may not be what this process wrote last: something was undone, or another connection has written.
   * Within the open transaction there is no other.
   */
  whenStale(forget: () => void): void {
    this.#caches.push(forget);
  }

  #take(operation: () => unknown, saved: boolean): Promise<unknown> {
    this.#statistics.writes += 1;
    return new Promise<unknown>((resolve, reject) => {
      if (this.#held === undefined) this.#write(operation, saved, resolve, reject);
      else this.#held.push(() => this.#write(operation, saved, resolve, reject));
    });
  }

  /** Resolves with the query's result; with what is not on disk yet, when it is. */
  read<T>(query: () => T): Promise<T> {
    this.#statistics.reads += 1;
    return new Promise<unknown>((resolve, reject) => {
      // Before the first write that is held, there is nothing to wait for.
      if (this.#held === undefined || this.#held.length === 0) this.#read(query, resolve, reject);
      else this.#held.push(() => this.#read(query, resolve, reject));
    }) as Promise<T>;
  }

  /**
   * Ends the open transaction, and lets writes wait, with whatever is asked for after the first of them, until `release`:
   * somebody else of this process needs SQLite's write lock, and to wait for that here would block the event loop.
   */
  hold(): void {
    if (this.#end !== undefined) this.#finish();
    this.#held = [];
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const run of held) run();
  }

  /**
   * The disk could not keep what was committed. Whoever waits is refused, and so is everybody from now on, until the store
   * is opened again. What was committed last is in the log as the kernel shows it, but perhaps no longer on its way to the
   * disk: after a failed sync the pages may count as clean, so that the next sync says nothing of them. It cannot be undone,
   * SQLite has it committed; it must not be built upon; and a checkpoint would copy it, and then write over the log, which is
   * the only good copy of what older checkpoints lost. At the next start SQLite reads the log up to the first frame that is
   * not whole. All that was acknowledged is in it; of what was refused here, any first part may be.
   */
  fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    const failure = asSyncError(error);
    this.#failure = failure;
    this.#note(failure);
    this.#group?.reject(failure);
    this.#abandon(failure);
  }

  /**
   * Commits what is open and closes the database at once; resolves when all of that is on disk. Rejects, closed all the
   * same, if it could not be.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const before = this.#failure;
    this.release();
    const failure = this.#end === undefined ? undefined : this.#finish();
    this.#db.close();
    await this.#group?.settled();
    if (failure !== undefined) throw failure.error;
    if (this.#failure !== before) throw this.#failure;
  }

  #write(
    operation: () => unknown,
    saved: boolean,
    resolve: (value: unknown) => void,
    reject: (reason: unknown) => void,
  ): void {
    if (this.#refusal !== undefined) {
      reject(this.#refusal);
      return;
    }
    try {
      this.#checkUsable();
      if (this.#end === undefined) this.#open();
    } catch (thrown) {
      const error = this.#asWriteError(thrown);
      if (error instanceof StoreWriteError) this.#refuseTurn(error);
      reject(error);
      return;
    }
    try {
      const value = operation();
      this.#await({ answer: resolve, value, reject, query: undefined });
    } catch (thrown) {
      const error = this.#asWriteError(thrown);
      // Its error may tell of changes before it in this turn ("the roster is full"): it waits for the commit, too.
      this.#waiting.push({ answer: reject, value: error, reject, query: undefined });
      if (error instanceof StoreWriteError) this.#refuseTurn(error);
      else this.#undoOperation(error, saved);
    }
  }

  // What is written in one turn may belong together: a disk that refuses one part of it gets none of the others.
  #refuseTurn(error: StoreWriteError): void {
    this.#refusal = error;
    setImmediate(() => {
      this.#refusal = undefined;
    });
    this.#abandon(error);
  }

  #read(query: () => unknown, resolve: (value: unknown) => void, reject: (reason: unknown) => void): void {
    try {
      this.#checkUsable();
      const answer = { answer: resolve, value: query(), reject, query };
      if (this.#end !== undefined) this.#waiting.push(answer);
      else if (this.#group?.pending) this.#group.seen([answer]);
      else resolve(answer.value);
    } catch (thrown) {
      const error = this.#asWriteError(thrown);
      reject(error);
      if (this.#end !== undefined && !this.#db.inTransaction) this.#abandon(error);
    }
  }

  #checkUsable(): void {
    if (this.#closed !== undefined) throw new StoreClosedError();
    if (this.#failure !== undefined) throw this.#failure;
  }

  #open(): void {
    try {
      this.#begin.run();
    } catch (error) {
      if (isBusy(error)) this.#waitForLocks(Math.min(BUSY_AGAIN_TIMEOUT_MS, this.#busyTimeoutMs));
      throw error;
    }
    this.#waitForLocks(this.#busyTimeoutMs);
    const version = this.#dataVersion.get();
    if (version !== this.#seenVersion) this.#stale();
    this.#seenVersion = version;
    this.#refusedNow = false;
    this.#end = setImmediate(() => this.#turnEnds());
  }

  // What is committed while a sync runs waits for the next one: so it may as well be committed then, together. The pages
  // that every commit writes are written once, and nobody is answered later for it.
  #turnEnds(): void {
    if (!this.#group?.pending || this.#waiting.length >= TOGETHER) this.#finish();
    else this.#deferred = setTimeout(() => this.#finish(), TOGETHER_MS);
  }

  #diskIdle(): void {
    if (this.#deferred !== undefined) this.#finish();
  }

  #await(waiting: Waiting): void {
    this.#waiting.push(waiting);
    if (this.#deferred === undefined || this.#waiting.length < TOGETHER) return;
    clearTimeout(this.#deferred);
    this.#deferred = undefined;
    this.#end = setImmediate(() => this.#finish());
  }

  #waitForLocks(timeoutMs: number): void {
    if (timeoutMs === this.#patienceMs) return;
    this.#db.pragma(`busy_timeout = ${timeoutMs}`);
    this.#patienceMs = timeoutMs;
  }

  #undoOperation(cause: unknown, saved: boolean): void {
    try {
      // A full or failing disk may have undone the whole transaction already (sqlite.org/lang_transaction.html, section 3).
      // And of a step, a part may be done that nothing but the whole undoes.
      if (!this.#db.inTransaction || !saved) throw cause;
      this.#rollbackTo.run();
      this.#release.run();
      this.#stale();
    } catch {
      this.#abandon(cause);
    }
  }

  #stale(): void {
    for (const forget of this.#caches) forget();
  }

  /** Ends the transaction; everybody is answered when it is on disk. Returns what made the commit fail. */
  #finish(): { readonly error: unknown } | undefined {
    this.#committing();
    const begun = performance.now();
    try {
      this.#commit.run();
    } catch (thrown) {
      const error = this.#asWriteError(thrown);
      this.#abandon(error);
      return { error };
    } finally {
      this.#statistics.commits += 1;
      this.#statistics.commitSeconds += (performance.now() - begun) / 1000;
    }
    this.#noteSuccess();
    this.#answer(this.#takeWaiting());
    this.#committed();
    return undefined;
  }

  #answer(waiting: Waiting[]): void {
    const changes = Number(this.#totalChanges.get());
    const changed = changes !== this.#committedChanges;
    this.#committedChanges = changes;
    if (this.#group === undefined) for (const { answer, value } of waiting) answer(value);
    else if (changed) this.#group.committed(waiting);
    else this.#group.seen(waiting);
  }

  /** Undoes the transaction: its writes reject, its reads are answered from what is committed. */
  #abandon(cause: unknown): void {
    const abandoned = this.#takeWaiting();
    this.#stale();
    try {
      if (this.#db.inTransaction) this.#rollback.run();
    } catch {
      // Then the next BEGIN fails and says so; these here must be answered all the same.
    }
    for (const { query, answer, reject } of abandoned) {
      if (query === undefined) reject(cause);
      else this.#read(query, answer, reject);
    }
  }

  #asWriteError(thrown: unknown): unknown {
    const error = asWriteError(thrown);
    if (error instanceof StoreWriteError) this.#note(error);
    return error;
  }

  #note(refusal: StoreWriteError): void {
    this.#statistics.refused += 1;
    this.#statistics.refusal = refusal;
    this.#refusedNow = true;
    if (this.#db.open) this.#changes = Number(this.#totalChanges.get());
  }

  // A commit proves that the disk takes writes again only if something was in it.
  #noteSuccess(): void {
    if (this.#statistics.refusal === undefined) return;
    const changes = Number(this.#totalChanges.get());
    if (!this.#refusedNow && changes > this.#changes) this.#statistics.refusal = undefined;
    this.#changes = changes;
  }

  #takeWaiting(): Waiting[] {
    clearImmediate(this.#end);
    clearTimeout(this.#deferred);
    this.#end = undefined;
    this.#deferred = undefined;
    const waiting = this.#waiting;
    this.#waiting = [];
    return waiting;
  }
}
