// XEP-0280 1.0.1: Message Carbons, as two users with several devices see them.

import { describe, expect, it } from "vitest";
import type { ScriptedClient } from "../support/client.ts";
import { cpim, Foreign } from "../support/foreign.ts";
import { befriend, startServer, type TestServer } from "../support/server.ts";
import { ROMEO as FOREIGN_ROMEO, JULIET as STAGE_JULIET, stage } from "../support/stage.ts";

const CARBONS = "urn:xmpp:carbons:2";
const ENABLE = `<enable xmlns='${CARBONS}'/>`;
const DISABLE = `<disable xmlns='${CARBONS}'/>`;
const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";
const NOT_ALLOWED = `<iq type='error'><error type='cancel'><not-allowed xmlns='${STANZAS}'/></error></iq>`;
const ROMEO = "romeo@example.com";
const JULIET = "juliet@example.com";

type Device = { priority?: number; present?: boolean; carbons?: boolean };

/** A device of a user's: with presence and carbons, where it is not said otherwise. */
async function device(server: TestServer, user: string, resource: string, options: Device = {}) {
  const { priority = 0, present = true, carbons = true } = options;
  const client = await server.client(user, { resource });
  if (present) client.send(`<presence><priority>${priority}</priority></presence>`);
  if (carbons) expect((await client.ask("set", ENABLE)).attrs.type).toBe("result");
  await client.sync();
  return client;
}

/** What the devices said of themselves to each other is none of the test's business. */
async function settle(...clients: ScriptedClient[]): Promise<void> {
  for (const client of clients) await client.sync();
}

/** Nothing has come to the sender, whose stanzas are handled then, nor to the others: each stream is in order. */
async function nothing(sender: ScriptedClient, ...clients: ScriptedClient[]): Promise<void> {
  await sender.expectNothing();
  for (const client of clients) await client.expectNothing();
}

function copyOf(direction: "sent" | "received", device: ScriptedClient, inner: string, type = "{absent}"): string {
  return (
    `<message from='${device.bare}' to='${device.full}' type='${type}'><${direction} xmlns='${CARBONS}'>` +
    `<forwarded xmlns='urn:xmpp:forward:0'>${inner.replace("<message ", "<message xmlns='jabber:client' ")}</forwarded>` +
    `</${direction}></message>`
  );
}

describe("XEP-0280 section 3: discovering support", () => {
  it("the server announces it; the exact rules of section 6.2, which it does not promise, it does not", async () => {
    const server = await startServer();
    const romeo = await server.client("romeo");
    const info = await romeo.ask("get", "<query xmlns='http://jabber.org/protocol/disco#info'/>", "example.com");
    expect(info.toString()).toContain(`var="${CARBONS}"`);
    expect(info.toString()).not.toContain("urn:xmpp:carbons:rules:0");
  });
});

describe("XEP-0280 sections 4, 5 and 10.1: enabling and disabling", () => {
  it.each(["", `to='${ROMEO}'`])("4: the answer is an empty result; more than once is no error (%s)", async (to) => {
    const server = await startServer();
    const romeo = await server.client("romeo");
    for (const payload of [ENABLE, ENABLE, DISABLE, DISABLE, ENABLE]) {
      romeo.send(`<iq type='set' id='1' ${to}>${payload}</iq>`);
      expect((await romeo.expect(`<iq type='result' id='1' to='${romeo.full}'/>`)).children).toEqual([]);
    }
  });

  it("4.1, 5.1: nobody enables or disables for another, whether there is such an account or not", async () => {
    const server = await startServer();
    const [romeo, garden] = [await device(server, "romeo", "home"), await device(server, "romeo", "garden")];
    const juliet = await server.online("juliet");
    await settle(romeo, garden);
    for (const to of [ROMEO, "nobody@example.com"]) {
      for (const payload of [ENABLE, DISABLE]) {
        juliet.send(`<iq type='set' id='1' to='${to}'>${payload}</iq>`);
        await juliet.expect(NOT_ALLOWED);
      }
    }
    juliet.send(`<message to='${garden.full}' type='chat'><body>still copied</body></message>`);
    await garden.expect("<message><body>still copied</body></message>");
    await romeo.expect(
      copyOf("received", romeo, `<message to='${garden.full}'><body>still copied</body></message>`, "chat"),
    );
  });

  it("5: a device that disabled it gets no more copies, and its messages are copied all the same", async () => {
    const server = await startServer();
    const [home, garden] = [await device(server, "romeo", "home"), await device(server, "romeo", "garden")];
    const juliet = await server.online("juliet");
    expect((await home.ask("set", DISABLE)).attrs.type).toBe("result");
    await settle(home, garden);
    juliet.send(`<message to='${garden.full}' type='chat'><body>1</body></message>`);
    await garden.expect("<message><body>1</body></message>");
    await nothing(juliet, home);
    home.send(`<message to='${JULIET}' type='chat'><body>2</body></message>`);
    await garden.expect(copyOf("sent", garden, `<message from='${home.full}'><body>2</body></message>`, "chat"));
  });

  it("it is the device's own: another stream of the account begins without", async () => {
    const server = await startServer();
    const [home, garden] = [await device(server, "romeo", "home"), await device(server, "romeo", "garden")];
    await garden.close();
    const again = await device(server, "romeo", "garden", { carbons: false });
    const juliet = await server.online("juliet");
    await settle(home, again);
    juliet.send(`<message to='${home.full}' type='chat'><body>1</body></message>`);
    await home.expect("<message><body>1</body></message>");
    await nothing(juliet, again);
  });
});

describe("XEP-0280 section 7: receiving messages", () => {
  it("to a full JID: the other devices get copies, with the complete message in them", async () => {
    const server = await startServer();
    const [home, garden, tomb] = [
      await device(server, "romeo", "home"),
      await device(server, "romeo", "garden"),
      await device(server, "romeo", "tomb", { carbons: false }),
    ];
    const juliet = await server.online("juliet", { resource: "balcony" });
    await settle(home, garden, tomb);
    const payload =
      "<body>What man art thou that, thus bescreen'd in night, so stumblest on my counsel?</body>" +
      "<thread>0e3141cd80894871a68e6fe6b1ec56fa</thread><x xmlns='urn:example:x' a='&lt;'><y/></x>";
    juliet.send(`<message to='${garden.full}' type='chat' id='m1'>${payload}</message>`);
    const whole = `<message from='${juliet.full}' to='${garden.full}' type='chat' id='m1'>${payload}</message>`;
    await garden.expect(whole);
    await home.expect(copyOf("received", home, whole, "chat"));
    await nothing(juliet, home, garden, tomb);
  });

  it("to the bare JID: who gets the message gets no copy; a device of negative priority, or without presence, gets one", async () => {
    const server = await startServer();
    const [home, garden, shy, silent] = [
      await device(server, "romeo", "home"),
      await device(server, "romeo", "garden", { priority: 5 }),
      await device(server, "romeo", "shy", { priority: -1 }),
      await device(server, "romeo", "silent", { present: false }),
    ];
    const juliet = await server.online("juliet");
    await settle(home, garden, shy, silent);
    juliet.send(`<message to='${ROMEO}' type='chat' id='m1'><body>1</body></message>`);
    const message = `<message from='${juliet.full}' to='${ROMEO}' type='chat' id='m1'><body>1</body></message>`;
    for (const client of [home, garden]) await client.expect(message);
    for (const client of [shy, silent]) await client.expect(copyOf("received", client, message, "chat"));
    await nothing(juliet, home, garden, shy, silent);
  });

  it("to a resource that is gone: it is delivered as to the bare JID, and nobody has it twice", async () => {
    const server = await startServer();
    const [home, garden] = [await device(server, "romeo", "home"), await device(server, "romeo", "garden")];
    const juliet = await server.online("juliet");
    await settle(home, garden);
    juliet.send(`<message to='${ROMEO}/gone' type='chat'><body>1</body></message>`);
    for (const client of [home, garden]) await client.expect(`<message from='${juliet.full}'><body>1</body></message>`);
    await nothing(juliet, home, garden);
  });

  it("that waits in the store: a device of negative priority has its copy now, who comes later the message", async () => {
    const server = await startServer();
    const shy = await device(server, "romeo", "shy", { priority: -1 });
    const juliet = await server.online("juliet");
    await shy.sync();
    juliet.send(`<message to='${ROMEO}' type='chat'><body>1</body></message>`);
    await shy.expect(copyOf("received", shy, `<message from='${juliet.full}'><body>1</body></message>`, "chat"));
    await nothing(juliet, shy);
    const home = await server.client("romeo", { resource: "home" });
    home.send("<presence/>");
    await home.until(`<message from='${juliet.full}'><body>1</body></message>`);
  });

  it("in the order of the messages, between which there may be others", async () => {
    const server = await startServer();
    const [home, garden] = [await device(server, "romeo", "home"), await device(server, "romeo", "garden")];
    const juliet = await server.online("juliet");
    await settle(home, garden);
    for (const n of [1, 2, 3, 4, 5, 6]) {
      juliet.send(`<message to='${n % 2 === 0 ? ROMEO : garden.full}' type='chat'><body>${n}</body></message>`);
    }
    for (const n of [1, 2, 3, 4, 5, 6]) {
      const message = `<message><body>${n}</body></message>`;
      await garden.expect(message);
      await home.expect(n % 2 === 0 ? message : copyOf("received", home, message.replace(">", " >"), "chat"));
    }
  });
});

describe("XEP-0280 section 8: sending messages", () => {
  it.each([
    ["a full JID", true],
    ["a bare JID", false],
  ])("to %s: the sender's other devices get copies, whether the sender enabled carbons or not", async (_to, full) => {
    const server = await startServer();
    const [home, garden, tomb] = [
      await device(server, "romeo", "home", { carbons: false }),
      await device(server, "romeo", "garden"),
      await device(server, "romeo", "tomb", { carbons: false }),
    ];
    const juliet = await server.online("juliet", { resource: "balcony" });
    await settle(home, garden, tomb);
    const to = full ? juliet.full : JULIET;
    const payload = "<body>Neither, fair saint, if either thee dislike.</body><thread>0e31</thread>";
    home.send(`<message to='${to}' type='chat' id='m1'>${payload}</message>`);
    const whole = `<message from='${home.full}' to='${to}' type='chat' id='m1'>${payload}</message>`;
    await juliet.expect(whole);
    await garden.expect(copyOf("sent", garden, whole, "chat"));
    await nothing(home, garden, tomb, juliet);
  });

  it("both sides have copies of one message", async () => {
    const server = await startServer();
    const [home, garden] = [await device(server, "romeo", "home"), await device(server, "romeo", "garden")];
    const [balcony, hall] = [await device(server, "juliet", "balcony"), await device(server, "juliet", "hall")];
    await settle(home, garden, balcony, hall);
    home.send(`<message to='${balcony.full}'><body>1</body></message>`);
    const whole = `<message from='${home.full}' to='${balcony.full}' type='{absent}'><body>1</body></message>`;
    await balcony.expect(whole);
    await hall.expect(copyOf("received", hall, whole));
    await garden.expect(copyOf("sent", garden, whole));
    await nothing(home, garden, balcony, hall);
  });

  it("to somebody who is away: the copy comes now, the message later", async () => {
    const server = await startServer();
    const [home, garden] = [await device(server, "romeo", "home"), await device(server, "romeo", "garden")];
    await server.admin.addUser("juliet", "secret");
    await settle(home, garden);
    home.send(`<message to='${JULIET}' type='chat'><body>1</body></message>`);
    await garden.expect(copyOf("sent", garden, `<message to='${JULIET}'><body>1</body></message>`, "chat"));
    const juliet = await server.client("juliet");
    juliet.send("<presence/>");
    await juliet.until(`<message from='${home.full}'><body>1</body></message>`);
  });

  it("between two devices of one user: the third has one copy, the two have none", async () => {
    const server = await startServer();
    const [home, garden, tomb] = [
      await device(server, "romeo", "home"),
      await device(server, "romeo", "garden"),
      await device(server, "romeo", "tomb"),
    ];
    await settle(home, garden, tomb);
    home.send(`<message to='${garden.full}' type='chat'><body>1</body></message>`);
    await garden.expect(`<message from='${home.full}' to='${garden.full}'><body>1</body></message>`);
    await home.expectNothing();
    const copies = await tomb.untilNow();
    expect(copies.map((copy) => copy.toString().includes("<body>1</body>"))).toEqual([true]);
    expect(copies[0]?.attrs.from).toBe(ROMEO);
    await nothing(home, garden, tomb);
  });

  it("a note to oneself (no 'to'): every device has it once", async () => {
    const server = await startServer();
    const [home, garden, shy] = [
      await device(server, "romeo", "home"),
      await device(server, "romeo", "garden"),
      await device(server, "romeo", "shy", { priority: -1 }),
    ];
    await settle(home, garden, shy);
    home.send("<message type='chat'><body>1</body></message>");
    await home.sync();
    for (const client of [garden, shy]) {
      expect((await client.untilNow()).map((each) => each.toString().includes("<body>1</body>"))).toEqual([true]);
    }
  });
});

describe("XEP-0280 section 6.1: which messages", () => {
  const ELIGIBLE: [what: string, type: string, payload: string][] = [
    ["normal with a body", "", "<body>b</body>"],
    ["a chat state", "type='chat'", "<composing xmlns='http://jabber.org/protocol/chatstates'/>"],
    ["a receipt", "", "<received xmlns='urn:xmpp:receipts' id='1'/>"],
    ["a chat marker", "type='chat'", "<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>"],
    ["a direct invitation", "", "<x xmlns='jabber:x:conference' jid='coven@chat.example'/>"],
    [
      "a mediated invitation",
      "",
      "<x xmlns='http://jabber.org/protocol/muc#user'><invite from='crone1@shakespeare.lit'/></x>",
    ],
    ["encrypted", "type='chat'", "<encrypted xmlns='urn:xmpp:omemo:2'/><store xmlns='urn:xmpp:hints'/>"],
  ];
  const NOT_ELIGIBLE: [what: string, type: string, payload: string][] = [
    ["normal without a body", "", "<subject>s</subject>"],
    ["a headline", "type='headline'", "<body>b</body>"],
    ["groupchat", "type='groupchat'", "<body>b</body>"],
    ["private", "type='chat'", `<body>b</body><private xmlns='${CARBONS}'/><no-copy xmlns='urn:xmpp:hints'/>`],
    ["private by itself", "type='chat'", `<body>b</body><private xmlns='${CARBONS}'/>`],
    ["with the hint by itself", "type='chat'", "<body>b</body><no-copy xmlns='urn:xmpp:hints'/>"],
  ];

  it.each([...ELIGIBLE.map((row) => [...row, true] as const), ...NOT_ELIGIBLE.map((row) => [...row, false] as const)])(
    "%s (%s%s): copied on both sides, or on neither: %s",
    async (_what, type, payload, eligible) => {
      const server = await startServer();
      const [home, garden] = [await device(server, "romeo", "home"), await device(server, "romeo", "garden")];
      const [balcony, hall] = [await device(server, "juliet", "balcony"), await device(server, "juliet", "hall")];
      await settle(home, garden, balcony, hall);
      home.send(`<message to='${balcony.full}' ${type}>${payload}</message>`);
      const whole = `<message from='${home.full}' to='${balcony.full}' ${type}>${payload}</message>`;
      await balcony.expect(whole); // section 9, interoperability note: <private/> is left in it
      if (eligible) {
        const carbonType = /'(.*)'/.exec(type)?.[1] ?? "{absent}";
        await hall.expect(copyOf("received", hall, whole, carbonType));
        await garden.expect(copyOf("sent", garden, whole, carbonType));
      }
      await nothing(home, garden, balcony, hall);
    },
  );

  it("a private message of a room is copied to the devices of who sends it, not of who receives it", async () => {
    const server = await startServer();
    const [home, garden] = [await device(server, "romeo", "home"), await device(server, "romeo", "garden")];
    const [balcony, hall] = [await device(server, "juliet", "balcony"), await device(server, "juliet", "hall")];
    await settle(home, garden, balcony, hall);
    const payload = "<body>b</body><x xmlns='http://jabber.org/protocol/muc#user'/>";
    home.send(`<message to='${balcony.full}' type='chat'>${payload}</message>`);
    await balcony.expect(`<message from='${home.full}'>${payload}</message>`);
    await garden.expect(copyOf("sent", garden, `<message to='${balcony.full}'>${payload}</message>`, "chat"));
    await nothing(home, hall, balcony);
  });

  it("9: a private message to the bare JID reaches every device, as without carbons", async () => {
    const server = await startServer();
    const [home, garden] = [await device(server, "romeo", "home"), await device(server, "romeo", "garden")];
    const juliet = await server.online("juliet");
    await settle(home, garden);
    const payload = `<body>b</body><private xmlns='${CARBONS}'/>`;
    juliet.send(`<message to='${ROMEO}' type='chat'>${payload}</message>`);
    for (const client of [home, garden]) await client.expect(`<message from='${juliet.full}'>${payload}</message>`);
    await nothing(juliet, home, garden);
  });
});

describe("XEP-0280 sections 6.1 and 10.3: errors", () => {
  const ERROR = `<error type='cancel'><gone xmlns='${STANZAS}'/></error>`;

  it("6.1: an error that answers an eligible message, and says so by its payload, is copied", async () => {
    const server = await startServer();
    const [home, garden] = [await device(server, "romeo", "home"), await device(server, "romeo", "garden")];
    const juliet = await server.online("juliet");
    await settle(home, garden);
    juliet.send(`<message to='${home.full}' type='error' id='m1'><body>1</body>${ERROR}</message>`);
    const error = `<message from='${juliet.full}' to='${home.full}' type='error' id='m1'><body>1</body>${ERROR}</message>`;
    await home.expect(error);
    await garden.expect(copyOf("received", garden, error, "error"));
    await nothing(juliet, home, garden);
  });

  it.each([
    ["with what it bounced", `<body>1</body>${ERROR}`],
    ["without it", ERROR],
  ])("10.3: a copy that bounces, %s, reaches neither the sender nor another device", async (_how, payload) => {
    const server = await startServer();
    const [home, garden, tomb] = [
      await device(server, "romeo", "home"),
      await device(server, "romeo", "garden"),
      await device(server, "romeo", "tomb"),
    ];
    const juliet = await server.online("juliet");
    await settle(home, garden, tomb);
    juliet.send(`<message to='${home.full}' type='chat' id='m1'><body>1</body></message>`);
    await home.expect("<message><body>1</body></message>");
    for (const client of [garden, tomb]) await client.next();
    garden.send(`<message to='${ROMEO}' type='error' id='m1'>${payload}</message>`);
    await nothing(garden, home, garden, tomb, juliet);
  });
});

describe("XEP-0280 section 11: security", () => {
  it("a forged copy keeps its sender's address, and is copied only as that sender's message", async () => {
    const server = await startServer();
    const [home, garden] = [await device(server, "romeo", "home"), await device(server, "romeo", "garden")];
    const tybalt = await server.online("tybalt");
    await settle(home, garden);
    const forged =
      `<received xmlns='${CARBONS}'><forwarded xmlns='urn:xmpp:forward:0'>` +
      `<message xmlns='jabber:client' from='${JULIET}/balcony' to='${garden.full}' type='chat'>` +
      "<body>Thou shall meet me tonite, at our house's hall!</body></message></forwarded></received>";
    tybalt.send(`<message to='${ROMEO}' type='chat'>${forged}</message>`);
    for (const client of [home, garden]) await client.expect(`<message from='${tybalt.full}'>${forged}</message>`);
    tybalt.send(`<message to='${garden.full}' type='chat'>${forged}</message>`);
    await garden.expect(`<message from='${tybalt.full}'>${forged}</message>`);
    await home.expect(copyOf("received", home, `<message from='${tybalt.full}'>${forged}</message>`, "chat"));
    await nothing(tybalt, home, garden);
  });

  it("a forged copy that waits for a device which never acknowledges it (XEP-0198) comes to the next one as what it is", async () => {
    const server = await startServer();
    const home = await device(server, "romeo", "home");
    home.send("<enable xmlns='urn:xmpp:sm:3'/>");
    await home.until("<enabled xmlns='urn:xmpp:sm:3'/>");
    const tybalt = await server.online("tybalt");
    const forged =
      `<received xmlns='${CARBONS}'><forwarded xmlns='urn:xmpp:forward:0'>` +
      `<message xmlns='jabber:client' from='${JULIET}/balcony' to='${home.full}' type='chat'><body>tonite</body></message>` +
      "</forwarded></received>";
    tybalt.send(`<message to='${ROMEO}' type='chat'>${forged}<store xmlns='urn:xmpp:hints'/></message>`);
    await home.until(`<message from='${tybalt.full}'>${forged}</message>`);
    await home.close();
    const later = await server.client("romeo", { resource: "later" });
    later.send("<presence/>");
    await later.until(`<message from='${tybalt.full}'>${forged}</message>`);
  });

  it("who sends one in the user's name loses the stream (RFC 6120 section 8.1.2.1)", async () => {
    const server = await startServer();
    const home = await device(server, "romeo", "home");
    const tybalt = await server.online("tybalt");
    await home.sync();
    tybalt.send(
      `<message from='${ROMEO}' to='${home.full}' type='chat'><received xmlns='${CARBONS}'>` +
        `<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='${JULIET}/balcony'/></forwarded></received></message>`,
    );
    await tybalt.expectStreamError("invalid-from");
    await home.expectNothing();
  });

  it("no device of another account gets a copy, friend or not", async () => {
    const server = await startServer();
    const [home, garden] = [await device(server, "romeo", "home"), await device(server, "romeo", "garden")];
    const [juliet, nurse] = [await server.online("juliet"), await device(server, "nurse", "house")];
    await befriend(home, nurse);
    await settle(home, garden, nurse);
    juliet.send(`<message to='${home.full}' type='chat'><body>1</body></message>`);
    await home.expect("<message><body>1</body></message>");
    await garden.expect(copyOf("received", garden, `<message from='${juliet.full}'><body>1</body></message>`, "chat"));
    await nothing(juliet, nurse);
  });
});

describe("XEP-0280 sections 7 and 8: with the foreign side of the gateway", () => {
  it("8: a message to a foreign user is copied to the sender's other devices, and reaches that user once", async () => {
    const { server, juliet, events } = await stage();
    const hall = await device(server, "juliet", "hall");
    await settle(juliet, hall);
    juliet.send(`<message to='${FOREIGN_ROMEO}' id='m1' type='chat'><body>1</body></message>`);
    await events.expect("message", { transId: "m1" });
    await hall.expect(
      copyOf(
        "sent",
        hall,
        `<message from='${juliet.full}' to='${FOREIGN_ROMEO}' id='m1'><body>1</body></message>`,
        "chat",
      ),
    );
    juliet.send(`<message to='${FOREIGN_ROMEO}' id='m2'><body>2</body><private xmlns='${CARBONS}'/></message>`);
    await events.expect("message", { transId: "m2" });
    await nothing(juliet, hall);
  });

  it("7: a message of a foreign user reaches every device once, some of them as a copy", async () => {
    const { server, foreign, juliet } = await stage();
    const [hall, shy] = [
      await device(server, "juliet", "hall"),
      await device(server, "juliet", "shy", { priority: -1 }),
    ];
    await settle(juliet, hall, shy);
    expect((await foreign.message(cpim(FOREIGN_ROMEO, STAGE_JULIET, "1"))).status).toBeLessThan(300);
    for (const client of [juliet, hall]) {
      await client.expect(`<message from='${FOREIGN_ROMEO}'><body>1</body></message>`);
    }
    const copy = await shy.expect(
      `<message from='${STAGE_JULIET}' to='${shy.full}'><received xmlns='${CARBONS}'><forwarded xmlns='urn:xmpp:forward:0'>` +
        `<message xmlns='jabber:client' from='${FOREIGN_ROMEO}'><body>1</body></message></forwarded></received></message>`,
    );
    expect(copy.attrs.type).toBe(copy.getChild("received")?.getChild("forwarded")?.getChild("message")?.attrs.type);
    for (const client of [juliet, hall, shy]) await client.expectNothing();
  });

  it("a foreign user cannot forge a copy", async () => {
    const { server, foreign, juliet } = await stage();
    const hall = await device(server, "juliet", "hall");
    await settle(juliet, hall);
    const other = await Foreign.of(server, "domain:example.net");
    expect((await other.message(cpim(STAGE_JULIET, STAGE_JULIET, "1"))).status).toBeGreaterThanOrEqual(400);
    expect((await foreign.message(cpim(FOREIGN_ROMEO, `${STAGE_JULIET}`, "2"))).status).toBeLessThan(300);
    for (const client of [juliet, hall])
      await client.expect(`<message from='${FOREIGN_ROMEO}'><body>2</body></message>`);
    for (const client of [juliet, hall]) await client.expectNothing();
  });
});
