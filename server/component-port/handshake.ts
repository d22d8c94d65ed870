// XEP-0114 1.6 section 3: the stream header of the server, and the handshake by which a component shows that it knows the
// secret.

import { createHash, timingSafeEqual } from "node:crypto";
import { NS } from "../namespaces.ts";

/** What the component must say: lower-case hex of the SHA-1 of the stream's id and the secret. */
export function handshakeOf(streamId: string, secret: string): string {
  return createHash("sha1").update(streamId).update(secret).digest("hex");
}

/** Takes as long for a wrong handshake as for a right one. */
export function isRightHandshake(said: string, streamId: string, secret: string): boolean {
  const expected = Buffer.from(handshakeOf(streamId, secret));
  const given = Buffer.from(said);
  return given.length === expected.length && timingSafeEqual(given, expected);
}

/** @param domain undefined: it is not known yet, or not served here */
export function streamHeader(domain: string | undefined, id: string): string {
  const from = domain === undefined ? "" : ` from='${domain.replaceAll("&", "&amp;").replaceAll("'", "&apos;")}'`;
  return `<?xml version='1.0'?><stream:stream xmlns='${NS.component}' xmlns:stream='${NS.stream}'${from} id='${id}'>`;
}
