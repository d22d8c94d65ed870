// Well-behaved users beside the fuzzer: they talk to each other and to the gateway all the time, notice what comes that is
// not theirs, and how long their own takes.

import { ScriptedClient } from "../support/client.ts";
import { Foreign, pidf } from "../support/foreign.ts";

export const NEIGHBOURS = ["alice", "bob"] as const;
export const QUIET_DOMAIN = "quiet.example";
const PRESENTITY = `calm@${QUIET_DOMAIN}`;
const PASSWORD = "neighbour";
const BETWEEN_MS = 50;

export class Neighbours {
  readonly problems: string[] = [];
  rounds = 0;
  longestMs = 0;
  #stopped = false;
  #running: Promise<void> = Promise.resolve();
  readonly #alice: ScriptedClient;
  readonly #bob: ScriptedClient;
  readonly #foreign: Foreign;

  private constructor(alice: ScriptedClient, bob: ScriptedClient, foreign: Foreign) {
    this.#alice = alice;
    this.#bob = bob;
    this.#foreign = foreign;
  }

  /** They have accounts with the password "neighbour"; `token` is for their own gateway domain. */
  static async start(port: number, httpPort: number, token: string): Promise<Neighbours> {
    const login = { port, domain: "localhost", password: PASSWORD, resource: "desk" } as const;
    const alice = await ScriptedClient.login({ ...login, user: "alice", tls: "starttls" });
    const bob = await ScriptedClient.login({ ...login, user: "bob", tls: "none" });
    for (const client of [alice, bob]) {
      client.send("<presence/>");
      await client.sync();
    }
    const foreign = new Foreign(httpPort, token);
    await foreign.presentity(PRESENTITY, { subscriptions: "allow" });
    alice.send(`<presence to='${PRESENTITY}' type='subscribe'/>`);
    await alice.until(`<presence from='${PRESENTITY}' type='subscribed'/>`);
    await foreign.publish(PRESENTITY, pidf(PRESENTITY, { id: "a", note: "start" }));
    await alice.until(`<presence from='${PRESENTITY}/a'><status>start</status></presence>`);
    await alice.sync();
    const neighbours = new Neighbours(alice, bob, foreign);
    neighbours.#running = neighbours.#run();
    return neighbours;
  }

  /** Ends after the round that is under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
    for (const client of [this.#alice, this.#bob]) client.cut();
  }

  async #run(): Promise<void> {
    try {
      while (!this.#stopped) {
        const from = performance.now();
        await this.#round();
        this.longestMs = Math.max(this.longestMs, performance.now() - from);
        this.rounds += 1;
        await new Promise((resolve) => setTimeout(resolve, BETWEEN_MS));
      }
    } catch (error) {
      this.problems.push(`a neighbour was disturbed: ${(error as Error).message}`);
    }
  }

  // Each of them expects what is theirs to be the very next thing that comes.
  async #round(): Promise<void> {
    const [alice, bob] = [this.#alice, this.#bob];
    const body = `number ${this.rounds}`;
    alice.send(`<message to='${bob.bare}' type='chat'><body>${body}</body></message>`);
    await bob.expect(`<message from='${alice.full}' type='chat'><body>${body}</body></message>`);
    bob.send(`<message to='${alice.full}' type='chat'><body>${body}</body></message>`);
    await alice.expect(`<message from='${bob.full}' type='chat'><body>${body}</body></message>`);
    if (this.rounds % 5 === 0) {
      const published = await this.#foreign.publish(PRESENTITY, pidf(PRESENTITY, { id: "a", note: body }));
      if (published.status >= 300) throw new Error(`their publish was answered ${published.status} ${published.text}`);
      await alice.expect(`<presence from='${PRESENTITY}/a'><status>${body}</status></presence>`);
    }
    if (this.rounds % 7 === 0) await bob.expectNothing();
  }
}
