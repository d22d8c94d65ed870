// npm run soak:mapping -- MINUTES: the properties of the mapping with random seeds, and any octets, up to a megabyte of them,
// against the clock. Prints the cases and the slowest conversion; exit 1 with the seed if a property fails or a conversion
// takes too long.

import { randomInt } from "node:crypto";
import fc from "fast-check";
import { convert } from "../../gateway/convert.ts";
import { longOctets, type OctetsCase, octets } from "../support/mapping-octets.ts";
import { anyOctets, PROPERTIES, type Property } from "../support/mapping-properties.ts";

const BOUND_MS = 5_000; // no input may take longer
const minutes = Number(process.argv[2] ?? "10");
if (!(minutes > 0)) {
  process.stderr.write("usage: npm run soak:mapping [-- MINUTES]\n");
  process.exit(64);
}

const cases = new Map<string, number>();
let slowest = { ms: 0, what: "none" };

function timed({ octets: input, pair: [from, to] }: OctetsCase): void {
  const before = process.hrtime.bigint();
  const { exit } = convert(from, to, input);
  const ms = Number(process.hrtime.bigint() - before) / 1e6;
  if (ms > slowest.ms) {
    const sample = input.toString("utf8", input.length >> 1, (input.length >> 1) + 24);
    slowest = { ms, what: `${from} to ${to}, ${input.length} bytes, exit ${exit}, … ${JSON.stringify(sample)} …` };
  }
  if (ms > BOUND_MS) throw new Error(`one conversion took ${Math.round(ms)} ms`);
}

const against = (name: string, arbitrary: fc.Arbitrary<OctetsCase>): Property => ({
  name,
  property: fc.property(arbitrary, timed) as unknown as fc.IProperty<never>,
});
const rounds: readonly (readonly [Property, number])[] = [
  ...[...PROPERTIES, anyOctets].map((property) => [property, 1_000] as const),
  [against("short octets in time", octets), 1_000],
  [against("long octets in time", longOctets), 20],
];

const end = Date.now() + minutes * 60_000;
while (Date.now() < end) {
  for (const [{ name, property }, numRuns] of rounds) {
    const seed = randomInt(2 ** 31);
    const result = fc.check(property, { numRuns, seed });
    cases.set(name, (cases.get(name) ?? 0) + result.numRuns);
    if (!result.failed) continue;
    process.stderr.write(
      `${name}: seed ${seed}, path ${result.counterexamplePath}\n${fc.defaultReportMessage(result)}\n`,
    );
    process.exit(1);
  }
}
for (const [name, count] of cases) process.stdout.write(`${String(count).padStart(9)}  ${name}\n`);
const all = [...cases.values()].reduce((sum, count) => sum + count, 0);
process.stdout.write(`${String(all).padStart(9)}  cases in ${minutes} minutes, none failed\n`);
process.stdout.write(`slowest conversion: ${Math.round(slowest.ms)} ms (${slowest.what})\n`);
