// balcony serve: what it says, its signals, and how it refuses to start.

import { existsSync } from "node:fs";
import { mkdir, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";
import { balcony, serve, temporaryFolder } from "./program.ts";

test("the welcome names ports, fingerprint, data folder and the next commands", async () => {
  const folder = await temporaryFolder();
  const { welcome, port } = await serve({ folder });
  expect(welcome).toMatch(/^Balcony \S+ serves localhost\.$/m);
  expect(port(/127\.0\.0\.1, port/)).toBeGreaterThan(0);
  expect(welcome).toMatch(/^ +(?:[0-9A-F]{2}:){31}[0-9A-F]{2}$/m);
  expect(welcome).toContain(`Data folder  ${join(folder, "data")}`);
  const main = join(import.meta.dirname, "../../dist/server/main.js");
  expect(welcome).toContain(`node ${main} user add juliet`);
  expect(welcome).toContain(`node ${main} presentity add romeo@example.net`);
  expect(welcome).toContain(`node ${main} token add domain:example.net`);
});

test.each(["SIGTERM", "SIGINT"] as const)("%s stops it cleanly: exit 0, and its socket is gone", async (signal) => {
  const folder = await temporaryFolder();
  const server = await serve({ folder });
  const socket = join(folder, "data/balcony.sock");
  expect((await stat(socket)).mode & 0o777).toBe(0o600);
  server.signal(signal);
  expect(await server.ended).toBe(0);
  expect(existsSync(socket)).toBe(false);
});

test("SIGHUP reads the certificate again, and the server goes on", async () => {
  const folder = await temporaryFolder();
  const server = await serve({ folder });
  server.signal("SIGHUP");
  await server.logged("certificate-reloaded");
  expect((await balcony({ folder }, "user", "list")).code).toBe(0);
});

test("after kill -9 the next server takes over the socket", async () => {
  const folder = await temporaryFolder();
  const first = await serve({ folder });
  first.signal("SIGKILL");
  await first.ended;
  expect((await balcony({ folder, input: "secret\n" }, "user", "add", "juliet")).code).toBe(0);
  await serve({ folder });
  expect((await balcony({ folder }, "user", "list")).stdout).toBe("juliet@localhost\n");
});

test("a second server on the same data folder is refused", async () => {
  const folder = await temporaryFolder();
  await serve({ folder });
  const { code, stderr } = await balcony({ folder }, "serve");
  expect(code).toBe(1);
  expect(stderr).toMatch(/^balcony: another Balcony runs on this data folder/m);
});

test("port in use: one clear line, exit 1; doctor says it, too", async () => {
  const folder = await temporaryFolder();
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  const { port } = other.address() as { port: number };
  const env = { BALCONY_C2S_PORT: String(port), BALCONY_LOG_LEVEL: "silent" };
  const { code, stdout, stderr } = await balcony({ folder, env }, "serve");
  const doctor = await balcony({ folder, env }, "doctor");
  await new Promise((resolve) => other.close(resolve));
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toMatch(/^balcony: cannot listen on 127\.0\.0\.1 port \d+ \(.+\): another program has it; .+\n$/);
  expect(doctor.stdout).toMatch(/^FAIL {2}c2s\.port: 127\.0\.0\.1 port \d+: another program has it/m);
  expect(doctor.code).toBe(1);
});

test("a damaged database: one clear line, exit 1", async () => {
  const folder = await temporaryFolder();
  await mkdir(join(folder, "data"));
  await writeFile(join(folder, "data/balcony.sqlite"), "this is no database, however long it is ".repeat(100));
  const { code, stderr } = await balcony({ folder }, "serve");
  expect(code).toBe(1);
  expect(stderr).toMatch(/^balcony: \S+balcony\.sqlite: this is no SQLite database: .+\n$/);
});

test("a data folder whose place is taken by a file: one clear line, exit 1", async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, "data"), "");
  const { code, stderr } = await balcony({ folder }, "serve");
  expect(code).toBe(1);
  expect(stderr).toBe(`balcony: ${join(folder, "data")}: there is a file in its place; choose another place\n`);
});

test("a configuration file elsewhere: its folder is what its paths are relative to", async () => {
  const [folder, home] = [await temporaryFolder(), await temporaryFolder()];
  await writeFile(join(home, "config.json"), JSON.stringify({ storage: { path: "kept" } }));
  const config = ["--config", join(home, "config.json")];
  const { welcome } = await serve({ folder }, ...config);
  expect(welcome).toContain(`Data folder  ${join(home, "kept")}`);
  expect(welcome).toContain(`user add juliet --config ${join(home, "config.json")}`);
  expect((await balcony({ folder, input: "secret\n" }, "user", "add", "juliet", ...config)).code).toBe(0);
  expect(existsSync(join(folder, "data"))).toBe(false);
});
