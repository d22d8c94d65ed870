// The stanzas that the parts are measured with: those of the load rig, and longer ones.

import type { Element } from "ltx";
import { parse } from "ltx";

const BODY = "Wherefore art thou, Romeo? Deny thy father and refuse thy name; or if thou wilt not";
const ID = "0000018f3c2a7b1e-00000001-0000002a";
const EXTRAS = `<active xmlns='http://jabber.org/protocol/chatstates'/><origin-id xmlns='urn:xmpp:sid:0' id='${ID}'/><request xmlns='urn:xmpp:receipts'/>`;

/** A message of a present-day client: a body of 80 characters, its state, its id, and that a receipt is wanted. */
export function chat(to: string, attributes = ""): string {
  return `<message to='${to}'${attributes} type='chat' id='${ID}'><body>${BODY}</body>${EXTRAS}</message>`;
}

/** Presence with entity capabilities. */
export function available(attributes = "", show = ""): string {
  return `<presence${attributes}>${show}<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='http://conversations.im' ver='OEbIJ+hGNaWX8DK2G/H93NOzils='/></presence>`;
}

/** The answer to a roster get. */
export function roster(items: number): string {
  const each = (n: number) =>
    `<item jid='contact-${n}@example.com' name='Contact ${n}' subscription='both'><group>Friends</group></item>`;
  return `<iq type='result' id='roster' to='juliet@example.com/balcony'><query xmlns='jabber:iq:roster' ver='1'>${Array.from({ length: items }, (_, n) => each(n)).join("")}</query></iq>`;
}

export function element(text: string): Element {
  return parse(text) as Element;
}
