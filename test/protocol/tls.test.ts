// TLS of the two listeners that speak it, asked with real handshakes: what a tester of TLS set-ups would ask.

import { execFile } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../support/folder.ts";
import { startServer, type TestServer } from "../support/server.ts";

const run = promisify(execFile);
const [fixture] = (
  JSON.parse(readFileSync(new URL("../vectors/certificates.json", import.meta.url), "utf8")) as {
    name: string;
    certificatePem: string;
    keyPem: string;
  }[]
).filter(({ name }) => name === "RSA, SHA-256");

type Key = "ECDSA" | "RSA";
type Where = "c2s, direct TLS" | "https";

async function start(key: Key): Promise<TestServer> {
  const http = { tls: true };
  if (key === "ECDSA" || fixture === undefined) return startServer({ http });
  const folder = await temporaryFolder();
  const [certificateFile, keyFile] = [join(folder, "certificate.pem"), join(folder, "key.pem")];
  await writeFile(certificateFile, fixture.certificatePem);
  await writeFile(keyFile, fixture.keyPem);
  return startServer({ domain: "example.org", http, tls: { certificateFile, keyFile } });
}

function portOf({ addresses }: TestServer, where: Where): number {
  return (where === "https" ? addresses.http : addresses.directTls) as number;
}

/** A handshake by the client's terms; whatever a client of any age could offer is allowed on its own side. */
async function shakeHands(server: TestServer, where: Where, terms: ConnectionOptions): Promise<TLSSocket> {
  const socket = connect({
    port: portOf(server, where),
    host: "127.0.0.1",
    rejectUnauthorized: false,
    minVersion: "TLSv1",
    ...terms,
    ciphers: `${terms.ciphers ?? "ALL"}:@SECLEVEL=0`,
  });
  await once(socket, "secureConnect");
  return socket;
}

describe.each<Where>(["c2s, direct TLS", "https"])("%s", (where) => {
  test.each(["TLSv1", "TLSv1.1"] as const)("%s is refused", async (version) => {
    const server = await start("ECDSA");
    const terms = { minVersion: version, maxVersion: version };
    await expect(shakeHands(server, where, terms)).rejects.toThrow(/alert protocol version/);
  });

  test.each(["TLSv1.2", "TLSv1.3"] as const)("%s is spoken, with an ephemeral key exchange", async (version) => {
    const server = await start("ECDSA");
    const socket = await shakeHands(server, where, { minVersion: version, maxVersion: version });
    expect(socket.getProtocol()).toBe(version);
    expect(socket.getCipher().name).toMatch(version === "TLSv1.3" ? /^TLS_/ : /^ECDHE-.+-(GCM-SHA\d+|POLY1305)$/);
    if (version === "TLSv1.2") {
      expect(socket.getEphemeralKeyInfo()).toMatchObject({ type: "ECDH", name: "X25519" });
    }
    socket.destroy();
  });

  test.each<[Key, ciphers: string, why: string]>([
    ["RSA", "AES128-GCM-SHA256", "no forward secrecy"],
    ["RSA", "AES256-SHA256", "no forward secrecy, CBC"],
    ["RSA", "ECDHE-RSA-AES256-SHA384", "CBC"],
    ["RSA", "ECDHE-RSA-AES128-SHA", "CBC, SHA-1"],
    ["RSA", "DHE-RSA-AES256-GCM-SHA384", "a finite field"],
    ["ECDSA", "ECDHE-ECDSA-AES128-SHA256", "CBC"],
    ["ECDSA", "ECDHE-ECDSA-AES256-CCM", "not needed by anybody"],
    ["ECDSA", "ECDH-ECDSA-AES128-SHA:AECDH-AES128-SHA:ADH-AES128-GCM-SHA256", "anonymous"],
  ])("with a key of %s, %s is refused (%s)", async (key, ciphers) => {
    const server = await start(key);
    const terms = { maxVersion: "TLSv1.2", ciphers } as const;
    await expect(shakeHands(server, where, terms)).rejects.toThrow(/alert handshake failure/);
    const modern = await shakeHands(server, where, { maxVersion: "TLSv1.2", ciphers: `${ciphers}:ECDHE+AESGCM` });
    expect(modern.getCipher().name).toMatch(/^ECDHE-.+-GCM/);
    modern.destroy();
  });

  test("the server's order counts, but for a client that wants ChaCha20 first", async () => {
    const server = await start("ECDSA");
    const [small, large, chacha] = ["AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305"].map(
      (name) => `ECDHE-ECDSA-${name}`,
    );
    for (const [wanted, chosen] of [
      [`${small}:${large}`, large],
      [`${small}:${chacha}:${large}`, large],
      [`${chacha}:${small}:${large}`, chacha],
    ] as const) {
      const socket = await shakeHands(server, where, { maxVersion: "TLSv1.2", ciphers: wanted });
      expect(socket.getCipher().name).toBe(chosen);
      socket.destroy();
    }
  });

  test("a client with nothing but a weak group is refused", async () => {
    const server = await start("ECDSA");
    const terms = { ecdhCurve: "secp224r1", maxVersion: "TLSv1.2" } as const;
    await expect(shakeHands(server, where, terms)).rejects.toThrow(/alert handshake failure/);
  });

  test.each(["TLSv1.2", "TLSv1.3"] as const)(
    "a session of %s is not resumed: no ticket key that could leak",
    async (v) => {
      const server = await start("ECDSA");
      const version = { minVersion: v, maxVersion: v } as const;
      const first = await shakeHands(server, where, version);
      expect(first.getTLSTicket()).toBeUndefined();
      const session = v === "TLSv1.2" ? first.getSession() : await offered(first);
      first.destroy();
      const second = await shakeHands(server, where, { ...version, ...(session && { session }) });
      expect(second.isSessionReused()).toBe(false);
      second.destroy();
    },
  );

  test("renegotiation is refused", async () => {
    const server = await start("ECDSA");
    const socket = await shakeHands(server, where, { maxVersion: "TLSv1.2" });
    const done = new Promise((resolve) => socket.renegotiate({}, resolve));
    await expect(Promise.race([done, once(socket, "close")])).rejects.toThrow(/no renegotiation/);
    socket.destroy();
  });
});

test("openssl agrees: no compression, secure renegotiation said, nothing below TLS 1.2", async ({ skip }) => {
  const openssl = await run("openssl", ["version"]).catch(() => undefined);
  if (openssl === undefined) skip("there is no openssl here");
  const server = await start("RSA");
  const ask = async (...args: string[]): Promise<string> => {
    const child = run("openssl", ["s_client", "-connect", `127.0.0.1:${server.addresses.directTls}`, ...args]);
    child.child.stdin?.end();
    const { stdout, stderr } = await child.catch((error: { stdout: string; stderr: string }) => error);
    return stdout + stderr;
  };
  const spoken = await ask("-tls1_2");
  expect(spoken).toMatch(/Secure Renegotiation IS supported/);
  expect(spoken).toMatch(/Compression: NONE/);
  expect(spoken).toMatch(/Protocol\s*: TLSv1\.2/);
  expect(await ask("-tls1_1", "-cipher", "ALL:@SECLEVEL=0")).toMatch(/Cipher is \(NONE\)/);
  expect(await ask("-tls1_2", "-sigalgs", "RSA+SHA1", "-cipher", "ALL:@SECLEVEL=0")).toMatch(/Cipher is \(NONE\)/);
});

/** The session of a TLS 1.3 ticket, which comes behind the handshake; undefined: none came with the first answer. */
async function offered(socket: TLSSocket): Promise<Buffer | undefined> {
  let session: Buffer | undefined;
  socket.on("session", (data: Buffer) => {
    session = data;
  });
  socket.write("GET / HTTP/1.1\r\n\r\n"); // no stream header either: both answer and close
  socket.resume();
  await once(socket, "close");
  return session;
}
