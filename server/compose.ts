// The one place that wires store, accounts, modules, router and gateway together.

import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Element } from "ltx";
import { createGateway, type Gateway } from "../gateway/index.ts";
import { type FolderLock, lockFolder } from "../storage/folder-lock.ts";
import { createMemoryStore } from "../storage/memory.ts";
import { openSqliteStore } from "../storage/sqlite.ts";
import type { Store } from "../storage/store.ts";
import { Accounts } from "./accounts/accounts.ts";
import type { Authenticator } from "./accounts/authenticator.ts";
import { openSeal } from "./accounts/seal.ts";
import { createThrottle } from "./accounts/throttle.ts";
import type { Admin } from "./admin.ts";
import { createAdmin } from "./admin-calls.ts";
import { Archive } from "./archive/archive.ts";
import { AuditTrail } from "./audit.ts";
import { completeRestore } from "./backup/pending.ts";
import { type Clock, systemClock } from "./clock.ts";
import type { Config } from "./config.ts";
import { Jid } from "./jid.ts";
import { type Logger, silentLogger } from "./log.ts";
import { Counters } from "./metrics/counters.ts";
import { archiveModule } from "./modules/archive.ts";
import { carbons } from "./modules/carbons.ts";
import { clientState } from "./modules/client-state.ts";
import { disco } from "./modules/disco.ts";
import { flexibleOffline } from "./modules/flexible-offline.ts";
import { legacySession } from "./modules/legacy-session.ts";
import type { Host, Module, ModuleParts, NonzaHandler } from "./modules/module.ts";
import { offlineModule } from "./modules/offline.ts";
import { ping } from "./modules/ping.ts";
import { secondBind } from "./modules/second-bind.ts";
import { time } from "./modules/time.ts";
import { version } from "./modules/version.ts";
import { Offline } from "./offline/offline.ts";
import { Presence } from "./presence/presence.ts";
import type { Probes } from "./probes.ts";
import { rosterModule } from "./roster/roster.ts";
import { Rosters } from "./roster/rosters.ts";
import { Subscriptions } from "./roster/subscriptions.ts";
import { Messages } from "./router/messages.ts";
import { Router } from "./router/router.ts";
import type { Core } from "./router/routing.ts";
import type { SaslServer } from "./sasl/mechanism.ts";
import { createSaslServer } from "./sasl/sasl-server.ts";
import { SessionJournal } from "./session/journal.ts";
import { Sessions } from "./session/sessions.ts";
import { type CertificateSource, loadCertificate } from "./transport/certificate.ts";
import { VERSION } from "./version.ts";

/** What an embedder may pass in place of the built-in parts. */
export type ServerParts = {
  /** In place of config.storage. It is closed with the server. */
  readonly store?: Store;
  /** In place of the server's own accounts, for logins and for "is there such a user". */
  readonly authenticator?: Authenticator;
  readonly logger?: Logger;
  readonly clock?: Clock;
  /** Besides the built-in ones. */
  readonly modules?: readonly Module[];
  /** For balcony/testing. */
  readonly probes?: Probes;
};

export type Composition = {
  readonly core: Core;
  readonly router: Router;
  readonly presence: Presence;
  readonly journal: SessionJournal;
  /** By namespace. */
  readonly nonzas: ReadonlyMap<string, NonzaHandler>;
  streamFeatures(): Element[];
  readonly sasl: SaslServer;
  readonly certificate: CertificateSource;
  readonly gateway: Gateway;
  /** Undefined: archive.enabled is false. */
  readonly archive: Archive | undefined;
  readonly admin: Admin;
  readonly probes: Probes | undefined;
  /** Takes the lock of the data folder, until `close`; does nothing without a folder. Throws FolderLockedError. */
  lock(): void;
  /** Ends workers and closes the store; sessions must be gone. */
  close(): Promise<void>;
};

/** Null: nothing is kept on disk. */
export function dataFolder(config: Config): string | null {
  return config.storage.path === ":memory:" ? null : config.storage.path;
}

export async function compose(config: Config, parts: ServerParts): Promise<Composition> {
  const clock = parts.clock ?? systemClock();
  const log = parts.logger ?? silentLogger();
  const domain = Jid.fromTrusted(config.domain);
  const folder = dataFolder(config);
  if (folder !== null) {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    completeRestore(folder);
  }
  const certificate = await loadCertificate({ domain: config.domain, ...config.tls, folder, clock });
  const store =
    parts.store ??
    (folder === null
      ? createMemoryStore()
      : openSqliteStore(join(folder, "balcony.sqlite"), {
          durability: config.storage.durability,
          probe: parts.probes?.commits,
        }));
  try {
    const inUse = (await store.accounts.list({ limit: 1 })).length > 0;
    const seal = await openSeal(folder === null ? null : join(folder, "credentials.key"), inUse);
    const folderWarnings = folder === null ? [] : await openToOthers(folder);
    for (const warning of [...folderWarnings, ...seal.warnings, ...certificate.current.warnings])
      log.warn({ warning }, "start");
    const accounts = new Accounts({
      config: config.auth,
      store: store.accounts,
      seal,
      domain: config.domain,
      clock,
      log,
    });
    const authenticator = parts.authenticator ?? accounts;
    const audit = new AuditTrail(store.audit, clock, log);
    const counters = new Counters();
    const sasl = createSaslServer({
      config: config.auth,
      authenticator,
      domain: config.domain,
      secret: await store.secret("sasl"),
      throttle: createThrottle(config.auth, clock),
      audit,
      counters,
      clock,
      log,
    });
    const sessions = new Sessions(config.limits.sessionsPerAccount);
    const rosters = new Rosters(store.roster, {
      items: config.limits.rosterItems,
      requests: config.limits.pendingRequests,
    });
    const core: Core = {
      domain,
      limits: config.limits,
      clock,
      log,
      counters,
      store,
      streams: new Set(),
      sessions,
      rosters,
      accountExists: (localpart) => authenticator.exists(localpart),
      component: (domainpart) => (domainpart in config.gateway.domains ? gateway.component : undefined),
      route: (stanza, from, session) => router.route(stanza, from, session),
    };
    const journal = new SessionJournal(store.sessions, log);
    const offline = new Offline(core, journal);
    const archive = config.archive.enabled ? new Archive(core, config.archive) : undefined;
    const presence = new Presence(core, offline);
    const subscriptions = new Subscriptions(core, presence);
    const messages = new Messages(core, {
      offline,
      archive,
      journal,
      queueStanzas: config.streamManagement.queueStanzas,
    });
    const router = new Router(core, { presence, subscriptions, messages });
    const gateway = createGateway({
      domain,
      config,
      clock,
      log,
      audit,
      store: store.gateway,
      route: (stanza, from) => router.route(stanza, from),
      accountExists: core.accountExists,
      takesMessages: async (user) =>
        sessions.available(user.bareString).some(({ priority }) => priority >= 0) ||
        (await store.offline.count(user.bareString)) < config.limits.offlineMessages,
      resources: (user) => sessions.available(user.bareString),
      item: async (user, contact) => rosters.item(user.bareString, contact.bareString),
    });
    const modules = [
      rosterModule(core, subscriptions),
      disco,
      ping,
      version,
      time,
      legacySession,
      secondBind,
      offlineModule,
      flexibleOffline(core, offline),
      carbons,
      clientState,
      ...(archive === undefined ? [] : [archiveModule(core, archive)]),
      ...(parts.modules ?? []),
    ];
    let lock: FolderLock | undefined;
    const running: ModuleParts[] = setUpModules(modules, router, {
      config,
      clock,
      version: VERSION,
      features: (target) => features(modules, target),
      services: () => gateway.component.services(),
      node: (target, name) =>
        running.flatMap(({ nodes }) => nodes ?? []).find(({ node, on }) => node === name && on.includes(target)),
    });
    return {
      core,
      router,
      presence,
      journal,
      nonzas: nonzaTable(running),
      streamFeatures: () => running.flatMap(({ streamFeatures }) => streamFeatures?.() ?? []),
      sasl,
      certificate,
      gateway,
      archive,
      probes: parts.probes,
      admin: createAdmin({ core, accounts, subscriptions, gateway, archive, audit, config }),
      lock() {
        if (folder !== null && parts.store === undefined) lock ??= lockFolder(folder);
      },
      async close() {
        for (const module of running) module.stop?.();
        gateway.stop();
        archive?.stop();
        await accounts.stop();
        await audit.stop();
        try {
          await store.close();
        } finally {
          lock?.release();
        }
      },
    };
  } catch (error) {
    await store.close();
    throw error;
  }
}

// Whoever can write to the folder can put another key or database in place; its files by themselves are closed to others.
async function openToOthers(folder: string): Promise<string[]> {
  if (process.platform === "win32" || ((await stat(folder)).mode & 0o022) === 0) return [];
  return [`${folder} can be written by other users of this machine; run: chmod go-w ${folder}`];
}

function setUpModules(modules: readonly Module[], router: Router, host: Host): ModuleParts[] {
  return modules.map((module) => {
    const parts = module.setup(host);
    for (const handler of parts.iq ?? []) router.table.add(handler);
    return parts;
  });
}

function nonzaTable(running: readonly ModuleParts[]): Map<string, NonzaHandler> {
  const table = new Map<string, NonzaHandler>();
  for (const handler of running.flatMap(({ nonzas }) => nonzas ?? [])) {
    if (table.has(handler.ns)) throw new Error(`two modules take the elements of ${handler.ns}`);
    table.set(handler.ns, handler);
  }
  return table;
}

function features(modules: readonly Module[], target: "domain" | "account"): string[] {
  return modules
    .flatMap((module) => module.features ?? [])
    .filter((feature) => feature.on.includes(target))
    .map((feature) => feature.var);
}
