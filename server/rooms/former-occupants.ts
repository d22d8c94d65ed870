// Who left a room lately. Presence that a client has not acknowledged is lost with a restart of the server (XEP-0198 section
// 5 knows no restart): a client that comes back after one is told of all of them, lest it go on to show somebody who left.

import { type Element, parse } from "ltx";
import type { RoomOccupant } from "../../storage/store.ts";
import type { EpochMs } from "../clock.ts";
import { Jid } from "../jid.ts";
import { attr, presence } from "../stanza.ts";
import { serialize } from "../xml/serialize.ts";
import { nickKey } from "./occupant.ts";
import type { RoomChanges } from "./room-changes.ts";

const KEPT = 1_000;

/** `user`: bare JID. */
export type FormerOccupant = { readonly nick: string; readonly user: Jid };

export class FormerOccupants {
  readonly #room: Jid;
  readonly #changes: RoomChanges;
  readonly #keptMs: number;
  readonly #now: () => EpochMs;
  /** By nickKey, oldest first. */
  readonly #former = new Map<string, FormerOccupant & { readonly at: EpochMs }>();

  /** @param keptMs how long a client may stay away and come back */
  constructor(room: Jid, changes: RoomChanges, { keptMs, now }: { keptMs: number; now: () => EpochMs }) {
    this.#room = room;
    this.#changes = changes;
    this.#keptMs = keptMs;
    this.#now = now;
  }

  all(): Iterable<FormerOccupant> {
    return this.#former.values();
  }

  add({ nick, user }: FormerOccupant): void {
    if (this.#keptMs === 0) return;
    const at = this.#now();
    for (const [key, former] of this.#former) {
      if (this.#former.size < KEPT && former.at + this.#keptMs > at) break;
      this.#delete(key);
    }
    this.#former.set(nickKey(nick), { nick, user, at });
    const said = serialize(presence({ from: user.toString() }));
    this.#changes.occupant({ jid: this.#keyOf(nick), nick, role: "none", presence: said });
  }

  /** The nickname is somebody's again. */
  returned(nick: string): void {
    this.#delete(nickKey(nick));
  }

  /** Nobody is in the room who would have to be told. */
  clear(): void {
    for (const key of [...this.#former.keys()]) this.#delete(key);
  }

  #delete(key: string): void {
    const former = this.#former.get(key);
    if (former === undefined) return;
    this.#former.delete(key);
    this.#changes.left(this.#keyOf(former.nick));
  }

  // Stored among the occupants, by an address that no client has.
  #keyOf(nick: string): string {
    return this.#room.withResource(nick).toString();
  }

  /** What was stored by `add`; undefined: it is a client. */
  static read({ nick, role, presence: said }: RoomOccupant): FormerOccupant | undefined {
    if (role !== "none") return undefined;
    return { nick, user: Jid.fromTrusted(attr(parse(said) as Element, "from") as string) };
  }
}
