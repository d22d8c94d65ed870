// XEP-0292 0.12.0 (vCard4) and XEP-0172 1.1 (nicknames): nodes like others, which a personal service has to hold as they are.

import { describe, expect, it } from "vitest";
import { detail, idsIn, items, messagesUntilNow, publishing, refusal, wants } from "../support/pep.ts";
import { befriend, startServer } from "../support/server.ts";

const VCARD4 = "urn:xmpp:vcard4";
const VCARD4_NS = "urn:ietf:params:xml:ns:vcard-4.0";
const NICK = "http://jabber.org/protocol/nick";
/** XEP-0222 section 4: what is there for everybody. */
const PUBLIC = { persist_items: "true", access_model: "open" };

describe("XEP-0292 section 4.1: publication and retrieval", () => {
  it("a vCard4 is read by anyone as it was published, whole; a new one replaces it, and who is interested is told", async () => {
    const server = await startServer();
    const [juliet, romeo, stranger] = [
      await server.online("juliet"),
      await server.online("romeo"),
      await server.online("benvolio"),
    ];
    await befriend(juliet, romeo);
    await wants(romeo, VCARD4);
    const vcard = (name: string): string =>
      `<vcard xmlns='${VCARD4_NS}'><fn><text>${name}</text></fn><n><surname>Capulet</surname><given>Juliet</given></n></vcard>`;
    for (const name of ["Juliet", "Juliet Montague"]) {
      const payload = publishing(VCARD4, `<item id='current'>${vcard(name)}</item>`, PUBLIC);
      expect((await juliet.ask("set", payload)).attrs.type).toBe("result");
    }
    expect((await messagesUntilNow(romeo)).map(idsIn)).toEqual([["current"], ["current"]]);
    const answer = await stranger.ask("get", items(VCARD4), juliet.bare);
    const stored = answer.getChild("pubsub")?.getChild("items")?.getChildren("item");
    expect(stored?.map((item) => item.getChild("vcard", VCARD4_NS)?.toString())).toEqual([
      vcard("Juliet Montague").replaceAll("'", '"'),
    ]);
  });

  it("it is no vCard of the old kind: the one does not change the other", async () => {
    const server = await startServer();
    const juliet = await server.online("juliet");
    await juliet.ask("set", publishing(VCARD4, `<item><vcard xmlns='${VCARD4_NS}'/></item>`, PUBLIC));
    juliet.send("<iq type='get' id='1'><vCard xmlns='vcard-temp'/></iq>");
    await juliet.until(refusal("item-not-found", "cancel"));
  });
});

describe("XEP-0172 section 4.3: a nickname for contacts", () => {
  it("is told to contacts and own clients that are interested, and shown to contacts alone", async () => {
    const server = await startServer();
    const [juliet, romeo, stranger] = [
      await server.online("juliet"),
      await server.online("romeo"),
      await server.online("benvolio"),
    ];
    await befriend(juliet, romeo);
    for (const client of [juliet, romeo, stranger]) await wants(client, NICK);
    const payload = publishing(NICK, `<item id='current'><nick xmlns='${NICK}'>CapuletGirl</nick></item>`);
    expect((await juliet.ask("set", payload)).attrs.type).toBe("result");
    const event = `<message from='${juliet.bare}'><event xmlns='http://jabber.org/protocol/pubsub#event'><items node='${NICK}'><item id='current'><nick xmlns='${NICK}'>CapuletGirl</nick></item></items></event></message>`;
    for (const client of [juliet, romeo]) await client.until(event);
    expect(await messagesUntilNow(stranger)).toEqual([]);
    romeo.send(`<iq type='get' id='1' to='${juliet.bare}'>${items(NICK)}</iq>`);
    expect((await romeo.until("<iq id='1' type='result'/>")).toString()).toContain("CapuletGirl");
    stranger.send(`<iq type='get' id='1' to='${juliet.bare}'>${items(NICK)}</iq>`);
    const answer = await stranger.until("<iq id='1' type='error'/>");
    expect(answer.toString()).not.toContain(detail("presence-subscription-required").slice(1, 20));
  });
});
