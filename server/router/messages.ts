// Messages to local users (RFC 6121 section 8.5): the rules of delivery.ts, carried out.

import type { Element } from "ltx";
import { stanzaError } from "../errors.ts";
import type { Jid } from "../jid.ts";
import { Offline } from "../offline/offline.ts";
import type { Session } from "../session/session.ts";
import { messageType } from "../stanza.ts";
import { serialize } from "../xml/serialize.ts";
import { deliverMessage } from "./delivery.ts";
import type { Core, RouteOutcome, RouteResult } from "./routing.ts";

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
        match.send(stanza);
        return undefined;
      }
    }
    const delivery = deliverMessage(messageType(stanza), this.#core.sessions.of(to.bareString), { full: !to.isBare });
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

  #sendToAll(sessions: readonly Session[], stanza: Element): void {
    const text = serialize(stanza);
    for (const session of sessions) session.sendText(text);
  }

  async #store(stanza: Element, to: Jid): Promise<RouteOutcome> {
    if (!Offline.isStorable(stanza)) return undefined;
    const { sessions } = this.#core;
    if (!sessions.has(to.bareString) && !(await this.#core.accountExists(to.localpart as string))) return undefined;
    const stored = await this.#offline.store(to.bareString, stanza);
    return stored ? undefined : stanzaError("service-unavailable", "the recipient's offline store is full");
  }
}
