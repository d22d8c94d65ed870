// Client-to-server connections: listeners, streams, binding, idle checks and the graceful end.

import type { Socket } from "node:net";
import { createSecureContext, type SecureContext } from "node:tls";
import { Element } from "ltx";
import type { WebSocket } from "ws";
import type { SessionChange } from "../storage/store.ts";
import { networkOf } from "./accounts/throttle.ts";
import type { EpochMs, Timer } from "./clock.ts";
import type { Composition } from "./compose.ts";
import type { Config, Limits } from "./config.ts";
import { type StanzaError, StreamError } from "./errors.ts";
import { type Problem, problem } from "./http/problem.ts";
import type { RequestOrigin } from "./http/proxies.ts";
import type { WebSocketOwner } from "./http/websocket.ts";
import { Jid } from "./jid.ts";
import { NS } from "./namespaces.ts";
import { randomId } from "./random.ts";
import type { AcceptedMessage } from "./router/messages.ts";
import { bindingsOf } from "./sasl/channel-binding.ts";
import { Resumption } from "./session/resumption.ts";
import { Session, type SessionOwner } from "./session/session.ts";
import { namespaceOf } from "./stanza.ts";
import { frameFraming, tcpFraming } from "./stream/framing.ts";
import { Refusals } from "./stream/refusals.ts";
import {
  type Connection,
  type SessionEnd,
  STREAM_PHASES,
  Stream,
  type StreamOwner,
  type StreamPhase,
  type StreamSession,
} from "./stream/stream.ts";
import { ConnectionCounter, Listener } from "./transport/listener.ts";
import { Lobby } from "./transport/lobby.ts";
import { Flusher, TcpTransport } from "./transport/tcp.ts";
import { WebSocketTransport } from "./transport/websocket.ts";
import type { XmlLimits } from "./xml/parser.ts";

const SWEEP_MS = 10_000;
const PING_ANSWER_MS = 60_000;
const STOP_GRACE_MS = 3_000;
/** Between two attempts to write what the disk refused. */
const AGAIN_MS = 10_000;

export type SessionEvents = {
  bound(session: Session): void;
  ended(session: Session): void;
};

/** Of WebSockets: as a Listener has them of its sockets. */
type WebSocketCounts = { accepted: number; refused: number; readonly connections: number };

export class ClientToServer {
  readonly #config: Config;
  readonly #parts: Composition;
  readonly #events: SessionEvents;
  readonly #flusher = new Flusher();
  readonly #lobby: Lobby;
  readonly #starttls: Listener;
  readonly #directTls: Listener;
  /** Of all clients, whatever they connect with. */
  readonly #counter: ConnectionCounter;
  readonly #webSockets = new Set<WebSocketTransport>();
  readonly #webSocketCounts = { accepted: 0, refused: 0 };
  #pinging: Timer | undefined;
  #stopping = false;
  readonly #refusals: Refusals;
  readonly #resumption: Resumption;
  readonly #sessionOwner: SessionOwner;
  readonly #changes = { count: 0 };
  readonly #streamOwner: StreamOwner;
  /** Messages that a connection did not take, on their way to another place. */
  readonly #settling = new Set<Promise<void>>();
  /** What ends the wait for the next attempt. */
  readonly #again = new Map<Timer, () => void>();
  /** The store is about to close: what it refuses now is not tried again. */
  #lastAttempt = false;
  #context: SecureContext;
  #sweep: Timer | undefined;
  #pinged = new WeakSet<Stream>();
  #drained: (() => void) | undefined;

  constructor(config: Config, parts: Composition, events: SessionEvents) {
    this.#config = config;
    this.#parts = parts;
    this.#events = events;
    this.#starttls = new Listener(parts.core.log);
    this.#directTls = new Listener(parts.core.log);
    this.#counter = new ConnectionCounter(config.limits, networkOf);
    this.#refusals = new Refusals(parts.core, config.limits);
    this.#resumption = new Resumption(parts.core, parts.journal, config.streamManagement, {
      expired: (session) => this.#end(session, "broken"),
      resumed: (session, afterRestart) => void this.#resumed(session, afterRestart),
    });
    this.#sessionOwner = {
      journal: parts.journal,
      deferred: this.#resumption.queueLimits,
      changes: this.#changes,
      inboxStanzas: config.limits.inboxStanzas,
      now: () => parts.core.clock.now(),
      route: (stanza, session) => {
        parts.core.counters.stanzaReceived(stanza.name);
        return parts.router.fromSession(stanza, session);
      },
      nonza: (element, session) => this.#nonza(element, session),
      ended: (session, end) => this.#ended(session, end),
    };
    this.#streamOwner = this.#makeStreamOwner();
    this.#context = createSecureContext(parts.certificate.current.secureContext);
    this.#lobby = new Lobby(parts.core.clock, config.limits.handshakeTimeoutSeconds * 1000);
  }

  get port(): number {
    return this.#starttls.port;
  }

  get directTlsPort(): number | null {
    return this.#config.c2s.directTlsPort === null ? null : this.#directTls.port;
  }

  /** By what their connections begin with; undefined: the configuration has that one off. */
  get listeners(): { readonly STARTTLS: Listener; readonly "direct TLS": Listener | undefined } {
    const direct = this.#config.c2s.directTlsPort !== null;
    return { STARTTLS: this.#starttls, "direct TLS": direct ? this.#directTls : undefined };
  }

  /** Undefined: they are off. */
  get webSockets(): WebSocketCounts | undefined {
    const { http } = this.#config;
    if (!http.websocket || http.port === null) return undefined;
    return { ...this.#webSocketCounts, connections: this.#webSockets.size };
  }

  /** How many streams have come how far. */
  countStreams(): Record<StreamPhase, number> {
    const counts = Object.fromEntries(STREAM_PHASES.map((phase) => [phase, 0])) as Record<StreamPhase, number>;
    for (const stream of this.#parts.core.streams) counts[stream.phase] += 1;
    return counts;
  }

  /** Takes over the sessions that were there before a restart. */
  async restore(): Promise<void> {
    const { core } = this.#parts;
    const owners = new Set<string>();
    await this.#resumption.restore((jid) => {
      const session = new Session(jid, undefined, this.#sessionOwner);
      owners.add(jid.bareString);
      return core.sessions.add(session) === undefined ? session : undefined;
    });
    // An available resource has its block list and its roster loaded.
    for (const owner of owners) {
      await core.blocking.of(owner);
      await core.rosters.load(owner);
    }
  }

  /** Throws ListenError. */
  async start(): Promise<void> {
    const { addresses, port, directTlsPort } = this.#config.c2s;
    const counter = this.#counter;
    await this.#starttls.open("STARTTLS", addresses, port, counter, {
      connected: (socket) => this.#enter(socket, false),
      refused: (socket, limit) => this.#refusals.refuse(socket, limit),
    });
    if (directTlsPort !== null) {
      await this.#directTls.open("direct TLS", addresses, directTlsPort, counter, {
        connected: (socket) => this.#enter(socket, true),
        refused: (socket, limit) => this.#refusals.cut(socket, limit),
      });
    }
    this.#scheduleSweep();
  }

  /** New connections use the certificate as it is now. */
  useCertificate(): void {
    this.#context = createSecureContext(this.#parts.certificate.current.secureContext);
  }

  /** Cuts every connection without a word. */
  cut(): void {
    this.#starttls.destroyConnections();
    this.#directTls.destroyConnections();
  }

  /** Closes every stream with system-shutdown, and cuts those that do not follow. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#sweep?.cancel();
    this.#pinging?.cancel();
    const closed = Promise.all([this.#starttls.close(), this.#directTls.close()]);
    const gone = new Promise<void>((resolve) => {
      this.#drained = resolve;
    });
    for (const stream of [...this.#parts.core.streams]) stream.close(new StreamError("system-shutdown"));
    if (this.#parts.core.streams.size > 0) {
      let timer: Timer | undefined;
      const grace = new Promise<void>((resolve) => {
        timer = this.#parts.core.clock.after(STOP_GRACE_MS, resolve);
      });
      await Promise.race([gone, grace]);
      timer?.cancel();
    }
    for (const stream of [...this.#parts.core.streams]) stream.transport.destroy();
    this.cut();
    await closed;
    this.#resumption.stop();
    this.#lastAttempt = true;
    for (const again of [...this.#again.values()]) again();
    await Promise.all(this.#settling);
    await this.#parts.journal.flush().catch(() => {}); // logged there
  }

  #enter(socket: Socket, direct: boolean): void {
    // In what has not become TLS no farewell could be read.
    const at = this.#parts.core.clock.now();
    const silent = direct ? () => socket.destroy() : () => this.#connected(socket, false, at).timedOut();
    this.#lobby.enter(socket, () => void this.#connected(socket, direct, at), silent);
  }

  #connected(socket: Socket, direct: boolean, connectedAt: EpochMs): Stream {
    const { core, certificate } = this.#parts;
    const context = this.#context;
    const leaf = certificate.current; // a stream binds to the certificate it was opened with, whatever is reloaded later
    const connection = new TcpTransport(socket, {
      flusher: this.#flusher,
      clock: core.clock,
      bindings: (tls) => bindingsOf(tls, leaf),
    });
    const transport = this.#parts.probes?.transport(connection) ?? connection;
    const stream = this.#openStream({ transport, framing: tcpFraming, connectedAt, secureContext: context });
    core.log.debug({ stream: stream.id, address: transport.address, direct }, "stream-opened");
    if (direct) transport.startTls(context, "");
    else transport.resume();
    return stream;
  }

  #makeStreamOwner(): StreamOwner {
    const { core, sasl } = this.#parts;
    return {
      domain: core.domain.toString(),
      limits: core.limits,
      xmlLimits: {
        stanzaBytesBeforeLogin: xmlLimits(core.limits, "stanzaBytesBeforeLogin"),
        stanzaBytes: xmlLimits(core.limits, "stanzaBytes"),
      },
      requireTls: this.#config.c2s.requireTls,
      offerTls: this.#config.c2s.requireTls || (this.#parts.probes?.offerTls ?? true),
      clock: core.clock,
      log: core.log,
      counters: core.counters,
      sasl,
      accountExists: core.accountExists,
      features: () => this.#features(),
      bind: (stream, localpart, resourcepart) => this.#bind(stream, localpart, resourcepart),
      resume: (stream, localpart, request, attach) => this.#resumption.resume(stream, localpart, request, attach),
      closed: (stream) => this.#streamClosed(stream),
    };
  }

  #openStream(connection: Connection): Stream {
    const stream = new Stream(connection, this.#streamOwner);
    this.#parts.core.streams.add(stream);
    return stream;
  }

  #streamClosed(stream: Stream): void {
    const { streams, log } = this.#parts.core;
    streams.delete(stream);
    log.debug({ stream: stream.id }, "stream-closed");
    this.#settle(stream);
    if (stream.transport instanceof WebSocketTransport && this.#webSockets.delete(stream.transport)) {
      this.#counter.release(stream.transport.address);
    }
    if (streams.size === 0) this.#drained?.();
  }

  // ---- WebSocket (RFC 7395)

  /** Who the HTTP listener hands WebSockets to. */
  get webSocketOwner(): WebSocketOwner {
    return {
      refuse: (from) => this.#refuseWebSocket(from),
      connected: (ws, socket, from) => this.#webSocketConnected(ws, socket, from),
      left: ({ address }) => this.#counter.release(address),
    };
  }

  #refuseWebSocket({ address, secure }: RequestOrigin): Problem | undefined {
    if (this.#stopping) return problem(503, "service-unavailable", "the server is stopping");
    // RFC 7395 section 3.9: there is no STARTTLS that could make up for it.
    if (this.#config.c2s.requireTls && !secure) {
      return problem(403, "forbidden", "TLS is needed: wss; behind a proxy see http.trustedProxies");
    }
    const limit = this.#counter.admit(address);
    this.#webSocketCounts.accepted += 1;
    if (limit === undefined) return undefined;
    this.#webSocketCounts.refused += 1;
    this.#refusals.log(address, limit);
    const status = limit === "connections" ? 503 : 429;
    return problem(status, "resource-constraint", `limits.${limit} is ${this.#config.limits[limit]}`);
  }

  #webSocketConnected(ws: WebSocket, socket: Socket, { address, secure }: RequestOrigin): void {
    const { core, certificate } = this.#parts;
    const leaf = certificate.current;
    const offered = this.#config.http.websocketChannelBinding;
    const transport = new WebSocketTransport(ws, socket, {
      flusher: this.#flusher,
      clock: core.clock,
      address,
      secure,
      // Its certificate may not be the current one any more: then the exporter has to do.
      bindings: (tls) =>
        offered ? bindingsOf(tls, tls.getX509Certificate()?.raw.equals(leaf.leaf) ? leaf : undefined) : new Map(),
    });
    this.#webSockets.add(transport);
    if (this.#webSockets.size === 1) this.#schedulePings();
    const connectedAt = core.clock.now();
    const secureContext = this.#context;
    const stream = this.#openStream({ transport, framing: frameFraming, connectedAt, secureContext });
    core.log.debug({ stream: stream.id, address, websocket: true }, "stream-opened");
  }

  // As long as there are any.
  #schedulePings(): void {
    this.#pinging?.cancel();
    this.#pinging = this.#parts.core.clock.after(this.#config.http.websocketPingSeconds * 1000, () => {
      for (const transport of this.#webSockets) transport.ping();
      if (this.#webSockets.size > 0) this.#schedulePings();
    });
  }

  #features(): Element[] {
    return [new Element("sm", { xmlns: NS.sm }), ...this.#parts.streamFeatures()];
  }

  #settle(stream: Stream): void {
    const messages = stream.undelivered();
    if (messages.length === 0) return;
    const { core, router } = this.#parts;
    core.log.info({ stream: stream.id, count: messages.length }, "undelivered-messages");
    this.#track(stream.id, router.undelivered(messages));
  }

  #track(stream: string, work: Promise<void>): void {
    const settling = work
      .catch((error: unknown) => this.#parts.core.log.error({ stream, err: error }, "undelivered-messages-lost"))
      .finally(() => this.#settling.delete(settling));
    this.#settling.add(settling);
  }

  // RFC 6120 section 7
  #bind(stream: Stream, localpart: string, resourcepart: string | undefined): StreamSession | StanzaError {
    const { core } = this.#parts;
    const account = Jid.fromTrusted(`${localpart}@${core.domain.toString()}`);
    const jid = account.withResource(resourcepart ?? randomId(9));
    const session = new Session(jid, stream, this.#sessionOwner);
    const refused = core.sessions.add(session);
    this.#changes.count += 1;
    if (refused !== undefined) {
      core.log.info({ stream: stream.id, localpart, limit: "limits.sessionsPerAccount" }, "limit-reached");
      return refused;
    }
    void this.#loadBlockList(session);
    this.#events.bound(session);
    return session;
  }

  // In memory, and so known without waiting, before anything comes to the session; its own stanzas wait for it.
  async #loadBlockList({ jid, stream }: Session): Promise<void> {
    const { blocking, log } = this.#parts.core;
    try {
      await blocking.of(jid.bareString);
    } catch (err) {
      log.error({ stream, err }, "block-list-not-loaded");
    }
  }

  #nonza(element: Element, session: Session): boolean | Promise<boolean> {
    const ns = namespaceOf(element);
    if (ns === NS.sm) {
      this.#resumption.handle(element, session);
      return true;
    }
    const handler = this.#parts.nonzas.get(ns);
    if (handler === undefined) return false;
    const outcome = handler.handle(element, session);
    return outcome instanceof Promise ? outcome.then(() => true) : true;
  }

  #ended(session: Session, end: SessionEnd): void {
    if (this.#resumption.survives(session, end)) {
      this.#resumption.detach(session);
      void this.#parts.core.hooks.notify("detached", session);
    } else {
      this.#end(session, end);
    }
  }

  // All in one turn: who is to have what the client did not acknowledge is decided, and written, with the end itself.
  #end(session: Session, end: SessionEnd): void {
    const { core, presence, router } = this.#parts;
    if (!core.sessions.remove(session)) return;
    core.log.info({ stream: session.stream, jid: session.jid.toString() }, "session-ended");
    session.finish();
    presence.unavailable(session, undefined);
    presence.releaseIfGone(session.jid.bareString);
    const last = this.#resumption.remove(session, end);
    if (last !== undefined) {
      const left = router.unacknowledged(session);
      // Of a deleted account nothing may be left for the next one of its name.
      const deleted = typeof end === "object" && end.condition === "not-authorized";
      const settled = this.#settleEnd(session, last, deleted ? [] : left);
      this.#parts.journal.owe(settled);
      this.#track(session.stream, settled);
    }
    this.#events.ended(session);
  }

  /** What the disk refuses is tried again. Until then it has the session, for the case of a restart. */
  async #settleEnd(session: Session, last: SessionChange, left: readonly AcceptedMessage[]): Promise<void> {
    const { journal, router, core } = this.#parts;
    for (let ended = false; ; ) {
      if (!ended) journal.add(last);
      const [, settled] = await Promise.allSettled([
        ended ? undefined : journal.committed().then(() => (ended = true)),
        router.resettle(session.jid.bareString, left),
      ]);
      if (settled.status === "fulfilled") left = settled.value;
      if (ended && left.length === 0) return;
      if (this.#lastAttempt) throw new Error("the disk still refuses the end of a session");
      core.log.error({ stream: session.stream, messages: left.length }, "session-end-refused");
      await new Promise<void>((resolve) => {
        const timer = core.clock.after(AGAIN_MS, () => this.#again.get(timer)?.());
        this.#again.set(timer, () => {
          timer.cancel();
          this.#again.delete(timer);
          resolve();
        });
      });
    }
  }

  async #resumed(session: Session, afterRestart: boolean): Promise<void> {
    const { presence, core } = this.#parts;
    void core.hooks.notify("resumed", session, afterRestart);
    await presence.resumed(session, afterRestart).catch((err: unknown) => {
      core.log.error({ stream: session.stream, err }, "resumption-incomplete");
      // It is not what its client takes it for. When it is resumed again, this is tried again.
      if (!session.detached) session.close(new StreamError("internal-server-error"));
    });
  }

  #scheduleSweep(): void {
    this.#sweep = this.#parts.core.clock.after(SWEEP_MS, () => {
      this.#checkIdle();
      this.#scheduleSweep();
    });
  }

  // RFC 6120 section 4.6: a silent peer is asked, then given up.
  #checkIdle(): void {
    const { limits, clock } = this.#parts.core;
    const idleMs = limits.idleTimeoutSeconds * 1000;
    if (idleMs === 0) return;
    const now = clock.now();
    for (const stream of this.#parts.core.streams) {
      if (stream.lastReadAt > now) stream.lastReadAt = now; // the machine's clock was set back
      const silentMs = now - stream.lastReadAt;
      if (stream.session === undefined || silentMs < idleMs) {
        this.#pinged.delete(stream);
      } else if (!this.#pinged.has(stream)) {
        this.#pinged.add(stream);
        const iq = new Element("iq", { type: "get", id: `idle-${randomId(6)}` });
        iq.attrs.from = this.#parts.core.domain.toString();
        iq.attrs.to = stream.session.jid.toString();
        iq.c("ping", { xmlns: NS.ping }); // XEP-0199 section 4.1
        stream.session.send(iq);
      } else if (silentMs >= idleMs + PING_ANSWER_MS) {
        const text = `silent for ${Math.round(silentMs / 1000)} seconds (limits.idleTimeoutSeconds)`;
        stream.close(new StreamError("connection-timeout", text));
      }
    }
  }
}

function xmlLimits(limits: Limits, stanzaBytesSetting: XmlLimits["stanzaBytesSetting"]): XmlLimits {
  const { depth, attributes, elements, xmlNameCharacters } = limits;
  return {
    stanzaBytes: limits[stanzaBytesSetting],
    stanzaBytesSetting,
    depth,
    attributes,
    elements,
    xmlNameCharacters,
  };
}
