// xmpp.js as a client that comes back by itself. stdin: {"to", "body"}, one a line; stdout: {"event": ..., "body"?}.

import { createInterface } from "node:readline";
import { client, xml } from "@xmpp/client";

const { RESUME_SERVICE = "", RESUME_DOMAIN = "", RESUME_USER = "", RESUME_PASSWORD = "" } = process.env;
const xmpp = client({
  service: RESUME_SERVICE,
  domain: RESUME_DOMAIN,
  username: RESUME_USER,
  password: RESUME_PASSWORD,
  resource: "resuming",
});
xmpp.reconnect.delay = 200;

function tell(event: string, fields: Record<string, string> = {}): void {
  process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
}

xmpp.on("error", () => {}); // while the server is away
xmpp.on("disconnect", () => tell("lost"));
xmpp.on("online", async () => {
  await xmpp.send(xml("presence"));
  tell("session");
});
xmpp.streamManagement.on("resumed", () => tell("resumed"));
xmpp.on("stanza", (stanza) => {
  const body = stanza.is("message") ? stanza.getChildText("body") : null;
  if (body !== null) tell("message", { body });
});
createInterface({ input: process.stdin })
  .on("line", (line) => {
    const { to, body } = JSON.parse(line) as { to: string; body: string };
    // What is sent while the connection is away is the caller's to keep.
    xmpp
      .send(xml("message", { to, type: "chat", id: body }, xml("body", {}, body)))
      .catch(() => tell("unsent", { body }));
  })
  .on("close", () => process.exit(0));
xmpp.start().catch(() => {});
