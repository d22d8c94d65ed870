// What a crash leaves when it comes between the change of a user's roster and that of the gateway's relation: one of the two
// is put back by hand here, and the server started again.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { openSqliteStore } from "../../storage/sqlite.ts";
import type { Relation, RosterItem, Store } from "../../storage/store.ts";
import type { ScriptedClient } from "../support/client.ts";
import { type EventStream, Foreign, pidf } from "../support/foreign.ts";
import { cleanUp, startServer, type TestServer } from "../support/server.ts";

const ROMEO = "romeo@example.net";
const JULIET = "juliet@example.com";
const WATCHERS = `/presentities/${ROMEO}/watchers`;
const SUBSCRIPTIONS = `/presentities/${ROMEO}/subscriptions`;

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "balcony-crash-"));
  cleanUp(() => rm(folder, { recursive: true, force: true }));
});

type Running = { server: TestServer; foreign: Foreign; events: EventStream };

/** @param after the last event that is no news */
async function start(after = 0): Promise<Running> {
  const server = await startServer({ storage: { path: folder }, gateway: { domains: { "example.net": {} } } });
  const foreign = await Foreign.of(server, "domain:example.net");
  await foreign.presentity(ROMEO);
  const events = await foreign.events(`/presentities/${ROMEO}/events?after=${after}`);
  cleanUp(async () => events.close());
  return { server, foreign, events };
}

/** Changes what is on disk; returns the last event's id. */
async function onDisk(change: (store: Store) => Promise<unknown>): Promise<number> {
  const store = openSqliteStore(join(folder, "balcony.sqlite"));
  await change(store);
  const { last } = await store.gateway.eventBounds({ presentity: ROMEO });
  await store.close();
  return last;
}

function roster(store: Store, change: Partial<RosterItem> | undefined): Promise<unknown> {
  return store.roster.update(JULIET, ROMEO, (item) => (change && item ? { ...item, ...change } : undefined));
}

function juliet({ server }: Running): Promise<ScriptedClient> {
  return server.online("juliet", { resource: "balcony" });
}

/** Juliet has asked to watch Romeo, who published and has not decided. The server is down. */
async function asking(): Promise<void> {
  const running = await start();
  const client = await juliet(running);
  client.send(`<presence to='${ROMEO}' type='subscribe' id='sub1'/>`);
  await running.events.expect("subscribe");
  await running.foreign.publish(ROMEO, pidf(ROMEO, { id: "orchard" }));
  await client.sync();
  await running.server.stop();
}

/** Romeo watches Juliet, and was last told that she is there. The server is down. */
async function watched(): Promise<void> {
  const running = await start();
  const client = await juliet(running);
  await running.foreign.call("PUT", `${SUBSCRIPTIONS}/${JULIET}`, { duration: 3600 });
  await client.until(`<presence type='subscribe' from='${ROMEO}'/>`);
  client.send(`<presence to='${ROMEO}' type='subscribed'/>`);
  await running.events.expect("response");
  await client.sync();
  let before: Relation | undefined;
  await onDisk(async (store) => {
    before = await store.gateway.getRelation(ROMEO, JULIET);
  });
  await running.server.stop();
  await onDisk((store) => store.gateway.updateRelation(ROMEO, JULIET, () => ({ next: before })));
}

describe("a user who watches a presentity", () => {
  it("unsubscribed, as her roster knows: the presentity hears of it, and she of him no more", async () => {
    await asking();
    const running = await start(await onDisk((store) => roster(store, undefined)));
    await running.events.expect("unsubscribe", { watcher: `pres:${JULIET}` });
    expect((await running.foreign.call("GET", WATCHERS)).text).toBe("[]");
    const client = await juliet(running);
    await running.foreign.publish(ROMEO, pidf(ROMEO, { id: "orchard", im: "away" }));
    await client.expectNothing();
  });

  it("was approved, as the gateway knows: her roster says so", async () => {
    await asking();
    await onDisk((store) =>
      store.gateway.updateRelation(ROMEO, JULIET, (relation) => ({ next: relation && { ...relation, state: "from" } })),
    );
    const running = await start();
    const client = await running.server.client("juliet", { resource: "balcony" });
    const answer = await client.ask("get", "<query xmlns='jabber:iq:roster'/>");
    expect(answer.getChild("query")?.getChild("item")?.attrs).toMatchObject({ jid: ROMEO, subscription: "to" });
    client.send("<presence/>");
    await client.until(`<presence from='${ROMEO}/orchard' type='{absent}'/>`);
  });
});

describe("a presentity that watches a user", () => {
  it("was refused, as her roster knows: it hears of that, and of her presence no more", async () => {
    await watched();
    const running = await start(await onDisk((store) => roster(store, { state: "none" })));
    await running.events.expect("terminated", { target: `pres:${JULIET}`, reason: "cancelled" });
    const client = await juliet(running);
    client.send(`<message to='${ROMEO}' id='end' type='chat'><body>the end</body></message>`);
    await running.events.expect("message", { transId: "end" });
  });

  it("was approved, as her roster knows: success, without waiting for her to come back", async () => {
    const running = await start();
    const client = await juliet(running);
    await running.foreign.call("PUT", `${SUBSCRIPTIONS}/${JULIET}`, { transId: "t1" });
    await client.until(`<presence type='subscribe' from='${ROMEO}'/>`);
    await running.server.stop();
    const after = await onDisk((store) => roster(store, { state: "from", inRoster: true, pendingSubscribe: "" }));
    const again = await start(after);
    await again.events.expect("response", { transId: "t1", status: "success" });
    await again.events.expect("notify", { transId: "t1" });
  });

  it("is not told of her presence by a refresh when her roster does not know it", async () => {
    await watched();
    const { server, foreign, events } = await start();
    // While the server runs: whatever the cause, the roster is what counts.
    await onDisk((store) => roster(store, { state: "none" }));
    const refresh = await foreign.call("PUT", `${SUBSCRIPTIONS}/${JULIET}`, { duration: 600, transId: "t2" });
    expect(refresh.status).toBe(202);
    const client = await server.client("juliet", { resource: "balcony" });
    client.send("<presence/>");
    await client.until(`<presence type='subscribe' from='${ROMEO}'/>`);
    client.send(`<presence to='${ROMEO}' type='subscribed'/>`);
    for (;;) {
      const { event, data } = await events.next("the response");
      if (event === "response" && data.transId === "t2") break;
    }
    const subscriptions = await foreign.call("GET", SUBSCRIPTIONS);
    expect(subscriptions.json()).toMatchObject([{ state: "active" }]);
  });
});
