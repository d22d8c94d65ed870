// XEP-0280 1.0.1: which messages are copied (section 6.1), to which devices, and in what wrapping (sections 7 and 8).

import { type Element, parse } from "ltx";
import { describe, expect, it } from "vitest";
import {
  type CarbonDirection,
  carbonOf,
  carbonTargets,
  isCarbonEligible,
  originalOf,
} from "../../server/router/carbons.ts";
import { serialize, withAttrs } from "../../server/xml/serialize.ts";
import { difference, stanza } from "../support/stanza-match.ts";

const BODY = "<body>Neither, fair saint, if either thee dislike.</body>";
const PRIVATE = "<private xmlns='urn:xmpp:carbons:2'/>";
const NO_COPY = "<no-copy xmlns='urn:xmpp:hints'/>";
const RECEIPT = "<received xmlns='urn:xmpp:receipts' id='1'/>";
const COMPOSING = "<composing xmlns='http://jabber.org/protocol/chatstates'/>";
const DISPLAYED = "<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>";
const DIRECT = "<x xmlns='jabber:x:conference' jid='coven@chat.example'/>";
const MEDIATED =
  "<x xmlns='http://jabber.org/protocol/muc#user'><invite from='crone1@shakespeare.lit'><reason>hi</reason></invite></x>";
const DECLINE = "<x xmlns='http://jabber.org/protocol/muc#user'><decline from='hecate@shakespeare.lit'/></x>";
const OCCUPANT = "<x xmlns='http://jabber.org/protocol/muc#user'/>";
const ERROR = "<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";

type Options = { from?: string; to?: string };

function message(
  type: string,
  payload: string,
  { from = "a@x.example/1", to = "b@y.example/2" }: Options = {},
): Element {
  const typed = type === "" ? "" : `type='${type}'`;
  return parse(`<message from='${from}' ${to === "" ? "" : `to='${to}'`} ${typed}>${payload}</message>`) as Element;
}

describe("section 6.1: eligible messages", () => {
  const ROOM: Options = { from: "coven@chat.example" };
  const FROM_OCCUPANT: Options = { from: "coven@chat.example/firstwitch" };
  const TO_OCCUPANT: Options = { to: "coven@chat.example/firstwitch" };
  const TABLE: [rule: string, type: string, payload: string, sent: boolean, received: boolean, options?: Options][] = [
    ["of type chat", "chat", BODY, true, true],
    ["of type chat, without a body", "chat", "<foo xmlns='urn:example:foo'/>", true, true],
    ["of type chat, empty", "chat", "", true, true],
    ["of type chat, to a bare JID", "chat", BODY, true, true, { to: "b@y.example" }],
    ["of type normal with a body", "normal", BODY, true, true],
    ["without a type (normal: RFC 6121 section 5.2.2), with a body", "", BODY, true, true],
    ["of an unknown type (normal), with a body", "gossip", BODY, true, true],
    ["of type normal without a body", "normal", "<subject>s</subject>", false, false],
    [
      "of type normal with a body in another namespace",
      "normal",
      "<body xmlns='urn:example:foo'>b</body>",
      false,
      false,
    ],
    ["a receipt of type normal", "", RECEIPT, true, true],
    ["a chat state of type normal", "", COMPOSING, true, true],
    ["a chat marker of type normal", "", DISPLAYED, true, true],
    ["a chat marker of type headline", "headline", DISPLAYED, true, true],
    ["of type headline", "headline", BODY, false, false],
    ["of type groupchat", "groupchat", BODY, false, false],
    ["of type groupchat with a chat state", "groupchat", COMPOSING, false, false],
    ["a direct invitation (XEP-0249)", "", DIRECT, true, true],
    ["a mediated invitation (XEP-0045 section 7.8.2)", "", MEDIATED, true, true, ROOM],
    ["a declined invitation", "", DECLINE, false, false, ROOM],
    ["a private message to an occupant", "chat", BODY + OCCUPANT, true, false, TO_OCCUPANT],
    ["a private message from an occupant", "chat", BODY + OCCUPANT, true, false, FROM_OCCUPANT],
    ["a private message from an occupant, of type normal", "", BODY + OCCUPANT, true, false, FROM_OCCUPANT],
    ["a chat state from an occupant", "chat", COMPOSING + OCCUPANT, true, false, FROM_OCCUPANT],
    ["of type chat with <private/>", "chat", BODY + PRIVATE, false, false],
    ["an invitation with <private/>", "", DIRECT + PRIVATE, false, false],
    ["of type chat with <private/> in another namespace", "chat", `${BODY}<private xmlns='urn:x'/>`, true, true],
    ["with <private/> deeper inside", "chat", `${BODY}<foo xmlns='urn:x'>${PRIVATE}</foo>`, true, true],
    ["of type chat with <no-copy/> (section 9, XEP-0334 section 4.3)", "chat", BODY + NO_COPY, false, false],
    ["of type chat with <private/> and <no-copy/>", "chat", BODY + PRIVATE + NO_COPY, false, false],
    ["an error that brings a body back", "error", BODY + ERROR, true, true],
    ["an error that brings a receipt back", "error", RECEIPT + ERROR, true, true],
    ["an error that brings an invitation back", "error", MEDIATED + ERROR, true, true],
    ["an error that brings nothing back", "error", ERROR, false, false],
    ["an error that brings <private/> back", "error", BODY + PRIVATE + ERROR, false, false],
    ["an error to a bare JID: the bounce of a copy (section 10.3)", "error", BODY + ERROR, false, false, { to: "b@y" }],
    ["an error without 'to': likewise", "error", BODY + ERROR, false, false, { to: "" }],
  ];

  it.each(TABLE)("%s", (_rule, type, payload, sent, received, options) => {
    const stanza = message(type, payload, options);
    expect({ sent: isCarbonEligible(stanza, "sent"), received: isCarbonEligible(stanza, "received") }).toEqual({
      sent,
      received,
    });
  });

  it.each([
    ["chat", BODY, true],
    ["headline", BODY, false],
    ["groupchat", BODY, false],
    ["chat", BODY + PRIVATE, false],
  ])("an error whose original is known to be %s %s goes the way of the original", (type, payload, eligible) => {
    const error = message("error", ERROR);
    expect(isCarbonEligible(error, "received", message(type, payload))).toBe(eligible);
    expect(isCarbonEligible(error, "sent", message(type, payload))).toBe(eligible);
  });

  it("the error to a private message that the user sent to an occupant is copied, as that was", () => {
    const original = message("chat", BODY + OCCUPANT, TO_OCCUPANT);
    expect(isCarbonEligible(message("error", ERROR, FROM_OCCUPANT), "received", original)).toBe(true);
  });
});

describe("sections 7 and 8: the copy", () => {
  const ROMEO = "romeo@montague.example";

  it.each<CarbonDirection>(["sent", "received"])("wraps the whole %s message, as in the examples", (direction) => {
    const original =
      "<message from='juliet@capulet.example/balcony' to='romeo@montague.example/garden' type='chat' id='1' xml:lang='it'>" +
      "<body>What man art thou?</body><thread>0e3141cd80894871a68e6fe6b1ec56fa</thread><e xmlns='urn:x'><f/></e></message>";
    const copy = stanza(carbonOf(direction, stanza(original), ROMEO)("romeo@montague.example/home"));
    const inner = original.replace("<message ", "<message xmlns='jabber:client' ");
    const expected = stanza(
      "<message xmlns='jabber:client' from='romeo@montague.example' to='romeo@montague.example/home' type='chat'>" +
        `<${direction} xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>${inner}</forwarded></${direction}>` +
        "</message>",
    );
    // Equal, not only contained: each has what the other has.
    expect(difference(expected, copy)).toBeUndefined();
    expect(difference(copy, expected)).toBeUndefined();
  });

  it("has no type where the original has none, and keeps 'error'", () => {
    const typeOf = (type: string) =>
      stanza(carbonOf("received", message(type, BODY), ROMEO)("romeo@montague.example/home")).attrs.type;
    expect(typeOf("")).toBeUndefined();
    expect(typeOf("error")).toBe("error");
  });

  it("differs between devices only in 'to', and serializes the message once", () => {
    let reads = 0;
    const original = message("chat", BODY);
    const { children } = original;
    Object.defineProperty(original, "children", {
      get() {
        reads += 1;
        return children;
      },
    });
    const copy = carbonOf("sent", original, ROMEO);
    const [first, second] = [copy(`${ROMEO}/a`), copy(`${ROMEO}/b`)];
    expect(first.replace(`${ROMEO}/a`, `${ROMEO}/b`)).toBe(second);
    const once = reads;
    copy(`${ROMEO}/c`);
    expect(reads).toBe(once);
  });

  it("escapes the resourcepart", () => {
    const to = `${ROMEO}/<'"&>`;
    expect(stanza(carbonOf("sent", message("chat", BODY), ROMEO)(to)).attrs.to).toBe(to);
  });

  it("leaves the message as it was", () => {
    const original = message("chat", BODY);
    const before = serialize(original);
    carbonOf("sent", original, ROMEO)(`${ROMEO}/a`);
    expect(serialize(original)).toBe(before);
  });
});

describe("sections 7 and 8: the devices", () => {
  const session = (name: string, carbons = true) => ({ name, carbons });
  const [home, garden, tomb, old] = [session("home"), session("garden"), session("tomb"), session("old", false)];
  const all = [home, garden, tomb, old];

  it("7: each that enabled carbons, without those that get the message itself", () => {
    expect(carbonTargets(all, { recipients: [garden] })).toEqual([home, tomb]);
    expect(carbonTargets(all, { recipients: [garden, old] })).toEqual([home, tomb]);
    expect(carbonTargets(all, {})).toEqual([home, garden, tomb]);
    expect(carbonTargets(all, { recipients: all })).toEqual([]);
  });

  it("8: each that enabled carbons, without the sender, whether the sender enabled them or not", () => {
    expect(carbonTargets(all, { sender: home })).toEqual([garden, tomb]);
    expect(carbonTargets(all, { sender: old })).toEqual([home, garden, tomb]);
  });

  it("a message between two devices of one account goes to the others", () => {
    expect(carbonTargets(all, { sender: home, recipients: [garden] })).toEqual([tomb]);
  });
});

describe("section 11: what a copy is taken for", () => {
  const ORIGINAL =
    "<message from='juliet@capulet.example/balcony' to='romeo@montague.example/garden'><body>1</body></message>";
  const copy = (direction: CarbonDirection) =>
    stanza(carbonOf(direction, stanza(ORIGINAL), "romeo@montague.example")("romeo@montague.example/home"));

  it.each(["received", "sent"] as const)("this server's own copy of a %s message is unwrapped", (direction) => {
    expect(serialize(originalOf(copy(direction)))).toBe(ORIGINAL);
  });

  it.each([
    ["a message", stanza(ORIGINAL)],
    ["one without addresses", stanza("<message><body>1</body></message>")],
    ...["tybalt@capulet.example/home", "romeo@montague.example/home", "tybalt@capulet.example", "montague.example"].map(
      (from): [string, Element] => [`a forgery from ${from}`, withAttrs(copy("received"), { from })],
    ),
    ["one to a bare JID of another", withAttrs(copy("received"), { to: "mercutio@montague.example" })],
  ])("%s stays as it is", (_what, message) => {
    expect(originalOf(message)).toBe(message);
  });
});
