// The audit trail: who logged in, or tried to, what administration changed, and whom users reported; kept in the store,
// newest 100,000.
//
// Logins are collected and written together, at the latest after a second: no login waits for the disk, and a thousand of
// them cost one commit. What administration does is written with all that was collected before it, so that the order of
// the trail is that of time, and is on disk before the call is answered.

import type { AuditRecord, AuditStore } from "../storage/store.ts";
import type { Clock, Timer } from "./clock.ts";
import type { Logger } from "./log.ts";

const COLLECT_MS = 1_000;
/** So many are written at once without waiting for the second to be over: memory. */
const MOST_COLLECTED = 1_000;
const MAX_DETAIL_CHARACTERS = 500;

export type AuditEvent =
  | "login"
  | "login-failed"
  | "user-added"
  | "user-imported"
  | "user-deleted"
  | "password-changed"
  | "token-added"
  | "token-revoked"
  | "presentity-deleted"
  | "reported";

export type AuditEntry = {
  readonly event: AuditEvent;
  /** Bare JID of whom it concerns; empty: nobody in particular, or it was not understood who. */
  readonly account: string;
  /** The remote address; empty: this machine, by the command line or the embedder. */
  readonly address: string;
  readonly detail: string;
};

/** What only notes. */
export interface AuditNotes {
  /** To be written soon: a crash takes what was noted in the last second. Never fails. */
  note(entry: AuditEntry): void;
}

export class AuditTrail implements AuditNotes {
  readonly #store: AuditStore;
  readonly #clock: Clock;
  readonly #log: Logger;
  #collected: AuditRecord[] = [];
  #timer: Timer | undefined;
  #writing: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(store: AuditStore, clock: Clock, log: Logger) {
    this.#store = store;
    this.#clock = clock;
    this.#log = log;
  }

  note(entry: AuditEntry): void {
    this.#collected.push(this.#recordOf(entry));
    if (this.#stopped || this.#collected.length >= MOST_COLLECTED) void this.#write();
    else this.#timer ??= this.#clock.after(COLLECT_MS, () => void this.#write());
  }

  /**
   * Resolves when it is on disk. Rejects with what the store rejects with.
   * @param detail for the log, where that must not say all that the record does
   */
  async record(entry: AuditEntry, detail = entry.detail): Promise<void> {
    const { event, account } = entry;
    this.#log.info({ account, detail }, event);
    void this.#write();
    await this.#store.add(this.#recordOf(entry));
  }

  /** Newest first, those that were only noted so far included. */
  async list(limit: number): Promise<AuditRecord[]> {
    await this.#write();
    return this.#store.list(limit);
  }

  /** Writes what is left; from now on nothing is collected. */
  stop(): Promise<void> {
    this.#stopped = true;
    return this.#write();
  }

  #recordOf({ event, account, address, detail }: AuditEntry): AuditRecord {
    return { at: this.#clock.now(), event, account, address, detail: detail.slice(0, MAX_DETAIL_CHARACTERS) };
  }

  // All in one turn of the event loop, hence in one commit.
  #write(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    const records = this.#collected;
    if (records.length === 0) return this.#writing;
    this.#collected = [];
    this.#writing = Promise.all(records.map((record) => this.#store.add(record))).then(
      () => {},
      (err: unknown) => this.#log.error({ err, records: records.length }, "audit-failed"),
    );
    return this.#writing;
  }
}
