// What has changed of a room and is not stored yet: gathered, and taken for one step of the store.

import type { Element } from "ltx";
import type { RoomAffiliation, RoomChange, RoomOccupant, SavedRoom } from "../../storage/store.ts";
import type { Jid } from "../jid.ts";
import { serialize } from "../xml/serialize.ts";
import type { Occupant } from "./occupant.ts";

export class RoomChanges {
  readonly #address: string;
  #save: SavedRoom | undefined;
  #vcard: string | undefined;
  #removed = false;
  readonly #affiliations = new Map<string, RoomAffiliation>();
  /** By their JIDs, each in one of the two at most. */
  readonly #occupants = new Map<string, RoomOccupant>();
  readonly #left = new Set<string>();

  constructor(address: string) {
    this.#address = address;
  }

  /** What changed since the last call; undefined: nothing. */
  take(): RoomChange | undefined {
    const change = {
      ...(this.#save === undefined ? {} : { save: this.#save }),
      ...(this.#vcard === undefined ? {} : { vcard: this.#vcard }),
      ...(this.#affiliations.size === 0 ? {} : { affiliations: [...this.#affiliations.values()] }),
      ...(this.#occupants.size === 0 ? {} : { occupants: [...this.#occupants.values()] }),
      ...(this.#left.size === 0 ? {} : { left: [...this.#left] }),
      ...(this.#removed ? { remove: true } : {}),
    };
    this.#clear();
    return Object.keys(change).length === 0 ? undefined : { address: this.#address, ...change };
  }

  #clear(): void {
    this.#save = undefined;
    this.#vcard = undefined;
    this.#removed = false;
    this.#affiliations.clear();
    this.#occupants.clear();
    this.#left.clear();
  }

  save(room: SavedRoom): void {
    this.#save = room;
  }

  vcard(xml: string): void {
    this.#vcard = xml;
  }

  affiliation(affiliation: RoomAffiliation): void {
    this.#affiliations.set(affiliation.jid, affiliation);
  }

  client({ nick, role }: Occupant, jid: Jid, presence: Element): void {
    this.occupant({ jid: jid.toString(), nick, role, presence: serialize(presence) });
  }

  occupant(occupant: RoomOccupant): void {
    this.#left.delete(occupant.jid);
    this.#occupants.set(occupant.jid, occupant);
  }

  left(jid: string): void {
    this.#occupants.delete(jid);
    this.#left.add(jid);
  }

  /** Whatever else has changed is of no interest any more. */
  remove(): void {
    this.#clear();
    this.#removed = true;
  }
}
