// A room (XEP-0045 1.35.1): who is in it, who is what to it, and what it tells whom. A state machine without input or output:
// each method changes the state and returns what is to be sent, in order; what is to be stored gathers in `takeChange`.

import { type Element, parse } from "ltx";
import type { LoadedRoom, RoomAffiliation, RoomChange, RoomOccupant } from "../../storage/store.ts";
import type { EpochMs } from "../clock.ts";
import type { Config } from "../config.ts";
import { type StanzaError, stanzaError } from "../errors.ts";
import { Jid } from "../jid.ts";
import { NS } from "../namespaces.ts";
import { attr, child, message as messageStanza, presence as presenceStanza, textOf } from "../stanza.ts";
import { serialize } from "../xml/serialize.ts";
import {
  type Affiliation,
  affiliationAllows,
  atLeast,
  initialRole,
  isRole,
  type Role,
  type Standing,
} from "./affiliation.ts";
import { FormerOccupants } from "./former-occupants.ts";
import { History, type HistoryRequest } from "./history.ts";
import { nickKey, Occupant } from "./occupant.ts";
import { PresenceTelling } from "./presence-telling.ts";
import { RoomChanges } from "./room-changes.ts";
import { DEFAULT_CONFIG, type RoomConfig } from "./room-config.ts";
import { roomPresence, statusMessage } from "./room-elements.ts";
import { type Send, SharedStanza, send } from "./shared-stanza.ts";

export type RoomEnvironment = {
  readonly limits: Config["rooms"];
  /** Whether the service keeps archives. */
  readonly archives: boolean;
  /** How long a client may stay away and come back. */
  readonly formerMs: number;
  now(): EpochMs;
  /** Of a bare JID in a room (XEP-0421). */
  occupantId(room: string, user: string): string;
  newId(): string;
};

/** What is kept of a room besides its people: StoredRoom.state. */
export type RoomState = {
  readonly config: RoomConfig;
  /** It waits for its first configuration, and nobody else may enter (section 10.1.1). */
  readonly locked: boolean;
  /** The last subject, as it was reflected. */
  readonly subject?: { readonly xml: string; readonly at: EpochMs };
  /** SHA-1 of each picture of its vCard, in hex (XEP-0486). */
  readonly avatar: readonly string[];
};

export type Entry = {
  /** Full JID. */
  readonly from: Jid;
  readonly nick: string;
  readonly presence: Element;
  readonly password: string;
  readonly history: HistoryRequest;
};

/** Owners and admins for whom there is room in a full one (section 7.2.9). */
const OWNER_RESERVE = 20;

export class Room {
  readonly address: Jid;
  readonly creator: string;
  readonly history: History;
  /** Who invited whom, both bare: for the answer. */
  readonly invitations = new Map<string, Set<string>>();
  readonly #env: RoomEnvironment;
  #state: RoomState;
  #usedAt: EpochMs;
  readonly #affiliations = new Map<string, RoomAffiliation>();
  /** By nickKey. */
  readonly #occupants = new Map<string, Occupant>();
  /** By full JID. */
  readonly #clients = new Map<string, Occupant>();
  readonly #changes: RoomChanges;
  readonly #former: FormerOccupants;
  readonly #telling: PresenceTelling;
  #removed = false;
  #visited = false;

  constructor(address: Jid, creator: string, env: RoomEnvironment, state: RoomState) {
    this.address = address;
    this.creator = creator;
    this.#env = env;
    this.#state = state;
    this.#usedAt = env.now();
    this.history = new History(address.toString(), env.limits.historyMessages);
    this.#changes = new RoomChanges(address.toString());
    this.#former = new FormerOccupants(address, this.#changes, { keptMs: env.formerMs, now: () => env.now() });
    this.#telling = new PresenceTelling(this);
  }

  /** A new one, locked, of whom the creator is the owner. */
  static create(address: Jid, creator: Jid, env: RoomEnvironment): Room {
    const historyMessages = Math.min(DEFAULT_CONFIG.historyMessages, env.limits.historyMessages);
    const config = { ...DEFAULT_CONFIG, historyMessages, archiving: env.archives };
    const room = new Room(address, creator.bareString, env, { config, locked: true, avatar: [] });
    room.#affiliate({ jid: creator.bareString, affiliation: "owner", reason: "" });
    room.#save();
    return room;
  }

  /** One that was stored, without its occupants. */
  static restore({ room: saved, affiliations }: LoadedRoom, env: RoomEnvironment): Room {
    const state = JSON.parse(saved.state) as RoomState;
    const config = { ...DEFAULT_CONFIG, ...state.config };
    const archiving = config.archiving && env.archives;
    const room = new Room(Jid.fromTrusted(saved.address), saved.creator, env, {
      ...state,
      config: { ...config, archiving },
    });
    room.#usedAt = saved.usedAt;
    for (const affiliation of affiliations) room.#affiliations.set(affiliation.jid, affiliation);
    room.inherit();
    return room;
  }

  /** Section 10: every room has an owner. One whose owners' accounts are gone goes to who is next. */
  inherit(): void {
    const all = [...this.#affiliations.values()];
    if (all.some(({ affiliation }) => affiliation === "owner")) return;
    const heir =
      all.find(({ affiliation }) => affiliation === "admin") ?? all.find((one) => one.affiliation === "member");
    if (heir !== undefined) this.#affiliate({ jid: heir.jid, affiliation: "owner", reason: "" });
  }

  // ---- what it is

  get config(): RoomConfig {
    return this.#state.config;
  }

  get locked(): boolean {
    return this.#state.locked;
  }

  get avatar(): readonly string[] {
    return this.#state.avatar;
  }

  /** It is destroyed: whoever still holds it must let go of it. */
  get removed(): boolean {
    return this.#removed;
  }

  get subjectText(): string {
    if (this.#state.subject === undefined) return "";
    const subject = child(parse(this.#state.subject.xml) as Element, "subject");
    return subject === undefined ? "" : textOf(subject);
  }

  /** How many clients are in it. */
  get size(): number {
    return this.#clients.size;
  }

  occupants(): Iterable<Occupant> {
    return this.#occupants.values();
  }

  affiliations(): Iterable<RoomAffiliation> {
    return this.#affiliations.values();
  }

  get affiliationCount(): number {
    return this.#affiliations.size;
  }

  /** Of an address as it stands in the lists: a bare JID, or a domain. */
  listed(address: string): Affiliation {
    return this.#affiliations.get(address)?.affiliation ?? "none";
  }

  /** Of a bare or full JID. A ban may be of a whole domain (section 9.2). */
  affiliationOf(jid: Jid): Affiliation {
    const own = this.#affiliations.get(jid.bareString);
    if (own !== undefined) return own.affiliation;
    return this.#affiliations.get(jid.domainpart)?.affiliation === "outcast" ? "outcast" : "none";
  }

  /** The occupant that a client is. */
  occupantOf(jid: Jid): Occupant | undefined {
    return this.#clients.get(jid.toString());
  }

  /** The occupant of that very nickname. */
  byNick(nick: string): Occupant | undefined {
    const found = this.#occupants.get(nickKey(nick));
    return found?.nick === nick ? found : undefined;
  }

  /** Every occupant that is a client of that account. */
  ofUser(bare: string): Occupant[] {
    return [...this.#occupants.values()].filter(({ user }) => user.toString() === bare);
  }

  standing(occupant: Occupant): Standing {
    return { role: occupant.role, affiliation: this.affiliationOf(occupant.user) };
  }

  /** Whether somebody may see real addresses: sections 7.2.3 and 7.2.4. */
  seesAddresses(jid: Jid): boolean {
    const affiliation = this.affiliationOf(jid);
    if (atLeast(affiliation, "admin")) return true;
    const occupant = this.occupantOf(jid) ?? this.ofUser(jid.bareString)[0];
    if (occupant?.role === "moderator") return true;
    return this.config.nonAnonymous && (occupant !== undefined || this.mayEnter(jid));
  }

  /** Whether the room would let somebody in, a password left out of account. */
  mayEnter(jid: Jid): boolean {
    const affiliation = this.affiliationOf(jid);
    const privilege = this.config.membersOnly ? "enter members-only room" : "enter open room";
    return affiliationAllows(affiliation, privilege);
  }

  inRoom(nick: string): string {
    return this.address.withResource(nick).toString();
  }

  occupantId(user: Jid): string {
    return this.#env.occupantId(this.address.toString(), user.bareString);
  }

  /** Full JIDs of all clients in it. */
  everyone(): Jid[] {
    return [...this.#occupants.values()].flatMap(({ jids }) => jids);
  }

  // ---- what is to be stored

  /** What changed since the last call; undefined: nothing. */
  takeChange(): RoomChange | undefined {
    return this.#changes.take();
  }

  #save(): void {
    const { config, locked } = this.#state;
    this.#changes.save({
      address: this.address.toString(),
      creator: this.creator,
      usedAt: this.#usedAt,
      temporary: !config.persistent || locked,
      listed: config.public && !locked,
      name: config.name,
      state: JSON.stringify(this.#state),
    });
  }

  #set(change: Partial<RoomState>): void {
    this.#state = { ...this.#state, ...change };
    this.#save();
  }

  /** The last one has left, or there was nobody. */
  rest(): void {
    this.#former.clear();
    if (!this.#visited) return;
    this.#visited = false;
    this.#usedAt = this.#env.now();
    this.#save();
  }

  #affiliate(affiliation: RoomAffiliation): void {
    if (affiliation.affiliation === "none") this.#affiliations.delete(affiliation.jid);
    else this.#affiliations.set(affiliation.jid, affiliation);
    this.#changes.affiliation(affiliation);
  }

  #store(occupant: Occupant): void {
    for (const { jid, presence } of occupant.clients()) this.#changes.client(occupant, jid, presence);
  }

  #forget(jid: Jid): void {
    this.#clients.delete(jid.toString());
    this.#changes.left(jid.toString());
  }

  // ---- coming in

  /** Section 7.2. What is sent to who comes in is in the order of section 7.1. Errors: section 7.2.17. */
  enter(entry: Entry): Send[] | StanzaError {
    const { from, nick, presence } = entry;
    const present = this.occupantOf(from);
    if (present !== undefined) return this.#again(present, entry);
    const refused = this.#refusal(entry);
    if (refused !== undefined) return refused;
    this.#visited = true;
    const affiliation = this.affiliationOf(from);
    let occupant = this.byNick(nick);
    if (occupant === undefined) {
      const role = initialRole(affiliation, this.config) ?? "visitor";
      occupant = new Occupant(from.bare(), nick, role);
      this.#occupants.set(nickKey(nick), occupant);
      this.#former.returned(nick);
    }
    occupant.put({ jid: from, presence });
    this.#clients.set(from.toString(), occupant);
    this.#changes.client(occupant, from, presence);
    return [
      ...this.#telling.roster(occupant, from),
      ...this.#telling.tell(occupant, { selfStatuses: this.#entryStatuses(), selfId: attr(presence, "id") }),
      ...this.#past(from, entry.history),
    ];
  }

  #refusal({ from, nick, password }: Entry): StanzaError | undefined {
    const affiliation = this.affiliationOf(from);
    if (affiliation === "outcast") return stanzaError("forbidden", "you are banned from this room");
    if (this.locked && affiliation !== "owner") return stanzaError("item-not-found", "this room is not ready yet");
    if (!this.mayEnter(from)) return stanzaError("registration-required", "this room is for its members");
    if (this.config.password !== "" && password !== this.config.password) {
      return stanzaError("not-authorized", "this room needs a password");
    }
    const conflict = this.#nickConflict(nick, from);
    if (conflict !== undefined) return conflict;
    const most = this.config.maxOccupants || this.#env.limits.occupantsPerRoom;
    const room = atLeast(affiliation, "admin") ? most + OWNER_RESERVE : most; // section 7.2.9
    if (this.size >= room) return stanzaError("service-unavailable", "this room is full", "wait");
    return undefined;
  }

  #nickConflict(nick: string, from: Jid): StanzaError | undefined {
    const holder = this.#occupants.get(nickKey(nick));
    if (holder === undefined) return undefined;
    if (holder.nick === nick && holder.user.toString() === from.bareString) return undefined;
    return stanzaError("conflict", "somebody in this room has that nickname, or one that looks like it");
  }

  #entryStatuses(): number[] {
    const { nonAnonymous, archiving } = this.config;
    return [...(nonAnonymous ? [100] : []), ...(archiving ? [170] : []), ...(this.locked ? [201] : [])];
  }

  // Section 17.3, rule 3: a client that joins again has lost its knowledge of the room.
  #again(occupant: Occupant, entry: Entry): Send[] | StanzaError {
    const { from, nick, presence } = entry;
    const renamed = nick === occupant.nick ? [] : this.rename(from, nick, presence);
    if ("kind" in renamed) return renamed;
    const before = occupant.client(from)?.presence;
    const changed = before === undefined || comparable(before) !== comparable(presence);
    occupant.put({ jid: from, presence });
    this.#changes.client(occupant, from, presence);
    const self = { selfStatuses: this.#entryStatuses(), selfId: attr(presence, "id") };
    const told =
      changed && renamed.length === 0
        ? this.#telling.tell(occupant, self)
        : this.#telling.tellSelf(occupant, [from], self);
    return [...renamed, ...this.#telling.roster(occupant, from), ...told, ...this.#past(from, entry.history)];
  }

  #past(to: Jid, request: HistoryRequest): Send[] {
    const past = this.history.select(request, this.config.historyMessages).map((stanza) => ({ stanza, to: [to] }));
    return [...past, send(this.#subjectMessage(), to)];
  }

  // Section 7.2.15
  #subjectMessage(): Element {
    const { subject } = this.#state;
    if (subject === undefined) {
      const empty = messageStanza({ from: this.address.toString(), type: "groupchat", id: this.#env.newId() });
      empty.c("subject");
      return empty;
    }
    const el = parse(subject.xml) as Element;
    const stamp = new Date(subject.at).toISOString();
    el.c("delay", { xmlns: NS.delay, from: this.address.toString(), stamp });
    return el;
  }

  /** A client that was here before a restart, and still is connected. Nobody is told. */
  readmit({ jid, nick, role, presence }: RoomOccupant): boolean {
    const from = Jid.fromTrusted(jid);
    if (!this.mayEnter(from) || this.#nickConflict(nick, from) !== undefined) return false;
    let occupant = this.byNick(nick);
    if (occupant === undefined) {
      occupant = new Occupant(from.bare(), nick, isRole(role) && role !== "none" ? role : "visitor");
      this.#occupants.set(nickKey(nick), occupant);
    }
    occupant.put({ jid: from, presence: parse(presence) as Element });
    this.#clients.set(jid, occupant);
    this.#visited = true;
    return true;
  }

  // ---- who was there

  /** What was stored of an occupant who is not here after a restart. */
  missing(stored: RoomOccupant): void {
    const former = FormerOccupants.read(stored);
    if (former === undefined) this.#forget(Jid.fromTrusted(stored.jid));
    if (this.#occupants.has(nickKey(stored.nick))) {
      if (former !== undefined) this.#changes.left(stored.jid);
      return;
    }
    this.#former.add(former ?? { nick: stored.nick, user: Jid.fromTrusted(stored.jid).bare() });
  }

  /** All that a client may have missed: who left, who is here, and that it is itself. */
  resync(from: Jid): Send[] {
    const occupant = this.occupantOf(from);
    if (occupant === undefined) return [];
    const gone = [...this.#former.all()].map(({ nick, user }) =>
      send(
        roomPresence({
          from: this.inRoom(nick),
          type: "unavailable",
          item: { affiliation: this.affiliationOf(user), role: "none" },
          statuses: [],
          occupantId: this.occupantId(user),
        }),
        from,
      ),
    );
    return [...gone, ...this.#telling.roster(occupant, from), ...this.#telling.tellSelf(occupant, [from], {})];
  }

  // ---- being there

  /** Section 7.7. The caller knows that the client is here. */
  update(from: Jid, presence: Element): Send[] {
    const occupant = this.occupantOf(from) as Occupant;
    occupant.put({ jid: from, presence });
    this.#changes.client(occupant, from, presence);
    return this.#telling.tell(occupant, { selfId: attr(presence, "id") });
  }

  /** Section 7.6. Every client of the occupant has the new nickname. */
  rename(from: Jid, nick: string, presence: Element): Send[] | StanzaError {
    const occupant = this.occupantOf(from) as Occupant;
    const holder = this.#occupants.get(nickKey(nick));
    if (holder !== undefined && holder !== occupant) {
      return stanzaError("conflict", "somebody in this room has that nickname, or one that looks like it");
    }
    const gone = this.#telling.tell(occupant, {
      type: "unavailable",
      item: { nick },
      statuses: [303],
      said: presenceStanza({}),
    });
    this.#occupants.delete(nickKey(occupant.nick));
    if (this.#telling.isBroadcast(occupant.role)) this.#former.add(occupant);
    occupant.nick = nick;
    this.#occupants.set(nickKey(nick), occupant);
    this.#former.returned(nick);
    occupant.put({ jid: from, presence });
    this.#store(occupant);
    return [...gone, ...this.#telling.tell(occupant, { selfId: attr(presence, "id") })];
  }

  /** Section 7.14. @param said the client's unavailable presence, or what stands for it */
  leave(from: Jid, said: Element | undefined, statuses: readonly number[] = []): Send[] {
    const occupant = this.occupantOf(from);
    if (occupant === undefined) return [];
    if (occupant.size === 1) return this.#remove(occupant, { said, statuses });
    const wasLead = occupant.lead?.jid.equals(from);
    const item = { role: "none" as const };
    const own = this.#telling.tellSelf(occupant, [from], { type: "unavailable", item, said, statuses });
    occupant.remove(from);
    this.#forget(from);
    return wasLead ? [...own, ...this.#telling.tell(occupant, {})] : own;
  }

  /** An occupant is made to leave, with all its clients. */
  expel(
    occupant: Occupant,
    parts: { statuses: readonly number[]; actor?: string | undefined; reason?: string },
  ): Send[] {
    return this.#remove(occupant, { ...parts, said: presenceStanza({}) });
  }

  #remove(
    occupant: Occupant,
    parts: { said?: Element | undefined; statuses: readonly number[]; actor?: string | undefined; reason?: string },
  ): Send[] {
    const { said = presenceStanza({}), statuses, actor, reason } = parts;
    const broadcast = this.#telling.isBroadcast(occupant.role);
    const item = { role: "none" as const, actor, reason };
    const told = this.#telling.tell(occupant, { type: "unavailable", item, statuses, said, broadcast });
    this.#occupants.delete(nickKey(occupant.nick));
    for (const jid of occupant.jids) this.#forget(jid);
    if (broadcast) this.#former.add(occupant);
    return told;
  }

  // ---- being somebody

  /** The caller has asked roleRefusal. "none": a kick (section 8.2). */
  setRole(occupant: Occupant, role: Role, by: { actor?: string | undefined; reason?: string } = {}): Send[] {
    if (role === "none") return this.expel(occupant, { statuses: [307], ...by });
    if (role === occupant.role) return [];
    const before = this.#telling.isBroadcast(occupant.role);
    const hidden = before && !this.#telling.isBroadcast(role) ? this.#hide(occupant) : [];
    occupant.role = role;
    this.#store(occupant);
    return [...hidden, ...this.#telling.tell(occupant, { item: { reason: by.reason } })];
  }

  // The others are no longer told of an occupant of that role.
  #hide(occupant: Occupant): Send[] {
    const item = { role: "none" as const };
    const all = this.#telling.tell(occupant, { type: "unavailable", item, said: presenceStanza({}), broadcast: true });
    return all.slice(0, -1);
  }

  /** The caller has asked affiliationRefusal. Sections 9.1 to 9.5 and 10.3 to 10.8. */
  setAffiliation(change: RoomAffiliation, actor?: string): Send[] {
    const before = this.listed(change.jid);
    this.#affiliate(change);
    if (before === change.affiliation) return [];
    const { jid, affiliation, reason } = change;
    const affected = [...this.#occupants.values()].filter(
      ({ user }) => user.toString() === jid || user.domainpart === jid,
    );
    return affected.flatMap((occupant) => {
      if (this.affiliationOf(occupant.user) === "outcast")
        return this.expel(occupant, { statuses: [301], actor, reason });
      if (this.config.membersOnly && affiliation === "none") {
        return this.expel(occupant, { statuses: [321], actor, reason });
      }
      occupant.role = this.#roleAfter(occupant, before, affiliation);
      this.#store(occupant);
      return this.#telling.tell(occupant, { item: { reason } });
    });
  }

  // Section 5.1.3: what is gained with an affiliation is stable; with one that is lost go the rights that came with it.
  #roleAfter(occupant: Occupant, before: Affiliation, affiliation: Affiliation): Role {
    const initial = initialRole(affiliation, this.config) ?? "visitor";
    if (atLeast(affiliation, "admin") || atLeast(before, "admin")) return initial;
    return occupant.role === "visitor" ? initial : occupant.role;
  }

  // ---- the room itself

  /** Section 10.1.2 and the end of 10.1.3: others may come. */
  unlock(): void {
    if (this.locked) this.#set({ locked: false });
  }

  /** Sections 10.2 and 10.2.1. */
  configure(config: RoomConfig): Send[] {
    const before = this.config;
    const first = this.locked;
    this.#set({ config, locked: false });
    const sends: Send[] = [];
    if (config.membersOnly && !before.membersOnly) {
      for (const occupant of [...this.#occupants.values()]) {
        if (!this.mayEnter(occupant.user)) sends.push(...this.expel(occupant, { statuses: [322] }));
      }
    }
    for (const occupant of this.#occupants.values()) occupant.changed();
    const statuses = first ? [] : configStatuses(before, config);
    if (statuses.length > 0 && this.size > 0) sends.push(this.status(statuses));
    return sends;
  }

  /** A message of the room's own to all who are in it. */
  status(statuses: readonly number[]): Send {
    const el = statusMessage(this.address.toString(), this.#env.newId(), statuses);
    return { stanza: new SharedStanza(el), to: this.everyone() };
  }

  /** @param xml the message as it was reflected; it was stored before, with `subjectChange` */
  setSubject(xml: string, at: EpochMs): void {
    this.#set({ subject: { xml, at } });
  }

  setAvatar(avatar: readonly string[], vcard: string): void {
    this.#set({ avatar });
    this.#changes.vcard(vcard);
  }

  /** Section 10.9. */
  destroy(element: Element): Send[] {
    const sends: Send[] = [];
    for (const occupant of this.#occupants.values()) {
      const item = { role: "none" as const, affiliation: "none" as const };
      const jids = occupant.jids;
      const said = presenceStanza({});
      sends.push(...this.#telling.tellSelf(occupant, jids, { type: "unavailable", item, said, destroy: element }));
      for (const jid of jids) this.#clients.delete(jid.toString());
    }
    this.#occupants.clear();
    this.remove();
    return sends;
  }

  /** It is no more. */
  remove(): void {
    this.#removed = true;
    this.#former.clear();
    this.#changes.remove();
  }
}

function comparable(presence: Element): string {
  const { attrs, children } = presence;
  const said = (children as (Element | string)[]).filter(
    (node) => typeof node === "string" || attr(node, "xmlns") !== NS.muc,
  );
  return `${attrs["xml:lang"] ?? ""} ${said.map((node) => (typeof node === "string" ? node : serialize(node))).join("")}`;
}

// Section 10.2.1: what touches privacy has a code of its own; anything else is 104.
function configStatuses(before: RoomConfig, after: RoomConfig): number[] {
  const statuses: number[] = [];
  if (before.archiving !== after.archiving) statuses.push(after.archiving ? 170 : 171);
  if (before.nonAnonymous !== after.nonAnonymous) statuses.push(after.nonAnonymous ? 172 : 173);
  if (statuses.length === 0 && JSON.stringify(before) !== JSON.stringify(after)) statuses.push(104);
  return statuses;
}
