// Slots and files (XEP-0363 1.2.0): who may put what where, for how long it is kept, and that it goes then.

import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import type { Upload, UploadQuota } from "../../storage/store.ts";
import type { EpochMs, Timer } from "../clock.ts";
import type { Config } from "../config.ts";
import type { Core } from "../router/routing.ts";
import type { ByteRange } from "./range.ts";
import type { Purpose, SlotRequest } from "./slot-request.ts";
import { UploadFiles } from "./upload-files.ts";

const DAY_MS = 86_400_000;
/** How long what has expired may stay on disk. It is not served meanwhile. */
const ROUND_MS = 60_000;
const STEP_FILES = 100;

export type UploadConfig = Config["upload"];

/** Both addresses of a slot, as a client is given them. */
export type Slot = { readonly put: string; readonly get: string };

export type SlotRefusal =
  | { readonly kind: "too-large"; readonly maxBytes: number }
  | { readonly kind: "quota"; readonly next: EpochMs | null }
  | { readonly kind: "past" };

/** What becomes of a file that was sent. "gone": its slot ended, or its account. */
export type Stored = "stored" | "gone";

/** What of it is counted together, and how much that may be. */
type Bucket = { readonly name: string; readonly fileBytes: number; readonly quota: UploadQuota };

type UploadsOptions = {
  readonly config: UploadConfig;
  /** Null: nothing is kept over a restart. */
  readonly folder: string | null;
  /** Signs the addresses for PUT. */
  readonly secret: string;
};

export class Uploads {
  readonly config: UploadConfig;
  readonly #core: Core;
  readonly #folder: string | null;
  readonly #secret: string;
  readonly #coming = new Set<string>();
  #files: UploadFiles | undefined;
  #temporary: string | undefined;
  #base: () => string | undefined = () => undefined;
  #timer: Timer | undefined;
  #round: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(core: Core, { config, folder, secret }: UploadsOptions) {
    this.#core = core;
    this.config = config;
    this.#folder = folder;
    this.#secret = secret;
  }

  /** @param base the address that clients reach the routes at */
  async start(base: () => string | undefined): Promise<void> {
    this.#base = base;
    if (this.#folder === null) this.#temporary = await mkdtemp(join(tmpdir(), "balcony-uploads-"));
    this.#files = new UploadFiles(this.#folder ?? (this.#temporary as string));
    await this.#files.start();
    this.#schedule(0);
  }

  /** The HTTP listener must have stopped. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#round;
    if (this.#temporary !== undefined) await rm(this.#temporary, { recursive: true, force: true });
  }

  /** Octets of one file. */
  maxBytes(purpose: Purpose): number {
    return this.#bucket(purpose).fileBytes;
  }

  // ---- slots (section 4)

  /** @param owner bare JID */
  async slot(owner: string, { name, size, type, purpose, before }: SlotRequest): Promise<Slot | SlotRefusal> {
    const now = this.#core.clock.now();
    const bucket = this.#bucket(purpose);
    if (size > bucket.fileBytes) return { kind: "too-large", maxBytes: bucket.fileBytes };
    if (before !== undefined && before <= now) return { kind: "past" };
    const id = randomBytes(24).toString("base64url");
    const until = now + this.config.slotSeconds * 1000;
    const refused = await this.#core.store.uploads.reserve(
      {
        id,
        owner,
        bucket: bucket.name,
        name,
        type,
        size,
        complete: false,
        until,
        keepUntil: this.#keepUntil(purpose, now, before),
      },
      now,
      bucket.quota,
    );
    if (refused !== undefined) return { kind: "quota", next: refused.next };
    const get = `${this.#base() ?? ""}${pathOf(id, name)}`;
    return { get, put: `${get}?until=${until}&signature=${this.#sign(id, until)}` };
  }

  #bucket(purpose: Purpose): Bucket {
    const { config } = this;
    if (purpose === "profile") {
      const quota = { bytes: config.profileBytesPerAccount, files: config.filesPerAccount, oldestGo: true };
      return { name: "profile", fileBytes: config.profileFileBytes, quota };
    }
    const quota = { bytes: config.bytesPerAccount, files: config.filesPerAccount, oldestGo: false };
    return { name: "message", fileBytes: config.fileBytes, quota };
  }

  // Section 5: a profile's picture is wanted for long, an ephemeral file never after the time that was said.
  #keepUntil(purpose: Purpose, now: EpochMs, before: EpochMs | undefined): EpochMs | null {
    const days = this.config.retentionDays;
    if (purpose === "profile") return null;
    if (days === 0) return before ?? null;
    return Math.min(Math.floor(now + days * DAY_MS), before ?? Number.POSITIVE_INFINITY);
  }

  #sign(id: string, until: EpochMs): string {
    return createHmac("sha256", this.#secret).update(`put ${id} ${until}`).digest("base64url");
  }

  /** Whether an address for PUT is one that was given out, and still good for a beginning. */
  signed(id: string, until: string, signature: string): boolean {
    if (!/^\d{1,15}$/.test(until) || Number(until) <= this.#core.clock.now()) return false;
    const expected = Buffer.from(this.#sign(id, Number(until)));
    const actual = Buffer.from(signature);
    return actual.length === expected.length && timingSafeEqual(actual, expected);
  }

  // ---- files

  /** The slot that a file may be put into now. */
  async awaited(id: string): Promise<Upload | undefined> {
    const slot = await this.#core.store.uploads.get(id);
    return slot === undefined || slot.complete || this.#isOver(slot) || this.#coming.has(id) ? undefined : slot;
  }

  /** A complete file. */
  async found(id: string): Promise<Upload | undefined> {
    const file = await this.#core.store.uploads.get(id);
    return file?.complete && !this.#isOver(file) ? file : undefined;
  }

  /** How long it will be there; infinite: nobody knows. */
  secondsLeft({ until }: Upload): number {
    return until === null ? Number.POSITIVE_INFINITY : Math.max(0, Math.floor((until - this.#core.clock.now()) / 1000));
  }

  #isOver({ until }: Upload): boolean {
    return until !== null && until <= this.#core.clock.now();
  }

  /**
   * Takes a file in. Whatever comes of it, the slot is used up. Rejects with IncompleteUpload, or as the disk does.
   * @param slot as `awaited` has it, in the same turn
   */
  async take({ id, size }: Upload, type: string, source: Readable): Promise<Stored> {
    const { store, clock } = this.#core;
    if (this.#coming.has(id)) return "gone";
    this.#coming.add(id);
    const deadline = clock.after(this.config.transferSeconds * 1000, () => source.destroy(new TransferTooSlow()));
    try {
      const now = clock.now();
      // A little more than the transfer may take: what is on disk by then is still to be written down.
      if (!(await store.uploads.begin(id, now, now + this.config.transferSeconds * 1000 + ROUND_MS))) return "gone";
      await (this.#files as UploadFiles).write(id, size, source);
      // First the file, then the row: after a crash in between the file goes with its slot.
      if (await store.uploads.complete(id, type)) return "stored";
      await this.#remove([id]);
      return "gone";
    } catch (error) {
      await this.#remove([id]).catch((err: unknown) => this.#core.log.error({ err }, "upload-not-removed"));
      throw error;
    } finally {
      deadline.cancel();
      this.#coming.delete(id);
    }
  }

  /** Undefined: the disk does not have it. The stream is to be read or destroyed. */
  read({ id }: Upload, range: ByteRange): Promise<Readable | undefined> {
    return (this.#files as UploadFiles).read(id, range);
  }

  // ---- the end of them

  #schedule(delayMs: number): void {
    if (this.#stopped) return;
    this.#timer = this.#core.clock.after(delayMs, () => {
      this.#round = this.#removeExpired()
        .catch((err: unknown) => this.#core.log.error({ err }, "uploads-not-removed"))
        .finally(() => this.#schedule(ROUND_MS));
    });
  }

  async #removeExpired(): Promise<void> {
    const { store, clock, log } = this.#core;
    let removed = 0;
    for (;;) {
      const ids = await store.uploads.expired(clock.now(), STEP_FILES);
      await this.#remove(ids);
      removed += ids.length;
      if (ids.length < STEP_FILES || this.#stopped) break;
    }
    if (removed > 0) log.info({ files: removed }, "uploads-removed");
  }

  // First the files, then the rows: what is left of a crash in between is found again.
  async #remove(ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    for (const id of ids) await (this.#files as UploadFiles).remove(id);
    await this.#core.store.uploads.remove(ids);
  }
}

/** It takes longer than upload.transferSeconds. */
export class TransferTooSlow extends Error {}

export const UPLOAD_PATH = "/upload";

/** RFC 3986 section 3.3: what is not ASCII, and what would be syntax, is percent-encoded. */
function pathOf(id: string, name: string): string {
  return `${UPLOAD_PATH}/${id}/${encodeURIComponent(name)}`;
}
