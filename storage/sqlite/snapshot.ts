// Copies of a whole database: made while others write to it, checked, and made ready to take the place of another.

import { closeSync, openSync, readSync, statSync } from "node:fs";
import Database from "better-sqlite3";
import { StoreOpenError } from "../errors.ts";
import { migrations } from "../migrations/index.ts";
import { refuseForeign } from "./migrate.ts";

/** Some megabytes: between two steps the copying process looks whether it is to stop. */
const PAGES_A_STEP = 1_000;
const PATIENCE_MS = 5_000;

export type DatabaseContents = {
  /** Number of the last migration that ran on it. */
  readonly schema: number;
  /** Rows of each table, by its name. */
  readonly rows: Readonly<Record<string, number>>;
  /** Names of the keys that its credentials are sealed with. */
  readonly keyIds: readonly string[];
};

/**
 * Copies `source`, as it is at one moment, over the empty file `target`, and checks the copy. Other processes may read and
 * write `source` all the while, and none waits.
 * @throws StoreOpenError `source` is missing, not accessible, damaged, foreign or of a newer Balcony; what the disk of
 *   `target` does, as it comes (SQLITE_FULL, SQLITE_IOERR...); the reason of `signal`
 */
export async function copyDatabase(source: string, target: string, signal?: AbortSignal): Promise<DatabaseContents> {
  const db = openReadOnly(source);
  let original: DatabaseContents;
  try {
    // SQLite starts its backup over whenever another process has written, and under load that has no end. Within a read
    // transaction it sees one state of the write-ahead log throughout (sqlite.org/wal.html, section 2.2).
    db.exec("BEGIN");
    original = contentsOf(db);
    await db.backup(target, {
      progress: () => {
        signal?.throwIfAborted();
        return PAGES_A_STEP;
      },
    });
  } catch (error) {
    throw isDamage(error) ? damaged(source, error) : error;
  } finally {
    db.close();
  }
  const copy = checkDatabase(target);
  if (JSON.stringify(copy) !== JSON.stringify(original)) throw damaged(source, undefined);
  return copy;
}

/**
 * Checks a database that nobody else has open, and leaves it without a write-ahead log: whole in its one file.
 * @throws StoreOpenError it is damaged; what the disk does, as it comes
 */
export function checkDatabase(file: string): DatabaseContents {
  let db: Database.Database | undefined;
  try {
    db = new Database(file, { fileMustExist: true });
    db.pragma("journal_mode = DELETE");
    const found = db.pragma("integrity_check(1)", { simple: true });
    if (found !== "ok") throw damaged(file, new Error(String(found)));
    return contentsOf(db);
  } catch (error) {
    throw isDamage(error) ? damaged(file, error) : error;
  } finally {
    db?.close();
  }
}

/**
 * Lets no number come again that was given out after the copy was made, and that somebody may remember: a client its
 * roster's version (RFC 6121 section 2.6), the foreign side an event's id. Both go on from the time, in milliseconds.
 */
export function skipNumbers(file: string, now: number): void {
  const db = new Database(file, { fileMustExist: true });
  try {
    db.transaction(() => {
      db.prepare("UPDATE roster_floor SET version = max(version + 1, ?)").run(now);
      // Nobody can be told what changed since a version that this database does not know: the whole roster is sent.
      db.prepare("UPDATE roster SET version = max(version + 1, ?)").run(now);
      db.prepare("UPDATE roster SET pruned = version").run();
      db.prepare(
        `INSERT INTO sqlite_sequence (name, seq) SELECT 'gateway_event', 0
         WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'gateway_event')`,
      ).run();
      db.prepare("UPDATE sqlite_sequence SET seq = max(seq + 1, ?) WHERE name = 'gateway_event'").run(now);
      // Stream-managed sessions (XEP-0198) counted on after the backup: their clients cannot resume them from here. What they
      // had not acknowledged goes where that of any expired session goes, at the next start.
      if (hasSessions(db)) {
        db.prepare("UPDATE saved_session SET state = json_set(state, '$.detachedAt', 0) WHERE state <> ''").run();
        db.prepare("DELETE FROM saved_session WHERE state = ''").run();
      }
    })();
  } finally {
    db.close();
  }
}

function hasSessions(db: Database.Database): boolean {
  return db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'saved_session'").get() !== undefined; // schema 2
}

/**
 * Before a database is moved: nobody may have it open, or its write-ahead log would lie beside the next one. What is in
 * that log goes into the database; what is no database is left as it is.
 * @throws StoreOpenError another process has it open, or it cannot be written
 */
export function settleDatabase(file: string): void {
  if (!hasHeader(file)) return; // SQLite would delete the log of a database that was cut to nothing
  let db: Database.Database | undefined;
  try {
    db = new Database(file, { fileMustExist: true, timeout: 500 });
    db.pragma("journal_mode = DELETE"); // takes an exclusive lock
  } catch (error) {
    const code = codeOf(error);
    if (isDamage(error)) return;
    if (code.startsWith("SQLITE_BUSY")) {
      throw new StoreOpenError(file, "another program has this database open", "end that program and try again", error);
    }
    if (code === "SQLITE_FULL") throw new StoreOpenError(file, "the disk is full", "make room and try again", error);
    throw new StoreOpenError(file, `this database cannot be written (${code})`, ACCESS, error);
  } finally {
    db?.close();
  }
}

// sqlite.org/fileformat2.html, section 1.3. Only while nothing of this process has it open: see openDatabase.
function hasHeader(file: string): boolean {
  const fd = openSync(file, "r");
  try {
    const header = Buffer.alloc(100);
    return readSync(fd, header, 0, 100, 0) === 100 && header.toString("latin1", 0, 16) === "SQLite format 3\0";
  } finally {
    closeSync(fd);
  }
}

const ACCESS = "call this as the user that runs Balcony, and check the disk";

function openReadOnly(file: string): Database.Database {
  let db: Database.Database | undefined;
  try {
    statSync(file); // SQLite would not tell a missing file from one that may not be read
    db = new Database(file, { readonly: true, fileMustExist: true, timeout: PATIENCE_MS });
    refuseForeign(db, file, migrations);
    return db;
  } catch (error) {
    db?.close();
    if (error instanceof StoreOpenError) throw error;
    if (isDamage(error)) throw damaged(file, error);
    const code = codeOf(error);
    if (code === "ENOENT") {
      throw new StoreOpenError(
        file,
        "there is no database",
        "nothing has been stored here yet; check storage.path",
        error,
      );
    }
    throw new StoreOpenError(file, `this database cannot be read (${code || String(error)})`, ACCESS, error);
  }
}

function contentsOf(db: Database.Database): DatabaseContents {
  const tables = db
    .prepare<[], string>(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'sqlite_*' ORDER BY name",
    )
    .pluck()
    .all();
  const count = (table: string): number =>
    db.prepare<[], number>(`SELECT count(*) FROM "${table}"`).pluck().get() as number;
  return {
    schema: Number(db.pragma("user_version", { simple: true })),
    rows: Object.fromEntries(tables.map((table) => [table, count(table)])),
    keyIds: tables.includes("credential")
      ? db.prepare<[], string>("SELECT DISTINCT key_id FROM credential ORDER BY key_id").pluck().all()
      : [],
  };
}

function damaged(file: string, cause: unknown): StoreOpenError {
  const detail = cause instanceof Error ? ` (${cause.message.split("\n")[0]})` : "";
  return new StoreOpenError(
    file,
    `this database is damaged${detail}`,
    'restore an earlier backup; "sqlite3 FILE .recover" may save what is left of it',
    cause,
  );
}

function isDamage(error: unknown): boolean {
  const code = codeOf(error);
  return code.startsWith("SQLITE_CORRUPT") || code === "SQLITE_NOTADB";
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
