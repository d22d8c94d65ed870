// XEP-0198 1.6.3 against races and clients that mean no good: a slow disk, connections that break in the middle of
// something, counts that are not true, and more than there is room for.

import { describe, expect, it } from "vitest";
import { createMemoryStore } from "../../storage/memory.ts";
import type { ScriptedClient } from "../support/client.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { temporaryFolder } from "../support/folder.ts";
import { befriend, startServer, type TestServer } from "../support/server.ts";
import { unreliableStore } from "../support/unreliable-store.ts";

const SM = "urn:xmpp:sm:3";
const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";

type Config = NonNullable<Parameters<typeof startServer>[0]>;

/** A server that can be started again on the same slow disk. */
async function place(config: Config = {}) {
  const clock = new FakeClock(Date.parse("2026-01-01T00:00:00Z"));
  const disk = unreliableStore(createMemoryStore());
  const path = await temporaryFolder(); // of the key of the passwords only
  const start = (): Promise<TestServer> =>
    startServer(
      { ...config, storage: { path }, c2s: { requireTls: false }, limits: { idleTimeoutSeconds: 0, ...config.limits } },
      { clock, store: disk.store },
    );
  return { clock, disk, start, server: await start() };
}

function chat(to: string, body: string, more = ""): string {
  return `<message to='${to}' type='chat' id='${body}'><body>${body}</body>${more}</message>`;
}

type Seen = readonly { name: string; attrs: Record<string, unknown>; getChild(name: string): unknown }[];

/** Ids of the messages with a body. */
function bodies(elements: Seen): unknown[] {
  return elements
    .filter((element) => element.name === "message" && element.getChild("body") !== undefined)
    .map(({ attrs }) => attrs.id);
}

async function managed(server: TestServer, user: string, resource?: string, presence = "<presence/>") {
  const client = await server.client(user, resource === undefined ? {} : { resource });
  const previd = (await client.enable()).attrs.id as string;
  if (presence !== "") client.send(presence);
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

/** `count` messages from juliet that wait for romeo. */
async function waiting(server: TestServer, count: number): Promise<string[]> {
  await (await server.client("romeo")).close();
  const juliet = await server.client("juliet");
  const names = Array.from({ length: count }, (_, n) => `m${n}`);
  for (const name of names) juliet.send(chat("romeo@example.com", name));
  await juliet.sync();
  await juliet.close();
  return names;
}

describe("XEP-0198 section 4: counting, while something waits for the disk", () => {
  it("a message that was accepted before <enable/> and comes after <enabled/> counts", async () => {
    const { disk, server } = await place();
    const romeo = await server.client("romeo");
    romeo.send("<presence/>");
    await romeo.sync();
    const juliet = await server.client("juliet");
    const gate = disk.hold("archive.add");
    juliet.send(chat("romeo@example.com", "slow"));
    await gate.reached;
    await romeo.enable();
    gate.open();
    await romeo.until("<message id='slow'/>");
    expect(romeo.handled).toBe(1);
    romeo.ack();
    await romeo.sync();
  });

  it("what was not sent yet cannot be acknowledged", async () => {
    const { disk, server } = await place();
    const { client: romeo } = await managed(server, "romeo");
    const juliet = await server.client("juliet");
    const gate = disk.hold("archive.add");
    juliet.send(chat("romeo@example.com", "slow"));
    await gate.reached;
    romeo.send(`<a xmlns='${SM}' h='${romeo.handled + 1}'/>`);
    const error = await romeo.expectStreamError("undefined-condition");
    expect(error.getChild("handled-count-too-high", SM)).toBeDefined();
    gate.open();
    const again = await server.client("romeo");
    again.send("<presence/>");
    expect(bodies(await again.untilNow())).toEqual(["slow"]);
  });

  it("what comes in the same breath as <enable/> is there after a restart", async () => {
    const { server: first, start } = await place();
    const romeo = await first.client("romeo");
    romeo.send(chat(romeo.full, "warm up"));
    await romeo.until("<message id='warm up'/>");
    romeo.send(`<enable xmlns='${SM}' resume='true'/>${chat(romeo.full, "to myself")}`);
    const previd = (await romeo.expect(`<enabled xmlns='${SM}'/>`)).attrs.id as string;
    await romeo.until("<message id='to myself'/>");
    await lose(romeo);
    romeo.handled = 0; // it had no time to read that
    await first.stop();
    const second = await start();
    const { client: back } = await resumed(second, "romeo", previd, romeo);
    expect(bodies(await back.untilNow())).toEqual(["to myself"]);
  });
});

describe("XEP-0198 section 5: resumption", () => {
  it("what waited for the disk when the connection broke comes once, in order", async () => {
    const { disk, server } = await place();
    const { client: romeo, previd } = await managed(server, "romeo");
    const juliet = await server.client("juliet");
    const gate = disk.hold("archive.add");
    juliet.send(chat("romeo@example.com", "slow"));
    juliet.send(chat("romeo@example.com", "behind"));
    await gate.reached;
    await lose(romeo);
    const { client: back } = await resumed(server, "romeo", previd, romeo);
    gate.open();
    await juliet.sync();
    expect(bodies(await back.untilNow())).toEqual(["slow", "behind"]);
    await lose(back);
    const { client: again } = await resumed(server, "romeo", previd, back);
    expect(bodies(await again.untilNow())).toEqual([]);
  });

  it("a stanza of the client's that waits for the disk is counted before the session is resumed", async () => {
    const { disk, server } = await place();
    const { client: romeo, previd } = await managed(server, "romeo");
    const before = await romeo.askForAck();
    const gate = disk.hold("archive.add");
    romeo.send(chat("juliet@example.com", "slow"));
    await gate.reached;
    await lose(romeo);
    const back = await server.authenticated("romeo");
    back.send(`<resume xmlns='${SM}' previd='${previd}' h='${romeo.handled}'/>`);
    const other = await server.client("nurse");
    await other.sync();
    gate.open();
    expect((await back.expect(`<resumed xmlns='${SM}' previd='${previd}'/>`)).attrs.h).toBe(String(before + 1));
  });

  it("two clients ask for the same session at once: the later one has it, and the other is told", async () => {
    const { server } = await place();
    const { client: romeo, previd } = await managed(server, "romeo");
    const juliet = await server.client("juliet");
    await lose(romeo);
    juliet.send(chat("romeo@example.com", "hello"));
    await juliet.sync();
    const [one, two] = [await server.authenticated("romeo"), await server.authenticated("romeo")];
    const resume = `<resume xmlns='${SM}' previd='${previd}' h='${romeo.handled}'/>`;
    one.send(resume);
    two.send(resume);
    await Promise.all([one, two].map((each) => each.expect(`<resumed xmlns='${SM}'/>`)));
    const results = await Promise.allSettled(
      [one, two].map((each) => each.until("<message id='hello'/>").then(() => each.sync())),
    );
    expect(results.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  });

  it("another client binds the resource while the session is being resumed: failed, and a resource can be bound", async () => {
    const { disk, server } = await place();
    const { client: romeo, previd } = await managed(server, "romeo", "phone");
    await lose(romeo);
    romeo.left();
    const back = await server.authenticated("romeo");
    const gate = disk.hold("sessions.apply");
    // Something must be new for the disk.
    const juliet = await server.client("juliet");
    juliet.send(chat("romeo@example.com/phone", "hello"));
    await gate.reached;
    back.send(`<resume xmlns='${SM}' previd='${previd}' h='${romeo.handled}'/>`);
    await (await server.client("nurse")).sync();
    const other = await server.client("romeo", { resource: "phone" });
    gate.open();
    await back.expect(`<failed xmlns='${SM}'><item-not-found xmlns='${STANZAS}'/></failed>`);
    await back.bind();
    await other.sync();
  });

  it("a first attempt after a restart that breaks takes nothing from the second: presence is told anew", async () => {
    const { disk, server: first, start } = await place();
    const romeo = await first.online("romeo");
    const juliet = await first.online("juliet");
    await befriend(romeo, juliet);
    const previd = (await romeo.enable()).attrs.id as string;
    await juliet.enable(); // her session outlives the restart, too, and says nothing new
    await romeo.sync();
    await lose(juliet);
    await lose(romeo);
    await first.stop();
    const second = await start();
    const attempt = await second.authenticated("romeo");
    const gate = disk.hold("sessions.apply");
    attempt.send(`<resume xmlns='${SM}' previd='${previd}' h='${romeo.handled}'/>`);
    await gate.reached;
    await lose(attempt);
    await (await second.client("nurse")).sync();
    gate.open();
    const { client: back } = await resumed(second, "romeo", previd, romeo);
    const told = (await back.untilNow())
      .filter(({ name }) => name === "presence")
      .map(({ attrs }) => String(attrs.from));
    expect(told.some((from) => from.startsWith("juliet@example.com/"))).toBe(true);
  });

  it("nothing comes twice where the server is killed just after the resumption that followed a restart", async () => {
    const { disk, server: first, start } = await place();
    const { client: romeo, previd } = await managed(first, "romeo", undefined, "<presence/>");
    const juliet = await first.client("juliet");
    for (let n = 0; n < 3; n++) juliet.send(`<presence to='${romeo.full}'/>`); // counted, and not on disk
    await juliet.sync();
    await romeo.untilNow();
    await lose(romeo);
    await first.stop();
    const second = await start();
    const nurse = await second.client("nurse");
    nurse.send(chat("romeo@example.com", "hello"));
    await nurse.sync();
    // From the resumption's own write on, the disk is told nothing more: that is the kill.
    let writes = 0;
    disk.refuseIf((operation) => (operation === "sessions.apply" && ++writes > 1 ? new Error("killed") : undefined));
    const { client: back } = await resumed(second, "romeo", previd, romeo);
    await back.until("<message id='hello'/>");
    await lose(back);
    await second.stop();
    disk.recover();
    const third = await start();
    const { client: again } = await resumed(third, "romeo", previd, back);
    expect(bodies(await again.untilNow())).toEqual([]);
  });

  it("more is unacknowledged than a connection takes at once: all of it comes all the same", async () => {
    const { server } = await place({ limits: { outboxBytes: 65_536 } });
    const { client: romeo, previd } = await managed(server, "romeo");
    const juliet = await server.client("juliet");
    await lose(romeo);
    const names = Array.from({ length: 200 }, (_, n) => `m${n}`);
    for (const name of names) juliet.send(chat("romeo@example.com", name, `<x xmlns='x'>${"x".repeat(1_000)}</x>`));
    await juliet.sync();
    const { client: back } = await resumed(server, "romeo", previd, romeo);
    expect(bodies(await back.untilNow())).toEqual(names);
    back.ack();
    await back.sync();
  });

  it("a session lasts no longer than promised after the machine's clock was set back", async () => {
    const { clock, server: first, start } = await place();
    const { client: romeo, previd } = await managed(first, "romeo");
    await lose(romeo);
    await (await first.client("nurse")).sync();
    await first.stop();
    clock.jump(-24 * 3_600_000);
    const second = await start();
    clock.advance(601_000);
    const back = await second.authenticated("romeo");
    back.send(`<resume xmlns='${SM}' previd='${previd}' h='${romeo.handled}'/>`);
    await back.expect(`<failed xmlns='${SM}'><item-not-found xmlns='${STANZAS}'/></failed>`);
  });

  it("a server that stops in the middle of a resumption leaves no timer", async () => {
    const { clock, disk, server } = await place();
    const idle = clock.timers;
    const { client: romeo, previd } = await managed(server, "romeo");
    await lose(romeo);
    const back = await server.authenticated("romeo");
    const gate = disk.hold("sessions.apply");
    const juliet = await server.client("juliet");
    juliet.send(chat("romeo@example.com", "hello"));
    await gate.reached;
    back.send(`<resume xmlns='${SM}' previd='${previd}' h='${romeo.handled}'/>`);
    await (await server.client("nurse")).sync();
    const stopping = server.stop();
    while (clock.timers > idle) await new Promise((resolve) => setImmediate(resolve));
    gate.open();
    await stopping;
    expect(clock.timers).toBe(0);
  });

  it.each([
    ["unavailable", "<presence type='unavailable'/>"],
    ["another priority", "<presence><priority>-1</priority></presence>"],
  ])(
    "what the client says last of its presence counts, also while older messages are on their way (%s)",
    async (_name, said) => {
      const { disk, server } = await place();
      await waiting(server, 3);
      const romeo = await server.client("romeo");
      const previd = (await romeo.enable()).attrs.id as string;
      const load = disk.hold("offline.load");
      romeo.send("<presence/>");
      await load.reached;
      await lose(romeo);
      const next = await server.authenticated("romeo");
      next.send(`<resume xmlns='${SM}' previd='${previd}' h='0'/>`);
      await (await server.client("nurse")).sync();
      load.open();
      const slow = disk.hold("offline.load");
      await next.expect(`<resumed xmlns='${SM}'/>`);
      await slow.reached;
      next.send(said);
      await next.sync();
      slow.open();
      await next.sync();
      const juliet = await server.client("juliet");
      juliet.send(chat("romeo@example.com", "not for this one"));
      await juliet.sync();
      expect(bodies(await next.untilNow())).not.toContain("not for this one");
    },
  );
});

describe("offline messages (XEP-0160) and a connection that breaks", () => {
  it("in each step of their being moved: no loss, none twice, in order", async () => {
    for (const step of ["offline.load", "offline.removeUpTo", "sessions.apply"] as const) {
      for (const restart of [false, true]) {
        const { clock, disk, server, start } = await place();
        const names = await waiting(server, 5);
        const romeo = await server.client("romeo");
        const previd = (await romeo.enable()).attrs.id as string;
        await romeo.sync();
        const gate = disk.hold(step);
        romeo.send("<presence/>");
        await gate.reached;
        await lose(romeo);
        gate.open();
        let current = server;
        if (restart) {
          await (await server.client("nurse")).sync();
          await server.stop();
          current = await start();
          clock.advance(1);
        }
        const { client: back, h } = await resumed(current, "romeo", previd, romeo);
        const got = [...bodies(romeo.left()), ...bodies(await back.untilNow())];
        if (h < 2) {
          back.send("<presence/>");
          got.push(...bodies(await back.untilNow()));
        }
        expect([step, restart, got]).toEqual([step, restart, names]);
        back.ack();
        await back.sync();
        await back.close();
        const once = await current.client("romeo");
        once.send("<presence/>");
        expect(bodies(await once.untilNow())).toEqual([]);
        await current.stop();
      }
    }
  });

  it("a client that acknowledges gets all of them, however small the queue", async () => {
    const { server } = await place({ streamManagement: { queueStanzas: 100 } });
    const names = await waiting(server, 300);
    const romeo = await server.client("romeo");
    await romeo.enable();
    await romeo.sync();
    romeo.send("<presence/>");
    const got: unknown[] = [];
    while (got.length < names.length) {
      const element = await romeo.next();
      if (element.name === "r") romeo.ack();
      got.push(...bodies([element]));
    }
    expect(got).toEqual(names);
    romeo.ack();
    await romeo.sync();
  });

  it("a message to the bare JID whose only resource left while it was written goes to the one that came", async () => {
    const { disk, server } = await place();
    const phone = await server.online("romeo", { resource: "phone" });
    const juliet = await server.client("juliet");
    const gate = disk.hold("archive.add");
    juliet.send(chat("romeo@example.com", "slow"));
    await gate.reached;
    await phone.close();
    const desk = await server.online("romeo", { resource: "desk" });
    gate.open();
    await juliet.sync();
    expect(bodies(await desk.untilNow())).toEqual(["slow"]);
  });
});

describe("errors for what cannot be stored", () => {
  it("nothing of a message that finds the offline store full meanwhile is archived", async () => {
    const { disk, server } = await place({ limits: { offlineMessages: 1 } });
    await (await server.client("romeo")).close();
    const [juliet, nurse] = [await server.client("juliet"), await server.client("nurse")];
    await juliet.ask("get", "<query xmlns='urn:xmpp:mam:2'/>");
    const gate = disk.hold("offline.count");
    juliet.send(chat("romeo@example.com", "slow"));
    await gate.reached;
    nurse.send(chat("romeo@example.com", "fast"));
    await nurse.sync();
    gate.open();
    await juliet.expect("<message type='error' id='slow'/>");
    await juliet.ask("get", "<query xmlns='urn:xmpp:mam:2'/>");
    const archived = await disk.store.archive.page("juliet@example.com", { limit: 10 } as never);
    expect(JSON.stringify(archived)).not.toContain("slow");
  });

  it("the offline store does not grow past its bound by sessions that never acknowledge anything", async () => {
    const { disk, server } = await place({
      limits: { offlineMessages: 50 },
      streamManagement: { queueStanzas: 100 },
    });
    const juliet = await server.client("juliet");
    const wished = "<query xmlns='http://jabber.org/protocol/disco#info' node='http://jabber.org/protocol/offline'/>";
    for (let round = 0; round < 5; round++) {
      const romeo = await server.client("romeo");
      await romeo.ask("get", wished, romeo.bare); // XEP-0013: nothing is sent unasked
      await romeo.enable();
      romeo.send("<presence/>");
      await romeo.sync();
      for (let n = 0; n < 110; n++) juliet.send(chat(romeo.full, `${round}.${n}`));
      await juliet.sync();
      await romeo.ended();
    }
    await juliet.sync();
    expect(await disk.store.offline.count("romeo@example.com")).toBeLessThanOrEqual(150);
  });
});

describe("what a client may cost", () => {
  it("one that asks for acknowledgements and reads none of them is cut off", async () => {
    const { server } = await place({ limits: { outboxBytes: 65_536 } });
    const { client: romeo } = await managed(server, "romeo");
    romeo.pause();
    const nurse = await server.client("nurse");
    let cut = false;
    const gone = romeo.ended().then(() => {
      cut = true;
    });
    // The answers are more than the system takes by itself, and nobody else waits for them.
    romeo.write(`<r xmlns='${SM}'/>`.repeat(500_000));
    while (!cut) await nurse.sync();
    await gone;
  });

  it.each(["1e309", "-1", "0.5", "0", "x", "NaN", " "])(
    "max='%s' in <enable/> promises no more than is given",
    async (max) => {
      const { server } = await place();
      const romeo = await server.client("romeo");
      const enabled = await romeo.enable(`resume='true' max='${max}'`);
      expect(Number(enabled.attrs.max)).toBeGreaterThanOrEqual(1);
      expect(Number(enabled.attrs.max)).toBeLessThanOrEqual(600);
    },
  );

  it("a thousand tokens that are none cost nothing but answers, and a resource can be bound then", async () => {
    const { server } = await place();
    const romeo = await server.client("romeo");
    await romeo.close();
    const back = await server.authenticated("romeo");
    for (let n = 0; n < 1_000; n++) {
      back.send(`<resume xmlns='${SM}' previd='${"x".repeat(n)}' h='0'/>`);
      await back.expect(`<failed xmlns='${SM}'><item-not-found xmlns='${STANZAS}'/></failed>`);
    }
    await back.bind();
    await back.sync();
  });
});

describe("XEP-0198 section 4: counters wrap at 2^32", () => {
  it("in both directions, over a restart", async () => {
    const { disk, server: first, start } = await place();
    const { client: romeo, previd } = await managed(first, "romeo");
    const juliet = await first.client("juliet");
    await lose(romeo);
    juliet.send(chat("romeo@example.com", "one"));
    await juliet.sync();
    await first.stop();
    const [saved] = await disk.store.sessions.loadAll();
    const { session, unacked } = saved as NonNullable<typeof saved>;
    const last = unacked.at(-1) as NonNullable<(typeof unacked)[number]>;
    await disk.store.sessions.apply([
      { id: session.id, save: { ...session, inbound: 2 ** 32 - 2 }, ackedUpTo: Number.MAX_SAFE_INTEGER },
      { id: session.id, append: [{ ...last, sequence: 2 ** 32 - 1 }] },
    ]);
    const second = await start();
    romeo.handled = 2 ** 32 - 2;
    const { client: back, h } = await resumed(second, "romeo", previd, romeo);
    expect(h).toBe(2 ** 32 - 2);
    expect(bodies(await back.untilNow())).toEqual(["one"]); // its ping and the answer
    const nurse = await second.client("nurse");
    nurse.send(chat("romeo@example.com", "two"));
    await nurse.sync();
    expect(bodies(await back.untilNow())).toEqual(["two"]);
    expect(await back.askForAck()).toBe(0);
    expect(back.handled).toBe(2 ** 32 - 2 + 4);
    back.send(`<a xmlns='${SM}' h='${back.handled % 2 ** 32}'/>`);
    await back.sync();
    await lose(back);
    back.handled %= 2 ** 32;
    nurse.send(chat("romeo@example.com", "three"));
    await nurse.sync();
    const { client: again } = await resumed(second, "romeo", previd, back);
    expect(bodies(await again.untilNow())).toEqual(["three"]);
  });
});

describe("an account that is deleted", () => {
  it("leaves nothing to the next one of its name, whatever its session had not acknowledged", async () => {
    const { disk, server } = await place();
    const { client: romeo } = await managed(server, "romeo");
    const juliet = await server.client("juliet");
    await lose(romeo);
    juliet.send(chat("romeo@example.com", "for the first romeo"));
    await juliet.sync();
    const gate = disk.hold("accounts.delete");
    const deleting = server.admin.deleteUser("romeo");
    await gate.reached;
    // It comes back before the account is gone.
    const { client: quick } = await managed(server, "romeo");
    juliet.send(chat("romeo@example.com", "also for the first romeo"));
    await quick.until("<message id='also for the first romeo'/>");
    gate.open();
    await deleting;
    await quick.ended();
    await server.admin.addUser("romeo", "secret");
    const second = await server.client("romeo");
    second.send("<presence/>");
    expect(bodies(await second.untilNow())).toEqual([]);
  });
});

describe("RFC 6121 section 8.5.3.2: at the end of a session that waited for its client", () => {
  it("each type of message goes where one to an address without a resource goes, and none of them twice", async () => {
    const { clock, server } = await place();
    const { client: phone } = await managed(server, "romeo", "phone");
    const juliet = await server.client("juliet");
    await lose(phone);
    for (const to of ["romeo@example.com/phone", "romeo@example.com"]) {
      for (const type of ["chat", "normal", "headline", "error"]) {
        juliet.send(`<message to='${to}' type='${type}' id='${type} ${to.length}'><body>x</body></message>`);
      }
    }
    juliet.send("<message to='romeo@example.com/phone' type='groupchat' id='groupchat'><body>x</body></message>");
    await juliet.sync();
    clock.advance(601_000);
    await juliet.sync();
    const back = await server.client("romeo");
    back.send("<presence/>");
    expect(bodies(await back.untilNow())).toEqual(["chat 23", "normal 23", "chat 17", "normal 17"]);
    expect(bodies(await juliet.untilNow())).toEqual([]);
  });

  it("a client that did not ask for resumption is offline after a restart, and has its messages there", async () => {
    const { clock, disk, server: first, start } = await place();
    const romeo = await first.client("romeo");
    await romeo.enable("");
    romeo.send("<presence/>");
    await romeo.sync();
    const juliet = await first.client("juliet");
    juliet.send(chat("romeo@example.com", "hello"));
    await romeo.until("<message id='hello'/>");
    clock.advance(250); // nobody is told that it is safe: until then it need not be on disk
    await juliet.sync();
    disk.refuse(); // as a kill: the end of the session does not get to the disk
    await first.stop();
    disk.recover();
    const second = await start();
    clock.advance(1);
    const back = await second.client("romeo");
    back.send("<presence/>");
    expect(bodies(await back.untilNow())).toEqual(["hello"]);
  });

  it("what a client that did not ask for resumption has acknowledged by then is never written", async () => {
    const { clock, disk, server } = await place();
    const romeo = await server.client("romeo");
    await romeo.enable("");
    romeo.send("<presence/>");
    const juliet = await server.client("juliet");
    await juliet.enable("");
    await romeo.sync();
    romeo.ack();
    await romeo.sync();
    clock.advance(250);
    const written: unknown[] = [];
    disk.refuseIf((operation, args) => {
      if (operation === "sessions.apply") written.push(...(args as never[]));
      return undefined;
    });
    juliet.send(chat("romeo@example.com", "hello"));
    await romeo.until("<message id='hello'/>");
    romeo.ack();
    await romeo.sync();
    romeo.ack();
    await romeo.sync();
    clock.advance(250);
    await juliet.sync();
    expect(JSON.stringify(written)).not.toContain("hello");
  });

  it("what came of a message is on disk before an <a/> says that it was handled", async () => {
    const { disk, server } = await place();
    const romeo = await server.client("romeo");
    await romeo.enable("");
    romeo.send("<presence/>");
    const juliet = await server.client("juliet");
    await juliet.enable("");
    const gate = disk.hold("sessions.apply");
    juliet.send(`${chat("romeo@example.com", "hello")}<r xmlns='${SM}'/>`);
    await romeo.until("<message id='hello'/>"); // who reads it need not wait for that
    await gate.reached;
    expect(bodies(await juliet.untilNow())).toEqual([]);
    expect(await disk.store.sessions.loadAll().then((all) => JSON.stringify(all))).not.toContain("hello");
    gate.open();
    await juliet.until(`<a xmlns='${SM}' h='1'/>`);
    expect(await disk.store.sessions.loadAll().then((all) => JSON.stringify(all))).toContain("hello");
  });

  it("nor does an <a/> say so while what an ended session left is on its way to another place", async () => {
    const { clock, disk, server } = await place();
    const romeo = await server.client("romeo");
    await romeo.enable("");
    romeo.send("<presence/>");
    await romeo.sync();
    const juliet = await server.client("juliet");
    await juliet.enable("");
    juliet.send(chat("romeo@example.com", "hello"));
    await romeo.until("<message id='hello'/>");
    disk.refuse();
    await lose(romeo);
    juliet.send(`<r xmlns='${SM}'/>`);
    expect(bodies(await juliet.untilNow())).toEqual([]);
    disk.recover();
    clock.advance(10_000);
    await juliet.until(`<a xmlns='${SM}' h='1'/>`);
    const stored = await disk.store.offline.load(romeo.bare, 0, 10);
    expect(JSON.stringify(stored)).toContain("hello");
  });

  it("a subscription request that came while the client was away is told after a restart, once", async () => {
    const { server: first, start } = await place();
    const { client: romeo, previd } = await managed(first, "romeo");
    const juliet = await first.client("juliet");
    await lose(romeo);
    juliet.send("<presence to='romeo@example.com' type='subscribe'/>");
    await juliet.sync();
    await first.stop();
    const second = await start();
    const { client: back } = await resumed(second, "romeo", previd, romeo);
    const requests = (await back.untilNow()).filter(({ attrs }) => attrs.type === "subscribe");
    expect(requests.map(({ attrs }) => attrs.from)).toEqual(["juliet@example.com"]);
  });
});

describe("copies (XEP-0280) and archives (XEP-0313) of one message", () => {
  it("the id in the archive is the one of the message, of its copies, and of what a session gets when it is back", async () => {
    const { disk, server } = await place();
    const { client: phone, previd } = await managed(server, "romeo", "phone");
    const desk = await server.online("romeo", { resource: "desk" });
    await desk.ask("set", "<enable xmlns='urn:xmpp:carbons:2'/>");
    const juliet = await server.client("juliet");
    await lose(phone);
    juliet.send(chat("romeo@example.com/phone", "hello"));
    await juliet.sync();
    const copy = await desk.until("<message><received xmlns='urn:xmpp:carbons:2'/></message>");
    const { client: back } = await resumed(server, "romeo", previd, phone);
    const message = await back.until("<message id='hello'/>");
    const page = await disk.store.archive.page("romeo@example.com", { limit: 10 } as never);
    const id = message.getChild("stanza-id", "urn:xmpp:sid:0")?.attrs.id as string;
    expect(JSON.stringify(page)).toContain(id);
    expect(copy.toString()).toContain(id);
  });

  it("of a message that the disk refused nobody has a copy, managed or not, nor is it in an archive", async () => {
    const { disk, server } = await place();
    const desk = await server.online("juliet", { resource: "desk" });
    const { client: phone, previd } = await managed(server, "juliet", "phone");
    for (const device of [desk, phone]) await device.ask("set", "<enable xmlns='urn:xmpp:carbons:2'/>");
    const juliet = await server.client("juliet");
    disk.refuse();
    juliet.send(chat("romeo@example.com", "refused"));
    await juliet.expect("<message type='error' id='refused'/>");
    disk.recover();
    await desk.expectNothing();
    const seen = (await phone.untilNow()).map(String).join("");
    expect(seen).not.toContain("refused");
    await lose(phone);
    const { client: back } = await resumed(server, "juliet", previd, phone);
    expect((await back.untilNow()).map(String).join("")).not.toContain("refused");
    expect(JSON.stringify(await disk.store.archive.page("juliet@example.com", { limit: 10 } as never))).not.toContain(
      "refused",
    );
  });
});

describe("a message to a presentity of the gateway (RFC 3922 section 4)", () => {
  it("that the disk refuses: its sender is told, nothing is archived or copied, and it is counted", async () => {
    const { disk, server } = await place({ gateway: { domains: { "example.net": {} } } });
    await server.admin.addPresentity("romeo@example.net", {});
    const desk = await server.online("juliet", { resource: "desk" });
    await desk.ask("set", "<enable xmlns='urn:xmpp:carbons:2'/>");
    const { client: juliet } = await managed(server, "juliet", "phone", "");
    const before = await juliet.askForAck();
    disk.refuse();
    juliet.send(chat("romeo@example.net", "refused"));
    await juliet.until("<message type='error' id='refused'/>");
    disk.recover();
    expect(await juliet.askForAck()).toBe(before + 1);
    await desk.expectNothing();
    expect(JSON.stringify(await disk.store.archive.page("juliet@example.com", { limit: 10 } as never))).not.toContain(
      "refused",
    );
    juliet.send(chat("romeo@example.net", "taken"));
    await desk.until("<message><sent xmlns='urn:xmpp:carbons:2'/></message>");
    expect(await juliet.askForAck()).toBe(before + 2);
  });
});
