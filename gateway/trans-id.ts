// TransIDs and SubscriptIDs (RFC 3859 section 3.1, RFC 3860 section 3.1): up to 40 octets.

import { randomUUID } from "node:crypto";

const MAX_OCTETS = 40;

/** Unique over time: 122 random bits, in 36 octets. */
export function freshId(): string {
  return randomUUID(); // takes its random octets from the system in bulk
}

/** A stanza's id as a TransID, or a fresh one where it does not fit (JC-45). */
export function transIdFrom(id: string | undefined): string {
  return id !== undefined && id !== "" && Buffer.byteLength(id) <= MAX_OCTETS ? id : freshId();
}
