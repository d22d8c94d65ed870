// A streaming reader of one XML document of any size (XEP-0227 1.1): it tells of the outline and builds no more than one
// small piece at a time. What is broken is a PortableError that names the line.

import { Element } from "ltx";
import { type SaxesAttributeNS, SaxesParser, type SaxesTagNS } from "saxes";
import { NS } from "../namespaces.ts";
import { type Opened, stanzaNamespace, treatmentOf } from "./names.ts";

/** The file cannot be read on; the message says where and why. */
export class PortableError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "PortableError";
  }
}

/** Of what is taken as a whole. */
export type PieceLimits = {
  /** Of its text, names, attributes, and of namespaces wherever its elements have to name them. */
  readonly characters: number;
  readonly depth: number;
  readonly elements: number;
  readonly attributes: number;
};

/** In order: an element that is gone into, its end, one that was taken as a whole, one that was left. */
export type Piece =
  | { readonly kind: "entered"; readonly element: Opened }
  | { readonly kind: "left"; readonly element: Opened }
  | { readonly kind: "whole"; readonly opened: Opened; readonly element: Element; readonly characters: number }
  | { readonly kind: "skipped"; readonly element: Opened; readonly tooLarge: boolean };

/** Between two tags, and within one: what the XML reader has to keep. */
const MOST_CHARACTERS_AT_ONCE = 8_388_608;

/** What a document begins with: the main one, one that is included in it, one that is included in that. */
const ROOTS = ["server-data", "host", "user"];

type Whole = {
  readonly opened: Opened;
  readonly root: Element;
  readonly namespaces: string[];
  current: Element;
  characters: number;
  elements: number;
  tooLarge: boolean;
};

export class DocumentReader {
  readonly #sax = new SaxesParser({ xmlns: true, forceXMLVersion: true, defaultXMLVersion: "1.0" });
  readonly #decoder = new TextDecoder("utf-8", { fatal: true });
  readonly #limits: PieceLimits;
  /** For a person: the name of the file. */
  readonly #where: string;
  /** Elements that were gone into, those of the including document first. */
  readonly #path: Opened[];
  readonly #base: number;
  #pieces: Piece[] = [];
  #whole: Whole | undefined;
  /** Open elements within the whole or the skipped one, itself included. */
  #within = 0;
  #skipped: Opened | undefined;
  #sinceTag = 0;

  /** @param path of the element that includes the document; empty: it is the main one */
  constructor(where: string, limits: PieceLimits, path: readonly Opened[] = []) {
    this.#where = where;
    this.#limits = limits;
    this.#path = [...path];
    this.#base = path.length;
    const sax = this.#sax;
    sax.on("opentag", (tag) => this.#onOpen(tag));
    sax.on("closetag", () => this.#onClose());
    sax.on("text", (text) => this.#onText(text));
    sax.on("cdata", (text) => this.#onText(text));
    sax.on("xmldecl", ({ encoding = "utf-8" }) => {
      if (encoding.toLowerCase() !== "utf-8") this.#fail(`the encoding is ${encoding}; convert the file to UTF-8`);
    });
    sax.on("doctype", () => this.#fail("a document type declaration is not allowed; take it out"));
    // saxes puts line and column in front.
    sax.on("error", ({ message }) => this.#fail(`not well-formed XML: ${message.replace(/^\d+:\d+: |\.$/g, "")}`));
  }

  /** The elements that the next piece stands within. */
  get path(): readonly Opened[] {
    return this.#path;
  }

  /** The pieces that the chunk completes. Throws PortableError; the pieces before the fault are in `pending`. */
  write(chunk: Uint8Array): Piece[] {
    this.#sinceTag += chunk.length;
    this.#sax.write(this.#decode(chunk));
    if (this.#sinceTag > MOST_CHARACTERS_AT_ONCE) this.#fail("a piece of text or a tag is over 8 MB");
    return this.pending();
  }

  /** Throws PortableError where the document is not complete. */
  end(): Piece[] {
    this.#sax.write(this.#decode(undefined));
    this.#sax.close();
    return this.pending();
  }

  /** What was read and not handed out yet. */
  pending(): Piece[] {
    const pieces = this.#pieces;
    this.#pieces = [];
    return pieces;
  }

  #decode(chunk: Uint8Array | undefined): string {
    try {
      return chunk === undefined ? this.#decoder.decode() : this.#decoder.decode(chunk, { stream: true });
    } catch {
      return this.#fail("not UTF-8 from here on; convert the file");
    }
  }

  #fail(what: string): never {
    throw new PortableError(`${this.#where}, line ${this.#sax.line}: ${what}`);
  }

  #onOpen(tag: SaxesTagNS): void {
    this.#sinceTag = 0;
    if (this.#whole !== undefined) this.#onInner(this.#whole, tag);
    else if (this.#skipped !== undefined) this.#within += 1;
    else this.#begin(tag);
  }

  #begin(tag: SaxesTagNS): void {
    const element: Opened = { name: tag.local, ns: tag.uri, attrs: plainAttributes(tag), line: this.#sax.line };
    const treatment = treatmentOf(this.#path, element);
    if (treatment === "skip" && this.#path.length === this.#base && this.#base < ROOTS.length) this.#wrongRoot(element);
    if (treatment === "enter") {
      this.#path.push(element);
      this.#pieces.push({ kind: "entered", element });
      return;
    }
    this.#within = 1;
    if (treatment === "skip") {
      this.#skipped = element;
      return;
    }
    const root = elementOf(tag, NS.client);
    const namespaces = [stanzaNamespace(tag.uri)];
    this.#whole = { opened: element, root, namespaces, current: root, characters: 0, elements: 0, tooLarge: false };
    this.#count(this.#whole, tag, NS.client);
  }

  #wrongRoot({ name }: Opened): never {
    const expected = ROOTS[this.#base];
    const what = this.#base === 0 ? "no XEP-0227 file" : "no document that can be included here";
    this.#fail(`this is ${what}: it begins with <${name}>, and not with <${expected}> in ${NS.portable}`);
  }

  #onInner(whole: Whole, tag: SaxesTagNS): void {
    this.#within += 1;
    const parentNs = whole.namespaces.at(-1) as string;
    this.#count(whole, tag, parentNs);
    if (whole.tooLarge) return;
    const element = elementOf(tag, parentNs);
    whole.namespaces.push(tag.uri === NS.xml ? parentNs : stanzaNamespace(tag.uri));
    element.parent = whole.current;
    whole.current.children.push(element);
    whole.current = element;
  }

  #count(whole: Whole, tag: SaxesTagNS, parentNs: string): void {
    const { characters, depth, elements, attributes } = this.#limits;
    const given = Object.values(tag.attributes);
    whole.elements += 1;
    whole.characters +=
      2 * tag.name.length +
      given.reduce((sum, { name, value }) => sum + name.length + value.length, 0) +
      repeatedCharacters(tag, parentNs);
    if (whole.characters > characters || whole.elements > elements) drop(whole);
    if (this.#within > depth || given.length > attributes) drop(whole);
  }

  #onText(text: string): void {
    const whole = this.#whole;
    if (whole === undefined) return;
    whole.characters += text.length;
    if (whole.characters > this.#limits.characters) drop(whole);
    if (whole.tooLarge) return;
    const { children } = whole.current;
    const last = children.length - 1;
    if (typeof children[last] === "string") children[last] += text;
    else children.push(text);
  }

  #onClose(): void {
    this.#sinceTag = 0;
    if (this.#within === 0) {
      this.#pieces.push({ kind: "left", element: this.#path.pop() as Opened });
      return;
    }
    this.#within -= 1;
    const whole = this.#whole;
    if (this.#within > 0) {
      if (whole === undefined || whole.tooLarge) return;
      whole.namespaces.pop();
      whole.current = whole.current.parent as Element;
      return;
    }
    if (this.#skipped !== undefined) this.#pieces.push({ kind: "skipped", element: this.#skipped, tooLarge: false });
    else if (whole?.tooLarge) this.#pieces.push({ kind: "skipped", element: whole.opened, tooLarge: true });
    else if (whole !== undefined) {
      const { opened, root: element, characters } = whole;
      this.#pieces.push({ kind: "whole", opened, element, characters });
    }
    this.#skipped = undefined;
    this.#whole = undefined;
  }
}

function drop(whole: Whole): void {
  whole.tooLarge = true;
  whole.root.children = [];
  whole.current = whole.root;
}

/** What `elementOf` adds: a prefix is declared once in the file, and its namespace is named by each element that has it. */
function repeatedCharacters({ uri, attributes }: SaxesTagNS, parentNs: string): number {
  let characters = uri === NS.xml || stanzaNamespace(uri) === parentNs ? 0 : uri.length;
  for (const { prefix, uri } of Object.values(attributes) as SaxesAttributeNS[]) {
    if (prefix !== "" && prefix !== "xml" && prefix !== "xmlns") characters += prefix.length + uri.length;
  }
  return characters;
}

function plainAttributes({ attributes }: SaxesTagNS): Record<string, string> {
  const plain: Record<string, string> = {};
  for (const { prefix, name, value } of Object.values(attributes)) {
    if (prefix === "" && name !== "xmlns") plain[name] = value;
  }
  return plain;
}

/** As xml/parser.ts makes elements: a local name, and a namespace wherever it differs from the parent's. */
function elementOf(tag: SaxesTagNS, parentNs: string): Element {
  const ns = stanzaNamespace(tag.uri);
  const inXml = tag.uri === NS.xml;
  const element = new Element(inXml ? tag.name : tag.local);
  if (!inXml && ns !== parentNs) element.attrs.xmlns = ns;
  for (const { prefix, name, value, uri } of Object.values(tag.attributes) as SaxesAttributeNS[]) {
    if (prefix === "") {
      if (name !== "xmlns") element.attrs[name] = value;
    } else if (prefix === "xml") {
      element.attrs[name] = value;
    } else if (prefix !== "xmlns") {
      element.attrs[`xmlns:${prefix}`] = uri;
      element.attrs[name] = value;
    }
  }
  return element;
}
