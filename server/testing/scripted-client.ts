// A scripted XMPP client over a real socket: `send` and `expect`, as a test reads them. It does nothing by itself.

import { randomBytes } from "node:crypto";
import { type Socket, connect as tcpConnect } from "node:net";
import { TLSSocket, connect as tlsConnect } from "node:tls";
import type { Element } from "ltx";
import { Jid } from "../jid.ts";
import { child, textOf } from "../stanza.ts";
import { type XmlLimits, XmlStreamParser } from "../xml/parser.ts";
import { difference, stanza } from "./template.ts";

const WAIT_MS = 8_000;
const LIMITS: XmlLimits = {
  stanzaBytes: 50_000_000,
  stanzaBytesSetting: "stanzaBytes",
  depth: 200,
  attributes: 200,
  elements: 1_000_000,
  xmlNameCharacters: 10_000,
};

const STANZAS = new Set(["message", "presence", "iq"]);

type Item = {
  readonly kind: "open" | "element" | "close";
  readonly element?: Element;
  readonly attrs?: Record<string, string>;
};

export type Login = {
  readonly port: number;
  readonly domain: string;
  readonly user: string;
  readonly password: string;
  readonly resource?: string;
  readonly tls?: "starttls" | "direct" | "none";
  readonly dial?: Dial | undefined;
};

/** Makes a client's connection, in place of TCP. Whatever TLS it has is beneath it. */
export type Dial = () => Promise<Socket>;

export class ScriptedClient {
  jid = Jid.fromTrusted("nobody.invalid");
  readonly domain: string;
  /** Everything that came, for a test that looks at the bytes. */
  received = "";
  #socket: Socket;
  readonly #raw: Socket;
  #parser: XmlStreamParser;
  readonly #items: Item[] = [];
  #waiting: (() => void) | undefined;
  #ended = false;
  #nextId = 0;

  readonly #dialed: boolean;
  /** The last ones. */
  #features: Element | undefined;

  private constructor(socket: Socket, domain: string, dialed = false) {
    this.#dialed = dialed;
    this.#socket = socket;
    this.#raw = socket;
    this.domain = domain;
    this.#parser = this.#newParser();
    this.#listen(socket);
  }

  static async connect(port: number, domain: string, direct = false, dial?: Dial): Promise<ScriptedClient> {
    if (dial !== undefined) return new ScriptedClient(await dial(), domain, true);
    const options = { port, host: "127.0.0.1", noDelay: true };
    const socket = direct
      ? tlsConnect({ ...options, rejectUnauthorized: false, servername: domain, ALPNProtocols: ["xmpp-client"] })
      : tcpConnect(options);
    await new Promise<void>((resolve, reject) => {
      socket.once(direct ? "secureConnect" : "connect", () => resolve());
      socket.once("error", reject);
    });
    return new ScriptedClient(socket, domain);
  }

  /** Connects, logs in with PLAIN and binds. */
  static async login(login: Login): Promise<ScriptedClient> {
    const client = await ScriptedClient.authenticated(login);
    await client.bind(login.resource);
    return client;
  }

  /** Connects and logs in with PLAIN; no resource is bound. */
  static async authenticated({ port, domain, user, password, tls = "starttls", dial }: Login): Promise<ScriptedClient> {
    const client = await ScriptedClient.connect(port, domain, tls === "direct", dial);
    await client.open();
    if (tls === "starttls") await client.startTls();
    await client.authenticate(user, password);
    return client;
  }

  // ---- negotiation

  header(attrs = ""): string {
    return `<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='${this.domain}' version='1.0' ${attrs}>`;
  }

  /** What comes from here on belongs to a new stream. */
  restart(): void {
    this.#parser = this.#newParser();
  }

  /** Sends a stream header and returns the features. */
  async open(attrs = ""): Promise<Element> {
    this.restart();
    this.write(this.header(attrs));
    await this.nextOpen();
    this.#features = await this.next();
    return this.#features;
  }

  async startTls(): Promise<Element> {
    if (this.#dialed) return this.#features as Element;
    this.write("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    await this.expect("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    await this.upgrade();
    return this.open();
  }

  /** The TLS handshake by itself. */
  async upgrade(): Promise<void> {
    const plain = this.#socket;
    plain.removeAllListeners();
    const secure = tlsConnect({ socket: plain, rejectUnauthorized: false, servername: this.domain });
    await new Promise<void>((resolve, reject) => {
      secure.once("secureConnect", resolve);
      secure.once("error", reject);
    });
    this.#socket = secure;
    this.#listen(secure);
  }

  async authenticate(user: string, password: string): Promise<Element> {
    const response = Buffer.from(`\0${user}\0${password}`).toString("base64");
    this.write(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${response}</auth>`);
    await this.expect("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
    return this.open();
  }

  async bind(resource?: string): Promise<Jid> {
    const wanted = resource === undefined ? "" : `<resource>${resource}</resource>`;
    this.write(`<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>${wanted}</bind></iq>`);
    const iq = await this.expect(
      "<iq type='result' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>{any}</jid></bind></iq>",
    );
    const bind = child(iq, "bind", "urn:ietf:params:xml:ns:xmpp-bind") as Element;
    this.jid = Jid.fromTrusted(textOf(child(bind, "jid", "urn:ietf:params:xml:ns:xmpp-bind") as Element));
    return this.jid;
  }

  // ---- stream management (XEP-0198)

  /** Stanzas that have arrived since it was enabled, over all connections of the session: the client's own h. */
  handled = 0;

  /** Enables it and returns what the server says; counting begins. */
  async enable(attrs = "resume='true'"): Promise<Element> {
    this.write(`<enable xmlns='urn:xmpp:sm:3' ${attrs}/>`);
    return this.expect("<enabled xmlns='urn:xmpp:sm:3'/>");
  }

  /** Asks for the session of another, lost, client to be resumed here, and takes over its name and count. */
  async resumeSession(previd: string, lost: ScriptedClient): Promise<Element> {
    this.jid = lost.jid;
    this.handled = lost.handled;
    this.write(`<resume xmlns='urn:xmpp:sm:3' previd='${previd}' h='${this.handled}'/>`);
    return this.expect(`<resumed xmlns='urn:xmpp:sm:3' previd='${previd}' h='{any}'/>`);
  }

  /** Acknowledges all that has arrived. */
  ack(): void {
    this.write(`<a xmlns='urn:xmpp:sm:3' h='${this.handled}'/>`);
  }

  /** Asks the server for its count; other things that come before are skipped. */
  async askForAck(): Promise<number> {
    this.write("<r xmlns='urn:xmpp:sm:3'/>");
    return Number((await this.until("<a xmlns='urn:xmpp:sm:3' h='{any}'/>")).attrs.h);
  }

  // ---- the script

  get bare(): string {
    return this.jid.bareString;
  }

  get full(): string {
    return this.jid.toString();
  }

  write(data: string | Buffer): void {
    this.#socket.write(data);
  }

  send(xml: string): void {
    this.write(xml);
  }

  /** The next thing that comes must match the template (see stanza-match.ts). */
  async expect(template: string): Promise<Element> {
    const actual = await this.next();
    const wrong = difference(stanza(template), actual);
    if (wrong !== undefined) throw new Error(`${wrong}\n  expected: ${template}\n  got:      ${actual.toString()}`);
    return actual;
  }

  /** The next things must match the templates, in any order. */
  async expectAll(...templates: string[]): Promise<Element[]> {
    const left = templates.map((text) => ({ text, element: stanza(text) }));
    const found: Element[] = [];
    while (left.length > 0) {
      const actual = await this.next();
      const index = left.findIndex(({ element }) => difference(element, actual) === undefined);
      if (index < 0) {
        throw new Error(`none of\n  ${left.map(({ text }) => text).join("\n  ")}\n  matches ${actual.toString()}`);
      }
      left.splice(index, 1);
      found.push(actual);
    }
    return found;
  }

  /** Skips until something matches; for where other traffic is none of the test's business. */
  async until(template: string): Promise<Element> {
    const wanted = stanza(template);
    for (;;) {
      const actual = await this.next(template);
      if (difference(wanted, actual) === undefined) return actual;
    }
  }

  /** Asks and returns the answer, a result or an error. */
  async ask(type: "get" | "set", payload: string, to?: string): Promise<Element> {
    const id = `ask-${++this.#nextId}`;
    this.send(`<iq type='${type}' id='${id}'${to === undefined ? "" : ` to='${to}'`}>${payload}</iq>`);
    return this.until(`<iq id='${id}'/>`);
  }

  /** Nothing has come that was sent before: each stream is in order, so the answer to a ping is the next thing. */
  async expectNothing(): Promise<void> {
    const id = `ping-${randomBytes(4).toString("hex")}`;
    this.send(`<iq type='get' id='${id}' to='${this.domain}'><ping xmlns='urn:xmpp:ping'/></iq>`);
    await this.expect(`<iq id='${id}' type='result'/>`);
  }

  /** Everything that has come by the time that the server has handled what was sent before. */
  async untilNow(): Promise<Element[]> {
    const id = `ping-${randomBytes(4).toString("hex")}`;
    this.send(`<iq type='get' id='${id}' to='${this.domain}'><ping xmlns='urn:xmpp:ping'/></iq>`);
    const seen: Element[] = [];
    for (;;) {
      const actual = await this.next("the ping's answer");
      if (actual.name === "iq" && actual.attrs.id === id) return seen;
      seen.push(actual);
    }
  }

  /** Everything sent before has been handled by the server; what came meanwhile is dropped. */
  async sync(): Promise<void> {
    await this.ask("get", "<ping xmlns='urn:xmpp:ping'/>", this.domain);
  }

  async next(what = "something"): Promise<Element> {
    const item = await this.#take(what);
    if (item.kind === "element") return item.element as Element;
    throw new Error(`waiting for ${what}, but the server sent a stream ${item.kind === "open" ? "header" : "end"}`);
  }

  /** What arrived and was not looked at. */
  left(): Element[] {
    return this.#items.splice(0).flatMap(({ element }) => element ?? []);
  }

  async nextOpen(): Promise<Record<string, string>> {
    const item = await this.#take("a stream header");
    if (item.kind !== "open") throw new Error(`expected a stream header, got ${item.element?.toString() ?? item.kind}`);
    return item.attrs as Record<string, string>;
  }

  /** The stream ends: its end tag, then the connection. */
  async expectClosed(): Promise<void> {
    const item = await this.#take("the stream's end tag");
    if (item.kind !== "close")
      throw new Error(`expected the stream's end, got ${item.element?.toString() ?? item.kind}`);
    await this.ended();
  }

  /** A stream error of that condition, the end tag, the end of the connection. */
  async expectStreamError(condition: string): Promise<Element> {
    const error = await this.expect(
      `<error xmlns='http://etherx.jabber.org/streams'><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></error>`,
    );
    await this.expectClosed();
    return error;
  }

  async ended(): Promise<void> {
    while (!this.#ended) await this.#arrival("the end of the connection");
  }

  /** Says goodbye as RFC 6120 section 4.4 has it. */
  async close(): Promise<void> {
    if (this.#ended) return;
    this.write("</stream:stream>");
    await this.ended();
    this.#socket.destroy();
  }

  /** Sends nothing more, but still reads. */
  halfClose(): void {
    this.#socket.end();
  }

  /** Cuts the connection without a word. */
  cut(): void {
    const isTls = this.#socket !== this.#raw || this.#raw instanceof TLSSocket;
    if (isTls)
      this.#raw.destroy(); // the handle beneath TLS is not ours to reset
    else this.#raw.resetAndDestroy();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  // ----

  #newParser(): XmlStreamParser {
    return new XmlStreamParser(LIMITS, {
      open: (header) => this.#push({ kind: "open", attrs: { ...header.attrs } }),
      element: (element) => {
        if (STANZAS.has(element.name)) this.handled += 1;
        else if (element.name === "enabled") this.handled = 0;
        this.#push({ kind: "element", element });
      },
      close: () => this.#push({ kind: "close" }),
    });
  }

  #listen(socket: Socket): void {
    socket.on("data", (chunk: Buffer) => {
      this.received += chunk.toString("utf8");
      this.#parser.write(chunk);
    });
    socket.on("end", () => this.#end());
    socket.on("close", () => this.#end());
    socket.on("error", () => this.#end());
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

  #wake(): void {
    const wake = this.#waiting;
    this.#waiting = undefined;
    wake?.();
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
      const timer = setTimeout(() => {
        this.#waiting = undefined;
        reject(new Error(`${this.jid.toString()}: nothing came while waiting for ${what}`));
      }, WAIT_MS);
      this.#waiting = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
