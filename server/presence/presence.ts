// Availability of local users (RFC 6121 section 4): initial and later presence, broadcast, probes, directed presence, and
// what goes out when a session ends. Two of whom one blocks the other have none of each other's (XEP-0191 section 3.3).

import { type Element, parse } from "ltx";
import type { SubscriptionState } from "../../storage/store.ts";
import { type BlockList, blocks, matches } from "../blocking/rules.ts";
import { Jid } from "../jid.ts";
import type { Offline } from "../offline/offline.ts";
import type { Roster } from "../roster/rosters.ts";
import { isPendingIn, isWatching, watches } from "../roster/subscription.ts";
import type { Core, RouteOutcome, RouteResult } from "../router/routing.ts";
import { isLocalUser } from "../router/routing.ts";
import type { Session } from "../session/session.ts";
import { attr, child, presence, presencePriority, textOf, withAttrs } from "../stanza.ts";
import { withChildren } from "../xml/serialize.ts";
import { isOptedOut, type PhotoHashes, unmarked, withoutPhoto } from "./photo-hashes.ts";
import { SharedPresence } from "./shared-presence.ts";

export class Presence {
  readonly #core: Core;
  readonly #offline: Offline;
  readonly #photos: PhotoHashes;

  constructor(core: Core, offline: Offline, photos: PhotoHashes) {
    this.#core = core;
    this.#offline = offline;
    this.#photos = photos;
  }

  // ---- what a client sends

  /** Presence without `to` and without type: initial (section 4.2.2) or a change (section 4.4.2). */
  async available(session: Session, said: Element): Promise<RouteOutcome> {
    session.becoming = said;
    const owner = session.jid.bareString;
    await this.#core.blocking.of(owner); // an available resource has its block list loaded
    await this.#photos.load(session.jid);
    const roster = await this.#core.rosters.load(owner);
    if (this.#core.sessions.get(session.jid) !== session) {
      this.releaseIfGone(owner);
      return undefined; // it ended meanwhile
    }
    const initial = !session.available;
    const couldReceive = session.available && session.priority >= 0;
    const prioritized = withoutOddPriority(said);
    const priority = presencePriority(prioritized);
    // All in one turn: what changes before it is seen here, and what changes after it is sent to an available resource.
    const become = (): void => {
      if (this.#core.sessions.get(session.jid) !== session || session.becoming !== said) return; // it said more since
      const stanza = this.#photos.mark(prioritized, owner);
      session.presence = stanza;
      session.priority = priority;
      session.arriving = undefined; // not before: of what was counted as handled, one or the other must be on disk
      if (initial) this.#greet(session, roster);
      this.#broadcast(session, stanza, roster);
      if (initial) this.#deliverRequests(session, roster);
      void this.#core.hooks.notify("available", session, initial);
    };
    // Messages that wait come before any that arrive from now on.
    if (couldReceive || priority < 0) become();
    else if (!(await this.#offline.flush(session, become)) && session.becoming === said) session.arriving = said;
    if (initial && session.available) await this.#probeComponents(session, roster);
    return undefined;
  }

  /** The session's client is back: messages that were too many for it before, and after a restart everybody's presence. */
  async resumed(session: Session, afterRestart: boolean): Promise<void> {
    const { arriving } = session;
    if (arriving !== undefined) {
      try {
        await this.available(session, arriving);
      } catch (error) {
        if (session.becoming === arriving) session.arriving = arriving;
        throw error;
      }
      return;
    }
    if (!session.available) return;
    const owner = session.jid.bareString;
    const roster = await this.#core.rosters.load(owner);
    if (this.#core.sessions.get(session.jid) !== session) return this.releaseIfGone(owner);
    if (afterRestart) {
      this.#greet(session, roster);
      this.#tellWhoIsGone(session, roster);
      this.#deliverRequests(session, roster);
    }
    if (session.priority >= 0) await this.#offline.flush(session, () => {});
    if (afterRestart) await this.#probeComponents(session, roster);
  }

  // The client may still take them for available: what it was told before the restart is not kept.
  #tellWhoIsGone(session: Session, roster: Roster): void {
    const { sessions, blocking } = this.#core;
    for (const { state, contact } of roster.values()) {
      if (!isWatching(state)) continue;
      const jid = Jid.fromTrusted(contact);
      if (!isLocalUser(this.#core, jid) || blocking.blocksNow(session.jid, jid)) continue;
      if (sessions.available(contact).length > 0 && !blocking.blocksNow(jid, session.jid)) continue;
      session.send(presence({ type: "unavailable", from: contact, to: session.jid.bareString }));
    }
  }

  /** Presence of type unavailable without `to`, or the end of the session (section 4.5.2). */
  unavailable(session: Session, stanza: Element | undefined): void {
    const { jid } = session;
    const shared = new SharedPresence(stanza ?? presence({ type: "unavailable", from: jid.toString() }));
    session.arriving = undefined;
    session.becoming = undefined;
    let told: (receiver: Jid) => boolean = () => false;
    if (session.available) {
      session.presence = undefined;
      const roster = this.#core.rosters.peek(jid.bareString);
      this.#toContacts(shared, jid, roster);
      this.#toOwnResources(shared, jid);
      if (this.#core.sessions.get(jid) === session)
        session.sendPresence(shared.textFor(jid.toString()), jid.toString());
      told = (receiver) => this.#hadBroadcast(receiver, jid, roster);
      void this.#core.hooks.notify("unavailable", session, stanza);
    }
    // Section 4.6.3: who had directed presence is told of the end, once.
    const receivers = [...session.directed.values()].filter((receiver) => !told(receiver));
    session.undirectAll();
    for (const receiver of receivers) this.#toOne(shared, jid, receiver);
  }

  /** Directed presence (section 4.6.3), after it was routed without an error. */
  directed(session: Session, to: Jid, available: boolean): void {
    const key = to.toString();
    session.changed();
    if (!available) {
      session.undirect(key);
      return;
    }
    const item = this.#core.rosters.peek(session.jid.bareString)?.get(to.bareString);
    // A subscriber hears of the end through the broadcast, unless there will be none (case 3).
    if (!session.available || item === undefined || !watches(item.state)) session.direct(key, to);
  }

  /** Directed available presence as it goes on: with the hash of the avatar (XEP-0398 1.0.0 section 4). */
  marked(session: Session, stanza: Element): Element | Promise<Element> {
    const owner = session.jid.bareString;
    const loading = this.#photos.load(session.jid);
    if (loading === undefined) return this.#photos.mark(stanza, owner);
    return loading.then(() => {
      const marked = this.#photos.mark(stanza, owner);
      this.releaseIfGone(owner); // it ended meanwhile
      return marked;
    });
  }

  /**
   * The account has another picture in its vCard, or none: its resources' presence says so to whom it is broadcast, but not
   * to whom it was directed (XEP-0398 1.0.0 section 5.1).
   */
  photoChanged(account: Jid, hash: string | undefined): void {
    const owner = account.bareString;
    const { sessions, rosters } = this.#core;
    if (!sessions.has(owner) || !this.#photos.set(owner, hash)) return;
    for (const session of sessions.available(owner)) {
      const before = session.presence as Element;
      const roster = rosters.peek(owner);
      if (isOptedOut(before) || roster === undefined) continue;
      const after = hash === undefined ? unmarked(before) : this.#photos.mark(before, owner);
      if (after === before) continue;
      session.presence = after;
      // XEP-0153 section 4.1: an empty photo element says that there is none; who comes later needs not be told.
      this.#broadcast(session, hash === undefined ? withoutPhoto(before) : after, roster);
    }
  }

  /** Whether the resource may direct presence to one more address: all of them must be told of its end. */
  mayDirect(session: Session, to: Jid): boolean {
    return session.directed.size < this.#core.limits.rosterItems || session.directed.has(to.toString());
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
   * same answer. Source: RFC 6121 sections 4.3.2 and 4.6.6.
   * @returns `unsubscribed` for the asker, which is left to the caller: it changes the asker's roster
   */
  async probed(stanza: Element, from: Jid, to: Jid): Promise<Element | undefined> {
    const item = await this.#core.rosters.item(to.bareString, from.bareString);
    const allowed = from.bareString === to.bareString || (item !== undefined && watches(item.state));
    const seen = this.#core.sessions.available(to.bareString);
    if (allowed && to.isBare && seen.length > 0) {
      for (const session of seen) {
        this.#reply(withAttrs(session.presence as Element, { to: from.toString() }), session.jid);
      }
      return undefined;
    }
    let answered = false;
    // Only that a resource is available, not more: to who asks for that one, and to who had its directed presence.
    const directed = (session: Session): boolean =>
      session.directed.has(from.toString()) || session.directed.has(from.bareString);
    for (const session of this.#core.sessions.of(to.bareString)) {
      if (!to.isBare && !session.jid.equals(to)) continue;
      if (!(allowed && session.available) && !directed(session)) continue;
      this.#reply(presence({ from: session.jid.toString(), to: from.toString() }), session.jid);
      answered = true;
    }
    if (answered || (allowed && !to.isBare)) return undefined;
    const reply = presence({
      type: allowed ? "unavailable" : "unsubscribed",
      from: to.bareString,
      to: from.toString(),
    });
    const id = attr(stanza, "id"); // mirrored (section 4.3.2.1)
    const answer = id === undefined ? reply : withAttrs(reply, { id });
    if (!allowed) return answer;
    this.#reply(answer, to);
    return undefined;
  }

  /** Sends the current presence of all available resources to one contact (section 3.1.5). */
  sendCurrent(user: Jid, contact: Jid): void {
    for (const session of this.#core.sessions.available(user.bareString)) {
      this.#toOne(new SharedPresence(session.presence as Element), session.jid, contact);
      session.undirect(contact.bareString);
    }
    if (isLocalUser(this.#core, contact) && !this.#core.blocking.apart(user, contact)) {
      void this.#core.hooks.notify("subscribed", contact.bare(), user);
    }
  }

  /** Tells one contact that every resource that it could see is gone (sections 3.2.2, 3.3.3, 4.6.1). */
  sendUnavailable(user: Jid, contact: Jid): void {
    for (const session of this.#core.sessions.of(user.bareString)) {
      const directed = [...session.directed].filter(([, receiver]) => receiver.bareString === contact.bareString);
      for (const [key] of directed) session.undirect(key);
      if (!session.available && directed.length === 0) continue;
      const gone = presence({ type: "unavailable", from: session.jid.toString() });
      this.#toOne(new SharedPresence(gone), session.jid, contact);
    }
  }

  /**
   * The user blocks what a list matches: unavailable presence goes to all of that who could see a resource.
   * @param block puts it in force. Before anything is sent: a document of the user is made as its watcher may see it
   * Source: XEP-0191 section 3.3.
   */
  hideFrom(user: Jid, list: BlockList, block: () => void): void {
    const { blocking } = this.#core;
    const seeing = (receiver: Jid): boolean => !blocking.blocksNow(user, receiver);
    const contacts = this.#contactsIn(list, user, watches).filter(seeing);
    const told: { readonly from: Jid; readonly to: readonly Jid[] }[] = [];
    for (const session of this.#core.sessions.of(user.bareString)) {
      const to = new Map((session.available ? contacts : []).map((contact) => [contact.toString(), contact]));
      for (const [key, receiver] of session.directed) {
        if (!blocks(list, user, receiver)) continue;
        session.undirect(key);
        session.changed();
        if (!to.has(receiver.bareString) && seeing(receiver)) to.set(key, receiver);
      }
      told.push({ from: session.jid, to: [...to.values()] });
    }
    block();
    for (const { from, to } of told) {
      const gone = new SharedPresence(presence({ type: "unavailable", from: from.toString() }));
      for (const contact of to) this.#toOne(gone, from, contact, (receiver) => blocking.blocksNow(receiver, from));
    }
  }

  /**
   * The user no longer blocks what a list matches: who may see the user does so again, and the user sees them.
   * Source: XEP-0191 section 3.4, which has the first half.
   */
  showTo(user: Jid, list: BlockList): void {
    for (const contact of this.#contactsIn(list, user, watches)) this.sendCurrent(user, contact);
    const roster = this.#core.rosters.peek(user.bareString);
    const contacts = this.#contactsIn(list, user, isWatching);
    for (const session of this.#core.sessions.available(user.bareString)) {
      for (const contact of contacts) this.#seeAgain(session, contact);
      if (roster !== undefined) this.#deliverRequests(session, roster, list);
    }
    for (const contact of contacts) {
      if (isLocalUser(this.#core, contact) && !this.#core.blocking.apart(user, contact)) {
        void this.#core.hooks.notify("subscribed", user, contact.bare());
      }
    }
  }

  /** Forgets the roster of an account without sessions. */
  releaseIfGone(owner: string): void {
    if (this.#core.sessions.has(owner)) return;
    this.#core.rosters.release(owner);
    this.#core.blocking.release(owner);
    this.#photos.release(owner);
  }

  // ----

  // Sections 4.2.2 and 4.3: what a new resource learns of its own account and of the contacts on this server.
  #greet(session: Session, roster: Roster): void {
    const me = session.jid;
    const { sessions } = this.#core;
    for (const other of sessions.of(me.bareString)) {
      if (other !== session && other.presence !== undefined) {
        session.send(withAttrs(other.presence, { to: me.bareString }));
      }
    }
    for (const item of roster.values()) if (isWatching(item.state)) this.#showContact(session, item.contact);
  }

  // The resources of a contact on this server, or one of them.
  #showContact(session: Session, contact: string, resourcepart?: string): void {
    const me = session.jid;
    const { sessions, rosters, domain, blocking } = this.#core;
    for (const theirs of sessions.of(contact)) {
      // An available resource has its roster loaded; its own word counts, not ours.
      const ours = rosters.peek(contact)?.get(me.bareString);
      if (theirs.presence === undefined || ours === undefined || !watches(ours.state)) continue;
      if (theirs.jid.domainpart !== domain.domainpart) continue;
      if (resourcepart !== undefined && theirs.jid.resourcepart !== resourcepart) continue;
      if (blocking.apart(me, theirs.jid)) continue;
      session.send(withAttrs(theirs.presence, { to: me.bareString }));
    }
  }

  #seeAgain(session: Session, contact: Jid): void {
    if (isLocalUser(this.#core, contact)) {
      this.#showContact(session, contact.bareString, contact.resourcepart);
      return;
    }
    if (this.#core.blocking.blocksNow(session.jid, contact)) return; // another entry of the list still matches
    const component = this.#core.component(contact.domainpart);
    if (component === undefined) return;
    this.#detached(Promise.resolve(component.probe(session.jid.bare(), contact.bare(), session)).then(() => undefined));
  }

  /**
   * The contacts of a user in such a state that a list matches; where it names one resource of such a contact, that one.
   * @returns bare or full JIDs
   */
  #contactsIn(list: BlockList, user: Jid, has: (state: SubscriptionState) => boolean): Jid[] {
    const roster = this.#core.rosters.peek(user.bareString);
    if (roster === undefined || list.size === 0) return [];
    const named = [...list].map((text) => Jid.fromTrusted(text));
    const resources = named.filter((jid) => jid.localpart !== undefined && !jid.isBare && !list.has(jid.bareString));
    return [...roster.values()]
      .filter(({ state }) => has(state))
      .flatMap(({ contact }) => {
        const jid = Jid.fromTrusted(contact);
        return blocks(list, user, jid) ? [jid] : resources.filter(({ bareString }) => bareString === contact);
      });
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
      if (!session.available || this.#core.blocking.apart(from, session.jid)) continue;
      text ??= shared.textFor(contact);
      session.sendPresence(text, from.toString());
    }
    if (local) return;
    // Cheap test first: most contacts without a session are local users who are offline.
    if (contact.endsWith(`@${this.#core.domain.domainpart}`)) return;
    this.#toOne(shared, from, Jid.fromTrusted(contact));
  }

  #toOne(
    shared: SharedPresence,
    from: Jid,
    contact: Jid,
    hidden = (receiver: Jid): boolean => this.#core.blocking.apart(from, receiver),
  ): void {
    const to = contact.toString();
    if (isLocalUser(this.#core, contact)) {
      for (const session of this.#core.sessions.of(contact.bareString)) {
        // Section 8.5.3.1: a full JID reaches its resource, available or only connected.
        const meant = contact.isBare ? session.available : session.jid.equals(contact);
        if (meant && !hidden(session.jid)) {
          session.sendPresence(shared.textFor(to), from.toString());
        }
      }
      return;
    }
    const component = this.#core.component(contact.domainpart);
    if (component === undefined || hidden(contact)) return;
    this.#detached(component.handle(shared.stanzaFor(to), from, contact));
  }

  #toOwnResources(shared: SharedPresence, from: Jid): void {
    let text: string | undefined;
    for (const other of this.#core.sessions.of(from.bareString)) {
      if (!other.available) continue;
      text ??= shared.textFor(from.bareString);
      other.sendPresence(text, from.toString());
    }
  }

  // Section 3.1.3: a request is delivered to each new available resource until it is answered.
  #deliverRequests(session: Session, roster: Roster, only?: BlockList): void {
    for (const item of roster.values()) {
      if (!isPendingIn(item.state)) continue;
      const contact = Jid.fromTrusted(item.contact);
      if (this.#core.blocking.blocksNow(session.jid, contact) || (only && !matches(only, contact))) continue;
      session.send(
        item.pendingSubscribe === ""
          ? presence({ type: "subscribe", from: item.contact, to: session.jid.bareString })
          : (parse(item.pendingSubscribe) as Element),
      );
    }
  }

  async #probeComponents(session: Session, roster: Roster): Promise<void> {
    const local = `@${this.#core.domain.domainpart}`;
    const elsewhere = [...roster.values()].filter(
      ({ state, contact }) => isWatching(state) && !contact.endsWith(local),
    );
    for (const item of elsewhere) {
      const contact = Jid.fromTrusted(item.contact);
      if (this.#core.blocking.blocksNow(session.jid, contact)) continue;
      await this.#core.component(contact.domainpart)?.probe(session.jid.bare(), contact, session);
    }
  }

  // Whether the broadcast of `from`'s end has reached an address that also had directed presence.
  #hadBroadcast(receiver: Jid, from: Jid, roster: Roster | undefined): boolean {
    const item = roster?.get(receiver.bareString);
    if (receiver.bareString !== from.bareString && (item === undefined || !watches(item.state))) return false;
    return receiver.isBare || this.#core.sessions.get(receiver)?.available !== false;
  }

  #reply(stanza: Element, from: Jid): void {
    this.#detached(this.#core.route(stanza, from));
  }

  // Presence has no answer that a sender waits for; a failure behind it is still a failure to log.
  #detached(outcome: RouteResult): void {
    if (outcome instanceof Promise) {
      outcome.catch((err: unknown) => this.#core.log.error({ err }, "presence-failed"));
    }
  }
}

// Section 4.7.2.3: a priority that counts as another must be told as that other; none at all says 0.
function withoutOddPriority(stanza: Element): Element {
  const priority = child(stanza, "priority");
  if (priority === undefined || presencePriority(stanza) === Number(textOf(priority))) return stanza;
  return withChildren(
    stanza,
    (stanza.children as (Element | string)[]).filter((node) => node !== priority),
  );
}
