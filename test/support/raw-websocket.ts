// A WebSocket as it comes: messages in and out, the answer to a handshake that was refused, and the close code.

import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { type ClientOptions, WebSocket } from "ws";

const WAIT_MS = 8_000;

export class RawWebSocket {
  readonly ws: WebSocket;
  readonly #messages: string[] = [];
  #wake = (): void => {};
  #closed: { code: number } | undefined;

  private constructor(ws: WebSocket) {
    this.ws = ws;
    ws.on("message", (data) => {
      this.#messages.push(String(data));
      this.#wake();
    });
    ws.on("error", () => {});
    ws.on("close", (code) => {
      this.#closed = { code };
      this.#wake();
    });
  }

  static async connect(port: number, options: ClientOptions = {}, secure = false): Promise<RawWebSocket> {
    const raw = new RawWebSocket(open(port, options, "xmpp", secure));
    await once(raw.ws, "open");
    return raw;
  }

  send(text: string): void {
    this.ws.send(text);
  }

  /** The next message. */
  async next(): Promise<string> {
    while (this.#messages.length === 0) {
      if (this.#closed !== undefined) throw new Error(`the WebSocket was closed with ${this.#closed.code}`);
      await this.#arrival();
    }
    return this.#messages.shift() as string;
  }

  /** All messages until it is closed, and the code. */
  async untilClosed(): Promise<{ messages: string[]; code: number }> {
    while (this.#closed === undefined) await this.#arrival();
    return { messages: this.#messages.splice(0), code: this.#closed.code };
  }

  #arrival(): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error("nothing came")), WAIT_MS);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

function open(port: number, options: ClientOptions, protocol: string | string[], secure: boolean): WebSocket {
  const url = `${secure ? "wss" : "ws"}://127.0.0.1:${port}/xmpp-websocket`;
  return new WebSocket(url, protocol, { rejectUnauthorized: false, ...options });
}

/** The HTTP status that a handshake is refused with, and the problem that says why. 101: it is not. */
export async function handshake(
  port: number,
  options: ClientOptions = {},
  protocol: string | string[] = "xmpp",
): Promise<{ status: number; body: string; headers: IncomingMessage["headers"] }> {
  const ws = open(port, options, protocol, false);
  const answer = new Promise<IncomingMessage>((resolve, reject) => {
    ws.on("unexpected-response", (_request, response) => resolve(response));
    ws.on("upgrade", resolve);
    ws.on("error", reject);
  });
  const response = await answer;
  const { statusCode: status = 0, headers } = response;
  if (status === 101) {
    ws.terminate();
    return { status, body: "", headers };
  }
  let body = "";
  for await (const chunk of response) body += String(chunk);
  ws.on("error", () => {});
  ws.terminate();
  return { status, body, headers };
}
