// Tables of a bench: on the terminal, and as the sections of docs/performance.md.

import { writeFileSync } from "node:fs";
import { cpus } from "node:os";

export type Table = {
  readonly title: string;
  /** Of the columns; the first is left, the others right. */
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
};

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

/** Three digits that count. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return "-";
  if (value >= 1_000) return String(Math.round(Number(value.toPrecision(3))));
  return value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2);
}

export const count = (value: number): string => value.toLocaleString("en-US");

/** What was measured where. */
export function setting(): string {
  const date = new Date().toISOString().slice(0, 10);
  return `${date}, Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model.trim()}`;
}

function markdown({ title, columns, rows }: Table): string {
  const lines = [
    columns,
    columns.map((_, n) => (n === 0 ? "---" : "---:")),
    ...rows.map((row) => row.map((cell) => String(cell))),
  ];
  return `${title}:\n\n${lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n")}\n`;
}

/** Prints the tables, and writes them to a file if there is one. */
export function report(tables: readonly Table[], file: string | undefined): void {
  const text = [setting(), ...tables.map(markdown)].join("\n\n");
  console.log(text);
  if (file !== undefined) writeFileSync(file, `${text}\n`);
}
