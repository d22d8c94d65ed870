// Availability of local users (RFC 6121 section 4): initial and later presence, broadcast, probes, directed presence, and
// what goes out when a session ends.

import { type Element, parse } from "ltx";
import { Jid } from "../jid.ts";
import type { Offline } from "../offline/offline.ts";
import type { Roster } from "../roster/rosters.ts";
import { isPendingIn, isWatching, watches } from "../roster/subscription.ts";
import type { Core, RouteOutcome, RouteResult } from "../router/routing.ts";
import { isLocalUser } from "../router/routing.ts";
import type { Session } from "../session/session.ts";
import { attr, presence, presencePriority, withAttrs } from "../stanza.ts";
import { SharedPresence } from "./shared-presence.ts";

export class Presence {
  readonly #core: Core;
  readonly #offline: Offline;

  constructor(core: Core, offline: Offline) {
    this.#core = core;
    this.#offline = offline;
  }

  // ---- what a client sends

  /** Presence without `to` and without type: initial (section 4.2.2) or a change (section 4.4.2). */
  async available(session: Session, stanza: Element): Promise<RouteOutcome> {
    const owner = session.jid.bareString;
    const roster = await this.#core.rosters.load(owner);
    if (this.#core.sessions.get(session.jid) !== session) {
      this.releaseIfGone(owner);
      return undefined; // it ended meanwhile
    }
    const initial = !session.available;
    const couldReceive = session.available && session.priority >= 0;
    const priority = presencePriority(stanza);
    if (initial) this.#greet(session, roster);
    // Messages that wait come before any that arrive from now on.
    if (!couldReceive && priority >= 0)
      await this.#offline.flush(session, () => this.#become(session, stanza, priority));
    else this.#become(session, stanza, priority);
    if (session.presence !== stanza) return undefined;
    this.#broadcast(session, stanza, roster);
    if (initial) {
      this.#deliverRequests(session, roster);
      await this.#probeComponents(session, roster);
    }
    return undefined;
  }

  /** Presence of type unavailable without `to`, or the end of the session (section 4.5.2). */
  unavailable(session: Session, stanza: Element | undefined): void {
    if (session.available) {
      const { jid } = session;
      session.presence = undefined;
      const leaving = stanza ?? presence({ type: "unavailable", from: jid.toString() });
      const shared = new SharedPresence(leaving);
      const roster = this.#core.rosters.peek(jid.bareString);
      this.#toContacts(shared, jid, roster);
      this.#toOwnResources(shared, jid);
      if (this.#core.sessions.get(jid) === session) session.sendText(shared.textFor(jid.toString()));
    }
    this.#endDirected(session, stanza);
  }

  /** Directed presence (section 4.6.3), after it was routed without an error. */
  directed(session: Session, to: Jid, available: boolean): void {
    const key = to.toString();
    if (!available) {
      session.directed.delete(key);
      return;
    }
    const item = this.#core.rosters.peek(session.jid.bareString)?.get(to.bareString);
    // A subscriber hears of the end through the broadcast.
    if (item === undefined || !watches(item.state)) session.directed.set(key, to);
  }

  // ---- what reaches a local user

  /** Available and unavailable presence to a local user. Source: RFC 6121 sections 8.5.2.1.2, 8.5.3.1, 8.5.3.2.2. */
  deliver(stanza: Element, to: Jid): void {
    if (!to.isBare) {
      this.#core.sessions.get(to)?.send(stanza);
      return;
    }
    for (const session of this.#core.sessions.of(to.bareString)) if (session.available) session.send(stanza);
  }

  /**
   * A probe for a local user. Who may not see the user's presence, and who asks for somebody who does not exist, gets the
   * same answer. Source: RFC 6121 section 4.3.2.
   */
  async probed(stanza: Element, from: Jid, to: Jid): Promise<void> {
    const item = await this.#core.rosters.item(to.bareString, from.bareString);
    const own = from.bareString === to.bareString;
    const id = attr(stanza, "id");
    const idAttr: Record<string, string> = id === undefined ? {} : { id };
    const seen = this.#core.sessions.available(to.bareString);
    const allowed = own || (item !== undefined && watches(item.state));
    const directed = seen.filter(
      (session) => session.directed.has(from.toString()) || session.directed.has(from.bareString),
    );
    if (!allowed && directed.length === 0) {
      this.#reply(presence({ type: "unsubscribed", from: to.bareString, to: from.toString(), ...idAttr }), to);
      return;
    }
    const visible = (allowed ? seen : directed).filter((session) => to.isBare || session.jid.equals(to));
    if (!to.isBare) {
      // Only that the resource is available, not more (section 4.3.2).
      for (const session of visible) {
        this.#reply(presence({ from: session.jid.toString(), to: from.toString() }), session.jid);
      }
      return;
    }
    if (visible.length === 0) {
      this.#reply(presence({ type: "unavailable", from: to.bareString, to: from.toString(), ...idAttr }), to);
      return;
    }
    for (const session of visible) {
      const current = withAttrs(session.presence as Element, { to: from.toString() });
      this.#reply(current, session.jid);
    }
  }

  /** Sends the current presence of all available resources to one contact (section 3.1.5). */
  sendCurrent(user: Jid, contact: Jid): void {
    for (const session of this.#core.sessions.available(user.bareString)) {
      this.#toOne(new SharedPresence(session.presence as Element), session.jid, contact);
      session.directed.delete(contact.bareString);
    }
  }

  /** Tells one contact that every available resource is gone (sections 3.2.2, 3.3.3). */
  sendUnavailable(user: Jid, contact: Jid): void {
    for (const session of this.#core.sessions.available(user.bareString)) {
      const gone = presence({ type: "unavailable", from: session.jid.toString() });
      this.#toOne(new SharedPresence(gone), session.jid, contact);
    }
  }

  /** Forgets the roster of an account without sessions. */
  releaseIfGone(owner: string): void {
    if (!this.#core.sessions.has(owner)) this.#core.rosters.release(owner);
  }

  // ----

  #become(session: Session, stanza: Element, priority: number): void {
    if (this.#core.sessions.get(session.jid) !== session) return;
    session.presence = stanza;
    session.priority = priority;
  }

  // Sections 4.2.2 and 4.3: what a new resource learns of its own account and of the contacts on this server.
  #greet(session: Session, roster: Roster): void {
    const me = session.jid;
    const { sessions, rosters, domain } = this.#core;
    for (const other of sessions.of(me.bareString)) {
      if (other !== session && other.presence !== undefined) {
        session.send(withAttrs(other.presence, { to: me.bareString }));
      }
    }
    for (const item of roster.values()) {
      if (!isWatching(item.state)) continue;
      for (const theirs of sessions.of(item.contact)) {
        // An available resource has its roster loaded; its own word counts, not ours.
        const ours = rosters.peek(item.contact)?.get(me.bareString);
        if (theirs.presence === undefined || ours === undefined || !watches(ours.state)) continue;
        if (theirs.jid.domainpart !== domain.domainpart) continue;
        session.send(withAttrs(theirs.presence, { to: me.bareString }));
      }
    }
  }

  #broadcast(session: Session, stanza: Element, roster: Roster): void {
    const shared = new SharedPresence(stanza);
    this.#toContacts(shared, session.jid, roster);
    this.#toOwnResources(shared, session.jid);
    // Section 4.4.2: those with directed presence get later changes only from the client itself.
  }

  #toContacts(shared: SharedPresence, from: Jid, roster: Roster | undefined): void {
    if (roster === undefined) return;
    for (const item of roster.values()) {
      if (watches(item.state)) this.#toContact(shared, from, item.contact);
    }
  }

  #toContact(shared: SharedPresence, from: Jid, contact: string): void {
    let text: string | undefined;
    let local = false;
    for (const session of this.#core.sessions.of(contact)) {
      local = true;
      if (!session.available) continue;
      text ??= shared.textFor(contact);
      session.sendText(text);
    }
    if (local) return;
    // Cheap test first: most contacts without a session are local users who are offline.
    if (contact.endsWith(`@${this.#core.domain.domainpart}`)) return;
    this.#toOne(shared, from, Jid.fromTrusted(contact));
  }

  #toOne(shared: SharedPresence, from: Jid, contact: Jid): void {
    const to = contact.toString();
    if (isLocalUser(this.#core, contact)) {
      for (const session of this.#core.sessions.of(contact.bareString)) {
        if (session.available && (contact.isBare || session.jid.equals(contact))) session.sendText(shared.textFor(to));
      }
      return;
    }
    const component = this.#core.component(contact.domainpart);
    if (component !== undefined) this.#detached(component.handle(shared.stanzaFor(to), from, contact));
  }

  #toOwnResources(shared: SharedPresence, from: Jid): void {
    let text: string | undefined;
    for (const other of this.#core.sessions.of(from.bareString)) {
      if (!other.available) continue;
      text ??= shared.textFor(from.bareString);
      other.sendText(text);
    }
  }

  // Section 3.1.3: a request is delivered to each new available resource until it is answered.
  #deliverRequests(session: Session, roster: Roster): void {
    for (const item of roster.values()) {
      if (!isPendingIn(item.state)) continue;
      session.send(
        item.pendingSubscribe === ""
          ? presence({ type: "subscribe", from: item.contact, to: session.jid.bareString })
          : (parse(item.pendingSubscribe) as Element),
      );
    }
  }

  async #probeComponents(session: Session, roster: Roster): Promise<void> {
    for (const item of [...roster.values()]) {
      if (!isWatching(item.state)) continue;
      const contact = Jid.fromTrusted(item.contact);
      await this.#core.component(contact.domainpart)?.probe(session.jid.bare(), contact, session);
    }
  }

  // Section 4.6.3: who had directed presence is told of the end.
  #endDirected(session: Session, stanza: Element | undefined): void {
    if (session.directed.size === 0) return;
    const leaving = new SharedPresence(stanza ?? presence({ type: "unavailable", from: session.jid.toString() }));
    const receivers = [...session.directed.values()];
    session.directed.clear();
    for (const receiver of receivers) this.#toOne(leaving, session.jid, receiver);
  }

  #reply(stanza: Element, from: Jid): void {
    this.#detached(this.#core.route(stanza, from));
  }

  // Presence has no answer that a sender waits for; a failure behind it is still a failure to log.
  #detached(outcome: RouteResult): void {
    if (outcome instanceof Promise) {
      outcome.catch((error: unknown) => this.#core.log.error({ error }, "presence-failed"));
    }
  }
}
