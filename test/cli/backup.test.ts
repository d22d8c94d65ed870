// balcony backup and restore: what goes through both is what was there, whatever the server does meanwhile; and what they
// refuse, with which words.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  appendFileSync,
  chmodSync,
  closeSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { makeBackup } from "../../server/backup/backup.ts";
import { appendManifest, type Manifest, readManifest } from "../../server/backup/format.ts";
import { initial } from "../../storage/migrations/0001-initial.ts";
import { openDatabase } from "../../storage/sqlite/open.ts";
import { openSqliteStore } from "../../storage/sqlite.ts";
import { archived } from "../storage/records.ts";
import { BuiltServer } from "../support/built-server.ts";
import { ScriptedClient } from "../support/client.ts";
import { cpim, Foreign, pidf } from "../support/foreign.ts";
import { scramClient } from "../support/scram-client.ts";
import { balcony, temporaryFolder } from "./program.ts";

vi.setConfig({ testTimeout: 60_000 }); // each of them starts a few processes

const isRoot = process.getuid?.() === 0;
const canMount = isRoot && tryMount();
const PRESENTITY = "tybalt@example.net";

type Env = Readonly<Record<string, string>>;

function tryMount(): boolean {
  const folder = mkdtempSync(join(tmpdir(), "balcony-mount-"));
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=64k", "balcony-test", folder]).status === 0;
  if (mounted) spawnSync("umount", [folder]);
  rmSync(folder, { recursive: true });
  return mounted;
}

function envOf(dataFolder: string): Env {
  return {
    BALCONY_STORAGE_PATH: dataFolder,
    BALCONY_GATEWAY_DOMAINS: "example.net",
    BALCONY_LIMITS_OFFLINE_MESSAGES: "100000",
  };
}

async function start(env: Env): Promise<BuiltServer> {
  const server = await BuiltServer.start({ env });
  onTestFinished(async () => void (await server.stop("SIGKILL")));
  return server;
}

function login(server: BuiltServer, user: string): Promise<ScriptedClient> {
  return ScriptedClient.login({ port: server.c2sPort, domain: "localhost", user, password: `${user}'s secret` });
}

/** Succeeds, or the test fails; what it printed. */
async function done(folder: string, env: Env, input: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await balcony({ folder, env, input }, ...args);
  expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  return stdout.trimEnd();
}

async function addUsers(folder: string, env: Env, ...users: string[]): Promise<void> {
  for (const user of users) await done(folder, env, `${user}'s secret\n`, "user", "add", user);
}

/** All rows of all tables, read within one transaction; of a large table their digest. A backup opens like a database. */
function dump(file: string): Record<string, unknown> {
  const db = new Database(file, { readonly: true });
  try {
    return db.transaction(() => {
      const tables = db.prepare<[], string>("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all();
      return Object.fromEntries(
        tables.map((table) => {
          const rows = db.prepare(`SELECT * FROM "${table}"`).all();
          if (rows.length < 500) return [table, rows];
          return [table, createHash("sha256").update(JSON.stringify(rows)).digest("hex")];
        }),
      );
    })();
  } finally {
    db.close();
  }
}

function rowsOf(file: string, sql: string): unknown[] {
  const db = new Database(file, { readonly: true });
  try {
    return db.prepare(sql).all();
  } finally {
    db.close();
  }
}

async function offlineBodies(server: BuiltServer, user: string): Promise<string[]> {
  const client = await login(server, user);
  client.send("<presence/>");
  const bodies = (await client.untilNow()).filter(({ name }) => name === "message");
  await client.close();
  return bodies.map((message) => message.getChildText("body") ?? "");
}

async function scramLogin(server: BuiltServer, user: string): Promise<void> {
  const client = await ScriptedClient.connect(server.c2sPort, "localhost");
  await client.open();
  await client.startTls();
  const scram = scramClient({ hash: "sha256", username: user, password: `${user}'s secret` });
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  const ns = "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'";
  client.send(`<auth ${ns} mechanism='SCRAM-SHA-256'>${base64(scram.first)}</auth>`);
  const challenge = await client.expect(`<challenge ${ns}>{any}</challenge>`);
  const { message, serverFinal } = scram.final(Buffer.from(challenge.getText(), "base64").toString());
  client.send(`<response ${ns}>${base64(message)}</response>`);
  const success = await client.expect(`<success ${ns}>{any}</success>`);
  expect(Buffer.from(success.getText(), "base64").toString()).toBe(serverFinal);
  await client.open();
  await client.bind();
  await client.close();
}

describe("a backup of a running server, restored into another folder", () => {
  test("has every row, and there everything is as it was", async () => {
    const folder = await temporaryFolder();
    const env = envOf(join(folder, "data"));
    const users = ["juliet", "romeo", "nurse"];
    await addUsers(folder, env, ...users);
    const store = openSqliteStore(join(folder, "data/balcony.sqlite"));
    await store.archive.add([1, 2, 3].map((n) => archived("juliet@localhost", `archived-${n}`)));
    await store.archive.setPreferences("juliet@localhost", { default: "roster", always: [], never: ["a@example.org"] });
    await store.close();
    const token = await done(folder, env, "", "token", "add", "domain:example.net");

    const server = await start(env);
    const foreign = new Foreign(server.httpPort, token);
    await foreign.presentity(PRESENTITY, { formalName: "Tybalt" });
    await foreign.publish(PRESENTITY, pidf(PRESENTITY, { id: "t", note: "angry" }));
    const juliet = await login(server, "juliet");
    await juliet.ask(
      "set",
      "<query xmlns='jabber:iq:roster'><item jid='romeo@localhost' name='Romeo'><group>Friends</group></item></query>",
    );
    const roster = (await juliet.ask("get", "<query xmlns='jabber:iq:roster'/>")).getChild("query");
    juliet.send(`<presence type='subscribe' to='${PRESENTITY}'/>`);
    juliet.send(`<message to='${PRESENTITY}' type='chat'><body>Good morrow</body></message>`);
    juliet.send("<message to='nurse@localhost' type='chat'><body>What says he?</body></message>");
    await juliet.sync();
    expect((await foreign.message(cpim(PRESENTITY, "nurse@localhost", "Where is he?"))).status).toBe(200);
    const before = await juliet.ask("get", "<query xmlns='jabber:iq:roster'/>");

    const file = join(folder, "backup");
    const made = JSON.parse(await done(folder, env, "", "backup", "--json", file));
    expect(made).toMatchObject({
      file,
      domain: "localhost",
      accounts: 3,
      offlineMessages: 2,
      octets: statSync(file).size,
      files: ["credentials.key", "self-signed-key.pem", "self-signed.pem"],
    });
    expect(made.archivedMessages).toBeGreaterThanOrEqual(3);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const live = dump(join(folder, "data/balcony.sqlite"));
    expect(dump(file)).toEqual(live);
    // Nothing of this is an empty comparison.
    for (const table of ["account", "credential", "secret", "roster_item", "offline_message", "archive_message"])
      expect(live[table], table).not.toEqual([]);
    for (const table of ["presentity", "publication", "token", "relation", "gateway_event", "archive_preferences"])
      expect(live[table], table).not.toEqual([]);

    // What happens after the backup is not in it: RFC 6121 section 2.6.2, the client remembers a later version.
    await juliet.ask("set", "<query xmlns='jabber:iq:roster'><item jid='later@localhost'/></query>");
    const later = (await juliet.ask("get", "<query xmlns='jabber:iq:roster'/>")).getChild("query")?.attrs.ver;
    await server.stop("SIGTERM");

    const other = envOf(join(folder, "other/data"));
    const printed = await done(folder, other, "", "restore", file);
    expect(printed).toMatch(/^Restored localhost as of \S+Z into \S+other\/data: 3 accounts, 2 offline messages, /);
    const restored = dump(join(folder, "other/data/balcony.sqlite"));
    const renumbered = ["roster", "roster_floor", "sqlite_sequence", "saved_session"];
    for (const table of Object.keys(live).filter((name) => !renumbered.includes(name)))
      expect(restored[table], table).toEqual(live[table]);
    expect(restored.roster).toEqual(
      (live.roster as object[]).map((row) => ({ ...row, version: expect.any(Number), pruned: expect.any(Number) })),
    );
    for (const name of ["credentials.key", "self-signed-key.pem", "self-signed.pem"]) {
      const [a, b] = [join(folder, "data", name), join(folder, "other/data", name)];
      expect(readFileSync(b)).toEqual(readFileSync(a));
      expect(statSync(b).mode).toBe(statSync(a).mode);
    }

    const again = await start(other);
    for (const user of users) await scramLogin(again, user);
    const back = await login(again, "juliet"); // with PLAIN
    const whole = (await back.ask("get", "<query xmlns='jabber:iq:roster'/>")).getChild("query");
    const items = (query: typeof whole): string[] => (query?.getChildElements() ?? []).map(String).sort();
    expect(items(whole)).toEqual(items(before.getChild("query")));
    expect(items(whole)).toEqual(expect.arrayContaining(items(roster)));
    // As many changes as were lost: the version that the client remembers has another meaning now.
    await back.ask("set", "<query xmlns='jabber:iq:roster'><item jid='other@localhost'/></query>");
    const asked = await back.ask("get", `<query xmlns='jabber:iq:roster' ver='${later}'/>`);
    expect(String(asked)).toContain("other@localhost");
    expect(String(asked)).toContain("romeo@localhost"); // the whole roster, with what did not change
    await back.close();
    expect(await offlineBodies(again, "nurse")).toEqual(["What says he?", "Where is he?"]);

    // The foreign side has its token, its presentity, and its events under ids that do not come again.
    const abroad = new Foreign(again.httpPort, token);
    expect((await abroad.call("GET", `/presentities/${PRESENTITY}/presence`)).text).toContain("angry");
    const old = (live.gateway_event as { id: number }[]).map(({ id }) => id);
    const stream = await abroad.events(`/presentities/${PRESENTITY}/events?after=0`);
    for (const id of old) expect(Number((await stream.next("an event that was there")).id)).toBe(id);
    stream.close();
    const last = Math.max(...old) + 1; // one that was lost, but that the foreign side has seen
    const resumed = await abroad.events(`/presentities/${PRESENTITY}/events?after=${last}`);
    const romeo = await login(again, "romeo");
    romeo.send(`<message to='${PRESENTITY}' type='chat'><body>After all</body></message>`);
    expect(String((await resumed.next("the next event")).data.object)).toContain("After all");
    resumed.close();
  });

  test("taken under load is what was acknowledged before it began, and what was sent after that up to some moment", async () => {
    const folder = await temporaryFolder();
    const env = envOf(join(folder, "data"));
    await addUsers(folder, env, "juliet", "romeo", "nurse");
    const store = openSqliteStore(join(folder, "data/balcony.sqlite"));
    const xml = `<message><body>${"x".repeat(4_000)}</body></message>`;
    await store.archive.add(Array.from({ length: 5_000 }, (_, n) => archived("romeo@localhost", `${n}`, { xml })));
    await store.close();
    const server = await start(env);
    const juliet = await login(server, "juliet");
    let [sent, acknowledged, over] = [0, 0, false];
    const load = (async () => {
      while (!over) {
        for (let n = 0; n < 10; n += 1) {
          sent += 1;
          juliet.send(`<message to='nurse@localhost' type='chat'><body>${sent}</body></message>`);
        }
        await juliet.expectNothing(); // no message was refused
        acknowledged = sent;
      }
    })();
    for (let round = 0; round < 4; round += 1) {
      const atStart = acknowledged;
      const file = join(folder, `backup-${round}`);
      await done(folder, env, "", "backup", file);
      const atEnd = sent;
      expect(atEnd).toBeGreaterThan(atStart); // it was under load
      const into = join(folder, `restored-${round}`);
      await done(folder, envOf(into), "", "restore", file);
      const restored = join(into, "balcony.sqlite");
      const bodies = rowsOf(restored, "SELECT xml FROM offline_message ORDER BY id").map((row) =>
        Number(/<body>(\d+)<\/body>/.exec((row as { xml: string }).xml)?.[1]),
      );
      expect(bodies).toEqual(Array.from({ length: bodies.length }, (_, n) => n + 1));
      expect(bodies.length).toBeGreaterThanOrEqual(atStart);
      expect(bodies.length).toBeLessThanOrEqual(atEnd);
      // Two tables that the first message changes together.
      expect(rowsOf(restored, "SELECT number FROM offline_box")).toHaveLength(bodies.length === 0 ? 0 : 1);
    }
    over = true;
    await load;
    const last = join(folder, "last");
    await done(folder, env, "", "backup", last);
    expect(dump(last)).toEqual(dump(join(folder, "data/balcony.sqlite")));
    const into = envOf(join(folder, "restored"));
    await done(folder, into, "", "restore", last);
    await server.stop("SIGTERM");
    const bodies = await offlineBodies(await start(into), "nurse");
    expect(bodies).toEqual(Array.from({ length: sent }, (_, n) => `${n + 1}`));
  });
});

test("a backup of a server that was killed has what was in its write-ahead log", async () => {
  const folder = await temporaryFolder();
  const env = envOf(join(folder, "data"));
  const server = await start(env);
  await addUsers(folder, env, "juliet");
  await server.stop("SIGKILL");
  expect(statSync(join(folder, "data/balcony.sqlite-wal")).size).toBeGreaterThan(0);
  expect(JSON.parse(await done(folder, env, "", "backup", "--json", "file"))).toMatchObject({ accounts: 1 });
  expect(await done(folder, env, "", "user", "list")).toBe("juliet@localhost");
});

test("backup and restore say what they did; --force keeps the old data folder, which can be used as one", async () => {
  const folder = await temporaryFolder();
  await addUsers(folder, {}, "juliet");
  const backup = await balcony({ folder }, "backup", "file");
  expect(backup.stdout).toMatch(
    /^Backed up localhost to \S+\/file: 1 account, 0 offline messages, 0 archived messages; \d+ bytes in \d+(\.\d+)? seconds\.\n$/,
  );
  expect(backup.stderr).toMatch(/ restore file\n$/);
  await addUsers(folder, {}, "romeo");
  const restore = await balcony({ folder }, "restore", "--force", "file");
  const [, kept = ""] =
    /^Restored .*\nWhat was there before is in (\S+\/data\/before-restore-\w+)\n$/.exec(restore.stdout) ?? [];
  expect(restore.stderr).toBe("");
  expect(await done(folder, {}, "", "user", "list")).toBe("juliet@localhost");
  expect(await done(folder, { BALCONY_STORAGE_PATH: kept }, "", "user", "list")).toBe(
    "juliet@localhost\nromeo@localhost",
  );
  expect(statSync(kept).mode & 0o777).toBe(0o700);
});

test("a backup of an older schema is restored, and brought up to date at the next start", async () => {
  const folder = await temporaryFolder();
  const env = envOf(join(folder, "old"));
  mkdirSync(join(folder, "old"));
  const old = openDatabase(join(folder, "old/balcony.sqlite"), { migrations: [initial] });
  old.exec("INSERT INTO audit VALUES (1, 1, 'login', '', '', 'kept')");
  old.close();
  expect(JSON.parse(await done(folder, env, "", "backup", "--json", "file"))).toMatchObject({ schema: 1, files: [] });
  const { code, stderr } = await balcony({ folder }, "restore", "file");
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr: "It is of an older Balcony; the server brings it up to date when it starts.\n",
  });
  const database = join(folder, "data/balcony.sqlite");
  expect(rowsOf(database, "PRAGMA user_version")).toEqual([{ user_version: 1 }]);
  expect(await done(folder, {}, "", "audit")).toContain("kept");
  expect(rowsOf(database, "PRAGMA user_version")).not.toEqual([{ user_version: 1 }]);
});

// ---- refusals

type Place = { readonly folder: string; readonly data: string; readonly file: string };

let template = "";

beforeAll(async () => {
  template = mkdtempSync(join(tmpdir(), "balcony-backup-"));
  await addUsers(template, {}, "juliet");
  await done(template, {}, "", "backup", "file");
});

afterAll(() => rmSync(template, { recursive: true, force: true }));

/** A folder with juliet's data folder and a backup of it. */
async function prepared(): Promise<Place> {
  const folder = await temporaryFolder();
  cpSync(template, folder, { recursive: true });
  return { folder, data: join(folder, "data"), file: join(folder, "file") };
}

describe("backup refuses", () => {
  const nothing = (): void => {};
  const refusals: [string, (at: Place) => void, string[], RegExp][] = [
    ["a name that is taken", nothing, ["file"], /\/file exists already; give another name, or --force to replace it$/],
    ["the data folder", nothing, ["data/x"], /\/data is the data folder itself; put the backup elsewhere/],
    ["a folder that is not there", nothing, ["none/x"], /there is no folder \S+\/none; make it first/],
    ["a folder that is a file", nothing, ["file/x"], /\/file is not a folder; give another place$/],
    ["a folder for a file", ({ folder }) => mkdirSync(join(folder, "x")), ["--force", "x"], /\/x is not a file; give/],
    ["a name that is too long", nothing, ["x".repeat(300)], /the name of the file is too long$/],
    [
      "no data folder",
      ({ data }) => rmSync(data, { recursive: true }),
      ["x"],
      /there is no data folder \S+\/data, so there is nothing to back up; check storage\.path$/,
    ],
    [
      "a data folder without a database",
      ({ data }) => rmSync(join(data, "balcony.sqlite")),
      ["x"],
      /balcony\.sqlite: there is no database: nothing has been stored here yet/,
    ],
    [
      "a database of another program",
      ({ data }) => {
        for (const name of readdirSync(data)) rmSync(join(data, name));
        new Database(join(data, "balcony.sqlite")).exec("CREATE TABLE t (x)").close();
      },
      ["x"],
      /this SQLite database is not Balcony's/,
    ],
    [
      "a database of a newer Balcony",
      ({ data }) => {
        const db = new Database(join(data, "balcony.sqlite"));
        db.pragma("user_version = 9999");
        db.close();
      },
      ["x"],
      /written by a newer Balcony \(schema 9999, this one knows \d+\)/,
    ],
    [
      "no database at all",
      ({ data }) => writeFileSync(join(data, "balcony.sqlite"), "x".repeat(5_000)),
      ["x"],
      /balcony\.sqlite: this database is damaged \(.+\): restore an earlier backup/,
    ],
    [
      "a damaged database",
      ({ data }) => {
        const database = join(data, "balcony.sqlite");
        const sql = "SELECT rootpage FROM sqlite_schema WHERE name = 'audit'";
        const [{ rootpage }] = rowsOf(database, sql) as [{ rootpage: number }];
        const bytes = readFileSync(database);
        bytes.fill(0xff, (rootpage - 1) * 4096, rootpage * 4096);
        writeFileSync(database, bytes);
      },
      ["x"],
      /: this database is damaged \(.+\): restore an earlier backup/,
    ],
    [
      "a database with an index that lacks a row",
      ({ data }) => {
        const db = new Database(join(data, "balcony.sqlite"));
        db.unsafeMode(true);
        db.exec("INSERT INTO token VALUES ('t', 'domain:example.net', 'hash', 1); PRAGMA writable_schema = ON");
        db.exec(
          "UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name = 'relation_until') WHERE name = 'token_scope'",
        );
        db.close();
      },
      ["x"],
      /: this database is damaged \(.+\): restore an earlier backup/,
    ],
    [
      "passwords without their key",
      ({ data }) => rmSync(join(data, "credentials.key")),
      ["x"],
      /credentials\.key is missing, and without it no password in a backup could be verified/,
    ],
    [
      "passwords with another key",
      ({ data }) => writeFileSync(join(data, "credentials.key"), '{"current":"a","keys":{"a":""}}'),
      ["x"],
      /credentials\.key is not the key file of this database, and without it/,
    ],
  ];
  test.each(refusals)("%s", async (_, arrange, args, message) => {
    const at = await prepared();
    arrange(at);
    const [earlier, names] = [readFileSync(at.file), readdirSync(at.folder)];
    const { code, stdout, stderr } = await balcony({ folder: at.folder }, "backup", ...args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr.trimEnd()).toMatch(message);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    expect(readdirSync(at.folder)).toEqual(names); // nothing half is left
    expect(readFileSync(at.file)).toEqual(earlier);
  });

  test("with --force a file is replaced only by a whole one", async () => {
    const { folder, data, file } = await prepared();
    const earlier = readFileSync(file);
    rmSync(join(data, "credentials.key"));
    expect((await balcony({ folder }, "backup", "--force", file)).code).toBe(1);
    expect(readFileSync(file)).toEqual(earlier);
  });

  test("to replace what came under its name while it was made", async () => {
    const { folder, data, file } = await prepared();
    rmSync(file);
    // Asked between two parts of the copy.
    const signal = { throwIfAborted: () => writeFileSync(file, "mine") } as AbortSignal;
    const making = makeBackup({ dataFolder: data, domain: "localhost", file, force: false, at: 0, signal });
    await expect(making).rejects.toThrow("/file exists already; give another name");
    expect(readFileSync(file, "utf8")).toBe("mine");
    expect(readdirSync(folder).sort()).toEqual(["data", "file"]);
  });

  test("to go on when it is stopped, and leaves nothing behind", async () => {
    const { folder, data, file } = await prepared();
    const earlier = readFileSync(file);
    const signal = AbortSignal.abort(new Error("stopped"));
    const making = makeBackup({ dataFolder: data, domain: "localhost", file, force: true, at: 0, signal });
    await expect(making).rejects.toThrow("stopped");
    expect(readdirSync(folder).sort()).toEqual(["data", "file"]);
    expect(readFileSync(file)).toEqual(earlier);
  });

  test.each(["backup", "restore"])("nothing that is kept in memory alone: %s", async (name) => {
    const { folder, file } = await prepared();
    const env = { BALCONY_STORAGE_PATH: ":memory:" };
    const { code, stderr } = await balcony({ folder, env }, name, "--force", file);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^balcony: storage\.path is :memory:, so nothing|so there is nothing/);
  });

  test.skipIf(!canMount)("a disk that is full (needs root, to mount a tmpfs)", async () => {
    const { folder } = await prepared();
    const disk = smallDisk("100k");
    const { code, stderr } = await balcony({ folder }, "backup", join(disk, "x"));
    expect(code).toBe(1);
    expect(stderr).toMatch(/^balcony: the disk of \S+ is full; make room on it, or give another place\n$/);
    expect(readdirSync(disk)).toEqual([]);
  });

  test.skipIf(isRoot)("a folder that this user may not write (root may do anything)", async () => {
    const { folder } = await prepared();
    mkdirSync(join(folder, "closed"), { mode: 0o500 });
    const { code, stderr } = await balcony({ folder }, "backup", "closed/x");
    expect(code).toBe(1);
    expect(stderr).toMatch(/closed: this user may not write here; give it access, or give another place\n$/);
  });
});

/** A file system of its own, gone after the test. */
function smallDisk(size: string): string {
  const disk = mkdtempSync(join(tmpdir(), "balcony-disk-"));
  expect(spawnSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "balcony-test", disk]).status).toBe(0);
  onTestFinished(() => {
    spawnSync("umount", ["--lazy", disk]);
    rmSync(disk, { recursive: true });
  });
  return disk;
}

/** Writes the backup anew with another manifest, as another Balcony might have. */
function rewrite(file: string, change: (manifest: Manifest) => Manifest): void {
  const fd = openSync(file, "r+");
  const manifest = readManifest(fd, file);
  closeSync(fd);
  truncateSync(file, manifest.database.octets);
  const again = openSync(file, "r+");
  appendManifest(again, change(manifest));
  closeSync(again);
}

function flip(file: string, at: (size: number) => number): void {
  const bytes = readFileSync(file);
  const index = at(bytes.length);
  bytes[index] = (bytes[index] as number) ^ 1;
  writeFileSync(file, bytes);
}

describe("restore refuses", () => {
  const refusals: [string, (at: Place) => void, RegExp][] = [
    ["a file that is not there", ({ file }) => rmSync(file), /there is no file \S+\/file$/],
    [
      "a folder",
      ({ file }) => {
        rmSync(file);
        mkdirSync(file);
      },
      /\/file is not a file; give a file that/,
    ],
    ["an empty file", ({ file }) => writeFileSync(file, ""), /\/file is no backup of Balcony; give a file that/],
    ["another file", ({ file }) => writeFileSync(file, "x".repeat(9_999)), /\/file is no backup of Balcony; give/],
    [
      "a mere copy of a database",
      ({ file, data }) => copyFileSync(join(data, "balcony.sqlite"), file),
      /\/file has no end: it was cut off, or is a mere copy of a database; give a whole file/,
    ],
    [
      "one that was cut off",
      ({ file }) => truncateSync(file, statSync(file).size - 1),
      /\/file has no end: it was cut off/,
    ],
    ["one with something behind it", ({ file }) => appendFileSync(file, "\n"), /\/file has no end: it was cut off/],
    // In the middle of a free page even, of which SQLite's own check knows nothing.
    ["a changed bit in the database", ({ file }) => flip(file, () => 60_000), /\/file is damaged: it is not as it was/],
    [
      "a changed bit in the manifest",
      ({ file }) => flip(file, (size) => size - 500),
      /\/file is damaged: it is not as/,
    ],
    ["a changed bit in the footer", ({ file }) => flip(file, (size) => size - 10), /\/file (is damaged|has no end)/],
    [
      "one that lies about its rows",
      ({ file }) => rewrite(file, (manifest) => ({ ...manifest, rows: { ...manifest.rows, account: 7 } })),
      /\/file is damaged: it is not as it was written/,
    ],
    [
      "a newer schema",
      ({ file }) => rewrite(file, (manifest) => ({ ...manifest, schema: 9999 })),
      /\/file was made by a newer Balcony \(schema 9999, this one knows \d+\); restore it with that version$/,
    ],
    [
      "a newer format",
      ({ file }) =>
        writeFileSync(
          file,
          readFileSync(file, "latin1").replace("balcony-backup 0001", "balcony-backup 0002"),
          "latin1",
        ),
      /\/file was made by a newer Balcony \(format 2, this one knows 1\); restore it with that version$/,
    ],
    [
      "one of another domain",
      ({ file }) => rewrite(file, (manifest) => ({ ...manifest, domain: "example.org" })),
      /\/file is a backup of example\.org, and the configuration is for localhost; set domain to example\.org first$/,
    ],
  ];
  test.each(refusals)("%s", async (_, arrange, message) => {
    const at = await prepared();
    arrange(at);
    const before = dump(join(at.data, "balcony.sqlite"));
    const { code, stdout, stderr } = await balcony({ folder: at.folder }, "restore", "--force", at.file);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr.trimEnd()).toMatch(message);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    expect(readdirSync(at.data).filter((name) => /restore/.test(name))).toEqual([]);
    expect(dump(join(at.data, "balcony.sqlite"))).toEqual(before);
  });

  test("a data folder that has a database, unless --force is given", async () => {
    const { folder, data, file } = await prepared();
    const before = readFileSync(join(data, "balcony.sqlite"));
    expect(await balcony({ folder }, "restore", file)).toEqual({
      code: 1,
      stdout: "",
      stderr: `balcony: there is a database in ${data} already; --force replaces it, and keeps it in a folder beside\n`,
    });
    expect(readFileSync(join(data, "balcony.sqlite"))).toEqual(before);
  });

  test("a data folder on which a server runs, even with --force", async () => {
    const { folder, data, file } = await prepared();
    const server = await start(envOf(data));
    const { code, stderr } = await balcony({ folder }, "restore", "--force", file);
    expect(code).toBe(1);
    expect(stderr).toBe(
      `balcony: another Balcony runs on this data folder (process ${server.pid}): ${data}; stop it first, or set another storage.path\n`,
    );
    await (await login(server, "juliet")).close();
    expect(readdirSync(data).filter((name) => /restore/.test(name))).toEqual([]);
  });

  test("a database that another program has open", async () => {
    const { folder, data, file } = await prepared();
    const db = new Database(join(data, "balcony.sqlite"));
    db.prepare("SELECT * FROM account").all(); // in WAL mode it is then held until it is closed
    const { code, stderr } = await balcony({ folder }, "restore", "--force", file);
    db.close();
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /balcony\.sqlite: another program has this database open: end that program and try again\n$/,
    );
    expect(readdirSync(data).filter((name) => /restore/.test(name))).toEqual([]);
    expect((await balcony({ folder }, "restore", "--force", file)).code).toBe(0);
  });

  test("a place for the data folder that is a file", async () => {
    const { folder, file } = await prepared();
    const env = { BALCONY_STORAGE_PATH: file };
    const { code, stderr } = await balcony({ folder, env }, "restore", file);
    expect(code).toBe(1);
    expect(stderr).toMatch(/\/file cannot be a folder: there is a file in its way; check storage\.path\n$/);
  });

  test.skipIf(!canMount)("a disk that is full (needs root, to mount a tmpfs)", async () => {
    const { folder, file } = await prepared();
    const disk = smallDisk("100k");
    const env = { BALCONY_STORAGE_PATH: join(disk, "data") };
    const { code, stderr } = await balcony({ folder, env }, "restore", file);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^balcony: the disk of \S+ is full: a restore needs room .+; make room and try again\n$/);
    expect(readdirSync(join(disk, "data")).filter((name) => name !== "balcony.lock")).toEqual([]);
  });
});

test("a damaged database is no hindrance to a restore, and is kept as it was", async () => {
  const { folder, data, file } = await prepared();
  writeFileSync(join(data, "balcony.sqlite"), "damaged");
  writeFileSync(join(data, "balcony.sqlite-wal"), "its log");
  expect((await balcony({ folder }, "restore", "--force", file)).code).toBe(0);
  expect(existsSync(join(data, "balcony.sqlite-wal"))).toBe(false);
  expect(await done(folder, {}, "", "user", "list")).toBe("juliet@localhost");
  const kept = join(data, readdirSync(data).find((name) => name.startsWith("before-restore-")) as string);
  expect(readFileSync(join(kept, "balcony.sqlite"), "latin1")).toBe("damaged");
  expect(readFileSync(join(kept, "balcony.sqlite-wal"), "latin1")).toBe("its log");
});

test.skipIf(!isRoot)("what root restores belongs to the user of the data folder (needs root)", async () => {
  const { folder, file } = await prepared();
  const data = join(folder, "other");
  mkdirSync(data);
  spawnSync("chown", ["12345:12345", data]);
  chmodSync(data, 0o700);
  await done(folder, { BALCONY_STORAGE_PATH: data }, "", "restore", file);
  await done(folder, { BALCONY_STORAGE_PATH: data }, "", "restore", "--force", file);
  for (const name of readdirSync(data)) expect(statSync(join(data, name)).uid, name).toBe(12_345);
});
