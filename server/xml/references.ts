// References to characters and predefined entities (XML 1.0 sections 4.1, 4.6), which may come in pieces.

import { StreamError } from "../errors.ts";
import { nameEnd, nameStartsAt } from "./names.ts";

const PREDEFINED: ReadonlyMap<string, string> = new Map([
  ["amp", "&"],
  ["lt", "<"],
  ["gt", ">"],
  ["apos", "'"],
  ["quot", '"'],
]);

const LONGEST_PREDEFINED = 4;
const BEYOND_UNICODE = 0x110000;
const [SEMICOLON, HASH, SMALL_X] = [0x3b, 0x23, 0x78];

/** One reference, from behind its "&" on. */
export class Reference {
  #kind: "unknown" | "entity" | "decimal" | "hexadecimal" = "unknown";
  #name = "";
  #digits = false;
  #code = 0;
  /** What it stands for, once it is complete. */
  text: string | undefined;

  /**
   * Reads on: whole characters, at least one.
   * @returns where it stopped: behind the ";", or at the end
   * Throws StreamError: not-well-formed, restricted-xml (RFC 6120 section 11.1).
   */
  take(octets: Buffer, from: number, end: number): number {
    let at = from;
    if (this.#kind === "unknown") {
      if (octets[at] === HASH) {
        this.#kind = "decimal";
        at += 1;
      } else if (nameStartsAt(octets, at)) this.#kind = "entity";
      else throw new StreamError("not-well-formed", "& without a reference");
    }
    return this.#kind === "entity" ? this.#takeName(octets, at, end) : this.#takeDigits(octets, at, end);
  }

  #takeName(octets: Buffer, from: number, end: number): number {
    const stop = nameEnd(octets, from, end);
    // However long it goes on, and wherever it is cut, nothing behind that matters.
    if (stop > from) this.#name = (this.#name + octets.toString("utf8", from, stop)).slice(0, LONGEST_PREDEFINED + 1);
    // Namespaces in XML 1.0 section 7: no entity's name has one.
    if (this.#name.includes(":")) throw new StreamError("not-well-formed", "a colon in the name of an entity");
    if (this.#name.length > LONGEST_PREDEFINED) notPredefined();
    if (stop === end) return end;
    if (octets[stop] !== SEMICOLON) throw new StreamError("not-well-formed", "& without a reference");
    this.text = PREDEFINED.get(this.#name) ?? notPredefined();
    return stop + 1;
  }

  // [66]. However many zeros are in front, nothing is kept but the number.
  #takeDigits(octets: Buffer, from: number, end: number): number {
    for (let at = from; at < end; at++) {
      const octet = octets[at] as number;
      if (octet === SEMICOLON && this.#digits) {
        if (!isCharacter(this.#code)) throw new StreamError("not-well-formed", "a reference to no character");
        this.text = String.fromCodePoint(this.#code);
        return at + 1;
      }
      if (octet === SMALL_X && this.#kind === "decimal" && !this.#digits) this.#kind = "hexadecimal";
      else this.#takeDigit(octet);
    }
    return end;
  }

  #takeDigit(octet: number): void {
    const base = this.#kind === "hexadecimal" ? 16 : 10;
    const digit = Number.parseInt(String.fromCharCode(octet), base);
    if (Number.isNaN(digit)) throw new StreamError("not-well-formed", "& without a reference");
    this.#digits = true;
    this.#code = Math.min(this.#code * base + digit, BEYOND_UNICODE);
  }
}

function notPredefined(): never {
  throw new StreamError("restricted-xml", "entities are not allowed in XMPP");
}

// Section 2.2 [2]
function isCharacter(code: number): boolean {
  return (
    code === 0x9 ||
    code === 0xa ||
    code === 0xd ||
    (code >= 0x20 && code <= 0xd7ff) ||
    (code >= 0xe000 && code <= 0xfffd) ||
    (code >= 0x10000 && code < BEYOND_UNICODE)
  );
}
