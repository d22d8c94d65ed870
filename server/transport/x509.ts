// The little of X.509 that node:crypto lacks, from @peculiar/x509: making a self-signed certificate, and naming the hash
// that one was signed with.

import { KeyObject, webcrypto } from "node:crypto";
import { createRequire } from "node:module";
import { isIP, isIPv6 } from "node:net";
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

/** "SHA-256" and the like; undefined: the algorithm has no hash of its own (Ed25519), or is unknown. */
export function signatureHashName(certificate: Buffer): string | undefined {
  const { signatureAlgorithm } = new (library().X509Certificate)(new Uint8Array(certificate));
  return signatureAlgorithm.hash?.name;
}

/** A domainpart as certificates have it: A-labels, no brackets. */
export function hostName(domain: string): string {
  const bare = domain.startsWith("[") ? domain.slice(1, -1) : domain;
  return isIPv6(bare) ? bare : domainToASCII(bare);
}

function alternativeNames(name: string): { type: "dns" | "ip"; value: string }[] {
  if (isIP(name) !== 0) return [{ type: "ip", value: name }];
  const dns = { type: "dns", value: name } as const;
  if (name !== "localhost") return [dns];
  return [dns, { type: "ip", value: "127.0.0.1" }, { type: "ip", value: "::1" }];
}
