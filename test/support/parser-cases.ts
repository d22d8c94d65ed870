// Documents for the XML parser: streams and frames as they should be, broken ones, and soup; in chunks of any size.

import fc from "fast-check";
import { mutateOctets, mutateTree, pieces } from "../fuzz/mutate.ts";
import type { Random } from "../fuzz/random.ts";
import { stanza } from "../fuzz/stanzas.ts";
import { write } from "../fuzz/tree.ts";
import { LARGE, type ParserCase } from "./parser-comparison.ts";

const HEADER =
  "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='example.com' version='1.0'>";

const PREFIXES = ["", "", "", "", "p:", "q:", "stream:", "xml:", "xmlns:", "undeclared:", ":", "p:q:"];
const LOCALS = [
  "a",
  "b",
  "message",
  "body",
  "x",
  "é",
  "\u{1f600}",
  "名",
  "a\u0301",
  "stream",
  "__proto__",
  "xmlns",
  "1",
  "·",
];
const VALUES = [
  ..."abc <>&'\"\t\n\r]=/?;é€\u{1f600}\u0001\ufffe\uffff\u00a0\ufeff\u007f\u0085\u2028",
  ...["", "jabber:client", "urn:a", "urn:b", "http://www.w3.org/XML/1998/namespace", "http://www.w3.org/2000/xmlns/"],
  ...["&amp;", "&lt;", "&#65;", "&#x1F600;", "&#13;", "&#10;", "&#xD800;", "&#0;", "&#0000000000000000000000065;"],
  ...["&foo;", "&", "&#", "&#x", "&#xg;", "&#X41;", "&a:b;", "&é;", "&amp", "]]>", "]]", "\r\n", "]]&gt;", "\r\n\n"],
];
const FRAGMENTS = [
  ...VALUES,
  ...[
    "<",
    "</",
    "/>",
    ">",
    "='",
    "'",
    '"',
    "=",
    " ",
    "<!--",
    "-->",
    "--",
    "<!",
    "<![CDATA[",
    "]]>",
    "<!DOCTYPE a>",
    "<?",
  ],
  ...["<?xml version='1.0'?>", "<?xml version='1.1'?>", '<?xml version="1.0" encoding="utf-8" standalone="no" ?>'],
  ...[
    "<?xml version='1.0' encoding='latin1'?>",
    "<?xml",
    "?>",
    "<?p i?>",
    "<?XML a?>",
    "<!DOCTYPE",
    "<!ELEMENT",
    "<?a:b ?>",
  ],
  ...["<a>", "</a>", "<a/>", "<a", "</a >", "<p:a xmlns:p='urn:a'>", "</p:a>", " xmlns='urn:a'", " xmlns:p='urn:b'"],
  ...[
    " a='1'",
    " p:a='1'",
    " q:a='2'",
    " xmlns:q='urn:b'",
    " xml:lang='en'",
    " xmlns=' '",
    " xmlns:p=''",
    "<é>",
    "</é>",
  ],
  ...["<÷/>", "<a÷/>", "</Ã·>", "<Ã·>", "</÷>", " xmlns:1='u'", " p:1=''", "<stream:stream>", "</stream:stream>"],
  ...[HEADER, "<message><body>hi</body></message>", "<presence/>", "<stream:features/>"],
];

const name = fc.tuple(fc.constantFrom(...PREFIXES), fc.constantFrom(...LOCALS)).map((parts) => parts.join(""));
const attributeName = fc.oneof(
  { weight: 3, arbitrary: name },
  {
    weight: 2,
    arbitrary: fc.constantFrom("xmlns", "xmlns:p", "xmlns:q", "xmlns:xml", "xmlns:xmlns", "xml:lang", "to", "id"),
  },
);
const text = fc.array(fc.constantFrom(...VALUES), { maxLength: 5 }).map((parts) => parts.join(""));
const space = fc.constantFrom("", "", "", " ", "\n", "\t", "\r\n");
const attribute = fc
  .tuple(attributeName, space, space, fc.constantFrom("'", '"'), fc.oneof(text, fc.constantFrom("1", "urn:a", "urn:b")))
  .map(([key, before, behind, quote, value]) => ` ${key}${before}=${behind}${quote}${value}${quote}`);
const { element } = fc.letrec<{ element: string; content: string }>((tie) => ({
  content: fc.oneof(
    { maxDepth: 4, depthIdentifier: "xml" },
    text,
    text.map((part) => `<![CDATA[${part}]]>`),
    tie("element"),
  ),
  element: fc
    .tuple(name, fc.array(attribute, { maxLength: 4 }), space, fc.array(tie("content"), { maxLength: 3 }))
    .map(([tag, attributes, behind, content]) =>
      content.length === 0
        ? `<${tag}${attributes.join("")}${behind}/>`
        : `<${tag}${attributes.join("")}${behind}>${content.join("")}</${tag}${behind}>`,
    ),
}));
const soup = fc.array(fc.constantFrom(...FRAGMENTS), { maxLength: 12 }).map((parts) => parts.join(""));
const stream = fc
  .tuple(
    fc.constantFrom("", "<?xml version='1.0'?>", '<?xml version="1.0" encoding="UTF-8" ?>\n', "\n"),
    fc.constantFrom(HEADER, HEADER.replace(">", " xmlns:p='urn:a' p:to='x'>")),
    fc.array(fc.oneof(element, element, soup, space), { maxLength: 4 }),
    fc.constantFrom("", "</stream:stream>", "</stream:stream>\n", "</stream:stream >x"),
  )
  .map((parts) => parts.flat().join(""));

type Mutation = { readonly at: number; readonly remove: number; readonly insert: string };
const mutation: fc.Arbitrary<Mutation> = fc.record({
  at: fc.nat(4_000),
  remove: fc.constantFrom(0, 0, 1, 1, 2, 10),
  insert: fc.oneof(fc.constant(""), fc.constantFrom(...FRAGMENTS)),
});

function mutated(document: string, mutations: readonly Mutation[]): string {
  return mutations.reduce((left, { at, remove, insert }) => {
    const place = at % (left.length + 1);
    return left.slice(0, place) + insert + left.slice(place + remove);
  }, document);
}

/** In pieces of so many octets, again and again; none: as it is. */
export function cut(document: Buffer, sizes: readonly number[]): Buffer[] {
  if (sizes.length === 0) return [document];
  const chunks: Buffer[] = [];
  for (let at = 0, index = 0; at < document.length; index++) {
    const size = sizes[index % sizes.length] as number;
    chunks.push(document.subarray(at, at + size));
    at += size;
  }
  return chunks;
}

const sizes = fc.oneof(fc.constant([]), fc.constant([1]), fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 5 }));
const limits = fc.oneof(
  { weight: 3, arbitrary: fc.constant(LARGE) },
  {
    weight: 1,
    arbitrary: fc.record({
      ...{ stanzaBytes: fc.integer({ min: 20, max: 300 }), stanzaBytesSetting: fc.constant("stanzaBytes" as const) },
      ...{ depth: fc.integer({ min: 1, max: 4 }), attributes: fc.nat(3), elements: fc.integer({ min: 1, max: 6 }) },
      xmlNameCharacters: fc.integer({ min: 3, max: 8 }),
    }),
  },
);

/** Documents that fast-check makes, and makes smaller where there is a difference. */
export const generatedCase: fc.Arbitrary<ParserCase> = fc
  .record({
    document: fc.oneof(stream, stream, element, soup),
    mutations: fc.oneof(fc.constant([]), fc.array(mutation, { maxLength: 4 })),
    ...{ sizes, limits, root: fc.constantFrom("stream" as const, "stream" as const, "element" as const) },
    stopAt: fc.option(fc.nat(3), { nil: undefined, freq: 4 }),
  })
  .map(({ document, mutations, sizes, ...rest }) => ({
    ...rest,
    chunks: cut(Buffer.from(mutated(document, mutations)), sizes),
  }));

/** What the fuzzer (test/fuzz) throws at a server, without the large ones. */
export function fuzzedCase(random: Random): ParserCase {
  const root = random.chance(0.2) ? "element" : "stream";
  const texts = random.times(root === "element" ? 1 : 1 + random.below(3), (n) => {
    let node = stanza(random, `${n}`);
    for (let changes = random.pick([0, 0, 1, 2]); changes > 0; changes -= 1) node = mutateTree(random, node);
    return write(node, random);
  });
  if (root === "stream") {
    texts.unshift(HEADER);
    if (random.chance(0.3)) texts.unshift("<?xml version='1.0'?>");
    if (random.chance(0.3)) texts.push("</stream:stream>");
  }
  let octets: Buffer = Buffer.from(texts.join(""));
  if (octets.length > 6_000) octets = octets.subarray(0, 6_000);
  for (let changes = random.pick([0, 1, 1, 2]); changes > 0; changes -= 1) octets = mutateOctets(random, octets);
  if (octets.length > 8_000) octets = octets.subarray(0, 8_000);
  const chunks = octets.length === 0 ? [octets] : random.chance(0.1) ? cut(octets, [1]) : pieces(random, octets);
  const limits = random.chance(0.7)
    ? LARGE
    : { ...LARGE, stanzaBytes: 50 + random.below(1_000), depth: 1 + random.below(5), attributes: random.below(6) };
  return { chunks, root, limits, stopAt: random.chance(0.2) ? random.below(4) : undefined };
}
