// The tokens of a document as its octets arrive: tags, attributes and text, with references and line ends resolved (XML 1.0).
// It knows what XMPP knows of XML: no comments, processing instructions, document types or entities (RFC 6120 section 11.1).
//
// Each octet is looked at once, wherever chunks are cut: what there is of a token is held, and the state says what it is.

import { StreamError } from "../errors.ts";
import {
  BREAK,
  CDATA_RUN,
  DOUBLE_RUN,
  isForbidden,
  isSpace,
  PLAIN,
  SINGLE_RUN,
  STOP,
  TEXT_RUN,
  WIDE,
} from "./characters.ts";
import { Declaration } from "./declaration.ts";
import { known } from "./known-names.ts";
import { nameEnd, nameStartsAt } from "./names.ts";
import { Reference } from "./references.ts";
import { characterBorder } from "./utf8.ts";

/** Takes the tokens, each when its last octet is there. Places are octets from the beginning of the document. */
export interface TokenTaker {
  /** Of the element that is open; "" outside the root. */
  readonly openName: string;
  /** Within the root, but in none of its children. */
  readonly betweenStanzas: boolean;
  /** All of it up to the next markup, or a whole CDATA section. Between stanzas also parts of it, as they arrive. */
  text(text: string, end: number): void;
  /** The name of a start tag; its attributes follow, then its end. */
  startTag(name: string): void;
  attribute(name: string, value: string): void;
  startTagEnd(end: number): void;
  /** @param right whether it is the end tag of the element that is open */
  endTag(right: boolean, end: number): void;
}

// A string that is cut out of another keeps all of it alive, and some are kept for long: a name in a roster, a status. So they
// are cut out of pieces of this size, not of whatever came at once.
const PIECE_BYTES = 1024;

const CONTENT = 0; // text, or what is between it
const MARKUP = 1; // behind "<"
const START_NAME = 2;
const IN_TAG = 3; // behind a name or a value: white space or the end of the tag follows
const IN_TAG_SPACED = 4;
const ATTRIBUTE_NAME = 5;
const EQUALS = 6;
const QUOTE = 7;
const VALUE = 8;
const EMPTY_TAG = 9; // behind "/"
const END_NAME = 10;
const END_SPACE = 11;
const REFERENCE = 12;
const BANG = 13; // behind "<!"
const CDATA = 14;
const QUESTION = 15; // behind "<?"
const DECLARATION = 16;

const [LINE_FEED, RETURN] = [0x0a, 0x0d];
const [LESS, GREATER, SLASH, AMPERSAND, EQUAL] = [0x3c, 0x3e, 0x2f, 0x26, 0x3d];
const [DOUBLE, SINGLE, BRACKET, EXCLAMATION, QUESTION_MARK] = [0x22, 0x27, 0x5d, 0x21, 0x3f];

const LINE_ENDS = /\r\n?/g; // section 2.11
const VALUE_SPACE = /\r\n|[\t\n\r]/g; // section 3.3.3

const XML_TARGET = "xml";

const NOTHING = Buffer.alloc(0);

export class XmlTokens {
  readonly #to: TokenTaker;
  #state = CONTENT;
  /** What there is of the token that earlier pieces, or references, have brought. */
  #held = "";
  #attribute = "";
  #quote = 0;
  /** How many "]" are right before this place in text or CDATA, up to 2. */
  #brackets = 0;
  #reference: Reference | undefined;
  #referenceIn = CONTENT;
  #declaration: Declaration | undefined;
  /** Nothing was before, so that it can be the XML declaration. */
  #atStart = true;
  /** The last piece ended with a carriage return: a line feed is the same line end. */
  #returned = false;
  #stopped = false;
  /** The piece, and the same with a character for each octet. */
  #octets: Buffer = NOTHING;
  #latin1 = "";
  #at = 0;
  #end = 0;
  #before = 0;
  // of the last run
  #wide = false;
  #breaks = false;

  constructor(to: TokenTaker) {
    this.#to = to;
  }

  /** Octets that were read so far. */
  get position(): number {
    return this.#before + this.#at;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** Nothing more is read, not even the rest of what is being written. */
  stop(): void {
    this.#stopped = true;
  }

  /**
   * @param octets valid UTF-8 up to `length`, in whole characters
   * Throws StreamError: not-well-formed, restricted-xml, unsupported-encoding; and what the taker throws. Then it is stopped.
   */
  write(octets: Buffer, length: number): void {
    try {
      for (let from = 0; from < length && !this.#stopped; ) {
        const to = length - from <= PIECE_BYTES ? length : characterBorder(octets, from + PIECE_BYTES);
        this.#read(from === 0 && to === octets.length ? octets : octets.subarray(from, to));
        from = to;
      }
      if (this.#held !== "") this.#tellBetween();
    } catch (error) {
      this.#stopped = true;
      throw error;
    } finally {
      this.#octets = NOTHING;
      this.#latin1 = "";
    }
  }

  /** Whether something has begun that is not complete, be it markup or a reference. */
  get unfinished(): boolean {
    return this.#state !== CONTENT;
  }

  #read(piece: Buffer): void {
    this.#octets = piece;
    this.#latin1 = piece.toString("latin1");
    this.#end = piece.length;
    this.#at = 0;
    if (this.#returned && piece[0] === LINE_FEED) {
      this.#at = 1;
      this.#tellBetween();
    }
    while (this.#at < this.#end && !this.#stopped) this.#step();
    this.#returned = piece[piece.length - 1] === RETURN;
    this.#before += this.#at;
    this.#at = 0;
  }

  // Each of these reads at least one octet.
  #step(): void {
    switch (this.#state) {
      case CONTENT:
        if (this.#to.openName === "") this.#outside();
        else this.#content();
        return;
      case MARKUP:
        this.#markup();
        return;
      case START_NAME:
        this.#startName();
        return;
      case IN_TAG:
      case IN_TAG_SPACED:
        this.#inTag();
        return;
      case ATTRIBUTE_NAME:
        this.#attributeName();
        return;
      case EQUALS:
        this.#equals();
        return;
      case QUOTE:
        this.#beforeValue();
        return;
      case VALUE:
        this.#value();
        return;
      case EMPTY_TAG:
        this.#emptyTag();
        return;
      case END_NAME:
        this.#endName();
        return;
      case END_SPACE:
        this.#endSpace();
        return;
      case REFERENCE:
        this.#inReference();
        return;
      case BANG:
        this.#bang();
        return;
      case CDATA:
        this.#cdata();
        return;
      case QUESTION:
        this.#question();
        return;
      default:
        this.#inDeclaration();
    }
  }

  // ---- text

  // Section 2.8 [27] Misc: white space only, before and behind the root. So U+FEFF cannot be in front (RFC 6120 section 11.6).
  #outside(): void {
    const at = this.#skipSpace();
    if (at > this.#at) this.#atStart = false;
    this.#at = at;
    if (at === this.#end) return;
    if (this.#octets[at] !== LESS) fail("text outside the root");
    this.#at = at + 1;
    this.#state = MARKUP;
  }

  // Section 2.4 [14] CharData
  #content(): void {
    const octets = this.#octets;
    const from = this.#at;
    let at = this.#run(TEXT_RUN, from);
    while (at < this.#end && octets[at] === GREATER) {
      if (this.#bracketsBefore(at, from) === 2) fail("]]> in text");
      at = this.#runOn(TEXT_RUN, at + 1);
    }
    if (at > from) this.#hold(this.#cut(from, at, LINE_ENDS, "\n"));
    this.#at = at;
    if (at === this.#end) {
      this.#brackets = this.#bracketsBefore(at, from);
      return;
    }
    this.#brackets = 0;
    if (octets[at] === AMPERSAND) this.#refer();
    else {
      this.#state = MARKUP;
      if (this.#held !== "") this.#to.text(this.#take(), this.position);
      this.#at = at + 1;
    }
  }

  // RFC 6120 section 4.6.1: any number of keepalives may come and no stanza behind them, so that nothing may wait for one.
  #tellBetween(): void {
    if (this.#state === CONTENT && this.#to.betweenStanzas) this.#to.text(this.#take(), this.position);
  }

  // Section 2.7 [18]
  #cdata(): void {
    const from = this.#at;
    let at = this.#run(CDATA_RUN, from);
    let brackets = this.#bracketsBefore(at, from);
    while (at < this.#end && brackets < 2) {
      at = this.#runOn(CDATA_RUN, at + 1);
      brackets = this.#bracketsBefore(at, from);
    }
    this.#hold(this.#cut(from, at, LINE_ENDS, "\n"));
    this.#at = at;
    this.#brackets = brackets;
    if (at === this.#end) return;
    this.#at = at + 1;
    this.#brackets = 0;
    this.#state = CONTENT;
    this.#to.text(this.#take().slice(0, -2), this.position);
  }

  #bracketsBefore(at: number, from: number): number {
    let count = 0;
    while (count < 2 && at - count > from && this.#octets[at - count - 1] === BRACKET) count += 1;
    return at - count === from ? Math.min(2, count + this.#brackets) : count;
  }

  #refer(): void {
    this.#referenceIn = this.#state;
    this.#reference = new Reference();
    this.#state = REFERENCE;
    this.#at += 1;
  }

  #inReference(): void {
    const reference = this.#reference as Reference;
    this.#at = reference.take(this.#octets, this.#at, this.#end);
    if (reference.text === undefined) return;
    this.#held += reference.text;
    this.#reference = undefined;
    this.#state = this.#referenceIn;
  }

  // ---- markup

  #markup(): void {
    const octet = this.#octets[this.#at];
    if (octet !== QUESTION_MARK) this.#atStart = false;
    if (octet === SLASH) this.#state = END_NAME;
    else if (octet === EXCLAMATION) this.#state = BANG;
    else if (octet === QUESTION_MARK) this.#state = QUESTION;
    else if (!nameStartsAt(this.#octets, this.#at)) fail("< without a name");
    else {
      this.#startName();
      return;
    }
    this.#at += 1;
  }

  // Section 3.1 [40] STag, [44] EmptyElemTag
  #startName(): void {
    const name = this.#wholeName(START_NAME);
    if (name === undefined) return;
    this.#state = IN_TAG;
    this.#to.startTag(name);
    if (this.#at < this.#end) this.#inTag();
  }

  #inTag(): void {
    const octets = this.#octets;
    let spaced = this.#state === IN_TAG_SPACED;
    do {
      const at = this.#skipSpace();
      spaced ||= at > this.#at;
      this.#state = spaced ? IN_TAG_SPACED : IN_TAG;
      this.#at = at;
      if (at === this.#end) return;
      const octet = octets[at];
      if (octet === GREATER) {
        this.#state = CONTENT;
        this.#at = at + 1;
        this.#to.startTagEnd(this.position);
        return;
      }
      if (octet === SLASH) {
        this.#state = EMPTY_TAG;
        this.#at = at + 1;
        return;
      }
      if (!spaced || !nameStartsAt(octets, at)) fail("something in a tag that is no attribute");
      spaced = false;
    } while (this.#wholeAttribute());
    this.#attributeName();
  }

  // [41] Attribute. The usual case, at once: all of it is there, and nothing in it is to be resolved.
  #wholeAttribute(): boolean {
    const octets = this.#octets;
    const from = this.#at;
    const equals = nameEnd(octets, from, this.#end);
    if (equals + 1 >= this.#end || octets[equals] !== EQUAL) return false;
    const quote = octets[equals + 1] as number;
    if (quote !== SINGLE && quote !== DOUBLE) return false;
    const end = this.#run(quote === SINGLE ? SINGLE_RUN : DOUBLE_RUN, equals + 2);
    if (end === this.#end || octets[end] !== quote || this.#breaks) return false;
    const name = this.#name(from, equals);
    const namespace = name === "xmlns" && end > equals + 2 ? known(octets, equals + 2, end) : undefined;
    this.#state = IN_TAG;
    this.#at = end + 1;
    this.#to.attribute(name, namespace ?? this.#cut(equals + 2, end, VALUE_SPACE, " "));
    return true;
  }

  #attributeName(): void {
    const name = this.#wholeName(ATTRIBUTE_NAME);
    if (name === undefined) return;
    this.#attribute = name;
    this.#state = EQUALS;
  }

  // [25] Eq
  #equals(): void {
    this.#at = this.#skipSpace();
    if (this.#at === this.#end) return;
    if (this.#octets[this.#at] !== EQUAL) fail("an attribute without a value");
    this.#at += 1;
    this.#state = QUOTE;
  }

  #beforeValue(): void {
    this.#at = this.#skipSpace();
    if (this.#at === this.#end) return;
    this.#quote = this.#octets[this.#at] as number;
    if (this.#quote !== SINGLE && this.#quote !== DOUBLE) fail("a value without quotation marks");
    this.#at += 1;
    this.#state = VALUE;
  }

  // Section 2.3 [10] AttValue
  #value(): void {
    const from = this.#at;
    const at = this.#run(this.#quote === SINGLE ? SINGLE_RUN : DOUBLE_RUN, from);
    if (at > from) this.#hold(this.#cut(from, at, VALUE_SPACE, " "));
    this.#at = at;
    if (at === this.#end) return;
    const octet = this.#octets[at];
    if (octet === LESS) fail("< in the value of an attribute");
    if (octet === AMPERSAND) this.#refer();
    else {
      this.#at = at + 1;
      this.#state = IN_TAG;
      this.#to.attribute(this.#attribute, this.#take());
    }
  }

  #emptyTag(): void {
    if (this.#octets[this.#at] !== GREATER) fail("/ in a tag");
    this.#at += 1;
    this.#state = CONTENT;
    this.#to.startTagEnd(this.position);
    if (!this.#stopped) this.#to.endTag(true, this.position);
  }

  // Section 3.1 [42] ETag
  #endName(): void {
    const end = this.#held === "" ? this.#endOfOpenName() : this.#end;
    if (end < this.#end && this.#octets[end] === GREATER) {
      this.#endTag(true, end + 1);
      return;
    }
    const stop = nameEnd(this.#octets, this.#at, this.#end);
    this.#hold(this.#octets.toString("utf8", this.#at, stop));
    this.#at = stop;
    if (stop < this.#end) this.#state = END_SPACE;
  }

  #endSpace(): void {
    const at = this.#skipSpace();
    this.#at = at;
    if (at === this.#end) return;
    if (this.#octets[at] !== GREATER) fail("something in an end tag that is no name");
    this.#endTag(this.#take() === this.#to.openName, at + 1);
  }

  #endTag(right: boolean, end: number): void {
    this.#state = CONTENT;
    this.#at = end;
    this.#to.endTag(right && this.#to.openName !== "", this.position);
  }

  // Where the name of the open element ends, if it is here and all of it is ASCII.
  #endOfOpenName(): number {
    const { openName } = this.#to;
    const { length } = openName;
    const from = this.#at;
    if (from + length >= this.#end) return this.#end;
    for (let index = 0; index < length; index++) {
      const code = openName.charCodeAt(index);
      if (code >= 0x80 || this.#octets[from + index] !== code) return this.#end;
    }
    return from + length;
  }

  // What is not allowed is refused where it begins: how it goes on does not matter.
  #bang(): void {
    this.#held += this.#latin1[this.#at];
    this.#at += 1;
    const held = this.#held;
    if (held === "--") restricted("comments");
    if (held === "DOCTYPE") restricted("document type declarations");
    if (!"--".startsWith(held) && !"DOCTYPE".startsWith(held) && !"[CDATA[".startsWith(held))
      fail("<! without meaning");
    if (held !== "[CDATA[") return;
    if (this.#to.openName === "") fail("text outside the root");
    this.#held = "";
    this.#state = CDATA;
  }

  // Section 2.6 [16] PI, section 2.8 [23] XMLDecl
  #question(): void {
    const from = this.#at;
    if (this.#held === "" && !nameStartsAt(this.#octets, from)) fail("<? without a name");
    const stop = nameEnd(this.#octets, from, this.#end);
    const part = this.#octets.toString("utf8", from, stop);
    if (part.includes(":")) fail("a colon in the name of a processing instruction");
    // However long it is, what shows that it is not "xml" is enough.
    this.#held = (this.#held + part).slice(0, XML_TARGET.length + 1);
    this.#at = stop;
    if (stop === this.#end) return;
    const target = this.#take();
    const octet = this.#octets[this.#at] as number;
    if (octet !== QUESTION_MARK && !isSpace(octet)) fail("<? without a name");
    if (target.toLowerCase() !== XML_TARGET) restricted("processing instructions");
    if (target !== XML_TARGET || !this.#atStart) fail("an XML declaration that is not at the start");
    this.#atStart = false;
    this.#declaration = new Declaration();
    this.#state = DECLARATION;
  }

  #inDeclaration(): void {
    const complete = (this.#declaration as Declaration).take(this.#octets[this.#at] as number);
    this.#at += 1;
    if (!complete) return;
    this.#declaration = undefined;
    this.#state = CONTENT;
  }

  // ---- characters

  #skipSpace(): number {
    let at = this.#at;
    while (at < this.#end && isSpace(this.#octets[at] as number)) at += 1;
    return at;
  }

  // The name that goes on here, if its end is here, too. If not, what there is of it is held.
  #wholeName(state: number): string | undefined {
    const from = this.#at;
    const stop = nameEnd(this.#octets, from, this.#end);
    this.#at = stop;
    if (stop < this.#end && this.#held === "") return this.#name(from, stop);
    this.#hold(this.#octets.toString("utf8", from, stop));
    this.#state = state;
    return stop < this.#end ? this.#take() : undefined;
  }

  #name(from: number, to: number): string {
    return known(this.#octets, from, to) ?? this.#octets.toString("utf8", from, to);
  }

  /** Where the characters end that need no attention, from there on. */
  #run(table: Uint8Array, from: number): number {
    this.#wide = false;
    this.#breaks = false;
    return this.#runOn(table, from);
  }

  #runOn(table: Uint8Array, from: number): number {
    const octets = this.#octets;
    const end = this.#end;
    let at = from;
    for (; at < end; at++) {
      const kind = table[octets[at] as number];
      if (kind === PLAIN) continue;
      if (kind === STOP) break;
      if (kind === WIDE) {
        this.#wide = true;
        if (isForbidden(octets, at)) fail("a character that XML forbids");
      } else if (kind === BREAK) this.#breaks = true;
      else fail("a character that XML forbids");
    }
    return at;
  }

  // What the last run, or its beginning, stands for: with one kind of line end or white space.
  #cut(from: number, to: number, breaks: RegExp, normal: string): string {
    const text = this.#wide ? this.#octets.toString("utf8", from, to) : this.#latin1.slice(from, to);
    return this.#breaks ? text.replace(breaks, normal) : text;
  }

  #hold(part: string): void {
    this.#held = this.#held === "" ? part : this.#held + part;
  }

  #take(): string {
    const held = this.#held;
    this.#held = "";
    return held;
  }
}

function fail(what: string): never {
  throw new StreamError("not-well-formed", what);
}

function restricted(what: string): never {
  throw new StreamError("restricted-xml", `${what} are not allowed in XMPP`);
}
