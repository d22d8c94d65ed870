// Rule lists: what a specification asks, in our own words, as data in docs/rules. Each list becomes a page of docs.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export type Rule = {
  readonly id: string;
  /** The word of the source (RFC 2119), or DEF. */
  readonly level: string;
  readonly direction?: string;
  readonly rule: string;
  /** Where it lives: "folder/file.ts#exportedName". */
  readonly code?: readonly string[];
  /** Tests that show it, beside those that name its id: "protocol/file.test.ts#words of a title in it". */
  readonly shownBy?: readonly string[];
  /** Why no test shows it. */
  readonly notApplicable?: string;
  /** Why Balcony does not do it, or no test shows that it does. */
  readonly notDone?: string;
};

export type RuleList = {
  readonly title: string;
  readonly intro: readonly string[];
  readonly sections: readonly { readonly title: string; readonly note?: string; readonly rules: readonly Rule[] }[];
  readonly judgements?: readonly { readonly id: string; readonly question: string; readonly choice: string }[];
};

/** Every list with the page made of it; paths from the root of the project. */
export const LISTS = [
  { rules: "docs/rules/rfc3922.json", page: "docs/rfc3922.md" },
  { rules: "docs/rules/xmpp.json", page: "docs/conformance.md" },
] as const;

export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

export function readText(path: string): string {
  return readFileSync(ROOT + path, "utf8");
}

export function loadRules(path: string): RuleList {
  return JSON.parse(readText(path)) as RuleList;
}

export function rulesOf({ sections }: RuleList): Rule[] {
  return sections.flatMap(({ rules }) => rules);
}
