// docs/security.md stays true: the tests that it names are there, and the dependencies are those of package.json.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import packageJson from "../../package.json" with { type: "json" };

const root = join(import.meta.dirname, "../..");
const security = readFileSync(join(root, "docs/security.md"), "utf8");

test("every file that docs/security.md names exists", () => {
  const named = [...security.matchAll(/`((?:test|server|storage|docs)\/[\w./-]+\.\w+)`/g)].map(([, path = ""]) => path);
  expect(named.length).toBeGreaterThan(20);
  expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([]);
});

test("its table has each runtime dependency, with the version and licence that is used", () => {
  const rows = [...security.matchAll(/^\| (\S+) \| (\d\S*) \| .+ \| (\S+) \| \d{4}-\d\d \|$/gm)];
  expect(Object.fromEntries(rows.map(([, name, version]) => [name, version]))).toEqual(packageJson.dependencies);
  for (const [, name = "", , licence] of rows) {
    const own = JSON.parse(readFileSync(join(root, "node_modules", name, "package.json"), "utf8"));
    expect([name, own.license]).toEqual([name, licence]);
  }
});

test("the README has each of them with its reason", () => {
  const readme = readFileSync(join(root, "README.md"), "utf8");
  const named = [...readme.matchAll(/^\| ([^|]+) \| [^|]+ \|$/gm)].flatMap(([, names = ""]) => names.split(", "));
  const missing = Object.keys(packageJson.dependencies).filter(
    (name) => !named.includes(name) && !name.startsWith("@types/"),
  );
  expect(missing).toEqual([]);
});
