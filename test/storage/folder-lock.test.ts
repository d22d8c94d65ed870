// One server on a data folder: over processes, within one, and after a kill.

import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { afterEach, expect, test } from "vitest";
import { StoreOpenError } from "../../storage/errors.ts";
import { FolderLockedError, lockFolder, refuseLockedFolder } from "../../storage/folder-lock.ts";
import { type Child, startChild } from "./children/child.ts";
import { temporaryFolder } from "./temporary.ts";

const path = temporaryFolder();
const folder = (): string => dirname(path());
const children: Child[] = [];

afterEach(async () => {
  for (const child of children.splice(0)) {
    child.process.kill("SIGKILL");
    await child.ended;
  }
});

/** Another process that takes the lock, or says why not. */
async function other(): Promise<{ line: string; child: Child }> {
  let child: Child | undefined;
  const line = await new Promise<string>((resolve) => {
    child = startChild("lock-holder.ts", [folder()], resolve);
    children.push(child);
  });
  return { line, child: child as Child };
}

function refusal(action: () => unknown): FolderLockedError {
  try {
    action();
  } catch (error) {
    if (error instanceof FolderLockedError) return error;
    throw error;
  }
  throw new Error("it was not refused");
}

test("another process holds it: its id is said; released, it is free", async () => {
  const { line, child } = await other();
  expect(line).toBe(`locked ${child.process.pid}`);
  const { message, pid } = refusal(() => lockFolder(folder()));
  expect(pid).toBe(child.process.pid);
  expect(message).toBe(
    `another Balcony runs on this data folder (process ${pid}): ${folder()}; stop it first, or set another storage.path`,
  );
  expect(refusal(() => refuseLockedFolder(folder())).message).toBe(message);
  child.process.kill("SIGTERM");
  expect(await child.ended).toBe(0);
  lockFolder(folder()).release();
});

test("kill -9 frees it, and what is left of it does not count", async () => {
  const { child } = await other();
  child.process.kill("SIGKILL");
  expect(await child.ended).toBe("SIGKILL");
  expect(readFileSync(path("balcony.pid"), "utf8")).toBe(`${child.process.pid}\n`);
  refuseLockedFolder(folder());
  const lock = lockFolder(folder());
  expect(readFileSync(path("balcony.pid"), "utf8")).toBe(`${process.pid}\n`);
  lock.release();
});

test("a process id that lives again holds nothing", () => {
  lockFolder(folder()).release();
  writeFileSync(path("balcony.pid"), `${process.ppid}\n`);
  refuseLockedFolder(folder());
  lockFolder(folder()).release();
});

test("a second one in this process is refused, and neither that nor a look frees it for others", async () => {
  const lock = lockFolder(folder());
  for (const attempt of [lockFolder, refuseLockedFolder]) {
    expect(refusal(() => attempt(folder())).message).toMatch(`(this process, ${process.pid})`);
  }
  expect((await other()).line).toMatch(new RegExp(`^another Balcony runs .* \\(process ${process.pid}\\)`));
  lock.release();
  expect((await other()).line).toMatch(/^locked /);
});

test("its files are its owner's alone, and the pid goes with the lock", () => {
  const umask = process.umask(0);
  try {
    const lock = lockFolder(folder());
    expect(readdirSync(folder()).sort()).toEqual(["balcony.lock", "balcony.pid"]);
    for (const name of readdirSync(folder())) expect(statSync(path(name)).mode & 0o777).toBe(0o600);
    lock.release();
    expect(existsSync(path("balcony.pid"))).toBe(false);
  } finally {
    process.umask(umask);
  }
});

test("a folder that is not there, or was never locked, is nobody's", () => {
  refuseLockedFolder(path("none"));
  refuseLockedFolder(folder());
  expect(readdirSync(folder())).toEqual([]);
});

test("what cannot be locked is told with what to do, and is not taken for a lock", () => {
  mkdirSync(path("balcony.lock"));
  refuseLockedFolder(folder());
  expect(() => lockFolder(folder())).toThrow(StoreOpenError);
  expect(() => lockFolder(folder())).toThrow(
    `${path("balcony.lock")}: this file cannot be locked (SQLITE_CANTOPEN): set a storage path on a local disk`,
  );
});

test("without a readable process id it is refused all the same", async () => {
  const lock = lockFolder(folder());
  writeFileSync(path("balcony.pid"), "");
  expect(refusal(() => lockFolder(folder())).message).toMatch("its balcony.pid does not say which process");
  writeFileSync(path("balcony.pid"), "4194305\n"); // above every Linux process id
  expect(refusal(() => lockFolder(folder())).message).toMatch("process 4194305, not to be seen from here");
  lock.release();
});
