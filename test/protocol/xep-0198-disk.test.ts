// XEP-0198 1.6.3 on a disk that refuses: whoever was refused is told and nobody has the stanza, what was accepted is not
// lost, and what is in memory and what is on disk are the same again when the disk takes writes.

import { describe, expect, it } from "vitest";
import { createMemoryStore } from "../../storage/memory.ts";
import type { ScriptedClient } from "../support/client.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { temporaryFolder } from "../support/folder.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { full, type UnreliableStore, unreliableStore } from "../support/unreliable-store.ts";

type Options = { readonly config?: Parameters<typeof startServer>[0]; readonly store?: UnreliableStore };

/** A server that can be started again on the same store. */
async function place({ config = {}, store = unreliableStore(createMemoryStore()) }: Options = {}) {
  const clock = new FakeClock(Date.parse("2026-01-01T00:00:00Z"));
  const path = await temporaryFolder(); // of the key of the passwords only
  const start = (): Promise<TestServer> =>
    startServer(
      { ...config, storage: { path }, c2s: { requireTls: false }, limits: { idleTimeoutSeconds: 0, ...config.limits } },
      { clock, store: store.store },
    );
  return { clock, store, start };
}

function chat(to: string, body: string): string {
  return `<message to='${to}' type='chat' id='${body}'><body>${body}</body></message>`;
}

type Seen = readonly { name: string; attrs: Record<string, unknown> }[];

function ids(elements: Seen): unknown[] {
  return elements.filter(({ name }) => name === "message").map(({ attrs }) => attrs.id);
}

/** Ids of the messages with a body. */
function bodies(
  elements: readonly { name: string; attrs: Record<string, unknown>; getChild(name: string): unknown }[],
) {
  return ids(elements.filter((element) => element.getChild("body") !== undefined));
}

async function managed(server: TestServer, user: string, resource?: string, presence = "<presence/>") {
  const client = await server.client(user, resource === undefined ? {} : { resource });
  const previd = (await client.enable()).attrs.id as string;
  client.send(presence);
  await client.sync();
  client.ack();
  await client.askForAck();
  return { client, previd };
}

async function resumed(server: TestServer, user: string, previd: string, lost: ScriptedClient) {
  const client = await server.authenticated(user);
  const answer = await client.resumeSession(previd, lost);
  return { client, h: Number(answer.attrs.h) };
}

async function lose(client: ScriptedClient): Promise<void> {
  client.cut();
  await client.ended();
}

async function storedFor(server: TestServer, user: string): Promise<unknown[]> {
  const client = await server.client(user);
  client.send("<presence/>");
  const seen = await client.untilNow();
  return bodies(seen);
}

describe("nothing that was refused is delivered", () => {
  it("a message to a session that is away: also not after the disk has room again and the server was restarted", async () => {
    const { store, start } = await place();
    const first = await start();
    const { client: romeo, previd } = await managed(first, "romeo");
    const juliet = await first.client("juliet");
    juliet.send(chat("romeo@example.com", "before"));
    await juliet.sync();
    await lose(romeo);
    store.refuse();
    juliet.send(chat("romeo@example.com", "refused"));
    await juliet.expect(
      "<message type='error' id='refused'><error><resource-constraint xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>",
    );
    store.recover();
    juliet.send(chat("romeo@example.com", "after"));
    await juliet.sync();
    await first.stop();
    const second = await start();
    const { client: back } = await resumed(second, "romeo", previd, romeo);
    expect(["before", ...bodies(await back.untilNow()).filter((id) => id !== "before")]).toEqual(["before", "after"]);
  });

  it("one whose archive refused it alone is not left on disk for the session", async () => {
    const { store, start } = await place();
    const first = await start();
    const { client: romeo, previd } = await managed(first, "romeo");
    const juliet = await first.client("juliet");
    await lose(romeo);
    store.refuse("archive.add");
    juliet.send(chat("romeo@example.com", "refused"));
    await juliet.expect("<message type='error' id='refused'/>");
    store.recover();
    await first.stop();
    const second = await start();
    const { client: back } = await resumed(second, "romeo", previd, romeo);
    expect(bodies(await back.untilNow())).toEqual([]);
  });

  it("a place that was kept for a refused message is not taken for a message when the session ends", async () => {
    const { clock, store, start } = await place();
    const server = await start();
    const { client: phone } = await managed(server, "romeo", "phone");
    await lose(phone);
    const juliet = await server.client("juliet");
    store.refuse();
    juliet.send(chat("romeo@example.com/phone", "refused"));
    await juliet.expect("<message type='error' id='refused'/>");
    store.recover();
    const desk = await server.online("romeo", { resource: "desk" });
    clock.advance(601_000);
    expect((await desk.untilNow()).filter(({ name }) => name === "message")).toEqual([]);
  });

  it("the client's count and the server's are the same behind a refused message", async () => {
    const { store, start } = await place();
    const server = await start();
    const { client: romeo, previd } = await managed(server, "romeo");
    const juliet = await server.client("juliet");
    store.refuse();
    juliet.send(chat("romeo@example.com", "refused"));
    await juliet.expect("<message type='error' id='refused'/>");
    store.recover();
    juliet.send(chat("romeo@example.com", "after"));
    await romeo.until("<message id='after'/>");
    romeo.ack();
    await romeo.sync();
    await lose(romeo);
    juliet.send(chat("romeo@example.com", "away"));
    await juliet.sync();
    const { client: back } = await resumed(server, "romeo", previd, romeo);
    expect(bodies(await back.untilNow())).toEqual(["away"]);
    back.ack();
    await back.sync();
  });
});

describe("nothing that was accepted is lost", () => {
  it("the time of a session is over while the disk refuses: its messages come when it has room again", async () => {
    const { clock, store, start } = await place();
    const server = await start();
    const { client: romeo } = await managed(server, "romeo");
    const juliet = await server.client("juliet");
    await lose(romeo);
    for (const id of ["one", "two"]) juliet.send(chat("romeo@example.com", id));
    await juliet.sync();
    store.refuse();
    clock.advance(601_000);
    await juliet.sync();
    store.recover();
    clock.advance(60_000);
    await juliet.sync();
    expect(await storedFor(server, "romeo")).toEqual(["one", "two"]);
  });

  it("the same, and the server is restarted before", async () => {
    const { clock, store, start } = await place();
    const first = await start();
    const { client: romeo } = await managed(first, "romeo");
    const juliet = await first.client("juliet");
    await lose(romeo);
    for (const id of ["one", "two"]) juliet.send(chat("romeo@example.com", id));
    await juliet.sync();
    store.refuse();
    clock.advance(601_000);
    await juliet.sync();
    await first.stop();
    store.recover();
    const second = await start();
    clock.advance(1);
    const nurse = await second.client("nurse");
    await nurse.sync();
    expect(await storedFor(second, "romeo")).toEqual(["one", "two"]);
  });

  it("another device that was to have them instead still gets everything that comes later", async () => {
    const { clock, store, start } = await place();
    const server = await start();
    const { client: phone } = await managed(server, "romeo", "phone", "<presence><priority>-1</priority></presence>");
    const { client: desk } = await managed(server, "romeo", "desk");
    const juliet = await server.client("juliet");
    await lose(phone);
    juliet.send(chat("romeo@example.com/phone", "for the phone"));
    await juliet.sync();
    store.refuse();
    clock.advance(601_000);
    await juliet.sync();
    store.recover();
    juliet.send(chat("romeo@example.com", "later"));
    await desk.until("<message id='later'/>");
    desk.ack();
    await desk.sync();
    clock.advance(10_000);
    await desk.until("<message id='for the phone'/>");
  });

  it("offline messages that could not be moved to the session stay, and come with the next presence", async () => {
    const { store, start } = await place();
    const server = await start();
    await (await server.client("romeo")).close();
    const juliet = await server.client("juliet");
    for (const id of ["one", "two", "three"]) juliet.send(chat("romeo@example.com", id));
    await juliet.sync();
    const romeo = await server.client("romeo");
    await romeo.enable();
    store.refuse();
    romeo.send("<presence/>");
    await romeo.until("<presence type='error'/>");
    store.recover();
    romeo.send("<presence/>");
    expect(bodies(await romeo.untilNow())).toEqual(["one", "two", "three"]);
    romeo.ack();
    await romeo.sync();
  });

  it("a session that was enabled while the disk refused is on it as soon as it takes writes", async () => {
    const { store, start } = await place();
    const first = await start();
    const romeo = await first.client("romeo");
    store.refuse();
    const previd = (await romeo.enable()).attrs.id as string;
    romeo.send("<presence/>");
    await romeo.sync();
    store.recover();
    const juliet = await first.client("juliet");
    juliet.send(chat("romeo@example.com", "hello"));
    await romeo.until("<message id='hello'/>");
    expect(await romeo.askForAck()).toBe(2);
    const lost = romeo;
    await lose(romeo);
    lost.handled -= 1; // it never got the last
    await first.stop();
    const second = await start();
    const { client: back, h } = await resumed(second, "romeo", previd, lost);
    expect(h).toBe(2);
    expect(bodies(await back.untilNow())).toEqual(["hello"]);
  });

  it("another program holds the database's lock for too long: the session's changes are told again", async () => {
    const { store, start } = await place();
    const first = await start();
    const desk = await first.client("romeo");
    const { client: romeo, previd } = await managed(first, "romeo");
    await romeo.ask("get", "<query xmlns='jabber:iq:roster'/>");
    const busy = Object.assign(new Error("database is locked"), { code: "SQLITE_BUSY" });
    store.refuseIf((operation) => (operation === "sessions.apply" ? busy : undefined));
    romeo.send("<presence/>");
    await romeo.sync();
    await lose(romeo);
    await desk.ask("set", "<query xmlns='jabber:iq:roster'><item jid='paris@example.com'/></query>");
    store.recover();
    await desk.sync();
    await first.stop();
    const second = await start();
    const { client: back } = await resumed(second, "romeo", previd, romeo);
    await back.until("<iq type='set'><query xmlns='jabber:iq:roster'><item jid='paris@example.com'/></query></iq>");
  });

  it("an <a/> that the disk refused to note is made good for: nothing comes twice after a restart", async () => {
    const { store, start } = await place();
    const first = await start();
    const { client: romeo, previd } = await managed(first, "romeo");
    const juliet = await first.client("juliet");
    for (const id of ["one", "two"]) juliet.send(chat("romeo@example.com", id));
    await romeo.until("<message id='two'/>");
    store.refuse();
    romeo.ack();
    await romeo.sync();
    store.recover();
    await lose(romeo);
    juliet.send(chat("romeo@example.com", "three"));
    await juliet.sync();
    await first.stop();
    const saved = await store.store.sessions.loadAll();
    expect(saved.flatMap(({ unacked }) => unacked.filter(({ xml }) => xml.includes("<body>")).length)).toEqual([1]);
    const second = await start();
    const { client: back } = await resumed(second, "romeo", previd, romeo);
    expect(bodies(await back.untilNow())).toEqual(["three"]);
  });

  it("is not asked to keep ever more while it refuses", async () => {
    const { store, start } = await place();
    const server = await start();
    const { client: romeo } = await managed(server, "romeo");
    const sizes: number[] = [];
    store.refuseIf((operation, [changes]) => {
      if (operation !== "sessions.apply") return undefined;
      sizes.push((changes as unknown[]).length);
      return full();
    });
    for (let n = 0; n < 200; n++) {
      romeo.send(`<presence><status>${n}</status></presence>`);
      await romeo.sync();
      romeo.ack();
    }
    await romeo.sync();
    expect(Math.max(...sizes)).toBeLessThan(50);
    store.recover();
  });
});

describe("a server that stops while the disk refuses", () => {
  it("stops, and leaves the sessions as they were on disk", async () => {
    const { store, start } = await place();
    const first = await start();
    const { client: romeo, previd } = await managed(first, "romeo");
    store.refuse();
    await first.stop();
    store.recover();
    const second = await start();
    await resumed(second, "romeo", previd, romeo);
  });
});
