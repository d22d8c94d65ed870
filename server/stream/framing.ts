// How a stream is written on its transport: as one XML document over TCP (RFC 6120 section 4).

import type { Element } from "ltx";
import type { StreamError } from "../errors.ts";
import { NS } from "../namespaces.ts";
import { serialize } from "../xml/serialize.ts";

export interface Framing {
  /** The response stream header. */
  open(attrs: Readonly<Record<string, string>>): string;
  close(): string;
  /** A child of the stream in the stream's own namespaces: features, errors, nonzas. */
  element(element: Element): string;
}

/** RFC 6120 section 4.2. */
export const tcpFraming: Framing = {
  open(attrs) {
    let out = `<?xml version='1.0'?><stream:stream xmlns='${NS.client}' xmlns:stream='${NS.stream}'`;
    for (const [name, value] of Object.entries(attrs)) out += ` ${name}='${escapeAttribute(value)}'`;
    return `${out}>`;
  },
  close: () => "</stream:stream>",
  element: serialize,
};

/** A whole stream that is nothing but an error: for who is not let in (RFC 6120 section 4.9.1.2). */
export function refusedStream(domain: string, id: string, error: StreamError): string {
  const header = tcpFraming.open({ from: domain, id, version: "1.0", "xml:lang": "en" });
  return header + tcpFraming.element(error.toElement()) + tcpFraming.close();
}

function escapeAttribute(value: string): string {
  return value.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll("'", "&apos;");
}
