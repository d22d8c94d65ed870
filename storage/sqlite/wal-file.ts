// Syncing the write-ahead log off the main thread: SQLite writes it without (synchronous = NORMAL: sqlite.org/pragma.html),
// and its file is synced by a descriptor of our own. A frame that is in the file after a power failure counts if all before
// it are (sqlite.org/fileformat2.html, section 4): a log that is synced up to a commit holds that commit.
//
// What SQLite does itself in that mode, as its source (wal.c) has it: where the log begins again it syncs the new header
// before any frame, so that old frames cannot follow new ones, and with the first header of a connection the folder, which
// has the file's name; a checkpoint syncs the log before it copies, and the database before the log may begin again.

import { closeSync, fdatasync, fdatasyncSync, openSync } from "node:fs";
import { promisify } from "node:util";

const fdatasyncAsync = promisify(fdatasync);

/**
 * The log of an open database. The file stays the same for as long as that is open: only the last connection to close
 * deletes it, and a restart or a size limit writes over it or cuts it. To close a descriptor of it is harmless: the locks,
 * which POSIX drops then, are on the database and on the -shm file (sqlite.org/howtocorrupt.html, section 2.2).
 */
export class WalFile {
  readonly #path: string;
  #descriptor: number | undefined;

  /** @param database path of the database, which is in WAL mode and stays open */
  constructor(database: string) {
    this.#path = `${database}-wal`;
  }

  /** On this thread: what a process left there that was killed before its own sync, and that reads would tell of. */
  syncNow(): void {
    const descriptor = openSync(this.#path, "r+");
    try {
      fdatasyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  }

  /**
   * In libuv's thread pool. Resolves when what the file held at the call is on disk, with what it takes to find it again
   * (its length); on macOS libuv flushes the disk's own cache, too (F_FULLFSYNC).
   */
  async sync(): Promise<void> {
    // Open from the first commit on, without closing between: an error of the disk is told to descriptors that are open then.
    this.#descriptor ??= openSync(this.#path, "r+");
    await fdatasyncAsync(this.#descriptor);
  }

  /** No sync may be under way. */
  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }
}
