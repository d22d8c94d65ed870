// docs/credentials.md points 1 to 3, 7 and 11: accounts made, changed, imported and verified.

import bcrypt from "bcryptjs";
import { afterEach, describe, expect, test } from "vitest";
import { AccountError, type AccountErrorCode } from "../../server/accounts/account-error.ts";
import { Accounts } from "../../server/accounts/accounts.ts";
import { scramKeys } from "../../server/accounts/scram-keys.ts";
import { openSeal } from "../../server/accounts/seal.ts";
import { type AuthConfig, parseConfig } from "../../server/config.ts";
import { accountStore } from "../support/account-store.ts";
import { FakeClock } from "../support/fake-clock.ts";

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()));
});

async function setUp(auth: Partial<AuthConfig> = {}) {
  const store = accountStore();
  const clock = new FakeClock();
  const seal = await openSeal(null);
  const open = (changed: Partial<AuthConfig> = {}): Accounts => {
    const config = { ...parseConfig({}).auth, scramIterations: 4096, bcryptCost: 4, ...auth, ...changed };
    const accounts = new Accounts({ config, store, seal, domain: "example.org", clock });
    stops.push(() => accounts.stop());
    return accounts;
  };
  return { store, clock, seal, accounts: open(), open };
}

async function code(failed: Promise<unknown>): Promise<AccountErrorCode | "none"> {
  const error = await failed.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error === undefined || error instanceof AccountError).toBe(true);
  return error instanceof AccountError ? error.code : "none";
}

describe("administration", () => {
  test("create, exists, list, delete", async () => {
    const { accounts, clock } = await setUp();
    expect(await accounts.create("Romeo", "pencil")).toBe("romeo");
    await accounts.create("juliet", "pencil");
    expect([await accounts.exists("romeo"), await accounts.exists("nobody")]).toEqual([true, false]);
    const createdAt = clock.now();
    expect(await accounts.list({ limit: 10 })).toEqual([
      { localpart: "juliet", createdAt, form: "scram" },
      { localpart: "romeo", createdAt, form: "scram" },
    ]);
    expect(await accounts.list({ limit: 10, after: "juliet" })).toHaveLength(1);
    await accounts.delete("ROMEO");
    expect(await accounts.exists("romeo")).toBe(false);
  });

  test("what is refused, and by which code", async () => {
    const { accounts } = await setUp();
    await accounts.create("juliet", "pencil");
    expect(await code(accounts.create("juliet", "other"))).toBe("exists");
    expect(await code(accounts.create("jul@iet", "pencil"))).toBe("invalid-localpart");
    expect(await code(accounts.create("", "pencil"))).toBe("invalid-localpart");
    expect(await code(accounts.setPassword("nobody", "pencil"))).toBe("not-found");
    expect(await code(accounts.delete("nobody"))).toBe("not-found");
    expect(await accounts.verifyPlain("juliet", "pencil")).toBe("right");
  });

  test.each([
    ["empty", "", /empty/],
    ["a control character", "a\u0007b", /SASLprep/],
    ["a code point unassigned in Unicode 3.2", "pass\u{1f600}", /SASLprep/],
    ["half a surrogate pair", "a\ud83d", /SASLprep/],
    ["mixed directions", "\u06271", /SASLprep/],
    ["nothing left after mapping", "\u00ad", /SASLprep/],
    ["far too long", "x".repeat(5000), /octets/],
  ])("a password that is %s", async (_, password, message) => {
    const { accounts } = await setUp();
    await accounts.create("romeo", "pencil");
    await expect(accounts.create("juliet", password)).rejects.toThrow(message);
    expect(await code(accounts.setPassword("romeo", password))).toBe("invalid-password");
    expect(await accounts.verifyPlain("romeo", "pencil")).toBe("right");
  });

  test("a new password replaces the old, with new salts and the iterations of the day", async () => {
    const { accounts, open, store } = await setUp();
    await accounts.create("juliet", "pencil");
    const before = store.rows.get("juliet")?.credentials ?? [];
    await open({ scramIterations: 5000 }).setPassword("juliet", "ballpoint");
    const after = store.rows.get("juliet")?.credentials ?? [];
    expect(before.map(({ kind, iterations }) => [kind, iterations])).toEqual([
      ["SCRAM-SHA-256", 4096],
      ["SCRAM-SHA-1", 4096],
    ]);
    expect(after.map(({ iterations }) => iterations)).toEqual([5000, 5000]);
    const salts = [...before, ...after].map(({ salt }) => Buffer.from(salt).toString("hex"));
    expect(new Set(salts).size).toBe(4);
    expect(salts.every((salt) => salt.length === 32)).toBe(true);
    expect([await accounts.verifyPlain("juliet", "pencil"), await accounts.verifyPlain("juliet", "ballpoint")]).toEqual(
      ["wrong", "right"],
    );
  });
});

describe("verification", () => {
  test.each(["scram", "bcrypt"] as const)("under %s", async (storage) => {
    const { accounts } = await setUp({ storage });
    await accounts.create("juliet", "r0m30 \u2168");
    expect(await accounts.verifyPlain("juliet", "r0m30 \u2168")).toBe("right");
    expect(await accounts.verifyPlain("juliet", "r0m30\u00a0IX")).toBe("right"); // RFC 4013 section 2.1
    expect(await accounts.verifyPlain("juliet", "r0m30 ix")).toBe("wrong");
    expect(await accounts.verifyPlain("juliet", "a\u0007b")).toBe("wrong");
    expect(await accounts.verifyPlain("nobody", "r0m30 \u2168")).toBe("wrong");
  });

  test("SCRAM keys are those of RFC 5802, and what is stored is not", async () => {
    const { accounts, store } = await setUp();
    await accounts.create("juliet", "pencil");
    for (const hash of ["SHA-1", "SHA-256"] as const) {
      const keys = await accounts.scram?.keys("juliet", hash);
      const row = store.rows.get("juliet")?.credentials.find(({ kind }) => kind === `SCRAM-${hash}`);
      if (keys === undefined || row === undefined) throw new Error("no keys");
      expect(keys).toEqual(await scramKeys(hash, "pencil", Buffer.from(row.salt), 4096));
      const sealed = Buffer.from(row.sealed);
      expect(sealed.includes(keys.storedKey) || sealed.includes(keys.serverKey)).toBe(false);
    }
    expect(await accounts.scram?.keys("nobody", "SHA-256")).toBeUndefined();
  });

  test("a row moved to another account verifies nothing", async () => {
    const { accounts, store } = await setUp();
    await accounts.create("juliet", "pencil");
    await accounts.create("mallory", "chalk");
    const [stolen, target] = [store.rows.get("mallory"), store.rows.get("juliet")];
    if (stolen === undefined || target === undefined) throw new Error("no rows");
    store.rows.set("juliet", { ...target, credentials: stolen.credentials });
    await expect(accounts.verifyPlain("juliet", "chalk")).rejects.toThrow(/sealed for another account/);
    await expect(accounts.scram?.keys("juliet", "SHA-1")).rejects.toThrow(/sealed for another account/);
  });

  test("more logins at once than may wait are told to come again", async () => {
    const { accounts } = await setUp();
    await accounts.create("juliet", "pencil");
    const many = await Promise.all(Array.from({ length: 520 }, () => accounts.verifyPlain("juliet", "pencil")));
    const busy = many.filter((verdict) => verdict === "busy").length;
    expect(busy).toBe(520 - 504);
    expect(many.filter((verdict) => verdict === "right")).toHaveLength(504);
  });
});

describe("bcrypt", () => {
  test("stored alone, without SCRAM; over 72 octets refused", async () => {
    const { accounts, store } = await setUp({ storage: "bcrypt" });
    await accounts.create("juliet", "\u00e9".repeat(36));
    expect(store.rows.get("juliet")?.credentials.map(({ kind }) => kind)).toEqual(["bcrypt"]);
    expect(accounts.scram).toBeUndefined();
    await expect(accounts.create("romeo", "\u00e9".repeat(37))).rejects.toThrow(/over 72 octets.*shorter/);
    expect(await accounts.verifyPlain("juliet", "\u00e9".repeat(36))).toBe("right");
    expect(await accounts.verifyPlain("juliet", "\u00e9".repeat(37))).toBe("wrong");
    expect(await accounts.list({ limit: 1 })).toMatchObject([{ form: "bcrypt" }]);
  });

  test.each(["$2a$", "$2b$", "$2y$"])("an imported %s hash becomes SCRAM keys at the first login", async (version) => {
    const { accounts, store } = await setUp();
    const hash = bcrypt.hashSync("s3cret", 4).replace(/^\$2.\$/, version);
    expect(await accounts.importBcrypt("Juliet", hash)).toBe("juliet");
    expect(await accounts.countBcryptOnly()).toBe(1);
    expect(Buffer.from(store.rows.get("juliet")?.credentials[0]?.sealed ?? []).includes(hash)).toBe(false);
    expect(await accounts.verifyPlain("juliet", "wrong")).toBe("wrong");
    expect(await accounts.countBcryptOnly()).toBe(1);
    expect(await accounts.verifyPlain("juliet", "s3cret")).toBe("right");
    expect(await accounts.countBcryptOnly()).toBe(0);
    expect(store.rows.get("juliet")?.credentials.map(({ kind }) => kind)).toEqual(["SCRAM-SHA-256", "SCRAM-SHA-1"]);
    expect(await accounts.verifyPlain("juliet", "s3cret")).toBe("right");
    expect(await accounts.verifyPlain("juliet", "wrong")).toBe("wrong");
  });

  test("under bcrypt storage an import stays as it is", async () => {
    const { accounts, store } = await setUp({ storage: "bcrypt" });
    await accounts.importBcrypt("juliet", bcrypt.hashSync("s3cret", 4));
    expect(await accounts.verifyPlain("juliet", "s3cret")).toBe("right");
    expect(store.rows.get("juliet")?.credentials.map(({ kind }) => kind)).toEqual(["bcrypt"]);
  });

  test("a hash of an unprepared password still logs in, and is prepared from then on", async () => {
    const { accounts } = await setUp();
    await accounts.importBcrypt("juliet", bcrypt.hashSync("\u2168 \u{1f600}", 4));
    expect(await accounts.verifyPlain("juliet", "\u2168 \u{1f600}")).toBe("right");
    expect(await accounts.countBcryptOnly()).toBe(0);
    expect(await accounts.verifyPlain("juliet", "IX \u{1f600}")).toBe("right");
  });

  test("a password changed while an upgrade is under way is not brought back", async () => {
    const { accounts, store } = await setUp();
    await accounts.importBcrypt("juliet", bcrypt.hashSync("s3cret", 4));
    const get = store.get;
    let change = (): void => {};
    const changed = new Promise<void>((resolve) => {
      change = resolve;
    });
    // The login reads the imported hash; what it read is out of date by the time that it goes on.
    store.get = async (localpart) => {
      store.get = get;
      const read = await get.call(store, localpart);
      await changed;
      return read;
    };
    const login = accounts.verifyPlain("juliet", "s3cret");
    await accounts.setPassword("juliet", "changed");
    change();
    expect(await login).toBe("right");
    expect(await accounts.verifyPlain("juliet", "changed")).toBe("right");
    expect(await accounts.verifyPlain("juliet", "s3cret")).toBe("wrong");
  });

  test.each(["", "s3cret", "$1$abc", "$2x$12$".padEnd(60, "."), "$2b$03$".padEnd(60, "."), "$2b$20$".padEnd(60, ".")])(
    "%j is not imported",
    async (hash) => {
      const { accounts } = await setUp();
      expect(await code(accounts.importBcrypt("juliet", hash))).toBe("invalid-hash");
      expect(await accounts.exists("juliet")).toBe(false);
    },
  );

  test("an import does not replace an account", async () => {
    const { accounts } = await setUp();
    await accounts.create("juliet", "pencil");
    expect(await code(accounts.importBcrypt("juliet", bcrypt.hashSync("s3cret", 4)))).toBe("exists");
    expect(await accounts.verifyPlain("juliet", "pencil")).toBe("right");
  });
});
