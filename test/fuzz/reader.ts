// What the server writes on a stream, read strictly and apart from the server's own reader (RFC 6120 section 4).

import { type SaxesAttributeNS, SaxesParser } from "saxes";

/** An element with its namespaces resolved; an attribute in a namespace has the name {namespace}local. */
export type Answer = {
  readonly ns: string;
  readonly name: string;
  readonly attrs: Readonly<Record<string, string>>;
  readonly children: Answer[];
  text: string;
};

const DECLARATION = "<?xml ";

export class StreamReader {
  readonly elements: Answer[] = [];
  readonly headers: Readonly<Record<string, string>>[] = [];
  /** What is wrong with what came. */
  readonly problems: string[] = [];
  /** The end tag came. */
  closed = false;
  /** A stream error came. */
  failed = false;
  received = "";
  readonly #arrived: () => void;
  #decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  #parser: SaxesParser<{ xmlns: true }> | undefined;
  #open: Answer[] = [];
  #kept = "";
  #broken = false;

  /** @param arrived is called at each header, element and end tag */
  constructor(arrived: () => void = () => {}) {
    this.#arrived = arrived;
  }

  feed(chunk: Uint8Array): void {
    if (this.#broken) return;
    let text: string;
    try {
      text = this.#kept + this.#decoder.decode(chunk, { stream: true });
    } catch {
      this.#fault("the server wrote bad UTF-8");
      return;
    }
    this.received += text.slice(this.#kept.length);
    // A new stream on the same connection begins with a declaration, which can stand nowhere else (section 4.3.3).
    const keep = partialDeclaration(text);
    this.#kept = text.slice(text.length - keep);
    for (const [index, part] of text
      .slice(0, text.length - keep)
      .split(DECLARATION)
      .entries()) {
      if (index === 0) {
        if (part !== "") this.#write(part);
      } else {
        this.restart();
        this.#write(DECLARATION + part);
      }
    }
  }

  /** The next octets begin a new stream: after STARTTLS, or after a successful login. */
  restart(): void {
    const last = this.elements.at(-1)?.name;
    if (this.#parser !== undefined && last !== "success" && last !== "proceed") {
      this.#fault(`a new stream header after <${last ?? "stream"}/>`);
    }
    this.#parser = undefined;
    this.#open = [];
  }

  #write(text: string): void {
    if (this.#broken) return;
    if (this.closed) {
      this.#fault(`after the end tag: ${text.slice(0, 100)}`);
      return;
    }
    this.#parser ??= this.#newParser();
    try {
      this.#parser.write(text);
    } catch (error) {
      this.#fault(`not well-formed: ${(error as Error).message}: ...${text.slice(-300)}`);
    }
  }

  #newParser(): SaxesParser<{ xmlns: true }> {
    const parser = new SaxesParser({ xmlns: true });
    parser.on("error", (error) => {
      throw error;
    });
    for (const event of ["comment", "doctype", "processinginstruction"] as const) {
      parser.on(event, () => this.#fault(`the server wrote a ${event} (section 11.1)`));
    }
    parser.on("opentag", (tag) => {
      const attrs = Object.fromEntries(
        Object.values<SaxesAttributeNS>(tag.attributes)
          .filter(({ prefix, name }) => prefix !== "xmlns" && name !== "xmlns")
          .map(({ uri, local, value }) => [uri === "" ? local : `{${uri}}${local}`, value]),
      );
      const element: Answer = { ns: tag.uri, name: tag.local, attrs, children: [], text: "" };
      this.#open.at(-1)?.children.push(element);
      this.#open.push(element);
      if (this.#open.length === 1) this.#header(element);
    });
    const text = (value: string): void => {
      const element = this.#open.at(-1);
      if (element !== undefined) element.text += value;
    };
    parser.on("text", text);
    parser.on("cdata", text);
    parser.on("closetag", () => {
      const element = this.#open.pop() as Answer;
      if (this.#open.length === 1) this.#element(element);
      else if (this.#open.length === 0) this.#end();
    });
    return parser;
  }

  #header(element: Answer): void {
    const { id, from } = element.attrs; // the version may be missing: section 4.7.5
    if (element.name !== "stream" || element.ns !== "http://etherx.jabber.org/streams") {
      this.#fault(`the root is {${element.ns}}${element.name}`);
    }
    if (id === undefined || from === undefined) {
      this.#fault("a stream header without id or from (sections 4.7.1, 4.7.3)");
    }
    if (this.headers.some((header) => header.id === id)) this.#fault("two stream headers with one id (section 4.7.3)");
    this.headers.push(element.attrs);
    this.#arrived();
  }

  #element(element: Answer): void {
    if (this.failed) this.#fault(`<${element.name}/> after a stream error (section 4.9.1.1)`);
    this.elements.push(element);
    if (element.name === "error" && element.ns === "http://etherx.jabber.org/streams") this.failed = true;
    this.#arrived();
  }

  #end(): void {
    this.closed = true;
    this.#arrived();
  }

  #fault(what: string): void {
    this.#broken = true;
    this.problems.push(what);
  }
}

function partialDeclaration(text: string): number {
  for (let length = Math.min(DECLARATION.length - 1, text.length); length > 0; length -= 1) {
    if (DECLARATION.startsWith(text.slice(text.length - length))) return length;
  }
  return 0;
}
