// The server's certificate and key: read from files, or made and kept in the data folder.

import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { mkdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { isIPv4 } from "node:net";
import { join } from "node:path";
import type { Clock, EpochMs } from "../clock.ts";
import { type TlsSettings, tlsSettings } from "./tls.ts";
import { hostName, makeSelfSigned, type SelfSigned, signatureHashName } from "./x509.ts";

const DAY_MS = 86_400_000;
const VALID_DAYS = 800; // some platforms refuse to trust one of over 825 days
const RENEW_DAYS = 30;
const MIN_RSA_BITS = 2048;

export type CertificateOptions = {
  readonly domain: string;
  /** PEM, the server's own certificate first. Null: a self-signed one is made. */
  readonly certificateFile: string | null;
  readonly keyFile: string | null;
  /** Where a self-signed one is kept (self-signed.pem, self-signed-key.pem); null: nowhere, a new one at each start. */
  readonly folder: string | null;
  readonly clock: Clock;
};

export type Certificate = {
  /** For tls.createSecureContext. */
  readonly secureContext: TlsSettings & { readonly cert: string; readonly key: string };
  /** The server's own certificate, DER. */
  readonly leaf: Buffer;
  /** For tls-server-end-point (RFC 5929 section 4.1): MD5 and SHA-1 raised to SHA-256; null: none (Ed25519). */
  readonly signatureHash: "sha256" | "sha384" | "sha512" | null;
  /** Upper-case hex with colons, as clients show it. */
  readonly fingerprintSha256: string;
  readonly notAfter: EpochMs;
  readonly selfSigned: boolean;
  /** What clients will object to: one line each, for the log. */
  readonly warnings: readonly string[];
};

export interface CertificateSource {
  readonly current: Certificate;
  /** Reads the files again, for SIGHUP. Throws CertificateError, and `current` stays as it was. */
  reload(): Promise<Certificate>;
}

/** The certificate cannot be used; the message names the file and what to do. */
export class CertificateError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "CertificateError";
  }
}

/** Throws CertificateError; other errors of the file system while a self-signed certificate is written, as they come. */
export async function loadCertificate(options: CertificateOptions): Promise<CertificateSource> {
  let current = await load(options);
  return {
    get current() {
      return current;
    },
    async reload() {
      current = await load(options);
      return current;
    },
  };
}

async function load(options: CertificateOptions): Promise<Certificate> {
  const { certificateFile, keyFile } = options;
  if (certificateFile === null || keyFile === null) return loadSelfSigned(options);
  const certificatePem = await readPem(certificateFile, "tls.certificateFile");
  const keyPem = await readPem(keyFile, "tls.keyFile");
  const { leaf } = parsePair({ certificatePem, keyPem }, certificateFile, keyFile);
  const described = describe({ certificatePem, keyPem }, leaf, options);
  return { ...described, warnings: [...described.warnings, ...(await openToOthers(keyFile))] };
}

// A group may read it: that is how several programs share the key of one host.
async function openToOthers(keyFile: string): Promise<string[]> {
  if (process.platform === "win32" || ((await stat(keyFile)).mode & 0o007) === 0) return [];
  return [`${keyFile} can be read by every user of this machine; run: chmod o= ${keyFile}`];
}

async function loadSelfSigned(options: CertificateOptions): Promise<Certificate> {
  const kept = options.folder === null ? undefined : await readKept(options.folder);
  if (kept !== undefined && covers(kept.leaf, options)) return describe(kept.pair, kept.leaf, options);
  const made = await makeSelfSigned(options.domain, options.clock.now(), VALID_DAYS);
  if (options.folder !== null) await keep(options.folder, made);
  return describe(made, new X509Certificate(made.certificatePem), options);
}

/** Undefined: there is none, or not a whole one; it is made anew then. */
async function readKept(folder: string): Promise<{ pair: SelfSigned; leaf: X509Certificate } | undefined> {
  const [certificateFile, keyFile] = [join(folder, "self-signed.pem"), join(folder, "self-signed-key.pem")];
  try {
    const pair = { certificatePem: await readFile(certificateFile, "utf8"), keyPem: await readFile(keyFile, "utf8") };
    return { pair, leaf: parsePair(pair, certificateFile, keyFile).leaf };
  } catch (error) {
    if (error instanceof CertificateError || (error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

async function keep(folder: string, { certificatePem, keyPem }: SelfSigned): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [file, text, mode] of [
    ["self-signed-key.pem", keyPem, 0o600],
    ["self-signed.pem", certificatePem, 0o644],
  ] as const) {
    const temporary = join(folder, `${file}.${process.pid}.new`);
    await writeFile(temporary, text, { mode });
    await rename(temporary, join(folder, file));
  }
}

function covers(leaf: X509Certificate, { domain, clock }: CertificateOptions): boolean {
  return namesDomain(leaf, domain) && Date.parse(leaf.validTo) - clock.now() >= RENEW_DAYS * DAY_MS;
}

function namesDomain(leaf: X509Certificate, domain: string): boolean {
  const name = hostName(domain);
  // Not isIP: its pattern for IPv6 takes 3 ms when it is first used, at each start.
  const isAddress = name.includes(":") || isIPv4(name);
  return (isAddress ? leaf.checkIP(name) : leaf.checkHost(name)) !== undefined;
}

async function readPem(file: string, setting: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT") throw new CertificateError(`${setting}: there is no file ${file}`);
    if (code === "EACCES")
      throw new CertificateError(`${setting}: ${file} may not be read by this user; check its owner and mode`);
    throw new CertificateError(`${setting}: ${file} cannot be read (${code ?? String(error)})`);
  }
}

function parsePair(
  { certificatePem, keyPem }: SelfSigned,
  certificateFile: string,
  keyFile: string,
): { leaf: X509Certificate; key: KeyObject } {
  let leaf: X509Certificate;
  try {
    leaf = new X509Certificate(certificatePem);
  } catch {
    throw new CertificateError(`${certificateFile} holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)`);
  }
  let key: KeyObject;
  try {
    key = createPrivateKey(keyPem);
  } catch {
    throw new CertificateError(`${keyFile} holds no private key in PEM form without a passphrase`);
  }
  if (!leaf.checkPrivateKey(key)) {
    throw new CertificateError(
      `${keyFile} is not the key of ${certificateFile}; give a pair, with the server's own certificate before those of its issuers`,
    );
  }
  return { leaf, key };
}

function describe(pair: SelfSigned, leaf: X509Certificate, options: CertificateOptions): Certificate {
  return {
    secureContext: { ...tlsSettings(), cert: pair.certificatePem, key: pair.keyPem },
    leaf: leaf.raw,
    signatureHash: bindingHash(leaf.raw),
    fingerprintSha256: leaf.fingerprint256,
    notAfter: Date.parse(leaf.validTo),
    selfSigned: leaf.issuer === leaf.subject && leaf.verify(leaf.publicKey),
    warnings: warningsOf(leaf, options),
  };
}

function bindingHash(leaf: Buffer): Certificate["signatureHash"] {
  switch (signatureHashName(leaf)) {
    case "MD5":
    case "SHA-1":
    case "SHA-256":
      return "sha256";
    case "SHA-384":
      return "sha384";
    case "SHA-512":
      return "sha512";
    default:
      return null;
  }
}

function warningsOf(leaf: X509Certificate, { domain, certificateFile, clock }: CertificateOptions): string[] {
  const file = certificateFile ?? "the self-signed certificate";
  const warnings: string[] = [];
  if (Date.parse(leaf.validTo) <= clock.now())
    warnings.push(`${file} expired on ${leaf.validTo}; clients will refuse it`);
  if (Date.parse(leaf.validFrom) > clock.now()) warnings.push(`${file} is not valid before ${leaf.validFrom}`);
  if (!namesDomain(leaf, domain)) warnings.push(`${file} is not for ${domain}; clients will refuse it`);
  const { modulusLength = MIN_RSA_BITS } = leaf.publicKey.asymmetricKeyDetails ?? {};
  if (modulusLength < MIN_RSA_BITS)
    warnings.push(`${file} has an RSA key of ${modulusLength} bits; clients refuse less than ${MIN_RSA_BITS}`);
  return warnings;
}
