// RFC 3922 section 6, end to end: an XMPP client on one side, an HTTP caller on the other; mapping.md section 8.

import { describe, expect, it } from "vitest";
import type { ScriptedClient } from "../support/client.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { type EventStream, Foreign, pidf } from "../support/foreign.ts";
import { cleanUp, startServer, type TestServer } from "../support/server.ts";

const ROMEO = "romeo@example.net";
const EVENTS = `/presentities/${ROMEO}/events`;

type Stage = { server: TestServer; juliet: ScriptedClient; foreign: Foreign; events: EventStream };

async function stage(settings: Record<string, unknown> = {}, clock?: FakeClock): Promise<Stage> {
  const server = await startServer(
    { gateway: { domains: { "example.net": {} } } },
    clock === undefined ? {} : { clock },
  );
  const foreign = await Foreign.of(server, "domain:example.net");
  await foreign.presentity(ROMEO, settings);
  const juliet = await server.online("juliet", { resource: "balcony" });
  const events = await foreign.events(EVENTS);
  cleanUp(async () => events.close());
  return { server, juliet, foreign, events };
}

async function watch({ juliet, foreign, events }: Stage): Promise<void> {
  juliet.send(`<presence to='${ROMEO}' type='subscribe' id='sub1'/>`);
  await events.expect("subscribe");
  await foreign.call("PUT", `/presentities/${ROMEO}/watchers/${juliet.bare}`, { state: "active" });
  await juliet.until(`<presence type='unavailable' from='${ROMEO}'/>`);
}

describe("RFC 3922 section 6.1: an XMPP user subscribes to a presentity", () => {
  it("S-6.1a..g: subscribe, approve, subscribed and then the presence, then every change", async () => {
    const { juliet, foreign, events } = await stage();
    await foreign.publish(ROMEO, pidf(ROMEO, { id: "orchard", im: "away", note: "Wooing Juliet", priority: "0.102" }));
    juliet.send(`<presence to='${ROMEO}' type='subscribe' id='sub1'/>`);
    await events.expect("subscribe", {
      transId: "sub1",
      watcher: "pres:juliet@example.com",
      target: "pres:romeo@example.net",
    });
    await juliet.expect(
      `<iq type='set'><query xmlns='jabber:iq:roster'><item jid='${ROMEO}' subscription='none' ask='subscribe'/></query></iq>`,
    );
    const pending = await foreign.call("GET", `/presentities/${ROMEO}/watchers`);
    expect(pending.json<unknown[]>()).toMatchObject([
      { watcher: "pres:juliet@example.com", state: "pending", transId: "sub1" },
    ]);

    const approved = await foreign.call("PUT", `/presentities/${ROMEO}/watchers/juliet@example.com`, {
      state: "active",
    });
    expect(approved.status).toBe(204);
    await juliet.expect(`<presence type='subscribed' from='${ROMEO}' to='juliet@example.com'/>`);
    await juliet.expect(
      `<iq type='set'><query xmlns='jabber:iq:roster'><item jid='${ROMEO}' subscription='to' ask='{absent}'/></query></iq>`,
    );
    await juliet.expect(
      `<presence from='${ROMEO}/orchard' type='{absent}'><show>away</show><status>Wooing Juliet</status><priority>13</priority></presence>`,
    );

    await foreign.publish(ROMEO, pidf(ROMEO, { id: "orchard", im: "busy" }));
    await juliet.expect(`<presence from='${ROMEO}/orchard'><show>dnd</show></presence>`);
    await foreign.publish(ROMEO, pidf(ROMEO, { id: "orchard", basic: "closed" }));
    await juliet.expect(`<presence from='${ROMEO}/orchard' type='unavailable'/>`);
  });

  it("S-6.1h, i: denied: unsubscribed, and no notify", async () => {
    const { juliet, foreign, events } = await stage();
    await foreign.publish(ROMEO, pidf(ROMEO, { id: "orchard" }));
    juliet.send(`<presence to='${ROMEO}' type='subscribe' id='sub1'/>`);
    await events.expect("subscribe");
    await foreign.call("PUT", `/presentities/${ROMEO}/watchers/juliet@example.com`, { state: "denied" });
    await juliet.until(`<presence type='unsubscribed' from='${ROMEO}'/>`);
    await juliet.until(
      `<iq type='set'><query xmlns='jabber:iq:roster'><item jid='${ROMEO}' subscription='none' ask='{absent}'/></query></iq>`,
    );
    await foreign.publish(ROMEO, pidf(ROMEO, { id: "orchard", im: "away" }));
    await juliet.expectNothing();
  });

  it("S-6.1j: no presentity is item-not-found, and nothing stays in the roster", async () => {
    const { juliet } = await stage();
    juliet.send("<presence to='nobody@example.net' type='subscribe' id='s1'/>");
    await juliet.expect(
      "<presence from='nobody@example.net' type='error' id='s1'><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>",
    );
    const roster = await juliet.ask("get", "<query xmlns='jabber:iq:roster'/>");
    expect(roster.toString()).not.toContain("nobody");
  });

  it.each([
    ["policy deny", { subscriptions: "deny" }],
    ["allowFrom without the user", { subscriptions: "allow", allowFrom: ["nurse@example.com", "example.org"] }],
  ])("S-6.1k: %s is forbidden", async (_name, settings) => {
    const { juliet } = await stage(settings);
    juliet.send(`<presence to='${ROMEO}' type='subscribe' id='s1'/>`);
    await juliet.expect(
      `<presence from='${ROMEO}' type='error' id='s1'><error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>`,
    );
  });

  it("S-6.1l: a second request is a conflict, before and after approval", async () => {
    const scene = await stage();
    const { juliet, foreign, events } = scene;
    const conflict = `<presence from='${ROMEO}' type='error'><error type='cancel'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>`;
    juliet.send(`<presence to='${ROMEO}' type='subscribe' id='s1'/>`);
    await events.expect("subscribe");
    juliet.send(`<presence to='${ROMEO}' type='subscribe' id='s2'/>`);
    await juliet.until(conflict);
    await foreign.call("PUT", `/presentities/${ROMEO}/watchers/juliet@example.com`, { state: "active" });
    await juliet.until(`<presence type='unavailable' from='${ROMEO}'/>`);
    juliet.send(`<presence to='${ROMEO}' type='subscribe' id='s3'/>`);
    await juliet.expect(conflict);
  });

  it("policy allow: approved at once, and the roster says so in the end", async () => {
    const { juliet, foreign } = await stage({ subscriptions: "allow" });
    await foreign.publish(ROMEO, pidf(ROMEO, { id: "orchard" }));
    juliet.send(`<presence to='${ROMEO}' type='subscribe' id='s1'/>`);
    await juliet.until(`<presence from='${ROMEO}/orchard'/>`);
    const roster = await juliet.ask("get", "<query xmlns='jabber:iq:roster'/>");
    expect(roster.getChild("query")?.getChild("item")?.attrs).toMatchObject({ jid: ROMEO, subscription: "to" });
    expect(roster.toString()).not.toContain("ask=");
  });

  it("RFC 6121 section 4.3: a new resource gets the presence at login, an old one nothing more", async () => {
    const scene = await stage();
    await watch(scene);
    await scene.foreign.publish(ROMEO, pidf(ROMEO, { id: "orchard" }, { id: "desk", basic: "closed" }));
    await scene.juliet.expectAll(
      `<presence from='${ROMEO}/orchard'/>`,
      `<presence from='${ROMEO}/desk' type='unavailable'/>`,
    );
    const chamber = await scene.server.client("juliet", { resource: "chamber" });
    chamber.send("<presence/>");
    await chamber.until(`<presence from='${ROMEO}/orchard'/>`);
    await chamber.until(`<presence from='${ROMEO}/desk' type='unavailable'/>`);
    await chamber.sync();
    await scene.juliet.until("<presence from='juliet@example.com/chamber'/>");
    await scene.juliet.expectNothing();
  });
});

describe("RFC 3922 section 6.3: notify", () => {
  it("S-6.3.1c: only tuples that changed, and those that are gone", async () => {
    const scene = await stage();
    await watch(scene);
    const { juliet, foreign } = scene;
    await foreign.publish(ROMEO, pidf(ROMEO, { id: "a" }, { id: "b" }));
    await juliet.expectAll(`<presence from='${ROMEO}/a'/>`, `<presence from='${ROMEO}/b'/>`);
    await foreign.publish(ROMEO, pidf(ROMEO, { id: "a" }, { id: "b", im: "away" }));
    await juliet.expect(`<presence from='${ROMEO}/b'><show>away</show></presence>`);
    await foreign.publish(ROMEO, pidf(ROMEO, { id: "a" }, { id: "b", im: "away" }));
    await juliet.expectNothing();
    await foreign.publish(ROMEO, pidf(ROMEO, { id: "a" }));
    await juliet.expect(`<presence from='${ROMEO}/b' type='unavailable'/>`);
    await foreign.call("DELETE", `/presentities/${ROMEO}/presence`);
    await juliet.expect(`<presence from='${ROMEO}/a' type='unavailable'/>`);
  });

  it("S-6.3.2a: a document without tuples is unavailable presence from the bare address", async () => {
    const scene = await stage();
    await scene.foreign.publish(ROMEO, pidf(ROMEO));
    await watch(scene); // which expects just that
  });

  it("expires=: the tuples close when the time is over (soft state, RFC 3903)", async () => {
    const clock = new FakeClock();
    const scene = await stage({}, clock);
    await watch(scene);
    const published = await scene.foreign.publish(ROMEO, pidf(ROMEO, { id: "a" }), "?expires=60");
    expect(published.headers.get("etag")).toBeTruthy();
    await scene.juliet.expect(`<presence from='${ROMEO}/a' type='{absent}'/>`);
    clock.advance(61_000);
    await scene.juliet.until(`<presence from='${ROMEO}/a' type='unavailable'/>`);
    expect((await scene.foreign.call("GET", `/presentities/${ROMEO}/presence`)).status).toBe(404);
  });

  it("If-Match refreshes, and refuses another tag", async () => {
    const scene = await stage();
    const first = await scene.foreign.publish(ROMEO, pidf(ROMEO, { id: "a" }));
    const etag = first.headers.get("etag") as string;
    expect((await scene.foreign.publish(ROMEO, pidf(ROMEO, { id: "b" }), "", { "if-match": '"other"' })).status).toBe(
      412,
    );
    const second = await scene.foreign.publish(ROMEO, pidf(ROMEO, { id: "b" }), "", { "if-match": etag });
    expect([200, 204]).toContain(second.status);
    expect(second.headers.get("etag")).not.toBe(etag);
  });

  it.each([
    ["no XML", "nonsense"],
    ["another's entity", pidf("mercutio@example.net", { id: "a" })],
    ["a DTD", `<!DOCTYPE presence []>${pidf(ROMEO, { id: "a" }).replace(/^<\?xml[^>]*>/, "")}`],
    ["two tuples of one id", pidf(ROMEO, { id: "a" }, { id: "a" })],
  ])("a bad document is 422 and changes nothing: %s", async (_name, document) => {
    const scene = await stage();
    await scene.foreign.publish(ROMEO, pidf(ROMEO, { id: "a" }));
    const answer = await scene.foreign.publish(ROMEO, document);
    expect(answer.status).toBe(422);
    expect(answer.json().condition).toBe("not-acceptable");
    expect((await scene.foreign.call("GET", `/presentities/${ROMEO}/presence`)).text).toBe(pidf(ROMEO, { id: "a" }));
  });
});

describe("RFC 3922 section 6.4: the XMPP user unsubscribes", () => {
  it("S-6.4a..f: an unsubscribe event, and no notify any more", async () => {
    const scene = await stage();
    await watch(scene);
    scene.juliet.send(`<presence to='${ROMEO}' type='unsubscribe' id='u1'/>`);
    await scene.events.expect("unsubscribe", { transId: "u1", watcher: "pres:juliet@example.com" });
    await scene.juliet.until(
      `<iq type='set'><query xmlns='jabber:iq:roster'><item jid='${ROMEO}' subscription='none'/></query></iq>`,
    );
    await scene.foreign.publish(ROMEO, pidf(ROMEO, { id: "a" }));
    await scene.juliet.expectNothing();
    expect((await scene.foreign.call("GET", `/presentities/${ROMEO}/watchers`)).json()).toEqual([]);
  });

  it("the presentity cancels: unavailable of every tuple, then unsubscribed", async () => {
    const scene = await stage();
    await scene.foreign.publish(ROMEO, pidf(ROMEO, { id: "a" }));
    scene.juliet.send(`<presence to='${ROMEO}' type='subscribe' id='sub1'/>`);
    await scene.events.expect("subscribe");
    await scene.foreign.call("PUT", `/presentities/${ROMEO}/watchers/juliet@example.com`, { state: "active" });
    await scene.juliet.until(`<presence from='${ROMEO}/a'/>`);
    expect((await scene.foreign.call("DELETE", `/presentities/${ROMEO}/watchers/juliet@example.com`)).status).toBe(204);
    await scene.juliet.expect(`<presence from='${ROMEO}/a' type='unavailable'/>`);
    await scene.juliet.expect(`<presence from='${ROMEO}' type='unsubscribed'/>`);
  });

  it("a presentity that is deleted goes the same way", async () => {
    const scene = await stage();
    await watch(scene);
    expect((await scene.foreign.call("DELETE", `/presentities/${ROMEO}`)).status).toBe(204);
    await scene.juliet.until(`<presence from='${ROMEO}' type='unsubscribed'/>`);
    expect((await scene.foreign.call("GET", `/presentities/${ROMEO}`)).status).toBe(404);
  });
});

describe("RFC 3922 section 6.2: a presentity subscribes to an XMPP user", () => {
  const SUBSCRIPTION = `/presentities/${ROMEO}/subscriptions/juliet@example.com`;

  async function approved(scene: Stage, body: Record<string, unknown> = {}): Promise<void> {
    const asked = await scene.foreign.call("PUT", SUBSCRIPTION, { transId: "t1", ...body });
    expect(asked.status).toBe(202);
    await scene.juliet.until(`<presence type='subscribe' from='${ROMEO}'/>`);
    scene.juliet.send(`<presence type='subscribed' to='${ROMEO}'/>`);
    await scene.events.expect("response", { transId: "t1", status: "success" });
    await scene.events.expect("notify", { target: "pres:juliet@example.com", watcher: "pres:romeo@example.net" });
    await scene.juliet.sync();
  }

  it("S-6.2a..h: subscribe, response success, one notify, then one for each change", async () => {
    const scene = await stage();
    const { juliet, foreign, events } = scene;
    const asked = await foreign.call("PUT", SUBSCRIPTION, { transId: "t1" });
    expect(asked.status).toBe(202);
    expect(asked.json()).toMatchObject({ transId: "t1", status: "pending" });
    await juliet.expect(`<presence type='subscribe' from='${ROMEO}' to='juliet@example.com' id='t1'/>`);
    juliet.send(`<presence type='subscribed' to='${ROMEO}'/>`);
    await events.expect("response", { transId: "t1", status: "success" });
    const notify = await events.expect("notify", { contentType: "application/pidf+xml" });
    expect(notify.data.object).toContain('<tuple id="balcony">');
    expect(notify.data.object).toContain("<basic>open</basic>");
    juliet.send("<presence><show>away</show><status>gone</status></presence>");
    expect((await events.expect("notify")).data.object).toContain("<note>gone</note>");
    juliet.send("<presence/>");
    expect((await events.expect("notify")).data.object).not.toContain("note");
    await juliet.sync();
    expect(events.pending).toBe(0);
  });

  it("S-6.3.1b, d: two resources are one document; the one that left is closed once, then absent", async () => {
    const scene = await stage();
    await approved(scene);
    const chamber = await scene.server.client("juliet", { resource: "chamber" });
    chamber.send("<presence><priority>5</priority></presence>");
    const both = (await scene.events.expect("notify")).data.object as string;
    expect(both.match(/<tuple id="(\w+)">/g)).toEqual(['<tuple id="chamber">', '<tuple id="balcony">']);
    chamber.cut();
    const left = (await scene.events.expect("notify")).data.object as string;
    expect(left).toMatch(/<tuple id="balcony">[\s\S]*open[\s\S]*<tuple id="chamber">[\s\S]*closed/);
    scene.juliet.send("<presence><show>xa</show></presence>");
    expect((await scene.events.expect("notify")).data.object).not.toContain("chamber");
    await scene.juliet.close();
    const last = (await scene.events.expect("notify")).data.object as string;
    expect(last.match(/<tuple /g)).toHaveLength(1); // S-6.3.2b: never zero tuples
    expect(last).toContain("closed");
  });

  it("I-4.1.7c: successive documents never carry the same timestamp", async () => {
    const clock = new FakeClock();
    const scene = await stage({}, clock);
    await approved(scene);
    const stamps = new Set<string>();
    for (const show of ["away", "xa", "dnd", "chat"]) {
      scene.juliet.send(`<presence><show>${show}</show></presence>`);
      const document = (await scene.events.expect("notify")).data.object as string;
      stamps.add(/<timestamp>([^<]+)</.exec(document)?.[1] as string);
    }
    expect(stamps.size).toBe(4);
  });

  it("S-6.2i, j: denied: response failure, terminated, no notify", async () => {
    const scene = await stage();
    await scene.foreign.call("PUT", SUBSCRIPTION, { transId: "t1" });
    await scene.juliet.expect("<presence type='subscribe'/>");
    scene.juliet.send(`<presence type='unsubscribed' to='${ROMEO}'/>`);
    await scene.events.expect("response", { transId: "t1", status: "failure" });
    await scene.events.expect("terminated", { reason: "denied" });
    scene.juliet.send("<presence><show>away</show></presence>");
    await scene.juliet.sync();
    expect(scene.events.pending).toBe(0);
  });

  it("S-6.5a..e: the user cancels: terminated, and no notify any more", async () => {
    const scene = await stage();
    await approved(scene);
    scene.juliet.send(`<presence type='unsubscribed' to='${ROMEO}'/>`);
    await scene.events.expect("terminated", { reason: "cancelled", target: "pres:juliet@example.com" });
    scene.juliet.send("<presence><show>away</show></presence>");
    await scene.juliet.sync();
    expect(scene.events.pending).toBe(0);
  });

  it("S-6.2k: an unknown user is not found, a second request a conflict", async () => {
    const scene = await stage();
    const unknown = await scene.foreign.call("PUT", `/presentities/${ROMEO}/subscriptions/nobody@example.com`, {});
    expect([unknown.status, unknown.json().condition]).toEqual([404, "item-not-found"]);
    await scene.foreign.call("PUT", SUBSCRIPTION, {});
    expect((await scene.foreign.call("PUT", SUBSCRIPTION, {})).status).toBe(409);
  });

  it("D-4.2.4d: duration 0 is a fetch: forbidden without authorisation, else the document and no stanza", async () => {
    const scene = await stage();
    expect((await scene.foreign.call("PUT", SUBSCRIPTION, { duration: 0 })).status).toBe(403);
    await scene.juliet.expectNothing();
    await approved(scene, { duration: 600 });
    const fetched = await scene.foreign.call("PUT", SUBSCRIPTION, { duration: 0 });
    expect(fetched.status).toBe(200);
    expect(fetched.headers.get("content-type")).toContain("application/pidf+xml");
    expect(fetched.text).toContain('<tuple id="balcony">');
  });

  it("S-6.2m, JC-46: the duration runs out: terminated; asking again needs no new approval", async () => {
    const clock = new FakeClock();
    const scene = await stage({}, clock);
    await approved(scene, { duration: 120 });
    clock.advance(121_000);
    await scene.events.expect("terminated", { reason: "expired" });
    scene.juliet.send("<presence><show>away</show></presence>");
    await scene.juliet.sync();
    expect(scene.events.pending).toBe(0);
    const again = await scene.foreign.call("PUT", SUBSCRIPTION, { duration: 120, transId: "t2" });
    expect([again.status, again.json().status]).toEqual([200, "success"]);
    expect((await scene.events.expect("notify")).data.object).toContain("away");
    const asked = scene.juliet.ask("get", "<ping xmlns='urn:xmpp:ping'/>", "example.com");
    await asked;
  });

  it("JC-46: the same call again is a refresh", async () => {
    const clock = new FakeClock();
    const scene = await stage({}, clock);
    await approved(scene, { duration: 120 });
    clock.advance(100_000);
    const refreshed = await scene.foreign.call("PUT", SUBSCRIPTION, { duration: 120, transId: "t2" });
    expect([refreshed.status, refreshed.json().status]).toEqual([200, "success"]);
    await scene.events.expect("notify");
    clock.advance(100_000);
    scene.juliet.send("<presence><show>away</show></presence>");
    await scene.events.expect("notify");
  });

  it("the presentity unsubscribes: the user is told, notifies stop", async () => {
    const scene = await stage();
    await approved(scene);
    expect((await scene.foreign.call("DELETE", SUBSCRIPTION)).status).toBe(204);
    await scene.juliet.until(`<presence type='unsubscribe' from='${ROMEO}'/>`);
    scene.juliet.send("<presence><show>away</show></presence>");
    await scene.juliet.sync();
    expect(scene.events.pending).toBe(0);
  });

  it("JC-51: directed presence without a subscription goes nowhere", async () => {
    const scene = await stage();
    scene.juliet.send(`<presence to='${ROMEO}'/>`);
    await scene.juliet.expectNothing();
    expect(scene.events.pending).toBe(0);
  });
});
