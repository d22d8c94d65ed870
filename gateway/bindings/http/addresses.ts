// Addresses as they stand in paths, queries and JSON of the HTTP binding. HTTP's own percent-encoding is undone before
// these are asked.

import { domainToASCII } from "node:url";
import { Jid } from "../../../server/jid.ts";
import { ok, type Result, refuse } from "../../../server/result.ts";
import { type EscapeForm, type FormChoice, fromUri, type Scheme, toUri } from "../../address.ts";

const SCHEME = /^[A-Za-z][A-Za-z0-9+.-]*:/; // no localpart holds a colon, so what looks like a scheme is one

/**
 * A presentity: `local@domain` in im:/pres: form, or such a URI in full. Beyond ASCII it may be an IRI (RFC 3987
 * section 3.1), so that `tschüss@example.net` needs percent-encoding only once, by HTTP.
 * Errors: those of `fromUri`. Source: docs/http-binding.md, `{addr}`; RFC 3922 section 3.3.
 */
export function parsePresentityAddress(text: string, form?: FormChoice): Result<Jid> {
  const uri = asciiUri(text);
  return fromUri(SCHEME.test(uri) ? uri : `pres:${uri}`, ["im", "pres"], form);
}

/** Writes a presentity as `{addr}` is read: its URI without the scheme. */
export function presentityAddress(address: Jid, form?: EscapeForm): string {
  return uriOf(address, "pres", form).slice("pres:".length);
}

/**
 * An XMPP user or, where `domain` is allowed, a whole domain: a JID, or an im:, pres: or xmpp: URI. The resource is dropped.
 * @param form of im: and pres: URIs
 * Errors: those of `Jid.parse` and `fromUri`. Source: docs/http-binding.md, `{xmpp}`; RFC 5122 section 2.
 */
export function parseXmppAddress(
  text: string,
  { domain = "user-only", form }: { domain?: "allowed" | "user-only"; form?: EscapeForm } = {},
): Result<Jid> {
  const scheme = SCHEME.exec(text)?.[0].toLowerCase();
  const parsed =
    scheme === "im:" || scheme === "pres:"
      ? fromUri(asciiUri(text), ["im", "pres"], form)
      : scheme === "xmpp:"
        ? parseXmppUri(text.slice("xmpp:".length))
        : Jid.parse(text);
  if (!parsed.ok) return parsed;
  if (parsed.value.localpart === undefined && domain === "user-only") return refuse("a domain is no user");
  return ok(parsed.value.bare());
}

/** The URI of an address that has a localpart; throws on others, which name nobody. Source: RFC 3922 section 3.2. */
export function uriOf(address: Jid, scheme: Scheme, form?: EscapeForm): string {
  const uri = toUri(address, scheme, form);
  if (!uri.ok) throw new Error(uri.reason);
  return uri.value;
}

// RFC 5122 section 2.2: the path is the percent-encoded address; a query is no part of it.
function parseXmppUri(rest: string): Result<Jid> {
  if (rest.startsWith("//")) return refuse("an xmpp: URI that names an account to use, not an address");
  const [path = ""] = rest.split(/[?#]/, 1);
  try {
    return Jid.parse(decodeURIComponent(path));
  } catch {
    return refuse("an xmpp: URI with a broken escape");
  }
}

function asciiUri(text: string): string {
  const at = text.indexOf("@");
  if (at < 0 || !/[\u0080-\uffff]/.test(text)) return text;
  const wellFormed = text.slice(0, at).replace(/\p{Surrogate}/gu, "\ufffd");
  const local = wellFormed.replace(/[\u0080-\uffff]+/g, (run) => encodeURIComponent(run));
  return `${local}@${domainToASCII(text.slice(at + 1))}`;
}
