// kill -9 while subscription requests are made and answered in both directions: what was acknowledged is there after the
// restart, and what was not can be asked for again; no request is lost on one side and in the way on the other.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Element } from "ltx";
import { afterEach, expect, it } from "vitest";
import { balcony } from "../demo/programs.ts";
import { BuiltServer } from "../support/built-server.ts";
import { ScriptedClient } from "../support/client.ts";
import { type EventStream, Foreign } from "../support/foreign.ts";

const ROUNDS = 3;
const JULIET = "juliet@localhost";
let server: BuiltServer | undefined;
let events: EventStream | undefined;
let folder = "";

afterEach(async () => {
  events?.close();
  await server?.stop("SIGKILL");
  await rm(folder, { recursive: true, force: true });
});

/** By presentity: the TransID that was acknowledged. */
type Known = Record<"watching" | "asked" | "granted", Map<string, string>> & { readonly tried: Set<string> };
type Row = { state: string; transId: string };

it("loses no acknowledged request, and keeps none that cannot be answered [PP-3.4a]", { timeout: 90_000 }, async () => {
  folder = await mkdtemp(join(tmpdir(), "balcony-kill-"));
  const env = {
    BALCONY_STORAGE_PATH: folder,
    BALCONY_GATEWAY_DOMAINS: "example.net",
  };
  await balcony(["user", "add", "juliet"], env, "secret\n");
  const token = await balcony(["token", "add", "domain:example.net"], env);
  const known: Known = { watching: new Map(), asked: new Map(), granted: new Map(), tried: new Set() };
  for (let round = 0; round < ROUNDS; round++) {
    const { running, juliet, foreign, requests } = await begin(env, token);
    await expectAll(known, juliet, foreign, requests);
    let acknowledged = 0;
    let over = false;
    const killed = new Promise<void>((resolve) => {
      const count = (): void => {
        acknowledged += 1;
        if (acknowledged !== 15 + round * 6) return;
        over = true;
        resolve(running.stop("SIGKILL").then(() => {}));
      };
      void users(juliet, foreign, `w${round}`, known, count, () => over);
      void presentities(juliet, foreign, `p${round}`, known, count, () => over);
    });
    await killed;
    events?.close();
  }
  const { juliet, foreign, requests } = await begin(env, token);
  await expectAll(known, juliet, foreign, requests);
  expect(Math.min(known.watching.size, known.asked.size, known.granted.size)).toBeGreaterThan(ROUNDS);

  // Whatever a kill came upon can be asked for again, and all of it can be granted.
  for (const presentity of known.tried) {
    const again = await foreign.call("PUT", `/presentities/${presentity}/subscriptions/${JULIET}`, {});
    expect([200, 202, 409], `${presentity}: ${again.text}`).toContain(again.status);
    juliet.send(`<presence type='subscribed' to='${presentity}'/>`);
  }
  await juliet.sync();
  for (const presentity of known.tried)
    expect(await subscription(foreign, presentity)).toMatchObject({ state: "active" });
});

async function begin(env: Record<string, string>, token: string) {
  const running = await BuiltServer.start({ env });
  server = running;
  const foreign = new Foreign(running.httpPort, token);
  events = await foreign.events("/domains/example.net/events?after=0");
  const login = { port: running.c2sPort, domain: "localhost", user: "juliet", password: "secret" };
  const juliet = await ScriptedClient.login(login);
  juliet.send("<presence/>");
  const requests = new Map<string, Element>();
  for (const stanza of await juliet.untilNow()) {
    if (stanza.attrs.type === "subscribe") requests.set(stanza.attrs.from as string, stanza);
  }
  return { running, juliet, foreign, requests };
}

async function expectAll(known: Known, juliet: ScriptedClient, foreign: Foreign, requests: Map<string, Element>) {
  const answer = await juliet.ask("get", "<query xmlns='jabber:iq:roster'/>");
  const items = answer.getChild("query")?.getChildElements() ?? [];
  const roster = new Map(items.map((item) => [item.attrs.jid as string, item.attrs]));
  for (const [presentity, transId] of known.watching) {
    const [watcher] = (await foreign.call("GET", `/presentities/${presentity}/watchers`)).json<Row[]>();
    expect(watcher, presentity).toMatchObject({ state: "pending", transId });
    expect(roster.get(presentity)?.ask, presentity).toBe("subscribe");
  }
  for (const [presentity, transId] of known.granted) {
    expect(await subscription(foreign, presentity), presentity).toMatchObject({ state: "active", transId });
    expect(roster.get(presentity)?.subscription, presentity).toBe("from");
  }
  for (const [presentity, transId] of known.asked) {
    const standing = await subscription(foreign, presentity);
    expect(standing, presentity).toMatchObject({ transId });
    if (standing?.state === "pending") expect(requests.get(presentity)?.attrs.id, presentity).toBe(transId);
  }
}

async function subscription(foreign: Foreign, presentity: string): Promise<Row | undefined> {
  return (await foreign.call("GET", `/presentities/${presentity}/subscriptions`)).json<Row[]>()[0];
}

// Each goes on until the kill; what fails then was not acknowledged.
async function users(
  juliet: ScriptedClient,
  foreign: Foreign,
  prefix: string,
  known: Known,
  count: () => void,
  over: () => boolean,
): Promise<void> {
  try {
    for (let n = 0; !over(); n++) {
      const jid = `${prefix}-${n}@example.net`;
      await foreign.presentity(jid);
      juliet.send(`<presence to='${jid}' type='subscribe' id='${prefix}-${n}'/>`);
      for (;;) {
        const [watcher] = (await foreign.call("GET", `/presentities/${jid}/watchers`)).json<Row[]>();
        if (watcher !== undefined) break;
      }
      known.watching.set(jid, `${prefix}-${n}`);
      count();
    }
  } catch {
    // the kill
  }
}

async function presentities(
  juliet: ScriptedClient,
  foreign: Foreign,
  prefix: string,
  known: Known,
  count: () => void,
  over: () => boolean,
): Promise<void> {
  try {
    for (let n = 0; !over(); n++) {
      const [jid, transId] = [`${prefix}-${n}@example.net`, `${prefix}-${n}`];
      await foreign.presentity(jid);
      known.tried.add(jid);
      const asked = await foreign.call("PUT", `/presentities/${jid}/subscriptions/${JULIET}`, { transId });
      if (asked.status !== 202) continue;
      known.asked.set(jid, transId);
      count();
      if (n % 3 === 2) continue; // she leaves some unanswered
      juliet.send(`<presence type='subscribed' to='${jid}'/>`);
      for (;;) {
        const event = await (events as EventStream).next();
        if (event.event === "response" && event.data.transId === transId) break;
      }
      known.granted.set(jid, transId);
      count();
    }
  } catch {
    // the kill
  }
}
