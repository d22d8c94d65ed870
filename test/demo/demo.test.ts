// The demo is a test, too: xmpp.js over TLS, HTTP calls, and the real program killed in between.

import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

it("npm run demo: every step happens", { timeout: 60_000 }, async () => {
  const demo = spawn(process.execPath, ["--import", "tsx", "test/demo/demo.ts"], { cwd: root });
  let output = "";
  demo.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString();
  });
  demo.stderr.on("data", (chunk: Buffer) => {
    output += chunk.toString();
  });
  const code = await new Promise((resolve) => demo.on("exit", resolve));
  expect(code, output).toBe(0);
  expect(output).toContain("11 steps, each seen to happen");
});
