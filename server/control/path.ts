// Where the control socket of a data folder is: in it, or in a folder of its own where that path is too long for a socket.

import { createHash } from "node:crypto";
import { lstat, mkdir, realpath, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

// Linux takes 107 octets, macOS 103; what is past the limit would be cut off silently.
const MAX_PATH_OCTETS = 100;

/** The control socket has no place, or one that others could have made. The message says what to do. */
export class ControlPathError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "ControlPathError";
  }
}

/**
 * The path of the control socket of `dataFolder`, an existing folder. Where it is too long, that of one among the temporary
 * files, in a folder of mode 0700 that `create` makes if it is not there.
 * Throws ControlPathError: both are too long, or somebody else made that folder.
 */
export async function controlPath(dataFolder: string, create: boolean, temporary = tmpdir()): Promise<string> {
  const folder = await realpath(resolve(dataFolder));
  const path = join(folder, "balcony.sock");
  if (fits(path)) return path;
  const hash = createHash("sha256").update(folder).digest("hex").slice(0, 24);
  const shortFolder = join(temporary, `balcony-${hash}`);
  const shortPath = join(shortFolder, "balcony.sock");
  if (!fits(shortPath)) {
    throw new ControlPathError(
      `${path} is too long for a socket, and so is ${shortPath}; set storage.path or TMPDIR to a shorter one`,
    );
  }
  if (create) await mkdir(shortFolder, { mode: 0o700 }).catch(unless("EEXIST"));
  await trust(shortFolder, folder);
  return shortPath;
}

// Everybody can make folders among the temporary files, and passwords go through the socket.
async function trust(folder: string, dataFolder: string): Promise<void> {
  const found = await lstat(folder).catch(unless("ENOENT"));
  if (found === undefined) return;
  const owners = [process.getuid?.(), (await stat(dataFolder)).uid];
  if (found.isDirectory() && (found.mode & 0o077) === 0 && owners.includes(found.uid)) return;
  throw new ControlPathError(`${folder} was not made by Balcony, or is open to others; remove it and try again`);
}

function fits(path: string): boolean {
  return Buffer.byteLength(path) <= MAX_PATH_OCTETS;
}

function unless(code: string): (error: NodeJS.ErrnoException) => undefined {
  return (error) => {
    if (error.code !== code) throw error;
    return undefined;
  };
}
