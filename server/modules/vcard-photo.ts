// The picture in a vCard (XEP-0054 1.3.0, the element PHOTO): read, and put into another's place.

import { Element } from "ltx";
import { NS } from "../namespaces.ts";
import { child, elements, namespaceOf, textOf } from "../stanza.ts";
import { withChildren } from "../xml/serialize.ts";

/** A picture as it is in the vCard itself; one that is only linked to is none. */
export type Photo = {
  /** Media type as the client wrote it; empty: it did not. */
  readonly type: string;
  readonly bytes: Buffer;
};

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** Undefined: it has none, or what should be one is no base64. */
export function photoOf(vcard: Element | undefined): Photo | undefined {
  const photo = vcard === undefined ? undefined : child(vcard, "PHOTO", NS.vcard);
  const data = photo === undefined ? undefined : child(photo, "BINVAL", NS.vcard);
  if (photo === undefined || data === undefined) return undefined;
  const text = textOf(data).replace(/\s+/g, "");
  if (!BASE64.test(text)) return undefined;
  const type = child(photo, "TYPE", NS.vcard);
  return { type: type === undefined ? "" : textOf(type).trim(), bytes: Buffer.from(text, "base64") };
}

/** @returns the vCard with this picture and no other; undefined: nothing is left in it */
export function withPhoto(vcard: Element | undefined, photo: Photo | undefined): Element | undefined {
  const before = vcard ?? new Element("vCard", { xmlns: NS.vcard });
  const others = (before.children as (Element | string)[]).filter(
    (node) => typeof node === "string" || node.name !== "PHOTO" || namespaceOf(node) !== NS.vcard,
  );
  const after = withChildren(before, others);
  if (photo !== undefined) after.cnode(photoElement(photo));
  return elements(after).length === 0 ? undefined : after;
}

function photoElement({ type, bytes }: Photo): Element {
  const photo = new Element("PHOTO");
  if (type !== "") photo.c("TYPE").t(type);
  photo.c("BINVAL").t(bytes.toString("base64"));
  return photo;
}

export function isSamePhoto(a: Photo | undefined, b: Photo | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.type === b.type && a.bytes.equals(b.bytes);
}
