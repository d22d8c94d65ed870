// Tokens to ltx Elements, with namespaces resolved (Namespaces in XML 1.0) and within limits. What is wrong by more rules than
// one is refused by the one that it breaks first.

import { Element } from "ltx";
import { StreamError } from "../errors.ts";
import { NS } from "../namespaces.ts";
import { isPrefixedName } from "./names.ts";
import type { XmlHandlers, XmlLimits, XmlRoot } from "./parser.ts";
import type { TokenTaker } from "./tokens.ts";

/** An element from its start tag to its end tag. */
type Open = {
  /** As it is written, with the prefix. */
  readonly name: string;
  readonly ns: string;
  /** Of children without a prefix. */
  readonly defaultNs: string;
  /** The prefixes that the element itself declares. */
  readonly prefixes: ReadonlyMap<string, string> | undefined;
  readonly parent: Open | undefined;
  /** Undefined for the stream. */
  readonly element: Element | undefined;
};

const FEW = 8;
/** Of a declaration, besides its prefix and its namespace. */
const DECLARATION_CHARACTERS = 10;

export class ElementBuilder implements TokenTaker {
  readonly #handlers: XmlHandlers;
  /** The namespace that is left unwritten. */
  readonly #content: string;
  /** Open elements above the first level. */
  readonly #above: 0 | 1;
  limits: XmlLimits;
  openName = "";
  /** The root's end tag was there. */
  complete = false;
  #open: Open | undefined;
  #depth = 0;
  #elements = 0;
  /** What declarations, which are in the source once, add where elements are written by themselves. */
  #added = 0;
  /** Up to there all is told of: from there the octets of a stanza are counted. */
  #told = 0;
  // of the start tag that is being read
  #name = "";
  /** Names and values by turns. Kept for the next tag, with what is in it forgotten. */
  readonly #attributes: string[] = [];
  #count = 0;
  #prefixed = false;
  #defaultNs: string | undefined;
  #prefixes: Map<string, string> | undefined;

  constructor(limits: XmlLimits, handlers: XmlHandlers, root: XmlRoot, content: string) {
    this.limits = limits;
    this.#handlers = handlers;
    this.#above = root === "stream" ? 1 : 0;
    this.#content = content;
  }

  /** Throws StreamError: policy-violation, if what is not complete at this place is too large already. */
  checkSize(position: number): void {
    const { stanzaBytes, stanzaBytesSetting } = this.limits;
    if (position - this.#told + this.#added <= stanzaBytes) return;
    tooMuch(`a stanza is larger than ${stanzaBytes} bytes`, stanzaBytesSetting);
  }

  get betweenStanzas(): boolean {
    return this.#open !== undefined && this.#open.element === undefined;
  }

  startTag(name: string): void {
    this.#checkName(name);
    if (this.complete) fail("more than one root");
    this.#name = name;
    this.#count = 0;
    this.#prefixed = false;
    this.#defaultNs = undefined;
    this.#prefixes = undefined;
  }

  attribute(name: string, value: string): void {
    const colon = name.indexOf(":");
    if (colon >= 0 && !isPrefixedName(name, colon)) fail(`${name} is no name`);
    const declares = name === "xmlns" || (colon === 5 && name.startsWith("xmlns"));
    // No URI has any (Namespaces in XML 1.0 section 2): it would be one namespace to some and another to others.
    if (declares && value !== value.trim()) fail("white space round a namespace name");
    this.#checkName(name);
    const { attributes } = this.limits;
    if (this.#count >= attributes) tooMuch(`more than ${attributes} attributes in one element`, "attributes");
    const at = 2 * this.#count;
    this.#count += 1;
    this.#attributes[at] = name;
    this.#attributes[at + 1] = value;
    if (declares) this.#declare(colon < 0 ? "" : name.slice(colon + 1), value);
    if (colon >= 0 && !declares && !name.startsWith("xml:")) this.#prefixed = true;
  }

  // Namespaces in XML 1.0 section 3.
  #declare(prefix: string, ns: string): void {
    if (prefix === "xmlns" || ns === NS.xmlns) fail("xmlns cannot be declared");
    if ((prefix === "xml") !== (ns === NS.xml)) fail("the prefix xml and its namespace belong together");
    if (prefix === "") this.#defaultNs = ns;
    else {
      if (ns === "") fail(`the prefix ${prefix} in no namespace`);
      this.#prefixes ??= new Map();
      this.#prefixes.set(prefix, ns);
    }
  }

  startTagEnd(end: number): void {
    const name = this.#name;
    const parent = this.#open;
    const defaultNs = this.#defaultNs ?? (parent === undefined ? "" : parent.defaultNs);
    const colon = name.indexOf(":");
    const ns = colon < 0 ? defaultNs : this.#namespaceOf(name, colon);
    this.#checkAttributes();
    const level = this.#depth + 1 - this.#above;
    const local = colon < 0 ? name : name.slice(colon + 1);
    this.#checkLevel(level, ns, local, end);
    const element = level === 0 ? undefined : this.#newElement(name, local, ns, end);
    this.#depth += 1;
    // The prefix xml is bound to its namespace alone, and children inherit nothing from it.
    const inherited = ns === NS.xml ? this.#parentNs() : ns;
    this.#open = { name, ns: inherited, defaultNs, prefixes: this.#prefixes, parent, element };
    this.openName = name;
    const attrs = level === 0 ? this.#allAttributes() : undefined;
    this.#forgetAttributes();
    if (attrs !== undefined) this.#handlers.open({ name: local, ns, defaultNs, attrs });
  }

  // Who is idle keeps nothing of the last stanza.
  #forgetAttributes(): void {
    const attributes = this.#attributes;
    if (this.#count > FEW) attributes.length = 0;
    else for (let at = 2 * this.#count - 1; at >= 0; at--) attributes[at] = "";
  }

  #checkLevel(level: number, ns: string, local: string, end: number): void {
    if (level === 0) {
      this.checkSize(end);
      this.#told = end;
      return;
    }
    if (level === 1 && local === "stream" && ns === NS.stream) {
      throw new StreamError("bad-format", "a stream header within a stream");
    }
    const { depth, elements } = this.limits;
    if (level > depth) tooMuch(`a stanza is nested deeper than ${depth} levels`, "depth");
    this.#elements += 1;
    if (this.#elements > elements) tooMuch(`a stanza has more than ${elements} elements`, "elements");
  }

  endTag(right: boolean, end: number): void {
    const open = this.#open;
    const first = this.#depth - this.#above === 1;
    if (first) this.checkSize(end);
    if (!right || open === undefined) fail("an end tag of another element");
    const { parent, element } = open;
    this.#open = parent;
    this.openName = parent === undefined ? "" : parent.name;
    this.#depth -= 1;
    if (parent === undefined) this.complete = true;
    if (first) {
      this.#told = end;
      this.#elements = 0;
      this.#added = 0;
      this.#handlers.element(element as Element);
    } else if (element === undefined) this.#handlers.close();
  }

  text(text: string, end: number): void {
    const element = this.#open?.element;
    if (element !== undefined) {
      const { children } = element;
      const last = children.length - 1;
      if (last >= 0 && typeof children[last] === "string") children[last] += text;
      else children.push(text);
      return;
    }
    // RFC 6120 section 11.7 allows white space only: a keepalive is no part of the next stanza.
    if (text !== "" && /[^ \t\r\n]/.test(text)) throw new StreamError("bad-format", "text between stanzas");
    this.#told = end;
  }

  #checkName(name: string): void {
    const { xmlNameCharacters } = this.limits;
    if (name.length <= xmlNameCharacters) return;
    tooMuch(`a name has more than ${xmlNameCharacters} characters`, "xmlNameCharacters");
  }

  // Namespaces in XML 1.0 section 4: an element's prefix must be declared; xmlns is never one.
  #namespaceOf(name: string, colon: number): string {
    if (!isPrefixedName(name, colon)) fail(`${name} is no name`);
    const prefix = name.slice(0, colon);
    if (prefix === "xmlns") fail("xmlns is the prefix of no element");
    return this.#resolve(prefix);
  }

  #resolve(prefix: string): string {
    if (prefix === "xml") return NS.xml;
    let ns = this.#prefixes?.get(prefix);
    for (let open = this.#open; ns === undefined && open !== undefined; open = open.parent) {
      ns = open.prefixes?.get(prefix);
    }
    return ns ?? fail(`the prefix ${prefix} is not declared`);
  }

  // XML 1.0 section 3.1, and Namespaces in XML 1.0 section 6.3: no attribute twice, by whatever prefix.
  #checkAttributes(): void {
    const count = this.#count;
    if (!differ(this.#attributes, count)) fail("an attribute twice");
    if (!this.#prefixed) return;
    const expanded = new Set<string>();
    for (let index = 0; index < count; index++) {
      const name = this.#attributes[2 * index] as string;
      const colon = name.indexOf(":");
      if (colon < 0 || isReserved(name, colon)) continue;
      // No namespace, nor a local part, is ambiguous with a colon between them: a local part has none.
      const full = `${this.#resolve(name.slice(0, colon))}:${name.slice(colon + 1)}`;
      if (expanded.has(full)) fail("an attribute twice");
      expanded.add(full);
    }
  }

  #parentNs(): string {
    return this.#open?.element === undefined ? this.#content : this.#open.ns;
  }

  // It leaves with its local name, and a declaration where its namespace differs from its parent's.
  #newElement(name: string, local: string, ns: string, end: number): Element {
    // The namespace of the prefix xml may not be declared in any other way (Namespaces in XML 1.0 section 3).
    const inXml = ns === NS.xml;
    const element = new Element(inXml ? name : local);
    const { attrs } = element;
    const added = this.#added;
    if (!inXml && ns !== this.#parentNs()) {
      attrs.xmlns = ns;
      const declared = local === name ? this.#defaultNs !== undefined : this.#declares(prefixOf(name));
      if (!declared) this.#added += ns.length + DECLARATION_CHARACTERS;
    }
    this.#addAttributes(attrs);
    // One long namespace and many children would be a small stanza to read and a very large one to write.
    if (this.#added > added) this.checkSize(end);
    const parent = this.#open?.element;
    if (parent !== undefined) {
      element.parent = parent;
      parent.children.push(element);
    }
    return element;
  }

  #declares(prefix: string): boolean {
    return this.#prefixes?.has(prefix) ?? false;
  }

  #addAttributes(attrs: Record<string, string>): void {
    const attributes = this.#attributes;
    const end = 2 * this.#count;
    const simple = !this.#prefixed && this.#prefixes === undefined;
    for (let at = 0; at < end; at += 2) {
      const name = attributes[at] as string;
      if (name === "xmlns") continue;
      const colon = simple ? -1 : name.indexOf(":");
      if (colon > 0 && name.startsWith("xmlns:")) continue;
      if (colon > 0 && !isReserved(name, colon)) {
        this.#addDeclaration(attrs, name.slice(0, colon));
      }
      setAttribute(attrs, name, attributes[at + 1] as string);
    }
  }

  #addDeclaration(attrs: Record<string, string>, prefix: string): void {
    const name = `xmlns:${prefix}`;
    if (attrs[name] !== undefined) return;
    const ns = this.#resolve(prefix);
    attrs[name] = ns;
    if (!this.#declares(prefix)) this.#added += prefix.length + ns.length + DECLARATION_CHARACTERS;
  }

  #allAttributes(): Record<string, string> {
    const attrs: Record<string, string> = {};
    for (let at = 0; at < 2 * this.#count; at += 2) {
      setAttribute(attrs, this.#attributes[at] as string, this.#attributes[at + 1] as string);
    }
    return attrs;
  }
}

function setAttribute(attrs: Record<string, string>, name: string, value: string): void {
  // Assigned, this one name would set the prototype, or rather nothing, a string being none.
  if (name !== "__proto__") attrs[name] = value;
  else Object.defineProperty(attrs, name, { value, enumerable: true, configurable: true, writable: true });
}

function prefixOf(name: string): string {
  return name.slice(0, name.indexOf(":"));
}

function isReserved(name: string, colon: number): boolean {
  return (colon === 3 && name.startsWith("xml")) || (colon === 5 && name.startsWith("xmlns"));
}

// Whether all names are different, of names and values by turns.
function differ(attributes: readonly string[], count: number): boolean {
  if (count > FEW) {
    const names = new Set<string>();
    for (let index = 0; index < count; index++) names.add(attributes[2 * index] as string);
    return names.size === count;
  }
  for (let one = 1; one < count; one++) {
    for (let other = 0; other < one; other++) if (attributes[2 * one] === attributes[2 * other]) return false;
  }
  return true;
}

function tooMuch(what: string, setting: string): never {
  throw new StreamError("policy-violation", `${what} (limits.${setting})`);
}

function fail(what: string): never {
  throw new StreamError("not-well-formed", what);
}
