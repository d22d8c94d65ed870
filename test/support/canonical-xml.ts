// XML as what it means (Namespaces in XML 1.0): prefixes resolved, attributes in order. Read with saxes alone, so that a
// mistake of the server's own reader or writer cannot hide itself.

import { type SaxesAttributeNS, SaxesParser } from "saxes";

export type Canonical = {
  readonly name: string;
  readonly attrs: Readonly<Record<string, string>>;
  readonly children: (Canonical | string)[];
};

/** The meaning of one stanza, `xml` being it alone as it stands on the wire: in the namespace of its stream. */
export function canonical(xml: string): Canonical {
  const parser = new SaxesParser({ xmlns: true });
  const document: Canonical = { name: "", attrs: {}, children: [] };
  const open = [document];
  parser.on("error", (error) => {
    throw error;
  });
  parser.on("opentag", (tag) => {
    const attrs = Object.values<SaxesAttributeNS>(tag.attributes)
      .filter(({ prefix, name }) => prefix !== "xmlns" && name !== "xmlns")
      .map(({ uri, local, value }): [string, string] => [uri === "" ? local : `{${uri}}${local}`, value])
      .sort(([a], [b]) => (a < b ? -1 : 1));
    const element: Canonical = { name: `{${tag.uri}}${tag.local}`, attrs: Object.fromEntries(attrs), children: [] };
    open.at(-1)?.children.push(element);
    open.push(element);
  });
  const addText = (text: string): void => {
    const { children } = open.at(-1) as Canonical;
    const last = children.at(-1);
    if (typeof last === "string") children[children.length - 1] = last + text;
    else if (text !== "") children.push(text);
  };
  parser.on("text", addText);
  parser.on("cdata", addText);
  parser.on("closetag", () => void open.pop());
  parser.write(`<stream xmlns='jabber:client'>${xml}</stream>`).close();
  const [stream] = document.children as Canonical[];
  return stream?.children[0] as Canonical;
}
