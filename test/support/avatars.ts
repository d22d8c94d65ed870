// Pictures, and how they are published: as XEP-0084 has it, in a vCard (XEP-0054), and in presence (XEP-0153).

import { createHash } from "node:crypto";
import type { Element } from "ltx";
import type { ScriptedClient } from "./client.ts";
import { items, publishing } from "./pep.ts";

export const DATA = "urn:xmpp:avatar:data";
export const METADATA = "urn:xmpp:avatar:metadata";
export const VCARD = "vcard-temp";
export const UPDATE = "vcard-temp:x:update";
export const OPEN = { access_model: "open" };

export type Picture = { readonly bytes: Buffer; readonly base64: string; readonly id: string };

/** The header of a PNG of 64 times 48 pixels, and something that makes it one of its own. */
export function picture(content: string): Picture {
  const header = "89504e470d0a1a0a0000000d4948445200000040000000300806000000";
  const bytes = Buffer.concat([Buffer.from(header, "hex"), Buffer.from(content)]);
  return { bytes, base64: bytes.toString("base64"), id: createHash("sha1").update(bytes).digest("hex") };
}

export function data({ base64 }: Pick<Picture, "base64">, id: string): string {
  return `<item id='${id}'><data xmlns='${DATA}'>${base64}</data></item>`;
}

export function info({ bytes, id }: Picture, attrs = "type='image/png'"): string {
  return `<info bytes='${bytes.length}' id='${id}' ${attrs}/>`;
}

export function metadata(infos: string, id = "current"): string {
  return `<item id='${id}'><metadata xmlns='${METADATA}'>${infos}</metadata></item>`;
}

/** Publishes both nodes, as a client does (XEP-0084 sections 3.1 and 3.2). Returns the answers' types. */
export async function publishAvatar(
  client: ScriptedClient,
  one: Picture,
  options: Record<string, string> | undefined = OPEN,
): Promise<string[]> {
  const first = await client.ask("set", publishing(DATA, data(one, one.id), options));
  const second = await client.ask("set", publishing(METADATA, metadata(info(one), one.id), options));
  return [first.attrs.type as string, second.attrs.type as string];
}

export function vcard(
  photo: Pick<Picture, "base64"> | undefined,
  rest = "<FN>Juliet</FN>",
  type = "image/png",
): string {
  const element = photo && `<PHOTO><TYPE>${type}</TYPE><BINVAL>${photo.base64}</BINVAL></PHOTO>`;
  return `<vCard xmlns='${VCARD}'>${rest}${element ?? ""}</vCard>`;
}

/** What a vCard has in PHOTO: the media type and the base64 text. Undefined: there is none. */
export async function photoIn(client: ScriptedClient, account = client.bare): Promise<[string, string] | undefined> {
  const card = (await client.ask("get", `<vCard xmlns='${VCARD}'/>`, account)).getChild("vCard", VCARD);
  const photo = card?.getChild("PHOTO");
  if (photo === undefined || photo === null) return undefined;
  return [photo.getChildText("TYPE") ?? "", photo.getChildText("BINVAL") ?? ""];
}

/** The ids of pictures that the metadata node tells of; undefined: there is no node, or no item in it. */
export async function idsInMetadata(client: ScriptedClient): Promise<string[] | undefined> {
  const answer = await client.ask("get", items(METADATA));
  const item = answer.getChild("pubsub")?.getChild("items")?.getChild("item");
  const content = item?.getChild("metadata", METADATA);
  return content?.getChildren("info").map(({ attrs }) => attrs.id as string);
}

/** The hash in presence; null: there is no photo element. */
export function hashIn(presence: Element): string | null {
  const updates = presence.getChildren("x", UPDATE);
  if (updates.length > 1) throw new Error("more than one update element");
  const photo = updates[0]?.getChild("photo");
  return photo === undefined || photo === null ? null : photo.text();
}
