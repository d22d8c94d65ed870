// kill -9 under a load of roster changes, approvals and publishes: whatever was acknowledged is there after the restart.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { balcony } from "../demo/programs.ts";
import { BuiltServer } from "../support/built-server.ts";
import { ScriptedClient } from "../support/client.ts";
import { Foreign, pidf } from "../support/foreign.ts";

const ROUNDS = 6;
let server: BuiltServer | undefined;
let folder = "";

afterEach(async () => {
  await server?.stop("SIGKILL");
  await rm(folder, { recursive: true, force: true });
});

it("loses no acknowledged roster item, approval or publication", { timeout: 90_000 }, async () => {
  folder = await mkdtemp(join(tmpdir(), "balcony-kill-"));
  const env = {
    BALCONY_STORAGE_PATH: folder,
    BALCONY_GATEWAY_DOMAINS: "example.net",
  };
  await balcony(["user", "add", "juliet"], env, "secret\n");
  const token = await balcony(["token", "add", "domain:example.net"], env);
  const roster = new Set<string>();
  const approved = new Set<string>();
  const published = new Map<string, string>();

  for (let round = 0; round < ROUNDS; round++) {
    const running = await BuiltServer.start({ env });
    server = running;
    const foreign = new Foreign(running.httpPort, token);
    const juliet = await ScriptedClient.login({
      port: running.c2sPort,
      domain: "localhost",
      user: "juliet",
      password: "secret",
    });
    await expectAll(juliet, foreign, { roster, approved, published });
    // Three kinds of work at once; the kill comes in the middle of it, after a number of acknowledgements.
    let acknowledged = 0;
    let over = false;
    const killed = new Promise<void>((resolve) => {
      const count = (): void => {
        acknowledged += 1;
        if (acknowledged === 20 + round * 7) {
          over = true;
          resolve(running.stop("SIGKILL").then(() => {}));
        }
      };
      void rosterSets(juliet, `r${round}`, roster, count, () => over);
      void approvals(juliet, foreign, `a${round}`, approved, count, () => over);
      void publications(foreign, `p${round}`, published, count, () => over);
    });
    await killed;
  }
  server = await BuiltServer.start({ env });
  const juliet = await ScriptedClient.login({
    port: server.c2sPort,
    domain: "localhost",
    user: "juliet",
    password: "secret",
  });
  await expectAll(juliet, new Foreign(server.httpPort, token), { roster, approved, published });
  expect(roster.size).toBeGreaterThan(ROUNDS);
  expect(approved.size).toBeGreaterThan(ROUNDS);
  expect(published.size).toBeGreaterThan(ROUNDS);
});

type Known = { roster: Set<string>; approved: Set<string>; published: Map<string, string> };

async function expectAll(juliet: ScriptedClient, foreign: Foreign, known: Known): Promise<void> {
  const answer = await juliet.ask("get", "<query xmlns='jabber:iq:roster'/>");
  const items = new Map(
    answer
      .getChild("query")
      ?.getChildElements()
      .map((item) => [item.attrs.jid as string, item.attrs]),
  );
  for (const jid of known.roster) expect(items.has(jid), jid).toBe(true);
  for (const jid of known.approved) {
    expect(items.get(jid)?.subscription, jid).toBe("to");
    const watchers = (await foreign.call("GET", `/presentities/${jid}/watchers`)).json<{ state: string }[]>();
    expect(watchers[0]?.state, jid).toBe("active");
  }
  for (const [jid, document] of known.published) {
    expect((await foreign.call("GET", `/presentities/${jid}/presence`)).text).toBe(document);
  }
}

// Each goes on until the kill; what fails then was not acknowledged.
async function rosterSets(
  juliet: ScriptedClient,
  prefix: string,
  done: Set<string>,
  count: () => void,
  over: () => boolean,
): Promise<void> {
  try {
    for (let n = 0; !over(); n++) {
      const jid = `${prefix}-${n}@example.org`;
      const answer = await juliet.ask("set", `<query xmlns='jabber:iq:roster'><item jid='${jid}'/></query>`);
      if (answer.attrs.type !== "result") continue;
      done.add(jid);
      count();
    }
  } catch {
    // the kill
  }
}

async function approvals(
  juliet: ScriptedClient,
  foreign: Foreign,
  prefix: string,
  done: Set<string>,
  count: () => void,
  over: () => boolean,
): Promise<void> {
  try {
    for (let n = 0; !over(); n++) {
      const jid = `${prefix}-${n}@example.net`;
      await foreign.presentity(jid);
      juliet.send(`<presence to='${jid}' type='subscribe' id='${prefix}-${n}'/>`);
      for (;;) {
        const watchers = (await foreign.call("GET", `/presentities/${jid}/watchers`)).json<unknown[]>();
        if (watchers.length > 0) break;
      }
      const answer = await foreign.call("PUT", `/presentities/${jid}/watchers/juliet@localhost`, { state: "active" });
      if (answer.status !== 204) continue;
      done.add(jid);
      count();
    }
  } catch {
    // the kill
  }
}

async function publications(
  foreign: Foreign,
  prefix: string,
  done: Map<string, string>,
  count: () => void,
  over: () => boolean,
): Promise<void> {
  try {
    for (let n = 0; !over(); n++) {
      const jid = `${prefix}-${n}@example.net`;
      await foreign.presentity(jid);
      const document = pidf(jid, { id: "t", note: `number ${n}` });
      const answer = await foreign.publish(jid, document);
      if (answer.status !== 201) continue;
      done.set(jid, document);
      count();
    }
  } catch {
    // the kill
  }
}
