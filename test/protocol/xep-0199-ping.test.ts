// XEP-0199 2.0.1: XMPP Ping.

import { describe, expect, it } from "vitest";
import { FakeClock } from "../support/fake-clock.ts";
import { befriend, startServer } from "../support/server.ts";

const PING = "<ping xmlns='urn:xmpp:ping'/>";
const UNAVAILABLE = "<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";

describe("XEP-0199 section 4.2: client to server", () => {
  it.each(["to='example.com'", "to='juliet@example.com'", ""])("%s: an empty result with the same id", async (to) => {
    const server = await startServer();
    const juliet = await server.client("juliet"); // before presence, too
    juliet.send(`<iq type='get' id='c2s1' ${to}>${PING}</iq>`);
    const pong = await juliet.expect("<iq type='result' id='c2s1'/>");
    expect(pong.children).toEqual([]);
  });

  it("is announced", async () => {
    const server = await startServer();
    const juliet = await server.client("juliet");
    for (const to of ["example.com", "juliet@example.com"]) {
      const info = await juliet.ask("get", "<query xmlns='http://jabber.org/protocol/disco#info'/>", to);
      expect(info.toString()).toContain('var="urn:xmpp:ping"');
    }
  });
});

describe("XEP-0199 section 4.4: client to client", () => {
  it("to a full JID it is the other client's to answer", async () => {
    const server = await startServer();
    const [juliet, romeo] = [await server.online("juliet"), await server.online("romeo")];
    await befriend(juliet, romeo);
    romeo.send(`<iq type='get' id='e2e1' to='${juliet.full}'>${PING}</iq>`);
    await juliet.expect(`<iq type='get' id='e2e1' from='${romeo.full}' to='${juliet.full}'>${PING}</iq>`);
    juliet.send(`<iq type='result' id='e2e1' to='${romeo.full}'/>`);
    await romeo.expect(`<iq type='result' id='e2e1' from='${juliet.full}'/>`);
  });

  it.each(["romeo@example.com", "nobody@example.com"])(
    "to the bare JID of %s, who lets her see nothing, there is no pong (RFC 6121 section 8.5.1)",
    async (to) => {
      const server = await startServer();
      const [juliet, romeo] = [await server.online("juliet"), await server.online("romeo")];
      juliet.send(`<iq type='get' id='1' to='${to}'>${PING}</iq>`);
      await juliet.expect(`<iq type='error' id='1' from='${to}'>${UNAVAILABLE}</iq>`);
      await romeo.expectNothing();
    },
  );
});

describe("XEP-0199 section 4.1: server to client", () => {
  it("a silent client is pinged after limits.idleTimeoutSeconds, and stays if it answers, by result or error", async () => {
    const clock = new FakeClock();
    const server = await startServer({ limits: { idleTimeoutSeconds: 60 } }, { clock });
    const juliet = await server.client("juliet");
    for (const answer of ["<iq type='result'", "<iq type='error'"]) {
      clock.advance(50_000);
      await juliet.expectNothing(); // which is a word, too
      clock.advance(70_000);
      const ping = await juliet.expect(`<iq type='get' id='{any}' from='example.com' to='${juliet.full}'>${PING}</iq>`);
      juliet.send(`${answer} id='${ping.attrs.id}' to='example.com'/>`);
      await juliet.expectNothing();
      clock.advance(20_000);
      await juliet.expectNothing();
    }
  });

  it("RFC 6120 section 4.6.2: one that does not answer is closed with connection-timeout, and is gone for others", async () => {
    const clock = new FakeClock();
    const server = await startServer({ limits: { idleTimeoutSeconds: 60 } }, { clock });
    const juliet = await server.online("juliet");
    const romeo = await server.online("romeo");
    await befriend(juliet, romeo);
    clock.advance(70_000);
    await juliet.expect(`<iq type='get'>${PING}</iq>`);
    await romeo.until(`<iq type='get'>${PING}</iq>`);
    await romeo.sync();
    clock.advance(60_000);
    await juliet.expectStreamError("connection-timeout");
    await romeo.expect(`<presence from='${juliet.full}' type='unavailable'/>`);
  });

  it("white space is a sign of life (RFC 6120 section 4.6.1)", async () => {
    const clock = new FakeClock();
    const server = await startServer({ limits: { idleTimeoutSeconds: 60 } }, { clock });
    const juliet = await server.client("juliet");
    const romeo = await server.client("romeo");
    for (let n = 0; n < 5; n++) {
      clock.advance(40_000);
      juliet.write(" ");
      await juliet.sync();
      await romeo.sync();
    }
    await juliet.expectNothing();
  });
});
