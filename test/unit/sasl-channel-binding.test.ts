// RFC 9266 and RFC 5929 section 4 over real TLS: both ends must come to the same octets.

import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, connect as connectTcp, createServer } from "node:net";
import { connect, createSecureContext, type SecureVersion, TLSSocket } from "node:tls";
import { describe, expect, test } from "vitest";
import { scramKeys } from "../../server/accounts/scram-keys.ts";
import { bindingsOf } from "../../server/sasl/channel-binding.ts";
import type { ChannelBindings } from "../../server/sasl/mechanism.ts";
import { scramExchange } from "../../server/sasl/scram.ts";
import { type Certificate, loadCertificate } from "../../server/transport/certificate.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { scramLogin } from "../support/scram-client.ts";

type Fixture = {
  name: string;
  signatureHash: Certificate["signatureHash"];
  endPoint: string | null;
  certificatePem: string;
};

const fixtures = JSON.parse(
  readFileSync(new URL("../vectors/certificates.json", import.meta.url), "utf8"),
) as Fixture[];

const made = { domain: "localhost", certificateFile: null, keyFile: null, folder: null };
const { current: certificate } = await loadCertificate({ ...made, clock: new FakeClock(Date.now()) });

/** A TCP connection upgraded as STARTTLS does it; `work` gets both ends, secured. */
async function upgraded<T>(
  version: SecureVersion,
  work: (server: TLSSocket, client: TLSSocket) => T | Promise<T>,
): Promise<T> {
  const listener = createServer().listen(0, "127.0.0.1");
  await once(listener, "listening");
  const tcp = connectTcp((listener.address() as AddressInfo).port, "127.0.0.1");
  const [accepted] = (await once(listener, "connection")) as [import("node:net").Socket];
  const secureContext = createSecureContext(certificate.secureContext);
  const server = new TLSSocket(accepted, { isServer: true, secureContext });
  const client = connect({
    socket: tcp,
    servername: "localhost",
    ca: certificate.secureContext.cert,
    minVersion: version,
    maxVersion: version,
  });
  try {
    await Promise.all([once(server, "secure"), once(client, "secureConnect")]);
    return await work(server, client);
  } finally {
    client.destroy();
    server.destroy();
    listener.close();
    await once(listener, "close");
  }
}

describe.each(["TLSv1.2", "TLSv1.3"] as const)("%s", (version) => {
  test("both ends export the same octets and hash the same certificate", async () => {
    await upgraded(version, (server, client) => {
      expect(server.getProtocol()).toBe(version);
      const bindings = bindingsOf(server, certificate);
      expect([...bindings.keys()]).toEqual(["tls-exporter", "tls-server-end-point"]);
      const exported = client.exportKeyingMaterial(32, "EXPORTER-Channel-Binding", Buffer.alloc(0));
      expect(bindings.get("tls-exporter")).toEqual(exported);
      const seen = client.getPeerCertificate(false).raw;
      expect(bindings.get("tls-server-end-point")).toEqual(createHash("sha256").update(seen).digest());
    });
  });

  test.each(["tls-exporter", "tls-server-end-point"] as const)("a login bound by %s", async (type) => {
    await upgraded(version, async (server, client) => {
      const binding =
        type === "tls-exporter"
          ? client.exportKeyingMaterial(32, "EXPORTER-Channel-Binding", Buffer.alloc(0))
          : createHash("sha256").update(client.getPeerCertificate(false).raw).digest();
      const keys = await scramKeys("SHA-256", "pencil", Buffer.alloc(16), 4096);
      const exchange = scramExchange({
        hash: "SHA-256",
        plus: true,
        plusOffered: true,
        source: { iterations: 4096, usable: async () => true, keys: async () => keys },
        domain: "localhost",
        secret: "00",
        context: { bindings: bindingsOf(server, certificate) },
      });
      const login = { hash: "sha256", username: "user", password: "pencil", gs2: `p=${type},,`, binding } as const;
      expect(await scramLogin(exchange, login)).toMatchObject({ kind: "success", serverProved: true });
    });
  });

  test("another connection exports others", async () => {
    const one = await upgraded(version, (server) => bindingsOf(server, certificate));
    const other = await upgraded(version, (server) => bindingsOf(server, certificate));
    expect(one.get("tls-exporter")).not.toEqual(other.get("tls-exporter"));
    expect(one.get("tls-server-end-point")).toEqual(other.get("tls-server-end-point"));
  });
});

test("a closed connection has none", async () => {
  const bindings: ChannelBindings = await upgraded("TLSv1.3", (server) => {
    server.destroy();
    return bindingsOf(server, certificate);
  });
  expect(bindings.size).toBe(0);
});

test("no certificate known: tls-exporter alone", async () => {
  const bindings = await upgraded("TLSv1.3", (server) => bindingsOf(server, undefined));
  expect([...bindings.keys()]).toEqual(["tls-exporter"]);
});

test.each(fixtures)("tls-server-end-point of $name", async ({ certificatePem, signatureHash, endPoint }) => {
  const body = certificatePem.replace(/-----[^-]+-----/g, "");
  const leaf = Buffer.from(body, "base64");
  const bindings = await upgraded("TLSv1.3", (server) => bindingsOf(server, { leaf, signatureHash }));
  expect(bindings.get("tls-server-end-point")?.toString("hex") ?? null).toBe(endPoint);
});
