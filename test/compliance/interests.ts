// A client that says by its capabilities what it wants to be notified of (XEP-0115, XEP-0163 section 4).

import type { ScriptedClient } from "../support/client.ts";
import { capsWith, presenceWith } from "../support/pep.ts";

const INFO = "http://jabber.org/protocol/disco#info";

/** Whoever asks for the server, the domain or the account, is told. */
export async function wants(client: ScriptedClient, ...nodes: string[]): Promise<void> {
  const caps = capsWith(...nodes);
  client.send(presenceWith(caps));
  const asked = await client.until(`<iq type='get'><query xmlns='${INFO}' node='{any}'/></iq>`);
  const { id, from } = asked.attrs as Record<string, string>;
  const node = asked.getChild("query", INFO)?.attrs.node as string;
  client.send(
    `<iq type='result' id='${id}'${from === undefined ? "" : ` to='${from}'`}><query xmlns='${INFO}' node='${node}'>${caps.info}</query></iq>`,
  );
}
