// Strict push parser for one XML stream: saxes events become ltx Elements (RFC 6120 sections 4, 11).
//
// Namespaces are resolved here, once: an element leaves with its local name and an `xmlns` attribute wherever its
// namespace differs from its parent's, so that it means the same outside the stream it came from. The content namespace
// (jabber:client) is left unwritten on a stanza.

import { isUtf8 } from "node:buffer";
import { Element } from "ltx";
import { type SaxesAttributeNS, SaxesParser, type SaxesTagNS } from "saxes";
import { StreamError } from "../errors.ts";
import { NS } from "../namespaces.ts";

export type XmlLimits = {
  /** Octets of one stanza, or of the stream header. */
  stanzaBytes: number;
  /** Levels of elements in one stanza, itself included. */
  depth: number;
  /** Attributes of one element, namespace declarations included. */
  attributes: number;
  /** Elements in one stanza, itself included. */
  elements: number;
};

/** The root element's start tag: the stream header or an `<open/>` (which `element` then repeats, being complete). */
export type StreamHeader = {
  name: string;
  ns: string;
  /** The namespace that an unprefixed child would have. */
  defaultNs: string;
  attrs: Readonly<Record<string, string>>;
};

export interface XmlHandlers {
  open(header: StreamHeader): void;
  /** A complete child of the root, detached from it. */
  element(element: Element): void;
  /** The root's end tag. */
  close(): void;
}

/**
 * One parser per stream: a restarted stream (RFC 6120 section 4.3.3) gets a new one.
 * `write` throws StreamError: not-well-formed, restricted-xml, bad-namespace-prefix, unsupported-encoding, policy-violation.
 */
export class XmlStreamParser {
  // XML 1.0 whatever a declaration says: 1.1 would let control characters in by reference.
  readonly #sax = new SaxesParser({ xmlns: true, position: false, forceXMLVersion: true, defaultXMLVersion: "1.0" });
  readonly #handlers: XmlHandlers;
  #limits: XmlLimits;
  #depth = 0;
  #elements = 0;
  #bytes = 0; // octets read since the last complete stanza
  #current: Element | null = null;
  #ns: string[] = []; // namespace of each open element
  #partial: Buffer | null = null; // an incomplete UTF-8 sequence at the end of the last chunk
  #stopped = false;
  #attributes = 0;

  constructor(limits: XmlLimits, handlers: XmlHandlers) {
    this.#limits = limits;
    this.#handlers = handlers;
    const sax = this.#sax;
    sax.on("opentagstart", () => {
      this.#attributes = 0;
    });
    sax.on("attribute", ({ name, prefix, value }) => {
      // saxes would trim it, and so make another namespace of it
      if ((prefix === "xmlns" || name === "xmlns") && value !== value.trim()) {
        throw new StreamError("not-well-formed", "white space round a namespace name");
      }
      this.#attributes += 1;
      if (this.#attributes > this.#limits.attributes) {
        throw new StreamError("policy-violation", `more than ${this.#limits.attributes} attributes in one element`);
      }
    });
    sax.on("opentag", (tag) => this.#onOpen(tag));
    sax.on("closetag", () => this.#onClose());
    sax.on("text", (text) => this.#onText(text));
    sax.on("cdata", (text) => this.#onText(text));
    sax.on("xmldecl", (decl) => {
      if (decl.version !== "1.0") throw new StreamError("not-well-formed", "only XML 1.0 is spoken here");
      if (decl.encoding !== undefined && decl.encoding.toLowerCase() !== "utf-8") {
        throw new StreamError("unsupported-encoding", "only UTF-8 is spoken here"); // RFC 6120 section 4.9.3.22
      }
    });
    // RFC 6120 section 11.1
    sax.on("comment", () => restricted("comments"));
    sax.on("processinginstruction", () => restricted("processing instructions"));
    sax.on("doctype", () => restricted("document type declarations"));
    sax.on("error", (error) => {
      throw asStreamError(error);
    });
  }

  /** After login the limits grow. */
  set limits(limits: XmlLimits) {
    this.#limits = limits;
  }

  /** Nothing more is read, not even the rest of the chunk that is being written. */
  stop(): void {
    this.#stopped = true;
  }

  write(chunk: Buffer): void {
    if (this.#stopped) return;
    this.#bytes += chunk.length;
    const text = this.#decode(chunk);
    // A chunk that ends several stanzas counts from the last of them on (onClose sets the count back), so the limit is
    // exact to within one read from the socket; the check comes first for an element that does not end at all.
    if (text !== "") this.#sax.write(text);
    if (!this.#stopped && this.#bytes > this.#limits.stanzaBytes) this.#tooBig();
  }

  #tooBig(): never {
    throw new StreamError("policy-violation", `a stanza is larger than ${this.#limits.stanzaBytes} bytes`);
  }

  #decode(chunk: Buffer): string {
    let bytes = chunk;
    if (this.#partial !== null) {
      bytes = Buffer.concat([this.#partial, chunk]);
      this.#partial = null;
    }
    const incomplete = incompleteTail(bytes);
    if (incomplete > 0) {
      this.#partial = Buffer.from(bytes.subarray(bytes.length - incomplete));
      bytes = bytes.subarray(0, bytes.length - incomplete);
    }
    if (!isUtf8(bytes)) throw new StreamError("not-well-formed", "not valid UTF-8");
    return bytes.toString("utf8");
  }

  #onOpen(tag: SaxesTagNS): void {
    if (this.#stopped) return;
    if (tag.prefix !== "" && /^[\d.\-\u00b7]/.test(tag.local)) {
      throw new StreamError("not-well-formed", `${tag.name} is no name`); // Namespaces in XML 1.0 section 4: an NCName
    }
    this.#depth += 1;
    if (this.#depth === 1) {
      this.#ns = [tag.uri];
      const attrs: Record<string, string> = {};
      for (const attribute of Object.values(tag.attributes)) attrs[attribute.name] = attribute.value;
      this.#handlers.open({ name: tag.local, ns: tag.uri, defaultNs: tag.ns[""] ?? "", attrs });
      if (!tag.isSelfClosing) this.#bytes = 0;
      return;
    }
    if (this.#depth - 1 > this.#limits.depth) {
      throw new StreamError("policy-violation", `a stanza is nested deeper than ${this.#limits.depth} levels`);
    }
    this.#elements += 1;
    if (this.#elements > this.#limits.elements) {
      throw new StreamError("policy-violation", `a stanza has more than ${this.#limits.elements} elements`);
    }
    const parent = this.#current;
    const parentNs = parent === null ? NS.client : this.#ns[this.#ns.length - 1];
    const element = new Element(tag.local);
    if (tag.uri !== parentNs) element.attrs.xmlns = tag.uri;
    this.#ns.push(tag.uri);
    copyAttributes(tag.attributes, element.attrs);
    if (parent !== null) {
      element.parent = parent;
      parent.children.push(element);
    }
    this.#current = element;
  }

  #onClose(): void {
    if (this.#stopped) return;
    this.#depth -= 1;
    if (this.#depth === 0) {
      this.#handlers.close();
      return;
    }
    this.#ns.pop();
    const element = this.#current as Element;
    if (this.#depth > 1) {
      this.#current = element.parent as Element;
      return;
    }
    this.#current = null;
    this.#elements = 0;
    this.#bytes = 0;
    this.#handlers.element(element);
  }

  #onText(text: string): void {
    if (this.#stopped) return;
    if (this.#current !== null) {
      const { children } = this.#current;
      const last = children.length - 1;
      if (typeof children[last] === "string") children[last] += text;
      else children.push(text);
    } else if (this.#depth === 1 && text.trim() !== "") {
      throw new StreamError("bad-format", "text between stanzas"); // RFC 6120 section 11.7 allows white space only
    } else if (this.#depth === 1) {
      this.#bytes = 0; // a white-space keepalive
    }
  }
}

function copyAttributes(from: Record<string, SaxesAttributeNS>, to: Record<string, string>): void {
  for (const name in from) {
    const attribute = from[name] as SaxesAttributeNS;
    if (attribute.prefix === "") {
      if (name !== "xmlns") to[name] = attribute.value;
    } else if (attribute.prefix === "xml") {
      to[name] = attribute.value;
    } else if (attribute.prefix !== "xmlns") {
      to[`xmlns:${attribute.prefix}`] = attribute.uri;
      to[name] = attribute.value;
    }
  }
}

function restricted(what: string): never {
  throw new StreamError("restricted-xml", `${what} are not allowed in XMPP`);
}

function asStreamError(error: Error): StreamError {
  if (error instanceof StreamError) return error;
  const message = error.message;
  if (message.startsWith("undefined entity"))
    return new StreamError("restricted-xml", "entities are not allowed in XMPP");
  if (message.startsWith("unbound namespace prefix")) return new StreamError("bad-namespace-prefix", message);
  return new StreamError("not-well-formed", message);
}

// How many octets at the end begin a UTF-8 sequence that the chunk does not finish.
function incompleteTail(bytes: Buffer): number {
  const length = bytes.length;
  for (let back = 1; back <= 3 && back <= length; back++) {
    const octet = bytes[length - back] as number;
    if (octet < 0x80) return 0;
    if (octet >= 0xc0) {
      const needed = octet >= 0xf0 ? 4 : octet >= 0xe0 ? 3 : 2;
      return needed > back ? back : 0;
    }
  }
  return 0;
}
