// PIDF codec (RFC 3863), and the strictness of the XML reader below it.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Pidf, parsePidf, serializePidf } from "../../gateway/pidf.ts";
import { parseXml, XML_BOUNDS } from "../../gateway/xml-document.ts";

const NS = 'xmlns="urn:ietf:params:xml:ns:pidf"';

describe("the examples of RFC 3863", () => {
  it("section 4.3.1 [I-4.1 I-4.1.1a I-4.1.2a I-4.1.5a I-4.1.6a I-4.1.6b I-4.2.3a]", () => {
    const text = `<?xml version="1.0" encoding="UTF-8"?>
   <presence xmlns="urn:ietf:params:xml:ns:pidf"
        xmlns:im="urn:ietf:params:xml:ns:pidf:im"
        xmlns:myex="http://id.example.com/presence/"
        entity="pres:someone@example.com">
     <tuple id="bs35r9">
       <status>
         <basic>open</basic>
         <im:im>busy</im:im>
         <myex:location>home</myex:location>
       </status>
       <contact priority="0.8">im:someone@mobilecarrier.net</contact>
       <note xml:lang="en">Don't Disturb Please!</note>
       <note xml:lang="fr">Ne derangez pas, s'il vous plait</note>
       <timestamp>2001-10-27T16:49:29Z</timestamp>
     </tuple>
     <tuple id="eg92n8">
       <status>
         <basic>open</basic>
       </status>
       <contact priority="1.0">mailto:someone@example.com</contact>
     </tuple>
     <note>I'll be in Tokyo next week</note>
   </presence>`;
    expect(parsePidf(Buffer.from(text))).toEqual({
      ok: true,
      value: {
        entity: "pres:someone@example.com",
        tuples: [
          {
            id: "bs35r9",
            basic: "open",
            im: "busy",
            contact: { uri: "im:someone@mobilecarrier.net", priority: 800 },
            notes: [
              { text: "Don't Disturb Please!", lang: "en" },
              { text: "Ne derangez pas, s'il vous plait", lang: "fr" },
            ],
            timestamp: "2001-10-27T16:49:29Z",
          },
          { id: "eg92n8", basic: "open", contact: { uri: "mailto:someone@example.com", priority: 1000 }, notes: [] },
        ],
        notes: [{ text: "I'll be in Tokyo next week" }],
      },
    });
  });

  it("section 4.2.2: prefixes do not matter [I-4.2.2]", () => {
    const prefixed = `<?xml version="1.0" encoding="UTF-8"?>
   <impp:presence xmlns:impp="urn:ietf:params:xml:ns:pidf"
       entity="pres:someone@example.com">
     <impp:tuple id="sg89ae">
       <impp:status>
         <impp:basic>open</impp:basic>
       </impp:status>
       <impp:contact priority="0.8">tel:+09012345678</impp:contact>
     </impp:tuple>
   </impp:presence>`;
    const plain = prefixed.replaceAll("impp:", "").replace("xmlns:impp", "xmlns");
    expect(parsePidf(prefixed)).toMatchObject({ ok: true, value: { tuples: [{ id: "sg89ae", basic: "open" }] } });
    expect(parsePidf(plain.replace("xmlns:impp=", "xmlns="))).toEqual(parsePidf(prefixed));
  });
});

describe("RFC 4480 activities", () => {
  const person = (inner: string): string =>
    `<presence ${NS} xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="pres:a@b.c">${inner}</presence>`;
  const activities = (inner: string) => {
    const parsed = parsePidf(person(inner));
    return parsed.ok ? parsed.value.person : parsed;
  };

  it("are those of the person [P-5.2.10]", () => {
    expect(
      activities(
        `<dm:person id="p"><rpid:activities><rpid:away/><rpid:other>x</rpid:other></rpid:activities></dm:person>`,
      ),
    ).toEqual({
      id: "p",
      activities: ["away", "other"],
    });
  });

  it("are not those of a device or a tuple [P-5.2.10]", () => {
    expect(activities(`<dm:device id="p"><rpid:activities><rpid:away/></rpid:activities></dm:device>`)).toBeUndefined();
  });

  it("are ignored with a mandatory element that nobody knows [I-4.2.3c]", () => {
    const mandatory = `<x xmlns="urn:x" xmlns:p="urn:ietf:params:xml:ns:pidf" p:mustUnderstand="1"/>`;
    expect(
      activities(`<dm:person id="p"><rpid:activities><rpid:away/>${mandatory}</rpid:activities></dm:person>`),
    ).toEqual({ id: "p", activities: [] });
    expect(
      activities(`<dm:person id="p">${mandatory}<rpid:activities><rpid:away/></rpid:activities></dm:person>`),
    ).toBeUndefined();
  });
});

describe("writing", () => {
  const full: Pidf = {
    entity: "pres:o'malley@example.com",
    tuples: [
      { id: "gone", basic: "closed", contact: { uri: "im:a@b.c" }, notes: [] },
      {
        id: "here",
        basic: "open",
        im: "busy",
        show: "dnd",
        contact: { uri: "im:a@b.c", priority: 102 },
        notes: [{ text: 'a <b> & "c"\r\n', lang: "en" }],
        timestamp: "2001-10-27T16:49:29Z",
      },
    ],
    notes: [{ text: "x" }],
    person: { id: "person", activities: ["busy"] },
  };

  it("open tuples first, the prefixes im, dm and rpid, PIDF as the default namespace, no mustUnderstand [I-4.1a I-4.1.1a I-4.1.2a I-4.1.1c I-4.2.3d]", () => {
    expect(serializePidf(full)).toBe(`<?xml version='1.0' encoding='UTF-8'?>
<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:im="urn:ietf:params:xml:ns:pidf:im" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="pres:o'malley@example.com">
  <tuple id="here">
    <status>
      <basic>open</basic>
      <im:im>busy</im:im>
      <show xmlns='jabber:client'>dnd</show>
    </status>
    <contact priority="0.102">im:a@b.c</contact>
    <note xml:lang="en">a &lt;b&gt; &amp; "c"&#13;
</note>
    <timestamp>2001-10-27T16:49:29Z</timestamp>
  </tuple>
  <tuple id="gone">
    <status>
      <basic>closed</basic>
    </status>
    <contact>im:a@b.c</contact>
  </tuple>
  <note>x</note>
  <dm:person id="person">
    <rpid:activities><rpid:busy/></rpid:activities>
  </dm:person>
</presence>`);
  });

  it("what is written is read back [K-5 I-4.1.5a]", () => {
    const legal = fc
      .string({ unit: "binary" })
      .filter((text) => !/[^\t\n\r -\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u.test(text));
    const note = fc
      .record({ text: legal, lang: fc.option(fc.constantFrom("en", "zh-Hant"), { nil: undefined }) })
      .map(({ text, lang }) => (lang === undefined ? { text } : { text, lang }));
    const tuple = fc.record({
      id: legal.filter((id) => id !== ""),
      basic: fc.constantFrom("open" as const),
      contact: fc.record({ uri: fc.constant("im:a@b.c"), priority: fc.integer({ min: 0, max: 1000 }) }),
      notes: fc.array(note, { maxLength: 3 }),
    });
    const tuples = fc.uniqueArray(tuple, { maxLength: 4, selector: ({ id }) => id });
    fc.assert(
      fc.property(tuples, fc.array(note, { maxLength: 3 }), (tuples, notes) => {
        const document: Pidf = { entity: "pres:a@b.c", tuples, notes };
        expect(parsePidf(Buffer.from(serializePidf(document)))).toEqual({ ok: true, value: document });
      }),
      { numRuns: 10_000 },
    );
  });

  it("characters that XML forbids become U+FFFD [G-5]", () => {
    const text = serializePidf({ entity: "pres:a@b.c", tuples: [], notes: [{ text: "a\0b\ufffe\ud800" }] });
    expect(text).toContain("<note>a\ufffdb\ufffd\ufffd</note>");
  });
});

describe("the XML reader", () => {
  const rules = { ...XML_BOUNDS, extras: "allowed" } as const;

  it.each([
    ["two default namespaces", "<a xmlns='x' xmlns='y'/>"],
    ["xmlns as a prefix", "<xmlns:a/>"],
    ["another prefix for the XML namespace", "<a xmlns:x='http://www.w3.org/XML/1998/namespace'/>"],
    ["the xmlns namespace as default", "<a xmlns='http://www.w3.org/2000/xmlns/'/>"],
    ["a local name that starts with a hyphen", "<a xmlns:x='u' x:-b=''/>"],
    ["an empty prefix", "<:a/>"],
    ["an empty local name", "<a:/>"],
    ["< in an attribute", "<a b='<'/>"],
    ["no space between attributes", "<a b='1'c='2'/>"],
    ["an attribute without a value", "<a b/>"],
    ["a closing tag of another element", "<a><b></a></b>"],
    ["a closing tag too many", "<a/></a>"],
    ["a DOCTYPE after the root", "<a/><!DOCTYPE a>"],
    ["a DOCTYPE in lower case", "<!doctype a><a/>"],
    ["an open comment", "<a/><!-- "],
    ["an open CDATA section", "<a><![CDATA[x</a>"],
    ["an open reference", "<a>&amp</a>"],
    ["an empty reference", "<a>&;</a>"],
    ["a reference to nothing", "<a>&#;</a>"],
    ["a reference with a capital X", "<a>&#X41;</a>"],
    ["a reference beyond Unicode", "<a>&#x110000;</a>"],
    ["a reference to U+FFFF", "<a>&#65535;</a>"],
    ["a target named XML", "<?XML version='1.0'?><a/>"],
    ["a processing instruction without a target", "<? x?><a/>"],
    ["a question mark in the XML declaration", "<?xml version='1.0' ??><a/>"],
    ["an empty XML declaration", "<?xml?><a/>"],
    ["standalone before encoding", "<?xml version='1.0' standalone='no' encoding='utf-8'?><a/>"],
    ["version 2.0", "<?xml version='2.0'?><a/>"],
    ["a lone high surrogate", "<a>\ud800</a>"],
    ["a lone high surrogate before markup", "<a>\ud800<b/></a>"],
    ["a lone low surrogate", "<a>\udc00</a>"],
    ["a form feed between elements", "<a>\f</a>"],
    ["a no-break space beside the root", "<a/>\u00a0"],
    ["a zero byte at the end", "<a/>\0"],
  ])("refuses %s [I-4.1 I-4.2.2 G-1]", (_, text) => {
    expect(parseXml(text, rules)).toMatchObject({ ok: false });
  });

  it("reads 64 levels and not 65 [G-1]", () => {
    expect(parseXml(`${"<a>".repeat(64)}${"</a>".repeat(64)}`, rules)).toMatchObject({ ok: true });
    expect(parseXml(`${"<a>".repeat(65)}${"</a>".repeat(65)}`, rules)).toMatchObject({ ok: false });
  });

  it("reads a megabyte and no more [G-3]", () => {
    const wrap = (length: number): Buffer => Buffer.from(`<a>${"x".repeat(length - 7)}</a>`);
    expect(parseXml(wrap(1_048_576), rules)).toMatchObject({ ok: true });
    expect(parseXml(wrap(1_048_577), rules)).toMatchObject({ ok: false });
  });

  it("normalises line ends and attribute values as XML says [I-4.1]", () => {
    const parsed = parseXml("<a b='1\r\n2\t3&#10;4'>5\r\n6\r7&#13;8</a>", rules);
    expect(parsed.ok && [...parsed.value.attributes.values(), ...parsed.value.children]).toEqual([
      "1 2 3\n4",
      "5\n6\n7\r8",
    ]);
  });

  it("gives a value or a refusal for any text [G-1]", () => {
    const piece = fc.constantFrom(
      "<",
      ">",
      "/",
      "a",
      "x:",
      " ",
      "=",
      "'",
      '"',
      "&",
      ";",
      "#",
      "!",
      "?",
      "-",
      "[CDATA[",
      "]]>",
      "<!DOCTYPE a",
      "xmlns:x='u'",
      "<?xml version='1.0'?>",
      "\ud800",
      "\udc00",
      "\0",
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: "binary" }),
          fc.array(piece, { maxLength: 40 }).map((all) => all.join("")),
        ),
        (text) => {
          expect(typeof parseXml(text, rules).ok).toBe("boolean");
          expect(typeof parsePidf(Buffer.from(text)).ok).toBe("boolean");
        },
      ),
      { numRuns: 10_000 },
    );
  });
});
