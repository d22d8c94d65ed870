// A rule list and its evidence as a page of docs, in Markdown.

import type { Evidence } from "./evidence.ts";
import { type Rule, type RuleList, rulesOf } from "./rules.ts";

const TITLES_PER_FILE = 3;
const TITLE_LENGTH = 100;

/** @param source the path of the list, as the page tells it */
export function pageOf(list: RuleList, evidence: ReadonlyMap<string, readonly Evidence[]>, source: string): string {
  const lines = [
    `# ${list.title}`,
    "",
    `<!-- Generated from ${source} and the tests by \`npm run conformance\`. -->`,
    "",
  ];
  for (const paragraph of list.intro) lines.push(paragraph, "");
  lines.push(...summary(rulesOf(list)), "");
  for (const { title, note, rules } of list.sections) {
    lines.push(`## ${title}`, "");
    if (note !== undefined) lines.push(note, "");
    lines.push(...ruleTable(rules, evidence), "");
  }
  if (list.judgements !== undefined) {
    lines.push("## Judgement calls", "", "Where the sources leave a choice, or disagree.", "");
    lines.push("| | question | choice |", "|---|---|---|");
    for (const { id, question, choice } of list.judgements) lines.push(row([id, question, choice]));
    lines.push("");
  }
  return lines.join("\n");
}

// How many of each level, and how many of them a test shows.
function summary(rules: readonly Rule[]): string[] {
  const levels = [...new Set(rules.map(({ level }) => level))];
  const withNotDone = rules.some(({ notDone }) => notDone !== undefined);
  const count = (name: string, some: readonly Rule[]): string => {
    const without = some.filter(({ notApplicable }) => notApplicable !== undefined).length;
    const notDone = some.filter((rule) => rule.notDone !== undefined).length;
    const cells = [name, `${some.length}`, `${some.length - without - notDone}`, `${without}`];
    return row(withNotDone ? [...cells, `${notDone}`] : cells);
  };
  return [
    `| level | rules | shown by tests | do not apply |${withNotDone ? " not done, or not shown |" : ""}`,
    `|---|---:|---:|---:|${withNotDone ? "---:|" : ""}`,
    ...levels.map((level) =>
      count(
        level,
        rules.filter((rule) => rule.level === level),
      ),
    ),
    count("all", rules),
  ];
}

function ruleTable(rules: readonly Rule[], evidence: ReadonlyMap<string, readonly Evidence[]>): string[] {
  const hasDirection = rules.some(({ direction }) => direction !== undefined);
  const hasCode = rules.some(({ code }) => code !== undefined);
  const columns = ["rule", "level", ...(hasDirection ? ["direction"] : []), "what it says"];
  columns.push(...(hasCode ? ["lives in"] : []), "shown by");
  return [
    row(columns),
    row(columns.map(() => "---")),
    ...rules.map((rule) =>
      row([
        rule.id,
        rule.level,
        ...(hasDirection ? [rule.direction ?? ""] : []),
        rule.rule,
        ...(hasCode ? [(rule.code ?? []).map(codeLink).join(", ")] : []),
        rule.notApplicable !== undefined
          ? `does not apply: ${rule.notApplicable}`
          : rule.notDone !== undefined
            ? `not done, or not shown: ${rule.notDone}`
            : shownBy(evidence.get(rule.id) ?? []),
      ]),
    ),
  ];
}

function codeLink(location: string): string {
  const [file = "", name = ""] = location.split("#");
  return `[${name}](../${file})`;
}

// The first few titles of each file.
function shownBy(evidence: readonly Evidence[]): string {
  const byFile = new Map<string, string[]>();
  for (const { file, title } of evidence) byFile.set(file, [...(byFile.get(file) ?? []), title]);
  return [...byFile]
    .map(([file, titles]) => {
      const distinct = [...new Set(titles)];
      const some = distinct.slice(0, TITLES_PER_FILE).map(shorten).join("; ");
      const more = distinct.length - TITLES_PER_FILE;
      return `[${file.split("/").at(-1)}](../${file}): ${some}${more > 0 ? `; and ${more} more` : ""}`;
    })
    .join("<br>");
}

function shorten(title: string): string {
  const chars = [...title];
  return chars.length <= TITLE_LENGTH
    ? title
    : `${chars
        .slice(0, TITLE_LENGTH - 1)
        .join("")
        .trimEnd()}…`;
}

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll("\n", " ").replace(/(?<!\\)\|/g, "\\|")).join(" | ")} |`;
}
