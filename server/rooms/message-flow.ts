// Messages through a room: to all (XEP-0045 1.35.1 section 7.4), to one (7.5), and those that the room itself acts on.
//
// A message to all is in the room's archive, and with it that its sender's stanza was handled, before anybody sees it.

import type { Element } from "ltx";
import type { ArchivedMessage } from "../../storage/store.ts";
import { newStanzaId, withoutForgedIds, withStanzaId } from "../archive/stanza-id.ts";
import type { Config } from "../config.ts";
import { type StanzaError, stanzaError } from "../errors.ts";
import type { Jid } from "../jid.ts";
import type { Core, RouteOutcome, RouteResult } from "../router/routing.ts";
import type { SessionJournal } from "../session/journal.ts";
import { attr, messageType, withAttrs } from "../stanza.ts";
import { serialize } from "../xml/serialize.ts";
import { roleRefusal } from "./affiliation.ts";
import { Broadcast } from "./broadcast.ts";
import type { Delivery } from "./delivery.ts";
import { askForVoice, decline, invite, isDecline, isInvitation, voiceForm } from "./invitations.ts";
import { authorOf, retractedBy, tombstone } from "./moderation.ts";
import { type Rates, tooFast } from "./rates.ts";
import { type ActiveRoom, isHistory, type RoomRegistry } from "./registry.ts";
import { archiveEntry } from "./room-archive.ts";
import { type GroupMessage, groupMessage, privateMessage } from "./room-messages.ts";
import { SharedStanza } from "./shared-stanza.ts";

export type FlowParts = {
  readonly core: Core;
  readonly config: Config["rooms"];
  readonly registry: RoomRegistry;
  readonly delivery: Delivery;
  readonly rates: Rates;
};

/** What a room tells everybody, on its way. */
type Outgoing = {
  readonly stanza: Element;
  /** Bare JID; the room's, of what it says itself. */
  readonly author: Jid;
  readonly authorId: string;
  readonly archived: boolean;
  readonly subject?: boolean;
};

export class RoomMessages {
  readonly #parts: FlowParts & { readonly journal: SessionJournal };

  constructor(parts: FlowParts & { readonly journal: SessionJournal }) {
    this.#parts = parts;
  }

  handle(active: ActiveRoom, stanza: Element, from: Jid, to: Jid, accepted?: () => void): RouteResult {
    if (to.resourcepart !== undefined) return this.#private(active, stanza, from, to.resourcepart, accepted);
    if (messageType(stanza) === "groupchat") return this.#toAll(active, stanza, from, accepted);
    if (isInvitation(stanza)) return this.#invite(active, stanza, from, accepted);
    if (isDecline(stanza)) return this.#decline(active, stanza, from, accepted);
    if (voiceForm(stanza) !== undefined) return this.#voice(active, stanza, from);
    return stanzaError("bad-request", "a message to a room is of type groupchat"); // section 17.2, rule 1
  }

  #limit(active: ActiveRoom, stanza: Element, from: Jid): StanzaError | undefined {
    const { rates, config } = this.#parts;
    if (!rates.take(`${active.room.address.toString()} ${from.bareString}`)) return tooFast();
    if (Buffer.byteLength(serialize(stanza)) <= config.messageBytes) return undefined;
    return stanzaError("policy-violation", `a message here may have ${config.messageBytes} bytes (rooms.messageBytes)`);
  }

  // ---- to all

  #toAll(active: ActiveRoom, stanza: Element, from: Jid, accepted?: () => void): RouteResult {
    const { room } = active;
    const rules = { subjectCharacters: this.#parts.config.subjectCharacters, newId: newStanzaId };
    const message = groupMessage(room, from, stanza, rules);
    if (message.kind === "error") return message;
    const refused = this.#limit(active, stanza, from);
    if (refused !== undefined) return refused;
    return this.broadcast(active, outgoing(active, message), accepted);
  }

  /** Stores what a room tells everybody, and sends it when that is on disk. */
  async broadcast(active: ActiveRoom, message: Outgoing, accepted?: () => void): Promise<undefined> {
    const { core, delivery, registry, journal } = this.#parts;
    const { room } = active;
    const at = core.clock.now();
    const id = core.store.archive.newId();
    const owner = room.address.toString();
    const stanza = message.archived ? withStanzaId(message.stanza, owner, id) : withoutForgedIds(message.stanza, owner);
    const shared = new SharedStanza(stanza);
    const broadcast = new Broadcast(delivery, shared, at);
    for (const jid of room.everyone()) broadcast.add(jid);
    active.flying.add(broadcast);
    // From here to the first await: one turn, and so one transaction.
    const rows: ArchivedMessage[] = message.archived ? [archiveEntry(room, stanza, message.author, id, at)] : [];
    if (message.subject) room.setSubject(serialize(stanza), at);
    accepted?.();
    const written: Promise<unknown>[] = [journal.committed()];
    if (rows.length > 0) written.push(core.store.archive.add(rows));
    written.push(registry.commit(active));
    try {
      await Promise.all(written);
    } catch (error) {
      active.flying.delete(broadcast);
      broadcast.cancel();
      throw error;
    }
    active.flying.delete(broadcast);
    if (!message.subject && isArchivedOrBody(message) && isHistory(stanza)) {
      active.room.history.add(stanza, { id: message.archived ? id : "", author: message.authorId, at });
    }
    broadcast.release();
    const retracted = retractedBy(stanza);
    if (retracted !== undefined && message.archived) {
      // Everybody has been told: whatever becomes of the tombstone, the sender's message was taken.
      await this.#retract(active, retracted, message, stanza).catch((err: unknown) => {
        core.log.error({ err, room: owner }, "retracted-message-stays");
      });
    }
    return undefined;
  }

  // XEP-0424 section 5: what its author took back is shown to nobody who comes later.
  async #retract(active: ActiveRoom, id: string, { authorId }: Outgoing, retraction: Element): Promise<void> {
    const { store, clock } = this.#parts.core;
    const owner = active.room.address.toString();
    const original = (await store.archive.page(owner, { ids: [id], backward: false, limit: 1 }))?.messages[0];
    if (original === undefined || authorOf(original.xml) !== authorId) return;
    active.room.history.remove(id);
    const stone = tombstone(original.xml, { retraction: attr(retraction, "id") ?? "", at: clock.now() });
    await store.archive.replace(owner, id, stone);
  }

  // ---- to one

  #private(active: ActiveRoom, stanza: Element, from: Jid, nick: string, accepted?: () => void): RouteResult {
    const message = privateMessage(active.room, from, nick, stanza);
    if ("kind" in message) return message;
    const refused = this.#limit(active, stanza, from);
    if (refused !== undefined) return refused;
    const { delivery } = this.#parts;
    // By the ways of any message to the client that spoke last, and so into its user's archive; the others get it besides.
    const [lead, ...others] = message.to.jids.reverse();
    if (lead === undefined) return stanzaError("item-not-found");
    const outcome = delivery.route(withAttrs(message.stanza, { to: lead.toString() }));
    const done = (refusal: RouteOutcome): RouteOutcome => {
      if (refusal !== undefined) return stanzaError("service-unavailable", "the message could not be delivered");
      delivery.send([{ stanza: new SharedStanza(message.stanza), to: others }]);
      accepted?.();
      return undefined;
    };
    return outcome instanceof Promise ? outcome.then(done) : done(outcome);
  }

  /** An error about a private message goes back to who sent it. */
  bounced(active: ActiveRoom | undefined, stanza: Element, from: Jid, to: Jid): void {
    const author = active?.room.occupantOf(from);
    const target = to.resourcepart === undefined ? undefined : active?.room.byNick(to.resourcepart);
    if (active === undefined || author === undefined || target === undefined) return;
    if (!this.#parts.rates.take(`${to.bareString} ${from.bareString}`)) return;
    const message = privateMessage(active.room, from, target.nick, stanza);
    if (!("kind" in message))
      this.#parts.delivery.send([{ stanza: new SharedStanza(message.stanza), to: target.jids }]);
  }

  // ---- what the room acts on

  async #invite(active: ActiveRoom, stanza: Element, from: Jid, accepted?: () => void): Promise<RouteOutcome> {
    const { registry, delivery, config } = this.#parts;
    const { room } = active;
    const refused = this.#limit(active, stanza, from);
    if (refused !== undefined) return refused;
    const invitation = invite(room, from, stanza, config.reasonCharacters);
    if ("kind" in invitation) return invitation;
    if (room.affiliationCount + invitation.members.length > config.affiliationsPerRoom) {
      return stanzaError("resource-constraint", "the room has as many members as it may (rooms.affiliationsPerRoom)");
    }
    const told = invitation.members.flatMap((member) =>
      room.setAffiliation({ jid: member.toString(), affiliation: "member", reason: "" }),
    );
    await registry.commit(active);
    delivery.send(told);
    for (const { stanza: invited, to } of invitation.sends) {
      // What becomes of it is not told: nobody is to learn who exists.
      for (const jid of to) await delivery.route(invited.stanzaFor(jid.toString()));
    }
    accepted?.();
    return undefined;
  }

  #decline(active: ActiveRoom, stanza: Element, from: Jid, accepted?: () => void): RouteOutcome {
    const sends = decline(active.room, from, stanza, this.#parts.config.reasonCharacters);
    if ("kind" in sends) return sends;
    this.#parts.delivery.send(sends);
    accepted?.();
    return undefined;
  }

  // Sections 7.13 and 8.6
  #voice(active: ActiveRoom, stanza: Element, from: Jid): RouteOutcome {
    const { room } = active;
    const { delivery, registry } = this.#parts;
    const occupant = room.occupantOf(from);
    const fields = voiceForm(stanza);
    if (occupant === undefined || fields === undefined)
      return stanzaError("not-acceptable", "you are not in this room");
    const refused = this.#limit(active, stanza, from);
    if (refused !== undefined) return refused;
    const nick = fields.get("muc#roomnick");
    if (nick === undefined || !fields.has("muc#request_allow")) {
      if (occupant.role !== "visitor") return stanzaError("bad-request", "you have voice");
      delivery.send(askForVoice(room, occupant, newStanzaId()));
      return undefined;
    }
    const visitor = room.byNick(nick);
    if (visitor === undefined) return stanzaError("item-not-found");
    const forbidden = roleRefusal(room.standing(occupant), room.standing(visitor), "participant");
    if (forbidden !== undefined) return stanzaError(forbidden);
    const allow = fields.get("muc#request_allow");
    if (visitor.role !== "visitor" || (allow !== "1" && allow !== "true")) return undefined;
    delivery.send(room.setRole(visitor, "participant"));
    registry.save(active);
    return undefined;
  }
}

function outgoing({ room }: ActiveRoom, { kind, author, stanza, archived }: GroupMessage): Outgoing {
  const authorId = room.occupantId(author.user);
  return { stanza, author: author.user, authorId, archived, subject: kind === "subject" };
}

// A room without an archive still has a history of what was said.
function isArchivedOrBody({ archived, stanza }: Outgoing): boolean {
  return archived || stanza.getChild("body") !== undefined;
}
