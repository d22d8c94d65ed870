// The lock on a data folder: one server at a time, over all processes of the machine.
//
// It is SQLite's exclusive lock on an empty database of its own: the kernel holds it and drops it with the process, however
// that ends, so that no lock is ever left over and none is taken for one because a process id came round again. Within one
// process SQLite itself keeps two connections apart. Nothing here may open the lock file but SQLite: to close it once more
// would drop the lock of the whole process (sqlite.org/howtocorrupt.html, section 2.2).

import { closeSync, existsSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import Database from "better-sqlite3";
import { StoreOpenError } from "./errors.ts";

/** Somebody who looks whether the lock is held holds a share of it for a moment; that is waited out. */
const PATIENCE_MS = 500;

/** Another server has the data folder; the message says which process it is and what to do. */
export class FolderLockedError extends Error {
  /** Undefined: it could not be found out. */
  readonly pid: number | undefined;
  constructor(folder: string, pid: number | undefined) {
    super(
      `another Balcony runs on this data folder (${nameOf(pid)}): ${folder}; stop it first, or set another storage.path`,
    );
    this.name = "FolderLockedError";
    this.pid = pid;
  }
}

export interface FolderLock {
  release(): void;
}

/**
 * Takes the lock of an existing folder, and leaves the process id in its balcony.pid.
 * Throws FolderLockedError, or StoreOpenError if it cannot be locked at all; errors of the file system as they come.
 */
export function lockFolder(path: string): FolderLock {
  const folder = resolve(path);
  const file = join(folder, "balcony.lock");
  create(file);
  let db: Database.Database | undefined;
  try {
    db = new Database(file, { timeout: PATIENCE_MS });
    db.pragma("journal_mode = MEMORY"); // else a journal file would lie there for as long
    db.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    db?.close();
    if (isBusy(error)) throw new FolderLockedError(folder, readPid(folder));
    const hint = "set a storage path on a local disk, in a folder that this user can write";
    throw new StoreOpenError(file, `this file cannot be locked (${codeOf(error)})`, hint, error);
  }
  const held = db;
  writePid(folder);
  return {
    release() {
      rmSync(join(folder, "balcony.pid"), { force: true });
      held.close();
    },
  };
}

/** Throws FolderLockedError if a server has the folder, which need not exist. What else is wrong with it is not told here. */
export function refuseLockedFolder(path: string): void {
  const folder = resolve(path);
  const file = join(folder, "balcony.lock");
  if (!existsSync(file)) return;
  let db: Database.Database | undefined;
  try {
    db = new Database(file, { timeout: 0 });
    db.prepare("SELECT 1 FROM sqlite_schema").get();
  } catch (error) {
    if (isBusy(error)) throw new FolderLockedError(folder, readPid(folder));
  } finally {
    db?.close();
  }
}

// Not with "a": the file may be there and locked by this very process.
function create(file: string): void {
  try {
    closeSync(openSync(file, "wx", 0o600));
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
  }
}

// For people, and for the message of who comes second; the lock does not depend on it.
function writePid(folder: string): void {
  const temporary = join(folder, `balcony.pid.${process.pid}`);
  try {
    writeFileSync(temporary, `${process.pid}\n`, { mode: 0o600 });
    renameSync(temporary, join(folder, "balcony.pid"));
  } catch {
    rmSync(temporary, { force: true }); // a full disk
  }
}

function readPid(folder: string): number | undefined {
  try {
    const text = readFileSync(join(folder, "balcony.pid"), "utf8");
    return /^\d+\n$/.test(text) ? Number(text) : undefined;
  } catch {
    return undefined;
  }
}

function nameOf(pid: number | undefined): string {
  if (pid === undefined) return "its balcony.pid does not say which process";
  if (pid === process.pid) return `this process, ${pid}`;
  return `process ${pid}${isVisible(pid) ? "" : ", not to be seen from here: in another container?"}`;
}

function isVisible(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) !== "ESRCH";
  }
}

function isBusy(error: unknown): boolean {
  return codeOf(error).startsWith("SQLITE_BUSY");
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
