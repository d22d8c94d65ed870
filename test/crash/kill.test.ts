// Twenty kills (SIGKILL) under a load of messages between users, to the absent and to and from the foreign side, of roster
// changes and of publications: whatever was acknowledged is accounted for.
//
// A client's stream is in order (RFC 6120 section 10.1), so the answer to a request acknowledges the messages before it.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Element } from "ltx";
import { afterEach, expect, it } from "vitest";
import { balcony } from "../demo/programs.ts";
import { BuiltServer } from "../support/built-server.ts";
import { ScriptedClient } from "../support/client.ts";
import { cpim, Foreign, pidf } from "../support/foreign.ts";

const ROUNDS = 20;
const USERS = ["juliet", "romeo", "nurse"];
const PRESENTITY = "tybalt@example.net";

let server: BuiltServer | undefined;
let folder = "";

afterEach(async () => {
  await server?.stop("SIGKILL");
  await rm(folder, { recursive: true, force: true });
});

/** What was acknowledged, and what arrived. A message is known by its body, which no other has. */
class Ledger {
  readonly toRomeo = new Set<string>();
  readonly toNurse = new Set<string>();
  readonly fromForeign = new Set<string>();
  readonly toForeign = new Set<string>();
  /** Of each contact ever sent: what must be; undefined: what was sent last was not acknowledged. */
  readonly contacts = new Map<string, "there" | "gone" | undefined>();
  /** Number of the publication acknowledged last, and of the one sent last. */
  readonly published = { acknowledged: 0, sent: 0 };
  readonly atRomeo = new Set<string>();
  readonly atNurse: string[] = [];
  acknowledgements = 0;
  onAcknowledged: () => void = () => {};

  acknowledged(): void {
    this.acknowledgements += 1;
    this.onAcknowledged();
  }
}

it("accounts for every acknowledged message, roster change and publication", { timeout: 180_000 }, async () => {
  folder = await mkdtemp(join(tmpdir(), "balcony-crash-"));
  const env = {
    BALCONY_STORAGE_PATH: folder,
    BALCONY_GATEWAY_DOMAINS: "example.net",
    BALCONY_LIMITS_OFFLINE_MESSAGES: "100000",
    BALCONY_LIMITS_ROSTER_ITEMS: "100000",
  };
  for (const user of USERS) await balcony(["user", "add", user], env, "secret\n");
  const token = await balcony(["token", "add", "domain:example.net"], env);
  const ledger = new Ledger();

  for (let round = 0; round < ROUNDS; round += 1) {
    const running = await start(env);
    const foreign = new Foreign(running.httpPort, token);
    if (round === 0) await foreign.presentity(PRESENTITY);
    await expectStored(running, foreign, ledger);
    await load(running, foreign, ledger, round);
  }

  const running = await start(env);
  const foreign = new Foreign(running.httpPort, token);
  await expectStored(running, foreign, ledger);
  await expectMessages(running, foreign, ledger);
  // The load was one: something of every kind in every round.
  for (const kind of [ledger.toRomeo, ledger.toNurse, ledger.fromForeign, ledger.toForeign, ledger.contacts]) {
    expect(kind.size).toBeGreaterThan(ROUNDS);
  }
  expect(ledger.published.acknowledged).toBeGreaterThan(ROUNDS);
});

async function start(env: Record<string, string>): Promise<BuiltServer> {
  server = await BuiltServer.start({ env });
  return server;
}

function login(running: BuiltServer, user: string): Promise<ScriptedClient> {
  return ScriptedClient.login({ port: running.c2sPort, domain: "localhost", user, password: "secret" });
}

/** Works until the kill, which comes after a number of acknowledgements that differs from round to round. */
async function load(running: BuiltServer, foreign: Foreign, ledger: Ledger, round: number): Promise<void> {
  const [juliet, talker, romeo] = await Promise.all([
    login(running, "juliet"),
    login(running, "juliet"),
    login(running, "romeo"),
  ]);
  romeo.send("<presence/>");
  await romeo.sync();
  const killAt = ledger.acknowledgements + 40 + ((round * 37) % 110);
  let over = false;
  const killed = new Promise<void>((resolve) => {
    ledger.onAcknowledged = () => {
      if (over || ledger.acknowledgements < killAt) return;
      over = true;
      resolve(running.stop("SIGKILL").then(() => {}));
    };
  });
  const untilKilled = async (work: (n: string) => Promise<void>): Promise<void> => {
    try {
      for (let n = 0; !over; n += 1) await work(`${round}-${n}`);
    } catch (error) {
      if (!over) throw error;
    }
  };
  const work = [
    untilKilled((n) => changeRoster(juliet, ledger, n)),
    untilKilled((n) => talk(talker, ledger, n)),
    untilKilled((n) => publish(foreign, ledger, n)),
    untilKilled((n) => callFromAbroad(foreign, ledger, n)),
    receive(romeo, (body) => void ledger.atRomeo.add(body)),
    // Now and then the nurse comes home in the middle of it, and what waits for her is on its way when the server dies.
    ...(round % 3 === 2 ? [receiveAs(running, "nurse", (body) => void ledger.atNurse.push(body))] : []),
  ];
  await Promise.all([killed, ...work]);
}

// ---- the load

async function changeRoster(juliet: ScriptedClient, ledger: Ledger, n: string): Promise<void> {
  const jid = `contact-${n}@example.org`;
  const set = async (item: string, then: "there" | "gone"): Promise<void> => {
    ledger.contacts.set(jid, undefined);
    const answer = await juliet.ask("set", `<query xmlns='jabber:iq:roster'>${item}</query>`);
    expect(answer.attrs.type).toBe("result");
    ledger.contacts.set(jid, then);
    ledger.acknowledged();
  };
  await set(`<item jid='${jid}' name='${n}'/>`, "there");
  if (Number(n.split("-")[1]) % 3 === 0) await set(`<item jid='${jid}' subscription='remove'/>`, "gone");
}

async function talk(juliet: ScriptedClient, ledger: Ledger, n: string): Promise<void> {
  const sent = [
    ["romeo@localhost", `to romeo ${n}`, ledger.toRomeo],
    ["nurse@localhost", `to nurse ${n}`, ledger.toNurse],
    [PRESENTITY, `to tybalt ${n}`, ledger.toForeign],
  ] as const;
  for (const [to, body] of sent) {
    juliet.send(`<message to='${to}' type='chat' id='${n}'><body>${body}</body></message>`);
  }
  const id = `ack-${n}`;
  juliet.send(`<iq type='get' id='${id}' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>`);
  const answer = await juliet.next();
  expect(answer.toString()).toContain(`id="${id}"`); // and nothing before it: no message was refused
  for (const [, body, acknowledged] of sent) {
    acknowledged.add(body);
    ledger.acknowledged();
  }
}

async function publish(foreign: Foreign, ledger: Ledger, _n: string): Promise<void> {
  ledger.published.sent += 1;
  const number = ledger.published.sent;
  const answer = await foreign.publish(PRESENTITY, pidf(PRESENTITY, { id: "t", note: `number ${number}` }));
  expect([200, 201]).toContain(answer.status);
  ledger.published.acknowledged = number;
  ledger.acknowledged();
}

async function callFromAbroad(foreign: Foreign, ledger: Ledger, n: string): Promise<void> {
  const body = `from tybalt ${n}`;
  const answer = await foreign.message(cpim(PRESENTITY, "nurse@localhost", body));
  expect(answer.status).toBe(200);
  ledger.fromForeign.add(body);
  ledger.acknowledged();
}

/** Notes the bodies of all messages until the connection ends. */
async function receive(client: ScriptedClient, note: (body: string) => void): Promise<void> {
  try {
    for (;;) {
      const stanza = await client.next();
      if (stanza.name === "message") note(bodyOf(stanza));
    }
  } catch {
    // the kill
  }
}

async function receiveAs(running: BuiltServer, user: string, note: (body: string) => void): Promise<void> {
  try {
    const client = await login(running, user);
    client.send("<presence/>");
    await receive(client, note);
  } catch {
    // the kill came before
  }
}

function bodyOf(stanza: Element): string {
  return stanza.getChildText("body") ?? "";
}

// ---- the account

async function expectStored(running: BuiltServer, foreign: Foreign, ledger: Ledger): Promise<void> {
  const juliet = await login(running, "juliet");
  const answer = await juliet.ask("get", "<query xmlns='jabber:iq:roster'/>");
  const items = new Set(
    answer
      .getChild("query")
      ?.getChildElements()
      .map(({ attrs }) => attrs.jid as string),
  );
  const wrong = [...ledger.contacts].filter(
    ([jid, state]) => state !== undefined && items.has(jid) !== (state === "there"),
  );
  expect(wrong).toEqual([]);
  await juliet.close();
  const { acknowledged, sent } = ledger.published;
  if (acknowledged === 0) return;
  const document = (await foreign.call("GET", `/presentities/${PRESENTITY}/presence`)).text;
  const number = Number(/number (\d+)/.exec(document)?.[1]);
  // What was on its way at the kill may have arrived or not.
  expect(number).toBeGreaterThanOrEqual(acknowledged);
  expect(number).toBeLessThanOrEqual(sent);
  ledger.published.acknowledged = number;
}

async function expectMessages(running: BuiltServer, foreign: Foreign, ledger: Ledger): Promise<void> {
  for (const [user, note] of [
    ["nurse", (body: string) => void ledger.atNurse.push(body)],
    ["romeo", (body: string) => void ledger.atRomeo.add(body)],
  ] as const) {
    const client = await login(running, user);
    client.send("<presence/>");
    client.send("</stream:stream>"); // in order, too: what waited comes before the end
    await receive(client, note);
  }
  const atNurse = new Set(ledger.atNurse);
  expect([...ledger.toNurse, ...ledger.fromForeign].filter((body) => !atNurse.has(body))).toEqual([]);
  expect([...ledger.toRomeo].filter((body) => !ledger.atRomeo.has(body))).toEqual([]);
  expectOrder([...atNurse].filter((body) => body.startsWith("to nurse")));
  expectOrder([...atNurse].filter((body) => body.startsWith("from tybalt")));

  const events = await foreign.events(`/presentities/${PRESENTITY}/events?after=0`);
  const atForeign: string[] = [];
  while ([...ledger.toForeign].some((body) => !atForeign.includes(body))) {
    const { event, data } = await events.next("event that was acknowledged");
    if (event === "message") atForeign.push(/to tybalt \d+-\d+/.exec(String(data.object))?.[0] ?? "");
  }
  events.close();
  expect(new Set(atForeign).size).toBe(atForeign.length); // the log has each once
  expectOrder(atForeign);
}

/** As they were sent: "... ROUND-NUMBER". */
function expectOrder(bodies: readonly string[]): void {
  const key = (body: string): number => {
    const [round = 0, n = 0] = (/(\d+)-(\d+)$/.exec(body) ?? []).slice(1).map(Number);
    return round * 1_000_000 + n;
  };
  expect(bodies).toEqual([...bodies].sort((a, b) => key(a) - key(b)));
}
