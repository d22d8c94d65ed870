// Uploaded files on disk: each named by its id, whole or not at all under that name.

import { type FileHandle, mkdir, open, readdir, rename, rm, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import type { ByteRange } from "./range.ts";

/** What comes in, until it is whole. */
const INCOMING = "incoming";

/** Other octets came than were announced, or they stopped coming. */
export class IncompleteUpload extends Error {}

export class UploadFiles {
  readonly #folder: string;

  /** @param folder its own; made when it is needed */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Removes what an earlier process had begun. */
  async start(): Promise<void> {
    await mkdir(join(this.#folder, INCOMING), { recursive: true, mode: 0o700 });
    for (const name of await readdir(join(this.#folder, INCOMING))) await rm(join(this.#folder, INCOMING, name));
  }

  /**
   * Writes a file as it comes; when this resolves it is on disk under its name. Otherwise nothing of it is left.
   * Rejects with IncompleteUpload, or as the file system does.
   */
  async write(id: string, size: number, source: Readable): Promise<void> {
    const partial = join(this.#folder, INCOMING, id);
    try {
      const file = await open(partial, "wx", 0o600);
      try {
        await copy(source, file, size);
        await file.sync();
      } finally {
        await file.close();
      }
      const path = this.#pathOf(id);
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await rename(partial, path);
      await syncFolder(dirname(path));
      await syncFolder(this.#folder);
    } catch (error) {
      await rm(partial, { force: true });
      throw error;
    }
  }

  /** Undefined: there is none. The stream is to be read or destroyed. */
  async read(id: string, range: ByteRange): Promise<Readable | undefined> {
    let file: FileHandle;
    try {
      file = await open(this.#pathOf(id), "r");
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
    return file.createReadStream({ ...range });
  }

  /** One that is not there is gone already. */
  async remove(id: string): Promise<void> {
    await unlink(this.#pathOf(id)).catch((error: unknown) => {
      if (!isMissing(error)) throw error;
    });
  }

  // Ids have neither dots nor separators; the folders keep each of them small.
  #pathOf(id: string): string {
    return join(this.#folder, id.slice(0, 2), id);
  }
}

/** How a request says that its client is gone. Other codes are the disk's. */
const LOST = new Set(["ECONNRESET", "ERR_STREAM_PREMATURE_CLOSE", "ABORT_ERR"]);

// A chunk at a time: the next is read when this one is written.
async function copy(source: Readable, file: FileHandle, size: number): Promise<void> {
  let octets = 0;
  try {
    // It stays open: whoever sends is told why it is refused.
    for await (const chunk of source.iterator({ destroyOnReturn: false })) {
      octets += (chunk as Buffer).length;
      if (octets > size) throw new IncompleteUpload(`more than ${size} bytes`);
      await writeAll(file, chunk as Buffer);
    }
  } catch (error) {
    throw LOST.has(String((error as NodeJS.ErrnoException).code))
      ? new IncompleteUpload("the connection was lost")
      : error;
  }
  if (octets !== size) throw new IncompleteUpload(`${octets} of ${size} bytes`);
}

async function writeAll(file: FileHandle, chunk: Buffer): Promise<void> {
  for (let written = 0; written < chunk.length; ) written += (await file.write(chunk, written)).bytesWritten;
}

// The name is in the folder, and on disk when that is.
async function syncFolder(path: string): Promise<void> {
  if (process.platform === "win32") return;
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "ENOENT";
}
