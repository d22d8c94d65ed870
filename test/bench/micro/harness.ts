// What one operation costs: processor time, and memory taken from the heap. Small on purpose: what is measured here is long
// enough by itself, and is compared with itself.

import { PerformanceObserver } from "node:perf_hooks";
import { setImmediate as turn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { markdown, median } from "../table.ts";

const ROUNDS = 9;
const ROUND_MS = 60;
const ALLOCATION_ROUNDS = 9;
/** So much can be taken without a collection, most of the time. */
const ALLOCATION_OPERATIONS = 256;

export type Task = {
  readonly name: string;
  /** One call, of which `operations` are counted (1 if left out). */
  run(): void | Promise<void>;
  readonly operations?: number;
  /** What is to be known of one operation besides its cost: "2 stanzas, 812 octets". */
  readonly counted?: () => string;
};

export type Figures = {
  readonly name: string;
  /** Of processor time, the median of the rounds. */
  readonly nanoseconds: number;
  /** How far apart the middle half of the rounds is, as a share of the median. */
  readonly spread: number;
  /** Of heap, the median; NaN: every try met a collection. */
  readonly bytes: number;
  readonly operations: number;
  readonly counted: string;
};

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** When collections began, in milliseconds since the process did. */
const collections: number[] = [];
new PerformanceObserver((list) => {
  for (const { startTime } of list.getEntries()) collections.push(startTime);
}).observe({ entryTypes: ["gc"] });

export async function measure(task: Task): Promise<Figures> {
  const { name, run, operations: each = 1, counted = () => "" } = task;
  let calls = 1;
  while ((await cost(run, calls)) < ROUND_MS) calls *= 2; // and so it is warm
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) rounds.push(((await cost(run, calls)) * 1e6) / (calls * each));
  rounds.sort((a, b) => a - b);
  const middle = median(rounds);
  const quarter = ROUNDS >> 2;
  const spread = ((rounds[ROUNDS - 1 - quarter] as number) - (rounds[quarter] as number)) / middle;
  const bytes = (await allocated(run, Math.max(1, Math.min(calls, Math.ceil(ALLOCATION_OPERATIONS / each))))) / each;
  return { name, nanoseconds: middle, spread, bytes, operations: calls * each * ROUNDS, counted: counted() };
}

/** Milliseconds of processor time: a busy machine does not count. */
async function cost(run: Task["run"], calls: number): Promise<number> {
  const before = process.cpuUsage();
  await repeat(run, calls);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

async function repeat(run: Task["run"], calls: number): Promise<void> {
  for (let call = 0; call < calls; call += 1) {
    const outcome = run();
    if (outcome instanceof Promise) await outcome;
  }
}

/** Of one call: what the heap has grown by, where nothing was collected meanwhile. */
async function allocated(run: Task["run"], most: number): Promise<number> {
  const tries: number[] = [];
  for (let calls = most; tries.length < ALLOCATION_ROUNDS; ) {
    collect();
    await turn();
    const from = performance.now();
    const before = process.memoryUsage().heapUsed;
    await repeat(run, calls);
    const grown = process.memoryUsage().heapUsed - before;
    const to = performance.now();
    await turn();
    await turn(); // the observer has its turn
    const disturbed = collections.some((at) => at >= from && at <= to);
    collections.length = 0;
    if (!disturbed) tries.push(grown / calls);
    else if (calls === 1) return Number.NaN;
    else calls = calls >> 1;
  }
  return median(tries);
}

/** Measures and prints. */
export async function report(title: string, tasks: readonly Task[]): Promise<void> {
  const rows: string[][] = [];
  for (const task of tasks) {
    const { name, nanoseconds, spread, bytes, operations, counted } = await measure(task);
    const heap = Number.isNaN(bytes) ? "-" : bytes.toFixed(0);
    rows.push([name, nanoseconds.toFixed(0), `${(spread * 100).toFixed(0)} %`, heap, String(operations), counted]);
  }
  process.stdout.write(`\n${markdown([[title, "ns", "spread", "heap, octets", "operations", "each"], ...rows])}`);
}
