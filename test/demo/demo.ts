// npm run demo: Juliet with a real XMPP client, Romeo with plain HTTP, and the server between them killed once on the way.
// Every step is checked; the exit code is 0 only if each really happened.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BuiltServer } from "../support/built-server.ts";
import { cpim, Foreign, pidf } from "../support/foreign.ts";
import { balcony, XmppProcess } from "./programs.ts";
import { Transcript } from "./transcript.ts";

const JULIET = "juliet@localhost";
const ROMEO = "romeo@example.net";
const PASSWORD = "balcony-scene";

const show = new Transcript();
const folder = await mkdtemp(join(tmpdir(), "balcony-demo-"));
const env = {
  BALCONY_STORAGE_PATH: folder,
  BALCONY_DOMAIN: "localhost",
  BALCONY_GATEWAY_DOMAINS: "example.net",
};
let server: BuiltServer | undefined;
const clients: XmppProcess[] = [];

function check(holds: boolean, what: string): void {
  if (!holds) throw new Error(`this did not happen: ${what}`);
}

function login(resource: string): Promise<XmppProcess> {
  return XmppProcess.login({
    port: (server as BuiltServer).c2sPort,
    domain: "localhost",
    user: "juliet",
    password: PASSWORD,
    resource,
    caFile: join(folder, "self-signed.pem"),
  }).then((client) => {
    clients.push(client);
    return client;
  });
}

function tell(client: XmppProcess, xml: string): void {
  show.left("→", xml);
  client.send(xml);
}

async function see(client: XmppProcess, what: string, ...parts: (string | RegExp)[]): Promise<string> {
  const xml = await client.stanza(what, (text) =>
    parts.every((part) => (typeof part === "string" ? text.includes(part) : part.test(text))),
  );
  show.left("←", xml);
  return xml;
}

try {
  show.title("Balcony: an XMPP server with a CPIM presence service (RFC 3922)");
  await balcony(["user", "add", "juliet"], env, `${PASSWORD}\n`);
  const token = /balcony\S*|[\w-]{30,}/.exec(await balcony(["token", "add", "domain:example.net"], env))?.[0] ?? "";
  server = await BuiltServer.start({ env });
  let romeo = new Foreign(server.httpPort, token);
  let juliet = await login("balcony");
  juliet.send("<presence/>");
  show.step(`Juliet logs in as ${juliet.jid}; Romeo is registered behind the gateway`);
  show.right("←", `PUT /presentities/${ROMEO}`);
  await romeo.presentity(ROMEO, { formalName: "Romeo Montague" });
  let events = await romeo.events(`/presentities/${ROMEO}/events`);

  show.step("Juliet asks to see Romeo's presence; he has to decide");
  tell(juliet, `<presence type='subscribe' to='${ROMEO}' id='sub1'/>`);
  const asked = await events.expect("subscribe", { transId: "sub1", watcher: `pres:${JULIET}` });
  show.right("→", `event subscribe ${JSON.stringify(asked.data)}`);
  const waiting = (await romeo.call("GET", `/presentities/${ROMEO}/watchers`)).json<{ state: string }[]>();
  check(waiting[0]?.state === "pending", "the watcher is pending");

  show.step('Romeo publishes a PIDF document: away, "Wooing Juliet"; nobody may see it yet');
  const document = pidf(ROMEO, { id: "orchard", im: "away", note: "Wooing Juliet", priority: "0.102" });
  show.right("←", `PUT /presentities/${ROMEO}/presence`);
  show.object(document);
  check((await romeo.publish(ROMEO, document)).status < 300, "the document is taken");

  show.step("Romeo approves: subscribed, then his presence as a stanza");
  show.right("←", `PUT /presentities/${ROMEO}/watchers/${JULIET} {"state":"active"}`);
  const approval = await romeo.call("PUT", `/presentities/${ROMEO}/watchers/${JULIET}`, { state: "active" });
  check(approval.status === 204, `the approval is taken: ${approval.text}`);
  await see(juliet, "subscribed", /type=["']subscribed/);
  await see(juliet, "Romeo's presence", `${ROMEO}/orchard`, "<show>away</show>", "Wooing Juliet");

  show.step("Juliet writes: her stanza reaches Romeo as a Message/CPIM object");
  tell(
    juliet,
    `<message type='chat' to='${ROMEO}' id='m1'><subject>Tonight</subject><body>Wherefore art thou, Romeo?</body></message>`,
  );
  const letter = await events.expect("message", { transId: "m1", contentType: "message/cpim" });
  show.right("→", "event message");
  show.object(letter.data.object as string);
  check((letter.data.object as string).endsWith("\r\n\r\nWherefore art thou, Romeo?"), "the text is unchanged");

  show.step("Romeo answers with an object of his own; it reaches Juliet as a stanza");
  const object = cpim(ROMEO, JULIET, "Neither, fair saint, if either thee dislike.", "Subject:;lang=en Tonight\r\n");
  show.right("←", "POST /messages");
  show.object(object);
  const posted = await romeo.message(object, { "CPIM-TransID": "r1" });
  check(posted.status === 200 && posted.json().status === "success", "the message is delivered");
  await see(juliet, "Romeo's message", "Neither, fair saint", ROMEO);

  show.step("The server is killed (SIGKILL) and started again: nothing is forgotten");
  events.close();
  await server.stop("SIGKILL");
  await Promise.all(clients.splice(0).map((client) => client.stop()));
  server = await BuiltServer.start({ env });
  romeo = new Foreign(server.httpPort, token);
  const seen = (await romeo.call("GET", `/presentities/${ROMEO}/watchers`)).json<{ state: string }[]>();
  check(seen[0]?.state === "active", "the approved subscription is still there");
  juliet = await login("balcony");
  juliet.send("<presence/>");
  await see(juliet, "Romeo's presence after the restart", `${ROMEO}/orchard`, "<show>away</show>", "Wooing Juliet");
  events = await romeo.events(`/presentities/${ROMEO}/events`, { "last-event-id": letter.id });
  show.right("→", `the event log goes on behind id ${letter.id}`);

  show.step("Romeo asks to see Juliet's presence, and she approves");
  show.right("←", `PUT /presentities/${ROMEO}/subscriptions/${JULIET} {"transId":"s1","duration":3600}`);
  const request = await romeo.call("PUT", `/presentities/${ROMEO}/subscriptions/${JULIET}`, {
    transId: "s1",
    duration: 3600,
  });
  check(request.status === 202, "the request is pending");
  await see(juliet, "Romeo's request", /type=["']subscribe["']/, ROMEO);
  tell(juliet, `<presence type='subscribed' to='${ROMEO}'/>`);
  show.right(
    "→",
    `event response ${JSON.stringify((await events.expect("response", { transId: "s1", status: "success" })).data)}`,
  );
  const first = await events.expect("notify", { target: `pres:${JULIET}` });
  show.right("→", "event notify");
  show.object(first.data.object as string);

  show.step("Juliet comes with a second device: two resources, one PIDF document");
  const phone = await login("phone");
  tell(phone, "<presence><show>dnd</show><status>at the ball</status><priority>13</priority></presence>");
  const both = (await events.expect("notify")).data.object as string;
  check((both.match(/<tuple /g) ?? []).length === 2 && both.includes("at the ball"), "two tuples, one of them busy");
  show.right("→", "event notify");
  show.object(both);

  show.step("Juliet unsubscribes from Romeo: he is told, and she hears no more of him");
  tell(juliet, `<presence type='unsubscribe' to='${ROMEO}' id='u1'/>`);
  show.right("→", `event unsubscribe ${JSON.stringify((await events.expect("unsubscribe", { transId: "u1" })).data)}`);
  await romeo.publish(ROMEO, pidf(ROMEO, { id: "orchard", note: "alone" }));
  juliet.send("<iq type='get' id='after' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>");
  const next = await juliet.stanza(
    "the ping's answer",
    (xml) => xml.includes("after") || xml.includes(`${ROMEO}/orchard`),
  );
  check(!next.includes(ROMEO), "no presence after the unsubscribe");

  show.step("Juliet cancels Romeo's subscription: it is over at once");
  tell(juliet, `<presence type='unsubscribed' to='${ROMEO}'/>`);
  const over = await events.expect("terminated", { reason: "cancelled" });
  show.right("→", `event terminated ${JSON.stringify(over.data)}`);

  events.close();
  await Promise.all(clients.splice(0).map((client) => client.stop()));
  check((await server.stop("SIGTERM")).code === 0, "the server stops gracefully");
  show.end("subscribed, notified, talked, killed, restarted, parted.");
} catch (error) {
  process.stderr.write(`\n${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
} finally {
  await Promise.all(clients.map((client) => client.stop()));
  await server?.stop("SIGKILL");
  await rm(folder, { recursive: true, force: true });
}
