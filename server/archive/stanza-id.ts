// XEP-0359 0.7.0: the ids under which messages are found in an archive.

import { Element } from "ltx";
import { Jid } from "../jid.ts";
import { NS } from "../namespaces.ts";
import { randomId } from "../random.ts";
import { attr, namespaceOf } from "../stanza.ts";
import { withChildren } from "../xml/serialize.ts";

const ID_BYTES = 16;

/**
 * An id that tells nothing, of messages before it or of their number (section 6). 22 characters: as random as the UUID
 * that section 2.1 recommends, and shorter, for it is stored with every message and in its index.
 */
export function newStanzaId(): string {
  return randomId(ID_BYTES);
}

/**
 * A copy with the id that `owner` gives the message, and no other one in that name (section 3, rules 2 and 4).
 * @param owner bare JID of the archive
 */
export function withStanzaId(message: Element, owner: string, id: string): Element {
  const clean = withoutForgedIds(message, owner);
  const stanzaId = new Element("stanza-id", { xmlns: NS.stanzaIds, by: owner, id });
  return withChildren(clean, [...(clean.children as (Element | string)[]), stanzaId]);
}

/**
 * The message without ids that somebody else gave it in the name of `owner`; the same object if there is none. Whoever
 * announces XEP-0359 does this also where it adds no id itself (section 3, rule 2).
 */
export function withoutForgedIds(message: Element, owner: string): Element {
  const children = message.children as (Element | string)[];
  if (!children.some((node) => typeof node !== "string" && isIdBy(node, owner))) return message;
  return withChildren(
    message,
    children.filter((node) => typeof node === "string" || !isIdBy(node, owner)),
  );
}

// Section 3, rule 7: addresses are compared as prepared ones.
function isIdBy(element: Element, owner: string): boolean {
  if (element.name !== "stanza-id" || namespaceOf(element) !== NS.stanzaIds) return false;
  const by = Jid.parse(attr(element, "by") ?? "");
  return by.ok && by.value.toString() === owner;
}
