// What the clients of this server are capable of (XEP-0115 1.6.0, XEP-0390 0.3.2), learned from what their presence
// announces: which nodes' notifications they want (XEP-0060 1.30.0 section 9.2).
//
// A presence that announces what the one before it did costs a comparison. A hash that was verified once is known for all
// clients; an answer that does not fit its hash counts for the client itself, which gave it, and for nobody else.

import { Element } from "ltx";
import { NS } from "../namespaces.ts";
import type { Core } from "../router/routing.ts";
import type { Session } from "../session/session.ts";
import { attr, child } from "../stanza.ts";
import { type Announced, announcedIn, featuresOf, isVerified } from "./caps-hash.ts";

const NOTIFY = "+notify";
const NO_INTERESTS: ReadonlySet<string> = new Set();
/** Of one client: memory. */
const MOST_INTERESTS = 256;
const NAME_CHARACTERS = 1_023;
/** An answer with more than these characters of features is not remembered for others. */
const REMEMBERED_CHARACTERS = 32_768;

type Known = {
  readonly key: string;
  /** Undefined: the client has not answered yet. */
  interests: ReadonlySet<string> | undefined;
};

/** Is told what a resource has become interested in: with its first presence, or since. */
export type InterestListener = (session: Session, names: ReadonlySet<string>) => void;

export class Capabilities {
  readonly #core: Core;
  readonly #most: number;
  readonly #bySession = new WeakMap<Session, Known>();
  /** Interests by verified hash; the longest known go first. */
  readonly #verified = new Map<string, ReadonlySet<string>>();
  readonly #listeners: InterestListener[] = [];

  /** @param most hashes that are remembered */
  constructor(core: Core, most: number) {
    this.#core = core;
    this.#most = most;
  }

  onInterest(listener: InterestListener): void {
    this.#listeners.push(listener);
  }

  /** Names of the nodes whose notifications the resource wants. */
  interests(session: Session): ReadonlySet<string> {
    return this.#bySession.get(session)?.interests ?? NO_INTERESTS;
  }

  /**
   * A resource sent available presence.
   * @param initial it was not available before
   */
  present(session: Session, initial: boolean): void {
    const announced = session.presence === undefined ? undefined : announcedIn(session.presence);
    const before = this.#bySession.get(session);
    const key = announced === undefined ? "" : keyOf(announced);
    if (before?.key === key) {
      if (initial && before.interests !== undefined) this.#tell(session, before.interests);
      return;
    }
    if (announced === undefined) {
      this.#bySession.delete(session);
      return;
    }
    const old = initial ? NO_INTERESTS : (before?.interests ?? NO_INTERESTS);
    const known: Known = { key, interests: this.#verified.get(key) };
    this.#bySession.set(session, known);
    if (known.interests !== undefined) this.#tell(session, added(known.interests, old));
    else
      void this.#learn(session, announced, known, old).catch((err: unknown) =>
        this.#core.log.error({ err }, "capabilities-failed"),
      );
  }

  /** A session from before a restart has a connection again. */
  async resumed(session: Session): Promise<void> {
    await this.recall([session]);
    if (this.#bySession.get(session)?.key === "") this.present(session, false);
  }

  /** Sessions from before a restart: what is known of them is looked up. */
  async recall(sessions: readonly Session[]): Promise<void> {
    for (const session of sessions) {
      if (session.presence === undefined || this.#bySession.has(session)) continue;
      const announced = announcedIn(session.presence);
      const key = announced === undefined ? "" : keyOf(announced);
      const interests = announced === undefined ? undefined : await this.#remembered(key);
      if (this.#bySession.has(session)) continue;
      // What is not remembered is asked for when its client sends presence again.
      this.#bySession.set(session, { key: interests === undefined ? "" : key, interests: interests ?? NO_INTERESTS });
    }
  }

  async #learn(session: Session, announced: Announced, known: Known, old: ReadonlySet<string>): Promise<void> {
    const interests = (await this.#remembered(known.key)) ?? (await this.#ask(session, announced, known));
    // It has announced something else, or ended.
    if (interests === undefined || this.#bySession.get(session) !== known) return;
    known.interests = interests;
    if (session.available) this.#tell(session, added(interests, old));
  }

  async #remembered(key: string): Promise<ReadonlySet<string> | undefined> {
    const features = await this.#core.store.capabilities.get(key);
    if (features === undefined) return undefined;
    const interests = interestsOf(features);
    this.#remember(key, interests);
    return interests;
  }

  // XEP-0115 section 5.4
  async #ask(session: Session, announced: Announced, known: Known): Promise<ReadonlySet<string> | undefined> {
    const query = new Element("query", { xmlns: NS.discoInfo, node: announced.node });
    const answer = await this.#core.requests.ask(session, "get", query);
    if (answer === undefined) {
      // Its next presence asks again.
      if (this.#bySession.get(session) === known) this.#bySession.delete(session);
      return undefined;
    }
    const info = attr(answer, "type") === "result" ? child(answer, "query", NS.discoInfo) : undefined;
    if (info === undefined) return NO_INTERESTS;
    const features = featuresOf(info);
    const interests = interestsOf(features);
    if (!isVerified(info, announced, attr(answer, "xml:lang"))) {
      this.#core.log.debug({ stream: session.stream, node: announced.node }, "capabilities-not-verified");
      return interests;
    }
    if (features.reduce((sum, { length }) => sum + length, 0) > REMEMBERED_CHARACTERS) return interests;
    this.#remember(known.key, interests);
    await this.#core.store.capabilities.put(known.key, features, this.#most);
    return interests;
  }

  #remember(key: string, interests: ReadonlySet<string>): void {
    this.#verified.set(key, interests);
    for (const oldest of this.#verified.keys()) {
      if (this.#verified.size <= this.#most) break;
      this.#verified.delete(oldest);
    }
  }

  #tell(session: Session, names: ReadonlySet<string>): void {
    if (names.size > 0) for (const listener of this.#listeners) listener(session, names);
  }
}

function keyOf({ protocol, algorithm, value }: Announced): string {
  return `${protocol} ${algorithm} ${value}`;
}

function interestsOf(features: readonly string[]): ReadonlySet<string> {
  const names = features.filter((feature) => feature.endsWith(NOTIFY) && feature.length <= NAME_CHARACTERS);
  return new Set(names.slice(0, MOST_INTERESTS).map((feature) => feature.slice(0, -NOTIFY.length)));
}

function added(names: ReadonlySet<string>, old: ReadonlySet<string>): ReadonlySet<string> {
  return old.size === 0 ? names : new Set([...names].filter((name) => !old.has(name)));
}
