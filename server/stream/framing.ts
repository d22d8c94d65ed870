// How a stream is written on its transport: as one XML document over TCP (RFC 6120 section 4), or in frames of one element
// each over WebSocket (RFC 7395 section 3.3).

import type { Element } from "ltx";
import { StreamError } from "../errors.ts";
import { NS } from "../namespaces.ts";
import { XmlFrameParser } from "../xml/frames.ts";
import { type StreamHeader, type XmlHandlers, type XmlLimits, XmlStreamParser } from "../xml/parser.ts";
import { serialize } from "../xml/serialize.ts";

/** Reads what the client sends. One per stream: a restart needs a new one. */
export interface StreamReader {
  /** What came. Throws StreamError. */
  write(data: Buffer): void;
  /** Nothing more is read. */
  stop(): void;
}

export interface Framing {
  /** Whether TLS can be negotiated within the stream. */
  readonly startTls: boolean;
  reader(limits: XmlLimits, handlers: XmlHandlers): StreamReader;
  /** Throws StreamError: invalid-namespace. */
  checkHeader(header: StreamHeader): void;
  /** The response stream header. */
  open(attrs: Readonly<Record<string, string>>): string;
  close(): string;
  /** A child of the stream in the stream's own namespaces: features, errors, nonzas. */
  element(element: Element): string;
  /** The same of one that is text already. */
  text(serialized: string): string;
}

/** RFC 6120 section 4.2. */
export const tcpFraming: Framing = {
  startTls: true,
  reader: (limits, handlers) => new XmlStreamParser(limits, handlers),
  checkHeader({ ns, name, defaultNs }) {
    if (ns !== NS.stream || name !== "stream") {
      throw new StreamError("invalid-namespace", `the root element must be stream in ${NS.stream}`);
    }
    if (defaultNs !== NS.client) {
      throw new StreamError("invalid-namespace", `the content namespace must be ${NS.client}`);
    }
  },
  open: (attrs) =>
    `<?xml version='1.0'?><stream:stream xmlns='${NS.client}' xmlns:stream='${NS.stream}'${attributes(attrs)}>`,
  close: () => "</stream:stream>",
  element: serialize,
  text: (serialized) => serialized,
};

/** RFC 7395 section 3.3: TLS is the WebSocket's own matter (section 3.9). */
export const frameFraming: Framing = {
  startTls: false,
  reader: (limits, handlers) => new XmlFrameParser(limits, handlers),
  checkHeader({ ns, name }) {
    if (ns !== NS.framing || name !== "open") {
      throw new StreamError("invalid-namespace", `a stream begins with open in ${NS.framing}`);
    }
  },
  open: (attrs) => `<open xmlns='${NS.framing}'${attributes(attrs)}/>`,
  close: () => `<close xmlns='${NS.framing}'/>`,
  element: (element) => withNamespaces(serialize(element)),
  text: withNamespaces,
};

// Section 3.3.3: each frame declares every namespace that it uses. What stands for itself within a stream leaves out the
// content namespace, or has the prefix of the stream.
function withNamespaces(text: string): string {
  const nameEnd = text.search(/[\s/>]/);
  if (text.startsWith("<stream:")) return `${text.slice(0, nameEnd)} xmlns:stream='${NS.stream}'${text.slice(nameEnd)}`;
  // In the start tag both can only be what they seem: attribute values have them escaped.
  const declared = text.indexOf(" xmlns='");
  if (declared >= 0 && declared < text.indexOf(">")) return text;
  return `${text.slice(0, nameEnd)} xmlns='${NS.client}'${text.slice(nameEnd)}`;
}

/** A whole stream that is nothing but an error: for who is not let in (RFC 6120 section 4.9.1.2). */
export function refusedStream(domain: string, id: string, error: StreamError): string {
  const header = tcpFraming.open({ from: domain, id, version: "1.0", "xml:lang": "en" });
  return header + tcpFraming.element(error.toElement()) + tcpFraming.close();
}

function attributes(attrs: Readonly<Record<string, string>>): string {
  let out = "";
  for (const [name, value] of Object.entries(attrs)) out += ` ${name}='${escapeAttribute(value)}'`;
  return out;
}

function escapeAttribute(value: string): string {
  return value.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll("'", "&apos;");
}
