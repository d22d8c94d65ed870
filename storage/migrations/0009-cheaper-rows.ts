// Schema 9: archived and offline messages in tables that cost less to add to.
//
// The rows of the tables that these replace are moved by schema 10, some thousands at a time.

import type { Migration } from "./migration.ts";

// A place is the number of its archive, then 36 bits of its position, which counts up without a gap. Messages lie in the
// order in which they came to any archive: those of one commit share pages, and what an archive needs of its own is two
// narrow indexes. Side by side by archive, each would write a page of its own, and split it every few messages.
// test/bench/storage.ts measures both. There is no index on the time: it never descends with the position, so that a time is
// found by halving.
//
// The number is what an id of the store's own making says to who has the secret (sqlite/archive-ids.ts), so that those need
// no index of their own, which would be one more page for each message.
const archives = `
  DROP INDEX archive_message_id;
  DROP INDEX archive_message_contact;
  ALTER TABLE archive_message RENAME TO archive_message_2;
  ALTER TABLE archive DROP COLUMN last_at;

  CREATE TABLE archive_message (
    number  INTEGER PRIMARY KEY,
    place   INTEGER NOT NULL,
    contact TEXT NOT NULL,
    at      INTEGER NOT NULL,
    id      TEXT, -- of somebody else's making
    xml     TEXT NOT NULL
  );
  CREATE UNIQUE INDEX archive_message_place ON archive_message (place);
  CREATE INDEX archive_message_contact ON archive_message (contact, place);
  CREATE UNIQUE INDEX archive_message_id ON archive_message (place >> 36, id) WHERE id IS NOT NULL;
`;

// Whose a message is stands in it as a small number: many boxes share a page of the index. No id comes back after its message
// is gone: offline_floor says so without AUTOINCREMENT, which writes to another table for each message.
const offline = `
  DROP INDEX offline_message_owner;
  ALTER TABLE offline_message RENAME TO offline_message_1;
  ALTER TABLE offline_box RENAME TO offline_box_1;

  CREATE TABLE offline_box (
    number INTEGER PRIMARY KEY,
    owner  TEXT NOT NULL UNIQUE
  );
  CREATE TABLE offline_message (
    id  INTEGER PRIMARY KEY,
    box INTEGER NOT NULL,
    at  INTEGER NOT NULL,
    xml TEXT NOT NULL
  );
  CREATE INDEX offline_message_box ON offline_message (box);
  INSERT INTO offline_box (owner) SELECT owner FROM offline_box_1;
  DROP TABLE offline_box_1;

  CREATE TABLE offline_floor (
    id   INTEGER PRIMARY KEY CHECK (id = 1),
    next INTEGER NOT NULL -- no message has had an id from here on
  );
  INSERT INTO offline_floor SELECT 1, ifnull(max(seq), 0) + 1 FROM sqlite_sequence WHERE name = 'offline_message_1';
`;

/** The ninth schema. */
export const cheaperRows: Migration = { version: 9, name: "cheaper rows", sql: archives + offline };
