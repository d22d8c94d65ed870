// Mutations: of a tree (it stays well-formed, mostly), of the text, of its octets; and the ways in which octets can arrive.

import type { Random } from "./random.ts";
import { extension } from "./stanzas.ts";
import { type Tree, tree } from "./tree.ts";
import { address, NAMESPACES, oddAddress, oddText } from "./words.ts";

/** One change somewhere in the tree. */
export function mutateTree(random: Random, node: Tree): Tree {
  const inner = node.children.filter((child): child is Tree => typeof child !== "string");
  if (inner.length > 0 && random.chance(0.5)) {
    const chosen = random.pick(inner);
    const changed = mutateTree(random, chosen);
    return { ...node, children: node.children.map((child) => (child === chosen ? changed : child)) };
  }
  return random.weighted(TREE_MUTATIONS)(random, node);
}

type TreeMutation = (random: Random, node: Tree) => Tree;

const TREE_MUTATIONS: readonly (readonly [number, TreeMutation])[] = [
  [3, (random, node) => without(node, random.below(node.attrs.length))],
  [
    5,
    (random, node) => {
      const [name] = random.pick(node.attrs) ?? ["type"];
      return setAttr(node, name, random.pick([address, oddAddress, oddText, oddText])(random));
    },
  ],
  [2, (random, node) => setAttr(node, random.pick(["to", "from", "id", "type", "xml:lang", "node"]), oddText(random))],
  [2, (random, node) => setAttr(node, "to", address(random))],
  [1, (random, node) => setAttr(node, "from", address(random))],
  [2, (random, node) => setAttr(node, "type", random.pick(["get", "set", "result", "error", "probe", "x", ""]))],
  [3, (random, node) => setAttr(node, "xmlns", random.pick(NAMESPACES))],
  [
    1,
    (random, node) => ({ ...node, name: random.pick(["iq", "message", "presence", "query", "body", "x", "a.b-c_d"]) }),
  ],
  [2, (random, node) => ({ ...node, children: [...node.children, extension(random)] })],
  [2, (random, node) => ({ ...node, children: [...node.children, oddText(random)] })],
  [2, (_random, node) => ({ ...node, children: node.children.slice(1) })],
  [1, (_random, node) => ({ ...node, children: [] })],
  [1, (_random, node) => ({ ...node, children: [...node.children, ...node.children] })],
  [1, (_random, node) => ({ ...node, children: [...node.children].reverse() })],
  [1, (random, node) => ({ ...node, children: [nested(random.pick([2, 10, 62, 70, 300]), node.children)] })],
  [1, (random, node) => ({ ...node, children: random.times(random.pick([50, 1_000, 12_000]), () => tree("c")) })],
  [1, (random, node) => manyAttributes(node, random.pick([10, 63, 70, 1_000]))],
  [1, (random, node) => setAttr(node, "huge", "h".repeat(random.pick([1_000, 9_990, 100_000, 300_000])))],
  [1, (_random, node) => prefixed(node, "p")],
  [1, (_random, node) => ({ ...node, name: `undeclared:${node.name}` })],
  [1, (_random, node) => prefixed(node, "xml")],
  [1, (_random, node) => prefixed(node, "xmlns")],
  [1, (_random, node) => twice(node)],
  [1, (random, node) => setAttr(node, "xmlns:p", random.pick(["", "http://www.w3.org/2000/xmlns/", "u"]))],
];

function setAttr(node: Tree, name: string, value: string): Tree {
  return { ...node, attrs: [...node.attrs.filter(([other]) => other !== name), [name, value]] };
}

function without(node: Tree, index: number): Tree {
  return { ...node, attrs: node.attrs.filter((_, at) => at !== index) };
}

/** The same attribute of one namespace by two prefixes: not allowed (Namespaces in XML section 6.3). */
function twice(node: Tree): Tree {
  return { ...node, attrs: [...node.attrs, ["xmlns:a", "u"], ["xmlns:b", "u"], ["a:z", "1"], ["b:z", "2"]] };
}

function nested(depth: number, children: Tree["children"]): Tree {
  let inner: Tree = { name: "n", attrs: [], children };
  for (let level = 1; level < depth; level += 1) inner = tree("n", {}, inner);
  return inner;
}

function manyAttributes(node: Tree, count: number): Tree {
  return { ...node, attrs: [...node.attrs, ...Array.from({ length: count }, (_, i) => [`a${i}`, "v"] as const)] };
}

/** The same element in the same namespace, said with a prefix. */
function prefixed(node: Tree, prefix: string): Tree {
  const ns = node.attrs.find(([name]) => name === "xmlns")?.[1] ?? "jabber:client";
  return { ...node, name: `${prefix}:${node.name}`, attrs: [...node.attrs, [`xmlns:${prefix}`, ns]] };
}

const MARKUP = [
  "<!-- comment -->",
  "<!--",
  "-->",
  "<?pi data?>",
  "<?xml version='1.0'?>",
  "<?xml version='1.1' encoding='UTF-16'?>",
  "<!DOCTYPE x [<!ENTITY a 'b'>]>",
  "<!DOCTYPE lolz [<!ENTITY a '&b;&b;'><!ENTITY b '&c;&c;'>]>",
  "<!ENTITY x SYSTEM 'file:///etc/passwd'>",
  "<![CDATA[",
  "]]>",
  "&x;",
  "&amp",
  "&#0;",
  "&#1;",
  "&#xD800;",
  "&#xFFFE;",
  "&#x110000;",
  "&#99999999999999999999;",
  "</",
  "/>",
  "<",
  ">",
  "'",
  '"',
  "</stream:stream>",
  "</stream>",
  "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>",
  "<stream:error/>",
  "<stream:features/>",
  "<a><b></a></b>",
  "<1/>",
  "<a:/>",
  "<:a/>",
  "<a:b:c xmlns:a='u'/>",
  "<a x='1' x='2'/>",
  "<a x=1/>",
  "<a x='<'/>",
  "<a xmlns:xml='u'/>",
  "<a xmlns='http://www.w3.org/2000/xmlns/'/>",
  "<a xmlns:p=''/>",
] as const;

const OCTETS: readonly (readonly number[])[] = [
  [0x00],
  [0x01],
  [0x08],
  [0x7f],
  [0x80],
  [0xc0, 0x80], // overlong NUL
  [0xc1, 0xbf],
  [0xe0, 0x80, 0x80],
  [0xed, 0xa0, 0x80], // a surrogate
  [0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80], // CESU-8
  [0xef, 0xbf, 0xbe], // U+FFFE
  [0xef, 0xbb, 0xbf], // a byte order mark
  [0xf0, 0x80, 0x80, 0x80],
  [0xf4, 0x90, 0x80, 0x80], // beyond U+10FFFF
  [0xf8, 0x88, 0x80, 0x80, 0x80],
  [0xff, 0xfe],
  [0xc3], // a sequence that does not go on
  [0xf0, 0x9f, 0x98],
];

/** One change to octets that were well-formed. */
export function mutateOctets(random: Random, octets: Buffer): Buffer {
  const at = random.below(octets.length + 1);
  const end = Math.min(octets.length, at + 1 + random.below(random.pick([1, 8, 64, 1_024])));
  const [before, after] = [octets.subarray(0, at), octets.subarray(at)];
  switch (random.below(9)) {
    case 0: {
      const flipped = Buffer.from(octets);
      if (at < flipped.length) flipped[at] = (flipped[at] as number) ^ (1 << random.below(8));
      return flipped;
    }
    case 1:
      return Buffer.concat([before, Buffer.from(random.pick(OCTETS)), after]);
    case 2:
      return Buffer.concat([before, octets.subarray(end)]);
    case 3:
      return Buffer.concat([octets.subarray(0, end), after]);
    case 4:
      return before;
    case 5:
      return Buffer.concat([before, random.bytes(1 + random.below(40)), after]);
    case 6:
      return Buffer.concat([
        before,
        Buffer.alloc(random.pick([10, 5_000, 300_000]), random.pick(["x", "<", " ", "\0"])),
      ]);
    default:
      return Buffer.concat([before, Buffer.from(random.pick(MARKUP)), after]);
  }
}

/** The same octets in pieces, as a network may deliver them. */
export function pieces(random: Random, octets: Buffer): Buffer[] {
  const { length } = octets;
  switch (random.below(4)) {
    case 0: {
      const at = random.below(length);
      return at === 0 ? [octets] : [octets.subarray(0, at), octets.subarray(at)];
    }
    case 1: {
      const parts: Buffer[] = [];
      const size = random.pick([1, 2, 3, 7, 100]);
      const few = Math.max(size, Math.ceil(length / 400)); // large ones in larger pieces: no case takes for ever
      for (let at = 0; at < length; at += few) parts.push(octets.subarray(at, at + few));
      return parts;
    }
    default:
      return [octets];
  }
}
