// How the announced features of profiles are tried: avatars (XEP-0398), bookmarks (XEP-0402), displayed chats (XEP-0490).

import { randomBytes } from "node:crypto";
import { expect } from "vitest";
import { photoIn, picture, publishAvatar } from "./avatars.ts";
import type { ScriptedClient } from "./client.ts";
import { idsIn, items, publishing } from "./pep.ts";
import type { TestServer } from "./server.ts";

const LIST = "storage:bookmarks";

async function bookmarked(client: ScriptedClient): Promise<string> {
  const room = `room-${randomBytes(4).toString("hex")}@rooms.example.com`;
  const item = `<item id='${room}'><conference xmlns='urn:xmpp:bookmarks:1'/></item>`;
  expect((await client.ask("set", publishing("urn:xmpp:bookmarks:1", item))).attrs.type).toBe("result");
  return room;
}

/** Each on the client's own account. */
export const PROFILE_SCENES: Record<string, (server: TestServer, client: ScriptedClient) => Promise<void>> = {
  async "urn:xmpp:pep-vcard-conversion:0"(_server, client) {
    const one = picture(randomBytes(8).toString("hex"));
    expect(await publishAvatar(client, one)).toEqual(["result", "result"]);
    expect(await photoIn(client)).toEqual(["image/png", one.base64]);
  },
  async "urn:xmpp:bookmarks:1#compat"(_server, client) {
    const room = await bookmarked(client);
    const list = await client.ask("get", `<query xmlns='jabber:iq:private'><storage xmlns='${LIST}'/></query>`);
    expect(list.toString()).toContain(room);
  },
  async "urn:xmpp:bookmarks:1#compat-pep"(_server, client) {
    const room = await bookmarked(client);
    expect((await client.ask("get", items(LIST))).toString()).toContain(room);
  },
  async "urn:xmpp:mds:server-assist:0"(_server, client) {
    const stanzaId = "<stanza-id xmlns='urn:xmpp:sid:0' by='x' id='1'/>";
    const displayed = `<displayed xmlns='urn:xmpp:mds:displayed:0'>${stanzaId}</displayed>`;
    client.send(`<message to='chat@example.com'><body>seen</body>${displayed}</message>`);
    await client.sync();
    expect(idsIn(await client.ask("get", items("urn:xmpp:mds:displayed:0")))).toContain("chat@example.com");
  },
};
