// user, token and presentity: with a server that runs on the data folder, and without one.

import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { ScriptedClient } from "../support/client.ts";
import { balcony, serve, temporaryFolder } from "./program.ts";

const HASH = "$2b$04$abcdefghijklmnopqrstuuD1m0y2tUJHUBIDZ4LTADNIE7Sq7mYUW";

describe.each(["while no server runs", "while the server runs"])("%s", (when) => {
  async function folderOf(): Promise<string> {
    const folder = await temporaryFolder();
    if (when === "while the server runs") await serve({ folder });
    return folder;
  }

  test("accounts are added, listed, changed and deleted", async () => {
    const folder = await folderOf();
    expect(await balcony({ folder, input: "secret\n" }, "user", "add", "Juliet")).toEqual({
      code: 0,
      stdout: "",
      stderr: "Created juliet@localhost.\n",
    });
    expect((await balcony({ folder, input: "secret" }, "user", "add", "nurse@localhost")).code).toBe(0);
    expect(await balcony({ folder }, "user", "list")).toEqual({
      code: 0,
      stdout: "juliet@localhost\nnurse@localhost\n",
      stderr: "",
    });
    expect(await balcony({ folder, input: "other\n" }, "user", "add", "juliet")).toEqual({
      code: 1,
      stdout: "",
      stderr: "balcony: juliet@localhost exists already\n",
    });
    expect((await balcony({ folder, input: "other\n" }, "user", "passwd", "juliet")).stderr).toBe(
      "juliet@localhost has a new password.\n",
    );
    expect((await balcony({ folder }, "user", "delete", "nurse")).stderr).toBe("Deleted nurse@localhost.\n");
    expect(await balcony({ folder }, "user", "delete", "nurse")).toMatchObject({ code: 1, stdout: "" });
    expect((await balcony({ folder }, "user", "list")).stdout).toBe("juliet@localhost\n");
  });

  test("a token is printed once, and only its hash is stored", async () => {
    const folder = await folderOf();
    const added = await balcony({ folder }, "token", "add", "domain:example.net");
    expect(added.code).toBe(0);
    const token = added.stdout.trimEnd();
    expect(token).toMatch(/^\S{32,}$/);
    const listed = await balcony({ folder }, "token", "list");
    const [id, scope] = listed.stdout.trimEnd().split(/ +/);
    expect(scope).toBe("domain:example.net");
    expect(listed.stdout + listed.stderr).not.toContain(token);

    const db = new Database(join(folder, "data/balcony.sqlite"));
    const dump = db.serialize().toString("latin1");
    db.close();
    expect(dump).not.toContain(token);
    expect(dump).toContain(createHash("sha256").update(token).digest("hex"));

    expect((await balcony({ folder }, "token", "revoke", id as string)).code).toBe(0);
    expect(await balcony({ folder }, "token", "list")).toMatchObject({
      stdout: "",
      stderr: "There are no tokens yet.\n",
    });
    expect(await balcony({ folder }, "token", "revoke", id as string)).toMatchObject({ code: 1 });
  });

  test("presentities are added, changed, listed and deleted", async () => {
    const folder = await folderOf();
    const add = ["presentity", "add", "romeo@example.net"];
    expect((await balcony({ folder }, ...add, "--name", "R\u001b[31m")).stderr).toBe(
      "balcony: the name: a name holds no control characters\n",
    );
    expect((await balcony({ folder }, ...add, "--name", "Romeo Montague", "--policy", "allow")).stderr).toBe(
      "Created romeo@example.net.\n",
    );
    expect((await balcony({ folder }, ...add, "--allow-from", "example.org,EXAMPLE.com", "a@example.net")).stderr).toBe(
      "Changed romeo@example.net.\n",
    );
    const { stdout } = await balcony({ folder }, "presentity", "list", "--domain", "example.net");
    expect(stdout).toBe("romeo@example.net  allow  example.org,example.com,a@example.net  Romeo Montague\n");
    expect((await balcony({ folder }, "presentity", "delete", "romeo@example.net")).code).toBe(0);
    expect((await balcony({ folder }, "presentity", "list")).stdout).toBe("");
    expect(await balcony({ folder }, "presentity", "add", "romeo@example.com")).toMatchObject({ code: 1, stdout: "" });
  });

  test("bcrypt hashes are imported line by line; doctor counts them", async () => {
    const folder = await folderOf();
    await writeFile(join(folder, "users"), `# old application\nromeo:${HASH}\n\nno hash\ntybalt:$1$x\nromeo:${HASH}\n`);
    const { code, stderr } = await balcony({ folder }, "user", "import", "users");
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^line 4: this is not NAME:HASH\nline 5: .+\nline 6: romeo@localhost exists already\n1 imported\.\nbalcony: 3 of 4 lines were not taken/,
    );
    expect((await balcony({ folder, input: `juliet:${HASH}` }, "user", "import")).stderr).toBe("1 imported.\n");
    const doctor = await balcony({ folder }, "doctor");
    expect(doctor.stdout).toMatch(/^warn {2}accounts: 2 have a bcrypt hash only/m);
    expect(doctor.code).toBe(0);
  });
});

test.each(["while no server runs", "while the server runs"])(
  "audit, %s: what was changed, newest first",
  async (when) => {
    const folder = await temporaryFolder();
    if (when === "while the server runs") await serve({ folder });
    expect(await balcony({ folder }, "audit")).toEqual({ code: 0, stdout: "", stderr: "Nothing is on record yet.\n" });
    for (const [input, ...args] of [
      ["secret\n", "user", "add", "juliet"],
      ["other\n", "user", "passwd", "juliet"],
      ["", "token", "add", "domain:example.net"],
      ["", "presentity", "add", "romeo@example.net"],
      ["", "presentity", "delete", "romeo@example.net"],
      ["", "user", "delete", "juliet"],
    ] as [string, ...string[]][]) {
      expect((await balcony({ folder, input }, ...args)).code).toBe(0);
    }
    const { stdout } = await balcony({ folder }, "audit");
    expect(stdout.trimEnd().split("\n")).toEqual(
      [
        /^\d{4}-\d\d-\d\dT\S+Z {2}user-deleted +juliet@localhost +-$/,
        / presentity-deleted +romeo@example\.net +-$/,
        / token-added +- +- +[0-9a-f]{12} domain:example\.net$/,
        / password-changed +juliet@localhost +-$/,
        / user-added +juliet@localhost +-$/,
      ].map((line) => expect.stringMatching(line)),
    );
    expect((await balcony({ folder }, "audit", "--limit", "2")).stdout.trimEnd().split("\n")).toHaveLength(2);
    expect(await balcony({ folder }, "audit", "--limit", "0")).toEqual({
      code: 1,
      stdout: "",
      stderr: "balcony: the limit is a whole number from 1 to 10000\n",
    });
  },
);

test("a deleted user's session ends at once: the command acts through the server", async () => {
  const folder = await temporaryFolder();
  const server = await serve({ folder });
  await balcony({ folder, input: "secret\n" }, "user", "add", "juliet");
  const juliet = await ScriptedClient.login({
    port: server.port(/127\.0\.0\.1, port/),
    domain: "localhost",
    user: "juliet",
    password: "secret",
  });
  expect((await balcony({ folder }, "user", "delete", "juliet")).code).toBe(0);
  await juliet.expect("<error xmlns='http://etherx.jabber.org/streams'>{any}</error>");
});

test.each([
  ["user", "add", "juliet", "secret"],
  ["user", "add", "juliet", "--password", "secret"],
  ["user", "passwd", "juliet", "--password=secret"],
  ["user", "passwd", "juliet", "-p", "secret"],
])("a password on the command line is refused: %s %s %s %s", async (...args) => {
  const folder = await temporaryFolder();
  const { code, stdout, stderr } = await balcony({ folder, input: "secret\n" }, ...args);
  expect({ code, stdout }).toEqual({ code: 64, stdout: "" });
  expect(stderr).toMatch(/^balcony: no password is taken from the command line, .+\n$/);
  expect((await balcony({ folder }, "user", "list")).stdout).toBe("");
});

test.each([
  ["", "no password came on standard input"],
  ["\nsecret\n", "the password is empty"],
  ["x".repeat(5000), "over 4096 bytes"],
])("a bad password on standard input (%#) is refused", async (input, message) => {
  const { code, stderr } = await balcony({ folder: await temporaryFolder(), input }, "user", "add", "juliet");
  expect(code).toBe(1);
  expect(stderr).toContain(message);
});

test("nothing can be administered where nothing is kept", async () => {
  const folder = await temporaryFolder();
  const env = { BALCONY_STORAGE_PATH: ":memory:" };
  expect(await balcony({ folder, env }, "user", "list")).toEqual({
    code: 1,
    stdout: "",
    stderr: "balcony: storage.path is :memory:, so nothing would be kept; set it to a folder\n",
  });
});
