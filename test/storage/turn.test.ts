// Grouped commit (storage/sqlite/turn.ts): one transaction a turn, no answer before its commit, failures kept apart.

import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openDatabase } from "../../storage/sqlite/open.ts";
import { sqliteStore } from "../../storage/sqlite.ts";
import type { Store } from "../../storage/store.ts";
import {
  AT,
  account,
  archived,
  item,
  JULIET,
  NURSE,
  presentity,
  publication,
  ROMEO,
  savedSession,
  unacked,
} from "./records.ts";
import { temporaryFolder } from "./temporary.ts";

const BUSY_TIMEOUT_MS = 50;

describe("the writes of one turn", () => {
  const path = temporaryFolder();
  let db: Database.Database;
  let store: Store;
  let statements: string[];
  /** Another connection, which sees only what is committed. */
  let other: Database.Database;

  beforeEach(() => {
    statements = [];
    const verbose = (sql: unknown): void => void statements.push(String(sql));
    db = openDatabase(path(), { busyTimeoutMs: BUSY_TIMEOUT_MS, verbose });
    store = sqliteStore(db, { busyTimeoutMs: BUSY_TIMEOUT_MS });
    other = new Database(path(), { timeout: 0 });
    statements.length = 0;
  });
  afterEach(async () => {
    await store.close().catch(() => undefined);
    other.close();
  });

  const add = (owner: string, xml = "<message/>"): Promise<boolean> => store.offline.add(owner, xml, AT, 1_000);
  const counted = (statement: string): number => statements.filter((sql) => sql === statement).length;
  const committed = (): unknown => other.prepare("SELECT count(*) FROM offline_message").pluck().get();

  /** Makes the open transaction one that cannot be committed. */
  function spoil(): void {
    db.exec(`CREATE TABLE parent (id INTEGER PRIMARY KEY);
      CREATE TABLE child (id REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
      INSERT INTO child VALUES (1);`);
  }

  it("share one transaction", async () => {
    await Promise.all([
      ...Array.from({ length: 100 }, () => add(JULIET)),
      store.roster.update(JULIET, ROMEO, () => item(ROMEO)),
      store.accounts.create(account("juliet")),
      store.gateway.putPresentity(presentity(ROMEO)),
      store.archive.add([archived(JULIET, "1")]),
      store.sessions.apply([{ id: "s1", save: savedSession("s1"), append: [unacked(1)] }]),
    ]);
    expect([counted("BEGIN IMMEDIATE"), counted("COMMIT")]).toEqual([1, 1]);
    await add(JULIET);
    await add(JULIET);
    expect(counted("COMMIT")).toBe(3);
  });

  it("include those made in promise callbacks of the turn", async () => {
    await Promise.all([add(JULIET), Promise.resolve().then(() => add(JULIET))]);
    expect(counted("COMMIT")).toBe(1);
  });

  it("are answered when they are committed, not before", async () => {
    const seen: unknown[] = [];
    const adding = add(JULIET).then(() => seen.push(committed()));
    const reading = store.offline.count(JULIET).then((count) => seen.push(count, committed()));
    const refused = store.roster
      .update(JULIET, ROMEO, () => item(ROMEO), { items: 0, requests: 0 })
      .catch(() => seen.push("refused", committed()));
    await Promise.resolve();
    expect(seen).toEqual([]);
    expect(committed()).toBe(0);
    await Promise.all([adding, reading, refused]);
    expect(seen).toEqual([1, 1, 1, "refused", 1]);
  });

  it("do not make a read wait that comes alone", async () => {
    await store.offline.count(JULIET);
    expect(statements.some((sql) => /BEGIN|SAVEPOINT|COMMIT/.test(sql))).toBe(false);
  });

  it("are undone one by one: an operation that fails takes only itself back", async () => {
    const results = await Promise.allSettled([
      add(JULIET, "1"),
      store.gateway.updateRelation(ROMEO, JULIET, () => {
        db.prepare("INSERT INTO offline_message VALUES (1, 1, 1, 'half done')").run();
        throw new Error("in the middle");
      }),
      add(JULIET, "2"),
    ]);
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect((await store.offline.load(JULIET, 0, 10)).map(({ xml }) => xml)).toEqual(["1", "2"]);
    expect(committed()).toBe(2);
    expect(counted("COMMIT")).toBe(1);
  });

  it("all reject when the commit fails; reads then tell what is on disk, and the store goes on", async () => {
    await add(JULIET, "before");
    const results = await Promise.allSettled([
      add(JULIET, "lost"),
      store.offline.count(JULIET),
      store.roster.update(JULIET, ROMEO, () => {
        spoil();
        return item(ROMEO);
      }),
    ]);
    const failed = { status: "rejected", reason: { code: "SQLITE_CONSTRAINT_FOREIGNKEY" } };
    expect(results).toMatchObject([failed, { status: "fulfilled", value: 1 }, failed]);
    expect(await store.roster.load(JULIET)).toEqual({ version: 0, items: [] });
    expect(await add(JULIET, "after")).toBe(true);
    expect((await store.offline.load(JULIET, 0, 10)).map(({ xml }) => xml)).toEqual(["before", "after"]);
  });

  it("all reject when SQLite gives the transaction up in the middle; later ones of the turn start anew", async () => {
    const results = await Promise.allSettled([
      add(JULIET, "lost"),
      store.offline.count(JULIET),
      store.gateway.updatePublication(ROMEO, () => {
        db.exec("ROLLBACK"); // as a full disk may do
        throw new Error("disk full");
      }),
      add(JULIET, "kept"),
    ]);
    const failed = { status: "rejected", reason: new Error("disk full") };
    expect(results).toMatchObject([failed, { value: 0 }, failed, { value: true }]);
    expect((await store.offline.load(JULIET, 0, 10)).map(({ xml }) => xml)).toEqual(["kept"]);
    expect(counted("COMMIT")).toBe(1);
  });

  it("reject alone while another program holds the lock, after a wait that is not repeated in full", async () => {
    other.exec("BEGIN IMMEDIATE");
    const busy = { status: "rejected", reason: { code: "SQLITE_BUSY" } };
    const [first, second, read] = await Promise.allSettled([add(JULIET), add(NURSE), store.offline.count(JULIET)]);
    expect([first, second, read]).toMatchObject([busy, busy, { status: "fulfilled", value: 0 }]);
    other.exec("COMMIT");
    expect(await add(JULIET)).toBe(true);
    expect(db.pragma("busy_timeout", { simple: true })).toBe(BUSY_TIMEOUT_MS);
  });

  it("are committed by close, which then releases the file", async () => {
    const adding = add(JULIET);
    const closing = store.close();
    expect(db.open).toBe(false);
    expect(committed()).toBe(1);
    expect(await adding).toBe(true);
    await closing;
  });

  it("make close reject if they cannot be committed, closed all the same", async () => {
    const update = store.gateway.updatePublication(ROMEO, () => {
      spoil();
      return publication("e1");
    });
    const [updated, closed] = await Promise.allSettled([update, store.close()]);
    const failed = { status: "rejected", reason: { code: "SQLITE_CONSTRAINT_FOREIGNKEY" } };
    expect([updated, closed]).toMatchObject([failed, failed]);
    expect(db.open).toBe(false);
  });
});

describe("patience with another program's lock", () => {
  const path = temporaryFolder();

  it("is short after a wait in vain, and whole again after the lock was had", async () => {
    const db = openDatabase(path(), { busyTimeoutMs: 300 });
    const store = sqliteStore(db, { busyTimeoutMs: 300 });
    const other = new Database(path());
    const patience = (): unknown => db.pragma("busy_timeout", { simple: true });
    other.exec("BEGIN IMMEDIATE");
    await expect(store.offline.add(JULIET, "x", AT, 10)).rejects.toMatchObject({ code: "SQLITE_BUSY" });
    expect(patience()).toBe(100);
    other.exec("COMMIT");
    await store.offline.add(JULIET, "x", AT, 10);
    expect(patience()).toBe(300);
    other.close();
    await store.close();
  });
});
