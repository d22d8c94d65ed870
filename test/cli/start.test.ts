// What a start of the built program loads: few files, and nothing that a start does not need. Each costs time at every start.

import { readFile } from "node:fs/promises";
import { basename, join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { serve, temporaryFolder } from "./program.ts";

const ROOT = join(import.meta.dirname, "../..");
const LOADED_FILES = pathToFileURL(join(import.meta.dirname, "../support/loaded-files.mjs")).href;

type Loaded = {
  /** Relative to the project. */
  readonly files: readonly string[];
  /** The sources that those of dist/program/ and dist/server/main.js were made of. */
  readonly sources: readonly string[];
};

/** Runs `balcony serve` in a folder, and ends it when it has started. */
async function startIn(folder: string, env: Readonly<Record<string, string>>): Promise<Loaded> {
  const list = join(folder, "loaded");
  const server = await serve({
    folder,
    env: { ...env, NODE_OPTIONS: `--import=${LOADED_FILES}`, LOADED_FILES: list },
  });
  server.signal("SIGTERM");
  expect(await server.ended).toBe(0);
  const loaded = (await readFile(list, "utf8")).split("\n").map((file) => relative(ROOT, file));
  const files = loaded.filter((file) => file.startsWith("dist/") || file.includes("node_modules/"));
  const texts = await Promise.all(files.filter(isBundled).map((file) => readFile(join(ROOT, file), "utf8")));
  // The bundler names each source above what came of it.
  const sources = texts.flatMap((text) =>
    [...text.matchAll(/^ *\/\/ ([\w@./-]+\.(?:ts|c?js|mjs))$/gm)].map(([, name]) => name ?? ""),
  );
  return { files, sources };
}

function isBundled(file: string): boolean {
  return file === "dist/server/main.js" || file.startsWith("dist/program/");
}

function packages(paths: readonly string[]): string[] {
  const names = paths.map((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]);
  return [...new Set(names.filter((name) => name !== undefined))].sort();
}

const NATIVE = ["better-sqlite3", "bindings", "file-uri-to-path"];

test("without HTTP: at most 45 files, and none of HTTP, of certificate making or of SASLprep", async () => {
  const folder = await temporaryFolder();
  const off = { BALCONY_HTTP_PORT: "null" };
  const first = await startIn(folder, off);
  expect(packages(first.files)).toContain("@peculiar/x509"); // what it loads to make a certificate is seen
  const { files, sources } = await startIn(folder, off);
  expect(files.filter(isBundled)).toContain("dist/server/main.js");
  expect(files.length).toBeLessThanOrEqual(45);
  expect(packages(files)).toEqual(NATIVE); // nothing that could be in the program is beside it
  expect(sources).toContain("server/compose.ts");
  expect(sources).not.toContain("server/http/listener.ts");
  const forHttp = ["fastify", "@fastify/swagger", "fastify-type-provider-zod", "ajv", "ws"];
  for (const name of [...forHttp, "@peculiar/x509", "@mongodb-js/saslprep"]) {
    expect(packages(sources)).not.toContain(name);
  }
  // zod's messages in every language, which `import { z }` brings
  const languages = sources.filter((source) => source.includes("zod/v4/locales/"));
  expect(languages.map((source) => basename(source))).toEqual(["en.js"]);
});

test("with HTTP: at most 50 files, all packages but the native one among them", async () => {
  const folder = await temporaryFolder();
  await startIn(folder, {}); // makes the certificate
  const { files, sources } = await startIn(folder, {});
  expect(files.length).toBeLessThanOrEqual(50);
  expect(packages(files)).toEqual(NATIVE);
  expect(packages(sources)).toEqual(expect.arrayContaining(["fastify", "ws"]));
});
