// docs/credentials.md points 2, 5, 7 and 8: what is offered, and what surrounds an exchange.

import { randomBytes } from "node:crypto";
import bcrypt from "bcryptjs";
import { afterEach, describe, expect, test, vi } from "vitest";
import { Accounts } from "../../server/accounts/accounts.ts";
import type { Authenticator } from "../../server/accounts/authenticator.ts";
import { scramKeys } from "../../server/accounts/scram-keys.ts";
import { openSeal } from "../../server/accounts/seal.ts";
import { createThrottle } from "../../server/accounts/throttle.ts";
import { type AuthConfig, ConfigError, parseConfig } from "../../server/config.ts";
import { Jid } from "../../server/jid.ts";
import { type Logger, silentLogger } from "../../server/log.ts";
import { Counters } from "../../server/metrics/counters.ts";
import type { BindingType, SaslContext, SaslServer } from "../../server/sasl/mechanism.ts";
import { createSaslServer } from "../../server/sasl/sasl-server.ts";
import { accountStore, auditNotes } from "../support/account-store.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { scramLogin } from "../support/scram-client.ts";

const pbkdf2 = vi.hoisted(() => ({ calls: 0 }));
vi.mock("node:crypto", async (original) => {
  const crypto = await original<typeof import("node:crypto")>();
  return {
    ...crypto,
    pbkdf2: ((...args: Parameters<typeof crypto.pbkdf2>) => {
      pbkdf2.calls += 1;
      crypto.pbkdf2(...args);
    }) as typeof crypto.pbkdf2,
  };
});

const exporter = randomBytes(32);
const tls = new Map<BindingType, Buffer>([["tls-exporter", exporter]]);
const SCRAM = ["SCRAM-SHA-256", "SCRAM-SHA-1"];
const PLUS = ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS"];
const importedHash = bcrypt.hashSync("s3cret", 4);
const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()));
});

async function setUp(auth: Partial<AuthConfig> = {}, replace: { authenticator?: Authenticator; log?: Logger } = {}) {
  const config = { ...parseConfig({}).auth, scramIterations: 4096, bcryptCost: 4, ...auth };
  const clock = new FakeClock();
  const store = accountStore();
  const audit = auditNotes();
  const counters = new Counters();
  const accounts = new Accounts({ config, store, seal: await openSeal(null), domain: "example.org", clock });
  stops.push(() => accounts.stop());
  const authenticator = replace.authenticator ?? accounts;
  const log = replace.log ?? silentLogger();
  const throttle = createThrottle(config, clock);
  const sasl = createSaslServer({
    config,
    authenticator,
    domain: "example.org",
    secret: "5a",
    throttle,
    audit,
    counters,
    clock,
    log,
  });
  return { sasl, accounts, store, audit, counters, clock };
}

function contextOf(context: Partial<SaslContext> = {}): SaslContext {
  return { secure: true, bindings: tls, address: "192.0.2.1", claimed: undefined, ...context };
}

const claims = (address: string): SaslContext => contextOf({ claimed: Jid.fromTrusted(address) });
const mechanisms = async (sasl: SaslServer, context: SaslContext) => (await sasl.offer(context)).mechanisms;

async function plain(sasl: SaslServer, message: string, context = contextOf()) {
  const exchange = await sasl.start("PLAIN", context);
  return exchange?.step(Buffer.from(message));
}

describe("what is offered", () => {
  test("inside TLS, best first, with the binding types", async () => {
    const { sasl } = await setUp();
    expect(await sasl.offer(contextOf())).toEqual({
      mechanisms: [...PLUS, ...SCRAM, "PLAIN"],
      bindings: ["tls-exporter"],
    });
  });

  test("nothing to bind to: no -PLUS and no binding types", async () => {
    const { sasl } = await setUp();
    const plainAndScram = { mechanisms: [...SCRAM, "PLAIN"], bindings: [] };
    expect(await sasl.offer(contextOf({ bindings: new Map() }))).toEqual(plainAndScram);
    expect(await sasl.offer(contextOf({ secure: false }))).toEqual(plainAndScram);
  });

  test("auth.plain off", async () => {
    const { sasl } = await setUp({ plain: false });
    expect(await mechanisms(sasl, contextOf())).toEqual([...PLUS, ...SCRAM]);
    const plain = await sasl.start("PLAIN", contextOf());
    expect(await plain?.step(Buffer.from("\0juliet\0secret"))).toMatchObject({ condition: "mechanism-too-weak" });
  });

  test("passwords stored as bcrypt: PLAIN alone, and not without it", async () => {
    const { sasl } = await setUp({ storage: "bcrypt" });
    expect(await sasl.offer(contextOf())).toEqual({ mechanisms: ["PLAIN"], bindings: [] });
    await expect(setUp({ storage: "bcrypt", plain: false })).rejects.toThrow(ConfigError);
  });

  test("another mechanism is not started", async () => {
    const { sasl } = await setUp();
    expect(await sasl.start("DIGEST-MD5", contextOf())).toBeUndefined();
    expect(await sasl.start("scram-sha-1", contextOf())).toBeUndefined();
    expect(await sasl.start("SCRAM-SHA-1-PLUS", contextOf({ bindings: new Map() }))).toBeUndefined();
  });
});

describe("while an account is left that has the keys of one hash", () => {
  async function withSha1Alone(auth: Partial<AuthConfig> = {}) {
    const parts = await setUp(auth);
    const pair = await scramKeys("SHA-1", "pencil", Buffer.from("salt"), 4096);
    const juliet = { localpart: "juliet", keys: [["SHA-1", pair]] as const, holdings: {} };
    const romeo = { localpart: "romeo", password: "pencil", keys: [], holdings: {} };
    const options = { existing: "keep", quota: { nodes: 1, bytes: 1 }, check: false } as const;
    expect(await parts.accounts.import([juliet, romeo], options)).toEqual(["created", "created"]);
    return parts;
  }

  test("the other is offered to nobody but who claims an account that has it, until PLAIN has made it", async () => {
    const { sasl } = await withSha1Alone();
    const sha1 = ["SCRAM-SHA-1-PLUS", "SCRAM-SHA-1", "PLAIN"];
    expect(await mechanisms(sasl, contextOf())).toEqual(sha1);
    expect(await mechanisms(sasl, claims("juliet@example.org"))).toEqual(sha1);
    expect(await mechanisms(sasl, claims("romeo@example.org"))).toEqual([...PLUS, ...SCRAM, "PLAIN"]);
    expect(await sasl.start("SCRAM-SHA-256", contextOf())).toBeUndefined();
    const exchange = await sasl.start("SCRAM-SHA-1", claims("juliet@example.org"));
    if (exchange === undefined) throw new Error("not started");
    const outcome = await scramLogin(exchange, { hash: "sha1", username: "juliet", password: "pencil", gs2: "n,," });
    expect(outcome).toMatchObject({ kind: "success", serverProved: true });
    expect(await mechanisms(sasl, contextOf())).toEqual(sha1);
    expect(await plain(sasl, "\0juliet\0pencil")).toEqual({ kind: "success", localpart: "juliet" });
    expect(await mechanisms(sasl, contextOf())).toEqual([...PLUS, ...SCRAM, "PLAIN"]);
  });

  test("auth.plain off: it can log in all the same", async () => {
    const { sasl } = await withSha1Alone({ plain: false });
    expect(await mechanisms(sasl, contextOf())).toEqual(["SCRAM-SHA-1-PLUS", "SCRAM-SHA-1"]);
  });
});

describe("while an imported bcrypt account is left", () => {
  test("PLAIN only, then SCRAM from its first login on", async () => {
    const { sasl, accounts } = await setUp();
    await accounts.importBcrypt("juliet", importedHash);
    expect(await sasl.offer(contextOf())).toEqual({ mechanisms: ["PLAIN"], bindings: [] });
    expect(await plain(sasl, "\0juliet\0s3cret")).toEqual({ kind: "success", localpart: "juliet" });
    expect(await mechanisms(sasl, contextOf())).toEqual([...PLUS, ...SCRAM, "PLAIN"]);
    const exchange = await sasl.start("SCRAM-SHA-1", contextOf());
    expect(exchange).toBeDefined();
    if (exchange === undefined) return;
    const outcome = await scramLogin(exchange, { hash: "sha1", username: "juliet", password: "s3cret" });
    expect(outcome).toMatchObject({ kind: "success", serverProved: true });
  });

  test("whoever claims an account gets the list that it can use, an unknown one that of a SCRAM account", async () => {
    const { sasl, accounts } = await setUp();
    await accounts.importBcrypt("juliet", importedHash);
    await accounts.create("romeo", "pencil");
    const all = [...PLUS, ...SCRAM, "PLAIN"];
    expect(await mechanisms(sasl, claims("juliet@example.org"))).toEqual(["PLAIN"]);
    expect(await mechanisms(sasl, claims("romeo@example.org"))).toEqual(all);
    expect(await mechanisms(sasl, claims("nobody@example.org"))).toEqual(all);
    expect(await mechanisms(sasl, claims("romeo@example.net"))).toEqual(["PLAIN"]);
    expect(await mechanisms(sasl, claims("example.org"))).toEqual(["PLAIN"]);
  });

  test("an import by another process is seen within seconds, and the count is not read for each stream", async () => {
    const { sasl, accounts, store, clock } = await setUp();
    await sasl.offer(contextOf());
    await sasl.offer(contextOf());
    expect(store.counted).toBe(1);
    await accounts.importBcrypt("juliet", importedHash);
    const imported = store.rows.get("juliet");
    await accounts.delete("juliet");
    expect(await mechanisms(sasl, contextOf())).toContain("SCRAM-SHA-1");
    if (imported !== undefined) store.rows.set("juliet", imported);
    expect(await mechanisms(sasl, contextOf())).toContain("SCRAM-SHA-1");
    clock.advance(5_000);
    expect(await mechanisms(sasl, contextOf())).toEqual(["PLAIN"]);
  });

  test("what a stream was shown holds for it", async () => {
    const { sasl, accounts } = await setUp();
    await accounts.create("romeo", "pencil");
    const context = contextOf();
    await sasl.offer(context);
    await accounts.importBcrypt("juliet", importedHash);
    expect(await sasl.start("SCRAM-SHA-256", context)).toBeDefined();
    expect(await sasl.start("SCRAM-SHA-256", contextOf())).toBeUndefined();
  });

  test("with PLAIN off SCRAM is offered all the same", async () => {
    const { sasl, accounts } = await setUp({ plain: false });
    await accounts.importBcrypt("juliet", importedHash);
    expect(await mechanisms(sasl, contextOf())).toEqual([...PLUS, ...SCRAM]);
  });
});

describe("SCRAM", () => {
  test.each([
    ["SCRAM-SHA-256-PLUS", "sha256", "p=tls-exporter,,"],
    ["SCRAM-SHA-1-PLUS", "sha1", "p=tls-exporter,,"],
    ["SCRAM-SHA-256", "sha256", "n,,"],
    ["SCRAM-SHA-1", "sha1", "n,,"],
  ] as const)("%s logs in, without deriving a key from a password", async (name, hash, gs2) => {
    const { sasl, accounts, audit, counters } = await setUp();
    await accounts.create("juliet", "pencil");
    const before = pbkdf2.calls;
    expect(before).toBeGreaterThan(0);
    const exchange = await sasl.start(name, contextOf());
    if (exchange === undefined) throw new Error(`${name} was not started`);
    const binding = gs2 === "n,," ? Buffer.alloc(0) : exporter;
    const outcome = await scramLogin(exchange, { hash, username: "juliet", password: "pencil", gs2, binding });
    expect(outcome).toMatchObject({ kind: "success", localpart: "juliet", serverProved: true });
    expect(pbkdf2.calls).toBe(before);
    const login = { event: "login", account: "juliet@example.org", address: "192.0.2.1", detail: name };
    expect(audit.entries).toEqual([login]);
    expect(counters.logins).toEqual(new Map([[name, new Map([["success", 1]])]]));
  });

  test("'y' fails where -PLUS was offered, and passes where it was not", async () => {
    const { sasl, accounts } = await setUp();
    await accounts.create("juliet", "pencil");
    const attempt = { hash: "sha256", username: "juliet", password: "pencil", gs2: "y,," } as const;
    const [offered, not] = [contextOf(), contextOf({ bindings: new Map() })];
    const [one, other] = [await sasl.start("SCRAM-SHA-256", offered), await sasl.start("SCRAM-SHA-256", not)];
    if (one === undefined || other === undefined) throw new Error("not started");
    expect(await scramLogin(one, attempt)).toEqual({ kind: "failure", condition: "not-authorized" });
    expect(await scramLogin(other, attempt)).toMatchObject({ kind: "success" });
  });
});

describe("a failure", () => {
  test("tells the client the condition alone, and the audit the reason, never the password", async () => {
    const logged: unknown[] = [];
    const log: Logger = { ...silentLogger(), info: (fields, event) => logged.push({ ...fields, event }) };
    const { sasl, accounts, audit, counters } = await setUp({}, { log });
    await accounts.create("juliet", "pencil");
    const outcomes = [await plain(sasl, "\0juliet\0gu3ss"), await plain(sasl, "\0nobody\0gu3ss")];
    expect(outcomes).toEqual(Array(2).fill({ kind: "failure", condition: "not-authorized" }));
    const detail = "PLAIN: not-authorized: wrong password or no such account";
    const entry = { event: "login-failed", address: "192.0.2.1", detail };
    expect(audit.entries).toEqual([
      { ...entry, account: "juliet@example.org" },
      { ...entry, account: "nobody@example.org" },
    ]);
    expect(counters.logins.get("PLAIN")).toEqual(new Map([["not-authorized", 2]]));
    expect(logged).toHaveLength(2);
    expect(JSON.stringify([audit.entries, logged])).not.toContain("gu3ss");
  });

  test("ends the exchange", async () => {
    const { sasl, accounts } = await setUp();
    await accounts.create("juliet", "pencil");
    const exchange = await sasl.start("PLAIN", contextOf());
    expect(await exchange?.step(Buffer.from("\0juliet\0wrong"))).toMatchObject({ condition: "not-authorized" });
    expect(await exchange?.step(Buffer.from("\0juliet\0pencil"))).toMatchObject({ condition: "malformed-request" });
  });

  test("success ends it too", async () => {
    const { sasl, accounts } = await setUp();
    await accounts.create("juliet", "pencil");
    const exchange = await sasl.start("PLAIN", contextOf());
    expect(await exchange?.step(Buffer.from("\0juliet\0pencil"))).toMatchObject({ kind: "success" });
    expect(await exchange?.step(Buffer.from("\0juliet\0pencil"))).toMatchObject({ condition: "malformed-request" });
  });

  test("of the authenticator itself is temporary, logged, and held against nobody", async () => {
    const errors: string[] = [];
    const log: Logger = { ...silentLogger(), error: (_, event) => errors.push(event) };
    const authenticator: Authenticator = {
      exists: async () => true,
      verifyPlain: async () => {
        throw new Error("the user table is gone");
      },
    };
    const { sasl, audit, clock } = await setUp({ failuresPerMinute: 1 }, { authenticator, log });
    expect(await mechanisms(sasl, contextOf())).toEqual(["PLAIN"]);
    for (let i = 0; i < 3; i += 1) {
      expect(await plain(sasl, "\0juliet\0pencil")).toEqual({ kind: "failure", condition: "temporary-auth-failure" });
    }
    expect(errors).toEqual(["login-error", "login-error", "login-error"]);
    expect(audit.entries).toEqual([]);
    expect(clock.timers).toBe(0);
  });

  test("is answered later the more there are, and so is a success from the same address", async () => {
    const { sasl, accounts, clock } = await setUp({ failuresPerMinute: 1, maxDelaySeconds: 3 });
    await accounts.create("juliet", "pencil");
    const delays: number[] = [];
    const slow = async (message: string, context?: SaslContext) => {
      const answer = plain(sasl, message, context);
      delays.push(await clock.nextDelay());
      clock.advance(delays.at(-1) ?? 0);
      return answer;
    };
    expect(await plain(sasl, "\0juliet\0wrong")).toMatchObject({ kind: "failure" });
    for (let i = 0; i < 5; i += 1) expect(await slow("\0juliet\0wrong")).toMatchObject({ kind: "failure" });
    expect(delays).toEqual([500, 1000, 2000, 3000, 3000]);
    expect(await slow("\0juliet\0pencil")).toMatchObject({ kind: "success" });
    expect(delays.at(-1)).toBe(3000);
    expect(await slow("\0juliet\0wrong", contextOf({ address: "198.51.100.7" }))).toMatchObject({ kind: "failure" });
    const elsewhere = await plain(sasl, "\0juliet\0pencil", contextOf({ address: "203.0.113.9" }));
    expect(elsewhere).toMatchObject({ kind: "success" });
    expect(clock.timers).toBe(0);
  });
});
