// balcony backup and restore, ended by SIGKILL before each single step that changes something on the disk: never a half
// backup under its name, and in the data folder either all of the old state or all of the new.

import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { makeBackup } from "../../server/backup/backup.ts";
import { restoreBackup } from "../../server/backup/restore.ts";
import { createServer } from "../../server/index.ts";
import { BuiltServer } from "../support/built-server.ts";
import { ScriptedClient } from "../support/client.ts";
import { balcony, type Ended } from "./program.ts";

vi.setConfig({ testTimeout: 180_000, hookTimeout: 60_000 }); // a process for each step

const DIE_AT = pathToFileURL(join(import.meta.dirname, "../support/die-at.mjs")).href;

let base = "";
/** Templates: a data folder whose server was killed, and a whole backup of another. */
let [oldFolder, newBackup] = ["", ""];
let [oldState, newState] = ["", ""];

/** Accounts, key of the passwords, certificate: what must be of one piece. Opens the folder, as a server's start does. */
async function stateOf(dataFolder: string): Promise<string> {
  const server = await createServer({ storage: { path: dataFolder } });
  const users = await server.admin.listUsers({ limit: 100 });
  await server.stop();
  const digests = ["credentials.key", "self-signed-key.pem", "self-signed.pem"].map((name) =>
    createHash("sha256")
      .update(readFileSync(join(dataFolder, name)))
      .digest("hex"),
  );
  return [...users, ...digests].join(" ");
}

/** A fresh folder to work in. */
function place(): string {
  return mkdtempSync(join(base, "place-"));
}

function run(folder: string, env: Record<string, string>, ...args: string[]): Promise<Ended> {
  const all = { BALCONY_STORAGE_PATH: join(folder, "data"), NODE_OPTIONS: `--import ${DIE_AT}`, ...env };
  return balcony({ folder, env: all }, ...args);
}

/** Of the command as it runs undisturbed. */
async function stepsOf(folder: string, ...args: string[]): Promise<string[]> {
  const file = join(folder, "steps.json");
  const ended = await run(folder, { STEPS_FILE: file }, ...args);
  expect(ended).toMatchObject({ code: 0 });
  return JSON.parse(readFileSync(file, "utf8"));
}

beforeAll(async () => {
  base = mkdtempSync(join(tmpdir(), "balcony-kill-"));
  oldFolder = join(base, "old");
  const server = await BuiltServer.start({ env: { BALCONY_STORAGE_PATH: oldFolder } });
  const env = { BALCONY_STORAGE_PATH: oldFolder };
  expect((await balcony({ folder: base, env, input: "old" }, "user", "add", "tybalt")).code).toBe(0);
  await server.stop("SIGKILL");
  expect(statSync(join(oldFolder, "balcony.sqlite-wal")).size).toBeGreaterThan(0);
  rmSync(join(oldFolder, "balcony.sock")); // cannot be copied
  const copy = join(base, "old-copy");
  cpSync(oldFolder, copy, { recursive: true });
  oldState = await stateOf(copy);

  const other = { BALCONY_STORAGE_PATH: join(base, "new") };
  for (const name of ["juliet", "romeo"]) {
    expect((await balcony({ folder: base, env: other, input: "new" }, "user", "add", name)).code).toBe(0);
  }
  newBackup = join(base, "new.balcony");
  expect((await balcony({ folder: base, env: other }, "backup", newBackup)).code).toBe(0);
  newState = await stateOf(join(base, "new"));
  expect(newState).toMatch(/^juliet@localhost romeo@localhost /);
  expect(oldState).toMatch(/^tybalt@localhost /);
});

afterAll(() => rmSync(base, { recursive: true, force: true }));

describe.each(["over an old data folder", "into no data folder"])("restore %s", (where) => {
  const isOver = where === "over an old data folder";

  function prepared(): string {
    const folder = place();
    if (isOver) cpSync(oldFolder, join(folder, "data"), { recursive: true });
    return folder;
  }

  test("killed before any of its steps: all of the old or all of the new, and once more it succeeds", async () => {
    const steps = await stepsOf(prepared(), "restore", "--force", newBackup);
    expect(steps.length).toBeGreaterThan(20);
    const seen: string[] = [];
    for (const [i, step] of steps.entries()) {
      if (!isOver && i % 3 !== 0) continue; // most steps are the same ones
      const folder = prepared();
      const data = join(folder, "data");
      const killed = await run(folder, { DIE_AT: String(i + 1) }, "restore", "--force", newBackup);
      expect(killed.code, step).toBe(null);

      const again = join(folder, "again");
      if (existsSync(data)) cpSync(data, again, { recursive: true });
      const isNew = existsSync(join(data, "balcony.sqlite")) || existsSync(join(data, "restore.committed"));
      if (isOver || isNew) {
        const state = await stateOf(data);
        expect([oldState, newState], `killed before ${step}`).toContain(state);
        seen.push(state === oldState ? "old" : "new");
        expect(existsSync(join(data, "restore.committed"))).toBe(false);
        if (isOver && state === newState) expect(await stateBefore(data)).toBe(oldState);
      } else seen.push("none");

      // And from the state in which it was killed.
      restoreBackup({ dataFolder: again, domain: "localhost", file: newBackup, force: true, at: Date.now() });
      expect(await stateOf(again), step).toBe(newState);
      expect(readdirSync(again).filter((name) => /^restore\.|-wal|-shm/.test(name))).toEqual([]);
      rmSync(folder, { recursive: true });
    }
    // One moment divides them.
    const first = isOver ? "old" : "none";
    expect([...new Set(seen)]).toEqual([first, "new"]);
    expect(seen.lastIndexOf(first)).toBeLessThan(seen.indexOf("new"));
  });
});

/** Of what a restore has kept. */
async function stateBefore(data: string): Promise<string> {
  const [name, ...more] = readdirSync(data).filter((entry) => entry.startsWith("before-restore-"));
  expect(more).toEqual([]);
  return stateOf(join(data, name as string));
}

test("a restore that was killed when it had been decided is completed by the server that starts", async () => {
  const folder = place();
  const data = join(folder, "data");
  cpSync(oldFolder, data, { recursive: true });
  const steps = await stepsOf(folder, "restore", "--force", newBackup);
  rmSync(data, { recursive: true });
  cpSync(oldFolder, data, { recursive: true });
  // The database is where it belongs, key and certificate are not.
  const at = steps.findIndex((step) => /^renameSync \S+restore\.committed\/credentials\.key /.test(step)) + 1;
  expect(at).toBeGreaterThan(0);
  expect((await run(folder, { DIE_AT: String(at) }, "restore", "--force", newBackup)).code).toBe(null);
  expect(existsSync(join(data, "credentials.key"))).toBe(false);

  const server = await BuiltServer.start({ env: { BALCONY_STORAGE_PATH: data } });
  try {
    const login = { port: server.c2sPort, domain: "localhost", user: "juliet", password: "new" };
    await (await ScriptedClient.login(login)).close();
  } finally {
    await server.stop("SIGKILL");
  }
});

test.each(["under a new name", "over an earlier one"])(
  "backup %s, killed before any of its steps: under its name the whole of one, and the next one cleans up",
  async (what) => {
    const isOver = what === "over an earlier one";
    const folder = place();
    cpSync(oldFolder, join(folder, "data"), { recursive: true });
    const file = join(folder, "out/file");
    const args = ["backup", file, ...(isOver ? ["--force"] : [])];
    const fresh = (): void => {
      rmSync(join(folder, "out"), { recursive: true, force: true });
      mkdirSync(join(folder, "out"));
      if (isOver) cpSync(newBackup, file);
    };
    fresh();
    const steps = await stepsOf(folder, ...args);
    expect(steps.filter((step) => step.startsWith("a part of ")).length).toBeGreaterThan(3);
    const seen: string[] = [];
    for (const [i, step] of steps.entries()) {
      fresh();
      expect((await run(folder, { DIE_AT: String(i + 1) }, ...args)).code, step).toBe(null);
      if (!existsSync(file)) seen.push("none");
      else {
        const into = join(place(), "data");
        restoreBackup({ dataFolder: into, domain: "localhost", file, force: false, at: Date.now() });
        const state = await stateOf(into);
        expect([oldState, newState], `killed before ${step}`).toContain(state);
        seen.push(state === newState ? "earlier" : "whole");
      }
      await makeBackup({ dataFolder: join(folder, "data"), domain: "localhost", file, force: true, at: Date.now() });
      expect(readdirSync(join(folder, "out"))).toEqual(["file"]);
    }
    const first = isOver ? "earlier" : "none";
    expect([...new Set(seen)]).toEqual([first, "whole"]);
    expect(await stateOf(join(folder, "data"))).toBe(oldState);
  },
);
