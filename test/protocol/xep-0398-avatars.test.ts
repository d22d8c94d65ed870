// XEP-0398 1.0.0: User Avatar to vCard-Based Avatars Conversion, between XEP-0084 1.1.4 and XEP-0054.

import type { Element } from "ltx";
import { describe, expect, it } from "vitest";
import { createMemoryStore } from "../../storage/memory.ts";
import {
  DATA,
  data,
  idsInMetadata,
  info,
  METADATA,
  metadata,
  OPEN,
  photoIn,
  picture,
  publishAvatar,
  vcard,
} from "../support/avatars.ts";
import type { ScriptedClient } from "../support/client.ts";
import { configuring, idsIn, items, messagesUntilNow, OWNER, PUBSUB, publishing, wants } from "../support/pep.ts";
import { befriend, startServer, type TestServer } from "../support/server.ts";

const FIRST = picture("first");
const SECOND = picture("second");
const INFO = "http://jabber.org/protocol/disco#info";

async function juliet(): Promise<{ server: TestServer; juliet: ScriptedClient }> {
  const server = await startServer();
  return { server, juliet: await server.online("juliet", { resource: "balcony" }) };
}

async function done(client: ScriptedClient, type: "get" | "set", payload: string): Promise<Element> {
  const answer = await client.ask(type, payload);
  expect(answer.attrs.type, answer.toString()).toBe("result");
  return answer;
}

const owning = (content: string): string => `<pubsub xmlns='${OWNER}'>${content}</pubsub>`;
const asking = (content: string): string => `<pubsub xmlns='${PUBSUB}'>${content}</pubsub>`;

describe("XEP-0398 section 2: discovery", () => {
  it("the feature is the account's, and not the server's", async () => {
    const { juliet: client } = await juliet();
    const features = async (to: string) => (await client.ask("get", `<query xmlns='${INFO}'/>`, to)).toString();
    expect(await features(client.bare)).toContain('var="urn:xmpp:pep-vcard-conversion:0"');
    expect(await features("example.com")).not.toContain("pep-vcard-conversion");
  });
});

describe("XEP-0398 section 3.1: from PEP to vCard", () => {
  it("metadata that is published brings the picture into the vCard, and nothing else of it changes", async () => {
    const { server, juliet: client } = await juliet();
    await done(client, "set", vcard(undefined, "<FN>Juliet</FN><NICKNAME>J</NICKNAME>"));
    expect(await publishAvatar(client, FIRST)).toEqual(["result", "result"]);
    const stranger = await server.online("benvolio");
    const card = await stranger.ask("get", "<vCard xmlns='vcard-temp'/>", client.bare);
    expect(card.getChild("vCard")?.toString()).toBe(
      `<vCard xmlns="vcard-temp"><FN>Juliet</FN><NICKNAME>J</NICKNAME><PHOTO><TYPE>image/png</TYPE><BINVAL>${FIRST.base64}</BINVAL></PHOTO></vCard>`,
    );
    await publishAvatar(client, SECOND);
    expect(await photoIn(stranger, client.bare)).toEqual(["image/png", SECOND.base64]);
  });

  it("data alone changes nothing: it is the metadata that says what the avatar is", async () => {
    const { juliet: client } = await juliet();
    await done(client, "set", publishing(DATA, data(FIRST, FIRST.id), OPEN));
    expect(await photoIn(client)).toBeUndefined();
  });

  it("of several info elements the one that points nowhere else is taken", async () => {
    const { juliet: client } = await juliet();
    await done(client, "set", publishing(DATA, data(FIRST, FIRST.id), OPEN));
    const elsewhere = info(SECOND, "type='image/gif' url='http://avatars.example.org/happy.gif'");
    await done(client, "set", publishing(METADATA, metadata(elsewhere + info(FIRST, "type='image/jpeg'")), OPEN));
    expect(await photoIn(client)).toEqual(["image/jpeg", FIRST.base64]);
  });

  it("one that is only elsewhere leaves the vCard as it is", async () => {
    const { juliet: client } = await juliet();
    await publishAvatar(client, FIRST);
    const elsewhere = info(SECOND, "type='image/gif' url='http://avatars.example.org/happy.gif'");
    await done(client, "set", publishing(METADATA, metadata(elsewhere), OPEN));
    expect(await photoIn(client)).toEqual(["image/png", FIRST.base64]);
  });

  it.each<[string, string]>([
    ["what is not of that hash", data(SECOND, FIRST.id)],
    ["what is no base64", data({ base64: "!!<script/>??" }, FIRST.id)],
    ["what is empty", data({ base64: "" }, FIRST.id)],
    ["another element", `<item id='${FIRST.id}'><data xmlns='urn:other'>${FIRST.base64}</data></item>`],
    ["nothing at all of that id", data(SECOND, SECOND.id)],
  ])("SHA-1 is verified: where the data are %s, nothing is converted", async (_what, item) => {
    const { juliet: client } = await juliet();
    await done(client, "set", publishing(DATA, item, OPEN));
    await done(client, "set", publishing(METADATA, metadata(info(FIRST), FIRST.id), OPEN));
    expect(await photoIn(client)).toBeUndefined();
  });

  it("what is no picture by its own word, and by no other sign, is not put in", async () => {
    const { juliet: client } = await juliet();
    const bytes = Buffer.from("<script>alert(1)</script>");
    const page = { ...picture(""), bytes, base64: bytes.toString("base64"), id: "0e2ab6ae1a1ff4d9b4b6a1e9a0f1c4b3" };
    await done(client, "set", publishing(DATA, data(page, page.id), OPEN));
    await done(client, "set", publishing(METADATA, metadata(info(page, "type='text/html'")), OPEN));
    expect(await photoIn(client)).toBeUndefined();
  });

  it.each<[string, string]>([
    ["empty metadata (XEP-0084 section 3.5)", publishing(METADATA, metadata(""))],
    ["its retraction", asking(`<retract node='${METADATA}'><item id='${FIRST.id}'/></retract>`)],
    ["the end of the node", owning(`<delete node='${METADATA}'/>`)],
    ["its purging", owning(`<purge node='${METADATA}'/>`)],
  ])("%s takes the picture out", async (_what, payload) => {
    const { juliet: client } = await juliet();
    await done(client, "set", vcard(undefined));
    await publishAvatar(client, FIRST);
    await done(client, "set", payload);
    expect(await photoIn(client)).toBeUndefined();
    expect((await client.ask("get", "<vCard xmlns='vcard-temp'/>")).toString()).toContain("<FN>Juliet</FN>");
  });
});

describe("XEP-0398 section 7: who may see the avatar", () => {
  it("an avatar for contacts alone does not come into the vCard, which anyone may read, and leaves what is there", async () => {
    const { juliet: client } = await juliet();
    expect(await publishAvatar(client, FIRST, { access_model: "presence" })).toEqual(["result", "result"]);
    expect(await photoIn(client)).toBeUndefined();
    await done(client, "set", vcard(SECOND));
    await publishAvatar(client, FIRST, { access_model: "presence" });
    expect(await photoIn(client)).toEqual(["image/png", SECOND.base64]);
    await done(client, "set", publishing(METADATA, metadata("")));
    expect(await photoIn(client)).toEqual(["image/png", SECOND.base64]);
  });

  it("a node that is opened shows the avatar, one that is closed hides it again", async () => {
    const { juliet: client } = await juliet();
    await publishAvatar(client, FIRST, { access_model: "presence" });
    await done(client, "set", configuring(DATA, { access_model: "open" }));
    expect(await photoIn(client)).toEqual(["image/png", FIRST.base64]);
    await done(client, "set", configuring(DATA, { access_model: "presence" }));
    expect(await photoIn(client)).toBeUndefined();
  });
});

describe("XEP-0398 section 3.2: from vCard to PEP", () => {
  it("data first, with the SHA-1 hash as id, then metadata with the vCard's type; subscribers are told", async () => {
    const { server, juliet: client } = await juliet();
    const romeo = await server.online("romeo");
    await befriend(client, romeo);
    await wants(romeo, METADATA, DATA);
    await done(client, "set", vcard(FIRST, "", "image/jpeg"));
    const told = (await messagesUntilNow(romeo)).map((message) => {
      const list = message.getChild("event")?.getChild("items");
      return [list?.attrs.node, list?.getChild("item")?.attrs.id];
    });
    expect(told).toEqual([
      [DATA, FIRST.id],
      [METADATA, FIRST.id],
    ]);
    const stranger = await server.online("benvolio");
    const stored = await stranger.ask("get", items(DATA, `<item id='${FIRST.id}'/>`), client.bare);
    expect(stored.toString()).toContain(`<data xmlns="${DATA}">${FIRST.base64}</data>`);
    const said = await stranger.ask("get", items(METADATA), client.bare);
    const element = said
      .getChild("pubsub")
      ?.getChild("items")
      ?.getChild("item")
      ?.getChild("metadata")
      ?.getChild("info");
    // XEP-0084 section 4.2.1: bytes, id and type are required; height and width are recommended.
    expect(element?.attrs).toEqual({
      bytes: String(FIRST.bytes.length),
      id: FIRST.id,
      type: "image/jpeg",
      width: "64",
      height: "48",
    });
  });

  it("white space in the base64 text does not count (XEP-0153 section 4.6)", async () => {
    const { juliet: client } = await juliet();
    await done(client, "set", vcard({ base64: `\n ${FIRST.base64.slice(0, 20)}\n  ${FIRST.base64.slice(20)}\n` }));
    expect(await idsInMetadata(client)).toEqual([FIRST.id]);
  });

  it("another picture takes the place of the first, and none disables the avatar", async () => {
    const { juliet: client } = await juliet();
    await done(client, "set", vcard(FIRST));
    await done(client, "set", vcard(SECOND));
    expect(await idsInMetadata(client)).toEqual([SECOND.id]);
    expect(idsIn(await done(client, "get", items(DATA)))).toEqual([SECOND.id]);
    await done(client, "set", vcard(undefined));
    expect(await idsInMetadata(client)).toEqual([]);
  });

  it.each<[string, string]>([
    ["is no base64", vcard({ base64: "@@@@" })],
    ["is empty", vcard({ base64: "" })],
    ["is only linked to", vcard(undefined, "<PHOTO><EXTVAL>http://example.com/x.png</EXTVAL></PHOTO>")],
    ["is no picture", vcard({ base64: Buffer.from("<script/>").toString("base64") }, "", "text/html")],
  ])("a photo that %s is not published", async (_what, payload) => {
    const { juliet: client } = await juliet();
    await done(client, "set", payload);
    expect(await idsInMetadata(client)).toBeUndefined();
  });

  it("a vCard without a picture leaves an avatar alone that was never in it", async () => {
    const { juliet: client } = await juliet();
    await publishAvatar(client, FIRST, { access_model: "presence" });
    await done(client, "set", vcard(undefined));
    expect(await idsInMetadata(client)).toEqual([FIRST.id]);
  });
});

describe("XEP-0398: both ways together", () => {
  it("neither follows the other for ever: one publication each, and a client that does both by itself causes no more", async () => {
    const { server, juliet: client } = await juliet();
    const chamber = await server.online("juliet", { resource: "chamber" });
    await wants(chamber, METADATA);
    await publishAvatar(client, FIRST);
    await done(client, "set", vcard(FIRST));
    expect((await messagesUntilNow(chamber)).map(idsIn)).toEqual([[FIRST.id]]);
    await done(client, "set", vcard(SECOND));
    await publishAvatar(client, SECOND);
    // The second time is the client's own publication of the same.
    expect((await messagesUntilNow(chamber)).map(idsIn)).toEqual([[SECOND.id], [SECOND.id]]);
    expect(await photoIn(client)).toEqual(["image/png", SECOND.base64]);
    expect(await idsInMetadata(client)).toEqual([SECOND.id]);
  });

  it("both at once end with one avatar", async () => {
    const { server, juliet: client } = await juliet();
    const chamber = await server.online("juliet", { resource: "chamber" });
    const repeatedly = async (change: (index: number) => Promise<unknown>): Promise<void> => {
      for (let index = 0; index < 6; index += 1) await change(index);
    };
    await Promise.all([
      repeatedly((index) => client.ask("set", vcard(picture(`vCard ${index}`)))),
      repeatedly((index) => publishAvatar(chamber, picture(`nodes ${index}`))),
    ]);
    // What counts is the last change; a last one shows that nothing is stuck.
    await publishAvatar(chamber, FIRST);
    expect(await photoIn(client)).toEqual(["image/png", FIRST.base64]);
    expect(await idsInMetadata(client)).toEqual([FIRST.id]);
  });

  it("what a crash left half done is made good by the same request again", async () => {
    const store = createMemoryStore();
    const server = await startServer({}, { store });
    const client = await server.online("juliet");
    // The vCard is written, the nodes are not.
    await store.profiles.updateVcard(client.bare, () => vcard(FIRST));
    await done(client, "set", vcard(FIRST));
    expect(await idsInMetadata(client)).toEqual([FIRST.id]);
    // The nodes are written, the vCard is not.
    await publishAvatar(client, SECOND);
    await store.profiles.updateVcard(client.bare, () => vcard(FIRST));
    await publishAvatar(client, SECOND);
    expect(await photoIn(client)).toEqual(["image/png", SECOND.base64]);
  });

  it("what others send changes nothing", async () => {
    const { server, juliet: client } = await juliet();
    await publishAvatar(client, FIRST);
    const mallory = await server.online("mallory");
    for (const payload of [publishing(DATA, data(SECOND, SECOND.id)), publishing(METADATA, metadata(info(SECOND)))]) {
      expect((await mallory.ask("set", payload, client.bare)).attrs.type).toBe("error");
    }
    expect((await mallory.ask("set", vcard(SECOND), client.bare)).attrs.type).toBe("error");
    expect(await photoIn(mallory, client.bare)).toEqual(["image/png", FIRST.base64]);
  });

  it("a picture that is too large for the vCard takes the old one away: no other avatar is shown than the one", async () => {
    const server = await startServer({ limits: { vcardBytes: 2_000 } });
    const client = await server.online("juliet");
    await publishAvatar(client, FIRST);
    expect(await publishAvatar(client, picture("x".repeat(3_000)))).toEqual(["result", "result"]);
    expect(await photoIn(client)).toBeUndefined();
  });

  it("a picture that is too large for an item stays in the vCard alone", async () => {
    const server = await startServer({ pubsub: { itemBytes: 1_000 } });
    const client = await server.online("juliet");
    const giant = picture("x".repeat(3_000));
    await done(client, "set", vcard(giant));
    expect(await photoIn(client)).toEqual(["image/png", giant.base64]);
    expect(await idsInMetadata(client)).toBeUndefined();
    await done(client, "set", vcard(giant, "<FN>J.</FN>"));
    expect(await photoIn(client)).toEqual(["image/png", giant.base64]);
  });
});
