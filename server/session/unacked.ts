// The outbound half of stream management (XEP-0198 1.6.3 sections 4 and 5): stanzas that the client has not acknowledged.

import type { EpochMs } from "../clock.ts";

const MODULUS = 2 ** 32;

/** A message that was given to one or more sessions of an account; it has arrived once one of them acknowledged it. */
export type SharedDelivery = {
  readonly id: string;
  /** The managed sessions that still hold it unacknowledged, and where in their queues. */
  holders: { readonly session: string; readonly sequence: number }[];
  arrived: boolean;
};

export type UnackedEntry = {
  /** Position among all stanzas sent, from 1; not reduced by the modulus. Changes with a resumption after a restart only. */
  sequence: number;
  text: string;
  readonly at: EpochMs;
  /** Undefined: nobody else need have it when this session ends (presence, iq, copies of one's own messages). */
  delivery: SharedDelivery | undefined;
  /** Whether it is on disk, or written in this turn. "never": of presence. "later": the journal asks for it. */
  saved: "never" | "later" | "written";
  /** It waits for what it depends on to be on disk, and all that is behind it waits, too. */
  held: boolean;
};

export type NewEntry = Pick<UnackedEntry, "text" | "at" | "delivery" | "saved" | "held">;

export type QueueLimits = { readonly maxStanzas: number; readonly maxBytes: number };

/** Sent and unacknowledged stanzas, oldest first, with a bound on their number and size. */
export class UnackedQueue {
  readonly #limits: QueueLimits;
  #entries: UnackedEntry[] = [];
  #first = 0; // index of the oldest in #entries; those before it are acknowledged
  #sent: number;
  #bytes = 0;

  constructor(limits: QueueLimits, sent = 0) {
    this.#limits = limits;
    this.#sent = sent;
  }

  get length(): number {
    return this.#entries.length - this.#first;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** How many were ever sent. */
  get sent(): number {
    return this.#sent;
  }

  /** The bound is exceeded: this session must end. */
  get full(): boolean {
    return this.length > this.#limits.maxStanzas || this.#bytes > this.#limits.maxBytes;
  }

  push(stanza: NewEntry): UnackedEntry {
    this.#sent += 1;
    this.#bytes += stanza.text.length;
    const { text, at, delivery, saved, held } = stanza;
    const entry = { sequence: this.#sent, text, at, delivery, saved, held };
    this.#entries.push(entry);
    return entry;
  }

  /** Entries of another queue, numbered anew behind all that was sent. */
  adopt(entries: readonly UnackedEntry[]): void {
    for (const entry of entries) {
      this.#sent += 1;
      this.#bytes += entry.text.length;
      entry.sequence = this.#sent;
      this.#entries.push(entry);
    }
  }

  /** Another stanza takes the place of one that was not sent yet. */
  replace(entry: UnackedEntry, text: string): void {
    this.#bytes += text.length - entry.text.length;
    entry.text = text;
  }

  /**
   * Takes an `h` of the client's.
   * @param h modulo 2^32
   * @returns what it acknowledges, oldest first; undefined if more than was sent (section 4: handled-count-too-high), or
   *   less than was acknowledged before
   */
  acknowledge(h: number): readonly UnackedEntry[] | undefined {
    const oldest = this.#sent - this.length; // acknowledged before
    const count = ahead(h, oldest);
    if (count < 0 || count > this.length) return undefined;
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
}

/** How far a counter modulo 2^32 is ahead of a whole number; negative: behind it. */
export function ahead(h: number, of: number): number {
  const distance = (((h - of) % MODULUS) + MODULUS) % MODULUS;
  return distance < MODULUS / 2 ? distance : distance - MODULUS;
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
