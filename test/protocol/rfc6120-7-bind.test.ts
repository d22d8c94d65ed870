// RFC 6120 section 7: resource binding.

import { describe, expect, it } from "vitest";
import type { ScriptedClient } from "../support/client.ts";
import { startServer, type TestServer } from "../support/server.ts";

const BIND = "urn:ietf:params:xml:ns:xmpp-bind";
const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";

/** Juliet, logged in, with no resource yet. */
async function loggedIn(server: TestServer): Promise<ScriptedClient> {
  await server.admin.addUser("juliet", "secret").catch(() => {});
  const client = await server.connect();
  await client.open();
  await client.startTls();
  await client.authenticate("juliet", "secret");
  return client;
}

function bindRequest(resource = "", id = "wy2xa82b4"): string {
  return `<iq type='set' id='${id}'><bind xmlns='${BIND}'>${resource}</bind></iq>`;
}

function bindError(condition: string, type: string): string {
  return `<iq type='error' id='wy2xa82b4'><error type='${type}'><${condition} xmlns='${STANZAS}'/></error></iq>`;
}

describe("RFC 6120 section 7.4: advertising support", () => {
  it("bind is offered behind the login, and not before", async () => {
    const server = await startServer();
    await server.admin.addUser("juliet", "secret");
    const client = await server.connect();
    expect((await client.open()).toString()).not.toContain(BIND);
    expect((await client.startTls()).toString()).not.toContain(BIND);
    const features = await client.authenticate("juliet", "secret");
    expect(features.getChild("bind", BIND)).toBeDefined();
    await client.close();
  });

  it("7.3.2: nothing restarts behind it; the next thing that comes is the answer to the next request", async () => {
    const server = await startServer();
    const juliet = await server.client("juliet");
    await juliet.expectNothing();
  });
});

describe("RFC 6120 section 7.6: server-generated resource", () => {
  it("7.6.1: an empty bind gets a full JID of the account, another one each time", async () => {
    const server = await startServer();
    const resources = new Set<string | undefined>();
    for (let n = 0; n < 3; n++) {
      const client = await loggedIn(server);
      const jid = await client.bind();
      expect(jid.bareString).toBe("juliet@example.com");
      expect(jid.resourcepart?.length).toBeGreaterThanOrEqual(12); // section 7.5: nobody can guess it
      resources.add(jid.resourcepart);
    }
    expect(resources.size).toBe(3);
  });

  it("7.6.2.1: resource-constraint at limits.sessionsPerAccount; the stream may try again", async () => {
    const server = await startServer({ limits: { sessionsPerAccount: 2 } });
    const [first] = [await server.client("juliet"), await server.client("juliet"), await server.client("romeo")];
    const third = await loggedIn(server);
    third.send(bindRequest());
    await third.expect(bindError("resource-constraint", "wait"));
    await first?.close();
    await third.bind("balcony");
    expect(third.full).toBe("juliet@example.com/balcony");
  });

  it("7.6.2.2: a second bind on the same stream is not-allowed, and the first resource stays", async () => {
    const server = await startServer();
    const juliet = await server.client("juliet", { resource: "balcony" });
    juliet.send(bindRequest("<resource>chamber</resource>"));
    await juliet.expect(bindError("not-allowed", "cancel"));
    juliet.send(`<iq type='get' id='1' to='${juliet.full}'><ping xmlns='urn:xmpp:ping'/></iq>`);
    await juliet.expect("<iq type='get' id='1' to='juliet@example.com/balcony' from='juliet@example.com/balcony'/>");
  });
});

describe("RFC 6120 section 7.7: client-submitted resource", () => {
  it.each(["balcony", "Balcony", "the balcony, 2nd floor", "Garçon", "балкон", "📱", "a/b@c", "&lt;&amp;&apos;"])(
    "7.7.1: %s is taken as it is",
    async (resource) => {
      const server = await startServer();
      const client = await loggedIn(server);
      client.send(bindRequest(`<resource>${resource}</resource>`));
      await client.expect(
        `<iq type='result' id='wy2xa82b4'><bind xmlns='${BIND}'><jid>juliet@example.com/${resource}</jid></bind></iq>`,
      );
    },
  );

  it("7.7.2.1: a resource that can be put into conformance is (RFC 7622 section 3.4: spaces, NFC)", async () => {
    const server = await startServer();
    const client = await loggedIn(server);
    await client.bind("the\u00a0bal\u0063\u0327ony");
    expect(client.full).toBe("juliet@example.com/the balçony");
  });

  it("7.7.2.1: for one of zero length the server chooses", async () => {
    const server = await startServer();
    const client = await loggedIn(server);
    const jid = await client.bind("");
    expect(jid.resourcepart).toMatch(/./);
  });

  it.each([
    ["over 1023 octets", "é".repeat(512)],
    ["with a code point for private use", "balcony\ue000"],
    ["with a default-ignorable code point", "bal\u200bcony"],
  ])("7.7.2.1: one %s is bad-request, and the stream may try again", async (_name, resource) => {
    const server = await startServer();
    const client = await loggedIn(server);
    client.send(bindRequest(`<resource>${resource}</resource>`));
    await client.expect(bindError("bad-request", "modify"));
    await client.bind("balcony");
  });

  it("7.7.3: at least 5 retries, and policy-violation after no more than 10", async () => {
    const server = await startServer();
    const client = await loggedIn(server);
    for (let n = 0; n < 6; n++) {
      client.send(bindRequest(`<resource>${"a".repeat(1024)}</resource>`));
      await client.expect(bindError("bad-request", "modify"));
    }
    for (let n = 0; n < 5; n++) client.send(bindRequest(`<resource>${"a".repeat(1024)}</resource>`));
    await client.until(
      `<error xmlns='http://etherx.jabber.org/streams'><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></error>`,
    );
    await client.expectClosed();
  });
});

describe("RFC 6120 section 7.7.2.2: conflict, by the third of its choices", () => {
  it("closes the older stream with conflict and binds the newer", async () => {
    const server = await startServer();
    const chamber = await server.online("juliet", { resource: "chamber" });
    const old = await server.online("juliet", { resource: "balcony" });
    const newer = await loggedIn(server);
    await newer.bind("balcony");
    await old.expectStreamError("conflict");
    expect(newer.full).toBe("juliet@example.com/balcony");
    const romeo = await server.client("romeo");
    romeo.send(`<message to='${newer.full}'><body>which?</body></message>`);
    await newer.expect("<message><body>which?</body></message>");
    await chamber.sync(); // another resource is left alone
  });

  it("the same resource in another spelling is the same (RFC 7622 section 3.4)", async () => {
    const server = await startServer();
    const old = await server.client("juliet", { resource: "the balcony" });
    await server.client("juliet", { resource: "the\u2003balcony" });
    await old.expectStreamError("conflict");
  });

  it("another user's resource of that name is none of it", async () => {
    const server = await startServer();
    const romeo = await server.client("romeo", { resource: "balcony" });
    await server.client("juliet", { resource: "balcony" });
    await romeo.expectNothing();
  });

  it("at limits.sessionsPerAccount a taken resource can still be replaced", async () => {
    const server = await startServer({ limits: { sessionsPerAccount: 1 } });
    const old = await server.client("juliet", { resource: "balcony" });
    const newer = await server.client("juliet", { resource: "balcony" });
    await old.expectStreamError("conflict");
    await newer.expectNothing();
  });

  it("wanted by twenty at once, exactly one is left, and it works", async () => {
    const server = await startServer();
    await server.admin.addUser("juliet", "secret");
    const clients = await Promise.all(
      Array.from({ length: 20 }, () => server.client("juliet", { resource: "balcony", password: "secret" })),
    );
    const romeo = await server.client("romeo");
    romeo.send("<message to='juliet@example.com/balcony'><body>the one</body></message>");
    const got = await Promise.all(
      clients.map(async (client) => {
        const item = await client.next();
        return item.name === "message";
      }),
    );
    expect(got.filter((yes) => yes)).toHaveLength(1);
  });
});

describe("RFC 6120 section 7.1: before a resource is bound", () => {
  it.each([
    ["a message", "<message to='romeo@example.com' type='chat'><body>too early</body></message>"],
    ["presence", "<presence to='romeo@example.com'/>"],
    ["an iq", "<iq type='get' id='1' to='romeo@example.com'><ping xmlns='urn:xmpp:ping'/></iq>"],
  ])("%s to somebody is not processed and ends the stream with not-authorized", async (_name, stanza) => {
    const server = await startServer();
    const romeo = await server.online("romeo");
    const client = await loggedIn(server);
    client.send(stanza);
    await client.expectStreamError("not-authorized");
    await romeo.expectNothing();
  });

  it("7.4: a bind before the login is not-authorized", async () => {
    const server = await startServer();
    const client = await server.connect();
    await client.open();
    await client.startTls();
    client.send(bindRequest());
    await client.expectStreamError("not-authorized");
  });

  it("4.9.3.12: an element that only looks like a part of the negotiation is not-authorized", async () => {
    const server = await startServer();
    for (const element of [
      "<stream-opened/>",
      "<stream-opened xmlns=''/>",
      "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>",
    ]) {
      const client = await loggedIn(server);
      client.send(element);
      await client.expectStreamError("not-authorized");
    }
  });
});
