// Messages for users who are away (XEP-0160 1.0.1, RFC 6121 section 8.5.2.2.1), with delay stamps (XEP-0203).

import { Element, parse } from "ltx";
import { NS } from "../namespaces.ts";
import type { Core } from "../router/routing.ts";
import type { Session } from "../session/session.ts";
import { child, elements, messageType, namespaceOf } from "../stanza.ts";
import { serialize, withChildren } from "../xml/serialize.ts";

const PAGE = 100;
const CHAT_STATES = "http://jabber.org/protocol/chatstates"; // XEP-0085

export class Offline {
  readonly #core: Core;
  readonly #flushing = new Set<string>();

  constructor(core: Core) {
    this.#core = core;
  }

  /** Whether a message is of a kind that waits for its recipient. Source: XEP-0160 section 3, XEP-0334. */
  static isStorable(message: Element): boolean {
    const type = messageType(message);
    if (type !== "chat" && type !== "normal") return false;
    if (child(message, "no-store", NS.hints) !== undefined) return false;
    if (child(message, "no-permanent-store", NS.hints) !== undefined) return false;
    if (child(message, "store", NS.hints) !== undefined) return true;
    // Bare chat states say nothing to somebody who comes later.
    return elements(message).some((el) => namespaceOf(el) !== CHAT_STATES && el.name !== "thread");
  }

  /** False: the owner's store is full. */
  store(owner: string, message: Element): Promise<boolean> {
    const at = this.#core.clock.now();
    const delay = new Element("delay", {
      xmlns: NS.delay,
      from: this.#core.domain.toString(),
      stamp: new Date(at).toISOString(),
    });
    const stamped = withChildren(message, [...(message.children as (Element | string)[]), delay]);
    return this.#core.store.offline.add(owner, serialize(stamped), at, this.#core.limits.offlineMessages);
  }

  /**
   * Sends what waits, in order, then calls `ready` in the same turn in which nothing more was waiting: from there on
   * messages come directly. Only one resource of an account gets them.
   */
  async flush(session: Session, ready: () => void): Promise<void> {
    const owner = session.jid.bareString;
    if (this.#flushing.has(owner)) {
      ready();
      return;
    }
    this.#flushing.add(owner);
    try {
      await this.#drain(session, owner, 0);
      ready();
      // Whatever was being stored when the resource became available.
      await this.#drain(session, owner, 0);
    } finally {
      this.#flushing.delete(owner);
    }
  }

  async #drain(session: Session, owner: string, from: number): Promise<void> {
    let after = from;
    for (;;) {
      const page = await this.#core.store.offline.load(owner, after, PAGE);
      const last = page.at(-1);
      if (last === undefined || this.#core.sessions.get(session.jid) !== session) return;
      for (const message of page) session.send(parse(message.xml) as Element);
      after = last.id;
      await this.#core.store.offline.removeUpTo(owner, after);
    }
  }
}
