// What each octet of UTF-8 is to the parser, where characters stand (XML 1.0 sections 2.2 to 2.4).

const [TAB, LINE_FEED, RETURN, SPACE] = [0x09, 0x0a, 0x0d, 0x20];

// What an octet is to a run of characters.
export const PLAIN = 0;
export const STOP = 1;
export const BREAK = 2; // a line end, and white space in a value: to be normalized
export const WIDE = 3; // of a character that has more than one octet
const FORBIDDEN = 4; // section 2.2 [2]

export const TEXT_RUN = run("<&>", "\r");
export const CDATA_RUN = run(">", "\r");
export const SINGLE_RUN = run("'<&", "\t\n\r");
export const DOUBLE_RUN = run('"<&', "\t\n\r");

function run(stops: string, breaks: string): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, octet) => {
    const character = String.fromCharCode(octet);
    if (octet >= 0x80) return WIDE;
    if (stops.includes(character)) return STOP;
    if (breaks.includes(character)) return BREAK;
    return octet < SPACE && octet !== TAB && octet !== LINE_FEED ? FORBIDDEN : PLAIN;
  });
}

/** Section 2.3 [3] S */
export function isSpace(octet: number): boolean {
  return octet === SPACE || octet === LINE_FEED || octet === TAB || octet === RETURN;
}

/** Section 2.2 [2]: U+FFFE and U+FFFF, the only ones besides controls that valid UTF-8 can say. */
export function isForbidden(octets: Buffer, at: number): boolean {
  return octets[at] === 0xef && octets[at + 1] === 0xbf && (octets[at + 2] as number) >= 0xbe;
}
