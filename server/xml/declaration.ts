// The XML declaration (XML 1.0 section 2.8 [23], RFC 6120 sections 11.5, 11.6), which may come in pieces.

import { StreamError } from "../errors.ts";

const SPACE = /[ \t\r\n]/;
/** [24], [80], [32]: in this order, the first in any case. */
const PARTS: readonly { readonly name: string; readonly value: RegExp }[] = [
  { name: "version", value: /^1\.0$/ }, // only XML 1.0 is spoken here: section 11.8
  { name: "encoding", value: /^[A-Za-z][\w.-]*$/ },
  { name: "standalone", value: /^(?:yes|no)$/ },
];

/** From behind the "<?xml" on. */
export class Declaration {
  #reading: "between" | "name" | "equals" | "quote" | "value" | "end" = "between";
  #spaced = false;
  #parts = PARTS;
  #text = "";
  #quote = "";
  #encoding = "UTF-8";

  /**
   * Takes one octet.
   * @returns whether the declaration is complete with it
   * Throws StreamError: not-well-formed, unsupported-encoding.
   */
  take(octet: number): boolean {
    const character = String.fromCharCode(octet);
    switch (this.#reading) {
      case "between":
        if (SPACE.test(character)) this.#spaced = true;
        else if (character === "?" && this.#parts !== PARTS) this.#reading = "end";
        else if (this.#spaced) this.#takeName(character);
        else wrong();
        return false;
      case "name":
        this.#takeName(character);
        return false;
      case "equals":
        if (character === "=") this.#reading = "quote";
        else if (!SPACE.test(character)) wrong();
        return false;
      case "quote":
        if (character === "'" || character === '"') {
          this.#quote = character;
          this.#reading = "value";
        } else if (!SPACE.test(character)) wrong();
        return false;
      case "value":
        this.#takeValue(character);
        return false;
      case "end":
        if (character !== ">") wrong();
        // RFC 6120 section 4.9.3.22
        if (this.#encoding.toLowerCase() !== "utf-8") {
          throw new StreamError("unsupported-encoding", "only UTF-8 is spoken here");
        }
        return true;
    }
  }

  #takeName(character: string): void {
    this.#text += character;
    const candidates = this.#parts === PARTS ? PARTS.slice(0, 1) : this.#parts;
    const part = candidates.find(({ name }) => name.startsWith(this.#text));
    if (part === undefined) wrong();
    this.#reading = part.name === this.#text ? "equals" : "name";
  }

  #takeValue(character: string): void {
    if (character !== this.#quote) {
      if (!/[\w.-]/.test(character)) wrong();
      this.#text += character;
      return;
    }
    const index = this.#parts.findIndex(({ name }) => this.#text.startsWith(name));
    const { name, value } = this.#parts[index] as (typeof PARTS)[number];
    const said = this.#text.slice(name.length);
    if (!value.test(said)) wrong();
    if (name === "encoding") this.#encoding = said;
    this.#parts = this.#parts.slice(index + 1);
    this.#text = "";
    this.#spaced = false;
    this.#reading = "between";
  }
}

function wrong(): never {
  throw new StreamError("not-well-formed", "no declaration of XML 1.0");
}
