// XMPP addresses (RFC 7622): parsed and prepared once, at the border; a value from then on.

import { isIPv4, isIPv6 } from "node:net";
import { domainToASCII, domainToUnicode } from "node:url";
import {
  identifierClass,
  isRightToLeft,
  mapCase,
  mapWidth,
  opaqueString,
  satisfiesBidiRule,
  usernameCaseMapped,
} from "./precis.ts";
import { ok, type Result, refuse } from "./result.ts";

const MAX_PART_OCTETS = 1023; // RFC 7622 section 3.1
// Preparation shortens a text to a quarter at most (four code points that compose into one), so a longer one cannot fit;
// said before the checks, so that they cost little.
const MAX_UNPREPARED = 4 * MAX_PART_OCTETS;
const FORBIDDEN_LOCAL = /["&'/:<>@]/; // RFC 7622 section 3.3.1
const PLAIN_LOCAL = /^[!#$%()*+,\-.0-9;=?[\\\]^_`a-z{|}~]+$/; // prepared already: ASCII, lower case, nothing forbidden
const PLAIN_DOMAIN = /^(?!.*xn--)(?!.*\.[0-9]+$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/;
const NO_DOMAIN = /[^-.0-9a-z\u0080-\uffff]/; // ASCII of no label: domainToASCII would stop at, decode or drop it
const MAX_DOMAIN_OCTETS = 253; // RFC 1034 section 3.1, without the root's label
const MAX_LABEL_OCTETS = 63;
const ASCII_LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** An address: `localpart@domainpart/resourcepart`, every part prepared. Equal addresses have equal strings. */
export class Jid {
  readonly localpart: string | undefined;
  readonly domainpart: string;
  readonly resourcepart: string | undefined;
  readonly #bare: string;
  readonly #full: string;
  #bareJid: Jid | undefined;

  private constructor(localpart: string | undefined, domainpart: string, resourcepart: string | undefined) {
    this.localpart = localpart;
    this.domainpart = domainpart;
    this.resourcepart = resourcepart;
    this.#bare = localpart === undefined ? domainpart : `${localpart}@${domainpart}`;
    this.#full = resourcepart === undefined ? this.#bare : `${this.#bare}/${resourcepart}`;
  }

  /**
   * Reads an address as it stands in `to`, `from` or `jid` attributes.
   * Errors: a refusal that names the bad part. Source: RFC 7622 section 3.
   */
  static parse(text: string): Result<Jid> {
    const known = recent.get(text);
    if (known !== undefined) return known;
    if (!RECENT.test(text)) return Jid.#read(text);
    const own = Buffer.from(text, "latin1").toString("latin1"); // `text` may be a part of all that its connection sent at once
    const parsed = Jid.#read(own);
    if (!parsed.ok) return parsed;
    if (recent.size >= MAX_RECENT) recent.clear();
    recent.set(own, parsed);
    return parsed;
  }

  static #read(text: string): Result<Jid> {
    const slash = text.indexOf("/");
    const beforeSlash = slash < 0 ? text : text.slice(0, slash);
    const at = beforeSlash.indexOf("@");
    return Jid.of(
      at < 0 ? undefined : beforeSlash.slice(0, at),
      at < 0 ? beforeSlash : beforeSlash.slice(at + 1),
      slash < 0 ? undefined : text.slice(slash + 1),
    );
  }

  /** Puts an address together from unprepared parts. Errors and source as for `parse`. */
  static of(localpart: string | undefined, domainpart: string, resourcepart?: string): Result<Jid> {
    let local: string | undefined;
    if (localpart !== undefined) {
      const prepared = prepareLocalpart(localpart);
      if (!prepared.ok) return prepared;
      local = prepared.value;
    }
    const domain = prepareDomainpart(domainpart);
    if (!domain.ok) return domain;
    let resource: string | undefined;
    if (resourcepart !== undefined) {
      const prepared = prepareResourcepart(resourcepart);
      if (!prepared.ok) return prepared;
      resource = prepared.value;
    }
    return ok(new Jid(local, domain.value, resource));
  }

  /** Reads an address that this server wrote itself (a database row, its own configuration). Throws on anything else. */
  static fromTrusted(text: string): Jid {
    const parsed = Jid.parse(text);
    if (!parsed.ok) throw new Error(`not an XMPP address: ${text}: ${parsed.reason}`);
    return parsed.value;
  }

  get isBare(): boolean {
    return this.resourcepart === undefined;
  }

  /** The bare JID as a string: the key of accounts, rosters and sessions. */
  get bareString(): string {
    return this.#bare;
  }

  bare(): Jid {
    if (this.resourcepart === undefined) return this;
    this.#bareJid ??= new Jid(this.localpart, this.domainpart, undefined);
    return this.#bareJid;
  }

  /** The same bare JID with a resourcepart that is prepared already. */
  withResource(resourcepart: string): Jid {
    return new Jid(this.localpart, this.domainpart, resourcepart);
  }

  equals(other: Jid): boolean {
    return this.#full === other.#full;
  }

  toString(): string {
    return this.#full;
  }
}

// Addresses that were read lately: those of one conversation come again with each of its stanzas.
const MAX_RECENT = 10_000;
const RECENT = /^[ -~]{1,200}$/;
const recent = new Map<string, Result<Jid>>();

function tooLong(text: string): boolean {
  return text.length * 3 > MAX_PART_OCTETS && Buffer.byteLength(text) > MAX_PART_OCTETS;
}

/** Source: RFC 7622 section 3.3. */
export function prepareLocalpart(text: string): Result<string> {
  if (text.length > MAX_UNPREPARED) return refuse("the localpart is over 1023 octets");
  if (PLAIN_LOCAL.test(text)) return tooLong(text) ? refuse("the localpart is over 1023 octets") : ok(text);
  const prepared = usernameCaseMapped(text);
  if (!prepared.ok) return refuse(`localpart: ${prepared.reason}`);
  const bad = FORBIDDEN_LOCAL.exec(prepared.value);
  if (bad !== null) return refuse(`localpart: ${bad[0]} is not allowed in it`);
  return tooLong(prepared.value) ? refuse("the localpart is over 1023 octets") : prepared;
}

/**
 * Prepares to lower-case U-labels, or an IP literal. Only case, width and composition are mapped (RFC 5895); whatever else
 * IDNA2003 would map is refused. Source: RFC 7622 section 3.2.
 */
export function prepareDomainpart(text: string): Result<string> {
  if (text.length > MAX_UNPREPARED) return refuse("the domainpart is over 1023 octets");
  if (PLAIN_DOMAIN.test(text)) return plainDomain(text);
  if (text.startsWith("[") && text.endsWith("]")) return prepareIPv6(text);
  const composed = mapWidth(text).normalize("NFC").replaceAll("\u3002", ".");
  const mapped = withoutFinalDot(mapCase(composed).normalize("NFC"));
  if (mapped === "") return refuse("the domainpart is empty");
  if (PLAIN_DOMAIN.test(mapped)) return plainDomain(mapped);
  if (NO_DOMAIN.test(mapped)) return refuse("domainpart: not a domain name");
  const labels = mapped.split(".");
  // No encoding is shorter than one octet a character, so these cannot fit; the encoding takes the square of the length.
  if (mapped.length > 2 * MAX_DOMAIN_OCTETS || labels.some((label) => label.length > 2 * MAX_LABEL_OCTETS)) {
    return refuse("domainpart: a label is over 63 octets, or all of it over 253");
  }
  const ascii = domainToASCII(mapped);
  // domainToASCII reads "1.2" and "0x7f.1" as IPv4 addresses, the way URLs do.
  if (isIPv4(ascii)) return ascii === mapped ? ok(mapped) : refuse("domainpart: not a domain name");
  if (ascii.length > MAX_DOMAIN_OCTETS || !ascii.split(".").every((label) => ASCII_LABEL.test(label))) {
    return refuse("domainpart: not a domain name");
  }
  const unicode = domainToUnicode(ascii);
  const refused = checkULabels(unicode.split("."), labels, withoutFinalDot(composed).split("."));
  if (refused !== undefined) return refused;
  return tooLong(unicode) ? refuse("the domainpart is over 1023 octets") : ok(unicode);
}

function plainDomain(text: string): Result<string> {
  if (text.length > MAX_DOMAIN_OCTETS) return refuse("domainpart: over 253 octets");
  return text.split(".").some((label) => label.length > MAX_LABEL_OCTETS)
    ? refuse("domainpart: a label is over 63 octets")
    : ok(text);
}

// RFC 3986 section 3.2.2. An address has one text only (RFC 5952), or two spellings of it would be two domains.
function prepareIPv6(text: string): Result<string> {
  const address = text.slice(1, -1);
  if (!isIPv6(address) || address.includes("%")) return refuse("domainpart: not an IPv6 literal");
  return ok(new URL(`http://${text}`).hostname);
}

function withoutFinalDot(text: string): string {
  return text.endsWith(".") ? text.slice(0, -1) : text;
}

// RFC 5891 section 4.2 and RFC 5893: what a U-label may be. `mapped` and `composed`: as they were asked for, and with their
// capitals; where both differ from the outcome, some other mapping was applied, and the name is none of IDNA2008.
function checkULabels(
  labels: readonly string[],
  mapped: readonly string[],
  composed: readonly string[],
): Result<string> | undefined {
  const rightToLeft = labels.some(isRightToLeft);
  for (const [index, label] of labels.entries()) {
    const asked = mapped[index] ?? "";
    if (!asked.startsWith("xn--") && label !== asked && label !== composed[index]) {
      return refuse("domainpart: not a domain name");
    }
    if (rightToLeft && !satisfiesBidiRule(label)) {
      return refuse("domainpart: it mixes text directions (RFC 5893)");
    }
    if (ASCII_LABEL.test(label)) continue;
    if (label.startsWith("-") || label.endsWith("-") || label.slice(2, 4) === "--") {
      return refuse("domainpart: a hyphen out of place");
    }
    const allowed = identifierClass(label); // RFC 5892 by way of RFC 8264: no symbols in a U-label
    if (!allowed.ok) return refuse(`domainpart: ${allowed.reason}`);
  }
  return undefined;
}

/** Source: RFC 7622 section 3.4. */
export function prepareResourcepart(text: string): Result<string> {
  if (text.length > MAX_UNPREPARED) return refuse("the resourcepart is over 1023 octets");
  const prepared = opaqueString(text);
  if (!prepared.ok) return refuse(`resourcepart: ${prepared.reason}`);
  // The OpaqueString profile would allow it; example 18 of section 3.5 does not.
  if (prepared.value.startsWith(" ")) return refuse("resourcepart: a space in front");
  return tooLong(prepared.value) ? refuse("the resourcepart is over 1023 octets") : prepared;
}
