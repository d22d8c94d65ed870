// The oracle for server/xml/parser.ts: the same interface over saxes, a reader of all of XML. Where saxes, or this use of it,
// departs from a specification, it is corrected here, and marked with "Corrected" and the section.

import { isUtf8 } from "node:buffer";
import { Element } from "ltx";
import { type SaxesAttributeNS, SaxesParser, type SaxesTagNS } from "saxes";
import { StreamError } from "../../server/errors.ts";
import { NS } from "../../server/namespaces.ts";
import type { XmlHandlers, XmlLimits, XmlRoot } from "../../server/xml/parser.ts";

// XML 1.0 section 2.3 [4], [4a], without the colon.
const NC_NAME_START_CHAR =
  "A-Z_a-z\u{c0}-\u{d6}\u{d8}-\u{f6}\u{f8}-\u{2ff}\u{370}-\u{37d}\u{37f}-\u{1fff}\u{200c}-\u{200d}\u{2070}-\u{218f}" +
  "\u{2c00}-\u{2fef}\u{3001}-\u{d7ff}\u{f900}-\u{fdcf}\u{fdf0}-\u{fffd}\u{10000}-\u{effff}";
const NC_NAME_CHAR = `${NC_NAME_START_CHAR}\\-.0-9\u{b7}\u{300}-\u{36f}\u{203f}-\u{2040}`;
// Corrected: as long as they like, and names beyond ASCII (XML 1.0 section 4.1).
const REFERENCE_SO_FAR = new RegExp(`^(?:#(?:\\d*|x[\\dA-Fa-f]*)|[${NC_NAME_START_CHAR}][${NC_NAME_CHAR}]*)$`, "u");
// Corrected: a local part, too, begins as a name does (Namespaces in XML 1.0 section 4 [7], [11]).
const NOT_AN_NCNAME = new RegExp(`^[^${NC_NAME_START_CHAR}]`, "u");

const TEXT_STATE = 13; // saxes: in text, or between what is in it
const WRONG_END_TAG = "unexpected close tag"; // saxes: the end tag is of another name than what it has just closed

/**
 * One parser per stream: a restarted stream (RFC 6120 section 4.3.3) gets a new one.
 * `write` throws StreamError: not-well-formed, restricted-xml, bad-format, unsupported-encoding, policy-violation.
 */
export class SaxesStreamParser {
  // XML 1.0 whatever a declaration says: 1.1 would let control characters in by reference.
  readonly #sax = new SaxesParser({ xmlns: true, position: false, forceXMLVersion: true, defaultXMLVersion: "1.0" });
  readonly #handlers: XmlHandlers;
  #limits: XmlLimits;
  /** The namespace that is left unwritten. */
  readonly #content: string;
  /** Open elements above the first level. */
  readonly #above: 0 | 1;
  #depth = 0;
  #elements = 0;
  #added = 0; // characters of declarations that an element gets and does not make itself
  #bytes = 0; // octets since the last complete first-level element, up to the end of the chunk
  #chunk = { text: "", bytes: 0, start: 0 }; // being parsed; `start`: characters before it
  #counted = { characters: 0, bytes: 0 }; // of the chunk, up to the last complete first-level element
  #current: Element | null = null;
  #ns: string[] = []; // namespace of each open element
  #partial: Buffer | null = null; // an incomplete UTF-8 sequence at the end of the last chunk
  #stopped = false;
  #attributes = 0;
  #complete: (() => void) | undefined;

  constructor(limits: XmlLimits, handlers: XmlHandlers, root: XmlRoot = "stream", content: string = NS.client) {
    this.#content = content;
    this.#limits = limits;
    this.#handlers = handlers;
    this.#above = root === "stream" ? 1 : 0;
    const sax = this.#sax;
    sax.on("opentagstart", ({ name }) => {
      this.#tellComplete();
      this.#attributes = 0;
      this.#checkName(name);
    });
    sax.on("attribute", ({ name, prefix, local, value }) => {
      if (prefix !== "" && NOT_AN_NCNAME.test(local)) throw new StreamError("not-well-formed", `${name} is no name`);
      // saxes would trim it, and so make another namespace of it
      if ((prefix === "xmlns" || name === "xmlns") && value !== value.trim()) {
        throw new StreamError("not-well-formed", "white space round a namespace name");
      }
      this.#checkName(name);
      this.#attributes += 1;
      const { attributes } = this.#limits;
      if (this.#attributes > attributes) tooMuch(`more than ${attributes} attributes in one element`, "attributes");
    });
    sax.on("opentag", (tag) => this.#onOpen(tag));
    sax.on("closetag", () => this.#onClose());
    sax.on("text", (text) => this.#onText(text));
    sax.on("cdata", (text) => this.#onText(text, 0)); // Corrected: its ">" is no part of a stanza
    sax.on("xmldecl", (decl) => {
      if (decl.version !== "1.0") throw new StreamError("not-well-formed", "only XML 1.0 is spoken here");
      if (decl.encoding !== undefined && decl.encoding.toLowerCase() !== "utf-8") {
        throw new StreamError("unsupported-encoding", "only UTF-8 is spoken here"); // RFC 6120 section 4.9.3.22
      }
    });
    // RFC 6120 section 11.1
    sax.on("comment", () => this.#restricted("comments"));
    sax.on("processinginstruction", () => this.#restricted("processing instructions"));
    sax.on("doctype", () => this.#restricted("document type declarations"));
    sax.on("error", (error) => {
      if (!error.message.startsWith(WRONG_END_TAG)) this.#tellComplete();
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
    const whole = this.#wholeCharacters(chunk);
    if (whole.length === 0) return;
    // What is right before the first mistake comes first, as everything is in order (RFC 6120 section 10.1).
    const bytes = isUtf8(whole) ? whole : whole.subarray(0, validLength(whole));
    const text = bytes.toString("utf8");
    const start = this.#chunk.start + this.#chunk.text.length;
    // RFC 6120 section 11.6: a zero-width no-break space, not a byte order mark; and no character may precede the root.
    if (start === 0 && text.startsWith("\ufeff")) throw new StreamError("not-well-formed", "U+FEFF before the header");
    this.#chunk = { text, bytes: bytes.length, start };
    this.#counted = { characters: 0, bytes: 0 };
    this.#bytes += bytes.length;
    try {
      this.#sax.write(text);
    } catch (error) {
      if (!this.#stopped) throw error; // Corrected: nothing is read behind the end (RFC 6120 section 4.4)
    }
    this.#tellComplete();
    if (this.#stopped) return;
    this.#checkBetween();
    this.#checkReference();
    if (bytes !== whole) throw new StreamError("unsupported-encoding", "not valid UTF-8"); // RFC 6120 section 4.9.3.22
    if (this.#bytes + this.#added > this.#limits.stanzaBytes) this.#tooBig(); // an element that does not end
  }

  /** Nothing more comes: what is open, or has not begun, will never be complete. Throws StreamError: not-well-formed. */
  end(): void {
    if (this.#stopped) return;
    this.#sax.close();
    // Corrected: a character that is not complete is none (RFC 6120 section 11.6).
    if (this.#partial !== null) throw new StreamError("unsupported-encoding", "not valid UTF-8");
  }

  /**
   * The octets up to where the parser stands, `back` characters less, since the last such place. From here they are
   * counted anew.
   */
  #count(back = 0): number {
    const [size, upTo, characters] = this.#measure(back);
    this.#counted = { characters, bytes: upTo };
    this.#bytes -= size;
    return size;
  }

  /** Octets since the last such place; octets and characters of the chunk. */
  #measure(back = 0): [size: number, bytes: number, characters: number] {
    const { text, bytes, start } = this.#chunk;
    const characters = Math.max(this.#sax.position - start - back, this.#counted.characters);
    const upTo =
      bytes === text.length
        ? characters
        : this.#counted.bytes + Buffer.byteLength(text.slice(this.#counted.characters, characters));
    return [this.#bytes - (bytes - upTo), upTo, characters];
  }

  // Corrected: any number of white-space keepalives, whatever follows (RFC 6120 sections 4.6.1, 11.7). saxes waits for a "<".
  #checkBetween(): void {
    const { state, text } = this.#sax as unknown as { readonly state: number; readonly text: string };
    if (state !== TEXT_STATE || this.#depth !== 1 || this.#above !== 1) return;
    if (/[^ \t\r\n]/.test(text)) throw new StreamError("bad-format", "text between stanzas");
    this.#bytes = 0;
  }

  // saxes takes everything up to the next ";" for the name of an entity, however far off it is.
  #checkReference(): void {
    const { entity } = this.#sax as unknown as { readonly entity: string };
    if (entity !== "" && !REFERENCE_SO_FAR.test(entity))
      throw new StreamError("not-well-formed", "& without a reference");
  }

  #checkSize(): void {
    if (this.#count() + this.#added > this.#limits.stanzaBytes) this.#tooBig();
  }

  #tooBig(): never {
    const { stanzaBytes, stanzaBytesSetting } = this.#limits;
    tooMuch(`a stanza is larger than ${stanzaBytes} bytes`, stanzaBytesSetting);
  }

  #checkName(name: string): void {
    const { xmlNameCharacters } = this.#limits;
    if (name.length > xmlNameCharacters) {
      tooMuch(`a name has more than ${xmlNameCharacters} characters`, "xmlNameCharacters");
    }
  }

  // What the chunk completes; a character that it cuts is kept for the next.
  #wholeCharacters(chunk: Buffer): Buffer {
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
    return bytes;
  }

  // saxes tells of an end tag first and checks its name then: what it completes is told of when it has passed.
  #tellComplete(): void {
    const tell = this.#complete;
    this.#complete = undefined;
    if (!this.#stopped) tell?.();
  }

  #restricted(what: string): never {
    this.#tellComplete();
    throw new StreamError("restricted-xml", `${what} are not allowed in XMPP`);
  }

  #onOpen(tag: SaxesTagNS): void {
    if (this.#stopped) return;
    if (tag.prefix !== "" && NOT_AN_NCNAME.test(tag.local)) {
      throw new StreamError("not-well-formed", `${tag.name} is no name`); // Namespaces in XML 1.0 section 4: an NCName
    }
    this.#depth += 1;
    const level = this.#depth - this.#above;
    if (level === 0) {
      this.#ns = [tag.uri];
      const attrs: Record<string, string> = {};
      copyHeader(tag.attributes, attrs);
      this.#checkSize();
      this.#handlers.open({ name: tag.local, ns: tag.uri, defaultNs: tag.ns[""] ?? "", attrs });
      return;
    }
    if (level === 1 && tag.uri === NS.stream && tag.local === "stream") {
      throw new StreamError("bad-format", "a stream header within a stream");
    }
    const { depth, elements } = this.#limits;
    if (level > depth) tooMuch(`a stanza is nested deeper than ${depth} levels`, "depth");
    this.#elements += 1;
    if (this.#elements > elements) tooMuch(`a stanza has more than ${elements} elements`, "elements");
    const parent = this.#current;
    const parentNs = parent === null ? this.#content : (this.#ns[this.#ns.length - 1] as string);
    // The namespace of the prefix xml may not be declared in any other way (Namespaces in XML 1.0 section 3).
    const inXml = tag.uri === NS.xml;
    const element = new Element(inXml ? tag.name : tag.local);
    const added = this.#added;
    if (!inXml && tag.uri !== parentNs) {
      element.attrs.xmlns = tag.uri;
      if (tag.ns[tag.prefix] === undefined) this.#added += tag.uri.length + 10;
    }
    this.#ns.push(inXml ? parentNs : tag.uri);
    copyAttributes(tag.attributes, element.attrs);
    for (const name in element.attrs) {
      const prefix = /^xmlns:(.*)/.exec(name)?.[1];
      if (prefix === undefined || tag.ns[prefix] !== undefined) continue;
      this.#added += prefix.length + (element.attrs[name] as string).length + 10;
    }
    if (this.#added > added && this.#measure()[0] + this.#added > this.#limits.stanzaBytes) this.#tooBig();
    if (parent !== null) {
      element.parent = parent;
      parent.children.push(element);
    }
    this.#current = element;
  }

  #onClose(): void {
    this.#tellComplete();
    if (this.#stopped) return;
    this.#depth -= 1;
    const level = this.#depth - this.#above;
    if (level < 0) {
      this.#complete = () => this.#handlers.close();
      return;
    }
    this.#ns.pop();
    const element = this.#current as Element;
    if (level > 0) {
      this.#current = element.parent as Element;
      return;
    }
    this.#current = null;
    this.#elements = 0;
    this.#checkSize();
    this.#added = 0;
    this.#complete = () => this.#handlers.element(element);
  }

  #onText(text: string, back = 1): void {
    this.#tellComplete();
    if (this.#stopped) return;
    if (this.#current !== null) {
      const { children } = this.#current;
      const last = children.length - 1;
      if (typeof children[last] === "string") children[last] += text;
      else children.push(text);
    } else if (this.#depth === 1 && /[^ \t\r\n]/.test(text)) {
      // RFC 6120 section 11.7. Corrected: no other white space than that of XML 1.0 section 2.3 [3].
      throw new StreamError("bad-format", "text between stanzas");
    } else if (this.#depth === 1 && this.#above === 1) {
      this.#count(back); // a white-space keepalive, told of when the "<" behind it is read
    }
  }
}

function copyHeader(from: Record<string, SaxesAttributeNS>, to: Record<string, string>): void {
  const entries = Object.values(from).map(({ name, value }) => [name, value]);
  Object.defineProperties(to, Object.getOwnPropertyDescriptors(Object.fromEntries(entries)));
}

function copyAttributes(from: Record<string, SaxesAttributeNS>, to: Record<string, string>): void {
  for (const name in from) {
    const attribute = from[name] as SaxesAttributeNS;
    if (name === "__proto__") {
      // Corrected: a name as any other (XML 1.0 section 2.3 [5])
      Object.defineProperty(to, name, { value: attribute.value, enumerable: true, configurable: true, writable: true });
    } else if (attribute.prefix === "") {
      if (name !== "xmlns") to[name] = attribute.value;
    } else if (attribute.prefix === "xml") {
      to[name] = attribute.value;
    } else if (attribute.prefix !== "xmlns") {
      to[`xmlns:${attribute.prefix}`] = attribute.uri;
      to[name] = attribute.value;
    }
  }
}

function tooMuch(what: string, setting: string): never {
  throw new StreamError("policy-violation", `${what} (limits.${setting})`);
}

function asStreamError(error: Error): StreamError {
  if (error instanceof StreamError) return error;
  const message = error.message;
  if (message.startsWith("undefined entity")) {
    return new StreamError("restricted-xml", "entities are not allowed in XMPP");
  }
  if (message.startsWith("inappropriately located doctype")) {
    return new StreamError("restricted-xml", "document type declarations are not allowed in XMPP");
  }
  return new StreamError("not-well-formed", message);
}

// How many octets from the start are whole characters in UTF-8.
function validLength(bytes: Buffer): number {
  let [low, high] = [0, bytes.length];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    const part = bytes.subarray(0, middle);
    if (isUtf8(part.subarray(0, middle - incompleteTail(part)))) low = middle;
    else high = middle - 1;
  }
  return low - incompleteTail(bytes.subarray(0, low));
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
