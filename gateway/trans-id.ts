// TransIDs and SubscriptIDs (RFC 3859 section 3.1, RFC 3860 section 3.1): up to 40 octets.

import { randomBytes } from "node:crypto";

const MAX_OCTETS = 40;

/** Unique over time: 18 random octets. */
export function freshId(): string {
  return randomBytes(18).toString("base64url");
}

/** A stanza's id as a TransID, or a fresh one where it does not fit (JC-45). */
export function transIdFrom(id: string | undefined): string {
  return id !== undefined && id !== "" && Buffer.byteLength(id) <= MAX_OCTETS ? id : freshId();
}
