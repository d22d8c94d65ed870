// Retractions in rooms (XEP-0424 0.4.2, XEP-0425 0.3.0 and, for clients that know only that, 0.2.1): read, and what takes the
// place of a message that was retracted.

import { Element, parse } from "ltx";
import { NS } from "../namespaces.ts";
import { attr, child, elements, message as messageStanza, namespaceOf, textOf } from "../stanza.ts";
import { serialize, withChildren } from "../xml/serialize.ts";
import type { Occupant } from "./occupant.ts";
import type { Room } from "./room.ts";

export type ModerationRequest = { readonly id: string; readonly reason: string };

/** A moderator's request, of either version; undefined: it is none, or asks for something else than a retraction. */
export function moderationRequest(payload: Element, reasonCharacters: number): ModerationRequest | undefined {
  const ns = namespaceOf(payload);
  if (payload.name === "moderate" && ns === NS.moderation) {
    return request(payload, NS.moderation, NS.retraction, attr(payload, "id"), reasonCharacters);
  }
  if (payload.name !== "apply-to" || ns !== NS.fastening) return undefined;
  const moderate = child(payload, "moderate", NS.oldModeration);
  if (moderate === undefined) return undefined;
  return request(moderate, NS.oldModeration, NS.oldRetraction, attr(payload, "id"), reasonCharacters);
}

function request(
  moderate: Element,
  ns: string,
  retraction: string,
  id: string | undefined,
  most: number,
): ModerationRequest | undefined {
  if (id === undefined || child(moderate, "retract", retraction) === undefined) return undefined;
  const reason = child(moderate, "reason", ns);
  return { id, reason: reason === undefined ? "" : textOf(reason).slice(0, most) };
}

type Moderator = { readonly nick: string; readonly occupantId: string };

export function moderatorOf(room: Room, occupant: Occupant): Moderator {
  return { nick: room.inRoom(occupant.nick), occupantId: room.occupantId(occupant.user) };
}

/** What all occupants are told, in the words of both versions. */
export function moderationMessage(
  room: string,
  stanzaId: string,
  { id, reason }: ModerationRequest,
  moderator: Moderator,
): Element {
  const el = messageStanza({ from: room, type: "groupchat", id: stanzaId });
  const retract = el.c("retract", { xmlns: NS.retraction, id });
  retract.cnode(moderated(NS.moderation, moderator));
  if (reason !== "") retract.c("reason").t(reason);
  const old = moderated(NS.oldModeration, moderator);
  old.c("retract", { xmlns: NS.oldRetraction });
  if (reason !== "") old.c("reason").t(reason);
  el.c("apply-to", { xmlns: NS.fastening, id }).cnode(old);
  return el;
}

function moderated(ns: string, { nick, occupantId }: Moderator): Element {
  const el = new Element("moderated", { xmlns: ns, by: nick });
  el.c("occupant-id", { xmlns: NS.occupantIds, id: occupantId });
  return el;
}

/** The id that a member's own retraction names, of a message of theirs (XEP-0424 section 4); undefined: it is none. */
export function retractedBy(message: Element): string | undefined {
  const retract = child(message, "retract", NS.retraction);
  return retract === undefined ? undefined : attr(retract, "id");
}

/** The occupant id of an archived message's author. */
export function authorOf(xml: string): string | undefined {
  const id = child(parse(xml) as Element, "occupant-id", NS.occupantIds);
  return id === undefined ? undefined : attr(id, "id");
}

/**
 * What stays in the archive of a message (XEP-0424 section 5, XEP-0425 section 4): who wrote it and its ids, not what.
 * @param retraction id of the message that retracts it
 * @param by left out: its author
 */
export function tombstone(
  xml: string,
  parts: { readonly retraction: string; readonly at: number; readonly by?: Moderator; readonly reason?: string },
): string {
  const message = parse(xml) as Element;
  const kept = elements(message).filter((el) => {
    const ns = namespaceOf(el);
    return ns === NS.occupantIds || ns === NS.stanzaIds || ns === NS.mucUser;
  });
  const stamp = new Date(parts.at).toISOString();
  const retracted = new Element("retracted", { xmlns: NS.retraction, id: parts.retraction, stamp });
  if (parts.by !== undefined) retracted.cnode(moderated(NS.moderation, parts.by));
  if (parts.reason !== undefined && parts.reason !== "") retracted.c("reason").t(parts.reason);
  const stone = withChildren(message, [...kept, retracted]);
  if (parts.by === undefined) return serialize(stone);
  const old = moderated(NS.oldModeration, parts.by);
  old.c("retracted", { xmlns: NS.oldRetraction, stamp });
  if (parts.reason !== undefined && parts.reason !== "") old.c("reason").t(parts.reason);
  return serialize(withChildren(stone, [...(stone.children as Element[]), old]));
}
