// RFC 6121 section 3: managing presence subscriptions; appendix A where it says what section 3 leaves out.

import { describe, expect, it } from "vitest";
import { canonical } from "../support/canonical-xml.ts";
import type { ScriptedClient } from "../support/client.ts";
import { temporaryFolder } from "../support/folder.ts";
import { befriend, startServer, type TestServer } from "../support/server.ts";

const ROSTER = "jabber:iq:roster";

function push(item: string): string {
  return `<iq type='set'><query xmlns='${ROSTER}'>${item}</query></iq>`;
}

/** The item of one contact as a roster push or result shows it: `subscription`, then `+ask`, then `+approved`. */
async function stateOf(client: ScriptedClient, contact: string): Promise<string> {
  const result = await client.ask("get", `<query xmlns='${ROSTER}'/>`);
  const item = result
    .getChild("query", ROSTER)
    ?.getChildElements()
    .find((el) => el.attrs.jid === contact);
  if (item === undefined) return "absent";
  const { subscription, ask, approved } = item.attrs as Record<string, string | undefined>;
  return `${subscription}${ask === undefined ? "" : `+${ask}`}${approved === undefined ? "" : `+approved=${approved}`}`;
}

/** Romeo asks to see Juliet's presence, and she allows it; nothing of that is left unread. */
async function subscribe(romeo: ScriptedClient, juliet: ScriptedClient): Promise<void> {
  romeo.send(`<presence to='${juliet.bare}' type='subscribe'/>`);
  await juliet.until(`<presence type='subscribe' from='${romeo.bare}'/>`);
  juliet.send(`<presence to='${romeo.bare}' type='subscribed'/>`);
  await romeo.until(`<presence from='${juliet.full}' type='{absent}'/>`);
  await romeo.sync();
  await juliet.sync();
}

async function pair(server: TestServer): Promise<[ScriptedClient, ScriptedClient]> {
  return [
    await server.online("romeo", { resource: "orchard" }),
    await server.online("juliet", { resource: "balcony" }),
  ];
}

describe("RFC 6121 section 3.1: requesting a subscription", () => {
  it("3.1.2: the request goes to the contact, then a push of ask='subscribe' to the user's interested resources", async () => {
    const server = await startServer();
    const [romeo, juliet] = await pair(server);
    const foo = await server.online("romeo", { resource: "foo" });
    await romeo.sync();
    romeo.send("<presence id='xk3h1v69' to='juliet@example.com' type='subscribe'/>");
    await juliet.expect("<presence from='romeo@example.com' to='juliet@example.com' id='xk3h1v69' type='subscribe'/>");
    for (const resource of [romeo, foo]) {
      await resource.expect(push("<item jid='juliet@example.com' subscription='none' ask='subscribe'/>"));
      await resource.expectNothing();
    }
    await juliet.expectNothing();
    expect(await stateOf(juliet, "romeo@example.com")).toBe("absent"); // 3.1.3: no item before she approves
  });

  it("3.1.3: to all available resources, and to no other", async () => {
    const server = await startServer();
    const [romeo, juliet] = await pair(server);
    const away = await server.online("juliet", { resource: "away" });
    away.send("<presence><priority>-5</priority></presence>");
    const connected = await server.client("juliet", { resource: "connected" });
    await connected.ask("get", `<query xmlns='${ROSTER}'/>`);
    await away.sync();
    await juliet.sync();
    romeo.send("<presence to='juliet@example.com' type='subscribe'/>");
    for (const resource of [juliet, away]) {
      await resource.expect("<presence type='subscribe' from='romeo@example.com' to='juliet@example.com'/>");
    }
    await romeo.sync();
    await connected.expectNothing();
  });

  it("3.1.2 and 3.1.3: a full JID is taken as the bare one, for each of the four types", async () => {
    const server = await startServer();
    const [romeo, juliet] = await pair(server);
    romeo.send("<presence to='juliet@example.com/balcony' type='subscribe'/>");
    await juliet.expect("<presence from='romeo@example.com' to='juliet@example.com' type='subscribe'/>");
    await romeo.expect(push("<item jid='juliet@example.com' ask='subscribe'/>"));
    juliet.send("<presence to='romeo@example.com/nowhere' type='subscribed'/>");
    await romeo.expect("<presence from='juliet@example.com' to='romeo@example.com' type='subscribed'/>");
    await romeo.expect(push("<item jid='juliet@example.com' subscription='to'/>"));
    await romeo.expect("<presence from='juliet@example.com/balcony'/>");
    await juliet.expect(push("<item jid='romeo@example.com' subscription='from'/>"));
    juliet.send("<presence to='romeo@example.com/orchard' type='unsubscribed'/>");
    await romeo.expect("<presence from='juliet@example.com/balcony' type='unavailable'/>");
    await romeo.expect("<presence from='juliet@example.com' to='romeo@example.com' type='unsubscribed'/>");
    await romeo.expect(push("<item jid='juliet@example.com' subscription='none'/>"));
    await juliet.expect(push("<item jid='romeo@example.com' subscription='none'/>"));
    await subscribe(romeo, juliet);
    romeo.send("<presence to='juliet@example.com/balcony' type='unsubscribe'/>");
    await juliet.expect("<presence from='romeo@example.com' to='juliet@example.com' type='unsubscribe'/>");
  });

  it("A.2.1, A.3.1: asked again it is routed, but neither delivered nor pushed again", async () => {
    const server = await startServer();
    const [romeo, juliet] = await pair(server);
    romeo.send("<presence to='juliet@example.com' type='subscribe'/>");
    await juliet.expect("<presence type='subscribe'/>");
    await romeo.expect(push("<item jid='juliet@example.com' ask='subscribe'/>"));
    romeo.send("<presence to='juliet@example.com' type='subscribe'/>");
    await romeo.expectNothing();
    await juliet.expectNothing();
  });

  it("both ask at once, both approve: both see each other", async () => {
    const server = await startServer();
    const [romeo, juliet] = await pair(server);
    romeo.send("<presence to='juliet@example.com' type='subscribe'/>");
    juliet.send("<presence to='romeo@example.com' type='subscribe'/>");
    await romeo.until("<presence type='subscribe' from='juliet@example.com'/>");
    await juliet.until("<presence type='subscribe' from='romeo@example.com'/>");
    romeo.send("<presence to='juliet@example.com' type='subscribed'/>");
    juliet.send("<presence to='romeo@example.com' type='subscribed'/>");
    await romeo.until("<presence from='juliet@example.com/balcony' type='{absent}'/>");
    await juliet.until("<presence from='romeo@example.com/orchard' type='{absent}'/>");
    expect(await stateOf(romeo, "juliet@example.com")).toBe("both");
    expect(await stateOf(juliet, "romeo@example.com")).toBe("both");
  });
});

describe("RFC 6121 section 3.1.3: a request that waits", () => {
  const REQUEST =
    "<presence id='xk3h1v69' to='juliet@example.com' type='subscribe' xml:lang='en'><status>Hi, it is me &lt;Romeo&gt;</status>" +
    "<nick xmlns='http://jabber.org/protocol/nick'>Romeo</nick><p:x xmlns:p='urn:example:p' p:y='1'><p:z/></p:x></presence>";
  const DELIVERED = REQUEST.replace("<presence ", "<presence from='romeo@example.com' ");

  /** What `resource` gets at initial presence, its own echo left out: expects exactly the request, complete. */
  async function expectRequest(resource: ScriptedClient): Promise<void> {
    resource.received = "";
    resource.send("<presence/>");
    await resource.expectAll(`<presence from='${resource.full}'/>`, "<presence type='subscribe'/>");
    await resource.expectNothing();
    const [request] = /<presence [^>]*type='subscribe'.*?<\/presence>/s.exec(resource.received) ?? [""];
    expect(canonical(request)).toEqual(canonical(DELIVERED));
  }

  it("is kept complete, and delivered once to each new available resource until it is answered", async () => {
    const server = await startServer();
    await server.admin.addUser("juliet", "secret");
    const romeo = await server.online("romeo");
    romeo.send(REQUEST);
    await romeo.expect(push("<item jid='juliet@example.com' ask='subscribe'/>"));
    for (let login = 0; login < 3; login++) {
      const juliet = await server.client("juliet", { password: "secret" });
      await expectRequest(juliet);
      juliet.send("<presence><show>away</show></presence>"); // no new resource
      await juliet.expect(`<presence from='${juliet.full}'/>`);
      await juliet.expectNothing();
      await juliet.close();
    }
  });

  it("is delivered to a second resource, too, and not again to the first", async () => {
    const server = await startServer();
    await server.admin.addUser("juliet", "secret");
    const romeo = await server.online("romeo");
    romeo.send(REQUEST);
    await romeo.sync();
    const balcony = await server.client("juliet", { resource: "balcony" });
    await expectRequest(balcony);
    const chamber = await server.client("juliet", { resource: "chamber" });
    chamber.send("<presence/>");
    await chamber.expectAll(
      "<presence from='juliet@example.com/balcony'/>",
      "<presence from='juliet@example.com/chamber'/>",
      "<presence type='subscribe' from='romeo@example.com'/>",
    );
    await chamber.expectNothing();
    await balcony.expect("<presence from='juliet@example.com/chamber'/>");
    await balcony.expectNothing();
  });

  it("an answer given before initial presence is an answer", async () => {
    const server = await startServer();
    await server.admin.addUser("juliet", "secret");
    const romeo = await server.online("romeo");
    romeo.send(REQUEST);
    await romeo.sync();
    const juliet = await server.client("juliet");
    juliet.send("<presence to='romeo@example.com' type='subscribed'/><presence/>");
    await juliet.expect(`<presence from='${juliet.full}'/>`);
    await juliet.expectNothing();
  });

  it.each([
    ["denied", "<presence to='romeo@example.com' type='unsubscribed'/>"],
    ["approved", "<presence to='romeo@example.com' type='subscribed'/>"],
  ])("is %s, and comes no more", async (_name, answer) => {
    const server = await startServer();
    await server.admin.addUser("juliet", "secret");
    const romeo = await server.online("romeo");
    romeo.send(REQUEST);
    await romeo.sync();
    const juliet = await server.client("juliet", { password: "secret" });
    juliet.send("<presence/>");
    await juliet.until("<presence type='subscribe'/>");
    juliet.send(answer);
    await juliet.close();
    const again = await server.client("juliet", { password: "secret" });
    again.send("<presence/>");
    await again.until(`<presence from='${again.full}'/>`);
    await again.expectNothing();
  });

  it("sent again while it waits, it is one request: the first", async () => {
    const server = await startServer();
    await server.admin.addUser("juliet", "secret");
    const romeo = await server.online("romeo");
    romeo.send(REQUEST);
    romeo.send("<presence id='2' to='juliet@example.com' type='subscribe'/>");
    romeo.send("<presence id='3' to='juliet@example.com/x' type='subscribe'/>");
    await romeo.sync();
    await expectRequest(await server.client("juliet", { password: "secret" }));
  });

  it("3.3.3: taken back by an unsubscribe, it is gone", async () => {
    const server = await startServer();
    await server.admin.addUser("juliet", "secret");
    const romeo = await server.online("romeo");
    romeo.send(REQUEST);
    romeo.send("<presence to='juliet@example.com' type='unsubscribe'/>");
    await romeo.expect(push("<item jid='juliet@example.com' subscription='none' ask='subscribe'/>"));
    await romeo.expect(push("<item jid='juliet@example.com' subscription='none' ask='{absent}'/>"));
    const juliet = await server.client("juliet", { password: "secret" });
    juliet.send("<presence/>");
    await juliet.expect("<presence/>");
    await juliet.expectNothing();
    expect(await stateOf(juliet, "romeo@example.com")).toBe("absent");
  });

  it("waits through restarts of the server", async () => {
    const folder = await temporaryFolder();
    let server = await startServer({ storage: { path: folder } });
    await server.admin.addUser("juliet", "secret");
    const romeo = await server.online("romeo");
    romeo.send(REQUEST);
    await romeo.sync();
    for (let restart = 0; restart < 2; restart++) {
      await server.stop();
      server = await startServer({ storage: { path: folder } });
      await expectRequest(await server.client("juliet", { password: "secret" }));
    }
    const juliet = await server.client("juliet", { password: "secret" });
    juliet.send("<presence to='romeo@example.com' type='subscribed'/>");
    await juliet.sync();
    await server.stop();
    server = await startServer({ storage: { path: folder } });
    const back = await server.client("juliet", { password: "secret" });
    back.send("<presence/>");
    await back.expect("<presence/>");
    await back.expectNothing();
    expect(await stateOf(back, "romeo@example.com")).toBe("from");
  });

  it("many who ask are each delivered once", async () => {
    const server = await startServer();
    await server.admin.addUser("juliet", "secret");
    const users = ["benvolio", "mercutio", "romeo", "tybalt"];
    for (const user of users) {
      const client = await server.client(user);
      client.send("<presence to='juliet@example.com' type='subscribe'/>");
      await client.close();
    }
    const juliet = await server.client("juliet", { password: "secret" });
    juliet.send("<presence/>");
    await juliet.expectAll(
      `<presence from='${juliet.full}'/>`,
      ...users.map((user) => `<presence type='subscribe' from='${user}@example.com' to='juliet@example.com'/>`),
    );
    await juliet.expectNothing();
  });

  it("where the contact has the user in the roster already, the item stays as it is", async () => {
    const server = await startServer();
    const [romeo, juliet] = await pair(server);
    await juliet.ask("set", `<query xmlns='${ROSTER}'><item jid='romeo@example.com' name='R'/></query>`);
    await juliet.sync();
    romeo.send(REQUEST);
    await juliet.expect("<presence type='subscribe'/>");
    await juliet.expectNothing();
    expect(await stateOf(juliet, "romeo@example.com")).toBe("none");
  });

  it("limits.pendingRequests: who has so many waiting gets no more, and the sender is not told (13.11: of the account)", async () => {
    const server = await startServer({ limits: { pendingRequests: 1, rosterItems: 1 } });
    const [romeo, juliet] = await pair(server);
    const nurse = await server.online("nurse");
    nurse.send("<presence to='juliet@example.com' type='subscribe'/>");
    await juliet.expect("<presence type='subscribe' from='nurse@example.com'/>");
    // Strangers' requests take no room in the roster.
    const added = await juliet.ask("set", `<query xmlns='${ROSTER}'><item jid='friar@example.com'/></query>`);
    expect(added.attrs.type).toBe("result");
    await juliet.sync();
    romeo.send("<presence to='juliet@example.com' type='subscribe'/>");
    await romeo.expect(push("<item jid='juliet@example.com' subscription='none' ask='subscribe'/>"));
    await romeo.expectNothing();
    await juliet.expectNothing();
  });
});

describe("RFC 6121 sections 3.1.5 and 3.1.6: approval", () => {
  it("the user gets the approval, the push, then presence; the contact gets the push", async () => {
    const server = await startServer();
    const [romeo, juliet] = await pair(server);
    const chamber = await server.online("juliet", { resource: "chamber" });
    const foo = await server.online("romeo", { resource: "foo" });
    juliet.send("<presence id='pw72bc5j'><show>away</show><x xmlns='urn:example:x'/></presence>");
    await juliet.sync();
    await chamber.sync();
    await romeo.sync();
    romeo.send("<presence to='juliet@example.com' type='subscribe'/>");
    for (const resource of [juliet, chamber]) await resource.expect("<presence type='subscribe'/>");
    for (const resource of [romeo, foo]) await resource.expect(push("<item ask='subscribe'/>"));
    juliet.send("<presence id='h4v1c4kj' to='romeo@example.com' type='subscribed'><status>yes</status></presence>");
    for (const resource of [romeo, foo]) {
      await resource.expect(
        "<presence from='juliet@example.com' to='romeo@example.com' id='h4v1c4kj' type='subscribed'><status>yes</status></presence>",
      );
      await resource.expect(push("<item jid='juliet@example.com' subscription='to' ask='{absent}'/>"));
      await resource.expectAll(
        "<presence from='juliet@example.com/balcony' to='romeo@example.com' id='pw72bc5j' type='{absent}'><show>away</show><x xmlns='urn:example:x'/></presence>",
        "<presence from='juliet@example.com/chamber' to='romeo@example.com' type='{absent}'/>",
      );
      await resource.expectNothing();
    }
    for (const resource of [juliet, chamber]) {
      await resource.expect(push("<item jid='romeo@example.com' subscription='from' ask='{absent}'/>"));
      await resource.expectNothing(); // Romeo's presence is not hers by that
    }
  });

  it("3.1.6: the approval and the push go to interested resources, available or not", async () => {
    const server = await startServer();
    const [romeo, juliet] = await pair(server);
    const connected = await server.client("romeo", { resource: "connected" });
    await connected.ask("get", `<query xmlns='${ROSTER}'/>`);
    const plain = await server.client("romeo", { resource: "plain" });
    romeo.send("<presence to='juliet@example.com' type='subscribe'/>");
    await juliet.expect("<presence type='subscribe'/>");
    juliet.send("<presence to='romeo@example.com' type='subscribed'/>");
    await juliet.sync();
    await connected.expect(push("<item ask='subscribe'/>"));
    await connected.expect("<presence type='subscribed' from='juliet@example.com'/>");
    await connected.expect(push("<item subscription='to'/>"));
    await connected.expectNothing(); // her presence is for available resources
    await plain.expectNothing();
  });

  it("3.1.6, A.3.3: an approval that nobody asked for changes nothing and is not delivered", async () => {
    const server = await startServer();
    const [romeo, juliet] = await pair(server);
    juliet.send("<presence to='romeo@example.com' type='subscribed'/>");
    await juliet.sync();
    await romeo.expectNothing();
    expect(await stateOf(romeo, "juliet@example.com")).toBe("absent");
  });

  it("3.1.6: approved while the user is away, the subscription is there at the next login", async () => {
    const server = await startServer();
    const [romeo, juliet] = await pair(server);
    romeo.send("<presence to='juliet@example.com' type='subscribe'/>");
    await juliet.expect("<presence type='subscribe'/>");
    await romeo.close();
    juliet.send("<presence to='romeo@example.com' type='subscribed'/>");
    await juliet.sync();
    const back = await server.client("romeo");
    expect(await stateOf(back, "juliet@example.com")).toBe("to");
    back.send("<presence/>");
    await back.expectAll("<presence from='juliet@example.com/balcony'/>", `<presence from='${back.full}'/>`);
  });

  it("A.3.1 note 2: a request of somebody who is subscribed is not delivered again, and changes nothing", async () => {
    const server = await startServer();
    const [romeo, juliet] = await pair(server);
    await subscribe(romeo, juliet);
    romeo.send("<presence to='juliet@example.com' type='subscribe'/>");
    await romeo.sync();
    await juliet.expectNothing();
    expect(await stateOf(romeo, "juliet@example.com")).toBe("to");
    expect(await stateOf(juliet, "romeo@example.com")).toBe("from");
  });
});

describe("RFC 6121 sections 3.2.2 and 3.2.3: denial and cancellation", () => {
  it("3.2.1: a denial takes the ask away, and leaves nothing with the contact", async () => {
    const server = await startServer();
    const [romeo, juliet] = await pair(server);
    romeo.send("<presence to='juliet@example.com' type='subscribe'/>");
    await juliet.expect("<presence type='subscribe'/>");
    await romeo.expect(push("<item ask='subscribe'/>"));
    juliet.send("<presence id='tb2m1b59' to='romeo@example.com' type='unsubscribed'/>");
    await romeo.expect(
      "<presence from='juliet@example.com' to='romeo@example.com' id='tb2m1b59' type='unsubscribed'/>",
    );
    await romeo.expect(push("<item jid='juliet@example.com' subscription='none' ask='{absent}'/>"));
    await romeo.expectNothing(); // no unavailable presence: he never saw hers
    await juliet.expectNothing();
    expect(await stateOf(juliet, "romeo@example.com")).toBe("absent");
  });

  it("3.2.2: unavailable from every resource, then the cancellation, then the pushes", async () => {
    const server = await startServer();
    const [romeo, juliet] = await pair(server);
    const chamber = await server.online("juliet", { resource: "chamber" });
    await befriend(romeo, juliet);
    await chamber.sync();
    await romeo.sync();
    juliet.send("<presence id='ij5b1v7g' to='romeo@example.com' type='unsubscribed'/>");
    await romeo.expectAll(
      "<presence from='juliet@example.com/balcony' type='unavailable'/>",
      "<presence from='juliet@example.com/chamber' type='unavailable'/>",
    );
    await romeo.expect(
      "<presence from='juliet@example.com' to='romeo@example.com' id='ij5b1v7g' type='unsubscribed'/>",
    );
    await romeo.expect(push("<item jid='juliet@example.com' subscription='from' ask='{absent}'/>"));
    for (const resource of [juliet, chamber]) {
      await resource.expect(push("<item jid='romeo@example.com' subscription='to' ask='{absent}'/>"));
    }
    juliet.send("<presence><show>dnd</show></presence>");
    await juliet.expect("<presence from='juliet@example.com/balcony'><show>dnd</show></presence>");
    await romeo.expectNothing(); // he sees her no more
    romeo.send("<presence><show>dnd</show></presence>");
    await juliet.expect("<presence from='romeo@example.com/orchard'><show>dnd</show></presence>"); // she still sees him
  });

  it("3.2.2, A.2.4: to somebody without a subscription nothing goes out", async () => {
    const server = await startServer();
    const [romeo, juliet] = await pair(server);
    juliet.send("<presence to='romeo@example.com' type='unsubscribed'/>");
    await juliet.expectNothing();
    await romeo.expectNothing();
    // State "To": he is hers to see, she was never his.
    await subscribe(juliet, romeo);
    juliet.send("<presence to='romeo@example.com' type='unsubscribed'/>");
    await juliet.expectNothing();
    await romeo.expectNothing();
  });
});

describe("RFC 6121 sections 3.3.2 and 3.3.3: unsubscribing", () => {
  it("the contact gets the unsubscribe, then the push; the user gets the push, and unavailable presence", async () => {
    const server = await startServer();
    const [romeo, juliet] = await pair(server);
    const chamber = await server.online("juliet", { resource: "chamber" });
    await befriend(romeo, juliet);
    await chamber.sync();
    await romeo.sync();
    romeo.send("<presence id='ul4bs71n' to='juliet@example.com' type='unsubscribe'/>");
    for (const resource of [juliet, chamber]) {
      await resource.expect(
        "<presence from='romeo@example.com' to='juliet@example.com' id='ul4bs71n' type='unsubscribe'/>",
      );
      await resource.expect(push("<item jid='romeo@example.com' subscription='to'/>"));
      await resource.expectNothing();
    }
    await romeo.expectAll(
      push("<item jid='juliet@example.com' subscription='from' ask='{absent}'/>"),
      "<presence from='juliet@example.com/balcony' type='unavailable'/>",
      "<presence from='juliet@example.com/chamber' type='unavailable'/>",
    );
    await romeo.expectNothing();
    juliet.send("<presence><show>dnd</show></presence>");
    await juliet.sync();
    await romeo.expectNothing();
  });

  it("A.3.2: where there is no subscription nothing is delivered or changed", async () => {
    const server = await startServer();
    const [romeo, juliet] = await pair(server);
    romeo.send("<presence to='juliet@example.com' type='unsubscribe'/>");
    await romeo.expectNothing();
    await juliet.expectNothing();
    expect(await stateOf(romeo, "juliet@example.com")).toBe("absent");
    expect(await stateOf(juliet, "romeo@example.com")).toBe("absent");
  });
});

describe("RFC 6121 section 3.4: pre-approval", () => {
  it("is announced", async () => {
    const server = await startServer();
    await server.admin.addUser("juliet", "secret");
    const client = await server.connect();
    await client.open();
    await client.startTls();
    const features = await client.authenticate("juliet", "secret");
    expect(features.getChild("sub", "urn:xmpp:features:pre-approval")).toBeDefined();
  });

  it("3.4.2, rule 4: makes an item with approved='true', and nothing goes to the contact", async () => {
    const server = await startServer();
    const [romeo, juliet] = await pair(server);
    juliet.send("<presence id='pg81vx64' to='romeo@example.com' type='subscribed'/>");
    await juliet.expect(push("<item jid='romeo@example.com' subscription='none' approved='true' ask='{absent}'/>"));
    await juliet.expectNothing();
    await romeo.expectNothing();
  });

  it("the request is then answered for the contact, who is not asked", async () => {
    const server = await startServer();
    const [romeo, juliet] = await pair(server);
    juliet.send("<presence to='romeo@example.com' type='subscribed'/>");
    await juliet.expect(push("<item approved='true'/>"));
    romeo.send("<presence to='juliet@example.com' type='subscribe'/>");
    await romeo.until("<presence from='juliet@example.com' to='romeo@example.com' type='subscribed'/>");
    await romeo.until(push("<item jid='juliet@example.com' subscription='to' ask='{absent}'/>"));
    await romeo.expect("<presence from='juliet@example.com/balcony' type='{absent}'/>");
    await romeo.expectNothing();
    await juliet.expect(push("<item jid='romeo@example.com' subscription='from'/>"));
    await juliet.expectNothing();
    expect(await stateOf(romeo, "juliet@example.com")).toBe("to");
  });

  it("also while the contact is away, and after a restart of the server", async () => {
    const folder = await temporaryFolder();
    let server = await startServer({ storage: { path: folder } });
    const juliet = await server.client("juliet");
    juliet.send("<presence to='romeo@example.com' type='subscribed'/>");
    await juliet.close();
    await server.stop();
    server = await startServer({ storage: { path: folder } });
    const romeo = await server.online("romeo");
    romeo.send("<presence to='juliet@example.com' type='subscribe'/>");
    await romeo.until("<presence from='juliet@example.com' type='subscribed'/>");
    expect(await stateOf(romeo, "juliet@example.com")).toBe("to");
    const back = await server.client("juliet");
    back.send("<presence/>");
    await back.expect(`<presence from='${back.full}'/>`);
    await back.expectNothing();
  });

  it.each([
    ["rule 3: in state 'None'", async () => {}],
    [
      "rule 3: in state 'None + Pending Out'",
      async (juliet: ScriptedClient) => juliet.send("<presence to='romeo@example.com' type='subscribe'/>"),
    ],
    ["rule 3: in state 'To'", async (juliet: ScriptedClient, romeo: ScriptedClient) => subscribe(juliet, romeo)],
  ])("3.4.2, %s it sets the flag and keeps the state", async (_name, prepare) => {
    const server = await startServer();
    const [romeo, juliet] = await pair(server);
    await juliet.ask("set", `<query xmlns='${ROSTER}'><item jid='romeo@example.com' name='R'/></query>`);
    await prepare(juliet, romeo);
    await juliet.sync();
    await romeo.sync();
    const before = await stateOf(juliet, "romeo@example.com");
    juliet.send("<presence to='romeo@example.com' type='subscribed'/>");
    await juliet.expect(push("<item jid='romeo@example.com' name='R' approved='true'/>"));
    await romeo.expectNothing();
    expect(await stateOf(juliet, "romeo@example.com")).toBe(`${before}+approved=true`);
  });

  it("3.4.2, rule 1: who is subscribed already needs none, and the stanza is ignored", async () => {
    const server = await startServer();
    const [romeo, juliet] = await pair(server);
    await subscribe(romeo, juliet);
    juliet.send("<presence to='romeo@example.com' type='subscribed'/>");
    await juliet.expectNothing();
    await romeo.expectNothing();
    expect(await stateOf(juliet, "romeo@example.com")).toBe("from");
  });

  it("3.2.2, rule 2: unsubscribed takes it back, and nothing goes to the contact", async () => {
    const server = await startServer();
    const [romeo, juliet] = await pair(server);
    juliet.send("<presence to='romeo@example.com' type='subscribed'/>");
    await juliet.expect(push("<item approved='true'/>"));
    juliet.send("<presence to='romeo@example.com' type='unsubscribed'/>");
    await juliet.expect(push("<item jid='romeo@example.com' subscription='none' approved='{absent}'/>"));
    await romeo.expectNothing();
    romeo.send("<presence to='juliet@example.com' type='subscribe'/>");
    await juliet.expect("<presence type='subscribe'/>"); // she is asked again
  });

  it("4.3.2: a probe does not take it back", async () => {
    const server = await startServer();
    const [romeo, juliet] = await pair(server);
    juliet.send("<presence to='romeo@example.com' type='subscribed'/>");
    await juliet.expect(push("<item approved='true'/>"));
    romeo.send("<presence to='juliet@example.com' type='probe'/>");
    await romeo.sync();
    expect(await stateOf(juliet, "romeo@example.com")).toBe("none+approved=true");
  });
});

describe("RFC 6121 section 2.5.2: removing a contact from the roster", () => {
  it("ends both subscriptions: unsubscribe and unsubscribed to the contact, and no presence either way", async () => {
    const server = await startServer();
    const [romeo, juliet] = await pair(server);
    await befriend(romeo, juliet);
    juliet.send(
      `<iq type='set' id='1'><query xmlns='${ROSTER}'><item jid='romeo@example.com' subscription='remove'/></query></iq>`,
    );
    await juliet.expectAll(
      push("<item jid='romeo@example.com' subscription='remove'/>"),
      "<iq type='result' id='1'/>",
      "<presence from='romeo@example.com/orchard' type='unavailable'/>",
    );
    await romeo.expect("<presence from='juliet@example.com/balcony' type='unavailable'/>");
    const rest = [await romeo.next(), await romeo.next(), await romeo.next(), await romeo.next()];
    const shape = rest.map((el) => (el.name === "iq" ? "push" : `${el.attrs.type} ${el.attrs.from}`));
    expect(shape).toContain("unsubscribe juliet@example.com");
    expect(shape).toContain("unsubscribed juliet@example.com");
    // 3.2.3, 3.3.3: each is delivered before its push.
    expect(shape.filter((text) => text === "push")).toHaveLength(2);
    expect(shape[1]).toBe("push");
    expect(shape[3]).toBe("push");
    await romeo.expectNothing();
    expect(await stateOf(romeo, "juliet@example.com")).toBe("none");
    for (const client of [juliet, romeo]) {
      client.send("<presence><show>away</show></presence>");
      await client.expect(`<presence from='${client.full}'/>`);
    }
    await romeo.expectNothing();
    await juliet.expectNothing();
  });

  it.each([
    ["to", "unsubscribe"],
    ["from", "unsubscribed"],
  ])("where the subscription is '%s', only %s is sent", async (subscription, type) => {
    const server = await startServer();
    const [romeo, juliet] = await pair(server);
    if (subscription === "to") await subscribe(juliet, romeo);
    else await subscribe(romeo, juliet);
    expect(await stateOf(juliet, "romeo@example.com")).toBe(subscription);
    await juliet.ask("set", `<query xmlns='${ROSTER}'><item jid='romeo@example.com' subscription='remove'/></query>`);
    if (subscription === "from") await romeo.expect("<presence from='juliet@example.com/balcony' type='unavailable'/>");
    await romeo.expect(`<presence from='juliet@example.com' to='romeo@example.com' type='${type}'/>`);
    await romeo.expect(push("<item jid='juliet@example.com' subscription='none'/>"));
    await romeo.expectNothing();
  });

  it("where there is none, nothing is sent", async () => {
    const server = await startServer();
    const [romeo, juliet] = await pair(server);
    await juliet.ask("set", `<query xmlns='${ROSTER}'><item jid='romeo@example.com'/></query>`);
    await juliet.ask("set", `<query xmlns='${ROSTER}'><item jid='romeo@example.com' subscription='remove'/></query>`);
    await romeo.expectNothing();
  });

  it("A.1: a request that waits for an answer goes on waiting", async () => {
    const server = await startServer();
    const [romeo, juliet] = await pair(server);
    await juliet.ask("set", `<query xmlns='${ROSTER}'><item jid='romeo@example.com'/></query>`);
    romeo.send("<presence to='juliet@example.com' type='subscribe'/>");
    await juliet.until("<presence type='subscribe'/>");
    await juliet.ask("set", `<query xmlns='${ROSTER}'><item jid='romeo@example.com' subscription='remove'/></query>`);
    await juliet.sync();
    juliet.send("<presence to='romeo@example.com' type='subscribed'/>");
    await juliet.expect(push("<item jid='romeo@example.com' subscription='from'/>"));
    expect(await stateOf(romeo, "juliet@example.com")).toBe("to");
  });
});

describe("an account's own address", () => {
  it("needs no subscription (4.2.2): nothing comes of any of the four", async () => {
    const server = await startServer();
    const juliet = await server.online("juliet");
    for (const type of ["subscribe", "subscribed", "unsubscribe", "unsubscribed"]) {
      for (const to of [juliet.bare, juliet.full]) juliet.send(`<presence to='${to}' type='${type}'/>`);
    }
    await juliet.expectNothing();
    expect(await stateOf(juliet, juliet.bare)).toBe("absent");
  });
});

describe("RFC 6121 section 3: every stanza is from the bare JID", () => {
  it("whatever resource sends it, and whatever it says of itself", async () => {
    const server = await startServer();
    const [romeo, juliet] = await pair(server);
    romeo.send(`<presence from='${romeo.full}' to='juliet@example.com' type='subscribe'/>`);
    await juliet.expect("<presence from='romeo@example.com' type='subscribe'/>");
    juliet.send(`<presence from='${juliet.full}' to='romeo@example.com' type='subscribed'/>`);
    await romeo.until("<presence from='juliet@example.com' type='subscribed'/>");
    await romeo.sync();
    juliet.send(`<presence from='${juliet.full}' to='romeo@example.com' type='unsubscribed'/>`);
    await romeo.until("<presence from='juliet@example.com' type='unsubscribed'/>");
  });
});
