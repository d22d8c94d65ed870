// TLS as every listener of the server speaks it: which versions, ciphers and groups (RFC 9325; for XMPP RFC 7590).

import { constants } from "node:crypto";
import { createSecureContext, type SecureContextOptions } from "node:tls";

// Authenticated encryption with an ephemeral key exchange, and nothing else: no CBC, no RSA key exchange, no 3DES.
const CIPHERS = [
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
  "TLS_AES_128_GCM_SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
].join(":");

const GROUPS = "X25519:prime256v1:secp384r1";
/** Also safe from who records today and has a quantum computer later; OpenSSL knows it from 3.5 on (Node 24). */
const HYBRID_GROUPS = `X25519MLKEM768:${GROUPS}`;

/**
 * No tickets: OpenSSL would seal them with one key for as long as the context lives, and who gets at that key reads every
 * TLS 1.2 session it sealed. Streams last for hours, so that resumption would save little.
 */
const OPTIONS =
  constants.SSL_OP_NO_TICKET |
  constants.SSL_OP_NO_RENEGOTIATION |
  constants.SSL_OP_NO_COMPRESSION |
  constants.SSL_OP_CIPHER_SERVER_PREFERENCE |
  constants.SSL_OP_PRIORITIZE_CHACHA; // the one exception: a client without AES in hardware puts it first

/** For tls.createSecureContext, beside certificate and key. */
export type TlsSettings = Required<
  Pick<SecureContextOptions, "minVersion" | "ciphers" | "ecdhCurve" | "secureOptions">
>;

export function tlsSettings(): TlsSettings {
  return { minVersion: "TLSv1.2", ciphers: CIPHERS, ecdhCurve: groups(), secureOptions: OPTIONS };
}

function groups(): string {
  try {
    createSecureContext({ ecdhCurve: HYBRID_GROUPS });
    return HYBRID_GROUPS;
  } catch {
    return GROUPS;
  }
}
