// Message stanza <-> Message/CPIM object (RFC 3922 section 4). Pure: ids and recipients come in, values go out.

import { isAscii, isUtf8 } from "node:buffer";
import { Element } from "ltx";
import { ok, type Result, refuse } from "../server/result.ts";
import { attr, childrenOf, message, messageType, textOf } from "../server/stanza.ts";
import { type CpimObject, cutSpaces, type NewCpimObject, type Subject } from "./cpim.ts";
import { e2eElement, isSecured, objectIn, textOfObject } from "./e2e.ts";
import {
  envelopeOf,
  firstOfEachLanguage,
  languageOf,
  type MappingOptions,
  partiesOf,
  recipientsOf,
  stanzaId,
} from "./envelope.ts";
import { decodeBody, type MediaType, type MimePart, mediaTypeOf, mimePart } from "./mime.ts";
import { replaceForbidden } from "./xml-document.ts";

/**
 * The object that carries a message. The stanza's id is not in it: it is the TransID of the operation (JC-25).
 * @returns null for a message that has no counterpart: of type error, or with neither subject, body nor e2e
 * Errors: from or to is missing or has no im: form. Source: RFC 3922 section 4.1.
 */
export function messageToCpim(stanza: Element, { addressForm }: MappingOptions = {}): Result<NewCpimObject | null> {
  const parties = partiesOf(stanza);
  if (!parties.ok) return parties;
  if (messageType(stanza) === "error") return ok(null); // JC-21: a failure of a response, not a message
  const secured = objectIn(stanza);
  if (!secured.ok) return secured;
  const subjects = secured.value === undefined ? subjectsOf(stanza) : [];
  const body = bodyOf(stanza);
  if (secured.value === undefined && body === undefined && subjects.length === 0) return ok(null); // JC-20
  const envelope = envelopeOf(parties.value, addressForm);
  if (!envelope.ok) return envelope;
  const content = secured.value === undefined ? textContent(body ?? "") : { octets: secured.value };
  return ok({ ...envelope.value, subjects, content });
}

function subjectsOf(stanza: Element): Subject[] {
  return childrenOf(stanza, "subject")
    .map((element) => ({ text: cutSpaces(textOf(element)), lang: languageOf(element) }))
    .filter(({ text }) => text !== "")
    .map(({ text, lang }) => (lang === undefined ? { text } : { text, lang }));
}

// JC-19: CPIM has one body.
function bodyOf(stanza: Element): string | undefined {
  const bodies = childrenOf(stanza, "body");
  const body = bodies.find((element) => attr(element, "xml:lang") === undefined) ?? bodies[0];
  return body === undefined ? undefined : textOf(body);
}

function textContent(text: string): MimePart {
  const lines = text.replace(/\r\n|\r|\n/g, "\r\n"); // RFC 2046 section 4.1.1: the only line end of text/plain
  return mimePart([{ name: "Content-type", value: "text/plain; charset=utf-8" }], Buffer.from(lines, "utf8"));
}

/**
 * The messages that an object stands for: one for each different To.
 * @param transId of the operation, where there is one; it becomes the stanza's id
 * Errors: a Require header (RFC 3922 section 4.2.7: the sender must hear of it), an address that has no XMPP form, a
 * content that is not text in UTF-8 or US-ASCII. Source: RFC 3922 section 4.2.
 */
export function cpimToMessages(
  object: CpimObject,
  { transId, addressForm }: MappingOptions & { transId?: string } = {},
): Result<Element[]> {
  if (object.require.length > 0)
    return refuse(`Require: ${object.require.join(", ")} is not understood here`, "Require");
  const parties = recipientsOf(object, ["im"], addressForm);
  if (!parties.ok) return parties;
  const { from, to } = parties.value;
  const id = stanzaId(object, transId);
  const content = readContent(object.content);
  if (!content.ok) return content;
  const subjects = firstOfEachLanguage(object.subjects);
  return ok(
    to.map((recipient) => {
      const stanza = message({ from: from.toString(), to: recipient.toString() });
      if (id !== undefined) stanza.attrs.id = id;
      for (const subject of subjects) stanza.cnode(subjectElement(subject));
      stanza.cnode(content.value());
      return stanza;
    }),
  );
}

function subjectElement({ text, lang }: Subject): Element {
  return withText(new Element("subject", lang === undefined ? {} : { "xml:lang": lang }), replaceForbidden(text));
}

// RFC 3922 section 4.2.9. Read once; each recipient's stanza gets an element of its own.
function readContent(content: MimePart): Result<() => Element> {
  const type = mediaTypeOf(content.headers);
  if (!type.ok) return type;
  if (type.value === undefined) return refuse("the content has no Content-Type");
  if (isSecured(type.value)) {
    const object = textOfObject(content);
    return object.ok ? ok(() => e2eElement(object.value)) : object;
  }
  if (type.value.type !== "text/plain") return refuse(`${type.value.type} has no place in a message`);
  const text = decodeText(content, type.value);
  return text.ok ? ok(() => withText(new Element("body"), text.value)) : text;
}

function withText(element: Element, text: string): Element {
  return text === "" ? element : element.t(text);
}

function decodeText(content: MimePart, type: MediaType): Result<string> {
  const octets = decodeBody(content);
  if (!octets.ok) return octets;
  const charset = (type.parameters.get("charset") ?? "us-ascii").toLowerCase(); // RFC 2046 section 4.1.2
  if (charset !== "utf-8" && charset !== "us-ascii") return refuse(`the charset ${charset} is not mapped`);
  const fits = charset === "utf-8" ? isUtf8(octets.value) : isAscii(octets.value);
  if (!fits) return refuse(`the text is not ${charset}`);
  return ok(replaceForbidden(octets.value.toString("utf8").replace(/\r\n?/g, "\n")));
}
