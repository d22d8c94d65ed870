// From a room to its occupants. Most are clients of this server: their sessions are given the text itself, and what stream
// management (XEP-0198), client state (XEP-0352) and filters ask for is done there.

import type { Element } from "ltx";
import type { EpochMs } from "../clock.ts";
import { Jid } from "../jid.ts";
import { judge, type Verdict } from "../router/hooks.ts";
import { type Core, isLocalUser, type RouteResult } from "../router/routing.ts";
import { importance } from "../session/client-state.ts";
import type { Parcel } from "../session/parcel.ts";
import type { Session } from "../session/session.ts";
import { attr } from "../stanza.ts";
import type { Send, SharedStanza } from "./shared-stanza.ts";

const NOTHING: Parcel = { release: () => true, cancel() {} };

export class Delivery {
  readonly #core: Core;
  /** An occupant whose client is not there, or takes nothing. */
  readonly #gone: (room: string, client: Jid) => void;
  /** Recipients for whom a filter has not made up its mind: what is for them stays in order. */
  readonly #lines = new Map<string, Promise<void>>();

  constructor(core: Core, gone: (room: string, client: Jid) => void) {
    this.#core = core;
    this.#gone = gone;
  }

  send(sends: readonly Send[]): void {
    for (const { stanza, to } of sends) for (const jid of to) this.#sendOne(stanza, jid);
  }

  /** One stanza to one address, by the routes of any other. */
  route(stanza: Element): RouteResult {
    return this.#core.route(stanza, Jid.fromTrusted(attr(stanza, "from") as string));
  }

  /** To one client, as it is. */
  reply(stanza: Element, to: Jid): void {
    const session = this.#session(to);
    if (session !== undefined) session.send(stanza);
    else this.#detached(this.route(stanza));
  }

  /**
   * A message that waits for the disk (Session.hold).
   * @param shared from a room or one of its occupants
   */
  hold(shared: SharedStanza, to: Jid, at: EpochMs): Parcel {
    const session = this.#session(to);
    if (session === undefined) {
      return {
        release: () => {
          this.#sendOne(shared, to);
          return true;
        },
        cancel() {},
      };
    }
    const verdict = this.#judge(shared, to);
    if (verdict instanceof Promise || this.#lines.has(to.toString())) {
      const release = (): boolean => {
        this.#after(shared, to, verdict);
        return true;
      };
      return { release, cancel() {} };
    }
    return verdict === "pass" ? session.hold(shared.textFor(to.toString()), shared.stanza, at, undefined) : NOTHING;
  }

  #session(to: Jid): Session | undefined {
    return isLocalUser(this.#core, to) && !to.isBare ? this.#core.sessions.get(to) : undefined;
  }

  #sendOne(shared: SharedStanza, to: Jid): void {
    if (to.isBare || !isLocalUser(this.#core, to)) {
      this.#routeOne(shared, to);
      return;
    }
    const session = this.#core.sessions.get(to);
    if (session === undefined) {
      this.#gone(roomOf(shared), to);
      return;
    }
    const verdict = this.#judge(shared, to);
    if (verdict instanceof Promise || this.#lines.has(to.toString())) this.#after(shared, to, verdict);
    else if (verdict === "pass") this.#give(shared, session);
  }

  #routeOne(shared: SharedStanza, to: Jid): void {
    const refused = (error: unknown): void => {
      if (error !== undefined && !to.isBare) this.#gone(roomOf(shared), to);
    };
    const outcome = this.route(shared.stanzaFor(to.toString()));
    if (outcome instanceof Promise) this.#detached(outcome.then(refused));
    else refused(outcome);
  }

  #give(shared: SharedStanza, session: Session): void {
    const { stanza } = shared;
    const to = session.jid.toString();
    if (stanza.name === "message") session.sendMessage(shared.textFor(to), stanza, false);
    else if (importance(stanza) === "presence")
      session.sendPresence(shared.textFor(to), attr(stanza, "from") as string);
    else session.send(shared.stanzaFor(to));
  }

  #judge(shared: SharedStanza, to: Jid): Verdict | Promise<Verdict> {
    const { inbound } = this.#core.hooks;
    if (inbound.length === 0) return "pass";
    const from = Jid.fromTrusted(attr(shared.stanza, "from") as string);
    return judge(inbound, shared.stanza, from, to);
  }

  #after(shared: SharedStanza, to: Jid, verdict: Verdict | Promise<Verdict>): void {
    const key = to.toString();
    const line = Promise.all([verdict, this.#lines.get(key)])
      .then(([said]) => {
        const session = this.#session(to);
        if (said === "pass" && session !== undefined) this.#give(shared, session);
      })
      .catch((err: unknown) => this.#core.log.error({ err }, "room-filter-failed"))
      .finally(() => {
        if (this.#lines.get(key) === line) this.#lines.delete(key);
      });
    this.#lines.set(key, line);
  }

  #detached(outcome: unknown): void {
    if (outcome instanceof Promise) {
      outcome.catch((err: unknown) => this.#core.log.error({ err }, "room-delivery-failed"));
    }
  }
}

function roomOf(shared: SharedStanza): string {
  return (attr(shared.stanza, "from") as string).split("/")[0] as string;
}
