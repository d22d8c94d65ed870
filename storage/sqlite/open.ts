// Opening a database file: refuses what is not Balcony's, guards the file's mode, sets the connection up, migrates.

import { accessSync, chmodSync, closeSync, constants, openSync, statSync } from "node:fs";
import { resolve } from "node:path";
import Database from "better-sqlite3";
import { StoreOpenError } from "../errors.ts";
import { migrations as allMigrations } from "../migrations/index.ts";
import type { Migration } from "../migrations/migration.ts";
import { migrate, refuseForeign } from "./migrate.ts";
import { BUSY_TIMEOUT_MS } from "./turn.ts";

/**
 * "full": what was acknowledged survives loss of power. "normal": it survives the end of the process, but perhaps not of
 * power. Loss of power leaves the database intact in both.
 */
export type Durability = "full" | "normal";

/** The last three are for tests. */
export type OpenOptions = {
  readonly durability?: Durability;
  readonly migrations?: readonly Migration[];
  readonly busyTimeoutMs?: number;
  /** Is told every statement that runs. */
  readonly verbose?: (sql: unknown) => void;
};

/** Large enough for a busy turn; a write-ahead log that grew past it in a rush is cut back after its checkpoint. */
const WAL_KEPT_BYTES = 80 * 1024 * 1024;

/** For every connection that checkpoints. The second has an effect on macOS alone: a sync there is none of the disk's cache. */
export const LOG_SETTINGS: readonly string[] = [`journal_size_limit = ${WAL_KEPT_BYTES}`, "checkpoint_fullfsync = ON"];

/**
 * Opens or creates a database of mode 0600 and brings its schema up to date.
 * @throws StoreOpenError the file is missing its folder, not accessible, damaged, locked, foreign, or of a newer Balcony
 */
export function openDatabase(path: string, options: OpenOptions = {}): Database.Database {
  const file = resolve(path);
  let db: Database.Database | undefined;
  try {
    create(file);
    const { verbose, busyTimeoutMs = BUSY_TIMEOUT_MS, migrations = allMigrations } = options;
    db = new Database(file, { timeout: busyTimeoutMs, ...(verbose && { verbose }) });
    refuseForeign(db, file, migrations);
    for (const suffix of ["", "-wal", "-shm"]) closeToOthers(file + suffix);
    configure(db, file, options.durability ?? "full");
    migrate(db, file, migrations);
    return db;
  } catch (error) {
    db?.close();
    throw error instanceof StoreOpenError ? error : explain(file, error);
  }
}

/**
 * SQLite itself would create it with 0644; its -wal and -shm take over the mode of the database. One that is there is left
 * to SQLite: to close it here would drop the locks that another connection of this process has on it
 * (sqlite.org/howtocorrupt.html, section 2.2).
 */
function create(file: string): void {
  try {
    closeSync(openSync(file, "wx", 0o600));
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
    if (statSync(file).isDirectory()) throw Object.assign(new Error(`${file} is a folder`), { code: "EISDIR" });
    accessSync(file, constants.R_OK | constants.W_OK); // SQLite would not tell a read-only file system from a wrong mode
  }
}

function configure(db: Database.Database, file: string, durability: Durability): void {
  if (db.pragma("journal_mode = WAL", { simple: true }) !== "wal") {
    throw new StoreOpenError(
      file,
      "this file system cannot hold a write-ahead log",
      "set a storage path on a local disk",
    );
  }
  db.pragma(`synchronous = ${durability === "full" ? "FULL" : "NORMAL"}`);
  db.pragma("foreign_keys = ON");
  for (const setting of LOG_SETTINGS) db.pragma(setting);
}

/** Best effort: some file systems have no modes, and a file of another user is for that user to guard. */
function closeToOthers(file: string): void {
  const mode = statSync(file, { throwIfNoEntry: false })?.mode;
  if (mode === undefined || (mode & 0o077) === 0) return;
  try {
    chmodSync(file, 0o600);
  } catch (error) {
    if (codeOf(error) !== "EPERM" && codeOf(error) !== "ENOTSUP") throw error;
  }
}

const ACCESS = "give the user that runs Balcony read and write access to the file and to its folder";
const SPACE = "make room on the disk and start again";

/** What went wrong and what to do, by the start of the error's code; the first that fits. */
const EXPLANATIONS: readonly (readonly [code: string, problem: string, hint: string])[] = [
  [
    "SQLITE_NOTADB",
    "this is no SQLite database",
    "move it away or set another storage path; restore a backup if it was one",
  ],
  [
    "SQLITE_CORRUPT",
    "this database is damaged",
    'restore a backup; "sqlite3 FILE .recover" may save what is left of it',
  ],
  [
    "SQLITE_BUSY",
    "another program holds this database",
    "end that program (a database shell, a backup) and start again",
  ],
  ["SQLITE_READONLY", "this database cannot be written", ACCESS],
  ["SQLITE_CANTOPEN", "this database cannot be opened", ACCESS],
  ["SQLITE_FULL", "the disk is full", SPACE],
  ["ENOSPC", "the disk is full", SPACE],
  ["EACCES", "no permission to open this database", ACCESS],
  ["EPERM", "no permission to open this database", ACCESS],
  ["EROFS", "this database is on a read-only file system", "set a storage path that can be written"],
  ["ENOENT", "the folder of this database does not exist", "create the folder or set another storage path"],
  ["ENOTDIR", "the folder of this database is a file", "set another storage path"],
  ["EISDIR", "this is a folder, not a database", "give the path of a file in it"],
];

function explain(file: string, cause: unknown): StoreOpenError {
  const code = codeOf(cause);
  const found = EXPLANATIONS.find(([prefix]) => code.startsWith(prefix));
  if (found !== undefined) return new StoreOpenError(file, found[1], found[2], cause);
  const detail = cause instanceof Error ? cause.message : String(cause);
  return new StoreOpenError(
    file,
    `this database cannot be opened (${detail})`,
    "check the disk and restore a backup",
    cause,
  );
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
