// Schema 8: accounts that have SCRAM keys of one hash only, such as come from other servers.
//
// account.bcrypt_only says which mechanisms an account cannot do: 0 none (or it has no credentials), 1 no SCRAM at all,
// 2 not SCRAM-SHA-256, 3 not SCRAM-SHA-1. The index holds the few for which it is not 0.

import type { Migration } from "./migration.ts";

/** The eighth schema. */
export const partialCredentials: Migration = {
  version: 8,
  name: "partial credentials",
  sql: `
    DROP INDEX account_bcrypt_only;
    CREATE INDEX account_lacking ON account (bcrypt_only) WHERE bcrypt_only > 0;
  `,
};
