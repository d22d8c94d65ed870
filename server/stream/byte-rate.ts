// How fast one stream may send (RFC 6120 section 13.12, point 6): a token bucket whose debt is a pause in reading. Nothing
// is dropped, and no other stream waits.

import type { Clock, EpochMs } from "../clock.ts";

export type ByteRateSettings = {
  /** 0: no limit. */
  readonly bytesPerSecond: number;
  readonly burstBytes: number;
};

export class ByteRate {
  readonly #settings: ByteRateSettings;
  readonly #clock: Clock;
  #left: number;
  #at: EpochMs;

  constructor(settings: ByteRateSettings, clock: Clock) {
    this.#settings = settings;
    this.#clock = clock;
    this.#left = settings.burstBytes;
    this.#at = clock.now();
  }

  /** Counts what was read. The result is the milliseconds until the next may be read; 0: at once. */
  take(bytes: number): number {
    const { bytesPerSecond, burstBytes } = this.#settings;
    if (bytesPerSecond === 0) return 0;
    const now = this.#clock.now();
    const earned = (Math.max(0, now - this.#at) / 1000) * bytesPerSecond;
    this.#at = now;
    this.#left = Math.min(burstBytes, this.#left + earned) - bytes;
    return this.#left >= 0 ? 0 : Math.ceil((-this.#left / bytesPerSecond) * 1000);
  }
}
