// What shows a rule: tests that name its id in square brackets in their titles, and vectors that name it in `rules`.

import { readdirSync } from "node:fs";
import { ROOT, type RuleList, readText, rulesOf } from "./rules.ts";

/** `title` as it stands in the source, without the ids. */
export type Evidence = { readonly file: string; readonly title: string };

const ID = "[A-Z][A-Za-z0-9]*-[A-Za-z0-9.]+";
const IDS = new RegExp(`\\[(${ID}(?: ${ID})*)\\]`, "g");
const LITERAL = /(["'`])((?:\\.|(?!\1).)*)\1/g;

/**
 * By rule id, in order of file and line.
 * @param lists whose rules point to tests themselves (`shownBy`)
 * Errors: throws on a vector file that no test runs, on a skipped test, and on a rule that points to no test.
 */
export function collectEvidence(lists: readonly RuleList[]): Map<string, Evidence[]> {
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
  for (const { id, shownBy = [] } of lists.flatMap(rulesOf)) {
    for (const pointer of shownBy) add(id, pointedAt(id, pointer));
  }
  return found;
}

function pointedAt(id: string, pointer: string): Evidence {
  const [name = "", words = ""] = pointer.split("#");
  const file = `test/${name}`;
  for (const line of readText(file).split("\n")) {
    const title = [...line.matchAll(LITERAL)].map((match) => match[2] ?? "").find((text) => text.includes(words));
    if (title === undefined) continue;
    if (/\.(?:skip|todo|fails)\b/.test(line)) throw new Error(`${id}: "${title}" in ${file} does not run`);
    return { file, title: plain(title) };
  }
  throw new Error(`${id}: no test of ${file} has "${words}" in its title`);
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
  return plain(literal?.[2] ?? line);
}

function plain(title: string): string {
  return title
    .replace(IDS, "")
    .replace(/\\(.)/g, "$1")
    .replace(/\s+/g, " ")
    .replace(/[ |]+$/, "")
    .trim();
}
