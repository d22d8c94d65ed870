// Messages for users who are away (XEP-0160 1.0.1, RFC 6121 section 8.5.2.2.1), with delay stamps (XEP-0203).

import { Element, parse } from "ltx";
import type { OfflineMessage } from "../../storage/store.ts";
import { NS } from "../namespaces.ts";
import type { Core } from "../router/routing.ts";
import type { Session } from "../session/session.ts";
import { attr, child, elements, messageType, namespaceOf } from "../stanza.ts";
import { serialize, withChildren } from "../xml/serialize.ts";

const PAGE = 100;
const CHAT_STATES = "http://jabber.org/protocol/chatstates"; // XEP-0085

export class Offline {
  readonly #core: Core;
  /** Accounts whose messages are being sent; `again`: one more was stored meanwhile. */
  readonly #flushing = new Map<string, { again: boolean }>();

  constructor(core: Core) {
    this.#core = core;
  }

  /** Whether a message is of a kind that waits for its recipient. Source: XEP-0160 section 3, XEP-0334. */
  static isStorable(message: Element): boolean {
    const type = messageType(message);
    if (type !== "chat" && type !== "normal") return false;
    if (child(message, "no-store", NS.hints) !== undefined) return false;
    if (child(message, "store", NS.hints) !== undefined) return true;
    // Bare chat states say nothing to somebody who comes later.
    return elements(message).some((el) => namespaceOf(el) !== CHAT_STATES && el.name !== "thread");
  }

  /** Call it in the same turn in which no resource would take the message. False: the owner's store is full. */
  async store(owner: string, message: Element): Promise<boolean> {
    const flushing = this.#flushing.get(owner);
    if (flushing !== undefined) flushing.again = true;
    const at = this.#core.clock.now();
    const from = this.#core.domain.toString();
    const delay = new Element("delay", { xmlns: NS.delay, from, stamp: new Date(at).toISOString() });
    // XEP-0203 section 5: another stamp in this server's name is a forgery.
    const others = (message.children as (Element | string)[]).filter(
      (node) => typeof node === "string" || namespaceOf(node) !== NS.delay || attr(node, "from") !== from,
    );
    const stamped = withChildren(message, [...others, delay]);
    const stored = await this.#core.store.offline.add(owner, serialize(stamped), at, this.#core.limits.offlineMessages);
    this.#core.counters.offline[stored ? "stored" : "refused"] += 1;
    if (!stored) this.#core.log.debug({ owner, limit: "limits.offlineMessages" }, "limit-reached");
    return stored;
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
    const flushing = { again: true };
    this.#flushing.set(owner, flushing);
    try {
      while (flushing.again && this.#isBound(session)) {
        flushing.again = false;
        await this.#drain(session, owner);
      }
    } finally {
      this.#flushing.delete(owner);
    }
    ready();
    if (!this.#isBound(session)) await this.#handOver(owner);
  }

  async #drain(session: Session, owner: string): Promise<void> {
    for (let after = 0; ; ) {
      const page = await this.#core.store.offline.load(owner, after, PAGE);
      for (const batch of batches(page, this.#core.limits.outboxBytes / 2)) {
        if (!this.#isBound(session)) return;
        for (const message of batch) session.send(parse(message.xml) as Element);
        await session.drained();
        // What a client that left may not have had stays for the next one.
        if (!this.#isBound(session)) return;
        after = (batch.at(-1) as OfflineMessage).id;
        await this.#core.store.offline.removeUpTo(owner, after);
        this.#core.counters.offline.delivered += batch.length;
      }
      if (page.length === 0) return;
    }
  }

  // Another resource may have come while the first one had the messages to itself.
  async #handOver(owner: string): Promise<void> {
    const next = this.#core.sessions.available(owner).find(({ priority }) => priority >= 0);
    if (next !== undefined) await this.flush(next, () => {});
  }

  #isBound(session: Session): boolean {
    return this.#core.sessions.get(session.jid) === session;
  }
}

// Runs of messages that one client may have to take at a time.
function* batches(messages: readonly OfflineMessage[], bytes: number): Iterable<readonly OfflineMessage[]> {
  let batch: OfflineMessage[] = [];
  let size = 0;
  for (const message of messages) {
    const length = Buffer.byteLength(message.xml);
    if (batch.length > 0 && size + length > bytes) {
      yield batch;
      batch = [];
      size = 0;
    }
    batch.push(message);
    size += length;
  }
  if (batch.length > 0) yield batch;
}
