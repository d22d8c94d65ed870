// A stream that has logged in and bound nothing yet does not outlive its account or its password (RFC 6120 section 6.4.6).

import { describe, expect, it } from "vitest";
import type { ScriptedClient } from "../support/client.ts";
import { startServer, type TestServer } from "../support/server.ts";

async function loggedIn(server: TestServer): Promise<ScriptedClient> {
  await server.admin.addUser("juliet", "secret");
  const client = await server.connect();
  await client.open();
  await client.startTls();
  await client.authenticate("juliet", "secret");
  return client;
}

describe("logged in, not bound", () => {
  it("ends when the account is deleted, and the next of that name inherits nothing", async () => {
    const server = await startServer();
    const client = await loggedIn(server);
    await server.admin.deleteUser("juliet");
    await client.expectStreamError("not-authorized");
    const heir = await server.client("juliet");
    const roster = await heir.ask("get", "<query xmlns='jabber:iq:roster'/>");
    expect(roster.getChild("query")?.children).toEqual([]);
  });

  it("ends when the password is changed", async () => {
    const server = await startServer();
    const client = await loggedIn(server);
    await server.admin.setPassword("juliet", "another");
    await client.expectStreamError("reset");
  });

  it("cannot bind to an account that vanished without a word", async () => {
    const known = new Set(["juliet"]);
    const authenticator = {
      exists: async (localpart: string) => known.has(localpart),
      verifyPlain: async () => "right" as const,
    };
    const server = await startServer({}, { authenticator });
    const client = await server.connect();
    await client.open();
    await client.startTls();
    await client.authenticate("juliet", "secret");
    known.clear();
    client.write("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
    await client.expectStreamError("not-authorized");
  });
});
