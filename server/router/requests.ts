// Requests of the server's own to clients (RFC 6120 section 8.2.3): who asked what, until the answer comes or time is up.

import { Element } from "ltx";
import type { Clock, Timer } from "../clock.ts";
import type { Jid } from "../jid.ts";
import { randomId } from "../random.ts";
import type { Session } from "../session/session.ts";
import { attr } from "../stanza.ts";

const PATIENCE_MS = 30_000;

type Pending = { readonly answer: (iq: Element | undefined) => void; readonly timer: Timer; readonly from: string };

export class Requests {
  readonly #clock: Clock;
  readonly #domain: string;
  readonly #pending = new Map<string, Pending>();

  constructor(clock: Clock, domain: string) {
    this.#clock = clock;
    this.#domain = domain;
  }

  /** Asks a client. Resolves with its answer, a result or an error; undefined: none came in time. */
  ask(session: Session, type: "get" | "set", payload: Element): Promise<Element | undefined> {
    return this.askBy((iq) => session.send(iq), session.jid, type, payload);
  }

  /** Asks whatever is at an address, as `ask` does. @param send carries the request there */
  askBy(send: (iq: Element) => void, at: Jid, type: "get" | "set", payload: Element): Promise<Element | undefined> {
    const id = randomId(12);
    const to = at.toString();
    const iq = new Element("iq", { type, id, from: this.#domain, to });
    iq.cnode(payload);
    return new Promise((resolve) => {
      const timer = this.#clock.after(PATIENCE_MS, () => this.#settle(id, undefined));
      this.#pending.set(id, { answer: resolve, timer, from: to });
      send(iq);
    });
  }

  /** A result or error that is addressed to the server. What nobody asked for is dropped. */
  answered(iq: Element): void {
    const id = attr(iq, "id") ?? "";
    if (this.#pending.get(id)?.from === attr(iq, "from")) this.#settle(id, iq);
  }

  stop(): void {
    for (const id of [...this.#pending.keys()]) this.#settle(id, undefined);
  }

  #settle(id: string, iq: Element | undefined): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#pending.delete(id);
    pending.timer.cancel();
    pending.answer(iq);
  }
}
