// The two messages of a SCRAM client, read strictly (RFC 5802 section 7).

import type { SaslCondition } from "../errors.ts";

type Parsed<T> = { readonly ok: true; readonly value: T } | Malformed;
type Malformed = { readonly ok: false; readonly condition: SaslCondition; readonly reason: string };

export type Gs2Flag =
  /** "n": the client cannot bind. */
  | { readonly kind: "unsupported" }
  /** "y": it could, but thinks the server cannot. */
  | { readonly kind: "not-offered" }
  /** "p=": it binds, with this type. */
  | { readonly kind: "bound"; readonly type: string };

export type ClientFirst = {
  readonly flag: Gs2Flag;
  readonly authzid: string | undefined;
  readonly username: string;
  readonly nonce: string;
  /** With its last comma. */
  readonly gs2Header: string;
  /** client-first-message-bare. */
  readonly bare: string;
};

export type ClientFinal = {
  /** What "c=" holds, decoded. */
  readonly binding: Buffer;
  readonly nonce: string;
  readonly proof: Buffer;
  /** client-final-message-without-proof. */
  readonly withoutProof: string;
};

const GS2_HEADER = /^(?:([ny])|p=([A-Za-z0-9.-]+)),(?:a=([^,]+))?,/;
const NONCE = /^[\x21-\x2b\x2d-\x7e]+$/;
const ATTRIBUTE = /^([A-Za-z])=([^\0]+)$/;

/** Errors: "malformed-request" for anything outside the grammar, and for "m=" (see `extensions`). Source: RFC 5802 section 7. */
export function parseClientFirst(text: string): Parsed<ClientFirst> {
  const header = GS2_HEADER.exec(text);
  if (header === null) return malformed("no gs2 header");
  const [gs2Header, letter, type, rawAuthzid] = header;
  const bare = text.slice(gs2Header.length);
  const [name, nonce, ...rest] = bare.split(",");
  const username = decodeSaslname(attribute(name, "n"));
  const clientNonce = attribute(nonce, "r");
  if (attribute(name, "m") !== undefined) return malformed("a mandatory extension, m=");
  if (username === undefined) return malformed("no user name, or a wrong one");
  if (clientNonce === undefined || !NONCE.test(clientNonce)) return malformed("no nonce, or a wrong one");
  const wrong = extensions(rest);
  if (wrong !== undefined) return wrong;
  const authzid = decodeSaslname(rawAuthzid);
  if (rawAuthzid !== undefined && authzid === undefined) {
    return { ok: false, condition: "invalid-authzid", reason: "authzid is not encoded as a saslname" };
  }
  const flag: Gs2Flag =
    type !== undefined ? { kind: "bound", type } : letter === "y" ? { kind: "not-offered" } : { kind: "unsupported" };
  return { ok: true, value: { flag, authzid, username, nonce: clientNonce, gs2Header, bare } };
}

/** Errors: as for `parseClientFirst`; "incorrect-encoding" for bad Base64. Source: RFC 5802 section 7. */
export function parseClientFinal(text: string): Parsed<ClientFinal> {
  const parts = text.split(",");
  const rawProof = attribute(parts.pop(), "p");
  const [first, second, ...rest] = parts;
  const rawBinding = attribute(first, "c");
  const nonce = attribute(second, "r");
  if (rawProof === undefined || rawBinding === undefined || nonce === undefined) {
    return malformed("not a client-final-message");
  }
  const wrong = extensions(rest);
  if (wrong !== undefined) return wrong;
  const binding = decodeBase64(rawBinding);
  const proof = decodeBase64(rawProof);
  if (binding === undefined || proof === undefined) {
    return { ok: false, condition: "incorrect-encoding", reason: "c= or p= is not Base64" };
  }
  return { ok: true, value: { binding, nonce, proof, withoutProof: parts.join(",") } };
}

// RFC 5802 section 5.1: optional extensions are ignored, "m=" stands for one that may not be. Letters that have a meaning
// of their own come only where the grammar has them, so none comes twice.
function extensions(parts: readonly string[]): Malformed | undefined {
  for (const part of parts) {
    const letter = ATTRIBUTE.exec(part)?.[1];
    if (letter === undefined) return malformed("an extension that is none");
    if ("acemnprsiv".includes(letter)) return malformed(`${letter}= where it must not be`);
  }
  return undefined;
}

function attribute(part: string | undefined, letter: string): string | undefined {
  const parsed = ATTRIBUTE.exec(part ?? "");
  return parsed?.[1] === letter ? parsed[2] : undefined;
}

// saslname: "," is "=2C" and "=" is "=3D", and no other "=" stands in it.
function decodeSaslname(text: string | undefined): string | undefined {
  if (text === undefined || /=(?!2C|3D)/.test(text)) return undefined;
  return text.replaceAll("=2C", ",").replaceAll("=3D", "=");
}

function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes : undefined;
}

function malformed(reason: string): Malformed {
  return { ok: false, condition: "malformed-request", reason };
}
