// What a disk can do to the server: the operator is told what to do, and nothing that was acknowledged is lost.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { openDatabase } from "../../storage/sqlite/open.ts";
import { sqliteStore } from "../../storage/sqlite.ts";
import { balcony } from "../cli/program.ts";
import { BuiltServer } from "../support/built-server.ts";
import { ScriptedClient } from "../support/client.ts";
import { Foreign, pidf } from "../support/foreign.ts";
import { startServer } from "../support/server.ts";

vi.setConfig({ testTimeout: 60_000 }); // each of them starts a few processes

const isRoot = process.getuid?.() === 0;
const canMount = isRoot && tryMount();

function tryMount(): boolean {
  const folder = join(tmpdir(), `balcony-mount-${process.pid}`);
  spawnSync("mkdir", [folder]);
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=64k", "balcony-test", folder]).status === 0;
  if (mounted) spawnSync("umount", [folder]);
  spawnSync("rmdir", [folder]);
  return mounted;
}

/** Ask for it before starting what uses it: what was asked for last is cleaned up first. */
async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "balcony-crash-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A file system of its own, gone after the test. */
async function smallDisk(size: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "balcony-disk-"));
  mount("-t", "tmpfs", "-o", `size=${size}`, "balcony-test", folder);
  onTestFinished(async () => {
    spawnSync("umount", ["--lazy", folder]);
    await rm(folder, { recursive: true, force: true });
  });
  return folder;
}

function mount(...args: string[]): void {
  const { status, stderr } = spawnSync("mount", args);
  if (status !== 0) throw new Error(`mount ${args.join(" ")}: ${stderr}`);
}

/** Takes all the room that is left. */
async function fill(path: string): Promise<void> {
  const file = await open(path, "w");
  try {
    for (const size of [65_536, 4_096, 1]) {
      for (;;) await file.write(Buffer.alloc(size));
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
  } finally {
    await file.close().catch(() => {});
  }
}

async function start(env: Record<string, string>, log: string[] = []): Promise<BuiltServer> {
  const server = await BuiltServer.start({ env, onLog: (line) => void log.push(JSON.stringify(line)) });
  onTestFinished(async () => void (await server.stop("SIGKILL")));
  return server;
}

function login(server: BuiltServer, user: string): Promise<ScriptedClient> {
  return ScriptedClient.login({ port: server.c2sPort, domain: "localhost", user, password: "secret" });
}

async function rosterOf(juliet: ScriptedClient): Promise<string[]> {
  const answer = await juliet.ask("get", "<query xmlns='jabber:iq:roster'/>");
  return (answer.getChild("query")?.getChildElements() ?? []).map(({ attrs }) => attrs.jid as string).sort();
}

const item = (jid: string): string =>
  `<query xmlns='jabber:iq:roster'><item jid='${jid}' name='${"n".repeat(1_000)}'/></query>`;

describe("a disk that is full", () => {
  it.skipIf(!canMount)("refuses, says so, goes on, and recovers (needs root, to mount a tmpfs)", async () => {
    const disk = await smallDisk("12m");
    const env = { BALCONY_STORAGE_PATH: join(disk, "data"), BALCONY_GATEWAY_DOMAINS: "example.net" };
    for (const user of ["juliet", "nurse"])
      await balcony({ folder: disk, env, input: "secret\n" }, "user", "add", user);
    const token = (await balcony({ folder: disk, env }, "token", "add", "domain:example.net")).stdout.trim();
    const log: string[] = [];
    const server = await start(env, log);
    const foreign = new Foreign(server.httpPort, token);
    await foreign.presentity("romeo@example.net");
    const juliet = await login(server, "juliet");

    await fill(join(disk, "filler"));
    const kept: string[] = [];
    for (let n = 0; ; n += 1) {
      const answer = await juliet.ask("set", item(`contact${n}@example.org`));
      if (answer.attrs.type !== "result") {
        expect(answer.toString()).toContain("resource-constraint");
        break;
      }
      kept.push(`contact${n}@example.org`);
    }
    juliet.send(`<message to='nurse@localhost' type='chat' id='lost'><body>${"x".repeat(10_000)}</body></message>`);
    const refused = await juliet.until("<message type='error' id='lost'/>");
    expect(refused.toString()).toContain("resource-constraint");
    const published = await foreign.publish(
      "romeo@example.net",
      pidf("romeo@example.net", { id: "a", note: "x".repeat(60_000) }),
    );
    expect(published.status).toBe(507);
    await juliet.sync(); // what stores nothing goes on
    expect(log.join("\n")).toContain("the disk of the data folder is full: make room on it");

    await rm(join(disk, "filler"));
    expect((await juliet.ask("set", item("late@example.org"))).attrs.type).toBe("result");
    kept.push("late@example.org");
    expect((await server.stop("SIGTERM")).code).toBe(0);
    const again = await start(env);
    expect(await rosterOf(await login(again, "juliet"))).toEqual(kept.sort());
  });

  it.skipIf(!canMount)("is told at the start (needs root, to mount a tmpfs)", async () => {
    const disk = await smallDisk("1m");
    await fill(join(disk, "filler"));
    const { code, stderr } = await balcony({ folder: disk }, "serve");
    expect(code).toBe(1);
    expect(stderr).toMatch(/^balcony: (\S+: )?the disk is full[;:] make room .*\n$/);
  });
});

describe("a database that cannot be written", () => {
  it.skipIf(!canMount)("is told at the start (needs root, to mount it read-only)", async () => {
    const folder = await temporaryFolder();
    await balcony({ folder, input: "secret\n" }, "user", "add", "juliet");
    const readOnly = await mkdtemp(join(tmpdir(), "balcony-read-only-"));
    mount("--bind", folder, readOnly);
    onTestFinished(async () => {
      spawnSync("umount", ["--lazy", readOnly]);
      await rm(readOnly, { recursive: true, force: true });
    });
    mount("-o", "remount,ro,bind", readOnly);
    const { code, stderr } = await balcony({ folder: readOnly }, "serve");
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^balcony: \S+: .*read-only.*(choose another place|set a storage path that can be written)\n$/,
    );
  });

  it.skipIf(isRoot)("is told at the start, where its mode forbids it (root may do anything)", async () => {
    const folder = await temporaryFolder();
    await balcony({ folder, input: "secret\n" }, "user", "add", "juliet");
    await chmod(join(folder, "data/balcony.sqlite"), 0o400);
    const { code, stderr } = await balcony({ folder }, "serve");
    expect(code).toBe(1);
    expect(stderr).toContain("give the user that runs Balcony read and write access to the file and to its folder");
  });

  it("is told while it runs, and is used again when it can be", async () => {
    const folder = await temporaryFolder();
    const db = openDatabase(join(folder, "balcony.sqlite"));
    const errors: string[] = [];
    const log = {
      debug() {},
      info() {},
      warn() {},
      error: (fields: unknown) => void errors.push(JSON.stringify(fields)),
    };
    const server = await startServer({}, { store: sqliteStore(db), logger: log });
    const juliet = await server.online("juliet");
    db.pragma("query_only = ON");
    expect((await juliet.ask("set", item("a@example.org"))).toString()).toContain("resource-constraint");
    expect(errors.join("\n")).toContain(
      "the data folder cannot be written (SQLITE_READONLY): check the disk and its permissions",
    );
    db.pragma("query_only = OFF");
    expect((await juliet.ask("set", item("b@example.org"))).attrs.type).toBe("result");
    expect(await rosterOf(juliet)).toEqual(["b@example.org"]);
  });
});

describe("a database that is damaged", () => {
  it("is told when the damage is met, and nobody is given a part for the whole", async () => {
    const folder = await temporaryFolder();
    const env = { BALCONY_STORAGE_PATH: join(folder, "data") };
    await balcony({ folder, env, input: "secret\n" }, "user", "add", "juliet");
    const first = await start(env);
    const juliet = await login(first, "juliet");
    for (let n = 0; n < 30; n += 1) await juliet.ask("set", item(`contact${n}@example.org`));
    expect((await first.stop("SIGTERM")).code).toBe(0);

    await damageTable(join(folder, "data/balcony.sqlite"), "roster_item");
    const log: string[] = [];
    const second = await start(env, log);
    const again = await login(second, "juliet");
    const answer = await again.ask("get", "<query xmlns='jabber:iq:roster'/>");
    expect(answer.attrs.type).toBe("error");
    await again.sync();
    expect(log.join("\n")).toContain("the database is damaged: stop the server and restore a backup");
  });

  it("is not opened by an older program: the file stays as it is", async () => {
    const folder = await temporaryFolder();
    await balcony({ folder, input: "secret\n" }, "user", "add", "juliet");
    const file = join(folder, "data/balcony.sqlite");
    const db = new Database(file);
    db.pragma("user_version = 9999");
    db.pragma("journal_mode = DELETE");
    db.close();
    const before = await digest(file);
    const { code, stderr } = await balcony({ folder }, "serve");
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^balcony: \S+balcony\.sqlite: this database was written by a newer Balcony \(schema 9999, this one knows \d+\): run that version or restore a backup\n$/,
    );
    expect(await digest(file)).toBe(before);
  });
});

/** Overwrites the first page of a table, and what the write-ahead log knew of it. */
async function damageTable(file: string, table: string): Promise<void> {
  const db = new Database(file);
  db.pragma("wal_checkpoint(TRUNCATE)");
  const root = db.prepare("SELECT rootpage FROM sqlite_schema WHERE name = ?").pluck().get(table) as number;
  const size = Number(db.pragma("page_size", { simple: true }));
  db.close();
  const handle = await open(file, "r+");
  await handle.write(Buffer.alloc(size, 0xff), 0, size, (root - 1) * size);
  await handle.close();
}

async function digest(file: string): Promise<string> {
  return createHash("sha256")
    .update(await readFile(file))
    .digest("hex");
}

describe("the key of the passwords", () => {
  async function withAccount(): Promise<{ folder: string; key: string }> {
    const folder = await temporaryFolder();
    await balcony({ folder, input: "secret\n" }, "user", "add", "juliet");
    return { folder, key: join(folder, "data/credentials.key") };
  }

  it("missing, is not made anew over the passwords that need it", async () => {
    const { folder, key } = await withAccount();
    const kept = await readFile(key);
    await rm(key);
    for (const command of [["serve"], ["user", "passwd", "juliet"]]) {
      const { code, stderr } = await balcony({ folder, input: "other\n" }, ...command);
      expect(code).toBe(1);
      expect(stderr).toMatch(
        /^balcony: \S+credentials\.key is missing, and no password .*; restore it from a backup, .*\n$/,
      );
    }
    await writeFile(key, kept, { mode: 0o600 });
    expect((await balcony({ folder }, "user", "list")).stdout).toBe("juliet@localhost\n");
  });

  it("that is no key, is told at the start", async () => {
    const { folder, key } = await withAccount();
    await writeFile(key, "{}");
    const { code, stderr } = await balcony({ folder }, "serve");
    expect(code).toBe(1);
    expect(stderr).toMatch(/^balcony: \S+credentials\.key is not a key file; restore it from a backup, .*\n$/);
  });

  it("that cannot be read, is told at the start", async () => {
    const { folder, key } = await withAccount();
    await rm(key);
    await mkdir(key);
    const { code, stderr } = await balcony({ folder }, "serve");
    expect(code).toBe(1);
    expect(stderr).toMatch(/^balcony: .*credentials\.key.*: this is a folder, not a file\n$/);
  });

  it.skipIf(isRoot)("that this user may not read, is told at the start (root may do anything)", async () => {
    const { folder, key } = await withAccount();
    await chmod(key, 0);
    const { code, stderr } = await balcony({ folder }, "serve");
    expect(code).toBe(1);
    expect(stderr).toMatch(/^balcony: \S+credentials\.key: this user may not; .*\n$/);
  });
});

describe("the lock of the data folder", () => {
  it("is held by one process, and gone with it however that ends", async () => {
    const folder = await temporaryFolder();
    const env = { BALCONY_STORAGE_PATH: join(folder, "data") };
    const first = await start(env);
    const refused = await balcony({ folder, env }, "serve");
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(`another Balcony runs on this data folder (process ${first.pid})`);
    await first.stop("SIGKILL");
    const second = await start(env);
    expect(second.pid).not.toBe(first.pid);
  });
});
