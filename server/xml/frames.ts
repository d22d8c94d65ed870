// A stream in frames (RFC 7395 section 3.3): each message is a document of its own, with <open/> and <close/> for the tags of
// the stream.

import type { Element } from "ltx";
import { StreamError } from "../errors.ts";
import { NS } from "../namespaces.ts";
import { attr } from "../stanza.ts";
import { type XmlHandlers, type XmlLimits, XmlStreamParser } from "./parser.ts";

const LESS_THAN = 0x3c;

/**
 * One per stream, as XmlStreamParser. The first element is told as the stream's header, whatever it is.
 * `write` takes a whole message, and throws StreamError: those of XmlStreamParser.
 */
export class XmlFrameParser {
  readonly #limits: XmlLimits;
  readonly #handlers: XmlHandlers;
  #opened = false;
  #stopped = false;
  #message: XmlStreamParser | undefined;

  constructor(limits: XmlLimits, handlers: XmlHandlers) {
    this.#limits = limits;
    this.#handlers = handlers;
  }

  /** Nothing more is read. */
  stop(): void {
    this.#stopped = true;
    this.#message?.stop();
  }

  write(message: Buffer): void {
    if (this.#stopped) return;
    // Section 3.3.3. So there are no white-space keepalives, either: section 3.8.
    if (message[0] !== LESS_THAN) throw new StreamError("bad-format", 'a message must begin with "<"');
    // Told of when the whole message is found to be one element.
    let complete: Element | undefined;
    const take = (element: Element): void => {
      complete = element;
    };
    const parser = new XmlStreamParser(this.#limits, { open() {}, element: take, close() {} }, "element");
    this.#message = parser;
    parser.write(message);
    parser.end();
    this.#message = undefined;
    if (complete !== undefined) this.#tell(complete);
  }

  #tell(element: Element): void {
    const ns = attr(element, "xmlns") ?? NS.client;
    if (!this.#opened) {
      this.#opened = true;
      const { xmlns: _, ...attrs } = element.attrs as Record<string, string>;
      this.#handlers.open({ name: element.name, ns, defaultNs: NS.client, attrs });
    } else if (ns === NS.framing && element.name === "open") {
      throw new StreamError("bad-format", "an <open/> within a stream");
    } else if (ns === NS.framing && element.name === "close") {
      this.#handlers.close();
    } else {
      this.#handlers.element(element);
    }
  }
}
