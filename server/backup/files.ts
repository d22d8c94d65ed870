// What of a data folder belongs together and is backed up and restored as one, and how files are written for good.

import { chownSync, closeSync, fsyncSync, openSync, statSync, writeSync } from "node:fs";

export const DATABASE = "balcony.sqlite";

/** The key file of the passwords in the database, and the certificate that clients may have chosen to trust. */
export const SMALL_FILES = ["credentials.key", "self-signed-key.pem", "self-signed.pem"] as const;

export type SmallFile = {
  readonly name: (typeof SMALL_FILES)[number];
  readonly mode: number;
  readonly content: Buffer;
};

/** The backup cannot be made, read or restored; the message says what to do. */
export class BackupError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "BackupError";
  }
}

/** Creates a file that is on the disk when this returns. */
export function writeNewFile(path: string, content: string | Buffer, mode: number): void {
  const fd = openSync(path, "wx", mode);
  try {
    const bytes = Buffer.from(content);
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** What was renamed, made or removed in a folder is on the disk when this returns. */
export function syncFolder(folder: string): void {
  if (process.platform === "win32") return; // a folder cannot be opened there
  const fd = openSync(folder, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** What root makes in the folder of another user belongs to that user, or the server could not open it. */
export function giveToOwnerOf(folder: string, path: string): void {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = statSync(folder);
  if (uid !== 0) chownSync(path, uid, gid);
}

/** The code of a failed system call or of SQLite; "" if there is none. */
export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
