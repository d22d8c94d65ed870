// The one place that wires store, accounts, modules, router and gateway together.

import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Element } from "ltx";
import { createGateway, type Gateway } from "../gateway/index.ts";
import { type FolderLock, lockFolder } from "../storage/folder-lock.ts";
import { createMemoryStore } from "../storage/memory.ts";
import { openSqliteStore } from "../storage/sqlite.ts";
import type { Store } from "../storage/store.ts";
import { type AccountChanges, accountChanges } from "./account-changes.ts";
import { Accounts } from "./accounts/accounts.ts";
import type { Authenticator } from "./accounts/authenticator.ts";
import { openSeal } from "./accounts/seal.ts";
import { createThrottle } from "./accounts/throttle.ts";
import type { Admin } from "./admin.ts";
import { createAdmin } from "./admin-calls.ts";
import { Archive } from "./archive/archive.ts";
import { AuditTrail } from "./audit.ts";
import { Avatars } from "./avatars/avatars.ts";
import { avatarId } from "./avatars/payloads.ts";
import { completeRestore } from "./backup/pending.ts";
import { BlockLists } from "./blocking/block-lists.ts";
import { Bookmarks } from "./bookmarks/bookmarks.ts";
import { type Clock, systemClock } from "./clock.ts";
import { ComponentPort } from "./component-port/component-port.ts";
import type { Config } from "./config.ts";
import { hasPublicUrl } from "./http/public-url.ts";
import { Jid } from "./jid.ts";
import { type Logger, silentLogger } from "./log.ts";
import { Counters } from "./metrics/counters.ts";
import { archiveModule } from "./modules/archive.ts";
import { avatarsModule } from "./modules/avatars.ts";
import { blockingModule } from "./modules/blocking.ts";
import { bookmarksModule } from "./modules/bookmarks.ts";
import { capsModule } from "./modules/caps.ts";
import { carbons } from "./modules/carbons.ts";
import { clientState } from "./modules/client-state.ts";
import { contactAddresses } from "./modules/contact-addresses.ts";
import { disco } from "./modules/disco.ts";
import { displayedModule } from "./modules/displayed.ts";
import { externalServices } from "./modules/external-services.ts";
import { flexibleOffline } from "./modules/flexible-offline.ts";
import { lastActivity } from "./modules/last-activity.ts";
import { legacySession } from "./modules/legacy-session.ts";
import type { ComponentPart, Host, Module, ModuleParts, NonzaHandler } from "./modules/module.ts";
import { offlineModule } from "./modules/offline.ts";
import { pepModule } from "./modules/pep.ts";
import { ping } from "./modules/ping.ts";
import { privateXml } from "./modules/private-xml.ts";
import { push } from "./modules/push.ts";
import { register } from "./modules/register.ts";
import { roomsModule } from "./modules/rooms.ts";
import { secondBind } from "./modules/second-bind.ts";
import { time } from "./modules/time.ts";
import { uploadModule } from "./modules/upload.ts";
import { vcardModule } from "./modules/vcard.ts";
import { Vcards } from "./modules/vcards.ts";
import { version } from "./modules/version.ts";
import { Offline } from "./offline/offline.ts";
import { Capabilities } from "./presence/caps.ts";
import { PhotoHashes } from "./presence/photo-hashes.ts";
import { Presence } from "./presence/presence.ts";
import type { Probes } from "./probes.ts";
import { Pubsub } from "./pubsub/pubsub.ts";
import { rosterModule } from "./roster/roster.ts";
import { Rosters } from "./roster/rosters.ts";
import { Subscriptions } from "./roster/subscriptions.ts";
import { Hooks } from "./router/hooks.ts";
import { Messages } from "./router/messages.ts";
import { Requests } from "./router/requests.ts";
import { Router } from "./router/router.ts";
import type { Component, Core } from "./router/routing.ts";
import type { SaslServer } from "./sasl/mechanism.ts";
import { createSaslServer } from "./sasl/sasl-server.ts";
import { SessionJournal } from "./session/journal.ts";
import { Sessions } from "./session/sessions.ts";
import { type CertificateSource, loadCertificate } from "./transport/certificate.ts";
import { Uploads } from "./upload/uploads.ts";
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
  /** Undefined: upload.enabled is false, or there is no https. */
  readonly uploads: Uploads | undefined;
  readonly componentPort: ComponentPort;
  readonly admin: Admin;
  readonly probes: Probes | undefined;
  /** Takes the lock of the data folder, until `close`; does nothing without a folder. Throws FolderLockedError. */
  lock(): void;
  /** Sessions from before a restart must be there, and no socket open yet. */
  startModules(): Promise<void>;
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
    const blocking = new BlockLists(store.blocking, {
      domain,
      limit: config.limits.blockedAddresses,
      isOnline: (owner) => sessions.has(owner),
    });
    const components = new Map<string, Component>();
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
      blocking,
      hooks: new Hooks(log),
      requests: new Requests(clock, domain.toString()),
      component: (domainpart) =>
        domainpart in config.gateway.domains ? gateway.component : components.get(domainpart),
      route: (stanza, from, session) => router.route(stanza, from, session),
    };
    const journal = new SessionJournal(store.sessions, clock, log);
    const offline = new Offline(core, journal);
    const archive = config.archive.enabled ? new Archive(core, config.archive) : undefined;
    const uploads =
      config.upload.enabled && hasPublicUrl(config)
        ? new Uploads(core, {
            config: config.upload,
            folder: folder === null ? null : join(folder, "uploads"),
            secret: await store.secret("upload"),
          })
        : undefined;
    const vcards = new Vcards({ store: store.profiles, log, vcardBytes: config.limits.vcardBytes });
    const photos = new PhotoHashes(async (account) => {
      const photo = await vcards.photo(account);
      return photo && avatarId(photo.bytes);
    });
    const presence = new Presence(core, offline, photos);
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
      takesMessages: async (user, source) =>
        !(await blocking.blocks(user, source)) &&
        (sessions.available(user.bareString).some(({ priority }) => priority >= 0) ||
          (await store.offline.count(user.bareString)) < config.limits.offlineMessages),
      resources: (user, watcher) => (blocking.blocksNow(user, watcher) ? [] : sessions.available(user.bareString)),
      item: async (user, contact) => rosters.item(user.bareString, contact.bareString),
    });
    const capabilities = new Capabilities(core, config.pubsub.capabilities);
    const pubsub = new Pubsub(core, config.pubsub, capabilities);
    const changes = accountChanges({ core, accounts, subscriptions, gateway, archive, offline, audit });
    const bookmarks = new Bookmarks(pubsub, capabilities);
    const componentPort = new ComponentPort(core, config, (stanza, from, component) =>
      router.fromComponent(stanza, from, component),
    );
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
      blockingModule(core, { presence, audit }),
      capsModule(core, capabilities),
      pepModule(pubsub, capabilities),
      carbons,
      clientState,
      vcardModule(vcards),
      avatarsModule(new Avatars(pubsub, vcards), vcards, presence),
      privateXml(core, bookmarks),
      bookmarksModule,
      displayedModule(pubsub),
      lastActivity(core),
      contactAddresses,
      ...(await optionalModules(core, config, { changes, ownAccounts: authenticator === accounts })),
      componentPort.module(),
      ...(archive === undefined ? [] : [archiveModule(core, archive)]),
      ...(uploads === undefined ? [] : [uploadModule(core, uploads)]),
      ...(config.rooms.enabled ? [roomsModule(core, journal)] : []),
      ...(parts.modules ?? []),
    ];
    let lock: FolderLock | undefined;
    const running: ModuleParts[] = setUpModules(
      modules,
      { router, components, hooks: core.hooks },
      {
        config,
        clock,
        version: VERSION,
        features: (target) => features(modules, target),
        discoParts: (target) => running.flatMap(({ disco = [] }) => disco.filter(({ on }) => on.includes(target))),
        services: () => [gateway.component, ...components.values()].flatMap((component) => component.services()),
        node: (target, name) =>
          running.flatMap(({ nodes }) => nodes ?? []).find(({ node, on }) => node === name && on.includes(target)),
        async findNode(target, name, request) {
          for (const { on, find } of running.flatMap(({ openNodes }) => openNodes ?? [])) {
            const found = on.includes(target) ? await find(name, request) : undefined;
            if (found !== undefined) return found;
          }
          return undefined;
        },
      },
    );
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
      uploads,
      componentPort,
      probes: parts.probes,
      admin: createAdmin({ core, accounts, changes, gateway, audit, config }),
      lock() {
        if (folder !== null && parts.store === undefined) lock ??= lockFolder(folder);
      },
      async startModules() {
        for (const module of running) await module.start?.();
      },
      async close() {
        core.requests.stop();
        for (const module of running) await module.stop?.();
        gateway.stop();
        archive?.stop();
        await uploads?.stop();
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

/** Those that the configuration, or who keeps the accounts, may leave without anything to do. */
async function optionalModules(
  core: Core,
  { externalServices: services, components, push: pushConfig }: Config,
  { changes, ownAccounts }: { readonly changes: AccountChanges; readonly ownAccounts: boolean },
): Promise<Module[]> {
  const modules: Module[] = [];
  if (ownAccounts) modules.push(register(core, changes));
  if (services.length > 0) modules.push(externalServices(core, services, await core.store.secret("external-services")));
  // There is no other way to an app server than as a component.
  if (pushConfig.enabled && components.length > 0) modules.push(push(core, pushConfig));
  return modules;
}

type ModuleTables = {
  readonly router: Router;
  readonly components: Map<string, Component>;
  readonly hooks: Hooks;
};

function setUpModules(modules: readonly Module[], tables: ModuleTables, host: Host): ModuleParts[] {
  return modules.map((module) => {
    const parts = module.setup(host);
    for (const handler of parts.iq ?? []) tables.router.table.add(handler);
    for (const part of parts.components ?? []) addComponent(tables.components, part, host);
    if (parts.hooks !== undefined) tables.hooks.add(parts.hooks);
    return parts;
  });
}

function addComponent(table: Map<string, Component>, part: ComponentPart, { config }: Host): void {
  const { domainpart, name, component } = part;
  if (table.has(domainpart) || domainpart === config.domain || domainpart in config.gateway.domains) {
    throw new Error(`two parts of the server own ${domainpart}`);
  }
  const services = [{ jid: Jid.fromTrusted(domainpart), name }];
  table.set(domainpart, {
    handle: (stanza, from, to, accepted) => component.handle(stanza, from, to, accepted),
    probe: (user, contact, session) => component.probe?.(user, contact, session),
    services: () => (part.available?.() === false ? [] : services),
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
