// PRECIS string classes and the two profiles XMPP addresses use (RFC 8264; RFC 8265 sections 3.3 and 4.2).

import { domainToASCII } from "node:url";
import bidiFactory from "bidi-js";
import { ok, type Result, refuse } from "./result.ts";

type Property = "PVALID" | "FREE_PVAL" | "CONTEXTJ" | "CONTEXTO" | "DISALLOWED" | "UNASSIGNED";

// RFC 8264 section 9.6 (from RFC 5892 section 2.6).
const EXCEPTIONS = new Map<number, Property>([
  ...[0xdf, 0x3c2, 0x6fd, 0x6fe, 0xf0b, 0x3007].map((cp): [number, Property] => [cp, "PVALID"]),
  ...[0xb7, 0x375, 0x5f3, 0x5f4, 0x30fb].map((cp): [number, Property] => [cp, "CONTEXTO"]),
  ...[0x640, 0x7fa, 0x302e, 0x302f, 0x3031, 0x3032, 0x3033, 0x3034, 0x3035, 0x303b].map((cp): [number, Property] => [
    cp,
    "DISALLOWED",
  ]),
]);

const LETTER_DIGIT = /^[\p{Ll}\p{Lu}\p{Lo}\p{Nd}\p{Lm}\p{Mn}\p{Mc}]$/u;
const OTHER_LETTER_DIGIT_SPACE_SYMBOL_PUNCTUATION =
  /^[\p{Lt}\p{Nl}\p{No}\p{Me}\p{Zs}\p{Sm}\p{Sc}\p{Sk}\p{So}\p{Pc}\p{Pd}\p{Ps}\p{Pe}\p{Pi}\p{Pf}\p{Po}]$/u;
const UNASSIGNED = /^\p{Cn}$/u;
const IGNORABLE = /^[\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}]$/u;
const ASCII_ONLY = /^[\x20-\x7e]*$/;

// RFC 8264 section 8: the derived property value of one code point.
function propertyOf(char: string, cp: number): Property {
  const exception = EXCEPTIONS.get(cp);
  if (exception !== undefined) return exception;
  if ((cp >= 0x660 && cp <= 0x669) || (cp >= 0x6f0 && cp <= 0x6f9)) return "CONTEXTO";
  if (UNASSIGNED.test(char) && !IGNORABLE.test(char)) return "UNASSIGNED";
  if (cp >= 0x21 && cp <= 0x7e) return "PVALID";
  if (cp === 0x200c || cp === 0x200d) return "CONTEXTJ";
  if ((cp >= 0x1100 && cp <= 0x11ff) || (cp >= 0xa960 && cp <= 0xa97c) || (cp >= 0xd7b0 && cp <= 0xd7fb))
    return "DISALLOWED"; // conjoining Hangul jamo (OldHangulJamo)
  if (IGNORABLE.test(char) || /^\p{Cc}$/u.test(char)) return "DISALLOWED";
  if (char.normalize("NFKC") !== char) return "FREE_PVAL"; // HasCompat
  if (LETTER_DIGIT.test(char)) return "PVALID";
  if (OTHER_LETTER_DIGIT_SPACE_SYMBOL_PUNCTUATION.test(char)) return "FREE_PVAL";
  return "DISALLOWED";
}

// RFC 5892 appendix A. Only the neighbours are looked at, and the whole once, or a long text would take the square of its
// length.
class Context {
  readonly #whole: string;
  #kana: boolean | undefined;
  #arabicDigits: boolean | undefined;
  #extendedDigits: boolean | undefined;

  constructor(whole: string) {
    this.#whole = whole;
  }

  /** @param at where the code point stands, in UTF-16 code units */
  allows(cp: number, at: number): boolean {
    const before = this.#whole.slice(Math.max(0, at - NEIGHBOURS), at);
    const after = this.#whole.slice(at + 1, at + 1 + NEIGHBOURS); // all of them are in the basic plane
    switch (cp) {
      case 0x200c:
      case 0x200d:
        return joinerAllowed(cp, before, after);
      case 0xb7: // MIDDLE DOT
        return before.endsWith("l") && after.startsWith("l");
      case 0x375: // GREEK LOWER NUMERAL SIGN (KERAIA)
        return /^\p{Script=Greek}/u.test(after);
      case 0x5f3: // HEBREW PUNCTUATION GERESH, GERSHAYIM
      case 0x5f4:
        return /\p{Script=Hebrew}$/u.test(before);
      case 0x30fb: // KATAKANA MIDDLE DOT
        this.#kana ??= /[\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Han}]/u.test(this.#whole);
        return this.#kana;
    }
    // Arabic-Indic digits must not be mixed with extended ones.
    if (cp <= 0x669) {
      this.#extendedDigits ??= /[\u06f0-\u06f9]/.test(this.#whole);
      return !this.#extendedDigits;
    }
    this.#arabicDigits ??= /[\u0660-\u0669]/.test(this.#whole);
    return !this.#arabicDigits;
  }
}

const NEIGHBOURS = 20;

// RFC 5892 appendix A.1 and A.2: behind a virama, or (the non-joiner) between letters that join. Node has the tables for
// that inside its IDNA functions alone, and they refuse a label with a joiner out of place (UTS #46 CheckJoiners).
function joinerAllowed(cp: number, before: string, after: string): boolean {
  const left = (/[\p{L}\p{M}]*$/u.exec(before)?.[0] ?? "").replace(/^\p{M}+/u, "");
  const right = cp === 0x200c ? (/^[\p{L}\p{M}]*/u.exec(after)?.[0] ?? "") : "";
  return left !== "" && domainToASCII(left + String.fromCharCode(cp) + right) !== "";
}

function checkClass(text: string, freeform: boolean): Result<string> {
  let context: Context | undefined;
  let index = 0;
  for (const char of text) {
    const cp = char.codePointAt(0) as number;
    if (cp >= 0xd800 && cp <= 0xdfff) return refuse("a lone surrogate is no character");
    const property = cp === 0x20 ? "FREE_PVAL" : propertyOf(char, cp);
    let allowed = property === "PVALID" || (property === "FREE_PVAL" && freeform);
    if (property === "CONTEXTJ" || property === "CONTEXTO") {
      context ??= new Context(text);
      allowed = context.allows(cp, index);
    }
    if (!allowed) return refuse(`U+${cp.toString(16).toUpperCase().padStart(4, "0")} is not allowed here`);
    index += char.length;
  }
  return ok(text);
}

type BidiClasses = { getBidiCharTypeName(char: string): string };

// bidi-js is a CommonJS function, which its types, written for bundlers, do not say. Built at first use: its tables cost
// start-up time, and most addresses are ASCII.
let bidi: BidiClasses | undefined;

function bidiClass(char: string): string {
  bidi ??= (bidiFactory as unknown as () => BidiClasses)();
  return bidi.getBidiCharTypeName(char);
}

/** Whether a text has right-to-left characters, and so the Bidi Rule to follow (RFC 5893 section 1.4). */
export function isRightToLeft(text: string): boolean {
  return !ASCII_ONLY.test(text) && Array.from(text, bidiClass).some(isRightToLeftClass);
}

function isRightToLeftClass(type: string): boolean {
  return type === "R" || type === "AL" || type === "AN";
}

/**
 * The Bidi Rule, with the Unicode classes that bidi-js carries; also for a left-to-right label beside right-to-left ones.
 * Source: RFC 5893 section 2.
 */
export function satisfiesBidiRule(text: string): boolean {
  const types = Array.from(text, bidiClass);
  const first = types[0];
  const trimmed = types.slice(0, types.findLastIndex((type) => type !== "NSM") + 1);
  const last = trimmed.at(-1);
  if (first === "R" || first === "AL") {
    const legal = new Set(["R", "AL", "AN", "EN", "ES", "CS", "ET", "ON", "BN", "NSM"]);
    if (!types.every((type) => legal.has(type))) return false;
    if (last !== "R" && last !== "AL" && last !== "EN" && last !== "AN") return false;
    return !(types.includes("EN") && types.includes("AN"));
  }
  if (first !== "L") return false;
  const legal = new Set(["L", "EN", "ES", "CS", "ET", "ON", "BN", "NSM"]);
  return types.every((type) => legal.has(type)) && (last === "L" || last === "EN");
}

/** Fullwidth and halfwidth code points to their decompositions. Source: RFC 8265 section 3.3.1. */
export function mapWidth(text: string): string {
  return text.replace(/[\u3000\uff01-\uffee]/g, (char) => char.normalize("NFKC"));
}

/**
 * Lower case, letter by letter: a capital sigma is a small sigma wherever it stands, and a final one its own letter, as
 * the examples of RFC 7622 section 3.5 and RFC 8265 section 3.5 have it.
 */
export function mapCase(text: string): string {
  return text.replaceAll("\u03a3", "\u03c3").toLowerCase();
}

/**
 * Prepares and enforces the UsernameCaseMapped profile, as a localpart needs it.
 * Source: RFC 8265 section 3.3.2; RFC 7622 section 3.3.
 */
export function usernameCaseMapped(text: string): Result<string> {
  if (text === "") return refuse("it is empty");
  if (ASCII_ONLY.test(text)) {
    return text.includes(" ") ? refuse("U+0020 is not allowed here") : ok(text.toLowerCase());
  }
  const mapped = mapCase(mapWidth(text)).normalize("NFC");
  const checked = checkClass(mapped, false);
  if (!checked.ok) return checked;
  return !isRightToLeft(mapped) || satisfiesBidiRule(mapped) ? checked : refuse("it mixes text directions (RFC 5893)");
}

/** Only code points of the IdentifierClass, as they stand. Source: RFC 8264 section 4.2. */
export function identifierClass(text: string): Result<string> {
  return ASCII_ONLY.test(text) ? ok(text) : checkClass(text, false);
}

/**
 * Prepares and enforces the OpaqueString profile, as a resourcepart needs it.
 * Source: RFC 8265 section 4.2; RFC 7622 section 3.4.
 */
export function opaqueString(text: string): Result<string> {
  if (text === "") return refuse("it is empty");
  if (ASCII_ONLY.test(text)) return ok(text);
  const mapped = text.replace(/\p{Zs}/gu, " ").normalize("NFC");
  return checkClass(mapped, true);
}
