// XMPP addresses (RFC 7622): parsed and prepared once, at the border; a value from then on.

import { isIPv4, isIPv6 } from "node:net";
import { domainToASCII, domainToUnicode } from "node:url";
import { identifierClass, opaqueString, usernameCaseMapped } from "./precis.ts";
import { ok, type Result, refuse } from "./result.ts";

const MAX_PART_OCTETS = 1023; // RFC 7622 section 3.1
// Preparation shortens a text to a quarter at most (four code points that compose into one), so a longer one cannot fit;
// said before the checks, some of which are quadratic.
const MAX_UNPREPARED = 4 * MAX_PART_OCTETS;
const FORBIDDEN_LOCAL = /["&'/:<>@]/; // RFC 7622 section 3.3.1
const PLAIN_LOCAL = /^[!#$%()*+,\-.0-9;=?[\\\]^_`a-z{|}~]+$/; // prepared already: ASCII, lower case, nothing forbidden
const PLAIN_DOMAIN = /^(?!.*xn--)(?!.*\.[0-9]+$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/;
const NO_DOMAIN = /[^-.0-9A-Za-z\u0080-\uffff]/; // ASCII of no label: domainToASCII would stop at, decode or drop it
const ASCII_LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** An address: `localpart@domainpart/resourcepart`, every part prepared. Equal addresses have equal strings. */
export class Jid {
  readonly localpart: string | undefined;
  readonly domainpart: string;
  readonly resourcepart: string | undefined;
  readonly #bare: string;
  readonly #full: string;

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
    return this.resourcepart === undefined ? this : new Jid(this.localpart, this.domainpart, undefined);
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

/** Prepares to lower-case U-labels, or an IP literal. Source: RFC 7622 section 3.2. */
export function prepareDomainpart(text: string): Result<string> {
  if (text.length > MAX_UNPREPARED) return refuse("the domainpart is over 1023 octets");
  if (PLAIN_DOMAIN.test(text) && text.length <= 253) {
    return text.split(".").some((label) => label.length > 63)
      ? refuse("domainpart: a label is over 63 octets")
      : ok(text);
  }
  if (text.startsWith("[") && text.endsWith("]")) {
    const address = text.slice(1, -1);
    return isIPv6(address) && !address.includes("%")
      ? ok(text.toLowerCase())
      : refuse("domainpart: not an IPv6 literal");
  }
  const withoutDot = text.endsWith(".") ? text.slice(0, -1) : text; // section 3.2: a final dot is stripped
  if (withoutDot === "") return refuse("the domainpart is empty");
  if (NO_DOMAIN.test(withoutDot)) return refuse("domainpart: not a domain name");
  const ascii = domainToASCII(withoutDot);
  // domainToASCII reads "1.2" and "0x7f.1" as IPv4 addresses, the way URLs do.
  if (isIPv4(ascii) && ascii !== withoutDot.normalize("NFKC")) return refuse("domainpart: not a domain name");
  if (ascii === "" || ascii.length > 253 || !ascii.split(".").every((label) => ASCII_LABEL.test(label))) {
    return refuse("domainpart: not a domain name");
  }
  const unicode = domainToUnicode(ascii);
  const allowed = identifierClass(unicode); // RFC 5892 by way of RFC 8264: no symbols in a U-label
  if (!allowed.ok) return refuse(`domainpart: ${allowed.reason}`);
  return tooLong(unicode) ? refuse("the domainpart is over 1023 octets") : ok(unicode);
}

/** Source: RFC 7622 section 3.4. */
export function prepareResourcepart(text: string): Result<string> {
  if (text.length > MAX_UNPREPARED) return refuse("the resourcepart is over 1023 octets");
  const prepared = opaqueString(text);
  if (!prepared.ok) return refuse(`resourcepart: ${prepared.reason}`);
  return tooLong(prepared.value) ? refuse("the resourcepart is over 1023 octets") : prepared;
}
