// Who in a room is told what of an occupant's presence (XEP-0045 1.35.1 sections 7.2.2 to 7.2.4): two variants for the others,
// by whether they see real addresses, and one for the occupant itself.

import type { Element } from "ltx";
import type { Jid } from "../jid.ts";
import type { Role } from "./affiliation.ts";
import type { Occupant } from "./occupant.ts";
import type { Room } from "./room.ts";
import { type Item, roomPresence } from "./room-elements.ts";
import { type Send, SharedStanza } from "./shared-stanza.ts";

/** What is told besides what the occupant is and last said of itself. */
export type Telling = {
  readonly type?: "unavailable";
  readonly item?: Partial<Item>;
  readonly statuses?: readonly number[];
  /** Told to the occupant alone, besides 110. */
  readonly selfStatuses?: readonly number[];
  /** The id of what the occupant said, which it is told again. */
  readonly selfId?: string | undefined;
  /** In place of the presence that the occupant has. */
  readonly said?: Element | undefined;
  readonly destroy?: Element;
  /** Whether others are told; left out: whether the occupant's role is broadcast. */
  readonly broadcast?: boolean;
};

export class PresenceTelling {
  readonly #room: Room;

  constructor(room: Room) {
    this.#room = room;
  }

  /** Others are told of occupants of that role. */
  isBroadcast(role: Role): boolean {
    return this.#room.config.broadcast.includes(role);
  }

  /** To all who are here; the occupant itself comes last. */
  tell(occupant: Occupant, telling: Telling): Send[] {
    const { broadcast = this.isBroadcast(occupant.role) } = telling;
    const others = broadcast ? this.#tellOthers(occupant, telling) : [];
    return [...others, ...this.tellSelf(occupant, occupant.jids, telling)];
  }

  #tellOthers(occupant: Occupant, telling: Telling): Send[] {
    const { type, item, statuses, said } = telling;
    const plain = type === undefined && item === undefined && statuses === undefined && said === undefined;
    const seeing: Jid[] = [];
    const others: Jid[] = [];
    for (const other of this.#room.occupants()) {
      if (other === occupant) continue;
      const list = this.#sees(other) ? seeing : others;
      for (const { jid } of other.clients()) list.push(jid);
    }
    const sends: Send[] = [];
    for (const [real, to] of [[true, seeing] as const, [false, others] as const]) {
      if (to.length === 0) continue;
      const stanza = plain ? this.#shown(occupant, real) : new SharedStanza(this.#presence(occupant, real, telling));
      sends.push({ stanza, to });
    }
    return sends;
  }

  /** To some or all of the occupant's own clients. */
  tellSelf(occupant: Occupant, to: readonly Jid[], telling: Telling): Send[] {
    const [first] = to;
    if (first === undefined) return [];
    // Each of them may know the addresses of the others: they are one user's.
    const shown = to.length === 1 ? first : (occupant.lead?.jid ?? first);
    return [{ stanza: new SharedStanza(this.#presence(occupant, true, telling, shown)), to }];
  }

  /** Everybody else's presence, for one of the occupant's clients. */
  roster(occupant: Occupant, to: Jid): Send[] {
    const sees = this.#sees(occupant);
    const sends: Send[] = [];
    for (const other of this.#room.occupants()) {
      if (other === occupant || !this.isBroadcast(other.role)) continue;
      sends.push({ stanza: this.#shown(other, sees), to: [to] });
    }
    return sends;
  }

  #sees(viewer: Occupant): boolean {
    return this.#room.config.nonAnonymous || viewer.role === "moderator";
  }

  #shown(occupant: Occupant, real: boolean): SharedStanza {
    return occupant.shown(real, () => this.#presence(occupant, real, {}));
  }

  #presence(occupant: Occupant, real: boolean, telling: Telling, self?: Jid): Element {
    const { type, item, statuses = [], selfStatuses = [], selfId, said, destroy } = telling;
    const { lead } = occupant;
    return roomPresence({
      from: this.#room.inRoom(occupant.nick),
      type,
      id: self === undefined ? undefined : selfId,
      said: said ?? lead?.presence,
      item: { ...this.#room.standing(occupant), jid: self ?? (real ? lead?.jid : undefined), ...item },
      statuses: self === undefined ? statuses : [...statuses, ...selfStatuses, 110],
      destroy,
      occupantId: this.#room.occupantId(occupant.user),
    });
  }
}
