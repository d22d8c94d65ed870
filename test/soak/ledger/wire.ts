// One connection of a device: TLS of either kind, PLAIN, then elements as they come. Everything may end at any moment.

import { type Socket, connect as tcpConnect } from "node:net";
import { connect as tlsConnect } from "node:tls";
import type { Element } from "ltx";
import { NS } from "../../../server/namespaces.ts";
import { namespaceOf } from "../../../server/stanza.ts";
import { type XmlLimits, XmlStreamParser } from "../../../server/xml/parser.ts";

const WAIT_MS = 15_000;
const LIMITS: XmlLimits = {
  stanzaBytes: 10_000_000,
  stanzaBytesSetting: "stanzaBytes",
  depth: 200,
  attributes: 200,
  elements: 1_000_000,
  xmlNameCharacters: 10_000,
};

/** The connection is gone, or no use: the client comes back on another one. */
export class WireEnded extends Error {}

export type Address = { readonly port: number; readonly domain: string; readonly direct: boolean };

export class Wire {
  /** What the server did that no server may do, once the client is logged in. */
  problem: string | undefined;
  readonly #domain: string;
  readonly #raw: Socket;
  #socket: Socket;
  #parser: XmlStreamParser;
  #items: Element[] = [];
  #listener: ((element: Element) => void) | undefined;
  #waiting: (() => void) | undefined;
  #loggedIn = false;
  #ended = false;
  /** Something was written in part: nothing may be written behind it. */
  #torn = false;
  #onEnd: () => void = () => {};

  private constructor(socket: Socket, domain: string) {
    this.#raw = socket;
    this.#socket = socket;
    this.#domain = domain;
    this.#parser = this.#newParser();
    this.#watch(socket);
  }

  /** Connected and secure, with the features before login read. Rejects if that fails or takes too long. */
  static async open({ port, domain, direct }: Address): Promise<Wire> {
    const raw = tcpConnect({ port, host: "127.0.0.1", noDelay: true });
    const wire = new Wire(raw, domain);
    try {
      if (!direct) {
        await wire.#header();
        wire.write(`<starttls xmlns='${NS.tls}'/>`);
        await wire.#expect("proceed");
      }
      await wire.#secure(direct);
      await wire.#header();
    } catch (error) {
      wire.cut();
      throw error;
    }
    return wire;
  }

  async login(user: string, password: string): Promise<void> {
    const response = Buffer.from(`\0${user}\0${password}`).toString("base64");
    this.write(`<auth xmlns='${NS.sasl}' mechanism='PLAIN'>${response}</auth>`);
    await this.#expect("success");
    await this.#header();
    this.#loggedIn = true;
  }

  get ended(): boolean {
    return this.#ended;
  }

  write(xml: string): void {
    if (!this.#ended && !this.#torn) this.#socket.write(xml);
  }

  /** So many octets of it, and no more: the connection is cut behind them. */
  tear(xml: string, octets: number): void {
    if (this.#ended || this.#torn) return;
    this.#torn = true;
    this.#socket.write(Buffer.from(xml).subarray(0, octets), () => this.cut());
  }

  /** Without a word. Nothing that is still on its way here is looked at. */
  cut(): void {
    this.#raw.destroy();
    this.#end();
  }

  /** The next element, of a stream that nobody listens to yet. */
  async next(): Promise<Element> {
    if (this.#items.length === 0) await this.#arrival();
    const element = this.#items.shift() as Element;
    if (element.name === "error" && namespaceOf(element) === NS.stream) throw new WireEnded(element.toString());
    return element;
  }

  /** Each element from here on, those included that have come already; then the end. */
  listen(listener: (element: Element) => void, onEnd: () => void): void {
    this.#listener = listener;
    this.#onEnd = onEnd;
    for (const element of this.#items.splice(0)) listener(element);
    if (this.#ended) onEnd();
  }

  async #secure(direct: boolean): Promise<void> {
    const raw = this.#raw;
    if (direct) await this.#connected(raw);
    raw.removeAllListeners();
    raw.on("error", () => {});
    const options = { rejectUnauthorized: false, servername: this.#domain };
    const secure = tlsConnect({ socket: raw, ...options, ...(direct ? { ALPNProtocols: ["xmpp-client"] } : {}) });
    this.#socket = secure;
    this.#watch(secure);
    await within(
      new Promise<void>((resolve, reject) => {
        secure.once("secureConnect", resolve);
        secure.once("close", () => reject(new WireEnded("the connection ended")));
      }),
    );
  }

  #connected(raw: Socket): Promise<void> {
    return within(
      new Promise<void>((resolve, reject) => {
        raw.once("connect", resolve);
        raw.once("close", () => reject(new WireEnded("no connection")));
      }),
    );
  }

  async #header(): Promise<void> {
    this.#parser = this.#newParser();
    this.write(
      `<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='${NS.stream}' to='${this.#domain}' version='1.0'>`,
    );
    await this.#expect("features");
  }

  async #expect(name: string): Promise<void> {
    const element = await this.next();
    if (element.name !== name) throw new Error(`${name} was expected, not ${element.toString()}`);
  }

  #newParser(): XmlStreamParser {
    return new XmlStreamParser(LIMITS, {
      open: () => {},
      element: (element) => {
        if (this.#ended) return; // cut by whoever took the element before
        if (this.#listener !== undefined) this.#listener(element);
        else {
          this.#items.push(element);
          this.#wake();
        }
      },
      close: () => this.#socket.end(),
    });
  }

  #watch(socket: Socket): void {
    // Not behind `cut`: what the client never saw it must not count.
    socket.on("data", (chunk: Buffer) => {
      if (this.#ended) return;
      try {
        this.#parser.write(chunk);
      } catch (error) {
        // A server that stops between a login and the new stream may open that one by itself (RFC 6120 section 4.9.1.2):
        // its header then stands right behind <success/>, which this parser takes for the old stream's.
        if (this.#loggedIn) this.problem = `what the server sent cannot be read: ${(error as Error).message}`;
        this.cut();
      }
    });
    socket.on("end", () => this.cut());
    socket.on("close", () => this.#end());
    socket.on("error", () => this.cut());
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#wake();
    this.#onEnd();
  }

  #wake(): void {
    this.#waiting?.();
    this.#waiting = undefined;
  }

  async #arrival(): Promise<void> {
    if (this.#ended) throw new WireEnded("the connection ended");
    await within(
      new Promise<void>((resolve) => {
        this.#waiting = resolve;
      }),
    );
    if (this.#items.length === 0) throw new WireEnded("the connection ended");
  }
}

async function within<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new WireEnded("nothing came")), WAIT_MS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
