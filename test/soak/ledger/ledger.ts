// The book of a soak: what became of every message, as the clients and the foreign side saw it. It records; judge.ts says
// what is wrong with it.

import type { Message } from "./message.ts";

/** A managed session as its client knows it (XEP-0198), over all its connections. Times are milliseconds of the soak. */
export type SessionRecord = {
  readonly user: string;
  readonly device: string;
  readonly number: number;
  /** From then on the server has it on disk that the session gets copies (XEP-0280); undefined: not yet. */
  copiesFrom: number | undefined;
  /** All that was accepted before then has come: a request of that time, in order with everything else, was answered. */
  syncedAt: number;
  /** The server has it on disk that the client has had so many stanzas of the session. */
  confirmed: number;
};

/** `direct`: the message itself, `received` and `sent`: a copy, `archive`: a result of a query (XEP-0313). */
export type Way = "direct" | "received" | "sent" | "archive";

export type Arrival = {
  readonly session: SessionRecord;
  readonly way: Way;
  /** The client's count of stanzas at that one; 0: it came before the session was managed. */
  readonly h: number;
  /** It came with a stamp of the server (XEP-0203): from the offline store, or from another session that ended. */
  readonly delayed: boolean;
  /** In the name of the device's account (XEP-0359). */
  readonly stanzaId: string | undefined;
};

export type Entry = {
  readonly message: Message;
  writtenAt: number | undefined;
  acceptedAt: number | undefined;
  /** Of a user's message: where the server said that it was handled. */
  acceptedIn: SessionRecord | undefined;
  /** Error stanzas to the sender; of a presentity's message the problem that answered it. */
  readonly refusals: string[];
  readonly arrivals: Arrival[];
  /** Ids of the foreign side's events that carry it. */
  readonly events: string[];
  readonly history: string[];
};

export type ArchiveRow = { readonly stanzaId: string; readonly id: string };

export class Ledger {
  readonly entries = new Map<string, Entry>();
  readonly sessions: SessionRecord[] = [];
  /** By localpart, in full and in order, as read at the end. */
  readonly archives = new Map<string, readonly ArchiveRow[]>();
  /** Ids of the messages in the whole log of events, as read at the end. */
  eventLog: readonly string[] | undefined;
  /** What is wrong whatever else happened, with the message's id where it is about one. */
  readonly strays: { readonly what: string; readonly id?: string }[] = [];
  readonly now: () => number;

  /** @param now milliseconds since the soak began */
  constructor(now: () => number) {
    this.now = now;
  }

  session(device: string): SessionRecord {
    const user = device.split("/")[0] as string;
    const record = {
      user,
      device,
      number: this.sessions.length + 1,
      copiesFrom: undefined,
      syncedAt: -1,
      confirmed: 0,
    };
    this.sessions.push(record);
    return record;
  }

  /** Written to a connection, for the first time or again. */
  wrote(message: Message, where: string): void {
    let entry = this.entries.get(message.id);
    if (entry === undefined) {
      entry = {
        message,
        writtenAt: this.now(),
        acceptedAt: undefined,
        acceptedIn: undefined,
        refusals: [],
        arrivals: [],
        events: [],
        history: [],
      };
      this.entries.set(message.id, entry);
    }
    this.#note(entry, `written ${where}`);
  }

  accepted(id: string, how: string, session?: SessionRecord): void {
    const entry = this.#entry(id, "accepted");
    if (entry === undefined) return;
    entry.acceptedAt ??= this.now();
    entry.acceptedIn ??= session;
    this.#note(entry, `accepted ${how}`);
  }

  refused(id: string, condition: string): void {
    const entry = this.#entry(id, "refused");
    if (entry === undefined) return;
    entry.refusals.push(condition);
    this.#note(entry, `refused with ${condition}`);
  }

  arrived(id: string, arrival: Arrival): void {
    const { session, way, h, delayed, stanzaId } = arrival;
    const entry = this.#entry(id, `at ${session.device}`);
    if (entry === undefined) return;
    entry.arrivals.push(arrival);
    const late = delayed ? " delayed" : "";
    this.#note(entry, `${way}${late} at ${session.device} session ${session.number} h ${h} stanza-id ${stanzaId}`);
  }

  event(id: string, eventId: string): void {
    const entry = this.#entry(id, "at the foreign side");
    if (entry === undefined) return;
    entry.events.push(eventId);
    this.#note(entry, `event ${eventId}`);
  }

  /** Something else that belongs to a message's history. */
  note(id: string, what: string): void {
    const entry = this.entries.get(id);
    if (entry !== undefined) this.#note(entry, what);
  }

  stray(what: string, id?: string): void {
    this.strays.push({ what: `${what} at ${seconds(this.now())}`, ...(id === undefined ? {} : { id }) });
  }

  #entry(id: string, where: string): Entry | undefined {
    const entry = this.entries.get(id);
    if (entry === undefined) this.stray(`${id} was never sent, and is ${where}`);
    return entry;
  }

  #note(entry: Entry, what: string): void {
    entry.history.push(`${seconds(this.now())} ${what}`);
  }
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(3)} s`;
}
