// Encryption of what verifies passwords, at rest: AES-256-GCM under a key that lies beside the database, not in it, so that
// a stolen database or backup can be neither cracked nor replayed (docs/credentials.md point 11).

import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { chmod, copyFile, link, mkdir, open, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import * as z from "zod";

const IV_OCTETS = 12;
const TAG_OCTETS = 16;
const KEY_OCTETS = 32;

/** A sealed secret as it is stored: `sealed` is nonce, tag and ciphertext, in this order. */
export type Sealed = { readonly keyId: string; readonly sealed: Uint8Array };

export interface Seal {
  /** The key that new secrets are sealed with. */
  readonly keyId: string;
  /** What is wrong with the key file but does not prevent its use: one line each, for the log. */
  readonly warnings: readonly string[];
  /** @param kind of the credential; like the localpart it is authenticated, so that a row serves nowhere else */
  seal(secret: Buffer, localpart: string, kind: string): Sealed;
  /** Throws SealError if the key is not in the key file, or the row was altered or belongs elsewhere. */
  unseal(sealed: Sealed, localpart: string, kind: string): Buffer;
}

/** The key file cannot be used, or does not fit the database. */
export class SealError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "SealError";
  }
}

type Ring = {
  readonly current: string;
  readonly keys: ReadonlyMap<string, Buffer>;
  readonly warnings: readonly string[];
};

const keyFile = z.object({ current: z.string(), keys: z.record(z.string(), z.base64()) });

/**
 * Opens the key file, making it at first use.
 * @param path null: a key of this process only, for the memory store
 * @param inUse there are accounts already, so that a new key would shut them out: a missing file is an error
 * Errors: SealError for a file that is no key file, or missing; file system errors as they come.
 */
export async function openSeal(path: string | null, inUse = false): Promise<Seal> {
  if (path === null) return sealWith(newRing());
  const existing = await readRing(path);
  if (existing !== undefined) return sealWith(existing);
  if (inUse) {
    throw new SealError(
      `${path} is missing, and no password in the database can be verified without it; restore it from a backup, ` +
        "or set another storage.path and make the accounts anew",
    );
  }
  const made = newRing();
  await mkdir(dirname(path), { recursive: true });
  // Two processes may start at once: the link of one fails, and both then use the file of the other.
  const temporary = await writeTemporary(path, made);
  await link(temporary, path)
    .catch((error: unknown) => {
      if (isErrno(error, "EEXIST")) return;
      return copyFile(temporary, path, constants.COPYFILE_EXCL); // a file system without hard links
    })
    .finally(() => rm(temporary));
  const ring = await readRing(path);
  if (ring === undefined) throw new SealError(`${path} vanished while it was opened`);
  return sealWith(ring);
}

/** The ids of the keys in the text of a key file; undefined: it is none. For who copies it without opening it. */
export function sealKeyIds(text: string): ReadonlySet<string> | undefined {
  const parsed = keyFile.safeParse(parseJson(text));
  return parsed.success ? new Set(Object.keys(parsed.data.keys)) : undefined;
}

/**
 * Adds a key and makes it the current one; earlier ones stay, for rows not sealed anew yet. A Seal that is open already
 * keeps to what it read.
 * @returns the id of the new key
 */
export async function rotateSeal(path: string): Promise<string> {
  const ring = await readRing(path);
  if (ring === undefined) throw new SealError(`${path} does not exist; it is made when the server first starts`);
  const added = newRing();
  await rename(await writeTemporary(path, { ...added, keys: new Map([...ring.keys, ...added.keys]) }), path);
  return added.current;
}

function sealWith({ current, keys, warnings }: Ring): Seal {
  const keyOf = (id: string): Buffer => {
    const key = keys.get(id);
    if (key !== undefined) return key;
    throw new SealError(`the key file has no key "${id}"; restore the key file that belongs to this database`);
  };
  return {
    keyId: current,
    warnings,
    seal(secret, localpart, kind) {
      const iv = randomBytes(IV_OCTETS);
      const cipher = createCipheriv("aes-256-gcm", keyOf(current), iv).setAAD(aad(localpart, kind));
      const ciphertext = Buffer.concat([cipher.update(secret), cipher.final()]);
      return { keyId: current, sealed: Buffer.concat([iv, cipher.getAuthTag(), ciphertext]) };
    },
    unseal({ keyId, sealed }, localpart, kind) {
      const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
      const iv = bytes.subarray(0, IV_OCTETS);
      const tag = bytes.subarray(IV_OCTETS, IV_OCTETS + TAG_OCTETS);
      const key = keyOf(keyId);
      try {
        const decipher = createDecipheriv("aes-256-gcm", key, iv, { authTagLength: TAG_OCTETS });
        decipher.setAAD(aad(localpart, kind)).setAuthTag(tag);
        return Buffer.concat([decipher.update(bytes.subarray(IV_OCTETS + TAG_OCTETS)), decipher.final()]);
      } catch {
        throw new SealError(`the ${kind} credential of ${localpart} was altered, or was sealed for another account`);
      }
    },
  };
}

// A localpart holds no NUL (RFC 8264 section 9.11), so the two parts cannot run into each other.
function aad(localpart: string, kind: string): Buffer {
  return Buffer.from(`${localpart}\0${kind}`);
}

function newRing(): Ring {
  const id = randomBytes(6).toString("hex");
  return { current: id, keys: new Map([[id, randomBytes(KEY_OCTETS)]]), warnings: [] };
}

async function readRing(path: string): Promise<Ring | undefined> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw Object.assign(error as Error, { path }); // Node leaves it out where the file is a folder
  }
  const parsed = keyFile.safeParse(parseJson(text));
  const keys = new Map(
    Object.entries(parsed.data?.keys ?? {}).map(([id, key]) => [id, Buffer.from(key, "base64")] as const),
  );
  if (
    !parsed.success ||
    !keys.has(parsed.data.current) ||
    [...keys.values()].some((key) => key.length !== KEY_OCTETS)
  ) {
    throw new SealError(
      `${path} is not a key file; restore it from a backup, or no password stored so far can be verified`,
    );
  }
  const { mode } = await stat(path);
  const open = process.platform !== "win32" && (mode & 0o077) !== 0;
  return {
    current: parsed.data.current,
    keys,
    warnings: open ? [`${path} can be read by other users of this machine; run: chmod 600 ${path}`] : [],
  };
}

async function writeTemporary(path: string, ring: Ring): Promise<string> {
  const temporary = `${path}.${randomBytes(6).toString("hex")}`;
  const keys = Object.fromEntries([...ring.keys].map(([id, key]) => [id, key.toString("base64")]));
  const handle = await open(temporary, "wx", 0o600);
  try {
    await handle.writeFile(`${JSON.stringify({ current: ring.current, keys }, null, 2)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await chmod(temporary, 0o600);
  return temporary;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === code;
}
