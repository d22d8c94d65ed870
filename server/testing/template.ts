// Compares a received stanza with a template: what the template names must be there and equal; what it leaves out may be
// anything. `{any}` stands for any value that is present, `{absent}` for an attribute that must not be there.

import { type Element, parse } from "ltx";
import { namespaceOf, textOf } from "../stanza.ts";

/** XML text as an element; without a namespace it is in the content namespace, jabber:client. */
export function stanza(xml: string): Element {
  return parse(xml) as Element;
}

/** What an element must be: a template, or a function that says. */
export type Match = string | ((element: Element) => boolean);

/** One function of a template. Throws on a template that is no XML. */
export function matcher(match: Match = () => true): (element: Element) => boolean {
  if (typeof match === "function") return match;
  const template = stanza(match);
  return (element) => difference(template, element) === undefined;
}

/** Undefined if it matches; else the first difference, for a person. */
export function difference(expected: Element, actual: Element, at = expected.name): string | undefined {
  if (localName(expected) !== localName(actual)) return `${at}: expected <${expected.name}>, got <${actual.name}>`;
  if (namespaceOf(expected) !== namespaceOf(actual)) {
    return `${at}: expected namespace ${namespaceOf(expected)}, got ${namespaceOf(actual)}`;
  }
  for (const [name, value] of Object.entries(expected.attrs as Record<string, string>)) {
    if (name.startsWith("xmlns")) continue;
    const got = actual.attrs[name] as string | undefined;
    const fits = value === "{any}" ? got !== undefined : value === "{absent}" ? got === undefined : got === value;
    if (!fits) return `${at}: expected ${name}="${value}", got ${got === undefined ? "nothing" : `"${got}"`}`;
  }
  const text = textOf(expected).trim();
  if (text !== "" && text !== "{any}" && text !== textOf(actual).trim()) {
    return `${at}: expected text "${text}", got "${textOf(actual)}"`;
  }
  const left = children(actual);
  for (const child of children(expected)) {
    const found = left.findIndex((candidate) => difference(child, candidate) === undefined);
    if (found < 0) {
      const near = left.find((candidate) => localName(candidate) === localName(child));
      return near === undefined
        ? `${at}: no <${child.name}> in ${actual.toString()}`
        : difference(child, near, `${at}/${child.name}`);
    }
    left.splice(found, 1);
  }
  return undefined;
}

function children(element: Element): Element[] {
  return element.children.filter((node) => typeof node !== "string") as Element[];
}

function localName(element: Element): string {
  return element.name.replace(/^.*:/, "");
}
