// RFC 6120 section 13.12: denial of service. Every limit is a setting, and a refusal names it.

import { connect as tlsConnect } from "node:tls";
import type { Element } from "ltx";
import { describe, expect, it } from "vitest";
import type { ScriptedClient } from "../support/client.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { temporaryFolder } from "../support/folder.ts";
import { startServer, type TestServer } from "../support/server.ts";

const TLS = "urn:ietf:params:xml:ns:xmpp-tls";
const SASL = "urn:ietf:params:xml:ns:xmpp-sasl";

function chat(to: string, id: string | number, body = ""): string {
  return `<message to='${to}' type='chat' id='${id}'><body>${body}</body></message>`;
}

/** A stream error of that condition, whose text names the setting. */
async function expectRefusal(client: ScriptedClient, condition: string, setting: string): Promise<void> {
  const error = await client.expectStreamError(condition);
  expect(error.getChildText("text")).toContain(setting);
}

/** A message of exactly so many octets. */
function messageOf(octets: number, to: string, fill = "x"): string {
  const frame = chat(to, "big");
  const room = octets - Buffer.byteLength(frame);
  const filling = fill.repeat(Math.floor(room / Buffer.byteLength(fill)));
  return chat(to, "big", filling + "x".repeat(room - Buffer.byteLength(filling)));
}

describe("RFC 6120 section 13.12, point 4: the size of a stanza", () => {
  it("limits.stanzaBytesBeforeLogin, to the octet", async () => {
    const server = await startServer();
    for (const [octets, accepted] of [
      [10_000, true],
      [10_001, false],
    ] as const) {
      const client = await server.connect();
      await client.open();
      const frame = `<starttls xmlns='${TLS}'></starttls>`;
      client.write(frame.replace("></", `>${" ".repeat(octets - frame.length)}</`));
      if (accepted) await client.expect(`<proceed xmlns='${TLS}'/>`);
      else await expectRefusal(client, "policy-violation", "limits.stanzaBytesBeforeLogin");
      client.cut();
    }
  });

  it("limits.stanzaBytesBeforeLogin holds for the stream header, too", async () => {
    const server = await startServer();
    const client = await server.connect();
    client.write(client.header(`xmlns:a='${"a".repeat(10_000)}'`));
    await client.nextOpen();
    await expectRefusal(client, "policy-violation", "limits.stanzaBytesBeforeLogin");
  });

  it("limits.stanzaBytesBeforeLogin: an element that does not end is not waited for", async () => {
    const server = await startServer();
    const client = await server.connect();
    await client.open();
    client.write(`<starttls xmlns='${TLS}'>${" ".repeat(10_001)}`);
    await expectRefusal(client, "policy-violation", "limits.stanzaBytesBeforeLogin");
  });

  it.each([
    ["ASCII", "x"],
    ["two octets a character", "é"],
    ["four octets a character", "📱"],
    ["entities", "&amp;"],
  ])("limits.stanzaBytes, to the octet: %s", async (_name, fill) => {
    const server = await startServer({ limits: { stanzaBytes: 20_000 } });
    const romeo = await server.online("romeo");
    const juliet = await server.client("juliet");
    const whole = messageOf(20_000, "romeo@example.com", fill);
    // Joined into one packet, with white space between them, each is counted by itself.
    juliet.write(`${whole} \n${chat("romeo@example.com", 1, fill)}\n ${whole}${whole}`);
    for (const id of ["big", 1, "big", "big"]) await romeo.expect(`<message id='${id}'/>`);
    juliet.write(`${whole} ${messageOf(20_001, "romeo@example.com", fill)}`);
    await expectRefusal(juliet, "policy-violation", "limits.stanzaBytes)");
    await romeo.expect("<message id='big'/>"); // what came before it is processed (section 10.1)
    await romeo.expectNothing();
  });

  it("limits.stanzaBytes: split at every octet, one that fits is fine", async () => {
    const server = await startServer({ limits: { stanzaBytes: 10_000 } });
    const romeo = await server.online("romeo");
    const juliet = await server.client("juliet");
    const bytes = Buffer.from(messageOf(10_000, "romeo@example.com", "é"));
    for (let at = 0; at < bytes.length; at += 97) juliet.write(bytes.subarray(at, at + 97));
    await romeo.expect("<message id='big'/>");
  });

  it("no deployment can have less than the 10000 octets that the RFC asks for", async () => {
    await expect(startServer({ limits: { stanzaBytes: 9_999 } })).rejects.toThrow(
      "limits.stanzaBytes: must be a whole number of at least 10000",
    );
  });
});

describe("RFC 6120 section 13.12: what a small stanza can hold", () => {
  it.each([
    ["depth", 5, (n: number) => `<message>${"<a>".repeat(n - 1)}${"</a>".repeat(n - 1)}</message>`],
    ["attributes", 5, (n: number) => `<message ${Array.from({ length: n }, (_, i) => `a${i}=''`).join(" ")}/>`],
    [
      "attributes, declarations of namespaces among them",
      5,
      (n: number) => `<message ${Array.from({ length: n }, (_, i) => `xmlns:a${i}='b'`).join(" ")}/>`,
    ],
    ["elements, so children of one element", 5, (n: number) => `<message>${"<a/>".repeat(n - 1)}</message>`],
    ["elements, at any level", 5, (n: number) => `<message><a>${"<b/>".repeat(n - 2)}</a></message>`],
    ["xmlNameCharacters, of an element", 20, (n: number) => `<message><${"a".repeat(n)}/></message>`],
    [
      "xmlNameCharacters, prefix and all",
      20,
      (n: number) => `<message><a:${"a".repeat(n - 2)} xmlns:a='b'/></message>`,
    ],
    ["xmlNameCharacters, of an attribute", 20, (n: number) => `<message><a ${"a".repeat(n)}=''/></message>`],
  ] as [string, number, (n: number) => string][])("limits.%s", async (name, most, stanza) => {
    const setting = name.split(",")[0] as string;
    const server = await startServer({ limits: { [setting]: most } });
    const juliet = await server.client("juliet");
    juliet.write(stanza(most));
    await juliet.untilNow();
    juliet.write(stanza(most + 1));
    await expectRefusal(juliet, "policy-violation", `(limits.${setting})`);
  });
});

describe("RFC 6120 section 13.12, point 6: bandwidth", () => {
  it("limits.bytesPerSecond and burstBytes: who sends more is read later; nothing is lost, nobody else waits", async () => {
    const clock = new FakeClock();
    const limits = { bytesPerSecond: 1_000, burstBytes: 30_000, idleTimeoutSeconds: 0 };
    const server = await startServer({ limits }, { clock });
    const romeo = await server.online("romeo", { resource: "orchard" });
    const juliet = await server.client("juliet");
    const another = await server.client("juliet");
    for (let n = 0; n < 100; n++) juliet.send(chat(romeo.full, n, "x".repeat(1_000)));
    const got: Element[] = [];
    while (got.length < 20) got.push(await romeo.next());
    // Round trips of others, and of another stream of the same account, take no time of the clock.
    for (let round = 0; round < 5; round++) {
      got.push(...(await romeo.untilNow()));
      await another.sync();
    }
    expect(got.length).toBeLessThan(60);
    while (got.length < 100) {
      const before = got.length;
      clock.advance(5_000);
      got.push(...(await romeo.untilNow()));
      expect(got.length - before).toBeLessThan(60); // at most a burst at a time
    }
    expect(got.map((message) => message.attrs.id)).toEqual(Array.from({ length: 100 }, (_, n) => String(n)));
    juliet.send(chat(romeo.full, "last"));
    clock.advance(60_000);
    await romeo.expect("<message id='last'/>");
  });

  it("a flood from one stream leaves the others their turns", async () => {
    const server = await startServer();
    const juliet = await server.client("juliet");
    const romeo = await server.client("romeo");
    const flood = chat("nobody@example.com", "flood").repeat(40_000);
    juliet.write(flood);
    juliet.send(`<iq type='get' id='last' to='example.com'><ping xmlns='urn:xmpp:ping'/></iq>`);
    let over = false;
    const last = juliet.until("<iq id='last'/>").then(() => {
      over = true;
    });
    let turns = 0;
    for (; !over; turns++) await romeo.sync();
    await last;
    // It takes some hundred turns to read; in each of them Romeo may be answered.
    expect(turns).toBeGreaterThan(20);
  });
});

describe("RFC 6120 section 13.12, point 1: connections", () => {
  it("limits.connectionsPerAddress: a header, policy-violation with the limit's name, and the end", async () => {
    const server = await startServer({ limits: { connectionsPerAddress: 2 } });
    const romeo = await server.online("romeo");
    const juliet = await server.client("juliet");
    const third = await server.connect();
    third.write(third.header());
    const header = await third.nextOpen();
    expect(header).toMatchObject({ from: "example.com", version: "1.0" });
    await expectRefusal(third, "policy-violation", "limits.connectionsPerAddress is 2");
    await romeo.sync();
    await juliet.close();
    await server.client("nurse"); // there is room again
  });

  it("limits.connections: resource-constraint", async () => {
    const server = await startServer({ limits: { connections: 1 } });
    const romeo = await server.online("romeo");
    const second = await server.connect();
    await second.nextOpen();
    await expectRefusal(second, "resource-constraint", "limits.connections is 1");
    await romeo.sync();
  });

  it("limits.connectionsPerAddress on the port for direct TLS: cut, before a handshake is paid for", async () => {
    const server = await startServer({ limits: { connectionsPerAddress: 1 } });
    const romeo = await server.online("romeo");
    const socket = tlsConnect({
      port: server.addresses.directTls as number,
      host: "127.0.0.1",
      rejectUnauthorized: false,
    });
    await new Promise<void>((resolve) => {
      socket.once("error", () => resolve());
      socket.once("close", () => resolve());
    });
    expect(socket.getPeerCertificate?.()?.raw).toBeUndefined();
    await romeo.sync();
  });

  it("limits.connectionsPerAddress: hundreds of refusals at once cost the others nothing, and are all closed", async () => {
    const server = await startServer({ limits: { connectionsPerAddress: 1 } });
    const romeo = await server.online("romeo");
    const refused = await Promise.all(Array.from({ length: 300 }, () => server.connect().catch(() => undefined)));
    await romeo.sync();
    for (const client of refused) await client?.ended();
    await romeo.close();
    await server.online("juliet");
  });
});

describe("RFC 6120 section 13.12, point 3: streams of one account", () => {
  it("limits.sessionsPerAccount: resource-constraint, as a stanza error", async () => {
    const server = await startServer({ limits: { sessionsPerAccount: 1 } });
    await server.client("juliet", { resource: "balcony" });
    const second = await server.connect();
    await second.open();
    await second.startTls();
    await second.authenticate("juliet", "secret");
    second.send("<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
    const refusal = await second.expect(
      "<iq type='error' id='1'><error type='wait'><resource-constraint xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
    );
    expect(refusal.getChild("error")?.getChildText("text")).toContain("limits.sessionsPerAccount");
  });
});

describe("what an account may keep", () => {
  const ROSTER = "jabber:iq:roster";

  it.each([
    ["rosterItems", "resource-constraint", (n: number) => `<item jid='contact${n}@example.net'/>`],
    ["nameCharacters", "not-acceptable", (n: number) => `<item jid='a@example.net' name='${"n".repeat(n)}'/>`],
    [
      "nameCharacters, of a group",
      "not-acceptable",
      (n: number) => `<item jid='a@example.net'><group>${"n".repeat(n)}</group></item>`,
    ],
    [
      "groupsPerItem",
      "not-acceptable",
      (n: number) =>
        `<item jid='a@example.net'>${Array.from({ length: n }, (_, i) => `<group>${i}</group>`).join("")}</item>`,
    ],
  ] as [string, string, (n: number) => string][])("limits.%s: %s", async (name, condition, item) => {
    const setting = name.split(",")[0] as string;
    const server = await startServer({ limits: { [setting]: 3 } });
    const juliet = await server.client("juliet");
    for (let n = 1; n <= 3; n++) {
      expect((await juliet.ask("set", `<query xmlns='${ROSTER}'>${item(n)}</query>`)).attrs.type).toBe("result");
    }
    const error = (await juliet.ask("set", `<query xmlns='${ROSTER}'>${item(4)}</query>`)).getChild("error");
    expect(error?.getChild(condition)).toBeDefined();
    expect(error?.getChildText("text")).toContain(`limits.${setting}`);
  });

  it("limits.offlineMessages: service-unavailable to the sender", async () => {
    const server = await startServer({ limits: { offlineMessages: 2 } });
    const juliet = await server.client("juliet");
    await server.admin.addUser("romeo", "secret");
    for (let n = 1; n <= 3; n++) juliet.send(chat("romeo@example.com", n, "hi"));
    const error = (await juliet.expect("<message type='error' id='3'/>")).getChild("error");
    expect(error?.getChild("service-unavailable")).toBeDefined();
    expect(error?.getChildText("text")).toContain("limits.offlineMessages");
  });

  it("limits.pendingRequests: strangers' requests beyond it are dropped, and fill no roster", async () => {
    const server = await startServer({ limits: { pendingRequests: 5, rosterItems: 5 } });
    await server.admin.addUser("juliet", "secret");
    for (let n = 0; n < 8; n++) {
      const stranger = await server.client(`stranger${n}`);
      stranger.send("<presence to='juliet@example.com' type='subscribe'/>");
      await stranger.sync();
      await stranger.close();
    }
    const juliet = await server.client("juliet", { password: "secret" });
    juliet.send("<presence/>");
    const requests = (await juliet.untilNow()).filter((element) => element.attrs.type === "subscribe");
    expect(requests.map((request) => request.attrs.from)).toEqual(
      Array.from({ length: 5 }, (_, n) => `stranger${n}@example.com`),
    );
    for (let n = 0; n < 5; n++) {
      const answer = await juliet.ask("set", `<query xmlns='${ROSTER}'><item jid='friend${n}@example.net'/></query>`);
      expect(answer.attrs.type).toBe("result");
    }
    // An answer makes room for another request.
    juliet.send("<presence to='stranger0@example.com' type='unsubscribed'/>");
    await juliet.sync();
    const late = await server.client("stranger7", { password: "secret" });
    late.send(
      "<presence to='juliet@example.com' type='unsubscribe'/><presence to='juliet@example.com' type='subscribe'/>",
    );
    await juliet.until("<presence type='subscribe' from='stranger7@example.com'/>");
  });
});

describe("time", () => {
  it("limits.handshakeTimeoutSeconds: who has not bound a resource by then is closed, however busy it is", async () => {
    const clock = new FakeClock();
    const server = await startServer({ limits: { handshakeTimeoutSeconds: 30 } }, { clock });
    const romeo = await server.online("romeo");
    const silent = await server.connect();
    const slow = await server.connect();
    const secured = await server.connect();
    await secured.open();
    await secured.startTls();
    await romeo.sync(); // by now the server has accepted the others
    const header = slow.header();
    for (let at = 0; at < 29; at++) {
      slow.write(header[at] as string);
      clock.advance(1_000);
      await romeo.sync();
    }
    clock.advance(999);
    await romeo.sync();
    expect(silent.received + slow.received).toBe("");
    clock.advance(1);
    for (const client of [silent, slow]) await client.nextOpen();
    for (const client of [silent, slow, secured]) {
      await expectRefusal(client, "policy-violation", "limits.handshakeTimeoutSeconds");
    }
    clock.advance(600_000);
    await romeo.sync(); // whoever is logged in is none of it
  });

  it("limits.handshakeTimeoutSeconds: a TLS handshake that does not end is cut, and nothing said in the clear", async () => {
    const clock = new FakeClock();
    const server = await startServer({ limits: { handshakeTimeoutSeconds: 30 } }, { clock });
    const client = await server.connect();
    await client.open();
    client.write(`<starttls xmlns='${TLS}'/>`);
    await client.expect(`<proceed xmlns='${TLS}'/>`);
    const before = client.received;
    client.write(Buffer.from([0x16, 0x03, 0x01])); // the beginning of a ClientHello
    await (await server.online("romeo")).sync();
    clock.advance(30_000); // the stream gives up
    clock.advance(5_000); // and does not wait for the peer for ever
    await client.ended();
    expect(client.received).toBe(before);
  });

  it("RFC 6120 section 4.6: limits.idleTimeoutSeconds: a silent client is asked, and closed if it does not answer", async () => {
    const clock = new FakeClock();
    const server = await startServer({ limits: { idleTimeoutSeconds: 900 } }, { clock });
    const juliet = await server.client("juliet");
    const romeo = await server.client("romeo");
    clock.advance(890_000);
    await juliet.expectNothing();
    for (let n = 0; n < 2; n++) {
      clock.advance(10_000);
      await juliet.sync();
    }
    const ping = await romeo.expect("<iq type='get' from='example.com' to='{any}'><ping xmlns='urn:xmpp:ping'/></iq>");
    expect(ping.attrs.to).toBe(romeo.full);
    for (let n = 0; n < 6; n++) {
      clock.advance(10_000);
      await juliet.sync();
    }
    await expectRefusal(romeo, "connection-timeout", "limits.idleTimeoutSeconds");
    await juliet.sync();
  });

  it.each([
    ["section 4.6.1: a white-space keepalive", " "],
    ["a part of a stanza", "<mess"],
  ])("limits.idleTimeoutSeconds: %s is a sign of life", async (_name, sign) => {
    const clock = new FakeClock();
    const server = await startServer({ limits: { idleTimeoutSeconds: 900 } }, { clock });
    const juliet = await server.client("juliet");
    const romeo = await server.client("romeo");
    for (let round = 0; round < 3; round++) {
      clock.advance(800_000);
      if (round === 0) juliet.write(sign);
      else if (sign === " ") juliet.write("\n");
      else juliet.write("age".charAt(round - 1));
      await romeo.sync();
    }
    expect(juliet.received).not.toContain("urn:xmpp:ping");
  });

  it("limits.idleTimeoutSeconds: 0 asks nobody", async () => {
    const clock = new FakeClock();
    const server = await startServer({ limits: { idleTimeoutSeconds: 0 } }, { clock });
    const juliet = await server.client("juliet");
    clock.advance(30 * 86_400_000);
    await juliet.expectNothing();
  });
});

describe("RFC 6120 section 13.9.4: passwords that are tried", () => {
  it("limits.loginAttempts: after so many failures the stream is closed", async () => {
    const server = await startServer({ limits: { loginAttempts: 2 } });
    const client = await server.connect();
    await client.open();
    await client.startTls();
    const attempt = `<auth xmlns='${SASL}' mechanism='PLAIN'>${Buffer.from("\0juliet\0wrong").toString("base64")}</auth>`;
    client.write(attempt);
    await client.expect(`<failure xmlns='${SASL}'><not-authorized/></failure>`);
    client.write(attempt);
    await client.expect(`<failure xmlns='${SASL}'><not-authorized/></failure>`);
    await expectRefusal(client, "policy-violation", "limits.loginAttempts");
  });
});

describe("XEP-0478: limits are advertised", () => {
  function advertised(features: Element): { bytes: string | null; seconds: string | null } {
    const limits = features.getChild("limits", "urn:xmpp:stream-limits:0");
    return { bytes: limits?.getChildText("max-bytes") ?? null, seconds: limits?.getChildText("idle-seconds") ?? null };
  }

  it("inside TLS those before login, after login the user's; nothing beside STARTTLS (RFC 6120 section 5.3.1)", async () => {
    const limits = {
      stanzaBytesBeforeLogin: 11_000,
      stanzaBytes: 12_000,
      handshakeTimeoutSeconds: 20,
      idleTimeoutSeconds: 300,
    };
    const server = await startServer({ limits });
    await server.admin.addUser("juliet", "secret");
    const client = await server.connect();
    expect(advertised(await client.open())).toEqual({ bytes: null, seconds: null });
    expect(advertised(await client.startTls())).toEqual({ bytes: "11000", seconds: "20" });
    expect(advertised(await client.authenticate("juliet", "secret"))).toEqual({ bytes: "12000", seconds: "300" });
  });

  it("says nothing of idle time where that has no limit", async () => {
    const server = await startServer({ limits: { idleTimeoutSeconds: 0 } });
    await server.admin.addUser("juliet", "secret");
    const client = await server.connect();
    await client.open();
    await client.startTls();
    expect(advertised(await client.authenticate("juliet", "secret"))).toEqual({ bytes: "262144", seconds: null });
  });
});

describe("limits.outboxBytes: a reader that stops reading", () => {
  const body = "x".repeat(30_000);

  function ids(elements: readonly Element[]): number[] {
    return elements.filter(({ name }) => name === "message").map((message) => Number(message.attrs.id));
  }

  /** Juliet writes to Romeo's resource, who does not read, until its stream is closed. How many she sent. */
  async function stuff(server: TestServer, juliet: ScriptedClient, romeo: ScriptedClient): Promise<number> {
    let gone = false;
    server.on("sessionEnd", (session) => {
      gone ||= session.jid.equals(romeo.jid);
    });
    romeo.pause();
    let sent = 0;
    while (!gone) {
      for (let n = 0; n < 10; n++) juliet.send(chat(romeo.full, sent++, body));
      await juliet.sync();
    }
    return sent;
  }

  /** What had reached the connection, and so may have arrived. */
  async function remainder(romeo: ScriptedClient): Promise<number[]> {
    romeo.resume();
    const got: Element[] = [];
    for (;;) {
      const next = await romeo.next().catch(() => undefined);
      if (next === undefined) return ids(got);
      got.push(next);
    }
  }

  function expectAll(sent: number, before: readonly number[], after: readonly number[]): void {
    const all = Array.from({ length: sent }, (_, n) => n);
    expect(before).toEqual(all.slice(0, before.length));
    expect(after).toEqual(all.slice(sent - after.length)); // in order, without a gap
    expect(before.length + after.length).toBeGreaterThanOrEqual(sent);
  }

  it("is closed alone, and gets what it did not take at its next login, in order", async () => {
    const server = await startServer({ limits: { outboxBytes: 65_536, offlineMessages: 10_000 } });
    const romeo = await server.online("romeo");
    const nurse = await server.online("nurse");
    const juliet = await server.online("juliet");
    const sent = await stuff(server, juliet, romeo);
    await nurse.sync();
    juliet.send(chat(romeo.full, sent));
    await juliet.sync();
    const before = await remainder(romeo);
    const again = await server.client("romeo");
    again.send("<presence/>");
    const after = ids(await again.untilNow());
    expectAll(sent + 1, before, after);
  });

  it("with another resource: that one gets what was sent to the full JID of the one that is gone", async () => {
    const server = await startServer({ limits: { outboxBytes: 65_536 } });
    const romeo = await server.online("romeo");
    const phone = await server.online("romeo");
    const juliet = await server.online("juliet");
    await phone.untilNow();
    const sent = await stuff(server, juliet, romeo);
    const before = await remainder(romeo);
    const after: number[] = [];
    while (before.length + after.length < sent) after.push(...ids(await phone.untilNow())); // as fast as it reads
    expectAll(sent, before, after);
  });

  it("what went to the bare JID is not repeated to the other resources, who had theirs", async () => {
    const server = await startServer({ limits: { outboxBytes: 65_536 } });
    const romeo = await server.online("romeo");
    const phone = await server.online("romeo");
    const juliet = await server.online("juliet");
    await phone.untilNow();
    romeo.pause();
    let gone = false;
    server.on("sessionEnd", () => {
      gone = true;
    });
    let sent = 0;
    const got: number[] = [];
    while (!gone) {
      for (let n = 0; n < 10; n++) juliet.send(chat("romeo@example.com", sent++, body));
      await juliet.sync();
      got.push(...ids(await phone.untilNow()));
    }
    got.push(...ids(await phone.untilNow()));
    expect(got).toEqual(Array.from({ length: sent }, (_, n) => n));
  });

  it("RFC 6121 section 8.5.3.2.1: what cannot go anywhere else is told to its sender", async () => {
    const server = await startServer({ limits: { outboxBytes: 65_536 } });
    const romeo = await server.online("romeo");
    const juliet = await server.online("juliet");
    romeo.pause();
    let gone = false;
    server.on("sessionEnd", () => {
      gone = true;
    });
    let sent = 0;
    const answers: Element[] = [];
    while (!gone) {
      for (let n = 0; n < 10; n++) {
        juliet.send(`<message to='${romeo.full}' type='normal' id='${sent++}'><body>${body}</body></message>`);
      }
      answers.push(...(await juliet.untilNow()));
    }
    answers.push(...(await juliet.untilNow()));
    expect(answers.every((answer) => answer.attrs.type === "error")).toBe(true);
    expectAll(sent, await remainder(romeo), ids(answers));
  });

  it("a server that stops keeps what a client did not take", async () => {
    const path = await temporaryFolder();
    const clock = new FakeClock();
    const config = { storage: { path }, limits: { offlineMessages: 10_000 } };
    const server = await startServer(config, { clock });
    const romeo = await server.online("romeo");
    const juliet = await server.online("juliet");
    romeo.pause();
    let sent = 0;
    for (; sent < 400; sent++) juliet.send(chat(romeo.full, sent, body)); // more than the socket takes
    await juliet.sync();
    const stopped = server.stop();
    await juliet.expectStreamError("system-shutdown");
    clock.advance(10_000);
    await stopped;
    const before = await remainder(romeo);
    const restarted = await startServer(config, { clock });
    const again = await restarted.client("romeo", { password: "secret" });
    again.send("<presence/>");
    expectAll(sent, before, ids(await again.untilNow()));
  });

  it("a goodbye in order leaves nothing behind: what was sent is not sent again", async () => {
    const server = await startServer();
    const romeo = await server.online("romeo");
    const juliet = await server.online("juliet");
    for (let n = 0; n < 50; n++) juliet.send(chat(romeo.full, n, body));
    romeo.write("</stream:stream>");
    await juliet.sync();
    const before = await remainder(romeo);
    const again = await server.client("romeo");
    again.send("<presence/>");
    const after = ids(await again.untilNow());
    expect([...before, ...after]).toEqual(Array.from({ length: 50 }, (_, n) => n));
  });
});
