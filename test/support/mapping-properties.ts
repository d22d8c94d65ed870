// Properties of the mapping: there and back loses only what RFC 3922 and the judgement calls say. The expectation is computed
// from what was generated, not by the gateway. For `npm test` and for the soak (test/soak/mapping.ts).

import assert, { deepStrictEqual } from "node:assert";
import fc from "fast-check";
import { type Conversion, convert, type Kind } from "../../gateway/convert.ts";
import { aggregate, changedTuples, pidfToTuples, type TuplePresence } from "../../gateway/map-presence.ts";
import { parsePidf, serializePidf } from "../../gateway/pidf.ts";
import { readStanza } from "../../gateway/stanza-reader.ts";
import { Jid } from "../../server/jid.ts";
import { canonical } from "./canonical-xml.ts";
import {
  bareJid,
  escapeXml,
  message,
  messageXml,
  object,
  objectText,
  presence,
  presenceXml,
  type Said,
} from "./mapping-cases.ts";

import { octets } from "./mapping-octets.ts";

export type Property = { readonly name: string; readonly property: fc.IProperty<never> };

function property<T>(name: string, arbitrary: fc.Arbitrary<T>, check: (value: T) => void): Property {
  return { name, property: fc.property(arbitrary, check) as unknown as fc.IProperty<never> };
}

function converted(from: Kind, to: Kind, input: string | Buffer): Buffer {
  const conversion: Conversion = convert(from, to, typeof input === "string" ? Buffer.from(input) : input);
  if (conversion.exit !== 0) throw new Error(`${from} to ${to} refused: ${conversion.reason}`);
  return conversion.output;
}

/** Stanzas, one on each line, as what they mean. */
function meaning(output: Buffer): unknown[] {
  return output
    .toString("utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map(canonical);
}

// ---- what is left of things

const TAG = /^[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*$/;

function tagOf({ lang }: Said): string | undefined {
  return lang !== undefined && TAG.test(lang) ? lang : undefined;
}

// JC-14, JC-16, JC-30: what is no tag is left out, and the first of each language remains.
function firstOfEach(texts: readonly Said[]): Said[] {
  const seen = new Set<string>();
  return texts
    .map((said) => ({ text: said.text, lang: tagOf(said) }))
    .filter(({ lang = "" }) => {
      const first = !seen.has(lang.toLowerCase());
      seen.add(lang.toLowerCase());
      return first;
    });
}

function trimmed(texts: readonly Said[]): Said[] {
  return texts
    .map(({ text, lang }) => ({ text: text.replace(/^ +| +$/g, ""), lang }))
    .filter(({ text }) => text !== "");
}

function elements(name: string, texts: readonly Said[]): string {
  return texts
    .map(({ text, lang }) => `<${name}${lang === undefined ? "" : ` xml:lang='${lang}'`}>${escapeXml(text)}</${name}>`)
    .join("");
}

const lines = (text: string): string => text.replace(/\r\n|\r|\n/g, "\n");

// ---- the properties

const messages = property("a message goes out and comes back", message, (given) => {
  const subjects = trimmed(given.subjects);
  const body = given.bodies.find(({ lang }) => lang === undefined) ?? given.bodies[0];
  const object = converted("xmpp", "cpim", messageXml(given));
  if (body === undefined && subjects.length === 0) return deepStrictEqual(object.length, 0);
  const children = `${elements("subject", firstOfEach(subjects))}<body>${escapeXml(lines(body?.text ?? ""))}</body>`;
  const expected = `<message from='${given.from}' to='${given.to}'>${children}</message>`;
  deepStrictEqual(meaning(converted("cpim", "xmpp", object)), [canonical(expected)]);
});

const presences = property("a presence goes out and comes back", presence, (given) => {
  const object = converted("xmpp", "cpim", presenceXml(given));
  const from = given.resource === undefined ? given.from : `${given.from}/${given.resource.normalize("NFC")}`;
  const show = given.available && given.show !== undefined && given.show !== "busy" ? `<show>${given.show}</show>` : "";
  const statuses = elements("status", firstOfEach(given.statuses.filter(({ text }) => text !== "")));
  const { priority } = given;
  const kept = priority === undefined || priority < 0 ? "" : `<priority>${priority}</priority>`;
  const type = given.available ? "" : " type='unavailable'";
  const expected = `<presence from='${from}' to='${given.to}'${type}>${show}${statuses}${kept}</presence>`;
  deepStrictEqual(meaning(converted("cpim", "xmpp", object)), [canonical(expected)]);
});

// The JIDs of the mailboxes of mapping-cases.ts, and their URIs as the gateway writes them.
const MAILBOXES: Readonly<Record<string, readonly [jid: string, uri: string]>> = {
  "im:romeo@example.net": ["romeo@example.net", "im:romeo@example.net"],
  "im:o'malley@example.net": ["o#27;malley@example.net", "im:o%27malley@example.net"],
  "IM:Jean%2DLuc@Example.NET": ["jean-luc@example.net", "im:jean%2Dluc@example.net"],
  "im:Romeo@EXAMPLE.net": ["romeo@example.net", "im:romeo@example.net"],
  "im:a%26b@example.net?x=y": ["a#26;b@example.net", "im:a%26b@example.net"],
};

function mailbox(uri: string): readonly [jid: string, uri: string] {
  return MAILBOXES[uri] as readonly [string, string];
}

const objects = property("an object comes in and goes out", object, (given) => {
  const recipients = [...new Set(given.to.map((uri) => mailbox(uri)[0]))];
  const stanzas = converted("cpim", "xmpp", objectText(given)).toString("utf8").trimEnd().split("\n");
  const subjects = firstOfEach(given.subjects);
  const children = `${elements("subject", subjects)}<body>${escapeXml(lines(given.body))}</body>`;
  const [from, fromUri] = mailbox(given.from);
  deepStrictEqual(
    stanzas.map(canonical),
    recipients.map((to) => canonical(`<message from='${from}' to='${to}'>${children}</message>`)),
  );
  const again = converted("xmpp", "cpim", stanzas[0] as string).toString("utf8");
  deepStrictEqual(again.split("\r\n")[2], `From: <${fromUri}>`);
  deepStrictEqual(
    again.slice(again.indexOf("\r\n\r\n", again.indexOf("Content-type: text/plain")) + 4),
    crlf(given.body),
  );
});

function crlf(text: string): string {
  return text.replace(/\r\n|\r|\n/g, "\r\n");
}

const several = fc.tuple(
  bareJid,
  fc.uniqueArray(presence, { maxLength: 4, selector: ({ resource }) => resource?.normalize("NFC") }),
);

const resources = property("all resources of a user make one document", several, ([from, all]) => {
  const user = Jid.fromTrusted(from);
  const given = all.map((one) => {
    const stanza = readStanza(Buffer.from(presenceXml({ ...one, from })));
    if (!stanza.ok) throw new Error(stanza.reason);
    return { resource: one.resource?.normalize("NFC"), stanza: stanza.value };
  });
  const document = aggregate(user, given);
  if (!document.ok) throw new Error(document.reason);
  const read = parsePidf(Buffer.from(serializePidf(document.value)));
  const tuples = read.ok ? pidfToTuples(read.value, user) : read;
  if (!tuples.ok || tuples.value === null) throw new Error("the document cannot be read");
  const known = new Map(tuples.value.map((tuple) => [tuple.resource, tuple]));
  deepStrictEqual(known.size, Math.max(all.length, 1));
  for (const one of all) {
    const tuple = known.get(one.resource?.normalize("NFC"));
    deepStrictEqual(tuple?.type, one.available ? "available" : "unavailable");
    deepStrictEqual(tuple?.show, one.available && one.show !== "busy" ? one.show : undefined);
    deepStrictEqual(tuple?.priority, one.priority !== undefined && one.priority >= 0 ? one.priority : undefined);
  }
  const open = tuples.value.map(({ type }) => type === "available");
  deepStrictEqual(
    open,
    [...open].sort((a, b) => Number(b) - Number(a)),
  ); // the open ones first
});

const tuple: fc.Arbitrary<TuplePresence> = fc
  .record({
    resource: fc.constantFrom("a", "b", "c", "d"),
    type: fc.constantFrom("available" as const, "unavailable" as const),
    show: fc.constantFrom(undefined, "away" as const, "dnd" as const),
    statuses: fc.constantFrom([], [{ text: "x" }], [{ text: "x", lang: "en" }]),
    priority: fc.constantFrom(undefined, 0, 1),
  })
  .map(({ show, priority, ...rest }) => ({
    ...rest,
    ...(show === undefined || rest.type === "unavailable" ? {} : { show }),
    ...(priority === undefined ? {} : { priority }),
  }));
const tuples = fc.uniqueArray(tuple, { selector: ({ resource }) => resource });

const changes = property("who is told of the changes knows all", fc.tuple(tuples, tuples), ([before, after]) => {
  const told = changedTuples(before, after);
  const available = (all: readonly TuplePresence[]) =>
    Object.fromEntries(all.filter(({ type }) => type === "available").map((one) => [one.resource, one]));
  const known = new Map([...before, ...told].map((one) => [one.resource, one]));
  deepStrictEqual(available([...known.values()]), available(after));
  deepStrictEqual(changedTuples(after, after), []);
  deepStrictEqual(told.length, new Set(told.map(({ resource }) => resource)).size);
});

/** Whatever the octets: a value or a refusal, never a throw; stanzas that can be read; the same again each time. */
export const anyOctets = property(
  "any octets give a value or a refusal",
  octets,
  ({ octets: input, pair: [from, to] }) => {
    const conversion = convert(from, to, input);
    if (conversion.exit === 65) assert(conversion.reason !== "");
    else if (to === "xmpp") meaning(conversion.output);
    deepStrictEqual(convert(from, to, input), conversion);
  },
);

export const PROPERTIES: readonly Property[] = [messages, presences, objects, resources, changes];
