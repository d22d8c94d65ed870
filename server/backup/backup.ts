// Makes a backup: a file that holds all that a restore needs, under its name only when it is whole and on the disk.
//
// The process that makes it reads the database itself, beside a running server: SQLite in WAL mode lets readers of other
// processes see one state while the server goes on, and a connection that cannot write can do no harm. Through the server its
// one thread would have to copy, and a server that hangs could not be backed up.

import { createPrivateKey, randomBytes, X509Certificate } from "node:crypto";
import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  linkSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { hostname } from "node:os";
import { dirname, join, resolve } from "node:path";
import { copyDatabase } from "../../storage/sqlite/snapshot.ts";
import { sealKeyIds } from "../accounts/seal.ts";
import type { EpochMs } from "../clock.ts";
import { VERSION } from "../version.ts";
import { BackupError, codeOf, DATABASE, SMALL_FILES, type SmallFile, syncFolder } from "./files.ts";
import { appendManifest, hashStart, type Manifest } from "./format.ts";
import { completeRestore } from "./pending.ts";

export type BackupOptions = {
  readonly dataFolder: string;
  readonly domain: string;
  readonly file: string;
  /** Replaces a backup of this name. */
  readonly force: boolean;
  readonly at: EpochMs;
  /** Stops it; nothing is left behind. */
  readonly signal?: AbortSignal;
};

export type Backup = { readonly file: string; readonly octets: number; readonly manifest: Manifest };

/** Throws BackupError, StoreOpenError and FolderLockedError, whose messages say what to do, and the reason of `signal`. */
export async function makeBackup(options: BackupOptions): Promise<Backup> {
  const { dataFolder, force } = options;
  const file = resolve(options.file);
  const folder = dirname(file);
  refuseDataFolder(dataFolder);
  completeRestore(dataFolder);
  refuseTarget(file, dataFolder, force);
  const partial = newPartial(folder);
  try {
    const manifest = await fill(partial, options);
    const octets = statSync(partial).size;
    putInPlace(partial, file, force);
    return { file, octets, manifest };
  } catch (error) {
    throw explain(folder, error);
  } finally {
    for (const path of [partial, `${partial}-journal`]) rmSync(path, { force: true });
  }
}

async function fill(partial: string, { dataFolder, domain, at, signal }: BackupOptions): Promise<Manifest> {
  const { schema, rows, keyIds } = await copyDatabase(join(dataFolder, DATABASE), partial, signal);
  const files = readSmallFiles(dataFolder, keyIds);
  const fd = openSync(partial, "r+");
  try {
    const octets = fstatSync(fd).size;
    const manifest: Manifest = {
      balcony: VERSION,
      schema,
      domain,
      at: new Date(at).toISOString(),
      rows,
      database: { octets, sha256: hashStart(fd, octets) },
      files: files.map(({ name, mode, content }) => ({ name, mode, content: content.toString("base64") })),
    };
    appendManifest(fd, manifest);
    fsyncSync(fd);
    return manifest;
  } finally {
    closeSync(fd);
  }
}

// Read behind the database: a key is added before the first row is sealed with it, and none is taken away.
function readSmallFiles(dataFolder: string, keyIds: readonly string[]): SmallFile[] {
  const [key, certificateKey, certificate] = SMALL_FILES.map((name) => readIfThere(dataFolder, name));
  const known = key === undefined ? new Set<string>() : sealKeyIds(key.content.toString("utf8"));
  if (keyIds.some((id) => known?.has(id) !== true)) {
    const path = join(dataFolder, "credentials.key");
    const what = key === undefined ? "is missing" : "is not the key file of this database";
    throw new BackupError(
      `${path} ${what}, and without it no password in a backup could be verified: put it back from an earlier backup first`,
    );
  }
  const pair =
    certificateKey !== undefined && certificate !== undefined && fits(certificateKey.content, certificate.content)
      ? [certificateKey, certificate]
      : []; // the server would make another one, too
  return [...(key === undefined ? [] : [key]), ...pair];
}

function readIfThere(dataFolder: string, name: SmallFile["name"]): SmallFile | undefined {
  const path = join(dataFolder, name);
  try {
    return { name, mode: statSync(path).mode & 0o777, content: readFileSync(path) };
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw new BackupError(`${path} cannot be read (${codeOf(error)}); call this as the user that runs Balcony`, {
      cause: error,
    });
  }
}

function fits(key: Buffer, certificate: Buffer): boolean {
  try {
    return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
}

// ---- the file

function refuseDataFolder(dataFolder: string): void {
  try {
    if (statSync(dataFolder).isDirectory()) return;
  } catch (error) {
    if (codeOf(error) !== "ENOENT") {
      throw new BackupError(`the data folder ${dataFolder} cannot be opened (${codeOf(error)}); check storage.path`);
    }
  }
  throw new BackupError(`there is no data folder ${dataFolder}, so there is nothing to back up; check storage.path`);
}

function refuseTarget(file: string, dataFolder: string, force: boolean): void {
  const folder = dirname(file);
  try {
    // It would be lost together with what it is a backup of.
    if (realpathSync(folder) === realpathSync(dataFolder)) {
      throw new BackupError(`${folder} is the data folder itself; put the backup elsewhere, best on another disk`);
    }
    const found = lstatSync(file);
    if (!found.isFile() && !found.isSymbolicLink()) throw new BackupError(`${file} is not a file; give another name`);
    if (!force) throw existing(file);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw explain(folder, error);
    if (!existsSync(folder))
      throw new BackupError(`there is no folder ${folder}; make it first, or give another place`);
  }
}

function existing(file: string): BackupError {
  return new BackupError(`${file} exists already; give another name, or --force to replace it`);
}

/** Beside the backup to be, so that it can be renamed. What killed ones of this machine left in the folder is removed. */
function newPartial(folder: string): string {
  const own = `.balcony-backup-${hostname().replace(/[^\w.-]/g, "_")}-`;
  try {
    for (const name of readdirSync(folder)) {
      const pid = name.startsWith(own)
        ? /^(\d+)-\w+\.partial(?:-journal)?$/.exec(name.slice(own.length))?.[1]
        : undefined;
      if (pid !== undefined && !runs(Number(pid))) rmSync(join(folder, name), { force: true });
    }
    const partial = join(folder, `${own}${process.pid}-${randomBytes(4).toString("hex")}.partial`);
    closeSync(openSync(partial, "wx", 0o600)); // SQLite would create it with 0644
    return partial;
  } catch (error) {
    throw explain(folder, error);
  }
}

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) !== "ESRCH";
  }
}

function putInPlace(partial: string, file: string, force: boolean): void {
  if (force) renameSync(partial, file);
  else {
    try {
      linkSync(partial, file); // a rename would replace what came there meanwhile
    } catch (error) {
      if (codeOf(error) === "EEXIST") throw existing(file);
      if (!["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"].includes(codeOf(error))) throw error;
      if (existsSync(file)) throw existing(file);
      renameSync(partial, file); // a file system without hard links
    }
  }
  syncFolder(dirname(file));
}

function explain(folder: string, error: unknown): unknown {
  const code = codeOf(error);
  if (["ENOSPC", "EDQUOT", "SQLITE_FULL"].includes(code)) {
    return new BackupError(`the disk of ${folder} is full; make room on it, or give another place`, { cause: error });
  }
  if (["EACCES", "EPERM"].includes(code)) {
    return new BackupError(`${folder}: this user may not write here; give it access, or give another place`, {
      cause: error,
    });
  }
  if (code === "EROFS") {
    return new BackupError(`${folder} is on a read-only file system; give another place`, { cause: error });
  }
  if (code === "ENOTDIR") return new BackupError(`${folder} is not a folder; give another place`, { cause: error });
  if (code === "ENAMETOOLONG") return new BackupError("the name of the file is too long", { cause: error });
  if (code === "EIO" || code === "EFBIG" || code.startsWith("SQLITE_IOERR")) {
    return new BackupError(
      `the backup cannot be written to ${folder} (${code}); check the disks, or give another place`,
      {
        cause: error,
      },
    );
  }
  return error;
}
