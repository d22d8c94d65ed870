// Which messages an account's archive keeps: XEP-0313 1.1.3 sections 3 and 6.1.1, with the hints of XEP-0334 1.0.0.

import type { Element } from "ltx";
import { ENCRYPTED } from "../encrypted.ts";
import { NS } from "../namespaces.ts";
import { child, elements, messageType, namespaceOf } from "../stanza.ts";

/**
 * Content besides body and subject: what a user would miss who reads a conversation from the archive alone. Section 6.1.1
 * asks for messages with a body and allows others; section 3 draws the line between content and mere states.
 *
 * It is a list of what is kept, and not of what is not: a notification of a node in some account (XEP-0163) may be of type
 * normal, and would fill archives with avatars. What is not on the list can bring a body or the store hint.
 */
const CONTENT: ReadonlyMap<string, readonly string[]> = new Map([
  // XEP-0280 section 6.1 copies chat states, receipts and markers alike to the devices that are there. Of these section 3
  // leaves chat states out, and they are over when the archive is read. A receipt or a marker is not: it says what became
  // of a message in the archive, and the offline store gives it to one device only. The request for one says nothing
  // without the content that it stands beside.
  [NS.receipts, ["received"]],
  [NS.chatMarkers, ["received", "displayed", "acknowledged"]],
  ...ENCRYPTED, // without a body
  // Changes to messages in the archive. XEP-0424 section 5: a retraction must be stored.
  [NS.correction, ["replace"]],
  [NS.retraction, ["retract"]],
  [NS.fastening, ["apply-to"]], // the retractions of XEP-0424 before version 0.4
  [NS.reactions, ["reactions"]],
  // Files and direct invitations.
  [NS.outOfBand, ["x"]],
  [NS.fileSharing, ["file-sharing"]],
  [NS.conference, ["x"]],
]);

/**
 * Whether a message belongs in the archives of the accounts that send and receive it, if their preferences do not say
 * otherwise. One that the server refuses to its sender belongs in none (section 6.1), which is not decided here.
 */
export function isArchivable(message: Element): boolean {
  const type = messageType(message);
  // XEP-0334 section 5: hints of an error are ignored, they may be those of the message that came back.
  // Rooms have archives of their own; each of a user's devices that joined gets a copy, and an archive stores a message
  // once (section 6.1.1 leaves the choice). The private messages of a room's occupants are of type chat.
  if (type === "error" || type === "groupchat") return false;
  // XEP-0334 sections 4.1 and 4.2. They win over the store hint: what was not kept can be said again.
  if (child(message, "no-store", NS.hints) ?? child(message, "no-permanent-store", NS.hints)) return false;
  if (child(message, "store", NS.hints) !== undefined) return true; // XEP-0334 section 4.4: any type but error
  return type !== "headline" && elements(message).some(isContent); // section 6.1.1: headlines are not suggested
}

function isContent(element: Element): boolean {
  const ns = namespaceOf(element);
  if (ns === NS.client) return element.name === "body" || element.name === "subject";
  if (ns === NS.mucUser) return element.name === "x" && isInvitation(element);
  return CONTENT.get(ns)?.includes(element.name) ?? false;
}

// XEP-0045 section 7.8.2: an invitation by way of the room, and its refusal.
function isInvitation(x: Element): boolean {
  return (child(x, "invite", NS.mucUser) ?? child(x, "decline", NS.mucUser)) !== undefined;
}
