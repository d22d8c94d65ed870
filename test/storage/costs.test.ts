// What storing takes, in counts that do not depend on the machine: statements, and pages of the log.

import type Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openDatabase } from "../../storage/sqlite/open.ts";
import { sqliteStore } from "../../storage/sqlite.ts";
import type { Store } from "../../storage/store.ts";
import { AT, archived, JULIET, NURSE, ROMEO, savedSession, unacked } from "./records.ts";
import { temporaryFolder } from "./temporary.ts";

const path = temporaryFolder();
let db: Database.Database;
let store: Store;
let statements: string[];

beforeEach(() => {
  statements = [];
  db = openDatabase(path(), { verbose: (sql) => void statements.push(String(sql)) });
  store = sqliteStore(db, { durability: "normal", checkpoints: { frames: 1_000_000 } });
});
afterEach(() => store.close());

/** The first words of what a turn of writes executes, but for that of its transaction. */
async function executed(...writes: (() => Promise<unknown>)[]): Promise<string[]> {
  statements.length = 0;
  await Promise.all(writes.map((write) => write()));
  const own = /^(BEGIN|COMMIT|PRAGMA|SELECT total_changes)/;
  return statements.filter((sql) => !own.test(sql)).map((sql) => sql.trim().split(/\s/).slice(0, 3).join(" "));
}

const message = (owner: string, contact: string) =>
  archived(owner, store.archive.newId(), { with: contact, xml: "x".repeat(600) });
const both = (): Promise<void> => store.archive.add([message(JULIET, ROMEO), message(ROMEO, JULIET)]);

describe("statements", () => {
  it("for a message in two archives: its two rows", async () => {
    await both();
    expect(await executed(both, both)).toEqual(Array.from({ length: 4 }, () => "INSERT INTO archive_message"));
  });

  it("for an offline message: its row", async () => {
    const add = (): Promise<boolean> => store.offline.add(JULIET, "<message/>", AT, 100);
    await add();
    expect(await executed(add, add, add)).toEqual(Array.from({ length: 3 }, () => "INSERT INTO offline_message"));
  });

  it("for what a session was sent and acknowledged: its row, and one removal for all", async () => {
    await store.sessions.apply([{ id: "s1", save: savedSession("s1") }]);
    const append = [unacked(1), unacked(2)];
    const change = () => store.sessions.apply([{ id: "s1", append, ackedUpTo: 2 }]);
    await change();
    const seen = await executed(change);
    expect(seen.filter((sql) => sql.startsWith("SELECT"))).toEqual([]);
    expect(seen.filter((sql) => sql.startsWith("INSERT"))).toHaveLength(2);
    expect(seen.filter((sql) => sql.startsWith("DELETE"))).toHaveLength(1);
  });
});

describe("pages of the log", () => {
  const frames = (): number => (db.prepare("PRAGMA wal_checkpoint(NOOP)").get() as { log: number }).log;
  const owner = (n: number): string => `user${n}@example.com`;

  it("for fifty messages in a hundred archives, once those are large: three for each row at most", async () => {
    const all = async (): Promise<void> => {
      await Promise.all(
        Array.from({ length: 50 }, (_, n) =>
          store.archive.add([message(owner(2 * n), NURSE), message(owner(2 * n + 1), NURSE)]),
        ),
      );
    };
    for (let n = 0; n < 60; n += 1) await all();
    const before = frames();
    for (let n = 0; n < 10; n += 1) await all();
    expect(frames() - before).toBeLessThan(10 * 100 * 3);
  });

  it("for a hundred offline messages of a hundred users: half of one for each", async () => {
    const all = async (): Promise<void> => {
      await Promise.all(Array.from({ length: 100 }, (_, n) => store.offline.add(owner(n), "x".repeat(600), AT, 100)));
    };
    for (let n = 0; n < 10; n += 1) await all();
    const before = frames();
    for (let n = 0; n < 10; n += 1) await all();
    expect(frames() - before).toBeLessThan(10 * 50);
  });
});
