// When a stream reads on: whoever has a reason to wait holds its connection, and nothing is read until all have let go.

import type { Clock, Timer } from "../clock.ts";
import type { Transport } from "../transport/transport.ts";
import { ByteRate, type ByteRateSettings } from "./byte-rate.ts";

/** A step of the negotiation, too many stanzas waiting, or more bytes than the limit allows. */
export type Hold = "step" | "inbox" | "rate";

export class Intake {
  readonly #transport: Pick<Transport, "pause" | "resume">;
  readonly #clock: Clock;
  readonly #rate: ByteRate;
  readonly #holds = new Set<Hold>();
  #timer: Timer | undefined;

  constructor(transport: Pick<Transport, "pause" | "resume">, settings: ByteRateSettings, clock: Clock) {
    this.#transport = transport;
    this.#clock = clock;
    this.#rate = new ByteRate(settings, clock);
  }

  /** So much was read: what comes next may have to wait for it. */
  count(bytes: number): void {
    const pauseMs = this.#rate.take(bytes);
    if (pauseMs === 0) return;
    this.hold("rate");
    this.#timer = this.#clock.after(pauseMs, () => this.release("rate"));
  }

  hold(why: Hold): void {
    this.#holds.add(why);
    this.#transport.pause();
  }

  release(why: Hold): void {
    if (this.#holds.delete(why) && this.#holds.size === 0) this.#transport.resume();
  }

  /** The connection is gone: no timer is left. */
  stop(): void {
    this.#timer?.cancel();
  }
}
