// XML as the fuzzer writes it: trees that may be wrong on purpose, and every way XML has of writing the same thing.

import type { Random } from "./random.ts";

export type Tree = {
  readonly name: string;
  readonly attrs: readonly (readonly [name: string, value: string])[];
  readonly children: readonly (Tree | string)[];
};

export function tree(
  name: string,
  attrs: Record<string, string | undefined> = {},
  ...children: (Tree | string)[]
): Tree {
  const given = Object.entries(attrs).flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const]));
  return { name, attrs: given, children };
}

/** As text. With randomness: quotes, white space, references and CDATA sections as XML leaves them to the writer. */
export function write(node: Tree, random?: Random): string {
  const vary = random?.chance(0.3) ? random : undefined;
  return writeWith(node, vary);
}

function writeWith({ name, attrs, children }: Tree, vary: Random | undefined): string {
  const space = (): string => (vary?.chance(0.1) ? vary.pick(["\n", "\t", "  ", "\r\n"]) : "");
  let out = `<${name}`;
  for (const [key, value] of attrs) {
    const quote = vary?.chance(0.5) ? '"' : "'";
    out += ` ${space()}${key}${space()}=${space()}${quote}${attribute(value, vary)}${quote}`;
  }
  if (children.length === 0 && !vary?.chance(0.3)) return `${out}${space()}/>`;
  out += `${space()}>`;
  for (const child of children) out += typeof child === "string" ? characters(child, vary) : writeWith(child, vary);
  return `${out}</${name}${space()}>`;
}

function characters(text: string, vary: Random | undefined): string {
  if (vary?.chance(0.2) && !text.includes("]]>")) return `<![CDATA[${text}]]>`;
  return references(text, vary).replaceAll("]]>", "]]&gt;");
}

function attribute(value: string, vary: Random | undefined): string {
  return references(value, vary).replaceAll('"', "&quot;").replaceAll("'", "&apos;");
}

function references(text: string, vary: Random | undefined): string {
  const escaped = text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  if (vary === undefined || text.length > 200 || !vary.chance(0.2)) return escaped;
  return [...text]
    .map((character) => {
      const code = character.codePointAt(0) as number;
      return vary.chance(0.5) ? `&#x${code.toString(16)};` : `&#${code};`;
    })
    .join("");
}
