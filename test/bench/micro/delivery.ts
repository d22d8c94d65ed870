// Delivery: the rule by itself, and a message with copies (XEP-0280), with stream management (XEP-0198), with the archive
// (XEP-0313), each alone and all together.

import type { ConfigInput } from "../../../server/index.ts";
import { deliverMessage } from "../../../server/router/delivery.ts";
import { report, type Task } from "./harness.ts";
import { said } from "./router.ts";
import { type BenchClient, BenchStage } from "./stage.ts";
import { chat } from "./stanzas.ts";

const CARBONS = "<iq type='set' id='carbons'><enable xmlns='urn:xmpp:carbons:2'/></iq>";
const MANAGED = "<enable xmlns='urn:xmpp:sm:3'/>";
const RESUMABLE = "<enable xmlns='urn:xmpp:sm:3' resume='true'/>";

type Cast = { readonly sender: BenchClient; readonly clients: readonly BenchClient[] };

async function cast(stage: BenchStage, before: string, devices: number): Promise<Cast> {
  const juliet = await stage.client("juliet", "0", before);
  const clients = [juliet];
  for (let n = 1; n < devices; n += 1) clients.push(await stage.client("juliet", String(n), before));
  for (let n = 0; n < devices; n += 1) clients.push(await stage.client("romeo", String(n), before));
  return { sender: juliet, clients };
}

export async function run(): Promise<void> {
  const stages: BenchStage[] = [];
  const message = chat("romeo@example.com");
  /** In a server of its own, with as many devices of both sides. */
  const between = async (name: string, config: ConfigInput, before: string, devices: number): Promise<Task> => {
    const stage = await BenchStage.open(config);
    stages.push(stage);
    return said(name, message, await cast(stage, before, devices));
  };
  const archive = { archive: { enabled: true } };
  try {
    const resources = [0, 1, 2].map((priority) => ({ available: true, priority, detached: false }));
    let sink = 0;
    await report("delivery", [
      {
        name: "the rule, for 3 resources",
        run: () => {
          if (deliverMessage("chat", resources, { full: false }).kind === "deliver") sink += 1;
        },
        counted: () => (sink > 0 ? "decided" : "nothing decided"),
      },
      await between("nothing but the message", {}, "", 1),
      await between("3 devices each", {}, "", 3),
      await between("carbons, 3 devices each", {}, CARBONS, 3),
      await between("stream management", {}, MANAGED, 1),
      await between("stream management, resumable", {}, RESUMABLE, 1),
      await between("archive of both", archive, "", 1),
      await between("all of it, 3 devices each", archive, CARBONS + RESUMABLE, 3),
    ]);
  } finally {
    for (const stage of stages) await stage.close();
  }
}
