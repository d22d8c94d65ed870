// Rooms with their affiliations and occupants (XEP-0045).

import type { Database } from "better-sqlite3";
import { checkKey, pageRows, rows } from "../bounds.ts";
import type { RoomAffiliation, RoomChange, RoomOccupant, RoomStore, SavedRoom } from "../store.ts";
import type { Turn } from "./turn.ts";

type Row = Omit<SavedRoom, "temporary" | "listed"> & Record<"number" | "temporary" | "listed", number>;

/** The tables of rooms. */
export function sqliteRooms(db: Database, turn: Turn): RoomStore {
  const change = roomChanger(db);
  const find = db.prepare<[string], Row>(
    "SELECT number, address, creator, used_at AS usedAt, temporary, listed, name, state FROM room WHERE address = ?",
  );
  const affiliations = db.prepare<[number], RoomAffiliation>(
    "SELECT jid, affiliation, reason FROM room_affiliation WHERE room = ? ORDER BY jid",
  );
  const occupants = db.prepare<[number], RoomOccupant>(
    "SELECT jid, nick, role, presence FROM room_occupant WHERE room = ? ORDER BY number",
  );
  const load = db.transaction((address: string) => {
    const row = find.get(address);
    if (row === undefined) return undefined;
    const { number, temporary, listed, ...rest } = row;
    const room = { ...rest, temporary: temporary === 1, listed: listed === 1 };
    return { room, affiliations: affiliations.all(number), occupants: occupants.all(number) };
  });
  const vcard = db.prepare<[string], string>("SELECT vcard FROM room WHERE address = ?").pluck();
  const listed = db.prepare<[string, number], { address: string; name: string }>(
    "SELECT address, name FROM room WHERE listed = 1 AND address > ? ORDER BY address LIMIT ?",
  );
  const countCreated = db
    .prepare<[string, number], number>("SELECT count(*) FROM (SELECT 1 FROM room WHERE creator = ? LIMIT ?)")
    .pluck();
  const awake = db
    .prepare<[string, number], string>(
      "SELECT address FROM room WHERE (temporary = 1 OR occupants > 0) AND address > ? ORDER BY address LIMIT ?",
    )
    .pluck();
  const unused = db
    .prepare<[number, number], string>(
      "SELECT address FROM room WHERE temporary = 0 AND occupants = 0 AND used_at < ? ORDER BY used_at LIMIT ?",
    )
    .pluck();
  return {
    apply: (changes) => turn.write(() => changes.forEach(change)),
    load: (address) => turn.read(() => load(address)),
    vcard: (address) => turn.read(() => vcard.get(address) ?? ""),
    listed: ({ after = "", limit }) => turn.read(() => listed.all(after, pageRows(limit))),
    countCreated: (creator, atMost) => turn.read(() => countCreated.get(creator, rows(atMost)) ?? 0),
    awake: ({ after = "", limit }) => turn.read(() => awake.all(after, pageRows(limit))),
    unused: (before, limit) => turn.read(() => unused.all(before, pageRows(limit))),
  };
}

/** Removes somebody's affiliations. */
export function roomEraser(db: Database): (owner: string) => void {
  const remove = db.prepare<[string]>("DELETE FROM room_affiliation WHERE jid = ?");
  return (owner) => {
    remove.run(owner);
  };
}

function roomChanger(db: Database): (change: RoomChange) => void {
  const put = db.prepare<[string, string, number, number, number, string, string]>(
    `INSERT INTO room (address, creator, used_at, temporary, occupants, listed, name, state, vcard)
     VALUES (?, ?, ?, ?, 0, ?, ?, ?, '')
     ON CONFLICT (address) DO UPDATE SET creator = excluded.creator, used_at = excluded.used_at,
     temporary = excluded.temporary, listed = excluded.listed, name = excluded.name, state = excluded.state`,
  );
  const find = db.prepare<[string], number>("SELECT number FROM room WHERE address = ?").pluck();
  const setVcard = db.prepare<[string, number]>("UPDATE room SET vcard = ? WHERE number = ?");
  const affiliate = db.prepare<[number, string, string, string]>(
    `INSERT INTO room_affiliation VALUES (?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET affiliation = excluded.affiliation, reason = excluded.reason`,
  );
  const disaffiliate = db.prepare<[number, string]>("DELETE FROM room_affiliation WHERE room = ? AND jid = ?");
  const enter = db.prepare<[number, string, string, string, string]>(
    "INSERT INTO room_occupant (room, jid, nick, role, presence) VALUES (?, ?, ?, ?, ?)",
  );
  const stay = db.prepare<[string, string, string, number, string]>(
    "UPDATE room_occupant SET nick = ?, role = ?, presence = ? WHERE room = ? AND jid = ?",
  );
  const leave = db.prepare<[number, string]>("DELETE FROM room_occupant WHERE room = ? AND jid = ?");
  const count = db.prepare<[number, number]>("UPDATE room SET occupants = occupants + ? WHERE number = ?");
  const remove = db.prepare<[number]>("DELETE FROM room WHERE number = ?"); // its people: ON DELETE CASCADE

  return ({ address, save, vcard, affiliations = [], occupants = [], left = [], remove: removed = false }) => {
    if (save !== undefined) {
      checkKey(address, save.address);
      const { creator, usedAt, temporary, listed, name, state } = save;
      put.run(address, creator, usedAt, temporary ? 1 : 0, listed ? 1 : 0, name, state);
    }
    const room = find.get(address);
    if (room === undefined) return;
    if (vcard !== undefined) setVcard.run(vcard, room);
    for (const { jid, affiliation, reason } of affiliations) {
      if (affiliation === "none") disaffiliate.run(room, jid);
      else affiliate.run(room, jid, affiliation, reason);
    }
    let more = 0;
    for (const { jid, nick, role, presence } of occupants) {
      if (stay.run(nick, role, presence, room, jid).changes > 0) continue;
      enter.run(room, jid, nick, role, presence);
      more += 1;
    }
    for (const jid of left) more -= leave.run(room, jid).changes;
    if (more !== 0) count.run(more, room);
    if (removed) remove.run(room);
  };
}
