// XEP-0115 1.6.0 and XEP-0390 0.3.2: what the server learns of clients, and clients of the server.

import { type Element, parse } from "ltx";
import { describe, expect, it } from "vitest";
import { capabilityHash, verificationString } from "../../server/presence/caps-hash.ts";
import type { ScriptedClient } from "../support/client.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { temporaryFolder } from "../support/folder.ts";
import {
  answerCaps,
  capsWith,
  idsIn,
  messagesUntilNow,
  presenceWith,
  publishing,
  TUNE,
  tune,
  wants,
} from "../support/pep.ts";
import { startServer } from "../support/server.ts";

const INFO = "http://jabber.org/protocol/disco#info";
const CAPS = "http://jabber.org/protocol/caps";
const ASKED = `<iq type='get'><query xmlns='${INFO}'/></iq>`;

async function publish(client: ScriptedClient, id: string): Promise<void> {
  expect((await client.ask("set", publishing(TUNE, `<item id='${id}'>${tune(id)}</item>`))).attrs.type).toBe("result");
}

/** Whether the next publication reaches a client of the account. */
async function isTold(publisher: ScriptedClient, client: ScriptedClient): Promise<boolean> {
  await publish(publisher, "news");
  if (publisher !== client) await publisher.sync();
  return (await messagesUntilNow(client)).some((message) => idsIn(message).includes("news"));
}

const requests = (elements: readonly Element[]): Element[] =>
  elements.filter(({ name, attrs }) => name === "iq" && attrs.type === "get");

describe("XEP-0115 sections 5.4 and 6.2: learning what a client is capable of", () => {
  it("6.2: it is asked by the node and the string of its presence", async () => {
    const server = await startServer();
    const juliet = await server.client("juliet");
    juliet.send(
      `<presence><c xmlns='${CAPS}' hash='sha-1' node='http://code.google.com/p/exodus' ver='QgayPKawpkPSDYmwT/WM94uAlu0='/></presence>`,
    );
    await juliet.until(
      `<iq type='get' id='{any}' from='example.com' to='${juliet.full}'><query xmlns='${INFO}' node='http://code.google.com/p/exodus#QgayPKawpkPSDYmwT/WM94uAlu0='/></iq>`,
    );
  });

  it("5.4, 8.2: a verified answer holds for everybody who announces the same, and is asked for once", async () => {
    const server = await startServer();
    const caps = capsWith(TUNE);
    const juliet = await server.online("juliet");
    juliet.send(presenceWith(caps));
    await answerCaps(juliet, caps);
    await messagesUntilNow(juliet);
    const chamber = await server.client("juliet");
    const romeo = await server.client("romeo");
    for (const client of [chamber, romeo]) {
      client.send(presenceWith(caps));
      expect(requests([...(await client.untilNow()), ...(await client.untilNow())])).toEqual([]);
    }
    expect(await isTold(juliet, chamber)).toBe(true);
  });

  it("the same presence again asks nothing", async () => {
    const server = await startServer();
    const caps = capsWith(TUNE);
    const juliet = await server.online("juliet");
    juliet.send(presenceWith(caps));
    await answerCaps(juliet, caps);
    for (let n = 0; n < 3; n += 1) juliet.send(presenceWith(caps));
    expect(requests([...(await juliet.untilNow()), ...(await juliet.untilNow())])).toEqual([]);
  });

  it("8.2: it is remembered over a restart", async () => {
    const storage = { path: await temporaryFolder() };
    const caps = capsWith(TUNE);
    const first = await startServer({ storage });
    const before = await first.online("juliet");
    before.send(presenceWith(caps));
    await answerCaps(before, caps);
    await messagesUntilNow(before);
    await first.stop();
    const second = await startServer({ storage });
    const juliet = await second.client("juliet", { password: "secret" });
    juliet.send(presenceWith(caps));
    expect(requests([...(await juliet.untilNow()), ...(await juliet.untilNow())])).toEqual([]);
    expect(await isTold(juliet, juliet)).toBe(true);
  });

  it("a session from before a restart is told as it was, before its client is back and after (XEP-0198 section 5)", async () => {
    const clock = new FakeClock();
    const settings = { storage: { path: await temporaryFolder() }, c2s: { requireTls: false } };
    const first = await startServer(settings, { clock });
    const phone = await first.client("juliet", { resource: "phone" });
    const previd = (await phone.enable()).attrs.id as string;
    await wants(phone, TUNE);
    phone.ack();
    await phone.sync();
    phone.cut();
    await phone.ended();
    await first.stop();

    const second = await startServer(settings, { clock });
    const desk = await second.client("juliet", { resource: "desk", password: "secret" });
    await publish(desk, "away");
    await desk.sync();
    const back = await second.authenticated("juliet", { password: "secret" });
    await back.resumeSession(previd, phone);
    await publish(desk, "back");
    await desk.sync();
    expect((await messagesUntilNow(back)).map(idsIn)).toEqual([["away"], ["back"]]);
  });

  it("5.4: an answer that does not fit its string counts for the client that gave it, and for nobody else", async () => {
    const server = await startServer();
    const caps = capsWith(TUNE);
    const poisoner = await server.client("romeo");
    poisoner.send(presenceWith(caps));
    // He says of Juliet's client that it wants nothing.
    await answerCaps(poisoner, { ...caps, info: capsWith().info });
    await messagesUntilNow(poisoner);
    const juliet = await server.online("juliet");
    juliet.send(presenceWith(caps));
    await answerCaps(juliet, caps);
    expect(await isTold(juliet, juliet)).toBe(true);
    expect(await isTold(poisoner, poisoner)).toBe(false);
    // And that another wants what it does not want.
    const quiet = capsWith();
    poisoner.send(presenceWith(quiet));
    await answerCaps(poisoner, { ...quiet, info: capsWith(TUNE).info });
    expect(await isTold(poisoner, poisoner)).toBe(true);
    juliet.send(presenceWith(quiet));
    await answerCaps(juliet, quiet);
    expect(await isTold(juliet, juliet)).toBe(false);
  });

  it("9: an answer that has the same string, but reads otherwise, is not taken for others", async () => {
    const server = await startServer();
    const honest = `<identity category='client' type='pc' name='x'/><feature var='a'/><feature var='${TUNE}+notify'/>`;
    const forged = `<identity category='client' type='pc' name='x&lt;a&lt;${TUNE}+notify'/>`;
    const ver = verificationString(parse(`<query xmlns='${INFO}'>${honest}</query>`) as Element, "sha-1") as string;
    const poisoner = await server.client("romeo");
    poisoner.send(presenceWith({ ver, info: honest }));
    await answerCaps(poisoner, { ver, info: forged });
    await messagesUntilNow(poisoner);
    const juliet = await server.online("juliet");
    juliet.send(presenceWith({ ver, info: honest }));
    await answerCaps(juliet, { ver, info: honest });
    expect(await isTold(juliet, juliet)).toBe(true);
  });

  it("5.4: an unknown algorithm counts for the client alone; the legacy format (section 4) for nothing", async () => {
    const server = await startServer();
    const juliet = await server.online("juliet");
    juliet.send(`<presence><c xmlns='${CAPS}' hash='whirlpool' node='https://client.example' ver='v'/></presence>`);
    await answerCaps(juliet, { ...capsWith(TUNE), ver: "v" });
    expect(await isTold(juliet, juliet)).toBe(true);
    juliet.send(`<presence><c xmlns='${CAPS}' node='https://client.example' ver='v'/></presence>`);
    expect(requests([...(await juliet.untilNow()), ...(await juliet.untilNow())])).toEqual([]);
    expect(await isTold(juliet, juliet)).toBe(false);
  });

  it("an error for an answer, and answers of others, count for nothing", async () => {
    const server = await startServer();
    const juliet = await server.online("juliet");
    const romeo = await server.online("romeo");
    const caps = capsWith(TUNE);
    juliet.send(presenceWith(caps));
    const asked = await juliet.until(ASKED);
    romeo.send(
      `<iq type='result' id='${asked.attrs.id}' to='example.com'><query xmlns='${INFO}'>${caps.info}</query></iq>`,
    );
    await romeo.sync();
    expect(await isTold(juliet, juliet)).toBe(false);
    juliet.send(
      `<iq type='error' id='${asked.attrs.id}' to='example.com'><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`,
    );
    expect(await isTold(juliet, juliet)).toBe(false);
  });

  it("XEP-0390 sections 4.3 and 4.4: by capability hashes", async () => {
    const server = await startServer();
    const juliet = await server.online("juliet");
    const { info } = capsWith(TUNE);
    const value = capabilityHash(parse(`<query xmlns='${INFO}'>${info}</query>`) as Element, "sha-256") as string;
    const presence = `<presence><c xmlns='urn:xmpp:caps'><hash xmlns='urn:xmpp:hashes:2' algo='sha-256'>${value}</hash></c></presence>`;
    juliet.send(presence);
    const asked = await juliet.until(
      `<iq type='get'><query xmlns='${INFO}' node='urn:xmpp:caps#sha-256.${value}'/></iq>`,
    );
    juliet.send(
      `<iq type='result' id='${asked.attrs.id}' to='example.com'><query xmlns='${INFO}'>${info}</query></iq>`,
    );
    expect(await isTold(juliet, juliet)).toBe(true);
    const chamber = await server.client("juliet");
    chamber.send(presence);
    expect(requests([...(await chamber.untilNow()), ...(await chamber.untilNow())])).toEqual([]);
  });

  it("so many hashes are remembered; the first ones are asked for again", async () => {
    const server = await startServer({ pubsub: { capabilities: 2 } });
    const juliet = await server.online("juliet");
    const all = [capsWith("a"), capsWith("b"), capsWith("c")];
    for (const caps of all) {
      juliet.send(presenceWith(caps));
      await answerCaps(juliet, caps);
      await messagesUntilNow(juliet);
    }
    const romeo = await server.client("romeo");
    romeo.send(presenceWith(all[2] as never));
    expect(requests([...(await romeo.untilNow()), ...(await romeo.untilNow())])).toEqual([]);
    romeo.send(presenceWith(all[0] as never));
    await romeo.until(ASKED);
  });

  it("a client may have so many interests", async () => {
    const server = await startServer();
    const juliet = await server.online("juliet");
    await wants(juliet, ...Array.from({ length: 300 }, (_, n) => `n${n}`), TUNE);
    expect(await isTold(juliet, juliet)).toBe(false);
  });
});

describe("XEP-0115 section 6.3: the stream feature", () => {
  it("the server announces the hash of what it answers, by XEP-0115 and XEP-0390", async () => {
    const server = await startServer();
    const client = await server.connect();
    await client.open();
    await client.startTls();
    await server.admin.addUser("juliet", "secret");
    const features = await client.authenticate("juliet", "secret");
    const { hash, node, ver } = features.getChild("c", CAPS)?.attrs ?? {};
    expect(hash).toBe("sha-1");
    const value = features.getChild("c", "urn:xmpp:caps")?.getChildText("hash");
    await client.bind();
    for (const name of ["", `node='${node}#${ver}'`, `node='urn:xmpp:caps#sha-256.${value}'`]) {
      const answer = await client.ask("get", `<query xmlns='${INFO}' ${name}/>`, "example.com");
      const query = answer.getChild("query", INFO) as Element;
      expect(verificationString(query, "sha-1")).toBe(ver);
      expect(capabilityHash(query, "sha-256")).toBe(value);
    }
  });
});
