// Checkpoints: what is in the write-ahead log goes into the database file, so that the log stays short. On a thread of its
// own, because a checkpoint syncs both files (sqlite.org/wal.html, sections 2.1 and 3.1).

import type { Database, Statement } from "better-sqlite3";
import { type CheckpointThread, type Progress, startCheckpointThread } from "./checkpoint-thread.ts";
import { codeOf } from "./write-error.ts";

/**
 * Of 4 KiB: 64 MiB. Pages that are written again and again are copied once for so many frames: a shorter log is copied more
 * often, a longer one makes the start after a kill slower.
 */
const CHECKPOINT_FRAMES = 16_000;

/** Those who write: kept waiting while the log begins again. */
type Writers = {
  hold(): void;
  release(): void;
  /** The disk lost something that was written. */
  fail(error: unknown): void;
};

export type CheckpointOptions = {
  /** Pragmas for the thread's connection. */
  readonly settings?: readonly string[];
  /** The next two are for tests. */
  readonly frames?: number;
  readonly startThread?: typeof startCheckpointThread;
};

/**
 * The log's length is looked at after every commit. When it has grown enough, the thread copies what is in it while writing
 * goes on. Under load there is always more by then, and SQLite can begin the log again only where all of it is copied: so
 * writes are held back while the thread copies that rest, which is short, and begins the log again. The event loop goes on,
 * reads too; only what stores something waits, for some syncs. This bounds the log by what is written during one copy.
 *
 * The thread starts when it is first needed.
 */
export class Checkpoints {
  readonly #db: Database;
  readonly #writers: Writers;
  readonly #options: CheckpointOptions;
  readonly #frames: number;
  readonly #progress: Statement<[], Progress>;
  /** Frames at which the log is next worth a try. */
  #due: number;
  #thread: CheckpointThread | undefined;
  #underway: Promise<void> | undefined;
  #closed: Promise<void> | undefined;

  /** @param db the connection that writes, on which SQLite's own checkpoints end with this */
  constructor(db: Database, writers: Writers, options: CheckpointOptions = {}) {
    db.pragma("wal_autocheckpoint = 0");
    this.#db = db;
    this.#writers = writers;
    this.#options = options;
    this.#frames = options.frames ?? CHECKPOINT_FRAMES;
    this.#due = this.#frames;
    this.#progress = db.prepare<[], Progress>("PRAGMA wal_checkpoint(NOOP)"); // SQLite 3.51; before: a passive one
  }

  /** For every commit; outside a transaction. Costs a microsecond. */
  afterCommit(): void {
    if (this.#underway !== undefined || this.#closed !== undefined || this.#logged() < this.#due) return;
    this.#underway = this.#checkpoint().finally(() => {
      this.#underway = undefined;
    });
  }

  /** Resolves when the thread is gone. */
  close(): Promise<void> {
    this.#closed ??= (async () => {
      await this.#thread?.end();
      await this.#underway;
    })();
    return this.#closed;
  }

  async #checkpoint(): Promise<void> {
    // Where a reader of another program was in the way, not again at every commit.
    this.#due = this.#frames + (await this.#inThread().catch((error) => this.#failed(error)));
  }

  /** Resolves with the frames that are left in the log. */
  async #inThread(): Promise<number> {
    const { startThread = startCheckpointThread, settings = [] } = this.#options;
    this.#thread ??= startThread(this.#db.name, settings);
    const thread = this.#thread;
    const { log, checkpointed } = await thread.copy();
    // A reader of another program needs old pages. (A few frames may be missing for one of ours that has ended since.)
    if (log - checkpointed > this.#frames / 2 || this.#closed !== undefined) return log;
    return this.#alone(() => thread.restart());
  }

  /** Resolves with the frames that are left in the log. */
  async #failed(error: unknown): Promise<number> {
    const thread = this.#thread;
    this.#thread = undefined;
    void thread?.end();
    // The kernel tells once that it could not write, and may have dropped the pages: the next checkpoint would succeed and
    // the log, which still has them, would be written over (see Turn.fail).
    if (codeOf(error) === "SQLITE_IOERR_FSYNC") this.#writers.fail(error);
    else if (this.#db.open) return this.#alone(() => this.#here());
    return 0;
  }

  /** No thread can be had, or the disk is full: then on this one, that the log does not grow without end. */
  async #here(): Promise<void> {
    try {
      this.#db.pragma("wal_checkpoint(PASSIVE)");
    } catch (error) {
      // Anything else will be told by a commit, as the log needs the same disk.
      if (codeOf(error) === "SQLITE_IOERR_FSYNC") this.#writers.fail(error);
    }
  }

  /** A step during which nobody else of this process writes; resolves with the frames in the log after it. */
  async #alone(step: () => Promise<unknown>): Promise<number> {
    this.#writers.hold();
    try {
      await step();
      return this.#logged();
    } finally {
      this.#writers.release();
    }
  }

  #logged(): number {
    return this.#db.open ? (this.#progress.get()?.log ?? 0) : 0;
  }
}
