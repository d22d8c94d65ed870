// The rooms that are in use, in memory: loaded from the store when somebody turns to one, and let go of when nobody is in it.

import type { RoomChange, Store } from "../../storage/store.ts";
import type { StanzaError } from "../errors.ts";
import type { Jid } from "../jid.ts";
import type { Logger } from "../log.ts";
import { Turns } from "../turns.ts";
import type { Broadcast } from "./broadcast.ts";
import { authorOf } from "./moderation.ts";
import { Room, type RoomEnvironment } from "./room.ts";
import { fromArchive } from "./room-archive.ts";

/** A room in memory. */
export type ActiveRoom = {
  room: Room;
  /** What works on it across turns of the event loop: it must not be let go of meanwhile. */
  busy: number;
  /** Messages that wait for the disk, oldest first: who comes in gets them, too. */
  readonly flying: Set<Broadcast>;
  /** Its history is in memory, too: from when somebody comes in. */
  hasHistory: boolean;
};

export type RegistryParts = {
  readonly store: Pick<Store, "rooms" | "archive">;
  readonly log: Logger;
  readonly environment: RoomEnvironment;
};

export class RoomRegistry {
  readonly #parts: RegistryParts;
  readonly #active = new Map<string, ActiveRoom>();
  readonly #turns = new Turns();
  readonly #writing = new Set<Promise<unknown>>();

  constructor(parts: RegistryParts) {
    this.#parts = parts;
  }

  /** Whether the service keeps archives. */
  get archives(): boolean {
    return this.#parts.environment.archives;
  }

  /** In memory. */
  get(address: string): ActiveRoom | undefined {
    return this.#active.get(address);
  }

  all(): Iterable<ActiveRoom> {
    return this.#active.values();
  }

  /** In memory or in the store. Busy until `release`. */
  find(address: string): ActiveRoom | undefined | Promise<ActiveRoom | undefined> {
    const known = this.#active.get(address);
    if (known !== undefined) return held(known);
    return this.#turns.run(address, async () => {
      const active = this.#active.get(address) ?? (await this.#load(address));
      return active === undefined ? undefined : held(active);
    });
  }

  /** Makes a room, if there is none. Busy until `release`. @param allowed is asked before it is made */
  create(
    address: Jid,
    creator: Jid,
    allowed: () => Promise<StanzaError | undefined>,
  ): Promise<ActiveRoom | StanzaError> {
    const key = address.toString();
    return this.#turns.run(key, async () => {
      const known = this.#active.get(key) ?? (await this.#load(key));
      if (known !== undefined) return held(known);
      const refused = await allowed();
      if (refused !== undefined) return refused;
      const room = Room.create(address, creator, this.#parts.environment);
      await this.#parts.store.rooms.apply([room.takeChange() as RoomChange]);
      const active = { room, busy: 1, flying: new Set<Broadcast>(), hasHistory: true };
      this.#active.set(key, active);
      return active;
    });
  }

  release(active: ActiveRoom): void {
    active.busy -= 1;
    this.settle(active);
  }

  /** Writes what changed, without anybody's waiting for it. */
  save(active: ActiveRoom): void {
    const change = active.room.takeChange();
    if (change === undefined) return;
    this.#track(this.#parts.store.rooms.apply([change]), change.address);
  }

  /** Resolves when what changed is on disk. Where the disk refuses it, the room is again what it was there. */
  async commit(active: ActiveRoom): Promise<void> {
    const change = active.room.takeChange();
    if (change === undefined) return;
    try {
      await this.#parts.store.rooms.apply([change]);
    } catch (error) {
      await this.#revert(active);
      throw error;
    }
  }

  async #revert(active: ActiveRoom): Promise<void> {
    const address = active.room.address.toString();
    const stored = await this.#parts.store.rooms.load(address);
    if (stored === undefined) return;
    const room = Room.restore(stored, this.#parts.environment);
    room.takeChange();
    for (const occupant of stored.occupants) room.readmit(occupant);
    active.room = room;
    await this.#loadHistory(room);
  }

  /** A room that nobody is in is let go of, and removed if it was temporary. */
  settle(active: ActiveRoom): void {
    const { room } = active;
    if (room.size > 0 || active.busy > 0 || active.flying.size > 0) return;
    const address = room.address.toString();
    if (this.#active.get(address) !== active) return;
    if (!room.removed && (!room.config.persistent || room.locked)) this.remove(room);
    else if (!room.removed) room.rest();
    this.save(active);
    this.#active.delete(address);
  }

  /** With its archive. */
  remove(room: Room): void {
    room.remove();
    const address = room.address.toString();
    this.#track(this.#parts.store.archive.removeOwner(address), address);
  }

  async #load(address: string): Promise<ActiveRoom | undefined> {
    const stored = await this.#parts.store.rooms.load(address);
    if (stored === undefined) return undefined;
    const room = Room.restore(stored, this.#parts.environment);
    const active = { room, busy: 0, flying: new Set<Broadcast>(), hasHistory: false };
    this.#active.set(address, active);
    return active;
  }

  /** Call it before somebody comes in; undefined: it is there. */
  loadHistory(active: ActiveRoom): Promise<void> | undefined {
    if (active.hasHistory) return undefined;
    const address = active.room.address.toString();
    return this.#turns.run(address, async () => {
      if (!active.hasHistory) await this.#loadHistory(active.room);
      active.hasHistory = true;
    });
  }

  async #loadHistory(room: Room): Promise<void> {
    const limit = this.#parts.environment.limits.historyMessages;
    if (!room.config.archiving || limit === 0) return;
    const page = await this.#parts.store.archive.page(room.address.toString(), { backward: true, limit });
    for (const message of page?.messages ?? []) {
      const stanza = fromArchive(message);
      if (isHistory(stanza))
        room.history.add(stanza, { id: message.id, author: authorOf(message.xml) ?? "", at: message.at });
    }
  }

  #track(work: Promise<unknown>, address: string): void {
    const written = work
      .catch((err: unknown) => this.#parts.log.error({ err, room: address }, "room-not-saved"))
      .finally(() => this.#writing.delete(written));
    this.#writing.add(written);
  }

  /** Resolves when everything was written that nobody waits for. */
  async stop(): Promise<void> {
    await Promise.all(this.#writing);
  }

  /** Addresses of all rooms that were in use before a restart. */
  async awake(): Promise<string[]> {
    const addresses: string[] = [];
    for (;;) {
      const after = addresses.at(-1);
      const page = await this.#parts.store.rooms.awake({ ...(after === undefined ? {} : { after }), limit: 100 });
      addresses.push(...page);
      if (page.length < 100) return addresses;
    }
  }
}

function held(active: ActiveRoom): ActiveRoom {
  active.busy += 1;
  return active;
}

/** Section 7.2.13: messages, and not subjects, which have a place of their own; nor what only says that one was retracted. */
export function isHistory(message: { children: unknown[] }): boolean {
  const names = message.children.map((node) => (typeof node === "string" ? "" : (node as { name: string }).name));
  return !names.includes("retracted") && (names.includes("body") || !names.includes("subject"));
}
