// How a restore takes effect: all at once or not at all, whenever the process or the machine ends.
//
// Several files cannot be renamed at once. So the new ones are gathered in a folder of their own, and the one rename of that
// folder is the moment from which the data folder holds the new state. The moves that follow can be repeated, and whoever
// opens the data folder next completes them first.

import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { lockFolder } from "../../storage/folder-lock.ts";
import { DATABASE, giveToOwnerOf, SMALL_FILES, syncFolder, writeNewFile } from "./files.ts";

const STAGING = "restore.staging";
const COMMITTED = "restore.committed";
const PLAN = "plan.json";
const COMPANIONS = ["-wal", "-shm", "-journal"];

/** What is to be done once the folder is committed. */
type Plan = {
  /** The folder in the data folder where the old files go. */
  readonly before: string;
  /** The new files. What of the old state has no new one is moved away, too. */
  readonly files: readonly string[];
};

/** An empty folder to gather the new files in; what a killed restore left there is removed. Call with the lock held. */
export function newStaging(dataFolder: string): string {
  discardStaging(dataFolder);
  const staging = join(dataFolder, STAGING);
  makeFolder(dataFolder, staging);
  return staging;
}

export function discardStaging(dataFolder: string): void {
  rmSync(join(dataFolder, STAGING), { recursive: true, force: true });
}

/** The new files are the state of the data folder from here on. Call with the lock held. */
export function commitStaging(dataFolder: string, plan: Plan): void {
  const staging = join(dataFolder, STAGING);
  writeNewFile(join(staging, PLAN), JSON.stringify(plan), 0o600);
  syncFolder(staging);
  renameSync(staging, join(dataFolder, COMMITTED));
  syncFolder(dataFolder);
  finishRestore(dataFolder);
}

/**
 * Completes a restore that was cut off. To be called before anything in the data folder is opened.
 * @throws FolderLockedError somebody is doing so; errors of the file system as they come
 */
export function completeRestore(dataFolder: string): void {
  if (!existsSync(join(dataFolder, COMMITTED))) return;
  const lock = lockFolder(dataFolder);
  try {
    finishRestore(dataFolder);
  } finally {
    lock.release();
  }
}

/** As completeRestore, with the lock held. Every step can be repeated: what still lies there has not been moved. */
export function finishRestore(dataFolder: string): void {
  const committed = join(dataFolder, COMMITTED);
  if (!existsSync(committed)) return;
  if (existsSync(join(committed, PLAN))) {
    const { before, files } = JSON.parse(readFileSync(join(committed, PLAN), "utf8")) as Plan;
    for (const name of [DATABASE, ...SMALL_FILES]) {
      const [from, to] = [join(committed, name), join(dataFolder, name)];
      const isMoved = files.includes(name) && !existsSync(from);
      if (isMoved) continue;
      // SQLite would take the write-ahead log of the old database for that of the new one.
      for (const suffix of name === DATABASE ? COMPANIONS : []) moveAside(dataFolder, name + suffix, before);
      moveAside(dataFolder, name, before);
      if (files.includes(name)) renameSync(from, to);
    }
    if (existsSync(join(dataFolder, before))) syncFolder(join(dataFolder, before));
    syncFolder(dataFolder);
    rmSync(join(committed, PLAN));
  }
  rmSync(committed, { recursive: true, force: true });
  syncFolder(dataFolder);
}

function moveAside(dataFolder: string, name: string, before: string): void {
  if (!existsSync(join(dataFolder, name))) return;
  const folder = join(dataFolder, before);
  if (!existsSync(folder)) makeFolder(dataFolder, folder);
  let target = join(folder, name);
  // Somebody made one while the moves were cut off: the old one is the one to keep.
  for (let n = 2; existsSync(target); n += 1) target = join(folder, `${name}.${n}`);
  renameSync(join(dataFolder, name), target);
}

function makeFolder(dataFolder: string, path: string): void {
  mkdirSync(path, { mode: 0o700 });
  chmodSync(path, 0o700);
  giveToOwnerOf(dataFolder, path);
}
