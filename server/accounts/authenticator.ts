// What SASL asks about accounts. Accounts (accounts.ts) is the built-in one; an embedder may pass its own in its place.

/** The hash functions SCRAM is served with. Sources: RFC 5802, RFC 7677. */
export type ScramHash = "SHA-1" | "SHA-256";

/** What a server keeps for SCRAM in place of the password. Source: RFC 5802 section 3. */
export type ScramKeys = {
  readonly salt: Buffer;
  readonly iterations: number;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
};

/** "busy": too much hashing is under way to find out; the client is told to try again later. */
export type PlainVerdict = "right" | "wrong" | "busy";

/**
 * Verifies logins. Every localpart given to it is prepared (RFC 7622 section 3.3).
 *
 * Anything thrown is logged and answered with "temporary-auth-failure". So that strangers cannot find out who has an
 * account, an unknown localpart should take as long to refuse as a wrong password.
 */
export interface Authenticator {
  exists(localpart: string): boolean | Promise<boolean>;
  /** @param password as the client sent it, without SASLprep (see password.ts) */
  verifyPlain(localpart: string, password: string): Promise<PlainVerdict>;
  /** Left out or undefined: no SCRAM keys are kept, and nothing but PLAIN can be offered. */
  readonly scram?: ScramSource | undefined;
}

export interface ScramSource {
  /** The iteration count of a newly set password, which unknown localparts are answered with too. */
  readonly iterations: number;
  /**
   * Whether SCRAM with this hash can be offered to a stream whose header claims `localpart`, or claims nobody (undefined).
   * True for an unknown localpart, as for one with keys.
   */
  usable(localpart: string | undefined, hash: ScramHash): Promise<boolean>;
  /** Undefined: no such account, or it has no keys for this hash. */
  keys(localpart: string, hash: ScramHash): Promise<ScramKeys | undefined>;
}
