// What test/fuzz found in streams, each as the shortest session that showed it.

import { expect, it } from "vitest";
import { startServer } from "../support/server.ts";

const HEADER =
  "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='example.com' version='1.0'>";

// Namespaces in XML 1.0 section 3: no other prefix may be bound to the namespace of xml, nor may it be the default. Relayed
// as a declaration it made the recipient's stream ill-formed: anybody could end anybody's session.
it("relays an element with the prefix xml as it came", async () => {
  const server = await startServer();
  const romeo = await server.client("romeo");
  const juliet = await server.online("juliet");
  romeo.send(
    `<message to='${juliet.full}' id='m'><xml:a xml:lang='de'><body>one</body><x xmlns='urn:x'><xml:b/><y/></x></xml:a><body>two</body></message>`,
  );
  await juliet.expect(`<message from='${romeo.full}' id='m'><body>two</body></message>`);
  expect(juliet.received).toContain(
    "<xml:a xml:lang='de'><body>one</body><x xmlns='urn:x'><xml:b/><y/></x></xml:a><body>two</body>",
  );
  await juliet.expectNothing();
});

// RFC 6120 section 6.4.6: after <success/> the client begins a new stream; what it sent before is part of none.
it("binds nothing that was sent before the login succeeded", async () => {
  const server = await startServer({ c2s: { requireTls: false } });
  const bound: string[] = [];
  server.on("session", ({ jid }) => bound.push(jid.resourcepart ?? ""));
  await server.admin.addUser("romeo", "secret");
  const client = await server.connect();
  const message = Buffer.from("\0romeo\0secret").toString("base64");
  client.write(
    `${HEADER}<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${message}</auth>` +
      "<iq type='set' id='early'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>early</resource></bind></iq>",
  );
  await client.nextOpen();
  await client.until("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
  await client.open();
  await client.bind("late");
  expect(bound).toEqual(["late"]);
});

// What the fuzzer does at random, here at every place there is: octets arrive as the network likes.
it("reads a stream header and a stanza alike, wherever their octets are cut", async () => {
  // An archive would give each message an id of its own.
  const server = await startServer({ c2s: { requireTls: false }, archive: { enabled: false } });
  const romeo = await server.client("romeo", { tls: "none" });
  const juliet = await server.online("juliet", { tls: "none" });
  const bystander = await server.client("bystander", { tls: "none" });
  const header = Buffer.from(HEADER);
  for (let cut = 1; cut < header.length; cut++) {
    const client = await server.connect();
    client.write(header.subarray(0, cut));
    await bystander.sync(); // by then the server has read what was written before
    client.write(header.subarray(cut));
    await client.nextOpen();
    client.cut();
  }
  const body = "ä€😀 &lt;&amp;&#x1F600; <![CDATA[<&]]>";
  const message = Buffer.from(
    `<message to='${juliet.full}' id="m" xml:lang='de'><body>${body}</body><x xmlns='urn:x' a:b='c' xmlns:a='urn:a'/></message>`,
  );
  romeo.write(message);
  const whole = (await juliet.next()).toString();
  for (let cut = 1; cut < message.length; cut++) {
    romeo.write(message.subarray(0, cut));
    await bystander.sync();
    romeo.write(message.subarray(cut));
    expect((await juliet.next()).toString()).toBe(whole);
  }
  for (const octet of message) romeo.write(Buffer.of(octet));
  romeo.write(Buffer.concat([message, message, message]));
  for (let n = 0; n < 4; n++) expect((await juliet.next()).toString()).toBe(whole);
  await juliet.expectNothing();
});
