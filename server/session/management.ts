// Stream management of one session (XEP-0198 1.6.3 sections 4 and 5): both counters, what is unacknowledged, and the line
// of what waits to be sent. It outlives the connection.

import type { SessionChange, UnackedStanza } from "../../storage/store.ts";
import type { Clock, EpochMs } from "../clock.ts";
import { StreamError } from "../errors.ts";
import { NS } from "../namespaces.ts";
import { Element } from "../stanza.ts";
import type { AckRequests } from "./ack-requests.ts";
import type { SessionJournal } from "./journal.ts";
import type { Saving } from "./parcel.ts";
import {
  ahead,
  counterAttribute,
  type NewEntry,
  type QueueLimits,
  type SharedDelivery,
  type UnackedEntry,
  UnackedQueue,
} from "./unacked.ts";

const REQUEST = `<r xmlns='${NS.sm}'/>`;
/** After so many stanzas the client is asked at once, otherwise within the next second. */
const UNREQUESTED = 5;

/** The connection, while there is one. */
export type Wire = {
  stanza(text: string): void;
  nonza(text: string): void;
  /** Resolves when the connection has taken what was given to it, or is gone. */
  drained(): Promise<void>;
  /** The client owes an acknowledgement for longer than it may. */
  overdue(): void;
};

export type ManagementOptions = {
  /** The session's id in the store. */
  readonly id: string;
  /** Whether the client may come back to it, and how long it may take. */
  readonly resumable: boolean;
  readonly maxSeconds: number;
  readonly limits: QueueLimits;
  /** So much of what waits in line is given to the connection before it must have taken that: else it would be cut off. */
  readonly burstBytes: number;
  readonly ackTimeoutMs: number;
  readonly journal: SessionJournal;
  readonly requests: AckRequests;
  readonly clock: Clock;
};

export class StreamManagement {
  readonly id: string;
  readonly resumable: boolean;
  readonly maxSeconds: number;
  readonly #options: ManagementOptions;
  #queue: UnackedQueue;
  #wire: Wire | undefined;
  /** Not sent yet on the present connection, oldest first: the first one is held. */
  #line: UnackedEntry[] = [];
  /** The line waits for the connection. */
  #draining = false;
  #inbound: number;
  #inboundOnDisk: number;
  /** Of the last stanza that the client can have had. */
  #transmitted = 0;
  #unrequested = 0;
  #requestedAt: EpochMs | undefined;
  /** After a restart, until the client is back: the last that the client can have had. */
  #sentBefore: number | undefined;
  /** After a restart, until the client is back: what was on disk. */
  #restored: readonly UnackedEntry[] = [];
  #roomWaiters: (() => void)[] = [];
  /** To be written later, oldest first. */
  #due: UnackedEntry[] = [];

  constructor(options: ManagementOptions, inbound = 0) {
    this.id = options.id;
    this.resumable = options.resumable;
    this.maxSeconds = options.maxSeconds;
    this.#options = options;
    this.#queue = new UnackedQueue(options.limits);
    this.#inbound = inbound;
    this.#inboundOnDisk = inbound;
  }

  // ---- outbound

  /** How many stanzas the client has not acknowledged. */
  get unacked(): number {
    return this.#restored.length + this.#queue.length;
  }

  get full(): boolean {
    return this.#queue.full;
  }

  /** What a client that comes back counts on finding is always written at once. */
  savingOf(asked: Saving): Saving {
    return this.resumable ? "now" : asked;
  }

  /** Sends a stanza, as soon as nothing that waits for the disk is before it. A held one waits for `release`. */
  push(stanza: NewEntry): UnackedEntry {
    const entry = this.#queue.push(stanza);
    if (entry.saved !== "never") this.#due.push(entry);
    if (entry.saved === "written") this.saveDue();
    else if (entry.saved === "later" && this.#due.length === 1) this.#options.journal.later(this);
    if (stanza.delivery !== undefined) stanza.delivery.holders.push({ session: this.id, sequence: entry.sequence });
    if (this.#wire === undefined) return entry;
    if (entry.held || this.#line.length > 0) this.#line.push(entry);
    else this.#transmit(this.#wire, entry);
    return entry;
  }

  /** Writes, with this turn's changes, what was left for later. */
  saveDue(): void {
    const due = this.#due;
    if (due.length === 0) return;
    this.#due = [];
    this.#written(due);
    this.#record({ append: due.map(row) });
  }

  #written(entries: readonly UnackedEntry[]): void {
    for (const entry of entries) entry.saved = "written";
  }

  release(entry: UnackedEntry): void {
    entry.held = false;
    this.#advance();
  }

  /**
   * What was to be sent cannot be stored, and its sender is told so. Its place in the count is taken by a message without
   * content: what is behind it has its number already.
   */
  cancel(entry: UnackedEntry, filler: string): void {
    if (entry.delivery !== undefined) leave(entry.delivery, this.id);
    entry.delivery = undefined;
    this.#queue.replace(entry, filler);
    if (entry.saved === "written") this.#options.journal.rewrite(this.id);
    this.release(entry);
  }

  #advance(): void {
    const wire = this.#wire;
    if (wire === undefined || this.#draining) return;
    for (let burst = 0; this.#line.length > 0 && !(this.#line[0] as UnackedEntry).held; ) {
      if (burst >= this.#options.burstBytes) {
        this.#advanceLater(wire);
        return;
      }
      const entry = this.#line.shift() as UnackedEntry;
      burst += entry.text.length;
      this.#transmit(wire, entry);
    }
  }

  #advanceLater(wire: Wire): void {
    this.#draining = true;
    wire.drained().then(() => {
      if (this.#wire !== wire) return;
      this.#draining = false;
      this.#advance();
    });
  }

  #transmit(wire: Wire, entry: UnackedEntry): void {
    wire.stanza(entry.text);
    if (entry.sequence > this.#transmitted) this.#transmitted = entry.sequence;
    this.#unrequested += 1;
    if (this.#requestedAt !== undefined) return;
    if (this.#unrequested >= UNREQUESTED) this.#request(wire);
    this.#options.requests.add(this);
  }

  #request(wire: Wire): void {
    this.#unrequested = 0;
    this.#requestedAt = this.#options.clock.now();
    wire.nonza(REQUEST);
  }

  /** Once in a second, while something is unacknowledged. */
  tick(now: EpochMs): boolean {
    const wire = this.#wire;
    if (wire === undefined || this.#queue.length === 0) return false;
    if (this.#requestedAt === undefined) this.#request(wire);
    else if (now - this.#requestedAt >= this.#options.ackTimeoutMs) wire.overdue();
    return this.#wire !== undefined;
  }

  /** An `<a/>`, or the h of a resumption. Throws StreamError: it covers more than was sent, or less than before. */
  acknowledge(h: number): void {
    const acknowledged = ahead(h, this.#transmitted) > 0 ? undefined : this.#queue.acknowledge(h);
    if (acknowledged === undefined) throw tooHigh(h, this.#transmitted);
    this.#requestedAt = undefined;
    if (this.#unrequested > this.#queue.length) this.#unrequested = this.#queue.length;
    let written = 0;
    for (const entry of acknowledged) {
      if (entry.saved === "written") written = entry.sequence;
      if (entry.delivery !== undefined) this.#arrived(entry.delivery);
    }
    if (written > 0) this.#record({ ackedUpTo: written });
    this.#forgetDue(acknowledged.at(-1)?.sequence ?? 0);
    if (this.#queue.length > 0) this.#options.requests.add(this);
    if (this.#roomWaiters.length > 0 && this.#hasRoom()) this.#wakeRoomWaiters();
  }

  // What was acknowledged before it was written need not be.
  #forgetDue(upTo: number): void {
    const first = this.#due.findIndex(({ sequence }) => sequence > upTo);
    if (first !== 0) this.#due = first < 0 ? [] : this.#due.slice(first);
  }

  // One device has it: on the others' end it need go nowhere else.
  #arrived(delivery: SharedDelivery): void {
    leave(delivery, this.id);
    if (delivery.arrived) return;
    delivery.arrived = true;
    for (const { session, sequence } of delivery.holders) {
      this.#options.journal.add({ id: session, settled: [sequence] });
    }
  }

  /** Of so much at a time, with `room` between, the queue does not overflow. */
  get batch(): QueueLimits {
    const { maxStanzas, maxBytes } = this.#options.limits;
    return { maxStanzas: Math.floor(maxStanzas / 4), maxBytes: Math.floor(maxBytes / 4) };
  }

  /** Resolves when the client has acknowledged enough for more to be sent, or is gone: for who has much to send. */
  room(): Promise<void> {
    if (this.#wire === undefined || this.#hasRoom()) return Promise.resolve();
    return new Promise((resolve) => this.#roomWaiters.push(resolve));
  }

  #hasRoom(): boolean {
    const { maxStanzas, maxBytes } = this.#options.limits;
    return this.#queue.length <= maxStanzas / 2 && this.#queue.bytes <= maxBytes / 2;
  }

  #wakeRoomWaiters(): void {
    for (const wake of this.#roomWaiters.splice(0)) wake();
  }

  // ---- inbound

  /** How many stanzas of the client's were handled. */
  get inbound(): number {
    return this.#inbound;
  }

  /** A stanza was handled. `storing`: what it causes is being written in this turn, and the count goes with it. */
  handled(storing: boolean): void {
    this.#inbound += 1;
    if (storing && this.resumable) this.#recordInbound();
  }

  #recordInbound(): void {
    this.#inboundOnDisk = this.#inbound;
    this.#record({ inbound: this.#inbound });
  }

  /**
   * Answers an `<r/>`: what came of the stanzas that it covers must be on disk before. Of a session that can be resumed
   * after a restart so must the count itself: else the client would be told of less than it knows already.
   * @param unwritten resolves when its messages up to here are on disk; undefined: they are
   */
  answer(unwritten: Promise<void> | undefined): void {
    const text = `<a xmlns='${NS.sm}' h='${counterAttribute(this.#inbound)}'/>`;
    const asked = this.#wire;
    // Refused by the disk: no answer is the true one. The client asks again, or comes back.
    const answer = (): void => (this.#wire === asked ? asked?.nonza(text) : undefined);
    const saved = unwritten === undefined ? this.saveInbound() : unwritten.then(() => this.saveInbound());
    saved.then(answer, () => {});
  }

  /** Resolves when what came of all that was handled is on disk, with the count of it where the session is resumable. */
  saveInbound(): Promise<void> {
    if (this.resumable && this.#inboundOnDisk !== this.#inbound) this.#recordInbound();
    return this.#options.journal.flush();
  }

  // ---- the connection

  get attached(): boolean {
    return this.#wire !== undefined;
  }

  /** A connection is there: what is unacknowledged is sent on it, from the start. */
  attach(wire: Wire): void {
    this.#wire = wire;
    this.#unrequested = 0;
    this.#requestedAt = undefined;
    this.#draining = false;
    this.#line = [...this.#queue.entries()];
    this.#advance();
  }

  detach(): void {
    this.#wire = undefined;
    this.#line = [];
    this.#options.requests.remove(this);
    this.#wakeRoomWaiters();
  }

  // ---- the end, and what is kept over a restart

  /** What the client has not acknowledged, oldest first. */
  remains(): readonly UnackedEntry[] {
    return [...this.#restored, ...this.#queue.entries()];
  }

  /** This session holds nothing any more, whatever becomes of what it held. */
  leaveDeliveries(): void {
    for (const { delivery } of this.remains()) if (delivery !== undefined) leave(delivery, this.id);
  }

  /** Undefined but between a restart and the client's coming back: the last sequence that the client can have had. */
  get sentBeforeRestart(): number | undefined {
    return this.#sentBefore;
  }

  /**
   * Takes over what was on disk at the restart, in order. Presence is not on disk and has left gaps in the sequences.
   * @param sentBefore of an earlier restart, after which the client was not back
   */
  restore(entries: readonly UnackedEntry[], sentBefore: number | undefined): void {
    const last = entries.at(-1)?.sequence ?? 0;
    this.#restored = entries;
    this.#sentBefore = sentBefore ?? last;
    this.#queue = new UnackedQueue(this.#options.limits, last);
    for (const { delivery, sequence } of entries) delivery?.holders.push({ session: this.id, sequence });
  }

  /**
   * The client is back for the first time since a restart, and says how many stanzas it has had. What it has not is
   * numbered anew behind them, here and on disk.
   */
  renumber(h: number): void {
    const sentBefore = this.#sentBefore;
    if (sentBefore === undefined) return;
    const oldest = this.#restored[0]?.sequence ?? 0;
    const had = oldest === 0 ? h : Math.max(0, oldest + ahead(h, oldest));
    const acknowledged = this.#restored.filter(({ sequence }) => sequence <= had && sequence <= sentBefore);
    const left = this.remains().slice(acknowledged.length);
    for (const { delivery } of acknowledged) if (delivery !== undefined) this.#arrived(delivery);
    this.#restored = [];
    this.#sentBefore = undefined;
    this.#queue = new UnackedQueue(this.#options.limits, had);
    this.#transmitted = had;
    this.#queue.adopt(left);
    this.#record({ ackedUpTo: Number.MAX_SAFE_INTEGER });
    this.#due = [];
    this.#written(left);
    for (const { delivery, sequence } of left) {
      if (delivery === undefined) continue;
      leave(delivery, this.id);
      delivery.holders.push({ session: this.id, sequence });
    }
    this.#record({ append: left.map(row) });
  }

  /** What the client has not acknowledged, as it is to be on disk: what was left for later is not any more. */
  rows(): readonly UnackedStanza[] {
    const entries = this.remains().filter(({ saved }) => saved !== "never");
    this.#due = [];
    this.#written(entries);
    return entries.map(row);
  }

  #record(change: Omit<SessionChange, "id">): void {
    this.#options.journal.add({ id: this.id, ...change });
  }
}

function row({ sequence, text: xml, at, delivery }: UnackedEntry): UnackedStanza {
  return { sequence, xml, at, delivery: delivery === undefined || delivery.arrived ? "" : delivery.id };
}

function leave(delivery: SharedDelivery, session: string): void {
  delivery.holders = delivery.holders.filter((holder) => holder.session !== session);
}

// XEP-0198 section 6.
function tooHigh(h: number, sent: number): StreamError {
  const detail = new Element("handled-count-too-high", {
    xmlns: NS.sm,
    h: String(h),
    "send-count": counterAttribute(sent),
  });
  const text = `you acknowledged ${h} stanzas, and were sent ${counterAttribute(sent)}`;
  return new StreamError("undefined-condition", text, detail);
}
