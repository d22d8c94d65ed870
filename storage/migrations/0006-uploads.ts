// Schema 6: uploads (XEP-0363). The files themselves are in the data folder, named by their ids.

import type { Migration } from "./migration.ts";

// The first index has all that a quota is counted from, the second the order in which files make room.
const sql = `
  CREATE TABLE upload (
    number     INTEGER PRIMARY KEY,
    id         TEXT NOT NULL UNIQUE,
    owner      TEXT NOT NULL,
    bucket     TEXT NOT NULL,
    name       TEXT NOT NULL,
    type       TEXT NOT NULL,
    size       INTEGER NOT NULL,
    complete   INTEGER NOT NULL,
    until      INTEGER,
    keep_until INTEGER
  );
  CREATE INDEX upload_owner ON upload (owner, bucket, until, size);
  CREATE INDEX upload_order ON upload (owner, bucket, number) WHERE complete = 1;
  CREATE INDEX upload_until ON upload (until);
`;

/** The sixth schema. */
export const uploads: Migration = { version: 6, name: "uploads", sql };
