// ltx Elements to text, and changed copies of them: an Element is never edited after it was parsed or built.

import { Element } from "ltx";

const SPECIAL = /[&<>"']/;
const SPECIAL_TEXT = /[&<>\r]/;

function escapeAttribute(value: string): string {
  let text = value;
  if (SPECIAL.test(text)) {
    text = text
      .replaceAll("&", "&amp;")
      .replaceAll("<", "&lt;")
      .replaceAll(">", "&gt;")
      .replaceAll('"', "&quot;")
      .replaceAll("'", "&apos;");
  }
  // A reader would turn these raw into spaces (XML 1.0 section 3.3.3).
  return /[\t\n\r]/.test(text) ? text.replace(/[\t\n\r]/g, (char) => `&#${char.charCodeAt(0)};`) : text;
}

function escapeText(value: string): string {
  if (!SPECIAL_TEXT.test(value)) return value;
  return value.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll("\r", "&#13;");
}

/**
 * The XML text of an element, its attributes in apostrophes as the RFCs' examples have them. Source: RFC 6120 section 11;
 * no declaration, no white space of its own.
 */
export function serialize(element: Element): string {
  let out = `<${element.name}`;
  const attrs = element.attrs;
  for (const name in attrs) {
    const value = attrs[name] as string | undefined | null;
    if (value !== undefined && value !== null) out += ` ${name}='${escapeAttribute(String(value))}'`;
  }
  const children = element.children;
  if (children.length === 0) return `${out}/>`;
  out += ">";
  for (const child of children) out += typeof child === "string" ? escapeText(child) : serialize(child as Element);
  return `${out}</${element.name}>`;
}

/** A shallow copy with changed attributes; `undefined` removes one. The children are shared, and must not be edited. */
export function withAttrs(element: Element, changes: Readonly<Record<string, string | undefined>>): Element {
  const copy = new Element(element.name);
  copy.attrs = { ...element.attrs }; // assigned one by one, "__proto__" would be lost
  for (const name in changes) {
    const value = changes[name];
    if (value === undefined) delete copy.attrs[name];
    else copy.attrs[name] = value;
  }
  copy.children = element.children;
  return copy;
}

/** A shallow copy with other children. */
export function withChildren(element: Element, children: readonly (Element | string)[]): Element {
  const copy = new Element(element.name);
  copy.attrs = { ...element.attrs };
  copy.children = [...children];
  return copy;
}
