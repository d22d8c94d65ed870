// What a process that is killed leaves of its database: the files as they are at that moment. What it had committed is in
// them, synced or not, because the kernel has it; an open transaction is not. (Loss of power is another matter: there what was
// not synced may be gone, too.)

import { copyFileSync, existsSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";

const LOG = "balcony.sqlite-wal";
const DATABASE = "balcony.sqlite";
const SUFFIX = ".at-kill";

export class DiskImage {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Copies the files in the turn of the call. What is written afterwards does not count. */
  static take(folder: string): DiskImage {
    const image = new DiskImage(folder);
    // The log first: a checkpoint on its thread may be copying pages of it to the database, which adds nothing to it.
    for (const name of [LOG, DATABASE]) {
      rmSync(image.#path(name, SUFFIX), { force: true });
      if (existsSync(image.#path(name))) copyFileSync(image.#path(name), image.#path(name, SUFFIX));
    }
    return image;
  }

  /** Puts the copies in the place of the files, which nobody may have open any more. */
  putBack(): void {
    rmSync(this.#path(`${DATABASE}-shm`), { force: true });
    for (const name of [LOG, DATABASE]) {
      rmSync(this.#path(name), { force: true });
      if (existsSync(this.#path(name, SUFFIX))) renameSync(this.#path(name, SUFFIX), this.#path(name));
    }
  }

  #path(name: string, suffix = ""): string {
    return join(this.#folder, name + suffix);
  }
}
