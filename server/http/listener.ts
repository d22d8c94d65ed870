// The server's one HTTP listener: every part of the server that speaks HTTP adds its routes to its Fastify instance.
//
// The sockets are those of transport/listener.ts, handed to one http.Server, so that several addresses, the limits on
// connections and the messages of ListenError are the same as for XMPP streams.

import type { Socket } from "node:net";
import { type SecureContext, TLSSocket } from "node:tls";
import Fastify, { type FastifyInstance } from "fastify";
import { type Clock, systemClock } from "../clock.ts";
import type { Config } from "../config.ts";
import type { Logger } from "../log.ts";
import type { Counters } from "../metrics/counters.ts";
import { ConnectionCounter, Listener, plainAddress } from "../transport/listener.ts";
import { addHealth, addMetrics, type HealthCheck, type MetricsOptions } from "./operations.ts";
import {
  httpProblem,
  notFoundHandler,
  problemHandler,
  SECURITY_HEADERS,
  sendProblem,
  writeProblem,
} from "./problem.ts";
import { TrustedProxies } from "./proxies.ts";

const MAX_HEADER_BYTES = 16_384;
const MAX_PATH_PARAMETER = 12_288; // three address parts of 1023 octets, each percent-encoded, some of them twice
const KEEP_ALIVE_MS = 30_000;
const SILENT_CONNECTION_MS = 120_000;
const DRAIN_MS = 5_000;
const REFUSAL_LOG_MS = 10_000;

export type HttpListenerOptions = {
  readonly config: Pick<Config, "limits">;
  /** Asked for at each connection, so that a new certificate needs no restart. Undefined: no TLS. */
  readonly secureContext: (() => SecureContext) | undefined;
  readonly log: Logger;
  readonly clock?: Clock;
  readonly counters?: Pick<Counters, "httpResponses">;
  /** Asked for /healthz. Left out: it is well whenever it answers. */
  readonly health?: HealthCheck;
  /** Left out: there is no /metrics. */
  readonly metrics?: MetricsOptions | undefined;
  /** Left out: none is trusted. */
  readonly proxies?: TrustedProxies;
};

export interface HttpListener {
  /** For routes, which must be added before `start`. */
  readonly app: FastifyInstance;
  /** The port in use, once started. */
  readonly port: number;
  /** Its sockets, for whoever counts them. */
  readonly sockets: Pick<Listener, "accepted" | "refused" | "connections">;
  /**
   * Opens the port on every address; with port 0 the first chooses. Throws ListenError, its message says what to do,
   * and whatever a plugin of `app` throws; the listener cannot be started again.
   */
  start(addresses: readonly string[], port: number): Promise<void>;
  /** No new connections, event streams end, open requests get 5 seconds, then everything is cut. */
  stop(): Promise<void>;
  /** Cuts every connection in the middle of whatever it is doing. */
  cut(): void;
}

export function createHttpListener(options: HttpListenerOptions): HttpListener {
  const { config, secureContext, log, clock = systemClock(), proxies = new TrustedProxies([]) } = options;
  const app = createApp(config.limits, log, proxies, clock);
  watchResponses(app, log, options.counters);
  addHealth(app, options.health ?? (async () => []));
  if (options.metrics !== undefined) addMetrics(app, options.metrics);
  const sockets = new Listener(log);
  // One that passes on the requests of many must not be taken for one of them.
  const counter = new ConnectionCounter(config.limits, undefined, (address) => proxies.has(address));
  const handshakeMs = config.limits.handshakeTimeoutSeconds * 1000;
  const openRequests = countRequests(app);

  function connected(socket: Socket): void {
    socket.setNoDelay(true);
    if (secureContext === undefined) app.server.emit("connection", socket);
    else shakeHands(socket, secureContext(), clock, handshakeMs, (secure) => app.server.emit("connection", secure));
  }

  let refusalLoggedAt = Number.NEGATIVE_INFINITY;
  function refused(socket: Socket, limit: string): void {
    socket.destroy();
    // What floods the port must not flood the log, too.
    if (Math.abs(clock.now() - refusalLoggedAt) < REFUSAL_LOG_MS) return;
    refusalLoggedAt = clock.now();
    const address = plainAddress(socket.remoteAddress);
    log.warn({ address, limit: `limits.${limit}`, refused: sockets.refused }, "http-connections-refused");
  }

  return {
    app,
    sockets,
    get port() {
      return sockets.port;
    },
    async start(addresses, port) {
      await app.ready();
      app.server.emit("listening"); // Node begins to watch its header and request timeouts at this event
      try {
        await sockets.open("http", addresses, port, counter, { connected, refused });
      } catch (error) {
        await app.close();
        throw error;
      }
    },
    async stop() {
      sockets.stopAccepting();
      await app.close();
      await openRequests.finished(clock, DRAIN_MS);
      sockets.destroyConnections();
      await sockets.close();
    },
    cut: () => sockets.destroyConnections(),
  };
}

function createApp(limits: Config["limits"], log: Logger, proxies: TrustedProxies, clock: Clock): FastifyInstance {
  const headersMs = Math.ceil(limits.handshakeTimeoutSeconds * 1000);
  const app = Fastify({
    logger: false,
    bodyLimit: limits.httpBodyBytes,
    trustProxy: (address: string) => proxies.has(address),
    requestTimeout: 0, // see limitBodies
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionTimeout: SILENT_CONNECTION_MS,
    return503OnClosing: false,
    routerOptions: { maxParamLength: MAX_PATH_PARAMETER },
    http: {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: headersMs,
      connectionsCheckingInterval: Math.min(Math.max(headersMs, 10), 5_000),
    },
    frameworkErrors: (error, _request, reply) => {
      const status = error.code === "FST_ERR_MAX_PARAM_LENGTH" ? 414 : 400;
      sendProblem(
        reply,
        httpProblem(status, status === 414 ? "the address is too long" : "the path cannot be decoded"),
      );
    },
    clientErrorHandler: (error, socket) => refuseUnreadable(error, socket),
  });
  app.addHook("onRequest", async (_request, reply) => {
    reply.headers(SECURITY_HEADERS);
  });
  limitBodies(app, clock, 2 * headersMs);
  app.setErrorHandler(problemHandler(log, limits.httpBodyBytes));
  app.setNotFoundHandler(notFoundHandler);
  return app;
}

declare module "fastify" {
  interface FastifyContextConfig {
    /** The route has a limit of its own for the time that a body takes. */
    slowBody?: boolean;
  }
}

// A request must be read in time; its response, an event stream for one, may take longer. Node's own limit is the same for
// all requests of a server.
function limitBodies(app: FastifyInstance, clock: Clock, timeoutMs: number): void {
  app.addHook("onRequest", async ({ raw, routeOptions }) => {
    const { "content-length": length = "0", "transfer-encoding": encoding } = raw.headers;
    if (routeOptions.config?.slowBody === true || (length === "0" && encoding === undefined)) return;
    const timer = clock.after(timeoutMs, () => {
      if (!raw.complete) writeProblem(raw.socket, httpProblem(408, "the request did not come in time"));
    });
    raw.once("close", () => timer.cancel());
  });
}

/** Answers what is no HTTP request, then cuts the connection. */
function refuseUnreadable(error: NodeJS.ErrnoException, socket: Socket): void {
  const [status, detail] =
    error.code === "HPE_HEADER_OVERFLOW"
      ? ([431, `the request's header is larger than ${MAX_HEADER_BYTES} bytes`] as const)
      : error.code === "ERR_HTTP_REQUEST_TIMEOUT"
        ? ([408, "the request did not come in time"] as const)
        : ([400, "not an HTTP request"] as const);
  if (error.code === "ECONNRESET") socket.destroy();
  else writeProblem(socket, httpProblem(status, detail));
}

function shakeHands(
  socket: Socket,
  secureContext: SecureContext,
  clock: Clock,
  timeoutMs: number,
  secured: (socket: TLSSocket) => void,
): void {
  const secure = new TLSSocket(socket, { isServer: true, secureContext, ALPNProtocols: ["http/1.1"] });
  const cut = (): void => void socket.destroy();
  const timer = clock.after(timeoutMs, cut);
  socket.once("close", () => timer.cancel());
  secure.on("error", cut);
  secure.once("secure", () => {
    timer.cancel();
    secure.removeListener("error", cut);
    secured(secure);
  });
}

// The route's pattern, not the path: that may hold addresses.
function watchResponses(app: FastifyInstance, log: Logger, counters: HttpListenerOptions["counters"]): void {
  app.addHook("onResponse", async (request, reply) => {
    const digit = Math.trunc(reply.statusCode / 100);
    if (counters !== undefined) counters.httpResponses[digit] = (counters.httpResponses[digit] ?? 0) + 1;
    const { method, routeOptions, ip } = request;
    const fields = { method, route: routeOptions.url, status: reply.statusCode, address: plainAddress(ip) };
    if (reply.statusCode === 401) log.info(fields, "http-unauthorized");
    else log.debug(fields, "http-request");
  });
}

/**
 * Counts the requests that have no complete response yet, by connection: a response that waits for its turn behind another
 * one is told nothing when the connection closes.
 */
function countRequests(app: FastifyInstance): { finished(clock: Clock, timeoutMs: number): Promise<void> } {
  const open = new Map<Socket, number>();
  let none = (): void => {};
  const settle = (socket: Socket, left: number): void => {
    if (left > 0) open.set(socket, left);
    else open.delete(socket);
    if (open.size === 0) none();
  };
  app.server.on("connection", (socket: Socket) => {
    socket.once("close", () => settle(socket, 0));
  });
  app.server.on("request", ({ socket }, response) => {
    open.set(socket, (open.get(socket) ?? 0) + 1);
    response.once("close", () => settle(socket, (open.get(socket) ?? 0) - 1));
  });
  return {
    finished: (clock, timeoutMs) =>
      new Promise((resolve) => {
        if (open.size === 0) return resolve();
        const timer = clock.after(timeoutMs, resolve);
        none = () => {
          timer.cancel();
          resolve();
        };
      }),
  };
}
