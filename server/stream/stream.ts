// One client-to-server stream: the negotiation state machine of RFC 6120 sections 4 to 7, up to a bound resource, and all
// stream errors.

import { randomBytes } from "node:crypto";
import type { SecureContext } from "node:tls";
import { Element } from "ltx";
import type { Clock, EpochMs, Timer } from "../clock.ts";
import type { Limits } from "../config.ts";
import { type SaslCondition, type StanzaError, StreamError, stanzaError } from "../errors.ts";
import { Jid, prepareResourcepart } from "../jid.ts";
import type { Logger } from "../log.ts";
import { NS } from "../namespaces.ts";
import type { SaslContext, SaslExchange, SaslOutcome, SaslServer } from "../sasl/mechanism.ts";
import { attr, child, errorReply, iqReply, namespaceOf, result, textOf } from "../stanza.ts";
import type { Transport } from "../transport/transport.ts";
import { type StreamHeader, XmlStreamParser } from "../xml/parser.ts";
import { serialize } from "../xml/serialize.ts";
import { boundFeatures, featuresElement, saslFeatures, tlsFeatures } from "./features.ts";
import { type Framing, tcpFraming } from "./framing.ts";
import { Inbox } from "./inbox.ts";

/** The bound resource as its stream sees it. */
export interface StreamSession {
  readonly jid: Jid;
  /** One stanza from the client, complete and unstamped. A promise holds back the stanzas behind it. */
  receive(stanza: Element): void | Promise<void>;
  /** The stream is over, for whatever reason. Called once. */
  ended(): void;
}

export type StreamOwner = {
  readonly domain: string;
  readonly limits: Limits;
  readonly requireTls: boolean;
  readonly clock: Clock;
  readonly log: Logger;
  readonly sasl: SaslServer;
  secureContext(): SecureContext;
  /** RFC 6120 section 7: binds a resource, or says why not. An undefined resourcepart: the server chooses. */
  bind(stream: Stream, localpart: string, resourcepart: string | undefined): StreamSession | StanzaError;
  closed(stream: Stream): void;
};

type State = "header" | "features" | "closing" | "closed";

export class Stream {
  /** Names the connection in the log; each stream header on it has an id of its own. */
  readonly id = randomBytes(6).toString("base64url");
  readonly transport: Transport;
  /** When the client last sent anything. */
  lastReadAt: EpochMs;
  readonly #owner: StreamOwner;
  readonly #framing: Framing = tcpFraming;
  readonly #inbox: Inbox;
  #parser: XmlStreamParser;
  #state: State = "header";
  #headerSent = false;
  #handshake: Timer | undefined;
  #lang: string | undefined;
  #claimed: Jid | undefined;
  #saslContext: SaslContext | undefined;
  #exchange: SaslExchange | undefined;
  #failures = 0;
  #localpart: string | undefined;
  #session: StreamSession | undefined;

  constructor(transport: Transport, owner: StreamOwner) {
    this.transport = transport;
    this.#owner = owner;
    this.lastReadAt = owner.clock.now();
    this.#inbox = new Inbox(
      {
        handle: (element) => this.#handle(element),
        failed: (error) => this.#failed(error),
        congested: (on) => (on ? transport.pause() : transport.resume()),
      },
      owner.limits.inboxStanzas,
    );
    this.#parser = this.#newParser();
    transport.events = { data: (chunk) => this.#read(chunk), closed: () => this.#ended() };
    this.#handshake = owner.clock.after(owner.limits.handshakeTimeoutSeconds * 1000, () =>
      this.close(
        new StreamError("connection-timeout", `not logged in within ${owner.limits.handshakeTimeoutSeconds} seconds`),
      ),
    );
  }

  get session(): StreamSession | undefined {
    return this.#session;
  }

  /** The xml:lang of the stream header, which stanzas without their own inherit (RFC 6120 section 4.7.4). */
  get lang(): string | undefined {
    return this.#lang;
  }

  /** Sends serialized stanzas. A peer that reads too slowly loses its stream, and nobody else waits for it. */
  sendText(text: string): void {
    if (this.#state === "closing" || this.#state === "closed") return;
    this.transport.send(text);
    if (this.transport.unsentBytes > this.#owner.limits.outboxBytes) {
      this.#owner.log.warn({ stream: this.id, limit: "limits.outboxBytes" }, "stream-too-slow");
      this.#state = "closing";
      this.transport.destroy();
    }
  }

  /** Closes the stream, with an error or without (RFC 6120 sections 4.4 and 4.9.1). */
  close(error?: StreamError): void {
    if (this.#state === "closing" || this.#state === "closed") return;
    if (!this.#headerSent) this.#sendHeader(); // section 4.9.1.2: an error during set-up still needs the header
    if (error !== undefined) {
      this.#owner.log.info({ stream: this.id, condition: error.condition, text: error.text }, "stream-error");
      this.transport.send(this.#framing.element(error.toElement()));
    }
    this.transport.send(this.#framing.close());
    this.#state = "closing";
    this.#parser.stop();
    this.#inbox.close();
    this.#endSession();
    this.transport.end();
  }

  // ---- input

  #read(chunk: Buffer): void {
    this.lastReadAt = this.#owner.clock.now();
    if (this.#state === "closing" || this.#state === "closed") return;
    try {
      this.#parser.write(chunk);
    } catch (error) {
      this.#failed(error);
    }
  }

  #newParser(): XmlStreamParser {
    const { limits } = this.#owner;
    return new XmlStreamParser(
      {
        stanzaBytes: this.#localpart === undefined ? limits.stanzaBytesBeforeLogin : limits.stanzaBytes,
        depth: limits.depth,
        attributes: limits.attributes,
        elements: limits.elements,
      },
      {
        open: (header) => this.#onHeader(header),
        element: (element) => this.#onElement(element),
        close: () => this.close(),
      },
    );
  }

  #onElement(element: Element): void {
    this.#inbox.push(element);
    // Before login nobody may fill the inbox: what comes next is read when this step is done.
    if (this.#session === undefined && this.#inbox.busy) this.transport.pause();
  }

  #onHeader(header: StreamHeader): void {
    const { attrs } = header;
    this.#lang = attrs["xml:lang"];
    const from = attrs.from === undefined ? undefined : Jid.parse(attrs.from);
    if (from?.ok) this.#claimed = from.value;
    if (header.ns !== NS.stream || header.name !== "stream") {
      throw new StreamError("invalid-namespace", `the root element must be stream in ${NS.stream}`);
    }
    if (header.defaultNs !== NS.client) {
      throw new StreamError("invalid-namespace", `the content namespace must be ${NS.client}`);
    }
    if (attrs.to === undefined) throw new StreamError("improper-addressing", "the stream header has no 'to'");
    const to = Jid.parse(attrs.to);
    if (!to.ok || to.value.toString() !== this.#owner.domain) throw new StreamError("host-unknown");
    const version = /^(\d+)\.(\d+)$/.exec(attrs.version ?? "");
    if (version === null || Number(version[1]) < 1) {
      throw new StreamError("unsupported-version", "version 1.0 is needed");
    }
    this.#sendHeader();
    this.#state = "features";
    this.#inbox.push(new Element("stream-opened")); // features may have to wait for the store; what follows waits for them
    if (this.#inbox.busy) this.transport.pause();
  }

  #sendHeader(): void {
    this.#headerSent = true;
    const id = randomBytes(16).toString("base64url"); // RFC 6120 sections 4.3.3 and 4.7.3: new for each, unpredictable
    const attrs: Record<string, string> = { from: this.#owner.domain, id, version: "1.0", "xml:lang": "en" };
    if (this.#claimed !== undefined) attrs.to = this.#claimed.toString();
    this.transport.send(this.#framing.open(attrs));
  }

  #handle(element: Element): void | Promise<void> {
    if (this.#session !== undefined) return this.#session.receive(element);
    const step = this.#negotiate(element);
    if (step instanceof Promise) return step.finally(() => this.transport.resume());
    return undefined;
  }

  #failed(error: unknown): void {
    if (error instanceof StreamError) {
      this.close(error);
      return;
    }
    this.#owner.log.error({ stream: this.id, error }, "internal-error");
    this.close(new StreamError("internal-server-error"));
  }

  // ---- negotiation

  #negotiate(element: Element): void | Promise<void> {
    if (element.name === "stream-opened") return this.#sendFeatures();
    const ns = namespaceOf(element);
    if (ns === NS.tls && element.name === "starttls") return this.#startTls();
    if (ns === NS.sasl) return this.#authenticate(element);
    if (this.#localpart !== undefined && element.name === "iq" && ns === NS.client) return this.#bind(element);
    // RFC 6120 sections 4.9.3.12 and 7.1: no stanza before a resource is bound
    throw new StreamError("not-authorized", "log in and bind a resource first");
  }

  get #mustStartTls(): boolean {
    return this.#owner.requireTls && !this.transport.secure;
  }

  #sendFeatures(): void | Promise<void> {
    if (this.#localpart !== undefined) return this.#writeFeatures(boundFeatures());
    if (this.#mustStartTls) return this.#writeFeatures([tlsFeatures(true)]);
    this.#saslContext ??= {
      secure: this.transport.secure,
      bindings: this.transport.channelBindings(),
      address: this.transport.address,
      claimed: this.#claimed,
    };
    const offer = this.#owner.sasl.offer(this.#saslContext);
    const before = this.transport.secure ? [] : [tlsFeatures(false)];
    if (!(offer instanceof Promise)) return this.#writeFeatures([...before, ...saslFeatures(offer)]);
    return offer.then((ready) => this.#writeFeatures([...before, ...saslFeatures(ready)]));
  }

  #writeFeatures(features: readonly Element[]): void {
    this.#send(featuresElement(features));
  }

  #send(element: Element): void {
    if (this.#state === "features") this.transport.send(this.#framing.element(element));
  }

  #startTls(): void {
    // RFC 6120 section 5.4.2.2
    if (this.transport.secure || this.#localpart !== undefined) {
      this.#send(new Element("failure", { xmlns: NS.tls }));
      this.close();
      return;
    }
    this.#restart();
    this.#claimed = undefined;
    this.#saslContext = undefined;
    this.#exchange = undefined;
    const proceed = serialize(new Element("proceed", { xmlns: NS.tls }));
    this.transport.startTls(this.#owner.secureContext(), proceed);
  }

  // RFC 6120 section 4.3.3: a new stream on the same connection.
  #restart(): void {
    this.#parser.stop();
    this.#parser = this.#newParser();
    this.#state = "header";
    this.#headerSent = false;
  }

  #authenticate(element: Element): void | Promise<void> {
    if (this.#mustStartTls) return this.#saslFailure("encryption-required");
    if (this.#localpart !== undefined || this.#saslContext === undefined) {
      throw new StreamError("policy-violation", "already logged in"); // RFC 6120 section 6.4.1
    }
    switch (element.name) {
      case "auth":
        return this.#beginExchange(element, this.#saslContext);
      case "response":
        if (this.#exchange === undefined) return this.#saslFailure("malformed-request");
        return this.#step(this.#exchange, element);
      case "abort":
        this.#exchange = undefined;
        return this.#saslFailure("aborted");
      default:
        return this.#saslFailure("malformed-request");
    }
  }

  async #beginExchange(auth: Element, context: SaslContext): Promise<void> {
    if (this.#exchange !== undefined) {
      this.#exchange = undefined;
      return this.#saslFailure("malformed-request");
    }
    const mechanism = attr(auth, "mechanism");
    if (mechanism === undefined) return this.#saslFailure("malformed-request");
    this.#exchange = await this.#owner.sasl.start(mechanism, context);
    if (this.#exchange === undefined) return this.#saslFailure("invalid-mechanism");
    return this.#step(this.#exchange, auth);
  }

  async #step(exchange: SaslExchange, element: Element): Promise<void> {
    const text = textOf(element);
    const message = decodeSasl(text);
    if (message === null) {
      this.#exchange = undefined;
      return this.#saslFailure("incorrect-encoding");
    }
    // A <response/> always carries a message, if an empty one; an <auth/> may carry none.
    const outcome = await exchange.step(message ?? (element.name === "response" ? Buffer.alloc(0) : undefined));
    this.#saslOutcome(outcome);
  }

  #saslOutcome(outcome: SaslOutcome): void {
    if (this.#state !== "features") return; // the client left meanwhile
    switch (outcome.kind) {
      case "challenge":
        this.#send(new Element("challenge", { xmlns: NS.sasl }).t(outcome.data.toString("base64")));
        return;
      case "failure":
        this.#exchange = undefined;
        this.#saslFailure(outcome.condition);
        return;
      case "success": {
        this.#exchange = undefined;
        this.#localpart = outcome.localpart;
        const success = new Element("success", { xmlns: NS.sasl });
        if (outcome.data !== undefined) success.t(outcome.data.length === 0 ? "=" : outcome.data.toString("base64"));
        this.#send(success);
        this.#restart();
      }
    }
  }

  #saslFailure(condition: SaslCondition): void {
    const failure = new Element("failure", { xmlns: NS.sasl });
    failure.c(condition);
    this.#send(failure);
    this.#failures += 1;
    if (this.#failures >= this.#owner.limits.loginAttempts) {
      throw new StreamError("policy-violation", `${this.#failures} failed logins`); // RFC 6120 section 6.4.5
    }
  }

  #bind(iq: Element): void {
    const bind = child(iq, "bind", NS.bind);
    if (bind === undefined || attr(iq, "type") !== "set") {
      throw new StreamError("not-authorized", "bind a resource first");
    }
    const wanted = child(bind, "resource", NS.bind);
    let resourcepart: string | undefined;
    if (wanted !== undefined && textOf(wanted) !== "") {
      const prepared = prepareResourcepart(textOf(wanted));
      if (!prepared.ok) {
        this.#send(errorReply(iq, stanzaError("bad-request", prepared.reason))); // RFC 6120 section 7.7.2.1
        return;
      }
      resourcepart = prepared.value;
    }
    const session = this.#owner.bind(this, this.#localpart as string, resourcepart);
    if ("kind" in session) {
      this.#send(errorReply(iq, session));
      return;
    }
    const payload = new Element("bind", { xmlns: NS.bind });
    payload.c("jid").t(session.jid.toString());
    this.#send(iqReply(iq, result(payload)));
    this.#session = session;
    this.#handshake?.cancel();
    this.#handshake = undefined;
    this.#owner.log.info({ stream: this.id, jid: session.jid.toString(), address: this.transport.address }, "bound");
  }

  // ---- the end

  #ended(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#parser.stop();
    this.#inbox.close();
    this.#handshake?.cancel();
    this.#endSession();
    this.#owner.closed(this);
  }

  #endSession(): void {
    this.#handshake?.cancel();
    const session = this.#session;
    if (session === undefined) return;
    this.#session = undefined;
    session.ended();
  }
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** The message in a SASL element: undefined if there is none, empty for "=", null if it is no base64 (RFC 6120 section 6.4.2). */
function decodeSasl(text: string): Buffer | undefined | null {
  if (text === "") return undefined;
  if (text === "=") return Buffer.alloc(0);
  return BASE64.test(text) ? Buffer.from(text, "base64") : null;
}
