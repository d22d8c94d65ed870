// docs/credentials.md points 3 and 4: bcrypt in its thread, and an application's own user table.

import { execFile } from "node:child_process";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import bcrypt from "bcryptjs";
import { afterEach, describe, expect, test } from "vitest";
import { AccountError } from "../../server/accounts/account-error.ts";
import { Bcrypt, unmatchableHash, whyNotBcrypt } from "../../server/accounts/bcrypt.ts";
import { bcryptAuthenticator } from "../../server/accounts/bcrypt-authenticator.ts";

const hash = bcrypt.hashSync("s3cret", 4);
const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()));
});

function open(queue: number): Bcrypt {
  const opened = new Bcrypt(queue);
  stops.push(() => opened.stop());
  return opened;
}

describe("the thread", () => {
  test("hashes and compares", async () => {
    const worker = open(10);
    const made = await worker.hash("s3cret", 5);
    expect(made).toMatch(/^\$2b\$05\$/);
    expect(await bcrypt.compare("s3cret", made)).toBe(true);
    expect([await worker.compare("s3cret", hash), await worker.compare("other", hash)]).toEqual([true, false]);
  });

  test("never compares what bcrypt would cut off", async () => {
    const long = bcrypt.hashSync("x".repeat(72), 4);
    expect(await open(10).compare("x".repeat(72), long)).toBe(true);
    expect(await open(10).compare("x".repeat(73), long)).toBe(false);
  });

  test("two at a time, so many waiting, the next is refused at once", async () => {
    const worker = open(3);
    const jobs = Array.from({ length: 6 }, () => worker.compare("s3cret", hash));
    const results = await Promise.allSettled(jobs);
    expect(results.slice(0, 5).map(({ status }) => status)).toEqual(Array(5).fill("fulfilled"));
    expect(results[5]).toMatchObject({ status: "rejected", reason: { code: "busy" } });
    expect(await worker.compare("s3cret", hash)).toBe(true);
  });

  test("stop fails what is under way and what comes later", async () => {
    const worker = open(10);
    const slow = Array.from({ length: 4 }, () => worker.compare("s3cret", unmatchableHash(12)));
    const settled = Promise.allSettled(slow);
    await worker.stop();
    for (const result of await settled) expect(result).toMatchObject({ status: "rejected", reason: { code: "busy" } });
    await expect(worker.hash("s3cret", 4)).rejects.toThrow(AccountError);
    await worker.stop();
  });

  test("a job that bcryptjs refuses fails alone", async () => {
    const worker = open(10);
    await expect(worker.compare("s3cret", "x".repeat(60))).rejects.toThrow(/^bcrypt: /);
    expect(await worker.compare("s3cret", hash)).toBe(true);
  });

  test("a process ends by itself once its answer is there, without stop", async () => {
    const module = pathToFileURL("server/accounts/bcrypt.ts").href;
    const script = `
      const { Bcrypt } = await import(${JSON.stringify(module)});
      console.log(await new Bcrypt(1).compare("s3cret", ${JSON.stringify(hash)}));`;
    const args = ["--import", "tsx", "--input-type=module", "--eval", script];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    expect(stdout.trim()).toBe("true");
  });
});

test("whyNotBcrypt and unmatchableHash", async () => {
  for (const version of ["a", "b", "y"]) expect(whyNotBcrypt(hash.replace("$2b$", `$2${version}$`))).toBeUndefined();
  expect(whyNotBcrypt(unmatchableHash(4))).toBeUndefined();
  expect(whyNotBcrypt("x")).toMatch(/not a bcrypt hash/);
  expect(whyNotBcrypt(unmatchableHash(31))).toMatch(/its cost is 31/);
  expect(await bcrypt.compare("", unmatchableHash(4))).toBe(false);
});

describe("bcryptAuthenticator", () => {
  test("serves PLAIN from a user table", async () => {
    const table = new Map([["juliet", hash]]);
    const authenticator = bcryptAuthenticator({ lookup: (localpart) => table.get(localpart), cost: 4 });
    stops.push(() => authenticator.stop());
    expect(authenticator.scram).toBeUndefined();
    expect([await authenticator.exists("juliet"), await authenticator.exists("romeo")]).toEqual([true, false]);
    expect(await authenticator.verifyPlain("juliet", "s3cret")).toBe("right");
    expect(await authenticator.verifyPlain("juliet", "other")).toBe("wrong");
    expect(await authenticator.verifyPlain("romeo", "s3cret")).toBe("wrong");
  });

  test("is busy past its queue, for unknown users too; a broken table is its owner's error", async () => {
    const authenticator = bcryptAuthenticator({ lookup: async () => undefined, cost: 4, queue: 1 });
    const broken = bcryptAuthenticator({ lookup: () => Promise.reject(new Error("no table")) });
    stops.push(() => authenticator.stop());
    const verdicts = await Promise.all(Array.from({ length: 4 }, () => authenticator.verifyPlain("nobody", "s3cret")));
    expect(verdicts.toSorted()).toEqual(["busy", "wrong", "wrong", "wrong"]);
    await expect(broken.verifyPlain("juliet", "s3cret")).rejects.toThrow("no table");
  });
});
