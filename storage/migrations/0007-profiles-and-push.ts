// Schema 7: vCards (XEP-0054), private XML (XEP-0049), last activity (XEP-0012), push services (XEP-0357).

import type { Migration } from "./migration.ts";

// A vCard with a picture is larger than a page: in a rowid table it has overflow pages of its own, and the others are found
// without reading it.
const profiles = `
  CREATE TABLE vcard (
    number INTEGER PRIMARY KEY,
    owner  TEXT NOT NULL UNIQUE,
    xml    TEXT NOT NULL
  );

  CREATE TABLE private_xml (
    number INTEGER PRIMARY KEY,
    owner  TEXT NOT NULL,
    ns     TEXT NOT NULL,
    name   TEXT NOT NULL,
    bytes  INTEGER NOT NULL, -- of the XML, its namespace and its name
    xml    TEXT NOT NULL,
    UNIQUE (owner, ns, name)
  );

  CREATE TABLE last_activity (
    owner  TEXT PRIMARY KEY,
    at     INTEGER NOT NULL,
    status TEXT NOT NULL
  ) WITHOUT ROWID;
`;

const push = `
  CREATE TABLE push_service (
    owner        TEXT NOT NULL,
    jid          TEXT NOT NULL,
    node         TEXT NOT NULL,
    resourcepart TEXT NOT NULL,
    options      TEXT NOT NULL, -- XML
    PRIMARY KEY (owner, jid, node)
  ) WITHOUT ROWID;
`;

/** The seventh schema. */
export const profilesAndPush: Migration = { version: 7, name: "profiles and push", sql: profiles + push };
