// The converter's vectors (test/vectors/*.json): neutral JSON, run here against gateway/convert.ts.

import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { type Conversion, convert, type Kind } from "../../gateway/convert.ts";
import { parsePidf } from "../../gateway/pidf.ts";
import { childElements, ownText, parseXml, type XmlElement } from "../../gateway/xml-document.ts";

/** Text, lines that CR LF joins, or octets. */
type Octets = string | string[] | { base64: string };

/** A Message/CPIM object: its lines, or those before the PIDF document and what the document says. */
type ExpectedObject = { lines: string[] } | { head: string[]; pidf: Record<string, unknown> & { person?: string } };

export type Vector = {
  name: string;
  rules: string[];
  direction: string;
  input: Octets;
  output?: Octets | ExpectedObject;
  refused?: true;
};

export function loadVectors(file: string): Vector[] {
  const path = new URL(`../vectors/${file}`, import.meta.url);
  return (JSON.parse(readFileSync(path, "utf8")) as { vectors: Vector[] }).vectors;
}

export function octetsOf(value: Octets): Buffer {
  if (typeof value === "string") return Buffer.from(value, "utf8");
  return Array.isArray(value) ? Buffer.from(value.join("\r\n"), "utf8") : Buffer.from(value.base64, "base64");
}

/** One test for each vector of a file; the title names the rules that it shows. */
export function runVectors(file: string): void {
  for (const vector of loadVectors(file)) {
    it(`${vector.name} [${vector.rules.join(" ")}]`, () => check(vector));
  }
}

function check(vector: Vector): void {
  const [from, to] = vector.direction.split("->") as [Kind, Kind];
  const conversion = convert(from, to, octetsOf(vector.input));
  if (vector.output === undefined) {
    expect(conversion).toMatchObject({ exit: 65, reason: expect.stringMatching(/^.{3,}$/) });
    return;
  }
  const output = outputOf(conversion);
  if (to === "cpim") checkObject(output, vector.output);
  else if (to === "xmpp") expect(stanzasIn(output)).toEqual((vector.output as string[]).map(canonical));
  else expect(output).toBe(`${vector.output}\n`);
}

/** The output as text; fails with the reason of a refusal. */
export function outputOf(conversion: Conversion): string {
  expect(conversion).toMatchObject({ exit: 0 });
  return conversion.exit === 0 ? conversion.output.toString("utf8") : "";
}

function checkObject(output: string, expected: Octets | ExpectedObject): void {
  if (typeof expected === "string" || Array.isArray(expected) || "base64" in expected) {
    expect(output).toBe(octetsOf(expected).toString("utf8"));
  } else if ("lines" in expected) {
    expect(output).toBe(expected.lines.join("\r\n"));
  } else {
    const head = `${expected.head.join("\r\n")}\r\n`;
    expect(output.slice(0, head.length)).toBe(head);
    const document = output.slice(head.length);
    expect(document).toMatch(
      /^<\?xml version='1\.0' encoding='UTF-8'\?>\n<presence xmlns="urn:ietf:params:xml:ns:pidf" /,
    );
    const { person, ...rest } = expected.pidf;
    const parsed = parsePidf(document);
    if (!parsed.ok) throw new Error(parsed.reason);
    const { person: written, ...said } = parsed.value;
    expect(said).toEqual(rest);
    expect(written?.activities).toEqual(person === undefined ? undefined : [person]);
  }
}

/** The stanzas of an output, one on each line, in a form that compares as XML does. */
export function stanzasIn(output: string): unknown[] {
  expect(output).toMatch(/^(?:[^\n]+\n)*$/);
  return output.split("\n").slice(0, -1).map(canonical);
}

export function canonical(xml: string): unknown {
  const parsed = parseXml(xml, { depth: 64, maxBytes: 2 ** 24, extras: "refused" });
  if (!parsed.ok) throw new Error(`${parsed.reason}: ${xml}`);
  return canonicalElement(parsed.value);
}

function canonicalElement(element: XmlElement): unknown {
  return {
    name: `{${element.ns}}${element.name}`,
    attributes: Object.fromEntries([...element.attributes].sort()),
    text: ownText(element),
    children: childElements(element).map(canonicalElement),
  };
}
