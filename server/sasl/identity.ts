// What PLAIN and SCRAM share: text from bytes, and whose login it is.

import { isUtf8 } from "node:buffer";
import { Jid } from "../jid.ts";

/** Undefined: not UTF-8 (RFC 3629). */
export function decodeUtf8(message: Buffer): string | undefined {
  return isUtf8(message) ? message.toString("utf8") : undefined;
}

/**
 * Whether an authorization identity is that of the account itself, the only one allowed: nobody acts for another here.
 * Source: RFC 6120 section 6.3.8: a bare JID.
 */
export function isOwnAuthzid(authzid: string, localpart: string, domain: string): boolean {
  const jid = Jid.parse(authzid);
  return jid.ok && jid.value.isBare && jid.value.localpart === localpart && jid.value.domainpart === domain;
}
