// Stands between a stream of the server and its connection, inside TLS: records what passes, and lets faults act on it. What
// no fault touches passes octet by octet as it came, in the same chunks.

import type { SecureContext } from "node:tls";
import type { ChannelBindings } from "../sasl/mechanism.ts";
import type { Transport, TransportEvents } from "../transport/transport.ts";
import type { Faults } from "./faults.ts";
import { Lane, type Read } from "./lane.ts";
import type { Side, WireEntry } from "./wire.ts";

export type TapOwner = {
  readonly faults: Faults;
  /** An element is about to pass. Returns its entry, which is recorded when it is known what becomes of it. */
  entry(from: Side, read: Read): WireEntry;
  record(entry: WireEntry): void;
  note(text: string): void;
  /** The server's stream has let go of the connection: whatever session it had knows. */
  gone(): void;
};

const NO_EVENTS: TransportEvents = { data() {}, alive() {}, overlong() {}, taken() {}, ended() {}, closed() {} };

export class Tap implements Transport {
  events: TransportEvents = NO_EVENTS;
  readonly #inner: Transport;
  readonly #owner: TapOwner;
  readonly #in: Lane;
  readonly #out: Lane;
  /** In place of passing it on, during STARTTLS. */
  #collected: string | undefined;
  /** Nothing passes any more; the connection is gone, or about to be. */
  #severed = false;
  #closed = false;
  #endedMeanwhile = false;
  #endMeanwhile = false;
  readonly #onFree: (() => void)[] = [];
  #known: (() => void)[] = [];
  #letGo = false;
  /** Where a position of what the stream has sent is in what the connection was given; empty: they are the same. */
  #marks: { readonly outer: number; readonly inner: number }[] = [];
  #sent = 0;
  #position = 0;

  constructor(inner: Transport, owner: TapOwner) {
    this.#inner = inner;
    this.#owner = owner;
    this.#in = new Lane("client", (bytes) => this.events.data(bytes));
    this.#out = new Lane("server", (bytes) => this.#give(bytes.toString("utf8")));
    inner.events = {
      data: (chunk) => this.#feed(this.#in, chunk),
      alive: () => this.events.alive(),
      overlong: () => this.events.overlong(),
      taken: () => this.events.taken(),
      ended: () => {
        if (this.#in.waiting !== undefined) this.#endedMeanwhile = true;
        else if (!this.#severed) this.events.ended();
      },
      closed: () => this.#onClosed(),
    };
  }

  get messageBytes(): number {
    return this.#inner.messageBytes;
  }

  set messageBytes(bytes: number) {
    this.#inner.messageBytes = bytes;
  }

  // ---- faults

  /** Cuts the connection when what has passed so far has left; resolves when the server's stream has let go of it. */
  sever(): Promise<void> {
    if (!this.#severed) {
      this.#severed = true;
      this.#owner.note("cut");
      void this.#inner.drained().then(() => this.#inner.destroy());
    }
    return this.#letGo ? Promise.resolve() : new Promise((resolve) => this.#known.push(resolve));
  }

  /** Cuts it at once; the server's stream is told of it in another turn. */
  kill(): void {
    this.#severed = true;
    const inner = this.#inner;
    inner.events = NO_EVENTS;
    inner.destroy();
    setImmediate(() => this.#onClosed());
  }

  #feed(lane: Lane, chunk: Buffer): void {
    if (this.#severed) return;
    if (lane.waiting !== undefined) {
      lane.waiting.push(chunk);
      return;
    }
    if (lane.opaque) {
      lane.pass(chunk);
      return;
    }
    let ready: Buffer[] = [];
    let taken = 0;
    const flush = (): void => {
      const all = ready.length === 1 ? (ready[0] as Buffer) : Buffer.concat(ready);
      ready = [];
      lane.pass(all);
    };
    for (const slice of lane.split(chunk)) {
      taken += slice.bytes.length;
      const { armed } = this.#owner.faults;
      const { read, bytes, begun } = lane.read(slice, armed);
      const entry = read && this.#owner.entry(lane.from, read);
      const verdict = entry === undefined || !armed || begun ? "pass" : this.#owner.faults.judge(entry);
      if (entry !== undefined)
        this.#owner.record(verdict === "pass" || verdict === "last" ? entry : faulty(entry, verdict));
      if (verdict === "pass" || verdict === "last") ready.push(bytes);
      if (lane.opaque) ready.push(chunk.subarray(taken));
      if (verdict === "swallow") {
        flush();
        this.#skip(lane, bytes);
      }
      if (verdict === "hold" && entry !== undefined) {
        flush();
        this.#hold(lane, entry, bytes, chunk.subarray(taken));
        return;
      }
      if (verdict === "lost" || verdict === "last") {
        flush();
        void this.sever();
        return;
      }
      if (lane.opaque) break;
      if (this.#severed) return;
    }
    flush();
  }

  #hold(lane: Lane, entry: WireEntry, bytes: Buffer, rest: Buffer): void {
    if (lane === this.#out) this.#diverge();
    lane.waiting = [rest];
    this.#owner.faults.held(entry, () => {
      const waiting = lane.waiting ?? [];
      lane.waiting = undefined;
      if (this.#severed) return;
      lane.pass(bytes);
      for (const chunk of waiting) this.#feed(lane, chunk);
      if (lane.waiting === undefined) this.#freed(lane);
    });
  }

  #freed(lane: Lane): void {
    if (lane === this.#in) {
      if (this.#endedMeanwhile) this.events.ended();
      this.#endedMeanwhile = false;
      return;
    }
    for (const free of this.#onFree.splice(0)) free();
    if (this.#endMeanwhile) this.#inner.end();
  }

  // ---- what the stream sees of the connection

  get secure(): boolean {
    return this.#inner.secure;
  }

  get address(): string {
    return this.#inner.address;
  }

  get sent(): number {
    return this.#sent;
  }

  get taken(): number {
    const { taken } = this.#inner;
    if (this.#marks.length === 0) return taken;
    while (this.#marks.length > 1 && (this.#marks[1] as { inner: number }).inner <= taken) this.#marks.shift();
    const [{ outer, inner }] = this.#marks as [{ outer: number; inner: number }];
    return inner <= taken ? outer : taken + outer - inner;
  }

  send(text: string): void {
    this.#sent += text.length;
    this.#feed(this.#out, Buffer.from(text));
  }

  #give(text: string): void {
    if (this.#collected !== undefined) {
      this.#collected += text;
      return;
    }
    this.#inner.send(text);
    this.#position += text.length;
    if (this.#marks.length > 0) this.#marks.push({ outer: this.#position, inner: this.#inner.sent });
  }

  // From here on what the stream sent and what the connection was given differ.
  #diverge(): void {
    if (this.#marks.length === 0) this.#marks.push({ outer: this.#position, inner: this.#inner.sent });
  }

  /** It counts as sent, and as taken when what was before it is. */
  #skip(lane: Lane, bytes: Buffer): void {
    if (lane !== this.#out) return;
    this.#diverge();
    this.#position += bytes.toString("utf8").length;
    this.#marks.push({ outer: this.#position, inner: this.#inner.sent });
  }

  async drained(): Promise<void> {
    if (this.#out.waiting !== undefined) await new Promise<void>((resolve) => this.#onFree.push(resolve));
    await this.#inner.drained();
  }

  pause(): void {
    this.#inner.pause();
  }

  resume(): void {
    this.#inner.resume();
  }

  end(): void {
    if (this.#out.waiting !== undefined) this.#endMeanwhile = true;
    else if (!this.#severed) this.#inner.end();
    this.#tellGone();
  }

  destroy(): void {
    this.#inner.destroy();
    this.#tellGone();
  }

  startTls(context: SecureContext, lastPlaintext: string): void {
    this.#collected = "";
    this.#feed(this.#out, Buffer.from(lastPlaintext));
    const passed = this.#collected;
    this.#collected = undefined;
    if (passed === lastPlaintext) this.#inner.startTls(context, lastPlaintext);
  }

  channelBindings(): ChannelBindings {
    return this.#inner.channelBindings();
  }

  #onClosed(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (!this.#severed) this.#owner.note("closed");
    this.#severed = true;
    for (const free of this.#onFree.splice(0)) free();
    this.events.closed(); // the stream answers with `end`, when what came last is done
  }

  #tellGone(): void {
    if (this.#letGo) return;
    this.#letGo = true;
    this.#owner.gone();
    for (const tell of this.#known.splice(0)) tell();
  }
}

function faulty(entry: WireEntry, verdict: "swallow" | "hold" | "lost"): WireEntry {
  return { ...entry, fault: verdict === "swallow" ? "swallowed" : verdict === "hold" ? "held" : "lost" };
}
