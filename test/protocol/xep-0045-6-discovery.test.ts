// XEP-0045 1.35.1 section 6, and what clients look up before they use a room: XEP-0410, XEP-0421, XEP-0425, XEP-0486.

import { createHash } from "node:crypto";
import type { Element } from "ltx";
import { describe, expect, it } from "vitest";
import { attr, child, childrenOf, textOf } from "../../server/stanza.ts";
import type { ScriptedClient } from "../support/client.ts";
import { admin, conditionOf, configure, itemOf, join, MUC, make, ROOM, say, statuses } from "../support/rooms.ts";
import { startServer } from "../support/server.ts";

const PLAIN = { c2s: { requireTls: false } };
const INFO = "http://jabber.org/protocol/disco#info";
const ITEMS = "http://jabber.org/protocol/disco#items";
const SERVICE = "rooms.example.com";

async function info(client: ScriptedClient, to: string) {
  const answer = await client.ask("get", `<query xmlns='${INFO}'/>`, to);
  const query = answer.getChild("query", INFO) as Element;
  const form = child(query, "x", "jabber:x:data");
  const fields = new Map(
    (form === undefined ? [] : childrenOf(form, "field", "jabber:x:data")).map((field) => [
      attr(field, "var") ?? "",
      childrenOf(field, "value", "jabber:x:data").map(textOf).join(","),
    ]),
  );
  return {
    identity: child(query, "identity", INFO)?.attrs as Record<string, string>,
    features: childrenOf(query, "feature", INFO).map(({ attrs }) => attrs.var as string),
    fields,
  };
}

async function items(client: ScriptedClient, to: string, inner = ""): Promise<Element[]> {
  const answer = await client.ask("get", `<query xmlns='${ITEMS}'>${inner}</query>`, to);
  return childrenOf(answer.getChild("query", ITEMS) as Element, "item", ITEMS);
}

describe("6.1 to 6.3: the service", () => {
  it("is an item of the server, says what it is, and lists public rooms by pages", async () => {
    const server = await startServer(PLAIN);
    const juliet = await server.online("juliet");
    expect((await items(juliet, "example.com")).map(({ attrs }) => attrs.jid)).toContain(SERVICE);
    const { identity, features } = await info(juliet, SERVICE);
    expect(identity).toMatchObject({ category: "conference", type: "text" });
    expect(features).toEqual(expect.arrayContaining([MUC, `${MUC}#stable_id`, "urn:xmpp:occupant-id:0", "vcard-temp"]));
    for (const name of ["a", "b", "c", "hidden"]) {
      const room = `${name}@${SERVICE}`;
      await make(juliet, "jule", { publicroom: name === "hidden" ? "0" : "1", roomname: name.toUpperCase() }, room);
    }
    await join(juliet, "jule", { room: `locked@${SERVICE}` });
    const listed = await items(juliet, SERVICE);
    expect(listed.map(({ attrs }) => `${attrs.jid} ${attrs.name}`)).toEqual(
      ["a", "b", "c"].map((name) => `${name}@${SERVICE} ${name.toUpperCase()}`),
    );
    const set = (content: string) => `<set xmlns='http://jabber.org/protocol/rsm'>${content}</set>`;
    const page = await items(juliet, SERVICE, set(`<max>1</max><after>a@${SERVICE}</after>`));
    expect(page.map(({ attrs }) => attrs.jid)).toEqual([`b@${SERVICE}`]);
  });
});

describe("6.4: a room", () => {
  it("names its type in features, both ways", async () => {
    const server = await startServer(PLAIN);
    const juliet = await server.online("juliet");
    await make(juliet, "jule");
    const kinds = ["unsecured", "hidden", "temporary", "open", "unmoderated", "semianonymous"].map(
      (kind) => `muc_${kind}`,
    );
    const { identity, features } = await info(juliet, ROOM);
    expect(identity).toMatchObject({ category: "conference", type: "text", name: "coven" });
    expect(features.filter((feature) => feature.startsWith("muc_")).sort()).toEqual(kinds.sort());
    await configure(juliet, {
      roomname: "A Dark Cave",
      roomdesc: "for witches",
      passwordprotectedroom: "1",
      roomsecret: "s",
      publicroom: "1",
      persistentroom: "1",
      membersonly: "1",
      moderatedroom: "1",
      whois: "anyone",
    });
    const after = await info(juliet, ROOM);
    const others = ["passwordprotected", "public", "persistent", "membersonly", "moderated", "nonanonymous"];
    expect(after.features.filter((feature) => feature.startsWith("muc_")).sort()).toEqual(
      others.map((kind) => `muc_${kind}`).sort(),
    );
    expect(after.identity.name).toBe("A Dark Cave");
    expect(after.fields.get("muc#roominfo_description")).toBe("for witches");
  });

  it("has what clients look for: archive, stable and occupant ids, self-ping, moderation, pictures", async () => {
    const server = await startServer(PLAIN);
    const juliet = await server.online("juliet");
    await make(juliet, "jule");
    const archive = ["urn:xmpp:mam:2", "urn:xmpp:sid:0", "urn:xmpp:message-moderate:1", "urn:xmpp:message-moderate:0"];
    const always = [`${MUC}#stable_id`, "urn:xmpp:occupant-id:0", `${MUC}#self-ping-optimization`, "vcard-temp"];
    expect((await info(juliet, ROOM)).features).toEqual(expect.arrayContaining([...archive, ...always]));
    await configure(juliet, { "muc#roomconfig_enablearchiving": "0" });
    const { features } = await info(juliet, ROOM);
    expect(features).toEqual(expect.arrayContaining(always));
    expect(features.filter((feature) => archive.includes(feature))).toEqual([]);
  });

  it("13.4: what goes on in it is told to those who may come in", async () => {
    const server = await startServer(PLAIN);
    const [juliet, romeo] = [await server.online("juliet"), await server.online("romeo")];
    await make(juliet, "jule", { membersonly: "1" });
    juliet.send(`<message to='${ROOM}' type='groupchat'><subject>Spells</subject></message>`);
    await juliet.sync();
    expect((await info(juliet, ROOM)).fields.get("muc#roominfo_subject")).toBe("Spells");
    expect((await info(juliet, ROOM)).fields.get("muc#roominfo_occupants")).toBe("1");
    expect((await info(romeo, ROOM)).fields.has("muc#roominfo_subject")).toBe(false);
    expect((await info(romeo, ROOM)).fields.has("muc#roominfo_occupants")).toBe(false);
    await admin(juliet, `<item jid='${romeo.bare}' affiliation='member'/>`);
    expect((await info(romeo, ROOM)).fields.get("muc#roominfo_subject")).toBe("Spells");
  });

  it("6.5: does not say who is in it; 7.12 and 18.1.1: the well-known nodes; one that is not there", async () => {
    const server = await startServer(PLAIN);
    const [juliet, romeo] = [await server.online("juliet"), await server.online("romeo")];
    await make(juliet, "jule");
    expect(await items(romeo, ROOM)).toEqual([]);
    const node = async (name: string) =>
      conditionOf(await romeo.ask("get", `<query xmlns='${INFO}' node='${name}'/>`, ROOM));
    expect(await node("x-roomuser-item")).toBe("feature-not-implemented");
    expect(await node(`${MUC}#traffic`)).toBe("service-unavailable");
    expect(await node("other")).toBe("item-not-found");
    const missing = await romeo.ask("get", `<query xmlns='${INFO}'/>`, `nowhere@${SERVICE}`);
    expect(conditionOf(missing)).toBe("item-not-found");
    const register = await romeo.ask("get", "<query xmlns='jabber:iq:register'/>", ROOM);
    expect(conditionOf(register)).toBe("service-unavailable"); // section 7.10
  });

  it("6.6: who is not in the room asks its occupants nothing", async () => {
    const server = await startServer(PLAIN);
    const [juliet, romeo] = [await server.online("juliet"), await server.online("romeo")];
    await make(juliet, "jule");
    expect(conditionOf(await romeo.ask("get", `<query xmlns='${INFO}'/>`, `${ROOM}/jule`))).toBe("bad-request");
    await juliet.expectNothing();
  });
});

describe("XEP-0410 section 3: self-ping, answered by the room", () => {
  const PING = "<ping xmlns='urn:xmpp:ping'/>";

  it("is a result for who is in the room, not-acceptable for who is not, and reaches no client", async () => {
    const server = await startServer(PLAIN);
    const [juliet, romeo] = [await server.online("juliet"), await server.online("romeo")];
    await make(juliet, "jule");
    expect((await juliet.ask("get", PING, `${ROOM}/jule`)).attrs).toMatchObject({
      type: "result",
      from: `${ROOM}/jule`,
    });
    const refused = await romeo.ask("get", PING, `${ROOM}/rom`);
    expect([conditionOf(refused), child(refused, "error")?.attrs.type]).toEqual(["not-acceptable", "modify"]);
    expect(conditionOf(await romeo.ask("get", PING, `${ROOM}/jule`))).toBe("not-acceptable");
    juliet.send(`<presence to='${ROOM}/hag'/>`);
    await juliet.sync();
    expect(conditionOf(await juliet.ask("get", PING, `${ROOM}/jule`))).toBe("item-not-found");
    juliet.send(`<presence to='${ROOM}/hag' type='unavailable'/>`);
    await juliet.sync();
    expect((await juliet.ask("get", PING, `${ROOM}/hag`)).attrs.type).toBe("error");
  });

  it("to another occupant is relayed to its client", async () => {
    const server = await startServer(PLAIN);
    const [juliet, romeo] = [await server.online("juliet"), await server.online("romeo")];
    await make(juliet, "jule");
    await join(romeo, "rom");
    await juliet.sync();
    romeo.send(`<iq type='get' id='p1' to='${ROOM}/jule'>${PING}</iq>`);
    const ping = await juliet.expect(`<iq type='get' from='${ROOM}/rom' to='${juliet.full}'>${PING}</iq>`);
    juliet.send(`<iq type='result' id='${ping.attrs.id}' to='${ROOM}/rom'/>`);
    await romeo.expect(`<iq type='result' id='p1' from='${ROOM}/jule' to='${romeo.full}'/>`);
    expect(juliet.received).not.toContain("id='p1'");
  });
});

describe("XEP-0421 section 4: occupant ids", () => {
  it("are one user's in one room whatever the nickname, others in another room, and in messages as in presence", async () => {
    const server = await startServer(PLAIN);
    const [juliet, romeo] = [await server.online("juliet"), await server.online("romeo")];
    const idOf = (stanza: Element): string => {
      const ids = childrenOf(stanza, "occupant-id", "urn:xmpp:occupant-id:0");
      expect(ids).toHaveLength(1);
      return ids[0]?.attrs.id as string;
    };
    await make(juliet, "jule", { persistentroom: "1" });
    const first = idOf((await join(romeo, "rom")).self);
    romeo.send(`<presence to='${ROOM}/rom' type='unavailable'/>`);
    await romeo.sync();
    const arrived = await join(romeo, "montague");
    expect(idOf(arrived.self)).toBe(first);
    expect(first).not.toBe(idOf(arrived.others[0] as Element));
    say(romeo, "hark");
    expect(idOf(await juliet.until("<message><body>hark</body></message>"))).toBe(first);
    await romeo.sync();
    await make(juliet, "jule", {}, `heath@${SERVICE}`);
    const elsewhere = idOf((await join(romeo, "rom", { room: `heath@${SERVICE}` })).self);
    expect(elsewhere).not.toBe(first);
    expect(first.length).toBeLessThanOrEqual(128);
  });
});

describe("XEP-0486: a room's picture", () => {
  it("is set by owners alone; its hash is in disco, everybody in the room is told, and it can be fetched", async () => {
    const server = await startServer(PLAIN);
    const [juliet, romeo] = [await server.online("juliet"), await server.online("romeo")];
    await make(juliet, "jule");
    await join(romeo, "rom");
    const png = Buffer.from([0x89, 0x50, 0x4e, 0x47]);
    const vcard = `<vCard xmlns='vcard-temp'><PHOTO><TYPE>image/png</TYPE><BINVAL>${png.toString("base64")}</BINVAL></PHOTO></vCard>`;
    expect((await info(romeo, ROOM)).fields.has("muc#roominfo_avatarhash")).toBe(false);
    expect(conditionOf(await romeo.ask("set", vcard, ROOM))).toBe("forbidden");
    expect((await juliet.ask("set", vcard, ROOM)).attrs.type).toBe("result");
    expect(statuses(await romeo.until("<message type='groupchat'/>"))).toEqual([104]);
    const hash = createHash("sha1").update(png).digest("hex");
    expect((await info(romeo, ROOM)).fields.get("muc#roominfo_avatarhash")).toBe(hash);
    const got = await romeo.ask("get", "<vCard xmlns='vcard-temp'/>", ROOM);
    expect(got.getChild("vCard")?.getChild("PHOTO")?.getChildText("BINVAL")).toBe(png.toString("base64"));
    await juliet.ask("set", "<vCard xmlns='vcard-temp'/>", ROOM);
    expect((await info(romeo, ROOM)).fields.has("muc#roominfo_avatarhash")).toBe(false);
    const large = `<vCard xmlns='vcard-temp'><NOTE>${"x".repeat(131_072)}</NOTE></vCard>`;
    expect(conditionOf(await juliet.ask("set", large, ROOM))).toBe("policy-violation");
  });
});

describe("17.4: requests between occupants", () => {
  it("a client's answer comes back under the room's addresses; nobody learns the other's", async () => {
    const server = await startServer(PLAIN);
    const [juliet, romeo, nurse] = [
      await server.online("juliet"),
      await server.online("romeo"),
      await server.online("nurse"),
    ];
    await make(nurse, "angelica");
    await join(juliet, "jule");
    await join(romeo, "rom");
    await juliet.sync();
    const query = "<query xmlns='jabber:iq:version'/>";
    romeo.send(`<iq type='get' id='v1' to='${ROOM}/jule'>${query}</iq>`);
    const asked = await juliet.expect(`<iq type='get' from='${ROOM}/rom'>${query}</iq>`);
    // Nobody else can answer in her place.
    nurse.send(`<iq type='result' id='${asked.attrs.id}' to='${ROOM}/rom'>${query}</iq>`);
    await nurse.sync();
    juliet.send(
      `<iq type='result' id='${asked.attrs.id}' to='${ROOM}/rom'><query xmlns='jabber:iq:version'><name>c</name></query></iq>`,
    );
    await romeo.expect(
      `<iq type='result' id='v1' from='${ROOM}/jule'><query xmlns='jabber:iq:version'><name>c</name></query></iq>`,
    );
    expect(romeo.received).not.toContain(juliet.bare);
    expect(juliet.received).not.toContain(romeo.bare);
    expect(itemOf(asked)).toEqual({});
  });

  it("an occupant's vCard and open PEP nodes are their server's to answer, and come back from the room address", async () => {
    const server = await startServer(PLAIN);
    const [juliet, romeo] = [await server.online("juliet"), await server.online("romeo")];
    await juliet.ask("set", "<vCard xmlns='vcard-temp'><FN>Juliet</FN></vCard>");
    const publish =
      "<publish node='urn:xmpp:avatar:metadata'><item id='1'><metadata xmlns='urn:xmpp:avatar:metadata'/></item></publish>";
    const open =
      "<publish-options><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/pubsub#publish-options</value></field><field var='pubsub#access_model'><value>open</value></field></x></publish-options>";
    const PUBSUB = "http://jabber.org/protocol/pubsub";
    expect((await juliet.ask("set", `<pubsub xmlns='${PUBSUB}'>${publish}${open}</pubsub>`)).attrs.type).toBe("result");
    await make(romeo, "rom");
    await join(juliet, "jule");
    await romeo.sync();
    const vcard = await romeo.ask("get", "<vCard xmlns='vcard-temp'/>", `${ROOM}/jule`);
    expect([vcard.attrs.type, vcard.attrs.from]).toEqual(["result", `${ROOM}/jule`]);
    expect(vcard.getChild("vCard")?.getChildText("FN")).toBe("Juliet");
    const items = (node: string) => `<pubsub xmlns='${PUBSUB}'><items node='${node}'/></pubsub>`;
    const avatar = await romeo.ask("get", items("urn:xmpp:avatar:metadata"), `${ROOM}/jule`);
    expect([avatar.attrs.type, avatar.attrs.from]).toEqual(["result", `${ROOM}/jule`]);
    expect(avatar.toString()).toContain('id="1"');
    // What is not open is not opened by a room.
    await juliet.ask(
      "set",
      `<pubsub xmlns='${PUBSUB}'><publish node='urn:private'><item><x xmlns='urn:x'/></item></publish></pubsub>`,
    );
    const closed = await romeo.ask("get", items("urn:private"), `${ROOM}/jule`);
    expect([closed.attrs.type, closed.attrs.from]).toEqual(["error", `${ROOM}/jule`]);
  });

  it("to a nickname that nobody has: item-not-found; a change of somebody's vCard or nodes: not-allowed", async () => {
    const server = await startServer(PLAIN);
    const [juliet, romeo] = [await server.online("juliet"), await server.online("romeo")];
    await make(juliet, "jule");
    await join(romeo, "rom");
    const ask = async (type: "get" | "set", payload: string, nick: string) =>
      conditionOf(await romeo.ask(type, payload, `${ROOM}/${nick}`));
    expect(await ask("get", "<query xmlns='jabber:iq:version'/>", "stranger")).toBe("item-not-found");
    expect(await ask("set", "<vCard xmlns='vcard-temp'/>", "jule")).toBe("not-allowed");
    expect(await ask("set", "<pubsub xmlns='http://jabber.org/protocol/pubsub'/>", "jule")).toBe("not-allowed");
  });
});

describe("XEP-0030 section 3: whatever the service and a room announce is tried", () => {
  const archive = (payload: string) => async (client: ScriptedClient) =>
    expect((await client.ask("set", payload, ROOM)).attrs.type).toBe("result");
  const get = (payload: string) => async (client: ScriptedClient, to: string) =>
    expect((await client.ask("get", payload, to)).attrs.type).toBe("result");
  const said = async (client: ScriptedClient): Promise<Element> => {
    say(client, "hark");
    return client.until("<message type='groupchat' id='hark'><body>hark</body></message>");
  };
  const stanzaId = async (client: ScriptedClient): Promise<string> =>
    child(await said(client), "stanza-id", "urn:xmpp:sid:0")?.attrs.id as string;
  const page = "<query xmlns='urn:xmpp:mam:2'><set xmlns='http://jabber.org/protocol/rsm'><max>1</max></set></query>";
  const voice = `<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>${MUC}#request</value></field></x>`;
  const retract = (ns: string) => `<retract xmlns='urn:xmpp:message-retract:${ns}'/>`;

  const SCENES: Record<string, (client: ScriptedClient, to: string) => Promise<unknown>> = {
    [INFO]: get(`<query xmlns='${INFO}'/>`),
    [ITEMS]: get(`<query xmlns='${ITEMS}'/>`),
    [MUC]: async (client) => expect(statuses((await join(client, "jule")).self)).toContain(110),
    [`${MUC}#stable_id`]: said,
    [`${MUC}#roomconfig`]: get("<query xmlns='http://jabber.org/protocol/muc#owner'/>"),
    [`${MUC}#roominfo`]: async (client) =>
      expect((await info(client, ROOM)).fields.get("FORM_TYPE")).toBe(`${MUC}#roominfo`),
    [`${MUC}#request`]: async (client) => {
      client.send(`<message to='${ROOM}'>${voice}</message>`);
      expect(conditionOf(await client.until("<message type='error'/>"))).toBe("bad-request"); // she has voice
    },
    [`${MUC}#self-ping-optimization`]: async (client) =>
      expect((await client.ask("get", "<ping xmlns='urn:xmpp:ping'/>", `${ROOM}/jule`)).attrs.type).toBe("result"),
    "urn:xmpp:occupant-id:0": async (client) =>
      expect(child(await said(client), "occupant-id", "urn:xmpp:occupant-id:0")).toBeDefined(),
    // XEP-0486 section 3.1: of the service it means its rooms.
    "vcard-temp": (client) => get("<vCard xmlns='vcard-temp'/>")(client, ROOM),
    "urn:xmpp:ping": get("<ping xmlns='urn:xmpp:ping'/>"),
    "http://jabber.org/protocol/rsm": async (client, to) =>
      expect(
        (await items(client, to, "<set xmlns='http://jabber.org/protocol/rsm'><max>1</max></set>")).length,
      ).toBeLessThan(2),
    "urn:xmpp:mam:2": archive(page),
    "urn:xmpp:mam:2#extended": get("<metadata xmlns='urn:xmpp:mam:2'/>"),
    "urn:xmpp:sid:0": async (client) => expect(await stanzaId(client)).toBeDefined(),
    "urn:xmpp:message-moderate:1": async (client) =>
      archive(
        `<moderate xmlns='urn:xmpp:message-moderate:1' id='${await stanzaId(client)}'>${retract("1")}</moderate>`,
      )(client),
    "urn:xmpp:message-moderate:0": async (client) =>
      archive(
        `<apply-to xmlns='urn:xmpp:fasten:0' id='${await stanzaId(client)}'><moderate xmlns='urn:xmpp:message-moderate:0'>${retract("0")}</moderate></apply-to>`,
      )(client),
    "urn:xmpp:message-retract:1#tombstone": async (client) => {
      const id = await stanzaId(client);
      client.send(
        `<message to='${ROOM}' type='groupchat'><retract xmlns='urn:xmpp:message-retract:1' id='${id}'/></message>`,
      );
      await client.sync();
      const query =
        "<query xmlns='urn:xmpp:mam:2'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>urn:xmpp:mam:2</value></field>";
      client.send(
        `<iq type='set' id='t' to='${ROOM}'>${query}<field var='ids'><value>${id}</value></field></x></query></iq>`,
      );
      expect((await client.until("<message><result xmlns='urn:xmpp:mam:2'/></message>")).toString()).toContain(
        "<retracted",
      );
    },
  };

  it.each([SERVICE, ROOM])("%s", async (to) => {
    const server = await startServer(PLAIN);
    const juliet = await server.online("juliet");
    await make(juliet, "jule");
    const { features } = await info(juliet, to);
    expect(new Set(features).size).toBe(features.length);
    for (const feature of features) {
      if (feature.startsWith("muc_")) continue; // the room's type, for which there are tests above
      const scene = SCENES[feature];
      if (scene === undefined) throw new Error(`${to} announces ${feature}, and nothing here tries it`);
      await juliet.sync();
      await scene(juliet, to);
    }
  });
});
