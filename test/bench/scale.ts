// npm run bench:scale [-- --online 100,1000,5000,10000] [--accounts 100,10000,100000] [--archived 1000000] [--seconds 3]
//                        [--reps 3] [--only REGEX] [--markdown FILE]
// How what one thing costs grows with how much else there is: users online, accounts, archived messages, contacts. Each row
// has a server of its own, filled in bulk, and all rows take turns. What counts is the processor time of the server; the
// clients are in this process.

import { parseArgs } from "node:util";
import type { ConfigInput } from "../../server/config.ts";
import type { Store } from "../../storage/store.ts";
import { addAccounts, addArchive, addContacts, type Contact, numbered, userJid } from "./filling.ts";
import { costOf, MeasuredServer, repeatFor } from "./measured-server.ts";
import { count, figure, median, report, type Table } from "./report.ts";
import { Client, loginAll, Tally } from "./swarm.ts";

const { values: options } = parseArgs({
  options: {
    online: { type: "string", default: "100,1000,5000,10000" },
    accounts: { type: "string", default: "100,10000,100000" },
    archived: { type: "string", default: "1000000" },
    rosters: { type: "string", default: "10,50,200,1000" },
    seconds: { type: "string", default: "3" },
    reps: { type: "string", default: "3" },
    only: { type: "string", default: "" },
    markdown: { type: "string" },
  },
});
const numbers = (text: string): number[] => text.split(",").map(Number);
const seconds = Number(options.seconds);
const only = new RegExp(options.only);
/** Contacts that each user has, in cliques. */
const CLIQUE = 12;
/** Messages that are on their way at a time, from as many users to as many. */
const WINDOW = 100;
/** Presence stanzas that are on their way at a time, each to another user. */
const RECIPIENTS = 200;
const LIMITS = { sessionsPerAccount: 100 };
const BODY = "the quick brown fox jumps over the lazy dog and then says hello to you again. ";

function message(to: string, id: number): string {
  return `<message to='${userJid(to)}' type='chat' id='m${id}'><body>${BODY}</body><active xmlns='http://jabber.org/protocol/chatstates'/><origin-id xmlns='urn:xmpp:sid:0' id='m${id}'/><request xmlns='urn:xmpp:receipts'/></message>`;
}

function* cliques(users: number): Iterable<Contact> {
  for (let n = 0; n < users; n += 1) {
    const first = n - (n % CLIQUE);
    for (let other = first; other < Math.min(first + CLIQUE, users); other += 1) {
      if (other !== n) yield [userJid(`u${n}`), userJid(`u${other}`), "both"];
    }
  }
}

// ---- messages between users who are online: pairs u0 and u1, u2 and u3, and so on, one pair after the other

type Row = { readonly label: string; readonly server: MeasuredServer; readonly step: () => Promise<number> };

/** @param writing how many of those who are online write to each other; the others are silent */
async function chatting(
  label: string,
  online: number,
  fill: (store: Store, folder: string) => Promise<void>,
  config: ConfigInput = {},
  writing = online,
): Promise<Row> {
  const server = await MeasuredServer.start(fill, config);
  const tally = new Tally();
  const clients = await loginAll(server.server.c2sPort, numbered("u", online), { onMessage: () => tally.add(1) });
  console.error(`${label}: ${online} online`);
  const senders = clients.filter(({ user }) => Number(user.slice(1)) < writing);
  let at = 0;
  const step = async (): Promise<number> => {
    await tally.after(WINDOW, () => {
      for (let n = 0; n < WINDOW; n += 1) {
        const sender = senders[at % senders.length] as Client;
        const number = Number(sender.user.slice(1));
        sender.send(message(`u${number ^ 1}`, at));
        at += 1;
      }
    });
    return WINDOW;
  };
  return { label, server, step };
}

async function inTurns(title: string, column: string, what: string, rows: readonly Row[]): Promise<Table> {
  const costs = rows.map((): number[] => []);
  for (let round = 0; round <= Number(options.reps); round += 1) {
    for (const [n, { server, step, label }] of rows.entries()) {
      const cost = await costOf(server, () => repeatFor(seconds, step));
      if (round > 0) costs[n]?.push(cost);
      console.error(`${title}, ${label}: ${figure(cost)} us`);
    }
  }
  for (const { server } of rows) await server.stop();
  const first = median(costs[0] ?? []);
  return {
    title,
    columns: [column, "times the first", `us for one ${what}`],
    rows: rows.map(({ label }, n) => {
      const cost = median(costs[n] ?? []);
      return [label, figure(cost / first), figure(cost)];
    }),
  };
}

const WITHOUT_ARCHIVE: ConfigInput = { archive: { enabled: false } };

async function usersOnline(): Promise<Table> {
  const rows: Row[] = [];
  const sizes = numbers(options.online);
  // Many who are silent beside those who write: whether their number counts, or how many take part.
  const silent = sizes.slice(1, 2).map((online) => [online, sizes[0] ?? 0] as const);
  const cases = [...sizes.map((online) => [online, online] as const), ...silent];
  for (const [online, writing] of cases) {
    const fill = async (store: Store, folder: string): Promise<void> => {
      await addAccounts(store, folder, numbered("u", online));
      await addContacts(store, cliques(online));
    };
    const label = writing === online ? count(online) : `${count(online)}, of whom ${count(writing)} write`;
    rows.push(await chatting(label, online, fill, WITHOUT_ARCHIVE, writing));
  }
  return inTurns("Messages, by users online", "online", "message", rows);
}

async function accounts(): Promise<Table> {
  const rows: Row[] = [];
  const online = 100;
  for (const all of numbers(options.accounts)) {
    const fill = async (store: Store, folder: string): Promise<void> => {
      await addAccounts(store, folder, numbered("u", all));
      await addContacts(store, cliques(Math.min(all, 20_000)));
    };
    rows.push(await chatting(count(all), online, fill, WITHOUT_ARCHIVE));
  }
  return inTurns("Messages between 100 users, by accounts", "accounts", "message", rows);
}

async function archived(): Promise<Table> {
  const rows: Row[] = [];
  const online = 100;
  for (const enabled of [false, true]) {
    for (const size of [0, ...numbers(options.archived)]) {
      const fill = async (store: Store, folder: string): Promise<void> => {
        await addAccounts(store, folder, numbered("u", 10_000));
        await addContacts(store, cliques(online));
        await addArchive(store, size, 10_000);
      };
      const label = `${count(size)}, archive ${enabled ? "on" : "off"}`;
      rows.push(await chatting(label, online, fill, { archive: { enabled } }));
    }
  }
  return inTurns("Messages between 100 users, by archived messages", "archived", "message", rows);
}

// ---- rosters: users with so many contacts, all of them online; each contact knows one of them alone

type Popular = {
  readonly size: number;
  readonly server: MeasuredServer;
  readonly stars: readonly Client[];
  readonly told: Tally;
};

const SESSIONS = 2_000;

const starsOf = (size: number): number => Math.max(1, Math.round(RECIPIENTS / size));

function* bothWays(size: number): Iterable<Contact> {
  for (let n = 0; n < starsOf(size); n += 1) {
    for (const contact of numbered("u", size, n * size)) {
      yield [userJid(`star${n}`), userJid(contact), "both"];
      yield [userJid(contact), userJid(`star${n}`), "both"];
    }
  }
}

async function popular(size: number): Promise<Popular> {
  const told = new Tally();
  const many = starsOf(size);
  const server = await MeasuredServer.start(
    async (store, folder) => {
      await addAccounts(store, folder, [...numbered("star", many), ...numbered("u", many * size)]);
      await addContacts(store, bothWays(size));
    },
    { ...WITHOUT_ARCHIVE, limits: LIMITS },
  );
  const { c2sPort } = server.server;
  await loginAll(c2sPort, numbered("u", many * size), { onPresence: (came) => told.add(came) });
  const stars = await loginAll(c2sPort, numbered("star", many));
  for (const star of stars) await star.ping();
  return { size, server, stars, told };
}

async function rosters(): Promise<Table[]> {
  const all: Popular[] = [];
  for (const size of numbers(options.rosters)) all.push(await popular(size));
  await new Promise((resolve) => setTimeout(resolve, 500));
  const broadcast: number[][] = all.map(() => []);
  const login: number[][] = all.map(() => []);
  let state = 0;
  for (let round = 0; round <= Number(options.reps); round += 1) {
    for (const [n, { size, server, stars, told }] of all.entries()) {
      const change = async (): Promise<number> => {
        await told.after(stars.length * size, () => {
          state += 1;
          for (const star of stars) star.send(`<presence><show>away</show><status>state ${state}</status></presence>`);
        });
        return stars.length * size;
      };
      const perRecipient = await costOf(server, () => repeatFor(seconds, change));
      // A second resource comes and goes: each contact is told of both, and their presence comes.
      const again = async (): Promise<number> => {
        await told.after(2 * size, () => {
          const second = Client.login(server.server.c2sPort, "star0", { resource: "second" });
          void second.then((client) => client.close());
        });
        return 1;
      };
      const perLogin = await costOf(server, () => repeatFor(seconds, again));
      if (round === 0) continue;
      broadcast[n]?.push(perRecipient);
      login[n]?.push(perLogin);
      console.error(`roster of ${size}: ${figure(perRecipient)} us a recipient, ${figure(perLogin)} us a login`);
    }
  }
  for (const { server } of all) await server.stop();
  const first = median(broadcast[0] ?? []);
  const [smallest, largest] = [median(login[0] ?? []), median(login.at(-1) ?? [])];
  const sizes = all.map(({ size }) => size);
  const slope = (largest - smallest) / ((sizes.at(-1) ?? 0) - (sizes[0] ?? 0));
  return [
    {
      title: "Presence of one user to all contacts, by contacts",
      columns: ["contacts", "times the first", "us for one recipient"],
      rows: sizes.map((size, n) => {
        const cost = median(broadcast[n] ?? []);
        return [count(size), figure(cost / first), figure(cost)];
      }),
    },
    {
      title: "Login and end of one session whose contacts are all online, by contacts",
      columns: ["contacts", "us for one login", "us for each contact above those of the first row"],
      rows: sizes.map((size, n) => {
        const cost = median(login[n] ?? []);
        const more = size - (sizes[0] ?? 0);
        return [count(size), figure(cost), more === 0 ? figure(slope) : figure((cost - smallest) / more)];
      }),
    },
  ];
}

/** Memory of sessions whose rosters are full of contacts who are not here. */
async function memory(): Promise<Table> {
  const rows: (readonly string[])[] = [];
  for (const size of [0, ...numbers(options.rosters)]) {
    const sessions = Math.min(SESSIONS, Math.max(200, Math.round(200_000 / Math.max(size, 1))));
    const server = await MeasuredServer.start(
      async (store, folder) => {
        await addAccounts(store, folder, numbered("u", sessions));
        const contacts = function* (): Iterable<Contact> {
          for (const user of numbered("u", sessions)) {
            for (const contact of numbered("offline", size)) yield [userJid(user), userJid(contact), "both"];
          }
        };
        await addContacts(store, contacts());
      },
      { ...WITHOUT_ARCHIVE, limits: LIMITS },
    );
    const warm = await loginAll(server.server.c2sPort, numbered("u", 50));
    const before = await server.server.vitals();
    const cpu = await server.cpuMicros();
    await loginAll(server.server.c2sPort, numbered("u", sessions - warm.length, warm.length));
    const login = ((await server.cpuMicros()) - cpu) / (sessions - warm.length);
    const after = await server.server.vitals();
    const kilobytes = (after.heapUsed + after.external - before.heapUsed - before.external) / 1_024;
    const each = kilobytes / (sessions - warm.length);
    console.error(`memory, roster of ${size}: ${figure(each)} KiB, login ${figure(login)} us`);
    rows.push([count(size), figure(each), figure(login)]);
    await server.stop();
  }
  return {
    title: "Sessions whose contacts are all offline, by contacts",
    columns: ["contacts", "KiB of heap for one session", "us for one login"],
    rows,
  };
}

const tables: Table[] = [];
if (only.test("online")) tables.push(await usersOnline());
if (only.test("accounts")) tables.push(await accounts());
if (only.test("archived")) tables.push(await archived());
if (only.test("rosters")) tables.push(...(await rosters()));
if (only.test("memory")) tables.push(await memory());
report(tables, options.markdown);
process.exit(0);
