// docs/credentials.md point 11: what is stored is of no use without the key file, nor in another row.

import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openSeal, rotateSeal, SealError } from "../../server/accounts/seal.ts";

const secret = Buffer.from("a stored key");
let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "balcony-seal-"));
  path = join(folder, "data", "seal-key.json");
});
afterEach(() => rm(folder, { recursive: true }));

describe("a sealed secret", () => {
  test("opens for its account and kind alone", async () => {
    const seal = await openSeal(null);
    const sealed = seal.seal(secret, "juliet", "bcrypt");
    expect(Buffer.from(sealed.sealed).includes(secret)).toBe(false);
    expect(seal.unseal(sealed, "juliet", "bcrypt")).toEqual(secret);
    expect(() => seal.unseal(sealed, "romeo", "bcrypt")).toThrow(SealError);
    expect(() => seal.unseal(sealed, "juliet", "SCRAM-SHA-1")).toThrow(SealError);
  });

  test("is other octets each time", async () => {
    const seal = await openSeal(null);
    const [one, other] = [seal.seal(secret, "juliet", "bcrypt"), seal.seal(secret, "juliet", "bcrypt")];
    expect(Buffer.compare(one.sealed, other.sealed)).not.toBe(0);
  });

  test("does not open once an octet is changed, cut off or added", async () => {
    const seal = await openSeal(null);
    const { keyId, sealed } = seal.seal(secret, "juliet", "bcrypt");
    for (let at = 0; at < sealed.length; at += 1) {
      const changed = Buffer.from(sealed);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(() => seal.unseal({ keyId, sealed: changed }, "juliet", "bcrypt")).toThrow(/altered/);
      expect(() => seal.unseal({ keyId, sealed: sealed.subarray(0, at) }, "juliet", "bcrypt")).toThrow(/altered/);
    }
    expect(() => seal.unseal({ keyId, sealed: Buffer.concat([sealed, sealed]) }, "juliet", "bcrypt")).toThrow(
      /altered/,
    );
  });

  test("opens from a part of a larger buffer, as a database may return it", async () => {
    const seal = await openSeal(null);
    const { keyId, sealed } = seal.seal(secret, "juliet", "bcrypt");
    const larger = new Uint8Array(sealed.length + 10);
    larger.set(sealed, 5);
    expect(seal.unseal({ keyId, sealed: larger.subarray(5, -5) }, "juliet", "bcrypt")).toEqual(secret);
  });

  test("does not open with the key of another server", async () => {
    const [one, other] = [await openSeal(null), await openSeal(null)];
    const sealed = one.seal(secret, "juliet", "bcrypt");
    expect(() => other.unseal(sealed, "juliet", "bcrypt")).toThrow(/restore the key file/);
    expect(() => other.unseal({ ...sealed, keyId: other.keyId }, "juliet", "bcrypt")).toThrow(/altered/);
  });
});

describe("the key file", () => {
  test("is made at first use, for its owner alone, and read again", async () => {
    const first = await openSeal(path);
    expect(first.warnings).toEqual([]);
    const sealed = first.seal(secret, "juliet", "bcrypt");
    expect((await openSeal(path)).unseal(sealed, "juliet", "bcrypt")).toEqual(secret);
    expect(await readdir(join(folder, "data"))).toEqual(["seal-key.json"]);
    const { current, keys } = JSON.parse(await readFile(path, "utf8")) as {
      current: string;
      keys: Record<string, string>;
    };
    expect(current).toBe(first.keyId);
    expect(Buffer.from(keys[current] ?? "", "base64")).toHaveLength(32);
    if (process.platform !== "win32") expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  test("made by several at once is one", async () => {
    const seals = await Promise.all(Array.from({ length: 8 }, () => openSeal(path)));
    expect(new Set(seals.map(({ keyId }) => keyId)).size).toBe(1);
    expect(await readdir(join(folder, "data"))).toEqual(["seal-key.json"]);
  });

  test("rotated: new secrets under the new key, old ones still open", async () => {
    const before = await openSeal(path);
    const sealed = before.seal(secret, "juliet", "bcrypt");
    const added = await rotateSeal(path);
    const after = await openSeal(path);
    expect([after.keyId, added === before.keyId]).toEqual([added, false]);
    expect(after.unseal(sealed, "juliet", "bcrypt")).toEqual(secret);
    expect(after.seal(secret, "juliet", "bcrypt").keyId).toBe(added);
    await expect(rotateSeal(join(folder, "none.json"))).rejects.toThrow(/does not exist/);
  });

  test.each([
    "",
    "{}",
    "[]",
    '{"current":"a","keys":{}}',
    '{"current":"a","keys":{"b":"AAAA"}}',
    '{"current":"a","keys":{"a":"AAAA"}}',
    '{"current":"a","keys":{"a":"***"}}',
  ])("%j is none, and is left alone", async (text) => {
    const file = join(folder, "seal-key.json");
    await writeFile(file, text);
    await expect(openSeal(file)).rejects.toThrow(SealError);
    expect(await readFile(file, "utf8")).toBe(text);
  });

  test.skipIf(process.platform === "win32")("that others may read is used with a warning", async () => {
    await openSeal(path);
    await chmod(path, 0o644);
    expect((await openSeal(path)).warnings).toEqual([expect.stringContaining(`chmod 600 ${path}`)]);
  });
});
