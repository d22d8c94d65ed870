// Schema 5: block lists (XEP-0191).

import type { Migration } from "./migration.ts";

const blocking = `
  CREATE TABLE blocked (
    owner   TEXT NOT NULL,
    address TEXT NOT NULL,
    PRIMARY KEY (owner, address)
  ) WITHOUT ROWID;
`;

/** The fifth schema. */
export const blockLists: Migration = { version: 5, name: "block lists", sql: blocking };
