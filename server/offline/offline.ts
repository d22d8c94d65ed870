// Messages for users who are away (XEP-0160 1.0.1, RFC 6121 section 8.5.2.2.1), with delay stamps (XEP-0203).

import { Element, parse } from "ltx";
import type { OfflineMessage } from "../../storage/store.ts";
import { type BlockList, blocks } from "../blocking/rules.ts";
import type { EpochMs } from "../clock.ts";
import { Jid } from "../jid.ts";
import { NS } from "../namespaces.ts";
import type { Core } from "../router/routing.ts";
import type { SessionJournal } from "../session/journal.ts";
import type { Session } from "../session/session.ts";
import { attr, child, elements, messageType, namespaceOf } from "../stanza.ts";
import { serialize, withChildren } from "../xml/serialize.ts";

const PAGE = 100;
const COUNTS_KEPT = 10_000;
const CHAT_STATES = "http://jabber.org/protocol/chatstates"; // XEP-0085

export class Offline {
  readonly #core: Core;
  /** Accounts whose messages are being sent; `again`: one more was stored meanwhile. */
  readonly #flushing = new Map<string, { again: boolean }>();
  /** How many wait for whom, of those that were asked for lately. */
  readonly #counts = new Map<string, number>();

  readonly #journal: SessionJournal;

  constructor(core: Core, journal: SessionJournal) {
    this.#core = core;
    this.#journal = journal;
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

  /** Whether the store takes one more message for the owner: so that a message is refused before anything is written. */
  hasRoom(owner: string): boolean | Promise<boolean> {
    const known = this.#counts.get(owner);
    if (known !== undefined) return known < this.#core.limits.offlineMessages;
    return this.#core.store.offline.count(owner).then((count) => {
      if (this.#counts.size >= COUNTS_KEPT) this.#counts.clear();
      if (!this.#counts.has(owner)) this.#counts.set(owner, count);
      return (this.#counts.get(owner) as number) < this.#core.limits.offlineMessages;
    });
  }

  /** A message was refused because there is no room. */
  refused(owner: string): void {
    this.#core.counters.offline.refused += 1;
    this.#core.log.debug({ owner, limit: "limits.offlineMessages" }, "limit-reached");
  }

  /** Messages of the owner's were removed. */
  forgetCount(owner: string): void {
    this.#counts.delete(owner);
  }

  /** A message that was not delivered when it came, stamped with that time. Source: XEP-0203 section 2. */
  delayed(message: Element, at: EpochMs): Element {
    const from = this.#core.domain.toString();
    const delay = new Element("delay", { xmlns: NS.delay, from, stamp: new Date(at).toISOString() });
    // XEP-0203 section 5: another stamp in this server's name is a forgery.
    const others = (message.children as (Element | string)[]).filter(
      (node) => typeof node === "string" || namespaceOf(node) !== NS.delay || attr(node, "from") !== from,
    );
    return withChildren(message, [...others, delay]);
  }

  /**
   * It is written in the turn of the call: the same in which no resource would take the message.
   * @param at when it was accepted
   * @returns false: the owner's store is full
   */
  async store(
    owner: string,
    message: Element,
    at: EpochMs,
    quota: number = this.#core.limits.offlineMessages,
  ): Promise<boolean> {
    const flushing = this.#flushing.get(owner);
    if (flushing !== undefined) flushing.again = true;
    const count = this.#counts.get(owner);
    if (count !== undefined) this.#counts.set(owner, count + 1);
    let stored = false;
    try {
      stored = await this.#core.store.offline.add(owner, serialize(this.delayed(message, at)), at, quota);
    } finally {
      if (!stored) this.forgetCount(owner);
    }
    if (stored) this.#core.counters.offline.stored += 1;
    else this.refused(owner);
    return stored;
  }

  /** So many messages were stored last that are older than some that wait already. In the turn in which they were stored. */
  async sort(owner: string, added: number): Promise<void> {
    // Their ids change: who is in the middle of reading them would read some again.
    if (!this.#flushing.has(owner)) await this.#core.store.offline.sort(owner, added);
  }

  /**
   * Sends what waits, in order, then calls `ready` in the same turn in which nothing more was waiting: from there on
   * messages come directly. Only one resource of an account gets them.
   * @returns false: the connection was lost meanwhile, and the session waits to be resumed; `ready` was not called
   */
  async flush(session: Session, ready: () => void): Promise<boolean> {
    const owner = session.jid.bareString;
    const flexible = [...this.#core.sessions.of(owner)].some((each) => each.flexibleOffline);
    if (flexible || this.#flushing.has(owner)) {
      ready();
      return true;
    }
    const flushing = { again: true };
    this.#flushing.set(owner, flushing);
    try {
      while (flushing.again && this.#takes(session)) {
        flushing.again = false;
        await this.#drain(session, owner);
      }
    } finally {
      this.#flushing.delete(owner);
      this.forgetCount(owner);
    }
    if (this.#isBound(session) && session.detached) {
      await this.#handOver(owner);
      return false;
    }
    ready();
    if (!this.#isBound(session)) await this.#handOver(owner);
    return true;
  }

  async #drain(session: Session, owner: string): Promise<void> {
    const { maxStanzas = PAGE, maxBytes = Number.POSITIVE_INFINITY } = session.management?.batch ?? {};
    const bytes = Math.min(this.#core.limits.outboxBytes / 2, maxBytes);
    for (let after = 0; ; ) {
      const page = await this.#core.store.offline.load(owner, after, Math.min(PAGE, maxStanzas));
      for (const batch of batches(page, bytes)) {
        if (!this.#takes(session)) return;
        after = (batch.at(-1) as OfflineMessage).id;
        const wanted = await this.#unblocked(session.jid, batch);
        if (session.management === undefined) await this.#hand(session, owner, wanted, after);
        else await this.#move(session, owner, wanted, after);
        this.#core.counters.offline.delivered += wanted.length;
        if (!this.#takes(session)) return;
      }
      if (page.length === 0) return;
    }
  }

  // XEP-0191 section 3.3: also what was stored before its sender was blocked is not delivered.
  async #unblocked(owner: Jid, batch: readonly OfflineMessage[]): Promise<readonly OfflineMessage[]> {
    const list = await this.#core.blocking.of(owner.bareString);
    return list.size === 0 ? batch : batch.filter((message) => !isBlocked(list, owner, message));
  }

  async #hand(session: Session, owner: string, batch: readonly OfflineMessage[], upTo: number): Promise<void> {
    for (const { xml } of batch) session.send(parse(xml) as Element);
    await session.drained();
    // What a client that left may not have had stays for the next one.
    if (this.#isBound(session)) await this.#core.store.offline.removeUpTo(owner, upTo);
  }

  // XEP-0198: from one place on disk to another, in one transaction. From now on the session answers for them.
  async #move(session: Session, owner: string, batch: readonly OfflineMessage[], upTo: number): Promise<void> {
    const removed = this.#core.store.offline.removeUpTo(owner, upTo);
    const parcels = batch.map(({ xml, at, id }) =>
      session.hold(xml, parse(xml) as Element, at, { id: `offline-${owner}-${id}`, holders: [], arrived: false }),
    );
    try {
      await Promise.all([removed, this.#journal.committed()]);
    } catch (error) {
      for (const parcel of parcels) parcel.cancel();
      throw error;
    }
    for (const parcel of parcels) parcel.release();
    await session.drained();
  }

  // Another resource may have come while the first one had the messages to itself.
  async #handOver(owner: string): Promise<void> {
    const next = this.#core.sessions.available(owner).find(({ priority, detached }) => priority >= 0 && !detached);
    if (next !== undefined) await this.flush(next, () => {});
  }

  #takes(session: Session): boolean {
    return this.#isBound(session) && !session.detached;
  }

  #isBound(session: Session): boolean {
    return this.#core.sessions.get(session.jid) === session;
  }
}

/** Whether a stored message is from somebody whom its owner blocks. */
export function isBlocked(list: BlockList, owner: Jid, { xml }: OfflineMessage): boolean {
  const from = attr(parse(xml) as Element, "from");
  return from !== undefined && blocks(list, owner, Jid.fromTrusted(from));
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
