// Commits whose sync is elsewhere (storage/sqlite/group-sync.ts): nobody is told of anything that is not on disk.

import { existsSync } from "node:fs";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openSqliteStore } from "../../storage/sqlite.ts";
import { type Store, StoreWriteError } from "../../storage/store.ts";
import { ControlledSync, Outcomes, turns } from "./controlled-sync.ts";
import { AT, item, JULIET, NURSE, ROMEO } from "./records.ts";
import { temporaryFolder } from "./temporary.ts";

const path = temporaryFolder();
const EIO = Object.assign(new Error("i/o error, fdatasync"), { code: "EIO" });
let disk: ControlledSync;
let store: Store;
let outcomes: Outcomes;

beforeEach(() => {
  disk = new ControlledSync();
  outcomes = new Outcomes();
  store = openSqliteStore(path(), { sync: disk.sync });
  disk.hold();
});
afterEach(async () => {
  disk.release();
  await store.close().catch(() => undefined);
});

const add = (owner = JULIET): Promise<boolean> => store.offline.add(owner, "<message/>", AT, 1_000);

/** What is committed, as another connection sees it. */
function committed(): unknown {
  const other = new Database(path());
  try {
    return other.prepare("SELECT count(*) FROM offline_message").pluck().get();
  } finally {
    other.close();
  }
}

describe("a commit that is not on disk", () => {
  it("is not told to those who wrote, nor to those who read, nor to those who were refused for it", async () => {
    outcomes.watch("write", add());
    outcomes.watch("read in the turn", store.offline.count(JULIET));
    await disk.reached();
    expect(committed()).toBe(1);
    outcomes.watch("read after it", store.offline.count(JULIET));
    outcomes.watch("read of others", store.offline.count(NURSE));
    const limits = { items: 0, requests: 0 };
    outcomes.watch(
      "refused",
      store.roster.update(JULIET, ROMEO, () => item(ROMEO), limits).catch(() => "limit"),
    );
    await turns();
    expect(outcomes.seen).toEqual([]);
    disk.complete();
    await turns();
    // The refused operation changed nothing: there was nothing more to sync.
    expect(outcomes.seen).toEqual([
      "write: true",
      "read in the turn: 1",
      "read after it: 1",
      "read of others: 0",
      "refused: limit",
    ]);
    expect(disk.calls).toBe(1);
  });

  it("is followed, when it is, by one commit of what was written meanwhile", async () => {
    outcomes.watch("1", add());
    await disk.reached();
    for (const name of ["2", "3", "4"]) {
      outcomes.watch(name, add());
      await turns();
    }
    outcomes.watch("read", store.offline.count(JULIET));
    expect([disk.calls, committed()]).toEqual([1, 1]);
    disk.complete();
    await turns();
    expect(outcomes.seen).toEqual(["1: true"]);
    expect([disk.calls, committed(), store.statistics?.commits]).toEqual([2, 4, 2]);
    disk.complete();
    await turns();
    expect(outcomes.seen).toEqual(["1: true", "2: true", "3: true", "4: true", "read: 4"]);
    expect(disk.calls).toBe(2);
  });

  it("does not let others wait for their commit for long: some hundred writes are committed while it is synced", async () => {
    outcomes.watch("1", add());
    await disk.reached();
    const more = Array.from({ length: 600 }, () => add(NURSE));
    await turns();
    expect(disk.calls).toBe(1);
    expect(committed()).toBeGreaterThan(500);
    disk.release();
    expect(await Promise.all(more)).not.toContain(false);
  });

  it("keeps nobody waiting any more when it is: a read is answered at once, a turn without changes needs no sync", async () => {
    outcomes.watch("write", add());
    await disk.reached();
    disk.complete();
    await turns();
    await store.offline.count(JULIET);
    await store.offline.removeUpTo(NURSE, 9);
    expect(disk.calls).toBe(1);
  });

  it("is waited for by close, which closes the database at once", async () => {
    outcomes.watch("write", add());
    const closing = store.close();
    outcomes.watch("close", closing);
    await turns();
    expect(outcomes.seen).toEqual([]);
    expect(existsSync(`${path()}-wal`)).toBe(false);
    disk.release();
    await closing;
    expect(outcomes.seen).toEqual(["write: true", "close"]);
  });
});

describe("a sync that fails", () => {
  it("refuses all that waited, in order, and everybody after it, until the store is opened again", async () => {
    outcomes.watch("acknowledged", add());
    await disk.reached();
    disk.complete();
    await turns();
    outcomes.watch("synced", add());
    await disk.reached();
    outcomes.watch("read", store.offline.count(JULIET));
    outcomes.watch("next", add());
    await turns();
    outcomes.watch("open", add());
    outcomes.watch("read in the open turn", store.offline.count(JULIET));
    disk.fail(EIO);
    await turns();
    const refused = ["synced", "read", "next", "open", "read in the open turn"].map((name) => `${name} failed`);
    expect(outcomes.seen).toEqual(["acknowledged: true", ...refused]);

    disk.release();
    const reason = await add().catch((error: unknown) => error);
    expect(reason).toBeInstanceOf(StoreWriteError);
    expect(reason).toMatchObject({ reason: "failed", cause: EIO });
    expect((reason as Error).message).toBe(
      "the disk did not keep what was written (EIO): check it, then start the server again; until then the store is not used",
    );
    await expect(store.offline.count(JULIET)).rejects.toBe(reason);
    expect(store.statistics?.refusal).toBe(reason);
    expect(disk.calls).toBe(2);
    await store.close(); // what it failed for was told before

    const again = openSqliteStore(path());
    // The acknowledged one is there; of the refused ones those that the log held after all, and not the one that was undone.
    const count = await again.offline.count(JULIET);
    expect(count).toBeGreaterThanOrEqual(1);
    expect(count).toBeLessThanOrEqual(3);
    await again.close();
  });

  it("makes close reject if it is what close waits for", async () => {
    outcomes.watch("write", add());
    const closing = store.close();
    outcomes.watch("close", closing);
    disk.fail(EIO);
    await expect(closing).rejects.toMatchObject({ reason: "failed" });
    expect(outcomes.seen).toEqual(["write failed", "close failed"]);
  });
});

describe("durability normal", () => {
  it("acknowledges what is committed, without a sync", async () => {
    await store.close();
    const normal = openSqliteStore(path(), { durability: "normal", sync: disk.sync });
    await normal.offline.add(JULIET, "<message/>", AT, 1_000);
    expect([disk.calls, committed()]).toEqual([0, 1]);
    await normal.close();
  });
});
