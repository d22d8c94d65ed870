// Schema versions: whose database this is (PRAGMA application_id), how new it is (PRAGMA user_version), and the way up.

import type { Database } from "better-sqlite3";
import { StoreOpenError } from "../errors.ts";
import type { Migration } from "../migrations/migration.ts";

/** "BALC": marks a database as Balcony's (sqlite.org/fileformat2.html, section 1.3.15). */
export const APPLICATION_ID = 0x42414c43;

/**
 * Throws StoreOpenError if the database is another program's or of a newer schema. Changes nothing.
 */
export function refuseForeign(db: Database, file: string, migrations: readonly Migration[]): void {
  const id = db.pragma("application_id", { simple: true });
  if (id !== APPLICATION_ID && !(id === 0 && isEmpty(db))) {
    throw new StoreOpenError(
      file,
      "this SQLite database is not Balcony's",
      "set another storage path; it was not changed",
    );
  }
  const known = migrations.at(-1)?.version ?? 0;
  const found = schemaVersion(db);
  if (found > known) {
    throw new StoreOpenError(
      file,
      `this database was written by a newer Balcony (schema ${found}, this one knows ${known})`,
      "run that version or restore a backup",
    );
  }
}

/** Runs the migrations that are missing, each in transactions of its own. Throws StoreOpenError if one fails. */
export function migrate(db: Database, file: string, migrations: readonly Migration[]): void {
  for (const { version, name, repeat = [], sql } of migrations) {
    const step = db.transaction(() => {
      // Asked inside the transaction: another process may be doing the same.
      if (schemaVersion(db) >= version) return;
      db.exec(sql);
      db.pragma(`user_version = ${version}`);
      db.pragma(`application_id = ${APPLICATION_ID}`);
    });
    try {
      for (const part of repeat) repeatStep(db, version, part);
      if (schemaVersion(db) < version) step.immediate();
    } catch (error) {
      // A code such as SQLITE_BUSY or SQLITE_FULL tells of the surroundings; the plain one of the migration itself.
      if (!(error instanceof Error && "code" in error && error.code === "SQLITE_ERROR")) throw error;
      const problem = `migration ${version} (${name}) failed: ${error.message}`;
      throw new StoreOpenError(file, problem, "it changed nothing; run the version before and report this", error);
    }
  }
}

function repeatStep(db: Database, version: number, { left, sql }: { left: string; sql: string }): void {
  const step = db.transaction(() => {
    if (schemaVersion(db) >= version || db.prepare(left).get() === undefined) return false;
    db.exec(sql);
    return true;
  });
  while (schemaVersion(db) < version && step.immediate());
}

function schemaVersion(db: Database): number {
  return Number(db.pragma("user_version", { simple: true }));
}

function isEmpty(db: Database): boolean {
  return db.prepare("SELECT 1 FROM sqlite_schema LIMIT 1").get() === undefined;
}
