// Every rule of docs/rules has a test that names it, or a reason why it does not apply; the pages say what the tests say.

import { describe, expect, it } from "vitest";
import { collectEvidence } from "./evidence.ts";
import { pageOf } from "./page.ts";
import { LISTS, loadRules, type Rule, readText, rulesOf } from "./rules.ts";

const lists = LISTS.map(({ rules, page }) => ({ rules, page, list: loadRules(rules) }));
const evidence = collectEvidence(lists.map(({ list }) => list));
const prefixOf = (id: string): string => id.split("-", 1)[0] ?? "";

describe.each(lists)("$rules", ({ rules: source, page, list }) => {
  const rules = rulesOf(list);

  it("each id is there once", () => {
    const ids = rules.map(({ id }) => id);
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
  });

  it("each rule has a test, or else a reason", () => {
    const reasonOf = ({ notApplicable, notDone }: Rule): string | undefined => notApplicable ?? notDone;
    const wrong = rules.filter((rule) => evidence.has(rule.id) === (reasonOf(rule) !== undefined));
    expect(wrong.map((rule) => `${rule.id}: ${reasonOf(rule) === undefined ? "no test" : "both"}`)).toEqual([]);
  });

  it("no test names a rule that is not there", () => {
    const known = new Set(rules.map(({ id }) => id));
    const prefixes = new Set([...known].map(prefixOf));
    expect([...evidence.keys()].filter((id) => prefixes.has(prefixOf(id)) && !known.has(id))).toEqual([]);
  });

  it("each rule lives where the list says", () => {
    const withCode = rules.some(({ code }) => code !== undefined);
    for (const { id, code, notApplicable, notDone } of rules) {
      if (withCode && (notApplicable ?? notDone) === undefined) expect(code?.length, id).toBeGreaterThan(0);
      for (const location of code ?? []) {
        const [file = "", name = ""] = location.split("#");
        const exported = new RegExp(`^export (?:async )?(?:function|class|const|type|interface) ${name}\\b`, "m");
        expect(readText(file), `${id}: ${location}`).toMatch(exported);
      }
    }
  });

  it(`${page} is up to date (npm run conformance writes it)`, () => {
    expect(readText(page)).toBe(pageOf(list, evidence, source));
  });
});
