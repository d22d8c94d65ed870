// A reader of the foreign side's events (docs/http-binding.md): it resumes behind the last event that it has read.

import { createParser, type EventSourceMessage } from "eventsource-parser";
import { idIn } from "./message.ts";
import { sleep, type World } from "./world.ts";

const QUIET_MS = 60_000;
/** Between heartbeats of the soak's server there is a second. */
const SILENT_MS = 8_000;

export class EventReader {
  readonly #world: World;
  readonly #token: string;
  readonly #message: (id: string, eventId: string) => void;
  #last: string | undefined;
  /** Heartbeats on this connection since the last event. */
  #beats = 0;
  #reading: AbortController | undefined;
  #stopped = false;

  /** @param message is told the id of each message, and of its event */
  constructor(world: World, token: string, message: (id: string, eventId: string) => void) {
    this.#world = world;
    this.#token = token;
    this.#message = message;
  }

  /** Until `stop`. */
  async run(): Promise<void> {
    while (!this.#stopped) {
      await this.#read().catch(() => {}); // cut: it resumes
      await sleep(100);
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#reading?.abort();
  }

  /** Resolves when nothing more comes: heartbeats, and no event between. */
  async untilQuiet(): Promise<void> {
    this.#beats = 0;
    for (const end = Date.now() + QUIET_MS; this.#beats < 3; await sleep(100)) {
      if (Date.now() > end) return this.#world.ledger.stray("the event stream does not become quiet");
    }
  }

  async #read(): Promise<void> {
    const abort = new AbortController();
    this.#reading = abort;
    this.#beats = 0;
    let silent = setTimeout(() => abort.abort(), SILENT_MS);
    try {
      const { ports, options } = this.#world;
      const response = await fetch(`http://127.0.0.1:${ports.http}/cpim/v1/domains/${options.foreignDomain}/events`, {
        headers: {
          authorization: `Bearer ${this.#token}`,
          accept: "text/event-stream",
          ...(this.#last === undefined ? {} : { "last-event-id": this.#last }),
        },
        signal: abort.signal,
      });
      if (response.status !== 200 || response.body === null) return;
      const parser = createParser({
        onEvent: (event) => this.#event(event),
        onComment: () => {
          this.#beats += 1;
        },
      });
      const decoder = new TextDecoder();
      for await (const chunk of response.body) {
        clearTimeout(silent);
        silent = setTimeout(() => abort.abort(), SILENT_MS);
        parser.feed(decoder.decode(chunk, { stream: true }));
      }
    } finally {
      clearTimeout(silent);
      abort.abort();
    }
  }

  #event({ id = "", event, data }: EventSourceMessage): void {
    this.#beats = 0;
    const { ledger } = this.#world;
    if (this.#last !== undefined && Number(id) <= Number(this.#last)) {
      ledger.stray(`event ${id} came behind ${this.#last}`);
    }
    this.#last = id;
    if (event === "reset") ledger.stray("the log of events was reset");
    if (event !== "message") return;
    const message = idIn(data);
    if (message === undefined) ledger.stray(`event ${id} carries what nobody sent: ${data.slice(0, 500)}`);
    else this.#message(message, id);
  }
}
