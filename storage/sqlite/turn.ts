// Grouped commit: the writes of one event-loop turn share one transaction, and nobody is told of anything that is not on
// disk yet. A commit waits for the disk, so its cost is shared by whatever arrived meanwhile.

import type { Database, Statement } from "better-sqlite3";
import { StoreClosedError } from "../errors.ts";
import { type StoreStatistics, StoreWriteError } from "../store.ts";

/** How long an operation waits for another process that writes. Nothing else runs meanwhile. */
export const BUSY_TIMEOUT_MS = 5_000;

/** After one such wait was in vain: only this long, until the lock is had again. One wait must not become a hundred. */
const BUSY_AGAIN_TIMEOUT_MS = 100;

/** An operation of the open transaction, to be answered at its end. */
type Waiting = {
  readonly answer: (value: unknown) => void;
  readonly value: unknown;
  readonly reject: (reason: unknown) => void;
  /** Of a read: asked again if the transaction that it looked into is undone. */
  readonly query: (() => unknown) | undefined;
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
  readonly #begin: Statement<[]>;
  readonly #commit: Statement<[]>;
  readonly #rollback: Statement<[]>;
  readonly #savepoint: Statement<[]>;
  readonly #release: Statement<[]>;
  readonly #rollbackTo: Statement<[]>;
  readonly #totalChanges: Statement<[], number>;
  /** A write of the open transaction was refused. */
  #refusedNow = false;
  /** Rows changed when a write was refused last, or a commit tried since. */
  #changes = 0;
  #waiting: Waiting[] = [];
  /** The scheduled commit; undefined while no transaction is open. */
  #end: NodeJS.Immediate | undefined;
  #patienceMs: number;
  #closed: Promise<void> | undefined;

  constructor(db: Database, busyTimeoutMs = BUSY_TIMEOUT_MS) {
    this.#db = db;
    this.#busyTimeoutMs = busyTimeoutMs;
    this.#patienceMs = busyTimeoutMs;
    this.#begin = db.prepare("BEGIN IMMEDIATE");
    this.#commit = db.prepare("COMMIT");
    this.#rollback = db.prepare("ROLLBACK");
    this.#savepoint = db.prepare("SAVEPOINT operation");
    this.#release = db.prepare("RELEASE operation");
    this.#rollbackTo = db.prepare("ROLLBACK TO operation");
    this.#totalChanges = db.prepare<[], number>("SELECT total_changes()").pluck();
  }

  /** The same object, whose numbers grow. */
  get statistics(): StoreStatistics {
    return this.#statistics;
  }

  /** Resolves with the operation's result once it is committed. If it throws, it alone is undone and rejects with that. */
  write<T>(operation: () => T): Promise<T> {
    this.#statistics.writes += 1;
    try {
      if (this.#closed !== undefined) throw new StoreClosedError();
      if (this.#end === undefined) this.#open();
    } catch (error) {
      return Promise.reject(this.#asWriteError(error));
    }
    return new Promise<unknown>((resolve, reject) => {
      try {
        this.#savepoint.run();
        const value = operation();
        this.#release.run();
        this.#waiting.push({ answer: resolve, value, reject, query: undefined });
      } catch (thrown) {
        const error = this.#asWriteError(thrown);
        // Its error may tell of changes before it in this turn ("the roster is full"): it waits for the commit, too.
        this.#waiting.push({ answer: reject, value: error, reject, query: undefined });
        this.#undoOperation(error);
      }
    }) as Promise<T>;
  }

  /** Resolves with the query's result; while a transaction is open, after its commit. */
  read<T>(query: () => T): Promise<T> {
    this.#statistics.reads += 1;
    if (this.#end === undefined) {
      try {
        if (this.#closed !== undefined) throw new StoreClosedError();
        return Promise.resolve(query());
      } catch (error) {
        return Promise.reject(this.#asWriteError(error));
      }
    }
    return new Promise<unknown>((resolve, reject) => {
      try {
        this.#waiting.push({ answer: resolve, value: query(), reject, query });
      } catch (thrown) {
        const error = this.#asWriteError(thrown);
        reject(error);
        if (!this.#db.inTransaction) this.#abandon(error);
      }
    }) as Promise<T>;
  }

  /** Commits what is open, then closes the database. Rejects, after closing, if that commit failed. */
  close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => {
      const failure = this.#end === undefined ? undefined : this.#finish();
      this.#db.close();
      resolve(failure === undefined ? undefined : Promise.reject(failure.error));
    });
    return this.#closed;
  }

  #open(): void {
    try {
      this.#begin.run();
    } catch (error) {
      if (isBusy(error)) this.#waitForLocks(Math.min(BUSY_AGAIN_TIMEOUT_MS, this.#busyTimeoutMs));
      throw error;
    }
    this.#waitForLocks(this.#busyTimeoutMs);
    this.#refusedNow = false;
    this.#end = setImmediate(() => this.#finish());
  }

  #waitForLocks(timeoutMs: number): void {
    if (timeoutMs === this.#patienceMs) return;
    this.#db.pragma(`busy_timeout = ${timeoutMs}`);
    this.#patienceMs = timeoutMs;
  }

  #undoOperation(cause: unknown): void {
    try {
      this.#rollbackTo.run();
      this.#release.run();
    } catch {
      // A full or failing disk may have undone the whole transaction already (sqlite.org/lang_transaction.html, section 3).
      this.#abandon(cause);
    }
  }

  /** Ends the transaction and answers everybody. Returns what made the commit fail. */
  #finish(): { readonly error: unknown } | undefined {
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
    for (const waiting of this.#takeWaiting()) waiting.answer(waiting.value);
    return undefined;
  }

  /** Undoes the transaction: its writes reject, its reads are answered from what is on disk. */
  #abandon(cause: unknown): void {
    const abandoned = this.#takeWaiting();
    try {
      if (this.#db.inTransaction) this.#rollback.run();
    } catch {
      // Then the next BEGIN fails and says so; these here must be answered all the same.
    }
    for (const { query, answer, reject } of abandoned) {
      if (query === undefined) {
        reject(cause);
        continue;
      }
      try {
        answer(query());
      } catch (error) {
        reject(error);
      }
    }
  }

  #asWriteError(thrown: unknown): unknown {
    const error = asWriteError(thrown);
    if (error instanceof StoreWriteError) {
      this.#statistics.refused += 1;
      this.#statistics.refusal = error;
      this.#refusedNow = true;
      this.#changes = Number(this.#totalChanges.get());
    }
    return error;
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
    this.#end = undefined;
    const waiting = this.#waiting;
    this.#waiting = [];
    return waiting;
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

function isBusy(error: unknown): boolean {
  return codeOf(error).startsWith("SQLITE_BUSY");
}

/** What a disk does to a write, or to the whole database, in words for the operator; any other error as it is. */
function asWriteError(error: unknown): unknown {
  const code = codeOf(error);
  if (code === "SQLITE_FULL") {
    return new StoreWriteError(
      "full",
      "the disk of the data folder is full: make room on it; nothing that was acknowledged is lost",
      error,
    );
  }
  if (code.startsWith("SQLITE_CORRUPT") || code === "SQLITE_NOTADB") {
    return new StoreWriteError(
      "failed",
      'the database is damaged: stop the server and restore a backup; "sqlite3 FILE .recover" may save what is left of it',
      error,
    );
  }
  if (code.startsWith("SQLITE_IOERR") || code.startsWith("SQLITE_READONLY")) {
    return new StoreWriteError(
      "failed",
      `the data folder cannot be written (${code}): check the disk and its permissions`,
      error,
    );
  }
  return error;
}
