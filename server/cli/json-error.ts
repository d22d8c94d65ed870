// Where and why a text is no JSON (RFC 8259), for a person: JSON.parse of Node 20 often tells no place.

export type JsonError = { readonly line: number; readonly column: number; readonly reason: string };

const SPACE = /[ \t\r\n]*/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: RFC 8259 section 7 keeps them out of texts
const TEXT = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const ATOM = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.+-])|(?:true|false|null)(?!\w)/y;

class Mistake extends Error {
  readonly at: number;
  constructor(at: number, reason: string) {
    super(reason);
    this.at = at;
  }
}

/** The first error of a text that JSON.parse refuses. Line and column count from 1. */
export function findJsonError(text: string): JsonError {
  try {
    const end = skip(text, value(text, skip(text, 0)));
    if (end < text.length) throw new Mistake(end, "nothing may follow the end of the object");
  } catch (error) {
    if (!(error instanceof Mistake)) throw error;
    const before = text.slice(0, error.at).split("\n");
    return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1, reason: error.message };
  }
  return { line: 1, column: 1, reason: "not JSON" };
}

/** Each of these takes where something starts, and returns where it ends. */
function value(text: string, at: number): number {
  if (text[at] === "{") return members(text, at, "}", (from) => member(text, from));
  if (text[at] === "[") return members(text, at, "]", (from) => value(text, from));
  return match(TEXT, text, at) ?? match(ATOM, text, at) ?? fail(text, at, "a value");
}

function members(text: string, open: number, close: string, one: (at: number) => number): number {
  let at = skip(text, open + 1);
  if (text[at] === close) return at + 1;
  for (;;) {
    at = skip(text, one(at));
    if (text[at] === close) return at + 1;
    if (text[at] !== ",") fail(text, at, `"," or "${close}"`);
    const comma = at;
    at = skip(text, at + 1);
    if (text[at] === close) throw new Mistake(comma, `no comma is allowed before "${close}"`);
  }
}

function member(text: string, at: number): number {
  const colon = skip(text, match(TEXT, text, at) ?? fail(text, at, 'a key in double quotes or "}"'));
  if (text[colon] !== ":") fail(text, colon, '":"');
  return value(text, skip(text, colon + 1));
}

function skip(text: string, at: number): number {
  return match(SPACE, text, at) ?? at;
}

function match(pattern: RegExp, text: string, at: number): number | undefined {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : undefined;
}

function fail(text: string, at: number, expected: string): never {
  const found = text[at];
  if (found === undefined) throw new Mistake(at, `the text ends here, expected ${expected}`);
  if (found === "/" || found === "#") throw new Mistake(at, "JSON has no comments");
  if (found === "'") throw new Mistake(at, `expected ${expected}; texts stand in double quotes`);
  // Where a comma or colon was expected, a text may well be right in itself.
  if (found === '"' && !expected.startsWith('"'))
    throw new Mistake(at, "this text has no end on its line, or a bad escape (\\\\ is a backslash)");
  throw new Mistake(at, `expected ${expected}`);
}
