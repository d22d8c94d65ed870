// The room service (XEP-0045 1.35.1): takes every stanza for the rooms' domain to its room, stores what comes of it, and
// sends it on.

import { createHmac } from "node:crypto";
import type { Element } from "ltx";
import { newStanzaId } from "../archive/stanza-id.ts";
import type { Timer } from "../clock.ts";
import type { Config } from "../config.ts";
import { type StanzaError, stanzaError } from "../errors.ts";
import { Jid } from "../jid.ts";
import { NS } from "../namespaces.ts";
import { type Core, isLocalUser, type RouteOutcome, type RouteResult } from "../router/routing.ts";
import type { SessionJournal } from "../session/journal.ts";
import type { Session } from "../session/session.ts";
import { attr, child, errorReply, presenceType, Element as Stanza, textOf } from "../stanza.ts";
import { serialize, withAttrs, withChildren } from "../xml/serialize.ts";
import { Delivery } from "./delivery.ts";
import { historyRequest } from "./history.ts";
import { RoomMessages } from "./message-flow.ts";
import { Rates, tooFast } from "./rates.ts";
import { type ActiveRoom, RoomRegistry } from "./registry.ts";
import { RoomRequests } from "./requests.ts";
import type { RoomEnvironment } from "./room.ts";
import { roomPresence } from "./room-elements.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

/** Errors that say that a client is not there any more (section 18.1.2), service-unavailable being the server's for it. */
const GHOSTS: ReadonlySet<string> = new Set([
  "gone",
  "item-not-found",
  "recipient-unavailable",
  "redirect",
  "remote-server-not-found",
  "remote-server-timeout",
  "service-unavailable",
]);

export type RoomServiceParts = {
  readonly core: Core;
  readonly config: Config["rooms"];
  readonly domain: string;
  readonly archives: boolean;
  /** How long a client whose connection is lost may come back (XEP-0198). */
  readonly resumeSeconds: number;
  readonly journal: SessionJournal;
};

export class RoomService {
  readonly #core: Core;
  readonly #config: Config["rooms"];
  readonly #domain: string;
  readonly #registry: RoomRegistry;
  readonly #delivery: Delivery;
  readonly #rates: Rates;
  readonly #messages: RoomMessages;
  readonly #requests: RoomRequests;
  #secret = "";
  #sweep: Timer | undefined;
  #stopped = false;

  constructor({ core, config, domain, archives, resumeSeconds, journal }: RoomServiceParts) {
    this.#core = core;
    this.#config = config;
    this.#domain = domain;
    const environment: RoomEnvironment = {
      limits: config,
      archives,
      formerMs: resumeSeconds * 1_000,
      now: () => core.clock.now(),
      occupantId: (room, user) => this.#occupantId(room, user),
      newId: newStanzaId,
    };
    this.#registry = new RoomRegistry({ store: core.store, log: core.log, environment });
    this.#delivery = new Delivery(core, (room, client) => this.#ghost(room, client));
    this.#rates = new Rates(config, core.clock);
    const shared = { core, config, registry: this.#registry, delivery: this.#delivery, rates: this.#rates };
    this.#messages = new RoomMessages({ ...shared, journal });
    this.#requests = new RoomRequests({ ...shared, domain, messages: this.#messages });
  }

  /** Takes over the rooms that were in use before a restart; the sessions that outlived it are there. */
  async start(): Promise<void> {
    this.#secret = await this.#core.store.secret("occupant-ids");
    for (const address of await this.#registry.awake()) await this.#restore(address);
    this.#sweepLater(0);
  }

  async #restore(address: string): Promise<void> {
    const stored = await this.#core.store.rooms.load(address);
    const active = await this.#registry.find(address);
    if (stored === undefined || active === undefined) return;
    const { room } = active;
    await this.#registry.loadHistory(active);
    const gone = stored.occupants.filter((occupant) => {
      const here = occupant.role !== "none" && this.#core.sessions.get(Jid.fromTrusted(occupant.jid)) !== undefined;
      return !here || !room.readmit(occupant);
    });
    for (const occupant of gone) room.missing(occupant);
    this.#registry.save(active);
    this.#registry.release(active);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#sweep?.cancel();
    await this.#registry.stop();
  }

  // XEP-0421 section 4.1: of the room, too, so that nobody is known from one room to the next.
  #occupantId(room: string, user: string): string {
    return createHmac("sha256", this.#secret).update(`${room}\0${user}`).digest("base64url");
  }

  // ---- a stanza for the domain

  handle(stanza: Element, from: Jid, to: Jid, accepted?: () => void): RouteResult {
    if (to.localpart === undefined) return this.#toService(stanza, from, to);
    switch (stanza.name) {
      case "presence":
        return this.#presence(stanza, from, to);
      case "message":
        if (attr(stanza, "type") === "error") return this.#bounced(stanza, from, to);
        return this.#withRoom(to, (active) => this.#messages.handle(active, stanza, from, to, accepted));
      default:
        return this.#iq(stanza, from, to);
    }
  }

  #toService(stanza: Element, from: Jid, to: Jid): RouteResult {
    if (stanza.name === "iq")
      return to.isBare ? this.#requests.toService(stanza, from) : stanzaError("service-unavailable");
    return stanza.name === "message" ? stanzaError("service-unavailable") : undefined;
  }

  #iq(stanza: Element, from: Jid, to: Jid): RouteResult {
    const type = attr(stanza, "type");
    if (type === "result" || type === "error") {
      this.#requests.answered(stanza, from);
      return undefined;
    }
    return this.#withRoom(to, (active) => this.#requests.toRoom(active, stanza, from, to));
  }

  /** Runs on a room that is held meanwhile. Errors: item-not-found where there is none. */
  #withRoom(to: Jid, action: (active: ActiveRoom) => RouteResult): RouteResult {
    const found = this.#registry.find(to.bareString);
    const run = (active: ActiveRoom | undefined): RouteResult => {
      if (active === undefined) return stanzaError("item-not-found", "there is no such room");
      return this.#whileHeld(active, action);
    };
    return found instanceof Promise ? found.then(run) : run(found);
  }

  #whileHeld(active: ActiveRoom, action: (active: ActiveRoom) => RouteResult): RouteResult {
    let outcome: RouteResult;
    try {
      outcome = action(active);
    } catch (error) {
      this.#registry.release(active);
      throw error;
    }
    if (outcome instanceof Promise) return outcome.finally(() => this.#registry.release(active));
    this.#registry.release(active);
    return outcome;
  }

  // ---- presence

  #presence(stanza: Element, from: Jid, to: Jid): RouteResult {
    const type = presenceType(stanza);
    if (type === "error") return this.#bounced(stanza, from, to);
    if (type === "unavailable") {
      this.#leave(this.#registry.get(to.bareString), from, stanza);
      return undefined;
    }
    if (type !== "available") return undefined; // section 17.3: neither a way in nor out
    const active = this.#registry.get(to.bareString);
    const present = active?.room.occupantOf(from) !== undefined;
    const muc = child(stanza, "x", NS.muc);
    if (!present && muc === undefined) {
      this.#delivery.reply(this.#notHere(from, to), from); // section 7.2.18
      return undefined;
    }
    const refused = this.#presenceRefusal(stanza, from, to);
    if (refused !== undefined) return this.#refuse(stanza, from, to, refused);
    const outcome =
      muc === undefined
        ? this.#update(active as ActiveRoom, stanza, from, to.resourcepart as string)
        : this.#enter(stanza, muc, from, to);
    const answer = (said: RouteOutcome): RouteOutcome => said && this.#refuse(stanza, from, to, said);
    return outcome instanceof Promise ? outcome.then(answer) : answer(outcome);
  }

  // Sections 7.2.5 to 7.2.9: with the mark of the protocol, by which clients know what it is about, and who refused.
  #refuse(stanza: Element, from: Jid, to: Jid, refused: StanzaError): undefined {
    this.#core.counters.stanzaErrors[refused.condition] += 1;
    this.#forgetDirected(from, to);
    const reply = errorReply(stanza, refused);
    const error = child(reply, "error") as Element;
    const marked = withAttrs(error, { by: to.bareString });
    this.#delivery.reply(withChildren(reply, [new Stanza("x", { xmlns: NS.muc }), marked]), from);
  }

  #presenceRefusal(stanza: Element, from: Jid, to: Jid): StanzaError | undefined {
    const { nickCharacters, presenceBytes } = this.#config;
    const nick = to.resourcepart;
    if (nick === undefined) return stanzaError("jid-malformed", "a nickname is missing"); // section 7.2.1
    if (nick.trim() === "") return stanzaError("not-acceptable", "a nickname has to be seen"); // section 17.1
    if (nick.length > nickCharacters) {
      return stanzaError("not-acceptable", `a nickname may have ${nickCharacters} characters (rooms.nickCharacters)`);
    }
    if (Buffer.byteLength(serialize(stanza)) > presenceBytes) {
      return stanzaError("policy-violation", `presence here may have ${presenceBytes} bytes (rooms.presenceBytes)`);
    }
    return this.#rates.take(`${to.bareString} ${from.bareString}`) ? undefined : tooFast();
  }

  #enter(stanza: Element, muc: Element, from: Jid, to: Jid): RouteResult {
    const found = this.#registry.find(to.bareString);
    const enter = (active: ActiveRoom | StanzaError): RouteResult => {
      if ("kind" in active) return active;
      return this.#whileHeld(active, () => {
        const loading = this.#registry.loadHistory(active);
        if (loading === undefined) return this.#enterRoom(active, stanza, muc, from, to);
        return loading.then(() => this.#enterRoom(active, stanza, muc, from, to));
      });
    };
    if (!(found instanceof Promise) && found !== undefined) return enter(found);
    return Promise.resolve(found)
      .then((active) => active ?? this.#registry.create(to.bare(), from, () => this.#creationRefusal(from)))
      .then(enter);
  }

  #enterRoom(active: ActiveRoom, stanza: Element, muc: Element, from: Jid, to: Jid): RouteOutcome {
    // It ended while the room was loaded.
    if (isLocalUser(this.#core, from) && this.#core.sessions.get(from) === undefined) return undefined;
    const password = child(muc, "password", NS.muc);
    const outcome = active.room.enter({
      from,
      nick: to.resourcepart as string,
      presence: stanza,
      password: password === undefined ? "" : textOf(password),
      history: historyRequest(stanza, this.#core.clock.now()),
    });
    if ("kind" in outcome) return outcome;
    this.#registry.save(active);
    this.#delivery.send(outcome);
    for (const broadcast of active.flying) broadcast.add(from);
    return undefined;
  }

  async #creationRefusal(from: Jid): Promise<StanzaError | undefined> {
    const { create, roomsPerUser } = this.#config;
    if (create === "nobody" || (create === "accounts" && !isLocalUser(this.#core, from))) {
      return stanzaError("not-allowed", "you may not make rooms here");
    }
    if (!this.#rates.take(from.bareString)) return tooFast();
    const count = await this.#core.store.rooms.countCreated(from.bareString, roomsPerUser);
    return count < roomsPerUser
      ? undefined
      : stanzaError("resource-constraint", `you have made ${roomsPerUser} rooms (rooms.roomsPerUser)`);
  }

  #update(active: ActiveRoom, stanza: Element, from: Jid, nick: string): RouteOutcome {
    const { room } = active;
    const before = room.occupantOf(from)?.nick as string;
    const outcome = nick === before ? room.update(from, stanza) : room.rename(from, nick, stanza);
    if ("kind" in outcome) return outcome;
    if (nick !== before) this.#forgetDirected(from, room.address.withResource(before));
    this.#registry.save(active);
    this.#delivery.send(outcome);
    return undefined;
  }

  #leave(active: ActiveRoom | undefined, from: Jid, said: Element | undefined, statuses: readonly number[] = []): void {
    const nick = active?.room.occupantOf(from)?.nick;
    if (active === undefined || nick === undefined) return; // section 17.3, rule 5
    const sends = active.room.leave(from, said, statuses);
    this.#forgetDirected(from, active.room.address.withResource(nick));
    const session = this.#core.sessions.get(from);
    // A client that is gone is not told that it is.
    this.#delivery.send(session === undefined ? sends.filter(({ to }) => !to.some((jid) => jid.equals(from))) : sends);
    if (active.room.locked && active.room.size === 0) this.#registry.remove(active.room);
    this.#registry.save(active);
    this.#registry.settle(active);
  }

  #notHere(from: Jid, to: Jid): Element {
    return roomPresence({
      from: to.toString(),
      type: "unavailable",
      item: { affiliation: "none", role: "none", reason: "You are not in the room." },
      statuses: [110, 307, 333],
      occupantId: this.#occupantId(to.bareString, from.bareString),
    });
  }

  // Its addresses with presence are told of a session's end, and they are limited: one that is of no use makes room.
  #forgetDirected(from: Jid, to: Jid): void {
    const session = this.#core.sessions.get(from);
    // Not now: who routed the presence notes its address behind this.
    queueMicrotask(() => {
      if (this.#registry.get(to.bareString)?.room.occupantOf(from)?.nick === to.resourcepart) return;
      if (session?.undirect(to.toString())) session.changed();
    });
  }

  // ---- who is gone

  // Section 18.1.2: a client that gives such an error is taken for one that left.
  #bounced(stanza: Element, from: Jid, to: Jid): RouteOutcome {
    const error = child(stanza, "error");
    const condition = error?.children.find(
      (node) => typeof node !== "string" && attr(node as Element, "xmlns") === NS.stanzas,
    );
    const name = condition === undefined ? "" : (condition as Element).name;
    if (GHOSTS.has(name)) this.#leave(this.#registry.get(to.bareString), from, undefined, [333]);
    else if (stanza.name === "message") this.#messages.bounced(this.#registry.get(to.bareString), stanza, from, to);
    return undefined;
  }

  #ghost(room: string, client: Jid): void {
    // Not now: who tells of it is going through those who are in the room.
    queueMicrotask(() => this.#leave(this.#registry.get(room), client, undefined, [333]));
  }

  /** A session is back after a restart: presence that it had not acknowledged is lost. */
  resumed(session: Session): void {
    for (const { domainpart, bareString } of session.directed.values()) {
      if (domainpart !== this.#domain) continue;
      const active = this.#registry.get(bareString);
      if (active !== undefined) this.#delivery.send(active.room.resync(session.jid));
    }
  }

  /** The store has erased the account's affiliations; here they go from the rooms that are in memory. */
  accountDeleted(account: Jid): void {
    for (const active of [...this.#registry.all()]) {
      const { room } = active;
      const gone = room.ofUser(account.bareString).flatMap((occupant) => room.expel(occupant, { statuses: [321] }));
      const told = room.setAffiliation({ jid: account.bareString, affiliation: "none", reason: "" });
      room.inherit();
      this.#delivery.send([...gone, ...told]);
      this.#registry.save(active);
      this.#registry.settle(active);
    }
  }

  // ---- rooms that nobody uses

  #sweepLater(delayMs: number): void {
    if (this.#config.unusedDays === 0 || this.#stopped) return;
    this.#sweep = this.#core.clock.after(delayMs, () => void this.#removeUnused());
  }

  async #removeUnused(): Promise<void> {
    const before = this.#core.clock.now() - this.#config.unusedDays * DAY_MS;
    try {
      const unused = await this.#core.store.rooms.unused(before, 100);
      for (const address of unused) {
        const active = await this.#registry.find(address);
        if (active === undefined) continue;
        if (active.room.size === 0) this.#registry.remove(active.room);
        this.#registry.release(active);
      }
      if (unused.length > 0) this.#core.log.info({ rooms: unused.length }, "unused-rooms-removed");
      this.#sweepLater(unused.length === 100 ? 0 : HOUR_MS);
    } catch (err) {
      if (this.#stopped) return;
      this.#core.log.error({ err }, "unused-rooms-not-removed");
      this.#sweepLater(HOUR_MS);
    }
  }
}
