// The HTTP binding on a real listener (port 0), with the memory store, a fake clock and a foreign side made of answers.

import { createParser, type EventSourceMessage } from "eventsource-parser";
import { onTestFinished } from "vitest";
import type { ForeignSide } from "../../gateway/bindings/binding.ts";
import { hashToken } from "../../gateway/bindings/http/authorization.ts";
import { createHttpBinding } from "../../gateway/bindings/http/binding.ts";
import type { OutboundOperation } from "../../gateway/operations.ts";
import { type ConfigInput, parseConfig } from "../../server/config.ts";
import { createHttpListener } from "../../server/http/listener.ts";
import { Jid } from "../../server/jid.ts";
import { type LogFields, silentLogger } from "../../server/log.ts";
import { createMemoryStore } from "../../storage/memory.ts";
import type { GatewayEvent, GatewayStore } from "../../storage/store.ts";
import { FakeClock } from "./fake-clock.ts";

export const DOMAIN_TOKEN = "domain-token";
export const ROMEO_TOKEN = "romeo-token";
export const romeo = Jid.fromTrusted("romeo@example.net");
export const juliet = Jid.fromTrusted("juliet@example.com");

export type Asked = { readonly call: string; readonly args: readonly unknown[] };
export type Answer = {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: () => unknown;
};

/** Answers of the foreign side, by call; the rest throws. What was asked stands in `asked`. */
export type Answers = { [Call in keyof ForeignSide]?: ForeignSide[Call] };

export async function serveBinding(
  options: { answers?: Answers; config?: ConfigInput; wrapStore?: (store: GatewayStore) => GatewayStore } = {},
) {
  const config = parseConfig(options.config ?? {});
  const clock = new FakeClock();
  const memory = createMemoryStore().gateway;
  const store = options.wrapStore?.(memory) ?? memory;
  const asked: Asked[] = [];
  const errors: { event: string; fields: LogFields }[] = [];
  const log = { ...silentLogger(), error: (fields: LogFields, event: string) => void errors.push({ event, fields }) };
  for (const [token, scope] of [
    [DOMAIN_TOKEN, "domain:example.net"],
    [ROMEO_TOKEN, "presentity:romeo@example.net"],
  ] as const) {
    await store.addToken({ id: token, scope, sha256: hashToken(token), createdAt: 0 });
  }
  await store.putPresentity({
    address: romeo.bareString,
    domain: "example.net",
    formalName: "Romeo",
    policy: "confirm",
    allowFrom: [],
    createdAt: clock.now(),
  });
  const known: Answers = {
    getPresentity: (address) => store.getPresentity(address.bareString),
    listPresentities: (domain, page) => store.listPresentities(domain, page),
    ...options.answers,
  };
  const foreignSide = new Proxy(known as ForeignSide, {
    get(target, call: keyof ForeignSide) {
      const answer = target[call] as ((...args: unknown[]) => unknown) | undefined;
      return async (...args: unknown[]) => {
        asked.push({ call, args });
        if (answer === undefined) throw new Error(`${call} has no answer in this test`);
        return answer(...args);
      };
    },
  });
  const listener = createHttpListener({ config, secureContext: undefined, log });
  const binding = createHttpBinding({
    foreignSide,
    store,
    config,
    clock,
    log,
    domains: ["example.net", "empty.example"],
  });
  await binding.register(listener.app);
  await listener.start(["127.0.0.1"], 0);
  const base = `http://127.0.0.1:${listener.port}/cpim/v1`;
  const readers = new Set<EventReader>();
  onTestFinished(async () => {
    for (const reader of readers) reader.close();
    await listener.stop();
  });

  return {
    base,
    port: listener.port,
    listener,
    binding,
    store,
    clock,
    asked,
    errors,

    /** One call, with the domain's token unless `headers` or a null token say otherwise. */
    async call(
      method: string,
      path: string,
      request: { token?: string | null; headers?: Record<string, string>; body?: string | Buffer; json?: unknown } = {},
    ): Promise<Answer> {
      const { token = DOMAIN_TOKEN, headers = {}, json } = request;
      const body = json === undefined ? request.body : JSON.stringify(json);
      const response = await fetch(base + path, {
        method,
        headers: {
          ...(token === null ? {} : { authorization: `Bearer ${token}` }),
          ...(json === undefined ? {} : { "content-type": "application/json" }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: typeof body === "string" ? body : new Uint8Array(body) }),
      });
      const text = await response.text();
      return { status: response.status, headers: response.headers, text, json: () => JSON.parse(text) };
    },

    /** Records operations and announces them, as the gateway does after its commit. */
    async happen(...operations: OutboundOperation[]): Promise<GatewayEvent[]> {
      const events = await store.appendEvents(operations.map((operation) => binding.eventLog.record(operation)));
      binding.eventLog.announce(events);
      return events;
    },

    async events(
      path = "/presentities/romeo@example.net/events",
      headers: Record<string, string> = {},
    ): Promise<EventReader> {
      const abort = new AbortController();
      const response = await fetch(base + path, {
        headers: { authorization: `Bearer ${DOMAIN_TOKEN}`, ...headers },
        signal: abort.signal,
      });
      const reader = new EventReader(response, abort);
      readers.add(reader);
      return reader;
    },
  };
}

type Item = EventSourceMessage | "heartbeat" | "end";

/** Reads a stream in order, one item at a time. */
export class EventReader {
  readonly status: number;
  readonly headers: Headers;
  /** All that came, as it came. */
  raw = "";
  readonly #abort: AbortController;
  readonly #items: Item[] = [];
  #wake = (): void => {};

  constructor(response: Response, abort: AbortController) {
    this.status = response.status;
    this.headers = response.headers;
    this.#abort = abort;
    void this.#read(response);
  }

  /** The next event, heartbeat or the end of the stream. */
  async next(): Promise<Item> {
    for (;;) {
      const item = this.#items.shift();
      if (item !== undefined) return item;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** The next event; fails on anything else. */
  async event(): Promise<{ id: number; event: string | undefined; data: unknown }> {
    const item = await this.next();
    if (typeof item === "string") throw new Error(`an event was expected, not ${item}`);
    return { id: Number(item.id), event: item.event, data: JSON.parse(item.data) };
  }

  close(): void {
    this.#abort.abort();
  }

  async #read(response: Response): Promise<void> {
    const parser = createParser({
      onEvent: (event) => void this.#items.push(event),
      onComment: () => void this.#items.push("heartbeat"),
    });
    const decoder = new TextDecoder();
    try {
      for await (const chunk of response.body ?? []) {
        const text = decoder.decode(chunk, { stream: true });
        this.raw += text;
        parser.feed(text);
        this.#wake();
      }
    } catch {
      // cut, or closed by the test
    }
    this.#items.push("end");
    this.#wake();
  }
}

/** Looks again at every turn of the event loop until it is so; fails after many. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 10_000; turn += 1) {
    if (await condition()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error("it did not come about");
}
