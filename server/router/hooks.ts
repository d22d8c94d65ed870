// The hook points of the server: a closed, typed set. A notify hook cannot change anything; a filter may stop a stanza.

import type { Element } from "ltx";
import type { StanzaError } from "../errors.ts";
import type { Jid } from "../jid.ts";
import type { Logger } from "../log.ts";
import type { Session } from "../session/session.ts";

/** What a filter says of a stanza: it may pass; it is dropped without a word; or its sender is told. */
export type Verdict = "pass" | "drop" | StanzaError;

/** Listeners for what has happened. */
export type NotifyHooks = {
  /** A resource sent available presence, and its contacts were told. `initial`: it was not available before. */
  available(session: Session, initial: boolean): void;
  /** A resource that was available is not any more: it said so in this presence, or its session ended. */
  unavailable(session: Session, said: Element | undefined): void;
  /**
   * A message for `account` (bare) was given to resources or stored for it. `receivers`: the resources of the account that
   * have it or will have it, as its recipients or as copies.
   */
  received(account: Jid, message: Element, receivers: readonly Session[]): void;
  /** A resource's connection is lost, and its client may come back (XEP-0198). */
  detached(session: Session): void;
  /** `user` (bare) has begun to see the presence of `contact` (bare), both of this server. */
  subscribed(user: Jid, contact: Jid): void;
  /** A session has a connection again (XEP-0198 section 5). */
  resumed(session: Session, afterRestart: boolean): void;
  /** The account is gone, and what belonged to it must go. */
  accountDeleted(account: Jid): void | Promise<void>;
};

/** May stop a stanza between two entities of which at least one is a local user. */
export type FilterHooks = {
  /** A local user's stanza with a `to`, before anything comes of it. */
  outbound(stanza: Element, from: Jid, to: Jid): Verdict | Promise<Verdict>;
  /** Any stanza for a local user, before anything comes of it. */
  inbound(stanza: Element, from: Jid, to: Jid): Verdict | Promise<Verdict>;
};

/** May put a changed copy in place of a stanza. */
export type RewriteHooks = {
  /** A client's message, before anything else sees it. */
  message(stanza: Element, session: Session): Element | Promise<Element>;
};

export type HookParts = {
  readonly notify?: Partial<NotifyHooks>;
  readonly filter?: Partial<FilterHooks>;
  readonly rewrite?: RewriteHooks;
};

const DONE = Promise.resolve();

type Lists = {
  readonly [Name in keyof NotifyHooks]: NotifyHooks[Name][];
};

export class Hooks {
  readonly #log: Logger;
  readonly #notify: Lists = {
    available: [],
    unavailable: [],
    received: [],
    detached: [],
    subscribed: [],
    resumed: [],
    accountDeleted: [],
  };
  readonly outbound: FilterHooks["outbound"][] = [];
  readonly inbound: FilterHooks["inbound"][] = [];
  readonly rewrites: RewriteHooks["message"][] = [];

  constructor(log: Logger) {
    this.#log = log;
  }

  add({ notify = {}, filter = {}, rewrite }: HookParts): void {
    for (const name of Object.keys(this.#notify) as (keyof NotifyHooks)[]) {
      const listener = notify[name];
      if (listener !== undefined) (this.#notify[name] as (typeof listener)[]).push(listener);
    }
    if (filter.outbound !== undefined) this.outbound.push(filter.outbound);
    if (filter.inbound !== undefined) this.inbound.push(filter.inbound);
    if (rewrite !== undefined) this.rewrites.push(rewrite.message);
  }

  /** Calls every listener, in order. One that throws or rejects costs the others nothing. Resolves when all are done. */
  notify<Name extends keyof NotifyHooks>(name: Name, ...args: Parameters<NotifyHooks[Name]>): Promise<void> {
    return this.#tell(name, args, 0);
  }

  // Nothing is allocated while listeners answer at once.
  #tell<Name extends keyof NotifyHooks>(name: Name, args: Parameters<NotifyHooks[Name]>, from: number): Promise<void> {
    const listeners = this.#notify[name] as ((...args: Parameters<NotifyHooks[Name]>) => void | Promise<void>)[];
    for (let index = from; index < listeners.length; index++) {
      try {
        const outcome = listeners[index]?.(...args);
        if (outcome instanceof Promise) {
          return outcome.catch((err: unknown) => this.#failed(name, err)).then(() => this.#tell(name, args, index + 1));
        }
      } catch (err) {
        this.#failed(name, err);
      }
    }
    return DONE;
  }

  #failed(hook: keyof NotifyHooks, err: unknown): void {
    this.#log.error({ err, hook }, "hook-failed");
  }
}

/** Asks filters in order, until one does not let the stanza pass. One that throws stops it: the error is the caller's. */
export function judge(
  filters: readonly ((stanza: Element, from: Jid, to: Jid) => Verdict | Promise<Verdict>)[],
  stanza: Element,
  from: Jid,
  to: Jid,
): Verdict | Promise<Verdict> {
  for (let index = 0; index < filters.length; index++) {
    const verdict = filters[index]?.(stanza, from, to) ?? "pass";
    if (verdict instanceof Promise) {
      return verdict.then((said) => (said === "pass" ? judge(filters.slice(index + 1), stanza, from, to) : said));
    }
    if (verdict !== "pass") return verdict;
  }
  return "pass";
}

/** Lets every hook change a message, in order. */
export function rewrite(
  hooks: readonly RewriteHooks["message"][],
  stanza: Element,
  session: Session,
): Element | Promise<Element> {
  let current = stanza;
  for (let index = 0; index < hooks.length; index++) {
    const changed = hooks[index]?.(current, session) ?? current;
    if (changed instanceof Promise) return changed.then((ready) => rewrite(hooks.slice(index + 1), ready, session));
    current = changed;
  }
  return current;
}
