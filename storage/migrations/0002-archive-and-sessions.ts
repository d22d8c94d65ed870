// Schema 2: message archives (XEP-0313) and stream-managed sessions (XEP-0198).

import type { Migration } from "./migration.ts";

// A message's key is the number of its archive, then 36 bits of its position, which counts up without a gap: the messages
// of one archive lie side by side, in order, and a page is one stretch of them. WITHOUT ROWID with (owner, id) for a key
// would lay them out alike, but moves every row over 1 kB (an encrypted message) to pages of its own. There is no index on
// the time, either: it never descends with the position, so a time is found by halving. test/bench/storage.ts measures.
const archives = `
  CREATE TABLE archive (
    number   INTEGER PRIMARY KEY CHECK (number < 1 << 27),
    owner    TEXT UNIQUE,      -- NULL: erased, its messages wait to be pruned
    first    INTEGER NOT NULL, -- position of the oldest message; an archive without messages has no row
    next     INTEGER NOT NULL CHECK (next <= 1 << 36),
    first_at INTEGER NOT NULL,
    last_at  INTEGER NOT NULL
  );
  CREATE INDEX archive_age ON archive (first_at);
  CREATE INDEX archive_size ON archive (next - first);

  CREATE TABLE archive_message (
    key     INTEGER PRIMARY KEY,
    archive INTEGER NOT NULL,
    id      TEXT NOT NULL,
    contact TEXT NOT NULL,
    at      INTEGER NOT NULL,
    xml     TEXT NOT NULL
  );
  CREATE UNIQUE INDEX archive_message_id ON archive_message (archive, id);
  CREATE INDEX archive_message_contact ON archive_message (archive, contact);

  CREATE TABLE archive_preferences (
    owner          TEXT PRIMARY KEY,
    default_policy TEXT NOT NULL,
    always         TEXT NOT NULL, -- JSON array
    never          TEXT NOT NULL  -- JSON array
  ) WITHOUT ROWID;
`;

// Stanzas come and go quickly: at the end of a rowid table those of all sessions of one turn share a page.
const sessions = `
  CREATE TABLE saved_session (
    number       INTEGER PRIMARY KEY,
    id           TEXT NOT NULL UNIQUE,
    owner        TEXT NOT NULL,
    resourcepart TEXT NOT NULL,
    state        TEXT NOT NULL,
    inbound      INTEGER NOT NULL,
    saved_at     INTEGER NOT NULL
  );
  CREATE INDEX saved_session_owner ON saved_session (owner);

  CREATE TABLE unacked_stanza (
    number   INTEGER PRIMARY KEY,
    session  INTEGER NOT NULL REFERENCES saved_session ON DELETE CASCADE,
    sequence INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    delivery TEXT NOT NULL,
    xml      TEXT NOT NULL
  );
  CREATE UNIQUE INDEX unacked_stanza_sequence ON unacked_stanza (session, sequence);
`;

/** The second schema. */
export const archiveAndSessions: Migration = { version: 2, name: "archive and sessions", sql: archives + sessions };
