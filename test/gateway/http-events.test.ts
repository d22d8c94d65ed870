// docs/http-binding.md, Events: Server-Sent Events from the durable log, over real HTTP.

import { once } from "node:events";
import { connect } from "node:net";
import { describe, expect, test } from "vitest";
import type { OutboundOperation } from "../../gateway/operations.ts";
import { Jid } from "../../server/jid.ts";
import type { GatewayStore } from "../../storage/store.ts";
import { DOMAIN_TOKEN, juliet, ROMEO_TOKEN, romeo, serveBinding, until } from "../support/http-binding.ts";

const ROMEO_EVENTS = "/presentities/romeo@example.net/events";
const DOMAIN_EVENTS = "/domains/example.net/events";
const HEARTBEAT_MS = 15_000;
const DAY_MS = 86_400_000;

const benvolio = Jid.fromTrusted("benvolio@example.net");

function asks(transId: string, target = romeo): OutboundOperation {
  return { kind: "subscribe", transId, watcher: juliet, target };
}

/** A store that also says how often, and with what, pages of events were asked for. */
function counting(pages: number[]): (store: GatewayStore) => GatewayStore {
  return (store) => ({
    ...store,
    eventsAfter: (scope, afterId, limit) => {
      pages.push(afterId);
      return store.eventsAfter(scope, afterId, limit);
    },
  });
}

describe("what events carry", () => {
  test.each<[OutboundOperation, string, unknown]>([
    [
      {
        kind: "message",
        transId: "m1",
        source: Jid.fromTrusted("jean-luc@example.com/ship"),
        destination: romeo,
        maxForwards: 120,
        object: Buffer.from("Content-type: Message/CPIM\r\n\r\nü"),
      },
      "romeo@example.net",
      {
        transId: "m1",
        source: "im:jean%2Dluc@example.com",
        destination: "im:romeo@example.net",
        maxForwards: 120,
        contentType: "message/cpim",
        object: "Content-type: Message/CPIM\r\n\r\nü",
      },
    ],
    [
      { kind: "notify", transId: "n1", target: juliet, watcher: romeo, object: "<presence/>", subscription: "s1" },
      "romeo@example.net",
      {
        transId: "n1",
        target: "pres:juliet@example.com",
        watcher: "pres:romeo@example.net",
        contentType: "application/pidf+xml",
        object: "<presence/>",
        subscription: "s1",
      },
    ],
    [
      asks("s1"),
      "romeo@example.net",
      { transId: "s1", watcher: "pres:juliet@example.com", target: "pres:romeo@example.net" },
    ],
    [
      { kind: "unsubscribe", transId: "u1", watcher: juliet, target: romeo },
      "romeo@example.net",
      { transId: "u1", watcher: "pres:juliet@example.com", target: "pres:romeo@example.net" },
    ],
    [
      { kind: "terminated", target: juliet, watcher: romeo, reason: "denied" },
      "romeo@example.net",
      { target: "pres:juliet@example.com", watcher: "pres:romeo@example.net", reason: "denied" },
    ],
    [
      { kind: "response", presentity: benvolio, transId: "r1", status: "failure", condition: "forbidden" },
      "benvolio@example.net",
      { transId: "r1", status: "failure", condition: "forbidden" },
    ],
    [
      { kind: "response", presentity: benvolio, transId: "r1", status: "success" },
      "benvolio@example.net",
      { transId: "r1", status: "success" },
    ],
  ])("%o", async (operation, presentity, data) => {
    const server = await serveBinding();
    const recorded = server.binding.eventLog.record(operation);
    expect(recorded).toMatchObject({ presentity, type: operation.kind, at: server.clock.now() });
    expect(JSON.parse(recorded.data)).toEqual(data);
    const reader = await server.events(DOMAIN_EVENTS);
    const [event] = await server.happen(operation);
    expect(await reader.event()).toEqual({ id: event?.id, event: operation.kind, data });
  });
});

describe("following", () => {
  test("the head of the answer, then the log so far, then what happens", async () => {
    const server = await serveBinding();
    await server.happen(asks("s1"), asks("s2"));
    const reader = await server.events();
    expect(reader.status).toBe(200);
    expect(reader.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    expect(reader.headers.get("cache-control")).toBe("no-store");
    expect(reader.headers.get("x-content-type-options")).toBe("nosniff");
    expect(await reader.event()).toMatchObject({ id: 1, event: "subscribe", data: { transId: "s1" } });
    expect(await reader.event()).toMatchObject({ id: 2, data: { transId: "s2" } });
    await server.happen(asks("s3"));
    expect(await reader.event()).toMatchObject({ id: 3, data: { transId: "s3" } });
  });

  test("a presentity's stream has its own events, a domain's all of its", async () => {
    const server = await serveBinding();
    const [own, all] = [await server.events(), await server.events(DOMAIN_EVENTS)];
    await server.happen(asks("s1", Jid.fromTrusted("romeo@empty.example")), asks("s2", benvolio), asks("s3"));
    expect(await own.event()).toMatchObject({ id: 3, data: { transId: "s3" } });
    expect(await all.event()).toMatchObject({ id: 2, data: { transId: "s2" } });
    expect(await all.event()).toMatchObject({ id: 3, data: { transId: "s3" } });
  });

  test("several pages of the log come whole and in order", async () => {
    const server = await serveBinding();
    await server.happen(...Array.from({ length: 250 }, (_, n) => asks(`s${n}`)));
    const reader = await server.events();
    for (let id = 1; id <= 250; id += 1) expect((await reader.event()).id).toBe(id);
  });

  test("nothing for a presentity that is none", async () => {
    const server = await serveBinding();
    expect((await server.events("/presentities/nobody@example.net/events")).status).toBe(404);
  });

  test("a HEAD does not open a stream", async () => {
    const server = await serveBinding({ config: { limits: { eventStreams: 1 } } });
    expect((await server.call("HEAD", ROMEO_EVENTS)).status).toBe(404);
    expect((await server.events()).status).toBe(200);
  });
});

describe("resuming", () => {
  test("behind ?after, and behind Last-Event-ID, which wins", async () => {
    const server = await serveBinding();
    await server.happen(asks("s1"), asks("s2"), asks("s3"));
    expect((await (await server.events(`${ROMEO_EVENTS}?after=1`)).event()).id).toBe(2);
    const both = await server.events(`${ROMEO_EVENTS}?after=1`, { "last-event-id": "2" });
    expect((await both.event()).id).toBe(3);
    const latest = await server.events(`${ROMEO_EVENTS}?after=3`);
    await server.happen(asks("s4"));
    expect((await latest.event()).id).toBe(4);
  });

  test("loses nothing between two connections", async () => {
    const server = await serveBinding();
    const first = await server.events();
    await server.happen(asks("s1"));
    const { id } = await first.event();
    first.close();
    await server.happen(asks("s2"));
    const second = await server.events(ROMEO_EVENTS, { "last-event-id": String(id) });
    expect(await second.event()).toMatchObject({ data: { transId: "s2" } });
  });

  test("an id below the pruned ones: first a reset", async () => {
    const server = await serveBinding();
    await server.happen(asks("s1"), asks("s2"), asks("s3"));
    server.clock.advance(8 * DAY_MS);
    await server.store.pruneEvents(server.clock.now(), 1);
    const reader = await server.events(`${ROMEO_EVENTS}?after=1`);
    expect(await reader.event()).toEqual({ id: 2, event: "reset", data: { after: 1, prunedUpTo: 2 } });
    expect(await reader.event()).toMatchObject({ id: 3, event: "subscribe" });
    const resumed = await server.events(`${ROMEO_EVENTS}?after=2`);
    expect(await resumed.event()).toMatchObject({ id: 3, event: "subscribe" });
  });

  test("a reset in a domain's log does not skip what is kept of others", async () => {
    const server = await serveBinding();
    await server.happen(asks("s1", benvolio), asks("s2"), asks("s3", benvolio), asks("s4"), asks("s5"), asks("s6"));
    server.clock.advance(8 * DAY_MS);
    await server.store.pruneEvents(server.clock.now(), 1); // 1, 2, 4 and 5 go
    const reader = await server.events(`${DOMAIN_EVENTS}?after=1`);
    expect(await reader.event()).toEqual({ id: 2, event: "reset", data: { after: 1, prunedUpTo: 5 } });
    expect((await reader.event()).id).toBe(3);
    expect((await reader.event()).id).toBe(6);
    // Whoever lost the connection behind the reset is told again rather than left with a gap.
    const again = await server.events(`${DOMAIN_EVENTS}?after=2`);
    expect((await again.event()).event).toBe("reset");
    expect((await again.event()).id).toBe(3);
  });

  test("a new consumer of a pruned log missed nothing, but learns where it is", async () => {
    const server = await serveBinding();
    await server.happen(asks("s1"), asks("s2"));
    server.clock.advance(8 * DAY_MS);
    await server.store.pruneEvents(server.clock.now(), 1);
    const reader = await server.events();
    expect((await reader.event()).id).toBe(2);
    expect(reader.raw).toMatch(/^retry: \d+\nid: 1\n\n/);
  });

  test("an id that was never given out (an older database): a reset, then the whole log", async () => {
    const server = await serveBinding();
    await server.happen(asks("s1"));
    const reader = await server.events(`${ROMEO_EVENTS}?after=77`);
    expect(await reader.event()).toEqual({ id: 0, event: "reset", data: { after: 77, prunedUpTo: 0 } });
    expect((await reader.event()).id).toBe(1);
  });

  test("events that are pruned under a reader that is behind: a reset in the middle", async () => {
    let prune = async (): Promise<void> => {};
    const wrapStore = (store: GatewayStore): GatewayStore => ({
      ...store,
      async eventsAfter(scope, afterId, limit) {
        if (afterId > 0) await prune();
        return store.eventsAfter(scope, afterId, limit);
      },
    });
    const server = await serveBinding({ wrapStore });
    await server.happen(...Array.from({ length: 150 }, (_, n) => asks(`s${n}`)));
    prune = async () => void (await server.store.pruneEvents(server.clock.now() + 1, 10));
    const reader = await server.events();
    let after = 0;
    let next = await reader.event();
    for (; next.event !== "reset"; next = await reader.event()) expect(next.id).toBe(++after);
    expect(after).toBeGreaterThan(0);
    expect(next).toEqual({ id: 140, event: "reset", data: { after, prunedUpTo: 140 } });
    for (let id = 141; id <= 150; id += 1) expect((await reader.event()).id).toBe(id);
  });
});

describe("heartbeats and ends", () => {
  test("a comment at every interval", async () => {
    const server = await serveBinding();
    await server.happen(asks("s1"));
    const reader = await server.events();
    await reader.event();
    for (let beat = 0; beat < 3; beat += 1) {
      server.clock.advance(HEARTBEAT_MS - 1);
      server.clock.advance(1);
      expect(await reader.next()).toBe("heartbeat");
    }
    await server.happen(asks("s2"));
    expect((await reader.event()).id).toBe(2);
  });

  test("the stream of a revoked token ends at the next heartbeat", async () => {
    const server = await serveBinding();
    const reader = await server.events(ROMEO_EVENTS, { authorization: `Bearer ${ROMEO_TOKEN}` });
    const other = await server.events();
    await server.store.revokeToken(ROMEO_TOKEN);
    server.clock.advance(HEARTBEAT_MS);
    expect(await reader.next()).toBe("heartbeat");
    expect(await reader.next()).toBe("end");
    await server.happen(asks("s1"));
    expect(await other.next()).toBe("heartbeat");
    expect((await other.event()).id).toBe(1);
  });

  test("past the limit 503; the place of a consumer that has gone is free again", async () => {
    const server = await serveBinding({ config: { limits: { eventStreams: 1 } } });
    const first = await server.events();
    const refused = await server.call("GET", ROMEO_EVENTS);
    expect(refused.status).toBe(503);
    expect(refused.json()).toMatchObject({ condition: "resource-constraint" });
    expect(refused.headers.get("retry-after")).toBe("10");
    first.close();
    await until(async () => (await server.events()).status === 200);
    expect(server.clock.timers).toBe(1);
  });

  test("stop ends the streams and leaves no timer", async () => {
    const server = await serveBinding();
    const [one, all] = [await server.events(), await server.events(DOMAIN_EVENTS)];
    server.binding.stop();
    expect(await one.next()).toBe("end");
    expect(await all.next()).toBe("end");
    await server.listener.stop();
    expect(server.clock.timers).toBe(0);
  });

  test("the listener's stop ends them too", async () => {
    const server = await serveBinding();
    const reader = await server.events();
    await server.listener.stop();
    expect(await reader.next()).toBe("end");
    expect(server.clock.timers).toBe(0);
  });
});

describe("a consumer that does not read", () => {
  const LARGE = 200_000;

  async function unread(pages: number[], config = {}) {
    const server = await serveBinding({ wrapStore: counting(pages), config });
    const large = { kind: "notify", transId: "n", target: juliet, watcher: romeo, subscription: "s" } as const;
    const object = "x".repeat(LARGE);
    await server.happen(...Array.from({ length: 250 }, () => ({ ...large, object })));
    const socket = connect(server.port, "127.0.0.1");
    socket.on("error", () => {});
    await once(socket, "connect");
    socket.pause();
    socket.write(
      `GET /cpim/v1${ROMEO_EVENTS} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${DOMAIN_TOKEN}\r\n\r\n`,
    );
    return { server, socket };
  }

  test("stops the reading of the log, and gets everything once it reads", async () => {
    const pages: number[] = [];
    const { server, socket } = await unread(pages);
    // Others are served meanwhile, and new events do not make it read on once the socket is full.
    const goOn = async (): Promise<number> => {
      for (let n = 0; n < 20; n += 1) {
        await server.happen(asks(`s${n}`, benvolio));
        expect((await server.call("GET", "/presentities/romeo@example.net")).status).toBe(200);
      }
      return pages.length;
    };
    await until(() => pages.length > 0);
    const read = await goOn();
    expect(await goOn()).toBe(read);
    expect(pages.at(-1)).toBeLessThan(100);
    const ids: number[] = [];
    let rest = "";
    socket.on("data", (chunk) => {
      const lines = (rest + chunk.toString("latin1").replaceAll("x", "")).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) if (line.startsWith("id: ")) ids.push(Number(line.slice(4)));
      if (ids.at(-1) === 250) socket.destroy();
    });
    socket.resume();
    await once(socket, "close");
    expect(ids).toEqual(Array.from({ length: 251 }, (_, n) => n)); // 0: where the log begins
  });

  test("is cut after four heartbeats, and its place is free", async () => {
    const { server, socket } = await unread([], { limits: { eventStreams: 1 } });
    await until(() => server.clock.timers === 1);
    expect((await server.call("GET", ROMEO_EVENTS)).status).toBe(503);
    await until(async () => {
      server.clock.advance(4 * HEARTBEAT_MS);
      return (await server.events(`${ROMEO_EVENTS}?after=250`)).status === 200;
    });
    socket.destroy();
  });
});
