// An Authenticator over an application's own user table with bcrypt hashes. It serves PLAIN only: a bcrypt hash can
// verify nothing else.

import { AccountError } from "./account-error.ts";
import type { Authenticator } from "./authenticator.ts";
import { Bcrypt, unmatchableHash } from "./bcrypt.ts";

export type BcryptAuthenticatorOptions = {
  /** The bcrypt hash of a user; undefined: no such user. The localpart is prepared (lower case). */
  readonly lookup: (localpart: string) => Promise<string | undefined> | string | undefined;
  /** The cost of the table's hashes, spent on unknown users too. */
  readonly cost?: number;
  /** Logins that may wait for the bcrypt thread. */
  readonly queue?: number;
};

/**
 * Serves logins from an application's user table:
 * `createServer(config, { authenticator: bcryptAuthenticator({ lookup: (name) => table.hashOf(name) }) })`.
 * Passwords are compared as they come, without SASLprep: the application hashed them so. Call `stop()` at the end.
 */
export function bcryptAuthenticator(options: BcryptAuthenticatorOptions): Authenticator & { stop(): Promise<void> } {
  const bcrypt = new Bcrypt(options.queue ?? 50);
  const unmatchable = unmatchableHash(options.cost ?? 12);
  return {
    exists: async (localpart) => (await options.lookup(localpart)) !== undefined,
    async verifyPlain(localpart, password) {
      const hash = await options.lookup(localpart);
      try {
        return (await bcrypt.compare(password, hash ?? unmatchable)) && hash !== undefined ? "right" : "wrong";
      } catch (error) {
        if (error instanceof AccountError && error.code === "busy") return "busy";
        throw error;
      }
    },
    stop: () => bcrypt.stop(),
  };
}
