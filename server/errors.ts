// The three kinds of protocol error, as values: stanza errors (RFC 6120 section 8.3), stream errors (section 4.9) and
// SASL failures (section 6.5). Conditions are tables, so that no other spelling of them compiles.

import { Element } from "ltx";
import { NS } from "./namespaces.ts";

export type ErrorType = "auth" | "cancel" | "continue" | "modify" | "wait";

/** RFC 6120 section 8.3.3: each defined condition with its default error type. */
export const STANZA_CONDITIONS = {
  "bad-request": "modify",
  conflict: "cancel",
  "feature-not-implemented": "cancel",
  forbidden: "auth",
  gone: "cancel",
  "internal-server-error": "cancel",
  "item-not-found": "cancel",
  "jid-malformed": "modify",
  "not-acceptable": "modify",
  "not-allowed": "cancel",
  "not-authorized": "auth",
  "policy-violation": "modify",
  "recipient-unavailable": "wait",
  redirect: "modify",
  "registration-required": "auth",
  "remote-server-not-found": "cancel",
  "remote-server-timeout": "wait",
  "resource-constraint": "wait",
  "service-unavailable": "cancel",
  "subscription-required": "auth",
  "undefined-condition": "cancel",
  "unexpected-request": "wait",
} as const satisfies Record<string, ErrorType>;

export type StanzaCondition = keyof typeof STANZA_CONDITIONS;

/** A refusal of one stanza: a value that handlers return, never thrown. */
export type StanzaError = {
  readonly kind: "error";
  readonly condition: StanzaCondition;
  readonly type: ErrorType;
  readonly text?: string;
  /** An application-specific condition (RFC 6120 section 8.3.4). */
  readonly detail?: { readonly name: string; readonly ns: string; readonly attrs?: Readonly<Record<string, string>> };
  /** Legacy numeric code (XEP-0086), written only where RFC 3922's draft or a client asks for it. */
  readonly code?: number;
};

/** Source: RFC 6120 section 8.3.2. The type defaults to that of the table in section 8.3.3. */
export function stanzaError(condition: StanzaCondition, text?: string, type?: ErrorType): StanzaError {
  const error = { kind: "error", condition, type: type ?? STANZA_CONDITIONS[condition] } as const;
  return text === undefined ? error : { ...error, text };
}

/** The error child of a stanza of type error. Source: RFC 6120 section 8.3.2. */
export function stanzaErrorElement(error: StanzaError): Element {
  const el = new Element("error", { type: error.type });
  if (error.code !== undefined) el.attrs.code = String(error.code);
  el.c(error.condition, { xmlns: NS.stanzas });
  if (error.text !== undefined) el.c("text", { xmlns: NS.stanzas, "xml:lang": "en" }).t(error.text);
  if (error.detail !== undefined) el.c(error.detail.name, { xmlns: error.detail.ns, ...error.detail.attrs });
  return el;
}

/** RFC 6120 section 4.9.3. */
export const STREAM_CONDITIONS = [
  "bad-format",
  "bad-namespace-prefix",
  "conflict",
  "connection-timeout",
  "host-gone",
  "host-unknown",
  "improper-addressing",
  "internal-server-error",
  "invalid-from",
  "invalid-namespace",
  "invalid-xml",
  "not-authorized",
  "not-well-formed",
  "policy-violation",
  "remote-connection-failed",
  "reset",
  "resource-constraint",
  "restricted-xml",
  "see-other-host",
  "system-shutdown",
  "undefined-condition",
  "unsupported-encoding",
  "unsupported-feature",
  "unsupported-stanza-type",
  "unsupported-version",
] as const;

export type StreamCondition = (typeof STREAM_CONDITIONS)[number];

/** An unrecoverable error of a stream (RFC 6120 section 4.9.1.1): thrown, and caught only in stream/stream.ts. */
export class StreamError extends Error {
  readonly condition: StreamCondition;
  readonly text: string | undefined;
  /** An application-specific condition (RFC 6120 section 4.9.4). */
  readonly detail: Element | undefined;

  constructor(condition: StreamCondition, text?: string, detail?: Element) {
    super(text === undefined ? condition : `${condition}: ${text}`);
    this.name = "StreamError";
    this.condition = condition;
    this.text = text;
    this.detail = detail;
  }

  /** The stream:error element, its prefix left to the framing. Source: RFC 6120 section 4.9.2. */
  toElement(): Element {
    const el = new Element("stream:error");
    el.c(this.condition, { xmlns: NS.streams });
    if (this.text !== undefined) el.c("text", { xmlns: NS.streams, "xml:lang": "en" }).t(this.text);
    if (this.detail !== undefined) el.cnode(this.detail);
    return el;
  }
}

/** RFC 6120 section 6.5. */
export type SaslCondition =
  | "aborted"
  | "account-disabled"
  | "credentials-expired"
  | "encryption-required"
  | "incorrect-encoding"
  | "invalid-authzid"
  | "invalid-mechanism"
  | "malformed-request"
  | "mechanism-too-weak"
  | "not-authorized"
  | "temporary-auth-failure";
