// Puts a backup into a data folder: checked to the last octet first, then in one step (pending.ts).

import { closeSync, existsSync, fstatSync, fsyncSync, mkdirSync, openSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { lockFolder } from "../../storage/folder-lock.ts";
import { migrations } from "../../storage/migrations/index.ts";
import { checkDatabase, settleDatabase, skipNumbers } from "../../storage/sqlite/snapshot.ts";
import type { EpochMs } from "../clock.ts";
import { BackupError, codeOf, DATABASE, giveToOwnerOf, writeNewFile } from "./files.ts";
import { damagedBackup, hashStart, type Manifest, readManifest } from "./format.ts";
import { commitStaging, discardStaging, finishRestore, newStaging } from "./pending.ts";

export type RestoreOptions = {
  readonly dataFolder: string;
  readonly domain: string;
  readonly file: string;
  /** Replaces the database that is there, and keeps it in a folder beside. */
  readonly force: boolean;
  readonly at: EpochMs;
};

export type Restored = {
  readonly manifest: Manifest;
  /** Absolute path of the folder with what was there before; undefined: nothing was. */
  readonly before: string | undefined;
  /** The server brings an older schema up to date at its start. */
  readonly isOlder: boolean;
};

/** Throws BackupError, StoreOpenError and FolderLockedError, whose messages say what to do. */
export function restoreBackup(options: RestoreOptions): Restored {
  const fd = openBackup(options.file);
  try {
    const manifest = readManifest(fd, options.file);
    refuseMisfit(manifest, options);
    return putInto(resolve(options.dataFolder), fd, manifest, options);
  } finally {
    closeSync(fd);
  }
}

function openBackup(file: string): number {
  try {
    if (!statSync(file).isFile())
      throw new BackupError(`${file} is not a file; give a file that "balcony backup" made`);
    return openSync(file, "r");
  } catch (error) {
    const code = codeOf(error);
    if (code === "ENOENT" || code === "ENOTDIR") throw new BackupError(`there is no file ${file}`);
    if (code === "EACCES" || code === "EPERM") {
      throw new BackupError(`${file} may not be read by this user; call this as the user whom it belongs to`);
    }
    throw error;
  }
}

function refuseMisfit({ schema, domain }: Manifest, { file, domain: configured }: RestoreOptions): void {
  const known = migrations.at(-1)?.version ?? 0;
  if (schema > known) {
    throw new BackupError(
      `${file} was made by a newer Balcony (schema ${schema}, this one knows ${known}); restore it with that version`,
    );
  }
  // Rosters and messages are kept under full addresses: in another domain nobody would find theirs.
  if (domain !== configured) {
    throw new BackupError(
      `${file} is a backup of ${domain}, and the configuration is for ${configured}; set domain to ${domain} first`,
    );
  }
}

function putInto(dataFolder: string, fd: number, manifest: Manifest, options: RestoreOptions): Restored {
  makeDataFolder(dataFolder);
  const lock = lockFolder(dataFolder);
  try {
    giveToOwnerOf(dataFolder, join(dataFolder, "balcony.lock"));
    finishRestore(dataFolder);
    const database = join(dataFolder, DATABASE);
    const hadDatabase = existsSync(database);
    if (hadDatabase && !options.force) {
      throw new BackupError(
        `there is a database in ${dataFolder} already; --force replaces it, and keeps it in a folder beside`,
      );
    }
    stage(dataFolder, fd, manifest, options);
    if (hadDatabase) settleDatabase(database);
    const before = nameOfBefore(dataFolder, options.at);
    commitStaging(dataFolder, { before, files: [DATABASE, ...manifest.files.map(({ name }) => name)] });
    const kept = join(dataFolder, before);
    return {
      manifest,
      before: existsSync(kept) ? kept : undefined,
      isOlder: manifest.schema < (migrations.at(-1)?.version ?? 0),
    };
  } catch (error) {
    discardStaging(dataFolder);
    throw explain(dataFolder, error);
  } finally {
    lock.release();
  }
}

/** Leaves all new files in the staging folder, checked and on the disk. */
function stage(dataFolder: string, fd: number, manifest: Manifest, { file, at }: RestoreOptions): void {
  const staging = newStaging(dataFolder);
  const database = join(staging, DATABASE);
  writeNewFile(database, "", 0o600);
  copyChecked(fd, manifest, database, file);
  const { schema, rows } = checkDatabase(database);
  if (schema !== manifest.schema || JSON.stringify(rows) !== JSON.stringify(manifest.rows)) throw damagedBackup(file);
  skipNumbers(database, at);
  giveToOwnerOf(dataFolder, database);
  for (const { name, mode, content } of manifest.files) {
    writeNewFile(join(staging, name), Buffer.from(content, "base64"), mode);
    giveToOwnerOf(dataFolder, join(staging, name));
  }
}

function copyChecked(fd: number, { database }: Manifest, path: string, shown: string): void {
  const target = openSync(path, "r+");
  try {
    if (hashStart(fd, database.octets, target) !== database.sha256) throw damagedBackup(shown);
    fsyncSync(target);
    if (fstatSync(target).size !== database.octets) throw damagedBackup(shown);
  } finally {
    closeSync(target);
  }
}

function makeDataFolder(dataFolder: string): void {
  try {
    mkdirSync(dataFolder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw explain(dataFolder, error);
  }
}

function nameOfBefore(dataFolder: string, at: EpochMs): string {
  const name = `before-restore-${new Date(at).toISOString().replace(/[-:]|\.\d+/g, "")}`;
  for (let n = 1; ; n += 1) {
    const free = n === 1 ? name : `${name}-${n}`;
    if (!existsSync(join(dataFolder, free))) return free;
  }
}

function explain(dataFolder: string, error: unknown): unknown {
  const code = codeOf(error);
  if (["ENOSPC", "EDQUOT", "SQLITE_FULL"].includes(code)) {
    return new BackupError(
      `the disk of ${dataFolder} is full: a restore needs room for the new database beside the old; make room and try again`,
      { cause: error },
    );
  }
  if (["EACCES", "EPERM"].includes(code)) {
    return new BackupError(`${dataFolder}: this user may not write here; call this as the user that runs Balcony`, {
      cause: error,
    });
  }
  if (code === "EROFS") return new BackupError(`${dataFolder} is on a read-only file system`, { cause: error });
  if (code === "ENOTDIR" || code === "EEXIST") {
    return new BackupError(`${dataFolder} cannot be a folder: there is a file in its way; check storage.path`, {
      cause: error,
    });
  }
  return error;
}
