// One component's stream (XEP-0114 1.6): header, handshake, then stanzas both ways. It has the limits of a client's stream.

import { randomBytes } from "node:crypto";
import { Element } from "ltx";
import type { Clock, Timer } from "../clock.ts";
import type { Limits } from "../config.ts";
import { StreamError } from "../errors.ts";
import { Jid } from "../jid.ts";
import type { Logger } from "../log.ts";
import { NS } from "../namespaces.ts";
import { randomId } from "../random.ts";
import { attr, namespaceOf, textOf } from "../stanza.ts";
import { Inbox } from "../stream/inbox.ts";
import { Intake } from "../stream/intake.ts";
import type { Transport } from "../transport/transport.ts";
import { type StreamHeader, type XmlLimits, XmlStreamParser } from "../xml/parser.ts";
import { serialize, withAttrs } from "../xml/serialize.ts";
import { isRightHandshake, streamHeader } from "./handshake.ts";

export type ComponentStreamOwner = {
  readonly limits: Limits;
  readonly clock: Clock;
  readonly log: Logger;
  /** Undefined: no component is served at that domain. */
  secretOf(domain: string): string | undefined;
  /** The handshake was right: from here on the stream stands for its domain. */
  authenticated(stream: ComponentStream): void;
  /** A stanza from an address of the component's domain. */
  route(stanza: Element, from: Jid, stream: ComponentStream): void | Promise<void>;
  closed(stream: ComponentStream): void;
};

type State = "header" | "handshake" | "open" | "closing" | "closed";

/** The end of the stream, which waits for its turn among the elements. */
const ENDED = new Element("ended");

const STANZAS: ReadonlySet<string> = new Set(["message", "presence", "iq"]);

export class ComponentStream {
  /** Names the connection in the log. */
  readonly stream = randomId(6);
  readonly #transport: Transport;
  readonly #owner: ComponentStreamOwner;
  readonly #inbox: Inbox;
  readonly #parser: XmlStreamParser;
  readonly #intake: Intake;
  /** RFC 6120 section 4.7.3: unpredictable; here the handshake depends on it. */
  readonly #id = randomBytes(16).toString("hex");
  #state: State = "header";
  #headerSent = false;
  #domain = "";
  #deadline: Timer | undefined;
  /** What ends the stream when the elements before it are done. */
  #lastError: StreamError | undefined;

  constructor(transport: Transport, owner: ComponentStreamOwner) {
    const { limits, clock } = owner;
    this.#transport = transport;
    this.#owner = owner;
    this.#inbox = new Inbox(
      {
        handle: (element) => this.#handle(element),
        failed: (error) => this.#failed(error),
        congested: (on) => (on ? this.#intake.hold("inbox") : this.#intake.release("inbox")),
      },
      limits.inboxStanzas,
    );
    this.#intake = new Intake(transport, limits, clock);
    this.#parser = new XmlStreamParser(
      xmlLimits(limits, "stanzaBytesBeforeLogin"),
      {
        open: (header) => this.#onHeader(header),
        element: (element) => this.#onElement(element),
        close: () => this.#onLast(),
      },
      "stream",
      NS.component,
    );
    transport.events = {
      data: (chunk) => this.#read(chunk),
      alive() {},
      overlong() {},
      taken() {},
      ended: () => this.#onLast(),
      closed: () => this.#onGone(),
    };
    this.#deadline = clock.after(limits.handshakeTimeoutSeconds * 1000, () => {
      const text = `no handshake within ${limits.handshakeTimeoutSeconds} seconds (limits.handshakeTimeoutSeconds)`;
      this.close(new StreamError("policy-violation", text));
    });
  }

  /** The domain that it stands for, once the handshake was right. */
  get domain(): string {
    return this.#domain;
  }

  /** Whether anything that is sent still goes anywhere. */
  get open(): boolean {
    return this.#state === "open";
  }

  /** A component that reads too slowly loses its stream, and nobody else waits for it. */
  send(stanza: Element): void {
    if (!this.open) return;
    const { outboxBytes } = this.#owner.limits;
    this.#transport.send(serialize(stanza));
    if (this.#transport.sent - this.#transport.taken <= outboxBytes) return;
    this.#owner.log.warn({ stream: this.stream, limit: "limits.outboxBytes" }, "stream-too-slow");
    this.destroy();
  }

  /** With an error or without (RFC 6120 sections 4.4 and 4.9.1). */
  close(error?: StreamError): void {
    if (this.#state === "closing" || this.#state === "closed") return;
    if (!this.#headerSent) this.#sendHeader(undefined); // section 3: an error in the header still gets one
    if (error !== undefined) {
      const { condition, text } = error;
      this.#owner.log.info({ stream: this.stream, component: this.#domain, condition, text }, "component-stream-error");
      this.#transport.send(serialize(error.toElement()));
    }
    this.#transport.send("</stream:stream>");
    this.#stop();
    this.#transport.end();
  }

  /** Cuts the connection. */
  destroy(): void {
    this.#stop();
    this.#transport.destroy();
  }

  #stop(): void {
    if (this.#state !== "closed") this.#state = "closing";
    this.#parser.stop();
    this.#inbox.close();
    this.#deadline?.cancel();
    this.#intake.stop();
  }

  #onGone(): void {
    if (this.#state === "closed") return;
    this.#stop();
    this.#state = "closed";
    this.#owner.closed(this);
  }

  // ---- input

  #read(chunk: Buffer): void {
    if (this.#state === "closing" || this.#state === "closed") return;
    this.#intake.count(chunk.length);
    try {
      this.#parser.write(chunk);
    } catch (error) {
      if (error instanceof StreamError) this.#onLast(error);
      else this.#failed(error);
    }
  }

  // RFC 6120 section 10.1: what came before the end, and still waits, is carried out first.
  #onLast(error?: StreamError): void {
    this.#parser.stop();
    this.#lastError ??= error;
    if (this.open) this.#inbox.push(ENDED);
    else this.close(error);
  }

  #failed(error: unknown): void {
    if (error instanceof StreamError) {
      this.close(error);
      return;
    }
    this.#owner.log.error({ stream: this.stream, err: error }, "internal-error");
    this.close(new StreamError("internal-server-error"));
  }

  // Section 3
  #onHeader({ ns, name, defaultNs, attrs }: StreamHeader): void {
    if (ns !== NS.stream || name !== "stream" || defaultNs !== NS.component) {
      throw new StreamError("invalid-namespace", `a stream of ${NS.component} is needed`);
    }
    if (attrs.to === undefined) throw new StreamError("improper-addressing", "the stream header has no 'to'");
    const to = Jid.parse(attrs.to);
    const domain = to.ok ? to.value.toString() : "";
    if (this.#owner.secretOf(domain) === undefined) throw new StreamError("host-unknown");
    this.#domain = domain;
    this.#state = "handshake";
    this.#sendHeader(domain);
  }

  #sendHeader(domain: string | undefined): void {
    this.#headerSent = true;
    this.#transport.send(streamHeader(domain, this.#id));
  }

  #onElement(element: Element): void {
    if (this.#state === "handshake") this.#handshake(element);
    else this.#inbox.push(element);
  }

  #handshake(element: Element): void {
    const isHandshake = element.name === "handshake" && attr(element, "xmlns") === undefined;
    const secret = this.#owner.secretOf(this.#domain);
    if (!isHandshake || secret === undefined || !isRightHandshake(textOf(element).trim(), this.#id, secret)) {
      this.#owner.log.warn(
        { stream: this.stream, component: this.#domain, address: this.#transport.address },
        "component-refused",
      );
      throw new StreamError("not-authorized", "the handshake is wrong");
    }
    this.#deadline?.cancel();
    this.#parser.limits = xmlLimits(this.#owner.limits, "stanzaBytes");
    this.#state = "open";
    this.#transport.send("<handshake/>");
    this.#owner.authenticated(this);
  }

  #handle(element: Element): void | Promise<void> {
    if (element === ENDED) return this.close(this.#lastError);
    if (element.name === "error" && namespaceOf(element) === NS.stream) return this.close();
    if (attr(element, "xmlns") !== undefined) throw new StreamError("invalid-namespace", "a stanza of another stream");
    if (!STANZAS.has(element.name)) throw new StreamError("unsupported-stanza-type", `${element.name} is no stanza`);
    const { from, to } = element.attrs as Record<string, string | undefined>;
    if (from === undefined || to === undefined) {
      throw new StreamError("improper-addressing", "a component's stanzas have 'from' and 'to'");
    }
    const sender = Jid.parse(from);
    if (!sender.ok || sender.value.domainpart !== this.#domain) throw new StreamError("invalid-from");
    return this.#owner.route(withAttrs(element, { from: sender.value.toString() }), sender.value, this);
  }
}

function xmlLimits(limits: Limits, setting: "stanzaBytesBeforeLogin" | "stanzaBytes"): XmlLimits {
  return { ...limits, stanzaBytes: limits[setting], stanzaBytesSetting: setting };
}
