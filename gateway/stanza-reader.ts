// A lone stanza as an XML document: the stanza is the root element (RFC 6120 sections 4.8, 8, 11.1).

import { Element } from "ltx";
import { NS } from "../server/namespaces.ts";
import { ok, type Result, refuse } from "../server/result.ts";
import { parseXml, XML_BOUNDS, type XmlElement } from "./xml-document.ts";

/**
 * Reads a stanza in no namespace, jabber:client or jabber:server, with any prefix, as server/xml/parser.ts would build
 * it: an `xmlns` attribute only where the namespace differs from the parent's, the content namespace unwritten.
 * Errors: another root, those of `parseXml`, comments and processing instructions (RFC 6120 section 11.1).
 */
export function readStanza(input: Buffer): Result<Element> {
  const document = parseXml(input, { ...XML_BOUNDS, extras: "refused" });
  if (!document.ok) return document;
  const { ns, name } = document.value;
  if (ns !== "" && ns !== NS.client && ns !== NS.server) return refuse(`a stanza cannot be in the namespace ${ns}`);
  if (name !== "message" && name !== "presence" && name !== "iq") return refuse(`${name} is no stanza`);
  return ok(build(document.value, NS.client, (uri) => asClient(uri, ns)));
}

// What a namespace is called in the jabber:client twin of a stanza. In a jabber:server one the two names change places,
// so that a jabber:client child stays the extension it is; in one without namespace, both none and jabber:client are content.
function asClient(uri: string, contentNs: string): string {
  if (uri === contentNs) return NS.client;
  return uri === NS.client && contentNs === NS.server ? NS.server : uri;
}

function build(source: XmlElement, parentNs: string, nameOf: (uri: string) => string): Element {
  const ns = nameOf(source.ns);
  const element = new Element(source.name);
  if (ns !== parentNs) element.attrs.xmlns = ns;
  for (const [key, value] of source.attributes) {
    if (!key.startsWith("{")) element.attrs[key] = value;
    else if (key.startsWith(`{${NS.xml}}`)) element.attrs[`xml:${key.slice(NS.xml.length + 2)}`] = value;
    // Attributes in other namespaces belong to extensions, which are not mapped.
  }
  for (const child of source.children) {
    if (typeof child === "string") element.children.push(child);
    else {
      const built = build(child, ns, nameOf);
      built.parent = element;
      element.children.push(built);
    }
  }
  return element;
}
