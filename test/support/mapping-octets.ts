// Octets that nobody meant: known inputs with some octets changed, random ones, and long ones of a repeated piece.

import fc from "fast-check";
import type { Kind } from "../../gateway/convert.ts";
import { loadVectors, octetsOf } from "./vectors.ts";

export const VECTOR_FILES = [
  "jid-to-uri.json",
  "uri-to-jid.json",
  "message-to-cpim.json",
  "cpim-to-message.json",
  "presence-to-cpim.json",
  "cpim-to-presence.json",
];

const PAIRS: readonly (readonly [Kind, Kind])[] = [
  ["xmpp", "cpim"],
  ["cpim", "xmpp"],
  ["jid", "im"],
  ["jid", "pres"],
  ["im", "jid"],
  ["pres", "jid"],
];
const pair = fc.constantFrom(...PAIRS);

export type OctetsCase = { readonly octets: Buffer; readonly pair: readonly [Kind, Kind] };

type Edit = readonly [where: number, kind: number, octet: number];

// Inserts an octet, replaces one or takes one away.
function edited(octets: Buffer, edits: readonly Edit[]): Buffer {
  let bytes = octets;
  for (const [where, kind, octet] of edits) {
    const at = bytes.length === 0 ? 0 : where % bytes.length;
    const rest = bytes.subarray(kind === 0 ? at : at + 1);
    bytes = Buffer.concat([bytes.subarray(0, at), kind === 2 ? Buffer.alloc(0) : Buffer.from([octet]), rest]);
  }
  return bytes;
}

const known = fc.constantFrom(...VECTOR_FILES.flatMap(loadVectors).map(({ input }) => octetsOf(input)));
const edit = fc.tuple(fc.nat(), fc.nat({ max: 2 }), fc.integer({ min: 0, max: 255 }));

/** Short ones: a mutated vector, or random octets, to any converter. */
export const octets: fc.Arbitrary<OctetsCase> = fc.record({
  octets: fc.oneof(
    fc.tuple(known, fc.array(edit, { maxLength: 6 })).map(([bytes, edits]) => edited(bytes, edits)),
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  ),
  pair,
});

const HEADERS = "Content-type: Message/CPIM\r\n\r\nFrom: <im:romeo@example.net>\r\nTo: <im:juliet@example.com>\r\n";
const PIDF = "<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='pres:romeo@example.net'>";
const TUPLE = "<tuple id='a'><status><basic>open</basic>";

/** What may stand round a repeated piece, so that it is read as something. */
const FRAMES: readonly (readonly [Kind, Kind, string, string])[] = [
  ["xmpp", "cpim", "<message from='a@b.c' to='d@e.f'><body>", "</body></message>"],
  ["xmpp", "cpim", "<message from='a@b.c' to='d@e.f'>", "</message>"],
  ["xmpp", "cpim", "<message from='a@b.c' to='d@e.f'><subject>", "</subject></message>"],
  ["xmpp", "cpim", "<message from='a@b.c' to='d@e.f' x='", "'/>"],
  ["xmpp", "cpim", "<presence from='a@b.c/", "' to='d@e.f'/>"],
  ["xmpp", "cpim", "<presence from='a@b.c/x' to='d@e.f'><status>", "</status></presence>"],
  ["cpim", "xmpp", HEADERS, "\r\n\r\nContent-type: text/plain\r\n\r\nx"],
  ["cpim", "xmpp", `${HEADERS}Subject: `, "\r\n\r\nContent-type: text/plain\r\n\r\nx"],
  ["cpim", "xmpp", `${HEADERS}cc: `, " <im:a@b.c>\r\n\r\nContent-type: text/plain\r\n\r\nx"],
  ["cpim", "xmpp", `${HEADERS}\r\nContent-type: text/plain; `, "\r\n\r\nx"],
  ["cpim", "xmpp", `${HEADERS}\r\nContent-type: text/plain\r\n\r\n`, ""],
  ["cpim", "xmpp", `${HEADERS}\r\nContent-type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n`, ""],
  ["cpim", "xmpp", `${HEADERS}\r\nContent-type: multipart/signed; boundary=a\r\n\r\n`, ""],
  ["cpim", "xmpp", `${HEADERS}\r\nContent-type: application/pidf+xml\r\n\r\n${PIDF}`, "</presence>"],
  [
    "cpim",
    "xmpp",
    `${HEADERS}\r\nContent-type: application/pidf+xml\r\n\r\n${PIDF}${TUPLE}`,
    "</status></tuple></presence>",
  ],
  ["jid", "im", "", "@example.com"],
  ["jid", "im", "a@", ""],
  ["jid", "im", "a@b.c/", ""],
  ["im", "jid", "im:", "@example.com"],
  ["im", "jid", "im:a@", ""],
];
const PIECES = [
  ..." aA<>&;:\"'\\/=%@#?[](){}-_.,\n\r\t\0",
  ...[
    "\r\n",
    "\r\n ",
    "&#10;",
    "&amp;",
    "<a/>",
    "<a>",
    "<!---->",
    "]]>",
    "<![CDATA[x]]>",
    "<subject>x</subject>",
    " a=''",
  ],
  ...[
    " xmlns:a='u'",
    "\\u00e9",
    "\\ud83d",
    "=41",
    "=\r\n",
    "%41",
    "%D9%A0",
    "#26;",
    "\\26",
    "To: <im:a@b.c>\r\n",
    "NS: a <u:x>\r\n",
  ],
  ...[
    "Subject:;lang=en x\r\n",
    ";a=b",
    "--a\r\n",
    "<note>x</note>",
    "<basic>open</basic>",
    "_x0041_",
    "\u00fc",
    "\u0660",
    "\u0301",
    "📱",
    "a.",
  ],
];
const piece = fc.oneof(fc.constantFrom(...PIECES), fc.string({ unit: "binary", minLength: 1, maxLength: 6 }));

/** Up to a megabyte of one or two pieces. */
export const longOctets: fc.Arbitrary<OctetsCase> = fc
  .record({
    frame: fc.constantFrom(...FRAMES),
    pieces: fc.array(piece, { minLength: 1, maxLength: 2 }),
    length: fc.constantFrom(10_000, 100_000, 1_000_000, 1_048_576),
  })
  .map(({ frame: [from, to, before, after], pieces, length }) => {
    const unit = pieces.join("");
    const room = length - Buffer.byteLength(before) - Buffer.byteLength(after);
    const octets = Buffer.from(before + unit.repeat(Math.floor(room / Buffer.byteLength(unit))) + after);
    return { octets, pair: [from, to] as const };
  });
