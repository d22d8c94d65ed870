// RFC 6121 sections 3 and 4 under load: users who come, go, subscribe and unsubscribe all at once, and whose clients must
// believe in the end what is true. The choices come from a seed, which a failure names.

import type { Element } from "ltx";
import { describe, expect, it } from "vitest";
import type { ScriptedClient } from "../support/client.ts";
import { temporaryFolder } from "../support/folder.ts";
import { startServer, type TestServer } from "../support/server.ts";

const ROSTER = "jabber:iq:roster";
const USERS = ["ann", "bob", "cat", "dan"];
const RESOURCES = ["1", "2"];

/** A small generator with a seed (mulberry32), so that a failure can be had again. */
function chooser(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

type Item = { readonly subscription: string; readonly ask: string | undefined };

/** A resource, and what its client has been told: the roster, and who is there, as a client keeps it. */
class Resource {
  readonly user: string;
  readonly name: string;
  client: ScriptedClient | undefined;
  /** The last presence that it sent; undefined: not available. */
  said: string | undefined;
  readonly roster = new Map<string, Item>();
  readonly seen = new Map<string, string>();
  readonly requests: string[] = [];

  constructor(user: string, name: string) {
    this.user = user;
    this.name = name;
  }

  get bare(): string {
    return `${this.user}@example.com`;
  }

  get full(): string {
    return `${this.bare}/${this.name}`;
  }

  async login(server: TestServer): Promise<void> {
    for (const known of [this.roster, this.seen]) known.clear();
    this.said = undefined;
    this.client = await server.client(this.user, { resource: this.name });
    this.client.send(`<iq type='get' id='roster'><query xmlns='${ROSTER}'/></iq>`);
  }

  /** Takes in what has come, up to the answer to a ping. */
  async read(): Promise<void> {
    const { client } = this;
    if (client === undefined) return;
    const id = `read-${Math.random()}`;
    client.send(`<iq type='get' id='${id}' to='example.com'><ping xmlns='urn:xmpp:ping'/></iq>`);
    for (let stanza = await client.next(); stanza.attrs.id !== id; stanza = await client.next()) this.#take(stanza);
  }

  #take(stanza: Element): void {
    const { from = "", type } = stanza.attrs as Record<string, string | undefined>;
    if (stanza.name === "presence") {
      if (type === undefined) this.seen.set(from, stanza.getChildText("status") ?? "");
      else if (type === "unavailable") this.seen.delete(from);
      if (type === "unavailable" && from === this.full)
        this.seen.clear(); // nobody tells it of anybody's end any more
      else if (type === "subscribe") this.requests.push(from);
      return;
    }
    const query = stanza.getChild("query", ROSTER);
    if (stanza.attrs.id === "roster") this.roster.clear();
    for (const item of query?.getChildElements() ?? []) {
      const { jid, subscription, ask } = item.attrs as Record<string, string>;
      if (subscription === "remove") this.roster.delete(jid as string);
      else this.roster.set(jid as string, { subscription: subscription as string, ask });
      // Section 3.3.3: presence without a subscription is null and void.
      if (subscription === "to" || subscription === "both") continue;
      for (const full of [...this.seen.keys()]) if (full.startsWith(`${jid}/`)) this.seen.delete(full);
    }
  }
}

async function act(server: TestServer, me: Resource, below: (n: number) => number, n: number): Promise<void> {
  const contact = `${USERS.filter((user) => user !== me.user)[below(USERS.length - 1)]}@example.com`;
  if (me.client === undefined) {
    if (below(3) > 0) await me.login(server);
    return;
  }
  switch (below(12)) {
    case 0:
    case 1:
    case 2:
      me.said = `${me.full} ${n}`;
      me.client.send(`<presence><status>${me.said}</status><priority>${below(3) - 1}</priority></presence>`);
      return;
    case 3:
      me.said = undefined;
      me.client.send("<presence type='unavailable'/>");
      return;
    case 4:
    case 5:
      me.client.send(`<presence to='${contact}' type='subscribe'/>`);
      return;
    case 6:
    case 7:
      me.client.send(`<presence to='${contact}' type='subscribed'/>`);
      return;
    case 8:
      me.client.send(`<presence to='${contact}' type='${below(2) === 0 ? "unsubscribe" : "unsubscribed"}'/>`);
      return;
    case 9:
      me.client.send(
        `<iq type='set' id='r'><query xmlns='${ROSTER}'><item jid='${contact}' subscription='remove'/></query></iq>`,
      );
      return;
    case 10:
      me.client.send(`<message to='${contact}' type='chat'><body>${n}</body></message>`);
      return;
    default: {
      const { client } = me;
      me.client = undefined;
      me.said = undefined;
      if (below(2) === 0) await client.close();
      else client.cut();
    }
  }
}

function sees(item: Item | undefined): boolean {
  return item?.subscription === "to" || item?.subscription === "both";
}

async function run(seed: number, path: string, steps: number): Promise<void> {
  const server = await startServer({ storage: { path } });
  for (const user of USERS) await server.admin.addUser(user, "secret");
  const below = chooser(seed);
  const all = USERS.flatMap((user) => RESOURCES.map((name) => new Resource(user, name)));
  let gone = 0;
  server.on("session", () => {
    gone -= 1;
  });
  server.on("sessionEnd", () => {
    gone += 1;
  });
  await Promise.all(
    all.map(async (resource) => {
      for (let n = 0; n < steps; n++) {
        await act(server, resource, below, n);
        if (below(4) === 0) await resource.read();
      }
    }),
  );
  // Quiet: everybody who is cut is gone, and everybody has read what the last words of the others made.
  const there = all.filter(({ client }) => client !== undefined);
  while (-gone > there.length) await Promise.all(there.map((resource) => resource.read()));
  for (let round = 0; round < 3; round++) for (const resource of there) await resource.read();

  const rosters = new Map<string, Map<string, Item>>();
  for (const user of USERS) {
    const probe = new Resource(user, "probe");
    await probe.login(server);
    await probe.read();
    rosters.set(probe.bare, probe.roster);
    await probe.client?.close();
  }
  for (const [bare, roster] of rosters) {
    for (const other of rosters.keys()) {
      const [mine, theirs] = [roster.get(other), rosters.get(other)?.get(bare)];
      const from = theirs?.subscription === "from" || theirs?.subscription === "both";
      expect(`${bare} sees ${other}: ${sees(mine)}`).toBe(`${bare} sees ${other}: ${from}`);
    }
  }
  for (const resource of there) {
    expect({ of: resource.full, roster: [...resource.roster].sort() }).toEqual({
      of: resource.full,
      roster: [...(rosters.get(resource.bare) as Map<string, Item>)].sort(),
    });
    const truth = resource.said === undefined ? [] : all.filter((other) => other.said !== undefined);
    const visible = truth
      .filter((other) => other.user === resource.user || sees(rosters.get(resource.bare)?.get(other.bare)))
      .map((other) => [other.full, other.said]);
    if (resource.said === undefined) continue; // what a client without a presence session last saw is old news
    expect({ of: resource.full, sees: [...resource.seen].sort() }).toEqual({ of: resource.full, sees: visible.sort() });
  }
  // Section 3.1.3: a request waits exactly where the one who asked still shows it as pending.
  for (const user of USERS) {
    const newcomer = new Resource(user, "newcomer");
    await newcomer.login(server);
    newcomer.client?.send("<presence/>");
    await newcomer.read();
    const waiting = [...rosters].filter(([, roster]) => roster.get(newcomer.bare)?.ask === "subscribe");
    expect({ user, requests: newcomer.requests.sort() }).toEqual({
      user,
      requests: waiting.map(([bare]) => bare).sort(),
    });
    await newcomer.client?.close();
  }
  await server.stop();
}

describe("everybody's view is right when all is quiet", () => {
  it.each([1, 2, 3, 4])("in memory, seed %i", (seed) => run(seed, ":memory:", 80));
  it.each([11, 12, 13, 14])("in SQLite, seed %i", async (seed) => run(seed, await temporaryFolder(), 80));
});
