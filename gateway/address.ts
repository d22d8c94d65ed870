// JID <-> im: and pres: URI (RFC 3922 section 3; the schemes are RFC 3860's and RFC 3859's). Only bare addresses travel.

import { isUtf8 } from "node:buffer";
import { domainToASCII } from "node:url";
import { Jid, prepareDomainpart } from "../server/jid.ts";
import { ok, type Result, refuse } from "../server/result.ts";

export type Scheme = "im" | "pres";

/**
 * How a localpart carries what RFC 7622 forbids in it: RFC 3922's `#26;` or XEP-0106's `\26`. One per gateway, never
 * both at once, because each form is an ordinary name to the other.
 */
export type EscapeForm = "rfc3922" | "xep0106";

/** One form, or a choice by the domainpart of the address. */
export type FormChoice = EscapeForm | ((domainpart: string) => EscapeForm);

type Escapes = { readonly written: ReadonlyMap<string, string>; readonly read: RegExp };

const ESCAPES: Readonly<Record<EscapeForm, Escapes>> = {
  rfc3922: {
    written: new Map([
      ["&", "#26;"],
      ["'", "#27;"],
      ["/", "#2f;"],
    ]),
    read: /#(26|27|2f);/gi,
  },
  xep0106: {
    written: new Map([...` "&'/:<>@`].map((char) => [char, `\\${char.charCodeAt(0).toString(16)}`])),
    read: /\\(20|22|26|27|2f|3a|3c|3e|40|5c)/gi,
  },
};

// RFC 3922 section 3.2 step 4 without its "?", which begins the headers of an im: URI (RFC 3860 appendix A).
const SAFE = /^[A-Za-z0-9!$*._~+=]$/;
const ALL_SAFE = /^[A-Za-z0-9!$*._~+=]*$/;
/** Nothing in it is changed by `domainToASCII`: no encoded label, and no last label that makes an IPv4 address of it. */
const ASCII_DOMAIN = /^(?:(?!xn--)[a-z0-9-]+\.)*(?!xn--)[a-z][a-z0-9-]*$/;
const SCHEME = /^([A-Za-z][A-Za-z0-9+.-]*):/;
const BROKEN_TRIPLET = /%(?![0-9A-Fa-f]{2})/;

/**
 * The im: or pres: URI of an address, its resource dropped.
 * Errors: an address without localpart names no inbox. Source: RFC 3922 section 3.2.
 */
export function toUri(jid: Jid, scheme: Scheme, form: EscapeForm = "rfc3922"): Result<string> {
  if (jid.localpart === undefined) return refuse(`${jid.domainpart} has no localpart, so it names nobody's inbox`);
  const local = percentEncode(unescapeLocal(jid.localpart, form));
  return ok(`${scheme}:${local}@${asciiDomain(jid.domainpart)}`);
}

function asciiDomain(domainpart: string): string {
  if (ASCII_DOMAIN.test(domainpart) || domainpart.startsWith("[")) return domainpart;
  return domainToASCII(domainpart);
}

/** `toUri` for an address as it stands in an attribute. Errors: those of `Jid.parse` and `toUri`. */
export function jidToUri(text: string, scheme: Scheme, form: EscapeForm = "rfc3922"): Result<string> {
  const jid = Jid.parse(text);
  return jid.ok ? toUri(jid.value, scheme, form) : jid;
}

/**
 * The bare address that a URI names; `?headers` are dropped.
 * @param schemes those that are expected at this place
 * @param choice the form of its localpart
 * Errors: another scheme, a broken escape, octets that are not UTF-8, a localpart that has no XMPP form or whose form
 * another address has already. Source: RFC 3922 section 3.3.
 */
export function fromUri(text: string, schemes: readonly Scheme[], choice: FormChoice = "rfc3922"): Result<Jid> {
  const scheme = SCHEME.exec(text);
  const expected = schemes.map((name) => `${name}:`).join(" or ");
  if (scheme === null || !schemes.some((name) => name === scheme[1]?.toLowerCase())) {
    return refuse(`not an ${expected} URI`);
  }
  if (/[^!-~]/.test(text)) return refuse("a URI holds no spaces, controls or characters beyond ASCII");
  const mailbox = text.slice(scheme[0].length);
  const at = mailbox.indexOf("@");
  if (at < 0) return refuse("the URI has no @");
  const name = percentDecode(mailbox.slice(0, at));
  if (!name.ok) return name;
  const [domain = ""] = mailbox.slice(at + 1).split("?", 1);
  const form = typeof choice === "string" ? choice : choice(preparedDomain(domain));
  const escaped = escapeLocal(name.value, form);
  if (!escaped.ok) return escaped;
  const jid = Jid.of(escaped.value, domain);
  if (!jid.ok) return jid;
  // Preparation can turn full-width characters into an escape that was not there.
  const escapes = (local: string): number => local.match(ESCAPES[form].read)?.length ?? 0;
  if (escapes(jid.value.localpart ?? "") !== escapes(escaped.value)) return refuse(AMBIGUOUS);
  return jid;
}

function preparedDomain(text: string): string {
  const domain = prepareDomainpart(text);
  return domain.ok ? domain.value : text; // `Jid.of` will say what is wrong with it
}

const AMBIGUOUS = "the name reads like an escaped one, so its JID would be another's";

function unescapeLocal(local: string, form: EscapeForm): string {
  return local.replace(ESCAPES[form].read, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function escapeLocal(name: string, form: EscapeForm): Result<string> {
  const { written, read } = ESCAPES[form];
  if (form === "rfc3922" && name.search(read) >= 0) return refuse(AMBIGUOUS);
  const protectedName = form === "xep0106" ? name.replace(read, (token) => `\\5c${token.slice(1)}`) : name;
  return ok(protectedName.replace(/[ "&'/:<>@]/g, (char) => written.get(char) ?? char));
}

function percentEncode(name: string): string {
  if (ALL_SAFE.test(name)) return name;
  let out = "";
  for (const octet of Buffer.from(name, "utf8")) {
    const char = String.fromCharCode(octet);
    out += SAFE.test(char) ? char : `%${octet.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return out;
}

function percentDecode(local: string): Result<string> {
  if (BROKEN_TRIPLET.test(local)) return refuse("a % without two hexadecimal digits");
  if (!local.includes("%")) return ok(local);
  const octets = Buffer.from(
    local.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    "latin1",
  );
  return isUtf8(octets) ? ok(octets.toString("utf8")) : refuse("the localpart is not UTF-8");
}
