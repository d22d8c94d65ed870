// Somebody in a room under one nickname, with one client or several (XEP-0045 1.35.1 section 7.2.8).

import type { Element } from "ltx";
import type { Jid } from "../jid.ts";
import type { Role } from "./affiliation.ts";
import { SharedStanza } from "./shared-stanza.ts";

export type OccupantClient = { readonly jid: Jid; readonly presence: Element };

export class Occupant {
  /** Bare JID. */
  readonly user: Jid;
  #nick: string;
  #role: Role;
  /** By full JID; the one whose presence is shown is last. */
  readonly #clients = new Map<string, OccupantClient>();
  /** Its presence as others see it: without its real address, and with it. */
  #shown: { hidden?: SharedStanza; real?: SharedStanza } = {};

  constructor(user: Jid, nick: string, role: Role) {
    this.user = user;
    this.#nick = nick;
    this.#role = role;
  }

  get nick(): string {
    return this.#nick;
  }

  set nick(nick: string) {
    this.#nick = nick;
    this.changed();
  }

  get role(): Role {
    return this.#role;
  }

  set role(role: Role) {
    this.#role = role;
    this.changed();
  }

  /** The client whose presence stands for the occupant: the one that said something last. */
  get lead(): OccupantClient | undefined {
    let lead: OccupantClient | undefined;
    for (const client of this.#clients.values()) lead = client;
    return lead;
  }

  get size(): number {
    return this.#clients.size;
  }

  /** Full JIDs. */
  get jids(): Jid[] {
    return [...this.#clients.values()].map(({ jid }) => jid);
  }

  clients(): Iterable<OccupantClient> {
    return this.#clients.values();
  }

  client(jid: Jid): OccupantClient | undefined {
    return this.#clients.get(jid.toString());
  }

  put(client: OccupantClient): void {
    const key = client.jid.toString();
    this.#clients.delete(key);
    this.#clients.set(key, client);
    this.changed();
  }

  remove(jid: Jid): void {
    this.#clients.delete(jid.toString());
    this.changed();
  }

  /** What others see of it has changed. */
  changed(): void {
    this.#shown = {};
  }

  /** Its presence for those who see real addresses, or for the others: built once after each change. */
  shown(real: boolean, build: () => Element): SharedStanza {
    const key = real ? "real" : "hidden";
    this.#shown[key] ??= new SharedStanza(build());
    return this.#shown[key] as SharedStanza;
  }
}

/**
 * What two nicknames have in common that people could not tell apart by case, width or white space. Nicknames are prepared
 * as resourceparts (RFC 7622 section 3.4), which keep all of that; XEP-0045 section 7.2.8 leaves the comparison to the room.
 */
export function nickKey(nick: string): string {
  return nick.normalize("NFKC").toLowerCase().replace(/\s+/gu, " ").trim();
}
