// What becomes of a message to a room or to one occupant (XEP-0045 1.35.1 sections 7.4, 7.5, 8.1 and 17.2): decided and
// rewritten; storing and sending it is the service's.

import { Element } from "ltx";
import { isArchivable } from "../archive/archivable.ts";
import { type StanzaError, stanzaError } from "../errors.ts";
import type { Jid } from "../jid.ts";
import { NS } from "../namespaces.ts";
import { attr, child, messageType, textOf, withAttrs } from "../stanza.ts";
import { roleAllows } from "./affiliation.ts";
import type { Occupant } from "./occupant.ts";
import type { Room } from "./room.ts";
import { reflected } from "./room-elements.ts";

export type GroupMessage = {
  readonly kind: "message" | "subject";
  readonly author: Occupant;
  /** From the occupant's room JID, without `to`. */
  readonly stanza: Element;
  /** It belongs in the room's archive. */
  readonly archived: boolean;
};

export type MessageRules = { readonly subjectCharacters: number; newId(): string };

/** A message of type groupchat to the room. Errors: sections 7.4 and 8.1. */
export function groupMessage(room: Room, from: Jid, stanza: Element, rules: MessageRules): GroupMessage | StanzaError {
  if (room.locked) return stanzaError("item-not-found", "this room is not ready yet");
  const author = room.occupantOf(from);
  if (author === undefined) return stanzaError("not-acceptable", "you are not in this room");
  const subject = subjectOf(stanza);
  const refused = subject === undefined ? voiceRefusal(author) : subjectRefusal(room, author, subject, rules);
  if (refused !== undefined) return refused;
  const message = reflected(stanza, {
    room: room.address.toString(),
    from: room.inRoom(author.nick),
    id: attr(stanza, "id") ?? rules.newId(), // section 7.4: the same id, for clients to know their own
    type: "groupchat",
    occupantId: room.occupantId(author.user),
  });
  const kind = subject === undefined ? "message" : "subject";
  return { kind, author, stanza: message, archived: room.config.archiving && isRoomArchivable(message) };
}

// Section 8.1: a subject without body or thread changes the room's.
function subjectOf(stanza: Element): string | undefined {
  const subject = child(stanza, "subject");
  const plain = child(stanza, "body") === undefined && child(stanza, "thread") === undefined;
  return subject !== undefined && plain ? textOf(subject) : undefined;
}

function voiceRefusal(author: Occupant): StanzaError | undefined {
  return roleAllows(author.role, "send messages to all")
    ? undefined
    : stanzaError("forbidden", "you have no voice here");
}

function subjectRefusal(room: Room, author: Occupant, subject: string, rules: MessageRules): StanzaError | undefined {
  if (!roleAllows(author.role, "modify subject", room.config.changeSubject)) {
    return stanzaError("forbidden", "you may not change the subject");
  }
  if (subject.length > rules.subjectCharacters) {
    return stanzaError("not-acceptable", `a subject may have ${rules.subjectCharacters} characters`);
  }
  return undefined;
}

/** XEP-0313 section 6.1.2: what has content, as an account's archive judges it. */
function isRoomArchivable(message: Element): boolean {
  return isArchivable(withAttrs(message, { type: "normal" }));
}

export type PrivateMessage = { readonly stanza: Element; readonly to: Occupant };

/** A message to one occupant's room JID. Errors: section 7.5. */
export function privateMessage(room: Room, from: Jid, nick: string, stanza: Element): PrivateMessage | StanzaError {
  const author = room.occupantOf(from);
  if (author === undefined) return stanzaError("not-acceptable", "you are not in this room");
  if (messageType(stanza) === "groupchat")
    return stanzaError("bad-request", "a private message is not of type groupchat");
  const to = room.byNick(nick);
  if (to === undefined) return stanzaError("item-not-found", "nobody here has that nickname");
  if (!maySendPrivately(room, author)) return stanzaError("forbidden", "private messages are not allowed here");
  const message = reflected(stanza, {
    room: room.address.toString(),
    from: room.inRoom(author.nick),
    id: attr(stanza, "id") ?? "",
    type: attr(stanza, "type") ?? "normal",
    occupantId: room.occupantId(author.user),
  });
  if (message.attrs.id === "") delete message.attrs.id;
  if (attr(stanza, "type") === undefined) delete message.attrs.type;
  message.children.push(new Element("x", { xmlns: NS.mucUser }));
  return { stanza: message, to };
}

function maySendPrivately(room: Room, author: Occupant): boolean {
  switch (room.config.privateMessages) {
    case "anyone":
      return roleAllows(author.role, "send private messages", true);
    case "participants":
      return author.role === "participant" || author.role === "moderator";
    case "moderators":
      return author.role === "moderator";
    case "none":
      return false;
  }
}
