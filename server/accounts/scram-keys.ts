// RFC 5802 section 3: from a password to what the server keeps. Runs when a password is set or tried with PLAIN, never
// in a SCRAM login.

import { createHash, createHmac, pbkdf2 } from "node:crypto";
import { promisify } from "node:util";
import type { ScramHash, ScramKeys } from "./authenticator.ts";

const derive = promisify(pbkdf2);

type HashDetail = { readonly digest: "sha1" | "sha256"; readonly octets: number };

/** node:crypto's name and the output length of each hash function. */
export const SCRAM_HASHES = {
  "SHA-1": { digest: "sha1", octets: 20 },
  "SHA-256": { digest: "sha256", octets: 32 },
} as const satisfies Record<ScramHash, HashDetail>;

/**
 * StoredKey and ServerKey of a password, in node's thread pool.
 * @param password prepared (password.ts). Source: RFC 5802 section 3.
 */
export async function scramKeys(
  hash: ScramHash,
  password: string,
  salt: Buffer,
  iterations: number,
): Promise<ScramKeys> {
  const { digest, octets } = SCRAM_HASHES[hash];
  const salted = await derive(password, salt, iterations, octets, digest);
  const clientKey = createHmac(digest, salted).update("Client Key").digest();
  return {
    salt,
    iterations,
    storedKey: createHash(digest).update(clientKey).digest(),
    serverKey: createHmac(digest, salted).update("Server Key").digest(),
  };
}
