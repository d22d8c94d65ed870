// What messages and presence share: the addresses, ids and languages of a stanza and of a Message/CPIM object
// (RFC 3922 sections 4.1.1 to 4.1.3, 4.2.1 to 4.2.3, 4.2.8 and their likes in section 5).

import type { Element } from "ltx";
import { Jid } from "../server/jid.ts";
import { ok, type Result, refuse } from "../server/result.ts";
import { attr } from "../server/stanza.ts";
import { type EscapeForm, fromUri, type Scheme, toUri } from "./address.ts";
import { type CpimObject, isLanguageTag, type NewCpimObject } from "./cpim.ts";

export type Parties = { readonly from: Jid; readonly to: Jid };

/** The addresses of a stanza. Errors: one is missing, or is none. Source: RFC 3922 section 4.1.2. */
export function partiesOf(stanza: Element): Result<Parties> {
  const [from, to] = [addressIn(stanza, "from"), addressIn(stanza, "to")];
  if (!from.ok) return from;
  return to.ok ? ok({ from: from.value, to: to.value }) : to;
}

function addressIn(stanza: Element, name: "from" | "to"): Result<Jid> {
  const text = attr(stanza, name);
  if (text === undefined) return refuse(`the ${stanza.name} has no ${name}`, name);
  const jid = Jid.parse(text);
  return jid.ok ? jid : refuse(`${name}: ${jid.reason}`, name);
}

/** From and To of the object, in im: form for presence too. Errors: an address without localpart. */
export function envelopeOf({ from, to }: Parties, form?: EscapeForm): Result<Pick<NewCpimObject, "from" | "to">> {
  const [sender, recipient] = [toUri(from, "im", form), toUri(to, "im", form)];
  if (!sender.ok) return refuse(`from: ${sender.reason}`, "from");
  if (!recipient.ok) return refuse(`to: ${recipient.reason}`, "to");
  return ok({ from: { uri: sender.value }, to: [{ uri: recipient.value }] });
}

/** How the mapping is done, beside what stands in the stanza or object. */
export type MappingOptions = {
  /** Of the addresses; left out: as in RFC 3922. */
  readonly addressForm?: EscapeForm;
};

/** What the copies of one object may come to, so that a megabyte of To headers does not become gigabytes. */
const MAX_COPIED_BYTES = 16 * 1_048_576;

/**
 * Sender and recipients of an object, each recipient once and in order (JC-12).
 * Errors: those of `fromUri`; so many recipients that the copies would be over MAX_COPIED_BYTES.
 */
export function recipientsOf(
  object: CpimObject,
  schemes: readonly Scheme[],
  form?: EscapeForm,
): Result<{ from: Jid; to: Jid[] }> {
  const from = fromUri(object.from.uri, schemes, form);
  if (!from.ok) return refuse(`From: ${from.reason}`, "From");
  const to = new Map<string, Jid>();
  for (const { uri } of object.to) {
    const jid = fromUri(uri, schemes, form);
    if (!jid.ok) return refuse(`To: ${jid.reason}`, "To");
    to.set(jid.value.bareString, jid.value);
  }
  const size = object.subjects.reduce((sum, { text }) => sum + text.length, object.content.octets.length);
  if (size * to.size > MAX_COPIED_BYTES) return refuse("too many recipients for an object of this size", "To");
  return ok({ from: from.value, to: [...to.values()] });
}

/** The id of the stanzas: the TransID of the operation, else the Content-ID of the content (JC-25). */
export function stanzaId(object: CpimObject, transId: string | undefined): string | undefined {
  if (transId !== undefined) return transId;
  const header = object.content.headers.find(({ name }) => name.toLowerCase() === "content-id");
  return /^<([!-~]{1,512})>$/.exec(header?.value ?? "")?.[1];
}

/** The language of an element, its own or inherited; undefined where there is none or it is no language tag (JC-14). */
export function languageOf(element: Element): string | undefined {
  for (let el: Element | null = element; el !== null; el = el.parent) {
    const lang = attr(el, "xml:lang");
    if (lang !== undefined) return isLanguageTag(lang) ? lang : undefined;
  }
  return undefined;
}

/** The texts that remain where only the first of each language may (RFC 6121 section 5.2.4; JC-16, JC-30). */
export function firstOfEachLanguage<T extends { readonly lang?: string }>(texts: readonly T[]): T[] {
  const seen = new Set<string>();
  return texts.filter(({ lang = "" }) => {
    const isFirst = !seen.has(lang.toLowerCase());
    seen.add(lang.toLowerCase());
    return isFirst;
  });
}
