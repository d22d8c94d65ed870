// npm run bench:gateway [-- --max 10000] [--seconds 2] [--reps 3] [--only REGEX] [--markdown FILE]
// Messages and presence through the gateway, from socket to socket: XMPP clients on one side, calls and event streams of
// the HTTP binding on the other, a SQLite store between. The server is a process of its own; what counts is its processor
// time for one message or one notification, and how that grows with watchers, tuples, presentities and event streams.

import { parseArgs } from "node:util";
import { addAccounts, addPresentities, addWatchers, FOREIGN, numbered, presentityJid, type Tie } from "./filling.ts";
import { Caller, listen } from "./http-wire.ts";
import { costOf, MeasuredServer, repeatFor } from "./measured-server.ts";
import { count, figure, median, report, type Table } from "./report.ts";
import { Client, loginAll, Tally } from "./swarm.ts";

const { values: options } = parseArgs({
  options: {
    max: { type: "string", default: "10000" },
    seconds: { type: "string", default: "2" },
    reps: { type: "string", default: "3" },
    only: { type: "string", default: "" },
    markdown: { type: "string" },
  },
});
const seconds = Number(options.seconds);
const only = new RegExp(options.only);
const SIZES = [10, 100, 1_000, 10_000].filter((size) => size <= Number(options.max));
const RESOURCES = [1, 4, 16, 32];
const WATCHERS_OF_DOCUMENTS = 10;
const IN_FLIGHT = 32;
/** Notifications that are asked for at a time. */
const BURST = 200;
const SENDERS = [...numbered("sender", BURST)];
const LIMITS = { rosterItems: 20_000, httpBodyBytes: 1_048_576, eventStreams: 2_000 };
const BODY = "the quick brown fox jumps over the lazy dog and then says hello to you again. ";

/** One row: what it costs, measured when its turn comes. */
type Row = { readonly label: number; readonly unit: () => Promise<number>; readonly server: MeasuredServer };
type Series = { readonly title: string; readonly column: string; readonly what: string; readonly rows: readonly Row[] };

/**
 * All rows take turns, so that what else the machine does hits them alike. The first round, longer because a new server
 * compiles what it runs, is not counted.
 */
async function measure({ title, column, what, rows }: Series): Promise<Table> {
  const costs = rows.map((): number[] => []);
  for (let round = 0; round <= Number(options.reps); round += 1) {
    for (const [n, { server, unit }] of rows.entries()) {
      const cost = await costOf(server, () => repeatFor(round === 0 ? 2 * seconds : seconds, unit));
      if (round > 0) costs[n]?.push(cost);
      console.error(`${title}, ${rows[n]?.label}: ${figure(cost)} us`);
    }
  }
  const first = median(costs[0] ?? []);
  return {
    title,
    columns: [
      column,
      "times the first",
      `us for one ${what}`,
      `${what === "notify" ? "notifies" : `${what}s`} for a second of processor time`,
    ],
    rows: rows.map(({ label }, n) => {
      const cost = median(costs[n] ?? []);
      return [count(label), figure(cost / first), figure(cost), count(Number((1e6 / cost).toPrecision(3)))];
    }),
  };
}

// ---- what is sent

let serial = 0;

function messageTo(presentity: string): string {
  serial += 1;
  return `<message to='${presentityJid(presentity)}' type='chat' id='m${serial}'><body>${BODY}</body><active xmlns='http://jabber.org/protocol/chatstates'/></message>`;
}

function objectFrom(presentity: string, user: string) {
  serial += 1;
  const headers = `From: <im:${presentityJid(presentity)}>\r\nTo: <im:${user}@localhost>\r\n`;
  const body = `Content-type: Message/CPIM\r\n\r\n${headers}\r\nContent-type: text/plain; charset=utf-8\r\n\r\n${BODY}`;
  return { method: "POST", path: "/messages", type: "message/cpim", body } as const;
}

function tuple(id: number, note: string): string {
  return `<tuple id="t${id}"><status><basic>open</basic></status><note>${note}</note></tuple>`;
}

/** A document whose first `changed` tuples say something new. */
function publication(presentity: string, tuples: number, changed: number) {
  serial += 1;
  const all = Array.from({ length: tuples }, (_, n) => tuple(n, n < changed ? `note ${serial}` : "as before"));
  const body = `<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="pres:${presentityJid(presentity)}">${all.join("")}</presence>`;
  const path = `/presentities/${presentityJid(presentity)}/presence`;
  return { method: "PUT", path, type: "application/pidf+xml", body } as const;
}

function presenceChange(): string {
  serial += 1;
  return `<presence><show>${serial % 2 === 0 ? "away" : "dnd"}</show><status>state ${serial}</status></presence>`;
}

// ---- steps: each makes some things happen, waits until all of them came, and says how many those were

/** XMPP to the event log, and out of an event stream. */
function messagesOut(senders: readonly Client[], events: Tally, presentities: readonly string[]) {
  let at = 0;
  return async (): Promise<number> => {
    await events.after(BURST, () => {
      for (let n = 0; n < BURST; n += 1) {
        senders[n % senders.length]?.send(messageTo(presentities[at++ % presentities.length] as string));
      }
    });
    return BURST;
  };
}

/** HTTP POST to an XMPP client. */
function messagesIn(callers: readonly Caller[], arrived: Tally, presentities: readonly string[], user: string) {
  let at = 0;
  return async (): Promise<number> => {
    const calls: Promise<void>[] = [];
    await arrived.after(callers.length, () => {
      for (const caller of callers) {
        calls.push(caller.call(objectFrom(presentities[at++ % presentities.length] as string, user)));
      }
    });
    await Promise.all(calls);
    return callers.length;
  };
}

/** The presence of some users changes: a notify for each presentity that watches one. */
function notifies(users: readonly Client[], events: Tally, watchers: number) {
  const notified = users.length * watchers;
  return async (): Promise<number> => {
    // One change each: of several that come while the store is busy, the newest alone is told.
    await events.after(notified, () => {
      for (const user of users) user.send(presenceChange());
    });
    return notified;
  };
}

/** Publications of some presentities, by one connection each: a presence stanza for each watcher and changed tuple. */
function publishing(
  callers: readonly Caller[],
  arrived: Tally,
  presentities: readonly string[],
  { watchers, tuples, changed }: { watchers: number; tuples: number; changed: number },
) {
  let at = 0;
  return async (): Promise<number> => {
    const stanzas = watchers * changed;
    const together = Math.min(callers.length, presentities.length, Math.max(1, Math.round(BURST / stanzas)));
    const calls: Promise<void>[] = [];
    await arrived.after(together * stanzas, () => {
      for (const caller of callers.slice(0, together)) {
        const presentity = presentities[at++ % presentities.length] as string;
        calls.push(caller.call(publication(presentity, tuples, changed)));
      }
    });
    await Promise.all(calls);
    return together * stanzas;
  };
}

// ---- the gateway with many watchers, tuples and streams

const TITLE = {
  notifiesByWatchers: "XMPP presence to `notify` events, by the presentities that watch one user",
  notifiesByTuples:
    "XMPP presence to `notify` events for 10 watchers, by the resources of the user (tuples of each document)",
  stanzasByWatchers: "Publications to presence stanzas, by the XMPP users who watch one presentity",
  stanzasByTuples: "Publications to presence stanzas for 10 watchers, all tuples of the document changed",
  tuplesRead:
    "Publications to presence stanzas for 10 watchers, one tuple of the document changed: for each tuple of it",
  messagesByStreams: "Messages from XMPP, by event streams of presentities, beside one of the domain",
} as const;
const TITLES = Object.values(TITLE);

const largest = Math.max(...SIZES);

/** Users who are watched by so many, enough of them for a burst. */
const watchedBy = (size: number): string[] => [...numbered(`watched${size}-`, Math.max(1, BURST / size))];

const withResources = (resources: number): string[] => [...numbered(`r${resources}-`, BURST / WATCHERS_OF_DOCUMENTS)];

function* manyTies(): Iterable<Tie> {
  for (const size of SIZES) {
    for (const user of watchedBy(size)) {
      for (const presentity of numbered("n", size)) yield { presentity, user, who: "presentity" };
    }
    for (const user of numbered("w", size)) yield { presentity: `p${size}`, user, who: "user" };
    for (const user of numbered("w", WATCHERS_OF_DOCUMENTS)) yield { presentity: `t${size}`, user, who: "user" };
    for (const user of numbered("w", WATCHERS_OF_DOCUMENTS)) yield { presentity: `s${size}`, user, who: "user" };
  }
  for (const resources of RESOURCES) {
    for (const user of withResources(resources)) {
      for (const presentity of numbered("n", WATCHERS_OF_DOCUMENTS)) yield { presentity, user, who: "presentity" };
    }
  }
}

async function growingWatchers(): Promise<Table[]> {
  if (!TITLES.some((title) => only.test(title))) return [];
  const named = SIZES.flatMap((size) => [`p${size}`, `t${size}`, `s${size}`]);
  const server = await MeasuredServer.start(
    async (store, folder) => {
      const watched = [...SIZES.flatMap(watchedBy), ...RESOURCES.flatMap(withResources)];
      await addAccounts(store, folder, [...SENDERS, ...watched, ...numbered("w", largest)]);
      await addPresentities(store, [...named, ...numbered("n", largest)]);
      await addWatchers(store, manyTies());
    },
    { gateway: { domains: { [FOREIGN]: {} } }, limits: LIMITS },
  );
  const { c2sPort, httpPort } = server.server;
  const arrived = new Tally();
  const events = new Tally();
  const callers = Array.from({ length: IN_FLIGHT }, () => new Caller(httpPort));
  const watched = new Map<number, Client[]>();
  for (const size of SIZES) watched.set(size, await loginAll(c2sPort, watchedBy(size)));
  const manyResources = new Map<number, Client[]>();
  for (const resources of RESOURCES) {
    for (let n = 0; n < resources; n += 1) {
      const clients = await loginAll(c2sPort, withResources(resources), { resource: `r${n}` });
      manyResources.set(resources, clients);
    }
  }
  await loginAll(c2sPort, numbered("w", largest), { onPresence: (came) => arrived.add(came) });
  // What the logins caused is in the log: it comes first, and is not waited for.
  const old = new Tally();
  let sink = old;
  await listen(httpPort, `/domains/${FOREIGN}/events`, (came) => sink.add(came));
  const senders = await loginAll(c2sPort, SENDERS);
  await settled(server);
  sink = events;

  const tables: Table[] = [];
  const series: Series[] = [
    {
      title: TITLE.notifiesByWatchers,
      column: "watchers",
      what: "notify",
      rows: SIZES.map((size) => ({ label: size, server, unit: notifies(watched.get(size) ?? [], events, size) })),
    },
    {
      title: TITLE.notifiesByTuples,
      column: "tuples",
      what: "notify",
      rows: RESOURCES.map((resources) => ({
        label: resources,
        server,
        unit: notifies(manyResources.get(resources) ?? [], events, WATCHERS_OF_DOCUMENTS),
      })),
    },
    {
      title: TITLE.stanzasByWatchers,
      column: "watchers",
      what: "stanza",
      rows: SIZES.map((size) => ({
        label: size,
        server,
        unit: publishing(callers, arrived, [`p${size}`], { watchers: size, tuples: 1, changed: 1 }),
      })),
    },
    {
      title: TITLE.stanzasByTuples,
      column: "tuples",
      what: "stanza",
      rows: SIZES.map((size) => ({
        label: size,
        server,
        unit: publishing(callers, arrived, [`t${size}`], {
          watchers: WATCHERS_OF_DOCUMENTS,
          tuples: size,
          changed: size,
        }),
      })),
    },
    {
      title: TITLE.tuplesRead,
      column: "tuples",
      what: "tuple",
      rows: SIZES.map((size) => ({
        label: size,
        server,
        unit: timesTuples(
          publishing(callers, arrived, [`s${size}`], { watchers: WATCHERS_OF_DOCUMENTS, tuples: size, changed: 1 }),
          size,
        ),
      })),
    },
  ];
  for (const one of series.filter(({ title }) => only.test(title))) tables.push(await measure(one));
  tables.push(...(await growingStreams(server, senders)));
  await server.stop();
  return tables;
}

/** The same step, counted by the tuples that were read. */
function timesTuples(step: () => Promise<number>, tuples: number): () => Promise<number> {
  return async () => ((await step()) / WATCHERS_OF_DOCUMENTS) * tuples;
}

async function growingStreams(server: MeasuredServer, senders: readonly Client[]): Promise<Table[]> {
  const title = TITLE.messagesByStreams;
  if (!only.test(title)) return [];
  const rows: Table["rows"][number][] = [];
  let first = 0;
  for (const size of SIZES.filter((one) => one <= LIMITS.eventStreams / 2)) {
    const events = new Tally();
    const presentities = [...numbered("n", size)];
    const streams = [];
    for (const presentity of presentities) {
      streams.push(
        await listen(server.server.httpPort, `/presentities/${presentityJid(presentity)}/events`, (came) =>
          events.add(came),
        ),
      );
    }
    await settled(server);
    const unit = messagesOut(senders, events, presentities);
    await repeatFor(seconds / 2, unit);
    const measured: number[] = [];
    for (let round = 0; round < Number(options.reps); round += 1) {
      measured.push(await costOf(server, () => repeatFor(seconds, unit)));
    }
    const cost = median(measured);
    first ||= cost;
    rows.push([count(size), figure(cost / first), figure(cost), count(Number((1e6 / cost).toPrecision(3)))]);
    console.error(`${title}, ${size}: ${figure(cost)} us`);
    for (const stream of streams) stream.close();
  }
  const columns = ["streams", "times the first", "us for one message", "messages for a second of processor time"];
  return [{ title, columns, rows }];
}

/** When the server has nothing more to do. */
async function settled(server: MeasuredServer): Promise<void> {
  for (;;) {
    const before = await server.cpuMicros();
    await new Promise((resolve) => setTimeout(resolve, 250));
    if ((await server.cpuMicros()) - before < 5_000) return;
  }
}

// ---- the gateway with many presentities: a server for each number of them

type Crowd = {
  readonly label: number;
  readonly server: MeasuredServer;
  readonly out: () => Promise<number>;
  readonly in: () => Promise<number>;
  readonly publish: () => Promise<number>;
};

async function crowd(size: number): Promise<Crowd> {
  const presentities = [...numbered("n", size)];
  const users = [...numbered("w", 10)];
  const ties = presentities.map(
    (presentity, n): Tie => ({
      presentity,
      user: users[n % users.length] as string,
      who: "user",
    }),
  );
  const server = await MeasuredServer.start(
    async (store, folder) => {
      await addAccounts(store, folder, [...SENDERS, "reader", ...users]);
      await addPresentities(store, presentities);
      await addWatchers(store, ties);
    },
    { gateway: { domains: { [FOREIGN]: {} } }, limits: LIMITS },
  );
  const { c2sPort, httpPort } = server.server;
  const [events, messages, presences] = [new Tally(), new Tally(), new Tally()];
  const senders = await loginAll(c2sPort, SENDERS);
  await Client.login(c2sPort, "reader", { onMessage: () => messages.add(1) });
  await loginAll(c2sPort, users, { onPresence: (came) => presences.add(came) });
  await listen(httpPort, `/domains/${FOREIGN}/events`, (came) => events.add(came));
  await settled(server);
  const callers = Array.from({ length: IN_FLIGHT }, () => new Caller(httpPort));
  return {
    label: size,
    server,
    out: messagesOut(senders, events, presentities),
    in: messagesIn(callers, messages, presentities, "reader"),
    publish: publishing(callers, presences, presentities, { watchers: 1, tuples: 1, changed: 1 }),
  };
}

async function growingPresentities(): Promise<Table[]> {
  const parts = [
    ["Messages from XMPP to an event stream, by presentities", "message", "out"],
    ["Messages from HTTP to an XMPP client, by presentities", "message", "in"],
    ["Publications to one watcher each, by presentities", "stanza", "publish"],
  ] as const;
  const chosen = parts.filter(([title]) => only.test(title));
  if (chosen.length === 0) return [];
  const crowds: Crowd[] = [];
  for (const size of SIZES) crowds.push(await crowd(size));
  const tables: Table[] = [];
  for (const [title, what, part] of chosen) {
    const rows = crowds.map((one) => ({ label: one.label, server: one.server, unit: one[part] }));
    tables.push(await measure({ title, column: "presentities", what, rows }));
  }
  for (const { server } of crowds) await server.stop();
  return tables;
}

report([...(await growingPresentities()), ...(await growingWatchers())], options.markdown);
process.exit(0);
