// The registry of bound resources, by bare and full JID.

import { type StanzaError, StreamError, stanzaError } from "../errors.ts";
import type { Jid } from "../jid.ts";
import type { Session } from "./session.ts";

export class Sessions {
  readonly #byAccount = new Map<string, Map<string, Session>>();
  readonly #perAccount: number;
  #count = 0;

  constructor(sessionsPerAccount: number) {
    this.#perAccount = sessionsPerAccount;
  }

  get count(): number {
    return this.#count;
  }

  /**
   * Adds a session. Where the resourcepart is taken, the older session is closed with `conflict`: of the three choices in
   * RFC 6120 section 7.7.2.2 the one that a client whose connection died, and who comes back, needs.
   */
  add(session: Session): StanzaError | undefined {
    const { bareString, resourcepart = "" } = session.jid;
    const old = this.#byAccount.get(bareString)?.get(resourcepart);
    old?.close(new StreamError("conflict", "the same resource was bound by another stream"));
    // Those that wait for clients which may never come back make room for one that is here.
    if (this.#isFull(bareString)) longestDetached(this.of(bareString))?.close();
    let account = this.#byAccount.get(bareString);
    if (account === undefined) {
      account = new Map();
      this.#byAccount.set(bareString, account);
    }
    if (this.#isFull(bareString)) {
      return stanzaError("resource-constraint", `limits.sessionsPerAccount is ${this.#perAccount}`);
    }
    account.set(resourcepart, session);
    this.#count += 1;
    return undefined;
  }

  #isFull(bare: string): boolean {
    return (this.#byAccount.get(bare)?.size ?? 0) >= this.#perAccount;
  }

  /** False if it was not there (any more). */
  remove(session: Session): boolean {
    const { bareString, resourcepart = "" } = session.jid;
    const account = this.#byAccount.get(bareString);
    if (account?.get(resourcepart) !== session) return false;
    account.delete(resourcepart);
    if (account.size === 0) this.#byAccount.delete(bareString);
    this.#count -= 1;
    return true;
  }

  get(jid: Jid): Session | undefined {
    return this.#byAccount.get(jid.bareString)?.get(jid.resourcepart ?? "");
  }

  /** The bound resources of an account, by its bare JID. */
  of(bare: string): Iterable<Session> {
    return this.#byAccount.get(bare)?.values() ?? NONE;
  }

  has(bare: string): boolean {
    return this.#byAccount.has(bare);
  }

  /** Available resources, highest priority first, then by resourcepart: the order of RFC 3922's documents, too. */
  available(bare: string): Session[] {
    const available = [...this.of(bare)].filter((session) => session.available);
    if (available.length < 2) return available;
    return available.sort(
      (a, b) => b.priority - a.priority || ((a.jid.resourcepart ?? "") < (b.jid.resourcepart ?? "") ? -1 : 1),
    );
  }

  *all(): Iterable<Session> {
    for (const account of this.#byAccount.values()) yield* account.values();
  }
}

function longestDetached(sessions: Iterable<Session>): Session | undefined {
  const since = ({ detachedAt = Number.POSITIVE_INFINITY }: Session): number => detachedAt;
  const longest = [...sessions].sort((a, b) => since(a) - since(b))[0];
  return longest?.detached ? longest : undefined;
}

const NONE: readonly Session[] = [];
