// Addresses (RFC 7622; PRECIS: RFC 8264, RFC 8265; IDNA2008: RFC 5890 to 5893): the RFCs' own tables, then rule by rule.

import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Jid, prepareDomainpart, prepareLocalpart, prepareResourcepart } from "../../server/jid.ts";
import { opaqueString, usernameCaseMapped } from "../../server/precis.ts";
import type { Result } from "../../server/result.ts";

type Vector = { source: string; input: string; output: string };
type Table<V> = { valid: V[]; invalid: { source: string; input: string }[] };
type Vectors = {
  addresses: Table<{ source: string; input: string; parts: [string | null, string, string | null] }>;
  usernames: Table<Vector>;
  opaque: Table<Vector>;
};

const vectors = JSON.parse(readFileSync(new URL("../vectors/jid.json", import.meta.url), "utf8")) as Vectors;

const JAMO = "\u1112\u1161\u11ab"; // U+D55C in three
const ZWJ = "\u200d";
const ZWNJ = "\u200c";

function value(result: Result<string>): string | undefined {
  return result.ok ? result.value : undefined;
}

describe("RFC 7622 section 3.5: the examples", () => {
  it.each(vectors.addresses.valid)("$source: $input", ({ input, parts }) => {
    const parsed = Jid.parse(input);
    if (!parsed.ok) throw new Error(parsed.reason);
    const { localpart = null, domainpart, resourcepart = null } = parsed.value;
    expect([localpart, domainpart, resourcepart]).toEqual(parts);
  });

  it.each(vectors.addresses.invalid)("$source: $input", ({ input }) => {
    expect(Jid.parse(input)).toMatchObject({ ok: false, reason: expect.stringMatching(/.{5}/) });
  });

  it("9, 10 and 11: the capital is the small sigma, and the final one another", () => {
    const [nine, ten, eleven] = vectors.addresses.valid.slice(8, 11).map(({ input }) => Jid.fromTrusted(input));
    expect(nine?.equals(ten as Jid)).toBe(true);
    expect(nine?.equals(eleven as Jid)).toBe(false);
  });
});

describe("RFC 8265 sections 3.5 and 4.3: the examples", () => {
  it.each(vectors.usernames.valid)("$source: $input", ({ input, output }) => {
    expect(usernameCaseMapped(input)).toEqual({ ok: true, value: output });
  });
  it.each(vectors.usernames.invalid)("$source: $input", ({ input }) => {
    expect(usernameCaseMapped(input).ok).toBe(false);
  });
  it.each(vectors.opaque.valid)("$source: $input", ({ input, output }) => {
    expect(opaqueString(input)).toEqual({ ok: true, value: output });
  });
  it.each(vectors.opaque.invalid)("$source: $input", ({ input }) => {
    expect(opaqueString(input).ok).toBe(false);
  });
});

describe("RFC 7622 section 3.1: taking an address apart", () => {
  it.each([
    ["the first / ends the domainpart", "example.com/a/b@c/d", [undefined, "example.com", "a/b@c/d"]],
    ["the first @ ends the localpart", "a@example.com", ["a", "example.com", undefined]],
    ["an @ behind the / is the resourcepart's", "example.com/a@b", [undefined, "example.com", "a@b"]],
    ["a resourcepart may be / and @", "a@b/@/", ["a", "b", "@/"]],
  ])("%s", (_name, text, parts) => {
    const jid = Jid.fromTrusted(text);
    expect([jid.localpart, jid.domainpart, jid.resourcepart]).toEqual(parts);
    expect(jid.toString()).toBe(text);
  });

  it.each(["", "@", "/", "@/", "a@", "@b", "a@b/", "a@@b", "a@b@c", "a@/b"])("%j is none", (text) => {
    expect(Jid.parse(text).ok).toBe(false);
  });

  it("separators are found before anything is mapped: a fullwidth one separates nothing, and is no character of a localpart", () => {
    expect(Jid.parse("a\uff20example.com").ok).toBe(false);
    expect(Jid.parse("example.com\uff0fa").ok).toBe(false);
    expect(prepareLocalpart("a\uff20b").ok).toBe(false);
    expect(prepareLocalpart("a\uff0fb").ok).toBe(false);
    expect(value(prepareResourcepart("a\uff0fb"))).toBe("a\uff0fb");
  });
});

describe("RFC 7622 section 3.3: the localpart", () => {
  it.each([
    ["case", "JULIET", "juliet"],
    ["case beyond ASCII", "\u00c9L\u00c8NE", "\u00e9l\u00e8ne"],
    ["case of Cyrillic", "\u0416", "\u0436"],
    ["a capital sigma at the end of a word", "\u039f\u0394\u039f\u03a3", "\u03bf\u03b4\u03bf\u03c3"],
    ["a final sigma stays", "\u03bf\u03b4\u03bf\u03c2", "\u03bf\u03b4\u03bf\u03c2"],
    ["sharp s stays", "stra\u00dfe", "stra\u00dfe"],
    ["capital sharp s", "STRA\u1e9eE", "stra\u00dfe"],
    ["a capital I with dot", "\u0130", "i\u0307"],
    ["width", "\uff4a\uff55\uff4c\uff49\uff45\uff54", "juliet"],
    ["width and case", "\uff2a\uff35\uff2c\uff29\uff25\uff34", "juliet"],
    ["halfwidth katakana", "\uff76\uff9e", "\u30ac"],
    ["composition", "e\u0301", "\u00e9"],
    ["the order of marks", "q\u0307\u0323", "q\u0323\u0307"],
    ["Hangul in its parts", JAMO, "\ud55c"],
    ["right-to-left", "\u05e9\u05dc\u05d5\u05dd", "\u05e9\u05dc\u05d5\u05dd"],
    ["right-to-left with digits", "\u05e9\u05dc\u05d5\u05dd12", "\u05e9\u05dc\u05d5\u05dd12"],
    ["symbols of ASCII", "a!#$%()*+,-.;=?[\\]^_`{|}~", "a!#$%()*+,-.;=?[\\]^_`{|}~"],
    ["the exceptions: sharp s, final sigma, tsheg, ideographic zero", "\u00df\u03c2", "\u00df\u03c2"],
  ])("%s", (_name, text, expected) => {
    expect(prepareLocalpart(text)).toEqual({ ok: true, value: expected });
  });

  it.each([
    ["section 3.3.1: quotation mark", 'a"b'],
    ["section 3.3.1: ampersand", "a&b"],
    ["section 3.3.1: apostrophe", "a'b"],
    ["section 3.3.1: solidus", "a/b"],
    ["section 3.3.1: colon", "a:b"],
    ["section 3.3.1: less-than", "a<b"],
    ["section 3.3.1: greater-than", "a>b"],
    ["section 3.3.1: commercial at", "a@b"],
    ["zero length", ""],
    ["space", "a b"],
    ["no-break space", "a\u00a0b"],
    ["ideographic space", "a\u3000b"],
    ["a control character", "a\u0007"],
    ["NUL", "a\0"],
    ["a soft hyphen", "a\u00adb"],
    ["zero-width space", "a\u200bb"],
    ["a byte order mark", "\ufeffa"],
    ["a variation selector", "a\ufe0f"],
    ["right-to-left mark", "a\u200f"],
    ["a symbol", "\u2665"],
    ["an emoji", "\u{1f4f1}"],
    ["punctuation beyond ASCII", "a\u2026"],
    ["a compatibility ligature", "\ufb01"],
    ["superscript two", "a\u00b2"],
    ["a letter for mathematics", "\u{1d49c}"],
    ["conjoining jamo by itself", "\u1112"],
    ["tatweel", "\u0628\u0640\u0628"],
    ["private use", "\ue000"],
    ["unassigned", "\u0378"],
    ["a noncharacter", "\ufdd0"],
    ["a lone surrogate", "a\ud83d"],
    ["the other lone surrogate", "\udcf1a"],
    ["both directions", "\u05e9a"],
    ["right-to-left that begins with a digit", "1\u05e9"],
    ["European and Arabic-Indic digits, right-to-left", "\u06281\u0661"],
  ])("refuses %s", (_name, text) => {
    expect(prepareLocalpart(text).ok).toBe(false);
  });
});

describe("RFC 7622 section 3.4: the resourcepart", () => {
  it.each([
    ["case is kept", "Balcony", "Balcony"],
    ["spaces are kept", "the  balcony ", "the  balcony "],
    ["other spaces become spaces", "the\u00a0balcony\u2003\u3000.", "the balcony  ."],
    ["width is kept", "\uff22", "\uff22"],
    ["composition", "e\u0301", "\u00e9"],
    ["symbols and emoji", "\u265a\u{1f4f1}", "\u265a\u{1f4f1}"],
    ["compatibility characters", "\ufb01\u2163", "\ufb01\u2163"],
    ["both directions", "\u05e9a1", "\u05e9a1"],
    ["what no localpart may have", "\"&'/:<>@", "\"&'/:<>@"],
    ["\u212b is \u00c5", "\u212b", "\u00c5"],
  ])("%s", (_name, text, expected) => {
    expect(prepareResourcepart(text)).toEqual({ ok: true, value: expected });
  });

  it.each([
    ["zero length", ""],
    ["a tab", "a\tb"],
    ["a line feed", "a\nb"],
    ["a C1 control", "a\u0085"],
    ["zero-width space", "a\u200bb"],
    ["a lone surrogate", "\ud83d"],
    ["private use", "\ue000"],
    ["unassigned", "\u0378"],
    ["a space in front that was another space", "\u00a0a"],
  ])("refuses %s", (_name, text) => {
    expect(prepareResourcepart(text).ok).toBe(false);
  });
});

describe("RFC 5892 appendix A: contextual rules, in every part", () => {
  const cases: [string, string, boolean][] = [
    ["A.1: ZERO WIDTH NON-JOINER between letters that join", `\u0646\u0627\u0645\u0647${ZWNJ}\u0627\u06cc`, true],
    ["A.1: behind a virama", `\u0915\u094d${ZWNJ}\u0937`, true],
    ["A.1: behind a virama beyond the basic plane", `\u{11013}\u{11046}${ZWNJ}\u{11013}`, true],
    ["A.1: between letters that do not join", `a${ZWNJ}b`, false],
    ["A.1: behind an Arabic letter that does not join onward", `\u0627${ZWNJ}\u0628`, false],
    ["A.1: at the start", `${ZWNJ}\u0628`, false],
    ["A.1: at the end, without a virama", `\u0628${ZWNJ}`, false],
    ["A.2: ZERO WIDTH JOINER behind a virama", `\u0915\u094d${ZWJ}\u0937`, true],
    ["A.2: behind a letter", `\u0915${ZWJ}\u0937`, false],
    ["A.2: between Arabic letters", `\u0628${ZWJ}\u0628`, false],
    ["A.2: in an emoji", `\u{1f469}${ZWJ}\u{1f4bb}`, false],
    ["A.3: MIDDLE DOT between two l", "l\u00b7l", true],
    ["A.3: between others", "a\u00b7l", false],
    ["A.3: at the end", "l\u00b7", false],
    ["A.4: KERAIA before Greek", "\u0375\u03b1", true],
    ["A.4: before Latin", "\u0375a", false],
    ["A.4: at the end", "\u03b1\u0375", false],
    ["A.5: GERESH behind Hebrew", "\u05d0\u05f3", true],
    ["A.5: by itself", "\u05f3", false],
    ["A.6: GERSHAYIM behind Hebrew", "\u05d0\u05f4\u05d1", true],
    ["A.6: in front of Hebrew", "\u05f4\u05d1", false],
    ["A.7: KATAKANA MIDDLE DOT with katakana", "\u30a2\u30fb\u30a2", true],
    ["A.7: with hiragana anywhere", "a\u30fbb\u3042", true],
    ["A.7: with an ideograph", "\u65e5\u30fb", true],
    ["A.7: by itself", "\u30fb", false],
    ["A.7: with Latin", "abc\u30fbdef", false],
    ["A.8: ARABIC-INDIC DIGITS", "\u0628\u0661\u0662", true],
    ["A.9: EXTENDED ARABIC-INDIC DIGITS", "\u0628\u06f1\u06f2", true],
    ["A.8 and A.9: both", "\u0628\u0661\u06f1", false],
  ];

  it.each(cases)("%s, in a localpart", (_name, text, allowed) => {
    expect(prepareLocalpart(text).ok).toBe(allowed);
  });
  it.each(cases)("%s, in a resourcepart", (_name, text, allowed) => {
    expect(prepareResourcepart(text).ok).toBe(allowed);
  });
  it.each(cases)("%s, in a label", (_name, text, allowed) => {
    expect(prepareDomainpart(`${text}.example`).ok).toBe(allowed);
  });

  it("a label by itself, not the whole domain, is what a rule looks at", () => {
    expect(prepareDomainpart("a\u30fbb.\u65e5\u672c").ok).toBe(false);
    expect(prepareDomainpart("\u05d0.\u05f3").ok).toBe(false);
    expect(prepareDomainpart("\u0628\u0661.\u0628\u06f1").ok).toBe(true);
  });
});

describe("RFC 7622 section 3.2: the domainpart", () => {
  it.each([
    ["case", "EXAMPLE.Com", "example.com"],
    ["a final dot is stripped", "example.com.", "example.com"],
    ["one of another width, too", "example.com\uff0e", "example.com"],
    ["an unqualified host name", "localhost", "localhost"],
    ["width", "\uff45xample.com", "example.com"],
    ["ideographic full stops", "a\u3002b\uff61c", "a.b.c"],
    ["composition", "mu\u0308nchen.example", "m\u00fcnchen.example"],
    ["case of a U-label", "M\u00dcNCHEN.example", "m\u00fcnchen.example"],
    ["an A-label becomes a U-label", "xn--mnchen-3ya.example", "m\u00fcnchen.example"],
    ["an A-label in capitals", "XN--MNCHEN-3YA.example", "m\u00fcnchen.example"],
    ["sharp s is a letter of its own (IDNA2008)", "fa\u00df.example", "fa\u00df.example"],
    ["also as an A-label", "xn--fa-hia.example", "fa\u00df.example"],
    ["so is the final sigma", "\u03bf\u03b4\u03bf\u03c2.example", "\u03bf\u03b4\u03bf\u03c2.example"],
    ["the capital sigma is the small one", "\u039f\u0394\u039f\u03a3.example", "\u03bf\u03b4\u03bf\u03c3.example"],
    ["Cherokee, whose capitals are the letters of IDNA", "\u13a0.example", "\u13a0.example"],
    ["right-to-left", "\u05d0\u05d1.example", "\u05d0\u05d1.example"],
    ["two hyphens in ASCII", "r3---sn.example", "r3---sn.example"],
    ["63 octets in a label", `${"a".repeat(63)}.example`, `${"a".repeat(63)}.example`],
    ["an IPv4 address", "192.0.2.1", "192.0.2.1"],
    ["an IPv4 address of another width", "\uff11\uff19\uff12.0.2.1", "192.0.2.1"],
    ["an IPv6 literal", "[2001:db8::1]", "[2001:db8::1]"],
    ["an IPv6 literal in another spelling", "[2001:DB8:0:0::0001]", "[2001:db8::1]"],
  ])("%s", (_name, text, expected) => {
    expect(prepareDomainpart(text)).toEqual({ ok: true, value: expected });
  });

  it.each([
    ["zero length", ""],
    ["a dot", "."],
    ["two final dots", "example.com.."],
    ["a dot in front", ".example.com"],
    ["an empty label", "a..b"],
    ["an underscore", "a_b.example"],
    ["a space", "a b.example"],
    ["a colon", "example.com:5222"],
    ["a percent sign, as URLs have it", "ex%61mple.com"],
    ["a hyphen in front", "-a.example"],
    ["a hyphen at the end", "a-.example"],
    ["a hyphen in front of a U-label", "-\u00fc.example"],
    ["two hyphens at the third place of a U-label", "b\u00fc--x.example"],
    ["64 octets in a label", `${"a".repeat(64)}.example`],
    ["64 octets in an A-label", `${"\u00fc".repeat(60)}.example`],
    ["254 octets", `${"a.".repeat(126)}aa`],
    ["an A-label of nothing", "xn--.example"],
    ["an A-label that cannot be decoded", "xn--99999999.example"],
    ["an A-label of ASCII", "xn--abc-.example"],
    ["a symbol", "\u2665.example"],
    ["a symbol as an A-label", "xn--g6h.example"],
    ["an emoji", "\u{1f4a9}.example"],
    ["a compatibility character, which IDNA2003 mapped", "\ufb01.example"],
    ["a letter for mathematics", "\u{1d49c}.example"],
    ["a soft hyphen", "a\u00adb.example"],
    ["a mark in front", "\u0301a.example"],
    ["a lone surrogate", "\ud83d.example"],
    ["both directions in a label", "\u05d0a.example"],
    ["a right-to-left label that begins with a digit", "1\u05d0.example"],
    ["a label of digits beside a right-to-left one", "\u05d0.1.example"],
    ["an IPv4 address that is short", "1.2.3"],
    ["an IPv4 address in hexadecimal", "0x7f.1"],
    ["an IPv4 address in octal", "0300.0.2.1"],
    ["an IPv4 address out of range", "256.0.0.1"],
    ["an IPv6 address without brackets", "2001:db8::1"],
    ["no IPv6 address in brackets", "[2001:db8]"],
    ["an IPv6 address with a zone, which means something on one machine only", "[fe80::1%25eth0]"],
    ["an open bracket", "[::1"],
  ])("refuses %s", (_name, text) => {
    expect(prepareDomainpart(text).ok).toBe(false);
  });
});

describe("RFC 7622 sections 3.2 to 3.4: 1023 octets, counted when prepared", () => {
  it.each([
    ["localpart", prepareLocalpart],
    ["resourcepart", prepareResourcepart],
  ] as [string, (text: string) => Result<string>][])("of a %s", (_name, prepare) => {
    expect(prepare("a".repeat(1023)).ok).toBe(true);
    expect(prepare("a".repeat(1024)).ok).toBe(false);
    expect(prepare("\u00e9".repeat(511)).ok).toBe(true);
    expect(prepare("\u00e9".repeat(512)).ok).toBe(false);
    expect(prepare("e\u0301".repeat(511)).ok).toBe(true); // composed they fit
    expect(prepare("\u65e5".repeat(341)).ok).toBe(true);
    expect(prepare("\u65e5".repeat(342)).ok).toBe(false);
    expect(prepare("a".repeat(1_000_000)).ok).toBe(false);
  });
});

describe("one value for every spelling", () => {
  // Every assigned plane, and more of what the rules are about.
  const character = fc.oneof(
    { weight: 3, arbitrary: fc.integer({ min: 0x20, max: 0x7e }) },
    { weight: 3, arbitrary: fc.integer({ min: 0x80, max: 0x2fff }) },
    { weight: 2, arbitrary: fc.integer({ min: 0x3000, max: 0xffff }) },
    { weight: 1, arbitrary: fc.integer({ min: 0x10000, max: 0x1ffff }) },
    {
      weight: 3,
      arbitrary: fc.constantFrom(
        ...[0xdf, 0x3a3, 0x3c2, 0x130, 0x131, 0x1e9e, 0x212a, 0x212b, 0x2126, 0x301, 0x307, 0x308, 0x323, 0x345],
        ...[0xb7, 0x375, 0x5f3, 0x30fb, 0x661, 0x6f1, 0x200c, 0x200d, 0x94d, 0x628, 0x5d0, 0x6c, 0x3099, 0x309a],
        ...[0xff21, 0xff41, 0xff76, 0xff9e, 0xff0e, 0x3002, 0x3000, 0xa0, 0x1680, 0xac00, 0x1100, 0x1161, 0x11a8],
        ...[0x13a0, 0xab70, 0x1c90, 0x10a0, 0x1f88, 0x1fb3, 0x1c5, 0x149, 0x587, 0xfb01, 0x340, 0x344, 0xf73],
      ),
    },
  );
  const text = fc.array(character, { minLength: 1, maxLength: 8 }).map((points) => String.fromCodePoint(...points));
  const labels = fc.array(text, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("."));

  it.each([
    ["localpart", prepareLocalpart, text],
    ["domainpart", prepareDomainpart, labels],
    ["resourcepart", prepareResourcepart, text],
  ] as [string, (text: string) => Result<string>, fc.Arbitrary<string>][])(
    "a prepared %s is prepared already, and the same in every form of normalisation",
    (_name, prepare, arbitrary) => {
      let accepted = 0;
      fc.assert(
        fc.property(arbitrary, (input) => {
          const once = prepare(input);
          if (!once.ok) return;
          accepted += 1;
          expect(prepare(once.value)).toEqual(once);
          expect(once.value).toBe(once.value.normalize("NFC"));
          expect(Buffer.byteLength(once.value)).toBeLessThanOrEqual(1023);
          if (prepare !== prepareResourcepart) expect(value(prepare(input.normalize("NFC")))).toBe(once.value);
        }),
        { numRuns: 10_000 },
      );
      expect(accepted).toBeGreaterThan(300); // the property is about something
    },
  );

  it("every single code point, too", () => {
    for (const prepare of [prepareLocalpart, prepareResourcepart, prepareDomainpart]) {
      for (let cp = 0; cp <= 0x2ffff; cp++) {
        const once = prepare(String.fromCodePoint(cp));
        if (!once.ok) continue;
        const twice = prepare(once.value);
        if (!twice.ok || twice.value !== once.value) expect.unreachable(`U+${cp.toString(16)}`);
      }
    }
  });

  it("an address is what its text says, and equal to itself only", () => {
    fc.assert(
      fc.property(fc.option(text), labels, fc.option(text), (local, domain, resource) => {
        const jid = Jid.of(local ?? undefined, domain, resource ?? undefined);
        if (!jid.ok) return;
        const again = Jid.parse(jid.value.toString());
        expect(again).toMatchObject({ ok: true });
        if (again.ok) expect(again.value.equals(jid.value)).toBe(true);
        expect(jid.value.bare().toString()).toBe(jid.value.bareString);
      }),
      { numRuns: 10_000 },
    );
  });
});

describe("no text takes more than its length in time", () => {
  // Counted in work, not in seconds: what is over the limit is refused before it is looked at, and what is under it is small.
  it.each([
    ["geresh", "\u05f3"],
    ["Hebrew and geresh", "\u05d0\u05f3"],
    ["katakana middle dots", "\u30fb"],
    ["Arabic-Indic digits", "\u0661"],
    ["non-joiners", ZWNJ],
    ["letters and non-joiners", `\u0628${ZWNJ}`],
    ["middle dots", "l\u00b7"],
    ["marks", "\u0323\u0301"],
    ["umlauts", "\u00fc"],
    ["dots", "."],
    ["hyphens", "-"],
    ["digits and dots", "1."],
    ["A-labels", "xn--a."],
  ])("%s", (_name, part) => {
    const longest = part.repeat(Math.floor(4_092 / part.length));
    for (const prepare of [prepareLocalpart, prepareDomainpart, prepareResourcepart]) {
      const one = work(() => prepare(longest.slice(0, longest.length / 4)));
      const four = work(() => prepare(longest));
      expect(four).toBeLessThan(12 * one + 20_000);
      expect(prepare(part.repeat(1_000_000)).ok).toBe(false);
    }
  });

  /** How many characters regular expressions and slices were given to look at. */
  function work(action: () => void): number {
    let characters = 0;
    const { test, exec } = RegExp.prototype;
    const { slice } = String.prototype;
    RegExp.prototype.test = function counted(this: RegExp, text: string) {
      characters += text.length;
      return test.call(this, text);
    };
    RegExp.prototype.exec = function counted(this: RegExp, text: string) {
      characters += text.length;
      return exec.call(this, text);
    };
    String.prototype.slice = function counted(this: string, ...range) {
      const part = slice.call(this, ...range);
      characters += part.length;
      return part;
    };
    try {
      action();
    } finally {
      RegExp.prototype.test = test;
      RegExp.prototype.exec = exec;
      String.prototype.slice = slice;
    }
    return characters;
  }
});
