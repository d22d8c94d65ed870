// The client's half of SCRAM (RFC 5802), written apart from the server's, for tests.

import { createHash, createHmac, pbkdf2Sync } from "node:crypto";
import type { SaslExchange, SaslOutcome } from "../../server/sasl/mechanism.ts";

export type ScramLogin = {
  readonly hash: "sha1" | "sha256";
  /** The user name as it goes on the wire. */
  readonly username: string;
  readonly password: string;
  /** "n,,", "y,,", "p=tls-exporter,,": the gs2 header. */
  readonly gs2?: string;
  readonly nonce?: string;
  /** Channel binding data. */
  readonly binding?: Buffer;
  /** Alters the last message before it is sent. */
  readonly tamper?: (clientFinal: string) => string;
};

export type ScramServerFirst = { readonly nonce: string; readonly salt: string; readonly iterations: number };

export function readServerFirst(text: string): ScramServerFirst {
  const [, nonce = "", salt = "", iterations = ""] = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(text) ?? [];
  return { nonce, salt, iterations: Number(iterations) };
}

/** client-first-message, and what follows from the server's answer. */
export function scramClient(login: ScramLogin): {
  first: string;
  final(serverFirst: string): { message: string; serverFinal: string };
} {
  const gs2 = login.gs2 ?? "n,,";
  const bare = `n=${login.username},r=${login.nonce ?? "abcdefghijk"}`;
  return {
    first: gs2 + bare,
    final(serverFirst) {
      const { nonce, salt, iterations } = readServerFirst(serverFirst);
      const octets = login.hash === "sha1" ? 20 : 32;
      const salted = pbkdf2Sync(login.password, Buffer.from(salt, "base64"), iterations, octets, login.hash);
      const hmac = (key: Buffer, text: string): Buffer => createHmac(login.hash, key).update(text).digest();
      const clientKey = hmac(salted, "Client Key");
      const storedKey = createHash(login.hash).update(clientKey).digest();
      const binding = Buffer.concat([Buffer.from(gs2), login.binding ?? Buffer.alloc(0)]).toString("base64");
      const withoutProof = `c=${binding},r=${nonce}`;
      const authMessage = `${bare},${serverFirst},${withoutProof}`;
      const signature = hmac(storedKey, authMessage);
      const proof = Buffer.from(clientKey.map((octet, i) => octet ^ (signature[i] ?? 0))).toString("base64");
      const message = `${withoutProof},p=${proof}`;
      return {
        message: login.tamper?.(message) ?? message,
        serverFinal: `v=${hmac(hmac(salted, "Server Key"), authMessage).toString("base64")}`,
      };
    },
  };
}

/** Runs a whole login; also says whether the server proved that it knows the password. */
export async function scramLogin(
  exchange: Pick<SaslExchange, "step">,
  login: ScramLogin,
): Promise<SaslOutcome & { serverProved?: boolean }> {
  const client = scramClient(login);
  const challenge = await exchange.step(Buffer.from(client.first));
  if (challenge.kind !== "challenge") return challenge;
  const { message, serverFinal } = client.final(challenge.data.toString());
  const outcome = await exchange.step(Buffer.from(message));
  return outcome.kind === "success" ? { ...outcome, serverProved: outcome.data?.toString() === serverFinal } : outcome;
}
