// The list of npm run compliance is whole: every row that XEP-0479 asks of servers, and every document that is implemented.

import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { OTHERS } from "../compliance/others.ts";
import { pageOf, saysTheSame } from "../compliance/page.ts";
import { CATEGORIES, partsOf, type Result } from "../compliance/run.ts";
import { isAsked, ROWS, type Row } from "../compliance/suite.ts";

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");

describe("XEP-0479 section 2: the tables", () => {
  it.each(ROWS.filter(isAsked))("$category, $feature: each document has scenes or a reason", (row) => {
    for (const document of row.providers) expect(partsOf(row, document), document).not.toEqual([]);
  });

  it("every row is there once: 7 of Core, 2 of Web, 18 of IM, 3 of Mobile, 5 of A/V Calling", () => {
    const count = (category: string): number => ROWS.filter((row) => row.category === category).length;
    expect(["Core", "Web", "IM", "Mobile", "A/V Calling"].map(count)).toEqual([7, 2, 18, 3, 5]);
    expect(new Set(ROWS.map(({ category, feature }) => `${category}: ${feature}`)).size).toBe(ROWS.length);
  });

  it("nothing is tried under a name that the tables do not have", () => {
    for (const [category, features] of Object.entries(CATEGORIES)) {
      for (const [feature, documents] of Object.entries(features)) {
        const row = ROWS.find((each) => each.category === category && each.feature === feature);
        expect(row?.providers, `${category}: ${feature}`).toEqual(expect.arrayContaining(Object.keys(documents)));
      }
    }
  });

  it("only links between servers, and BOSH, are asked for and not offered", () => {
    const missing = ROWS.filter(isAsked).flatMap((row) =>
      row.providers.filter((document) => partsOf(row, document).some((part) => "notOffered" in part)),
    );
    expect(missing).toEqual(["RFC 6120", "RFC 7590", "XEP-0206"]);
  });
});

describe("besides the suites", () => {
  const tried = [
    ...ROWS.flatMap(({ providers }) => providers),
    ...OTHERS.flatMap(({ document }) => document.split(", ")),
  ];

  it("each document that a module names has a scene", () => {
    const sources = readdirSync(new URL("../../server/modules", import.meta.url)).map((name) =>
      read(`server/modules/${name}`),
    );
    const named = sources.flatMap((source) => [...source.matchAll(/spec: "(XEP-\d{4})/g)].map((match) => match[1]));
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter((document) => !tried.includes(`${document}`))).toEqual([]);
  });

  it("and each that the README lists", () => {
    const list = /XEP-0012.*?\. /s.exec(read("README.md"))?.[0].match(/\b\d{4}\b/g) ?? [];
    expect(list.length).toBeGreaterThan(20);
    expect(list.filter((number) => !tried.includes(`XEP-${number}`))).toEqual([]);
  });
});

describe("the page", () => {
  const row = ROWS[0] as Row;
  const result = (outcome: Result["outcome"]): Result => ({ row, feature: "f", document: "RFC 1", what: "w", outcome });
  const page = (outcome: Result["outcome"], date = "2000-01-01"): string =>
    pageOf([result(outcome)], { date, software: "s", node: "20", isOurs: true });

  it("counts and tells what failed", () => {
    const failed = page({ kind: "fail", error: "a|b" });
    expect(failed).toContain("| all | 0 | 1 | 0 |");
    expect(failed).toContain("**fail**: a\\|b");
  });

  it("of another day says the same; with another result it does not", () => {
    const passed = page({ kind: "pass" });
    expect(saysTheSame(passed, page({ kind: "pass" }, "2001-01-01"))).toBe(true);
    expect(saysTheSame(passed, page({ kind: "fail", error: "x" }))).toBe(false);
  });
});
