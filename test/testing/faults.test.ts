// Each scripted fault: what the client sees of it, and what the server.

import { describe, expect, it } from "vitest";
import { createTestServer, type ScriptedClient, type TestServer } from "../../server/testing/index.ts";
import { cleanUp } from "../support/server.ts";

const ACK = "<a xmlns='urn:xmpp:sm:3'/>";

async function testServer(config = {}): Promise<TestServer> {
  const server = await createTestServer(config);
  cleanUp(() => server.stop());
  return server;
}

const chat = (to: string, id: string): string =>
  `<message to='${to}' id='${id}' type='chat'><body>${id}</body></message>`;

const ids = (client: ScriptedClient): unknown[] =>
  client.left().flatMap(({ name, attrs }) => (name === "message" ? [attrs.id] : []));

/** The session is there again, with what it had missed. */
async function resumed(server: TestServer, previd: string, lost: ScriptedClient) {
  const client = await server.authenticated("romeo");
  const { h } = (await client.resumeSession(previd, lost)).attrs;
  return { client, h: Number(h) };
}

describe.each(["none", "starttls", "direct"] as const)("dropAfter, TLS: %s", (tls) => {
  const config = { c2s: { requireTls: tls !== "none" } };

  it("from the server: the third ack arrives, and nothing behind it", async () => {
    const server = await testServer(config);
    const romeo = await server.client("romeo", { tls });
    const previd = (await romeo.enable()).attrs.id as string;
    const cut = server.faults.dropAfter({ user: "romeo", from: "server", match: ACK, count: 3 });
    const other = await server.client("juliet", { tls });
    for (const h of [0, 1, 2]) {
      romeo.write(`<r xmlns='urn:xmpp:sm:3'/>${chat("juliet@example.com", `m${h}`)}`);
      await romeo.expect(`<a xmlns='urn:xmpp:sm:3' h='${h}'/>`);
    }
    expect((await cut.happened).element?.attrs.h).toBe("2");
    await romeo.ended();
    expect(romeo.left()).toEqual([]);
    expect(server.wire.toString()).toContain("<a xmlns='urn:xmpp:sm:3' h='2'/>\n-- connection 1: cut");
    await other.sync();
    // What the client had sent behind it is on its way, or lost: only the resumption tells.
    const { h } = await resumed(server, previd, romeo);
    expect([2, 3]).toContain(h);
  });

  it("from the client: the server has it, and its answer does not arrive", async () => {
    const server = await testServer(config);
    const romeo = await server.client("romeo", { tls });
    const previd = (await romeo.enable()).attrs.id as string;
    server.faults.dropAfter({ user: romeo.full, from: "client", match: "<iq id='q'/>" });
    romeo.send("<iq type='get' id='q'><query xmlns='jabber:iq:roster'/></iq>");
    await romeo.ended();
    expect(romeo.left()).toEqual([]);
    const { client, h } = await resumed(server, previd, romeo);
    expect(h).toBe(1);
    await client.expect("<iq type='result' id='q'/>");
  });
});

describe("dropBefore", () => {
  it("from the client: the server never has it", async () => {
    const server = await testServer();
    const romeo = await server.client("romeo");
    const previd = (await romeo.enable()).attrs.id as string;
    server.faults.dropBefore({ from: "client", match: "<message id='two'/>" });
    romeo.write(["one", "two", "three"].map((id) => chat("juliet@example.com", id)).join(""));
    await romeo.ended();
    const { h } = await resumed(server, previd, romeo);
    expect(h).toBe(1);
    expect(server.wire.toString()).toMatch(/C: <message [^\n]* id='two'[^\n]*\(lost\)/);
  });

  it("from the server: it comes with the resumption; without stream management it goes to the offline store", async () => {
    const server = await testServer();
    const [romeo, nurse] = [await server.online("romeo"), await server.online("nurse")];
    const juliet = await server.client("juliet");
    const previd = (await romeo.enable()).attrs.id as string;
    for (const client of [romeo, nurse]) {
      server.faults.dropBefore({ user: client.bare, from: "server", match: "<message/>" });
      juliet.send(chat(client.bare, "m"));
      await client.ended();
      expect(ids(client)).toEqual([]);
    }
    await (await resumed(server, previd, romeo)).client.until("<message id='m'/>");
    const again = await server.client("nurse");
    again.send("<presence/>");
    await again.until("<message id='m'/>");
  });

  it("kind: a stream that ends before the server's header, or before the features", async () => {
    const server = await testServer();
    server.faults.dropBefore({ from: "server", kind: "header" });
    const first = await server.connect();
    await expect(first.open()).rejects.toThrow("the connection ended");
    server.faults.dropAfter({ from: "server", kind: "header" });
    const second = await server.connect();
    second.write(second.header());
    await second.nextOpen();
    await second.ended();
    await (await server.client("romeo")).sync();
  });
});

describe("swallow", () => {
  it("from the server: the server believes that it was sent, and the client never sees it", async () => {
    const server = await testServer();
    const [romeo, juliet] = [await server.online("romeo"), await server.client("juliet")];
    await romeo.enable();
    server.faults.swallow({ user: "romeo", from: "server", match: "<message/>", count: 2 });
    for (const id of ["one", "two", "three"]) juliet.send(chat("romeo@example.com", id));
    await juliet.sync();
    await romeo.until("<message id='one'/>");
    await romeo.expect("<message id='three'/>");
    romeo.send("<a xmlns='urn:xmpp:sm:3' h='3'/>"); // it has counted all three
    await romeo.expectNothing();
  });

  it("of a stream without stream management it is lost, as with a kernel that had taken it", async () => {
    const server = await testServer();
    const [romeo, juliet] = [await server.online("romeo"), await server.client("juliet")];
    server.faults.swallow({ user: "romeo", from: "server", match: "<message id='two'/>" });
    for (const id of ["one", "two", "three"]) juliet.send(chat("romeo@example.com", id));
    await juliet.sync();
    await romeo.sync();
    await server.cut("romeo");
    const again = await server.client("romeo");
    again.send("<presence/>");
    expect((await again.untilNow()).filter(({ name }) => name === "message")).toEqual([]);
  });

  it("from the client: the client believes that it was sent", async () => {
    const server = await testServer();
    const [romeo, juliet] = [await server.client("romeo"), await server.client("juliet")];
    const lost = server.faults.swallow({ from: "client", match: (element) => element.attrs.id === "two" });
    for (const id of ["one", "two", "three"]) romeo.send(chat(juliet.full, id));
    await romeo.sync();
    await juliet.expect("<message id='one'/>");
    await juliet.expect("<message id='three'/>");
    expect((await lost.happened).jid).toBe(romeo.full);
  });

  it("every: a connection that is dead, and that nobody closes, until it is cancelled", async () => {
    const server = await testServer();
    const [romeo, juliet] = [await server.online("romeo"), await server.client("juliet")];
    const dead = server.faults.swallow({ user: "romeo", count: "every" });
    juliet.send(chat("romeo@example.com", "lost"));
    await juliet.sync();
    dead.cancel();
    juliet.send(chat("romeo@example.com", "not lost"));
    await romeo.expect("<message id='not lost'/>");
  });
});

describe("hold", () => {
  it("from the server: the element and all behind it wait; other clients do not", async () => {
    const server = await testServer();
    const [romeo, juliet, nurse] = [
      await server.online("romeo"),
      await server.online("juliet"),
      await server.online("nurse"),
    ];
    const held = server.faults.hold({ user: "romeo", from: "server", match: "<message id='one'/>" });
    for (const id of ["one", "two"]) juliet.send(chat("romeo@example.com", id));
    juliet.send(chat("nurse@example.com", "one"));
    await held.happened;
    await nurse.expect("<message id='one'/>");
    await juliet.sync();
    await server.wire.next("<message to='nurse@example.com' id='one'/>");
    expect(romeo.left()).toEqual([]);
    held.release();
    await romeo.expect("<message id='one'/>");
    await romeo.expect("<message id='two'/>");
    await romeo.expectNothing();
  });

  it("from the client: what it says next waits, too, and so does its goodbye", async () => {
    const server = await testServer();
    const [romeo, juliet] = [await server.client("romeo"), await server.client("juliet")];
    const held = server.faults.hold({ user: "romeo", match: "<message id='one'/>" });
    romeo.write(`${chat(juliet.full, "one")}${chat(juliet.full, "two")}</stream:stream>`);
    romeo.halfClose();
    await held.happened;
    await juliet.expectNothing();
    held.release();
    await juliet.expect("<message id='one'/>");
    await juliet.expect("<message id='two'/>");
    await romeo.ended();
  });

  it("what is held when the connection is lost counts as never taken", async () => {
    const server = await testServer();
    const [romeo, juliet] = [await server.online("romeo"), await server.client("juliet")];
    const held = server.faults.hold({ user: "romeo", from: "server", match: "<message id='two'/>" });
    for (const id of ["one", "two", "three"]) juliet.send(chat("romeo@example.com", id));
    await held.happened;
    await juliet.sync();
    await romeo.expect("<message id='one'/>");
    romeo.cut();
    await server.wire.next({ user: "juliet", from: "server" });
    held.release();
    await juliet.sync();
    const again = await server.client("romeo");
    again.send("<presence/>");
    const back = (await again.untilNow()).filter(({ name }) => name === "message");
    expect(back.map(({ attrs }) => attrs.id)).toEqual(["two", "three"]);
  });
});

describe("which elements are meant", () => {
  it("user: a localpart, a bare JID, a full JID; others pass", async () => {
    const server = await testServer();
    const [phone, desk] = [
      await server.client("romeo", { resource: "phone" }),
      await server.client("romeo", { resource: "desk" }),
    ];
    const juliet = await server.client("juliet");
    for (const [user, gone] of [
      ["romeo@example.com/desk", desk],
      ["romeo@example.com", phone],
      ["juliet", juliet],
    ] as const) {
      const fault = server.faults.dropBefore({ user, match: "<presence/>" });
      for (const client of [juliet, phone, desk]) client.send("<presence/>");
      await gone.ended();
      expect((await fault.happened).jid).toBe(gone.full);
    }
  });

  it("the user of a login is known before a resource is bound, with PLAIN", async () => {
    const server = await testServer();
    server.faults.dropBefore({
      user: "romeo",
      from: "server",
      match: "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
    });
    await (await server.client("juliet")).sync();
    await expect(server.client("romeo")).rejects.toThrow("the connection ended");
  });

  it("a fault that was cancelled does not happen, and a template that is no XML is refused at once", async () => {
    const server = await testServer();
    const romeo = await server.client("romeo");
    server.faults.dropAfter({ match: "<presence/>" }).cancel();
    romeo.send("<presence/>");
    await romeo.sync();
    expect(server.faults.armed).toBe(false);
    expect(() => server.faults.swallow({ match: "<presence" })).toThrow();
  });

  it("a stanza in several chunks is one, and is not seen by halves", async () => {
    const server = await testServer();
    const [romeo, juliet] = [await server.client("romeo"), await server.client("juliet")];
    const text = chat(juliet.full, "slow");
    server.faults.swallow({ match: "<message id='slow'/>" });
    for (const octet of Buffer.from(text)) romeo.write(Buffer.from([octet]));
    romeo.send(chat(juliet.full, "next"));
    await juliet.expect("<message id='next'/>");
  });
});
