// Message/CPIM codec (RFC 3862).

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseCpim, serializeCpim } from "../../gateway/cpim.ts";
import { decodeBody, mediaTypeOf, mimePart } from "../../gateway/mime.ts";

const crlf = (text: string): Buffer => Buffer.from(text.replaceAll("\n", "\r\n"), "utf8");

const OUTER = "Content-type: Message/CPIM\n\n";
const INNER = `From: MR SANDERS <im:piglet@100akerwood.com>
To: Depressed Donkey <im:eeyore@100akerwood.com>
DateTime: 2000-12-13T13:40:00-08:00
Subject: the weather will be fine today
Subject:;lang=fr beau temps prevu pour aujourd'hui
NS: MyFeatures <mid:MessageFeatures@id.foo.com>
Require: MyFeatures.VitalMessageOption
MyFeatures.VitalMessageOption: Confirmation-requested
MyFeatures.WackyMessageOption: Use-silly-font

Content-type: text/xml; charset=utf-8
Content-ID: <1234567890@foo.com>

<body>
Here is the text of my message.
</body>`;

const EXPECTED = {
  from: { uri: "im:piglet@100akerwood.com", formalName: "MR SANDERS" },
  to: [{ uri: "im:eeyore@100akerwood.com", formalName: "Depressed Donkey" }],
  cc: [],
  dateTime: "2000-12-13T13:40:00-08:00",
  subjects: [{ text: "the weather will be fine today" }, { text: "beau temps prevu pour aujourd'hui", lang: "fr" }],
  require: ["MyFeatures.VitalMessageOption"],
  extensions: [
    { ns: "mid:MessageFeatures@id.foo.com", name: "VitalMessageOption", value: "Confirmation-requested" },
    { ns: "mid:MessageFeatures@id.foo.com", name: "WackyMessageOption", value: "Use-silly-font" },
  ],
};

describe("the example of RFC 3862 section 5.1", () => {
  it("is read [F-2 F-3.3 F-3.4a F-3.4d F-3.5 F-4.1 F-4.2 F-4.4 F-4.5 F-4.6 F-4.7]", () => {
    const parsed = parseCpim(crlf(OUTER + INNER));
    expect(parsed).toMatchObject({ ok: true, value: EXPECTED });
    if (!parsed.ok) return;
    const { content } = parsed.value;
    expect(content.headers).toEqual([
      { name: "Content-type", value: "text/xml; charset=utf-8" },
      { name: "Content-ID", value: "<1234567890@foo.com>" },
    ]);
    expect(content.body).toEqual(crlf("<body>\nHere is the text of my message.\n</body>"));
    expect(content.octets).toEqual(crlf(INNER.slice(INNER.indexOf("Content-type"))));
  });

  it("is read where the carrier keeps the outer MIME block to itself, and where it does not [F-2.1]", () => {
    expect(parseCpim(crlf(INNER), { outer: "optional" })).toMatchObject({ ok: true, value: EXPECTED });
    expect(parseCpim(crlf(OUTER + INNER), { outer: "optional" })).toMatchObject({ ok: true, value: EXPECTED });
    expect(parseCpim(crlf(INNER))).toMatchObject({ ok: false });
    expect(parseCpim(crlf(`Content-type: text/plain\n\n${INNER}`), { outer: "optional" })).toMatchObject({ ok: false });
  });

  it("may be encoded as a whole for the way [F-2.1 F-2.4b]", () => {
    const encoded = `Content-type: Message/CPIM\nContent-Transfer-Encoding: base64\n\n${crlf(INNER).toString("base64")}`;
    expect(parseCpim(crlf(encoded))).toMatchObject({ ok: true, value: EXPECTED });
  });

  it("a refusal says which line [G-4]", () => {
    expect(parseCpim(crlf(OUTER + INNER.replace("DateTime: ", "DateTime:")))).toEqual({
      ok: false,
      reason: "message header 3: no space after the colon",
      at: "message header 3",
    });
  });

  it("has a bound [G-3]", () => {
    expect(parseCpim(crlf(OUTER + INNER), { maxBytes: 500 })).toMatchObject({ ok: false });
    expect(parseCpim(Buffer.alloc(1_048_577))).toMatchObject({ ok: false });
  });
});

describe("writing", () => {
  const content = mimePart([{ name: "Content-type", value: "text/plain" }], Buffer.from("hi"));
  const from = { uri: "im:a@b.c" };
  const write = (rest: Partial<Parameters<typeof serializeCpim>[0]>): string =>
    serializeCpim({ from, to: [{ uri: "im:d@e.f" }], content, ...rest }).toString("utf8");

  it("formal names are quoted, their quotes and controls escaped [F-2.3.1a F-2.3.1b F-2.3.1d F-2.3.1e F-3.6 M-4.1.1c M-4.1.2c]", () => {
    const text = write({ from: { ...from, formalName: 'R "M" \\ \n\u0001\u007f\'' } });
    expect(text).toContain('\r\nFrom: "R \\"M\\" \\\\ \\n\\u0001\\u007f\'" <im:a@b.c>\r\n');
  });

  it("no single-quoted string is ever written [F-2.3.1c]", () => {
    expect(write({ from: { ...from, formalName: "O'Malley" } })).toContain(`"O'Malley" <`);
  });

  it("cc and DateTime, where they are given [F-4.3 F-4.4 M-4.1.9]", () => {
    const text = write({ cc: [{ uri: "im:n@e.f" }], dateTime: "2001-02-02T10:48:54-05:00" });
    expect(text).toContain("\r\ncc: <im:n@e.f>\r\nDateTime: 2001-02-02T10:48:54-05:00\r\n\r\n");
  });

  it("a language that is no tag is left out [G-6 F-3.3]", () => {
    expect(write({ subjects: [{ text: "x", lang: "en\r\nNS: <y>" }] })).toContain("\r\nSubject: x\r\n");
  });

  it("what is written is read back [K-5 F-2.2b F-2.2d F-2.2f F-2.2h F-3.4c F-3.6b]", () => {
    const text = fc
      .string({ unit: "binary" })
      .filter((value) => !value.startsWith(" ") && !value.endsWith(" ") && value !== "");
    const lang = fc.option(fc.constantFrom("en", "zh-Hans-CN", "i-default"), { nil: undefined });
    const subject = fc.record({ text, lang }).map(({ text, lang }) => (lang === undefined ? { text } : { text, lang }));
    const address = fc
      .record({
        formalName: fc.option(text, { nil: undefined }),
        uri: fc.constantFrom("im:a@b.c", "pres:%41@[::1]?x=y"),
      })
      .map(({ formalName, uri }) => (formalName === undefined ? { uri } : { uri, formalName }));
    fc.assert(
      fc.property(
        address,
        fc.array(address, { minLength: 1 }),
        fc.array(address),
        fc.array(subject),
        fc.uint8Array(),
        (from, to, cc, subjects, body) => {
          const part = mimePart([{ name: "Content-Type", value: "application/octet-stream" }], Buffer.from(body));
          const parsed = parseCpim(serializeCpim({ from, to, cc, subjects, content: part }));
          expect(parsed).toEqual({
            ok: true,
            value: { from, to, cc, subjects, require: [], extensions: [], content: part },
          });
        },
      ),
      { numRuns: 10_000 },
    );
  });
});

describe("MIME", () => {
  const typeOf = (value: string) => mediaTypeOf([{ name: "Content-Type", value }]);

  it.each([
    ["text/plain", "text/plain", {}],
    ["Text/Plain; CharSet=US-ASCII", "text/plain", { charset: "US-ASCII" }],
    ['text/plain ; a="b;\\"c" ;d=e;', "text/plain", { a: 'b;"c', d: "e" }],
    ["text/plain (a (b) \\) c); charset=us-ascii (d)", "text/plain", { charset: "us-ascii" }],
    [
      'multipart/signed; boundary="(x)"; protocol=application/pkcs7-signature',
      "multipart/signed",
      { boundary: "(x)", protocol: "application/pkcs7-signature" },
    ],
  ])("%s [F-2.4b]", (value, type, parameters) => {
    const parsed = typeOf(value);
    expect(
      parsed.ok && parsed.value && { type: parsed.value.type, parameters: Object.fromEntries(parsed.value.parameters) },
    ).toEqual({
      type,
      parameters,
    });
  });

  it.each([
    "",
    "text",
    "text/",
    "/plain",
    "text/plain; charset",
    "text/plain; =x",
    "text/plain charset=x",
    'text/plain; a="b',
    "text/plain (",
    "text/plain; a=b; a=c",
  ])("%s cannot be read [F-2.4a]", (value) => {
    expect(typeOf(value).ok).toBe(false);
  });

  it.each([
    ["quoted-printable", "a=3D=\r\nb =20 \r\nc=\n=C3=BC", "a=b  \r\ncü"],
    ["quoted-printable", "soft at the end=", "soft at the end"],
    ["base64", "YQ==", "a"],
    ["BASE64 (c)", " Y W\r\nI\t= ", "ab"],
    ["binary", "a=3D", "a=3D"],
  ])("%s: %j [F-2.4b]", (encoding, body, text) => {
    const decoded = decodeBody({
      headers: [{ name: "content-transfer-encoding", value: encoding }],
      body: Buffer.from(body),
    });
    expect(decoded.ok && decoded.value.toString("utf8")).toBe(text);
  });

  it("base64 and quoted-printable of any octets [F-2.4b]", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (octets) => {
        const bytes = Buffer.from(octets);
        const base64 = bytes.toString("base64").replace(/.{76}/g, "$&\r\n");
        const quoted = [...bytes].map((octet) => `=${octet.toString(16).padStart(2, "0")}`).join("");
        for (const [value, body] of [
          ["base64", base64],
          ["quoted-printable", quoted],
        ] as const) {
          const decoded = decodeBody({
            headers: [{ name: "Content-Transfer-Encoding", value }],
            body: Buffer.from(body),
          });
          expect(decoded.ok && decoded.value.equals(bytes)).toBe(true);
        }
      }),
      { numRuns: 10_000 },
    );
  });
});

describe("any octets", () => {
  it("give a value or a refusal [G-1 F-2]", () => {
    const piece = fc.constantFrom(
      "Content-type: Message/CPIM",
      "From: <im:a@b>",
      "To: <im:a@b>",
      "\r\n",
      "\r\n\r\n",
      "\n",
      " ",
      ":",
      ";",
      '"',
      "\\",
      "<",
      "NS: ",
      "\\u00",
      "=",
      "(",
      ")",
      "Content-type: text/plain",
      "\u00fc",
      "x",
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array().map((bytes) => Buffer.from(bytes)),
          fc.array(piece, { maxLength: 30 }).map((all) => Buffer.from(all.join(""))),
        ),
        (bytes) => {
          expect(typeof parseCpim(bytes).ok).toBe("boolean");
          expect(typeof parseCpim(bytes, { outer: "optional" }).ok).toBe("boolean");
        },
      ),
      { numRuns: 10_000 },
    );
  });
});
