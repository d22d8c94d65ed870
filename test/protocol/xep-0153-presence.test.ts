// XEP-0153 1.1.1: vCard-Based Avatars, as far as XEP-0398 1.0.0 section 4 makes it the server's: the hash in presence.

import type { Element } from "ltx";
import { describe, expect, it } from "vitest";
import { hashIn, METADATA, picture, publishAvatar, UPDATE, vcard } from "../support/avatars.ts";
import type { ScriptedClient } from "../support/client.ts";
import { publishing } from "../support/pep.ts";
import { befriend, startServer, type TestServer } from "../support/server.ts";

const FIRST = picture("first");
const SECOND = picture("second");
const NOTHING = `<x xmlns='${UPDATE}'/>`;
const NONE = `<x xmlns='${UPDATE}'><photo/></x>`;
const said = (hash: string): string => `<x xmlns='${UPDATE}'><photo>${hash}</photo></x>`;

type Scene = { server: TestServer; juliet: ScriptedClient; romeo: ScriptedClient };

/** Juliet and Romeo see each other. */
async function scene(): Promise<Scene> {
  const server = await startServer();
  const juliet = await server.online("juliet", { resource: "balcony" });
  const romeo = await server.online("romeo", { resource: "orchard" });
  await befriend(juliet, romeo);
  return { server, juliet, romeo };
}

async function set(client: ScriptedClient, payload: string): Promise<void> {
  expect((await client.ask("set", payload)).attrs.type).toBe("result");
}

/** What a client has seen of another's presence up to now. */
async function seen(client: ScriptedClient, from: ScriptedClient): Promise<Element[]> {
  return (await client.untilNow()).filter(({ name, attrs }) => name === "presence" && attrs.from === from.full);
}

describe("XEP-0398 section 4: presence that is broadcast", () => {
  it("says the hash, in hexadecimal digits of lower case, beside all that the client says", async () => {
    const { juliet, romeo } = await scene();
    await set(juliet, vcard(FIRST));
    await romeo.sync();
    juliet.send("<presence><show>away</show><status>x</status><priority>3</priority></presence>");
    const presence = await romeo.until(`<presence from='${juliet.full}' to='${romeo.bare}'/>`);
    expect(hashIn(presence)).toBe(FIRST.id);
    expect(presence.children.map((child) => (child as Element).name)).toEqual(["show", "status", "priority", "x"]);
  });

  it("so does initial presence, what new subscribers and resources are shown, and the answer to a probe", async () => {
    const { server, juliet, romeo } = await scene();
    await set(juliet, vcard(FIRST));
    const chamber = await server.client("juliet", { resource: "chamber" });
    chamber.send("<presence/>");
    expect(hashIn(await romeo.until(`<presence from='${chamber.full}'/>`))).toBe(FIRST.id);
    expect(hashIn(await chamber.until(`<presence from='${juliet.full}'/>`))).toBe(FIRST.id);
    const nurse = await server.online("nurse");
    await nurse.sync();
    nurse.send(`<presence to='${juliet.bare}' type='subscribe'/>`);
    await juliet.until(`<presence type='subscribe' from='${nurse.bare}'/>`);
    juliet.send(`<presence to='${nurse.bare}' type='subscribed'/>`);
    expect(hashIn(await nurse.until(`<presence from='${juliet.full}'/>`))).toBe(FIRST.id);
    romeo.send(`<presence to='${juliet.bare}' type='probe'/>`);
    expect(hashIn(await romeo.until(`<presence from='${juliet.full}'/>`))).toBe(FIRST.id);
  });

  it.each<[string, string, string | null]>([
    ["an update without a photo is overwritten", NOTHING, FIRST.id],
    ["an empty photo is left alone: the client wants none told", NONE, ""],
    ["the same hash stays", said(FIRST.id), FIRST.id],
    ["another hash is overwritten", said(SECOND.id), FIRST.id],
    ["what is no hash is overwritten", said("&lt;script&gt;"), FIRST.id],
    ["several updates become one", said(SECOND.id) + NOTHING, FIRST.id],
  ])("%s", async (_what, content, expected) => {
    const { juliet, romeo } = await scene();
    await set(juliet, vcard(FIRST));
    await romeo.sync();
    juliet.send(`<presence><status>now</status>${content}</presence>`);
    expect(hashIn(await romeo.until("<presence><status>now</status></presence>"))).toBe(expected);
  });

  it("without a picture presence goes as the client sent it", async () => {
    const { juliet, romeo } = await scene();
    for (const [content, expected] of [
      ["", null],
      [NOTHING, null],
      [said(SECOND.id), SECOND.id],
    ] as const) {
      juliet.send(`<presence><status>now</status>${content}</presence>`);
      expect(hashIn(await romeo.until("<presence><status>now</status></presence>"))).toBe(expected);
    }
  });

  it("unavailable presence says nothing of it, and neither does what is no presence of the user's", async () => {
    const { juliet, romeo } = await scene();
    await set(juliet, vcard(FIRST));
    await romeo.sync();
    juliet.send("<presence type='unavailable'/>");
    expect(hashIn(await romeo.until(`<presence type='unavailable' from='${juliet.full}'/>`))).toBeNull();
    juliet.send("<presence to='nurse@example.com' type='subscribe'/>");
    await juliet.sync();
  });
});

describe("XEP-0398 section 4: directed presence", () => {
  it("has the hash, also of a resource that is not available, and not where the client says that there is none", async () => {
    const { server, juliet } = await scene();
    await set(juliet, vcard(FIRST));
    const stranger = await server.online("benvolio");
    juliet.send(`<presence to='${stranger.full}'/>`);
    expect(hashIn(await stranger.until(`<presence from='${juliet.full}'/>`))).toBe(FIRST.id);
    const hidden = await server.client("juliet", { resource: "hidden" });
    hidden.send(`<presence to='${stranger.full}'/>`);
    expect(hashIn(await stranger.until(`<presence from='${hidden.full}'/>`))).toBe(FIRST.id);
    hidden.send(`<presence to='${stranger.full}'><status>again</status>${NONE}</presence>`);
    expect(hashIn(await stranger.until("<presence><status>again</status></presence>"))).toBe("");
    hidden.send(`<presence to='${stranger.full}' type='unavailable'/>`);
    expect(hashIn(await stranger.until(`<presence from='${hidden.full}' type='unavailable'/>`))).toBeNull();
  });

  it("a room's occupants have it, too", async () => {
    const { juliet, romeo } = await scene();
    await set(juliet, vcard(FIRST));
    const room = "balcony@rooms.example.com";
    for (const [client, nick] of [
      [romeo, "r"],
      [juliet, "j"],
    ] as const) {
      client.send(`<presence to='${room}/${nick}'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
      await client.until(`<presence from='${room}/${nick}'/>`);
      if (client === romeo) {
        const form = "<x xmlns='jabber:x:data' type='submit'/>";
        await client.ask("set", `<query xmlns='http://jabber.org/protocol/muc#owner'>${form}</query>`, room);
      }
    }
    expect(hashIn(await romeo.until(`<presence from='${room}/j'/>`))).toBe(FIRST.id);
  });

  it("5.1: is not sent again when the avatar changes", async () => {
    const { server, juliet } = await scene();
    const stranger = await server.online("benvolio");
    juliet.send(`<presence to='${stranger.full}'/>`);
    await stranger.until(`<presence from='${juliet.full}'/>`);
    await set(juliet, vcard(FIRST));
    expect(await seen(stranger, juliet)).toEqual([]);
  });
});

describe("XEP-0153 section 4.1: when the avatar changes", () => {
  it("each available resource's presence is sent again with the new hash, to contacts and own resources", async () => {
    const { server, juliet, romeo } = await scene();
    const chamber = await server.online("juliet", { resource: "chamber" });
    juliet.send("<presence><show>dnd</show></presence>");
    for (const client of [juliet, chamber, romeo]) await client.sync();
    await romeo.sync();
    await publishAvatar(chamber, FIRST);
    for (const client of [juliet, romeo]) {
      const [first, ...more] = await seen(client, juliet);
      expect([first && hashIn(first), first?.getChildText("show"), more]).toEqual([FIRST.id, "dnd", []]);
    }
    await set(juliet, vcard(SECOND));
    for (const [client, other] of [
      [romeo, chamber],
      [chamber, juliet],
    ] as const) {
      expect((await seen(client, other)).map(hashIn)).toEqual([SECOND.id]);
    }
  });

  it("an avatar that is gone: an empty photo element, once; later presence says nothing", async () => {
    const { juliet, romeo } = await scene();
    await publishAvatar(juliet, FIRST);
    await romeo.sync();
    await set(juliet, publishing(METADATA, `<item><metadata xmlns='${METADATA}'/></item>`));
    expect((await seen(romeo, juliet)).map(hashIn)).toEqual([""]);
    romeo.send(`<presence to='${juliet.bare}' type='probe'/>`);
    expect(hashIn(await romeo.until(`<presence from='${juliet.full}'/>`))).toBeNull();
    await publishAvatar(juliet, SECOND);
    expect((await seen(romeo, juliet)).map(hashIn)).toEqual([SECOND.id]);
  });

  it("the resource that wants none told stays as it is", async () => {
    const { juliet, romeo } = await scene();
    juliet.send(`<presence>${NONE}</presence>`);
    await juliet.sync();
    await romeo.sync();
    await publishAvatar(juliet, FIRST);
    await set(juliet, vcard(undefined));
    expect(await seen(romeo, juliet)).toEqual([]);
  });

  it("a vCard whose picture is the same sends no presence", async () => {
    const { juliet, romeo } = await scene();
    await set(juliet, vcard(FIRST));
    await romeo.sync();
    await set(juliet, vcard(FIRST, "<FN>J.</FN>"));
    await publishAvatar(juliet, FIRST);
    expect(await seen(romeo, juliet)).toEqual([]);
  });

  it("nobody who is offline is made to seem available", async () => {
    const { server, juliet, romeo } = await scene();
    const quiet = await server.client("juliet", { resource: "quiet" });
    juliet.send("<presence type='unavailable'/>");
    await juliet.sync();
    await romeo.sync();
    await set(quiet, vcard(FIRST));
    expect((await romeo.untilNow()).filter(({ name }) => name === "presence")).toEqual([]);
    // What was learned while nobody was available is what the next presence says.
    juliet.send("<presence/>");
    expect(hashIn(await romeo.until(`<presence from='${juliet.full}'/>`))).toBe(FIRST.id);
  });
});
