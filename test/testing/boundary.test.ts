// The kit is beside the server: nothing of the server loads it, and it needs no test framework.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import packageJson from "../../package.json" with { type: "json" };

const root = join(import.meta.dirname, "../..");

function imports(folder: string): { file: string; from: string }[] {
  const names = readdirSync(join(root, folder), { recursive: true, encoding: "utf8" });
  return names
    .filter((name) => name.endsWith(".ts"))
    .flatMap((name) => {
      const text = readFileSync(join(root, folder, name), "utf8");
      return [...text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)].map(([, from = ""]) => ({ file: name, from }));
    });
}

it("no file of the server, the gateway or the store imports it", () => {
  const all = ["server", "gateway", "storage"].flatMap(imports);
  const others = all.filter(({ file }) => !file.startsWith("testing/"));
  expect(others.length).toBeGreaterThan(500);
  expect(others.filter(({ from }) => from.includes("testing/"))).toEqual([]);
});

it("it imports the server, Node and what the server itself is built on", () => {
  const own = imports("server/testing").map(({ from }) => from);
  const known = [...Object.keys(packageJson.dependencies), "node:"];
  expect(own.length).toBeGreaterThan(30);
  expect(own.filter((from) => !from.startsWith(".") && !known.some((name) => from.startsWith(name)))).toEqual([]);
});
