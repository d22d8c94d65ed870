// What commands print: results on standard output, so that they can be piped; remarks on standard error.

import { basename, dirname, relative } from "node:path";

export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** For a person who looks on; nothing that a script would want to read. */
export function remark(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Rows with their columns in line, two spaces between. */
export function printTable(rows: readonly (readonly string[])[]): void {
  const shown = rows.map((row) => row.map(visible));
  const widths = (shown[0] ?? []).map((_, i) => Math.max(...shown.map((row) => row[i]?.length ?? 0)));
  for (const row of shown)
    print(
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join("  ")
        .trimEnd(),
    );
}

/** Text of others cannot drive the terminal: control and format characters are written as \u{...}. */
export function visible(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (found) => `\\u{${(found.codePointAt(0) ?? 0).toString(16)}}`);
}

/** How this program was called, for "type this next": `balcony`, `npx balcony` or `node dist/server/main.js`. */
export function howToCall(program = process.argv[1] ?? "balcony", folder = process.cwd()): string {
  if (dirname(program).endsWith("node_modules/.bin")) return "npx balcony";
  if (basename(program) === "balcony") return "balcony";
  const near = relative(folder, program);
  const path = near.startsWith("..") ? program : near;
  return `node ${shellWord(path)}`;
}

/** In quotes if it needs them. */
export function shellWord(text: string): string {
  return /^[\w./@:+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
