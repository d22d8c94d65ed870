// Makes the program of a few files (`npm run build`): dist/server/main.js, with the rest in dist/program/. To find, compile and
// link some hundred modules was most of a start. What a start does not need lies in pieces of its own, behind the dynamic
// imports of the sources. The library (server/index.ts) is left as tsc makes it.

import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type BuildOptions, build, type Metafile, type Plugin } from "esbuild";

const ROOT = join(import.meta.dirname, "..");
const PROGRAM = join(ROOT, "dist/program");

/** Left outside, as it is native. With `import` Node would read all its files twice, first for the names that they export. */
const required: Plugin = {
  name: "required",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^better-sqlite3$/ }, ({ path, namespace }) =>
      namespace === "required" ? { path, external: true } : { path, namespace: "required" },
    );
    onLoad({ filter: /.*/, namespace: "required" }, ({ path }) => ({
      contents: `module.exports = require("${path}");`,
      resolveDir: ROOT,
    }));
  },
};

/** Not minified, so that a stack trace can be read; identifiers and the names of the sources stay. */
const OPTIONS = {
  absWorkingDir: ROOT,
  entryPoints: ["server/main.ts"],
  outbase: ".",
  outdir: "dist",
  chunkNames: "program/[name]-[hash]",
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node20.19",
  plugins: [required],
  // CommonJS packages ask for Node's own modules with it.
  banner: {
    js: 'import * as nodeModule from "node:module";\nconst require = nodeModule.createRequire(import.meta.url);',
  },
  metafile: true,
  logLevel: "warning",
} as const satisfies BuildOptions;

/** The terms of every package that is in the program: they ask to be kept with a copy. */
async function licences({ outputs }: Metafile): Promise<string> {
  const folders = new Set<string>();
  for (const { inputs } of Object.values(outputs)) {
    for (const path of Object.keys(inputs)) {
      const folder = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0];
      if (folder !== undefined) folders.add(folder);
    }
  }
  return (await Promise.all([...folders].sort().map(licence))).join("\n\n");
}

async function licence(folder: string): Promise<string> {
  const whole = join(ROOT, folder);
  const { name, version, license } = JSON.parse(await readFile(join(whole, "package.json"), "utf8"));
  const files = (await readdir(whole)).filter((file) => /^licen[cs]e/i.test(file));
  const texts = await Promise.all(files.map((file) => readFile(join(whole, file), "utf8")));
  return [`${name} ${version}: ${license}`, ...texts].join("\n\n");
}

await rm(PROGRAM, { recursive: true, force: true });
await mkdir(PROGRAM, { recursive: true });
const { metafile } = await build(OPTIONS);
await writeFile(join(PROGRAM, "LICENCES.txt"), await licences(metafile));
