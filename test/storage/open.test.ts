// Opening a database file: modes, settings, refusals with what to do, migrations.

import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { StoreOpenError } from "../../storage/errors.ts";
import { migrations } from "../../storage/migrations/index.ts";
import { APPLICATION_ID } from "../../storage/sqlite/migrate.ts";
import { type OpenOptions, openDatabase } from "../../storage/sqlite/open.ts";
import { openSqliteStore } from "../../storage/sqlite.ts";
import { AT, JULIET } from "./records.ts";
import { temporaryFolder } from "./temporary.ts";

const path = temporaryFolder();
const UNPRIVILEGED_USER = 65_534;

/** What opening the file says. */
function refusal(file: string, options?: OpenOptions): StoreOpenError {
  try {
    openDatabase(file, options).close();
  } catch (error) {
    if (error instanceof StoreOpenError) return error;
    throw error;
  }
  throw new Error(`${file} was opened`);
}

/** Root may read and write everything: runs the step as somebody else. */
function withoutPrivileges<T>(step: () => T): T {
  if (process.geteuid?.() !== 0) return step();
  process.seteuid?.(UNPRIVILEGED_USER);
  try {
    return step();
  } finally {
    process.seteuid?.(0);
  }
}

function foreignDatabase(setup: string): string {
  const db = new Database(path("foreign.sqlite"));
  db.exec(setup);
  db.close();
  return path("foreign.sqlite");
}

const mode = (file: string): number => statSync(file).mode & 0o777;

describe("files", () => {
  it("are readable by their owner alone", async () => {
    const umask = process.umask(0);
    try {
      const store = openSqliteStore(path());
      await store.offline.add(JULIET, "<message/>", AT, 10);
      expect(["", "-wal", "-shm"].map((suffix) => mode(path() + suffix))).toEqual([0o600, 0o600, 0o600]);
      await store.close();
    } finally {
      process.umask(umask);
    }
  });

  it("are closed to others if they were open", () => {
    const first = openDatabase(path());
    for (const suffix of ["", "-wal", "-shm"]) chmodSync(path() + suffix, 0o644);
    const second = openDatabase(path());
    expect(["", "-wal", "-shm"].map((suffix) => mode(path() + suffix))).toEqual([0o600, 0o600, 0o600]);
    first.close();
    second.close();
  });

  it("leave only the database after close", async () => {
    const store = openSqliteStore(path());
    await store.offline.add(JULIET, "<message/>", AT, 10);
    await store.close();
    expect(existsSync(path())).toBe(true);
    expect(existsSync(`${path()}-wal`)).toBe(false);
  });
});

describe("settings", () => {
  it.each([
    ["full", 2],
    ["normal", 1],
  ] as const)("durability %s", (durability, synchronous) => {
    const db = openDatabase(path(), { durability });
    const setting = (name: string): unknown => db.pragma(name, { simple: true });
    expect(setting("synchronous")).toBe(synchronous);
    expect(setting("journal_mode")).toBe("wal");
    expect(setting("foreign_keys")).toBe(1);
    expect(setting("busy_timeout")).toBe(5_000);
    expect(setting("application_id")).toBe(APPLICATION_ID);
    expect(setting("user_version")).toBe(migrations.at(-1)?.version);
    db.close();
  });

  it("are durable by default", () => {
    const db = openDatabase(path());
    expect(db.pragma("synchronous", { simple: true })).toBe(2);
    db.close();
  });
});

describe("a file that is refused", () => {
  it("was written by a newer Balcony", () => {
    openDatabase(path()).close();
    const db = new Database(path());
    db.pragma("user_version = 1000");
    db.close();
    const before = readFileSync(path());
    const error = refusal(path());
    expect(error.message).toBe(
      `${path()}: this database was written by a newer Balcony (schema 1000, this one knows ${migrations.length}): ` +
        "run that version or restore a backup",
    );
    expect(error.hint).toBe("run that version or restore a backup");
    expect(error.file).toBe(path());
    expect(readFileSync(path()).equals(before)).toBe(true);
  });

  it("is no database, and stays as it was", () => {
    writeFileSync(path(), "Dear diary, ".repeat(1_000));
    chmodSync(path(), 0o644);
    expect(refusal(path()).message).toMatch(/no SQLite database: move it away/);
    expect(readFileSync(path(), "utf8")).toBe("Dear diary, ".repeat(1_000));
    expect(mode(path())).toBe(0o644);
  });

  it.each([
    ["has another application's mark", "PRAGMA application_id = 42"],
    ["has tables but no mark", "CREATE TABLE note (text)"],
  ])("is a foreign database: %s", (_, setup) => {
    const file = foreignDatabase(setup);
    const before = readFileSync(file);
    expect(refusal(file).message).toMatch(/not Balcony's: set another storage path/);
    expect(readFileSync(file).equals(before)).toBe(true);
  });

  it("is cut off", () => {
    openDatabase(path()).close();
    truncateSync(path(), 8_192);
    expect(refusal(path()).message).toMatch(/damaged: restore a backup/);
  });

  it("cannot be read or written", () => {
    openDatabase(path()).close();
    chmodSync(dirname(path()), 0o755);
    chmodSync(path(), 0o400);
    const error = withoutPrivileges(() => refusal(path()));
    expect(error.message).toContain(path());
    expect(error.hint).toMatch(/give the user that runs Balcony read and write access/);
  });

  it("lies in a folder that cannot be written", () => {
    openDatabase(path()).close();
    chmodSync(path(), 0o666);
    chmodSync(dirname(path()), 0o555);
    expect(withoutPrivileges(() => refusal(path())).hint).toMatch(/give the user that runs Balcony/);
    chmodSync(dirname(path()), 0o755);
  });

  it("lies in no folder, is a folder, or lies in a file", () => {
    mkdirSync(path("folder"));
    writeFileSync(path("file"), "");
    expect(refusal(path("none/balcony.sqlite")).hint).toMatch(/create the folder/);
    expect(refusal(path("folder")).message).toMatch(/is a folder/);
    expect(refusal(path("file/balcony.sqlite")).hint).toMatch(/another storage path/);
  });

  it("is held by another program", () => {
    openDatabase(path()).close();
    const other = new Database(path());
    other.pragma("locking_mode = EXCLUSIVE");
    other.exec("BEGIN EXCLUSIVE");
    expect(refusal(path(), { busyTimeoutMs: 10 }).message).toMatch(/another program holds this database/);
    other.close();
  });
});

describe("migrations", () => {
  const known = migrations.length;
  const next = {
    version: known + 1,
    name: "next",
    sql: "CREATE TABLE more (text); INSERT INTO more VALUES ('kept');",
  };

  it("are numbered from 1 without a gap", () => {
    expect(migrations.map(({ version }) => version)).toEqual(migrations.map((_, index) => index + 1));
  });

  it("run once, and only those that are missing", () => {
    openDatabase(path()).close();
    for (let time = 0; time < 2; time += 1) {
      const db = openDatabase(path(), { migrations: [...migrations, next] });
      expect(db.pragma("user_version", { simple: true })).toBe(known + 1);
      expect(db.prepare("SELECT text FROM more").pluck().all()).toEqual(["kept"]);
      db.close();
    }
  });

  it("leave the database as it was if one fails", () => {
    openDatabase(path()).close();
    const broken = { ...next, name: "broken", sql: "CREATE TABLE more (text); INSERT INTO nowhere VALUES (1);" };
    const error = refusal(path(), { migrations: [...migrations, broken] });
    expect(error.message).toContain(`migration ${known + 1} (broken) failed: no such table: nowhere`);
    const db = openDatabase(path());
    expect(db.pragma("user_version", { simple: true })).toBe(known);
    expect(db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'more'").get()).toBeUndefined();
    db.close();
  });

  it("begin again on an empty file", () => {
    writeFileSync(path(), "");
    openDatabase(path()).close();
    expect(refusal(path(), { migrations: [] }).message).toMatch(/newer Balcony/);
    rmSync(path());
  });
});
