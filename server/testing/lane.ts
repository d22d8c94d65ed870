// One direction of a tapped connection: reads what passes, and says how much of it may pass yet.

import type { Element } from "ltx";
import { type XmlLimits, XmlStreamParser } from "../xml/parser.ts";
import { Pieces, type Slice } from "./pieces.ts";
import type { Side, WireEntry } from "./wire.ts";

// The server has its own; whatever it takes is shown here.
const LIMITS: XmlLimits = {
  stanzaBytes: Number.MAX_SAFE_INTEGER,
  stanzaBytesSetting: "stanzaBytes",
  depth: Number.MAX_SAFE_INTEGER,
  attributes: Number.MAX_SAFE_INTEGER,
  elements: Number.MAX_SAFE_INTEGER,
  xmlNameCharacters: Number.MAX_SAFE_INTEGER,
};

/** An entry without what only the connection knows. */
export type Read = Pick<WireEntry, "kind" | "text" | "element">;

const NOTHING = Buffer.alloc(0);

export class Lane {
  readonly from: Side;
  readonly #pass: (bytes: Buffer) => void;
  #pieces = new Pieces();
  #parser: XmlStreamParser | undefined;
  /** The octets of the part that is not finished. */
  #part: Buffer[] = [];
  /** Whether they have passed already: with the first of them all others do. */
  #begun = false;
  /** Something that is no XML came: nothing is looked at any more. */
  #opaque = false;
  #element: Element | undefined;
  /** What waits behind a held element, it included. */
  waiting: Buffer[] | undefined;

  constructor(from: Side, pass: (bytes: Buffer) => void) {
    this.from = from;
    this.#pass = pass;
  }

  get opaque(): boolean {
    return this.#opaque;
  }

  split(chunk: Buffer): Generator<Slice> {
    return this.#pieces.split(chunk);
  }

  pass(bytes: Buffer): void {
    if (bytes.length > 0) this.#pass(bytes);
  }

  /**
   * @param armed a fault may want the whole part: nothing of it passes before its end
   * @returns what was read, and the octets that have not passed yet
   */
  read({ bytes, completes }: Slice, armed: boolean): { read: Read | undefined; bytes: Buffer; begun: boolean } {
    const begun = this.#begun;
    this.#part.push(bytes);
    if (completes === undefined && this.#pieces.unfinished) {
      if (armed && !begun) return { read: undefined, bytes: NOTHING, begun };
      this.#begun = true;
      return { read: undefined, bytes: begun ? bytes : Buffer.concat(this.#part), begun };
    }
    const all = Buffer.concat(this.#part);
    this.#part = [];
    this.#begun = false;
    return { read: completes && this.#parse(all, completes), bytes: begun ? bytes : all, begun };
  }

  #parse(bytes: Buffer, completes: NonNullable<Slice["completes"]>): Read {
    const text = bytes.toString("utf8").trim();
    this.#element = undefined;
    try {
      if (completes === "header" || this.#parser === undefined) this.#parser = this.#newParser();
      this.#parser.write(completes === "header" ? Buffer.from(text) : bytes);
      return { kind: completes, text, element: this.#element };
    } catch {
      this.#opaque = true;
      return { kind: "not well-formed", text, element: undefined };
    }
  }

  #newParser(): XmlStreamParser {
    return new XmlStreamParser(LIMITS, {
      open: () => {},
      close: () => {},
      element: (element) => {
        this.#element = element;
      },
    });
  }
}
