// One timer for the next of many deadlines that live in the store.

import type { Clock, EpochMs, Timer } from "../server/clock.ts";

const RETRY_MS = 5_000;
const LONGEST_MS = 3_600_000; // a machine that slept, or whose clock jumped, looks again within the hour

export class Alarm {
  readonly #clock: Clock;
  /** Does what is due at `now`, and says when the next deadline is. */
  readonly #work: (now: EpochMs) => Promise<EpochMs | null>;
  readonly #failed: (error: unknown) => void;
  #timer: Timer | undefined;
  #at: EpochMs = Number.POSITIVE_INFINITY;
  #running: Promise<void> | undefined;
  #stopped = false;

  constructor(clock: Clock, work: (now: EpochMs) => Promise<EpochMs | null>, failed: (error: unknown) => void) {
    this.#clock = clock;
    this.#work = work;
    this.#failed = failed;
  }

  /** Makes sure that it rings at `at` or before. */
  arm(at: EpochMs | null): void {
    if (this.#stopped || at === null || at >= this.#at) return;
    this.#at = at;
    this.#timer?.cancel();
    const delay = Math.min(Math.max(at - this.#clock.now(), 0), LONGEST_MS);
    this.#timer = this.#clock.after(delay, () => {
      this.#running = this.ring();
    });
  }

  /** Looks now, whatever the time. */
  async ring(): Promise<void> {
    this.#timer?.cancel();
    this.#at = Number.POSITIVE_INFINITY;
    if (this.#stopped) return;
    const now = this.#clock.now();
    try {
      this.arm(await this.#work(now));
    } catch (error) {
      this.#failed(error);
      this.arm(now + RETRY_MS);
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  async settled(): Promise<void> {
    await this.#running;
  }
}
