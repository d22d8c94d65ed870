// When a stream reads on: whoever has a reason to wait holds its connection, and nothing is read until all have let go.

import type { Clock, Timer } from "../clock.ts";
import type { Transport } from "../transport/transport.ts";
import { ByteRate, type ByteRateSettings } from "./byte-rate.ts";

/** A step of the negotiation, too many stanzas waiting, or more bytes than the limit allows. */
export type Hold = keyof typeof HOLDS;

const HOLDS = { step: 1, inbox: 2, rate: 4 } as const;

export class Intake {
  readonly #transport: Pick<Transport, "pause" | "resume">;
  readonly #clock: Clock;
  readonly #rate: ByteRate;
  /** The sum of who holds it. */
  #holds = 0;
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
    this.#holds |= HOLDS[why];
    this.#transport.pause();
  }

  release(why: Hold): void {
    if ((this.#holds & HOLDS[why]) === 0) return;
    this.#holds &= ~HOLDS[why];
    if (this.#holds === 0) this.#transport.resume();
  }

  /** The connection is gone: no timer is left. */
  stop(): void {
    this.#timer?.cancel();
  }
}
