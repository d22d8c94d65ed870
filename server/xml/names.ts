// Names in octets of UTF-8 (XML 1.0, fifth edition, section 2.3; Namespaces in XML 1.0 section 4).

const NO = 0;
const YES = 1;
const WIDE = 2; // more than one octet: to be decoded

// [4] NameStartChar and [4a] NameChar, as far as ASCII goes.
const NAME_START = table(/[:A-Z_a-z]/);
const NAME = table(/[-.:\w]/);

function table(ascii: RegExp): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, octet) =>
    octet >= 0x80 ? WIDE : ascii.test(String.fromCharCode(octet)) ? YES : NO,
  );
}

/** Whether the character at `at`, which is a whole one, may begin a name. */
export function nameStartsAt(octets: Buffer, at: number): boolean {
  const kind = NAME_START[octets[at] as number];
  return kind === YES || (kind === WIDE && isNameStart(codePointAt(octets, at)));
}

/** Where the characters end that a name may go on with, from `from` on; `end` if all of them may. */
export function nameEnd(octets: Buffer, from: number, end: number): number {
  let at = from;
  while (at < end) {
    const octet = octets[at] as number;
    const kind = NAME[octet];
    if (kind === YES) at += 1;
    else if (kind === WIDE && isNameCharacter(codePointAt(octets, at))) at += width(octet);
    else break;
  }
  return at;
}

/** A name with a colon at that place, as Namespaces in XML 1.0 section 4 [7] has it: a prefix and a local part. */
export function isPrefixedName(name: string, colon: number): boolean {
  if (colon === 0 || colon === name.length - 1 || name.indexOf(":", colon + 1) >= 0) return false;
  return isNameStart(name.codePointAt(colon + 1) as number);
}

function width(lead: number): number {
  return lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
}

function codePointAt(octets: Buffer, at: number): number {
  const lead = octets[at] as number;
  const next = (index: number): number => (octets[at + index] as number) & 0x3f;
  if (lead >= 0xf0) return ((lead & 0x07) << 18) | (next(1) << 12) | (next(2) << 6) | next(3);
  if (lead >= 0xe0) return ((lead & 0x0f) << 12) | (next(1) << 6) | next(2);
  return ((lead & 0x1f) << 6) | next(1);
}

// [4]
function isNameStart(code: number): boolean {
  if (code < 0x80) return NAME_START[code] === YES;
  return (
    (code >= 0xc0 && code <= 0xd6) ||
    (code >= 0xd8 && code <= 0xf6) ||
    (code >= 0xf8 && code <= 0x2ff) ||
    (code >= 0x370 && code <= 0x37d) ||
    (code >= 0x37f && code <= 0x1fff) ||
    code === 0x200c ||
    code === 0x200d ||
    (code >= 0x2070 && code <= 0x218f) ||
    (code >= 0x2c00 && code <= 0x2fef) ||
    (code >= 0x3001 && code <= 0xd7ff) ||
    (code >= 0xf900 && code <= 0xfdcf) ||
    (code >= 0xfdf0 && code <= 0xfffd) ||
    (code >= 0x10000 && code <= 0xeffff)
  );
}

// [4a], beyond ASCII
function isNameCharacter(code: number): boolean {
  return isNameStart(code) || code === 0xb7 || (code >= 0x300 && code <= 0x36f) || (code >= 0x203f && code <= 0x2040);
}
