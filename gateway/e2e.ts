// End-to-end signed or encrypted objects, which pass through the gateway unread and unchanged (RFC 3923 section 8; JC-26).

import { isUtf8 } from "node:buffer";
import { Element } from "ltx";
import { NS } from "../server/namespaces.ts";
import { ok, type Result, refuse } from "../server/result.ts";
import { child, textOf } from "../server/stanza.ts";
import { decodeBody, type MediaType, type MimePart, mediaTypeOf, parsePart } from "./mime.ts";
import { replaceForbidden } from "./xml-document.ts";

const SECURED: readonly string[] = ["multipart/signed", "multipart/encrypted", "application/pkcs7-mime"];

export function isSecured(type: MediaType): boolean {
  return SECURED.includes(type.type);
}

/**
 * The object in the e2e child of a stanza, as octets; undefined where there is no such child.
 * Errors: it is empty.
 */
export function objectIn(stanza: Element): Result<Buffer | undefined> {
  const e2e = child(stanza, "e2e", NS.e2e);
  if (e2e === undefined) return ok(undefined);
  const text = textOf(e2e)
    .replace(/^\r?\n/, "")
    .replace(/\r?\n/g, "\r\n");
  return text === "" ? refuse("an empty e2e element") : ok(Buffer.from(text, "utf8"));
}

/**
 * The text of the e2e child that carries an object, header block included; CR LF becomes the line end of XML.
 * Errors: octets that XML cannot hold, for the object must not be changed.
 */
export function textOfObject(object: MimePart): Result<string> {
  const text = isUtf8(object.octets) ? object.octets.toString("utf8") : "\0";
  if (replaceForbidden(text) !== text) return refuse("a secured object with octets that XML cannot hold");
  return ok(text.replaceAll("\r\n", "\n"));
}

export function e2eElement(text: string): Element {
  return new Element("e2e", { xmlns: NS.e2e }).t(text);
}

/**
 * Whether a signed object holds a PIDF document, so that it goes in a presence stanza (RFC 3923 section 4); an encrypted
 * one does not say what it holds. Only the first part's header block is looked at.
 */
export function signsPresence(object: MimePart, type: MediaType): boolean {
  const boundary = type.parameters.get("boundary");
  const body = decodeBody(object);
  if (type.type !== "multipart/signed" || boundary === undefined || !body.ok) return false;
  const delimiter = `--${boundary}\r\n`;
  const at = body.value.indexOf(delimiter);
  const isAtLineStart = at === 0 || (at > 1 && body.value.subarray(at - 2, at).toString("latin1") === "\r\n");
  if (!isAtLineStart) return false;
  const part = parsePart(body.value, at + Buffer.byteLength(delimiter));
  const inner = part.ok ? mediaTypeOf(part.value.headers) : part;
  return inner.ok && inner.value?.type === "application/pidf+xml";
}
