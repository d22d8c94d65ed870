// What ties a SCRAM login to the TLS connection it travels in: tls-exporter (RFC 9266) and tls-server-end-point
// (RFC 5929 section 4).

import { createHash } from "node:crypto";
import type { TLSSocket } from "node:tls";
import type { BindingType, ChannelBindings } from "./mechanism.ts";

const EXPORTER_LABEL = "EXPORTER-Channel-Binding";
const EXPORTER_OCTETS = 32;

/** The certificate that a connection was opened with, which may not be the current one any more. */
export type LeafCertificate = {
  /** DER. */
  readonly leaf: Buffer;
  /** The hash to bind with, MD5 and SHA-1 raised to SHA-256 already; null: RFC 5929 defines none (Ed25519). */
  readonly signatureHash: "sha256" | "sha384" | "sha512" | null;
};

/**
 * The bindings of a connection whose handshake is complete, best first. Empty if it is closed already.
 *
 * On TLS 1.2 tls-exporter is as good as the extended master secret (RFC 7627), which node neither shows nor refuses to do
 * without; OpenSSL uses it with every client that has it.
 */
export function bindingsOf(socket: TLSSocket, certificate: LeafCertificate | undefined): ChannelBindings {
  const bindings = new Map<BindingType, Buffer>();
  if (socket.destroyed) return bindings;
  // RFC 9266 section 2: a zero-length context. On TLS 1.2 that differs from no context, which node would take undefined for.
  bindings.set("tls-exporter", socket.exportKeyingMaterial(EXPORTER_OCTETS, EXPORTER_LABEL, Buffer.alloc(0)));
  if (certificate !== undefined && certificate.signatureHash !== null) {
    const hash = createHash(certificate.signatureHash).update(certificate.leaf).digest();
    bindings.set("tls-server-end-point", hash);
  }
  return bindings;
}
