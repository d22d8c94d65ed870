// The CPIM message operation both ways, end to end (RFC 3860; RFC 3922 section 4). Rule ids in brackets.

import { describe, expect, it } from "vitest";
import { cpim, Foreign } from "../support/foreign.ts";
import { startServer } from "../support/server.ts";
import { eventsUntilNow, JULIET, ROMEO, STANZAS, stage } from "../support/stage.ts";

describe("from XMPP to the foreign side", () => {
  it("id is TransID, from is source, to is destination, all bare [D-3.0 D-3.2.1a D-3.2.1b D-3.2.1c D-3.2.1e CP-3.1a CP-3.2 CP-3.4.2c N-1.1a D-2]", async () => {
    const { juliet, events } = await stage();
    juliet.send(`<message to='${ROMEO}/anything' id='m7' type='chat'><body>Wherefore?</body></message>`);
    const { data } = await events.expect("message", {
      transId: "m7",
      source: `im:${JULIET}`,
      destination: `im:${ROMEO}`,
      maxForwards: 120,
      contentType: "message/cpim",
    });
    expect(data.object).toBe(
      `Content-type: Message/CPIM\r\n\r\nFrom: <im:${JULIET}>\r\nTo: <im:${ROMEO}>\r\n\r\nContent-type: text/plain; charset=utf-8\r\n\r\nWherefore?`,
    );
  });

  it("an id of 40 octets is kept, a longer one or none is replaced by one that fits [CP-3.1b]", async () => {
    const { juliet, events } = await stage();
    for (const id of ["i".repeat(40), "i".repeat(41), ""]) {
      juliet.send(`<message to='${ROMEO}'${id === "" ? "" : ` id='${id}'`}><body>hi</body></message>`);
      const { data } = await events.expect("message");
      const transId = data.transId as string;
      if (id.length === 40) expect(transId).toBe(id);
      else expect(transId).not.toBe(id);
      expect(transId.length).toBeGreaterThan(0);
      expect(Buffer.byteLength(transId)).toBeLessThanOrEqual(40);
    }
  });

  it("nothing that CPIM could carry: no event, no error (JC-20)", async () => {
    const scene = await stage();
    const { juliet } = scene;
    juliet.send(
      `<message to='${ROMEO}' type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>`,
    );
    await juliet.expectNothing();
    expect(await eventsUntilNow(scene)).toEqual([]);
  });

  it("success is dropped silently [D-3.2.3c]", async () => {
    const { juliet, events } = await stage();
    juliet.send(`<message to='${ROMEO}' id='m1'><body>hi</body></message>`);
    await events.expect("message");
    await juliet.expectNothing();
  });

  it.each([
    ["no presentity", "nobody@example.net", {}, "cancel", "item-not-found"],
    ["access rules", ROMEO, { allowFrom: ["nurse@example.com"] }, "auth", "forbidden"],
  ])("%s is an error to the full from, its id echoed [D-3.2.2a]", async (_name, to, settings, type, condition) => {
    const { juliet, events } = await stage(settings);
    juliet.send(`<message to='${to}' id='m1'><body>hi</body></message>`);
    await juliet.expect(
      `<message from='${to}' to='${JULIET}/balcony' id='m1' type='error'><error type='${type}'><${condition} xmlns='${STANZAS}'/></error></message>`,
    );
    expect(events.pending).toBe(0);
  });

  it("an end-to-end object passes as it is, both ways [CP-3.3b E-8a E-8b E-8c E-6.4]", async () => {
    const { juliet, foreign, events } = await stage();
    const part =
      "Content-Type: multipart/signed; boundary=next\r\n\r\n--next\r\nX: y\r\n\r\n \u00fc<&> \r\n--next--\r\n";
    const text = part.replaceAll("\r\n", "\n");
    juliet.send(
      `<message to='${ROMEO}' id='m1'><body>secured</body><e2e xmlns='urn:ietf:params:xml:ns:xmpp-e2e'><![CDATA[${text}]]></e2e></message>`,
    );
    const { data } = await events.expect("message");
    const envelope = `Content-type: Message/CPIM\r\n\r\nFrom: <im:${JULIET}>\r\nTo: <im:${ROMEO}>\r\n\r\n`;
    expect(data.object).toBe(envelope + part);
    const back = envelope.replace(JULIET, "?").replace(ROMEO, JULIET).replace("?", ROMEO) + part;
    expect((await foreign.message(back)).status).toBe(200);
    const stanza = await juliet.next();
    expect(stanza.getChild("e2e")?.text()).toBe(text);
    expect(stanza.getChild("body")).toBeUndefined();
  });

  it("an unknown foreign domain is remote-server-not-found [CP-3.2.1]", async () => {
    const { juliet } = await stage();
    juliet.send("<message to='romeo@elsewhere.example' id='m1'><body>hi</body></message>");
    await juliet.expect(
      `<message type='error' id='m1'><error><remote-server-not-found xmlns='${STANZAS}'/></error></message>`,
    );
  });
});

describe("from the foreign side to XMPP", () => {
  it("delivered: exactly one response, success, with the same TransID [D-3.2.1d D-3.2.3a CP-3.1c CP-3.4.1d CP-3.4.1g]", async () => {
    const { juliet, foreign } = await stage();
    const answer = await foreign.message(cpim(ROMEO, JULIET, "Neither, fair saint."), { "CPIM-TransID": "r1" });
    expect(answer.status).toBe(200);
    expect(answer.json()).toEqual({ status: "success", transId: "r1" });
    expect(answer.headers.get("cpim-transid")).toBe("r1");
    await juliet.expect(
      `<message from='${ROMEO}' to='${JULIET}' id='r1' type='{absent}'><body>Neither, fair saint.</body></message>`,
    );
  });

  it("without a TransID the gateway makes one", async () => {
    const { juliet, foreign } = await stage();
    const answer = await foreign.message(cpim(ROMEO, JULIET, "hi"));
    const { transId } = answer.json<{ transId: string }>();
    expect(answer.headers.get("cpim-transid")).toBe(transId);
    await juliet.expect(`<message id='${transId}'/>`);
  });

  it("the outer MIME block may be left to HTTP's own headers", async () => {
    const { juliet, foreign } = await stage();
    const answer = await foreign.message(cpim(ROMEO, JULIET, "hi").replace(/^Content-type: Message\/CPIM\r\n\r\n/, ""));
    expect(answer.status).toBe(200);
    await juliet.expect("<message><body>hi</body></message>");
  });

  it("for a user who is away: success, and delivered at the next login", async () => {
    const { server, juliet, foreign } = await stage();
    await juliet.close();
    expect((await foreign.message(cpim(ROMEO, JULIET, "later"))).json().status).toBe("success");
    const again = await server.client("juliet", { resource: "again" });
    again.send("<presence/>");
    await again.until(`<message from='${ROMEO}'><body>later</body><delay xmlns='urn:xmpp:delay'/></message>`);
  });

  it.each([
    ["no such user [CP-3.4.1d]", cpim(ROMEO, "nobody@example.com", "hi"), {}, 404, "item-not-found"],
    ["destination elsewhere [CP-3.4.1b]", cpim(ROMEO, "juliet@example.org", "hi"), {}, 404, "item-not-found"],
    ["source is no presentity", cpim("mercutio@example.net", JULIET, "hi"), {}, 404, "item-not-found"],
    ["source out of scope [CP-3.4.1c]", cpim("romeo@example.org", JULIET, "hi"), {}, 403, "forbidden"],
    ["Max-Forwards 0 [CP-3.4.2b]", cpim(ROMEO, JULIET, "hi"), { "CPIM-Max-Forwards": "0" }, 403, "policy-violation"],
    ["Require [M-4.2.7]", cpim(ROMEO, JULIET, "hi", "Require: X.Font\r\n"), {}, 422, "not-acceptable"],
    ["another content type", cpim(ROMEO, JULIET, "hi").replace("text/plain", "text/html"), {}, 422, "not-acceptable"],
    ["no Message/CPIM", "Dear Juliet,\r\n\r\nhi", {}, 422, "bad-request"],
    ["an address that has no XMPP form [CP-3.4.1a]", cpim(ROMEO, "a%3Ab@example.com", "hi"), {}, 422, "not-acceptable"],
  ])("failure, nothing delivered: %s [D-3.2.2a G-4]", async (_name, object, headers, status, condition) => {
    const { juliet, foreign } = await stage();
    const answer = await foreign.message(object, headers);
    expect([answer.status, answer.json().condition]).toEqual([status, condition]);
    expect(answer.headers.get("content-type")).toContain("application/problem+json");
    await juliet.expectNothing();
  });

  // The earlier fault of two is the one that is told.
  const html = (object: string): string => object.replace("text/plain", "text/html");
  it.each([
    ["Max-Forwards before syntax", "nonsense", { "CPIM-Max-Forwards": "0" }, 403, "policy-violation"],
    ["syntax of the source before its rights", cpim("a%zz@example.org", JULIET, ""), {}, 422, "bad-request"],
    [
      "syntax of the destination before rights",
      cpim("a@example.org", "a%3Ab@example.com", ""),
      {},
      422,
      "not-acceptable",
    ],
    ["whose the destination is before rights", cpim("a@example.org", "b@example.org", ""), {}, 404, "item-not-found"],
    ["rights before the content", html(cpim("a@example.org", JULIET, "")), {}, 403, "forbidden"],
    ["the source before the content", html(cpim("nobody@example.net", JULIET, "")), {}, 404, "item-not-found"],
    ["the content before delivery", html(cpim(ROMEO, "nobody@example.com", "")), {}, 422, "not-acceptable"],
  ])(
    "in this order: %s [CP-3.4.1a CP-3.4.1b CP-3.4.1c CP-3.4.2b]",
    async (_name, object, headers, status, condition) => {
      const { foreign } = await stage();
      const answer = await foreign.message(object, headers);
      expect([answer.status, answer.json().condition]).toEqual([status, condition]);
    },
  );

  it("a TransID of 40 octets comes back octet for octet, after a failure too [CP-3.1b CP-3.4.1g CP-3.1c]", async () => {
    const { juliet, foreign } = await stage();
    const transId = `!~"'<>&%${"x".repeat(32)}`;
    const answer = await foreign.message(cpim(ROMEO, JULIET, "hi"), { "CPIM-TransID": transId });
    expect(answer.json().transId).toBe(transId);
    expect((await juliet.expect("<message/>")).attrs.id).toBe(transId);
    const failed = await foreign.message("nonsense", { "CPIM-TransID": transId });
    expect([failed.status, failed.headers.get("cpim-transid")]).toEqual([422, transId]);
  });

  it("from one presentity to another: not through XMPP (JC-48) [N-1.1a]", async () => {
    const scene = await stage();
    await scene.foreign.presentity("mercutio@example.net");
    const answer = await scene.foreign.message(cpim("mercutio@example.net", ROMEO, "hi"));
    expect(answer.status).toBe(404);
    expect(await eventsUntilNow(scene)).toEqual([]);
  });

  it("several recipients, of whom one has no room: none gets it [G-4]", async () => {
    const server = await startServer({ gateway: { domains: { "example.net": {} } }, limits: { offlineMessages: 1 } });
    const foreign = await Foreign.of(server, "domain:example.net");
    await foreign.presentity(ROMEO);
    const juliet = await server.online("juliet");
    await server.client("nurse"); // connected, and not available
    const toBoth = cpim(ROMEO, JULIET, "hi").replace(/To: .*/, "$&\r\nTo: <im:nurse@example.com>");
    expect((await foreign.message(toBoth)).status).toBe(200);
    await juliet.expect("<message/>");
    const refused = await foreign.message(toBoth);
    expect([refused.status, refused.json().condition]).toEqual([503, "service-unavailable"]);
    await juliet.expectNothing();
  });

  it("several recipients: each gets it, or none does [F-4.2 G-4]", async () => {
    const { server, juliet, foreign } = await stage();
    const nurse = await server.online("nurse");
    const both = cpim(ROMEO, JULIET, "hi").replace(
      `To: <im:${JULIET}>`,
      `To: <im:${JULIET}>\r\nTo: <im:nurse@example.com>`,
    );
    expect((await foreign.message(both)).status).toBe(200);
    await juliet.expect(`<message to='${JULIET}'/>`);
    await nurse.expect("<message to='nurse@example.com'/>");
    expect((await foreign.message(both.replace("nurse@", "nobody@"))).status).toBe(404);
    await juliet.expectNothing();
  });

  it("an error that the client sends back becomes a response event of the same TransID, with its condition [D-3.2.2b D-3.2.2d D-3.2.3b CP-3.4.1f]", async () => {
    const scene = await stage();
    const { juliet, foreign, events } = scene;
    for (const [id, condition, told] of [
      ["r1", "service-unavailable", "service-unavailable"],
      ["r2", "not-acceptable", "not-acceptable"],
      ["r3", "no-such-condition", "service-unavailable"],
    ]) {
      await foreign.message(cpim(ROMEO, JULIET, "hi"), { "CPIM-TransID": id as string });
      await juliet.expect(`<message id='${id}'/>`);
      const bounce = `<message to='${ROMEO}' id='${id}' type='error'><error type='cancel'><${condition} xmlns='${STANZAS}'/></error></message>`;
      juliet.send(bounce);
      await events.expect("response", { transId: id, status: "failure", condition: told });
      juliet.send(bounce); // answers nothing any more
      juliet.send(bounce.replace(`'${id}'`, "'unknown'"));
    }
    await juliet.expectNothing();
    expect(await eventsUntilNow(scene)).toEqual([]);
  });

  it("what the sender writes cannot make elements or attributes [G-5 G-6]", async () => {
    const { juliet, foreign } = await stage();
    const body = "</body></message><message to='nurse@example.com'><body>&amp; \u0001 ]]>";
    await foreign.message(cpim(ROMEO, JULIET, body, "Subject: <x a='b'>\r\n"));
    const stanza = await juliet.expect("<message><subject>&lt;x a='b'&gt;</subject></message>");
    expect(stanza.getChildText("body")).toBe(body.replace("\u0001", "\ufffd"));
    await juliet.expectNothing();
  });
});

describe("who may speak as whom", () => {
  it("on the XMPP side as oneself, whatever the stanza says [X-7.1 D-5]", async () => {
    const { juliet, events } = await stage();
    juliet.send(`<message to='${ROMEO}' from='${JULIET}' id='m1'><body>hi</body></message>`);
    await events.expect("message", { source: `im:${JULIET}` });
    juliet.send(`<message to='${ROMEO}' from='nurse@example.com' id='m2'><body>hi</body></message>`);
    await juliet.expectStreamError("invalid-from");
  });

  it("a presentity's token may act only as that presentity [X-7.1 D-5 CP-3.4.1c]", async () => {
    const { server, juliet } = await stage();
    const own = await Foreign.of(server, `presentity:${ROMEO}`);
    expect((await own.message(cpim(ROMEO, JULIET, "hi"))).status).toBe(200);
    await juliet.expect("<message/>");
    expect((await own.message(cpim("mercutio@example.net", JULIET, "hi"))).status).toBe(403);
    expect((await own.call("GET", "/presentities/mercutio@example.net")).status).toBe(403);
    const nobody = new Foreign(server.addresses.http as number, "no-token");
    expect((await nobody.message(cpim(ROMEO, JULIET, "hi"))).status).toBe(401);
  });

  it("a revoked token is worth nothing at once, and only its hash was ever stored", async () => {
    const { server } = await stage();
    const { id, token } = await server.admin.addToken(`presentity:${ROMEO}`);
    const caller = new Foreign(server.addresses.http as number, token);
    expect((await caller.call("GET", `/presentities/${ROMEO}`)).status).toBe(200);
    await server.admin.revokeToken(id);
    expect((await caller.call("GET", `/presentities/${ROMEO}`)).status).toBe(401);
  });
});
