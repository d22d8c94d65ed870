// WebSocket transport (RFC 7395): each `send` is one text message. TLS, if there is any, is beneath it.

import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { WebSocket } from "ws";
import type { Clock, Timer } from "../clock.ts";
import type { ChannelBindings } from "../sasl/mechanism.ts";
import type { Flusher } from "./tcp.ts";
import type { Transport, TransportEvents } from "./transport.ts";

const CLOSE_TIMEOUT_MS = 5_000;
/** Bytes handed on of one connection in one turn of the event loop. */
const TURN_BYTES = 8_192;
/** A client's control frame is so much longer than what it carries (RFC 6455 section 5.2: masked, at most 125 octets). */
const CONTROL_HEADER_BYTES = 6;
/** The headers of a message's frames, besides what it says. */
const FRAMES_BYTES = 1_024;
const NORMAL = 1000;
const UNACCEPTABLE_DATA = 1003;

export type WebSocketOptions = {
  readonly flusher: Flusher;
  readonly clock: Clock;
  /** The client's address, which a proxy may stand before. */
  readonly address: string;
  /** The client's connection is inside TLS, this server's or a proxy's. */
  readonly secure: boolean;
  /** What a login can bind to, where the TLS is this server's. */
  readonly bindings: (socket: TLSSocket) => ChannelBindings;
};

/** What messages wait for their turn, and who waits until something is sent. */
type Waiting = { readonly upTo: number; readonly resolve: () => void };

export class WebSocketTransport implements Transport {
  readonly address: string;
  readonly secure: boolean;
  events: TransportEvents = { data() {}, alive() {}, overlong() {}, taken() {}, ended() {}, closed() {} };
  messageBytes = Number.POSITIVE_INFINITY;
  readonly #ws: WebSocket;
  readonly #socket: Socket;
  readonly #options: WebSocketOptions;
  #sent = 0;
  #taken = 0;
  #corked = false;
  /** Received since the last whole message. */
  #partialBytes = 0;
  /** Whole messages that are not handed on yet: more than a turn's share, or it is paused. */
  #messages: Buffer[] = [];
  #turn = 0;
  #turnBytes = 0;
  #continuing = false;
  #paused = false;
  #ending = false;
  #closed = false;
  /** The peer has ended its side of the connection beneath. */
  #ended = false;
  #closeTimer: Timer | undefined;
  #waiting: Waiting[] = [];

  /** @param socket what the WebSocket runs on; nothing may have been read of it */
  constructor(ws: WebSocket, socket: Socket, options: WebSocketOptions) {
    this.#ws = ws;
    this.#socket = socket;
    this.#options = options;
    this.address = options.address;
    this.secure = options.secure;
    // Before the WebSocket's own listener, which hands on the messages that a chunk completes.
    socket.prependListener("data", this.#onBytes);
    ws.on("message", (data, binary) => this.#onMessage(data as Buffer, binary));
    ws.on("ping", (data) => this.#onControl(data));
    ws.on("pong", (data) => this.#onControl(data));
    ws.on("error", () => {}); // what is no WebSocket: 'close' follows
    ws.on("close", () => this.#onClosed());
    socket.once("close", () => this.#onClosed()); // the same, some turns earlier
    socket.once("end", () => this.#onEnd());
  }

  get sent(): number {
    return this.#sent;
  }

  get taken(): number {
    return this.#taken;
  }

  send(text: string): void {
    if (this.#closed || this.#ending) return;
    this.#sent += text.length;
    const upTo = this.#sent;
    this.#cork();
    this.#ws.send(text, (error) => {
      if (error !== undefined && error !== null) return;
      this.#taken = upTo;
      this.#tellWaiting();
      this.events.taken();
    });
  }

  // What one turn sends leaves in one write.
  #cork(): void {
    if (this.#corked) return;
    this.#corked = true;
    this.#socket.cork();
    this.#options.flusher.add(this);
  }

  flush(): void {
    if (!this.#corked) return;
    this.#corked = false;
    this.#socket.uncork();
  }

  async drained(): Promise<void> {
    await Promise.resolve(); // nothing is written within the call
    if (this.#closed || this.#ending || this.#taken === this.#sent) return;
    this.flush();
    await new Promise<void>((resolve) => this.#waiting.push({ upTo: this.#sent, resolve }));
  }

  #tellWaiting(): void {
    while (this.#waiting[0] !== undefined && (this.#closed || this.#waiting[0].upTo <= this.#taken)) {
      this.#waiting.shift()?.resolve();
    }
  }

  /** Shows a proxy that the connection is in use; the answer shows that the peer is there (RFC 7395 section 3.8). */
  ping(): void {
    if (!this.#closed && !this.#ending) this.#ws.ping();
  }

  pause(): void {
    this.#paused = true;
    this.#ws.pause();
  }

  resume(): void {
    if (this.#closed) return;
    this.#paused = false;
    if (this.#messages.length === 0) this.#ws.resume();
    else this.#continue();
  }

  end(): void {
    if (this.#closed || this.#ending) return;
    this.flush();
    this.#ending = true;
    this.#messages = [];
    this.#ws.close(NORMAL);
    this.#ws.resume(); // so that the peer's own close is seen
    this.#closeTimer = this.#options.clock.after(CLOSE_TIMEOUT_MS, () => this.destroy());
  }

  destroy(): void {
    this.#ws.terminate();
    this.#onClosed();
  }

  startTls(): void {
    throw new Error("no STARTTLS within a WebSocket"); // RFC 7395 section 3.9; the framing does not offer it
  }

  channelBindings(): ChannelBindings {
    return this.#socket instanceof TLSSocket ? this.#options.bindings(this.#socket) : new Map();
  }

  // The library would keep what it has of a message until it is whole: what a stranger can make it keep is bounded here, so
  // that the stream can say why it ends.
  readonly #onBytes = (chunk: Buffer): void => {
    if (this.#closed) return;
    const before = this.#partialBytes;
    this.#partialBytes += chunk.length;
    // Not what this chunk adds: the message may end in it.
    if (before <= this.messageBytes + FRAMES_BYTES) {
      this.events.alive();
    } else if (this.#ending) {
      this.destroy();
    } else {
      this.#partialBytes = 0;
      this.events.overlong();
    }
  };

  #onControl(data: Buffer): void {
    this.#partialBytes = Math.max(0, this.#partialBytes - data.length - CONTROL_HEADER_BYTES);
  }

  #onMessage(data: Buffer, binary: boolean): void {
    this.#partialBytes = 0;
    if (this.#ending || this.#closed) return;
    if (binary) {
      this.#ws.close(UNACCEPTABLE_DATA, "text only"); // RFC 7395 section 3.2
      return;
    }
    if (this.#messages.length > 0 || this.#paused || this.#turnIsOver()) {
      this.#messages.push(data);
      this.#ws.pause();
      this.#continue();
      return;
    }
    this.#deliver(data);
  }

  #turnIsOver(): boolean {
    const { turn } = this.#options.flusher;
    if (turn !== this.#turn) {
      this.#turn = turn;
      this.#turnBytes = 0;
    }
    return this.#turnBytes >= TURN_BYTES;
  }

  #deliver(data: Buffer): void {
    this.#turnBytes += data.length;
    this.events.data(data);
  }

  // Hands on more in the next turn, unless the stream wants a pause.
  #continue(): void {
    if (this.#continuing) return;
    this.#continuing = true;
    setImmediate(() => {
      this.#continuing = false;
      while (this.#messages.length > 0 && !this.#paused && !this.#ending && !this.#closed) {
        if (this.#turnIsOver()) return this.#continue();
        this.#deliver(this.#messages.shift() as Buffer);
      }
      if (this.#messages.length > 0 || this.#paused || this.#closed) return;
      if (this.#ended) this.events.ended();
      else this.#ws.resume();
    });
  }

  // Of a connection that is lost this is the first sign.
  #onEnd(): void {
    this.#ended = true;
    if (this.#messages.length === 0 && !this.#ending && !this.#closed) this.events.ended();
  }

  #onClosed(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#closeTimer?.cancel();
    this.#messages = [];
    this.#tellWaiting();
    this.events.closed();
  }
}
