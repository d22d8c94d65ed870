// What archives answer (XEP-0313), read no more strictly than the document has it.

import type { Element } from "ltx";
import type { ScriptedClient } from "../support/client.ts";

const MAM = "urn:xmpp:mam:2";
const RSM = "http://jabber.org/protocol/rsm";

export type Archived = { readonly id: string; readonly message: Element };
export type Page = { readonly found: readonly Archived[]; readonly complete: boolean; readonly last: string };

/**
 * @param content of <query/>
 * @param to whose archive; undefined: the client's own
 */
export async function query(client: ScriptedClient, content = "", to?: string): Promise<Page> {
  client.send(
    `<iq type='set' id='archive'${to === undefined ? "" : ` to='${to}'`}><query xmlns='${MAM}'>${content}</query></iq>`,
  );
  const found: Archived[] = [];
  for (;;) {
    const stanza = await client.next("the archive");
    const result = stanza.getChild("result", MAM);
    const message = result?.getChild("forwarded")?.getChild("message");
    if (result && message) found.push({ id: result.attrs.id as string, message });
    if (stanza.attrs.id !== "archive") continue;
    const fin = stanza.getChild("fin", MAM);
    if (!fin) throw new Error(`the archive does not answer: ${stanza}`);
    return {
      found,
      complete: fin.attrs.complete === "true",
      last: fin.getChild("set", RSM)?.getChildText("last") ?? "",
    };
  }
}

/** What the messages say, in order. */
export async function bodies(client: ScriptedClient, content = "", to?: string): Promise<string[]> {
  const { found } = await query(client, content, to);
  return found.flatMap(({ message }) => message.getChildText("body") ?? []);
}
