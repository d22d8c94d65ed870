// What the parts of routing share: the server's live state, and the one way on for a stanza.

import type { Element } from "ltx";
import type { Store } from "../../storage/store.ts";
import type { BlockLists } from "../blocking/block-lists.ts";
import type { Clock } from "../clock.ts";
import type { Limits } from "../config.ts";
import type { StanzaError } from "../errors.ts";
import type { Jid } from "../jid.ts";
import type { Logger } from "../log.ts";
import type { Counters } from "../metrics/counters.ts";
import type { Rosters } from "../roster/rosters.ts";
import type { Session } from "../session/session.ts";
import type { Sessions } from "../session/sessions.ts";
import type { Stream } from "../stream/stream.ts";
import type { Hooks } from "./hooks.ts";
import type { Requests } from "./requests.ts";

/** Undefined: done, or queued for good. A StanzaError is for the sender; who routes decides how it is told. */
export type RouteOutcome = StanzaError | undefined;
export type RouteResult = RouteOutcome | Promise<RouteOutcome>;

/** A part of this process that owns other domains than the server's: the gateway. */
export interface Component {
  /**
   * Any stanza to one of its domains, `from` stamped.
   * @param accepted to be called in the turn in which what a message causes is written, so that its sender's side is
   *   written with it
   */
  handle(stanza: Element, from: Jid, to: Jid, accepted?: () => void): RouteResult;
  /** A user's new available resource wants the presence of a contact there (RFC 6121 section 4.3). */
  probe(user: Jid, contact: Jid, session: Session): void | Promise<void>;
  /** For disco#items of the server. */
  services(): readonly { readonly jid: Jid; readonly name: string }[];
}

export type Core = {
  readonly domain: Jid;
  readonly limits: Limits;
  readonly clock: Clock;
  readonly log: Logger;
  readonly counters: Counters;
  readonly store: Store;
  /** Every client's stream, logged in or not. */
  readonly streams: Set<Stream>;
  readonly sessions: Sessions;
  readonly rosters: Rosters;
  readonly blocking: BlockLists;
  readonly hooks: Hooks;
  readonly requests: Requests;
  /** Whether the localpart has an account here. */
  accountExists(localpart: string): boolean | Promise<boolean>;
  component(domainpart: string): Component | undefined;
  /** Routes a stanza whose `from` is known to be true. Source: RFC 6120 section 10, RFC 6121 section 8. */
  route(stanza: Element, from: Jid, session?: Session): RouteResult;
};

/** Whether an address is an account's (bare or full) of this server. */
export function isLocalUser(core: Core, jid: Jid): boolean {
  return jid.localpart !== undefined && jid.domainpart === core.domain.domainpart;
}
