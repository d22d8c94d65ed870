// RFC 6120 section 10.1: in-order processing, above all where a stanza must wait for the store and the session ends meanwhile.

import { describe, expect, it } from "vitest";
import { gatedStore } from "../support/gated-store.ts";
import { join, make, ROOM, say } from "../support/rooms.ts";
import { befriend, startServer } from "../support/server.ts";

function chat(to: string, body: string | number): string {
  return `<message to='${to}' type='chat'><body>${body}</body></message>`;
}

const STATE = "<composing xmlns='http://jabber.org/protocol/chatstates'/>";

describe("RFC 6120 section 10.1: stanzas of one stream are processed in order", () => {
  it("what waits behind a slow stanza is processed behind it, however much it is", async () => {
    const { store, hold } = gatedStore();
    const server = await startServer({ limits: { inboxStanzas: 10 } }, { store });
    const romeo = await server.online("romeo");
    const juliet = await server.client("juliet");
    const gate = hold("roster", "load");
    const numbers = Array.from({ length: 3_000 }, (_, index) => index);
    juliet.send("<iq type='get' id='slow'><query xmlns='jabber:iq:roster'/></iq>");
    for (const n of numbers) juliet.send(chat("romeo@example.com", n));
    await gate.reached;
    await romeo.expectNothing();
    gate.open();
    await juliet.expect("<iq type='result' id='slow'/>");
    for (const n of numbers) await romeo.expect(`<message><body>${n}</body></message>`);
  });

  it("point 2: bare and full JID are the same recipient, away and there the same user", async () => {
    const server = await startServer();
    const juliet = await server.client("juliet");
    await server.client("romeo").then((romeo) => romeo.close());
    juliet.send(chat("romeo@example.com", 1) + chat("romeo@example.com/orchard", 2) + chat("romeo@example.com", 3));
    await juliet.sync();
    const romeo = await server.client("romeo", { resource: "orchard" });
    romeo.send("<presence/>");
    juliet.send(chat("romeo@example.com/orchard", 4) + chat("romeo@example.com", 5));
    for (const n of [1, 2, 3, 4, 5]) await romeo.until(`<message><body>${n}</body></message>`);
  });

  it("what is sent while stored messages are being delivered comes behind them, once", async () => {
    const { store, hold } = gatedStore();
    const server = await startServer({}, { store });
    const juliet = await server.client("juliet");
    await server.client("romeo").then((romeo) => romeo.close());
    juliet.send(chat("romeo@example.com", 1));
    await juliet.sync();
    const romeo = await server.client("romeo", { resource: "orchard" });
    for (const operation of ["load", "removeUpTo"] as const) {
      const gate = hold("offline", operation);
      if (operation === "load") romeo.send("<presence/>");
      await gate.reached;
      juliet.send(chat("romeo@example.com", operation));
      await juliet.sync();
      gate.open();
    }
    for (const body of [1, "load", "removeUpTo"]) await romeo.expect(`<message><body>${body}</body></message>`);
    await romeo.expect("<presence/>");
    await romeo.expectNothing();
    const later = await server.online("romeo");
    await later.expectNothing();
  });

  it("a message that was being stored when its recipient came is not kept from it", async () => {
    const { store, hold } = gatedStore();
    const server = await startServer({}, { store });
    const juliet = await server.client("juliet");
    await server.client("romeo").then((romeo) => romeo.close());
    const gate = hold("offline", "count"); // is there room?
    juliet.send(chat("romeo@example.com", "are you there?"));
    await gate.reached;
    const romeo = await server.online("romeo");
    gate.open();
    await romeo.expect("<message><body>are you there?</body></message>");
    await juliet.expectNothing();
  });
});

describe("RFC 6120 section 10.1: messages of one client on their way to the disk", () => {
  /** Juliet keeps an archive and writes to romeo; `gate` holds what is written first. */
  async function writing({ managed = false } = {}) {
    const { store, hold } = gatedStore();
    const server = await startServer({ archive: { enabled: true } }, { store });
    const romeo = await server.online("romeo");
    const juliet = await server.client("juliet");
    if (managed) await juliet.enable("");
    juliet.send(chat("romeo@example.com", "before")); // from now on it is known who archives
    await romeo.expect("<message><body>before</body></message>");
    const gate = hold("archive", "add");
    juliet.send(chat("romeo@example.com", 1));
    await gate.reached;
    return { server, store, romeo, juliet, gate, hold };
  }

  it("one that need not be written does not overtake one that must", async () => {
    const { romeo, juliet, gate } = await writing();
    juliet.send(`<message to='romeo@example.com' type='chat' id='state'>${STATE}</message>`);
    juliet.send(chat("romeo@example.com", 2));
    await romeo.expectNothing();
    gate.open();
    await romeo.expect("<message><body>1</body></message>");
    await romeo.expect("<message id='state'/>");
    await romeo.expect("<message><body>2</body></message>");
  });

  it("one that is refused at once lets no later one overtake those before it", async () => {
    const { romeo, juliet, gate, hold } = await writing();
    const second = hold("archive", "add");
    juliet.send(chat("romeo@example.com", 2));
    await second.reached;
    second.fail(new Error("no such disk"));
    await juliet.expect("<message type='error'/>");
    juliet.send(`<message to='romeo@example.com' type='chat' id='state'>${STATE}</message>`);
    await romeo.expectNothing();
    gate.open();
    await romeo.expect("<message><body>1</body></message>");
    await romeo.expect("<message id='state'/>");
  });

  it("their recipient leaves meanwhile: they are stored in order", async () => {
    const { store, romeo, juliet, gate, server } = await writing();
    await romeo.close();
    juliet.send(chat("romeo@example.com", 2));
    await (await server.client("nurse")).sync();
    gate.open();
    await juliet.sync();
    const stored = await store.offline.load("romeo@example.com", 0, 10);
    expect(stored.map(({ xml }) => /<body>(.*?)<\/body>/.exec(xml)?.[1])).toEqual(["1", "2"]);
  });

  it("their recipient turns stream management on meanwhile (XEP-0198 section 3)", async () => {
    const { romeo, juliet, gate } = await writing();
    await romeo.enable();
    juliet.send(chat("romeo@example.com", 2));
    await romeo.sync();
    gate.open();
    await romeo.until("<message><body>1</body></message>");
    await romeo.until("<message><body>2</body></message>");
  });

  it("in a room: what is not archived does not overtake what is, be it for all or for one", async () => {
    const { store, hold } = gatedStore();
    const server = await startServer({ archive: { enabled: true } }, { store });
    const [juliet, romeo] = [await server.online("juliet"), await server.online("romeo")];
    await make(juliet, "jule");
    await join(romeo, "rom");
    juliet.send(chat("romeo@example.com", "before"));
    await romeo.until("<message><body>before</body></message>");
    const direct = hold("archive", "add");
    juliet.send(chat("romeo@example.com", 1));
    await direct.reached;
    const gate = hold("archive", "add");
    say(juliet, "one");
    juliet.send(`<message to='${ROOM}' type='groupchat' id='two'>${STATE}</message>`);
    juliet.send(`<message to='${ROOM}/rom' type='chat' id='three'>${STATE}</message>`);
    await romeo.sync();
    gate.open();
    direct.open();
    await romeo.until("<message><body>1</body></message>");
    await romeo.until("<message><body>one</body></message>");
    await romeo.until("<message id='two'/>");
    await romeo.until("<message id='three'/>");
  });

  it("an iq and presence wait for them", async () => {
    const { romeo, juliet, gate } = await writing();
    juliet.send(`<presence to='romeo@example.com'/><iq type='get' id='ping'><ping xmlns='urn:xmpp:ping'/></iq>`);
    await romeo.expectNothing();
    gate.open();
    await romeo.expect("<message><body>1</body></message>");
    await romeo.expect("<presence/>");
    await juliet.expect("<iq type='result' id='ping'/>");
  });

  it("the end of the stream waits for them, and what is refused is told before it", async () => {
    const { juliet, gate } = await writing();
    juliet.send("</stream:stream>");
    gate.fail(new Error("no such disk"));
    await juliet.expect("<message type='error'><error/></message>");
    await juliet.expectClosed();
  });

  it("XEP-0198 section 4: an answer to <r/> waits also for those before one that was refused at once", async () => {
    const { romeo, juliet, gate, hold } = await writing({ managed: true });
    const next = hold("archive", "add");
    juliet.send(chat("romeo@example.com", 2));
    await next.reached;
    next.fail(new Error("no such disk"));
    await juliet.expect("<message type='error'/>");
    juliet.send("<r xmlns='urn:xmpp:sm:3'/>");
    await romeo.expectNothing();
    gate.fail(new Error("no such disk"));
    await juliet.expect("<message type='error'/>");
    await juliet.expect("<a xmlns='urn:xmpp:sm:3' h='3'/>");
  });

  it("XEP-0198 section 4: an answer to <r/> that covers them waits for them", async () => {
    const { romeo, juliet, gate } = await writing({ managed: true });
    juliet.send("<r xmlns='urn:xmpp:sm:3'/>");
    await romeo.expectNothing();
    gate.fail(new Error("no such disk"));
    await juliet.expect("<message type='error'><error/></message>");
    await juliet.expect("<a xmlns='urn:xmpp:sm:3' h='2'/>");
  });
});

describe("RFC 6120 sections 4.4 and 10.1: the end of a stream is in order, too", () => {
  it("what came in one packet with the end tag, and before it, is processed", async () => {
    const server = await startServer();
    await server.client("romeo").then((romeo) => romeo.close());
    const juliet = await server.client("juliet");
    juliet.send(`${[1, 2, 3].map((n) => chat("romeo@example.com", n)).join("")}</stream:stream>`);
    await juliet.expectClosed();
    const romeo = await server.client("romeo");
    romeo.send("<presence/>");
    for (const n of [1, 2, 3]) await romeo.expect(`<message><body>${n}</body></message>`);
  });

  it("a request that was sent before the end tag still gets its answer", async () => {
    const { store, hold } = gatedStore();
    const server = await startServer({}, { store });
    const juliet = await server.client("juliet");
    const gate = hold("roster", "load");
    const item = "<query xmlns='jabber:iq:roster'><item jid='nurse@example.com'/></query>";
    juliet.send(`<iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq><iq type='set' id='2'>${item}</iq>`);
    juliet.send("</stream:stream>");
    await gate.reached;
    gate.open();
    await juliet.expect("<iq type='result' id='1'/>");
    await juliet.expectAll("<iq type='set'/>", "<iq type='result' id='2'/>");
    await juliet.expectClosed();
  });

  it("what comes behind the end tag is not read", async () => {
    const server = await startServer();
    const romeo = await server.online("romeo");
    const juliet = await server.client("juliet");
    juliet.send(`</stream:stream>${chat("romeo@example.com", "too late")}`);
    await juliet.expectClosed();
    await romeo.expectNothing();
  });

  it("stanzas that had arrived when the connection was cut are processed, and the session ends behind them", async () => {
    const { store, hold } = gatedStore();
    const server = await startServer({}, { store });
    const romeo = await server.online("romeo");
    const first = await server.online("juliet", { resource: "balcony" });
    await befriend(first, romeo);
    await first.close();
    await romeo.sync();
    const juliet = await server.client("juliet", { resource: "chamber" });
    const gate = hold("roster", "load");
    juliet.send(
      `<iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq><presence/>${chat("romeo@example.com", "adieu")}`,
    );
    await gate.reached;
    juliet.cut();
    await romeo.expectNothing();
    gate.open();
    await romeo.expect("<presence from='juliet@example.com/chamber' type='{absent}'/>");
    await romeo.expect("<message from='juliet@example.com/chamber'><body>adieu</body></message>");
    await romeo.expect("<presence from='juliet@example.com/chamber' type='unavailable'/>");
    await romeo.expectNothing();
  });

  it("another stream may take the resource of one that is ending so", async () => {
    const { store, hold } = gatedStore();
    const server = await startServer({}, { store });
    const romeo = await server.online("romeo");
    const old = await server.online("juliet", { resource: "balcony" });
    await befriend(old, romeo);
    const gate = hold("roster", "update");
    old.send("<iq type='set' id='1'><query xmlns='jabber:iq:roster'><item jid='a@example.com'/></query></iq>");
    await gate.reached;
    old.cut();
    const ended = new Promise((resolve) => server.on("sessionEnd", resolve));
    const newer = await server.client("juliet", { resource: "balcony" });
    await ended;
    newer.send("<presence/>");
    gate.open();
    await romeo.expect("<presence from='juliet@example.com/balcony' type='unavailable'/>");
    await romeo.expect("<presence from='juliet@example.com/balcony' type='{absent}'/>");
    await romeo.expectNothing();
    const result = await newer.ask("get", "<query xmlns='jabber:iq:roster'/>");
    expect(result.toString()).toContain("a@example.com");
  });

  it("and the server may stop meanwhile", async () => {
    const { store, hold } = gatedStore();
    const server = await startServer({}, { store });
    const juliet = await server.client("juliet");
    const gate = hold("roster", "load");
    juliet.send("<iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq></stream:stream>");
    await gate.reached;
    const stopped = server.stop();
    await juliet.expectStreamError("system-shutdown");
    gate.open();
    await stopped;
  });
});

describe("rosters in memory follow the store, whoever comes and goes meanwhile", () => {
  it("a load that ends behind its session, and changes beside it", async () => {
    const { store, hold } = gatedStore();
    const server = await startServer({}, { store });
    const romeo = await server.online("romeo");
    const first = await server.client("juliet", { resource: "balcony" });
    const gate = hold("roster", "load");
    first.send("<presence/>");
    await gate.reached;
    const second = await server.client("juliet", { resource: "balcony" }); // first is closed, its load goes on
    await first.expectStreamError("conflict");
    romeo.send("<presence to='juliet@example.com' type='subscribe'/>");
    await romeo.sync();
    second.send("<presence to='romeo@example.com' type='subscribed'/>");
    gate.open();
    await second.sync();
    second.send("<presence/>");
    await romeo.until("<presence from='juliet@example.com/balcony' type='{absent}'/>");
    await second.close();
    await romeo.expect("<presence from='juliet@example.com/balcony' type='unavailable'/>");
    await romeo.expectNothing();
  });

  it("the last session ends in the middle of a change: the next one sees it", async () => {
    const { store, hold } = gatedStore();
    const server = await startServer({}, { store });
    const juliet = await server.online("juliet");
    const gate = hold("roster", "update");
    juliet.send("<iq type='set' id='1'><query xmlns='jabber:iq:roster'><item jid='nurse@example.com'/></query></iq>");
    await gate.reached;
    const ended = new Promise((resolve) => server.on("sessionEnd", resolve));
    juliet.cut();
    gate.open();
    await ended;
    const back = await server.client("juliet");
    const roster = await back.ask("get", "<query xmlns='jabber:iq:roster'/>");
    expect(roster.toString()).toContain("nurse@example.com");
  });
});
