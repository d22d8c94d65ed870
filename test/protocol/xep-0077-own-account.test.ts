// XEP-0077 2.4 sections 3.2 and 3.3: removing one's account, changing one's password. There is no registration.

import { describe, expect, it } from "vitest";
import { createMemoryStore } from "../../storage/memory.ts";
import type { ScriptedClient } from "../support/client.ts";
import { ScriptedComponent } from "../support/component.ts";
import { befriend, startServer } from "../support/server.ts";

const NS = "jabber:iq:register";
const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";

function query(content: string): string {
  return `<query xmlns='${NS}'>${content}</query>`;
}

function password(username: string, value: string): string {
  return query(`<username>${username}</username><password>${value}</password>`);
}

function refused(condition: string): string {
  return `<iq type='error'><error><${condition} xmlns='${STANZAS}'/></error></iq>`;
}

const REMOVE = query("<remove/>");

async function expectRefused(
  client: ScriptedClient,
  payload: string,
  condition: string,
  to = "example.com",
): Promise<void> {
  client.send(`<iq type='set' id='1' to='${to}'>${payload}</iq>`);
  const answer = await client.expect(refused(condition));
  expect(answer.toString()).not.toContain("password>"); // section 3.3: the original is not sent back
}

describe("XEP-0077 section 3.1: what is registered", () => {
  it("the account's own name, and no password", async () => {
    const juliet = await (await startServer()).online("juliet");
    const answer = await juliet.ask("get", query(""), "example.com");
    expect(answer.getChild("query", NS)?.toString()).toBe(
      `<query xmlns="${NS}"><registered/><username>juliet</username><password/></query>`,
    );
  });

  it("no stream feature offers registration, and nobody registers before login", async () => {
    const client = await (await startServer()).connect();
    expect((await client.open()).toString()).not.toContain("register");
    await client.startTls();
    client.send(`<iq type='set' id='r' to='example.com'>${password("romeo", "x")}</iq>`);
    await client.expectStreamError("not-authorized");
  });
});

describe("XEP-0077 section 3.3: changing the password", () => {
  it("the new one is good from now on, the old one is not; this stream stays, the others end", async () => {
    const server = await startServer();
    const [juliet, other] = [await server.online("juliet"), await server.online("juliet")];
    expect((await juliet.ask("set", password("juliet", "n&amp;w pass"), "example.com")).attrs.type).toBe("result");
    await other.until(
      "<error xmlns='http://etherx.jabber.org/streams'><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></error>",
    );
    await other.expectClosed();
    await juliet.sync();
    await server.client("juliet", { password: "n&w pass" });
    await expect(server.client("juliet", { password: "secret" })).rejects.toThrow("not-authorized");
  });

  it("without 'to' it is the same, and the name is prepared", async () => {
    const server = await startServer();
    const juliet = await server.online("juliet");
    expect((await juliet.ask("set", password("JULIET", "new"))).attrs.type).toBe("result");
    await server.client("juliet", { password: "new" });
  });

  it("the audit trail has it, with the address that it came from", async () => {
    const server = await startServer();
    const juliet = await server.online("juliet");
    await juliet.ask("set", password("juliet", "new"));
    const [record] = (await server.admin.listAudit(50)).filter(({ event }) => event === "password-changed");
    expect(record).toMatchObject({ account: juliet.bare, address: "127.0.0.1", detail: "by the user" });
  });

  it.each([
    ["an empty password", password("juliet", "")],
    ["a password that is left out", query("<username>juliet</username>")],
    ["a name that is left out", query("<password>new</password>")],
    ["nothing", query("")],
  ])("%s: bad-request, and the old one stays good", async (_what, payload) => {
    const server = await startServer();
    const juliet = await server.online("juliet");
    await expectRefused(juliet, payload, "bad-request");
    await server.client("juliet");
  });

  it("one that SASLprep forbids: not-acceptable", async () => {
    const juliet = await (await startServer()).online("juliet");
    await expectRefused(juliet, password("juliet", "\u200b\u0627a"), "not-acceptable");
  });

  it("another's: not-allowed, and the same of an account that is not there", async () => {
    const server = await startServer();
    const juliet = await server.online("juliet");
    await server.admin.addUser("romeo", "secret");
    for (const name of ["romeo", "nobody", "romeo@example.com", "@", "juliet@example.com"]) {
      await expectRefused(juliet, password(name, "stolen"), "not-allowed");
    }
    await server.client("romeo", { password: "secret" });
    await expect(server.client("nobody", { password: "stolen" })).rejects.toThrow("not-authorized");
  });

  it("by way of another's address: service-unavailable, whether the account exists or not", async () => {
    const server = await startServer();
    const [juliet, romeo] = [await server.online("juliet"), await server.online("romeo")];
    await befriend(juliet, romeo);
    for (const to of [romeo.bare, "nobody@example.com"]) {
      await expectRefused(juliet, password("romeo", "stolen"), "service-unavailable", to);
      await expectRefused(juliet, REMOVE, "service-unavailable", to);
    }
    await server.client("romeo", { password: "secret" });
  });

  it("on a stream without TLS: not-authorized", async () => {
    const server = await startServer({ c2s: { requireTls: false } });
    const juliet = await server.online("juliet");
    await expectRefused(juliet, password("juliet", "new"), "not-authorized");
    await server.client("juliet");
  });

  it("a component cannot: service-unavailable", async () => {
    const server = await startServer({
      components: [{ domain: "irc.example.com", secret: "secret" }],
      componentPort: 0,
      componentAddresses: ["127.0.0.1"],
    });
    await server.online("juliet");
    const component = await ScriptedComponent.login(server, "irc.example.com");
    for (const payload of [password("juliet", "x"), REMOVE]) {
      component.send(`<iq type='set' id='1' from='juliet@irc.example.com' to='example.com'>${payload}</iq>`);
      await component.expect(refused("service-unavailable"));
    }
    await server.client("juliet");
  });
});

describe("XEP-0077 section 3.2: removing the account", () => {
  it.each(["", "to='example.com'"])("[%s] the result, then not-authorized, for all of its streams", async (to) => {
    const server = await startServer();
    const [juliet, other] = [await server.client("juliet"), await server.client("juliet")];
    juliet.send(`<iq type='set' id='unreg1' ${to}>${REMOVE}</iq><presence/>`);
    await juliet.until("<iq type='result' id='unreg1'/>");
    await juliet.expectStreamError("not-authorized");
    await other.expectStreamError("not-authorized");
    await expect(server.client("juliet", { password: "secret" })).rejects.toThrow("not-authorized");
    expect(await server.admin.listUsers({ limit: 10 })).toEqual([]);
  });

  it("contacts see the end: unavailable, and both subscriptions cancelled", async () => {
    const server = await startServer();
    const [juliet, romeo] = [await server.online("juliet"), await server.online("romeo")];
    await befriend(juliet, romeo);
    juliet.send(`<iq type='set' id='unreg1'>${REMOVE}</iq>`);
    await romeo.until(`<presence type='unavailable' from='${juliet.full}'/>`);
    await romeo.until(`<presence type='unsubscribed' from='${juliet.bare}'/>`);
    await romeo.until(`<presence type='unsubscribe' from='${juliet.bare}'/>`);
    await romeo.sync();
    const roster = await romeo.ask("get", "<query xmlns='jabber:iq:roster'/>");
    expect(roster.toString()).toContain('subscription="none"');
  });

  it("an heir of the name inherits nothing, not even what a managed session had not acknowledged", async () => {
    const server = await startServer();
    const romeo = await server.online("romeo");
    const juliet = await server.client("juliet");
    await juliet.enable();
    juliet.send("<presence/>");
    await juliet.sync();
    await juliet.ask("set", "<vCard xmlns='vcard-temp'><FN>Juliet</FN></vCard>");
    romeo.send(`<message to='${juliet.bare}' type='chat'><body>unacknowledged</body></message>`);
    await juliet.until("<message><body>unacknowledged</body></message>");
    juliet.send(`<iq type='set' id='unreg1'>${REMOVE}</iq>`);
    await juliet.until("<iq type='result' id='unreg1'/>");
    await juliet.ended();
    await romeo.sync();
    await server.admin.addUser("juliet", "secret");
    const heir = await server.client("juliet", { password: "secret" });
    expect((await heir.ask("get", "<vCard xmlns='vcard-temp'/>")).attrs.type).toBe("error");
    expect((await heir.ask("get", "<query xmlns='jabber:iq:roster'/>")).getChild("query")?.children).toEqual([]);
    heir.send("<presence/>");
    expect((await heir.untilNow()).filter(({ name }) => name === "message")).toEqual([]);
  });

  it("nothing of its last activity (XEP-0012) is stored behind its end", async () => {
    const store = createMemoryStore();
    const server = await startServer({}, { store });
    const [juliet, romeo] = [await server.online("juliet"), await server.online("romeo")];
    juliet.send(`<iq type='set' id='unreg1'>${REMOVE}</iq>`);
    await juliet.ended();
    await romeo.sync();
    expect(await store.profiles.lastActivity("juliet@example.com")).toBeUndefined();
  });

  it("the audit trail has it, with the address that it came from", async () => {
    const server = await startServer();
    const juliet = await server.client("juliet");
    juliet.send(`<iq type='set' id='unreg1'>${REMOVE}</iq>`);
    await juliet.ended();
    const [record] = (await server.admin.listAudit(50)).filter(({ event }) => event === "user-deleted");
    expect(record).toMatchObject({ account: "juliet@example.com", address: "127.0.0.1", detail: "by the user" });
  });

  it("<remove/> beside anything else: bad-request, and the account stays", async () => {
    const server = await startServer();
    const juliet = await server.online("juliet");
    await expectRefused(juliet, query("<remove/><username>juliet</username>"), "bad-request");
    await server.client("juliet");
  });
});

describe("support", () => {
  it("accounts that an embedder keeps are not announced as changeable, and are not changed", async () => {
    const authenticator = { exists: async () => true, verifyPlain: async () => "right" as const };
    const server = await startServer({}, { authenticator });
    const juliet = await server.client("juliet", { password: "x" });
    const info = await juliet.ask("get", "<query xmlns='http://jabber.org/protocol/disco#info'/>", "example.com");
    expect(info.toString()).not.toContain(NS);
    await expectRefused(juliet, password("juliet", "new"), "service-unavailable");
  });
});
