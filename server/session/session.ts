// A bound resource (RFC 6120 section 7): its address, what it last said of its presence, and its way out to the client.

import type { Element } from "ltx";
import { StreamError } from "../errors.ts";
import { Jid } from "../jid.ts";
import { attr, withAttrs } from "../stanza.ts";
import type { StreamSession } from "../stream/stream.ts";
import { serialize } from "../xml/serialize.ts";

/** Where a session's stanzas go: its stream. */
export interface Outbox {
  /** The stream's id, for the log. */
  readonly id: string;
  readonly lang: string | undefined;
  sendText(text: string, message?: Element): void;
  drained(): Promise<void>;
  close(error?: StreamError): void;
}

/** What the session hands on: each stanza, stamped; and its end. */
export type SessionOwner = {
  route(stanza: Element, session: Session): void | Promise<void>;
  ended(session: Session): void;
};

export class Session implements StreamSession {
  readonly jid: Jid;
  /** The last presence without `to` that was available, stamped; undefined: not an available resource. */
  presence: Element | undefined;
  priority = 0;
  /** It asked for the roster, so it gets roster pushes (RFC 6121 section 2.2). */
  interested = false;
  /** Entities outside the roster's `from` that have this resource's available presence (RFC 6121 section 4.6). */
  readonly directed = new Map<string, Jid>();
  readonly #outbox: Outbox;
  readonly #owner: SessionOwner;

  constructor(jid: Jid, outbox: Outbox, owner: SessionOwner) {
    this.jid = jid;
    this.#outbox = outbox;
    this.#owner = owner;
  }

  /** The id of its stream, for the log. */
  get stream(): string {
    return this.#outbox.id;
  }

  get available(): boolean {
    return this.presence !== undefined;
  }

  /** RFC 6120 section 8.1.2.1: `from` is stamped, and a false one ends the stream. */
  receive(stanza: Element): void | Promise<void> {
    const from = attr(stanza, "from");
    if (from !== undefined && from !== this.jid.toString()) {
      const parsed = Jid.parse(from);
      if (!parsed.ok || !(parsed.value.equals(this.jid) || parsed.value.equals(this.jid.bare()))) {
        throw new StreamError("invalid-from");
      }
    }
    const changes: Record<string, string> = { from: this.jid.toString() };
    // RFC 6120 section 8.1.5: a stanza inherits the language of its stream
    if (this.#outbox.lang !== undefined && attr(stanza, "xml:lang") === undefined)
      changes["xml:lang"] = this.#outbox.lang;
    return this.#owner.route(withAttrs(stanza, changes), this);
  }

  send(stanza: Element): void {
    this.#outbox.sendText(serialize(stanza));
  }

  /**
   * A stanza that was serialized once for several recipients.
   * @param message the stanza, where the end of the connection must not lose it (Router.undelivered)
   */
  sendText(text: string, message?: Element): void {
    this.#outbox.sendText(text, message);
  }

  /** Resolves when the client's side has taken what was sent so far, or the connection is gone: for who has much to send. */
  drained(): Promise<void> {
    return this.#outbox.drained();
  }

  close(error?: StreamError): void {
    this.#outbox.close(error);
  }

  ended(): void {
    this.#owner.ended(this);
  }
}
