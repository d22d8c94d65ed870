// RFC 6121 section 2: managing the roster.

import type { Element } from "ltx";
import { describe, expect, it } from "vitest";
import { attr, childrenOf } from "../../server/stanza.ts";
import type { ScriptedClient } from "../support/client.ts";
import { temporaryFolder } from "../support/folder.ts";
import { befriend, startServer } from "../support/server.ts";

const ROSTER = "jabber:iq:roster";
const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";

function set(item: string, id = "set"): string {
  return `<iq type='set' id='${id}'><query xmlns='${ROSTER}'>${item}</query></iq>`;
}

function push(item: string): string {
  return `<iq type='set' id='{any}'><query xmlns='${ROSTER}' ver='{any}'>${item}</query></iq>`;
}

function refused(condition: string, type: string, id = "set"): string {
  return `<iq type='error' id='${id}'><error type='${type}'><${condition} xmlns='${STANZAS}'/></error></iq>`;
}

/** Sets an item and takes what comes of it: the result, and the push where the resource is interested. */
async function put(client: ScriptedClient, item: string): Promise<void> {
  const answer = await client.ask("set", `<query xmlns='${ROSTER}'>${item}</query>`);
  expect(answer.attrs.type).toBe("result");
  await client.sync();
}

/** The roster as a client gets it: items by address, and its version. */
async function roster(client: ScriptedClient, ver = ""): Promise<{ items: Element[]; ver: string | undefined }> {
  const answer = await client.ask("get", `<query xmlns='${ROSTER}' ver='${ver}'/>`);
  expect(answer.attrs.type).toBe("result");
  const query = answer.getChild("query", ROSTER);
  return query === undefined
    ? { items: [], ver: undefined }
    : { items: childrenOf(query, "item", ROSTER), ver: attr(query, "ver") };
}

function names(items: readonly Element[]): unknown[] {
  return items.map((item) => [item.attrs.jid, item.attrs.name, childrenOf(item, "group", ROSTER).map((g) => g.text())]);
}

describe("RFC 6121 section 2.2: retrieving the roster on login", () => {
  it("2.1.4: an empty roster is a query without items, not an error and not an empty result", async () => {
    const server = await startServer();
    const juliet = await server.client("juliet");
    juliet.send(`<iq type='get' id='bv1bs71f'><query xmlns='${ROSTER}'/></iq>`);
    const result = await juliet.expect(`<iq type='result' id='bv1bs71f'><query xmlns='${ROSTER}'/></iq>`);
    expect(result.getChild("query", ROSTER)?.getChildElements()).toEqual([]);
  });

  it("2.6.3: results and pushes carry the version even for a client that has not asked for it", async () => {
    const server = await startServer();
    const juliet = await server.client("juliet");
    juliet.send(`<iq type='get' id='1'><query xmlns='${ROSTER}'/></iq>`);
    await juliet.expect(`<iq type='result' id='1'><query xmlns='${ROSTER}' ver='{any}'/></iq>`);
    juliet.send(set("<item jid='nurse@example.com'/>"));
    await juliet.expectAll(push("<item jid='nurse@example.com'/>"), "<iq type='result' id='set'/>");
  });

  it("every item once, with what was set of it", async () => {
    const server = await startServer();
    const juliet = await server.client("juliet");
    await put(juliet, "<item jid='romeo@example.net' name='Romeo'><group>Friends</group><group>Lovers</group></item>");
    await put(juliet, "<item jid='nurse@example.com' name='Nurse'><group>Servants</group></item>");
    await put(juliet, "<item jid='benvolio@example.net'/>");
    const { items } = await roster(juliet);
    expect(names(items).sort()).toEqual([
      ["benvolio@example.net", undefined, []],
      ["nurse@example.com", "Nurse", ["Servants"]],
      ["romeo@example.net", "Romeo", ["Friends", "Lovers"]],
    ]);
    for (const item of items) expect(item.attrs.subscription).toBe("none");
  });
});

describe("RFC 6121 section 2.3: adding a roster item", () => {
  it("2.3.2: a result for the sender; a push to every interested resource, the sender included", async () => {
    const server = await startServer();
    const balcony = await server.client("juliet", { resource: "balcony" });
    const chamber = await server.client("juliet", { resource: "chamber" });
    await roster(balcony);
    await roster(chamber);
    balcony.send(set("<item jid='nurse@example.com' name='Nurse'><group>Servants</group></item>", "ph1xaz53"));
    const item = "<item jid='nurse@example.com' name='Nurse' subscription='none'><group>Servants</group></item>";
    const both = await balcony.expectAll("<iq type='result' id='ph1xaz53'/>", push(item));
    expect(both.find((iq) => iq.attrs.type === "result")?.getChildElements()).toEqual([]);
    const own = both.find((iq) => iq.attrs.type === "set");
    const other = await chamber.expect(push(item));
    // Section 2.1.6: one item, from the account itself.
    for (const [iq, client] of [
      [own as Element, balcony],
      [other, chamber],
    ] as const) {
      expect(iq.getChild("query", ROSTER)?.getChildElements()).toHaveLength(1);
      expect([undefined, "juliet@example.com"]).toContain(iq.attrs.from);
      expect([undefined, client.full]).toContain(iq.attrs.to);
    }
  });

  it("2.2: pushes go to interested resources alone: those that asked for the roster, available or not", async () => {
    const server = await startServer();
    const sender = await server.client("juliet", { resource: "sender" });
    const interested = await server.client("juliet", { resource: "interested" });
    await roster(interested);
    const available = await server.client("juliet", { resource: "available" });
    available.send("<presence/>");
    await available.sync();
    const romeo = await server.online("romeo");
    sender.send(set("<item jid='nurse@example.com'/>"));
    await sender.expect("<iq type='result' id='set'/>");
    await sender.expectNothing();
    await interested.expect(push("<item jid='nurse@example.com'/>"));
    await available.expectNothing();
    await romeo.expectNothing();
  });

  it("2.1.6: a push is answered or not, with a result or an error; it makes no difference", async () => {
    const server = await startServer();
    const juliet = await server.client("juliet");
    await roster(juliet);
    for (const type of ["result", "error"]) {
      juliet.send(set("<item jid='nurse@example.com'/>"));
      const found = await juliet.expectAll("<iq type='result' id='set'/>", push("<item jid='nurse@example.com'/>"));
      const id = found.map((iq) => iq.attrs.id as string).find((text) => text !== "set");
      juliet.send(`<iq type='${type}' id='${id}'/>`);
      await juliet.expectNothing();
    }
  });

  it("2.1.5: subscription (but for remove), ask and approved are not a client's to set", async () => {
    const server = await startServer();
    const juliet = await server.client("juliet");
    await roster(juliet);
    for (const subscription of ["both", "from", "to", "none", "anything"]) {
      juliet.send(
        set(`<item jid='nurse@example.com' subscription='${subscription}' ask='subscribe' approved='true'/>`),
      );
      await juliet.expectAll(
        "<iq type='result' id='set'/>",
        push("<item jid='nurse@example.com' subscription='none' ask='{absent}' approved='{absent}'/>"),
      );
    }
  });

  it("3.1.1: a set before or behind the subscription request gives the same item", async () => {
    const server = await startServer();
    const juliet = await server.client("juliet");
    for (const contact of ["romeo@example.com", "tybalt@example.com"]) {
      const stanzas = [`<presence to='${contact}' type='subscribe'/>`, set(`<item jid='${contact}' name='N'/>`)];
      if (contact.startsWith("romeo")) stanzas.reverse();
      for (const stanza of stanzas) juliet.send(stanza);
      await juliet.sync();
    }
    for (const item of (await roster(juliet)).items) {
      expect(item.attrs).toMatchObject({ name: "N", ask: "subscribe", subscription: "none" });
    }
  });

  it("RFC 7622 section 3: one contact in several spellings is one item", async () => {
    const server = await startServer();
    const juliet = await server.client("juliet");
    for (const jid of ["Nurse@example.com", "nurse@EXAMPLE.com.", "ｎurse@example.com"]) {
      await put(juliet, `<item jid='${jid}'/>`);
    }
    expect(names((await roster(juliet)).items)).toEqual([["nurse@example.com", undefined, []]]);
  });

  it("a contact may be a domain", async () => {
    const server = await startServer();
    const juliet = await server.client("juliet");
    await put(juliet, "<item jid='chat.example.net' name='Chat'/>");
    expect(names((await roster(juliet)).items)).toEqual([["chat.example.net", "Chat", []]]);
  });
});

describe("RFC 6121 section 2.3.3: error cases", () => {
  it.each([
    ["two items", "<item jid='a@example.com'/><item jid='b@example.com'/>", "bad-request", "modify"],
    ["no item", "", "bad-request", "modify"],
    [
      "the same group twice",
      "<item jid='a@example.com'><group>G</group><group>G</group></item>",
      "bad-request",
      "modify",
    ],
    ["an empty group", "<item jid='a@example.com'><group/></item>", "not-acceptable", "modify"],
    ["a name over the limit", `<item jid='a@example.com' name='${"n".repeat(1_024)}'/>`, "not-acceptable", "modify"],
    [
      "a group over the limit",
      `<item jid='a@example.com'><group>${"g".repeat(1_024)}</group></item>`,
      "not-acceptable",
      "modify",
    ],
    ["an address that is none", "<item jid='@example.com'/>", "jid-malformed", "modify"],
    ["the account itself (2.3.3, interoperability note)", "<item jid='juliet@example.com'/>", "not-allowed", "cancel"],
  ])("%s", async (_name, items, condition, type) => {
    const server = await startServer();
    const juliet = await server.client("juliet");
    await roster(juliet);
    juliet.send(set(items));
    await juliet.expect(refused(condition, type));
    await juliet.expectNothing();
    expect((await roster(juliet)).items).toEqual([]);
  });

  it("an error changes nothing of an item that is there", async () => {
    const server = await startServer();
    const juliet = await server.client("juliet");
    await put(juliet, "<item jid='nurse@example.com' name='Nurse'><group>Servants</group></item>");
    juliet.send(set("<item jid='nurse@example.com' name='X'><group/></item>"));
    await juliet.until(refused("not-acceptable", "modify"));
    expect(names((await roster(juliet)).items)).toEqual([["nurse@example.com", "Nurse", ["Servants"]]]);
  });

  it("at the limits all is well", async () => {
    const server = await startServer({ limits: { nameCharacters: 10, groupsPerItem: 3 } });
    const juliet = await server.client("juliet");
    const groups = ["a", "b", "c"].map((letter) => `<group>${letter.repeat(10)}</group>`);
    await put(juliet, `<item jid='nurse@example.com' name='0123456789'>${groups.join("")}</item>`);
    juliet.send(set(`<item jid='nurse@example.com'>${groups.join("")}<group>d</group></item>`));
    await juliet.until(refused("not-acceptable", "modify"));
  });

  it.each(["romeo@example.com", "nobody@example.com"])(
    "the roster of %s is forbidden to anybody else, whether there is such an account or not",
    async (owner) => {
      const server = await startServer();
      const romeo = await server.online("romeo");
      await put(romeo, "<item jid='mercutio@example.com'/>");
      const juliet = await server.online("juliet");
      await befriend(juliet, romeo); // even then
      const before = (await roster(romeo)).items.length;
      for (const [type, payload] of [
        ["get", ""],
        ["set", "<item jid='tybalt@example.com'/>"],
        ["set", "<item jid='mercutio@example.com' subscription='remove'/>"],
      ] as const) {
        juliet.send(`<iq type='${type}' id='set' to='${owner}'><query xmlns='${ROSTER}'>${payload}</query></iq>`);
        await juliet.expect(refused("forbidden", "auth"));
      }
      await romeo.expectNothing();
      expect((await roster(romeo)).items).toHaveLength(before);
    },
  );

  it("limits.rosterItems: one more is refused, the others can still be changed and removed", async () => {
    const server = await startServer({ limits: { rosterItems: 2 } });
    const juliet = await server.client("juliet");
    await put(juliet, "<item jid='a@example.com'/>");
    await put(juliet, "<item jid='b@example.com'/>");
    juliet.send(set("<item jid='c@example.com'/>"));
    await juliet.until(refused("resource-constraint", "wait"));
    juliet.send("<presence id='p' to='c@example.com' type='subscribe'/>");
    await juliet.expect(
      `<presence id='p' type='error' from='c@example.com'><error><resource-constraint xmlns='${STANZAS}'/></error></presence>`,
    );
    await put(juliet, "<item jid='a@example.com' name='A'/>");
    await put(juliet, "<item jid='b@example.com' subscription='remove'/>");
    await put(juliet, "<item jid='c@example.com'/>");
    expect(names((await roster(juliet)).items)).toEqual([
      ["a@example.com", "A", []],
      ["c@example.com", undefined, []],
    ]);
  });
});

describe("RFC 6121 section 2.4: updating a roster item", () => {
  it("2.4.1: the steps of its example: an item is as the last set says, and nothing of it remains", async () => {
    const server = await startServer();
    const juliet = await server.client("juliet");
    await roster(juliet);
    for (const item of [
      "<item jid='romeo@example.net' name='Romeo'><group>Friends</group></item>",
      "<item jid='romeo@example.net' name='Romeo'><group>Friends</group><group>Lovers</group></item>",
      "<item jid='romeo@example.net' name='Romeo'><group>Lovers</group></item>",
      "<item jid='romeo@example.net'/>",
      "<item jid='romeo@example.net' name='MyRomeo'/>",
      "<item jid='romeo@example.net' name=''/>",
    ]) {
      juliet.send(set(item));
      const both = await juliet.expectAll("<iq type='result' id='set'/>", push("<item jid='romeo@example.net'/>"));
      const pushed = both.map((iq) => iq.getChild("query", ROSTER)?.getChild("item")).find((el) => el !== undefined);
      expect(pushed?.attrs.name ?? "").toBe(/name='([^']*)'/.exec(item)?.[1] ?? "");
      const groups = childrenOf(pushed as Element, "group", ROSTER).map((group) => group.text());
      expect(groups).toEqual([...item.matchAll(/<group>([^<]*)/g)].map((match) => match[1]));
    }
  });

  it("a set keeps the subscription that the item has", async () => {
    const server = await startServer();
    const juliet = await server.online("juliet");
    const romeo = await server.online("romeo");
    await befriend(juliet, romeo);
    juliet.send(set("<item jid='romeo@example.com' name='Romeo' subscription='none'/>"));
    await juliet.expectAll(
      "<iq type='result' id='set'/>",
      push("<item jid='romeo@example.com' name='Romeo' subscription='both'/>"),
    );
    await romeo.expectNothing();
  });
});

describe("RFC 6121 section 2.5: deleting a roster item", () => {
  it("2.5.2: a result and a push of remove to every interested resource", async () => {
    const server = await startServer();
    const balcony = await server.client("juliet", { resource: "balcony" });
    const chamber = await server.client("juliet", { resource: "chamber" });
    await put(balcony, "<item jid='nurse@example.com' name='Nurse'><group>Servants</group></item>");
    await roster(balcony);
    await roster(chamber);
    balcony.send(set("<item jid='nurse@example.com' subscription='remove'/>"));
    const removed = push("<item jid='nurse@example.com' subscription='remove'/>");
    await balcony.expectAll("<iq type='result' id='set'/>", removed);
    await chamber.expect(removed);
    expect((await roster(chamber)).items).toEqual([]);
    await put(balcony, "<item jid='nurse@example.com'/>"); // nothing of the old item comes back
    expect(names((await roster(balcony)).items)).toEqual([["nurse@example.com", undefined, []]]);
  });

  it("2.5.3: what is not in the roster is item-not-found", async () => {
    const server = await startServer();
    const juliet = await server.online("juliet");
    const romeo = await server.online("romeo");
    juliet.send(set("<item jid='nurse@example.com' subscription='remove'/>"));
    await juliet.expect(refused("item-not-found", "cancel"));
    // Section 3.1.3: somebody whose request waits is not in the roster either, and the request goes on waiting.
    romeo.send("<presence to='juliet@example.com' type='subscribe'/>");
    await juliet.expect("<presence type='subscribe'/>");
    juliet.send(set("<item jid='romeo@example.com' subscription='remove'/>"));
    await juliet.expect(refused("item-not-found", "cancel"));
    const chamber = await server.client("juliet");
    chamber.send("<presence/>");
    await chamber.until("<presence type='subscribe' from='romeo@example.com'/>");
  });
});

describe("RFC 6121 section 2.6: roster versioning", () => {
  it("2.6.1: is announced", async () => {
    const server = await startServer();
    await server.admin.addUser("juliet", "secret");
    const client = await server.connect();
    await client.open();
    await client.startTls();
    const features = await client.authenticate("juliet", "secret");
    expect(features.getChild("ver", "urn:xmpp:features:rosterver")).toBeDefined();
  });

  it("2.6.3: unchanged: an empty result, and pushes from then on", async () => {
    const server = await startServer();
    const juliet = await server.client("juliet");
    await put(juliet, "<item jid='nurse@example.com'/>");
    const { ver } = await roster(juliet);
    const again = await server.client("juliet");
    again.send(`<iq type='get' id='1'><query xmlns='${ROSTER}' ver='${ver}'/></iq>`);
    const result = await again.expect("<iq type='result' id='1'/>");
    expect(result.getChildElements()).toEqual([]);
    await again.expectNothing();
    juliet.send(set("<item jid='romeo@example.net'/>"));
    await again.expect(push("<item jid='romeo@example.net'/>"));
  });

  it("2.6.3: changed: an empty result, then the last state of each changed item, in order, removals included", async () => {
    const server = await startServer();
    const juliet = await server.client("juliet");
    for (const name of ["tybalt", "bill", "nurse", "kept"]) await put(juliet, `<item jid='${name}@example.org'/>`);
    const { ver } = await roster(juliet);
    await put(juliet, "<item jid='bill@example.org' name='B'/>");
    await put(juliet, "<item jid='tybalt@example.org' subscription='remove'/>");
    await put(juliet, "<item jid='bill@example.org' name='Bill'/>");
    await put(juliet, "<item jid='new@example.org'/>");
    await put(juliet, "<item jid='gone@example.org'/>");
    await put(juliet, "<item jid='gone@example.org' subscription='remove'/>");
    await put(juliet, "<item jid='nurse@example.org' name='Nurse'><group>Servants</group></item>");
    await put(juliet, "<item jid='nurse@example.org' subscription='remove'/>");
    await put(juliet, "<item jid='nurse@example.org'><group>Family</group></item>");
    const latest = (await roster(juliet)).ver;

    const back = await server.client("juliet");
    back.send(`<iq type='get' id='1'><query xmlns='${ROSTER}' ver='${ver}'/></iq>`);
    expect((await back.expect("<iq type='result' id='1'/>")).getChildElements()).toEqual([]);
    const pushes: Element[] = [];
    for (const item of [
      "<item jid='tybalt@example.org' subscription='remove'/>",
      "<item jid='bill@example.org' name='Bill'/>",
      "<item jid='new@example.org' subscription='none'/>",
      "<item jid='gone@example.org' subscription='remove'/>",
      "<item jid='nurse@example.org' name='{absent}'><group>Family</group></item>",
    ]) {
      pushes.push(await back.expect(push(item)));
    }
    await back.expectNothing();
    const versions = pushes.map((iq) => iq.getChild("query", ROSTER)?.attrs.ver as string);
    expect(new Set(versions).size).toBe(versions.length);
    expect(versions.at(-1)).toBe(latest);
  });

  it("2.6.3: the version of a push is good for the next login", async () => {
    const server = await startServer();
    const juliet = await server.client("juliet");
    await roster(juliet);
    juliet.send(set("<item jid='nurse@example.com'/>"));
    const both = await juliet.expectAll("<iq type='result' id='set'/>", push("<item jid='nurse@example.com'/>"));
    const ver = both
      .map((iq) => iq.getChild("query", ROSTER)?.attrs.ver as string | undefined)
      .find((v) => v !== undefined);
    await put(juliet, "<item jid='romeo@example.net'/>");
    const again = await server.client("juliet");
    again.send(`<iq type='get' id='1'><query xmlns='${ROSTER}' ver='${ver}'/></iq>`);
    expect((await again.expect("<iq type='result' id='1'/>")).getChildElements()).toEqual([]);
    await again.expect(push("<item jid='romeo@example.net'/>"));
    await again.expectNothing();
  });

  it.each(["", "never-heard-of", "999999999999", "-1", "1.5", "9".repeat(400), "0x1", "&lt;&apos;"])(
    "2.6.3: a version that the server does not know (%.20s) gets the whole roster, with the latest",
    async (unknown) => {
      const server = await startServer();
      const juliet = await server.client("juliet");
      await put(juliet, "<item jid='nurse@example.com'/>");
      const { items, ver } = await roster(juliet, unknown);
      expect(names(items)).toEqual([["nurse@example.com", undefined, []]]);
      expect(await roster(juliet, ver)).toEqual({ items: [], ver: undefined });
    },
  );

  it("2.6.3: a change of the subscription is a change of the roster", async () => {
    const server = await startServer();
    const juliet = await server.online("juliet");
    const romeo = await server.online("romeo");
    const before = [(await roster(juliet)).ver, (await roster(romeo)).ver];
    await befriend(juliet, romeo);
    for (const [index, [user, contact]] of [
      ["juliet", "romeo"],
      ["romeo", "juliet"],
    ].entries()) {
      const back = await server.client(user as string);
      back.send(`<iq type='get' id='1'><query xmlns='${ROSTER}' ver='${before[index]}'/></iq>`);
      expect((await back.expect("<iq type='result' id='1'/>")).getChildElements()).toEqual([]);
      await back.expect(push(`<item jid='${contact}@example.com' subscription='both'/>`));
      await back.expectNothing();
    }
  });

  it("a version of an account that was deleted says nothing of its namesake's roster", async () => {
    const server = await startServer();
    const juliet = await server.client("juliet");
    await put(juliet, "<item jid='nurse@example.com'/>");
    const { ver } = await roster(juliet);
    await server.admin.deleteUser("juliet");
    await server.admin.addUser("juliet", "secret");
    const namesake = await server.client("juliet");
    namesake.send(`<iq type='get' id='1'><query xmlns='${ROSTER}' ver='${ver}'/></iq>`);
    const query = (await namesake.expect("<iq type='result' id='1'/>")).getChild("query", ROSTER);
    expect(query?.getChildElements()).toEqual([]);
  });
});

describe("names and groups are opaque to the server (RFC 6121 sections 2.1.2.4 and 2.1.2.6)", () => {
  const ODD = [
    "Ærøskøbing 📱 \u202e!",
    "&lt;b&gt;&amp;&quot;&apos;",
    "  spaces  ",
    "a&#9;tab, a&#10;line",
    "e\u0301 and \u00e9", // not normalized
    "'; DROP TABLE roster_item; --",
    '["JSON"]',
    "x".repeat(1_023),
  ];

  it.each(ODD)("%.30s", async (text) => {
    const folder = await temporaryFolder();
    let server = await startServer({ storage: { path: folder } });
    let juliet = await server.client("juliet");
    const attribute = text.replaceAll("'", "&apos;");
    await put(
      juliet,
      `<item jid='nurse@example.com' name='${attribute}'><group>${text}</group><group>2</group></item>`,
    );
    const plain = text
      .replace(/&#(\d+);/g, (_whole, code) => String.fromCharCode(Number(code)))
      .replaceAll("&lt;", "<")
      .replaceAll("&gt;", ">")
      .replaceAll("&quot;", '"')
      .replaceAll("&apos;", "'")
      .replaceAll("&amp;", "&");
    expect(names((await roster(juliet)).items)).toEqual([["nurse@example.com", plain, [plain, "2"]]]);
    await server.stop();
    server = await startServer({ storage: { path: folder } });
    juliet = await server.client("juliet");
    expect(names((await roster(juliet)).items)).toEqual([["nurse@example.com", plain, [plain, "2"]]]);
  });
});

describe("RFC 6121 section 2: the server stores the roster", () => {
  it("items, subscriptions, pre-approvals and versions are there after a restart", async () => {
    const folder = await temporaryFolder();
    let server = await startServer({ storage: { path: folder } });
    const juliet = await server.online("juliet");
    const romeo = await server.online("romeo");
    await befriend(juliet, romeo);
    await put(juliet, "<item jid='nurse@example.com' name='Nurse'><group>Servants</group></item>");
    juliet.send("<presence to='mercutio@example.com' type='subscribed'/>");
    juliet.send("<presence to='tybalt@example.com' type='subscribe'/>");
    await juliet.sync();
    const before = await roster(juliet);
    await put(juliet, "<item jid='nurse@example.com' subscription='remove'/>");
    await server.stop();

    server = await startServer({ storage: { path: folder } });
    const back = await server.client("juliet");
    const after = await roster(back);
    const known = before.items.map(String).filter((item) => !item.includes("nurse@"));
    expect(known).toHaveLength(3);
    expect(after.items.map(String).sort()).toEqual(known.sort());
    const again = await server.client("juliet");
    again.send(`<iq type='get' id='1'><query xmlns='${ROSTER}' ver='${before.ver}'/></iq>`);
    expect((await again.expect("<iq type='result' id='1'/>")).getChildElements()).toEqual([]);
    await again.expect(push("<item jid='nurse@example.com' subscription='remove'/>"));
    await again.expectNothing();
  });

  it("two resources that change it at once: both changes are there, and both were told of both", async () => {
    const server = await startServer({ storage: { path: await temporaryFolder() } });
    const clients = [await server.client("juliet"), await server.client("juliet")];
    for (const client of clients) await roster(client);
    const count = 50;
    for (let n = 0; n < count; n++) {
      clients.forEach((client, which) => {
        client.send(set(`<item jid='c${n}@example.com' name='${which}'/>`, `${which}-${n}`));
      });
    }
    const seen = clients.map(() => new Map<string, string>());
    const versions = clients.map((): number[] => []);
    for (const [index, client] of clients.entries()) {
      let results = 0;
      for (let n = 0; n < count * 3; n++) {
        const iq = await client.next();
        const query = iq.getChild("query", ROSTER);
        if (query === undefined) {
          results += 1;
          continue;
        }
        const item = query.getChild("item") as Element;
        seen[index]?.set(item.attrs.jid as string, item.attrs.name as string);
        versions[index]?.push(Number(query.attrs.ver));
      }
      expect(results).toBe(count);
      await client.expectNothing();
    }
    const { items } = await roster(clients[0] as ScriptedClient);
    const stored = new Map(items.map((item) => [item.attrs.jid as string, item.attrs.name as string]));
    expect(seen[0]).toEqual(stored);
    expect(seen[1]).toEqual(stored);
    // Section 2.6.3: pushes occur in order of modification.
    for (const list of versions) expect(list).toEqual([...list].sort((a, b) => a - b));
  });
});
