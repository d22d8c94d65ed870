// A scripted component (XEP-0114) over a real socket: `send` and `expect`, as a test reads them. It does nothing by itself.
// Without vitest, for programs as well as for tests, which have component.ts.

import { createHash } from "node:crypto";
import { connect, type Socket } from "node:net";
import type { Element } from "ltx";
import { type XmlLimits, XmlStreamParser } from "../../server/xml/parser.ts";
import { difference, stanza } from "./stanza-match.ts";

const WAIT_MS = 8_000;
const LIMITS: XmlLimits = {
  stanzaBytes: 50_000_000,
  stanzaBytesSetting: "stanzaBytes",
  depth: 200,
  attributes: 200,
  elements: 1_000_000,
  xmlNameCharacters: 10_000,
};

type Item = {
  readonly kind: "open" | "element" | "close";
  readonly element?: Element;
  readonly attrs?: Record<string, string>;
};

export class ComponentScript {
  readonly domain: string;
  readonly #serverDomain: string;
  #socket: Socket;
  readonly #items: Item[] = [];
  #wake: () => void = () => {};
  #ended = false;
  #nextId = 0;

  private constructor(socket: Socket, domain: string, serverDomain: string) {
    this.#socket = socket;
    this.domain = domain;
    this.#serverDomain = serverDomain;
    const parser = new XmlStreamParser(
      LIMITS,
      {
        open: ({ attrs }) => this.#push({ kind: "open", attrs: { ...attrs } }),
        element: (element) => this.#push({ kind: "element", element }),
        close: () => this.#push({ kind: "close" }),
      },
      "stream",
      "jabber:component:accept",
    );
    socket.on("data", (chunk: Buffer) => parser.write(chunk));
    for (const event of ["end", "close", "error"]) socket.on(event, () => this.#end());
  }

  /** A connection on which nothing was said yet. @param serverDomain of whom to ask things */
  static async dial(port: number, domain: string, serverDomain: string): Promise<ComponentScript> {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    return new ComponentScript(socket, domain, serverDomain);
  }

  /** Until the handshake was accepted. */
  async login(secret: string): Promise<this> {
    this.handshake(await this.open(), secret);
    await this.expect("<handshake/>");
    return this;
  }

  header(to = this.domain, ns = "jabber:component:accept"): string {
    return `<stream:stream xmlns='${ns}' xmlns:stream='http://etherx.jabber.org/streams' to='${to}'>`;
  }

  /** Sends the header, and returns the id of the stream. */
  async open(): Promise<string> {
    this.send(this.header());
    return (await this.nextOpen()).id as string;
  }

  handshake(id: string, secret: string): void {
    this.send(
      `<handshake>${createHash("sha1")
        .update(id + secret)
        .digest("hex")}</handshake>`,
    );
  }

  send(xml: string): void {
    this.#socket.write(xml);
  }

  /** Reads nothing more until `resume`. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  cut(): void {
    this.#socket.resetAndDestroy();
  }

  /** Ends the connection without a word, as `cut`, but not by a reset. */
  destroy(): void {
    this.#socket.destroy();
  }

  async next(what = "something"): Promise<Element> {
    const item = await this.#take(what);
    if (item.element !== undefined) return item.element;
    throw new Error(`waiting for ${what}, but got a stream ${item.kind}`);
  }

  async nextOpen(): Promise<Record<string, string>> {
    const item = await this.#take("a stream header");
    if (item.attrs === undefined)
      throw new Error(`expected a stream header, got ${item.element?.toString() ?? "the end"}`);
    return item.attrs;
  }

  /** The next thing must match the template (stanza-match.ts). Stanzas are written without a namespace. */
  async expect(template: string): Promise<Element> {
    const actual = await this.next(template);
    const wrong = difference(stanza(template), actual);
    if (wrong !== undefined) throw new Error(`${wrong}\n  expected: ${template}\n  got:      ${actual.toString()}`);
    return actual;
  }

  async until(template: string): Promise<Element> {
    for (;;) {
      const actual = await this.next(template);
      if (difference(stanza(template), actual) === undefined) return actual;
    }
  }

  /** Nothing has come that the server sent before: the answer to a ping is the next thing. */
  async expectNothing(): Promise<void> {
    this.#nextId += 1;
    const id = `ping-${this.#nextId}`;
    const addresses = `from='${this.domain}' to='${this.#serverDomain}'`;
    this.send(`<iq type='get' id='${id}' ${addresses}><ping xmlns='urn:xmpp:ping'/></iq>`);
    await this.expect(`<iq id='${id}' type='result'/>`);
  }

  async expectStreamError(condition: string): Promise<void> {
    await this.expect(
      `<error xmlns='http://etherx.jabber.org/streams'><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></error>`,
    );
    await this.expectClosed();
  }

  async expectClosed(): Promise<void> {
    const item = await this.#take("the stream's end");
    if (item.kind !== "close")
      throw new Error(`expected the stream's end, got ${item.element?.toString() ?? item.kind}`);
    await this.ended();
  }

  async ended(): Promise<void> {
    while (!this.#ended) await this.#arrival("the end of the connection");
  }

  #push(item: Item): void {
    this.#items.push(item);
    this.#wake();
  }

  #end(): void {
    this.#ended = true;
    this.#socket.end();
    this.#wake();
  }

  async #take(what: string): Promise<Item> {
    while (this.#items.length === 0) {
      if (this.#ended) throw new Error(`waiting for ${what}, but the connection ended`);
      await this.#arrival(what);
    }
    return this.#items.shift() as Item;
  }

  #arrival(what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`${this.domain}: nothing came while waiting for ${what}`)),
        WAIT_MS,
      );
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
