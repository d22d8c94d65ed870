// Where the parts of a stream begin and end, octet by octet: its header, each first-level element, its end tag. It only finds
// borders; what is between them is read by xml/parser.ts.

/** Some octets of a stream, up to a border or to the end of the chunk. */
export type Slice = {
  readonly bytes: Buffer;
  /** What ends with this slice; undefined: white space, or a part that goes on in the next chunk. */
  readonly completes: "header" | "element" | "end" | undefined;
};

const [LT, GT, SLASH, BANG, QUESTION, QUOTE, APOSTROPHE] = [0x3c, 0x3e, 0x2f, 0x21, 0x3f, 0x22, 0x27];
const CDATA = "[CDATA[";
const MAX_NAME = 64;

type State = "text" | "open" | "name" | "tag" | "end tag" | "quoted" | "question" | "bang" | "cdata";

export class Pieces {
  #state: State = "text";
  #depth = 0;
  #quote = 0;
  #name = "";
  #last = 0;
  /** The last octets of a CDATA section, or the first of what follows `<!`. */
  #recent = "";
  #unfinished = false;

  /** Within a header, an element or an end tag: what came last is not all of it. */
  get unfinished(): boolean {
    return this.#unfinished;
  }

  /** Lazily: who stops in between may give the rest to another call. */
  *split(chunk: Buffer): Generator<Slice> {
    let start = 0;
    for (let at = 0; at < chunk.length; at++) {
      if (this.#state === "text") at = chunk.indexOf(LT, at);
      else if (this.#state === "quoted") at = chunk.indexOf(this.#quote, at);
      if (at < 0) break;
      const octet = chunk[at] as number;
      if (this.#depth <= 1 && this.#state === "text" && octet === LT) this.#unfinished = true;
      const completes = this.#take(octet);
      this.#last = octet;
      if (completes === undefined) continue;
      this.#unfinished = false;
      yield { bytes: chunk.subarray(start, at + 1), completes };
      start = at + 1;
    }
    if (start < chunk.length) yield { bytes: chunk.subarray(start), completes: undefined };
  }

  #take(octet: number): Slice["completes"] {
    switch (this.#state) {
      case "text":
        if (octet === LT) this.#state = "open";
        return undefined;
      case "open":
        this.#begin(octet);
        return undefined;
      case "name":
        if (octet === GT || octet === SLASH || octet <= 0x20) {
          this.#state = "tag";
          return this.#inTag(octet);
        }
        if (this.#name.length < MAX_NAME) this.#name += String.fromCharCode(octet);
        return undefined;
      case "tag":
        return this.#inTag(octet);
      case "quoted":
        if (octet === this.#quote) this.#state = "tag";
        return undefined;
      case "end tag":
        return octet === GT ? this.#closed() : undefined;
      case "question":
        if (octet === GT && this.#last === QUESTION) this.#state = "text"; // of the part behind it
        return undefined;
      case "bang":
        this.#recent += String.fromCharCode(octet);
        if (this.#recent === CDATA) this.#state = "cdata";
        else if (octet === GT) this.#state = "text"; // a comment or the like: the server ends the stream for it
        return undefined;
      case "cdata":
        this.#recent = (this.#recent + String.fromCharCode(octet)).slice(-3);
        if (this.#recent === "]]>") this.#state = "text";
        return undefined;
    }
  }

  #begin(octet: number): void {
    this.#name = "";
    this.#recent = "";
    if (octet === SLASH) this.#state = "end tag";
    else if (octet === QUESTION) this.#state = "question";
    else if (octet === BANG) this.#state = "bang";
    else {
      this.#state = "name";
      this.#name = String.fromCharCode(octet);
    }
  }

  #inTag(octet: number): Slice["completes"] {
    if (octet === QUOTE || octet === APOSTROPHE) {
      this.#quote = octet;
      this.#state = "quoted";
    }
    return octet === GT ? this.#opened(this.#last === SLASH) : undefined;
  }

  #opened(empty: boolean): Slice["completes"] {
    this.#state = "text";
    // A header begins a new stream wherever it stands: after STARTTLS and login the one before has no end tag.
    if (this.#depth <= 1 && !empty && /^(?:[^:]+:)?stream$/.test(this.#name)) {
      this.#depth = 1;
      return "header";
    }
    if (empty) return this.#depth <= 1 ? "element" : undefined;
    this.#depth += 1;
    return undefined;
  }

  #closed(): Slice["completes"] {
    this.#state = "text";
    this.#depth = Math.max(0, this.#depth - 1);
    if (this.#depth === 0) return "end";
    return this.#depth === 1 ? "element" : undefined;
  }
}
