// bcrypt off the main thread, where one hash of cost 12 would stall every stream for a quarter of a second.

import type { Worker } from "node:worker_threads";
import { AccountError } from "./account-error.ts";
import { type BcryptAnswer, type BcryptJob, startBcryptWorker } from "./bcrypt-worker.ts";
import { Gate } from "./gate.ts";

/** bcrypt ignores what comes after. */
export const BCRYPT_MAX_OCTETS = 72;

const MAX_COST = 16; // about 4 s; each step doubles it
// One is computed while the next lies ready in the worker's port.
const AT_A_TIME = 2;
const HASH = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/;

/** Undefined: usable; else why not, for a person. */
export function whyNotBcrypt(hash: string): string | undefined {
  const cost = Number(HASH.exec(hash)?.[1] ?? Number.NaN);
  if (Number.isNaN(cost))
    return "not a bcrypt hash: it must look like $2b$12$ and 53 more characters ($2a$ and $2y$ also do)";
  return cost < 4 || cost > MAX_COST ? `its cost is ${cost}; 4 to ${MAX_COST} can be used` : undefined;
}

/** A hash that no password matches, to spend the same time on for an unknown user. */
export function unmatchableHash(cost: number): string {
  return `$2b$${String(cost).padStart(2, "0")}$${".".repeat(53)}`;
}

type Pending = { resolve(value: string | boolean): void; reject(error: Error): void };
type JobDetail = Omit<Extract<BcryptJob, { kind: "hash" }>, "id"> | Omit<Extract<BcryptJob, { kind: "compare" }>, "id">;

export class Bcrypt {
  readonly #gate: Gate;
  readonly #pending = new Map<number, Pending>();
  #worker: Worker | undefined;
  #lastId = 0;
  #stopped = false;

  /** @param queue how many may wait; the thread starts with the first job */
  constructor(queue: number) {
    this.#gate = new Gate(AT_A_TIME, queue);
  }

  /** Throws AccountError "busy" if the queue is full. */
  async hash(password: string, cost: number): Promise<string> {
    return String(await this.#run({ kind: "hash", password, cost }));
  }

  /** False also for a password that bcrypt would cut off. Throws AccountError "busy" if the queue is full. */
  async compare(password: string, hash: string): Promise<boolean> {
    if (Buffer.byteLength(password) > BCRYPT_MAX_OCTETS) return false;
    return (await this.#run({ kind: "compare", password, hash })) === true;
  }

  /** Ends the thread. Jobs under way or waiting fail with AccountError "busy", as do later ones. */
  async stop(): Promise<void> {
    this.#stopped = true;
    const worker = this.#worker;
    this.#worker = undefined;
    this.#failAll(stopping());
    await worker?.terminate();
  }

  #run(detail: JobDetail): Promise<string | boolean> {
    return this.#gate.run(async () => {
      if (this.#stopped) throw stopping();
      const worker = this.#worker ?? this.#start();
      this.#lastId += 1;
      const id = this.#lastId;
      try {
        return await new Promise<string | boolean>((resolve, reject) => {
          this.#pending.set(id, { resolve, reject });
          worker.ref();
          worker.postMessage({ ...detail, id } satisfies BcryptJob);
        });
      } finally {
        this.#pending.delete(id);
        // An idle thread must not keep the process alive; a waiting caller must.
        if (this.#pending.size === 0) worker.unref();
      }
    });
  }

  #start(): Worker {
    const worker = startBcryptWorker();
    this.#worker = worker;
    worker.on("message", (answer: BcryptAnswer) => {
      const pending = this.#pending.get(answer.id);
      if (answer.ok) pending?.resolve(answer.value);
      else pending?.reject(new Error(`bcrypt: ${answer.error}`));
    });
    const gone = (error: Error): void => {
      if (this.#worker !== worker) return;
      this.#worker = undefined; // the next job starts another
      this.#failAll(error);
    };
    worker.on("error", gone);
    worker.on("exit", (code) => gone(new Error(`the bcrypt thread ended with code ${code}`)));
    return worker;
  }

  #failAll(error: Error): void {
    for (const pending of this.#pending.values()) pending.reject(error);
  }
}

function stopping(): AccountError {
  return new AccountError("busy", "the server is stopping");
}
