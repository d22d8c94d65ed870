// Kills and restarts of a test server: honest ones. What was acknowledged is there, what was not committed is gone.

import { connect } from "node:net";
import { describe, expect, it } from "vitest";
import { createTestServer, type ScriptedClient, type TestServer, VirtualClock } from "../../server/testing/index.ts";
import { createMemoryStore } from "../../storage/memory.ts";
import { temporaryFolder } from "../support/folder.ts";
import { cleanUp } from "../support/server.ts";

async function onDisk(config = {}, parts = {}): Promise<TestServer> {
  const server = await createTestServer(config, { onDisk: true, ...parts });
  cleanUp(() => server.stop());
  return server;
}

const FOREIGN = { gateway: { domains: { "example.net": {} } } };

const chat = (to: string, id: string): string =>
  `<message to='${to}' id='${id}' type='chat'><body>${id}</body></message>`;

async function messages(client: ScriptedClient): Promise<unknown[]> {
  return (await client.untilNow()).flatMap(({ name, attrs }) => (name === "message" ? [attrs.id] : []));
}

async function contacts(server: TestServer): Promise<string[]> {
  const romeo = await server.client("romeo");
  const roster = await romeo.ask("get", "<query xmlns='jabber:iq:roster'/>");
  return [...roster.toString().matchAll(/<item [^>]*jid=['"]([^'"]+)/g)].map(([, jid = ""]) => jid);
}

/** Whether a promise is without an answer. */
async function isPending(promise: Promise<unknown>): Promise<boolean> {
  let pending = true;
  void promise.then(
    () => (pending = false),
    () => (pending = false),
  );
  await new Promise((resolve) => setImmediate(resolve));
  return pending;
}

describe("kill", () => {
  it("what was acknowledged is there afterwards; connections end without a word", async () => {
    const server = await onDisk();
    const [romeo, juliet] = [await server.client("romeo"), await server.client("juliet")];
    const before = await romeo.ask("set", "<query xmlns='jabber:iq:roster'><item jid='nurse@example.com'/></query>");
    expect(before.attrs.type).toBe("result");
    juliet.send(chat("nurse@example.com", "m1"));
    await server.addUser("nurse");
    juliet.send(chat("nurse@example.com", "m2"));
    await juliet.sync();
    const { c2s } = server.addresses;
    await server.kill();
    await Promise.all([romeo.ended(), juliet.ended()]);
    expect([...romeo.left(), ...juliet.left()].filter(({ name }) => name === "error")).toEqual([]);
    await server.start();
    expect(server.addresses.c2s).toBe(c2s);
    expect(await contacts(server)).toEqual(["nurse@example.com"]);
    const nurse = await server.client("nurse");
    nurse.send("<presence/>");
    expect(await messages(nurse)).toEqual(["m2"]);
  });

  it("a promise that is pending is never answered, and what it had not committed is gone", async () => {
    const server = await onDisk(FOREIGN);
    await server.addUser("romeo");
    const added = server.admin.addToken("domain:example.net");
    await server.kill(); // what was left of the server has come to its end: an answer would be there by now
    expect(await isPending(added)).toBe(true);
    await server.start();
    expect(await server.admin.listTokens()).toEqual([]);
    expect(await server.admin.listUsers({ limit: 10 })).toEqual(["romeo@example.com"]);
  });

  it("the same without a kill: it is answered, and there after a restart", async () => {
    const server = await onDisk(FOREIGN);
    const added = server.admin.addToken("domain:example.net");
    await added;
    await server.restart();
    expect((await server.admin.listTokens()).length).toBe(1);
  });

  it("its timers are gone, it tells and logs nothing more", async () => {
    const clock = new VirtualClock();
    const told: unknown[] = [];
    const note = (_: unknown, event: string): void => void told.push(event);
    const logger = { debug: note, info: note, warn: note, error: note };
    const server = await onDisk({}, { clock, logger });
    server.on("sessionEnd", ({ jid }) => told.push(jid.toString()));
    const romeo = await server.client("romeo");
    await romeo.enable();
    expect(clock.timers).toBeGreaterThan(0);
    told.length = 0;
    const killed = server.kill();
    expect(clock.timers).toBe(0);
    await killed;
    expect(told).toEqual([]);
    expect(clock.timers).toBe(0);
  });

  it("cuts HTTP connections and those that have said nothing, too", async () => {
    const server = await onDisk();
    const ports = [server.addresses.c2s, server.addresses.directTls, server.addresses.http] as number[];
    const sockets = await Promise.all(
      ports.map(
        (port) =>
          new Promise<{ ended: Promise<string> }>((resolve) => {
            let text = "";
            const socket = connect({ port, host: "127.0.0.1" }, () => resolve({ ended }));
            const ended = new Promise<string>((done) => {
              socket.on("data", (chunk) => (text += chunk.toString()));
              socket.on("error", () => {});
              socket.on("close", () => done(text));
              socket.on("end", () => socket.end());
            });
          }),
      ),
    );
    await server.kill();
    expect(await Promise.all(sockets.map(({ ended }) => ended))).toEqual(["", "", ""]);
  });

  it("cuts a response in the middle, which a stop would end as it should end", async () => {
    for (const [end, clean] of [
      ["stop", true],
      ["kill", false],
    ] as const) {
      const server = await onDisk(FOREIGN);
      await server.admin.addPresentity("romeo@example.net", {});
      const { token } = await server.admin.addToken("domain:example.net");
      const events = await fetch(
        `http://127.0.0.1:${server.addresses.http}/cpim/v1/presentities/romeo@example.net/events`,
        { headers: { authorization: `Bearer ${token}`, accept: "text/event-stream" } },
      );
      const whole = events.text().then(
        () => true,
        () => false,
      );
      await server[end]();
      expect(await whole).toBe(clean);
    }
  });

  it("again and again, on one folder: a session is resumed each time, and nothing is lost or comes twice", async () => {
    const server = await onDisk({ storage: { path: await temporaryFolder() } }, { onDisk: false });
    let juliet = await server.client("juliet");
    const previd = (await juliet.enable()).attrs.id as string;
    await server.addUser("romeo");
    const sent = Array.from({ length: 30 }, (_, n) => chat("romeo@example.com", `m${n}`));
    let counted = 0;
    for (let round = 0; round < 6; round++) {
      for (const text of sent.slice(counted, round * 5 + 5)) juliet.send(text);
      if (round % 2 === 0) await juliet.askForAck();
      await server.kill();
      await server.start();
      const lost = juliet;
      juliet = await server.authenticated("juliet");
      counted = Number((await juliet.resumeSession(previd, lost)).attrs.h);
      expect(counted).toBeGreaterThanOrEqual(round % 2 === 0 ? round * 5 + 5 : counted);
    }
    for (const text of sent.slice(counted)) juliet.send(text);
    await juliet.askForAck();
    const romeo = await server.client("romeo");
    romeo.send("<presence/>");
    expect(await messages(romeo)).toEqual(sent.map((_, n) => `m${n}`));
  });

  it("needs something on disk", async () => {
    const inMemory = await createTestServer();
    cleanUp(() => inMemory.stop());
    expect(() => inMemory.kill()).toThrow("onDisk");
    await expect(inMemory.restart()).rejects.toThrow("onDisk");
    await expect(inMemory.killAt({ match: "<presence/>" })).rejects.toThrow("onDisk");
    const given = await createTestServer({}, { store: createMemoryStore() });
    cleanUp(() => given.stop());
    expect(() => given.kill()).toThrow("onDisk");
    await (await inMemory.client("romeo")).sync(); // they run on
  });
});

describe("killAt: the n-th element of some kind", () => {
  async function killed(when: "at once" | "before commit" | "after commit") {
    const server = await onDisk();
    const romeo = await server.client("romeo");
    const item = (jid: string) =>
      `<iq type='set' id='${jid}'><query xmlns='jabber:iq:roster'><item jid='${jid}'/></query></iq>`;
    const match = "<iq type='set'><query xmlns='jabber:iq:roster'/></iq>";
    const dead = server.killAt({ user: "romeo", from: "client", match, count: 2, when });
    romeo.send(item("one@example.com"));
    await romeo.expect("<iq type='result' id='one@example.com'/>");
    romeo.send(item("two@example.com"));
    await dead;
    await romeo.ended();
    expect(romeo.left()).toEqual([]); // nobody was told
    await server.start();
    return contacts(server);
  }

  it("at once: the element reaches nobody", async () => {
    expect(await killed("at once")).toEqual(["one@example.com"]);
  });

  it("before commit: what it stored is gone", async () => {
    expect(await killed("before commit")).toEqual(["one@example.com"]);
  });

  it("after commit: what it stored is there, though nobody was told", async () => {
    expect(await killed("after commit")).toEqual(["one@example.com", "two@example.com"]);
  });

  it("of the server's elements: the client does not get it", async () => {
    const server = await onDisk();
    const romeo = await server.client("romeo");
    const dead = server.killAt({ from: "server", match: "<iq id='q'/>" });
    romeo.send("<iq type='get' id='q'><query xmlns='jabber:iq:roster'/></iq>");
    await dead;
    await romeo.ended();
    expect(romeo.left()).toEqual([]);
  });
});

describe("restart", () => {
  it("says goodbye, keeps the ports, and the clock goes on where it was", async () => {
    const server = await onDisk();
    const romeo = await server.client("romeo");
    const [ports, now] = [server.addresses, server.clock.now()];
    const again = server.restart();
    await romeo.expectStreamError("system-shutdown");
    await again;
    expect(server.addresses).toEqual(ports);
    expect(server.clock.now()).toBe(now);
    await (await server.client("romeo")).sync();
  });
});
