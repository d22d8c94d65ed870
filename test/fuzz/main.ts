// npm run fuzz -- [--seconds 60] [--seed N] [--only xmpp|http] [--case N] [--replay FILE] [--out FILE]
// Throws streams and requests at a running server until the time is over. Prints the seed, how many cases there were and
// what was found; the exit code is 1 if anything was. The first case with a finding is written to --out.

import { readFile, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { type HttpCase, httpCase } from "./http-case.ts";
import { runHttpCase } from "./http-run.ts";
import { Random } from "./random.ts";
import { END_MS, Trial } from "./trial.ts";
import { type XmppCase, xmppCase } from "./xmpp-case.ts";
import { runXmppCase } from "./xmpp-run.ts";

type Case = XmppCase | HttpCase;

const AT_ONCE = 12;
/** Cases before the memory is measured for the first time: by then caches are warm. */
const WARM_UP = 600;
const MOST_FINDINGS = 50;

const { values: options } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    seed: { type: "string" },
    only: { type: "string" },
    case: { type: "string" },
    replay: { type: "string" },
    out: { type: "string" },
  },
});
const seed = options.seed === undefined ? Date.now() % 1_000_000_000 : Number(options.seed);
let deadline = 0;
const found = new Map<string, { readonly first: string; count: number }>();
let cases = 0;

/** Of the seed and the number alone, so that `--case` makes the same one again. */
function caseOf(number: number): Case {
  const random = Random.of(seed, number);
  const kind =
    options.only ??
    random.weighted([
      [3, "xmpp"],
      [1, "http"],
    ] as const);
  return kind === "http" ? httpCase(random, number) : xmppCase(random, number);
}

function run(each: Case, trial: Trial): Promise<string[]> {
  return each.kind === "http"
    ? runHttpCase(each, trial.ports.http, trial.token)
    : runXmppCase(each, trial.ports, END_MS);
}

/** One finding of many cases is one: told apart by its words, numbers left out. */
async function tell(problem: string, each: Case | undefined, trial: Trial): Promise<void> {
  const key = problem.slice(0, 160).replace(/c\d+-\S+|h\d+-\d+|\d+/g, "N");
  const known = found.get(key);
  if (known !== undefined) {
    known.count += 1;
    return;
  }
  found.set(key, { first: problem, count: 1 });
  console.log(`FOUND ${each === undefined ? "" : `(case ${each.number}) `}${problem}`);
  if (options.out === undefined || found.size > 1) return;
  await writeFile(options.out, JSON.stringify({ seed, problem, case: each, log: trial.log.slice(-30) }, null, 1));
}

async function chosen(): Promise<Case[] | undefined> {
  if (options.replay !== undefined) return [JSON.parse(await readFile(options.replay, "utf8")).case];
  return options.case === undefined ? undefined : [caseOf(Number(options.case))];
}

async function work(trial: Trial, from: number, until: () => boolean): Promise<number> {
  let next = from;
  const worker = async (): Promise<void> => {
    while (!until() && found.size < MOST_FINDINGS) {
      const each = caseOf(next++);
      const problems = await run(each, trial).catch((error: Error) => [`no connection: ${error.message}`]);
      cases += 1;
      for (const problem of problems) await tell(problem, each, trial);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  for (const problem of await trial.findings()) await tell(problem, undefined, trial);
  return next;
}

console.log(`seed ${seed}`);
const trial = await Trial.start();
deadline = Date.now() + Number(options.seconds) * 1_000;
const single = await chosen();
if (single !== undefined) {
  for (const each of single) {
    cases += 1;
    for (const problem of await run(each, trial)) await tell(problem, each, trial);
    for (const problem of await trial.findings()) await tell(problem, each, trial);
  }
} else {
  const warm = await work(trial, 0, () => cases >= WARM_UP || Date.now() > deadline);
  await trial.rememberMemory();
  let next = warm;
  while (Date.now() < deadline && found.size < MOST_FINDINGS) {
    const slice = Math.min(deadline, Date.now() + 10_000);
    next = await work(trial, next, () => Date.now() > slice || trial.problems.length > 0);
  }
  const { summary, problems } = await trial.judgeMemory();
  for (const problem of problems) await tell(problem, undefined, trial);
  console.log(`memory: ${summary}`);
  console.log(`neighbours: ${trial.rounds} rounds, the longest ${Math.round(trial.longestRoundMs)} ms`);
}
await trial.stop();
for (const problem of await trial.problems) await tell(problem, undefined, trial);
for (const { first, count } of found.values()) if (count > 1) console.log(`${count} times: ${first.slice(0, 160)}`);
console.log(`seed ${seed}, ${cases} cases, ${found.size} findings`);
process.exitCode = found.size > 0 ? 1 : 0;
