// A WebSocket (RFC 7395) that a scripted client uses as if it were a TCP socket: it writes and reads a stream as RFC 6120 has
// it, and what goes over the wire are frames.

import { EventEmitter, once } from "node:events";
import { type Socket, connect as tcpConnect } from "node:net";
import { connect as tlsConnect } from "node:tls";
import { SaxesParser } from "saxes";
import { WebSocket } from "ws";

const FRAMING = "urn:ietf:params:xml:ns:xmpp-framing";
const STREAM = "http://etherx.jabber.org/streams";

/** Connects to the WebSocket on a port of loopback. */
export async function connectFramed(port: number, secure: boolean): Promise<Socket> {
  const url = `${secure ? "wss" : "ws"}://127.0.0.1:${port}/xmpp-websocket`;
  const raw = tcpConnect({ port, host: "127.0.0.1", noDelay: true });
  const createConnection = () => (secure ? tlsConnect({ socket: raw, rejectUnauthorized: false }) : raw);
  const ws = new WebSocket(url, "xmpp", { createConnection });
  const framed = new FramedSocket(ws, raw, secure);
  await once(ws, "open");
  return framed as unknown as Socket;
}

class FramedSocket extends EventEmitter {
  readonly #ws: WebSocket;
  readonly #raw: Socket;
  readonly #secure: boolean;
  #unsent = "";

  constructor(ws: WebSocket, raw: Socket, secure: boolean) {
    super();
    this.#ws = ws;
    this.#raw = raw;
    this.#secure = secure;
    ws.on("message", (data) => this.emit("data", Buffer.from(unframed(String(data)))));
    ws.on("error", () => {});
    ws.on("close", () => {
      this.emit("end");
      this.emit("close");
    });
  }

  write(data: string | Buffer): void {
    this.#unsent += String(data);
    for (;;) {
      const end = endOfFirst(this.#unsent);
      if (end === undefined) return;
      const piece = this.#unsent.slice(0, end);
      this.#unsent = this.#unsent.slice(end);
      const message = framed(piece);
      if (message !== "") this.#ws.send(message);
    }
  }

  end(): void {
    this.#ws.close();
  }

  destroy(): void {
    this.#ws.terminate();
  }

  resetAndDestroy(): void {
    if (this.#secure)
      this.#raw.destroy(); // the handle beneath TLS is not ours to reset
    else this.#raw.resetAndDestroy();
  }

  pause(): void {
    this.#ws.pause();
  }

  resume(): void {
    this.#ws.resume();
  }
}

// One message for one thing of the stream; nothing for what frames do not have.
function framed(piece: string): string {
  const text = piece.trim();
  if (text === "" || text.startsWith("<?")) return "";
  if (text === "</stream:stream>") return `<close xmlns='${FRAMING}'/>`;
  if (text.startsWith("<stream:stream")) {
    const attrs = text.slice("<stream:stream".length, -1).replaceAll(/\sxmlns(?::stream)?=(?:'[^']*'|"[^"]*")/g, "");
    return `<open xmlns='${FRAMING}'${attrs}/>`;
  }
  const tag = /^<[^\s/>]+/.exec(text)?.[0];
  if (tag === undefined) return text;
  const startTag = text.slice(0, text.indexOf(">") + 1);
  let declared = "";
  if (!/\sxmlns=/.test(startTag)) declared += " xmlns='jabber:client'";
  if (text.includes("stream:") && !text.includes("xmlns:stream")) declared += ` xmlns:stream='${STREAM}'`;
  return tag + declared + text.slice(tag.length);
}

function unframed(message: string): string {
  if (message.startsWith("<open ")) {
    const attrs = message.slice("<open".length, -"/>".length).replace(/ xmlns='[^']*'/, "");
    return `<stream:stream xmlns='jabber:client' xmlns:stream='${STREAM}'${attrs}>`;
  }
  return message.startsWith("<close ") ? "</stream:stream>" : message;
}

/** Where the first thing of a stream ends: a header, an end tag, an element, or text before one. Undefined: not yet. */
function endOfFirst(text: string): number | undefined {
  if (text === "") return undefined;
  if (!text.startsWith("<")) return text.includes("<") ? text.indexOf("<") : text.length;
  const tags = /<!\[CDATA\[[\s\S]*?\]\]>|<(\/?)[^\s<>/]+(?:"[^"]*"|'[^']*'|[^<>"'])*?(\/?)>/g;
  let depth = 0;
  for (let tag = tags.exec(text); tag !== null; tag = tags.exec(text)) {
    const [whole, close, empty] = tag;
    if (whole.startsWith("<![")) continue;
    if (/^<(?:\?|\/?stream:stream)/.test(whole) && depth === 0) return tags.lastIndex;
    if (close === "/") depth -= 1;
    else if (empty !== "/") depth += 1;
    if (depth <= 0) return tags.lastIndex;
  }
  return cannotEnd(text) ? text.length : undefined;
}

/** What is wrong already, and sent as it is, as over TCP. */
function cannotEnd(text: string): boolean {
  let wrong = false;
  const sax = new SaxesParser({ fragment: true });
  sax.on("error", () => {
    wrong = true;
  });
  sax.write(text);
  return wrong;
}
