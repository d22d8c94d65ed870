// One raw connection to the server: octets out, the strict reader in. It never writes anything by itself.

import { connect, type Socket } from "node:net";
import { connect as tlsConnect } from "node:tls";
import { StreamReader } from "./reader.ts";

export class Wire {
  readonly reader: StreamReader;
  /** All that was written, TLS's own octets left out. */
  readonly sent: Buffer[] = [];
  /** The server ended its side, or the connection is gone. */
  ended = false;
  #socket: Socket;
  #raw: Socket;
  #waiting = new Set<() => void>();
  #cut = false;

  private constructor(socket: Socket, raw: Socket) {
    this.reader = new StreamReader(() => this.#wake());
    this.#socket = socket;
    this.#raw = raw;
    this.#listen(socket);
  }

  /** @param address of loopback to come from; @param tls from the first octet */
  static async open(port: number, options: { tls?: boolean; from?: string } = {}): Promise<Wire> {
    const raw = connect({ port, host: "127.0.0.1", allowHalfOpen: true, localAddress: options.from });
    raw.setNoDelay(true);
    await happens(raw, "connect");
    if (!options.tls) return new Wire(raw, raw);
    const secure = await handshake(raw);
    return new Wire(secure, raw);
  }

  write(octets: Buffer | string): void {
    const data = typeof octets === "string" ? Buffer.from(octets) : octets;
    this.sent.push(data);
    if (!this.#cut && this.#socket.writable) this.#socket.write(data);
  }

  /** STARTTLS: the handshake by itself. False: it did not come about. */
  async startTls(): Promise<boolean> {
    const plain = this.#socket;
    plain.removeAllListeners();
    plain.on("error", () => {});
    try {
      this.#socket = await handshake(plain);
    } catch {
      this.#end();
      return false;
    }
    this.reader.restart();
    this.#listen(this.#socket);
    return true;
  }

  /** True once `there` is, false at the end of the connection or after that time. */
  async until(there: () => boolean, ms: number): Promise<boolean> {
    const deadline = Date.now() + ms;
    while (!there()) {
      const left = deadline - Date.now();
      if (this.ended || left <= 0) return there();
      await this.#arrival(left);
    }
    return true;
  }

  get secure(): boolean {
    return this.#socket !== this.#raw;
  }

  /** Half-close: nothing more comes from here. */
  end(): void {
    this.#socket.end();
  }

  /** Cuts the connection: with a TCP reset, except beneath TLS, where Node 20 does not survive that itself. */
  reset(): void {
    this.#cut = true;
    if (this.#socket === this.#raw) this.#raw.resetAndDestroy();
    else this.#socket.destroy();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  pause(): void {
    this.#socket.pause();
  }

  #listen(socket: Socket): void {
    socket.on("data", (chunk: Buffer) => {
      this.reader.feed(chunk);
      this.#wake();
    });
    for (const event of ["end", "close", "error"] as const) socket.on(event, () => this.#end());
  }

  #end(): void {
    this.ended = true;
    this.#wake();
  }

  #arrival(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#waiting.add(done);
    });
  }

  #wake(): void {
    for (const done of [...this.#waiting]) done();
  }
}

async function handshake(raw: Socket): Promise<Socket> {
  const secure = tlsConnect({ socket: raw, rejectUnauthorized: false, servername: "localhost" });
  await happens(secure, "secureConnect");
  return secure;
}

function happens(socket: Socket, event: "connect" | "secureConnect"): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error?: Error): void => reject(error ?? new Error("the connection closed"));
    socket.once("error", failed);
    socket.once("close", () => failed());
    socket.once(event, () => {
      socket.removeListener("error", failed);
      socket.on("error", () => {});
      resolve();
    });
  });
}
