// Requests to the room service, to a room, and by way of a room to an occupant (XEP-0045 1.35.1 sections 6, 8 to 10 and 17.4;
// XEP-0199, XEP-0313, XEP-0410 1.1.0, XEP-0425, XEP-0486).

import type { Element } from "ltx";
import { archiveForm } from "../archive/data-form.ts";
import { newStanzaId } from "../archive/stanza-id.ts";
import type { Config } from "../config.ts";
import { stanzaError } from "../errors.ts";
import { Jid } from "../jid.ts";
import { NS } from "../namespaces.ts";
import { judge } from "../router/hooks.ts";
import { type Core, isLocalUser, type RouteOutcome, type RouteResult } from "../router/routing.ts";
import { attr, type IqReply, iqReply, namespaceOf, result, Element as Stanza } from "../stanza.ts";
import { listOf, readChanges } from "./admin-lists.ts";
import type { Delivery } from "./delivery.ts";
import type { FlowParts, RoomMessages } from "./message-flow.ts";
import { moderationMessage, moderationRequest, moderatorOf, tombstone } from "./moderation.ts";
import { RoomOwners } from "./owner-requests.ts";
import { tooFast } from "./rates.ts";
import type { ActiveRoom, RoomRegistry } from "./registry.ts";
import { Relay } from "./relay.ts";
import { answerRoomQuery, roomMetadata } from "./room-archive.ts";
import { roomInfo, serviceInfo, serviceItems } from "./room-disco.ts";
import { affiliationMessage } from "./room-elements.ts";
import { type Send, SharedStanza } from "./shared-stanza.ts";

/** What a page of an archive may take of limits.outboxBytes: the client is sent other things, too. */
const OUTBOX_SHARE = 1 / 4;

/** What a reply brings about besides itself: told to those concerned before it, and to the others behind it. */
export type RoomReply = IqReply & { readonly sends?: readonly Send[] };

export type RequestParts = FlowParts & { readonly domain: string; readonly messages: RoomMessages };

export class RoomRequests {
  readonly #core: Core;
  readonly #config: Config["rooms"];
  readonly #registry: RoomRegistry;
  readonly #delivery: Delivery;
  readonly #parts: RequestParts;
  readonly #relay: Relay;
  readonly #owners: RoomOwners;

  constructor(parts: RequestParts) {
    this.#parts = parts;
    this.#core = parts.core;
    this.#config = parts.config;
    this.#registry = parts.registry;
    this.#delivery = parts.delivery;
    this.#relay = new Relay(parts.core.clock);
    this.#owners = new RoomOwners(parts);
  }

  // ---- to the service

  async toService(stanza: Element, from: Jid): Promise<RouteOutcome> {
    const type = attr(stanza, "type");
    if (type !== "get") return type === "set" ? stanzaError("service-unavailable") : undefined;
    const payload = payloadOf(stanza);
    const node = attr(payload, "node");
    switch (namespaceOf(payload)) {
      case NS.discoInfo:
        return this.#answer(
          stanza,
          from,
          node === undefined ? result(serviceInfo("Rooms")) : stanzaError("item-not-found"),
        );
      case NS.discoItems: {
        if (node !== undefined) return stanzaError("item-not-found");
        const items = await serviceItems(this.#core.store.rooms, payload);
        return "kind" in items ? items : this.#answer(stanza, from, result(items));
      }
      case NS.ping:
        return this.#answer(stanza, from, result());
      default:
        return stanzaError("service-unavailable");
    }
  }

  #answer(stanza: Element, from: Jid, reply: IqReply): RouteOutcome {
    if (reply.kind === "error") return reply;
    this.#delivery.reply(iqReply(stanza, reply), from);
    reply.afterwards?.();
    return undefined;
  }

  // ---- to a room

  toRoom(active: ActiveRoom, stanza: Element, from: Jid, to: Jid): RouteResult {
    if (to.resourcepart !== undefined) return this.#toOccupant(active, stanza, from, to);
    const reply = this.#handle(active, stanza, payloadOf(stanza), from);
    const answer = (made: RoomReply): RouteOutcome => {
      const sends = made.sends ?? [];
      const outcome = this.#answer(stanza, from, made);
      this.#delivery.send(sends);
      return outcome;
    };
    return reply instanceof Promise ? reply.then(answer) : answer(reply);
  }

  #handle(active: ActiveRoom, stanza: Element, payload: Element, from: Jid): RoomReply | Promise<RoomReply> {
    const { room } = active;
    const get = attr(stanza, "type") === "get";
    const ns = namespaceOf(payload);
    const key = `${get ? "get" : "set"} ${payload.name} ${ns}`;
    switch (key) {
      case `get query ${NS.discoInfo}`: {
        const info = roomInfo(room, from, payload);
        return "kind" in info ? info : result(info);
      }
      case `get query ${NS.discoItems}`: // section 6.5: who is in the room is not for everybody
        return result(new Stanza("query", { xmlns: NS.discoItems }));
      case `get ping ${NS.ping}`:
        return result();
      case `get query ${NS.mucAdmin}`: {
        const list = listOf(room, from, payload);
        return "kind" in list ? list : result(list);
      }
      case `set query ${NS.mucAdmin}`:
        return this.#changeLists(active, payload, from);
      case `get query ${NS.mucOwner}`:
      case `set query ${NS.mucOwner}`:
        return this.#owners.handle(active, payload, from, get);
      case `get vCard ${NS.vcard}`:
      case `set vCard ${NS.vcard}`:
        return this.#owners.vcard(active, payload, from, get);
      case `get query ${NS.archive}`:
      case `set query ${NS.archive}`:
      case `get metadata ${NS.archive}`:
        return this.#archive(active, payload, from, get);
      case `set moderate ${NS.moderation}`:
      case `set apply-to ${NS.fastening}`:
        return this.#moderate(active, payload, from);
      default:
        return stanzaError("service-unavailable");
    }
  }

  // Sections 8 and 9: who is made to leave hears of it, then who asked for it, then the others.
  async #changeLists(active: ActiveRoom, payload: Element, from: Jid): Promise<RoomReply> {
    const { room } = active;
    if (!this.#parts.rates.take(`${room.address.toString()} ${from.bareString}`)) return tooFast();
    const changes = readChanges(room, from, payload, this.#config);
    if (!Array.isArray(changes)) return changes;
    const actor = room.occupantOf(from)?.nick;
    const sends: Send[] = [];
    for (const one of changes) {
      if (one.kind === "role") {
        sends.push(...room.setRole(one.occupant, one.role, { actor, reason: one.reason }));
        continue;
      }
      const absent = room.ofUser(one.change.jid).length === 0;
      const before = room.listed(one.change.jid);
      sends.push(...room.setAffiliation(one.change, actor));
      if (absent && before !== one.change.affiliation) sends.push(...this.#aboutAbsent(active, one.change.jid));
    }
    await this.#registry.commit(active);
    return { ...result(), sends };
  }

  // Section 10.3: members' clients keep the list of whom they encrypt for by it.
  #aboutAbsent({ room }: ActiveRoom, jid: string): Send[] {
    const to = [...room.occupants()]
      .filter((occupant) => room.config.nonAnonymous || occupant.role === "moderator")
      .flatMap(({ jids }) => jids);
    const address = Jid.fromTrusted(jid);
    const item = { affiliation: room.affiliationOf(address), role: "none" as const, jid: address };
    return [{ stanza: new SharedStanza(affiliationMessage(room.address.toString(), newStanzaId(), item)), to }];
  }

  // XEP-0313 section 6.1.2: for those who may enter, at the time of the query.
  async #archive(active: ActiveRoom, payload: Element, from: Jid, get: boolean): Promise<RoomReply> {
    const { room } = active;
    if (!room.config.archiving) return stanzaError("service-unavailable");
    const open =
      room.config.password === "" || room.occupantOf(from) !== undefined || room.affiliationOf(from) !== "none";
    if (!room.mayEnter(from) || room.locked || !open) return stanzaError("forbidden");
    const { store, limits } = this.#core;
    if (payload.name === "metadata") return result(await roomMetadata(store.archive, room.address.toString()));
    if (get) return result(new Stanza("query", { xmlns: NS.archive }).cnode(archiveForm()).up());
    const session = isLocalUser(this.#core, from) ? this.#core.sessions.get(from) : undefined;
    await session?.drained();
    const asker = { jid: from, characters: limits.outboxBytes * OUTBOX_SHARE };
    const page = await answerRoomQuery(store.archive, room, payload, asker);
    if ("kind" in page) return page;
    for (const message of page.results) this.#delivery.reply(message, from);
    return result(page.fin);
  }

  // XEP-0425 section 3
  async #moderate(active: ActiveRoom, payload: Element, from: Jid): Promise<RoomReply> {
    const { room } = active;
    const request = moderationRequest(payload, this.#config.reasonCharacters);
    if (request === undefined) return stanzaError("bad-request", "what is moderated is a retraction of a message");
    const moderator = room.occupantOf(from);
    if (moderator?.role !== "moderator") return stanzaError("forbidden", "only moderators do that");
    if (!room.config.archiving) return stanzaError("item-not-found");
    if (!this.#parts.rates.take(`${room.address.toString()} ${from.bareString}`)) return tooFast();
    const { archive } = this.#core.store;
    const owner = room.address.toString();
    const original = (await archive.page(owner, { ids: [request.id], backward: false, limit: 1 }))?.messages[0];
    if (original === undefined) return stanzaError("item-not-found", "there is no such message");
    const by = moderatorOf(room, moderator);
    const retraction = newStanzaId();
    const stone = { retraction, at: this.#core.clock.now(), by, reason: request.reason };
    const [stanza, author] = [moderationMessage(owner, retraction, request, by), room.address];
    const replaced = archive.replace(owner, request.id, tombstone(original.xml, stone));
    room.history.remove(request.id);
    const told = this.#parts.messages.broadcast(active, { stanza, author, authorId: "", archived: true });
    await Promise.all([replaced, told]);
    return result();
  }

  // ---- to an occupant

  #toOccupant({ room }: ActiveRoom, stanza: Element, from: Jid, to: Jid): RouteResult {
    const payload = payloadOf(stanza);
    const asker = room.occupantOf(from);
    if (asker === undefined)
      return stanzaError(isDisco(payload) ? "bad-request" : "not-acceptable", "you are not in this room");
    const target = room.byNick(to.resourcepart as string);
    if (target === undefined) return stanzaError("item-not-found", "nobody here has that nickname");
    if (target === asker && namespaceOf(payload) === NS.ping) return this.#answer(stanza, from, result()); // XEP-0410
    const account = isAboutAccount(stanza, payload);
    if (account === "refused") return stanzaError("not-allowed");
    // Who comes into a large room asks for many pictures at once, and wakes nobody by that.
    if (!account && !this.#parts.rates.take(`${room.address.toString()} ${from.bareString}`)) return tooFast();
    const lead = target.lead?.jid;
    if (lead === undefined) return stanzaError("item-not-found");
    const iq = this.#relay.forward(stanza, {
      asker: from,
      from: room.inRoom(asker.nick),
      target: account ? target.user : lead,
    });
    const asked = room.address.withResource(asker.nick);
    const refused = (error: RouteOutcome): RouteOutcome => {
      if (error !== undefined) this.#relay.forget(iq);
      return error === undefined ? undefined : stanzaError(error.condition, undefined, error.type);
    };
    const outcome = account ? this.#core.route(iq, asked) : this.#toClient(iq, asked, lead);
    return outcome instanceof Promise ? outcome.then(refused) : refused(outcome);
  }

  // A request to a client reaches it from whom it shares presence with (RFC 6121 section 8.5.3.1): as it does with the room.
  #toClient(iq: Element, from: Jid, to: Jid): RouteResult {
    if (!isLocalUser(this.#core, to)) return this.#core.route(iq, from);
    const verdict = judge(this.#core.hooks.inbound, iq, from, to);
    const give = (said: Awaited<typeof verdict>): RouteOutcome => {
      const session = this.#core.sessions.get(to);
      if (said !== "pass" || session === undefined) return stanzaError("service-unavailable");
      session.send(iq);
      return undefined;
    };
    return verdict instanceof Promise ? verdict.then(give) : give(verdict);
  }

  /** A result or error for the room JID of an occupant: the answer to what was passed on. */
  answered(stanza: Element, from: Jid): void {
    const answer = this.#relay.answer(stanza, from);
    if (answer !== undefined) this.#delivery.reply(answer.stanza, answer.to);
  }
}

function payloadOf(iq: Element): Element {
  return iq.children.find((node) => typeof node !== "string") as Element;
}

function isDisco(payload: Element): boolean {
  const ns = namespaceOf(payload);
  return ns === NS.discoInfo || ns === NS.discoItems;
}

// What an account's server answers in its name: its vCard, and its PEP nodes (XEP-0163). Nobody changes them from a room.
function isAboutAccount(stanza: Element, payload: Element): boolean | "refused" {
  const ns = namespaceOf(payload);
  if (ns !== NS.vcard && ns !== NS.pubsub) return false;
  return attr(stanza, "type") === "get" ? true : "refused";
}
