// Says where server/xml/parser.ts and its oracle (saxes-stream-parser.ts) differ: in what they tell, chunk by chunk, in the
// condition of the error that ends it, and in when they find it.

import type { Element } from "ltx";
import { StreamError } from "../../server/errors.ts";
import { type XmlHandlers, type XmlLimits, type XmlRoot, XmlStreamParser } from "../../server/xml/parser.ts";
import { SaxesStreamParser } from "./saxes-stream-parser.ts";

export type ParserCase = {
  readonly chunks: readonly Buffer[];
  readonly root: XmlRoot;
  readonly limits: XmlLimits;
  /** The handlers stop the parser at that event, counted from 0. */
  readonly stopAt?: number | undefined;
};

export const LARGE: XmlLimits = {
  stanzaBytes: 1_000_000,
  stanzaBytesSetting: "stanzaBytes",
  depth: 1_000,
  attributes: 1_000,
  elements: 100_000,
  xmlNameCharacters: 1_000,
};

interface Parser {
  write(chunk: Buffer): void;
  end(): void;
  stop(): void;
}
type ParserClass = new (limits: XmlLimits, handlers: XmlHandlers, root: XmlRoot) => Parser;

/** What a parser told with each chunk; the last list is that of the end. */
export type Told = { readonly events: readonly (readonly string[])[]; readonly error?: StreamError };

export function tell(parserClass: ParserClass, { chunks, root, limits, stopAt }: ParserCase): Told {
  const events: string[][] = [];
  let count = 0;
  const add = (event: unknown): void => {
    events.at(-1)?.push(JSON.stringify(event));
    if (count++ === stopAt) parser.stop();
  };
  const parser = new parserClass(
    limits,
    {
      open: ({ attrs, ...header }) => add({ ...header, attrs: Object.entries(attrs) }),
      element: (element) => add(plain(element)),
      close: () => add("close"),
    },
    root,
  );
  try {
    for (const chunk of chunks) {
      events.push([]);
      parser.write(chunk);
    }
    events.push([]);
    parser.end();
    return { events };
  } catch (error) {
    if (!(error instanceof StreamError)) throw error;
    return { events, error };
  }
}

// Attributes in their order, since that is how they are written again.
function plain(element: Element): unknown {
  for (const child of element.children) {
    if (typeof child !== "string" && (child as Element).parent !== element) throw new Error("a child of another");
  }
  const children = element.children.map((child) => (typeof child === "string" ? child : plain(child as Element)));
  return [element.name, Object.entries(element.attrs), children];
}

// Where both are right, and the one that reads less finds the mistake that comes first: which of both errors it is.
function earlier(ours: StreamError, theirs: StreamError, sooner: boolean, returns: boolean): boolean {
  const said = ours.text ?? "";
  // RFC 6120 section 11.1: refused where it begins, or where the name of an entity is longer than any of XML 1.0 section 4.6.
  // saxes reads to the end of it, and may find something else there.
  if (/^(?:comments|processing instructions|document type declarations|entities) /.test(said)) return true;
  const tooLarge = theirs.condition === "policy-violation" && (theirs.text ?? "").startsWith("a stanza is larger");
  // saxes reads a name in a declaration to its end, and seven characters behind "<!", whatever they are: it finds what is
  // behind that, or nothing.
  const name = said === "no declaration of XML 1.0" || said === "<! without meaning";
  if (name) return tooLarge || theirs.condition === "unsupported-encoding";
  // What is too large is so before its end tag is seen to have no name.
  if (said.startsWith("a stanza is larger")) return theirs.text === "weird empty close tag.";
  // A name is too long before the character that ends it is seen to be none of XML.
  if (said.startsWith("a name has more")) return theirs.text === "disallowed character.";
  // A carriage return waits in saxes until it sees what is behind it: so may octets that are no UTF-8, or the last that fit.
  if (ours.condition === "not-well-formed" && returns) return tooLarge || theirs.condition === "unsupported-encoding";
  // Found before the octets are counted, at the end of a chunk of which saxes did not need the next.
  return sooner && tooLarge;
}

/** Undefined: they say the same. */
export function difference(parserCase: ParserCase): string | undefined {
  const ours = tell(XmlStreamParser, parserCase);
  const theirs = tell(SaxesStreamParser, parserCase);
  for (const [index, events] of theirs.events.entries()) {
    if (events.join() === (ours.events[index] ?? []).join()) continue;
    return `with chunk ${index}: ${events} was expected, not ${ours.events[index]} (${ours.error})`;
  }
  const late = ours.events.length - theirs.events.length;
  if (late > 0) return `${theirs.error} was expected ${late} chunks earlier than ${ours.error}`;
  if (ours.error?.condition === theirs.error?.condition) return undefined;
  const returns = parserCase.chunks.some((chunk) => chunk.includes("\r"));
  if (ours.error && theirs.error && earlier(ours.error, theirs.error, late < 0, returns)) return undefined;
  return `${theirs.error} was expected, not ${ours.error}`;
}
