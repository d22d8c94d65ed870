// TCP transport: plain, upgraded by STARTTLS (RFC 6120 section 5), or TLS from the first octet (XEP-0368).

import type { Socket } from "node:net";
import { type SecureContext, TLSSocket } from "node:tls";
import type { Clock, Timer } from "../clock.ts";
import type { ChannelBindings } from "../sasl/mechanism.ts";
import type { Transport, TransportEvents } from "./transport.ts";

const CLOSE_TIMEOUT_MS = 5_000;

/** Collects the transports that have something to send, and writes once per turn of the event loop. */
export class Flusher {
  #dirty: TcpTransport[] = [];
  #scheduled = false;

  add(transport: TcpTransport): void {
    this.#dirty.push(transport);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
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

export class TcpTransport implements Transport {
  readonly address: string;
  events: TransportEvents = { data() {}, closed() {} };
  #socket: Socket;
  readonly #options: TcpOptions;
  #pending = "";
  #dirty = false;
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

  get unsentBytes(): number {
    return this.#socket.writableLength + this.#pending.length;
  }

  send(text: string): void {
    if (this.#closed || this.#ending) return;
    this.#pending += text;
    if (this.#dirty) return;
    this.#dirty = true;
    this.#options.flusher.add(this);
  }

  flush(): void {
    this.#dirty = false;
    if (this.#pending === "" || this.#closed) return;
    const text = this.#pending;
    this.#pending = "";
    this.#socket.write(text);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#closed) this.#socket.resume();
  }

  end(): void {
    if (this.#closed || this.#ending) return;
    this.flush();
    this.#ending = true;
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
    // What came behind <starttls/> was sent without protection and must not be read as if inside TLS.
    while (plain.read() !== null);
    if (lastPlaintext !== "") plain.write(lastPlaintext);
    const tls = new TLSSocket(plain, {
      isServer: true,
      secureContext: context,
      ALPNCallback: ({ protocols }: { protocols: string[] }) =>
        protocols.includes("xmpp-client") ? "xmpp-client" : undefined,
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
    socket.on("close", this.#onEnd);
    socket.on("error", () => this.destroy());
  }

  readonly #onData = (chunk: Buffer): void => this.events.data(chunk);
  readonly #onEnd = (): void => this.#onClosed();

  #onClosed(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#closeTimer?.cancel();
    this.#pending = "";
    const socket = this.#socket;
    if (!socket.destroyed) {
      socket.end();
      // A peer that reads no more would keep its last octets, and the socket, for ever.
      const timer = this.#options.clock.after(CLOSE_TIMEOUT_MS, () => socket.destroy());
      socket.once("close", () => timer.cancel());
    }
    this.events.closed();
  }
}
