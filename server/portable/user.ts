// An account as it goes from one server to another: what XEP-0227 1.1 says of a user, in this server's terms. It is plain
// data that can be written as JSON.

import type { AccountHoldings } from "../../storage/store.ts";
import type { ScramHash } from "../accounts/authenticator.ts";

/** SCRAM keys (RFC 5802 section 3); octets as base64. */
export type PortableKeys = {
  readonly hash: ScramHash;
  readonly iterations: number;
  readonly salt: string;
  readonly storedKey: string;
  readonly serverKey: string;
};

export type PortableUser = {
  /** A localpart, prepared or not. */
  readonly name: string;
  readonly password?: string;
  /** The best first; of no account that has a password here. */
  readonly keys: readonly PortableKeys[];
  readonly holdings: AccountHoldings;
};

/** One account, and the kinds of what it has and the format does not, or not yet. */
export type ExportedUser = { readonly user: PortableUser; readonly notTaken: readonly string[] };

export type ImportOptions = {
  /** Of accounts that exist: `keep` leaves them as they are, `replace` puts what is new in the place of what is there. */
  readonly existing: "keep" | "replace";
  /** Nothing is changed. */
  readonly check: boolean;
};

/** What became of one account, or would. */
export type ImportResult =
  | { readonly outcome: "created" | "replaced" | "kept" }
  | { readonly outcome: "refused"; readonly reason: string };
