// The server's certificate: made and kept, or read from files; and what is said when it cannot be used.

import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, createServer } from "node:tls";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Certificate, CertificateError, loadCertificate } from "../../server/transport/certificate.ts";
import { FakeClock } from "../support/fake-clock.ts";

type Fixture = {
  name: string;
  signatureHash: Certificate["signatureHash"];
  certificatePem: string;
  keyPem: string;
};

const fixtures = JSON.parse(readFileSync(new URL("../vectors/certificates.json", import.meta.url), "utf8")) as [
  Fixture,
  Fixture,
  ...Fixture[],
];

const DAY_MS = 86_400_000;
let folder: string;
let clock: FakeClock;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "balcony-certificate-"));
  clock = new FakeClock(Date.now());
});
afterEach(() => rm(folder, { recursive: true }));

const selfSigned = (domain: string, where: string | null = folder) =>
  loadCertificate({ domain, certificateFile: null, keyFile: null, folder: where, clock });

async function fromFiles(pair: { certificatePem?: string; keyPem?: string }, domain = "example.org") {
  const [certificateFile, keyFile] = [join(folder, "c.pem"), join(folder, "k.pem")];
  if (pair.certificatePem !== undefined) await writeFile(certificateFile, pair.certificatePem);
  if (pair.keyPem !== undefined) await writeFile(keyFile, pair.keyPem, { mode: 0o640 });
  return loadCertificate({ domain, certificateFile, keyFile, folder: null, clock });
}

describe("a self-signed certificate", () => {
  test("names the domain; for localhost also its addresses", async () => {
    const { current } = await selfSigned("localhost");
    const leaf = new X509Certificate(current.leaf);
    expect(leaf.subject).toBe("CN=localhost");
    expect(leaf.subjectAltName).toBe("DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1");
    expect(leaf.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: "prime256v1" });
    expect(current).toMatchObject({ selfSigned: true, signatureHash: "sha256", warnings: [] });
    expect(current.fingerprintSha256).toBe(leaf.fingerprint256);
    expect(current.notAfter).toBe(Date.parse(leaf.validTo));
    expect(current.secureContext.minVersion).toBe("TLSv1.2");
  });

  test.each([
    ["example.org", "DNS:example.org"],
    ["b\u00fccher.example", "DNS:xn--bcher-kva.example"],
    ["192.0.2.1", "IP Address:192.0.2.1"],
    ["[2001:db8::1]", "IP Address:2001:DB8:0:0:0:0:0:1"],
    [`${"a".repeat(60)}.example`, `DNS:${"a".repeat(60)}.example`],
  ])("for %s", async (domain, names) => {
    const { current } = await selfSigned(domain, null);
    expect(new X509Certificate(current.leaf).subjectAltName).toBe(names);
    expect(current.warnings).toEqual([]);
  });

  test("is trusted by a client that is given it", async () => {
    const { current } = await selfSigned("localhost");
    const server = createServer(current.secureContext, (socket) => socket.end()).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const client = connect({ port, host: "127.0.0.1", ca: current.secureContext.cert });
    await once(client, "secureConnect");
    expect(client.authorized).toBe(true);
    client.destroy();
    server.close();
    await once(server, "close");
  });

  test("is kept and used again, its key readable by its owner alone", async () => {
    const first = await selfSigned("example.org");
    const second = await selfSigned("example.org");
    expect(second.current.fingerprintSha256).toBe(first.current.fingerprintSha256);
    expect((await readdir(folder)).sort()).toEqual(["self-signed-key.pem", "self-signed.pem"]);
    if (process.platform !== "win32") {
      expect((await stat(join(folder, "self-signed-key.pem"))).mode & 0o777).toBe(0o600);
    }
  });

  test("is renewed 30 days before its end, also by reload", async () => {
    const source = await selfSigned("example.org");
    const first = source.current;
    clock.advance(first.notAfter - clock.now() - 30 * DAY_MS);
    expect((await source.reload()).fingerprintSha256).toBe(first.fingerprintSha256);
    clock.advance(1);
    const renewed = await source.reload();
    expect(renewed.fingerprintSha256).not.toBe(first.fingerprintSha256);
    expect(renewed.notAfter).toBeGreaterThan(clock.now() + 700 * DAY_MS);
    expect(source.current).toBe(renewed);
  });

  test("is made anew for another domain, and where a file is lost or broken", async () => {
    const first = (await selfSigned("example.org")).current.fingerprintSha256;
    const second = (await selfSigned("example.net")).current.fingerprintSha256;
    expect(second).not.toBe(first);
    await rm(join(folder, "self-signed-key.pem"));
    const third = (await selfSigned("example.net")).current.fingerprintSha256;
    expect(third).not.toBe(second);
    await writeFile(join(folder, "self-signed.pem"), "-----BEGIN CERT");
    expect((await selfSigned("example.net")).current.fingerprintSha256).not.toBe(third);
  });
});

describe("from files", () => {
  test.each(fixtures)("$name binds with $signatureHash", async (fixture) => {
    const { current } = await fromFiles(fixture);
    expect(current).toMatchObject({ signatureHash: fixture.signatureHash, selfSigned: true, warnings: [] });
    expect(current.leaf).toEqual(new X509Certificate(fixture.certificatePem).raw);
  });

  test("the first certificate of a chain is the server's", async () => {
    const [first, second] = fixtures;
    const { current } = await fromFiles({ ...first, certificatePem: first.certificatePem + second.certificatePem });
    expect(current.leaf).toEqual(new X509Certificate(first.certificatePem).raw);
  });

  test("an expired one, or one for another domain, is used with a warning", async () => {
    const [, good] = fixtures;
    clock.advance(200 * 365 * DAY_MS);
    expect((await fromFiles(good)).current.warnings).toEqual([expect.stringContaining("expired on")]);
    clock.advance(-400 * 365 * DAY_MS);
    expect((await fromFiles(good)).current.warnings).toEqual([expect.stringContaining("is not valid before")]);
    clock.advance(200 * 365 * DAY_MS);
    expect((await fromFiles(good, "example.net")).current.warnings).toEqual([
      expect.stringContaining("is not for example.net"),
    ]);
  });

  test("a key that every user of the machine may read, or that is too short, is used with a warning", async () => {
    const source = await fromFiles(fixtures[1]);
    await chmod(join(folder, "k.pem"), 0o644);
    expect((await source.reload()).warnings).toEqual([
      `${join(folder, "k.pem")} can be read by every user of this machine; run: chmod o= ${join(folder, "k.pem")}`,
    ]);
    await chmod(join(folder, "k.pem"), 0o600);
    const weak = JSON.parse(readFileSync(new URL("../vectors/weak-certificate.json", import.meta.url), "utf8"));
    expect((await fromFiles(weak)).current.warnings).toEqual([
      `${join(folder, "c.pem")} has an RSA key of 1024 bits; clients refuse less than 2048`,
    ]);
  });

  test.each<[string, (a: Fixture, b: Fixture) => Partial<Fixture>, RegExp]>([
    ["no certificate file", ({ keyPem }) => ({ keyPem }), /^tls\.certificateFile: there is no file .*c\.pem$/],
    ["no key file", ({ certificatePem }) => ({ certificatePem }), /^tls\.keyFile: there is no file .*k\.pem$/],
    [
      "no certificate in it",
      ({ keyPem }) => ({ keyPem, certificatePem: "DER?" }),
      /c\.pem holds no certificate in PEM form/,
    ],
    ["no key in it", (a) => ({ ...a, keyPem: a.certificatePem }), /k\.pem holds no private key/],
    ["a key of another", (a, b) => ({ ...a, keyPem: b.keyPem }), /k\.pem is not the key of .*c\.pem/],
  ])("%s", async (_, pairOf, message) => {
    const failed = fromFiles(pairOf(fixtures[0], fixtures[1]));
    await expect(failed).rejects.toThrow(CertificateError);
    await expect(failed).rejects.toThrow(message);
  });

  test.skipIf(process.getuid === undefined || process.getuid() === 0)("a file that may not be read", async () => {
    await writeFile(join(folder, "c.pem"), "");
    await chmod(join(folder, "c.pem"), 0);
    await expect(fromFiles({})).rejects.toThrow(/may not be read by this user/);
  });

  test("a folder in place of a file", async () => {
    const options = { domain: "example.org", folder: null, clock };
    await expect(loadCertificate({ ...options, certificateFile: folder, keyFile: folder })).rejects.toThrow(/EISDIR/);
  });

  test("reload takes the new pair; a bad one leaves the old in use", async () => {
    const [first, second] = fixtures;
    const source = await fromFiles(first);
    await writeFile(join(folder, "c.pem"), second.certificatePem);
    await expect(source.reload()).rejects.toThrow(CertificateError);
    expect(source.current.leaf).toEqual(new X509Certificate(first.certificatePem).raw);
    await writeFile(join(folder, "k.pem"), second.keyPem);
    await source.reload();
    expect(source.current.leaf).toEqual(new X509Certificate(second.certificatePem).raw);
    expect(await readFile(join(folder, "c.pem"), "utf8")).toBe(source.current.secureContext.cert);
  });
});
