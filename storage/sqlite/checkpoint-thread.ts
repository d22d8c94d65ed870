// The thread that checkpoints: its syncs and its copying block nobody. It has a connection of its own. Its script is text,
// because Node 20 cannot load a .ts file as a worker: so the same code works from the sources and from dist.

import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";

/** Frames (pages) in the log, and how many of them the database file has. Unequal: a reader still needs the older pages. */
export type Progress = { readonly log: number; readonly checkpointed: number };

type Answer =
  | { readonly ok: true; readonly progress: Progress }
  | { readonly ok: false; readonly message: string; readonly code: string };

// "restart" writes one page as it is: the log begins again with the first write after a whole checkpoint, and the header
// that is synced then (in mode NORMAL, too) must not be synced on the main thread.
const SCRIPT = `
const { parentPort, workerData } = require("node:worker_threads");
const Database = require(workerData.betterSqlite3);
let db;
function open() {
  db = new Database(workerData.file, { fileMustExist: true, timeout: workerData.busyTimeoutMs });
  for (const setting of workerData.settings) db.pragma(setting);
  db.pragma("user_version"); // a connection that has read nothing does not know of the log
}
function checkpoint() {
  const { busy, log, checkpointed } = db.pragma("wal_checkpoint(PASSIVE)")[0];
  return { log, checkpointed: busy === 0 ? checkpointed : -1 };
}
const restart = () => db.pragma("user_version = " + db.pragma("user_version", { simple: true }));
parentPort.on("message", (job) => {
  if (job === "end") {
    try {
      if (db !== undefined) db.close();
    } finally {
      parentPort.close();
    }
    return;
  }
  try {
    if (db === undefined) open();
    const progress = checkpoint();
    if (job === "restart" && progress.log === progress.checkpointed) db.transaction(restart).immediate();
    parentPort.postMessage({ ok: true, progress });
  } catch (error) {
    parentPort.postMessage({ ok: false, message: String(error), code: String(error.code) });
  }
});
`;

/** Another program that writes at the moment of a restart: the restart is for another time then. */
const BUSY_TIMEOUT_MS = 100;

export interface CheckpointThread {
  /** Copies what is in the log, as far as readers allow, while others go on writing. One job at a time. */
  copy(): Promise<Progress>;
  /** The same; if that was all, the next frame is the log's first. Nobody else of this process may write meanwhile. */
  restart(): Promise<Progress>;
  /** After the job under way. Closes the connection, with a last checkpoint if there is no other. */
  end(): Promise<void>;
}

/**
 * Starts the thread, which alone does not keep the process alive. Jobs reject with SQLite's error and its `code`.
 * @param settings pragmas of its connection
 */
export function startCheckpointThread(file: string, settings: readonly string[]): CheckpointThread {
  const betterSqlite3 = createRequire(import.meta.url).resolve("better-sqlite3");
  const worker = new Worker(SCRIPT, {
    eval: true,
    workerData: { betterSqlite3, file, settings, busyTimeoutMs: BUSY_TIMEOUT_MS },
    // Nothing of the parent's: no loaders (tsx, vitest), no NODE_OPTIONS.
    execArgv: [],
    env: {},
  });
  worker.unref();
  let [ending, gone] = [false, false];
  let settle: (answer: Answer) => void = () => undefined;
  const failed = (message: string) => settle({ ok: false, message, code: "" });
  const exited = new Promise<void>((resolve) => {
    worker.once("exit", () => {
      gone = true;
      failed("the checkpoint thread ended");
      resolve();
    });
  });
  worker.on("error", (error) => failed(String(error)));
  worker.on("message", (answer: Answer) => settle(answer));

  async function run(job: "copy" | "restart"): Promise<Progress> {
    if (gone) throw new Error("the checkpoint thread ended");
    worker.ref(); // somebody waits
    try {
      const answer = await new Promise<Answer>((resolve) => {
        settle = resolve;
        worker.postMessage(job);
      });
      if (answer.ok) return answer.progress;
      throw Object.assign(new Error(answer.message), { code: answer.code });
    } finally {
      if (!ending) worker.unref();
    }
  }
  return {
    copy: () => run("copy"),
    restart: () => run("restart"),
    end() {
      ending = true;
      worker.ref();
      worker.postMessage("end");
      return exited;
    },
  };
}
