// The little of MIME (RFC 2045) that Message/CPIM needs: header blocks, media types, transfer encodings.

import { isUtf8 } from "node:buffer";
import { ok, type Result, refuse } from "../server/result.ts";

/** One header field, unfolded, without white space at the ends of its value. */
export type MimeHeader = { readonly name: string; readonly value: string };

/** A MIME entity. `octets` is all of it as it came, its header block included; `body` is still transfer-encoded. */
export type MimePart = { readonly headers: readonly MimeHeader[]; readonly body: Buffer; readonly octets: Buffer };

/** `type` is "type/subtype" in lower case, as are the parameter names. */
export type MediaType = { readonly type: string; readonly parameters: ReadonlyMap<string, string> };

/**
 * The lines of a header block that begins at `start`, up to the blank line that ends it.
 * @returns the lines and where the octets after the blank line begin
 * Errors: no blank line, a line end other than CR LF, octets that are not UTF-8. Source: RFC 3862 sections 2, 2.2.
 */
export function readBlock(bytes: Buffer, start: number): Result<{ lines: readonly string[]; next: number }> {
  if (bytes[start] === 0x0d && bytes[start + 1] === 0x0a) return ok({ lines: [], next: start + 2 });
  const end = bytes.indexOf("\r\n\r\n", start, "latin1");
  if (end < 0) return refuse("a header block without a blank line at its end");
  const block = bytes.subarray(start, end);
  if (!isUtf8(block)) return refuse("a header block that is not UTF-8");
  const lines = block.toString("utf8").split("\r\n");
  if (lines.some((line) => /[\r\n]/.test(line))) return refuse("a header line that does not end in CR LF");
  return ok({ lines, next: end + 4 });
}

/**
 * Unfolds and splits the lines of a MIME header block.
 * Errors: a line that is no header. Source: RFC 2045 section 3, RFC 5322 section 2.2.
 */
export function parseMimeHeaders(lines: readonly string[]): Result<MimeHeader[]> {
  const unfolded: string[] = [];
  for (const line of lines) {
    if (/[^\t -~\u0080-\uffff]/.test(line)) return refuse("a control character in a MIME header");
    if (!/^[ \t]/.test(line)) unfolded.push(line);
    else if (unfolded.length === 0) return refuse("a header block that begins with a folded line");
    else unfolded[unfolded.length - 1] += line;
  }
  const headers: MimeHeader[] = [];
  for (const line of unfolded) {
    const name = /^[!-9;-~]+(?=:)/.exec(line)?.[0];
    if (name === undefined) return refuse("a MIME header line without a name and a colon");
    headers.push({ name, value: line.slice(name.length + 1).trim() });
  }
  return ok(headers);
}

/** Reads a MIME entity that begins at `start` and goes to the end of `bytes`. Errors: those of its header block. */
export function parsePart(bytes: Buffer, start: number): Result<MimePart> {
  const block = readBlock(bytes, start);
  if (!block.ok) return block;
  const headers = parseMimeHeaders(block.value.lines);
  if (!headers.ok) return headers;
  return ok({ headers: headers.value, body: bytes.subarray(block.value.next), octets: bytes.subarray(start) });
}

/** Puts an entity together; the header values are the caller's own. */
export function mimePart(headers: readonly MimeHeader[], body: Buffer): MimePart {
  const block = headers.map(({ name, value }) => `${name}: ${value}\r\n`).join("");
  return { headers, body, octets: Buffer.concat([Buffer.from(`${block}\r\n`, "utf8"), body]) };
}

/** The value of a header that may stand there once. Errors: it stands there twice, so readers would disagree. */
export function singleHeader(headers: readonly MimeHeader[], name: string): Result<string | undefined> {
  const found = headers.filter((header) => header.name.toLowerCase() === name);
  return found.length > 1 ? refuse(`more than one ${name} header`) : ok(found[0]?.value);
}

/**
 * The media type of an entity; undefined where it has none.
 * Errors: it cannot be read. Source: RFC 2045 section 5.1; unquoted values are taken as RFC 3923's examples write them
 * (`protocol=application/pkcs7-signature`), although "/" would need quotes.
 */
export function mediaTypeOf(headers: readonly MimeHeader[]): Result<MediaType | undefined> {
  const value = singleHeader(headers, "content-type");
  if (!value.ok || value.value === undefined) return value as Result<undefined>;
  const unreadable = refuse("a Content-Type that cannot be read");
  const whole = withoutComments(value.value)?.trim();
  if (whole === undefined) return unreadable;
  const text = whole.endsWith(";") ? whole.slice(0, -1) : whole; // nothing after the last ";": common, and harmless
  const name = /[ \t]*([!#$%&'*+.^_`|~\w-]+\/[!#$%&'*+.^_`|~\w-]+)[ \t]*/y.exec(text);
  if (name === null) return unreadable;
  const parameters = new Map<string, string>();
  const parameter = /;[ \t]*([!#$%&'*+.^_`|~\w-]+)[ \t]*=[ \t]*(?:"([^"\\]*(?:\\[\s\S][^"\\]*)*)"|([^\s";]+))[ \t]*/y;
  let at = name[0].length;
  while (at < text.length) {
    parameter.lastIndex = at;
    const match = parameter.exec(text);
    const key = match?.[1]?.toLowerCase();
    if (match === null || key === undefined || parameters.has(key)) return unreadable;
    parameters.set(key, match[2]?.replace(/\\([\s\S])/g, "$1") ?? match[3] ?? "");
    at = parameter.lastIndex;
  }
  return ok({ type: (name[1] ?? "").toLowerCase(), parameters });
}

// RFC 5322 section 3.2.2: comments nest, and stand outside quotes.
function withoutComments(value: string): string | undefined {
  if (!value.includes("(")) return value;
  let out = "";
  let depth = 0;
  let quoted = false;
  for (let i = 0; i < value.length; i++) {
    const char = value[i] as string;
    if (char === "\\" && (quoted || depth > 0)) {
      if (quoted) out += value.slice(i, i + 2);
      i += 1;
    } else if (char === '"' && depth === 0) {
      quoted = !quoted;
      out += char;
    } else if (char === "(" && !quoted) depth += 1;
    else if (char === ")" && depth > 0) depth -= 1;
    else if (depth === 0) out += char;
  }
  return depth > 0 || quoted ? undefined : out;
}

/**
 * The octets of a body without its transfer encoding; no encoding named is binary.
 * Errors: an unknown encoding, or a body that is not in it. Source: RFC 2045 section 6.
 */
export function decodeBody(part: Pick<MimePart, "headers" | "body">): Result<Buffer> {
  const header = singleHeader(part.headers, "content-transfer-encoding");
  if (!header.ok) return header;
  const encoding = withoutComments(header.value ?? "binary")
    ?.trim()
    .toLowerCase();
  switch (encoding) {
    case "7bit":
    case "8bit":
    case "binary":
      return ok(part.body);
    case "base64":
      return decodeBase64(part.body);
    case "quoted-printable":
      return decodeQuotedPrintable(part.body);
    default:
      return refuse("an unknown Content-Transfer-Encoding");
  }
}

function decodeBase64(body: Buffer): Result<Buffer> {
  const text = body.toString("latin1").replace(/[ \t\r\n]/g, "");
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*$/.test(text.slice(0, text.length - padding))) {
    return refuse("a body that is not base64");
  }
  return ok(Buffer.from(text, "base64"));
}

function decodeQuotedPrintable(body: Buffer): Result<Buffer> {
  const lines = body.toString("latin1").split("\n");
  let out = "";
  for (const [index, whole] of lines.entries()) {
    const hasReturn = whole.endsWith("\r");
    const line = trimBlanks(hasReturn ? whole.slice(0, -1) : whole); // section 6.7 rule 3
    if (/=(?![0-9A-Fa-f]{2}|$)/.test(line)) return refuse("a body that is not quoted-printable");
    const soft = line.endsWith("=");
    out += (soft ? line.slice(0, -1) : line).replace(/=([0-9A-Fa-f]{2})/g, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
    if (!soft && index < lines.length - 1) out += hasReturn ? "\r\n" : "\n";
  }
  return ok(Buffer.from(out, "latin1"));
}

function trimBlanks(line: string): string {
  let end = line.length;
  while (end > 0 && (line[end - 1] === " " || line[end - 1] === "\t")) end -= 1;
  return line.slice(0, end);
}
