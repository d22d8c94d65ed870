// What passes between clients and server, as a record: read by tests while it grows, and printed as the RFCs print examples.

import { appendFileSync, writeFileSync } from "node:fs";
import type { Element } from "ltx";
import type { EpochMs } from "../clock.ts";
import { type Match, matcher } from "./template.ts";

/** A guard, in real time: what a test waits for in vain must not let it hang. */
const WAIT_MS = 8_000;
/** The most that is kept, in lines and in characters. Beyond it the older half is left out. */
const KEPT_LINES = 50_000;
const KEPT_CHARACTERS = 20_000_000;

/** One side of a stream. */
export type Side = "client" | "server";

export type WireEntry = {
  /** Counts the connections of a test, from 1. */
  readonly connection: number;
  readonly at: EpochMs;
  /** Who sent it. */
  readonly from: Side;
  /** The client's account and full JID, as far as they were known when it passed. */
  readonly user: string | undefined;
  readonly jid: string | undefined;
  /** A stream's header, a child of it, its end tag, or what is none of these. */
  readonly kind: "header" | "element" | "end" | "not well-formed";
  /** As it stood on the wire, inside TLS. */
  readonly text: string;
  /** Of kind "element": with its namespace, detached from the stream. */
  readonly element: Element | undefined;
  /** What a fault did with it; undefined: it went through. */
  readonly fault?: "swallowed" | "held" | "lost" | undefined;
};

/** Something that is no element: a connection's beginning and end, a fault, a kill. */
export type WireNote = { readonly at: EpochMs; readonly connection: number | undefined; readonly note: string };

/** What is meant: what meets every condition given. */
export type Crossing = {
  /** "element" by default. */
  readonly kind?: WireEntry["kind"];
  readonly from?: Side;
  /** Localpart, bare JID or full JID of the client. */
  readonly user?: string;
  /** Of elements: a template, or a function that says. */
  readonly match?: Match;
};

/** Whether an entry is meant. Throws on a template that is no XML. */
export function crosses({ kind = "element", from, user, match }: Crossing): (entry: WireEntry) => boolean {
  const fits = matcher(match);
  return (entry) =>
    entry.kind === kind &&
    (from === undefined || entry.from === from) &&
    (user === undefined || isOf(entry, user)) &&
    (entry.element === undefined || fits(entry.element));
}

/** @param user localpart, bare JID or full JID */
export function isOf(
  { user, jid }: { readonly user?: string | undefined; readonly jid?: string | undefined },
  who: string,
) {
  if (who.includes("/")) return jid === who;
  return user !== undefined && (user === who || user === who.split("@")[0]);
}

export class Wire implements Iterable<WireEntry> {
  readonly #now: () => EpochMs;
  readonly #lines: (WireEntry | WireNote)[] = [];
  /** How many lines at the front are no longer kept. */
  #dropped = 0;
  #characters = 0;
  /** Number of the line from which `next` looks on. */
  #cursor = 0;
  #arrived: (() => void)[] = [];
  #printer: Printer | undefined;

  constructor(now: () => EpochMs) {
    this.#now = now;
  }

  /** For the tap. */
  add(entry: WireEntry): void {
    this.#push(entry);
  }

  /** A remark in the transcript. */
  note(note: string, connection?: number): void {
    this.#push({ at: this.#now(), connection, note });
  }

  /** All that has passed, in order, from both sides. */
  *[Symbol.iterator](): Iterator<WireEntry> {
    for (const line of this.#lines) if (!("note" in line)) yield line;
  }

  /** The elements that have passed and are meant. */
  elements(crossing: Crossing = {}): Element[] {
    const fits = crosses(crossing);
    return [...this].filter(fits).flatMap(({ element }) => element ?? []);
  }

  /**
   * The next entry that is meant, behind the one that was returned last; it may have passed already.
   * Rejects after some seconds of real time with what has passed.
   * @param match a template, a function, or more conditions
   */
  async next(match: Match | Crossing): Promise<WireEntry> {
    const fits = crosses(typeof match === "object" ? match : { match });
    const deadline = Date.now() + WAIT_MS;
    for (;;) {
      while (this.#cursor < this.#dropped + this.#lines.length) {
        const line = this.#lines[Math.max(0, this.#cursor - this.#dropped)] as WireEntry | WireNote;
        this.#cursor = Math.max(this.#cursor, this.#dropped) + 1;
        if (!("note" in line) && fits(line)) return line;
      }
      await this.#arrival(deadline - Date.now(), JSON.stringify(match));
    }
  }

  /** What has passed, as readable text. */
  toString(): string {
    const printer = new Printer();
    const left = this.#dropped === 0 ? "" : `-- ${this.#dropped} earlier lines are left out\n`;
    return left + this.#lines.map((line) => printer.print(line)).join("");
  }

  /** Writes the transcript to a file, what has passed so far and what comes, each line at once. */
  record(file: string): void {
    const printer = new Printer();
    writeFileSync(file, this.#lines.map((line) => printer.print(line)).join(""));
    printer.to = file;
    this.#printer = printer;
  }

  #push(line: WireEntry | WireNote): void {
    this.#lines.push(line);
    this.#characters += length(line);
    if (this.#lines.length > KEPT_LINES || this.#characters > KEPT_CHARACTERS) this.#forget();
    if (this.#printer !== undefined) appendFileSync(this.#printer.to, this.#printer.print(line));
    for (const wake of this.#arrived.splice(0)) wake();
  }

  #forget(): void {
    const old = this.#lines.splice(0, Math.ceil(this.#lines.length / 2));
    this.#dropped += old.length;
    for (const line of old) this.#characters -= length(line);
  }

  #arrival(patienceMs: number, what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => {
          const seen = this.toString().split("\n").slice(-30).join("\n");
          reject(new Error(`nothing that matches ${what} has passed:\n${seen}`));
        },
        Math.max(0, patienceMs),
      );
      this.#arrived.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}

function length(line: WireEntry | WireNote): number {
  return "note" in line ? line.note.length : line.text.length;
}

/** Names the connection where another one goes on, and the time where some has passed. */
class Printer {
  to = "";
  #connection: number | undefined;
  #name: string | undefined;
  #at: EpochMs | undefined;

  print(line: WireEntry | WireNote): string {
    const passed = this.#at === undefined ? 0 : line.at - this.#at;
    this.#at = line.at;
    const time = passed === 0 ? "" : `-- ${passed / 1000} seconds later\n`;
    if ("note" in line) {
      this.#connection = undefined;
      return `${time}-- ${line.connection === undefined ? "" : `connection ${line.connection}: `}${line.note}\n`;
    }
    const name = line.jid ?? line.user;
    const same = this.#connection === line.connection && this.#name === name;
    this.#connection = line.connection;
    this.#name = name;
    const who = same ? "" : `-- connection ${line.connection}${name === undefined ? "" : `, ${name}`}\n`;
    const fault = line.fault === undefined ? "" : `   (${line.fault})`;
    const text = line.kind === "not well-formed" ? `${JSON.stringify(line.text)}   (not well-formed)` : line.text;
    return `${time}${who}${line.from === "client" ? "C" : "S"}: ${text}${fault}\n`;
  }
}
