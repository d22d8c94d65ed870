// The README's embedding example, run as it stands there: it must end by itself, so no timer or handle is left.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { startServer } from "./support/server.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

it("the README's embedding example runs and ends", () => {
  const readme = readFileSync(`${root}/README.md`, "utf8");
  const example = /```ts\n([\s\S]*?)```/.exec(readme)?.[1] as string;
  expect(example.trim().split("\n").length).toBeLessThanOrEqual(10);
  const run = spawnSync(process.execPath, ["--input-type=module", "--eval", example], {
    cwd: root,
    encoding: "utf8",
    timeout: 15_000,
  });
  expect(run.stderr).toBe("");
  expect(run.status).toBe(0);
  expect(run.stdout).toMatch(/STARTTLS on port \d+/);
});

it("a listener that throws costs nobody a session, and is logged", async () => {
  const events: string[] = [];
  const logger = { debug() {}, info() {}, warn() {}, error: (_: unknown, event: string) => void events.push(event) };
  const server = await startServer({}, { logger });
  server.on("session", () => {
    throw new Error("the embedder's mistake");
  });
  const juliet = await server.online("juliet");
  await juliet.expectNothing();
  expect(events).toEqual(["listener-failed"]);
});
