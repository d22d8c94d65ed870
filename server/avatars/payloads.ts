// Payloads of an account's avatar nodes (XEP-0084 1.1.4 section 4): the picture, and what is said of it.

import { createHash } from "node:crypto";
import { Element, parse } from "ltx";
import type { Photo } from "../modules/vcard-photo.ts";
import { NS } from "../namespaces.ts";
import { attr, childrenOf, elements, namespaceOf, textOf } from "../stanza.ts";
import { imageSize, imageType } from "./image.ts";

/** A picture of which the bytes are in the data node, if they are: its id there, and its media type. */
export type AvatarInfo = { readonly id: string; readonly type: string };

/** `none`: there is no avatar, or it is disabled; `elsewhere`: all that is told of are places outside the account. */
export type AvatarMetadata =
  | { readonly kind: "none" }
  | { readonly kind: "elsewhere" }
  | { readonly kind: "here"; readonly infos: readonly AvatarInfo[] };

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
const MEDIA_TYPE = /^image\/[a-z0-9][a-z0-9.+-]{0,99}$/i;
const MOST_INFOS = 20;

/** @param xml an item of the metadata node; undefined: there is none */
export function readMetadata(xml: string | undefined): AvatarMetadata {
  const metadata = parsed(xml, "metadata", NS.avatarMetadata);
  if (metadata === undefined) return { kind: "none" };
  const infos = childrenOf(metadata, "info", NS.avatarMetadata);
  // Section 4.2: nothing in it, or what was in it for that in earlier versions.
  if (infos.length === 0)
    return { kind: elements(metadata).some(({ name }) => name === "pointer") ? "elsewhere" : "none" };
  const here = infos
    .filter((info) => attr(info, "url") === undefined)
    .slice(0, MOST_INFOS)
    .map((info) => ({ id: attr(info, "id") ?? "", type: attr(info, "type") ?? "" }));
  return here.length === 0 ? { kind: "elsewhere" } : { kind: "here", infos: here };
}

/** @param xml an item of the data node. Undefined: it has no picture that is base64 */
export function readData(xml: string): Buffer | undefined {
  const data = parsed(xml, "data", NS.avatarData);
  const text = data === undefined ? "" : textOf(data).replace(/\s+/g, "");
  return BASE64.test(text) ? Buffer.from(text, "base64") : undefined;
}

export function dataElement(bytes: Buffer): Element {
  return new Element("data", { xmlns: NS.avatarData }).t(bytes.toString("base64"));
}

/** @param photo undefined: the avatar is disabled (section 3.5) */
export function metadataElement(photo: Photo | undefined): Element {
  const metadata = new Element("metadata", { xmlns: NS.avatarMetadata });
  if (photo === undefined) return metadata;
  const { bytes, type } = photo;
  const size = imageSize(bytes);
  const pixels = size === undefined ? {} : { width: String(size.width), height: String(size.height) };
  metadata.c("info", { bytes: String(bytes.length), id: avatarId(bytes), type, ...pixels });
  return metadata;
}

/** The SHA-1 hash in hexadecimal digits: an item's id, and what presence says of the avatar (XEP-0153 section 3.1). */
export function avatarId(bytes: Buffer): string {
  return createHash("sha1").update(bytes).digest("hex");
}

/** With the media type that it is said to have, or that it has where nothing is said. Undefined: it is no picture. */
export function asPicture({ type, bytes }: Photo): Photo | undefined {
  const known = MEDIA_TYPE.test(type) ? type.toLowerCase() : imageType(bytes);
  return known === undefined ? undefined : { type: known, bytes };
}

function parsed(xml: string | undefined, name: string, ns: string): Element | undefined {
  if (xml === undefined || xml === "") return undefined;
  const element = parse(xml) as Element;
  return element.name === name && namespaceOf(element) === ns ? element : undefined;
}
