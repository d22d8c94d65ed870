// What a disk does to a write, or to the whole database, in words for the operator.

import { StoreWriteError } from "../store.ts";

/** SQLite's name for an error, or the operating system's; empty if it has none. */
export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

export function isBusy(error: unknown): boolean {
  return codeOf(error).startsWith("SQLITE_BUSY");
}

/** An error of the disk as StoreWriteError; any other as it is. */
export function asWriteError(error: unknown): unknown {
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

/** What was committed could not be made to last. */
export function asSyncError(error: unknown): StoreWriteError {
  const code = codeOf(error);
  return new StoreWriteError(
    "failed",
    `the disk did not keep what was written${code && ` (${code})`}: check it, then start the server again; until then the store is not used`,
    error,
  );
}
