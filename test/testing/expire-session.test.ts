// expireSession: the time in which a lost session can be resumed (XEP-0198 1.6.3 section 5) is over.

import { expect, it } from "vitest";
import { createTestServer, type ScriptedClient, type TestServer } from "../../server/testing/index.ts";
import { cleanUp } from "../support/server.ts";

const FAILED = "<failed xmlns='urn:xmpp:sm:3'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>";

async function managed(server: TestServer, user: string, attrs?: string): Promise<[ScriptedClient, string]> {
  const client = await server.online(user);
  return [client, (await client.enable(attrs)).attrs.id as string];
}

async function expectFailed(server: TestServer, user: string, previd: string): Promise<void> {
  const again = await server.authenticated(user);
  again.send(`<resume xmlns='urn:xmpp:sm:3' previd='${previd}' h='0'/>`);
  await again.expect(FAILED);
}

it("of a client that is connected: it is cut, and cannot resume; nobody else is dropped", async () => {
  const server = await createTestServer();
  cleanUp(() => server.stop());
  const [romeo, previd] = await managed(server, "romeo");
  const [juliet] = await managed(server, "juliet");
  const before = server.clock.now();
  await server.expireSession("romeo");
  await romeo.ended();
  expect(server.clock.now() - before).toBe(600_000);
  await expectFailed(server, "romeo", previd);
  await juliet.sync();
});

it("of one that is lost already: only what is left of the time passes", async () => {
  const server = await createTestServer();
  cleanUp(() => server.stop());
  const [romeo, previd] = await managed(server, "romeo", "resume='true' max='60'");
  await server.cut("romeo@example.com");
  await romeo.ended();
  server.clock.advance(59_999);
  const before = server.clock.now();
  const back = await server.authenticated("romeo");
  await back.resumeSession(previd, romeo); // a moment before the end
  await server.cut("romeo");
  server.clock.advance(20_000);
  await server.expireSession("romeo@example.com");
  expect(server.clock.now() - before).toBe(60_000);
  await expectFailed(server, "romeo", previd);
});

it("of a session that a kill has left behind", async () => {
  const server = await createTestServer({}, { onDisk: true });
  cleanUp(() => server.stop());
  const [, previd] = await managed(server, "romeo");
  await server.kill();
  await server.start();
  await server.expireSession("romeo");
  await expectFailed(server, "romeo", previd);
});

it("who has none cannot lose it", async () => {
  const server = await createTestServer();
  cleanUp(() => server.stop());
  await server.client("romeo");
  await expect(server.expireSession("romeo")).rejects.toThrow("romeo has no session that could be resumed");
});
