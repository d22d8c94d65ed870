// From the rig's results to the two tables: ratios first, then what was measured. Pure.

import { JABBERD2_WORKLOADS, PEER_KINDS } from "./peers.ts";
import { type Outcome, PEERS, type Peer, ROWS, type Row } from "./rows.ts";

export type Contender = "balcony" | Peer | "least";
export const CONTENDERS: readonly Contender[] = ["balcony", ...PEERS, "least"];

/** What one server did. */
export type Measured = {
  /** By the rig's label of the step, each repetition that succeeded. */
  readonly runs: Readonly<Record<string, readonly Outcome[]>>;
  /** By the label of a step, or the letter of a workload: why there is nothing. */
  readonly failed: Readonly<Record<string, string>>;
};

export type Measurements = Partial<Readonly<Record<Contender, Measured>>>;

/** Per cent of its core that a server has which is never kept waiting. */
const BUSY = 90;

export type Verdict = "ok" | "missed" | "wrong" | "failed" | "no peer" | "-";

/** A row, filled in. */
export type Line = {
  readonly row: Row;
  readonly figures: Partial<Readonly<Record<Contender, number>>>;
  /** Balcony's figure over the peer's, of pairs of repetitions that were done side by side. */
  readonly ratios: Partial<Readonly<Record<Peer, number>>>;
  readonly best: { readonly peer: Peer; readonly ratio: number } | undefined;
  /** Balcony's figure over the least Node server's. */
  readonly least: number | undefined;
  /** How much of its core Balcony had, in per cent. */
  readonly core: number | undefined;
  readonly verdict: Verdict;
  /** What is missing or wrong, and why. */
  readonly notes: readonly string[];
};

export const TITLES: Readonly<Record<Contender, string>> = {
  balcony: "Balcony",
  ...(Object.fromEntries(PEERS.map((peer) => [peer, PEER_KINDS[peer].title])) as Record<Peer, string>),
  least: "least Node",
};

/** The rows of the workloads that were to be done; of those, the steps that were. */
export function fill(measurements: Measurements, workloads: readonly string[], only?: RegExp): Line[] {
  return ROWS.filter(({ workload, step }) => workloads.includes(workload) && (only?.test(step) ?? true)).map((row) =>
    fillRow(row, measurements),
  );
}

function fillRow(row: Row, measurements: Measurements): Line {
  const notes: string[] = [];
  const figures: Partial<Record<Contender, number>> = {};
  const values = new Map<Contender, readonly number[]>();
  for (const contender of CONTENDERS) {
    const measured = measurements[contender];
    if (measured === undefined || !takesPart(row, contender)) continue;
    const outcomes = measured.runs[row.step] ?? [];
    const wrong = outcomes.map(faults).find((fault) => fault !== undefined);
    const read = outcomes.map(row.read).filter((value) => value !== undefined);
    const why = measured.failed[row.step] ?? measured.failed[row.workload];
    if (read.length === 0) notes.push(`${TITLES[contender]}: ${why ?? "no figure"}`);
    if (wrong !== undefined) notes.push(`${TITLES[contender]}: ${wrong}`);
    if (read.length === 0 || (wrong !== undefined && contender !== "balcony")) continue;
    values.set(contender, read);
    figures[contender] = median(read);
  }
  const own = values.get("balcony");
  const ratios: Partial<Record<Peer, number>> = {};
  for (const peer of PEERS) {
    const theirs = values.get(peer);
    if (own !== undefined && theirs !== undefined) ratios[peer] = pairedRatio(own, theirs);
  }
  const least = values.get("least");
  const best = bestOf(ratios);
  const outcomes = measurements.balcony?.runs[row.step] ?? [];
  const cores = outcomes.map(({ srv_cpu_pct }) => srv_cpu_pct).filter((share) => share !== undefined);
  const core = cores.length === 0 ? undefined : median(cores);
  if (row.saturates === true && core !== undefined && core < BUSY) {
    notes.push(
      `Balcony had ${core.toFixed(0)} % of its core: the machine was not quiet, and a ratio of such a run is rough`,
    );
  }
  return {
    row,
    figures,
    ratios,
    best,
    least: own === undefined || least === undefined ? undefined : pairedRatio(own, least),
    core,
    verdict: verdictOn(row, own, outcomes, best?.ratio),
    notes,
  };
}

function takesPart(row: Row, contender: Contender): boolean {
  if (contender === "balcony") return true;
  // It answers no archive queries, and keeps no archive to be read.
  if (contender === "least") return !row.step.startsWith("MAM read");
  if (contender === "jabberd2" && !JABBERD2_WORKLOADS.includes(row.workload)) return false;
  return row.against?.includes(contender) ?? true;
}

/** What the receivers missed or were sent wrongly. */
function faults({ lost = 0, bad = 0, fail = 0, errors = 0 }: Outcome): string | undefined {
  const found = Object.entries({ lost, bad, fail, errors }).filter(([, count]) => count !== 0);
  return found.length === 0 ? undefined : found.map(([name, count]) => `${count} ${name}`).join(", ");
}

function verdictOn(
  row: Row,
  own: readonly number[] | undefined,
  outcomes: readonly Outcome[],
  ratio: number | undefined,
): Verdict {
  if (own === undefined) return "failed";
  if (outcomes.some((outcome) => faults(outcome) !== undefined)) return "wrong";
  if (row.target === undefined) return "-";
  if (ratio === undefined) return "no peer";
  return ratio <= row.target ? "ok" : "missed";
}

/** The peer that is cheapest: Balcony's ratio to it is the greatest. */
function bestOf(ratios: Partial<Readonly<Record<Peer, number>>>): Line["best"] {
  const all = PEERS.flatMap((peer) => (ratios[peer] === undefined ? [] : [{ peer, ratio: ratios[peer] }]));
  return all.sort((one, other) => other.ratio - one.ratio)[0];
}

/** The median of the ratios of pairs; of the medians, where a repetition is missing on one side. */
export function pairedRatio(own: readonly number[], theirs: readonly number[]): number {
  if (own.length !== theirs.length) return median(own) / median(theirs);
  return median(own.map((value, at) => value / (theirs[at] as number)));
}

/** The mean of the middle two of an even number. Not of an empty list. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2;
}

// ---- as text

/** Both tables, and what is to be said of them, in Markdown that a terminal can show. */
export function tables(lines: readonly Line[]): string {
  const present = CONTENDERS.filter((contender) => lines.some(({ figures }) => figures[contender] !== undefined));
  const peers = PEERS.filter((peer) => present.includes(peer));
  const withLeast = present.includes("least");
  const ratios = [
    [
      ...["workload", "target", "to the best peer", "", "best peer"],
      ...peers.map((peer) => `to ${TITLES[peer]}`),
      ...(withLeast ? ["times the least Node"] : []),
      "of a core",
    ],
    ...lines.map(({ row, ratios, best, least, core, verdict }) => [
      ...[row.name, row.target?.toFixed(2) ?? "-", show(best?.ratio), verdict, best ? TITLES[best.peer] : "-"],
      ...peers.map((peer) => show(ratios[peer])),
      ...(withLeast ? [timesLeast(row, least)] : []),
      core === undefined ? "-" : `${core.toFixed(0)} %`,
    ]),
  ];
  const figures = [
    ["workload", "unit", ...present.map((contender) => TITLES[contender])],
    ...lines.map(({ row, figures }) => [row.name, row.unit, ...present.map((contender) => amount(figures[contender]))]),
  ];
  const notes = lines.flatMap(({ row, notes }) => notes.map((note) => `- ${row.name}: ${note}`));
  return [markdown(ratios), markdown(figures), ...(notes.length === 0 ? [] : [`${notes.join("\n")}\n`])].join("\n");
}

function timesLeast({ timesLeast: target }: Row, least: number | undefined): string {
  if (least === undefined) return "-";
  const shown = least.toFixed(1);
  return target === undefined ? shown : `${shown} (at most ${target.toFixed(1)}: ${least <= target ? "ok" : "missed"})`;
}

function show(ratio: number | undefined): string {
  return ratio === undefined ? "-" : ratio.toFixed(2);
}

function amount(value: number | undefined): string {
  if (value === undefined) return "-";
  return value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : value.toFixed(0);
}

/** The first row is the head; numbers stand to the right. */
export function markdown([head = [], ...rows]: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(3, ...all.map((cells) => (cells[column] ?? "").length)));
  const isText = (column: number): boolean => column === 0;
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, at) => (isText(at) ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))).join(" | ")} |\n`;
  const rule = widths.map((width, column) => (isText(column) ? "-".repeat(width) : `${"-".repeat(width - 1)}:`));
  return line(head) + line(rule) + rows.map(line).join("");
}
