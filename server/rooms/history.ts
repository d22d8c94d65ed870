// Discussion history for who comes in (XEP-0045 1.35.1 sections 7.2.13 and 7.2.14): the last messages, in memory.

import { Element } from "ltx";
import { parseDateTime } from "../archive/date-time.ts";
import type { EpochMs } from "../clock.ts";
import { NS } from "../namespaces.ts";
import { attr, child } from "../stanza.ts";
import { withChildren } from "../xml/serialize.ts";
import { SharedStanza } from "./shared-stanza.ts";

/** What one room keeps at most, whatever the number of messages. */
const MOST_CHARACTERS = 1_000_000;

type Entry = {
  readonly id: string;
  readonly author: string;
  readonly at: EpochMs;
  readonly shared: SharedStanza;
  size: number;
};

/** What a client wants of it. */
export type HistoryRequest = {
  readonly stanzas: number;
  readonly characters: number;
  readonly since: EpochMs;
};

/** Reads `<history/>` of a join; what is not understood asks for nothing less. */
export function historyRequest(presence: Element, now: EpochMs): HistoryRequest {
  const muc = child(presence, "x", NS.muc);
  const history = muc === undefined ? undefined : child(muc, "history", NS.muc);
  const count = (name: string): number => {
    const value = history === undefined ? undefined : attr(history, name);
    return value !== undefined && /^\d{1,12}$/.test(value) ? Number(value) : Number.POSITIVE_INFINITY;
  };
  const parsed = parseDateTime((history && attr(history, "since")) ?? "");
  const seconds = now - count("seconds") * 1_000;
  return {
    stanzas: count("maxstanzas"),
    characters: count("maxchars"),
    since: Math.max(seconds, parsed.ok ? parsed.value : Number.NEGATIVE_INFINITY),
  };
}

export class History {
  readonly #room: string;
  readonly #most: number;
  #entries: Entry[] = [];
  #characters = 0;

  /** @param most messages, whatever a room's configuration asks for */
  constructor(room: string, most: number) {
    this.#room = room;
    this.#most = most;
  }

  /**
   * @param id of the message in the archive; empty: it has none
   * @param author occupant id
   * @param message as it was reflected, without `to`
   */
  add(message: Element, { id, author, at }: { id: string; author: string; at: EpochMs }): void {
    if (this.#most === 0) return;
    const stamp = new Date(at).toISOString();
    const delay = new Element("delay", { xmlns: NS.delay, from: this.#room, stamp });
    const shared = new SharedStanza(withChildren(message, [...(message.children as (Element | string)[]), delay]));
    const size = shared.textFor("").length;
    this.#entries.push({ id, author, at, shared, size });
    this.#characters += size;
    while (this.#entries.length > this.#most || (this.#characters > MOST_CHARACTERS && this.#entries.length > 0)) {
      this.#characters -= (this.#entries.shift() as Entry).size;
    }
  }

  /** A message that was retracted is shown to nobody any more (XEP-0424 0.4.2 section 6). */
  remove(id: string): void {
    const place = this.#entries.findIndex((entry) => entry.id === id);
    if (place >= 0) this.#characters -= (this.#entries.splice(place, 1)[0] as Entry).size;
  }

  /** The newest that the request and the room's own limit allow, oldest first. */
  select({ stanzas, characters, since }: HistoryRequest, most: number): SharedStanza[] {
    const wanted = Math.min(stanzas, most);
    const selected: SharedStanza[] = [];
    let left = characters;
    for (let n = this.#entries.length - 1; n >= 0 && selected.length < wanted; n -= 1) {
      const { at, shared, size } = this.#entries[n] as Entry;
      left -= size;
      if (at < since || left < 0) break;
      selected.push(shared);
    }
    return selected.reverse();
  }
}
