// The command line: help, version, what it refuses, and with which words.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import { balcony, temporaryFolder } from "./program.ts";

test("--version prints the version of the package", async () => {
  const folder = await temporaryFolder();
  expect(await balcony({ folder }, "--version")).toEqual({ code: 0, stdout: `${packageJson.version}\n`, stderr: "" });
});

test.each([["--help"], ["help"]])("%s names every subcommand", async (...args) => {
  const { code, stdout } = await balcony({ folder: await temporaryFolder() }, ...args);
  expect(code).toBe(0);
  for (const name of [
    "serve",
    "user",
    "token",
    "presentity",
    "audit",
    "backup",
    "restore",
    "config",
    "doctor",
    "convert",
  ]) {
    expect(stdout).toMatch(new RegExp(`^ {2}${name} `, "m"));
  }
});

test.each([
  ["serve", /SIGHUP/],
  ["user", /balcony user import/],
  ["token", /curl/],
  ["presentity", /--allow-from/],
  ["audit", /login-failed/],
  ["backup", /while the server runs/],
  ["restore", /--force/],
  ["config", /config check --config/],
  ["doctor", /Exit code 1/],
  ["convert", /cpim -> xmpp/],
])("%s --help has %s, and help says the same", async (name, example) => {
  const folder = await temporaryFolder();
  const help = await balcony({ folder }, name, "--help");
  expect(help).toMatchObject({ code: 0, stderr: "" });
  expect(help.stdout).toMatch(example);
  expect(await balcony({ folder }, "help", name)).toEqual(help);
});

test.each([
  [["sevre"], "unknown command 'sevre'; did you mean serve?"],
  [["user", "ad"], "unknown command 'ad'; did you mean add?"],
  [["serve", "--confg", "x"], "unknown option '--confg'; did you mean --config?"],
  [["token", "add"], "missing required argument 'scope'"],
  [["user", "list", "juliet"], "too many arguments for 'list'"],
  [["audit", "--limit", "some"], "'--limit <number>' argument 'some' is invalid. It must be a whole number."],
  [["presentity", "add", "romeo@example.net", "--policy", "maybe"], "Allowed choices are confirm, allow, deny"],
])("%j is bad usage: exit 64 and one line", async (args, message) => {
  const { code, stdout, stderr } = await balcony({ folder: await temporaryFolder() }, ...args);
  expect(code).toBe(64);
  expect(stdout).toBe("");
  expect(stderr).toContain(message);
  expect(stderr.trimEnd().split("\n")).toHaveLength(1);
});

test.each([[[]], [["user"]]])("%j without a subcommand prints the help: exit 64", async (args) => {
  const { code, stderr } = await balcony({ folder: await temporaryFolder() }, ...args);
  expect(code).toBe(64);
  expect(stderr).toMatch(/^Usage: balcony/);
});

test("a bad configuration: every mistake in a line of its own, with file, path and what is allowed", async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, "config.json"), JSON.stringify({ c2s: { prot: 1 }, limits: { depth: 0 } }));
  const ended = await balcony({ folder }, "config", "check");
  expect(ended).toEqual({
    code: 1,
    stdout: "",
    stderr:
      'balcony: config.json: c2s.prot: unknown key; did you mean "port"?\n' +
      "balcony: config.json: limits.depth: must be a whole number of at least 1\n",
  });
  expect(await balcony({ folder }, "serve")).toEqual(ended);
});

test("a configuration that is no JSON: line and column", async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, "mine.json"), '{\n  "domain": "example.org",\n}\n');
  const { code, stderr } = await balcony({ folder }, "config", "check", "--config", "mine.json");
  expect(code).toBe(1);
  expect(stderr).toBe('balcony: mine.json, line 2, column 26: no comma is allowed before "}"\n');
});

test("a valid configuration, and where it is from", async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, "config.json"), "{}");
  const { code, stdout } = await balcony({ folder }, "config", "check");
  expect(code).toBe(0);
  expect(stdout).toMatch(/^The configuration is valid: config\.json, with BALCONY_C2S_PORT, /);
});

test("--verbose shows where an error comes from", async () => {
  const folder = await temporaryFolder();
  const args = ["config", "check", "--config", "none.json"];
  const message = "balcony: there is no configuration file none.json; see config.example.json\n";
  expect((await balcony({ folder }, ...args)).stderr).toBe(message);
  expect((await balcony({ folder }, ...args, "--verbose")).stderr).toMatch(
    /^balcony: there is no .*\nFailure: .*\n +at /,
  );
});
