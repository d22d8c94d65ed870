// How much one user may make a room pass on (XEP-0045 1.35.1 section 13.6): a token bucket for each.

import type { Clock, EpochMs } from "../clock.ts";
import { type StanzaError, stanzaError } from "../errors.ts";

export type RateLimits = {
  /** 0: no limit. */
  readonly stanzasPerSecond: number;
  readonly burstStanzas: number;
};

type Bucket = { left: number; at: EpochMs };

/** Buckets that are full again are forgotten when there are so many. */
const KEPT = 10_000;

export class Rates {
  readonly #limits: RateLimits;
  readonly #clock: Clock;
  readonly #buckets = new Map<string, Bucket>();

  constructor(limits: RateLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /** False: it is too much. A user who leaves and comes back has the same bucket. */
  take(user: string): boolean {
    const { stanzasPerSecond, burstStanzas } = this.#limits;
    if (stanzasPerSecond === 0) return true;
    const now = this.#clock.now();
    let bucket = this.#buckets.get(user);
    if (bucket === undefined) {
      if (this.#buckets.size >= KEPT) this.#forgetFull(now);
      bucket = { left: burstStanzas, at: now };
      this.#buckets.set(user, bucket);
    }
    bucket.left = this.#leftIn(bucket, now);
    bucket.at = now;
    if (bucket.left < 1) return false;
    bucket.left -= 1;
    return true;
  }

  #leftIn({ left, at }: Bucket, now: EpochMs): number {
    const { stanzasPerSecond, burstStanzas } = this.#limits;
    return Math.min(burstStanzas, left + (Math.max(0, now - at) / 1_000) * stanzasPerSecond);
  }

  #forgetFull(now: EpochMs): void {
    for (const [user, bucket] of this.#buckets) {
      if (this.#leftIn(bucket, now) >= this.#limits.burstStanzas) this.#buckets.delete(user);
    }
  }
}

export function tooFast(): StanzaError {
  return stanzaError("policy-violation", "too many stanzas at once (rooms.stanzasPerSecond)", "wait");
}
