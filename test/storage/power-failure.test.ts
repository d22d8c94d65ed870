// Loss of power (storage.durability "full"): whatever was acknowledged is in the part of the log that was synced.

import { cpSync, mkdirSync, statSync, truncateSync } from "node:fs";
import Database from "better-sqlite3";
import { expect, it } from "vitest";
import { openSqliteStore } from "../../storage/sqlite.ts";
import { turns } from "./controlled-sync.ts";
import { AT, JULIET } from "./records.ts";
import { temporaryFolder } from "./temporary.ts";

const FAILURES = 60;
const path = temporaryFolder();

it("leaves what was acknowledged before it, at any moment, and the database intact", { timeout: 60_000 }, async () => {
  const wal = `${path()}-wal`;
  let syncedLength = 0;
  let syncing = 0;
  // A disk that keeps what was synced and nothing else. It takes a few turns, during which more is committed.
  const sync = async (): Promise<void> => {
    const { size } = statSync(wal);
    syncing += 1;
    await turns(4);
    syncing -= 1;
    syncedLength = size;
  };
  const store = openSqliteStore(path(), { sync });
  syncedLength = statSync(wal).size;
  const acknowledged: number[] = [];
  const expected: number[][] = [];
  const writes: Promise<unknown>[] = [];
  let unsynced = 0;

  for (let failure = 0; failure < FAILURES; failure += 1) {
    for (let n = 0; n < 3; n += 1) {
      const number = failure * 3 + n;
      const text = String(number).padEnd(n * 3_000, ".");
      writes.push(store.offline.add(JULIET, text, AT, 1_000).then(() => acknowledged.push(number)));
    }
    await turns(1);
    mkdirSync(path(String(failure)));
    cpSync(path(), path(`${failure}/balcony.sqlite`));
    cpSync(wal, path(`${failure}/balcony.sqlite-wal`));
    if (statSync(wal).size > syncedLength) unsynced += 1;
    truncateSync(path(`${failure}/balcony.sqlite-wal`), syncedLength);
    expected.push([...acknowledged]);
  }
  await Promise.all(writes);
  expect(syncing).toBe(0);
  await store.close();

  // Otherwise it shows nothing: power failed before the sync of something committed, and after that of something else.
  expect(unsynced).toBeGreaterThan(FAILURES / 2);
  expect(expected.at(-1)?.length).toBeGreaterThan(FAILURES);
  for (const [failure, numbers] of expected.entries()) {
    const db = new Database(path(`${failure}/balcony.sqlite`));
    expect(db.pragma("integrity_check", { simple: true })).toBe("ok");
    const kept = db.prepare<[], string>("SELECT xml FROM offline_message ORDER BY id").pluck().all();
    expect(kept.slice(0, numbers.length).map((text) => Number.parseInt(text, 10))).toEqual(numbers);
    db.close();
  }
});
