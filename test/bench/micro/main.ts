// npm run bench:micro [-- serializer router ...]: what the parts of the server cost by themselves, each in a process of its
// own: processor time and heap of one operation, and what it made the server do.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";

/** Those without a file in this folder are programs of their own. */
const PARTS: Readonly<Record<string, string>> = {
  parser: "../parser.ts",
  serializer: "serializer.ts",
  router: "router.ts",
  delivery: "delivery.ts",
  presence: "presence.ts",
  store: "store.ts",
  mapping: "../mapping.ts",
  storage: "../storage.ts",
};
/** Takes minutes: only where it is named. */
const LONG: ReadonlySet<string> = new Set(["storage"]);
const TSX = fileURLToPath(new URL("../../../node_modules/.bin/tsx", import.meta.url));
const SELF = fileURLToPath(import.meta.url);

/** Throws where a name is unknown. */
export async function runMicro(names: readonly string[]): Promise<void> {
  const unknown = names.filter((name) => !(name in PARTS));
  if (unknown.length > 0)
    throw new Error(`no such part: ${unknown.join(", ")}; there are ${Object.keys(PARTS).join(", ")}`);
  const chosen = names.length > 0 ? names : Object.keys(PARTS).filter((name) => !LONG.has(name));
  for (const name of chosen) {
    const file = fileURLToPath(new URL(PARTS[name] as string, import.meta.url));
    if (!existsSync(file)) {
      console.error(`${name}: there is no ${PARTS[name]}`);
      continue;
    }
    const isOwn = (PARTS[name] as string).startsWith("../");
    if (isOwn) process.stdout.write(`\n${name}\n\n`);
    const code = await run(isOwn ? [file] : [SELF, "--part", name]);
    if (code !== 0) {
      console.error(`${name} failed`);
      process.exitCode = 1;
    }
  }
}

function run(args: readonly string[]): Promise<number> {
  const child = spawn(TSX, args, { stdio: "inherit" });
  return new Promise((settle, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => settle(code ?? 1));
  });
}

async function runPart(name: string): Promise<void> {
  const part = (await import(new URL(PARTS[name] as string, import.meta.url).href)) as { run(): Promise<void> };
  await part.run();
}

if (process.argv[1] !== undefined && pathToFileURL(process.argv[1]).href === import.meta.url) {
  const [first, second, ...more] = process.argv.slice(2);
  if (first === "--part" && second !== undefined) await runPart(second);
  else await runMicro([first, second, ...more].filter((name) => name !== undefined));
}
