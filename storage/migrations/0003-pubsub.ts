// Schema 3: personal publish-subscribe nodes (XEP-0060, XEP-0163) and clients' capabilities (XEP-0115, XEP-0390).

import type { Migration } from "./migration.ts";

// The order of a node's items is that of their keys: an item that is published again gets a new one. Who is affiliated with
// a node or subscribed to it is read with the node, and of personal nodes those are few.
const pubsub = `
  CREATE TABLE pubsub_account (
    owner TEXT PRIMARY KEY,
    nodes INTEGER NOT NULL,
    bytes INTEGER NOT NULL -- of all items
  ) WITHOUT ROWID;

  CREATE TABLE pubsub_node (
    number        INTEGER PRIMARY KEY,
    owner         TEXT NOT NULL,
    name          TEXT NOT NULL,
    created_at    INTEGER NOT NULL,
    items         INTEGER NOT NULL,
    config        TEXT NOT NULL, -- JSON
    affiliations  TEXT NOT NULL, -- JSON array
    subscriptions TEXT NOT NULL  -- JSON array
  );
  CREATE UNIQUE INDEX pubsub_node_name ON pubsub_node (owner, name);

  CREATE TABLE pubsub_item (
    key       INTEGER PRIMARY KEY,
    node      INTEGER NOT NULL,
    id        TEXT NOT NULL,
    publisher TEXT NOT NULL,
    at        INTEGER NOT NULL,
    bytes     INTEGER NOT NULL,
    xml       TEXT NOT NULL
  );
  CREATE UNIQUE INDEX pubsub_item_id ON pubsub_item (node, id);
  CREATE INDEX pubsub_item_order ON pubsub_item (node, key);
`;

const capabilities = `
  CREATE TABLE capability (
    number   INTEGER PRIMARY KEY,
    hash     TEXT NOT NULL UNIQUE,
    features TEXT NOT NULL -- JSON array
  );
`;

/** The third schema. */
export const pubsubNodes: Migration = { version: 3, name: "pubsub", sql: pubsub + capabilities };
