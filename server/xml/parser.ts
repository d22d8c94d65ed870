// Strict push parser for one XML stream: octets become ltx Elements (RFC 6120 sections 4, 11). Also for a document that is
// one first-level element by itself, as each message of a WebSocket is (frames.ts).
//
// It is our own because XMPP speaks a subset of XML that a reader of whole documents does not know: it refuses what is
// restricted where it begins, holds whoever has not logged in to its limits, and costs a fraction of a general reader for
// each stanza. utf8.ts makes characters of the octets, tokens.ts tokens of the characters, element-builder.ts elements of
// the tokens.
//
// Namespaces are resolved here, once: an element leaves with its local name and an `xmlns` attribute wherever its
// namespace differs from its parent's, so that it means the same outside the stream it came from. The content namespace
// (jabber:client) is left unwritten on a stanza.

import type { Element } from "ltx";
import { StreamError } from "../errors.ts";
import { NS } from "../namespaces.ts";
import { ElementBuilder } from "./element-builder.ts";
import { XmlTokens } from "./tokens.ts";
import { Utf8Input, validLength } from "./utf8.ts";

export type XmlLimits = {
  /**
   * Octets of one first-level element, from its "<" to its ">", or of the stream header. The declarations that are repeated
   * where they are inherited count, too: it is sent on with them.
   */
  stanzaBytes: number;
  /** The setting that `stanzaBytes` comes from, for the text of a refusal. */
  stanzaBytesSetting: "stanzaBytesBeforeLogin" | "stanzaBytes";
  /** Levels of elements in one stanza, itself included. */
  depth: number;
  /** Attributes of one element, namespace declarations included. */
  attributes: number;
  /** Elements in one stanza, itself included: also the most that one element can have as children. */
  elements: number;
  /** Characters of the name of an element or attribute, its prefix included. */
  xmlNameCharacters: number;
};

/** The root element's start tag: the stream header or an `<open/>` (which `element` then repeats, being complete). */
export type StreamHeader = {
  name: string;
  ns: string;
  /** The namespace that an unprefixed child would have. */
  defaultNs: string;
  attrs: Readonly<Record<string, string>>;
};

export interface XmlHandlers {
  open(header: StreamHeader): void;
  /** A complete child of the root, detached from it. */
  element(element: Element): void;
  /** The root's end tag. */
  close(): void;
}

/** What the root is: the stream, whose children are the first-level elements, or one such element. */
export type XmlRoot = "stream" | "element";

/**
 * One parser per stream: a restarted stream (RFC 6120 section 4.3.3) gets a new one.
 * `write` throws StreamError: not-well-formed, restricted-xml, bad-format, unsupported-encoding, policy-violation. It reads
 * nothing more then.
 */
export class XmlStreamParser {
  readonly #input = new Utf8Input();
  readonly #builder: ElementBuilder;
  readonly #tokens: XmlTokens;

  constructor(limits: XmlLimits, handlers: XmlHandlers, root: XmlRoot = "stream", content: string = NS.client) {
    this.#builder = new ElementBuilder(limits, handlers, root, content);
    this.#tokens = new XmlTokens(this.#builder);
  }

  /** After login the limits grow. */
  set limits(limits: XmlLimits) {
    this.#builder.limits = limits;
  }

  /** Nothing more is read, not even the rest of the chunk that is being written. */
  stop(): void {
    this.#tokens.stop();
  }

  write(chunk: Buffer): void {
    const tokens = this.#tokens;
    if (tokens.stopped) return;
    const octets = this.#input.whole(chunk);
    const valid = validLength(octets);
    // What is right before the first mistake comes first, as everything is in order (RFC 6120 section 10.1).
    tokens.write(octets, valid);
    if (tokens.stopped) return;
    if (valid < octets.length) notUtf8();
    this.#builder.checkSize(tokens.position); // an element that does not end
  }

  /** Nothing more comes: what is open, or has not begun, will never be complete. Throws StreamError: as `write`. */
  end(): void {
    if (this.#tokens.stopped) return;
    if (this.#tokens.unfinished || !this.#builder.complete) {
      throw new StreamError("not-well-formed", "the end is missing");
    }
    if (this.#input.unfinished) notUtf8();
  }
}

function notUtf8(): never {
  throw new StreamError("unsupported-encoding", "not valid UTF-8"); // RFC 6120 section 4.9.3.22
}
