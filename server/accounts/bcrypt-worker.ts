// The thread that bcryptjs runs in. Its script is text, because Node 20 cannot load a .ts file as a worker: so the same
// code works from the sources and from dist.

import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";

export type BcryptJob =
  | { readonly id: number; readonly kind: "hash"; readonly password: string; readonly cost: number }
  | { readonly id: number; readonly kind: "compare"; readonly password: string; readonly hash: string };

export type BcryptAnswer =
  | { readonly id: number; readonly ok: true; readonly value: string | boolean }
  | { readonly id: number; readonly ok: false; readonly error: string };

// The synchronous calls: with nothing else on this thread, one hash after the other gives the first answer sooner than
// two taking turns would.
const SCRIPT = `
const { parentPort, workerData } = require("node:worker_threads");
const bcrypt = require(workerData.bcryptjs);
parentPort.on("message", (job) => {
  try {
    const value =
      job.kind === "hash" ? bcrypt.hashSync(job.password, job.cost) : bcrypt.compareSync(job.password, job.hash);
    parentPort.postMessage({ id: job.id, ok: true, value });
  } catch (error) {
    parentPort.postMessage({ id: job.id, ok: false, error: String(error) });
  }
});
`;

/** Starts the thread. It takes BcryptJob messages and answers each with a BcryptAnswer, in order. */
export function startBcryptWorker(): Worker {
  return new Worker(SCRIPT, {
    eval: true,
    workerData: { bcryptjs: createRequire(import.meta.url).resolve("bcryptjs") },
    // Nothing of the parent's: no loaders (tsx, vitest), no NODE_OPTIONS.
    execArgv: [],
    env: {},
  });
}
