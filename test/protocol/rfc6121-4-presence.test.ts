// RFC 6121 section 4: exchanging presence information.

import { describe, expect, it } from "vitest";
import { canonical } from "../support/canonical-xml.ts";
import type { ScriptedClient } from "../support/client.ts";
import { gatedStore } from "../support/gated-store.ts";
import { befriend, startServer, type TestServer } from "../support/server.ts";

const ROSTER = "jabber:iq:roster";
const FULL =
  "<show>dnd</show><status>Wooing Juliet</status><status xml:lang='cs'>Dvořím se Julii</status><priority>1</priority>" +
  "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='http://psi-im.org' ver='q07IKJEyjvHSyhy//CH0CxmKi8w='/>";

/** `watcher` sees the presence of `watched`, and not the other way round. */
async function subscribe(watcher: ScriptedClient, watched: ScriptedClient): Promise<void> {
  watcher.send(`<presence to='${watched.bare}' type='subscribe'/>`);
  await watched.until(`<presence type='subscribe' from='${watcher.bare}'/>`);
  watched.send(`<presence to='${watcher.bare}' type='subscribed'/>`);
  await watcher.until(`<presence type='subscribed' from='${watched.bare}'/>`);
  await watched.sync();
  await watcher.sync();
}

/** Juliet on her balcony, and Romeo; friends. */
async function friends(server: TestServer): Promise<[ScriptedClient, ScriptedClient]> {
  const juliet = await server.online("juliet", { resource: "balcony" });
  const romeo = await server.online("romeo", { resource: "orchard" });
  await befriend(juliet, romeo);
  return [juliet, romeo];
}

async function strangers(server: TestServer): Promise<[ScriptedClient, ScriptedClient]> {
  return [
    await server.online("juliet", { resource: "balcony" }),
    await server.online("romeo", { resource: "orchard" }),
  ];
}

describe("RFC 6121 section 4.2: initial presence", () => {
  it("4.2.2: goes to who is subscribed, with all that it says, from the full to the bare JID; to nobody else", async () => {
    const server = await startServer();
    const [juliet, both, from, to, none] = [
      await server.online("juliet"),
      await server.online("both"),
      await server.online("from"),
      await server.online("to"),
      await server.online("none"),
    ];
    await befriend(juliet, both);
    await subscribe(from, juliet);
    await subscribe(juliet, to);
    await juliet.ask("set", `<query xmlns='${ROSTER}'><item jid='${none.bare}'/></query>`);
    await juliet.close();
    for (const client of [both, from, to, none]) await client.sync();
    const balcony = await server.client("juliet", { resource: "balcony" });
    for (const client of [both, from, to, none]) client.received = "";
    balcony.send(`<presence id='p1'>${FULL}</presence>`);
    await balcony.sync();
    for (const client of [both, from]) {
      await client.expect("<presence/>");
      expect(canonical(client.received)).toEqual(
        canonical(
          `<presence id='p1' from='juliet@example.com/balcony' to='${client.bare}'>${FULL.replaceAll("'/>", "'></c>")}</presence>`,
        ),
      );
    }
    for (const client of [both, from, to, none]) await client.expectNothing();
  });

  it("4.2.2: goes to all available resources of the account, itself included", async () => {
    const server = await startServer();
    const chamber = await server.online("juliet", { resource: "chamber" });
    const connected = await server.client("juliet", { resource: "connected" });
    await connected.ask("get", `<query xmlns='${ROSTER}'/>`);
    const balcony = await server.client("juliet", { resource: "balcony" });
    balcony.send("<presence id='1'><show>chat</show></presence>");
    const echo = "<presence id='1' from='juliet@example.com/balcony' to='{any}'><show>chat</show></presence>";
    await balcony.expectAll(echo, "<presence from='juliet@example.com/chamber' to='{any}'/>");
    await chamber.expect(echo);
    await balcony.expectNothing();
    await chamber.expectNothing();
    await connected.expectNothing();
  });

  it("4.2.3: reaches all available resources of the contact, also of negative priority, and no other", async () => {
    const server = await startServer();
    const [juliet, romeo] = await friends(server);
    const negative = await server.client("romeo", { resource: "negative" });
    negative.send("<presence><priority>-1</priority></presence>");
    await negative.sync();
    const connected = await server.client("romeo", { resource: "connected" });
    await romeo.sync();
    await juliet.sync();
    juliet.send("<presence><show>away</show></presence>");
    for (const resource of [romeo, negative]) {
      await resource.expect(
        "<presence from='juliet@example.com/balcony' to='romeo@example.com'><show>away</show></presence>",
      );
    }
    await connected.expectNothing();
  });

  it("4.3.1: the newcomer learns the full presence of every resource of those it is subscribed to, and of no other", async () => {
    const server = await startServer();
    const [juliet, both, to, from] = [
      await server.online("juliet"),
      await server.online("both", { resource: "1" }),
      await server.online("to", { resource: "1" }),
      await server.online("from", { resource: "1" }),
    ];
    const second = await server.online("both", { resource: "2" });
    await befriend(juliet, both);
    await subscribe(juliet, to);
    await subscribe(from, juliet);
    await juliet.close();
    second.send("<presence id='s'><show>xa</show><x xmlns='urn:example:x'/></presence>");
    await second.sync();
    const back = await server.client("juliet", { resource: "back" });
    back.send("<presence/>");
    await back.expectAll(
      "<presence from='juliet@example.com/back'/>",
      "<presence from='both@example.com/1' to='juliet@example.com' type='{absent}'/>",
      "<presence from='both@example.com/2' to='juliet@example.com' type='{absent}' id='s'><show>xa</show><x xmlns='urn:example:x'/></presence>",
      "<presence from='to@example.com/1' to='juliet@example.com' type='{absent}'/>",
    );
    await back.expectNothing();
  });

  it("before it nothing of anybody's presence comes, and nobody hears", async () => {
    const server = await startServer();
    const [juliet, romeo] = await friends(server);
    const chamber = await server.client("juliet", { resource: "chamber" });
    await chamber.ask("get", `<query xmlns='${ROSTER}'/>`);
    romeo.send("<presence><show>away</show></presence>");
    await romeo.until("<presence from='romeo@example.com/orchard'/>");
    await juliet.expect("<presence from='romeo@example.com/orchard'/>");
    await chamber.expectNothing();
    await chamber.close();
    await juliet.expectNothing();
    await romeo.expectNothing();
  });
});

describe("RFC 6121 section 4.3.2: probes", () => {
  it("rule 4: the last presence of each available resource, complete, to who is subscribed", async () => {
    const server = await startServer();
    const [juliet, romeo] = await friends(server);
    const chamber = await server.online("juliet", { resource: "chamber" });
    juliet.send("<presence id='pres2'><show>away</show><status>stepped away</status></presence>");
    chamber.send("<presence id='pres1'><show>dnd</show></presence>");
    await juliet.sync();
    await chamber.sync();
    await romeo.sync();
    romeo.send("<presence id='probe1' to='juliet@example.com' type='probe'/>");
    await romeo.expectAll(
      "<presence from='juliet@example.com/balcony' id='pres2' type='{absent}'><show>away</show><status>stepped away</status></presence>",
      "<presence from='juliet@example.com/chamber' id='pres1' type='{absent}'><show>dnd</show></presence>",
    );
    await romeo.expectNothing();
    await juliet.sync();
    await juliet.expectNothing(); // the probe is the server's to answer
  });

  it("rule 3: unavailable from the bare JID, where there is no available resource, with the probe's id", async () => {
    const server = await startServer();
    const [juliet, romeo] = await friends(server);
    await juliet.close();
    await romeo.sync();
    await server.client("juliet", { resource: "connected" });
    romeo.send("<presence id='probe2' to='juliet@example.com' type='probe'/>");
    await romeo.expect("<presence from='juliet@example.com' id='probe2' type='unavailable'/>");
    await romeo.expectNothing();
  });

  it("rule 1: who is not subscribed learns nothing, and no presence goes out", async () => {
    const server = await startServer();
    const [juliet, romeo] = await strangers(server);
    await subscribe(juliet, romeo); // she sees him, he does not see her
    for (const to of [juliet.bare, juliet.full, "nobody@example.com", "nobody@example.com/x"]) {
      romeo.send(`<presence id='p' to='${to}' type='probe'/>`);
      await romeo.expectNothing();
    }
    await juliet.expectNothing();
  });

  it("rule 1: the answer unsubscribed cancels what the asker only believed to have (3.2.3)", async () => {
    const server = await startServer();
    const [juliet, romeo] = await strangers(server);
    romeo.send("<presence to='juliet@example.com' type='subscribe'/>");
    await romeo.expect("<iq/>");
    await juliet.expect("<presence type='subscribe'/>");
    romeo.send("<presence id='p' to='juliet@example.com' type='probe'/>");
    await romeo.expect("<presence from='juliet@example.com' id='p' type='unsubscribed'/>");
    await romeo.expect(
      `<iq><query xmlns='${ROSTER}'><item jid='juliet@example.com' subscription='none' ask='{absent}'/></query></iq>`,
    );
  });

  it("to a full JID: only that resource, and only that it is available", async () => {
    const server = await startServer();
    const [juliet, romeo] = await friends(server);
    await server.online("juliet", { resource: "chamber" });
    juliet.send(`<presence id='x'>${FULL}</presence>`);
    await juliet.sync();
    await romeo.sync();
    romeo.send("<presence to='juliet@example.com/balcony' type='probe'/>");
    const answer = await romeo.expect("<presence from='juliet@example.com/balcony' type='{absent}'/>");
    expect(answer.getChildElements()).toEqual([]);
    await romeo.expectNothing();
  });

  it("4.3: a probe is never answered with an error", async () => {
    const server = await startServer();
    const juliet = await server.online("juliet");
    juliet.send("<presence type='probe'/>");
    juliet.send("<presence type='probe' to='example.com'/>");
    await juliet.expectNothing();
    juliet.send(`<presence type='probe' to='${juliet.bare}'/>`);
    await juliet.expect(`<presence from='${juliet.full}' type='{absent}'/>`);
    await juliet.expectNothing();
  });
});

describe("RFC 6121 section 4.4: later presence", () => {
  it("4.4.2: with all that it says to the subscribed and to the own resources", async () => {
    const server = await startServer();
    const [juliet, romeo] = await friends(server);
    const chamber = await server.online("juliet", { resource: "chamber" });
    await juliet.sync();
    await romeo.sync();
    juliet.send(`<presence id='later'>${FULL}</presence>`);
    for (const client of [romeo, chamber, juliet]) {
      await client.expect(
        `<presence from='juliet@example.com/balcony' to='{any}' id='later' type='{absent}'>${FULL}</presence>`,
      );
      // XEP-0115 section 5.4: what she announces in it, the server asks for.
      if (client === juliet) {
        await juliet.expect("<iq type='get'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>");
      }
      await client.expectNothing();
    }
  });

  it("10.1 of RFC 6120: many changes keep their order", async () => {
    const server = await startServer();
    const [juliet, romeo] = await friends(server);
    for (let n = 0; n < 100; n++) juliet.send(`<presence><status>${n}</status></presence>`);
    for (let n = 0; n < 100; n++) await romeo.expect(`<presence><status>${n}</status></presence>`);
  });
});

describe("RFC 6121 section 4.5: unavailable presence", () => {
  it("4.5.2: sent by the client, it goes out complete, to the sender, too, who stays connected", async () => {
    const server = await startServer();
    const [juliet, romeo] = await friends(server);
    const chamber = await server.online("juliet", { resource: "chamber" });
    await juliet.sync();
    await romeo.sync();
    juliet.send("<presence type='unavailable' id='u'><status>going on vacation</status><x xmlns='urn:x'/></presence>");
    for (const client of [romeo, chamber, juliet]) {
      await client.expect(
        "<presence from='juliet@example.com/balcony' type='unavailable' id='u'><status>going on vacation</status><x xmlns='urn:x'/></presence>",
      );
    }
    romeo.send("<presence><show>away</show></presence>");
    await chamber.expect("<presence from='romeo@example.com/orchard'/>");
    await juliet.expectNothing(); // no presence session, no presence
    await juliet.close();
    await romeo.until("<presence from='romeo@example.com/orchard'/>");
    await romeo.expectNothing(); // and she does not leave twice
    await chamber.expectNothing();
  });

  it("4.5.2: available presence after it is initial presence again", async () => {
    const server = await startServer();
    const [juliet, romeo] = await friends(server);
    juliet.send("<presence type='unavailable'/>");
    await juliet.expect("<presence type='unavailable'/>");
    await romeo.expect("<presence from='juliet@example.com/balcony' type='unavailable'/>");
    romeo.send("<presence><show>away</show></presence>");
    await romeo.sync();
    juliet.send("<presence/>");
    await juliet.expectAll(
      "<presence from='romeo@example.com/orchard'><show>away</show></presence>",
      "<presence from='juliet@example.com/balcony'/>",
    );
    await romeo.expect("<presence from='juliet@example.com/balcony' type='{absent}'/>");
  });

  const ENDS: [string, (juliet: ScriptedClient, server: TestServer) => unknown][] = [
    ["the stream's end tag", (juliet) => juliet.close()],
    ["a connection that is cut", (juliet) => juliet.cut()],
    ["a stream error of the client's making", (juliet) => juliet.send("<foo/>")],
    ["XML that is not well-formed", (juliet) => juliet.send("<presence></message>")],
    ["another stream that takes the resource", (_juliet, server) => server.client("juliet", { resource: "balcony" })],
  ];

  it.each(ENDS)("4.5.2: the session ends by %s: all who saw it are told, once", async (_name, end) => {
    const server = await startServer();
    const [juliet, romeo] = await friends(server);
    const nurse = await server.online("nurse", { resource: "hall" });
    juliet.send("<presence to='nurse@example.com/hall'/>");
    await nurse.expect("<presence from='juliet@example.com/balcony'/>");
    const chamber = await server.online("juliet", { resource: "chamber" });
    await juliet.sync();
    await romeo.sync();
    await end(juliet, server);
    for (const client of [romeo, nurse, chamber]) {
      await client.expect("<presence from='juliet@example.com/balcony' to='{any}' type='unavailable'/>");
      await client.expectNothing();
    }
  });

  it("4.5.2: so they are when the server ends all sessions of an account, for a new password", async () => {
    const server = await startServer();
    const [, romeo] = await friends(server);
    await server.online("juliet", { resource: "chamber" });
    await romeo.sync();
    await server.admin.setPassword("juliet", "another");
    await romeo.expectAll(
      "<presence from='juliet@example.com/balcony' to='romeo@example.com' type='unavailable'/>",
      "<presence from='juliet@example.com/chamber' to='romeo@example.com' type='unavailable'/>",
    );
    await romeo.expectNothing();
  });

  it("ended while its initial presence waits for the store, the resource was never there", async () => {
    const { store, hold } = gatedStore();
    const server = await startServer({}, { store });
    const [juliet, romeo] = await friends(server);
    const chamber = await server.client("juliet", { resource: "chamber" });
    const gate = hold("offline", "load");
    const ended = new Promise((resolve) => server.on("sessionEnd", resolve));
    chamber.send("<presence/>");
    await gate.reached;
    await server.client("juliet", { resource: "chamber" }); // takes its place
    await ended;
    gate.open();
    await juliet.expectNothing();
    await romeo.expectNothing();
  });

  it("what changes while initial presence waits for the store is neither missed nor told twice", async () => {
    const { store, hold } = gatedStore();
    const server = await startServer({}, { store });
    const [juliet, romeo] = await friends(server);
    const nurse = await server.online("nurse");
    const tybalt = await server.online("tybalt");
    await subscribe(juliet, nurse);
    const chamber = await server.client("juliet", { resource: "chamber" });
    const gate = hold("offline", "load");
    chamber.send("<presence/>");
    await gate.reached;
    romeo.send("<presence><show>away</show></presence>");
    await juliet.until("<presence from='romeo@example.com/orchard'><show>away</show></presence>");
    await nurse.close();
    await juliet.until("<presence type='unavailable'/>");
    tybalt.send("<presence to='juliet@example.com' type='subscribe'/>");
    await juliet.until("<presence type='subscribe' from='tybalt@example.com'/>");
    gate.open();
    await chamber.expectAll(
      "<presence from='romeo@example.com/orchard' type='{absent}'><show>away</show></presence>",
      "<presence from='juliet@example.com/balcony'/>",
      "<presence from='juliet@example.com/chamber'/>",
      "<presence from='tybalt@example.com' type='subscribe'/>",
    );
    await chamber.expectNothing();
  });
});

describe("RFC 6121 section 4.6: directed presence", () => {
  it("4.6.3, case 2: is delivered complete; later broadcasts are not; the end is, once", async () => {
    const server = await startServer();
    const [juliet, romeo] = await strangers(server);
    juliet.send(`<presence id='d' to='romeo@example.com'>${FULL}</presence>`);
    await romeo.expect(
      `<presence id='d' from='juliet@example.com/balcony' to='romeo@example.com' type='{absent}'>${FULL}</presence>`,
    );
    juliet.send("<presence><show>away</show></presence>");
    await juliet.sync();
    await romeo.expectNothing();
    juliet.send("<presence type='unavailable'><status>bye</status></presence>");
    await romeo.expect(
      "<presence from='juliet@example.com/balcony' to='romeo@example.com' type='unavailable'><status>bye</status></presence>",
    );
    await juliet.close();
    await romeo.expectNothing();
  });

  it("4.6.3, case 2: who was sent directed unavailable presence hears no more of the end", async () => {
    const server = await startServer();
    const [juliet, romeo] = await strangers(server);
    juliet.send("<presence to='romeo@example.com'/><presence to='romeo@example.com' type='unavailable'/>");
    await romeo.expect("<presence type='{absent}'/>");
    await romeo.expect("<presence type='unavailable'/>");
    await juliet.close();
    await romeo.expectNothing();
  });

  it("4.6.3, case 1: a subscriber gets it, and the broadcasts and the end as before", async () => {
    const server = await startServer();
    const [juliet, romeo] = await friends(server);
    for (const to of [romeo.bare, romeo.full]) {
      juliet.send(`<presence to='${to}'><show>chat</show></presence>`);
      await romeo.expect(`<presence to='${to}'><show>chat</show></presence>`);
      juliet.send(`<presence to='${to}' type='unavailable'/>`);
      await romeo.expect(`<presence to='${to}' type='unavailable'/>`);
      juliet.send(`<presence to='${to}'/>`);
      await romeo.expect(`<presence to='${to}' type='{absent}'/>`);
    }
    juliet.send("<presence><show>away</show></presence>");
    await romeo.expect("<presence to='romeo@example.com'><show>away</show></presence>");
    await juliet.close();
    await romeo.expect("<presence from='juliet@example.com/balcony' type='unavailable'/>");
    await romeo.expectNothing();
  });

  it.each([
    ["a stranger", false],
    ["a subscriber", true],
  ])("4.6.3, case 3: from a resource that is not available, %s is told of its end", async (_name, known) => {
    const server = await startServer();
    const [juliet, romeo] = known ? await friends(server) : await strangers(server);
    const chamber = await server.client("juliet", { resource: "chamber" });
    await chamber.ask("get", `<query xmlns='${ROSTER}'/>`);
    chamber.send("<presence to='romeo@example.com'/>");
    await romeo.expect("<presence from='juliet@example.com/chamber' type='{absent}'/>");
    chamber.cut();
    await romeo.expect("<presence from='juliet@example.com/chamber' type='unavailable'/>");
    await romeo.expectNothing();
    await juliet.expectNothing();
  });

  it("4.6.3, case 3: become available and gone, it leaves once", async () => {
    const server = await startServer();
    const [, romeo] = await friends(server);
    const chamber = await server.client("juliet", { resource: "chamber" });
    chamber.send(`<presence to='${romeo.bare}'/><presence to='${romeo.full}'/><presence/>`);
    for (let n = 0; n < 3; n++) await romeo.expect("<presence from='juliet@example.com/chamber' type='{absent}'/>");
    await chamber.close();
    await romeo.expect("<presence from='juliet@example.com/chamber' type='unavailable'/>");
    await romeo.expectNothing();
  });

  it("8.5.3.1: a resource that is connected, but not available, gets it at its full JID, and the end", async () => {
    const server = await startServer();
    const juliet = await server.online("juliet", { resource: "balcony" });
    const romeo = await server.client("romeo", { resource: "orchard" });
    const other = await server.online("romeo", { resource: "other" });
    juliet.send("<presence to='romeo@example.com/orchard'/>");
    await romeo.expect("<presence from='juliet@example.com/balcony' to='romeo@example.com/orchard' type='{absent}'/>");
    juliet.cut();
    await romeo.expect(
      "<presence from='juliet@example.com/balcony' to='romeo@example.com/orchard' type='unavailable'/>",
    );
    await other.expectNothing();
  });

  it("4.6.1: a cancelled subscription counts for more: unavailable once, and then it is over", async () => {
    const server = await startServer();
    const [juliet, romeo] = await friends(server);
    const chamber = await server.client("juliet", { resource: "chamber" });
    chamber.send(`<presence to='${romeo.full}'/>`);
    await romeo.expect("<presence from='juliet@example.com/chamber'/>");
    juliet.send(`<presence to='${romeo.full}'/>`);
    await romeo.expect("<presence from='juliet@example.com/balcony'/>");
    juliet.send("<presence to='romeo@example.com' type='unsubscribed'/>");
    await romeo.expectAll(
      "<presence from='juliet@example.com/balcony' type='unavailable'/>",
      "<presence from='juliet@example.com/chamber' type='unavailable'/>",
    );
    await romeo.expect("<presence from='juliet@example.com' type='unsubscribed'/>");
    await romeo.expect("<iq/>");
    await juliet.close();
    await chamber.close();
    await romeo.expectNothing();
  });

  it("4.6.1: who becomes a subscriber afterwards gets the broadcasts, and the end once", async () => {
    const server = await startServer();
    const [juliet, romeo] = await strangers(server);
    juliet.send(`<presence to='${romeo.full}'/><presence to='${romeo.bare}'/>`);
    for (let n = 0; n < 2; n++) await romeo.expect("<presence from='juliet@example.com/balcony'/>");
    await subscribe(romeo, juliet);
    juliet.send("<presence><show>away</show></presence>");
    await romeo.expect("<presence from='juliet@example.com/balcony'><show>away</show></presence>");
    await juliet.close();
    await romeo.expect("<presence from='juliet@example.com/balcony' type='unavailable'/>");
    await romeo.expectNothing();
  });

  it("to another resource of the account, whose end is told once, too", async () => {
    const server = await startServer();
    const juliet = await server.online("juliet", { resource: "balcony" });
    const chamber = await server.online("juliet", { resource: "chamber" });
    await juliet.sync();
    juliet.send("<presence to='juliet@example.com/chamber'/>");
    await chamber.expect("<presence from='juliet@example.com/balcony' to='juliet@example.com/chamber'/>");
    await juliet.close();
    await chamber.expect("<presence from='juliet@example.com/balcony' type='unavailable'/>");
    await chamber.expectNothing();
  });

  it("4.6.6: who had it may probe: only that the resource is available, of that resource alone", async () => {
    const server = await startServer();
    const [juliet, romeo] = await strangers(server);
    const chamber = await server.online("juliet", { resource: "chamber" });
    juliet.send(`<presence>${FULL}</presence><presence to='romeo@example.com/orchard'/>`);
    await romeo.expect("<presence from='juliet@example.com/balcony'/>");
    for (const to of ["juliet@example.com/balcony", "juliet@example.com"]) {
      romeo.send(`<presence to='${to}' type='probe'/>`);
      const answer = await romeo.expect("<presence from='juliet@example.com/balcony' type='{absent}'/>");
      expect(answer.getChildElements()).toEqual([]); // not what only subscribers may see
    }
    romeo.send("<presence to='juliet@example.com/chamber' type='probe'/>");
    await romeo.expectNothing();
    juliet.send("<presence to='romeo@example.com/orchard' type='unavailable'/>");
    await romeo.expect("<presence type='unavailable'/>");
    romeo.send("<presence to='juliet@example.com/balcony' type='probe'/>");
    await romeo.expectNothing();
    await chamber.sync();
  });

  it("4.6.6: also of a resource that is not available otherwise", async () => {
    const server = await startServer();
    const romeo = await server.online("romeo", { resource: "orchard" });
    const juliet = await server.client("juliet", { resource: "balcony" });
    juliet.send("<presence to='romeo@example.com/orchard'/>");
    await romeo.expect("<presence from='juliet@example.com/balcony'/>");
    romeo.send("<presence to='juliet@example.com/balcony' type='probe'/>");
    await romeo.expect("<presence from='juliet@example.com/balcony' type='{absent}'/>");
  });

  it("limits.rosterItems bounds how many one resource may have shown itself to", async () => {
    const server = await startServer({ limits: { rosterItems: 3 } });
    const juliet = await server.online("juliet");
    for (const n of [1, 2, 3]) juliet.send(`<presence to='a${n}@example.com'/>`);
    juliet.send("<presence to='a3@example.com'/>"); // that one knows already
    await juliet.expectNothing();
    juliet.send("<presence id='4' to='a4@example.com'/>");
    await juliet.expect("<presence id='4' type='error' from='a4@example.com'><error type='wait'/></presence>");
    juliet.send("<presence to='a1@example.com' type='unavailable'/><presence to='a4@example.com'/>");
    await juliet.expectNothing();
  });
});

describe("RFC 6121 section 4.7.2.3: priority", () => {
  it.each([
    [-128, false],
    [-1, false],
    [0, true],
    [127, true],
  ])("%i is a priority; at or above 0 it takes messages to the account", async (priority, takes) => {
    const server = await startServer();
    const juliet = await server.client("juliet");
    juliet.send(`<presence><priority>${priority}</priority></presence>`);
    await juliet.expect(`<presence><priority>${priority}</priority></presence>`);
    const romeo = await server.client("romeo");
    romeo.send("<message to='juliet@example.com' type='chat'><body>hi</body></message>");
    await romeo.sync();
    if (takes) await juliet.expect("<message><body>hi</body></message>");
    await juliet.expectNothing();
  });

  it.each(["128", "-129", "1000", "high", "1.5", "0x10", "1e2"])(
    "%s is none: it counts as 0, and whoever is told of the presence is told no other",
    async (priority) => {
      const server = await startServer();
      const [juliet, romeo] = await friends(server);
      juliet.send(`<presence><show>away</show><priority>${priority}</priority></presence>`);
      for (const client of [juliet, romeo]) {
        const presence = await client.expect(
          "<presence from='juliet@example.com/balcony'><show>away</show></presence>",
        );
        expect(presence.getChildText("priority") ?? "0").toBe("0");
      }
      romeo.send("<message to='juliet@example.com' type='chat'><body>hi</body></message>");
      await juliet.expect("<message><body>hi</body></message>");
    },
  );
});
