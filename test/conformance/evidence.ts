// What shows a rule: tests that name its id in square brackets in their titles, and vectors that name it in `rules`.

import { readdirSync } from "node:fs";
import { ROOT, readText } from "./rules.ts";

/** `title` as it stands in the source, without the ids. */
export type Evidence = { readonly file: string; readonly title: string };

const ID = "[A-Z][A-Za-z0-9]*-[A-Za-z0-9.]+";
const IDS = new RegExp(`\\[(${ID}(?: ${ID})*)\\]`, "g");
const LITERAL = /(["'`])((?:\\.|(?!\1).)*)\1/g;

/** By rule id, in order of file and line. Errors: throws on a vector file that no test runs, and on a skipped test. */
export function collectEvidence(): Map<string, Evidence[]> {
  const found = new Map<string, Evidence[]>();
  const add = (id: string, evidence: Evidence): void => {
    const known = found.get(id);
    if (known === undefined) found.set(id, [evidence]);
    else known.push(evidence);
  };
  const tests = filesIn("test", ".test.ts");
  for (const file of tests) {
    for (const line of readText(file).split("\n")) {
      for (const match of line.matchAll(IDS)) {
        if (/\.(?:skip|todo|fails)\b/.test(line)) throw new Error(`${file} names ${match[0]} and does not run`);
        const title = titleAround(line, match.index);
        for (const id of (match[1] ?? "").split(" ")) add(id, { file, title });
      }
    }
  }
  const sources = tests.map(readText).join("\n");
  for (const file of filesIn("test/vectors", ".json")) {
    const { vectors = [] } = JSON.parse(readText(file)) as { vectors?: { name: string; rules?: string[] }[] };
    const run = sources.includes(`"${file.split("/").at(-1)}"`);
    for (const { name, rules = [] } of vectors) {
      if (!run && rules.length > 0) throw new Error(`no test runs ${file}`);
      for (const id of rules) add(id, { file, title: name });
    }
  }
  return found;
}

function filesIn(folder: string, ending: string): string[] {
  return readdirSync(ROOT + folder, { encoding: "utf8", recursive: true })
    .map((path) => `${folder}/${path.replaceAll("\\", "/")}`)
    .filter((path) => path.endsWith(ending) && !path.includes("node_modules"))
    .sort();
}

// The string literal that holds the ids; in a table of rows, the row.
function titleAround(line: string, at: number): string {
  const literal = [...line.matchAll(LITERAL)].find(({ index, 0: text }) => index < at && at < index + text.length);
  return (literal?.[2] ?? line)
    .replace(IDS, "")
    .replace(/\\(.)/g, "$1")
    .replace(/\s+/g, " ")
    .replace(/[ |]+$/, "")
    .trim();
}
