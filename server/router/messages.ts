// Messages (RFC 6121 section 8.5): the rules of delivery.ts carried out, with the archives (XEP-0313) and the other devices
// (XEP-0280) of both sides.
//
// Whatever a message causes to be stored is written in one turn of the event loop, and so in one transaction: both archive
// rows, the offline message or the entries of managed sessions (XEP-0198), and that its sender's stanza was handled. It
// goes out when that is on disk. A message that stores nothing goes out at once.

import { randomBytes } from "node:crypto";
import type { Element } from "ltx";
import { isArchivable } from "../archive/archivable.ts";
import type { Archive } from "../archive/archive.ts";
import { withoutForgedIds, withStanzaId } from "../archive/stanza-id.ts";
import type { EpochMs } from "../clock.ts";
import { type StanzaError, stanzaError } from "../errors.ts";
import { Jid } from "../jid.ts";
import { Offline } from "../offline/offline.ts";
import type { SessionJournal } from "../session/journal.ts";
import type { Saving } from "../session/parcel.ts";
import type { Session } from "../session/session.ts";
import { attr, messageType } from "../stanza.ts";
import { serialize } from "../xml/serialize.ts";
import { type CarbonDirection, carbonOf, carbonTargets, isCarbonEligible } from "./carbons.ts";
import { type Delivery, deliverMessage } from "./delivery.ts";
import { Mail } from "./mail.ts";
import { type Core, isLocalUser, type RouteOutcome, type RouteResult } from "./routing.ts";

/** Others have their turn between so many errors to the senders of what an overflowing resource had not taken. */
const REFUSED_PER_TURN = 100;

export type MessageParts = {
  readonly offline: Offline;
  /** Undefined: nothing is archived. */
  readonly archive: Archive | undefined;
  readonly journal: SessionJournal;
  /** How many messages a session may leave, which the offline store takes beyond its bound. */
  readonly queueStanzas: number;
};

/** A message that a session had, as it was sent, and when it was accepted. */
export type AcceptedMessage = { readonly stanza: Element; readonly at: EpochMs };

/** What has to be known before a message can be decided on in one turn. */
type Known = {
  readonly senderKeeps: boolean;
  readonly recipientKeeps: boolean;
  /** Of a local recipient. */
  readonly exists: boolean;
};

const NOTHING_KNOWN: Known = { senderKeeps: false, recipientKeeps: false, exists: true };

export class Messages {
  readonly #core: Core;
  readonly #offline: Offline;
  readonly #archive: Archive | undefined;
  readonly #journal: SessionJournal;
  readonly #queueStanzas: number;
  // Ids of deliveries need only differ from each other, and from those that earlier runs left on disk.
  readonly #run = randomBytes(9).toString("base64url");
  #deliveries = 0;
  readonly #newDelivery = (): string => `${this.#run}${++this.#deliveries}`;

  constructor(core: Core, { offline, archive, journal, queueStanzas }: MessageParts) {
    this.#core = core;
    this.#queueStanzas = queueStanzas;
    this.#offline = offline;
    this.#archive = archive;
    this.#journal = journal;
  }

  /**
   * Delivers, stores or refuses a message to a local user.
   * @param session the one that sent it, where it is one of this server's
   * Errors: service-unavailable. To an account that does not exist a storable message goes the way of one that was stored:
   * the sender cannot tell them apart (RFC 6121 section 8.5.1 leaves the choice).
   */
  deliver(stanza: Element, from: Jid, to: Jid, session: Session | undefined): RouteResult {
    const known = this.#find(stanza, from, to);
    return known instanceof Promise
      ? known.then((found) => this.#accept(stanza, from, to, session, found))
      : this.#accept(stanza, from, to, session, known);
  }

  /**
   * A local user's message to somewhere else.
   * @param handle carries it there; it calls `accepted` in the turn in which what the message causes is written
   */
  send(
    stanza: Element,
    from: Jid,
    to: Jid,
    session: Session | undefined,
    handle: (accepted: () => void) => RouteResult,
  ): RouteResult {
    // Whoever carries it there knows nothing of what is still being written.
    const before = session?.unwritten;
    if (before !== undefined) return before.then(() => this.send(stanza, from, to, session, handle));
    const keeps = isLocalUser(this.#core, from) && isArchivable(stanza) && this.#keeps(from.bareString, to);
    const go = (senderKeeps: boolean): RouteResult => {
      let mail: Mail | undefined;
      let written: Promise<unknown> | undefined;
      const outcome = handle(() => {
        mail = this.#mail(stanza, this.#core.clock.now(), savingFor(session));
        this.#addSender(mail, from, to, senderKeeps, session, []);
        written = this.#write(mail, session);
        written?.catch(() => {}); // answered below
      });
      const finish = (refused: RouteOutcome): RouteResult => {
        if (mail === undefined) return refused;
        const sent = mail;
        if (refused !== undefined) sent.cancel();
        else if (written === undefined) sent.release();
        else
          return written
            .then(() => sent.release())
            .then(
              () => undefined,
              (error) => sent.fail(error),
            );
        return refused;
      };
      if (!(outcome instanceof Promise)) return finish(outcome);
      return outcome.then(finish, (error: unknown) => {
        mail?.cancel();
        throw error;
      });
    };
    return keeps instanceof Promise ? keeps.then(go) : go(keeps);
  }

  #mail(stanza: Element, at: EpochMs, saving: Saving): Mail {
    return new Mail(stanza, at, this.#newDelivery, saving);
  }

  // ---- what has to be known

  #find(stanza: Element, from: Jid, to: Jid): Known | Promise<Known> {
    const archivable = this.#archive !== undefined && isArchivable(stanza);
    const online = this.#core.sessions.has(to.bareString);
    const storing = !online || this.#decide(stanza, to).kind === "store";
    if (!archivable && !(storing && Offline.isStorable(stanza))) return NOTHING_KNOWN;
    const senderKeeps = archivable && isLocalUser(this.#core, from) && this.#keeps(from.bareString, to);
    const recipientKeeps = archivable && this.#keeps(to.bareString, from);
    const exists = online || this.#core.accountExists(to.localpart as string);
    if (typeof senderKeeps === "boolean" && typeof recipientKeeps === "boolean" && typeof exists === "boolean") {
      return { senderKeeps, recipientKeeps, exists };
    }
    return Promise.all([senderKeeps, recipientKeeps, exists]).then(([sender, recipient, there]) => ({
      senderKeeps: sender,
      recipientKeeps: recipient,
      exists: there,
    }));
  }

  /** Whether the owner keeps what is archivable. */
  #keeps(owner: string, contact: Jid): boolean | Promise<boolean> {
    return this.#archive?.keeps(owner, contact) ?? false;
  }

  // ---- one turn

  #accept(stanza: Element, from: Jid, to: Jid, session: Session | undefined, known: Known): RouteResult {
    const match = to.isBare ? undefined : this.#core.sessions.get(to);
    const delivery: Delivery<Session> =
      match === undefined ? this.#decide(stanza, to) : { kind: "deliver", to: [match] };
    if (delivery.kind === "refuse") return stanzaError("service-unavailable");
    if (delivery.kind === "ignore") return undefined;
    const targets = delivery.kind === "deliver" ? delivery.to : [];
    const storing = delivery.kind === "store" && known.exists && Offline.isStorable(stanza);
    if (storing) {
      // Asked again in the turn of the writing: others may have taken the room since.
      const room = this.#offline.hasRoom(to.bareString);
      if (room instanceof Promise) return room.then(() => this.#accept(stanza, from, to, session, known));
      if (!room) {
        this.#offline.refused(to.bareString);
        return storeFull();
      }
    }
    const clean = withoutForgedIds(stanza, to.bareString);
    const mail = this.#mail(clean, this.#core.clock.now(), savingFor(session));
    const same = from.bareString === to.bareString;
    if (known.recipientKeeps && known.exists) mail.stanza = this.#keep(mail, mail.stanza, to.bareString, from);
    const text = targets.length === 0 ? "" : serialize(mail.stanza);
    for (const target of targets) mail.add(target, text, mail.stanza, true);
    // What waits in the offline store is safe there: a copy of it that is not acknowledged need go nowhere else. Every device
    // that asked for copies gets one all the same (XEP-0280 section 7): another one may be the first to take what waits.
    const wanted = !storing;
    if (same) {
      // What somebody writes to themselves is kept once, and copied once.
      this.#addCopies("sent", mail.stanza, from, { mail, sender: session, recipients: targets, wanted });
    } else {
      this.#addCopies("received", mail.stanza, to, { mail, recipients: targets, wanted });
      if (isLocalUser(this.#core, from)) this.#addSender(mail, from, to, known.senderKeeps, session, targets);
    }
    if (storing) mail.stored = this.#offline.store(to.bareString, mail.stanza, mail.at);
    const written = this.#write(mail, session);
    if (written === undefined) {
      if (mail.release()) this.#arrived(mail);
      return undefined;
    }
    return written.then(
      () => this.#sent(mail),
      (error: unknown) => mail.fail(error),
    );
  }

  async #sent(mail: Mail): Promise<RouteOutcome> {
    if ((await mail.stored) === false) {
      mail.cancel();
      return storeFull();
    }
    // Whoever was to have it left while it was written.
    if (mail.release()) this.#arrived(mail);
    else await this.#deliverAgain(mail.stanza, recipientOf(mail.stanza));
    return undefined;
  }

  #arrived({ stanza, stored, receivers }: Mail): void {
    if (stored === undefined && receivers.length === 0) return;
    void this.#core.hooks.notify("received", recipientOf(stanza).bare(), stanza, receivers);
  }

  /** Undefined: it need not wait for anything, neither for the disk nor for what its sender sent before. */
  #write(mail: Mail, session: Session | undefined): Promise<unknown> | undefined {
    const counts = session?.management?.resumable === true;
    const before = session?.unwritten;
    const writes = mail.journaled || mail.rows.length > 0 || mail.stored !== undefined || counts;
    if (!writes && before === undefined) return undefined;
    session?.accepted();
    const written: Promise<unknown>[] = before === undefined ? [] : [before];
    if (mail.rows.length > 0) written.push(this.#core.store.archive.add(mail.rows));
    if (mail.stored !== undefined) written.push(mail.stored);
    if (mail.journaled || counts) written.push(this.#journal.committed());
    return written.length === 1 ? written[0] : Promise.all(written);
  }

  /** Puts a message into its owner's archive. Returns it as the owner's devices see it, with its id there. */
  #keep(mail: Mail, message: Element, owner: string, contact: Jid): Element {
    const id = this.#core.store.archive.newId();
    mail.rows.push((this.#archive as Archive).entry(owner, contact, message, id, mail.at));
    return withStanzaId(message, owner, id);
  }

  // The sender's side: the archive, and the copies for the sender's other devices.
  #addSender(
    mail: Mail,
    from: Jid,
    to: Jid,
    keeps: boolean,
    sender: Session | undefined,
    recipients: readonly Session[],
  ): void {
    const { original } = mail;
    const owner = from.bareString;
    const copy = keeps ? this.#keep(mail, original, owner, to) : withoutForgedIds(original, owner);
    this.#addCopies("sent", copy, from, { mail, sender, recipients });
  }

  // XEP-0280 sections 7 and 8
  #addCopies(
    direction: CarbonDirection,
    stanza: Element,
    user: Jid,
    {
      mail,
      sender,
      recipients,
      wanted = false,
    }: { mail: Mail; sender?: Session | undefined; recipients: readonly Session[]; wanted?: boolean },
  ): void {
    const targets = carbonTargets(this.#core.sessions.of(user.bareString), { sender, recipients });
    if (targets.length === 0 || !isCarbonEligible(stanza, direction)) return;
    const textFor = carbonOf(direction, stanza, user.bareString);
    for (const target of targets) mail.add(target, textFor(target.jid.toString()), stanza, wanted);
  }

  #decide(stanza: Element, to: Jid): Delivery<Session> {
    return deliverMessage(messageType(stanza), this.#core.sessions.of(to.bareString), { full: !to.isBare });
  }

  // ---- what a resource was sent that is gone

  /**
   * Delivers again what a resource was sent that is gone, and never took: by the rules of a new message, but no faster
   * than the other resources read. One to the bare JID is not repeated to them: they had theirs. It is archived already.
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
      settling.push(
        this.#deliverAgain(message, to).then((error) => {
          if (error !== undefined) refused(message, error);
        }),
      );
    }
    await Promise.all(settling);
  }

  async #deliverAgain(message: Element, to: Jid): Promise<RouteOutcome> {
    const mail = this.#mail(message, this.#core.clock.now(), "now");
    const takers = this.#takers(message, to);
    if (takers.length > 0) {
      const text = serialize(message);
      for (const taker of takers) mail.add(taker, text, message, true);
    } else {
      if (this.#decide(message, to).kind === "refuse") return stanzaError("service-unavailable");
      if (!this.#isForStore(message, to)) return undefined;
      if (!(await this.#core.accountExists(to.localpart as string))) return undefined;
      mail.stored = this.#offline.store(to.bareString, message, mail.at);
    }
    await this.#writeOrFail(mail);
    return this.#sent(mail);
  }

  #takers(message: Element, to: Jid): readonly Session[] {
    const match = to.isBare ? undefined : this.#core.sessions.get(to);
    if (match !== undefined) return [match];
    const delivery = this.#decide(message, to);
    return delivery.kind === "deliver" ? delivery.to : [];
  }

  #isForStore(stanza: Element, to: Jid): boolean {
    return this.#decide(stanza, to).kind === "store" && Offline.isStorable(stanza);
  }

  /**
   * What a managed session ended without its client's having acknowledged, and no other device has: to the account's
   * other devices, else to the offline store, for it was accepted. All is written in the turn of the call, with the end of
   * the session. Source: XEP-0198 section 4, RFC 6121 section 8.5.3.2.1.
   * @param messages oldest first
   * @param refused is called for each that there is no room for
   * @returns those that the store rejected
   */
  async resettle(
    account: string,
    messages: readonly AcceptedMessage[],
    refused: (message: Element, error: StanzaError) => void,
  ): Promise<readonly AcceptedMessage[]> {
    let stored = 0;
    const count = (): void => {
      stored += 1;
    };
    const settling = messages.map(async (message) => {
      try {
        if (!(await this.#resettleOne(account, message, count))) refused(message.stanza, storeFull());
        return undefined;
      } catch {
        return message;
      }
    });
    // A part of them may have been on its way from the store when the connection broke, and others still wait there.
    const sorted = this.#offline.sort(account, stored).catch(() => {}); // refused with the rest, which is tried again
    const left = (await Promise.all(settling)).filter((message) => message !== undefined);
    await sorted;
    return left;
  }

  /** False: there is no room for it. */
  async #resettleOne(account: string, { stanza, at }: AcceptedMessage, storing: () => void): Promise<boolean> {
    const delivery = deliverMessage(messageType(stanza), this.#core.sessions.of(account), { full: false });
    if (delivery.kind === "deliver") {
      const mail = this.#mail(this.#offline.delayed(stanza, at), at, "now");
      const text = serialize(mail.stanza);
      for (const target of delivery.to) mail.add(target, text, mail.stanza, true);
      await this.#writeOrFail(mail);
      await this.#sent(mail);
    } else if (delivery.kind === "store" && Offline.isStorable(stanza)) {
      storing();
      return this.#offline.store(account, stanza, at, this.#core.limits.offlineMessages + this.#queueStanzas);
    }
    return true;
  }

  async #writeOrFail(mail: Mail): Promise<void> {
    await Promise.resolve(this.#write(mail, undefined)).catch((error: unknown) => mail.fail(error));
  }
}

// A client is told that its messages are safe when it asks (XEP-0198 section 4), and one whose session can be resumed with
// each of them, for the count of them is on disk. Anybody else is told by this call's returning.
function savingFor(sender: Session | undefined): Saving {
  return sender === undefined || sender.management?.resumable === true ? "now" : "later";
}

function storeFull(): StanzaError {
  return stanzaError("service-unavailable", "the recipient's offline store is full (limits.offlineMessages)");
}

// RFC 6120 section 10.3.1: one without 'to' is to the sender's own account.
function recipientOf(message: Element): Jid {
  const to = attr(message, "to");
  return to === undefined ? Jid.fromTrusted(attr(message, "from") as string).bare() : Jid.fromTrusted(to);
}
