// Accounts and rosters of the load generator into a data folder, by the import of XEP-0227 that `balcony import` is, too:
//   tsx test/bench/provision.ts USERS.tsv ROSTERS.tsv DATA_FOLDER
// USERS.tsv: name, password. ROSTERS.tsv: name, contact's address, contact's name, subscription.

import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { Element } from "ltx";
import { createServer } from "../../server/index.ts";
import { NS } from "../../server/namespaces.ts";
import { type ImportSummary, importFile } from "../../server/portable/import-file.ts";
import { serialize } from "../../server/xml/serialize.ts";

const DOMAIN = "localhost";
const ITERATIONS = 4096; // as the peers have
const BATCH_CHARACTERS = 1_048_576;

/** Rejects where not all of them were new. */
export async function provision(usersFile: string, rostersFile: string, dataFolder: string): Promise<ImportSummary> {
  const rosters = await readRosters(rostersFile);
  const server = await createServer({
    domain: DOMAIN,
    storage: { path: dataFolder },
    auth: { scramIterations: ITERATIONS },
  });
  try {
    const source = { file: undefined, name: usersFile, octets: portable(usersFile, rosters) };
    const options = { existing: "keep", check: false, now: Date.now, batchCharacters: BATCH_CHARACTERS } as const;
    const summary = await importFile(server.admin, source, { ...options, config: server.config });
    if (summary.fault !== undefined) throw summary.fault;
    const [refusal] = summary.refusals;
    if (refusal !== undefined) throw new Error(`${refusal.name}: ${refusal.reason}`);
    if (summary.kept > 0 || summary.notTaken.entries.length > 0) throw new Error("some of it was there, or not taken");
    return summary;
  } finally {
    await server.stop();
  }
}

async function* portable(file: string, rosters: ReadonlyMap<string, readonly Element[]>): AsyncGenerator<Buffer> {
  yield Buffer.from(`<server-data xmlns='${NS.portable}'><host jid='${DOMAIN}'>`);
  for await (const [name = "", password = ""] of rows(file)) {
    const user = new Element("user", { name, password });
    const query = user.c("query", { xmlns: NS.roster });
    for (const item of rosters.get(name) ?? []) query.cnode(item);
    yield Buffer.from(serialize(user));
  }
  yield Buffer.from("</host></server-data>");
}

async function readRosters(file: string): Promise<ReadonlyMap<string, readonly Element[]>> {
  const rosters = new Map<string, Element[]>();
  for await (const [owner = "", jid = "", name = "", subscription = ""] of rows(file)) {
    const items = rosters.get(owner) ?? [];
    items.push(new Element("item", { jid, name, subscription }));
    rosters.set(owner, items);
  }
  return rosters;
}

async function* rows(file: string): AsyncGenerator<string[]> {
  for await (const line of createInterface({ input: createReadStream(file) })) if (line !== "") yield line.split("\t");
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const [users, rosters, dataFolder] = process.argv.slice(2);
  if (users === undefined || rosters === undefined || dataFolder === undefined) {
    process.stderr.write("usage: provision.ts USERS.tsv ROSTERS.tsv DATA_FOLDER\n");
    process.exitCode = 64;
  } else await provision(users, rosters, dataFolder);
}
