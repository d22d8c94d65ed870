// The examples of docs/testing.md, each run as it stands there, on the built package.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const page = readFileSync(`${root}/docs/testing.md`, "utf8");
const blocks = [...page.matchAll(/```js\n([\s\S]*?)```/g)].map(([, text = ""]) => text);
const examples = blocks.filter((text) => text.includes("test("));

describe("docs/testing.md", () => {
  it("has three examples, of at most 25 lines each", () => {
    expect(examples.length).toBe(3);
    for (const example of examples) expect(example.trim().split("\n").length).toBeLessThanOrEqual(25);
  });

  it.each(examples.map((example) => [/test\("([^"]+)"/.exec(example)?.[1], example] as const))("%s", (_, example) => {
    const run = spawnSync(process.execPath, ["--input-type=module", "--eval", example], {
      cwd: root,
      encoding: "utf8",
      timeout: 15_000,
    });
    expect(run.stderr).toBe("");
    expect(run.stdout).toContain("# fail 0");
    expect(run.stdout).toContain("# pass 1");
    expect(run.status).toBe(0);
  });

  it("the first lines of it, too", () => {
    const [first = ""] = blocks;
    const script = `import { createTestServer } from "balcony/testing";\n${first}`;
    const run = spawnSync(process.execPath, ["--input-type=module", "--eval", script], { cwd: root, encoding: "utf8" });
    expect(run.stderr).toBe("");
    expect(run.status).toBe(0);
  });
});
