// balcony serve: what it says, its signals, and how it refuses to start.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { balcony, serve, temporaryFolder } from "./program.ts";

/** A program with a server inside, on the data folder that the commands have by default. It is killed after the test. */
function startEmbedded(folder: string): ChildProcess {
  const config = {
    storage: { path: join(folder, "data") },
    c2s: { port: 0, directTlsPort: null },
    http: { port: null },
  };
  const program = `
    const { createServer } = await import("balcony");
    const server = await createServer(${JSON.stringify(config)});
    await server.start();
    console.log("started");`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", program], {
    cwd: join(import.meta.dirname, "../.."),
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await once(child, "close");
  });
  return child;
}

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

test("a second server on the same data folder is refused: it says which process, and the first goes on", async () => {
  const folder = await temporaryFolder();
  const { pid } = await serve({ folder });
  expect(await balcony({ folder }, "serve")).toEqual({
    code: 1,
    stdout: "",
    stderr: `balcony: another Balcony runs on this data folder (process ${pid}): ${join(folder, "data")}; stop it first, or set another storage.path\n`,
  });
  expect((await balcony({ folder, input: "secret\n" }, "user", "add", "juliet")).code).toBe(0);
});

test("of several that start at once, one serves", async () => {
  const folder = await temporaryFolder();
  await balcony({ folder }, "user", "list"); // the folder and its database are there already
  const started = await Promise.allSettled(Array.from({ length: 3 }, () => serve({ folder })));
  const failures = started.flatMap((one) => (one.status === "rejected" ? [String(one.reason)] : []));
  expect(failures).toHaveLength(2);
  for (const failure of failures) expect(failure).toMatch(/another Balcony runs on this data folder/);
  expect((await balcony({ folder, input: "secret\n" }, "user", "add", "juliet")).code).toBe(0);
});

test("commands beside an embedded server, which has no control socket, say so", async () => {
  const folder = await temporaryFolder();
  const embedded = startEmbedded(folder);
  await once(embedded.stdout as NodeJS.ReadableStream, "data");
  const { code, stderr } = await balcony({ folder }, "user", "list");
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: `balcony: process ${embedded.pid} runs a server on ${join(folder, "data")} that takes no commands: it was embedded; use its admin calls, or stop it first\n`,
  });
  expect((await balcony({ folder }, "serve")).stderr).toMatch(`(process ${embedded.pid})`);
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
