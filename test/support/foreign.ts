// The foreign side: a plain HTTP caller of the CPIM binding (docs/http-binding.md), with its event stream.

import { createParser } from "eventsource-parser";
import type { BalconyServer } from "../../server/index.ts";

const WAIT_MS = 8_000;

export type Answer = {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  json<T = Record<string, unknown>>(): T;
};
export type ForeignEvent = { readonly id: string; readonly event: string; readonly data: Record<string, unknown> };

export class Foreign {
  readonly #base: string;
  readonly #token: string;

  constructor(port: number, token: string) {
    this.#base = `http://127.0.0.1:${port}/cpim/v1`;
    this.#token = token;
  }

  /** A caller with a token of its own for the scope. */
  static async of(server: BalconyServer, scope: string): Promise<Foreign> {
    const { token } = await server.admin.addToken(scope);
    return new Foreign(server.addresses.http as number, token);
  }

  async call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const raw = typeof body === "string" || body instanceof Uint8Array;
    const response = await fetch(`${this.#base}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.#token}`,
        ...(body !== undefined && !raw ? { "content-type": "application/json" } : {}),
        ...headers,
      },
      ...(body === undefined ? {} : { body: (raw ? body : JSON.stringify(body)) as BodyInit }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, json: () => JSON.parse(text) };
  }

  /** Registers, or throws. */
  async presentity(address: string, settings: Record<string, unknown> = {}): Promise<void> {
    const answer = await this.call("PUT", `/presentities/${address}`, settings);
    if (answer.status !== 201 && answer.status !== 200) throw new Error(`${answer.status} ${answer.text}`);
  }

  publish(address: string, pidf: string, query = "", headers: Record<string, string> = {}): Promise<Answer> {
    return this.call("PUT", `/presentities/${address}/presence${query}`, pidf, {
      "content-type": "application/pidf+xml",
      ...headers,
    });
  }

  message(object: string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.call("POST", "/messages", object.replace(/\r?\n/g, "\r\n"), {
      "content-type": "message/cpim",
      ...headers,
    });
  }

  /** An open event stream. */
  async events(path: string, headers: Record<string, string> = {}): Promise<EventStream> {
    const controller = new AbortController();
    const response = await fetch(`${this.#base}${path}`, {
      headers: { authorization: `Bearer ${this.#token}`, accept: "text/event-stream", ...headers },
      signal: controller.signal,
    });
    if (response.status !== 200 || response.body === null)
      throw new Error(`${response.status} ${await response.text()}`);
    return new EventStream(response.body, controller);
  }
}

export class EventStream {
  readonly #events: ForeignEvent[] = [];
  readonly #controller: AbortController;
  #waiting: (() => void) | undefined;
  comments = 0;

  constructor(body: ReadableStream<Uint8Array>, controller: AbortController) {
    this.#controller = controller;
    const parser = createParser({
      onEvent: ({ id = "", event = "message", data }) => {
        this.#events.push({ id, event, data: JSON.parse(data) });
        this.#wake();
      },
      onComment: () => {
        this.comments += 1;
        this.#wake();
      },
    });
    void this.#pump(body, (text) => parser.feed(text));
  }

  /** The next event, of that type and with those data fields. */
  async expect(event: string, fields: Record<string, unknown> = {}): Promise<ForeignEvent> {
    const next = await this.next(event);
    const wrong = Object.entries(fields).filter(([key, value]) => next.data[key] !== value);
    if (next.event !== event || wrong.length > 0) {
      throw new Error(`expected ${event} ${JSON.stringify(fields)}, got ${next.event} ${JSON.stringify(next.data)}`);
    }
    return next;
  }

  async next(what = "an event"): Promise<ForeignEvent> {
    while (this.#events.length === 0) await this.arrival(what);
    return this.#events.shift() as ForeignEvent;
  }

  /** Resolves at the next event or comment. */
  arrival(what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no ${what} came`)), WAIT_MS);
      this.#waiting = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  get pending(): number {
    return this.#events.length;
  }

  close(): void {
    this.#controller.abort();
  }

  #wake(): void {
    const wake = this.#waiting;
    this.#waiting = undefined;
    wake?.();
  }

  async #pump(body: ReadableStream<Uint8Array>, feed: (text: string) => void): Promise<void> {
    const decoder = new TextDecoder();
    try {
      for await (const chunk of body) feed(decoder.decode(chunk, { stream: true }));
    } catch {
      // aborted, or the server is gone
    }
  }
}

export type TupleText = {
  readonly id: string;
  readonly basic?: string;
  readonly im?: string;
  readonly note?: string;
  readonly priority?: string;
};

/** A PIDF document as a presentity would publish it, laid out as in the examples of RFC 3922. */
export function pidf(address: string, ...tuples: TupleText[]): string {
  const body = tuples.flatMap(({ id, basic = "open", im, note, priority }) => [
    `  <tuple id="${id}">`,
    "    <status>",
    `      <basic>${basic}</basic>`,
    ...(im === undefined ? [] : [`      <im:im>${im}</im:im>`]),
    "    </status>",
    `    <contact${priority === undefined ? "" : ` priority="${priority}"`}>im:${address}</contact>`,
    ...(note === undefined ? [] : [`    <note>${note}</note>`]),
    "  </tuple>",
  ]);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<presence xmlns="urn:ietf:params:xml:ns:pidf"',
    '          xmlns:im="urn:ietf:params:xml:ns:pidf:im"',
    `          entity="pres:${address}">`,
    ...body,
    "</presence>",
  ].join("\n");
}

/** A Message/CPIM object. */
export function cpim(from: string, to: string, body: string, headers = ""): string {
  return `Content-type: Message/CPIM\r\n\r\nFrom: <im:${from}>\r\nTo: <im:${to}>\r\n${headers}\r\nContent-type: text/plain; charset=utf-8\r\n\r\n${body}`;
}
