// Stanzas, objects and documents of every shape, for properties of the mapping: what is generated is data, and the wire forms
// are written here, by no code of the gateway's.

import fc from "fast-check";

/** Characters that XML allows, among them all that have a meaning to some syntax on the way. */
export const text: fc.Arbitrary<string> = fc
  .oneof(
    fc.string({ maxLength: 12 }),
    fc.string({ unit: "binary", maxLength: 12 }),
    fc
      .array(
        fc.constantFrom(
          "\n",
          "\r",
          "\r\n",
          "\t",
          " ",
          "\\",
          '"',
          "'",
          "<",
          "&",
          "]]>",
          ":",
          ";",
          "\u00fc",
          "📱",
          "\u2028",
          "x",
        ),
      )
      .map((pieces) => pieces.join("")),
  )
  .map((value) => value.replace(/[^\t\n\r -\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, "x"));

/** A language tag, something that is none, or nothing. */
export const lang: fc.Arbitrary<string | undefined> = fc.option(
  fc.constantFrom("en", "EN", "de-CH", "i-default", "no tag", "en\r\nNS: <x>", ""),
  { nil: undefined },
);

const LOCALPARTS = [
  "juliet",
  "o#27;malley",
  "a#26;b#2f;c",
  "jean-luc",
  "tsch\u00fcss",
  "50%",
  "a\\27b",
  "\u7530\u4e2d",
  "x?y",
];
const RESOURCES = ["balcony", "4a7f", "Phone 2", "a/b@c", "_", "a_x0020_b", "_x", "B\u00fcro", "📱", "-", "x\u0301"];
const DOMAINS = ["example.com", "b\u00fccher.example"];

export const bareJid: fc.Arbitrary<string> = fc
  .tuple(fc.constantFrom(...LOCALPARTS), fc.constantFrom(...DOMAINS))
  .map(([localpart, domain]) => `${localpart}@${domain}`);

export const resource: fc.Arbitrary<string | undefined> = fc.option(fc.constantFrom(...RESOURCES), { nil: undefined });

export type Said = { readonly text: string; readonly lang?: string | undefined };
export const said: fc.Arbitrary<Said> = fc.record({ text, lang });

export type MessageCase = {
  readonly from: string;
  readonly resource: string | undefined;
  readonly to: string;
  readonly type: string | undefined;
  readonly id: string | undefined;
  readonly subjects: readonly Said[];
  readonly bodies: readonly Said[];
  readonly extensions: readonly string[];
};

const id = fc.option(fc.string({ unit: "grapheme-ascii", maxLength: 8 }), { nil: undefined });
const extension = fc.constantFrom(
  "<thread>t1</thread>",
  "<active xmlns='http://jabber.org/protocol/chatstates'/>",
  "<html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'>no</body></html>",
  "<subject xmlns='urn:x'>no</subject>",
);

export const message: fc.Arbitrary<MessageCase> = fc.record({
  from: bareJid,
  resource,
  to: bareJid,
  type: fc.constantFrom(undefined, "chat", "headline", "normal", "groupchat"),
  id,
  subjects: fc.array(said, { maxLength: 3 }),
  bodies: fc.array(said, { maxLength: 2 }),
  extensions: fc.array(extension, { maxLength: 2 }),
});

export function messageXml({ from, resource, to, type, id, subjects, bodies, extensions }: MessageCase): string {
  const attributes = { from: withResource(from, resource), to, type, id };
  const children = [
    ...extensions,
    ...subjects.map((subject) => element("subject", subject)),
    ...bodies.map((body) => element("body", body)),
  ];
  return `<message${written(attributes)}>${children.join("")}</message>`;
}

export type PresenceCase = {
  readonly from: string;
  readonly resource: string | undefined;
  readonly to: string;
  readonly available: boolean;
  readonly id: string | undefined;
  readonly show: string | undefined;
  readonly statuses: readonly Said[];
  readonly priority: number | undefined;
};

export const presence: fc.Arbitrary<PresenceCase> = fc.record({
  from: bareJid,
  resource,
  to: bareJid,
  available: fc.boolean(),
  id,
  show: fc.constantFrom(undefined, "away", "chat", "dnd", "xa", "busy"),
  statuses: fc.array(said, { maxLength: 3 }),
  priority: fc.option(fc.integer({ min: -128, max: 127 }), { nil: undefined }),
});

export function presenceXml({ from, resource, to, available, id, show, statuses, priority }: PresenceCase): string {
  const type = available ? undefined : "unavailable";
  const children = [
    show === undefined ? "" : `<show>${show}</show>`,
    ...statuses.map((status) => element("status", status)),
    priority === undefined ? "" : `<priority>${priority}</priority>`,
    "<c xmlns='http://jabber.org/protocol/caps'/>",
  ];
  return `<presence${written({ from: withResource(from, resource), to, type, id })}>${children.join("")}</presence>`;
}

/** A Message/CPIM object that is as the grammar wants it; the languages are tags. */
export type ObjectCase = {
  readonly from: string;
  readonly to: readonly string[];
  readonly formalName: string;
  readonly subjects: readonly { readonly text: string; readonly lang: string | undefined }[];
  readonly body: string;
  readonly headers: readonly string[];
  readonly encoding: "binary" | "base64";
};

const MAILBOXES = [
  "im:romeo@example.net",
  "im:Romeo@EXAMPLE.net",
  "im:o'malley@example.net",
  "IM:Jean%2DLuc@Example.NET",
  "im:a%26b@example.net?x=y",
];
const mailbox = fc.constantFrom(...MAILBOXES);

export const object: fc.Arbitrary<ObjectCase> = fc.record({
  from: mailbox,
  to: fc.array(mailbox, { minLength: 1, maxLength: 3 }),
  formalName: fc.constantFrom("", "Romeo Montague ", '"R \\"M\\" \\\\" ', "\u00dcber "),
  subjects: fc.array(
    fc.record({
      text: text.map((value) => value.replace(/^ +| +$/g, "")).filter((value) => value !== ""),
      lang: fc.option(fc.constantFrom("en", "EN", "de-CH"), { nil: undefined }),
    }),
    { maxLength: 3 },
  ),
  body: text,
  headers: fc.array(
    fc.constantFrom("cc: <im:nurse@example.com>", "DateTime: 2001-02-02T10:48:54Z", "NS: X <urn:x>", "Y: z"),
    {
      maxLength: 2,
    },
  ),
  encoding: fc.constantFrom("binary" as const, "base64" as const),
});

export function objectText({ from, to, formalName, subjects, body, headers, encoding }: ObjectCase): Buffer {
  const escaped = (value: string): string =>
    value.replace(/[\\\p{Cc}]/gu, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
  const octets = Buffer.from(body, "utf8");
  const lines = [
    "Content-type: Message/CPIM",
    "",
    ...headers,
    `From: ${formalName}<${from}>`,
    ...to.map((uri) => `To: <${uri}>`),
    ...subjects.map(
      ({ text: value, lang: tag }) => `Subject:${tag === undefined ? "" : `;lang=${tag}`} ${escaped(value)}`,
    ),
    "",
    "Content-type: text/plain; charset=utf-8",
    `Content-Transfer-Encoding: ${encoding}`,
    "",
    "",
  ];
  return Buffer.concat([
    Buffer.from(lines.join("\r\n")),
    encoding === "binary" ? octets : Buffer.from(octets.toString("base64")),
  ]);
}

// ---- XML

export function escapeXml(value: string): string {
  return value.replace(/[&<>'"\r\n\t]/g, (char) => `&#${char.charCodeAt(0)};`);
}

function withResource(bare: string, part: string | undefined): string {
  return part === undefined ? bare : `${bare}/${part}`;
}

function written(attributes: Readonly<Record<string, string | undefined>>): string {
  return Object.entries(attributes)
    .map(([name, value]) => (value === undefined ? "" : ` ${name}='${escapeXml(value)}'`))
    .join("");
}

function element(name: string, { text: value, lang: tag }: Said): string {
  return `<${name}${written({ "xml:lang": tag })}>${escapeXml(value)}</${name}>`;
}
