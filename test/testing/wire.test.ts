// Every stanza visible: the record of what passes, and the transcript.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { createTestServer, type TestServer, type TestServerParts, VirtualClock } from "../../server/testing/index.ts";
import { temporaryFolder } from "../support/folder.ts";
import { cleanUp } from "../support/server.ts";

async function testServer(config = {}, parts: TestServerParts = {}): Promise<TestServer> {
  const server = await createTestServer(config, parts);
  cleanUp(() => server.stop());
  return server;
}

it("is a record of both directions, with time, connection, account and full JID once they are known", async () => {
  const clock = new VirtualClock(Date.parse("2026-01-01T00:00:00Z"));
  const server = await testServer({}, { clock });
  const juliet = await server.client("juliet", { resource: "balcony" });
  clock.advance(2_500);
  await juliet.sync();
  const seen = [...server.wire].map(({ from, kind, user, jid, element, at, connection }) => {
    const name = element === undefined ? kind : `<${element.name}>`;
    return `${at - Date.parse("2026-01-01T00:00:00Z")} ${connection} ${from} ${name} ${user} ${jid}`;
  });
  const full = "juliet@example.com/balcony";
  expect(seen).toEqual([
    "0 1 client header undefined undefined",
    "0 1 server header undefined undefined",
    "0 1 server <features> undefined undefined",
    "0 1 client <auth> juliet undefined",
    "0 1 server <success> juliet undefined",
    "0 1 client header juliet undefined",
    "0 1 server header juliet undefined",
    "0 1 server <features> juliet undefined",
    "0 1 client <iq> juliet undefined",
    `0 1 server <iq> juliet ${full}`,
    `2500 1 client <iq> juliet ${full}`,
    `2500 1 server <iq> juliet ${full}`,
  ]);
});

it("prints as the RFCs print their examples: connections, time, C: and S:", async () => {
  const clock = new VirtualClock();
  const server = await testServer({}, { clock });
  const juliet = await server.client("juliet", { resource: "balcony" });
  const before = server.wire.toString();
  juliet.write("<presence/>\n<iq type='get' id='p' to='example.com'><ping xmlns='urn:xmpp:ping'/></iq>");
  await juliet.until("<iq id='p'/>");
  clock.advance(61_000);
  juliet.cut();
  await server.wire.next({ user: "juliet", from: "server", match: "<presence/>" });
  const romeo = await server.client("romeo", { resource: "orchard" });
  romeo.send("</iq>");
  await romeo.ended();
  const text = server.wire.toString();
  expect(text.startsWith(before)).toBe(true);
  const lines = text.slice(before.length).split("\n");
  expect(lines.slice(0, 7)).toEqual([
    "C: <presence/>",
    "C: <iq type='get' id='p' to='example.com'><ping xmlns='urn:xmpp:ping'/></iq>",
    "S: <presence to='juliet@example.com' from='juliet@example.com/balcony'/>",
    "S: <iq type='result' from='example.com' to='juliet@example.com/balcony' id='p'/>",
    "-- 61 seconds later",
    "-- connection 1: closed",
    "-- connection 2",
  ]);
  expect(lines).toContain("-- connection 2, romeo@example.com/orchard");
  expect(lines).toContain('C: "</iq>"   (not well-formed)');
});

it("next() finds what has passed already and what is yet to pass, each once, in order", async () => {
  const server = await testServer();
  const juliet = await server.client("juliet");
  for (const id of ["one", "two"]) juliet.send(`<message to='juliet@example.com' id='${id}'><body/></message>`);
  await juliet.sync();
  const toJuliet = { user: "juliet", from: "client", match: "<message/>" } as const;
  const first = await server.wire.next(toJuliet);
  const second = await server.wire.next(toJuliet);
  const third = server.wire.next(toJuliet);
  juliet.send("<message to='juliet@example.com' id='three'><body/></message>");
  expect([first, second, await third].map(({ element }) => element?.attrs.id)).toEqual(["one", "two", "three"]);
  expect(server.wire.elements(toJuliet).length).toBe(3);
  expect(server.wire.elements({ match: (element) => element.attrs.id === "two" }).length).toBe(1);
  expect(server.wire.elements({ match: "<message id='none'/>" })).toEqual([]);
});

it.each(["starttls", "direct"] as const)("sees inside TLS: %s", async (tls) => {
  const server = await testServer({ c2s: { requireTls: true } });
  const juliet = await server.client("juliet", { tls });
  juliet.send("<presence><status>inside</status></presence>");
  const { jid } = await server.wire.next("<presence><status>inside</status></presence>");
  expect(jid).toBe(juliet.full);
  await juliet.sync();
});

it("record() writes a file that is complete at every moment", async () => {
  const file = join(await temporaryFolder(), "transcript.txt");
  const server = await testServer();
  const juliet = await server.client("juliet");
  server.wire.record(file);
  expect(readFileSync(file, "utf8")).toBe(server.wire.toString());
  await juliet.sync();
  expect(readFileSync(file, "utf8")).toBe(server.wire.toString());
});

it("does not offer TLS where it is not demanded, unless it is told to: clients would refuse the certificate", async () => {
  for (const offerTls of [false, true]) {
    const server = await testServer({}, { offerTls });
    const features = await (await server.connect()).open();
    expect(features.getChild("starttls", "urn:ietf:params:xml:ns:xmpp-tls") !== undefined).toBe(offerTls);
  }
});
