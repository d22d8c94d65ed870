// The port for components (XEP-0114 1.6): programs that serve domains of their own through this server.

import type { Socket } from "node:net";
import type { Element } from "ltx";
import { networkOf } from "../accounts/throttle.ts";
import { type Config, isLoopback } from "../config.ts";
import { type StanzaError, StreamError, stanzaError } from "../errors.ts";
import { Jid } from "../jid.ts";
import { type ComponentPart, defineModule, type Module } from "../modules/module.ts";
import type { Sender } from "../router/router.ts";
import type { Core, RouteOutcome } from "../router/routing.ts";
import { attr, errorReply, mayAnswerWithError, presence } from "../stanza.ts";
import { ConnectionCounter, Listener } from "../transport/listener.ts";
import { Lobby } from "../transport/lobby.ts";
import { Flusher, TcpTransport } from "../transport/tcp.ts";
import { ComponentStream, type ComponentStreamOwner } from "./component-stream.ts";

const KEEP_ALIVE_MS = 60_000;

/** Routes a stanza whose `from` is an address of the component's; what is refused is told to it. */
export type RouteFromComponent = (stanza: Element, from: Jid, component: Sender) => void | Promise<void>;

export class ComponentPort {
  readonly #core: Core;
  readonly #config: Config;
  readonly #route: RouteFromComponent;
  readonly #listener: Listener;
  readonly #flusher = new Flusher();
  readonly #lobby: Lobby;
  /** All connections, and those whose handshake was right, by domain. */
  readonly #streams = new Set<ComponentStream>();
  readonly #connected = new Map<string, ComponentStream>();

  constructor(core: Core, config: Config, route: RouteFromComponent) {
    this.#core = core;
    this.#config = config;
    this.#route = route;
    this.#listener = new Listener(core.log);
    this.#lobby = new Lobby(core.clock, config.limits.handshakeTimeoutSeconds * 1000);
  }

  /** Null: it is off. */
  get port(): number | null {
    return this.#isOn ? this.#listener.port : null;
  }

  get listener(): Listener | undefined {
    return this.#isOn ? this.#listener : undefined;
  }

  get #isOn(): boolean {
    return this.#config.components.length > 0 && this.#config.componentPort !== null;
  }

  /** The port and the domains of all components: for routing and discovery. */
  module(): Module {
    return defineModule({
      name: "component-port",
      spec: "XEP-0114 1.6",
      setup: () => ({ components: this.#parts(), start: () => this.#start(), stop: () => this.#stop() }),
    });
  }

  #parts(): ComponentPart[] {
    return this.#config.components.map(({ domain, name = domain }) => ({
      domainpart: domain,
      name,
      available: () => this.#connected.get(domain)?.open === true,
      component: {
        handle: (stanza, _from, _to, accepted) => this.#deliver(domain, stanza, accepted),
        // RFC 6121 section 4.3: the component answers for its users.
        probe: (user, contact) => {
          const probe = presence({ type: "probe", from: user.toString(), to: contact.toString() });
          this.#deliver(domain, probe);
        },
      },
    }));
  }

  /** Throws ListenError. */
  async #start(): Promise<void> {
    const { componentPort, componentAddresses, limits } = this.#config;
    if (!this.#isOn || componentPort === null) return;
    if (!componentAddresses.every(isLoopback)) {
      this.#core.log.warn({ warning: "componentAddresses are not loopback: stanzas travel there in clear" }, "start");
    }
    const counter = new ConnectionCounter(limits, networkOf);
    await this.#listener.open("components", componentAddresses, componentPort, counter, {
      connected: (socket) => {
        const refuse = (): void => void socket.destroy();
        this.#lobby.enter(socket, () => this.#accept(socket), refuse);
      },
      refused: (socket, limit) => {
        this.#core.log.warn({ address: socket.remoteAddress ?? "", limit: `limits.${limit}` }, "connections-refused");
        socket.on("error", () => {});
        socket.destroy();
      },
    });
  }

  /** Closes every stream with system-shutdown. */
  async #stop(): Promise<void> {
    const closed = this.#listener.close();
    for (const stream of [...this.#streams]) stream.close(new StreamError("system-shutdown"));
    // What was written goes out; nobody waits for the component to answer.
    await new Promise((resolve) => setImmediate(resolve));
    for (const stream of [...this.#streams]) stream.destroy();
    this.#listener.destroyConnections();
    await closed;
  }

  #accept(socket: Socket): void {
    socket.setKeepAlive(true, KEEP_ALIVE_MS); // a dead peer is found by TCP: not every component answers pings
    const { clock, log } = this.#core;
    const transport = new TcpTransport(socket, { flusher: this.#flusher, clock, bindings: () => new Map() });
    const stream = new ComponentStream(transport, this.#owner);
    this.#streams.add(stream);
    log.debug({ stream: stream.stream, address: transport.address }, "component-stream-opened");
    transport.resume();
  }

  get #owner(): ComponentStreamOwner {
    const { limits, clock, log } = this.#core;
    return {
      limits,
      clock,
      log,
      secretOf: (domain) => this.#config.components.find((component) => component.domain === domain)?.secret,
      authenticated: (stream) => this.#authenticated(stream),
      route: (stanza, from, stream) => this.#routeFrom(stanza, from, stream),
      closed: (stream) => this.#closed(stream),
    };
  }

  // One that was restarted may be back before its old connection is known to be dead.
  #authenticated(stream: ComponentStream): void {
    const { domain } = stream;
    const old = this.#connected.get(domain);
    this.#connected.set(domain, stream);
    old?.close(new StreamError("conflict", "the component has connected again"));
    this.#core.log.info({ stream: stream.stream, component: domain }, "component-connected");
  }

  #closed(stream: ComponentStream): void {
    this.#streams.delete(stream);
    if (this.#connected.get(stream.domain) !== stream) return;
    this.#connected.delete(stream.domain);
    this.#core.log.info({ stream: stream.stream, component: stream.domain }, "component-gone");
  }

  // ---- stanzas

  #routeFrom(stanza: Element, from: Jid, stream: ComponentStream): void | Promise<void> {
    const to = Jid.parse(attr(stanza, "to") ?? "");
    // The gateway's rules are for users of this server alone: it asks their rosters who may see and write to whom.
    if (to.ok && to.value.domainpart in this.#config.gateway.domains) {
      if (mayAnswerWithError(stanza)) stream.send(errorReply(stanza, stanzaError("service-unavailable")));
      return undefined;
    }
    return this.#route(stanza, from, stream);
  }

  #deliver(domain: string, stanza: Element, accepted: () => void = () => {}): RouteOutcome {
    const stream = this.#connected.get(domain);
    if (stream === undefined || !stream.open) return away(domain);
    accepted();
    stream.send(stanza);
    return undefined;
  }
}

function away(domain: string): StanzaError {
  return stanzaError("remote-server-timeout", `the component of ${domain} is not connected`);
}
