// Message/CPIM codec (RFC 3862): bytes <-> object. Knows nothing of XMPP, nor what the content means.

import { NS } from "../server/namespaces.ts";
import { ok, type Result, refuse } from "../server/result.ts";
import { decodeBody, type MimePart, mediaTypeOf, parsePart, readBlock } from "./mime.ts";

/** Of From, To and cc: `[Formal-name] <URI>`. */
export type Address = { readonly uri: string; readonly formalName?: string };
export type Subject = { readonly text: string; readonly lang?: string };
/** A header that this codec gives no meaning to. */
export type Extension = { readonly ns: string; readonly name: string; readonly value: string };

export type CpimObject = {
  readonly from: Address;
  readonly to: readonly Address[];
  readonly cc: readonly Address[];
  readonly dateTime?: string;
  readonly subjects: readonly Subject[];
  /** The names in Require headers. */
  readonly require: readonly string[];
  readonly extensions: readonly Extension[];
  readonly content: MimePart;
};

/** What `serializeCpim` writes: of the content only its octets, its own header block included. */
export type NewCpimObject = Pick<CpimObject, "from" | "to"> &
  Partial<Pick<CpimObject, "cc" | "dateTime" | "subjects">> & { readonly content: Pick<MimePart, "octets"> };

export type CpimOptions = {
  /** Whether the object begins with its MIME block (`Content-type: Message/CPIM`): a carrier may have taken it off. */
  readonly outer?: "required" | "optional";
  readonly maxBytes?: number;
};

/** The largest object that is read: a megabyte. */
export const MAX_OBJECT_BYTES = 1_048_576;

const NAME = "[!#-'*+\\-0-9A-Z^_`a-z|~]+"; // RFC 3862 section 3.6, NAMECHAR
const TOKEN = "[!#-'*+\\-.0-9A-Z^_`a-z|~\\u0080-\\uffff]+";
const STRING = '"([^"\\\\]*(?:\\\\[\\s\\S][^"\\\\]*)*)"';
const HEADER_NAME = new RegExp(`^(?:(${NAME})\\.)?(${NAME}):`);
const PARAMETER = new RegExp(`;(${NAME})=(?:${STRING}|${TOKEN})`, "y");
const FORMAL_NAME = new RegExp(`^(?:${STRING} ?|((?:${TOKEN} )*))$`);
const NAMESPACE = new RegExp(`^(?:(${NAME}) ?)?<([^<>]*)>$`);
const URI = /^[A-Za-z][A-Za-z0-9+.-]*:[!#-;=?-~]+$/;
const CONTROL = /[^ -~\u0080-\uffff]/; // U+0000 to U+001F and U+007F
const LANGUAGE_TAG = /^[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*$/; // RFC 3066 section 2.1
const DATE_TIME = // RFC 3339 section 5.6
  /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])[Tt](?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;

export function isLanguageTag(text: string): boolean {
  return LANGUAGE_TAG.test(text);
}

/**
 * Reads an object that fills `bytes` to their end.
 * Errors: anything that RFC 3862's grammar does not allow, with the line it stands in. Source: RFC 3862 sections 2 to 4.
 */
export function parseCpim(bytes: Buffer, options: CpimOptions = {}): Result<CpimObject> {
  const maxBytes = options.maxBytes ?? MAX_OBJECT_BYTES;
  if (bytes.length > maxBytes) return refuse(`the object is larger than ${maxBytes} bytes`);
  const inner = withoutOuterBlock(bytes, options.outer ?? "required");
  if (!inner.ok) return inner;
  const block = readBlock(inner.value, 0);
  if (!block.ok) return block;
  const headers = parseHeaders(block.value.lines);
  if (!headers.ok) return headers;
  const content = parsePart(inner.value, block.value.next);
  if (!content.ok) return content;
  const type = mediaTypeOf(content.value.headers);
  if (!type.ok) return type;
  if (type.value === undefined) return refuse("the content has no Content-Type"); // section 2.4
  return ok({ ...headers.value, content: content.value });
}

// Section 2.1. A transfer encoding of the whole object is undone first (section 7.1).
function withoutOuterBlock(bytes: Buffer, outer: "required" | "optional"): Result<Buffer> {
  const part = parsePart(bytes, 0);
  const type = part.ok ? mediaTypeOf(part.value.headers) : part;
  if (part.ok && type.ok && type.value?.type === "message/cpim") return decodeBody(part.value);
  if (outer === "optional") return ok(bytes);
  return type.ok ? refuse("the object does not begin with Content-type: Message/CPIM") : type;
}

type Header = Extension & { readonly lang?: string };

function parseHeaders(lines: readonly string[]): Result<Omit<CpimObject, "content">> {
  const namespaces = new Map<string, string>([["", NS.cpimHeaders]]); // by prefix; "" is the default
  const from: Address[] = [];
  const to: Address[] = [];
  const cc: Address[] = [];
  const dateTimes: string[] = [];
  const subjects: Subject[] = [];
  const require: string[] = [];
  const extensions: Extension[] = [];
  for (const [index, line] of lines.entries()) {
    const at = `message header ${index + 1}`;
    const parsed = parseHeader(line, namespaces);
    if (!parsed.ok) return refuse(`${at}: ${parsed.reason}`, at);
    const { ns, name, value, lang } = parsed.value;
    switch (ns === NS.cpimHeaders ? name : "") {
      case "From":
      case "To":
      case "cc": {
        const address = parseAddress(value);
        if (!address.ok) return refuse(`${at}: ${address.reason}`, at);
        (name === "From" ? from : name === "To" ? to : cc).push(address.value);
        break;
      }
      case "DateTime":
        if (!DATE_TIME.test(value)) return refuse(`${at}: not an RFC 3339 date and time`, at);
        dateTimes.push(value);
        break;
      case "Subject":
        subjects.push(lang === undefined ? { text: unescapeValue(value) } : { text: unescapeValue(value), lang });
        break;
      case "NS": {
        const [, prefix = "", uri = ""] = NAMESPACE.exec(value) ?? [];
        if (!URI.test(uri) || uri.includes("#")) return refuse(`${at}: not a namespace declaration`, at);
        namespaces.set(prefix, uri);
        break;
      }
      case "Require":
        for (const required of value.split(",")) require.push(required.trim());
        break;
      default:
        extensions.push({ ns, name, value });
    }
  }
  const [sender] = from;
  if (sender === undefined || from.length > 1) return refuse(`${from.length} From headers, where there must be one`);
  if (to.length === 0) return refuse("no To header");
  const [dateTime] = dateTimes;
  const rest = { from: sender, to, cc, subjects, require, extensions };
  return ok(dateTime === undefined ? rest : { ...rest, dateTime });
}

// Section 3.6: Header-name ":" *( ";" Parameter ) SP Header-value
function parseHeader(line: string, namespaces: ReadonlyMap<string, string>): Result<Header> {
  if (CONTROL.test(line)) return refuse("a raw control character");
  if (line.startsWith(" ")) return refuse("white space at the start of the line; headers are not folded");
  if (line.endsWith(" ")) return refuse("white space at the end of the line");
  const [start = "", prefix = "", name] = HEADER_NAME.exec(line) ?? [];
  if (name === undefined) return refuse("no header name and colon");
  let lang: string | undefined;
  let at = start.length;
  while (line[at] === ";") {
    PARAMETER.lastIndex = at;
    const parameter = PARAMETER.exec(line);
    if (parameter === null) return refuse("a header parameter that cannot be read");
    if (parameter[1] === "lang") {
      if (lang !== undefined) return refuse("two languages");
      lang = parameter[0].slice(";lang=".length);
      if (!isLanguageTag(lang)) return refuse("not a language tag");
    }
    at = PARAMETER.lastIndex;
  }
  if (line[at] !== " ") return refuse("no space after the colon");
  const ns = namespaces.get(prefix) ?? ""; // a prefix that was never declared: nobody knows the header
  const header = { ns, name, value: line.slice(at + 1) };
  return ok(lang === undefined ? header : { ...header, lang });
}

function parseAddress(value: string): Result<Address> {
  const open = value.lastIndexOf("<");
  const formal = FORMAL_NAME.exec(value.slice(0, Math.max(open, 0)));
  if (open < 0 || formal === null || !value.endsWith(">")) return refuse("not of the form [Formal-name] <URI>");
  const uri = value.slice(open + 1, -1);
  if (!URI.test(uri)) return refuse("no absolute URI between < and >");
  const formalName = formal[1] !== undefined ? unescapeValue(formal[1]) : (formal[2] ?? "").trimEnd();
  return ok(formalName === "" ? { uri } : { uri, formalName });
}

const SHORT_ESCAPES: Readonly<Record<string, string>> = { b: "\b", t: "\t", n: "\n", r: "\r" };

// Section 2.3.1: an unknown escape stands for its character, a lone backslash at the end for nothing. Escapes count
// UTF-16 units, so two of them may make one character; a lone surrogate is none.
function unescapeValue(value: string): string {
  if (!value.includes("\\")) return value;
  const text = value.replace(/\\(?:u([0-9A-Fa-f]{4})|([\s\S])|$)/gu, (_, hex?: string, char = "") =>
    hex === undefined ? (SHORT_ESCAPES[char] ?? char) : String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return text.replace(/\p{Surrogate}/gu, "\ufffd");
}

// Section 2.3.1: these characters and no others.
function escapeValue(text: string): string {
  return text.replace(/[^ -[\]-~\u0080-\uffff]/g, (char) => {
    switch (char) {
      case "\\":
        return "\\\\";
      case "\b":
        return "\\b";
      case "\t":
        return "\\t";
      case "\n":
        return "\\n";
      case "\r":
        return "\\r";
      default:
        return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
    }
  });
}

/**
 * Writes an object with its outer MIME block: one From, the Tos, ccs, DateTime, Subjects, then the content as it is.
 * A subject loses the spaces at its ends, which the grammar forbids, and is left out when nothing remains; a language
 * that is no tag is left out. Errors: none. Source: RFC 3862 sections 2 to 4.
 */
export function serializeCpim(object: NewCpimObject): Buffer {
  let head = "Content-type: Message/CPIM\r\n\r\n";
  head += addressLine("From", object.from);
  for (const address of object.to) head += addressLine("To", address);
  for (const address of object.cc ?? []) head += addressLine("cc", address);
  if (object.dateTime !== undefined) head += `DateTime: ${object.dateTime}\r\n`;
  for (const { text, lang } of object.subjects ?? []) {
    const value = cutSpaces(text);
    const parameter = lang !== undefined && isLanguageTag(lang) ? `;lang=${lang}` : "";
    if (value !== "") head += `Subject:${parameter} ${escapeValue(value)}\r\n`;
  }
  return Buffer.concat([Buffer.from(`${head}\r\n`, "utf8"), object.content.octets]);
}

function addressLine(name: string, { uri, formalName }: Address): string {
  const formal = formalName === undefined ? "" : `"${escapeValue(formalName).replaceAll('"', '\\"')}" `;
  return `${name}: ${formal}<${uri}>\r\n`;
}

/** The text without spaces (U+0020, nothing else) at its ends. */
export function cutSpaces(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && text[start] === " ") start += 1;
  while (end > start && text[end - 1] === " ") end -= 1;
  return text.slice(start, end);
}
