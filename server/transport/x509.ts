// The little of X.509 that node:crypto lacks: naming the hash that a certificate was signed with, and making a self-signed
// one, with @peculiar/x509.

import { KeyObject, webcrypto } from "node:crypto";
import { createRequire } from "node:module";
import { isIP } from "node:net";
import { domainToASCII } from "node:url";

type X509 = typeof import("@peculiar/x509");

const KEY = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const MAX_COMMON_NAME = 64; // RFC 5280 appendix A.1: ub-common-name

// The library takes 50 ms to load, so only where it is needed; its dependency tsyringe wants the metadata polyfill first.
function library(): X509 {
  const require = createRequire(import.meta.url);
  require("reflect-metadata");
  return require("@peculiar/x509") as X509;
}

export type SelfSigned = { readonly certificatePem: string; readonly keyPem: string };

/**
 * A certificate for the domain as DNS-ID (RFC 6120 section 13.7.1.2.1), or as address if it is one; for localhost also its
 * loopback addresses. ECDSA on P-256.
 * @param days how long it is valid from `now`, milliseconds since 1970
 */
export async function makeSelfSigned(domain: string, now: number, days: number): Promise<SelfSigned> {
  const x509 = library();
  const keys = await webcrypto.subtle.generateKey(KEY, true, ["sign", "verify"]);
  const name = hostName(domain);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [name.length > MAX_COMMON_NAME ? "Balcony" : name] }],
    notBefore: new Date(now - 86_400_000), // for clients whose clock is slow
    notAfter: new Date(now + days * 86_400_000),
    signingAlgorithm: KEY,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(alternativeNames(name)),
    ],
  });
  const keyPem = KeyObject.from(keys.privateKey).export({ type: "pkcs8", format: "pem" }).toString();
  return { certificatePem: `${certificate.toString("pem")}\n`, keyPem };
}

// The signature algorithms whose identifier alone names the hash: the contents of the OID, in hex. Of RFC 3279 sections
// 2.2.1 and 2.2.3, RFC 4055 section 5, RFC 5758 section 3.2; those of RFC 8410 section 3 have none.
const SIGNATURE_HASHES: Readonly<Record<string, string | undefined>> = {
  "2a864886f70d010104": "MD5",
  "2a864886f70d010105": "SHA-1",
  "2a864886f70d01010b": "SHA-256",
  "2a864886f70d01010c": "SHA-384",
  "2a864886f70d01010d": "SHA-512",
  "2a8648ce3d0401": "SHA-1",
  "2a8648ce3d040302": "SHA-256",
  "2a8648ce3d040303": "SHA-384",
  "2a8648ce3d040304": "SHA-512",
  "2b6570": undefined, // Ed25519
  "2b6571": undefined, // Ed448
};

/**
 * "SHA-256" and the like; undefined: the algorithm has no hash of its own (Ed25519), or is unknown.
 * @param certificate DER that node:crypto could read
 */
export function signatureHashName(certificate: Buffer): string | undefined {
  const oid = signatureOid(certificate);
  if (oid in SIGNATURE_HASHES) return SIGNATURE_HASHES[oid];
  // RSASSA-PSS has the hash in its parameters.
  const { signatureAlgorithm } = new (library().X509Certificate)(new Uint8Array(certificate));
  return signatureAlgorithm.hash?.name;
}

// RFC 5280 section 4.1: the algorithm stands behind the TBSCertificate.
function signatureOid(certificate: Buffer): string {
  const whole = contents(certificate, 0);
  const algorithm = contents(certificate, contents(certificate, whole.from).to);
  const { from, to } = contents(certificate, algorithm.from);
  return certificate.toString("hex", from, to);
}

/** Where the contents of the DER value at `at` lie. Source: X.690 section 8.1.3. */
function contents(der: Buffer, at: number): { readonly from: number; readonly to: number } {
  const first = der.readUInt8(at + 1);
  const octets = first < 0x80 ? 0 : first & 0x7f;
  const from = at + 2 + octets;
  return { from, to: from + (octets === 0 ? first : der.readUIntBE(at + 2, octets)) };
}

/** A domainpart as certificates have it: A-labels, no brackets. */
export function hostName(domain: string): string {
  const bare = domain.startsWith("[") ? domain.slice(1, -1) : domain;
  return bare.includes(":") ? bare : domainToASCII(bare);
}

function alternativeNames(name: string): { type: "dns" | "ip"; value: string }[] {
  if (isIP(name) !== 0) return [{ type: "ip", value: name }];
  const dns = { type: "dns", value: name } as const;
  if (name !== "localhost") return [dns];
  return [dns, { type: "ip", value: "127.0.0.1" }, { type: "ip", value: "::1" }];
}
