// What everybody in a soak shares: names, ports, the book, and whether it is time to come home.

import type { Ledger } from "./ledger.ts";

export class Counters {
  kills = 0;
  stops = 0;
  logins = 0;
  sessions = 0;
  resumed = 0;
  resumptionsFailed = 0;
  cleanEnds = 0;
  forgotten = 0;
  torn = 0;
  /** By what the proxies did to connections. */
  readonly harm: Record<string, number> = {};

  harmed(how: string): void {
    this.harm[how] = (this.harm[how] ?? 0) + 1;
  }
}

export type WorldOptions = {
  readonly domain: string;
  readonly foreignDomain: string;
  readonly password: string;
  readonly users: readonly string[];
  readonly resources: readonly string[];
  /** Localparts. */
  readonly presentities: readonly string[];
  readonly resumeSeconds: number;
  /** Mean time between two messages of a device that is there. */
  readonly messageMs: number;
};

export class World {
  readonly options: WorldOptions;
  readonly ledger: Ledger;
  readonly counters = new Counters();
  /** Of the proxies. */
  ports = { starttls: 0, direct: 0, http: 0 };
  /** No more traffic, no more harm: everybody comes home and stays. */
  calm = false;
  /** Everybody goes. */
  over = false;

  constructor(options: WorldOptions, ledger: Ledger) {
    this.options = options;
    this.ledger = ledger;
  }

  get devices(): readonly string[] {
    return this.options.users.flatMap((user) => this.options.resources.map((resource) => `${user}/${resource}`));
  }

  /** So long, or until it is time to come home. */
  async pause(ms: number): Promise<void> {
    const until = this.ledger.now() + ms;
    while (!this.calm && !this.over && this.ledger.now() < until) {
      await sleep(Math.min(100, until - this.ledger.now()));
    }
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
