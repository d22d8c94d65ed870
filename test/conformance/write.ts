// npm run conformance: writes the pages of docs that are made of rule lists and tests.

import { writeFileSync } from "node:fs";
import { collectEvidence } from "./evidence.ts";
import { pageOf } from "./page.ts";
import { LISTS, loadRules, ROOT } from "./rules.ts";

const evidence = collectEvidence(LISTS.map(({ rules }) => loadRules(rules)));
for (const { rules, page } of LISTS) {
  writeFileSync(ROOT + page, pageOf(loadRules(rules), evidence, rules));
  process.stdout.write(`${page} written\n`);
}
