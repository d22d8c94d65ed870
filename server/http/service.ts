// The HTTP port with all that is on it: health and metrics, WebSocket, the gateway's binding, uploads. Loaded only where
// http.port is not null: Fastify and what it brings take longer to load than all the rest of the server.

import { createSecureContext } from "node:tls";
import type { ClientToServer } from "../c2s.ts";
import type { Composition } from "../compose.ts";
import type { Config } from "../config.ts";
import { healthProblems } from "../health.ts";
import { Monitor } from "../metrics/monitor.ts";
import { addUploadRoutes } from "../upload/routes.ts";
import { addHostMeta } from "./host-meta.ts";
import { createHttpListener, type HttpListener } from "./listener.ts";
import { Origins } from "./origins.ts";
import { httpProblem, sendProblem } from "./problem.ts";
import { TrustedProxies } from "./proxies.ts";
import { publicUrl, WEBSOCKET_PATH } from "./public-url.ts";
import { addWebSocket } from "./websocket.ts";

export type HttpServiceOptions = {
  readonly config: Config;
  readonly parts: Composition;
  readonly c2s: ClientToServer;
  /** For /healthz. */
  readonly isStopping: () => boolean;
};

export class HttpService {
  readonly #options: HttpServiceOptions;
  readonly #proxies: TrustedProxies;
  readonly #monitor: Monitor | undefined;
  readonly #listener: HttpListener;

  constructor(options: HttpServiceOptions) {
    this.#options = options;
    const { config, parts } = options;
    const { log, clock, counters } = parts.core;
    const { metrics, tls, trustedProxies } = config.http;
    this.#proxies = new TrustedProxies(trustedProxies);
    const monitor = metrics === "off" ? undefined : this.#newMonitor();
    this.#monitor = monitor;
    this.#listener = createHttpListener({
      config,
      secureContext: tls ? () => createSecureContext(parts.certificate.current.secureContext) : undefined,
      log,
      clock,
      counters,
      health: () => this.#health(),
      metrics:
        metrics === "off" || monitor === undefined ? undefined : { allowed: metrics, text: () => monitor.text() },
      proxies: this.#proxies,
    });
  }

  /** The port in use, once started. */
  get port(): number {
    return this.#listener.port;
  }

  /** Throws as HttpListener.start does; it must be stopped then, too. */
  async start(port: number): Promise<void> {
    const { config, parts } = this.#options;
    const { app } = this.#listener;
    if (config.http.websocket) this.#addWebSocket();
    await parts.gateway.http.register(app);
    if (parts.uploads !== undefined) {
      await parts.uploads.start(() => this.#publicUrl());
      await addUploadRoutes(app, parts.uploads, new Origins(config.http.origins));
    }
    await this.#listener.start(config.http.addresses, port);
  }

  /** As HttpListener.stop does. */
  stop(): Promise<void> {
    return this.#listener.stop().finally(() => this.#monitor?.stop());
  }

  cut(): void {
    this.#listener.cut();
  }

  #newMonitor(): Monitor {
    const { c2s, parts } = this.#options;
    const { counters, sessions, store } = parts.core;
    const { gateway, certificate } = parts;
    const listeners = () => ({
      ...c2s.listeners,
      WebSocket: c2s.webSockets,
      components: parts.componentPort.listener,
      http: this.#listener.sockets,
    });
    const countStreams = () => c2s.countStreams();
    return new Monitor({ counters, sessions, gateway, certificate, store, listeners, countStreams });
  }

  async #health(): Promise<string[]> {
    const { c2s, parts, isStopping } = this.#options;
    if (isStopping()) return ["the server is stopping"];
    const { store, clock } = parts.core;
    return healthProblems({ store, clock, listeners: { ...c2s.listeners, components: parts.componentPort.listener } });
  }

  #addWebSocket(): void {
    const { app } = this.#listener;
    const origins = new Origins(this.#options.config.http.origins);
    addWebSocket(app.server, { origins, proxies: this.#proxies }, this.#options.c2s.webSocketOwner);
    app.get(WEBSOCKET_PATH, async (_request, reply) =>
      sendProblem(reply.header("upgrade", "websocket"), httpProblem(426, "this is for WebSocket (RFC 7395)")),
    );
    addHostMeta(app, () => this.#publicUrl());
  }

  #publicUrl(): string | undefined {
    return publicUrl(this.#options.config, this.port);
  }
}
