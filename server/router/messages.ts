// Messages to local users (RFC 6121 section 8.5): the rules of delivery.ts, carried out.

import type { Element } from "ltx";
import { type StanzaError, stanzaError } from "../errors.ts";
import { Jid } from "../jid.ts";
import { Offline } from "../offline/offline.ts";
import type { Session } from "../session/session.ts";
import { attr, messageType } from "../stanza.ts";
import { serialize } from "../xml/serialize.ts";
import { type Delivery, deliverMessage } from "./delivery.ts";
import type { Core, RouteOutcome, RouteResult } from "./routing.ts";

/** Others have their turn between so many errors to the senders of what an overflowing resource had not taken. */
const REFUSED_PER_TURN = 100;

export class Messages {
  readonly #core: Core;
  readonly #offline: Offline;

  constructor(core: Core, offline: Offline) {
    this.#core = core;
    this.#offline = offline;
  }

  /**
   * Delivers, stores or refuses a message to a local user.
   * Errors: service-unavailable. To an account that does not exist a storable message goes the way of one that was stored:
   * the sender cannot tell them apart (RFC 6121 section 8.5.1 leaves the choice).
   */
  deliver(stanza: Element, to: Jid): RouteResult {
    if (!to.isBare) {
      const match = this.#core.sessions.get(to);
      if (match !== undefined) {
        match.sendText(serialize(stanza), stanza);
        return undefined;
      }
    }
    const delivery = this.#decide(stanza, to);
    switch (delivery.kind) {
      case "deliver":
        this.#sendToAll(delivery.to, stanza);
        return undefined;
      case "ignore":
        return undefined;
      case "refuse":
        return stanzaError("service-unavailable");
      case "store":
        return this.#store(stanza, to);
    }
  }

  /**
   * Delivers again what a resource was sent that is gone, and never took: by the rules of a new message, but no faster
   * than the other resources read. One to the bare JID is not repeated to them: they had theirs.
   * @param refused is called for each that can go nowhere else
   */
  async redeliver(
    messages: readonly Element[],
    refused: (message: Element, error: StanzaError) => void,
  ): Promise<void> {
    const settling: Promise<void>[] = [];
    let room = 0;
    let stored = 0;
    for (const message of messages) {
      const to = recipientOf(message);
      const takers = this.#takers(message, to);
      // All of them are one account's: after so many its store is full, whatever it kept or refused of them.
      if (takers.length === 0 && this.#isForStore(message, to) && ++stored > this.#core.limits.offlineMessages) {
        refused(message, storeFull());
        if (stored % REFUSED_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
        continue;
      }
      if (takers.length > 0) {
        if (to.isBare) continue;
        if (room <= 0) {
          await Promise.all(takers.map((session) => session.drained()));
          room = this.#core.limits.outboxBytes / 4;
        }
        room -= serialize(message).length;
      }
      // Not waited for one by one: the store keeps them in this order, ahead of whatever comes from now on.
      const outcome = this.deliver(message, to);
      const settle = (error: RouteOutcome): void => {
        if (error !== undefined) refused(message, error);
      };
      if (outcome instanceof Promise) settling.push(outcome.then(settle));
      else settle(outcome);
    }
    await Promise.all(settling);
  }

  #takers(message: Element, to: Jid): readonly Session[] {
    const match = to.isBare ? undefined : this.#core.sessions.get(to);
    if (match !== undefined) return [match];
    const delivery = this.#decide(message, to);
    return delivery.kind === "deliver" ? delivery.to : [];
  }

  #decide(stanza: Element, to: Jid): Delivery<Session> {
    return deliverMessage(messageType(stanza), this.#core.sessions.of(to.bareString), { full: !to.isBare });
  }

  #isForStore(stanza: Element, to: Jid): boolean {
    return this.#decide(stanza, to).kind === "store" && Offline.isStorable(stanza);
  }

  #sendToAll(sessions: readonly Session[], stanza: Element): void {
    const text = serialize(stanza);
    for (const session of sessions) session.sendText(text, stanza);
  }

  async #store(stanza: Element, to: Jid): Promise<RouteOutcome> {
    if (!Offline.isStorable(stanza)) return undefined;
    const { sessions } = this.#core;
    if (!sessions.has(to.bareString)) {
      if (!(await this.#core.accountExists(to.localpart as string))) return undefined;
      const delivery = this.#decide(stanza, to); // a resource may have become available meanwhile
      if (delivery.kind === "deliver") {
        this.#sendToAll(delivery.to, stanza);
        return undefined;
      }
    }
    const stored = await this.#offline.store(to.bareString, stanza);
    return stored ? undefined : storeFull();
  }
}

function storeFull(): StanzaError {
  return stanzaError("service-unavailable", "the recipient's offline store is full (limits.offlineMessages)");
}

// RFC 6120 section 10.3.1: one without 'to' is to the sender's own account.
function recipientOf(message: Element): Jid {
  const to = attr(message, "to");
  return to === undefined ? Jid.fromTrusted(attr(message, "from") as string).bare() : Jid.fromTrusted(to);
}
