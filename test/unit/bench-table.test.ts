// The table of npm run bench: who is the best peer, what reached its target, and what must not pass for a result.

import { expect, test } from "vitest";
import type { Outcome } from "../bench/rows.ts";
import { fill, type Measured, type Measurements, median, pairedRatio, tables } from "../bench/table.ts";

const STEP = "msg plain 100 pairs";
const NAME = "1:1 message, plain";
const did = (...outcomes: readonly Outcome[]): Measured => ({ runs: { [STEP]: outcomes }, failed: {} });
const cost = (...figures: readonly number[]): Measured =>
  did(...figures.map((cpu_us_per_op) => ({ cpu_us_per_op, srv_cpu_pct: 99 })));

function line(measurements: Measurements) {
  const [found] = fill(measurements, ["b"], /^msg plain/);
  if (found === undefined) throw new Error("no such row");
  return found;
}

test("a ratio is the median of pairs: what slows both sides down in one repetition does not count", () => {
  expect(pairedRatio([10, 30, 12], [20, 60, 20])).toBe(0.5);
  expect(pairedRatio([10, 30], [20, 60, 20])).toBe(1); // of the medians, where they are no pairs
  expect(median([4, 1, 3, 2])).toBe(2.5);
});

test("the best peer is the cheapest, and the target is for the ratio to it", () => {
  const peers = { prosody: cost(100), "prosody-generational": cost(50), ejabberd: cost(80) };
  expect(line({ balcony: cost(20), ...peers })).toMatchObject({
    best: { peer: "prosody-generational", ratio: 0.4 },
    ratios: { prosody: 0.2, ejabberd: 0.25 },
    verdict: "ok",
  });
  expect(line({ balcony: cost(21), ...peers })).toMatchObject({ verdict: "missed" });
});

test("a server that loses messages has no result, whatever it cost", () => {
  const lossy = did({ cpu_us_per_op: 1, lost: 3 });
  expect(line({ balcony: lossy, prosody: cost(100) })).toMatchObject({ verdict: "wrong" });
  const beside = line({ balcony: cost(20), prosody: cost(100), ejabberd: lossy });
  expect(beside).toMatchObject({ best: { peer: "prosody" }, verdict: "ok" });
  expect(beside.notes).toEqual(["ejabberd: 3 lost"]);
});

test("who ended is named with the reason, and the others are compared all the same", () => {
  const ended: Measured = { runs: {}, failed: { b: "server process 7 ended (-11)" } };
  const beside = line({ balcony: cost(20), prosody: cost(100), ejabberd: ended });
  expect(beside).toMatchObject({ best: { peer: "prosody" }, verdict: "ok" });
  expect(beside.notes).toEqual(["ejabberd: server process 7 ended (-11)"]);
  expect(line({ balcony: ended, prosody: cost(100) })).toMatchObject({ verdict: "failed", best: undefined });
  expect(line({ balcony: cost(20) })).toMatchObject({ verdict: "no peer" });
});

test("a run of a busy machine says so", () => {
  const slow = did({ cpu_us_per_op: 20, srv_cpu_pct: 40 });
  expect(line({ balcony: slow, prosody: cost(100) }).notes).toEqual([expect.stringContaining("40 % of its core")]);
});

test("ratios stand first, then the figures, then what went wrong", () => {
  const lines = fill({ balcony: cost(20), prosody: cost(100), least: cost(10) }, ["b"], /^msg plain/);
  const [ratios = "", figures = ""] = tables(lines).split("\n\n");
  const cells = (table: string) =>
    table
      .split("\n")[2]
      ?.split("|")
      .map((cell) => cell.trim());
  expect(cells(ratios)).toEqual([
    "",
    NAME,
    "0.40",
    "0.20",
    "ok",
    "Prosody",
    "0.20",
    "2.0 (at most 2.0: ok)",
    "99 %",
    "",
  ]);
  expect(cells(figures)).toEqual(["", NAME, "CPU us", "20.0", "100", "10.0", ""]);
});
