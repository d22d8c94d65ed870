// XEP-0049 1.2: Private XML Storage.

import { describe, expect, it } from "vitest";
import type { ScriptedClient } from "../support/client.ts";
import { befriend, startServer } from "../support/server.ts";

const NS = "jabber:iq:private";
const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";

function query(content: string): string {
  return `<query xmlns='${NS}'>${content}</query>`;
}

async function stored(client: ScriptedClient, content: string): Promise<string> {
  const answer = await client.ask("get", query(content));
  expect(answer.attrs.type).toBe("result");
  return (answer.getChild("query", NS)?.children ?? []).join("");
}

function refused(condition: string): string {
  return `<iq type='error'><error><${condition} xmlns='${STANZAS}'/></error></iq>`;
}

describe("XEP-0049 section 2.3: storing and retrieving", () => {
  it("what is stored comes back to all of the account's clients, by name and namespace", async () => {
    const server = await startServer();
    const [first, second] = [await server.online("hamlet"), await server.online("hamlet")];
    const prefs = "<exodus xmlns='exodus:prefs'><defaultnick a='&lt;'>Hamlet ä</defaultnick></exodus>";
    expect((await first.ask("set", query(prefs))).attrs.type).toBe("result");
    expect(await stored(second, "<exodus xmlns='exodus:prefs'/>")).toBe(
      '<exodus xmlns="exodus:prefs"><defaultnick a="&lt;">Hamlet ä</defaultnick></exodus>',
    );
    expect(await stored(second, "<other xmlns='exodus:prefs'/>")).toBe('<other xmlns="exodus:prefs"/>');
    expect(await stored(second, "<exodus xmlns='other'/>")).toBe('<exodus xmlns="other"/>');
  });

  it("bookmarks (XEP-0048) are replaced as a whole", async () => {
    const server = await startServer();
    const hamlet = await server.online("hamlet");
    const bookmarks = (jid: string): string =>
      `<storage xmlns='storage:bookmarks'><conference name='x' autojoin='true' jid='${jid}'><nick>h</nick></conference></storage>`;
    await hamlet.ask("set", query(bookmarks("a@rooms.example.com")));
    await hamlet.ask("set", query(bookmarks("b@rooms.example.com")));
    const now = await stored(hamlet, "<storage xmlns='storage:bookmarks'/>");
    expect(now).toContain("b@rooms.example.com");
    expect(now).not.toContain("a@rooms.example.com");
    await hamlet.ask("set", query("<storage xmlns='storage:bookmarks'/>"));
    expect(await stored(hamlet, "<storage xmlns='storage:bookmarks'/>")).toBe('<storage xmlns="storage:bookmarks"/>');
  });

  it("a set may have several elements of one namespace, also of one name, and then so has the result", async () => {
    const server = await startServer();
    const hamlet = await server.online("hamlet");
    await hamlet.ask("set", query("<a xmlns='n'>1</a><b xmlns='n'/><a xmlns='n'>2</a>"));
    expect(await stored(hamlet, "<a xmlns='n'/>")).toBe('<a xmlns="n">1</a><a xmlns="n">2</a>');
  });

  it.each(["get", "set"])(
    "a %s without an element, or with one that has no namespace: not-acceptable",
    async (type) => {
      const server = await startServer();
      const hamlet = await server.online("hamlet");
      for (const content of ["", "text", "<exodus/>", "<a xmlns='n'/><exodus/>"]) {
        hamlet.send(`<iq type='${type}' id='1'>${query(content)}</iq>`);
        await hamlet.expect(refused("not-acceptable"));
      }
    },
  );

  it("a get of more than one element: bad-request", async () => {
    const server = await startServer();
    const hamlet = await server.online("hamlet");
    hamlet.send(`<iq type='get' id='1'>${query("<a xmlns='n'/><b xmlns='n'/>")}</iq>`);
    await hamlet.expect(refused("bad-request"));
  });

  it("another's: forbidden, also for a contact, and for an account that is not there", async () => {
    const server = await startServer();
    const [hamlet, macbeth] = [await server.online("hamlet"), await server.online("macbeth")];
    await befriend(hamlet, macbeth);
    await hamlet.ask("set", query("<a xmlns='n'>own</a>"));
    for (const to of [hamlet.bare, "nobody@example.com"]) {
      for (const type of ["get", "set"]) {
        macbeth.send(`<iq type='${type}' id='1' to='${to}'>${query("<a xmlns='n'>mine</a>")}</iq>`);
        await macbeth.expect(refused("forbidden"));
      }
    }
    expect(await stored(hamlet, "<a xmlns='n'/>")).toContain("own");
    expect(await stored(macbeth, "<a xmlns='n'/>")).toBe('<a xmlns="n"/>');
  });
});

describe("limits", () => {
  it.each([
    [{ privateXmlBytes: 40 }, "<b xmlns='n'>aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa</b>"],
    [{ privateXmlElements: 1 }, "<b xmlns='n'>1</b>"],
  ])("%j: resource-constraint, and nothing of the request is stored", async (limits, more) => {
    const server = await startServer({ limits });
    const hamlet = await server.online("hamlet");
    await hamlet.ask("set", query("<a xmlns='n'>1</a>"));
    hamlet.send(`<iq type='set' id='1'>${query(`<a xmlns='n'>2</a>${more}`)}</iq>`);
    await hamlet.expect(refused("resource-constraint"));
    expect(await stored(hamlet, "<a xmlns='n'/>")).toBe('<a xmlns="n">1</a>');
    expect(await stored(hamlet, "<b xmlns='n'/>")).toBe('<b xmlns="n"/>');
  });
});
