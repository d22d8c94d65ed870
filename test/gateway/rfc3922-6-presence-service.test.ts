// RFC 3922 section 6, end to end, as scripts: an XMPP client on one side, an HTTP caller on the other. The states, row by
// row, are in rfc3922-6-states.test.ts.

import { describe, expect, it } from "vitest";
import { FakeClock } from "../support/fake-clock.ts";
import { Foreign, pidf } from "../support/foreign.ts";
import { beWatched, eventsUntilNow, JULIET, ROMEO, STANZAS, SUBSCRIPTION, stage, watch } from "../support/stage.ts";

describe("RFC 3922 section 6.1: an XMPP user subscribes to a presentity", () => {
  it("subscribe, approve, subscribed and then the presence, then every change [S-6.0a S-6.1a S-6.1b S-6.1c S-6.1e S-6.1f S-6.1g D-4.0 D-4.2.1a D-4.2.1b D-4.2.1c D-4.2.1.3a D-4.2.2b]", async () => {
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
    await juliet.expect(`<presence type='subscribed' from='${ROMEO}' to='juliet@example.com' id='sub1'/>`);
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

  it("denied: unsubscribed, and no notify [S-6.1h S-6.1i D-4.2.1.2a]", async () => {
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

  it("no presentity is item-not-found, and nothing stays in the roster [S-6.1j D-4.2.1.2a D-4.2.1.2b]", async () => {
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
  ])("%s is forbidden [S-6.1k D-4.2.1.2a D-4.2.1.2b]", async (_name, settings) => {
    const { juliet } = await stage(settings);
    juliet.send(`<presence to='${ROMEO}' type='subscribe' id='s1'/>`);
    await juliet.expect(
      `<presence from='${ROMEO}' type='error' id='s1'><error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>`,
    );
  });

  it("a second request is a conflict, before and after approval [S-6.1l D-4.2.1.2a D-4.2.1.2b]", async () => {
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

  it("policy allow: approved at once, and the roster says so in the end [S-6.1f S-6.0b]", async () => {
    const { juliet, foreign } = await stage({ subscriptions: "allow" });
    await foreign.publish(ROMEO, pidf(ROMEO, { id: "orchard" }));
    juliet.send(`<presence to='${ROMEO}' type='subscribe' id='s1'/>`);
    await juliet.until(`<presence from='${ROMEO}/orchard'/>`);
    const roster = await juliet.ask("get", "<query xmlns='jabber:iq:roster'/>");
    expect(roster.getChild("query")?.getChild("item")?.attrs).toMatchObject({ jid: ROMEO, subscription: "to" });
    expect(roster.toString()).not.toContain("ask=");
  });

  it("RFC 6121 section 4.3: a new resource gets the presence at login, an old one nothing more [S-6.0b]", async () => {
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
  it("only tuples that changed, and those that are gone [S-6.3.1a S-6.3.1c S-6.1g]", async () => {
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

  it("a document without tuples is unavailable presence from the bare address [S-6.3.2a]", async () => {
    const scene = await stage();
    await scene.foreign.publish(ROMEO, pidf(ROMEO));
    await watch(scene); // which expects just that
  });

  it("expires=: the tuples close when the time is over (soft state, RFC 3903)", async () => {
    const clock = new FakeClock();
    const scene = await stage({}, { clock });
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
  it("an unsubscribe event, which in this binding is the duration of zero, and no notify any more [S-6.4a S-6.4b S-6.4c S-6.4d S-6.4f D-4.2.3a]", async () => {
    const scene = await stage();
    await watch(scene);
    scene.juliet.send(`<presence to='${ROMEO}' type='unsubscribe' id='u1'/>`);
    await scene.events.expect("unsubscribe", {
      transId: "u1",
      watcher: "pres:juliet@example.com",
      target: "pres:romeo@example.net",
    });
    await scene.juliet.until(
      `<iq type='set'><query xmlns='jabber:iq:roster'><item jid='${ROMEO}' subscription='none'/></query></iq>`,
    );
    await scene.foreign.publish(ROMEO, pidf(ROMEO, { id: "a" }));
    await scene.juliet.expectNothing();
    expect((await scene.foreign.call("GET", `/presentities/${ROMEO}/watchers`)).json()).toEqual([]);
  });

  it("to unsubscribe from what is no presentity is item-not-found [S-6.4e]", async () => {
    const { juliet } = await stage();
    juliet.send("<presence to='nobody@example.net' type='unsubscribe' id='u1'/>");
    await juliet.expect(
      `<presence from='nobody@example.net' type='error' id='u1'><error type='cancel'><item-not-found xmlns='${STANZAS}'/></error></presence>`,
    );
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
  it("subscribe, response success, one notify, then one for each change, each without a response [S-6.0a S-6.2a S-6.2b S-6.2c S-6.2d S-6.2e S-6.2f S-6.2g S-6.2h S-6.3.0 D-4.0 D-4.2.1b D-4.2.1c D-4.2.1d D-4.2.1.3b D-4.2.2a PP-3.1a PP-3.1c PP-3.1e PP-3.1f PP-3.2 PP-3.3a PP-3.4.1d]", async () => {
    const scene = await stage();
    const { juliet, foreign, events } = scene;
    const asked = await foreign.call("PUT", SUBSCRIPTION, { transId: "t1", duration: 3600 });
    expect(asked.status).toBe(202);
    expect(asked.headers.get("cpim-transid")).toBe("t1");
    expect(asked.json()).toEqual({ transId: "t1", status: "pending", duration: 3600 });
    const request = await juliet.next();
    expect(request.attrs).toEqual({ type: "subscribe", from: ROMEO, to: JULIET, id: "t1" });
    expect(request.children).toEqual([]); // no trace of the duration
    juliet.send(`<presence type='subscribed' to='${ROMEO}'/>`);
    await events.expect("response", { transId: "t1", status: "success" });
    const addresses = { target: `pres:${JULIET}`, watcher: `pres:${ROMEO}`, contentType: "application/pidf+xml" };
    const first = await events.expect("notify", { ...addresses, transId: "t1" });
    expect(first.data.object).toContain('<tuple id="balcony">');
    expect(first.data.object).toContain("<basic>open</basic>");
    juliet.send("<presence id='n2'><show>away</show><status>gone</status></presence>");
    const second = await events.expect("notify", {
      ...addresses,
      transId: "n2",
      subscription: first.data.subscription,
    });
    expect(second.data.object).toContain("<note>gone</note>");
    juliet.send("<presence/>");
    expect((await events.expect("notify", addresses)).data.object).not.toContain("note");
    expect(await eventsUntilNow(scene)).toEqual([]);
  });

  it("two resources are one document; the one that left is closed once, then absent [S-6.3.1b S-6.3.1d S-6.3.2b S-6.3.0]", async () => {
    const scene = await stage();
    await beWatched(scene);
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
    expect(last.match(/<tuple /g)).toHaveLength(1);
    expect(last).toContain("closed");
  });

  it("successive documents never carry the same timestamp, all of RFC 3339 with T and Z, in every tuple [I-4.1.7a I-4.1.7b I-4.1.7c]", async () => {
    const clock = new FakeClock();
    const scene = await stage({}, { clock });
    await beWatched(scene);
    const stamps = new Set<string>();
    for (const show of ["away", "xa", "dnd", "chat"]) {
      scene.juliet.send(`<presence><show>${show}</show></presence>`);
      const document = (await scene.events.expect("notify")).data.object as string;
      const [stamp = ""] = /(?<=<timestamp>)[^<]+/.exec(document) ?? [];
      expect(stamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/);
      expect(document.match(/<timestamp>/g)).toHaveLength(document.match(/<tuple /g)?.length ?? 0);
      stamps.add(stamp);
    }
    expect(stamps.size).toBe(4);
  });

  it("denied: response failure, terminated, no notify [S-6.2i S-6.2j D-4.2.1.2a]", async () => {
    const scene = await stage();
    await scene.foreign.call("PUT", SUBSCRIPTION, { transId: "t1" });
    await scene.juliet.expect("<presence type='subscribe'/>");
    scene.juliet.send(`<presence type='unsubscribed' to='${ROMEO}'/>`);
    await scene.events.expect("response", { transId: "t1", status: "failure" });
    await scene.events.expect("terminated", { reason: "denied" });
    scene.juliet.send("<presence><show>away</show></presence>");
    expect(await eventsUntilNow(scene)).toEqual([]);
  });

  it("the user cancels: terminated, which in this binding is the duration of zero, and no notify any more [S-6.5a S-6.5c S-6.5d S-6.5e]", async () => {
    const scene = await stage();
    await beWatched(scene);
    scene.juliet.send(`<presence type='unsubscribed' to='${ROMEO}' id='c1'/>`);
    await scene.events.expect("terminated", {
      reason: "cancelled",
      transId: "c1",
      target: `pres:${JULIET}`,
      watcher: `pres:${ROMEO}`,
    });
    scene.juliet.send("<presence><show>away</show></presence>");
    expect(await eventsUntilNow(scene)).toEqual([]);
  });

  it("an unknown user or presentity is not found, a second request is a conflict [S-6.2k D-4.2.1.2a PP-3.4.1a PP-3.4.1c]", async () => {
    const scene = await stage();
    const unknown = await scene.foreign.call("PUT", `/presentities/${ROMEO}/subscriptions/nobody@example.com`, {});
    expect([unknown.status, unknown.json().condition]).toEqual([404, "item-not-found"]);
    const unregistered = SUBSCRIPTION.replace("romeo", "mercutio");
    const nobody = await scene.foreign.call("PUT", unregistered, {});
    expect([nobody.status, nobody.json().condition]).toEqual([404, "item-not-found"]);
    await scene.foreign.call("PUT", SUBSCRIPTION, {});
    expect((await scene.foreign.call("PUT", SUBSCRIPTION, {})).status).toBe(409);
  });

  it("duration 0 is a fetch: forbidden without authorisation, else the document, once, and no stanza [D-4.2.4d PP-3.1g PP-3.4.1b PP-3.4.3 S-6.2k]", async () => {
    const scene = await stage();
    expect((await scene.foreign.call("PUT", SUBSCRIPTION, { duration: 0 })).status).toBe(403);
    await scene.juliet.expectNothing();
    await beWatched(scene, { duration: 600 });
    const fetched = await scene.foreign.call("PUT", SUBSCRIPTION, { duration: 0 });
    expect(fetched.status).toBe(200);
    expect(fetched.headers.get("content-type")).toContain("application/pidf+xml");
    expect(fetched.text).toContain('<tuple id="balcony">');
    await scene.juliet.expectNothing();
    expect(await eventsUntilNow(scene)).toEqual([]);
  });

  it("the duration runs out: terminated; asking again needs no new approval (JC-46) [S-6.2l S-6.2m D-4.2.1.1]", async () => {
    const clock = new FakeClock();
    const scene = await stage({}, { clock });
    await beWatched(scene, { duration: 120 });
    clock.advance(121_000);
    await scene.events.expect("terminated", { reason: "expired" });
    scene.juliet.send("<presence><show>away</show></presence>");
    expect(await eventsUntilNow(scene)).toEqual([]);
    const again = await scene.foreign.call("PUT", SUBSCRIPTION, { duration: 120, transId: "t2" });
    expect([again.status, again.json().status]).toEqual([200, "success"]);
    expect((await scene.events.expect("notify")).data.object).toContain("away");
    expect((await scene.juliet.untilNow()).map(({ attrs }) => attrs.type)).toEqual([undefined]); // her own presence
  });

  it("the same call again is a refresh: the same subscription, a new duration (JC-46) [PP-3.4.1c S-6.2l]", async () => {
    const clock = new FakeClock();
    const scene = await stage({}, { clock });
    await beWatched(scene, { duration: 120 });
    clock.advance(100_000);
    const refreshed = await scene.foreign.call("PUT", SUBSCRIPTION, { duration: 120, transId: "t2" });
    expect([refreshed.status, refreshed.json().status]).toEqual([200, "success"]);
    const { data } = await scene.events.expect("notify", { transId: "t2" });
    clock.advance(100_000);
    scene.juliet.send("<presence><show>away</show></presence>");
    await scene.events.expect("notify", { subscription: data.subscription });
    clock.advance(21_000);
    await scene.events.expect("terminated", { reason: "expired" });
  });

  it("the presentity unsubscribes: the user is told, notifies stop [D-4.2.3b PP-3.4.3]", async () => {
    const scene = await stage();
    await beWatched(scene);
    expect((await scene.foreign.call("DELETE", SUBSCRIPTION)).status).toBe(204);
    await scene.juliet.until(`<presence type='unsubscribe' from='${ROMEO}'/>`);
    scene.juliet.send("<presence><show>away</show></presence>");
    expect(await eventsUntilNow(scene)).toEqual([]);
  });

  it("directed presence without a subscription goes nowhere (JC-51)", async () => {
    const scene = await stage();
    scene.juliet.send(`<presence to='${ROMEO}'/>`);
    await scene.juliet.expectNothing();
    expect(await eventsUntilNow(scene)).toEqual([]);
  });

  it.each([
    [1_000_000, 86_400],
    [300, 300],
    [10, 10],
  ])("asked for %i seconds: %i are granted, and those count (JC-46) [PP-3.1d D-4.2.1.1]", async (asked, granted) => {
    const clock = new FakeClock();
    const scene = await stage({}, { clock });
    const answer = await scene.foreign.call("PUT", SUBSCRIPTION, { duration: asked });
    expect(answer.json().duration).toBe(granted);
    scene.juliet.send(`<presence type='subscribed' to='${ROMEO}'/>`);
    await scene.events.expect("response", { status: "success" });
    await scene.events.expect("notify");
    clock.advance(granted * 1000 - 1);
    expect(await eventsUntilNow(scene)).toEqual([]);
    clock.advance(1);
    await scene.events.expect("terminated", { reason: "expired" });
  });

  it("ids of 40 octets are taken, and the gateway's own are no longer, nor ever alike [PP-3.1b PP-3.4b]", async () => {
    const scene = await stage();
    const transId = "t".repeat(40);
    const seen = new Set<string>();
    for (let n = 0; n < 30; n++) {
      expect((await scene.foreign.call("PUT", SUBSCRIPTION, { transId })).json().transId).toBe(transId);
      scene.juliet.send(`<presence type='subscribed' to='${ROMEO}'/>`);
      await scene.events.expect("response", { transId, status: "success" });
      const subscription = (await scene.events.expect("notify")).data.subscription as string;
      expect(Buffer.byteLength(subscription)).toBeLessThanOrEqual(40);
      seen.add(subscription);
      await scene.foreign.call("DELETE", SUBSCRIPTION);
    }
    expect(seen.size).toBe(30);
  });

  it("a caller who may not act for the presentity: failure, and the user hears nothing [PP-3.4.1b S-6.2k X-7.1]", async () => {
    const scene = await stage();
    const other = await Foreign.of(scene.server, "presentity:mercutio@example.net");
    for (const body of [{}, { duration: 600 }, { duration: 0 }]) {
      expect((await other.call("PUT", SUBSCRIPTION, body)).status).toBe(403);
    }
    await scene.juliet.expectNothing();
  });
});
