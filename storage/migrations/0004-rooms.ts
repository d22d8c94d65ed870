// Schema 4: rooms (XEP-0045).

import type { Migration } from "./migration.ts";

const tables = `
  CREATE TABLE room (
    number    INTEGER PRIMARY KEY,
    address   TEXT NOT NULL UNIQUE,
    creator   TEXT NOT NULL,
    used_at   INTEGER NOT NULL,
    temporary INTEGER NOT NULL,
    occupants INTEGER NOT NULL, -- how many there are
    listed    INTEGER NOT NULL,
    name      TEXT NOT NULL,
    state     TEXT NOT NULL,
    vcard     TEXT NOT NULL
  );
  CREATE INDEX room_creator ON room (creator);
  CREATE INDEX room_listed ON room (address) WHERE listed = 1;
  CREATE INDEX room_awake ON room (address) WHERE temporary = 1 OR occupants > 0;
  CREATE INDEX room_unused ON room (used_at) WHERE temporary = 0 AND occupants = 0;

  CREATE TABLE room_affiliation (
    room        INTEGER NOT NULL REFERENCES room ON DELETE CASCADE,
    jid         TEXT NOT NULL,
    affiliation TEXT NOT NULL,
    reason      TEXT NOT NULL,
    PRIMARY KEY (room, jid)
  ) WITHOUT ROWID;
  CREATE INDEX room_affiliation_jid ON room_affiliation (jid);

  CREATE TABLE room_occupant (
    number   INTEGER PRIMARY KEY,
    room     INTEGER NOT NULL REFERENCES room ON DELETE CASCADE,
    jid      TEXT NOT NULL,
    nick     TEXT NOT NULL,
    role     TEXT NOT NULL,
    presence TEXT NOT NULL
  );
  CREATE UNIQUE INDEX room_occupant_jid ON room_occupant (room, jid);
  CREATE INDEX room_occupant_arrival ON room_occupant (room, number);
`;

/** The fourth schema. */
export const rooms: Migration = { version: 4, name: "rooms", sql: tables };
