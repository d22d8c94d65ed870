// RFC 6121 section 8: server rules for delivering stanzas; XEP-0160 1.0.1 for the offline store.

import { describe, expect, it } from "vitest";
import type { ScriptedClient } from "../support/client.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { temporaryFolder } from "../support/folder.ts";
import { gatedStore } from "../support/gated-store.ts";
import { befriend, startServer, type TestServer } from "../support/server.ts";

const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";
const UNAVAILABLE = `<error type='cancel'><service-unavailable xmlns='${STANZAS}'/></error>`;

type Priority = number | "connected";

/** Romeo's resources, each named for its priority. */
async function romeos(server: TestServer, priorities: readonly Priority[]): Promise<Map<Priority, ScriptedClient>> {
  await server.admin.addUser("romeo", "secret").catch(() => {});
  const clients = new Map<Priority, ScriptedClient>();
  for (const priority of priorities) {
    const client = await server.client("romeo", { resource: `p${priority}` });
    if (priority !== "connected") client.send(`<presence><priority>${priority}</priority></presence>`);
    await client.sync();
    clients.set(priority, client);
  }
  for (const client of clients.values()) await client.sync();
  return clients;
}

/** Makes an account that nobody is logged in to. */
async function away(server: TestServer, user = "romeo"): Promise<void> {
  await server.admin.addUser(user, "secret");
}

function chat(body: string | number, to = "romeo@example.com", type = "chat"): string {
  return `<message to='${to}' type='${type}' id='m${body}'><body>${body}</body></message>`;
}

async function login(server: TestServer, priority = 0): Promise<ScriptedClient> {
  const client = await server.client("romeo", { password: "secret" });
  client.send(`<presence><priority>${priority}</priority></presence>`);
  return client;
}

describe("RFC 6121 section 8.5.4, table 1", () => {
  // The cells of the table, and the rules of 8.5.2 and 8.5.3 for errors. O offline, E error, S ignored, D delivered to the
  // resource in 'to', M to the most available, A to all resources of non-negative priority.
  const TABLE: [condition: string, resources: Priority[] | undefined, to: string, cells: string][] = [
    ["account does not exist", undefined, "bare", "S/E S/E E S S"],
    ["account does not exist", undefined, "full", "S/E S/E S/E S/E S"],
    ["no active resources", [], "bare", "O/E O/E E S S"],
    ["no active resources", [], "full (no match)", "S/E O/E S/E S/E S"],
    ["only a connected resource", ["connected"], "bare", "O/E O/E E S S"],
    ["only a connected resource", ["connected"], "full match connected", "D D D D D"],
    ["1+ negative resources", [-1], "bare", "O/E O/E E S S"],
    ["1+ negative resources", [-1, -128], "full match -1", "D D D D D"],
    ["1+ negative resources", [-1], "full no match", "S/E O/E S/E S/E S"],
    ["1 non-negative resource", [0, -1], "bare", "D D E D S"],
    ["1 non-negative resource", [0, -1], "full match 0", "D D D D D"],
    ["1 non-negative resource", [0, -1], "full no match", "S/E D S/E S/E S"],
    ["1+ non-negative resources", [5, 0, -1, "connected"], "bare", "M/A M/A E A S"],
    ["1+ non-negative resources", [5, 0, -1], "full match 0", "D D/A D D D"],
    ["1+ non-negative resources", [5, 0, -1], "full match -1", "D D D D D"],
    ["1+ non-negative resources", [5, 0, -1], "full no match", "S/E M/A S/E S/E S"],
  ];
  const TYPES = ["normal", "chat", "groupchat", "headline", "error"];

  for (const [condition, resources, to, cells] of TABLE) {
    it.each(cells.split(" ").map((cell, index): [string, string] => [TYPES[index] as string, cell]))(
      `${condition}, ${to}: %s is %s`,
      async (type, cell) => {
        const server = await startServer();
        const juliet = await server.client("juliet");
        const clients = resources === undefined ? new Map() : await romeos(server, resources);
        const match = /match (.*)/.exec(to)?.[1];
        const address = `romeo@example.com${to === "bare" ? "" : `/p${match ?? "none"}`}`.replace("pnone", "none");
        const payload = type === "error" ? UNAVAILABLE : "<body>hi</body>";
        const typed = type === "normal" ? "" : `type='${type}'`;
        juliet.send(`<message id='1' to='${address}' ${typed}>${payload}</message>`);

        const outcomes: string[] = [];
        juliet.send("<iq type='get' id='end' to='example.com'><ping xmlns='urn:xmpp:ping'/></iq>");
        const answer = await juliet.next();
        if (answer.name === "message") {
          expect(answer.attrs).toMatchObject({ type: "error", id: "1", from: address, to: juliet.full });
          expect(answer.getChild("error")?.getChild("service-unavailable", STANZAS)).toBeDefined();
          outcomes.push("E");
          await juliet.expect("<iq id='end'/>");
        }
        const reached: Priority[] = [];
        for (const [priority, client] of clients as Map<Priority, ScriptedClient>) {
          client.send("<iq type='get' id='end' to='example.com'><ping xmlns='urn:xmpp:ping'/></iq>");
          const first = await client.next();
          if (first.name !== "message") continue;
          expect(first.attrs).toMatchObject({ from: juliet.full, to: address, id: "1" }); // 'to' is not rewritten
          reached.push(priority);
          await client.expect("<iq id='end'/>");
        }
        if (reached.length > 0) {
          const able = [...clients.keys()].filter((p) => p !== "connected" && p >= 0);
          if (match !== undefined && match !== "none" && reached.length === 1 && `${reached[0]}` === match)
            outcomes.push("D");
          else if (reached.some((p) => !able.includes(p))) outcomes.push("delivered where it must not be");
          else if (reached.length < able.length) outcomes.push("M");
          else outcomes.push(able.length === 1 ? "D" : "A");
        }
        if (resources === undefined) await away(server); // a later namesake
        const later = await login(server);
        for (let got = await later.next(); got.attrs.from !== later.full; got = await later.next()) {
          if (got.name === "message") outcomes.push("O");
        }
        if (outcomes.length === 0) outcomes.push("S");
        expect(outcomes).toHaveLength(1);
        expect(cell.split("/")).toContain(outcomes[0]);
      },
    );
  }

  it("5.2.2: a type that is unknown is normal", async () => {
    const server = await startServer();
    await away(server);
    const juliet = await server.client("juliet");
    juliet.send("<message to='romeo@example.com' type='shout'><body>hi</body></message>");
    await juliet.expectNothing();
    const romeo = await login(server);
    await romeo.expect("<message type='shout'><body>hi</body></message>");
  });

  it("8.5.2.1.1, choice b: a chat message to the account reaches every resource of non-negative priority", async () => {
    const server = await startServer();
    const clients = await romeos(server, [5, 0, -1]);
    const juliet = await server.client("juliet");
    juliet.send(chat("hi"));
    for (const priority of [5, 0]) await clients.get(priority)?.expect("<message><body>hi</body></message>");
    await clients.get(-1)?.expectNothing();
  });
});

describe("XEP-0160: offline messages", () => {
  it("section 2: in order, stamped by the server with the time they came (XEP-0203), and once", async () => {
    const clock = new FakeClock(Date.parse("2026-05-06T07:08:09Z"));
    const server = await startServer({}, { clock });
    await away(server);
    const juliet = await server.client("juliet");
    for (let n = 0; n < 250; n++) {
      juliet.send(chat(n, n % 2 === 0 ? "romeo@example.com" : "romeo@example.com/gone"));
      if (n % 100 === 0) {
        await juliet.sync();
        clock.advance(1000);
      }
    }
    await juliet.sync();
    const romeo = await login(server);
    const stamps: string[] = [];
    for (let n = 0; n < 250; n++) {
      const message = await romeo.expect(
        `<message id='m${n}' from='${juliet.full}' type='chat'><body>${n}</body><delay xmlns='urn:xmpp:delay' from='example.com' stamp='{any}'/></message>`,
      );
      stamps.push(message.getChild("delay", "urn:xmpp:delay")?.attrs.stamp as string);
    }
    expect(Date.parse(stamps[0] as string)).toBe(Date.parse("2026-05-06T07:08:09Z"));
    expect(Date.parse(stamps[249] as string)).toBe(Date.parse("2026-05-06T07:08:12Z"));
    for (const stamp of stamps) expect(stamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/); // XEP-0082
    await romeo.expect(`<presence from='${romeo.full}'/>`);
    await romeo.expectNothing();
    const again = await login(server);
    await again.until(`<presence from='${again.full}'/>`);
    await again.expectNothing();
  });

  it("section 2, step 5: delivered when a resource comes to a non-negative priority, not before", async () => {
    const server = await startServer();
    await away(server);
    const juliet = await server.client("juliet");
    juliet.send(chat(1));
    await juliet.sync();
    const romeo = await login(server, -1);
    await romeo.expect("<presence/>");
    juliet.send(chat(2));
    await juliet.sync();
    await romeo.expectNothing();
    romeo.send("<presence><priority>0</priority></presence>");
    await romeo.expect("<message id='m1'/>");
    await romeo.expect("<message id='m2'/>");
    await romeo.expect("<presence/>");
    juliet.send(chat(3));
    await romeo.expect("<message id='m3'><body>3</body></message>");
  });

  it("only one of two resources that come gets them", async () => {
    const server = await startServer();
    await away(server);
    const juliet = await server.client("juliet");
    juliet.send(chat(1));
    await juliet.sync();
    const clients = [await server.client("romeo", { password: "secret" }), await server.client("romeo")];
    for (const client of clients) client.send("<presence/>");
    let messages = 0;
    for (const client of clients) {
      client.send("<iq type='get' id='end' to='example.com'><ping xmlns='urn:xmpp:ping'/></iq>");
      for (let el = await client.next(); el.attrs.id !== "end"; el = await client.next()) {
        if (el.name === "message") messages += 1;
      }
    }
    expect(messages).toBe(1);
  });

  it("the first goes while they are being loaded: the other gets them", async () => {
    const { store, hold } = gatedStore();
    const server = await startServer({}, { store });
    await away(server);
    const juliet = await server.client("juliet");
    for (const n of [1, 2, 3]) juliet.send(chat(n));
    await juliet.sync();
    const gate = hold("offline", "load");
    const first = await login(server);
    await gate.reached;
    const second = await login(server);
    await second.expect(`<presence from='${second.full}'/>`);
    const ended = new Promise((resolve) => server.on("sessionEnd", resolve));
    first.send("<presence></message>"); // a stream error ends it, and what it said before may take five seconds yet
    for (let turn = 0; turn < 3; turn++) await juliet.sync(); // by then the server has read it
    server.clock.advance(5_000);
    await ended;
    gate.open();
    for (const n of [1, 2, 3]) await second.expect(`<message id='m${n}'/>`);
    await second.expectNothing();
  });

  it("they survive a restart of the server", async () => {
    const folder = await temporaryFolder();
    let server = await startServer({ storage: { path: folder } });
    await away(server);
    const juliet = await server.client("juliet");
    for (let n = 0; n < 150; n++) juliet.send(chat(n));
    await juliet.sync();
    await server.stop();
    server = await startServer({ storage: { path: folder } });
    const romeo = await login(server);
    for (let n = 0; n < 150; n++) await romeo.expect(`<message id='m${n}'/>`);
    await romeo.until("<presence/>");
    await server.stop();
    server = await startServer({ storage: { path: folder } });
    const again = await login(server);
    await again.expect("<presence/>");
    await again.expectNothing();
  });

  it("limits.offlineMessages: one more is service-unavailable to its sender; delivery makes room", async () => {
    const server = await startServer({ limits: { offlineMessages: 3 } });
    await away(server);
    const juliet = await server.client("juliet");
    for (let n = 0; n < 4; n++) juliet.send(chat(n));
    await juliet.expect(`<message id='m3' type='error' from='romeo@example.com'>${UNAVAILABLE}</message>`);
    const romeo = await login(server);
    for (let n = 0; n < 3; n++) await romeo.expect(`<message id='m${n}'/>`);
    await romeo.close();
    juliet.send(chat(5));
    await juliet.expectNothing();
  });

  it("far more than limits.outboxBytes: all of it comes, to a client that reads", async () => {
    const server = await startServer({ limits: { outboxBytes: 65_536 } });
    await away(server);
    const juliet = await server.client("juliet");
    const text = "x".repeat(15_000);
    for (let n = 0; n < 300; n++)
      juliet.send(`<message to='romeo@example.com' id='m${n}'><body>${text}</body></message>`);
    await juliet.sync();
    const romeo = await login(server);
    for (let n = 0; n < 300; n++) await romeo.expect(`<message id='m${n}'/>`);
    await romeo.expect("<presence/>");
  });

  it("to a client that does not read and is cut: what it cannot have got is kept, in order", async () => {
    const server = await startServer({ limits: { outboxBytes: 65_536, offlineMessages: 2_000 } });
    await away(server);
    const juliet = await server.client("juliet");
    const text = "x".repeat(30_000);
    for (let n = 0; n < 600; n++)
      juliet.send(`<message to='romeo@example.com' id='m${n}'><body>${text}</body></message>`);
    await juliet.sync();
    const deaf = await server.client("romeo", { password: "secret", resource: "orchard" });
    deaf.pause();
    deaf.send("<presence/>");
    await juliet.sync();
    const romeo = await server.client("romeo", { password: "secret", resource: "orchard" }); // takes its place
    romeo.send("<presence/>");
    const first = Number(((await romeo.next()).attrs.id as string).slice(1));
    expect(first).toBeLessThan(599);
    for (let n = first + 1; n < 600; n++) await romeo.expect(`<message id='m${n}'/>`);
    await romeo.expect("<presence/>");
    deaf.cut();
  });

  it.each([
    ["section 3: chat states alone are not stored", "<active xmlns='http://jabber.org/protocol/chatstates'/>", false],
    [
      "section 3: with a thread neither",
      "<composing xmlns='http://jabber.org/protocol/chatstates'/><thread>t</thread>",
      false,
    ],
    ["with a body they are", "<body>hi</body><active xmlns='http://jabber.org/protocol/chatstates'/>", true],
    ["XEP-0334 section 4.2: no-store", "<body>hi</body><no-store xmlns='urn:xmpp:hints'/>", false],
    [
      "XEP-0334 section 3.3: no-permanent-store may wait for its recipient",
      "<body>hi</body><no-permanent-store xmlns='urn:xmpp:hints'/>",
      true,
    ],
    [
      "XEP-0334 section 4.4: store",
      "<active xmlns='http://jabber.org/protocol/chatstates'/><store xmlns='urn:xmpp:hints'/>",
      true,
    ],
    ["other content without a body", "<received xmlns='urn:xmpp:receipts' id='1'/>", true],
  ])("%s", async (_name, payload, stored) => {
    const server = await startServer();
    await away(server);
    const juliet = await server.client("juliet");
    juliet.send(`<message to='romeo@example.com' type='chat'>${payload}</message>`);
    await juliet.expectNothing();
    const romeo = await login(server);
    if (stored) await romeo.expect("<message><delay xmlns='urn:xmpp:delay'/></message>");
    await romeo.expect("<presence/>");
    await romeo.expectNothing();
  });

  it("XEP-0203 section 5: a stamp that the sender made in the server's name is discarded, others are kept", async () => {
    const server = await startServer();
    await away(server);
    const juliet = await server.client("juliet");
    juliet.send(
      "<message to='romeo@example.com'><body>hi</body><delay xmlns='urn:xmpp:delay' from='example.com' stamp='1999-01-01T00:00:00Z'/>" +
        "<delay xmlns='urn:xmpp:delay' from='muc.example.net' stamp='1998-01-01T00:00:00Z'/></message>",
    );
    await juliet.sync();
    const message = await (await login(server)).expect("<message><body>hi</body></message>");
    const stamps = message.getChildren("delay", "urn:xmpp:delay").map((el) => [el.attrs.from, el.attrs.stamp]);
    expect(stamps).toHaveLength(2);
    expect(stamps[0]).toEqual(["muc.example.net", "1998-01-01T00:00:00Z"]);
    expect(stamps[1]?.[0]).toBe("example.com");
    expect(stamps[1]?.[1]).not.toMatch(/^1999/);
  });
});

describe("RFC 6121 section 8.5.3: IQ to a full JID", () => {
  const REQUEST = "<query xmlns='urn:example:x'/>";

  it("8.5.3.1: reaches a resource only from whom it lets see its presence", async () => {
    const server = await startServer();
    const [juliet, romeo] = [await server.online("juliet"), await server.online("romeo")];
    const refused = `<iq id='1' type='error' from='{any}'>${UNAVAILABLE}</iq>`;
    romeo.send(`<iq id='1' type='get' to='${juliet.full}'>${REQUEST}</iq>`);
    await romeo.expect(refused);
    await juliet.expectNothing();

    // Romeo is subscribed to Juliet, so he may ask her; she may not ask him.
    romeo.send(`<presence to='${juliet.bare}' type='subscribe'/>`);
    await juliet.until("<presence type='subscribe'/>");
    juliet.send(`<presence to='${romeo.bare}' type='subscribed'/>`);
    await romeo.until("<presence type='subscribed'/>");
    await romeo.sync();
    await juliet.sync();
    for (const type of ["get", "set"]) {
      romeo.send(`<iq id='2' type='${type}' to='${juliet.full}'>${REQUEST}</iq>`);
      await juliet.expect(`<iq id='2' type='${type}' from='${romeo.full}' to='${juliet.full}'>${REQUEST}</iq>`);
      juliet.send(`<iq id='1' type='${type}' to='${romeo.full}'>${REQUEST}</iq>`);
      await juliet.expect(refused);
    }
    // 8.5.3.1: a result or an error reaches its resource whoever it is from.
    juliet.send(`<iq id='2' type='result' to='${romeo.full}'>${REQUEST}</iq>`);
    await romeo.expect(`<iq id='2' type='result' from='${juliet.full}'>${REQUEST}</iq>`);
    juliet.send(`<iq id='3' type='error' to='${romeo.full}'>${UNAVAILABLE}</iq>`);
    await romeo.expect(`<iq id='3' type='error' from='${juliet.full}'/>`);
    await romeo.expectNothing();

    juliet.send(`<presence to='${romeo.bare}' type='unsubscribed'/>`);
    await romeo.until("<presence type='unsubscribed'/>");
    await romeo.sync();
    romeo.send(`<iq id='1' type='get' to='${juliet.full}'>${REQUEST}</iq>`);
    await romeo.expect(refused);
  });

  it("8.5.3.1: or from whom it sent directed presence, as long as that lasts", async () => {
    const server = await startServer();
    const [juliet, romeo] = [await server.client("juliet"), await server.online("romeo")];
    const other = await server.online("juliet");
    for (const to of [romeo.full, romeo.bare]) {
      juliet.send(`<presence to='${to}'/>`);
      await romeo.expect("<presence/>");
      romeo.send(`<iq id='1' type='get' to='${juliet.full}'>${REQUEST}</iq>`);
      await juliet.expect(`<iq id='1' type='get' from='${romeo.full}'/>`);
      romeo.send(`<iq id='2' type='get' to='${other.full}'>${REQUEST}</iq>`);
      await romeo.expect(`<iq id='2' type='error'>${UNAVAILABLE}</iq>`); // that one did not
      juliet.send(`<presence to='${to}' type='unavailable'/>`);
      await romeo.expect("<presence type='unavailable'/>");
      romeo.send(`<iq id='3' type='get' to='${juliet.full}'>${REQUEST}</iq>`);
      await romeo.expect(`<iq id='3' type='error'>${UNAVAILABLE}</iq>`);
    }
    await juliet.expectNothing();
    await other.expectNothing();
  });

  it("one's own other resource can always be asked", async () => {
    const server = await startServer();
    const [balcony, chamber] = [await server.client("juliet"), await server.client("juliet")];
    balcony.send(`<iq id='1' type='set' to='${chamber.full}'>${REQUEST}</iq>`);
    await chamber.expect(`<iq id='1' type='set' from='${balcony.full}'>${REQUEST}</iq>`);
  });

  it("8.5.3.2.3: where no resource matches, service-unavailable, also for a subscriber", async () => {
    const server = await startServer();
    const [juliet, romeo] = [await server.online("juliet"), await server.online("romeo")];
    await befriend(juliet, romeo);
    for (const to of ["romeo@example.com/nowhere", "nobody@example.com/x"]) {
      juliet.send(`<iq id='1' type='get' to='${to}'>${REQUEST}</iq>`);
      await juliet.expect(`<iq id='1' type='error' from='${to}'>${UNAVAILABLE}</iq>`);
    }
  });

  it("8.5.2.1.3: to a bare JID it is the server's to answer, and no resource sees it", async () => {
    const server = await startServer();
    const [juliet, romeo] = [await server.online("juliet"), await server.online("romeo")];
    await befriend(juliet, romeo);
    juliet.send(`<iq id='1' type='get' to='romeo@example.com'>${REQUEST}</iq>`);
    await juliet.expect(`<iq id='1' type='error' from='romeo@example.com'>${UNAVAILABLE}</iq>`);
    juliet.send("<iq id='2' type='get' to='romeo@example.com'><ping xmlns='urn:xmpp:ping'/></iq>");
    await juliet.expect("<iq id='2' type='result' from='romeo@example.com'/>");
    await romeo.expectNothing();
  });
});

describe("RFC 6121 section 8.5: presence to a full JID", () => {
  it("8.5.3.1: available and unavailable reach the resource; 8.5.3.2.2: without a match they are ignored", async () => {
    const server = await startServer();
    const [juliet, romeo] = [await server.online("juliet"), await server.online("romeo")];
    const second = await server.online("romeo");
    await romeo.sync();
    juliet.send(`<presence to='${romeo.full}'><show>away</show></presence>`);
    juliet.send(`<presence to='${romeo.full}' type='unavailable'/>`);
    juliet.send(
      "<presence to='romeo@example.com/nowhere'/><presence to='romeo@example.com/nowhere' type='unavailable'/>",
    );
    await romeo.expect(`<presence from='${juliet.full}' to='${romeo.full}'><show>away</show></presence>`);
    await romeo.expect(`<presence from='${juliet.full}' to='${romeo.full}' type='unavailable'/>`);
    await juliet.expectNothing();
    await romeo.expectNothing();
    await second.expectNothing();
  });
});

describe("RFC 6121 section 8.5.1, RFC 6120 section 13.11: accounts cannot be found by trying", () => {
  const PAYLOADS = [
    "<ping xmlns='urn:xmpp:ping'/>",
    "<query xmlns='http://jabber.org/protocol/disco#info'/>",
    "<query xmlns='http://jabber.org/protocol/disco#info' node='n'/>",
    "<query xmlns='http://jabber.org/protocol/disco#items'/>",
    "<query xmlns='http://jabber.org/protocol/disco#items' node='n'/>",
    "<query xmlns='jabber:iq:roster'/>",
    "<query xmlns='jabber:iq:roster'><item jid='a@example.com'/></query>",
    "<query xmlns='jabber:iq:version'/>",
    "<time xmlns='urn:xmpp:time'/>",
    "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>",
    "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>",
    "<vCard xmlns='vcard-temp'/>",
    "<unknown xmlns='urn:example:unknown'/>",
    "",
    "<a xmlns='urn:a'/><b xmlns='urn:b'/>",
  ];
  const PRESENCES = [
    "",
    "type='unavailable'",
    "type='probe'",
    "type='subscribe'",
    "type='probe'",
    "type='subscribe'",
    "type='unsubscribe'",
    "type='subscribed'",
    "type='probe'",
    "type='subscribe'",
    "type='unsubscribed'",
    "type='error'",
    "type='nonsense'",
    "",
  ];

  function everything(user: string): string[] {
    const addresses = [`${user}@example.com`, `${user}@example.com/resource`];
    let id = 0;
    return addresses.flatMap((to) => [
      ...["", "chat", "normal", "headline", "groupchat", "error"].flatMap((type) =>
        ["<body>hi</body>", "", "<active xmlns='http://jabber.org/protocol/chatstates'/>"].map(
          (body) => `<message id='${++id}' to='${to}' ${type === "" ? "" : `type='${type}'`}>${body}</message>`,
        ),
      ),
      ...["get", "set", "result", "error", "nonsense"].flatMap((type) =>
        PAYLOADS.map((payload) => `<iq id='${++id}' to='${to}' type='${type}'>${payload}</iq>`),
      ),
      ...PRESENCES.map((type) => `<presence id='${++id}' to='${to}' ${type}><status>s</status></presence>`),
    ]);
  }

  /** All that a stranger gets to see of one user: every byte, with the names and the pushes' random ids taken out. */
  async function observe(user: string, prepare: (server: TestServer) => Promise<unknown>): Promise<string[]> {
    const server = await startServer({ limits: { rosterItems: 1 } });
    await prepare(server);
    const stranger = await server.online("stranger", { resource: "r" });
    const seen: string[] = [];
    for (const stanza of everything(user)) {
      stranger.received = "";
      stranger.send(stanza);
      await stranger.sync();
      seen.push(`${stanza} -> ${stranger.received}`);
    }
    stranger.received = "";
    await stranger.ask("get", "<query xmlns='jabber:iq:roster'/>");
    seen.push(stranger.received);
    return seen.map((text) => text.replaceAll(user, "USER").replace(/id='(ask|push)-[^']*'/g, ""));
  }

  it.each([
    ["is away", (server: TestServer) => server.admin.addUser("somebody", "secret")],
    ["is online", (server: TestServer) => server.online("somebody", { resource: "balcony" })],
    ["is connected, but not available", (server: TestServer) => server.client("somebody", { resource: "balcony" })],
    [
      "is online with a full roster",
      async (server: TestServer) => {
        const client = await server.online("somebody", { resource: "balcony" });
        await client.ask("set", "<query xmlns='jabber:iq:roster'><item jid='nurse@example.com'/></query>");
      },
    ],
  ])("a user who %s looks like one who does not exist", async (_name, prepare) => {
    const real = await observe("somebody", prepare);
    const none = await observe("nobody", async () => {});
    for (const [index, expected] of none.entries()) expect(real[index]).toBe(expected);
    expect(real).toHaveLength(none.length);
  });
});
