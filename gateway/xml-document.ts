// Strict reader of one small XML document (XML 1.0 fifth edition, Namespaces in XML 1.0), for PIDF and for lone stanzas.
// No DTD, so no entities beyond XML's own five; nothing outside the document is ever fetched.

import { isAscii, isUtf8 } from "node:buffer";
import { SaxesParser, type SaxesTagNS } from "saxes";
import { ok, type Result, refuse } from "../server/result.ts";

export type XmlElement = {
  readonly ns: string;
  readonly name: string;
  /** By name; one with a prefix by `{namespace}name`. Namespace declarations are not among them. */
  readonly attributes: ReadonlyMap<string, string>;
  /** Adjoining text is one string. */
  readonly children: readonly (XmlElement | string)[];
};

export type XmlRules = {
  /** Levels of elements, the root included. */
  readonly depth: number;
  readonly maxBytes: number;
  /** Comments and processing instructions. */
  readonly extras: "allowed" | "refused";
};

/** JC-38: what a document may cost. */
export const XML_BOUNDS = { depth: 64, maxBytes: 1_048_576 } as const;

/**
 * Reads a document.
 * @param input octets, or text that was decoded already
 * @param charset of the MIME type, where it names one: it beats the XML declaration (RFC 3863 section 4.1)
 * Errors: not well-formed, not namespace-well-formed, a DOCTYPE, beyond the bounds, not UTF-8 or US-ASCII.
 */
export function parseXml(input: Buffer | string, rules: XmlRules, charset?: string): Result<XmlElement> {
  const bytes = typeof input === "string" ? Buffer.byteLength(input) : input.length;
  if (bytes > rules.maxBytes) return refuse(`the document is larger than ${rules.maxBytes} bytes`);
  if (typeof input === "string") return readDocument(input, rules, () => undefined);
  const check = (encoding: string): string | undefined => {
    if (/^utf-8$/i.test(encoding)) return undefined; // isUtf8 was asked before
    if (!/^us-ascii$/i.test(encoding)) return "only UTF-8 and US-ASCII are read here";
    return isAscii(input) ? undefined : "the document says US-ASCII and is not";
  };
  if (!isUtf8(input)) return refuse("the document is not UTF-8");
  const wrong = charset === undefined ? undefined : check(charset);
  if (wrong !== undefined) return refuse(wrong);
  return readDocument(input.toString("utf8"), rules, charset === undefined ? check : () => undefined);
}

class NotRead extends Error {}

function fail(reason: string): never {
  throw new NotRead(reason);
}

type Node = { ns: string; name: string; attributes: Map<string, string>; children: (Node | string)[] };

function readDocument(
  text: string,
  rules: XmlRules,
  checkEncoding: (encoding: string) => string | undefined,
): Result<XmlElement> {
  if (/\p{Surrogate}/u.test(text)) return refuse("a lone surrogate is no character");
  // 1.0 in any case: with version 1.1 saxes would allow control characters by reference.
  const sax = new SaxesParser({ xmlns: true, position: false, forceXMLVersion: true, defaultXMLVersion: "1.0" });
  const open: Node[] = [];
  let root: Node | undefined;
  sax.on("error", (error) => fail(error.message));
  sax.on("doctype", () => fail("a document type declaration"));
  sax.on("xmldecl", ({ encoding }) => {
    const wrong = encoding === undefined ? undefined : checkEncoding(encoding);
    if (wrong !== undefined) fail(wrong);
  });
  if (rules.extras === "refused") {
    sax.on("comment", () => fail("a comment"));
    sax.on("processinginstruction", () => fail("a processing instruction"));
  }
  sax.on("attribute", ({ name, prefix, value }) => {
    // saxes trims it, which would make another namespace of it.
    if ((prefix === "xmlns" || name === "xmlns") && value !== value.trim()) fail("white space round a namespace name");
  });
  sax.on("opentag", (tag) => {
    const node = newNode(tag);
    open.at(-1)?.children.push(node);
    open.push(node);
    root ??= node;
    if (open.length > rules.depth) fail(`elements nested deeper than ${rules.depth} levels`);
  });
  sax.on("closetag", () => {
    open.pop();
  });
  const addText = (added: string): void => {
    const children = open.at(-1)?.children;
    if (children === undefined) return; // white space beside the root
    const last = children.length - 1;
    if (typeof children[last] === "string") children[last] += added;
    else if (added !== "") children.push(added);
  };
  sax.on("text", addText);
  sax.on("cdata", addText);
  try {
    sax.write(text).close();
  } catch (error) {
    return refuse(`not well-formed XML: ${error instanceof Error ? error.message : "unreadable"}`);
  }
  return root === undefined ? refuse("not well-formed XML: no root element") : ok(root);
}

const NOT_AT_START = /^(?:[-.0-9\u00b7\u203f\u2040]|[\u0300-\u036f])/; // XML 1.0 section 2.3: NameChar without NameStartChar

function newNode(tag: SaxesTagNS): Node {
  const attributes = new Map<string, string>();
  checkLocalName(tag.prefix, tag.local);
  for (const { name, prefix, local, uri, value } of Object.values(tag.attributes)) {
    checkLocalName(prefix, local);
    if (prefix === "") {
      if (name !== "xmlns") attributes.set(name, value);
    } else if (prefix !== "xmlns") attributes.set(`{${uri}}${local}`, value);
  }
  return { ns: tag.uri, name: tag.local, attributes, children: [] };
}

// saxes checks where a name starts, but not where its local part does (Namespaces in XML section 4).
function checkLocalName(prefix: string, local: string): void {
  if (prefix !== "" && NOT_AT_START.test(local)) fail(`malformed name: ${prefix}:${local}`);
}

/** The element's own text, without that of its children. */
export function ownText(element: XmlElement): string {
  return element.children.filter((child) => typeof child === "string").join("");
}

export function childElements(element: XmlElement): XmlElement[] {
  return element.children.filter((child) => typeof child !== "string");
}

/** The text with U+FFFD for each character that XML cannot hold (section 2.2). */
export function replaceForbidden(text: string): string {
  return text.replace(/[^\t\n\r -\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, "\ufffd");
}
