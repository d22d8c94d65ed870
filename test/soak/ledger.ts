// npm run soak -- [--seconds 120] [--seed N] [--users 6] [--kill-seconds 4] [--message-ms 900] [--data FOLDER]
// Clients over real TLS whose connections break at any octet, a server that is killed again and again, a gateway in use both
// ways: at the end every accepted message is accounted for (soak/ledger/judge.ts). Prints the sums; exit code 1, with the
// history of the messages that it is about, if one was lost, doubled, or came where it does not belong.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { Random } from "../fuzz/random.ts";
import { Device } from "./ledger/device.ts";
import { EventReader } from "./ledger/event-reader.ts";
import { ForeignSide } from "./ledger/foreign-side.ts";
import { judge } from "./ledger/judge.ts";
import { Keeper } from "./ledger/keeper.ts";
import { Ledger } from "./ledger/ledger.ts";
import { BreakingProxy } from "./ledger/proxy.ts";
import { report } from "./ledger/report.ts";
import { furnish, introduce } from "./ledger/stage.ts";
import { sleep, World } from "./ledger/world.ts";

const SETTLE_MS = 90_000;
const PROGRESS_MS = 60_000;
/** Each third user is away more often than there. */
const WANDERER = 3;

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "120" },
    seed: { type: "string" },
    users: { type: "string", default: "6" },
    "kill-seconds": { type: "string", default: "4" },
    "message-ms": { type: "string", default: "900" },
    data: { type: "string" },
  },
});
const seed = values.seed === undefined ? Date.now() % 1_000_000_000 : Number(values.seed);
const seconds = Number(values.seconds);
const users = Number(values.users);
if (!(seconds > 0 && users >= 2 && Number(values["kill-seconds"]) >= 0 && Number(values["message-ms"]) > 0)) {
  console.error("usage: see the head of test/soak/ledger.ts; two users at least");
  process.exit(64);
}
console.log(`seed ${seed}`);

const folder = values.data ?? (await mkdtemp(join(tmpdir(), "balcony-soak-")));
const began = performance.now();
const ledger = new Ledger(() => performance.now() - began);
const world = new World(
  {
    domain: "localhost",
    foreignDomain: "example.net",
    password: "secret",
    users: Array.from({ length: users }, (_, index) => `user${index + 1}`),
    resources: ["phone", "desk"],
    presentities: ["tybalt", "paris"],
    resumeSeconds: 5,
    messageMs: Number(values["message-ms"]),
  },
  ledger,
);
const env = {
  BALCONY_STORAGE_PATH: folder,
  BALCONY_GATEWAY_DOMAINS: world.options.foreignDomain,
  BALCONY_GATEWAY_HEARTBEAT_SECONDS: "1",
  BALCONY_GATEWAY_EVENT_RETENTION_COUNT: "10000000",
  BALCONY_ARCHIVE_MESSAGES_PER_ACCOUNT: "10000000",
  BALCONY_LIMITS_OFFLINE_MESSAGES: "1000000",
  BALCONY_STREAM_MANAGEMENT_RESUME_SECONDS: String(world.options.resumeSeconds),
  BALCONY_STREAM_MANAGEMENT_ACK_TIMEOUT_SECONDS: "15",
  BALCONY_AUTH_SCRAM_ITERATIONS: "4096",
};

const keeper = new Keeper(world, env);
const token = await furnish(world, env);
await keeper.start();
await introduce(world, keeper, token);

const [starttls, direct, http] = (await Promise.all(
  (["c2sPort", "directTlsPort", "httpPort"] as const).map((port, index) =>
    BreakingProxy.open(Random.of(seed, 1_000 + index), () => keeper.port(port), world.counters),
  ),
)) as [BreakingProxy, BreakingProxy, BreakingProxy];
world.ports = { starttls: starttls.port, direct: direct.port, http: http.port };

const devices = world.devices.map((name, index) => {
  const wanders = Math.floor(index / world.options.resources.length) % WANDERER === WANDERER - 1;
  return new Device(world, name, Random.of(seed, index), wanders);
});
const events = new EventReader(world, token, (id, eventId) => ledger.event(id, eventId));
const foreign = new ForeignSide(world, token, Random.of(seed, 2_000));

const progress = setInterval(() => {
  const { kills, stops, resumed, resumptionsFailed } = world.counters;
  const minutes = Math.round(ledger.now() / 60_000);
  console.log(
    `${minutes} min: ${ledger.entries.size} messages, ${kills + stops} kills, ${resumed} resumed, ${resumptionsFailed} not, ${ledger.strays.length} strays`,
  );
}, PROGRESS_MS);

const living = devices.map((device) => device.run());
const reading = events.run();
const writing = world.options.presentities.map((presentity) => foreign.write(presentity));
const harming = keeper.harm(Random.of(seed, 3_000), Number(values["kill-seconds"]));
await sleep(seconds * 1_000);

world.calm = true;
for (const proxy of [starttls, direct, http]) proxy.calm();
await Promise.all([harming, ...writing]);
await settled();
// Sessions to which nobody came back end by then, and what they held goes elsewhere.
await sleep((world.options.resumeSeconds + 2) * 1_000);
for (const device of devices) device.lookAgain();
await settled();
await events.untilQuiet();
await readBack();
clearInterval(progress);

world.over = true;
events.stop();
await Promise.all([...living, reading]);
await keeper.stop("SIGTERM");
await Promise.all([starttls, direct, http].map((proxy) => proxy.close()));

const verdict = judge(ledger, world.devices);
for (const line of report(verdict, world.counters, { seed, seconds })) console.log(line);
const good = verdict.violations.length === 0;
if (good && values.data === undefined) await rm(folder, { recursive: true, force: true });
else if (!good) console.log(`the data folder: ${folder}`);
process.exit(good ? 0 : 1); // a device that was about to connect again would go on with that

/** Everybody is there, and has all that there was at this time. */
async function settled(): Promise<void> {
  const since = ledger.now();
  const late = (): Device[] => devices.filter((device) => !device.isSettled(since));
  while (late().length > 0) {
    if (ledger.now() > since + SETTLE_MS) {
      for (const device of late()) ledger.stray(`it did not come to rest: ${device.describe()}`);
      return;
    }
    await sleep(100);
  }
}

/** The archives and the log of events from their beginnings. */
async function readBack(): Promise<void> {
  for (const user of world.options.users) {
    const device = devices.find(({ name }) => name.startsWith(`${user}/`)) as Device;
    const rows = await device.readArchive().catch((error: Error) => {
      ledger.stray(error.message);
      return [];
    });
    ledger.archives.set(user, rows);
  }
  const log: string[] = [];
  const reader = new EventReader(world, token, (id) => void log.push(id));
  const read = reader.run();
  await reader.untilQuiet();
  reader.stop();
  await read;
  ledger.eventLog = log;
}
