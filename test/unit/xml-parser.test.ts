// The XML parser (server/xml/parser.ts) beside its oracle over saxes, and where both differ.

import fc from "fast-check";
import type { Element } from "ltx";
import { describe, expect, it } from "vitest";
import type { StreamError } from "../../server/errors.ts";
import { type XmlRoot, XmlStreamParser } from "../../server/xml/parser.ts";
import { serialize, withAttrs, withChildren } from "../../server/xml/serialize.ts";
import { Random } from "../fuzz/random.ts";
import { cut, fuzzedCase, generatedCase } from "../support/parser-cases.ts";
import { difference, LARGE, type ParserCase, type Told, tell } from "../support/parser-comparison.ts";

const HEADER =
  "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='example.com' version='1.0'>";

/** More cases by hand: XML_CASES=1000000 npx vitest run test/unit/xml-parser.test.ts */
const CASES = Number(process.env.XML_CASES ?? 4_000);
const SEEDS = [20_261_120, Date.now() % 1_000_000_000];

function document(text: string | Buffer, root: XmlRoot = "stream"): ParserCase {
  return { chunks: [Buffer.from(text as string)], root, limits: LARGE };
}

/** The elements that a document has, or rather what is told of them. */
function told(text: string | Buffer, root: XmlRoot = "stream"): Told {
  return tell(XmlStreamParser, document(text, root));
}

const DOCUMENTS: readonly string[] = [
  `<?xml version='1.0'?>${HEADER}<message to='romeo@example.net' id="1" type='chat'><body xml:lang='en'>hi</body></message></stream:stream>\n`,
  `<?xml version = "1.0" encoding='utf-8' standalone="yes" ?>\r\n${HEADER.replace("to=", " xmlns:p='urn:p'\n to\t=\r\n")}<p:a p:b='1'><p:c/></p:a>\n`,
  `${HEADER}<a x='1&#10;2&#xA;\r\n3\t\r4\n' y='&lt;&apos;"'>a\r\nb\rc&#13;d&amp;]]&gt;]] ><![CDATA[<&]]]]><![CDATA[>\r\n\r]]></a >\r\n <b\r/>`,
  `${HEADER}<é ü='ß'>😀\ufeff€\u0085</é><名:a xmlns:名='urn:n' 名:é=''/><message>\u00a0</message> </stream:stream>`,
  `${HEADER}<a xmlns='urn:a' xmlns:b='urn:b' b:c='1' xml:lang='de'><b:d><e xmlns=''/></b:d><xml:f/><f xmlns='jabber:client'/></a>`,
  `${HEADER}<message><body>one</body></message><message><body>two</wrong></message>`,
  `${HEADER}<a>&#x1F4F1;&#65;&quot;</a><b>&foo;</b>`,
  `${HEADER}<a>\u0001</a>`,
  `${HEADER}<a b='\uffff'/>`,
  `${HEADER}<a/>text<b/>`,
  `${HEADER}<a/><!-- comment --><b/>`,
  `${HEADER}<![CDATA[ \n]]><a/><![CDATA[x]]>`,
  `<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]>${HEADER}`,
  `${HEADER}<a b='1' b='2'/>`,
  `${HEADER}<a xmlns:p='u' xmlns:q='u' p:b='1' q:b='2'/>`,
  "<iq type='get' id='1'><query xmlns='urn:x'>&amp;</query></iq>",
  " <?xml version='1.0'?><a/>",
  "<?xml version='1.0'?><?xml version='1.0'?><a/>",
  "<a/><?xml version='1.0'?>",
  "<?xml version='1.0'encoding='utf-8'?><a/>",
  "<?xml encoding='utf-8'?><a/>",
  "<?xml version='1.0' standalone='no' encoding='utf-8'?><a/>",
  "<?xml version='1.0' standalone='maybe'?><a/>",
  "<a xmlns:xmlns='u'/>",
  "<a xmlns:xml='u'/>",
];

describe("the same as over saxes, chunk by chunk: what is told, and the condition of the error", () => {
  it.each(DOCUMENTS)("cut at each octet, and octet by octet: %s", (text) => {
    const octets = Buffer.from(text);
    const cases = Array.from({ length: octets.length }, (_, at) => [octets.subarray(0, at), octets.subarray(at)]);
    for (const chunks of [...cases, cut(octets, [1]), cut(octets, [2]), cut(octets, [3])]) {
      for (const root of ["stream", "element"] as const) {
        for (const limits of [LARGE, { ...LARGE, stanzaBytes: 60, depth: 2, attributes: 3, xmlNameCharacters: 6 }]) {
          expect(difference({ chunks, root, limits })).toBeUndefined();
        }
      }
    }
  });

  it("limits.stanzaBytes to the octet, wherever it is cut", () => {
    const stanza = "<a b='é'>\r\n&amp;<![CDATA[€]]>\u{1f600}</a>";
    for (const between of ["", "\r\n", " <![CDATA[ ]]> ", "\n".repeat(50)]) {
      const octets = Buffer.from(HEADER + (between + stanza).repeat(3));
      for (const missing of [0, 1]) {
        const limits = { ...LARGE, stanzaBytes: Math.max(Buffer.byteLength(stanza), HEADER.length) - missing };
        for (const sizes of [[], [1], [7], [HEADER.length, 1]]) {
          expect(difference({ chunks: cut(octets, sizes), root: "stream", limits })).toBeUndefined();
        }
      }
    }
  });

  it("longer than the pieces in which it is read, with characters of several octets at their borders", () => {
    for (const shift of [0, 1, 2, 3]) {
      const text = `${"x".repeat(shift)}${"\u{1f600}€é]]\r\n".repeat(1_500)}`;
      const long = `${HEADER}<a b='${text}'>${text}<![CDATA[${text}]]>&amp;</a>`;
      expect(difference(document(long))).toBeUndefined();
      expect(told(long).error?.text).toBe("the end is missing");
    }
  });

  // XML 1.0 section 2.3 [4], [4a]; section 2.2 [2]: both ends of each range, and their neighbours.
  it("characters in names, text and values", () => {
    const ends = [
      ...[0x00, 0x09, 0x0a, 0x0d, 0x20, 0x2d, 0x2e, 0x30, 0x39, 0x3a, 0x41, 0x5a, 0x5f, 0x61, 0x7a, 0x7f, 0x80, 0xb7],
      ...[0xc0, 0xd6, 0xd8, 0xf6, 0xf8, 0x2ff, 0x300, 0x36f, 0x370, 0x37d, 0x37f, 0x7ff, 0x800, 0x1fff, 0x200c, 0x200d],
      ...[0x203f, 0x2040, 0x2070, 0x218f, 0x2c00, 0x2fef, 0x3001, 0xd7ff, 0xe000, 0xf900, 0xfdcf, 0xfdf0, 0xfffd],
      ...[0xffff, 0x10000, 0xeffff, 0xf0000, 0x10ffff],
    ];
    for (const code of ends.flatMap((end) => [end - 1, end, end + 1])) {
      if (code < 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) continue;
      const character = String.fromCodePoint(code);
      const names = [`<${character}/>`, `<a${character}/>`, `<p:${character} xmlns:p='u'/>`, `<a ${character}=''/>`];
      const texts = [character, `&#${code};`, `&#x${code.toString(16)};`];
      const inside = texts.flatMap((text) => [`<a b='${text}'/>`, `<a>${text}</a>`, `<a><![CDATA[${text}]]></a>`]);
      for (const text of [...names, ...inside]) expect(difference(document(text, "element")), text).toBeUndefined();
    }
  });

  it.each(SEEDS)(
    "generated documents, mutated and cut, with seed %d",
    (seed) => {
      fc.assert(
        fc.property(generatedCase, (each) => {
          expect(difference(each)).toBeUndefined();
        }),
        { numRuns: CASES, seed },
      );
    },
    600_000,
  );

  it.each(SEEDS)(
    "the fuzzer's streams, with seed %d",
    (seed) => {
      for (let number = 0; number < CASES / 2; number++) {
        const each = fuzzedCase(Random.of(seed, number));
        expect(difference(each), `case ${number} of seed ${seed}`).toBeUndefined();
      }
    },
    600_000,
  );
});

// What test/support/saxes-stream-parser.ts corrects: what saxes, or its use, takes or refuses against a specification.
describe("not as saxes has it", () => {
  it.each([
    ["Namespaces in XML 1.0 section 4 [7]: the local part of an attribute's name", "<a xmlns:p='u' p:1='x'/>"],
    ["Namespaces in XML 1.0 section 4 [7]: a declared prefix", "<a xmlns:1='u'/>"],
    ["Namespaces in XML 1.0 section 4 [7]: a local part that a combining character begins", "<p:\u0301 xmlns:p='u'/>"],
  ])("%s begins as a name does", (_name, element) => {
    expect(told(HEADER + element).error?.condition).toBe("not-well-formed");
  });

  it.each([
    ["U+00A0", "\u00a0"],
    ["U+FEFF", "\ufeff"],
    ["U+2028", "\u2028"],
  ])("RFC 6120 section 11.7 and XML 1.0 section 2.3 [3]: %s between stanzas is no white space", (_name, text) => {
    expect(told(`${HEADER}${text}<a/>`).error?.condition).toBe("bad-format");
  });

  it("XML 1.0 section 4.1: a reference may have any number of zeros, wherever it is cut", () => {
    const octets = Buffer.from(`<a xmlns='jabber:client'>&#${"0".repeat(50)}65;</a>`);
    for (const sizes of [[], [1], [30]]) {
      const { events } = tell(XmlStreamParser, { chunks: cut(octets, sizes), root: "element", limits: LARGE });
      expect(events.flat()).toEqual(['["a",[],["A"]]']);
    }
  });

  it("RFC 6120 section 11.1: a reference to an entity of any name is restricted-xml, wherever it is cut", () => {
    for (const name of ["é", "名".repeat(300), "a".repeat(300)]) {
      const octets = Buffer.from(`<a>&${name};</a>`);
      for (const sizes of [[], [1], [300]]) {
        const { error } = tell(XmlStreamParser, { chunks: cut(octets, sizes), root: "element", limits: LARGE });
        expect(error?.condition).toBe("restricted-xml");
      }
    }
  });

  it("XML 1.0 section 4.6: what is longer than the predefined entities is none, and its end is not waited for", () => {
    const octets = Buffer.from(`<a>&${"a".repeat(300)}`);
    for (const size of [1, 2, 5]) {
      const chunks = cut(octets, [size]);
      const { events, error } = tell(XmlStreamParser, { chunks, root: "element", limits: LARGE });
      expect(error?.condition).toBe("restricted-xml");
      expect(events).toHaveLength(Math.ceil("<a>&aaaaa".length / size));
    }
    expect(told("<a>&quot;&apos;&amp;</a>", "element").error).toBeUndefined();
    // Namespaces in XML 1.0 section 7
    expect(told("<a>&a:bcdef;</a>", "element").error?.condition).toBe("not-well-formed");
  });

  it.each([
    ["Namespaces in XML 1.0 section 7: with a colon", `${"a".repeat(3_000)}:`, "not-well-formed"],
    ["RFC 6120 section 11.1: as it is", `${"a".repeat(3_000)} `, "restricted-xml"],
    ["RFC 6120 section 11.1: xml, and more", `xml${"a".repeat(3_000)}?`, "restricted-xml"],
    ["XML 1.0 section 2.6 [17]: xml in other letters", "XmL ", "not-well-formed"],
  ])("the target of a processing instruction, wherever it is cut. %s", (_name, target, condition) => {
    for (const sizes of [[], [1], [3], [1_500]]) {
      const chunks = cut(Buffer.from(`<?${target}`), sizes);
      const { events, error } = tell(XmlStreamParser, { chunks, root: "stream", limits: LARGE });
      expect(error?.condition).toBe(condition);
      expect(events).toHaveLength(chunks.length);
    }
  });

  it.each([
    ["a comment", "<!--"],
    ["a processing instruction", "<?pi "],
    ["a document type declaration", "<!DOCTYPE"],
  ])("RFC 6120 section 11.1: %s is restricted-xml where it begins", (_name, beginning) => {
    const { events, error } = told(`${HEADER}<a/>${beginning}`);
    expect(events).toHaveLength(1);
    expect(error?.condition).toBe("restricted-xml");
  });

  it("RFC 6120 sections 4.4, 5.4.2.3: when it was stopped, nothing behind that is read", () => {
    for (const behind of ["<!-- -->", "\u0001", "</a>", "<<"]) {
      const { events, error } = tell(XmlStreamParser, { ...document(`${HEADER}<a/>${behind}`), stopAt: 1 });
      expect(events.flat()).toHaveLength(2);
      expect(error).toBeUndefined();
    }
  });

  it("RFC 6120 section 11.6: a document that ends within a character is unsupported-encoding", () => {
    const octets = Buffer.concat([Buffer.from("<a/>"), Buffer.from([0xe2, 0x82])]);
    expect(told(octets, "element").error?.condition).toBe("unsupported-encoding");
  });

  it("limits.stanzaBytes: a CDATA section of white space between stanzas is no part of the next", () => {
    const stanza = `<a>${"x".repeat(HEADER.length - 7)}</a>`;
    const chunks = [Buffer.from(HEADER), Buffer.from(`<![CDATA[ ]]>${stanza}`), Buffer.from(`<![CDATA[ ]]>${stanza}<`)];
    const limits = { ...LARGE, stanzaBytes: HEADER.length };
    const { events, error } = tell(XmlStreamParser, { chunks, root: "stream", limits });
    expect(events.flat()).toHaveLength(3);
    expect(error?.text).toBe("the end is missing");
    const larger = [Buffer.from(HEADER), Buffer.from(`<![CDATA[ ]]>${stanza.replace("x", "xx")}`)];
    expect(tell(XmlStreamParser, { chunks: larger, root: "stream", limits }).error?.condition).toBe("policy-violation");
  });
});

describe("the parser by itself", () => {
  it("XML 1.0 section 3.1: an end tag is compared by its characters, not by its octets", () => {
    // In octets "÷" is what "Ã·" is in characters.
    expect(told("<Ã·></÷>", "element").error?.condition).toBe("not-well-formed");
    expect(told("<Ã·></Ã·>", "element").error).toBeUndefined();
  });

  it("looks at each octet once, also when they come one by one", () => {
    // Otherwise it would be 20,000,000,000, and no end.
    const chunks = cut(Buffer.from(`<a b='${"x".repeat(100_000)}'>${"y".repeat(100_000)}`), [1]);
    expect(tell(XmlStreamParser, { chunks, root: "element", limits: LARGE }).error?.text).toBe("the end is missing");
  });

  it("after an error it reads nothing more", () => {
    const parser = new XmlStreamParser(LARGE, { open() {}, element: () => expect.unreachable(), close() {} });
    expect(() => parser.write(Buffer.from(`${HEADER}<a></b>`))).toThrow("not-well-formed");
    parser.write(Buffer.from("<c/>"));
    parser.end();
  });

  it("RFC 6120 sections 4.6.1, 11.7: keepalives do not add up, and no stanza need follow", () => {
    for (const [text, sizes] of [
      [" ".repeat(300_000), [1]],
      ["\r\n".repeat(20_000), [1]],
      [" \t\r\n".repeat(75_000), [60]],
      [" \t\r\n".repeat(75_000), [101]],
    ] as const) {
      const stanza = "<a>b</a>";
      const chunks = [Buffer.from(HEADER), ...cut(Buffer.from(text + stanza), sizes)];
      const limits = { ...LARGE, stanzaBytes: HEADER.length };
      const { events, error } = tell(XmlStreamParser, { chunks, root: "stream", limits });
      expect(events.flat().slice(1)).toEqual(['["a",[],["b"]]']);
      expect(error?.text).toBe("the end is missing");
    }
  });

  it("RFC 6120 section 11.7: other text between stanzas is refused when it comes", () => {
    for (const between of ["x", " ]", "\r\n\u00a0"]) {
      const chunks = [HEADER, " ", between, "<a/>"].map((text) => Buffer.from(text));
      const { events, error } = tell(XmlStreamParser, { chunks, root: "stream", limits: LARGE });
      expect(error?.condition).toBe("bad-format");
      expect(events).toHaveLength(3);
    }
  });

  it.each([
    ["the names of elements", "xmlns:p", "<p:a/>"],
    ["the names of attributes", "xmlns:p", "<a p:b=''/>"],
    ["default namespaces", "xmlns", "<a/>"],
  ])("limits.stanzaBytes: a long namespace that many inherit, in %s", (_name, declaration, child) => {
    const limits = { ...LARGE, stanzaBytes: 262_144 };
    const stanza = (length: number, children: number): string =>
      `<q:m xmlns:q='urn:q' ${declaration}='${"n".repeat(length)}'>${child.repeat(children)}</q:m>`;
    for (const sizes of [[], [1_000]]) {
      const many = cut(Buffer.from(HEADER + stanza(20_000, 1_000)), sizes);
      const { events, error } = tell(XmlStreamParser, { chunks: many, root: "stream", limits });
      expect(error?.condition).toBe("policy-violation");
      expect(error?.text).toContain("(limits.stanzaBytes)");
      expect(events.flat()).toHaveLength(1);
    }
    // Each stanza by itself.
    const ordinary = tell(XmlStreamParser, { ...document(HEADER + stanza(60, 500).repeat(20)), limits });
    expect(ordinary.events.flat()).toHaveLength(21);
    expect(ordinary.error?.text).toBe("the end is missing");
  });

  it("limits.stanzaBytes bounds what is written, too, but for what a stanza declares itself", () => {
    const limits = { ...LARGE, stanzaBytes: 50_000 };
    const written: number[] = [];
    for (let children = 0; children < 60; children++) {
      const text = `<m xmlns:p='${"n".repeat(5_000)}'>${"<p:a p:b='1'/>".repeat(children)}</m>`;
      const element = (it: Element): void => void written.push(Buffer.byteLength(serialize(it)));
      const parser = new XmlStreamParser(limits, { open() {}, element, close() {} });
      try {
        parser.write(Buffer.from(HEADER + text));
      } catch (error) {
        expect((error as StreamError).condition).toBe("policy-violation");
      }
    }
    expect(written).toHaveLength(5);
    expect(Math.max(...written)).toBeLessThanOrEqual(limits.stanzaBytes);
    // Declared by each of them: nothing is added.
    const own = `<m>${`<p:a xmlns:p='${"n".repeat(5_000)}'/>`.repeat(9)}</m>`;
    expect(tell(XmlStreamParser, { ...document(HEADER + own), limits }).events.flat()).toHaveLength(2);
  });

  it("XML 1.0 section 2.3 [5]: an attribute may have any name, __proto__ too, also where it is copied", () => {
    const elements: Element[] = [];
    const handlers = { open() {}, element: (it: Element) => void elements.push(it), close() {} };
    const text = "<a __proto__='1' b='2'><c __proto__='3'/></a>";
    new XmlStreamParser(LARGE, handlers).write(Buffer.from(HEADER + text));
    const [element] = elements as [Element];
    expect(serialize(element)).toBe(text);
    expect(serialize(withAttrs(element, { b: "4" }))).toBe(text.replace("2", "4"));
    expect(serialize(withChildren(element, element.children as Element[]))).toBe(text);
    expect(Object.getPrototypeOf(element.attrs)).toBe(Object.prototype);
  });

  it("limits grow while it reads", () => {
    let elements = 0;
    const small = { ...LARGE, stanzaBytes: HEADER.length };
    const element = (): void => {
      elements += 1;
      parser.limits = LARGE;
    };
    const parser = new XmlStreamParser(small, { open() {}, element, close() {} });
    parser.write(Buffer.from(`${HEADER}<a/><b>${"x".repeat(1_000)}</b>`));
    expect(elements).toBe(2);
  });
});
