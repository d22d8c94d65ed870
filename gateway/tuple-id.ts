// Resourcepart <-> PIDF tuple id (RFC 3922 section 5.1.1; JC-27). The schema of RFC 3863 types the id as an NCName, which
// a resource need not be, so other characters are written `_xHHHH_` or, beyond the BMP, `_xHHHHHHHH_`.

import { prepareResourcepart } from "../server/jid.ts";
import { ok, type Result, refuse } from "../server/result.ts";

/** The id of a presentity without resource. */
const NO_RESOURCE = "_";

// XML 1.0 fifth edition section 2.3, without the colon (Namespaces in XML section 3).
const NAME_START =
  "A-Z_a-z\\u00c0-\\u00d6\\u00d8-\\u00f6\\u00f8-\\u02ff\\u0370-\\u037d\\u037f-\\u1fff\\u200c\\u200d\\u2070-\\u218f" +
  "\\u2c00-\\u2fef\\u3001-\\ud7ff\\uf900-\\ufdcf\\ufdf0-\\ufffd\\u{10000}-\\u{effff}";
const NAME_START_CHAR = new RegExp(`^[${NAME_START}]$`, "u");
const NAME_CHAR = new RegExp(`^[${NAME_START}\\-.0-9\\u00b7\\u0300-\\u036f\\u203f\\u2040]$`, "u");
// What stands between the underscores of an escape: a code point beyond the BMP, or one within it but no surrogate.
const HEX = "x(?:000[1-9A-F][0-9A-F]{4}|0010[0-9A-F]{4}|(?:[0-9A-CEF][0-9A-F]|D[0-7])[0-9A-F]{2})";
const ESCAPE = new RegExp(`_${HEX}_`, "g");
const OPENS_ESCAPE = new RegExp(`^${HEX}(?:_|[^${NAME_START}\\-.0-9\\u00b7\\u0300-\\u036f\\u203f\\u2040])`, "u");

/** The id of the tuple that speaks of a resource: an NCName, another one for each resource. Errors: none. */
export function tupleId(resource: string | undefined): string {
  if (resource === undefined) return NO_RESOURCE;
  if (resource === NO_RESOURCE) return escapeChar("_");
  let id = "";
  let at = 0;
  for (const char of resource) {
    const isLegal = (at === 0 ? NAME_START_CHAR : NAME_CHAR).test(char);
    at += char.length;
    // An underscore that would be read as the start of an escape, be it closed by the next character's own.
    const misleads = char === "_" && OPENS_ESCAPE.test(resource.slice(at, at + 11));
    id += isLegal && !misleads ? char : escapeChar(char);
  }
  return id;
}

function escapeChar(char: string): string {
  const cp = char.codePointAt(0) ?? 0;
  const hex = cp.toString(16).toUpperCase();
  return `_x${hex.padStart(cp > 0xffff ? 8 : 4, "0")}_`;
}

/**
 * The resource that a tuple speaks of; undefined for the presentity as a whole.
 * Errors: an id that fits no resource: over 1023 octets, or with controls. Source: RFC 7622 section 3.4.
 */
export function resourceOf(id: string): Result<string | undefined> {
  if (id === NO_RESOURCE) return ok(undefined);
  const text = id.replace(ESCAPE, (code) => String.fromCodePoint(Number.parseInt(code.slice(2, -1), 16)));
  const resource = prepareResourcepart(text);
  return resource.ok ? resource : refuse(`the tuple id ${JSON.stringify(id.slice(0, 40))} fits no resource`);
}
