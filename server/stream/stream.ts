// One client-to-server stream: the negotiation state machine of RFC 6120 sections 4 to 7, up to a bound resource, and all
// stream errors.

import type { SecureContext } from "node:tls";
import { Element } from "ltx";
import type { Clock, EpochMs, Timer } from "../clock.ts";
import type { Limits } from "../config.ts";
import { type StanzaError, StreamError, stanzaError } from "../errors.ts";
import { Jid, prepareResourcepart } from "../jid.ts";
import type { Logger } from "../log.ts";
import type { Counters } from "../metrics/counters.ts";
import { NS } from "../namespaces.ts";
import { randomId } from "../random.ts";
import type { SaslContext, SaslOffer, SaslServer } from "../sasl/mechanism.ts";
import { attr, child, errorReply, iqReply, managementFailed, namespaceOf, result, textOf } from "../stanza.ts";
import type { Transport, TransportEvents } from "../transport/transport.ts";
import type { StreamHeader, XmlHandlers, XmlLimits } from "../xml/parser.ts";
import { serialize } from "../xml/serialize.ts";
import { Authentication } from "./authentication.ts";
import { boundFeatures, featuresElement, limitsFeature, saslFeatures, tlsFeatures } from "./features.ts";
import type { Framing, StreamReader } from "./framing.ts";
import { Inbox, type InboxOwner } from "./inbox.ts";
import { Intake } from "./intake.ts";

/** How a session's stream ended: by the client's closing it, by the loss of the connection, or with an error. */
export type SessionEnd = "closed" | "broken" | StreamError;

/** The bound resource as its stream sees it. */
export interface StreamSession {
  readonly jid: Jid;
  /** One element from the client, complete and unstamped. A promise holds back those behind it. */
  receive(element: Element): void | Promise<void>;
  send(stanza: Element): void;
  /** Resolves when the messages that the client sent so far are on disk; undefined: they are. */
  readonly unwritten: Promise<void> | undefined;
  /** An `<a/>` of stream management, at once: what is being handled may wait for it. Throws StreamError. */
  acknowledged(element: Element): void;
  /** The stream is over, for whatever reason. Called once a stream. */
  ended(end: SessionEnd): void;
}

/** What a stream has to itself from the start. */
export type Connection = {
  readonly transport: Transport;
  readonly framing: Framing;
  /** When it was made: from then on limits.handshakeTimeoutSeconds count. */
  readonly connectedAt: EpochMs;
  /** For STARTTLS. */
  readonly secureContext: SecureContext;
};

/** What the streams of a server share. */
export type StreamOwner = {
  readonly domain: string;
  readonly limits: Limits;
  /** What is read before the login, and after it. */
  readonly xmlLimits: Readonly<Record<"stanzaBytesBeforeLogin" | "stanzaBytes", XmlLimits>>;
  readonly requireTls: boolean;
  readonly offerTls: boolean;
  readonly clock: Clock;
  readonly log: Logger;
  readonly counters: Pick<Counters, "stanzaSent" | "streamErrors">;
  readonly sasl: SaslServer;
  accountExists(localpart: string): boolean | Promise<boolean>;
  /** The modules' stream features, announced after login. */
  features(): readonly Element[];
  /** RFC 6120 section 7: binds a resource, or says why not. An undefined resourcepart: the server chooses. */
  bind(stream: Stream, localpart: string, resourcepart: string | undefined): StreamSession | StanzaError;
  /**
   * XEP-0198 section 5: calls `attach` with the session that is resumed, in the turn in which it takes over, or resolves
   * with the answer to a request that cannot be met.
   */
  resume(stream: Stream, localpart: string, request: Element, attach: Attach): Promise<Element | undefined>;
  closed(stream: Stream): void;
};

/** False: the stream is over already. */
export type Attach = (session: StreamSession) => boolean;

type State = "header" | "features" | "closing" | "closed";

/** A message, and how much the transport was given up to its end. */
type Kept = { readonly message: Element; readonly upTo: number };

/** How far a stream has come, for whoever watches the server. */
export const STREAM_PHASES = ["connected", "secured", "authenticated", "bound", "closing"] as const;
export type StreamPhase = (typeof STREAM_PHASES)[number];

// Two things of the stream itself that wait for their turn among its elements, told from them by identity.
const OPENED = new Element("opened");
const ENDED = new Element("ended");

/** RFC 6120 section 7.7.3: at least 5 and no more than 10. */
const BIND_RETRIES = 10;
/** How long what the client sent last may take to be carried out once the client itself is gone. */
const LAST_WORDS_MS = 5_000;

export class Stream {
  /** Names the connection in the log; each stream header on it has an id of its own. */
  readonly id = randomId(6);
  readonly transport: Transport;
  /** When the client last sent anything. */
  lastReadAt: EpochMs;
  readonly #owner: StreamOwner;
  readonly #framing: Framing;
  readonly #inputs: TransportEvents & InboxOwner & XmlHandlers;
  readonly #inbox: Inbox;
  /** Until the login. */
  #authentication: Authentication | undefined;
  #secureContext: SecureContext | undefined;
  #parser: StreamReader;
  #state: State = "header";
  #headerSent = false;
  /** Of the login; at the end, of what the client sent last. */
  #deadline: Timer | undefined;
  #lang: string | undefined;
  /** 'from' of the stream header, as a bare JID. */
  #claimed: Jid | undefined;
  /** For the response header. */
  #version: string | undefined = SPOKEN_VERSION;
  #saslContext: SaslContext | undefined;
  #refusedBinds = 0;
  #gone = false;
  /** The client has closed its side of the stream. */
  #clean = false;
  /** What ends the stream when the elements before it are done. */
  #lastError: StreamError | undefined;
  readonly #intake: Intake;
  readonly #kept: Kept[] = [];
  #localpart: string | undefined;
  #session: StreamSession | undefined;

  /** What comes to a stream from the parts beneath it: one object, where an idle stream would keep a dozen closures. */
  static readonly #Inputs = class implements TransportEvents, InboxOwner, XmlHandlers {
    readonly #stream: Stream;

    constructor(stream: Stream) {
      this.#stream = stream;
    }

    data(chunk: Buffer): void {
      this.#stream.#read(chunk);
    }

    alive(): void {
      this.#stream.lastReadAt = this.#stream.#owner.clock.now();
    }

    overlong(): void {
      this.#stream.#onLast(this.#stream.#tooLong());
    }

    taken(): void {
      this.#stream.#forgetTaken();
    }

    ended(): void {
      this.#stream.#onLast();
    }

    closed(): void {
      this.#stream.#onGone();
    }

    open(header: StreamHeader): void {
      this.#stream.#onHeader(header);
    }

    element(element: Element): void {
      this.#stream.#onElement(element);
    }

    close(): void {
      this.#stream.#clean = true;
      this.#stream.#onLast();
    }

    handle(element: Element): void | Promise<void> {
      return this.#stream.#handle(element);
    }

    failed(error: unknown): void {
      this.#stream.failed(error);
    }

    congested(on: boolean): void {
      if (on) this.#stream.#intake.hold("inbox");
      else this.#stream.#intake.release("inbox");
    }
  };

  constructor({ transport, framing, connectedAt, secureContext }: Connection, owner: StreamOwner) {
    this.transport = transport;
    this.#owner = owner;
    this.#framing = framing;
    this.#secureContext = secureContext;
    this.lastReadAt = owner.clock.now();
    this.#inputs = new Stream.#Inputs(this);
    this.#inbox = new Inbox(this.#inputs, owner.limits.inboxStanzas);
    this.#intake = new Intake(transport, owner.limits, owner.clock);
    this.#authentication = new Authentication({
      streamId: this.id,
      sasl: owner.sasl,
      loginAttempts: owner.limits.loginAttempts,
      log: owner.log,
      isOpen: () => this.#state === "features",
      send: (element) => this.#send(element),
      succeeded: (localpart, success) => this.#loggedIn(localpart, success),
    });
    this.#parser = this.#newParser();
    transport.events = this.#inputs;
    const spentMs = Math.max(0, owner.clock.now() - connectedAt);
    this.#deadline = owner.clock.after(Math.max(0, owner.limits.handshakeTimeoutSeconds * 1000 - spentMs), () =>
      this.timedOut(),
    );
  }

  /** RFC 6120 section 4.6.3: a local policy. The peer need not be dead, so it is no connection-timeout. */
  timedOut(): void {
    const seconds = this.#owner.limits.handshakeTimeoutSeconds;
    this.close(
      new StreamError("policy-violation", `not logged in within ${seconds} seconds (limits.handshakeTimeoutSeconds)`),
    );
  }

  get session(): StreamSession | undefined {
    return this.#session;
  }

  /** Whose login it is, once there was one. */
  get localpart(): string | undefined {
    return this.#localpart;
  }

  get phase(): StreamPhase {
    if (this.#state === "closing" || this.#state === "closed") return "closing";
    if (this.#session !== undefined) return "bound";
    if (this.#localpart !== undefined) return "authenticated";
    return this.transport.secure ? "secured" : "connected";
  }

  /** The xml:lang of the stream header, which stanzas without their own inherit (RFC 6120 section 4.7.4). */
  get lang(): string | undefined {
    return this.#lang;
  }

  /**
   * Sends serialized stanzas. A peer that reads too slowly loses its stream, and nobody else waits for it.
   * @param message what the text is, where the end of the connection must not lose it: see `undelivered`
   */
  sendText(text: string, message?: Element): void {
    if (this.#state === "closing" || this.#state === "closed") return;
    const { transport } = this;
    transport.send(this.#framing.text(text));
    this.#owner.counters.stanzaSent(text);
    if (message !== undefined) this.#kept.push({ message, upTo: transport.sent });
    this.#boundOutbox();
  }

  /** What is no stanza: it is not counted, and not kept. */
  sendNonza(text: string): void {
    if (!this.open) return;
    this.transport.send(this.#framing.text(text));
    this.#boundOutbox();
  }

  #boundOutbox(): void {
    const { transport } = this;
    if (transport.sent - transport.taken <= this.#owner.limits.outboxBytes) return;
    this.#owner.log.warn({ stream: this.id, limit: "limits.outboxBytes" }, "stream-too-slow");
    this.#state = "closing";
    transport.destroy();
  }

  /** Whether anything that is sent still goes anywhere. */
  get open(): boolean {
    return this.#state !== "closing" && this.#state !== "closed";
  }

  /** When the stream is closed: the messages that the connection never took, oldest first. What it took may have arrived. */
  undelivered(): readonly Element[] {
    this.#forgetTaken();
    return this.#kept.map(({ message }) => message);
  }

  #forgetTaken(): void {
    const { taken } = this.transport;
    const first = this.#kept.findIndex(({ upTo }) => upTo > taken);
    this.#kept.splice(0, first < 0 ? this.#kept.length : first);
  }

  /** Closes the stream, with an error or without (RFC 6120 sections 4.4 and 4.9.1). */
  close(error?: StreamError): void {
    if (this.#state === "closing" || this.#state === "closed") return;
    if (!this.#headerSent) this.#sendHeader(); // section 4.9.1.2: an error during set-up still needs the header
    if (error !== undefined) {
      this.#owner.log.info({ stream: this.id, condition: error.condition, text: error.text }, "stream-error");
      this.#owner.counters.streamErrors[error.condition] += 1;
      this.transport.send(this.#framing.element(error.toElement()));
    }
    this.transport.send(this.#framing.close());
    this.#state = "closing";
    this.#parser.stop();
    this.#inbox.close();
    this.#endSession(error ?? (this.#clean ? "closed" : "broken"));
    this.transport.end();
    if (this.#gone) this.#ended();
  }

  /** Resolves when the client's side has taken what was sent so far, or the connection is gone. */
  drained(): Promise<void> {
    return this.transport.drained();
  }

  // ---- input

  #read(chunk: Buffer): void {
    this.lastReadAt = this.#owner.clock.now();
    if (this.#state === "closing" || this.#state === "closed") return;
    this.#intake.count(chunk.length);
    try {
      this.#parser.write(chunk);
    } catch (error) {
      if (error instanceof StreamError) this.#onLast(error);
      else this.failed(error);
    }
  }

  get #stanzaBytesSetting(): "stanzaBytesBeforeLogin" | "stanzaBytes" {
    return this.#localpart === undefined ? "stanzaBytesBeforeLogin" : "stanzaBytes";
  }

  #tooLong(): StreamError {
    const setting = this.#stanzaBytesSetting;
    const text = `a stanza is larger than ${this.#owner.limits[setting]} bytes (limits.${setting})`;
    return new StreamError("policy-violation", text);
  }

  #newParser(): StreamReader {
    const limits = this.#owner.xmlLimits[this.#stanzaBytesSetting];
    this.transport.messageBytes = limits.stanzaBytes;
    return this.#framing.reader(limits, this.#inputs);
  }

  // RFC 6120 section 10.1: the end is in order, too, with an error or without. What came before it, and still waits, is
  // carried out first.
  #onLast(error?: StreamError): void {
    if (this.#state === "closing" || this.#state === "closed") return;
    this.#parser.stop();
    if (this.#session === undefined) {
      this.close(error);
      return;
    }
    this.#lastError ??= error;
    this.#inbox.push(ENDED);
    if (!this.#inbox.busy) return;
    this.#deadline?.cancel();
    this.#deadline = this.#owner.clock.after(LAST_WORDS_MS, () => this.close());
  }

  #onGone(): void {
    this.#gone = true;
    this.#intake.stop();
    if (this.#state === "closing") this.#ended();
    else this.#onLast();
  }

  #onElement(element: Element): void {
    if (this.#session !== undefined && element.name === "a" && attr(element, "xmlns") === NS.sm) {
      this.#session.acknowledged(element);
      return;
    }
    this.#inbox.push(element);
    // Before login nobody may fill the inbox: what comes next is read when this step is done.
    if (this.#session === undefined && this.#inbox.busy) this.#intake.hold("step");
  }

  #onHeader(header: StreamHeader): void {
    const { attrs } = header;
    const lang = attrs["xml:lang"] ?? "";
    this.#lang = LANGUAGE_TAG.test(lang) ? lang : undefined;
    const from = attrs.from === undefined ? undefined : Jid.parse(attrs.from);
    this.#claimed = from?.ok ? from.value.bare() : undefined;
    const version = versionOf(attrs.version);
    this.#version = version.answer;
    this.#framing.checkHeader(header);
    if (attrs.to === undefined) throw new StreamError("improper-addressing", "the stream header has no 'to'");
    const to = Jid.parse(attrs.to);
    if (!to.ok || to.value.toString() !== this.#owner.domain) throw new StreamError("host-unknown");
    if (!version.spoken) throw new StreamError("unsupported-version", "version 1.0 is needed");
    if (this.#localpart !== undefined) this.#checkClaim(this.#localpart, this.#claimed);
    this.#sendHeader();
    this.#state = "features";
    this.#inbox.push(OPENED); // features may have to wait for the store; what follows waits for them
    if (this.#inbox.busy) this.#intake.hold("step");
  }

  // RFC 6120 sections 4.9.3.9 and 6.4.6: who says in its header to be somebody must log in as the same.
  #checkClaim(localpart: string, claimed: Jid | undefined): void {
    if (claimed !== undefined && claimed.toString() !== `${localpart}@${this.#owner.domain}`) {
      throw new StreamError("invalid-from", "the stream's 'from' is not the account of the login");
    }
  }

  #sendHeader(): void {
    this.#headerSent = true;
    const id = randomId(16); // RFC 6120 sections 4.3.3 and 4.7.3: new for each, unpredictable
    const attrs: Record<string, string> = { from: this.#owner.domain, id, "xml:lang": "en" };
    if (this.#version !== undefined) attrs.version = this.#version;
    if (this.#claimed !== undefined) attrs.to = this.#claimed.toString();
    this.transport.send(this.#framing.open(attrs));
  }

  #handle(element: Element): void | Promise<void> {
    if (element === ENDED) return this.#end();
    // RFC 6120 section 4.9.1.1: the client has found an error, and closes.
    if (element.name === "error" && namespaceOf(element) === NS.stream) return this.close();
    if (this.#session !== undefined) return this.#session.receive(element);
    const step = this.#negotiate(element);
    if (step instanceof Promise) return step.finally(() => this.#intake.release("step"));
    return undefined;
  }

  #end(): void | Promise<void> {
    const unwritten = this.#session?.unwritten;
    return unwritten === undefined ? this.close(this.#lastError) : unwritten.then(() => this.close(this.#lastError));
  }

  /** Whatever handling an element threw. */
  failed(error: unknown): void {
    if (error instanceof StreamError) {
      this.close(error);
      return;
    }
    this.#owner.log.error({ stream: this.id, err: error }, "internal-error");
    this.close(new StreamError("internal-server-error"));
  }

  // ---- negotiation

  #negotiate(element: Element): void | Promise<void> {
    if (element === OPENED) return this.#sendFeatures();
    const ns = namespaceOf(element);
    if (ns === NS.tls && element.name === "starttls") return this.#startTls();
    if (ns === NS.sasl) return this.#authenticate(element);
    if (ns === NS.sm) return this.#manage(element);
    if (this.#localpart !== undefined && element.name === "iq" && ns === NS.client) return this.#bind(element);
    // RFC 6120 sections 4.9.3.12 and 7.1: no stanza before a resource is bound
    throw new StreamError("not-authorized", "log in and bind a resource first");
  }

  get #mustStartTls(): boolean {
    return this.#owner.requireTls && !this.transport.secure;
  }

  #sendFeatures(): void | Promise<void> {
    const { limits } = this.#owner;
    if (this.#localpart !== undefined) {
      const advertised = limitsFeature(limits.stanzaBytes, limits.idleTimeoutSeconds);
      return this.#writeFeatures([...boundFeatures(), ...this.#owner.features(), advertised]);
    }
    if (this.#mustStartTls) return this.#writeFeatures([tlsFeatures(true)]);
    this.#saslContext ??= {
      secure: this.transport.secure,
      bindings: this.transport.channelBindings(),
      address: this.transport.address,
      stream: this.id,
      claimed: this.#claimed,
    };
    const offered = this.#owner.offerTls && this.#framing.startTls && !this.transport.secure;
    const before = offered ? [tlsFeatures(false)] : [];
    const advertised = limitsFeature(limits.stanzaBytesBeforeLogin, limits.handshakeTimeoutSeconds);
    const write = (offer: SaslOffer): void => this.#writeFeatures([...before, ...saslFeatures(offer), advertised]);
    const offer = this.#owner.sasl.offer(this.#saslContext);
    return offer instanceof Promise ? offer.then(write) : write(offer);
  }

  #writeFeatures(features: readonly Element[]): void {
    this.#send(featuresElement(features));
  }

  #send(element: Element): void {
    if (this.#state === "features") this.transport.send(this.#framing.element(element));
  }

  #startTls(): void {
    // RFC 6120 section 5.4.2.2
    if (this.transport.secure || this.#localpart !== undefined || !this.#framing.startTls) {
      this.#send(new Element("failure", { xmlns: NS.tls }));
      this.close();
      return;
    }
    this.#restart();
    this.#claimed = undefined;
    this.#saslContext = undefined;
    this.#authentication?.reset();
    const proceed = serialize(new Element("proceed", { xmlns: NS.tls }));
    this.transport.startTls(this.#secureContext as SecureContext, proceed);
  }

  // RFC 6120 section 4.3.3: a new stream on the same connection.
  #restart(): void {
    this.#parser.stop();
    this.#inbox.clear(); // what came before the new header belongs to no stream
    this.#parser = this.#newParser();
    this.#state = "header";
    this.#headerSent = false;
  }

  #authenticate(element: Element): void | Promise<void> {
    const authentication = this.#authentication;
    const saslContext = this.#saslContext;
    if (this.#mustStartTls) return authentication?.fail("encryption-required");
    if (authentication === undefined || saslContext === undefined) {
      throw new StreamError("policy-violation", "already logged in"); // RFC 6120 section 6.4.1
    }
    return authentication.handle(element, saslContext);
  }

  #loggedIn(localpart: string, success: Element): void {
    this.#checkClaim(localpart, this.transport.secure ? this.#claimed : undefined);
    this.#localpart = localpart;
    this.#authentication = undefined;
    this.#saslContext = undefined;
    this.#secureContext = undefined;
    this.#send(success);
    this.#restart();
  }

  async #bind(iq: Element): Promise<void> {
    const bind = child(iq, "bind", NS.bind);
    if (bind === undefined || attr(iq, "type") !== "set") {
      throw new StreamError("not-authorized", "bind a resource first");
    }
    if (attr(iq, "id") === undefined) {
      this.#refuseBind(iq, stanzaError("bad-request", "an iq has an id"));
      return;
    }
    const wanted = child(bind, "resource", NS.bind);
    let resourcepart: string | undefined;
    if (wanted !== undefined && textOf(wanted) !== "") {
      const prepared = prepareResourcepart(textOf(wanted));
      if (!prepared.ok) {
        this.#refuseBind(iq, stanzaError("bad-request", prepared.reason)); // RFC 6120 section 7.7.2.1
        return;
      }
      resourcepart = prepared.value;
    }
    const localpart = this.#localpart as string;
    // The account may have been deleted since the password was found right.
    if (!(await this.#owner.accountExists(localpart)))
      throw new StreamError("not-authorized", "there is no such account");
    if (this.#state !== "features") return; // the client left meanwhile
    const session = this.#owner.bind(this, localpart, resourcepart);
    if ("kind" in session) {
      this.#refuseBind(iq, session);
      return;
    }
    const payload = new Element("bind", { xmlns: NS.bind });
    payload.c("jid").t(session.jid.toString());
    this.#send(iqReply(iq, result(payload)));
    this.#bound(session);
    this.#owner.log.info({ stream: this.id, jid: session.jid.toString(), address: this.transport.address }, "bound");
  }

  // XEP-0198 sections 3 and 5: a session is resumed in place of binding a resource; nothing else is managed yet.
  #manage(element: Element): void | Promise<void> {
    const localpart = this.#localpart;
    if (element.name !== "resume" || localpart === undefined) {
      this.#send(managementFailed("unexpected-request"));
      return undefined;
    }
    const attach: Attach = (session) => {
      if (this.#state !== "features") return false;
      this.#bound(session);
      return true;
    };
    return this.#owner.resume(this, localpart, element, attach).then((refusal) => {
      if (refusal !== undefined) this.#send(refusal);
    });
  }

  #bound(session: StreamSession): void {
    this.#session = session;
    this.#deadline?.cancel();
    this.#deadline = undefined;
  }

  #refuseBind(iq: Element, error: StanzaError): void {
    this.#send(errorReply(iq, error));
    this.#refusedBinds += 1;
    if (this.#refusedBinds > BIND_RETRIES) {
      throw new StreamError("policy-violation", `${this.#refusedBinds} refused binds`); // RFC 6120 section 7.7.3
    }
  }

  // ---- the end

  #ended(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#parser.stop();
    this.#inbox.close();
    this.#deadline?.cancel();
    this.#endSession("broken");
    this.#owner.closed(this);
  }

  #endSession(end: SessionEnd): void {
    this.#deadline?.cancel();
    const session = this.#session;
    if (session === undefined) return;
    this.#session = undefined;
    session.ended(end);
  }
}

const SPOKEN_VERSION = "1.0";
const LANGUAGE_TAG = /^[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*$/; // RFC 5646, without its registry

/** RFC 6120 section 4.7.5: the lower of both versions is answered, and nothing to a header that has none. */
function versionOf(attribute: string | undefined): { spoken: boolean; answer: string | undefined } {
  const parts = /^(\d{1,9})\.(\d{1,9})$/.exec(attribute ?? "");
  if (parts === null) return { spoken: false, answer: undefined };
  const [major, minor] = [Number(parts[1]), Number(parts[2])];
  return major >= 1 ? { spoken: true, answer: SPOKEN_VERSION } : { spoken: false, answer: `${major}.${minor}` };
}
