// When to ask clients for acknowledgements (XEP-0198 section 4): one timer for all streams, and none while nobody is waited for.

import type { Clock, EpochMs, Timer } from "../clock.ts";

const TICK_MS = 1_000;

/** A stream that waits for its client's acknowledgement, or is about to ask for it. */
export interface Awaiting {
  /** Once in a second. False: it waits for nothing any more. */
  tick(now: EpochMs): boolean;
}

export class AckRequests {
  readonly #clock: Clock;
  readonly #awaiting = new Set<Awaiting>();
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(stream: Awaiting): void {
    this.#awaiting.add(stream);
    this.#timer ??= this.#clock.after(TICK_MS, () => this.#tick());
  }

  remove(stream: Awaiting): void {
    this.#awaiting.delete(stream);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#awaiting.clear();
  }

  #tick(): void {
    this.#timer = undefined;
    const now = this.#clock.now();
    for (const stream of [...this.#awaiting]) if (!stream.tick(now)) this.#awaiting.delete(stream);
    if (this.#awaiting.size > 0) this.#timer = this.#clock.after(TICK_MS, () => this.#tick());
  }
}
