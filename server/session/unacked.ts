// The outbound half of stream management (XEP-0198 1.6.1 sections 4 and 5): stanzas that the client has not acknowledged.

import type { EpochMs } from "../clock.ts";

const MODULUS = 2 ** 32;

/** A message that was given to one or more sessions of an account; it has arrived once one of them acknowledged it. */
export type SharedDelivery = {
  readonly id: string;
  /** Sessions that still hold it unacknowledged. */
  holders: number;
  arrived: boolean;
};

export type UnackedEntry = {
  /** Position among all stanzas sent, from 1; not reduced by the modulus. */
  readonly sequence: number;
  readonly text: string;
  readonly at: EpochMs;
  /** Undefined: of a kind that is not kept for another session (presence, iq). */
  readonly delivery: SharedDelivery | undefined;
};

/** Sent and unacknowledged stanzas, oldest first, with a bound on their number and size. */
export class UnackedQueue {
  readonly #maxStanzas: number;
  readonly #maxBytes: number;
  #entries: UnackedEntry[] = [];
  #first = 0; // index of the oldest in #entries; those before it are acknowledged
  #sent = 0;
  #bytes = 0;

  constructor(limits: { readonly maxStanzas: number; readonly maxBytes: number }, sent = 0) {
    this.#maxStanzas = limits.maxStanzas;
    this.#maxBytes = limits.maxBytes;
    this.#sent = sent;
  }

  get length(): number {
    return this.#entries.length - this.#first;
  }

  /** How many were ever sent. */
  get sent(): number {
    return this.#sent;
  }

  /** The bound is exceeded: this session must end. */
  get full(): boolean {
    return this.length > this.#maxStanzas || this.#bytes > this.#maxBytes;
  }

  push(text: string, at: EpochMs, delivery: SharedDelivery | undefined): UnackedEntry {
    this.#sent += 1;
    this.#bytes += text.length;
    const entry = { sequence: this.#sent, text, at, delivery };
    this.#entries.push(entry);
    return entry;
  }

  /**
   * Takes an `h` of the client's.
   * @param h modulo 2^32
   * @returns what it acknowledges, oldest first; undefined if more than was sent (section 4: handled-count-too-high)
   */
  acknowledge(h: number): readonly UnackedEntry[] | undefined {
    const oldest = this.#sent - this.length; // acknowledged before
    // The only number in [oldest, oldest + 2^32) that is h modulo 2^32.
    const upTo = oldest + ((((h - oldest) % MODULUS) + MODULUS) % MODULUS);
    if (upTo > this.#sent) return undefined;
    const count = upTo - oldest;
    const acknowledged = this.#entries.slice(this.#first, this.#first + count);
    for (const { text } of acknowledged) this.#bytes -= text.length;
    this.#first += count;
    if (this.#first === this.#entries.length) {
      this.#entries = [];
      this.#first = 0;
    } else if (this.#first > 1_000) {
      this.#entries = this.#entries.slice(this.#first);
      this.#first = 0;
    }
    return acknowledged;
  }

  /** What is unacknowledged, oldest first. */
  entries(): readonly UnackedEntry[] {
    return this.#entries.slice(this.#first);
  }

  /**
   * After a restart: the client has taken `h` stanzas, some of which were never written down here. What it has not is
   * numbered anew behind them.
   */
  static restored(
    limits: { readonly maxStanzas: number; readonly maxBytes: number },
    h: number,
    unacked: readonly Omit<UnackedEntry, "sequence">[],
  ): UnackedQueue {
    const queue = new UnackedQueue(limits, h);
    for (const { text, at, delivery } of unacked) queue.push(text, at, delivery);
    return queue;
  }
}

/** A counter as it is written: modulo 2^32 (XEP-0198 section 4). */
export function counterAttribute(count: number): string {
  return String(count % MODULUS);
}

/** A counter as it is read; undefined if it is none. */
export function parseCounter(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return undefined;
  const count = Number(text);
  return count < MODULUS ? count : undefined;
}
