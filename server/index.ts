// The public API: createServer(config, parts?). The only file that an embedder imports.

import { EventEmitter } from "node:events";
import type { Admin } from "./admin.ts";
import { ClientToServer } from "./c2s.ts";
import { type Composition, compose, type ServerParts } from "./compose.ts";
import { type Config, type ConfigInput, parseConfig } from "./config.ts";
import type { HttpService } from "./http/service.ts";
import type { Jid } from "./jid.ts";
import { VERSION } from "./version.ts";

export { FolderLockedError } from "../storage/folder-lock.ts";
export type { Store } from "../storage/store.ts";
export { AccountError } from "./accounts/account-error.ts";
export type { Authenticator, PlainVerdict, ScramKeys, ScramSource } from "./accounts/authenticator.ts";
export { bcryptAuthenticator } from "./accounts/bcrypt-authenticator.ts";
export type { Admin, PresentityInfo, PresentitySettings, TokenInfo } from "./admin.ts";
export { AdminError } from "./admin.ts";
export type { Clock, Timer } from "./clock.ts";
export type { ServerParts } from "./compose.ts";
export type { Config, ConfigInput } from "./config.ts";
export { ConfigError } from "./config.ts";
export { type StanzaCondition, type StanzaError, stanzaError } from "./errors.ts";
export { Jid } from "./jid.ts";
export type { Logger } from "./log.ts";
export { defineModule, type Host, type Module, type ModuleParts } from "./modules/module.ts";
export type { ExportedUser, ImportOptions, ImportResult, PortableKeys, PortableUser } from "./portable/user.ts";
export type { IqHandler, IqRequest } from "./router/dispatch.ts";
export { Element, type IqReply, result } from "./stanza.ts";

/** What a server tells its embedder; listeners cannot change anything. */
export type ServerEvents = {
  /** A resource was bound. */
  session: [{ readonly jid: Jid }];
  /** A bound resource is gone. */
  sessionEnd: [{ readonly jid: Jid }];
};

/** Ports as they are open, whatever the configuration said; null: not open. */
export type Addresses = {
  readonly c2s: number;
  readonly directTls: number | null;
  readonly http: number | null;
  readonly components: number | null;
};

export interface BalconyServer extends EventEmitter<ServerEvents> {
  readonly config: Config;
  /** Users, tokens, presentities: also before `start()`. */
  readonly admin: Admin;
  readonly addresses: Addresses;
  readonly certificate: { readonly fingerprintSha256: string; readonly selfSigned: boolean; readonly notAfter: Date };
  /**
   * Locks the data folder and opens the sockets. Rejects with FolderLockedError (another server runs on it) or ListenError;
   * nothing is left open then.
   */
  start(): Promise<void>;
  /**
   * Closes every stream with system-shutdown, then the store; no timer or handle is left. May be called twice.
   * @param how `cut`: every connection ends at once and without a word
   */
  stop(how?: { readonly cut?: boolean }): Promise<void>;
  /** Reads the certificate files again; new connections use them. Rejects with CertificateError. */
  reloadCertificates(): Promise<void>;
}

/**
 * Makes a server, opens its store, and opens no socket yet.
 * Rejects with ConfigError, CertificateError, StoreOpenError or SealError; each message says what to do.
 */
export async function createServer(input: ConfigInput = {}, parts: ServerParts = {}): Promise<BalconyServer> {
  const config = parseConfig(input);
  return new Balcony(config, await compose(config, parts));
}

class Balcony extends EventEmitter<ServerEvents> implements BalconyServer {
  readonly config: Config;
  readonly #parts: Composition;
  readonly #c2s: ClientToServer;
  #http: HttpService | undefined;
  #stopping: Promise<void> | undefined;

  constructor(config: Config, parts: Composition) {
    super();
    this.config = config;
    this.#parts = parts;
    this.#c2s = new ClientToServer(config, parts, {
      bound: (session) => this.#tell("session", session.jid),
      ended: (session) => this.#tell("sessionEnd", session.jid),
    });
  }

  // A listener that throws is the embedder's mistake, and must not cost a client its session.
  #tell(event: keyof ServerEvents, jid: Jid): void {
    try {
      this.emit(event, { jid });
    } catch (err) {
      this.#parts.core.log.error({ err, event }, "listener-failed");
    }
  }

  get admin(): Admin {
    return this.#parts.admin;
  }

  get addresses(): Addresses {
    const components = this.#parts.componentPort.port;
    return { c2s: this.#c2s.port, directTls: this.#c2s.directTlsPort, http: this.#http?.port ?? null, components };
  }

  get certificate(): BalconyServer["certificate"] {
    const { fingerprintSha256, selfSigned, notAfter } = this.#parts.certificate.current;
    return { fingerprintSha256, selfSigned, notAfter: new Date(notAfter) };
  }

  async start(): Promise<void> {
    const { http } = this.config;
    try {
      this.#parts.lock();
      await this.#c2s.restore();
      await this.#parts.startModules();
      await this.#parts.gateway.start();
      this.#parts.archive?.start();
      if (http.port !== null) await this.#startHttp(http.port);
      await this.#c2s.start();
    } catch (error) {
      await this.stop();
      throw error;
    }
    const { log } = this.#parts.core;
    log.info({ ...this.addresses, domain: this.config.domain, version: VERSION, pid: process.pid }, "started");
  }

  async #startHttp(port: number): Promise<void> {
    const { HttpService } = await import("./http/service.ts");
    this.#http = new HttpService({
      config: this.config,
      parts: this.#parts,
      c2s: this.#c2s,
      isStopping: () => this.#stopping !== undefined,
    });
    await this.#http.start(port);
  }

  stop({ cut = false } = {}): Promise<void> {
    if (cut) {
      this.#c2s.cut();
      this.#http?.cut();
    }
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    // Clients first: their leaving is still told to the gateway's foreign side.
    await this.#c2s.stop();
    await this.#parts.gateway.settled();
    await this.#http?.stop();
    await this.#parts.close();
    this.#parts.core.log.info({}, "stopped");
  }

  async reloadCertificates(): Promise<void> {
    const { fingerprintSha256, notAfter, warnings } = await this.#parts.certificate.reload();
    this.#c2s.useCertificate();
    const { log } = this.#parts.core;
    for (const warning of warnings) log.warn({ warning }, "certificate-warning");
    log.info({ fingerprintSha256, notAfter: new Date(notAfter).toISOString() }, "certificate-reloaded");
  }
}
