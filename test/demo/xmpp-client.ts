// Juliet's client in a process of its own: xmpp.js, spoken to in JSON lines. stdin: {"send": XML}; stdout: {"online": JID},
// {"stanza": XML}, {"failed": text}. Its environment says where to log in.

import { createInterface } from "node:readline";
import { client, xml } from "@xmpp/client";
import { parse } from "ltx";

const { DEMO_SERVICE = "", DEMO_DOMAIN = "", DEMO_USER = "", DEMO_PASSWORD = "", DEMO_RESOURCE = "" } = process.env;
const xmpp = client({
  service: DEMO_SERVICE,
  domain: DEMO_DOMAIN,
  username: DEMO_USER,
  password: DEMO_PASSWORD,
  resource: DEMO_RESOURCE,
});
xmpp.reconnect.stop();

function tell(what: Record<string, string>): void {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}

xmpp.on("error", (error) => tell({ failed: String(error) }));
xmpp.on("stanza", (stanza) => tell({ stanza: stanza.toString() }));
xmpp.on("online", async (jid) => {
  await xmpp.iqCaller.get(xml("query", "jabber:iq:roster"));
  tell({ online: jid.toString() });
});

const input = createInterface({ input: process.stdin });
input.on("line", (line) => void xmpp.send(parse((JSON.parse(line) as { send: string }).send)));
input.on("close", () => void xmpp.stop().finally(() => process.exit(0)));
xmpp.start().catch((error: unknown) => {
  tell({ failed: String(error) });
  process.exit(1);
});
