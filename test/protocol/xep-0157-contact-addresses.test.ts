// XEP-0157 1.1.1: Contact Addresses for XMPP Services.

import { describe, expect, it } from "vitest";
import { childrenOf } from "../../server/stanza.ts";
import type { ScriptedClient } from "../support/client.ts";
import { startServer } from "../support/server.ts";

const INFO = "http://jabber.org/protocol/disco#info";
const DATA = "jabber:x:data";

async function serverInfo(client: ScriptedClient): Promise<Record<string, string[]> | undefined> {
  const answer = await client.ask("get", `<query xmlns='${INFO}'/>`, "example.com");
  const query = answer.getChild("query", INFO);
  for (const form of query === undefined ? [] : childrenOf(query, "x", DATA)) {
    const fields = childrenOf(form, "field", DATA).map((field) => [
      field.attrs.var as string,
      childrenOf(field, "value", DATA).map((value) => value.text()),
    ]);
    const values = Object.fromEntries(fields) as Record<string, string[]>;
    if (values.FORM_TYPE?.[0] === "http://jabber.org/network/serverinfo") return values;
  }
  return undefined;
}

describe("XEP-0157 section 3", () => {
  it("the configured addresses are in the form of the server's disco#info, by role, in order", async () => {
    const contacts = {
      abuse: ["mailto:abuse@shakespeare.lit", "xmpp:abuse@shakespeare.lit"],
      admin: ["xmpp:admins@shakespeare.lit"],
      feedback: ["http://shakespeare.lit/feedback.php"],
      sales: ["xmpp:bard@shakespeare.lit"],
      security: ["xmpp:security@shakespeare.lit"],
      status: ["https://status.shakespeare.lit"],
      support: ["http://shakespeare.lit/support.php?a=1&b=2"],
    };
    const server = await startServer({ contacts });
    expect(await serverInfo(await server.online("juliet"))).toEqual({
      FORM_TYPE: ["http://jabber.org/network/serverinfo"],
      ...Object.fromEntries(Object.entries(contacts).map(([role, uris]) => [`${role}-addresses`, uris])),
    });
  });

  it("only what is configured is there, and without any no form", async () => {
    const one = await startServer({ contacts: { abuse: ["mailto:a@b"] } });
    expect(Object.keys((await serverInfo(await one.online("juliet"))) ?? {})).toEqual(["FORM_TYPE", "abuse-addresses"]);
    const none = await startServer();
    expect(await serverInfo(await none.online("juliet"))).toBeUndefined();
  });

  it.each(["abuse@shakespeare.lit", "mailto:", "", "http://a b"])(
    "%s is no URI: refused at the start",
    async (text) => {
      await expect(startServer({ contacts: { abuse: [text] } })).rejects.toThrow("contacts.abuse.0: must be a URI");
    },
  );
});
