// XEP-0313 1.1.3 sections 3 and 6.1.1, XEP-0334 1.0.0: which messages archives keep.

import { describe, expect, test } from "vitest";
import { isArchivable } from "../../server/archive/archivable.ts";
import { stanza } from "../support/stanza-match.ts";

const BODY = "<body>Wherefore art thou?</body>";
const STORE = "<store xmlns='urn:xmpp:hints'/>";
const NO_STORE = "<no-store xmlns='urn:xmpp:hints'/>";
const NO_PERMANENT_STORE = "<no-permanent-store xmlns='urn:xmpp:hints'/>";
const ACTIVE = "<active xmlns='http://jabber.org/protocol/chatstates'/>";
const PGP = "<openpgp xmlns='urn:xmpp:openpgp:0'>b64</openpgp>";
const EVENT = "<event xmlns='http://jabber.org/protocol/pubsub#event'><items node='urn:xmpp:avatar:data'/></event>";

/** [what, kept, type, payload] */
const rows: readonly [string, boolean, string, string][] = [
  ["XEP-0313 6.1.1: chat with a body", true, "chat", BODY],
  ["XEP-0313 6.1.1: normal with a body", true, "normal", BODY],
  ["RFC 6121 5.2.2: no type is normal", true, "", BODY],
  ["RFC 6121 5.2.2: a type that nobody knows is normal", true, "poem", BODY],
  ["XEP-0313 6.1.1: headlines are not suggested", false, "headline", BODY],
  ["XEP-0313 6.1.1: groupchat is left to the implementation", false, "groupchat", BODY],
  ["an error, though it brings the body back", false, "error", BODY],
  ["XEP-0313 3: a subject is content", true, "normal", "<subject>Act 2</subject>"],
  ["nothing", false, "chat", ""],
  ["a thread alone", false, "chat", "<thread>1</thread>"],
  ["a body of another namespace", false, "chat", "<body xmlns='urn:example:x'>?</body>"],
  ["an unknown extension", false, "chat", "<poke xmlns='urn:example:poke'/>"],
  ["XEP-0163: a notification of a node", false, "normal", EVENT],

  ["XEP-0085: a chat state alone", false, "chat", `${ACTIVE}<thread>1</thread>`],
  ["XEP-0085: a chat state beside a body", true, "chat", BODY + ACTIVE],
  ["XEP-0184: a receipt", true, "normal", "<received xmlns='urn:xmpp:receipts' id='1'/>"],
  ["XEP-0184: a request for one alone", false, "chat", "<request xmlns='urn:xmpp:receipts'/>"],
  ["XEP-0333: displayed", true, "chat", "<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>"],
  ["XEP-0333: markable alone", false, "chat", "<markable xmlns='urn:xmpp:chat-markers:0'/>"],

  ["XEP-0384: OMEMO", true, "chat", "<encrypted xmlns='urn:xmpp:omemo:2'><payload>x</payload></encrypted>"],
  ["XEP-0384: OMEMO as it was", true, "chat", "<encrypted xmlns='eu.siacs.conversations.axolotl'/>"],
  ["XEP-0373: OpenPGP", true, "normal", PGP],
  ["XEP-0027: PGP", true, "chat", "<x xmlns='jabber:x:encrypted'>x</x>"],
  ["XEP-0380: any method that is named", true, "chat", "<encryption xmlns='urn:xmpp:eme:0' namespace='urn:x'/>"],
  ["RFC 3923", true, "chat", "<e2e xmlns='urn:ietf:params:xml:ns:xmpp-e2e'>x</e2e>"],
  ["XEP-0384: news of devices are none", false, "normal", "<list xmlns='eu.siacs.conversations.axolotl'/>"],

  ["XEP-0045 7.5: a private message", true, "chat", `${BODY}<x xmlns='http://jabber.org/protocol/muc#user'/>`],
  ["XEP-0045 7.5: its mark alone", false, "chat", "<x xmlns='http://jabber.org/protocol/muc#user'/>"],
  [
    "XEP-0045 7.8.2: a mediated invitation",
    true,
    "normal",
    "<x xmlns='http://jabber.org/protocol/muc#user'><invite from='romeo@example.net'/></x>",
  ],
  [
    "XEP-0045 7.8.2: its refusal",
    true,
    "normal",
    "<x xmlns='http://jabber.org/protocol/muc#user'><decline from='romeo@example.net'/></x>",
  ],
  ["XEP-0249: a direct invitation", true, "normal", "<x xmlns='jabber:x:conference' jid='room@example.org'/>"],
  ["XEP-0444: a reaction", true, "chat", "<reactions xmlns='urn:xmpp:reactions:0' id='1'/>"],
  ["XEP-0424 5: a retraction", true, "chat", "<retract xmlns='urn:xmpp:message-retract:1' id='1'/>"],
  [
    "XEP-0424 0.3: a retraction",
    true,
    "chat",
    "<apply-to xmlns='urn:xmpp:fasten:0' id='1'><retract xmlns='urn:xmpp:message-retract:0'/></apply-to>",
  ],
  ["XEP-0308: a correction", true, "chat", "<replace xmlns='urn:xmpp:message-correct:0' id='1'/>"],
  ["XEP-0066: a file", true, "chat", "<x xmlns='jabber:x:oob'><url>https://example.com/a</url></x>"],
  ["XEP-0447: a file", true, "chat", "<file-sharing xmlns='urn:xmpp:sfs:0'/>"],

  ["XEP-0334 4.2: no-store", false, "chat", BODY + NO_STORE],
  ["XEP-0334 4.1: no-permanent-store", false, "chat", BODY + NO_PERMANENT_STORE],
  ["XEP-0334 4.3: no-copy says nothing of storing", true, "chat", `${BODY}<no-copy xmlns='urn:xmpp:hints'/>`],
  ["XEP-0334 4.4: store", true, "chat", `<poke xmlns='urn:example:poke'/>${STORE}`],
  ["XEP-0334 4.4: store of any type but error", true, "headline", BODY + STORE],
  ["XEP-0334 4.4: store, but a room has an archive of its own", false, "groupchat", BODY + STORE],
  ["XEP-0334 5: hints of an error are ignored", false, "error", BODY + STORE],
  ["XEP-0334 4: both hints", false, "chat", BODY + STORE + NO_STORE],
  ["XEP-0334 4: both hints, for good only", false, "chat", BODY + STORE + NO_PERMANENT_STORE],
  ["a hint inside of something else", false, "chat", `<poke xmlns='urn:example:poke'>${STORE}</poke>`],
];

describe("isArchivable", () => {
  test.each(rows)("%s: %s", (_, kept, type, payload) => {
    const attributes = type === "" ? "" : ` type='${type}'`;
    expect(isArchivable(stanza(`<message from='a@example.com/x'${attributes}>${payload}</message>`))).toBe(kept);
  });
});
