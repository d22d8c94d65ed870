// TCP transport: plain, upgraded by STARTTLS (RFC 6120 section 5), or TLS from the first octet (XEP-0368).

import type { Socket } from "node:net";
import { type SecureContext, TLSSocket } from "node:tls";
import type { Clock, Timer } from "../clock.ts";
import type { ChannelBindings } from "../sasl/mechanism.ts";
import type { Transport, TransportEvents } from "./transport.ts";

const CLOSE_TIMEOUT_MS = 5_000;
/** Bytes read of one connection in one turn of the event loop. The rest waits for the next turn, and the others have theirs. */
const TURN_BYTES = 8_192;

/** Collects the transports that have something to send, and writes once per turn of the event loop. */
export class Flusher {
  #dirty: { flush(): void }[] = [];
  #turn = 0;
  #scheduled = false;

  add(transport: { flush(): void }): void {
    this.#dirty.push(transport);
    this.#schedule();
  }

  /** A number that the present turn of the event loop has for itself. */
  get turn(): number {
    this.#schedule();
    return this.#turn;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#turn += 1;
      const batch = this.#dirty;
      this.#dirty = [];
      for (const each of batch) each.flush();
    });
  }
}

export type TcpOptions = {
  readonly flusher: Flusher;
  readonly clock: Clock;
  /** Reads the channel bindings of an established TLS socket; made by the owner, who knows the certificate. */
  readonly bindings: (socket: TLSSocket) => ChannelBindings;
};

// XEP-0368 section 3
function chooseProtocol({ protocols }: { protocols: readonly string[] }): string | undefined {
  return protocols.includes("xmpp-client") ? "xmpp-client" : undefined;
}

export class TcpTransport implements Transport {
  readonly address: string;
  events: TransportEvents = { data() {}, alive() {}, overlong() {}, taken() {}, ended() {}, closed() {} };
  messageBytes = 0;
  #socket: Socket;
  readonly #options: TcpOptions;
  #pending = "";
  #sent = 0;
  #taken = 0;
  #dirty = false;
  /** Read, but not in this turn any more. */
  #rest: Buffer | null = null;
  #turn = 0;
  #turnBytes = 0;
  #continuing = false;
  #paused = false;
  #ending = false;
  #closed = false;
  #closeTimer: Timer | undefined;

  constructor(socket: Socket, options: TcpOptions) {
    this.#socket = socket;
    this.#options = options;
    this.address = socket.remoteAddress?.replace(/^::ffff:/, "") ?? "";
    socket.setNoDelay(true);
    this.#listen(socket);
  }

  get secure(): boolean {
    return this.#socket instanceof TLSSocket;
  }

  get sent(): number {
    return this.#sent;
  }

  get taken(): number {
    return this.#taken;
  }

  send(text: string): void {
    if (this.#closed || this.#ending) return;
    this.#pending += text;
    this.#sent += text.length;
    if (this.#dirty) return;
    this.#dirty = true;
    this.#options.flusher.add(this);
  }

  flush(): void {
    this.#dirty = false;
    if (this.#pending === "" || this.#closed) return;
    const text = this.#pending;
    const upTo = this.#sent;
    this.#pending = "";
    this.#socket.write(text, (error) => {
      if (error !== undefined && error !== null) return;
      this.#taken = upTo;
      this.events.taken();
    });
  }

  async drained(): Promise<void> {
    await Promise.resolve(); // nothing is written within the call
    if (this.#closed || this.#ending) return;
    this.flush();
    // Writes are done in order, and each is told of, at the latest when the socket is destroyed.
    await new Promise<void>((resolve) => {
      this.#socket.write("", () => resolve());
    });
  }

  pause(): void {
    this.#paused = true;
    this.#socket.pause();
  }

  resume(): void {
    if (this.#closed) return;
    this.#paused = false;
    if (this.#rest === null) this.#socket.resume();
    else this.#continue();
  }

  end(): void {
    if (this.#closed || this.#ending) return;
    this.flush();
    this.#ending = true;
    this.#rest = null;
    this.#socket.end();
    this.#socket.resume(); // so that the peer's own end is seen
    this.#closeTimer = this.#options.clock.after(CLOSE_TIMEOUT_MS, () => this.destroy());
  }

  destroy(): void {
    this.#socket.destroy();
    this.#onClosed();
  }

  startTls(context: SecureContext, lastPlaintext: string): void {
    this.flush();
    const plain = this.#socket;
    plain.off("data", this.#onData);
    plain.off("end", this.#onEnd);
    plain.pause();
    if (lastPlaintext !== "") {
      // What came behind <starttls/> was sent without protection and must not be read as if inside TLS.
      this.#rest = null;
      while (plain.read() !== null);
      plain.write(lastPlaintext);
    }
    const tls = new TLSSocket(plain, {
      isServer: true,
      secureContext: context,
      ALPNCallback: chooseProtocol,
    } as ConstructorParameters<typeof TLSSocket>[1]);
    tls.disableRenegotiation(); // TLS 1.2: what SASL was bound to must not change
    this.#socket = tls;
    this.#listen(tls);
  }

  channelBindings(): ChannelBindings {
    return this.#socket instanceof TLSSocket ? this.#options.bindings(this.#socket) : new Map();
  }

  #listen(socket: Socket): void {
    socket.on("data", this.#onData);
    socket.on("end", this.#onEnd);
    socket.on("close", this.#onClose);
    socket.on("error", () => this.destroy());
  }

  readonly #onData = (chunk: Buffer): void => {
    const { turn } = this.#options.flusher;
    if (turn !== this.#turn) {
      this.#turn = turn;
      this.#turnBytes = 0;
    }
    const room = TURN_BYTES - this.#turnBytes;
    if (chunk.length > room) {
      this.#rest = chunk.subarray(room);
      this.#socket.pause();
      this.#continue();
      if (room === 0) return;
    }
    const now = chunk.length > room ? chunk.subarray(0, room) : chunk;
    this.#turnBytes += now.length;
    this.events.data(now);
  };

  // Reads on in the next turn, unless the stream wants a pause.
  #continue(): void {
    if (this.#continuing) return;
    this.#continuing = true;
    setImmediate(() => {
      this.#continuing = false;
      const chunk = this.#rest;
      if (this.#closed || this.#ending || this.#paused || chunk === null) return;
      this.#rest = null;
      this.#onData(chunk);
      if (this.#rest === null && !this.#paused && !this.#closed) this.#socket.resume();
    });
  }

  readonly #onEnd = (): void => {
    if (!this.#closed) this.events.ended();
  };
  readonly #onClose = (): void => this.#onClosed();

  #onClosed(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#closeTimer?.cancel();
    this.#pending = "";
    this.#rest = null;
    this.events.closed();
  }
}
