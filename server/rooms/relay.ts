// Requests between occupants (XEP-0045 1.35.1 section 17.4): passed on under the room JIDs of both, so that neither learns
// the other's real address, and the answers brought back.

import type { Element } from "ltx";
import type { Clock, EpochMs } from "../clock.ts";
import type { Jid } from "../jid.ts";
import { randomId } from "../random.ts";
import { attr } from "../stanza.ts";
import { withAttrs } from "../xml/serialize.ts";

const PATIENCE_MS = 60_000;
/** Requests that are open at once; the oldest makes room. */
const OPEN = 10_000;

type Pending = {
  readonly asker: Jid;
  readonly id: string;
  /** The room JID that was asked. */
  readonly asked: string;
  /** Whose answer it must be, bare. */
  readonly target: string;
  readonly until: EpochMs;
};

export class Relay {
  readonly #clock: Clock;
  readonly #pending = new Map<string, Pending>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * The request as its target gets it.
   * @param asker full JID
   * @param from the asker's room JID
   * @param target full JID, or bare where the target's server answers
   */
  forward(iq: Element, { asker, from, target }: { asker: Jid; from: string; target: Jid }): Element {
    this.#expire();
    const id = randomId(12);
    this.#pending.set(id, {
      asker,
      id: attr(iq, "id") ?? "",
      asked: attr(iq, "to") as string,
      target: target.bareString,
      until: this.#clock.now() + PATIENCE_MS,
    });
    return withAttrs(iq, { id, from, to: target.toString() });
  }

  /** The answer as its asker gets it; undefined: nobody asked for it, or not of this one. */
  answer(iq: Element, from: Jid): { readonly stanza: Element; readonly to: Jid } | undefined {
    const id = attr(iq, "id") ?? "";
    const pending = this.#pending.get(id);
    if (pending === undefined || pending.target !== from.bareString) return undefined;
    this.#pending.delete(id);
    const { asker, asked } = pending;
    return { stanza: withAttrs(iq, { id: pending.id, from: asked, to: asker.toString() }), to: asker };
  }

  /** The request was refused on the way: nothing will come. */
  forget(forwarded: Element): void {
    this.#pending.delete(attr(forwarded, "id") ?? "");
  }

  #expire(): void {
    const now = this.#clock.now();
    for (const [id, { until }] of this.#pending) {
      if (this.#pending.size < OPEN && until > now) break;
      this.#pending.delete(id);
    }
  }
}
