// Checkpoints off the main thread (storage/sqlite/checkpoints.ts): the log stays short, writes keep their order, and a disk
// that loses what a checkpoint wrote is told.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type CheckpointThread, startCheckpointThread } from "../../storage/sqlite/checkpoint-thread.ts";
import { LOG_SETTINGS, openDatabase } from "../../storage/sqlite/open.ts";
import { openSqliteStore } from "../../storage/sqlite.ts";
import type { Store } from "../../storage/store.ts";
import { Outcomes, turns } from "./controlled-sync.ts";
import { AT, JULIET, NURSE } from "./records.ts";
import { temporaryFolder } from "./temporary.ts";

const ROOT = new URL("../../", import.meta.url);
const FRAMES = 400; // more than a new database begins with
const path = temporaryFolder();

type Job = { readonly name: "copy" | "restart"; resolve(): void; reject(error: Error): void };

/** A checkpoint thread whose jobs end when the test says so; they do what a thread would have done. */
class ScriptedThread implements CheckpointThread {
  readonly jobs: Job["name"][] = [];
  started = 0;
  ended = 0;
  readonly #real: () => CheckpointThread;
  #waiting: Job | undefined;
  #done: Promise<unknown> = Promise.resolve();
  #arrived: () => void = () => undefined;

  constructor(file: () => string) {
    this.#real = () => startCheckpointThread(file(), ["synchronous = NORMAL", "wal_autocheckpoint = 0"]);
  }

  readonly start = (): CheckpointThread => {
    this.started += 1;
    return this;
  };

  copy(): ReturnType<CheckpointThread["copy"]> {
    return this.#job("copy");
  }

  restart(): ReturnType<CheckpointThread["restart"]> {
    return this.#job("restart");
  }

  async end(): Promise<void> {
    this.ended += 1;
    this.#waiting?.reject(new Error("ended"));
  }

  /** The job that the store waits for. */
  async job(name: Job["name"]): Promise<Job> {
    while (this.#waiting?.name !== name) {
      await new Promise<void>((resolve) => {
        this.#arrived = resolve;
      });
    }
    return this.#waiting;
  }

  /** The job under way has ended, and what the store does about it has begun. */
  async idle(): Promise<void> {
    await this.#done;
    await turns();
  }

  #job(name: Job["name"]): ReturnType<CheckpointThread["copy"]> {
    this.jobs.push(name);
    const done = this.#run(name);
    this.#done = done.catch(() => undefined);
    return done;
  }

  async #run(name: Job["name"]): ReturnType<CheckpointThread["copy"]> {
    try {
      await new Promise<void>((resolve, reject) => {
        this.#waiting = { name, resolve, reject };
        this.#arrived();
      });
    } finally {
      this.#waiting = undefined;
    }
    const thread = this.#real();
    const progress = await thread[name]();
    await thread.end();
    return progress;
  }
}

describe("a log that has grown", () => {
  let store: Store;
  let thread: ScriptedThread;
  let other: Database.Database;

  beforeEach(() => {
    thread = new ScriptedThread(path);
    store = openSqliteStore(path(), { checkpoints: { frames: FRAMES, startThread: thread.start } });
    other = new Database(path());
    other.pragma("user_version"); // opens the log
  });
  afterEach(async () => {
    other.close();
    await store.close().catch(() => undefined);
  });

  const add = (owner = JULIET, text = "x".repeat(3_000)): Promise<boolean> => store.offline.add(owner, text, AT, 1_000);
  const frames = () =>
    other.prepare<[], { log: number; checkpointed: number }>("PRAGMA wal_checkpoint(NOOP)").get() ?? {
      log: -1,
      checkpointed: -1,
    };
  const committed = (): unknown => other.prepare("SELECT count(*) FROM offline_message").pluck().get();

  async function grow(): Promise<void> {
    while (frames().log < FRAMES) await add();
    await add();
  }

  it("is copied while writing goes on, and begins again while writes wait, reads do not, and order is kept", async () => {
    await add();
    expect(thread.started).toBe(0);
    await grow();
    const copy = await thread.job("copy");
    expect(await add(NURSE)).toBe(true);
    copy.resolve();
    const restart = await thread.job("restart");

    const [before, outcomes] = [committed(), new Outcomes()];
    outcomes.watch("read", store.offline.count(NURSE));
    outcomes.watch("write", add(NURSE));
    outcomes.watch("read after it", store.offline.count(NURSE));
    outcomes.watch("another", add(NURSE));
    outcomes.watch("removal", store.offline.removeUpTo(NURSE, Number.MAX_SAFE_INTEGER));
    outcomes.watch("last", store.offline.count(NURSE));
    await turns();
    expect(outcomes.seen).toEqual(["read: 1"]);
    expect(committed()).toBe(before);
    restart.resolve();
    expect(await store.offline.count(NURSE)).toBe(0);
    expect(outcomes.seen).toEqual([
      "read: 1",
      "write: true",
      "read after it: 2",
      "another: true",
      "removal",
      "last: 0",
    ]);
    // The page that the thread wrote, and those of the one transaction since.
    expect(frames().log).toBeLessThan(FRAMES / 2);
    expect(thread.started).toBe(1);
  });

  it("is not worked at by close: what waits for it is committed then", async () => {
    await grow();
    (await thread.job("copy")).resolve();
    await thread.job("restart");
    const outcomes = new Outcomes();
    outcomes.watch("held", add(NURSE));
    await store.close();
    expect(outcomes.seen).toEqual(["held: true"]);
    const hers = "SELECT count(*) FROM offline_message JOIN offline_box ON number = box WHERE owner = ?";
    expect(other.prepare(hers).pluck().get(NURSE)).toBe(1);
    expect(thread.ended).toBeGreaterThan(0);
  });

  it("is copied on the main thread where no other can be had", async () => {
    await grow();
    const { log } = frames();
    (await thread.job("copy")).reject(new Error("no thread"));
    await turns();
    expect(await add()).toBe(true);
    // SQLite begins the log again with the first write after a whole checkpoint.
    expect(frames().log).toBeLessThan(log);
    expect(thread.ended).toBe(1);
    expect(store.statistics?.refusal).toBeUndefined();
  });

  it("that a reader of another program needs is left for later, and nobody waits", async () => {
    const reader = new Database(path());
    const reading = reader.prepare("SELECT * FROM sqlite_schema").iterate();
    reading.next();
    await grow();
    const copy = await thread.job("copy");
    while (frames().log < 2 * FRAMES) await add();
    copy.resolve();
    await thread.idle();
    expect(frames().checkpointed).toBeLessThan(FRAMES);
    while (frames().log < 2.5 * FRAMES) await add(); // not tried again at every commit
    expect(thread.jobs).toEqual(["copy"]);

    reading.return?.();
    reader.close();
    while (frames().log < 3 * FRAMES) await add();
    (await thread.job("copy")).resolve();
    (await thread.job("restart")).resolve();
    await add();
    expect(frames().log).toBeLessThan(FRAMES / 2);
  });

  it.each(["copy", "restart"] as const)("whose %s could not be synced, refuses everything after it", async (name) => {
    await grow();
    if (name === "restart") (await thread.job("copy")).resolve();
    const job = await thread.job(name);
    job.reject(Object.assign(new Error("disk I/O error"), { code: "SQLITE_IOERR_FSYNC" }));
    await turns();
    await expect(add()).rejects.toMatchObject({ reason: "failed" });
    await expect(store.offline.count(JULIET)).rejects.toMatchObject({ reason: "failed" });
    expect(store.statistics?.refusal?.message).toContain("SQLITE_IOERR_FSYNC");
  });
});

describe("the thread", () => {
  function run(script: string, from: string, module: string, ...args: string[]) {
    const [root, loader] = from === "dist" ? ["dist/", []] : ["", ["--import", "tsx"]];
    const url = new URL(`${root}storage/${module}.${from === "dist" ? "js" : "ts"}`, ROOT).href;
    const child = fileURLToPath(new URL(`children/${script}`, import.meta.url));
    const command = [...loader, child, url, ...args];
    const { stdout, status, stderr } = spawnSync(process.execPath, command, { encoding: "utf8", timeout: 15_000 });
    return { stdout, status, stderr };
  }

  it("begins the log again itself, so that its header is not synced by who writes next", async () => {
    const db = openDatabase(path());
    const log = () => db.prepare<[], { log: number }>("PRAGMA wal_checkpoint(NOOP)").get()?.log;
    const thread = startCheckpointThread(path(), LOG_SETTINGS);
    const before = Number(log());
    expect(await thread.copy()).toEqual({ log: before, checkpointed: before });
    expect(log()).toBe(before);
    expect(await thread.restart()).toEqual({ log: before, checkpointed: before });
    expect(log()).toBe(1);
    await thread.end();
    await expect(thread.copy()).rejects.toThrow("the checkpoint thread ended");
    db.close();
  });

  it("that is ended while it works, is waited for", () => {
    openDatabase(path()).close();
    expect(run("ended-thread.mjs", "sources", "sqlite/checkpoint-thread", path())).toEqual({
      stdout: "0\n",
      status: 0,
      stderr: "",
    });
  });

  it.each([
    ["sources", "close"],
    ["sources", "leave"],
    ["dist", "close"],
    ["dist", "leave"],
  ])("keeps the log short, and no process alive (from %s; the store: %s)", (from, ending) => {
    expect(run("checkpointed.mjs", from, "sqlite", path(), ending)).toEqual({
      stdout: "count true\n",
      status: 0,
      stderr: "",
    });
    if (ending === "close") expect(existsSync(`${path()}-wal`)).toBe(false);
    const db = new Database(path());
    expect(db.pragma("integrity_check", { simple: true })).toBe("ok");
    db.close();
  });
});
