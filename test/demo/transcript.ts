// The demo's two columns: what the XMPP side sends and sees on the left, the foreign side on the right.

import { styleText } from "node:util";

const WIDTH = 60;
type Colour = Parameters<typeof styleText>[0];

export class Transcript {
  #step = 0;

  title(text: string): void {
    this.#print(styleText("bold", text));
    this.#print("");
    this.#row(
      ["Juliet, juliet@localhost", "XMPP: xmpp.js, TLS, SCRAM"],
      ["Romeo, romeo@example.net", "plain HTTP calls"],
      "bold",
    );
    this.#print(`${"─".repeat(WIDTH)}┬${"─".repeat(WIDTH)}`);
  }

  /** One thing that has happened, and was seen to happen. */
  step(text: string): void {
    this.#step += 1;
    this.#print(styleText("yellow", `${String(this.#step).padStart(2)}  ${text}`));
  }

  left(arrow: "→" | "←", text: string): void {
    this.#row(wrap(`${arrow} ${text}`), [], arrow === "→" ? "cyan" : "green");
  }

  right(arrow: "→" | "←", text: string): void {
    this.#row([], wrap(`${arrow} ${text}`), arrow === "←" ? "cyan" : "green");
  }

  /** An object as it is, on the right. */
  object(text: string): void {
    this.#row(
      [],
      text.split(/\r?\n/).flatMap((line) => wrap(`    ${line}`)),
      "dim",
    );
  }

  end(text: string): void {
    this.#print(`${"─".repeat(WIDTH)}┴${"─".repeat(WIDTH)}`);
    this.#print(styleText("bold", `${this.#step} steps, each seen to happen: ${text}`));
  }

  #row(left: readonly string[], right: readonly string[], colour: Colour): void {
    for (let i = 0; i < Math.max(left.length, right.length); i++) {
      const [a, b] = [(left[i] ?? "").padEnd(WIDTH), right[i] ?? ""];
      this.#print(`${styleText(colour, a)}│ ${styleText(colour, b)}`);
    }
  }

  #print(line: string): void {
    process.stdout.write(`${line.trimEnd()}\n`);
  }
}

function wrap(text: string): string[] {
  const lines: string[] = [];
  const indent = /^\s*/.exec(text)?.[0] ?? "";
  let rest = text;
  while (rest.length > WIDTH - 2) {
    const gap = Math.max(rest.lastIndexOf(" ", WIDTH - 2), rest.lastIndexOf("><", WIDTH - 3) + 1);
    const cut = gap > indent.length + 4 ? gap : WIDTH - 2;
    lines.push(rest.slice(0, cut));
    rest = `${indent}  ${rest.slice(cut).trimStart()}`;
  }
  lines.push(rest);
  return lines;
}
