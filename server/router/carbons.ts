// XEP-0280 1.0.1: which messages a user's other devices get a copy of, which devices, and what the copy looks like.
//
// Nothing here removes <private/>: version 0.14.0 lifted that, for who reads a message must see that it was not copied.

import { Element } from "ltx";
import { NS } from "../namespaces.ts";
import { attr, child, elements, message as messageStanza, messageType, namespaceOf } from "../stanza.ts";
import { serialize, withAttrs } from "../xml/serialize.ts";

/** `sent`: the account's client sent the message; `received`: it is addressed to the account. */
export type CarbonDirection = "sent" | "received";

/** Section 6.1: "payload elements typically used in IM". */
const IM_PAYLOADS: ReadonlySet<string> = new Set([NS.receipts, NS.chatStates, NS.chatMarkers]);

/**
 * Whether a message may be copied to the account's other devices, by the rules that section 6.1 recommends.
 * @param message stamped with its sender's full JID
 * @param direction the two differ for private messages of a room
 * @param answered the message that an error answers, where the caller has it. Without it an error is judged by what it
 *   brings back of that message, which is optional (RFC 6120 section 8.3.1): one that brings nothing is not copied.
 *   `urn:xmpp:carbons:rules:0` promises more, and is therefore not announced.
 */
export function isCarbonEligible(message: Element, direction: CarbonDirection, answered?: Element): boolean {
  // Sections 6.1 and 9; XEP-0334 section 4.3 asks the same by itself of who knows nothing of carbons.
  if (child(message, "private", NS.carbons) !== undefined || child(message, "no-copy", NS.hints) !== undefined) {
    return false;
  }
  const type = messageType(message);
  if (type === "groupchat") return false; // section 6.1: every joined device has it from the room
  if (type === "error") return isEligibleError(message, direction, answered);
  if (isInvitation(message)) return true; // section 6.1: direct (XEP-0249) and mediated (XEP-0045 section 7.8.2)
  // Section 6.1: the room itself sends its private messages to every joined device of who receives them.
  if (direction === "received" && isFromOccupant(message)) return false;
  if (type === "chat") return true; // section 6.1; among them the private messages that the user sends to an occupant
  if (type === "normal" && child(message, "body") !== undefined) return true; // section 6.1
  return hasImPayload(message); // section 6.1, of whatever type
}

// Section 6.1: an error is copied as the message was that it answers.
function isEligibleError(message: Element, direction: CarbonDirection, answered: Element | undefined): boolean {
  // Section 10.3: copies are from the account's bare JID, so that is where their bounces go. No client sends from a bare
  // JID: an error to one answers nothing that was eligible, and copying it would bounce back and forth.
  if (isBare(attr(message, "to"))) return false;
  if (answered !== undefined) return isCarbonEligible(answered, direction === "sent" ? "received" : "sent");
  return child(message, "body") !== undefined || isInvitation(message) || hasImPayload(message);
}

function isBare(address: string | undefined): boolean {
  return address === undefined || !address.includes("/");
}

function isInvitation(message: Element): boolean {
  if (child(message, "x", NS.conference) !== undefined) return true;
  const room = child(message, "x", NS.mucUser);
  return room !== undefined && child(room, "invite", NS.mucUser) !== undefined;
}

// XEP-0045 section 7.5: a message from an occupant is marked with <x/>, by the occupant's client or by the room.
function isFromOccupant(message: Element): boolean {
  return child(message, "x", NS.mucUser) !== undefined && !isBare(attr(message, "from"));
}

function hasImPayload(message: Element): boolean {
  return elements(message).some((el) => IM_PAYLOADS.has(namespaceOf(el)));
}

/**
 * The copy of one message for each of an account's devices: all of it but `to` is serialized once.
 * @param message stamped; of type error, too, where it is eligible
 * @param account bare JID of the user whose devices get it
 * @returns the text of the stanza for a device's full JID
 * Source: XEP-0280 sections 7 and 8; XEP-0297 section 3 (the forwarded stanza carries its own namespace).
 */
export function carbonOf(direction: CarbonDirection, message: Element, account: string): (to: string) => string {
  let tail: string | undefined;
  return (to) => {
    tail ??= carbonTail(direction, message, account);
    return serialize(messageStanza({ to })).replace(/\/>$/, "") + tail;
  };
}

// What follows `<message to='...'`.
function carbonTail(direction: CarbonDirection, message: Element, account: string): string {
  const type = attr(message, "type");
  const copy = messageStanza({ from: account, ...(type === undefined ? {} : { type }) });
  const wrapper = new Element(direction, { xmlns: NS.carbons });
  const forwarded = new Element("forwarded", { xmlns: NS.forward });
  forwarded.children.push(withAttrs(message, { xmlns: NS.client }));
  wrapper.children.push(forwarded);
  copy.children.push(wrapper);
  return serialize(copy).slice("<message".length);
}

const NOBODY: readonly never[] = [];

/**
 * Which of an account's connected resources get a copy: those that enabled carbons, without the one that sent the message
 * and without those that get the message itself. Their presence does not matter.
 * @param sessions of the account, in any order; the result has the same order
 * Source: XEP-0280 sections 7 and 8.
 */
export function carbonTargets<S extends { readonly carbons: boolean }>(
  sessions: Iterable<S>,
  without: { readonly sender?: S | undefined; readonly recipients?: readonly S[] },
): readonly S[] {
  let targets: S[] | undefined;
  for (const session of sessions) {
    if (!session.carbons || session === without.sender || without.recipients?.includes(session)) continue;
    if (targets === undefined) targets = [session];
    else targets.push(session);
  }
  return targets ?? NOBODY;
}

/**
 * What a copy is a copy of; any other message as it is. Only this server writes in the name of a
 * bare JID to one of its own resources: what looks like a copy and is from somebody else is a forgery (section 11), and
 * taken out of its wrapping it would pass for true.
 */
export function originalOf(message: Element): Element {
  const isOurs = attr(message, "from") === attr(message, "to")?.split("/", 1)[0];
  const copy = isOurs ? (child(message, "received", NS.carbons) ?? child(message, "sent", NS.carbons)) : undefined;
  const forwarded = copy === undefined ? undefined : child(copy, "forwarded", NS.forward);
  const original = forwarded === undefined ? undefined : child(forwarded, "message");
  return original === undefined ? message : withAttrs(original, { xmlns: undefined });
}
