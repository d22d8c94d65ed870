// Both sides do whatever they can, at once and at random. Whenever all is quiet, the user's roster and the gateway's relation
// are the two ends of one subscription, and each side knows the other's presence as it is.

import { describe, expect, it } from "vitest";
import { isPendingIn, isPendingOut, isWatching, watches } from "../../server/roster/subscription.ts";
import { createMemoryStore } from "../../storage/memory.ts";
import type { Store } from "../../storage/store.ts";
import type { ScriptedClient } from "../support/client.ts";
import { type EventStream, Foreign, pidf } from "../support/foreign.ts";
import { cleanUp, startServer } from "../support/server.ts";

const ROMEO = "romeo@example.net";
const JULIET = "juliet@example.com";
const PRESENTITY = `/presentities/${ROMEO}`;
const [ROUNDS, STEPS] = [15, 8];

type Random = (below: number) => number;
type Scene = {
  readonly store: Store;
  readonly foreign: Foreign;
  readonly events: EventStream;
  readonly clients: readonly ScriptedClient[];
  /** What each of Juliet's resources says. */
  readonly statuses: Map<ScriptedClient, string>;
  readonly random: Random;
};
type Step = (scene: Scene, client: ScriptedClient) => Promise<unknown> | undefined;

// A linear congruential generator, so that a seed that fails does so again.
function seeded(seed: number): Random {
  let state = seed * 7919;
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) & 0x7fff_ffff;
    return state % below;
  };
}

function sends(xml: string): Step {
  return (_scene, client) => {
    client.send(xml);
    return undefined;
  };
}

function calls(method: string, path: string, body?: unknown): Step {
  return ({ foreign }) => foreign.call(method, `${PRESENTITY}${path}`, body);
}

const STEPS_OF_BOTH: readonly Step[] = [
  sends(`<presence to='${ROMEO}' type='subscribe'/>`),
  sends(`<presence to='${ROMEO}' type='subscribe'/>`),
  sends(`<presence to='${ROMEO}' type='unsubscribe'/>`),
  sends(`<presence to='${ROMEO}' type='subscribed'/>`),
  sends(`<presence to='${ROMEO}' type='unsubscribed'/>`),
  sends(
    `<iq type='set' id='out'><query xmlns='jabber:iq:roster'><item jid='${ROMEO}' subscription='remove'/></query></iq>`,
  ),
  ({ statuses, random }, client) => {
    const status = `status ${random(1_000_000)}`;
    statuses.set(client, status);
    client.send(`<presence><status>${status}</status></presence>`);
    return undefined;
  },
  calls("PUT", `/watchers/${JULIET}`, { state: "active" }),
  calls("PUT", `/watchers/${JULIET}`, { state: "active" }),
  calls("DELETE", `/watchers/${JULIET}`),
  calls("PUT", `/subscriptions/${JULIET}`, {}),
  calls("PUT", `/subscriptions/${JULIET}`, { duration: 100 }),
  calls("DELETE", `/subscriptions/${JULIET}`),
  ({ foreign, random }) => foreign.publish(ROMEO, pidf(ROMEO, { id: "orchard", note: `note ${random(1_000_000)}` })),
  ({ foreign, random }) =>
    random(3) > 0 ? undefined : foreign.call("DELETE", PRESENTITY).then(() => foreign.presentity(ROMEO)),
];

describe("whatever comes at once", () => {
  it.each([1, 2, 3, 4, 5, 6])("the two sides agree afterwards (seed %i)", async (seed) => {
    const store = createMemoryStore();
    const server = await startServer({ gateway: { domains: { "example.net": {} } } }, { store });
    const foreign = await Foreign.of(server, "domain:example.net");
    await foreign.presentity(ROMEO);
    const events = await foreign.events("/domains/example.net/events");
    cleanUp(async () => events.close());
    const clients = [
      await server.online("juliet", { resource: "a" }),
      await server.online("juliet", { resource: "b" }),
    ];
    const scene: Scene = { store, foreign, events, clients, statuses: new Map(), random: seeded(seed) };
    let document = "";
    for (let round = 0; round < ROUNDS; round += 1) {
      await Promise.all(Array.from({ length: STEPS }, () => step(scene)));
      for (const client of [...clients, ...clients]) await client.sync();
      document = (await lastNotify(scene, `end ${round}`)) ?? document;
      await expectAgreement(scene, document);
    }
  });
});

function step(scene: Scene): Promise<unknown> | undefined {
  const { clients, random } = scene;
  const does = STEPS_OF_BOTH[random(STEPS_OF_BOTH.length)] as Step;
  return does(scene, clients[random(clients.length)] as ScriptedClient);
}

/** The last document that reached Romeo, up to now. */
async function lastNotify({ clients, events }: Scene, id: string): Promise<string | undefined> {
  let document: string | undefined;
  clients[0]?.send(`<message to='${ROMEO}' id='${id.replace(" ", "-")}'><body>${id}</body></message>`);
  for (;;) {
    const { event, data } = await events.next(id);
    if (event === "message" && data.transId === id.replace(" ", "-")) return document;
    if (event === "notify") document = data.object as string;
  }
}

async function expectAgreement({ store, clients, statuses }: Scene, document: string): Promise<void> {
  const relation = await store.gateway.getRelation(ROMEO, JULIET);
  const hers = (await store.roster.get(JULIET, ROMEO))?.state ?? "none";
  const his = relation?.state ?? "none";
  const [watch, subscription] = [relation?.watch ?? null, relation?.subscription ?? null];
  const about = `her roster: ${hers}, the gateway: ${his}`;
  expect([isWatching(hers), isPendingOut(hers)], about).toEqual([watches(his), isPendingIn(his)]);
  expect([watches(hers), isPendingIn(hers)], about).toEqual([isWatching(his), isPendingOut(his)]);
  expect(watch !== null, about).toBe(watches(his) || isPendingIn(his));
  expect(subscription?.state === "pending", about).toBe(isPendingOut(his));
  if (isWatching(hers)) {
    const published = (await store.gateway.getPublication(ROMEO))?.document;
    const known = published === undefined ? "unavailable" : /<note>(.*)<\/note>/.exec(published)?.[1];
    for (const client of clients) expect(lastHeard(client), client.full).toBe(known);
  }
  if (subscription?.state !== "active") return;
  for (const client of clients) {
    const [tuple = ""] = new RegExp(`<tuple id="${client.jid.resourcepart}">[^]*?</tuple>`).exec(document) ?? [];
    expect(tuple).toContain("<basic>open</basic>");
    expect(tuple).toContain(statuses.get(client) ?? "");
  }
}

/** What Romeo's presence last was to a client: its status, or "unavailable". */
function lastHeard(client: ScriptedClient): string | undefined {
  const stanzas = client.received.matchAll(
    /<presence\b(?=[^>]*from=["']romeo@example\.net)([^>]*?)(?:\/>|>(.*?)<\/presence>)/g,
  );
  let heard: string | undefined;
  for (const [, attributes = "", content = ""] of stanzas) {
    const type = /type=["'](\w+)["']/.exec(attributes)?.[1];
    if (type === "unavailable") heard = type;
    else if (type === undefined) heard = /<status>(.*)<\/status>/.exec(content)?.[1];
  }
  return heard;
}
