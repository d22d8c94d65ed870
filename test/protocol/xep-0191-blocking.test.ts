// XEP-0191 1.3: Blocking Command, in every direction; XEP-0377 0.4.1: the reports that come with it.

import type { Element } from "ltx";
import { describe, expect, it } from "vitest";
import type { ConfigInput } from "../../server/index.ts";
import { defineModule, type Module } from "../../server/modules/module.ts";
import { childrenOf } from "../../server/stanza.ts";
import { conditionOf, query } from "../support/archive-client.ts";
import type { ScriptedClient } from "../support/client.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { temporaryFolder } from "../support/folder.ts";
import { befriend, startServer, type TestServer } from "../support/server.ts";

const BLOCKING = "urn:xmpp:blocking";
const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";
const JULIET = "juliet@example.com";
const ROMEO = "romeo@example.com";
const BODY = "<body>Art thou not Romeo?</body>";
const DISCO = "<query xmlns='http://jabber.org/protocol/disco#info'/>";

const items = (addresses: readonly string[]): string => addresses.map((jid) => `<item jid='${jid}'/>`).join("");
const listOf = (name: string, ...addresses: string[]): string =>
  `<${name} xmlns='${BLOCKING}'>${items(addresses)}</${name}>`;

async function block(client: ScriptedClient, ...addresses: string[]): Promise<void> {
  expect((await client.ask("set", listOf("block", ...addresses))).attrs.type).toBe("result");
}

async function unblock(client: ScriptedClient, ...addresses: string[]): Promise<void> {
  expect((await client.ask("set", listOf("unblock", ...addresses))).attrs.type).toBe("result");
}

/** In order. */
async function blocked(client: ScriptedClient): Promise<string[]> {
  const answer = await client.ask("get", `<blocklist xmlns='${BLOCKING}'/>`);
  const list = answer.getChild("blocklist", BLOCKING) as Element;
  return childrenOf(list, "item", BLOCKING)
    .map(({ attrs }) => attrs.jid as string)
    .sort();
}

/** Juliet and Romeo, online and subscribed to each other. */
async function lovers(config: ConfigInput = {}) {
  const server = await startServer(config);
  const juliet = await server.online("juliet", { resource: "balcony" });
  const romeo = await server.online("romeo", { resource: "orchard" });
  await befriend(juliet, romeo);
  return { server, juliet, romeo };
}

const unavailable = (of: string): string =>
  `<message type='error' from='${of}'><error type='cancel'><service-unavailable xmlns='${STANZAS}'/></error></message>`;
/** Section 3.3, example 8. */
const notAcceptable = (kind: string, of: string): string =>
  `<${kind} type='error' from='${of}'><error type='cancel'><not-acceptable xmlns='${STANZAS}'/><blocked xmlns='urn:xmpp:blocking:errors'/></error></${kind}>`;

describe("section 3.2: the list", () => {
  it("is empty at first, and then has one item for each address, prepared", async () => {
    const server = await startServer();
    const juliet = await server.client("juliet");
    expect(await blocked(juliet)).toEqual([]);
    await block(juliet, "Romeo@Example.COM", "example.net", "room@chat.example/Nick", ROMEO);
    expect(await blocked(juliet)).toEqual(["example.net", ROMEO, "room@chat.example/Nick"]);
    const answer = await juliet.ask("get", `<blocklist xmlns='${BLOCKING}'/>`, JULIET);
    expect(answer.attrs.type).toBe("result");
    expect(await blocked(await server.client("juliet", { resource: "other" }))).toHaveLength(3);
  });

  it.each([
    ["get", `<blocklist xmlns='${BLOCKING}'/>`],
    ["set", listOf("block", "paris@example.com")],
    ["set", `<unblock xmlns='${BLOCKING}'/>`],
  ] as const)("is its owner's alone: %s %s", async (type, payload) => {
    const { juliet, romeo } = await lovers();
    await block(juliet, "tybalt@example.com");
    expect(conditionOf(await romeo.ask(type, payload, JULIET))).toBe("cancel/service-unavailable");
    expect(await blocked(juliet)).toEqual(["tybalt@example.com"]);
    expect(await blocked(romeo)).toEqual([]);
  });

  it("is another for an account made anew under the same name", async () => {
    const server = await startServer();
    await block(await server.client("juliet"), ROMEO);
    await server.admin.deleteUser("juliet");
    await server.admin.addUser("juliet", "secret");
    expect(await blocked(await server.client("juliet"))).toEqual([]);
  });
});

describe("sections 3.3 to 3.5: the requests", () => {
  it("are pushed to all resources that have asked for the list, and to no other", async () => {
    const server = await startServer();
    const chamber = await server.online("juliet", { resource: "chamber" });
    const balcony = await server.online("juliet", { resource: "balcony" });
    const garden = await server.online("juliet", { resource: "garden" });
    await Promise.all([chamber, balcony].map(blocked));
    for (const client of [chamber, balcony, garden]) await client.sync();
    const requests = [
      listOf("block", ROMEO, "paris@example.com"),
      listOf("unblock", ROMEO),
      `<unblock xmlns='${BLOCKING}'/>`,
    ];
    for (const payload of requests) {
      chamber.send(`<iq type='set' id='change'>${payload}</iq>`);
      await chamber.expectAll(
        "<iq type='result' id='change'/>",
        `<iq type='set' id='{any}' to='${chamber.full}'>${payload}</iq>`,
      );
      const push = await balcony.expect(`<iq type='set' id='{any}' to='${balcony.full}'>${payload}</iq>`);
      expect(childrenOf(push.children[0] as Element, "item", BLOCKING)).toHaveLength(payload.split("<item").length - 1);
      balcony.send(`<iq type='result' id='${push.attrs.id}'/>`);
      await garden.expectNothing();
    }
    expect(await blocked(chamber)).toEqual([]);
  });

  it.each([
    ["no item", `<block xmlns='${BLOCKING}'/>`, "modify/bad-request"],
    ["something else than an item", `<block xmlns='${BLOCKING}'><who jid='a@x'/></block>`, "modify/bad-request"],
    ["an item without an address", `<block xmlns='${BLOCKING}'><item jid='a@x'/><item/></block>`, "modify/bad-request"],
    ["an address that is none", listOf("block", "paris@example.com", "@example.com"), "modify/jid-malformed"],
    ["an empty address", listOf("block", ""), "modify/jid-malformed"],
    ["more than there may be", listOf("block", "b@x", "c@x", "d@x"), "wait/resource-constraint"],
    ["unblock: an address that is none", listOf("unblock", "a@x", "a@@x"), "modify/jid-malformed"],
    [
      "unblock: something else than an item",
      `<unblock xmlns='${BLOCKING}'><who jid='a@x'/></unblock>`,
      "modify/bad-request",
    ],
  ])("%s: refused, and nothing is changed", async (_, payload, condition) => {
    const server = await startServer({ limits: { blockedAddresses: 3 } });
    const juliet = await server.client("juliet");
    await block(juliet, "a@x");
    expect(conditionOf(await juliet.ask("set", payload))).toBe(condition);
    expect(await blocked(juliet)).toEqual(["a@x"]);
  });

  it("blocking what is blocked and unblocking what is not are no errors", async () => {
    const server = await startServer({ limits: { blockedAddresses: 1 } });
    const juliet = await server.client("juliet");
    await unblock(juliet, ROMEO);
    await block(juliet, ROMEO, ROMEO);
    await block(juliet, ROMEO);
    expect(await blocked(juliet)).toEqual([ROMEO]);
    await unblock(juliet);
    expect(await blocked(juliet)).toEqual([]);
  });
});

describe("section 3.3: inbound", () => {
  it("messages are refused: nothing is delivered, copied, archived or stored, on either side", async () => {
    const { server, juliet, romeo } = await lovers();
    const [phone, desk] = [
      await server.online("juliet", { resource: "phone" }),
      await server.online("romeo", { resource: "desk" }),
    ];
    for (const client of [phone, desk]) await client.ask("set", "<enable xmlns='urn:xmpp:carbons:2'/>");
    await block(juliet, ROMEO);
    for (const client of [juliet, romeo, phone, desk]) await client.sync();
    for (const to of [JULIET, juliet.full, `${JULIET}/gone`]) {
      romeo.send(`<message type='chat' to='${to}' id='1'>${BODY}</message>`);
      await romeo.expect(unavailable(to));
    }
    romeo.send(
      `<message type='error' to='${juliet.full}'><error type='cancel'><gone xmlns='${STANZAS}'/></error></message>`,
    );
    for (const client of [romeo, juliet, phone, desk]) await client.expectNothing();
    for (const client of [juliet, romeo]) expect((await query(client)).results).toEqual([]);
  });

  it("an account that is offline refuses them as well, and they are not stored for later", async () => {
    const { server, juliet, romeo } = await lovers();
    await block(juliet, ROMEO);
    await juliet.close();
    await romeo.sync();
    romeo.send(`<message type='chat' to='${JULIET}'>${BODY}</message>`);
    await romeo.expect(unavailable(JULIET));
    const nurse = await server.client("nurse");
    nurse.send(`<message type='chat' to='${JULIET}'><body>Anon</body></message>`);
    await nurse.sync();
    const back = await server.client("juliet", { resource: "balcony" });
    back.send("<presence/>");
    await back.expectAll("<presence/>", "<message><body>Anon</body></message>");
    await back.expectNothing();
    expect((await query(back)).results).toHaveLength(1);
    expect((await query(romeo)).results).toEqual([]);
  });

  it("get and set are refused, by the account and by its resources; results and errors are dropped", async () => {
    const { juliet, romeo } = await lovers();
    expect((await romeo.ask("get", DISCO, JULIET)).attrs.type).toBe("result");
    await block(juliet, ROMEO);
    await juliet.sync();
    for (const to of [JULIET, juliet.full, `${JULIET}/gone`]) {
      for (const type of ["get", "set"] as const) {
        expect(conditionOf(await romeo.ask(type, DISCO, to))).toBe("cancel/service-unavailable");
      }
      romeo.send(`<iq type='result' id='r' to='${to}'/>`);
      romeo.send(`<iq type='error' id='e' to='${to}'><error type='cancel'><gone xmlns='${STANZAS}'/></error></iq>`);
    }
    await romeo.expectNothing();
    await juliet.expectNothing();
  });

  it("presence, probes and what is directed: no delivery, no answer, no error", async () => {
    const { juliet, romeo } = await lovers();
    await block(juliet, ROMEO);
    await romeo.sync();
    for (const presence of [
      "<presence><show>away</show></presence>",
      `<presence to='${JULIET}'/>`,
      `<presence to='${juliet.full}'/>`,
      `<presence to='${juliet.full}' type='unavailable'/>`,
      `<presence to='${JULIET}' type='probe'/>`,
      `<presence to='${juliet.full}' type='probe'/>`,
    ]) {
      romeo.send(presence);
      if (!presence.includes("to=")) await romeo.expect("<presence><show>away</show></presence>"); // his own
    }
    await romeo.expectNothing();
    await juliet.expectNothing();
  });

  it("subscription requests are dropped, and the sender's own roster goes on as if nothing were blocked", async () => {
    const server = await startServer();
    const juliet = await server.online("juliet");
    const romeo = await server.online("romeo");
    await block(juliet, ROMEO);
    romeo.send(`<presence to='${JULIET}' type='subscribe'/>`);
    await romeo.expect(
      `<iq type='set'><query xmlns='jabber:iq:roster'><item jid='${JULIET}' ask='subscribe'/></query></iq>`,
    );
    await romeo.expectNothing();
    await juliet.expectNothing();
    const again = await server.online("juliet", { resource: "again" });
    await unblock(juliet, ROMEO);
    expect(again.left().filter(({ attrs }) => attrs.type === "subscribe")).toEqual([]);
    // Section 3.4: subsequent stanzas are delivered.
    romeo.send(`<presence to='${JULIET}' type='subscribe'/>`);
    await juliet.until(`<presence type='subscribe' from='${ROMEO}'/>`);
  });

  it("a request that was pending is shown to no new resource until its sender is unblocked", async () => {
    const server = await startServer();
    const [juliet, romeo] = [await server.online("juliet", { resource: "balcony" }), await server.online("romeo")];
    romeo.send(`<presence to='${JULIET}' type='subscribe'/>`);
    await juliet.until("<presence type='subscribe'/>");
    await block(juliet, ROMEO);
    const phone = await server.client("juliet", { resource: "phone" });
    phone.send("<presence/>");
    await phone.expectAll(`<presence from='${phone.full}'/>`, `<presence from='${juliet.full}'/>`);
    await phone.expectNothing();
    await unblock(phone, ROMEO);
    await juliet.until(`<presence type='subscribe' from='${ROMEO}'/>`);
  });

  it("a pre-approved request is not granted", async () => {
    const server = await startServer();
    const [juliet, romeo] = [await server.online("juliet"), await server.online("romeo")];
    juliet.send(`<presence to='${ROMEO}' type='subscribed'/>`);
    await juliet.sync();
    await block(juliet, ROMEO);
    romeo.send(`<presence to='${JULIET}' type='subscribe'/>`);
    await romeo.until("<iq type='set'/>");
    await romeo.expectNothing();
  });

  it("that a blocked contact ended a subscription is noted without a word of it", async () => {
    const { juliet, romeo } = await lovers();
    await block(juliet, ROMEO);
    for (const client of [juliet, romeo]) await client.sync();
    romeo.send(`<presence to='${JULIET}' type='unsubscribe'/>`);
    await romeo.sync();
    await juliet.expect(
      `<iq type='set'><query xmlns='jabber:iq:roster'><item jid='${ROMEO}' subscription='to'/></query></iq>`,
    );
    await juliet.expectNothing();
    await unblock(juliet, ROMEO);
    await romeo.expectNothing(); // he watches her no longer
  });

  it("messages that were stored before their sender was blocked are not delivered", async () => {
    const { server, juliet, romeo } = await lovers();
    await server.admin.addUser("nurse", "secret");
    const nurse = await server.client("nurse");
    await juliet.close();
    for (const [client, body] of [
      [romeo, "1"],
      [nurse, "2"],
      [romeo, "3"],
    ] as const) {
      client.send(`<message type='chat' to='${JULIET}'><body>${body}</body></message>`);
      await client.sync();
    }
    const quiet = await server.client("juliet", { resource: "quiet" }); // not available, so the messages wait
    await block(quiet, ROMEO);
    // XEP-0013 sections 2.2 and 2.3: nor are they counted or listed.
    const node = "node='http://jabber.org/protocol/offline'";
    const info = await quiet.ask("get", `<query xmlns='http://jabber.org/protocol/disco#info' ${node}/>`);
    expect(info.toString()).toContain('<field var="number_of_messages"><value>1</value>');
    const list = await quiet.ask("get", `<query xmlns='http://jabber.org/protocol/disco#items' ${node}/>`);
    const headers = (list.getChild("query") as Element).children as Element[];
    expect(headers.map(({ attrs }) => attrs.name)).toEqual([nurse.full]);
    await quiet.close();
    const back = await server.client("juliet", { resource: "balcony" });
    await back.enable("");
    back.send("<presence/>");
    await back.expectAll("<presence/>", "<message><body>2</body></message>");
    await back.expectNothing();
  });

  it("XEP-0013 section 2.4: a message from somebody who is blocked cannot be viewed", async () => {
    const { server, juliet, romeo } = await lovers();
    await juliet.close();
    romeo.send(`<message type='chat' to='${JULIET}'>${BODY}</message>`);
    await romeo.sync();
    const back = await server.client("juliet", { resource: "balcony" });
    const list = "<query xmlns='http://jabber.org/protocol/disco#items' node='http://jabber.org/protocol/offline'/>";
    const answer = await back.ask("get", list);
    const node = ((answer.getChild("query") as Element).children as Element[])[0]?.attrs.node as string;
    await block(back, ROMEO);
    const view = (content: string): string =>
      `<offline xmlns='http://jabber.org/protocol/offline'>${content}</offline>`;
    expect(conditionOf(await back.ask("get", view(`<item action='view' node='${node}'/>`)))).toBe(
      "cancel/item-not-found",
    );
    await back.ask("get", view("<fetch/>"));
    await back.expectNothing();
  });
});

describe("section 3.3: outbound", () => {
  it("whatever is sent is refused with not-acceptable and <blocked/>, and neither archived nor copied", async () => {
    const { server, juliet, romeo } = await lovers();
    const phone = await server.online("juliet", { resource: "phone" });
    await phone.ask("set", "<enable xmlns='urn:xmpp:carbons:2'/>");
    await block(juliet, ROMEO);
    for (const client of [juliet, romeo, phone]) await client.sync();
    for (const to of [ROMEO, romeo.full]) {
      juliet.send(`<message type='chat' to='${to}'>${BODY}</message>`);
      await juliet.expect(notAcceptable("message", to));
      juliet.send(`<presence to='${to}'/>`);
      await juliet.expect(notAcceptable("presence", to));
      for (const type of ["subscribe", "subscribed", "unsubscribe", "unsubscribed"]) {
        juliet.send(`<presence to='${to}' type='${type}'/>`);
        await juliet.expect(notAcceptable("presence", to));
      }
      for (const type of ["get", "set"]) {
        juliet.send(`<iq id='1' type='${type}' to='${to}'>${DISCO}</iq>`);
        await juliet.expect(notAcceptable("iq", to));
      }
      juliet.send(`<iq id='1' type='result' to='${to}'/>`);
    }
    for (const client of [juliet, romeo, phone]) await client.expectNothing();
    for (const client of [juliet, romeo]) expect((await query(client)).results).toEqual([]);
  });

  it("section 5, note: never between a user's own resources, nor with the user's own server", async () => {
    const server = await startServer();
    const [balcony, chamber] = [
      await server.online("juliet", { resource: "balcony" }),
      await server.online("juliet", { resource: "chamber" }),
    ];
    await balcony.sync();
    await block(balcony, JULIET, chamber.full, "example.com");
    chamber.send(`<message to='${balcony.full}'>${BODY}</message>`);
    await balcony.expect(`<message from='${chamber.full}'/>`);
    chamber.send("<presence><show>away</show></presence>");
    await balcony.expect(`<presence from='${chamber.full}'><show>away</show></presence>`);
    await balcony.expectNothing(); // a ping of the server
    const romeo = await server.client("romeo");
    romeo.send(`<message to='${JULIET}'>${BODY}</message>`);
    await romeo.expect(unavailable(JULIET));
  });
});

describe("sections 3.3 and 3.4: presence", () => {
  it("a contact is told unavailable at the block and available at the unblocking, and is seen again", async () => {
    const { server, juliet, romeo } = await lovers();
    const phone = await server.online("juliet", { resource: "phone" });
    for (const client of [juliet, romeo, phone]) await client.sync();
    await block(phone, ROMEO);
    await romeo.expectAll(
      `<presence type='unavailable' from='${juliet.full}' to='${ROMEO}'/>`,
      `<presence type='unavailable' from='${phone.full}' to='${ROMEO}'/>`,
    );
    romeo.send("<presence><show>dnd</show></presence>");
    await romeo.expect("<presence><show>dnd</show></presence>");
    juliet.send("<presence><show>xa</show></presence>");
    await juliet.expect(`<presence from='${juliet.full}'><show>xa</show></presence>`);
    await juliet.expectNothing();
    await romeo.expectNothing();
    await unblock(phone, ROMEO);
    await romeo.expectAll(
      `<presence type='{absent}' from='${juliet.full}' to='${ROMEO}'><show>xa</show></presence>`,
      `<presence type='{absent}' from='${phone.full}' to='${ROMEO}'/>`,
    );
    await juliet.expect(`<presence from='${romeo.full}'><show>dnd</show></presence>`);
    await romeo.expectNothing();
    await juliet.expectNothing();
    expect((await romeo.ask("get", DISCO, JULIET)).attrs.type).toBe("result");
  });

  it("a second block of the same address tells nobody anything", async () => {
    const { juliet, romeo } = await lovers();
    await block(juliet, ROMEO);
    await romeo.expect("<presence type='unavailable'/>");
    await block(juliet, ROMEO);
    await block(juliet, "example.com", romeo.full);
    await romeo.expectNothing();
    await unblock(juliet, "example.com"); // still blocked by name
    await unblock(juliet, romeo.full);
    await romeo.expectNothing();
    await unblock(juliet, ROMEO);
    await romeo.expect("<presence type='{absent}'/>");
  });

  it("only who may see it is told: not a stranger, nor somebody whom the user watches", async () => {
    const server = await startServer();
    const juliet = await server.online("juliet");
    const [romeo, nurse] = [await server.online("romeo"), await server.online("nurse")];
    juliet.send(`<presence to='${ROMEO}' type='subscribe'/>`);
    await romeo.until("<presence type='subscribe'/>");
    romeo.send(`<presence to='${JULIET}' type='subscribed'/>`);
    await romeo.sync();
    await juliet.sync();
    await block(juliet, ROMEO, nurse.bare);
    await romeo.expectNothing();
    await nurse.expectNothing();
    await unblock(juliet);
    await romeo.expectNothing();
    await nurse.expectNothing();
  });

  it("who had directed presence is told of its end, once", async () => {
    const server = await startServer();
    const [juliet, romeo] = [await server.online("juliet"), await server.online("romeo")];
    juliet.send(`<presence to='${romeo.full}'/>`);
    await romeo.expect("<presence type='{absent}'/>");
    await block(juliet, ROMEO);
    await romeo.expect(`<presence type='unavailable' from='${juliet.full}' to='${romeo.full}'/>`);
    await unblock(juliet);
    await juliet.close();
    await romeo.expectNothing();
  });

  it("sessions that begin and end while it is in force: each is offline to the other", async () => {
    const { server, juliet, romeo } = await lovers();
    await block(juliet, ROMEO);
    for (const client of [juliet, romeo]) await client.sync();
    const desk = await server.client("romeo", { resource: "desk" });
    desk.send("<presence/>");
    await desk.expectAll(`<presence from='${desk.full}'/>`, `<presence from='${romeo.full}'/>`);
    const phone = await server.client("juliet", { resource: "phone" });
    phone.send("<presence/>");
    await phone.expectAll(`<presence from='${phone.full}'/>`, `<presence from='${juliet.full}'/>`);
    await desk.expectNothing();
    await phone.expectNothing();
    await romeo.sync();
    await juliet.sync();
    await desk.close();
    await phone.close();
    await romeo.expect(`<presence type='unavailable' from='${desk.full}'/>`);
    await juliet.expect(`<presence type='unavailable' from='${phone.full}'/>`);
    await romeo.expectNothing();
    await juliet.expectNothing();
  });

  it("section 6: one resource of a contact, and not the others", async () => {
    const { server, juliet, romeo } = await lovers();
    const desk = await server.online("romeo", { resource: "desk" });
    for (const client of [juliet, romeo, desk]) await client.sync();
    await block(juliet, romeo.full);
    await romeo.expect(`<presence type='unavailable' from='${juliet.full}' to='${romeo.full}'/>`);
    await desk.expectNothing();
    juliet.send("<presence><show>away</show></presence>");
    await desk.expect(`<presence from='${juliet.full}'><show>away</show></presence>`);
    await romeo.expectNothing();
    romeo.send(`<message to='${JULIET}'>${BODY}</message>`);
    await romeo.expect(unavailable(JULIET));
    desk.send(`<message to='${JULIET}'>${BODY}</message>`);
    await juliet.sync();
    expect((await query(juliet)).results).toHaveLength(1);
    await unblock(juliet, romeo.full);
    await romeo.until(
      `<presence type='{absent}' from='${juliet.full}' to='${romeo.full}'><show>away</show></presence>`,
    );
  });

  it("polite blocking (section 4): the subscriptions stay as they are", async () => {
    const { juliet, romeo } = await lovers();
    await block(juliet, ROMEO);
    for (const client of [juliet, romeo]) {
      const roster = await client.ask("get", "<query xmlns='jabber:iq:roster'/>");
      expect(
        ((roster.getChild("query") as Element).children as Element[]).map(({ attrs }) => attrs.subscription),
      ).toEqual(["both"]);
    }
  });
});

/** A service with rooms of its own: what it got, and a way to send from it. */
function rooms(): { module: Module; seen: Element[] } {
  const seen: Element[] = [];
  const handle = (stanza: Element): undefined => {
    seen.push(stanza);
  };
  const module = defineModule({
    name: "rooms-of-the-test",
    spec: "",
    setup: () => ({ components: [{ domainpart: "chat.test", name: "Rooms", component: { handle } }] }),
  });
  return { module, seen };
}

describe("rooms and services", () => {
  it("a room that is blocked is left, and reached no more; another of the same service is", async () => {
    const { module, seen } = rooms();
    const server = await startServer({}, { modules: [module] });
    const juliet = await server.online("juliet");
    for (const room of ["a", "b"]) juliet.send(`<presence to='${room}@chat.test/julie'/>`);
    await block(juliet, "a@chat.test");
    expect(seen.map(({ attrs }) => `${attrs.type ?? "available"} ${attrs.to}`)).toEqual([
      "available a@chat.test/julie",
      "available b@chat.test/julie",
      "unavailable a@chat.test/julie",
    ]);
    seen.length = 0;
    juliet.send(`<message type='groupchat' to='a@chat.test'>${BODY}</message>`);
    await juliet.expect(notAcceptable("message", "a@chat.test"));
    juliet.send(`<message type='groupchat' to='b@chat.test'>${BODY}</message>`);
    await juliet.sync();
    await block(juliet, "chat.test");
    expect(seen.map(({ attrs }) => `${attrs.type} ${attrs.to}`)).toEqual([
      "groupchat b@chat.test",
      "unavailable b@chat.test/julie",
    ]);
    expect(conditionOf(await juliet.ask("get", DISCO, "chat.test"))).toBe("cancel/not-acceptable");
  });

  it("one occupant: messages to that one are refused, the room is not left", async () => {
    const { module, seen } = rooms();
    const server = await startServer({}, { modules: [module] });
    const juliet = await server.online("juliet");
    juliet.send("<presence to='a@chat.test/julie'/>");
    await block(juliet, "a@chat.test/tybalt");
    juliet.send(`<message type='chat' to='a@chat.test/tybalt'>${BODY}</message>`);
    await juliet.expect(notAcceptable("message", "a@chat.test/tybalt"));
    juliet.send(`<message type='groupchat' to='a@chat.test'>${BODY}</message>`);
    await juliet.sync();
    expect(seen.map(({ name, attrs }) => `${name} ${attrs.type ?? ""} ${attrs.to}`)).toEqual([
      "presence  a@chat.test/julie",
      "message groupchat a@chat.test",
    ]);
  });
});

describe("over a restart", () => {
  it("the list is on disk when the request is answered, and a resumed session is still told of changes", async () => {
    const clock = new FakeClock();
    const folder = await temporaryFolder();
    const on = (): Promise<TestServer> => startServer({ storage: { path: folder } }, { clock });
    const first = await on();
    const juliet = await first.online("juliet", { resource: "balcony" });
    const romeo = await first.online("romeo", { resource: "orchard" });
    await befriend(juliet, romeo);
    const previd = (await juliet.enable()).attrs.id as string;
    expect(await blocked(juliet)).toEqual([]);
    await block(juliet, ROMEO);
    juliet.ack();
    await juliet.askForAck();
    juliet.cut();
    await juliet.ended();
    await first.stop();

    const second = await on();
    const back = await second.client("romeo", { resource: "orchard" });
    back.send("<presence/>");
    await back.expect(`<presence from='${back.full}'/>`);
    back.send(`<message to='${JULIET}'>${BODY}</message>`);
    await back.expect(unavailable(JULIET));
    await back.expectNothing();
    const phone = await second.client("juliet", { resource: "phone" });
    expect(await blocked(phone)).toEqual([ROMEO]);
    const again = await second.authenticated("juliet");
    await again.resumeSession(previd, juliet);
    await again.sync();
    await back.expectNothing();
    await block(phone, "paris@example.com");
    await again.expect(`<iq type='set' to='${juliet.full}'>${listOf("block", "paris@example.com")}</iq>`);
    await unblock(phone, ROMEO);
    await again.until(`<iq type='set'>${listOf("unblock", ROMEO)}</iq>`);
    await again.until(`<presence type='{absent}' from='${back.full}'/>`);
    await back.expect(`<presence type='{absent}' from='${juliet.full}'/>`);
  });

  it("a resumed watcher cannot tell a contact that blocks it from one that is offline", async () => {
    const clock = new FakeClock();
    const folder = await temporaryFolder();
    const on = (): Promise<TestServer> => startServer({ storage: { path: folder } }, { clock });
    const first = await on();
    const juliet = await first.online("juliet", { resource: "balcony" });
    const romeo = await first.online("romeo", { resource: "orchard" });
    await befriend(juliet, romeo);
    const previd = (await romeo.enable()).attrs.id as string;
    await romeo.sync();
    romeo.ack();
    await romeo.askForAck();
    romeo.cut();
    await romeo.ended();
    await block(juliet, ROMEO);
    await first.stop();
    const second = await on();
    await second.online("juliet", { resource: "balcony" });
    const again = await second.authenticated("romeo");
    await again.resumeSession(previd, romeo);
    const told = (await again.untilNow()).filter(
      ({ name, attrs }) => name === "presence" && String(attrs.from).startsWith(JULIET),
    );
    expect(told.length).toBeGreaterThan(0);
    expect(new Set(told.map(({ attrs }) => attrs.type))).toEqual(new Set(["unavailable"]));
  });
});

describe("XEP-0377: reports", () => {
  const report = (reason: string, content = ""): string =>
    `<report xmlns='urn:xmpp:reporting:1' reason='urn:xmpp:reporting:${reason}'>${content}</report>`;
  const blocking = (...content: string[]): string =>
    `<block xmlns='${BLOCKING}'>${content.map((one, n) => `<item jid='spammer${n}@example.net'>${one}</item>`).join("")}</block>`;
  const reports = async (server: TestServer) =>
    (await server.admin.listAudit(1_000)).filter(({ event }) => event === "reported").reverse();

  it("section 6: are on record for the operator when the block is answered, and are not pushed", async () => {
    const server = await startServer();
    const juliet = await server.online("juliet", { resource: "balcony" });
    await blocked(juliet);
    const ids = "<stanza-id xmlns='urn:xmpp:sid:0' by='spammer1@example.net' id='28482-98726'/>";
    const text = "<text xml:lang='en'>Never came trouble to my house like this.</text>";
    juliet.send(`<iq type='set' id='b'>${blocking(report("abuse"), report("spam", `${ids}${text}`), "")}</iq>`);
    const push = await juliet.expect("<iq type='set'/>");
    expect(push.toString()).not.toContain("report");
    await juliet.expect("<iq type='result' id='b'/>");
    expect(await reports(server)).toMatchObject([
      { account: JULIET, address: "127.0.0.1", detail: "spammer0@example.net for abuse" },
      {
        account: JULIET,
        address: "127.0.0.1",
        detail: "spammer1@example.net for spam: Never came trouble to my house like this. (messages 28482-98726)",
      },
    ]);
    expect(await blocked(juliet)).toHaveLength(3);
  });

  it("section 6: a report that is none does not keep anybody from being blocked, and a refused block is not on record", async () => {
    const server = await startServer({ limits: { blockedAddresses: 2 } });
    const juliet = await server.client("juliet");
    await juliet.ask("set", blocking("<report xmlns='urn:xmpp:reporting:1'/>"));
    expect(await blocked(juliet)).toEqual(["spammer0@example.net"]);
    expect(conditionOf(await juliet.ask("set", blocking(report("spam"), report("spam"), report("spam"))))).toBe(
      "wait/resource-constraint",
    );
    expect(await reports(server)).toEqual([]);
  });

  it("so many of an account in an hour are put on record, and what they block is blocked all the same", async () => {
    const clock = new FakeClock();
    const server = await startServer({ limits: { reportsPerHour: 2, idleTimeoutSeconds: 0 } }, { clock });
    const juliet = await server.client("juliet");
    await juliet.ask("set", blocking(report("spam"), report("spam"), report("spam")));
    expect(await blocked(juliet)).toHaveLength(3);
    expect(await reports(server)).toHaveLength(2);
    clock.advance(3_600_000);
    await juliet.ask("set", blocking(report("abuse")));
    expect((await reports(server)).map(({ detail }) => detail.split(" ").at(-1))).toEqual(["spam", "spam", "abuse"]);
  });
});
