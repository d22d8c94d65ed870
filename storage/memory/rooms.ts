// Rooms with their affiliations and occupants (XEP-0045).

import { checkKey, pageRows, rows } from "../bounds.ts";
import type {
  LoadedRoom,
  PageRequest,
  RoomAffiliation,
  RoomChange,
  RoomOccupant,
  RoomStore,
  SavedRoom,
} from "../store.ts";
import type { Run } from "./run.ts";
import { compareText, frozenCopy } from "./values.ts";

type Entry = {
  readonly room: SavedRoom;
  readonly vcard: string;
  readonly affiliations: Map<string, RoomAffiliation>;
  readonly occupants: Map<string, RoomOccupant>;
};

/** Rooms by address; `erase` removes the affiliations of somebody. */
export function memoryRooms(run: Run): { readonly store: RoomStore; readonly erase: (owner: string) => void } {
  const entries = new Map<string, Entry>();

  function change({ address, save, vcard, affiliations = [], occupants = [], left = [], remove }: RoomChange): void {
    const known = entries.get(address);
    const room = save === undefined ? known?.room : frozenCopy(save);
    if (room === undefined) return;
    const entry: Entry = {
      room,
      vcard: vcard ?? known?.vcard ?? "",
      affiliations: known?.affiliations ?? new Map(),
      occupants: known?.occupants ?? new Map(),
    };
    for (const one of affiliations) {
      if (one.affiliation === "none") entry.affiliations.delete(one.jid);
      else entry.affiliations.set(one.jid, frozenCopy(one));
    }
    for (const one of occupants) entry.occupants.set(one.jid, frozenCopy(one));
    for (const jid of left) entry.occupants.delete(jid);
    if (remove) entries.delete(address);
    else entries.set(address, entry);
  }

  const sorted = (wanted: (entry: Entry) => boolean): SavedRoom[] =>
    [...entries.values()]
      .filter(wanted)
      .map(({ room }) => room)
      .sort((a, b) => compareText(a.address, b.address));
  const isAwake = ({ room, occupants }: Entry): boolean => room.temporary || occupants.size > 0;

  const store: RoomStore = {
    apply: (changes) =>
      run(() => {
        for (const { address, save } of changes) if (save !== undefined) checkKey(address, save.address);
        changes.forEach(change);
      }),
    load: (address) => run(() => loaded(entries.get(address))),
    vcard: (address) => run(() => entries.get(address)?.vcard ?? ""),
    listed: (page) =>
      run(() =>
        pageOf(
          sorted(({ room }) => room.listed),
          page,
        ).map(({ address, name }) => ({ address, name })),
      ),
    countCreated: (creator, atMost) =>
      run(() => Math.min(sorted(({ room }) => room.creator === creator).length, rows(atMost))),
    awake: (page) => run(() => pageOf(sorted(isAwake), page).map(({ address }) => address)),
    unused: (before, limit) =>
      run(() =>
        sorted((entry) => !isAwake(entry) && entry.room.usedAt < before)
          .sort((a, b) => a.usedAt - b.usedAt)
          .slice(0, pageRows(limit))
          .map(({ address }) => address),
      ),
  };
  function erase(owner: string): void {
    for (const { affiliations } of entries.values()) affiliations.delete(owner);
  }
  return { store, erase };
}

function pageOf(rooms: readonly SavedRoom[], { after, limit }: PageRequest): SavedRoom[] {
  return rooms
    .filter(({ address }) => after === undefined || compareText(address, after) > 0)
    .slice(0, pageRows(limit));
}

function loaded(entry: Entry | undefined): LoadedRoom | undefined {
  if (entry === undefined) return undefined;
  const affiliations = [...entry.affiliations.values()].sort((a, b) => compareText(a.jid, b.jid));
  return { room: entry.room, affiliations, occupants: [...entry.occupants.values()] };
}
