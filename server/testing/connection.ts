// Who is at the client's end of each connection, and which sessions can be resumed: learnt from what passes.

import type { Element } from "ltx";
import type { EpochMs } from "../clock.ts";
import { Jid } from "../jid.ts";
import { NS } from "../namespaces.ts";
import { attr, child, namespaceOf, textOf } from "../stanza.ts";
import type { Side } from "./wire.ts";

/** One connection to the server. */
export class Connection {
  readonly number: number;
  /** Localpart of the login, and the full JID that is bound. */
  user: string | undefined;
  jid: string | undefined;
  /** Cuts it; resolves when the server knows. */
  readonly cut: () => Promise<void>;

  constructor(number: number, cut: () => Promise<void>) {
    this.number = number;
    this.cut = cut;
  }
}

/** A session that its client may resume (XEP-0198 section 5). */
export type ResumableSession = {
  readonly user: string | undefined;
  readonly jid: string | undefined;
  readonly maxMs: number;
  /** Undefined: the server has lost it. */
  connection: Connection | undefined;
  /** When; undefined while there is a connection. */
  detachedAt: EpochMs | undefined;
};

export class Watcher {
  readonly #domain: string;
  /** By the id that the client resumes it with. */
  readonly #sessions = new Map<string, ResumableSession>();

  constructor(domain: string) {
    this.#domain = domain;
  }

  /** Those that are not over by what has passed; whether their time is, is for the caller to say. */
  get sessions(): Iterable<ResumableSession> {
    return this.#sessions.values();
  }

  saw(connection: Connection, from: Side, element: Element): void {
    const ns = namespaceOf(element);
    if (from === "client") {
      if (ns === NS.sasl) connection.user = this.#userOf(textOf(element)) ?? connection.user;
      return;
    }
    const bind = element.name === "iq" ? child(element, "bind", NS.bind) : undefined;
    const jid = bind && child(bind, "jid", NS.bind);
    if (jid !== undefined) this.#bound(connection, textOf(jid));
    if (ns === NS.sm && element.name === "enabled") this.#enabled(connection, element);
    if (ns === NS.sm && element.name === "resumed") this.#resumed(connection, attr(element, "previd") ?? "");
  }

  #bound(connection: Connection, jid: string): void {
    connection.jid = jid;
    connection.user = Jid.fromTrusted(jid).localpart;
  }

  #enabled(connection: Connection, element: Element): void {
    const id = attr(element, "id");
    if (id === undefined) return;
    const { user, jid } = connection;
    const maxMs = Number(attr(element, "max") ?? 0) * 1_000;
    this.#sessions.set(id, { user, jid, maxMs, connection, detachedAt: undefined });
  }

  #resumed(connection: Connection, previd: string): void {
    const session = this.#sessions.get(previd);
    if (session === undefined) return;
    Object.assign(session, { connection, detachedAt: undefined });
    if (session.jid !== undefined) this.#bound(connection, session.jid);
  }

  /** The server knows that the connection is gone. */
  gone(connection: Connection, at: EpochMs): void {
    for (const session of this.#sessions.values()) {
      if (session.connection === connection) Object.assign(session, { connection: undefined, detachedAt: at });
    }
  }

  /** The server was killed: when it is back, it counts from then on. */
  killed(): void {
    for (const session of this.#sessions.values()) session.connection = undefined;
  }

  started(at: EpochMs): void {
    for (const session of this.#sessions.values()) session.detachedAt ??= at;
  }

  // PLAIN: authzid NUL authcid NUL password; SCRAM: a GS2 header, then n=user.
  #userOf(base64: string): string | undefined {
    const text = Buffer.from(base64, "base64").toString("utf8");
    const name = /^[^\0]*\0([^\0]+)\0/.exec(text)?.[1] ?? /^(?:n|y|p=[^,]*),[^,]*,n=([^,]+),r=/.exec(text)?.[1];
    if (name === undefined) return undefined;
    const jid = Jid.parse(`${name.replaceAll("=2C", ",").replaceAll("=3D", "=")}@${this.#domain}`);
    return jid.ok ? jid.value.localpart : undefined;
  }
}
