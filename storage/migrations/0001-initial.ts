// Schema 1: accounts, rosters, offline messages, audit, gateway.
//
// Not STRICT: a time in milliseconds may have a fraction, which INTEGER affinity keeps and STRICT would refuse.
// AUTOINCREMENT wherever a consumer remembers an id: an id must not come back after its row is gone.

import type { Migration } from "./migration.ts";

const accounts = `
  CREATE TABLE account (
    localpart   TEXT PRIMARY KEY,
    created_at  INTEGER NOT NULL,
    bcrypt_only INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX account_bcrypt_only ON account (bcrypt_only) WHERE bcrypt_only = 1;

  CREATE TABLE credential (
    localpart  TEXT NOT NULL REFERENCES account ON DELETE CASCADE,
    position   INTEGER NOT NULL,
    kind       TEXT NOT NULL,
    salt       BLOB NOT NULL,
    iterations INTEGER NOT NULL,
    key_id     TEXT NOT NULL,
    sealed     BLOB NOT NULL,
    PRIMARY KEY (localpart, position)
  ) WITHOUT ROWID;

  CREATE TABLE secret (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
  ) WITHOUT ROWID;
`;

// A roster that was never touched has the version in roster_floor, which is above that of every erased roster: a client
// that remembers an erased account of the same name is told to load the whole roster.
const rosters = `
  CREATE TABLE roster (
    owner   TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    items   INTEGER NOT NULL,
    pruned  INTEGER NOT NULL -- no changes can be told to a client whose version is below this
  ) WITHOUT ROWID;

  CREATE TABLE roster_floor (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    version INTEGER NOT NULL
  );
  INSERT INTO roster_floor VALUES (1, 0);

  CREATE TABLE roster_item (
    owner             TEXT NOT NULL,
    contact           TEXT NOT NULL,
    version           INTEGER NOT NULL, -- of the roster, at the item's last change
    in_roster         INTEGER NOT NULL,
    name              TEXT NOT NULL,
    group_names       TEXT NOT NULL, -- JSON array
    state             TEXT NOT NULL,
    approved          INTEGER NOT NULL,
    pending_subscribe TEXT NOT NULL,
    PRIMARY KEY (owner, contact)
  ) WITHOUT ROWID;
  CREATE INDEX roster_item_version ON roster_item (owner, version);

  CREATE TABLE roster_removal (
    owner   TEXT NOT NULL,
    contact TEXT NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (owner, contact)
  ) WITHOUT ROWID;
  CREATE INDEX roster_removal_version ON roster_removal (owner, version);
`;

// offline_box counts the messages of one owner, so that the quota costs one lookup and not a count of up to a thousand.
const offline = `
  CREATE TABLE offline_box (
    owner    TEXT PRIMARY KEY,
    messages INTEGER NOT NULL
  ) WITHOUT ROWID;

  CREATE TABLE offline_message (
    id    INTEGER PRIMARY KEY AUTOINCREMENT,
    owner TEXT NOT NULL,
    at    INTEGER NOT NULL,
    xml   TEXT NOT NULL
  );
  CREATE INDEX offline_message_owner ON offline_message (owner);
`;

const audit = `
  CREATE TABLE audit (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    at      INTEGER NOT NULL,
    event   TEXT NOT NULL,
    account TEXT NOT NULL,
    address TEXT NOT NULL,
    detail  TEXT NOT NULL
  );
`;

const presentities = `
  CREATE TABLE presentity (
    address     TEXT PRIMARY KEY,
    domain      TEXT NOT NULL,
    formal_name TEXT NOT NULL,
    policy      TEXT NOT NULL,
    allow_from  TEXT NOT NULL, -- JSON array
    created_at  INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX presentity_domain ON presentity (domain, address);

  CREATE TABLE publication (
    address      TEXT PRIMARY KEY,
    etag         TEXT NOT NULL,
    document     TEXT NOT NULL,
    published_at INTEGER NOT NULL,
    expires_at   INTEGER -- NULL: until replaced
  );
  CREATE INDEX publication_expires ON publication (expires_at, address) WHERE expires_at IS NOT NULL;

  CREATE TABLE token (
    id         TEXT PRIMARY KEY,
    scope      TEXT NOT NULL,
    sha256     TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX token_scope ON token (scope);
`;

// watch_since and subscription_since are NULL where there is no watch or no subscription.
const relations = `
  CREATE TABLE relation (
    presentity                TEXT NOT NULL,
    user                      TEXT NOT NULL,
    state                     TEXT NOT NULL,
    approved                  INTEGER NOT NULL,
    watch_trans_id            TEXT,
    watch_subscript_id        TEXT,
    watch_since               INTEGER,
    subscription_state        TEXT,
    subscription_subscript_id TEXT,
    subscription_trans_id     TEXT,
    subscription_since        INTEGER,
    subscription_until        INTEGER,
    subscription_duration     INTEGER, -- seconds
    subscription_digest       TEXT NOT NULL,
    subscription_open         INTEGER NOT NULL,
    PRIMARY KEY (presentity, user)
  ) WITHOUT ROWID;
  CREATE INDEX relation_user ON relation (user, presentity);
  CREATE INDEX relation_until ON relation (subscription_until) WHERE subscription_until IS NOT NULL;
  CREATE INDEX relation_open ON relation (presentity, user) WHERE subscription_open = 1;
`;

// gateway_event_presentity holds all that pruning asks for, so that it need not read the events themselves.
const events = `
  CREATE TABLE gateway_event (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    presentity TEXT NOT NULL,
    domain     TEXT NOT NULL AS (substr(presentity, instr(presentity, '@') + 1)) VIRTUAL,
    type       TEXT NOT NULL,
    data       TEXT NOT NULL,
    at         INTEGER NOT NULL
  );
  CREATE INDEX gateway_event_presentity ON gateway_event (presentity, id, at);
  CREATE INDEX gateway_event_domain ON gateway_event (domain);

  CREATE TABLE gateway_event_pruned (
    presentity TEXT PRIMARY KEY,
    domain     TEXT NOT NULL AS (substr(presentity, instr(presentity, '@') + 1)) VIRTUAL,
    up_to      INTEGER NOT NULL
  );
  CREATE INDEX gateway_event_pruned_domain ON gateway_event_pruned (domain, up_to);
`;

/** The first schema. */
export const initial: Migration = {
  version: 1,
  name: "initial",
  sql: accounts + rosters + offline + audit + presentities + relations + events,
};
