// Removing from archives what need not be kept (XEP-0313 1.1.3 section 3.2), and what is left of deleted accounts: in the
// background, in small steps.

import type { Timer } from "../clock.ts";
import type { Config } from "../config.ts";
import type { Core } from "../router/routing.ts";

const DAY_MS = 86_400_000;
const STEP_ROWS = 100;
/** Between two steps: a million rows take some minutes, during which the disk is there for others. */
const REST_MS = 20;
/** From one round to the next: how long an archive may be too large or too old. */
const ROUND_MS = 600_000;

export class ArchivePruner {
  readonly #core: Core;
  readonly #config: Config["archive"];
  #timer: Timer | undefined;
  #stopped = false;
  /** Of this round. */
  #removed = 0;

  constructor(core: Core, config: Config["archive"]) {
    this.#core = core;
    this.#config = config;
  }

  start(): void {
    this.#later(0);
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #later(delayMs: number): void {
    if (!this.#stopped) this.#timer = this.#core.clock.after(delayMs, () => void this.#step());
  }

  async #step(): Promise<void> {
    const { retentionDays, messagesPerAccount } = this.#config;
    const before = retentionDays === 0 ? 0 : this.#core.clock.now() - retentionDays * DAY_MS;
    try {
      const removed = await this.#core.store.archive.prune(before, messagesPerAccount, STEP_ROWS);
      this.#removed += removed;
      if (removed === STEP_ROWS) {
        this.#later(REST_MS);
        return;
      }
      if (this.#removed > 0) this.#core.log.info({ messages: this.#removed }, "archive-pruned");
    } catch (err) {
      if (!this.#stopped) this.#core.log.error({ err }, "archive-prune-failed");
    }
    this.#removed = 0;
    this.#later(ROUND_MS);
  }
}
