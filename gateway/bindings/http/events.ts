// Events to their consumers as Server-Sent Events (WHATWG HTML section 9.2), read from the durable log as fast as each
// consumer takes them: nothing is queued here.

import type { ServerResponse } from "node:http";
import type { Clock, Timer } from "../../../server/clock.ts";
import type { Logger } from "../../../server/log.ts";
import { domainOf } from "../../../storage/bounds.ts";
import type { EventScope, GatewayEvent, GatewayStore } from "../../../storage/store.ts";
import type { ResetData } from "./schemas.ts";

const FIRST_PAGE = 10;
const PAGE = 100;
/** Events are written together up to about what a socket takes before it asks to wait. */
const WRITE_CHARACTERS = 16_384;
const STALLED_HEARTBEATS = 4;
const RECONNECT_MS = 2_000;

export type EventStreamOptions = {
  readonly store: Pick<GatewayStore, "eventsAfter" | "eventBounds">;
  readonly clock: Clock;
  readonly log: Logger;
  readonly heartbeatMs: number;
  readonly maxStreams: number;
};

export type StreamRequest = {
  readonly scope: EventScope;
  /** The last id that the consumer has seen; undefined: it has seen none and gets the whole log. */
  readonly after: number | undefined;
  /** Asked at each heartbeat: false ends the stream (a revoked token). */
  readonly stillAllowed: () => Promise<boolean>;
};

/** All event streams of one binding. */
export class EventStreams {
  readonly #options: EventStreamOptions;
  readonly #byScope = new Map<string, Set<EventStream>>();
  #count = 0;

  constructor(options: EventStreamOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#count;
  }

  /** Whether the limit is reached. */
  get full(): boolean {
    return this.#count >= this.#options.maxStreams;
  }

  /** Serves a response, whose head is written, until its consumer goes or `stop`. */
  open(response: ServerResponse, request: StreamRequest): void {
    if (response.destroyed) return; // the consumer went while it was looked up
    const key = keyOf(request.scope);
    const stream = new EventStream(response, request, this.#options);
    const sameScope = this.#byScope.get(key) ?? new Set();
    this.#byScope.set(key, sameScope.add(stream));
    this.#count += 1;
    response.once("close", () => {
      stream.closed();
      this.#count -= 1;
      sameScope.delete(stream);
      if (sameScope.size === 0) this.#byScope.delete(key);
    });
    stream.wake();
  }

  /** Wakes the consumers of these events, which the store has by now. */
  announce(events: readonly GatewayEvent[]): void {
    const keys = new Set<string>();
    for (const { presentity } of events) {
      keys.add(keyOf({ presentity })).add(keyOf({ domain: domainOf(presentity) }));
    }
    for (const key of keys) for (const stream of this.#byScope.get(key) ?? []) stream.wake();
  }

  stop(): void {
    for (const streams of [...this.#byScope.values()]) for (const stream of streams) stream.end();
  }
}

function keyOf(scope: EventScope): string {
  return "presentity" in scope ? `presentity:${scope.presentity}` : `domain:${scope.domain}`;
}

class EventStream {
  readonly #response: ServerResponse;
  readonly #request: StreamRequest;
  readonly #options: EventStreamOptions;
  /** Id of the last event written. */
  #at: number;
  /** Up to which id the consumer knows of missing events; undefined: it was told nothing yet. */
  #toldPruned: number | undefined;
  #sending = false;
  #again = false;
  #closed = false;
  #drained = (): void => {};
  /** How many events to read at a time: about what the consumer takes at once. */
  #pageRows = FIRST_PAGE;
  #stalledHeartbeats = 0;
  #heartbeat: Timer;

  constructor(response: ServerResponse, request: StreamRequest, options: EventStreamOptions) {
    this.#response = response;
    this.#request = request;
    this.#options = options;
    this.#at = request.after ?? 0;
    this.#heartbeat = options.clock.after(options.heartbeatMs, () => this.#beat());
    response.on("drain", () => {
      this.#stalledHeartbeats = 0;
      this.#drained();
    });
    response.on("error", () => response.destroy());
  }

  /** There may be new events. */
  wake(): void {
    this.#again = true;
    if (!this.#sending) void this.#send();
  }

  end(): void {
    if (this.#closed) return;
    this.closed();
    this.#response.end();
    // What a consumer does not take must not keep its socket.
    this.#heartbeat = this.#options.clock.after(this.#options.heartbeatMs, () => this.#response.destroy());
  }

  /** The consumer is gone. */
  closed(): void {
    this.#closed = true;
    this.#heartbeat.cancel();
    this.#drained();
  }

  async #send(): Promise<void> {
    this.#sending = true;
    try {
      while (this.#again && !this.#closed) {
        this.#again = false;
        await this.#sendNew();
      }
    } catch (error) {
      this.#options.log.error({ err: error, scope: this.#request.scope }, "event-stream-failed");
      this.#response.destroy();
    }
    this.#sending = false;
  }

  // No page is held while a consumer takes its time: what it did not take is read again.
  async #sendNew(): Promise<void> {
    while (!this.#closed && (await this.#sendPage())) await this.#canTakeMore();
  }

  /** True: there may be more. */
  async #sendPage(): Promise<boolean> {
    const { store } = this.#options;
    const rows = this.#pageRows;
    const page = await store.eventsAfter(this.#request.scope, this.#at, rows);
    // Read behind the page: what is pruned between the two is reported although it was sent, never the reverse.
    const bounds = await store.eventBounds(this.#request.scope);
    if (this.#closed) return false;
    if (this.#toldPruned === undefined && this.#at > bounds.last) {
      // An id that was never given out: the log is an older one, from a backup. All of it may be new.
      this.#reset(0, bounds.prunedUpTo);
      return true;
    }
    this.#tellPruned(page[0], bounds.prunedUpTo);
    let sent = 0;
    let text = "";
    for (const { id, type, data } of page) {
      sent += 1;
      text += `id: ${id}\nevent: ${type}\ndata: ${data}\n\n`;
      if (text.length < WRITE_CHARACTERS && sent < page.length) continue;
      this.#at = id;
      const room = this.#response.write(text);
      text = "";
      if (!room) break;
    }
    this.#pageRows = sent < page.length ? sent : Math.min(2 * rows, PAGE);
    return sent < page.length || page.length === rows;
  }

  /** Never a silent gap: says so where events behind `#at` were pruned before they could be sent. */
  #tellPruned(first: GatewayEvent | undefined, prunedUpTo: number): void {
    // A domain's log keeps old events of one presentity where newer ones of another were pruned.
    const position = Math.max(this.#at, first === undefined ? prunedUpTo : Math.min(prunedUpTo, first.id - 1));
    if (this.#toldPruned === undefined && this.#request.after === undefined) {
      // Who has seen nothing has missed nothing, but learns at once from where to resume.
      this.#toldPruned = prunedUpTo;
      this.#response.write(`retry: ${RECONNECT_MS}\nid: ${position}\n\n`);
    } else if (prunedUpTo > Math.max(this.#at, this.#toldPruned ?? 0)) {
      this.#reset(position, prunedUpTo);
    } else {
      this.#toldPruned ??= 0;
    }
  }

  #reset(position: number, prunedUpTo: number): void {
    const data: ResetData = { after: this.#at, prunedUpTo };
    this.#response.write(`id: ${position}\nevent: reset\ndata: ${JSON.stringify(data)}\n\n`);
    this.#at = position;
    this.#toldPruned = prunedUpTo;
  }

  /** Resolves when the consumer can take more, or is gone. */
  async #canTakeMore(): Promise<void> {
    if (this.#closed || !this.#response.writableNeedDrain) return;
    await new Promise<void>((resolve) => {
      this.#drained = resolve;
    });
  }

  #beat(): void {
    if (this.#response.writableNeedDrain) {
      this.#stalledHeartbeats += 1;
      // It takes nothing, so the place goes to another; the log is there when it comes back.
      if (this.#stalledHeartbeats >= STALLED_HEARTBEATS) return void this.#response.destroy();
    } else {
      this.#response.write(":\n\n");
    }
    this.#heartbeat = this.#options.clock.after(this.#options.heartbeatMs, () => this.#beat());
    this.#request.stillAllowed().then(
      (allowed) => allowed || this.end(),
      (error: unknown) => this.#options.log.error({ err: error }, "event-stream-token-check-failed"),
    );
  }
}
