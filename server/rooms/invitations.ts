// Invitations by way of the room and their refusal, and requests for voice (XEP-0045 1.35.1 sections 7.8.2, 7.13 and 8.6).

import { Element } from "ltx";
import { type StanzaError, stanzaError } from "../errors.ts";
import { Jid } from "../jid.ts";
import { NS } from "../namespaces.ts";
import { attr, child, childrenOf, message as messageStanza, textOf } from "../stanza.ts";
import { mayInvite } from "./admin-lists.ts";
import { roleAllows } from "./affiliation.ts";
import type { Occupant } from "./occupant.ts";
import type { Room } from "./room.ts";
import { type Send, send } from "./shared-stanza.ts";

/** Pairs that a room remembers: only who was invited can decline. */
const REMEMBERED = 1_000;
const INVITED_AT_ONCE = 20;

export type Invitation = {
  /** Bare JIDs that become members by it (section 9.5). */
  readonly members: readonly Jid[];
  readonly sends: readonly Send[];
};

/** Whether a message to a room is one of these. */
export function isInvitation(message: Element): boolean {
  const x = child(message, "x", NS.mucUser);
  return x !== undefined && child(x, "invite", NS.mucUser) !== undefined;
}

export function isDecline(message: Element): boolean {
  const x = child(message, "x", NS.mucUser);
  return x !== undefined && child(x, "decline", NS.mucUser) !== undefined;
}

/**
 * An occupant invites others. Nobody learns from it whether an account exists.
 * Errors: not-acceptable, forbidden, jid-malformed, policy-violation.
 */
export function invite(room: Room, from: Jid, stanza: Element, reasonCharacters: number): Invitation | StanzaError {
  const inviter = room.occupantOf(from);
  if (inviter === undefined) return stanzaError("not-acceptable", "you are not in this room");
  if (!mayInvite(room, inviter) || !roleAllows(inviter.role, "invite other users", true))
    return stanzaError("forbidden");
  const x = child(stanza, "x", NS.mucUser) as Element;
  const invites = childrenOf(x, "invite", NS.mucUser);
  if (invites.length > INVITED_AT_ONCE) return stanzaError("policy-violation", `at most ${INVITED_AT_ONCE} at once`);
  const sends: Send[] = [];
  const members: Jid[] = [];
  for (const element of invites) {
    const parsed = Jid.parse(attr(element, "to") ?? "");
    if (!parsed.ok) return stanzaError("jid-malformed", parsed.reason);
    const invitee = parsed.value.bare();
    const affiliation = room.affiliationOf(invitee);
    if (affiliation === "outcast") return stanzaError("not-allowed", "that address is banned from this room");
    if (room.config.membersOnly && affiliation === "none") members.push(invitee);
    sends.push(send(invitation(room, inviter, element, attr(stanza, "id"), reasonCharacters), invitee));
  }
  for (const { to } of sends) remember(room, (to[0] as Jid).toString(), from.bareString);
  return { members, sends };
}

function invitation(
  room: Room,
  inviter: Occupant,
  element: Element,
  id: string | undefined,
  reasonCharacters: number,
): Element {
  const el = messageStanza({ from: room.address.toString() });
  if (id !== undefined) el.attrs.id = id;
  const x = el.c("x", { xmlns: NS.mucUser });
  // The real address only where it is no secret.
  const from = room.config.nonAnonymous ? inviter.user.toString() : room.inRoom(inviter.nick);
  const invited = x.c("invite", { from });
  const reason = reasonOf(element, reasonCharacters);
  if (reason !== "") invited.c("reason").t(reason);
  const thread = child(element, "continue", NS.mucUser);
  if (thread !== undefined) {
    const on = attr(thread, "thread");
    invited.c("continue", on === undefined ? {} : { thread: on });
  }
  if (room.config.password !== "") x.c("password").t(room.config.password);
  return el;
}

function reasonOf(element: Element, most: number): string {
  const reason = child(element, "reason", NS.mucUser);
  return reason === undefined ? "" : textOf(reason).slice(0, most);
}

function remember({ invitations }: Room, invitee: string, inviter: string): void {
  if (invitations.size >= REMEMBERED) invitations.delete(invitations.keys().next().value as string);
  const inviters = invitations.get(invitee) ?? new Set();
  if (inviters.size < INVITED_AT_ONCE) inviters.add(inviter);
  invitations.set(invitee, inviters);
}

/** Who was invited says no. Errors: item-not-found for an invitation that nobody remembers. */
export function decline(room: Room, from: Jid, stanza: Element, reasonCharacters: number): Send[] | StanzaError {
  const element = child(child(stanza, "x", NS.mucUser) as Element, "decline", NS.mucUser) as Element;
  const parsed = Jid.parse(attr(element, "to") ?? "");
  if (!parsed.ok) return stanzaError("jid-malformed", parsed.reason);
  const to = parsed.value;
  const inviter = to.bareString === room.address.toString() ? room.byNick(to.resourcepart ?? "")?.user : to.bare();
  const inviters = room.invitations.get(from.bareString);
  if (inviter === undefined || inviters?.delete(inviter.toString()) !== true) return stanzaError("item-not-found");
  const el = messageStanza({ from: room.address.toString() });
  const id = attr(stanza, "id");
  if (id !== undefined) el.attrs.id = id;
  const declined = el.c("x", { xmlns: NS.mucUser }).c("decline", { from: from.bareString });
  const reason = reasonOf(element, reasonCharacters);
  if (reason !== "") declined.c("reason").t(reason);
  return [send(el, inviter)];
}

/** The fields of a form about voice; undefined: the message is something else. */
export function voiceForm(message: Element): ReadonlyMap<string, string> | undefined {
  const form = child(message, "x", NS.dataForms);
  if (form === undefined) return undefined;
  const fields = new Map<string, string>();
  for (const field of childrenOf(form, "field", NS.dataForms)) {
    const value = child(field, "value", NS.dataForms);
    fields.set(attr(field, "var") ?? "", value === undefined ? "" : textOf(value));
  }
  return fields.get("FORM_TYPE") === NS.voiceRequest ? fields : undefined;
}

/** A visitor asks for voice: the moderators are shown a form. */
export function askForVoice(room: Room, asker: Occupant, id: string): Send[] {
  const el = messageStanza({ from: room.address.toString(), id });
  const form = new Element("x", { xmlns: NS.dataForms, type: "form" });
  form.c("title").t("Voice request");
  form.c("instructions").t("To let this person speak, choose so and submit the form.");
  const field = (name: string, type: string, label: string, value: string): void => {
    form
      .c("field", { var: name, type, ...(label === "" ? {} : { label }) })
      .c("value")
      .t(value);
  };
  field("FORM_TYPE", "hidden", "", NS.voiceRequest);
  field("muc#role", "list-single", "Requested role", "participant");
  field("muc#jid", "jid-single", "Address", asker.lead?.jid.toString() ?? "");
  field("muc#roomnick", "text-single", "Nickname", asker.nick);
  field("muc#request_allow", "boolean", "Grant voice?", "false");
  el.cnode(form);
  const moderators = [...room.occupants()].filter(({ role }) => role === "moderator").flatMap(({ jids }) => jids);
  return [send(el, ...moderators)];
}
