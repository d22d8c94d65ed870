// RFC 5802 and RFC 7677: the examples, and every way to fail.

import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { ScramHash, ScramKeys, ScramSource } from "../../server/accounts/authenticator.ts";
import { scramKeys } from "../../server/accounts/scram-keys.ts";
import type { BindingType } from "../../server/sasl/mechanism.ts";
import { type ScramOptions, scramExchange } from "../../server/sasl/scram.ts";
import { readServerFirst, type ScramLogin, scramClient, scramLogin } from "../support/scram-client.ts";

type Vector = {
  source: string;
  hash: ScramHash;
  username: string;
  password: string;
  clientFirst: string;
  serverNonce: string;
  salt: string;
  iterations: number;
  serverFirst: string;
  clientFinal: string;
  serverFinal: string;
};

const vectors = JSON.parse(readFileSync(new URL("../vectors/scram.json", import.meta.url), "utf8")) as Vector[];
const exporter = randomBytes(32);
const bindings = new Map<BindingType, Buffer>([
  ["tls-exporter", exporter],
  ["tls-server-end-point", randomBytes(32)],
]);
const juliet = await scramKeys("SHA-256", "r0m30myr0m30", randomBytes(16), 4096);

function sourceOf(accounts: Record<string, ScramKeys>): ScramSource {
  return { iterations: 4096, usable: async () => true, keys: async (localpart) => accounts[localpart] };
}

function exchange(options: Partial<ScramOptions> = {}) {
  return scramExchange({
    hash: "SHA-256",
    plus: false,
    plusOffered: false,
    source: sourceOf({ juliet, "a,b=c": juliet }),
    domain: "example.org",
    secret: "00",
    context: { bindings },
    ...options,
  });
}

const login: ScramLogin = { hash: "sha256", username: "juliet", password: "r0m30myr0m30" };

function step(message: string | Buffer, options?: Partial<ScramOptions>) {
  return exchange(options).step(Buffer.from(message));
}

describe.each(vectors)("$source", (vector) => {
  const { hash, username, password, salt, iterations } = vector;

  test("the server's messages", async () => {
    const keys = await scramKeys(hash, password, Buffer.from(salt, "base64"), iterations);
    const source = sourceOf({ [username]: keys });
    const server = exchange({ hash, source, nonce: () => vector.serverNonce });
    const challenge = await server.step(Buffer.from(vector.clientFirst));
    expect(challenge).toEqual({ kind: "challenge", data: Buffer.from(vector.serverFirst) });
    const outcome = await server.step(Buffer.from(vector.clientFinal));
    expect(outcome).toEqual({ kind: "success", localpart: username, data: Buffer.from(vector.serverFinal) });
  });
});

describe("success", () => {
  test("an empty challenge where the initial response is left out (RFC 6120 section 6.4.2)", async () => {
    const server = exchange();
    expect(await server.step(undefined)).toEqual({ kind: "challenge", data: Buffer.alloc(0) });
    expect(await scramLogin(server, login)).toMatchObject({ kind: "success", localpart: "juliet", serverProved: true });
  });

  test.each([
    ["the user name is prepared", { ...login, username: "JULIET" }, "juliet"],
    ["the own bare JID as authzid", { ...login, gs2: "n,a=juliet@example.org," }, "juliet"],
    ["'y' while no -PLUS was offered", { ...login, gs2: "y,," }, "juliet"],
  ])("%s", async (_, attempt, localpart) => {
    expect(await scramLogin(exchange(), attempt)).toMatchObject({ kind: "success", localpart });
  });

  test("unknown optional extensions are ignored (RFC 5802 section 5.1)", async () => {
    const server = exchange();
    const client = scramClient({ ...login, nonce: "abc,x=1,y=2" });
    const challenge = await server.step(Buffer.from(client.first));
    expect(challenge.kind).toBe("challenge");
    if (challenge.kind !== "challenge") return;
    const { message } = client.final(challenge.data.toString());
    expect(await server.step(Buffer.from(message))).toMatchObject({ kind: "success" });
  });

  test("a new nonce each time, and never the client's alone", async () => {
    const nonces = await Promise.all(
      [1, 2].map(async () => {
        const challenge = await step("n,,n=juliet,r=abc");
        return challenge.kind === "challenge" ? readServerFirst(challenge.data.toString()).nonce : "";
      }),
    );
    expect(nonces[0]).toMatch(/^abc.{20,}/);
    expect(nonces[0]).not.toBe(nonces[1]);
  });
});

describe("channel binding", () => {
  const plus = { plus: true, plusOffered: true };

  test.each(["tls-exporter", "tls-server-end-point"] as const)("with %s", async (type) => {
    const attempt = { ...login, gs2: `p=${type},,`, binding: bindings.get(type) ?? Buffer.alloc(0) };
    expect(await scramLogin(exchange(plus), attempt)).toMatchObject({ kind: "success", serverProved: true });
  });

  test("'n' while -PLUS was offered: a client that cannot bind", async () => {
    expect(await scramLogin(exchange({ plusOffered: true }), login)).toMatchObject({ kind: "success" });
  });

  test.each([
    ["'y' while -PLUS was offered", { plusOffered: true }, { gs2: "y,," }, "not-authorized"],
    ["'y' with -PLUS", plus, { gs2: "y,," }, "malformed-request"],
    ["'n' with -PLUS", plus, { gs2: "n,," }, "malformed-request"],
    ["'p=' without -PLUS", { plusOffered: true }, { gs2: "p=tls-exporter,,", binding: exporter }, "malformed-request"],
    ["a type not offered", plus, { gs2: "p=tls-unique,,", binding: exporter }, "malformed-request"],
    ["other binding data", plus, { gs2: "p=tls-exporter,,", binding: randomBytes(32) }, "not-authorized"],
    ["no binding data", plus, { gs2: "p=tls-exporter,," }, "not-authorized"],
    ["the data of the other type", plus, { gs2: "p=tls-server-end-point,,", binding: exporter }, "not-authorized"],
  ])("%s fails", async (_, options, attempt, condition) => {
    expect(await scramLogin(exchange(options), { ...login, ...attempt })).toMatchObject({ kind: "failure", condition });
  });

  test("another gs2 header in c= than at the start fails", async () => {
    const tamper = (message: string): string =>
      message.replace(/^c=[^,]+/, `c=${Buffer.from("y,,").toString("base64")}`);
    expect(await scramLogin(exchange(), { ...login, tamper })).toMatchObject({ condition: "not-authorized" });
  });
});

describe("client-first-message refused", () => {
  test.each([
    ["", "malformed-request"],
    ["n,,", "malformed-request"],
    ["n=juliet,r=abc", "malformed-request"],
    ["n,n=juliet,r=abc", "malformed-request"],
    ["x,,n=juliet,r=abc", "malformed-request"],
    ["F,n,,n=juliet,r=abc", "malformed-request"],
    ["p=,,n=juliet,r=abc", "malformed-request"],
    ["n,,n=juliet", "malformed-request"],
    ["n,,n=,r=abc", "malformed-request"],
    ["n,,r=abc,n=juliet", "malformed-request"],
    ["n,,n=juliet,r=", "malformed-request"],
    ["n,,n=juliet,r=a b", "malformed-request"],
    ["n,,n=juliet,r=ab\u00e9", "malformed-request"],
    ["n,,n=jul=iet,r=abc", "malformed-request"],
    ["n,,n=jul=2ciet,r=abc", "malformed-request"],
    ["n,,n=juliet,r=abc,", "malformed-request"],
    ["n,,n=juliet,r=abc,x", "malformed-request"],
    ["n,,n=juliet,r=abc,n=romeo", "malformed-request"],
    ["n,,m=future,n=juliet,r=abc", "malformed-request"],
    ["n,,n=juliet,r=abc,m=future", "malformed-request"],
    ["n,,n=jul\0iet,r=abc", "malformed-request"],
    ["n,a=,n=juliet,r=abc", "malformed-request"],
    ["n,a=juliet=40example.org,n=juliet,r=abc", "invalid-authzid"],
    ["n,a=romeo@example.org,n=juliet,r=abc", "invalid-authzid"],
    ["n,a=juliet@example.net,n=juliet,r=abc", "invalid-authzid"],
    ["n,a=juliet@example.org/balcony,n=juliet,r=abc", "invalid-authzid"],
    ["n,a=juliet,n=juliet,r=abc", "invalid-authzid"],
    ["n,,n=juliet@example.org,r=abc", "not-authorized"],
  ])("%j: %s", async (message, condition) => {
    expect(await step(message)).toMatchObject({ kind: "failure", condition });
  });

  test("octets that are no UTF-8", async () => {
    const message = Buffer.concat([Buffer.from("n,,n="), Buffer.from([0xc3, 0x28]), Buffer.from(",r=abc")]);
    expect(await step(message)).toMatchObject({ kind: "failure", condition: "incorrect-encoding" });
  });

  test("a saslname is decoded before it is looked up", async () => {
    const seen: string[] = [];
    const source: ScramSource = { ...sourceOf({}), keys: async (localpart) => void seen.push(localpart) };
    await step("n,,n=a=2Cb=3Dc=3D2C,r=abc", { source });
    expect(seen).toEqual(["a,b=c=2c"]);
  });
});

describe("client-final-message refused", () => {
  const nonceOf = (message: string): string => /r=([^,]+)/.exec(message)?.[1] ?? "";

  test.each<[string, (message: string) => string, string]>([
    ["a wrong proof", (m) => m.replace(/p=.*/, `p=${randomBytes(32).toString("base64")}`), "not-authorized"],
    ["a short proof", (m) => m.replace(/p=.*/, "p=AAAA"), "not-authorized"],
    [
      "a long proof",
      (m) =>
        m.replace(
          /p=(.*)/,
          (_, p) => `p=${Buffer.from(`${Buffer.from(p, "base64").toString("latin1")}x`, "latin1").toString("base64")}`,
        ),
      "not-authorized",
    ],
    ["the client's nonce alone", (m) => m.replace(/r=[^,]+/, "r=abcdefghijk"), "not-authorized"],
    ["another nonce", (m) => m.replace(nonceOf(m), `${nonceOf(m)}x`), "not-authorized"],
    ["no proof", (m) => m.replace(/,p=.*/, ""), "malformed-request"],
    ["an empty proof", (m) => m.replace(/,p=.*/, ",p="), "malformed-request"],
    ["no nonce", (m) => m.replace(/r=[^,]+,/, ""), "malformed-request"],
    ["no c=", (m) => m.replace(/c=[^,]+,/, ""), "malformed-request"],
    ["attributes out of order", (m) => m.replace(/^(c=[^,]+),(r=[^,]+)/, "$2,$1"), "malformed-request"],
    ["something after the proof", (m) => `${m},x=1`, "malformed-request"],
    ["a mandatory extension", (m) => m.replace(",p=", ",m=future,p="), "malformed-request"],
    ["a proof that is no Base64", (m) => m.replace(/p=.*/, "p=*"), "incorrect-encoding"],
    ["a proof without its padding", (m) => m.replace(/=$/, ""), "incorrect-encoding"],
    ["c= that is no Base64", (m) => m.replace(/c=[^,]+/, "c=b!ws"), "incorrect-encoding"],
    ["an extension that the proof does not cover", (m) => m.replace(",p=", ",x=1,p="), "not-authorized"],
    ["nothing", () => "", "malformed-request"],
  ])("%s", async (_, tamper, condition) => {
    const outcome = await scramLogin(exchange(), { ...login, tamper });
    expect(outcome).toMatchObject({ kind: "failure", condition, localpart: "juliet" });
  });

  test("a wrong password", async () => {
    const outcome = await scramLogin(exchange(), { ...login, password: "wrong" });
    expect(outcome).toMatchObject({ kind: "failure", condition: "not-authorized" });
  });

  test("the keys of the other hash", async () => {
    const outcome = await scramLogin(exchange(), { ...login, hash: "sha1" });
    expect(outcome).toMatchObject({ kind: "failure", condition: "not-authorized" });
  });
});

describe("an unknown user", () => {
  const first = async (username: string, options?: Partial<ScramOptions>) => {
    const challenge = await step(`n,,n=${username},r=abc`, options);
    return challenge.kind === "challenge" ? readServerFirst(challenge.data.toString()) : undefined;
  };

  test("gets a challenge of the same form, always the same salt, and fails at the proof", async () => {
    const [known, unknown, again] = [await first("juliet"), await first("nobody"), await first("nobody")];
    expect(unknown?.iterations).toBe(known?.iterations);
    expect(unknown?.salt.length).toBe(known?.salt.length);
    expect(unknown?.nonce.length).toBe(known?.nonce.length);
    expect(unknown?.salt).toBe(again?.salt);
    const [wrong, nobody] = [
      await scramLogin(exchange(), { ...login, password: "wrong" }),
      await scramLogin(exchange(), { ...login, username: "nobody" }),
    ];
    expect(wrong).toMatchObject({ kind: "failure", condition: "not-authorized" });
    expect(nobody).toMatchObject({ kind: "failure", condition: "not-authorized" });
  });

  test("another salt for another name, another hash and another server", async () => {
    const salts = await Promise.all([
      first("nobody"),
      first("noone"),
      first("nobody", { hash: "SHA-1" }),
      first("nobody", { secret: "01" }),
    ]);
    expect(new Set(salts.map((answer) => answer?.salt)).size).toBe(4);
  });
});
