// A whole server in this process for the tests of clients and bots: its time stands still until it is told to pass, what
// passes is on record, and what goes wrong goes wrong where the test says.

import { EventEmitter } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Admin } from "../admin.ts";
import type { Clock } from "../clock.ts";
import type { ServerParts } from "../compose.ts";
import type { Config, ConfigInput } from "../config.ts";
import { type Addresses, type BalconyServer, createServer, type ServerEvents } from "../index.ts";
import { ListenError } from "../transport/listener.ts";
import type { Transport } from "../transport/transport.ts";
import { Connection, type ResumableSession, Watcher } from "./connection.ts";
import { DiskImage } from "./disk-image.ts";
import { type FaultSpec, Faults } from "./faults.ts";
import { Life } from "./life.ts";
import { type Dial, type Login, ScriptedClient } from "./scripted-client.ts";
import { Tap } from "./tap.ts";
import { VirtualClock } from "./virtual-clock.ts";
import { isOf, Wire, type WireEntry } from "./wire.ts";

export type TestServerParts = Omit<ServerParts, "probes"> & {
  /** Keeps everything in a folder that is made for it and removed when it stops for good: needed for `restart` and `kill`. */
  readonly onDisk?: boolean;
  /**
   * Whether STARTTLS is offered where it is not demanded (c2s.requireTls). False by default, because many clients take it
   * whenever it is there, and then refuse the certificate that the server has made for itself.
   */
  readonly offerTls?: boolean;
  /** How its scripted clients connect, if not by TCP. */
  readonly dial?: (server: TestServer) => ReturnType<Dial>;
};

export type KillSpec = FaultSpec & {
  /**
   * "at once", the default: the element reaches nobody. "before commit": the server has it, and is about to commit what it
   * stores next. "after commit": it has committed that, and has told nobody. The last two need an element that makes the
   * server store something.
   */
  readonly when?: "at once" | "before commit" | "after commit";
};

/** What a scripted client logs in with; the password is `secret` unless it says otherwise. */
export type ClientOptions = Partial<Omit<Login, "port" | "user">>;

/**
 * Makes and starts a server for tests: example.com, on loopback and ports of its own, in memory, without TLS on the STARTTLS
 * port, without throttling. Nobody is dropped for being silent while hours pass at once. Whatever the configuration says
 * goes. Its clock begins at the present time. Rejects as createServer and start do.
 */
export async function createTestServer(config: ConfigInput = {}, parts: TestServerParts = {}): Promise<TestServer> {
  const server = new TestServer(config, parts);
  await server.start();
  return server;
}

export class TestServer extends EventEmitter<ServerEvents> implements BalconyServer {
  /** Every element in both directions, on every connection, over restarts and kills. */
  readonly wire: Wire;
  readonly faults = new Faults();
  readonly #config: ConfigInput;
  readonly #parts: ServerParts;
  readonly #offerTls: boolean;
  readonly #dial: Dial | undefined;
  readonly #clock: Clock;
  readonly #temporary: string | undefined;
  readonly #taps = new Map<Connection, Tap>();
  readonly #known = new Set<string>();
  #watcher = new Watcher("");
  #connections = 0;
  #life: { readonly life: Life; readonly server: BalconyServer; readonly admin: Admin } | undefined;
  #state: "running" | "stopped" | "killed" = "stopped";
  #ending: Promise<void> = Promise.resolve();
  #ports: Addresses | undefined;
  #commit: { readonly when: "before commit" | "after commit"; readonly act: () => void } | undefined;

  /** Not started. `createTestServer` does both. */
  constructor(config: ConfigInput, { onDisk = false, offerTls = false, dial, ...parts }: TestServerParts) {
    super();
    this.#dial = dial && (() => dial(this));
    this.#offerTls = offerTls;
    this.#temporary = onDisk ? mkdtempSync(join(tmpdir(), "balcony-testing-")) : undefined;
    this.#config = {
      domain: "example.com",
      ...config,
      storage: { path: this.#temporary ?? ":memory:", ...config.storage },
      c2s: { addresses: ["127.0.0.1"], port: 0, directTlsPort: 0, requireTls: false, ...config.c2s },
      http: { addresses: ["127.0.0.1"], port: 0, ...config.http },
      auth: { throttle: false, scramIterations: 4096, ...config.auth },
      limits: { bytesPerSecond: 0, idleTimeoutSeconds: 0, ...config.limits },
      streamManagement: { ackTimeoutSeconds: 1_000_000, ...config.streamManagement },
    };
    this.#parts = parts;
    this.#clock = parts.clock ?? new VirtualClock(Date.now());
    this.wire = new Wire(() => this.#clock.now());
  }

  // ---- what every server has

  get config(): Config {
    return this.#now.server.config;
  }

  /** A call that is pending when the server is killed is never answered. */
  get admin(): Admin {
    return this.#now.admin;
  }

  get addresses(): Addresses {
    return this.#now.server.addresses;
  }

  get certificate(): BalconyServer["certificate"] {
    return this.#now.server.certificate;
  }

  reloadCertificates(): Promise<void> {
    return this.#now.server.reloadCertificates();
  }

  get #now() {
    if (this.#life === undefined) throw new Error("the server was never started");
    return this.#life;
  }

  /** After `stop` or `kill`: on what is in its folder, and on the same ports if nobody has taken them. */
  async start(): Promise<void> {
    await this.#ending;
    if (this.#state === "running") throw new Error("the server is running");
    if (this.#life !== undefined) this.#checkFolder("start again");
    await this.#startLife(this.#ports).catch((error: unknown) => {
      if (this.#ports === undefined || !(error instanceof ListenError)) throw error;
      return this.#startLife(undefined);
    });
    this.#state = "running";
    this.#ports = this.addresses;
    this.#watcher.started(this.#clock.now());
    this.wire.note("the server is there");
  }

  async #startLife(ports: Addresses | undefined): Promise<void> {
    const life = new Life(this.#clock, this.#parts.logger);
    const { c2s, http } = this.#config;
    const same = (wanted: number | null | undefined, was: number | null | undefined) =>
      wanted === 0 && was !== undefined ? was : wanted;
    const server = await createServer(
      {
        ...this.#config,
        c2s: {
          ...c2s,
          port: same(c2s?.port, ports?.c2s) as number,
          directTlsPort: same(c2s?.directTlsPort, ports?.directTls),
        },
        http: { ...http, port: same(http?.port, ports?.http) },
      } as ConfigInput,
      {
        ...this.#parts,
        clock: life,
        logger: life.logger,
        probes: {
          offerTls: this.#offerTls,
          transport: (connection) => this.#tap(connection),
          commits: {
            committing: () => this.#atCommit("before commit", life),
            committed: () => this.#atCommit("after commit", life),
          },
        },
      },
    );
    if (this.#connections === 0) this.#watcher = new Watcher(server.config.domain);
    for (const event of ["session", "sessionEnd"] as const) {
      server.on(event, (session) => void (life.killed || this.emit(event, session)));
    }
    this.#life = { life, server, admin: life.answering(server.admin) };
    this.#state = "running";
    try {
      await server.start();
    } catch (error) {
      this.#state = "stopped";
      throw error;
    }
  }

  /** As BalconyServer.stop. A folder of its own is removed, unless it is to start again: that is `restart`. */
  stop(how?: { readonly cut?: boolean }): Promise<void> {
    return this.#stop(how).then(() => {
      if (this.#temporary !== undefined) rmSync(this.#temporary, { recursive: true, force: true });
    });
  }

  #stop(how?: { readonly cut?: boolean }): Promise<void> {
    if (this.#state !== "running" || this.#life === undefined) return this.#ending;
    this.#state = "stopped";
    this.#life.life.stopping();
    this.wire.note("the server stops");
    this.#ending = this.#life.server.stop(how);
    return this.#ending;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  // ---- time and failures

  /** The time of the server. */
  get clock(): VirtualClock {
    if (this.#clock instanceof VirtualClock) return this.#clock;
    throw new Error("this server was given another clock");
  }

  /** Stops it as an operator would, and starts it again. After a kill it only starts it. */
  async restart(): Promise<void> {
    this.#checkFolder("restart");
    await this.#stop();
    await this.start();
  }

  /**
   * Ends it as `kill -9` ends a process: connections are cut in the middle of whatever they carry, what was not committed is
   * lost, and nobody is told anything. Only `start` brings it back. Resolves when that can be called.
   */
  kill(): Promise<void> {
    this.#checkFolder("kill");
    if (this.#state !== "running" || this.#life === undefined) return this.#ending;
    const { life, server } = this.#life;
    const image = DiskImage.take(this.#config.storage?.path as string);
    this.#state = "killed";
    life.kill();
    this.#commit = undefined;
    this.#watcher.killed();
    for (const tap of this.#taps.values()) tap.kill();
    this.#taps.clear();
    this.wire.note("the server is killed");
    // What is left of it comes to its end where nobody sees it: its connections and timers are gone, and what it writes yet is
    // thrown away. In a turn of its own, because the call may come from its midst.
    this.#ending = new Promise<void>((resolve) => queueMicrotask(resolve))
      .then(() => server.stop({ cut: true }))
      .then(() => image.putBack());
    return this.#ending;
  }

  /**
   * Kills it when an element passes. Resolves when it is dead. @see KillSpec.when
   */
  async killAt({ when = "at once", ...spec }: KillSpec): Promise<void> {
    this.#checkFolder("kill");
    const killed = new Promise<void>((resolve, reject) => {
      const kill = (): void => void this.kill().then(resolve, reject);
      this.faults.add(spec, () => {
        if (when !== "at once") {
          this.#commit = { when, act: kill };
          return "pass";
        }
        kill();
        return "lost";
      });
    });
    await killed;
  }

  #atCommit(when: "before commit" | "after commit", life: Life): void {
    if (life.killed || this.#commit?.when !== when) return;
    this.#commit.act();
  }

  /** Cuts a user's connections now, without a word. Resolves when the server knows, with how many there were. */
  async cut(user: string): Promise<number> {
    const cuts = [...this.#taps.keys()].filter((connection) => isOf(connection, user)).map(({ cut }) => cut());
    await Promise.all(cuts);
    return cuts.length;
  }

  /**
   * Lets time pass until a user's lost sessions can no longer be resumed (XEP-0198 section 5). One that is still connected
   * loses its connection first, without a word.
   * @param user localpart, bare JID or full JID
   */
  async expireSession(user: string): Promise<void> {
    const meant = [...this.#watcher.sessions].filter((session) => isOf(session, user));
    const live = meant.filter((session) => this.#mayComeBack(session));
    if (live.length === 0) throw new Error(`${user} has no session that could be resumed`);
    for (const { connection } of live) await connection?.cut();
    const now = this.#clock.now();
    const ends = live.map(({ detachedAt = now, maxMs }) => detachedAt + maxMs);
    this.clock.advance(Math.max(...ends) - now);
  }

  #mayComeBack({ connection, detachedAt = 0, maxMs }: ResumableSession): boolean {
    return connection !== undefined || detachedAt + maxMs > this.#clock.now();
  }

  #checkFolder(what: string): void {
    const folder = this.#config.storage?.path;
    if (folder !== undefined && folder !== ":memory:" && this.#parts.store === undefined) return;
    throw new Error(`cannot ${what}: the server keeps nothing on disk; give createTestServer({}, { onDisk: true })`);
  }

  // ---- the wire

  #tap(transport: Transport): Transport {
    this.#connections += 1;
    const connection = new Connection(this.#connections, () => tap.sever());
    const tap = new Tap(transport, {
      faults: this.faults,
      entry: (from, read): WireEntry => {
        if (read.element !== undefined) this.#watcher.saw(connection, from, read.element);
        const { number, user, jid } = connection;
        return { connection: number, at: this.#clock.now(), from, user, jid, ...read };
      },
      record: (entry) => this.wire.add(entry),
      note: (text) => this.wire.note(text, connection.number),
      gone: () => {
        this.#taps.delete(connection);
        this.#watcher.gone(connection, this.#clock.now());
      },
    });
    this.#taps.set(connection, tap);
    return tap;
  }

  // ---- users, and clients for them

  /** Makes an account. */
  async addUser(name: string, password = "secret"): Promise<void> {
    this.#known.add(name);
    await this.admin.addUser(name, password);
  }

  /** Logs a user in, making the account first if it is new. The password is `secret`. */
  async client(user: string, options: ClientOptions = {}): Promise<ScriptedClient> {
    return ScriptedClient.login(await this.#login(user, options));
  }

  /** As `client`, with the roster asked for and initial presence sent; what comes of that is dropped. */
  async online(user: string, options?: ClientOptions): Promise<ScriptedClient> {
    const client = await this.client(user, options);
    await client.ask("get", "<query xmlns='jabber:iq:roster'/>");
    client.send("<presence/>");
    await client.sync();
    return client;
  }

  /** As `client`, but without a bound resource: for resuming a session. */
  async authenticated(user: string, options: ClientOptions = {}): Promise<ScriptedClient> {
    return ScriptedClient.authenticated(await this.#login(user, options));
  }

  /** An unauthenticated connection to the STARTTLS port. */
  connect(): Promise<ScriptedClient> {
    return ScriptedClient.connect(this.addresses.c2s, this.config.domain, false, this.#dial);
  }

  async #login(user: string, options: ClientOptions): Promise<Login> {
    if (!this.#known.has(user) && options.password === undefined) {
      await this.addUser(user).catch((error: { code?: string }) => {
        if (error.code !== "exists") throw error;
      });
    }
    const port = options.tls === "direct" ? this.addresses.directTls : this.addresses.c2s;
    const tls = this.config.c2s.requireTls ? "starttls" : "none";
    return {
      port: port as number,
      domain: this.config.domain,
      user,
      password: "secret",
      tls,
      dial: this.#dial,
      ...options,
    };
  }
}
