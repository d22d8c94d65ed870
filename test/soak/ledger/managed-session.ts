// A client's half of a managed session (XEP-0198): both counters, what is unacknowledged, what is asked. It outlives its
// connections; it decides nothing.

import type { Element } from "ltx";
import { NS } from "../../../server/namespaces.ts";
import { attr, namespaceOf } from "../../../server/stanza.ts";
import type { SessionRecord } from "./ledger.ts";
import { Outbound, type Outgoing } from "./outbound.ts";
import type { Wire } from "./wire.ts";

export type SessionEvents = {
  /** A message, or presence; `h` is the client's count with this one. */
  stanza(stanza: Element, h: number): void;
  /** The server asks for an acknowledgement. */
  asked(): void;
  /** What no server may do. */
  wrong(what: string): void;
};

export class ManagedSession {
  readonly record: SessionRecord;
  readonly previd: string;
  readonly outbound = new Outbound();
  handled = 0;
  /** Of the last `<a/>` that was written. */
  acknowledged = 0;
  #wire: Wire | undefined;
  /** What was acknowledged before each `<r/>` that waits for its answer. */
  #requests: number[] = [];
  readonly #answers = new Map<string, (answer: Element) => void>();
  readonly #events: SessionEvents;
  #nextId = 0;

  constructor(previd: string, record: SessionRecord, events: SessionEvents) {
    this.previd = previd;
    this.record = record;
    this.#events = events;
  }

  get wire(): Wire | undefined {
    return this.#wire;
  }

  attach(wire: Wire): void {
    this.#wire = wire;
    this.#requests = [];
  }

  detach(): void {
    this.#wire = undefined;
    this.#requests = [];
  }

  /** @param tornAt write so many octets of it and no more, and cut the connection */
  send(stanza: Outgoing, tornAt?: number): void {
    this.outbound.push(stanza);
    if (tornAt === undefined) this.#wire?.write(stanza.xml);
    else this.#wire?.tear(stanza.xml, tornAt);
  }

  ask(
    type: "get" | "set",
    payload: string,
    options: { to?: string; covered?: () => void; answered: (a: Element) => void },
  ) {
    const id = `q${++this.#nextId}`;
    this.#answers.set(id, options.answered);
    const to = options.to === undefined ? "" : ` to='${options.to}'`;
    const { covered } = options;
    const xml = `<iq type='${type}' id='${id}'${to}>${payload}</iq>`;
    this.send({ xml, ...(covered === undefined ? {} : { covered }) });
  }

  acknowledge(): void {
    if (this.#wire === undefined) return;
    this.acknowledged = this.handled;
    this.#wire.write(`<a xmlns='${NS.sm}' h='${this.handled}'/>`);
  }

  /** Its answer says also that the last acknowledgement is on the server's disk: it waits for what was written before. */
  request(): void {
    if (this.#wire === undefined) return;
    this.#requests.push(this.acknowledged);
    this.#wire.write(`<r xmlns='${NS.sm}'/>`);
  }

  /** The server is back with the session, and told `h`; what it did not handle is written again. */
  resumed(h: number, wire: Wire): void {
    this.record.confirmed = this.handled;
    this.acknowledged = this.handled;
    this.attach(wire);
    this.#cover(h, "<resumed/>");
    for (const { xml } of this.outbound.waiting) wire.write(xml);
  }

  /** The session is over; undefined: the server does not know how many stanzas it handled. */
  failed(h: number | undefined): void {
    if (h !== undefined) this.#cover(h, "<failed/>");
  }

  receive(element: Element): void {
    if (namespaceOf(element) === NS.sm) this.#nonza(element);
    else if (element.name === "error" || attr(element, "xmlns") !== undefined) this.#streamError(element);
    else this.#stanza(element);
  }

  #stanza(stanza: Element): void {
    this.handled += 1;
    const id = attr(stanza, "id") ?? "";
    const answered = stanza.name === "iq" ? this.#answers.get(id) : undefined;
    if (answered !== undefined) this.#answers.delete(id);
    if (answered === undefined) this.#events.stanza(stanza, this.handled);
    else answered(stanza);
  }

  #nonza(element: Element): void {
    if (element.name === "r") this.#events.asked();
    else if (element.name === "a") {
      this.#cover(Number(attr(element, "h")), "<a/>");
      const confirmed = this.#requests.shift();
      if (confirmed === undefined) this.#events.wrong("an <a/> that nobody asked for");
      else this.record.confirmed = Math.max(this.record.confirmed, confirmed);
    } else this.#events.wrong(`unexpected ${element.toString()}`);
  }

  // Those that a connection may end with when its server stops, or when another connection takes its place.
  #streamError(element: Element): void {
    const condition = (element.children as Element[])[0]?.name ?? element.name;
    if (condition !== "system-shutdown" && condition !== "conflict") {
      this.#events.wrong(`a stream error: ${element.toString()}`);
    }
  }

  #cover(h: number, where: string): void {
    if (!this.outbound.cover(h)) this.#events.wrong(`h ${h} in ${where}, which cannot be`);
  }
}
