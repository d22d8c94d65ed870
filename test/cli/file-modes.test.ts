// What a server leaves on the disk is its own user's alone, whatever the umask it was started with.

import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { balcony, serve, temporaryFolder } from "./program.ts";

async function modesIn(folder: string): Promise<Record<string, string>> {
  const names = (await readdir(folder)).sort();
  const modes = await Promise.all(names.map(async (name) => (await lstat(join(folder, name))).mode & 0o777));
  return Object.fromEntries(names.map((name, i) => [name, (modes[i] as number).toString(8)]));
}

test("files and sockets of the data folder: 600, the folder 700", async () => {
  const folder = await temporaryFolder();
  const data = join(folder, "data");
  const umask = process.umask(0);
  const server = await serve({ folder }).finally(() => process.umask(umask));
  expect((await balcony({ folder, input: "secret\n" }, "user", "add", "juliet")).code).toBe(0);
  expect((await lstat(data)).mode & 0o777).toBe(0o700);
  const kept = {
    "balcony.lock": "600",
    "balcony.sqlite": "600",
    "credentials.key": "600",
    "self-signed-key.pem": "600",
    "self-signed.pem": "644", // the certificate is shown to everybody who connects
  };
  expect(await modesIn(data)).toEqual({
    ...kept,
    "balcony.pid": "600",
    "balcony.sock": "600",
    "balcony.sqlite-shm": "600",
    "balcony.sqlite-wal": "600",
  });
  server.signal("SIGTERM");
  expect(await server.ended).toBe(0);
  expect(await modesIn(data)).toEqual(kept);
});
