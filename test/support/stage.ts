// What most tests of the gateway begin with: a server, Juliet logged in with XMPP, Romeo a presentity behind HTTP.

import type { ConfigInput } from "../../server/index.ts";
import { createMemoryStore } from "../../storage/memory.ts";
import type { Relation, Store } from "../../storage/store.ts";
import type { ScriptedClient } from "./client.ts";
import type { FakeClock } from "./fake-clock.ts";
import { type EventStream, Foreign, type ForeignEvent } from "./foreign.ts";
import { cleanUp, startServer, type TestServer } from "./server.ts";

export const JULIET = "juliet@example.com";
export const ROMEO = "romeo@example.net";
export const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";

export type Stage = {
  readonly server: TestServer;
  readonly store: Store;
  readonly juliet: ScriptedClient;
  readonly foreign: Foreign;
  readonly events: EventStream;
};

export type StageOptions = {
  readonly clock?: FakeClock;
  readonly gateway?: NonNullable<ConfigInput["gateway"]>;
  readonly store?: Store;
};

/** @param settings of Romeo, as in PUT /presentities/{addr} */
export async function stage(settings: Record<string, unknown> = {}, options: StageOptions = {}): Promise<Stage> {
  const { clock, gateway, store = createMemoryStore() } = options;
  const server = await startServer(
    // Days may pass at once for the sake of the gateway: nobody is to be pinged meanwhile.
    {
      gateway: { domains: { "example.net": {} }, heartbeatSeconds: 1_000_000, ...gateway },
      limits: { idleTimeoutSeconds: 0 },
    },
    { store, ...(clock === undefined ? {} : { clock }) },
  );
  const foreign = await Foreign.of(server, "domain:example.net");
  await foreign.presentity(ROMEO, settings);
  const juliet = await server.online("juliet", { resource: "balcony" });
  const events = await foreign.events(`/presentities/${ROMEO}/events`);
  cleanUp(async () => events.close());
  return { server, store, juliet, foreign, events };
}

/** Juliet watches Romeo, who approved; what came of that is read. */
export async function watch({ juliet, foreign, events }: Stage): Promise<void> {
  juliet.send(`<presence to='${ROMEO}' type='subscribe' id='sub1'/>`);
  await events.expect("subscribe", { transId: "sub1" });
  await foreign.call("PUT", `/presentities/${ROMEO}/watchers/${JULIET}`, { state: "active" });
  await juliet.sync();
}

/** The call by which Romeo subscribes to Juliet. */
export const SUBSCRIPTION = `/presentities/${ROMEO}/subscriptions/${JULIET}`;

/** Romeo watches Juliet, who approved; what came of that is read. */
export async function beWatched({ juliet, foreign, events }: Stage, body: Record<string, unknown> = {}): Promise<void> {
  await foreign.call("PUT", SUBSCRIPTION, { transId: "t1", ...body });
  await juliet.until(`<presence type='subscribe' from='${ROMEO}'/>`);
  juliet.send(`<presence type='subscribed' to='${ROMEO}'/>`);
  await events.expect("response", { transId: "t1", status: "success" });
  await events.expect("notify");
  await juliet.sync();
}

/**
 * All that came to Romeo up to now. The log is in order, so a message to him ends it: what has not come before it will
 * not come.
 * @param messenger who may write to him
 */
export async function eventsUntilNow({ juliet, events }: Stage, messenger = juliet): Promise<ForeignEvent[]> {
  messenger.send(`<message to='${ROMEO}' id='until-now'><body>that is all</body></message>`);
  const seen: ForeignEvent[] = [];
  for (;;) {
    const event = await events.next("the end of the events");
    if (event.event === "message" && event.data.transId === "until-now") return seen;
    seen.push(event);
  }
}

/** What the gateway keeps of the two. */
export function relation({ store }: Stage): Promise<Relation | undefined> {
  return store.gateway.getRelation(ROMEO, JULIET);
}
