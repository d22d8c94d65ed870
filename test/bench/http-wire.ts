// HTTP calls and event streams over plain sockets, as cheap for their process as can be.

import { connect, type Socket } from "node:net";
import { TOKEN } from "./filling.ts";
import { occurrences } from "./swarm.ts";

const BASE = "/cpim/v1";

export type Call = {
  readonly method: "PUT" | "POST";
  readonly path: string;
  readonly type: string;
  readonly body: string;
};

/** One connection that is kept, with one call at a time. The server ends it when it was silent for long. */
export class Caller {
  readonly #port: number;
  #socket: Socket | undefined;
  #answered: (text: string) => void = () => {};
  #text = "";

  constructor(port: number) {
    this.#port = port;
  }

  #connected(): Socket {
    if (this.#socket !== undefined) return this.#socket;
    const socket = connect({ port: this.#port, host: "127.0.0.1" });
    socket.setNoDelay(true);
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => this.#received(text));
    socket.on("close", () => {
      if (this.#socket === socket) this.#socket = undefined;
    });
    this.#socket = socket;
    return socket;
  }

  /** Rejects unless the answer is one of success. */
  async call({ method, path, type, body }: Call): Promise<void> {
    const answer = new Promise<string>((resolve) => {
      this.#answered = resolve;
    });
    const octets = Buffer.byteLength(body);
    this.#connected().write(
      `${method} ${BASE}${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Type: ${type}\r\nContent-Length: ${octets}\r\n\r\n${body}`,
    );
    const text = await answer;
    if (!/^HTTP\/1\.1 20[0124] /.test(text)) throw new Error(`${method} ${path}: ${text}`);
  }

  #received(text: string): void {
    this.#text += text;
    const head = this.#text.indexOf("\r\n\r\n");
    if (head < 0) return;
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(this.#text.slice(0, head))?.[1] ?? "0");
    if (this.#text.length < head + 4 + length) return;
    const answer = this.#text;
    this.#text = "";
    this.#answered(answer);
  }

  close(): void {
    this.#socket?.destroy();
  }
}

/** Reads an event stream and tells how many events came. Resolves when the stream is open. */
export async function listen(
  port: number,
  path: string,
  onEvents: (count: number) => void,
): Promise<{ close(): void }> {
  const socket = connect({ port, host: "127.0.0.1" });
  socket.setEncoding("latin1");
  socket.write(`GET ${BASE}${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${TOKEN}\r\n\r\n`);
  await new Promise<void>((resolve, reject) => {
    let open = false;
    let tail = "";
    socket.on("error", reject);
    socket.on("data", (received: string) => {
      if (!open && !received.startsWith("HTTP/1.1 200")) reject(new Error(received));
      open = true;
      resolve();
      const text = tail + received;
      const count = occurrences(text, "\nevent: ");
      tail = text.slice(-7);
      if (count > 0) onEvents(count);
    });
  });
  return { close: () => socket.destroy() };
}
