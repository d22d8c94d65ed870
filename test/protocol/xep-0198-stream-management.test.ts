// XEP-0198 1.6.3: Stream Management. One file for the protocol; what survives restarts is in xep-0198-restart.test.ts.

import { describe, expect, it } from "vitest";
import type { ScriptedClient } from "../support/client.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { befriend, startServer, type TestServer } from "../support/server.ts";

const SM = "urn:xmpp:sm:3";
const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";

function plain(config: Parameters<typeof startServer>[0] = {}, parts?: Parameters<typeof startServer>[1]) {
  return startServer({ ...config, c2s: { requireTls: false } }, parts);
}

function chat(to: string, body: string): string {
  return `<message to='${to}' type='chat' id='${body}'><body>${body}</body></message>`;
}

async function managed(server: TestServer, user: string, attrs?: string, resource?: string) {
  const client = await server.client(user, resource === undefined ? {} : { resource });
  const enabled = await client.enable(attrs);
  client.send("<presence/>");
  await client.sync();
  return { client, previd: enabled.attrs.id as string, enabled };
}

async function resumed(server: TestServer, user: string, previd: string, lost: ScriptedClient) {
  const client = await server.authenticated(user);
  const answer = await client.resumeSession(previd, lost);
  return { client, h: Number(answer.attrs.h) };
}

describe("XEP-0198 section 2: stream feature", () => {
  it("<sm/> is offered after login, and not before", async () => {
    const server = await plain();
    await server.admin.addUser("romeo", "secret");
    const client = await server.connect();
    const before = await client.open();
    expect(before.getChild("sm", SM)).toBeUndefined();
    const after = await client.authenticate("romeo", "secret");
    expect(after.getChild("sm", SM)).toBeDefined();
  });
});

describe("XEP-0198 section 3: enabling", () => {
  it("without resume: enabled, and no id to resume by", async () => {
    const server = await plain();
    const client = await server.client("romeo");
    const enabled = await client.enable("");
    expect(enabled.attrs.resume).toBeUndefined();
    expect(enabled.attrs.id).toBeUndefined();
  });

  it.each(["true", "1"])("resume='%s': an id and the maximum, 10 minutes by default", async (value) => {
    const server = await plain();
    const client = await server.client("romeo");
    const enabled = await client.enable(`resume='${value}'`);
    expect(enabled.attrs).toMatchObject({ resume: "true", max: "600", id: expect.stringMatching(/^.{16,}$/) });
    expect(enabled.attrs.location).toBeUndefined();
  });

  it("the client may ask for less time, not for more; the location is the configured one", async () => {
    const server = await plain({ streamManagement: { resumeSeconds: 300, location: "[2001:db8::1]:5222" } });
    const [one, two] = [await server.client("romeo"), await server.client("romeo")];
    expect((await one.enable("resume='true' max='60'")).attrs).toMatchObject({ max: "60" });
    expect((await two.enable("resume='true' max='9999'")).attrs).toMatchObject({
      max: "300",
      location: "[2001:db8::1]:5222",
    });
  });

  it("where resumption is switched off the stream is managed all the same", async () => {
    const server = await plain({ streamManagement: { resumeSeconds: 0 } });
    const client = await server.client("romeo");
    expect((await client.enable()).attrs.resume).toBeUndefined();
    expect(await client.askForAck()).toBe(0);
  });

  it("before a resource is bound, and before login: failed, unexpected-request", async () => {
    const server = await plain();
    const failed = `<failed xmlns='${SM}'><unexpected-request xmlns='${STANZAS}'/></failed>`;
    await server.admin.addUser("romeo", "secret");
    const client = await server.connect();
    await client.open();
    client.send(`<enable xmlns='${SM}'/>`);
    await client.expect(failed);
    await client.authenticate("romeo", "secret");
    client.send(`<enable xmlns='${SM}'/>`);
    await client.expect(failed);
    await client.bind();
    await client.enable();
  });

  it("a second <enable/>: failed, and a stream error", async () => {
    const server = await plain();
    const client = await server.client("romeo");
    await client.enable();
    client.send(`<enable xmlns='${SM}'/>`);
    await client.expect(`<failed xmlns='${SM}'><unexpected-request xmlns='${STANZAS}'/></failed>`);
    await client.expectStreamError("policy-violation");
  });

  it.each(["<r xmlns='urn:xmpp:sm:3'/>", "<a xmlns='urn:xmpp:sm:3' h='0'/>"])("%s before it: failed", async (nonza) => {
    const server = await plain();
    const client = await server.client("romeo");
    client.send(nonza);
    await client.expect(`<failed xmlns='${SM}'><unexpected-request xmlns='${STANZAS}'/></failed>`);
    await client.expectNothing();
  });
});

describe("XEP-0198 section 4: acknowledgements", () => {
  it("the server counts the stanzas that it handled since <enable/>, of whatever kind", async () => {
    const server = await plain();
    const client = await server.client("romeo");
    await client.sync();
    await client.enable();
    expect(await client.askForAck()).toBe(0);
    client.send("<presence/>");
    client.send(chat("nobody@example.com", "hello"));
    client.send("<iq type='get' id='v'><query xmlns='jabber:iq:roster'/></iq>");
    client.send("<iq type='get' id='bad' to='example.com'/>"); // refused is handled, too
    expect(await client.askForAck()).toBe(4);
    client.send(" \n ");
    client.send(`<a xmlns='${SM}' h='${client.handled}'/>`); // neither white space nor nonzas count
    expect(await client.askForAck()).toBe(4);
  });

  it("<a/> stands behind what the stanzas before it caused", async () => {
    const server = await plain();
    const client = await server.client("romeo");
    await client.enable();
    client.send("<iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq><r xmlns='urn:xmpp:sm:3'/>");
    await client.expect("<iq type='result' id='1'/>");
    await client.expect(`<a xmlns='${SM}' h='1'/>`);
  });

  it("the server asks after five stanzas, or after a second", async () => {
    const clock = new FakeClock();
    const server = await plain({}, { clock });
    const { client } = await managed(server, "romeo");
    const juliet = await server.client("juliet");
    client.ack();
    await client.sync();
    client.ack();
    clock.advance(1_000);
    await client.untilNow();
    client.ack();
    await client.untilNow();
    client.ack();
    for (let n = 1; n <= 5; n++) juliet.send(chat(client.full, `m${n}`));
    await juliet.sync();
    const seen = (await client.untilNow()).map(({ name }) => name);
    expect(seen.filter((name) => name === "message").length).toBe(5);
    expect(seen).toContain("r");
    client.ack();
    await client.untilNow();
    client.ack();
    await client.sync();
    client.ack();
    juliet.send(chat(client.full, "one more"));
    await juliet.sync();
    await client.until("<message/>");
    clock.advance(1_000);
    await client.until(`<r xmlns='${SM}'/>`);
  });

  it("a request that stays unanswered costs the connection, not the session", async () => {
    const clock = new FakeClock();
    const server = await plain(
      { streamManagement: { ackTimeoutSeconds: 30 }, limits: { idleTimeoutSeconds: 0 } },
      { clock },
    );
    const { client, previd } = await managed(server, "romeo");
    clock.advance(1_000);
    await client.until(`<r xmlns='${SM}'/>`);
    clock.advance(31_000);
    await client.until("<error xmlns='http://etherx.jabber.org/streams'/>");
    await client.expectClosed();
    await resumed(server, "romeo", previd, client);
  });

  it("section 6: more than was sent is handled-count-too-high, with both counts", async () => {
    const server = await plain();
    const client = await server.client("romeo");
    await client.enable();
    await client.sync();
    client.send(`<a xmlns='${SM}' h='10'/>`);
    const error = await client.expectStreamError("undefined-condition");
    expect(error.getChild("handled-count-too-high", SM)?.attrs).toMatchObject({ h: "10", "send-count": "1" });
  });

  it.each(["-1", "4294967296", "x", ""])("an h of '%s' is a stream error", async (h) => {
    const server = await plain();
    const client = await server.client("romeo");
    await client.enable();
    client.send(`<a xmlns='${SM}' h='${h}'/>`);
    await client.expectStreamError("bad-format");
  });

  it("a managed stream that is closed leaves what is unacknowledged to the offline store, stamped", async () => {
    const clock = new FakeClock();
    const server = await plain({}, { clock });
    const { client } = await managed(server, "romeo", "");
    const juliet = await server.client("juliet");
    juliet.send(chat("romeo@example.com", "one"));
    await client.until("<message id='one'/>");
    client.ack();
    juliet.send(chat("romeo@example.com", "two"));
    await client.until("<message id='two'/>");
    await client.close();
    clock.advance(60_000);
    const back = await server.client("romeo");
    back.send("<presence/>");
    const messages = (await back.untilNow()).filter(({ name }) => name === "message");
    expect(messages.map(({ attrs }) => attrs.id)).toEqual(["two"]);
    expect(messages[0]?.getChild("delay", "urn:xmpp:delay")?.attrs.stamp).toBe("2026-01-01T00:00:00.000Z");
  });
});

describe("XEP-0198 section 5: resumption", () => {
  it("nothing is lost, nothing comes twice, and the counters go on", async () => {
    const server = await plain();
    const { client, previd } = await managed(server, "romeo");
    const juliet = await server.client("juliet");
    juliet.send(chat("romeo@example.com", "one"));
    await client.until("<message id='one'/>");
    client.send(chat(juliet.full, "mine"));
    await juliet.until("<message id='mine'/>");
    client.cut();
    juliet.send(chat("romeo@example.com", "two"));
    juliet.send(chat("romeo@example.com", "three"));
    await juliet.sync();
    const { client: back, h } = await resumed(server, "romeo", previd, client);
    expect(h).toBe(3); // presence, ping, message
    await back.expect("<message id='two'><body>two</body></message>");
    await back.expect("<message id='three'/>");
    expect(await back.askForAck()).toBe(3);
    back.ack();
    back.send(chat(juliet.full, "again"));
    await juliet.until("<message id='again'/>");
    expect(await back.askForAck()).toBe(4);
    expect((await back.untilNow()).filter(({ name }) => name !== "r")).toEqual([]);
  });

  it("the contacts see no difference, and no presence or roster is sent again", async () => {
    const server = await plain();
    const romeo = await server.client("romeo");
    const previd = (await romeo.enable()).attrs.id as string;
    await romeo.ask("get", "<query xmlns='jabber:iq:roster'/>");
    romeo.send("<presence/>");
    await romeo.sync();
    const juliet = await server.online("juliet");
    await befriend(romeo, juliet);
    romeo.ack();
    await romeo.sync();
    romeo.ack();
    await romeo.untilNow();
    romeo.cut();
    await juliet.expectNothing();
    const { client: back } = await resumed(server, "romeo", previd, romeo);
    expect((await back.untilNow()).map(({ name }) => name).filter((name) => name !== "iq" && name !== "r")).toEqual([]);
    await juliet.expectNothing();
    juliet.send("<presence><show>away</show></presence>");
    await back.until("<presence><show>away</show></presence>");
  });

  it("section 5: the former connection is closed with conflict if it is still there", async () => {
    const server = await plain();
    const { client, previd } = await managed(server, "romeo");
    const { client: back } = await resumed(server, "romeo", previd, client);
    await client.until(
      "<error xmlns='http://etherx.jabber.org/streams'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></error>",
    );
    await client.expectClosed();
    await back.sync();
  });

  it("a stream error of the server's that says nothing against the client leaves the session", async () => {
    const clock = new FakeClock();
    const server = await plain({ limits: { idleTimeoutSeconds: 10 } }, { clock });
    const { client, previd } = await managed(server, "romeo");
    client.ack();
    for (let n = 0; n < 12; n++) clock.advance(10_000);
    await client.until(
      "<error xmlns='http://etherx.jabber.org/streams'><connection-timeout xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></error>",
    );
    await resumed(server, "romeo", previd, client);
  });

  it.each([
    ["a clean end", (client: ScriptedClient) => client.close()],
    [
      "a stream error of the client's own doing",
      async (client: ScriptedClient) => {
        client.send("<not-well-formed");
        client.send("<");
        await client.ended();
      },
    ],
  ])("after %s it is over: item-not-found", async (_name, end) => {
    const server = await plain();
    const { client, previd } = await managed(server, "romeo");
    await end(client);
    const again = await server.authenticated("romeo");
    again.send(`<resume xmlns='${SM}' previd='${previd}' h='0'/>`);
    await again.expect(`<failed xmlns='${SM}'><item-not-found xmlns='${STANZAS}'/></failed>`);
    await again.bind(); // section 5: the client may go on without a new login
    await again.sync();
  });

  it("when its time is over: contacts see it gone, messages go offline with their own time, and failed tells the count", async () => {
    const clock = new FakeClock(Date.parse("2026-01-01T00:00:00Z"));
    const server = await plain({}, { clock });
    const { client, previd } = await managed(server, "romeo");
    client.ack();
    await client.untilNow();
    client.ack();
    client.send(chat("juliet@example.com", "from romeo"));
    await client.askForAck();
    client.cut();
    const juliet = await server.online("juliet");
    juliet.send(chat("romeo@example.com", "one"));
    await juliet.sync();
    clock.advance(500_000);
    juliet.send(chat("romeo@example.com", "two"));
    await juliet.sync();
    clock.advance(200_000);
    const again = await server.authenticated("romeo");
    again.send(`<resume xmlns='${SM}' previd='${previd}' h='0'/>`);
    const failed = await again.expect(`<failed xmlns='${SM}'><item-not-found xmlns='${STANZAS}'/></failed>`);
    expect(failed.attrs.h).toBe("4"); // presence, two pings and the message
    await again.bind();
    again.send("<presence/>");
    await again.until("<message id='one'><delay xmlns='urn:xmpp:delay' stamp='2026-01-01T00:00:00.000Z'/></message>");
    await again.expect("<message id='two'><delay xmlns='urn:xmpp:delay' stamp='2026-01-01T00:08:20.000Z'/></message>");
    await again.untilNow();
    const once = await server.client("romeo");
    once.send("<presence/>");
    expect((await once.untilNow()).filter(({ name }) => name === "message")).toEqual([]);
  });

  it("when its time is over, who asked it something is told (RFC 6120 section 8.2.3: every request is answered)", async () => {
    const clock = new FakeClock();
    const server = await plain({}, { clock });
    const romeo = await server.online("romeo");
    const juliet = await server.online("juliet");
    await befriend(romeo, juliet);
    await romeo.enable();
    romeo.cut();
    juliet.send(`<iq type='get' id='q' to='${romeo.full}'><query xmlns='jabber:iq:version'/></iq>`);
    await juliet.expectNothing();
    clock.advance(601_000);
    await juliet.until(
      `<iq type='error' id='q' from='${romeo.full}'><error><service-unavailable xmlns='${STANZAS}'/></error></iq>`,
    );
  });

  it("another device that acknowledged the message is enough; one that did not is not", async () => {
    const clock = new FakeClock();
    const server = await plain({ limits: { idleTimeoutSeconds: 0 } }, { clock });
    const phone = await managed(server, "romeo", undefined, "phone");
    const desk = await managed(server, "romeo", undefined, "desk");
    const juliet = await server.client("juliet");
    juliet.send(chat("romeo@example.com", "both"));
    await juliet.sync();
    await desk.client.until("<message id='both'/>");
    desk.client.ack();
    await desk.client.sync();
    juliet.send(chat("romeo@example.com", "neither"));
    await juliet.sync();
    phone.client.cut();
    desk.client.cut();
    clock.advance(700_000);
    const back = await server.client("romeo");
    back.send("<presence/>");
    const bodies = (await back.untilNow()).filter(({ name }) => name === "message").map(({ attrs }) => attrs.id);
    expect(bodies).toEqual(["neither"]);
  });

  it("what the ended session had not acknowledged goes to another resource, with its time", async () => {
    const clock = new FakeClock(Date.parse("2026-01-01T00:00:00Z"));
    const server = await plain({}, { clock });
    const phone = await managed(server, "romeo", undefined, "phone");
    phone.client.cut();
    const juliet = await server.client("juliet");
    juliet.send(chat("romeo@example.com/phone", "to the phone"));
    await juliet.sync();
    clock.advance(60_000);
    const desk = await server.online("romeo", { resource: "desk" });
    clock.advance(600_000);
    await desk.until(
      "<message id='to the phone'><body>to the phone</body><delay xmlns='urn:xmpp:delay' stamp='2026-01-01T00:00:00.000Z'/></message>",
    );
  });

  it("a copy (XEP-0280) on another device counts as arrived", async () => {
    const clock = new FakeClock();
    const server = await plain({}, { clock });
    const phone = await managed(server, "romeo", undefined, "phone");
    const desk = await server.online("romeo", { resource: "desk" });
    await desk.ask("set", "<enable xmlns='urn:xmpp:carbons:2'/>");
    phone.client.cut();
    const juliet = await server.client("juliet");
    juliet.send(chat("romeo@example.com/phone", "x"));
    await juliet.sync();
    await desk.until("<message><received xmlns='urn:xmpp:carbons:2'/></message>");
    clock.advance(601_000);
    expect((await desk.untilNow()).filter(({ name }) => name === "message")).toEqual([]);
  });

  it.each([
    ["acknowledged", 0],
    ["not acknowledged", 1],
  ])("a message to oneself whose copy another device has %s, and the sender itself not: %i more", async (has, more) => {
    const clock = new FakeClock();
    const server = await plain({}, { clock });
    const phone = await server.client("romeo", { resource: "phone" });
    await phone.enable();
    await phone.ask("set", "<enable xmlns='urn:xmpp:carbons:2'/>");
    const desk = await managed(server, "romeo", undefined, "desk");
    desk.client.send(chat("romeo@example.com", "note"));
    await phone.until("<message><sent xmlns='urn:xmpp:carbons:2'/></message>");
    if (has === "acknowledged") phone.ack();
    await phone.askForAck();
    const nurse = await server.client("nurse");
    for (const client of [phone, desk.client]) {
      client.cut();
      await client.ended();
      for (let turn = 0; turn < 3; turn++) await nurse.sync(); // by then the server has noticed, too
      clock.advance(700_000);
    }
    const next = await server.client("romeo", { resource: "phone" });
    next.send("<presence/>");
    const messages = (await next.untilNow()).filter(({ name }) => name === "message");
    expect(messages.map(({ attrs, children }) => `${attrs.id} ${children.length > 0}`)).toEqual(
      Array(more).fill("note true"),
    );
  });

  it("what waits in the offline store, and came as a copy that was not acknowledged, waits there once", async () => {
    const clock = new FakeClock();
    const server = await plain({}, { clock });
    const desk = await server.client("romeo", { resource: "desk" });
    await desk.enable();
    await desk.ask("set", "<enable xmlns='urn:xmpp:carbons:2'/>");
    const juliet = await server.client("juliet");
    juliet.send(chat("romeo@example.com", "for later"));
    await juliet.sync();
    const seen = await desk.untilNow();
    expect(seen.filter((el) => el.getChild("received", "urn:xmpp:carbons:2") !== undefined)).toHaveLength(1);
    desk.cut();
    await desk.ended();
    clock.advance(700_000);
    const phone = await server.client("romeo", { resource: "phone" });
    phone.send("<presence/>");
    const messages = (await phone.untilNow()).filter(({ name }) => name === "message");
    expect(messages.map(({ attrs }) => attrs.id)).toEqual(["for later"]);
  });

  it("only its own account can resume a session, and learns nothing of others'", async () => {
    const server = await plain();
    const { client, previd } = await managed(server, "romeo");
    client.cut();
    const paris = await server.authenticated("paris");
    paris.send(`<resume xmlns='${SM}' previd='${previd}' h='0'/>`);
    const failed = await paris.expect(`<failed xmlns='${SM}'><item-not-found xmlns='${STANZAS}'/></failed>`);
    expect(failed.attrs.h).toBeUndefined();
    await resumed(server, "romeo", previd, client);
  });

  it("before login: failed, unexpected-request", async () => {
    const server = await plain();
    const { client, previd } = await managed(server, "romeo");
    client.cut();
    const nobody = await server.connect();
    await nobody.open();
    nobody.send(`<resume xmlns='${SM}' previd='${previd}' h='0'/>`);
    await nobody.expect(`<failed xmlns='${SM}'><unexpected-request xmlns='${STANZAS}'/></failed>`);
  });

  it.each(["previd='x'", "h='0'", "previd='x' h='-1'"])("a <resume/> with only %s is a bad request", async (attrs) => {
    const server = await plain();
    const client = await server.authenticated("romeo");
    client.send(`<resume xmlns='${SM}' ${attrs}/>`);
    await client.expect(`<failed xmlns='${SM}'><bad-request xmlns='${STANZAS}'/></failed>`);
  });

  it("many times over, a session is resumed from wherever it broke", async () => {
    const server = await plain();
    const juliet = await server.client("juliet");
    const { client, previd } = await managed(server, "romeo");
    const got: string[] = [];
    let romeo = client;
    for (let round = 0; round < 20; round++) {
      for (let n = 0; n < round % 7; n++) juliet.send(chat("romeo@example.com", `${round}.${n}`));
      if (round % 3 === 0) await juliet.sync();
      if (round % 2 === 0) romeo.ack();
      if (round % 5 === 0)
        got.push(
          ...(await romeo.untilNow()).filter(({ name }) => name === "message").map(({ attrs }) => attrs.id as string),
        );
      romeo.cut();
      await romeo.ended();
      for (const element of romeo.left()) if (element.name === "message") got.push(element.attrs.id as string);
      romeo = (await resumed(server, "romeo", previd, romeo)).client;
    }
    await juliet.sync();
    got.push(
      ...(await romeo.untilNow()).filter(({ name }) => name === "message").map(({ attrs }) => attrs.id as string),
    );
    const expected: string[] = [];
    for (let round = 0; round < 20; round++) for (let n = 0; n < round % 7; n++) expected.push(`${round}.${n}`);
    expect(got).toEqual(expected);
  });

  it("too much unacknowledged ends the session, and its messages wait in the offline store", async () => {
    const server = await plain({ streamManagement: { queueStanzas: 100 } });
    const { client, previd } = await managed(server, "romeo");
    client.cut();
    const juliet = await server.client("juliet");
    for (let n = 0; n < 150; n++) juliet.send(chat("romeo@example.com", `${n}`));
    await juliet.sync();
    const again = await server.authenticated("romeo");
    again.send(`<resume xmlns='${SM}' previd='${previd}' h='0'/>`);
    await again.expect(`<failed xmlns='${SM}'><item-not-found xmlns='${STANZAS}'/></failed>`);
    await again.bind();
    again.send("<presence/>");
    const ids = (await again.untilNow()).filter(({ name }) => name === "message").map(({ attrs }) => attrs.id);
    expect(ids).toEqual(Array.from({ length: 150 }, (_, n) => `${n}`));
  });

  it("what was on its way from the offline store when the connection broke keeps its place before the rest", async () => {
    const clock = new FakeClock();
    const server = await plain({ streamManagement: { queueStanzas: 100 } }, { clock });
    await server.admin.addUser("romeo", "secret");
    const juliet = await server.client("juliet");
    for (let n = 0; n < 250; n++) {
      juliet.send(chat("romeo@example.com", `${n}`));
      if (n % 50 === 49) {
        await juliet.sync();
        clock.advance(1_000);
      }
    }
    const romeo = await server.client("romeo");
    await romeo.enable();
    romeo.send("<presence/>");
    await romeo.until("<message id='24'/>");
    romeo.cut(); // without having acknowledged anything
    await juliet.sync();
    await romeo.ended();
    await juliet.sync();
    clock.advance(10_000); // what the lost client asked for last has had its time
    await juliet.sync();
    clock.advance(601_000);
    const back = await server.client("romeo");
    back.send("<presence/>");
    const ids = (await back.untilNow()).filter(({ name }) => name === "message").map(({ attrs }) => attrs.id);
    expect(ids).toEqual(Array.from({ length: 250 }, (_, n) => `${n}`));
  });

  it("of somebody whose presence changes a thousand times while it is away it learns the last", async () => {
    const server = await plain({ streamManagement: { queueStanzas: 100 } });
    const romeo = await server.online("romeo");
    const juliet = await server.online("juliet");
    await befriend(romeo, juliet);
    const previd = (await romeo.enable()).attrs.id as string;
    await romeo.sync();
    romeo.cut();
    // The server is to see it first: what is cut goes out with the second round trip at the latest.
    await juliet.sync();
    await juliet.sync();
    for (let n = 0; n < 1_000; n++) juliet.send(`<presence><status>${n}</status></presence>`);
    await juliet.sync();
    const { client: back } = await resumed(server, "romeo", previd, romeo);
    const presences = (await back.untilNow()).filter(({ name }) => name === "presence");
    expect(presences.map((el) => el.getChildText("status"))).toEqual(["999"]);
  });
});
