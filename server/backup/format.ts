// The backup file: the database as SQLite copied it, a manifest in JSON (which holds the small files), and a footer.
//
// One file, because database and key are of no use without each other. The database is at its start, so that it is written
// in place and `sqlite3 -readonly` shows it; it has no tables that the server does not. Two SHA-256 cover every octet: SQLite
// itself has no checksums, so that its integrity check would not see a changed message. The footer is last: a file without it
// was cut off.

import { createHash, type Hash } from "node:crypto";
import { fstatSync, readSync, writeSync } from "node:fs";
import * as z from "zod";
import { BackupError, codeOf, SMALL_FILES } from "./files.ts";

const FORMAT = "0001";
const FOOTER = /^balcony-backup (\d{4}) (\d{10}) ([0-9a-f]{64})\n$/;
const FOOTER_OCTETS = 96;
const MAX_MANIFEST_OCTETS = 16_777_216;
const CHUNK_OCTETS = 1_048_576;

const manifest = z.object({
  /** Version of the Balcony that made it. */
  balcony: z.string(),
  schema: z.int().min(1),
  domain: z.string(),
  /** ISO 8601, UTC: when it was begun. */
  at: z.iso.datetime(),
  /** Rows of each table. */
  rows: z.record(z.string(), z.int().min(0)),
  database: z.object({ octets: z.int().min(1), sha256: z.string() }),
  /** `content` in base64. */
  files: z.array(z.object({ name: z.enum(SMALL_FILES), mode: z.int().min(0).max(0o777), content: z.base64() })),
});

export type Manifest = z.output<typeof manifest>;

/** Writes what follows the database, which `fd` holds at its start. */
export function appendManifest(fd: number, contents: Manifest): void {
  const text = Buffer.from(`${JSON.stringify(contents)}\n`);
  const length = String(text.length).padStart(10, "0");
  const footer = `balcony-backup ${FORMAT} ${length} ${createHash("sha256").update(text).digest("hex")}\n`;
  const bytes = Buffer.concat([text, Buffer.from(footer)]);
  for (let at = 0; at < bytes.length; ) {
    at += writeSync(fd, bytes, at, bytes.length - at, contents.database.octets + at);
  }
}

/**
 * The manifest of an open backup, checked; the database in front of it is not read.
 * @param shown the file's name, for messages
 * @throws BackupError it is no backup, not a whole one, damaged, or of a newer format
 */
export function readManifest(fd: number, shown: string): Manifest {
  const { size } = fstatSync(fd);
  const footer = FOOTER.exec(
    size < FOOTER_OCTETS ? "" : read(fd, size - FOOTER_OCTETS, FOOTER_OCTETS).toString("latin1"),
  );
  if (footer === null) throw new BackupError(`${shown} ${whatItIs(fd)}`);
  const [, format = "", length = "", sha256 = ""] = footer;
  if (format > FORMAT) {
    throw new BackupError(
      `${shown} was made by a newer Balcony (format ${Number(format)}, this one knows ${Number(FORMAT)}); restore it with that version`,
    );
  }
  const start = size - FOOTER_OCTETS - Number(length);
  if (start < 0 || Number(length) > MAX_MANIFEST_OCTETS) throw damagedBackup(shown);
  const text = read(fd, start, Number(length));
  if (createHash("sha256").update(text).digest("hex") !== sha256) throw damagedBackup(shown);
  const parsed = manifest.safeParse(JSON.parse(text.toString("utf8")));
  if (!parsed.success || parsed.data.database.octets !== start) throw damagedBackup(shown);
  return parsed.data;
}

/** SHA-256 (hex) of the first `octets` of a file, which are copied to `target` if it is given. */
export function hashStart(fd: number, octets: number, target?: number): string {
  const hash: Hash = createHash("sha256");
  const buffer = Buffer.allocUnsafe(CHUNK_OCTETS);
  for (let at = 0; at < octets; ) {
    const length = readSync(fd, buffer, 0, Math.min(buffer.length, octets - at), at);
    if (length === 0) break; // it became shorter; the hash tells
    hash.update(buffer.subarray(0, length));
    for (let written = 0; target !== undefined && written < length; ) {
      written += writeSync(target, buffer, written, length - written, at + written);
    }
    at += length;
  }
  return hash.digest("hex");
}

export function damagedBackup(shown: string): BackupError {
  return new BackupError(`${shown} is damaged: it is not as it was written; copy it again, or take another backup`);
}

function read(fd: number, from: number, octets: number): Buffer {
  const bytes = Buffer.alloc(octets);
  let at = 0;
  while (at < octets) {
    const length = readSync(fd, bytes, at, octets - at, from + at);
    if (length === 0) break;
    at += length;
  }
  return bytes;
}

// sqlite.org/fileformat2.html, section 1.3: the header string, and the application id at offset 68.
function whatItIs(fd: number): string {
  let head: Buffer;
  try {
    head = read(fd, 0, 100);
  } catch (error) {
    return `cannot be read (${codeOf(error)})`;
  }
  if (head.toString("latin1", 0, 16) === "SQLite format 3\0" && head.toString("latin1", 68, 72) === "BALC") {
    return 'has no end: it was cut off, or is a mere copy of a database; give a whole file that "balcony backup" made';
  }
  return 'is no backup of Balcony; give a file that "balcony backup" made';
}
