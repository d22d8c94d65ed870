// XEP-0030 2.5.0: Service Discovery. Whatever is announced is tried.

import type { Element } from "ltx";
import { describe, expect, it } from "vitest";
import { childrenOf } from "../../server/stanza.ts";
import type { ScriptedClient } from "../support/client.ts";
import { CAPS_SCENES, PUBSUB_SCENES } from "../support/pep-scenes.ts";
import { PROFILE_SCENES } from "../support/profile-scenes.ts";
import { befriend, startServer, type TestServer } from "../support/server.ts";

const INFO = "http://jabber.org/protocol/disco#info";
const ITEMS = "http://jabber.org/protocol/disco#items";
const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";

async function info(client: ScriptedClient, to?: string): Promise<{ identities: Element[]; features: string[] }> {
  const answer = await client.ask("get", `<query xmlns='${INFO}'/>`, to);
  expect(answer.attrs.type).toBe("result");
  const query = answer.getChild("query", INFO) as Element;
  for (const feature of childrenOf(query, "feature", INFO)) expect(feature.children).toEqual([]);
  return {
    identities: childrenOf(query, "identity", INFO),
    features: childrenOf(query, "feature", INFO).map((feature) => feature.attrs.var as string),
  };
}

function refused(condition: string, type: string): string {
  return `<iq type='error'><error type='${type}'><${condition} xmlns='${STANZAS}'/></error></iq>`;
}

/** How each announced feature is tried: by a request to the entity that announces it, or by a scene of its own. */
const REQUESTS: Record<string, string> = {
  [INFO]: `<query xmlns='${INFO}'/>`,
  [ITEMS]: `<query xmlns='${ITEMS}'/>`,
  "urn:xmpp:ping": "<ping xmlns='urn:xmpp:ping'/>",
  "urn:xmpp:time": "<time xmlns='urn:xmpp:time'/>",
  "jabber:iq:version": "<query xmlns='jabber:iq:version'/>",
  "jabber:iq:last": "<query xmlns='jabber:iq:last'/>",
};
const SCENES: Record<string, (server: TestServer, client: ScriptedClient) => Promise<void>> = {
  ...PUBSUB_SCENES,
  ...CAPS_SCENES,
  async "jabber:iq:roster"(_server, client) {
    // RFC 6121 section 2.1.5: it is the account that has a roster, whatever the server's announcement.
    expect((await client.ask("get", "<query xmlns='jabber:iq:roster'/>")).attrs.type).toBe("result");
    const item = "<query xmlns='jabber:iq:roster'><item jid='nurse@example.com'/></query>";
    expect((await client.ask("set", item)).attrs.type).toBe("result");
  },
  async "urn:xmpp:carbons:2"(_server, client) {
    expect((await client.ask("set", "<enable xmlns='urn:xmpp:carbons:2'/>")).attrs.type).toBe("result");
  },
  async "urn:xmpp:blocking"(_server, client) {
    expect((await client.ask("get", "<blocklist xmlns='urn:xmpp:blocking'/>")).attrs.type).toBe("result");
    const item = "<item jid='tybalt@example.com'/>";
    for (const name of ["block", "unblock"]) {
      expect((await client.ask("set", `<${name} xmlns='urn:xmpp:blocking'>${item}</${name}>`)).attrs.type).toBe(
        "result",
      );
    }
  },
  async "urn:xmpp:reporting:1"(server, client) {
    const report = "<report xmlns='urn:xmpp:reporting:1' reason='urn:xmpp:reporting:spam'/>";
    await client.ask("set", `<block xmlns='urn:xmpp:blocking'><item jid='tybalt@example.com'>${report}</item></block>`);
    expect(await server.admin.listAudit(1)).toMatchObject([{ event: "reported", account: client.bare }]);
  },
  async "vcard-temp"(_server, client) {
    const vcard = "<vCard xmlns='vcard-temp'><FN>Juliet</FN></vCard>";
    expect((await client.ask("set", vcard)).attrs.type).toBe("result");
    expect((await client.ask("get", "<vCard xmlns='vcard-temp'/>", client.bare)).toString()).toContain("<FN>");
  },
  ...PROFILE_SCENES,
  async "jabber:iq:private"(_server, client) {
    const query = (content: string) => `<query xmlns='jabber:iq:private'><a xmlns='n'>${content}</a></query>`;
    expect((await client.ask("set", query("kept"))).attrs.type).toBe("result");
    expect((await client.ask("get", query(""))).toString()).toContain("kept");
  },
  async "jabber:iq:register"(server, client) {
    const credentials = `<username>${client.jid.localpart}</username><password>secret</password>`;
    const query = `<query xmlns='jabber:iq:register'>${credentials}</query>`;
    expect((await client.ask("set", query, "example.com")).attrs.type).toBe("result");
    const leaving = await server.client("leaving");
    expect((await leaving.ask("set", "<query xmlns='jabber:iq:register'><remove/></query>")).attrs.type).toBe("result");
  },
  async "urn:xmpp:extdisco:2"(_server, client) {
    const answer = await client.ask("get", "<services xmlns='urn:xmpp:extdisco:2'/>", "example.com");
    expect(answer.getChild("services", "urn:xmpp:extdisco:2")?.children).toHaveLength(1);
  },
  async "urn:xmpp:push:0"(_server, client) {
    const attrs = "xmlns='urn:xmpp:push:0' jid='app.example' node='n'";
    expect((await client.ask("set", `<enable ${attrs}/>`)).attrs.type).toBe("result");
    expect((await client.ask("set", `<disable ${attrs}/>`)).attrs.type).toBe("result");
  },
  async "http://jabber.org/protocol/offline"(_server, client) {
    const purge = "<offline xmlns='http://jabber.org/protocol/offline'><purge/></offline>";
    expect((await client.ask("set", purge)).attrs.type).toBe("result");
  },
  async "urn:xmpp:mam:2"(_server, client) {
    // XEP-0313 section 8.1: it is the owner's alone to use, whoever sees the announcement.
    const answer = await client.ask("set", "<query xmlns='urn:xmpp:mam:2'/>");
    expect(answer.getChild("fin", "urn:xmpp:mam:2")).toBeDefined();
  },
  async "urn:xmpp:mam:2#extended"(_server, client) {
    const form = (await client.ask("get", "<query xmlns='urn:xmpp:mam:2'/>")).toString();
    for (const field of ["before-id", "after-id", "ids"]) expect(form).toContain(`var="${field}"`);
    expect((await client.ask("get", "<metadata xmlns='urn:xmpp:mam:2'/>")).attrs.type).toBe("result");
  },
  async "urn:xmpp:mam:2#groupchat-field"(_server, client) {
    const field = (name: string, value: string) => `<field var='${name}'><value>${value}</value></field>`;
    const fields = field("FORM_TYPE", "urn:xmpp:mam:2") + field("include-groupchat", "false");
    const form = `<x xmlns='jabber:x:data' type='submit'>${fields}</x>`;
    expect((await client.ask("set", `<query xmlns='urn:xmpp:mam:2'>${form}</query>`)).attrs.type).toBe("result");
  },
  async "urn:xmpp:sid:0"(_server, client) {
    const forged = `<stanza-id xmlns='urn:xmpp:sid:0' by='${client.bare}' id='forged'/>`;
    client.send(`<message to='${client.full}' type='chat'><body>note</body>${forged}</message>`);
    const note = await client.until("<message><body>note</body></message>");
    const ids = childrenOf(note, "stanza-id", "urn:xmpp:sid:0");
    expect(ids.map(({ attrs }) => attrs.by)).toEqual([client.bare]);
    expect(ids[0]?.attrs.id).not.toBe("forged");
  },
  async msgoffline(server, client) {
    await server.admin.addUser("away", "secret");
    client.send("<message to='away@example.com' type='chat'><body>later</body></message>");
    await client.sync();
    const back = await server.client("away");
    back.send("<presence/>");
    await back.until("<message><body>later</body></message>");
  },
};

async function tryAll(server: TestServer, client: ScriptedClient, features: string[], to: string): Promise<void> {
  expect(new Set(features).size).toBe(features.length);
  for (const feature of features) {
    const [request, scene] = [REQUESTS[feature], SCENES[feature]];
    if (request !== undefined) expect((await client.ask("get", request, to)).attrs.type).toBe("result");
    else if (scene !== undefined) await scene(server, client);
    else throw new Error(`${to} announces ${feature}, and nothing here tries it`);
  }
}

describe("XEP-0030 section 3: information", () => {
  it("3.1: the server is an IM server, with disco#info among its features, and all of them work", async () => {
    const server = await startServer();
    const juliet = await server.online("juliet");
    const { identities, features } = await info(juliet, "example.com");
    expect(identities.map(({ attrs }) => `${attrs.category}/${attrs.type}`)).toEqual(["server/im", "pubsub/pep"]);
    expect(features).toEqual(expect.arrayContaining([INFO, ITEMS]));
    await tryAll(server, juliet, features, "example.com");
  });

  it("3.1: an account is a registered account, and all of its features work, for its owner and for who is subscribed", async () => {
    const server = await startServer();
    const [juliet, romeo] = [await server.online("juliet"), await server.online("romeo")];
    await befriend(juliet, romeo);
    for (const [client, to] of [
      [juliet, undefined],
      [juliet, juliet.bare],
      [romeo, juliet.bare],
    ] as const) {
      const { identities, features } = await info(client, to);
      expect(identities.map(({ attrs }) => `${attrs.category}/${attrs.type}`)).toEqual([
        "account/registered",
        "pubsub/pep",
      ]);
      expect(features).toContain(INFO);
      await tryAll(server, client, features, juliet.bare);
    }
  });

  it("3.1: what is there only where it is configured is announced there, and works", async () => {
    const server = await startServer({
      externalServices: [{ type: "stun", host: "stun.example.com" }],
      components: [{ domain: "app.example", secret: "secret" }],
      componentPort: 0,
      componentAddresses: ["127.0.0.1"],
    });
    const juliet = await server.online("juliet");
    for (const [to, feature] of [
      ["example.com", "urn:xmpp:extdisco:2"],
      [juliet.bare, "urn:xmpp:push:0"],
    ] as const) {
      const { features } = await info(juliet, to);
      expect(features).toContain(feature);
      await tryAll(server, juliet, [feature], to);
    }
  });

  it("3.1: what works on the server or the account, and has a feature, is announced there", async () => {
    const server = await startServer();
    const juliet = await server.online("juliet");
    for (const to of ["example.com", juliet.bare]) {
      const { features } = await info(juliet, to);
      for (const [feature, request] of Object.entries(REQUESTS)) {
        const { type } = (await juliet.ask("get", request, to)).attrs;
        expect(`${to} ${feature} ${features.includes(feature)}`).toBe(`${to} ${feature} ${type === "result"}`);
      }
    }
  });

  it("section 7: a node that is not there is item-not-found", async () => {
    const server = await startServer();
    const juliet = await server.online("juliet");
    for (const to of ["example.com", juliet.bare]) {
      for (const ns of [INFO, ITEMS]) {
        juliet.send(`<iq type='get' id='1' to='${to}'><query xmlns='${ns}' node='nowhere'/></iq>`);
        await juliet.expect(refused("item-not-found", "cancel"));
      }
    }
  });
});

describe("XEP-0030 section 4: items", () => {
  it("4.1: without gateway domains and rooms the server has none: an empty query, not an error", async () => {
    const server = await startServer({ rooms: { enabled: false } });
    const juliet = await server.online("juliet");
    const answer = await juliet.ask("get", `<query xmlns='${ITEMS}'/>`, "example.com");
    expect(answer.attrs.type).toBe("result");
    expect(answer.getChild("query", ITEMS)?.children).toEqual([]);
  });

  it("4.1: the gateway's domains are items, and each of them answers for what it announces", async () => {
    const domains = { "example.net": {}, "example.org": {} };
    const server = await startServer({ gateway: { domains }, rooms: { enabled: false } });
    const juliet = await server.online("juliet");
    const answer = await juliet.ask("get", `<query xmlns='${ITEMS}'/>`, "example.com");
    const items = childrenOf(answer.getChild("query", ITEMS) as Element, "item", ITEMS);
    expect(items.map(({ attrs }) => attrs.jid).sort()).toEqual(["example.net", "example.org"]);
    for (const { attrs } of items) {
      const { identities, features } = await info(juliet, attrs.jid as string);
      expect(identities).toHaveLength(1);
      expect(features).toContain(INFO);
      await tryAll(server, juliet, features, attrs.jid as string);
    }
  });
});

describe("XEP-0030 section 8: what strangers may know of accounts", () => {
  it.each(["romeo@example.com", "nobody@example.com"])(
    "%s: disco#info is service-unavailable, disco#items an empty result, with a node or without",
    async (account) => {
      const server = await startServer();
      const [juliet, romeo] = [await server.online("juliet"), await server.online("romeo")];
      // It is Romeo's presence that counts: he sees her, she does not see him.
      romeo.send(`<presence to='${juliet.bare}' type='subscribe'/>`);
      await juliet.until("<presence type='subscribe'/>");
      juliet.send(`<presence to='${romeo.bare}' type='subscribed'/>`);
      await juliet.sync();
      await romeo.sync();
      for (const node of ["", "node='n'"]) {
        juliet.send(`<iq type='get' id='1' to='${account}'><query xmlns='${INFO}' ${node}/></iq>`);
        await juliet.expect(refused("service-unavailable", "cancel"));
        juliet.send(`<iq type='get' id='2' to='${account}'><query xmlns='${ITEMS}' ${node}/></iq>`);
        const answer = await juliet.expect(
          `<iq type='result' id='2' from='${account}'><query xmlns='${ITEMS}' ${node}/></iq>`,
        );
        expect(answer.getChild("query", ITEMS)?.children).toEqual([]);
      }
      await romeo.expectNothing();
    },
  );

  it("a request to a full JID is the client's to answer", async () => {
    const server = await startServer();
    const [juliet, romeo] = [await server.online("juliet"), await server.online("romeo")];
    await befriend(juliet, romeo);
    juliet.send(`<iq type='get' id='1' to='${romeo.full}'><query xmlns='${INFO}'/></iq>`);
    await romeo.expect(`<iq type='get' id='1' from='${juliet.full}'><query xmlns='${INFO}'/></iq>`);
    romeo.send(
      `<iq type='result' id='1' to='${juliet.full}'><query xmlns='${INFO}'><identity category='client' type='pc'/></query></iq>`,
    );
    await juliet.expect(
      `<iq type='result' id='1' from='${romeo.full}'><query xmlns='${INFO}'><identity category='client' type='pc'/></query></iq>`,
    );
  });
});
