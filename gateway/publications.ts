// What presentities publish (soft state like RFC 3903), and how watchers hear of it (RFC 3922 section 6.3).

import { setImmediate } from "node:timers/promises";
import type { Element } from "ltx";
import type { EpochMs } from "../server/clock.ts";
import { stanzaError } from "../server/errors.ts";
import { Jid } from "../server/jid.ts";
import { ok, type Result } from "../server/result.ts";
import { watches } from "../server/roster/subscription.ts";
import type { Publication } from "../storage/store.ts";
import { Alarm } from "./alarm.ts";
import type { Failure, PublishOutcome, PublishRequest } from "./bindings/binding.ts";
import { domainSettings } from "./domain-settings.ts";
import { type GatewayCore, isFailure } from "./host.ts";
import { changedTuples, pidfToTuples, type TuplePresence, tupleToPresence } from "./map-presence.ts";
import { parsePidf } from "./pidf.ts";
import { freshId } from "./trans-id.ts";

/** Then others have their turn: a document of a thousand tuples may have a thousand watchers. */
const STANZAS_AT_ONCE = 1_000;

type Withdrawal = { readonly kind: "withdrawn" } | { readonly kind: "precondition-failed" };

/** Tuples that are kept read, of all documents together. */
const TUPLES_KEPT = 20_000;
/** And characters of those documents: what is read of one may hold all of its text. */
const CHARACTERS_KEPT = 16_000_000;

type ReadDocument = { readonly etag: string; readonly tuples: readonly TuplePresence[]; readonly characters: number };

/** What documents say, so that the next one can be compared without reading the last one again. */
export class ReadDocuments {
  readonly #byAddress = new Map<string, ReadDocument>();
  #tuples = 0;
  #characters = 0;

  get({ bareString }: Jid, etag: string): readonly TuplePresence[] | undefined {
    const known = this.#byAddress.get(bareString);
    return known?.etag === etag ? known.tuples : undefined;
  }

  keep({ bareString }: Jid, { etag, document }: Publication, tuples: readonly TuplePresence[]): void {
    this.#forget(bareString);
    const characters = document.length;
    if (tuples.length > TUPLES_KEPT / 2 || characters > CHARACTERS_KEPT / 2) return;
    this.#byAddress.set(bareString, { etag, tuples, characters });
    this.#tuples += weight(tuples);
    this.#characters += characters;
    for (const oldest of this.#byAddress.keys()) {
      if (this.#tuples <= TUPLES_KEPT && this.#characters <= CHARACTERS_KEPT) break;
      this.#forget(oldest);
    }
  }

  /** Its document is withdrawn, or over. */
  forget({ bareString }: Jid): void {
    this.#forget(bareString);
  }

  #forget(address: string): void {
    const known = this.#byAddress.get(address);
    if (known === undefined) return;
    this.#byAddress.delete(address);
    this.#tuples -= weight(known.tuples);
    this.#characters -= known.characters;
  }
}

// A document without tuples takes its place, too.
function weight(tuples: readonly TuplePresence[]): number {
  return tuples.length + 1;
}

export class Publications {
  readonly #core: GatewayCore;
  readonly #lapse: Alarm;
  readonly #read = new ReadDocuments();

  constructor(core: GatewayCore) {
    this.#core = core;
    this.#lapse = new Alarm(
      core.clock,
      (now) => this.#expire(now),
      (err) => core.log.error({ err }, "publication-expiry-failed"),
    );
  }

  /** Looks for publications that lapsed while the server was down, and waits for the next. */
  async start(): Promise<void> {
    await this.#lapse.ring();
  }

  stop(): void {
    this.#lapse.stop();
  }

  settled(): Promise<void> {
    return this.#lapse.settled();
  }

  /**
   * Replaces the document, or with an empty body and If-Match only its expiry. Every watcher hears of tuples that changed.
   * Errors: item-not-found; not-acceptable for a document that is no PIDF of this presentity (nothing is changed then).
   */
  publish(address: Jid, request: PublishRequest): Promise<PublishOutcome> {
    return this.#core.turns.run(address.bareString, () => this.#publish(address, request));
  }

  async #publish(address: Jid, request: PublishRequest): Promise<PublishOutcome> {
    const presentity = await this.#core.presentity(address);
    if (isFailure(presentity)) return presentity;
    const refresh = request.body.length === 0 && request.ifMatch !== undefined;
    const document = refresh ? undefined : this.#parse(request.body, request.charset, address);
    if (document?.ok === false) return stanzaError("not-acceptable", document.reason);
    const now = this.#core.clock.now();
    const { publicationMaxSeconds } = this.#core.config.gateway;
    const expiresSeconds =
      request.expiresSeconds === null ? null : Math.min(request.expiresSeconds, publicationMaxSeconds);
    const etag = freshId();
    let refused = false;
    const { before, after } = await this.#core.store.updatePublication(address.bareString, (current) => {
      const live = current !== undefined && !isOver(current, now) ? current : undefined;
      refused = (request.ifMatch !== undefined && request.ifMatch !== live?.etag) || (refresh && live === undefined);
      if (refused) return current;
      return {
        etag,
        document: refresh ? (live as Publication).document : request.body.toString("utf8"),
        publishedAt: now,
        expiresAt: expiresSeconds === null ? null : now + expiresSeconds * 1000,
      };
    });
    if (refused || after === undefined) return { kind: "precondition-failed" };
    this.#lapse.arm(after.expiresAt);
    await this.#notify(address, before, after, document?.value);
    return { kind: "published", etag, expiresSeconds, created: before === undefined };
  }

  /** Errors: item-not-found. */
  async get(address: Jid): Promise<Publication | undefined | Failure> {
    const presentity = await this.#core.presentity(address);
    return isFailure(presentity) ? presentity : this.#live(address);
  }

  /** Withdraws the document: every tuple closes. */
  withdraw(address: Jid, ifMatch: string | undefined): Promise<Withdrawal | Failure> {
    return this.#core.turns.run(address.bareString, () => this.#withdraw(address, ifMatch));
  }

  async #withdraw(address: Jid, ifMatch: string | undefined): Promise<Withdrawal | Failure> {
    const presentity = await this.#core.presentity(address);
    if (isFailure(presentity)) return presentity;
    let refused = false;
    const { before, after } = await this.#core.store.updatePublication(address.bareString, (current) => {
      refused = ifMatch !== undefined && ifMatch !== current?.etag;
      return refused ? current : undefined;
    });
    if (refused) return { kind: "precondition-failed" };
    await this.#notify(address, before, after);
    return { kind: "withdrawn" };
  }

  /**
   * The stanzas that tell one user all there is to know now: one per tuple, or unavailable.
   * @param id of the probe that they answer (RFC 6121 section 4.3.2)
   */
  async current(address: Jid, user: Jid, id?: string): Promise<Element[]> {
    const tuples = this.#tuplesOf(await this.#live(address), address);
    const told: readonly TuplePresence[] = tuples.length === 0 ? [{ type: "unavailable", statuses: [] }] : tuples;
    const delivery = id === undefined ? { from: address, to: user } : { from: address, to: user, id };
    return told.map((tuple) => tupleToPresence(tuple, delivery));
  }

  /** Tells one user all of it; to be called in the presentity's turn. */
  async sendAll(address: Jid, user: Jid, id?: string): Promise<void> {
    await this.#send(await this.current(address, user, id), address);
  }

  /** Unavailable presence of every tuple, for a user who may watch no longer; to be called in the presentity's turn. */
  async sendUnavailable(address: Jid, user: Jid): Promise<void> {
    // Also of one that is over, as long as nobody was told so.
    const told = await this.#core.store.getPublication(address.bareString);
    const closed = changedTuples(this.#tuplesOf(told, address), []);
    const stanzas = closed.map((tuple) => tupleToPresence(tuple, { from: address, to: user }));
    await this.#send(stanzas, address);
  }

  async #live(address: Jid): Promise<Publication | undefined> {
    const found = await this.#core.store.getPublication(address.bareString);
    return found === undefined || isOver(found, this.#core.clock.now()) ? undefined : found;
  }

  /**
   * A stanza for each tuple that changed, to each active watcher (RFC 3922 section 6.3.1).
   * @param read what `after` says, if it was read already
   */
  async #notify(
    address: Jid,
    before: Publication | undefined,
    after: Publication | undefined,
    read?: readonly TuplePresence[],
  ): Promise<void> {
    if (before?.document === after?.document) return;
    const told = this.#tuplesOf(before, address);
    if (after === undefined) this.#read.forget(address);
    else if (read !== undefined) this.#read.keep(address, after, read);
    const changed = changedTuples(told, read ?? this.#tuplesOf(after, address));
    if (changed.length === 0) return;
    let sent = 0;
    for (const { user, state } of await this.#core.store.listRelations(address.bareString)) {
      const to = Jid.fromTrusted(user);
      if (!watches(state) || this.#core.resources(to, address).length === 0) continue; // presence is for who is there to see it
      await this.#send(
        changed.map((tuple) => tupleToPresence(tuple, { from: address, to })),
        address,
      );
      sent += changed.length;
      if (sent < STANZAS_AT_ONCE) continue;
      sent = 0;
      await setImmediate();
    }
  }

  async #send(stanzas: readonly Element[], address: Jid): Promise<void> {
    for (const stanza of stanzas) {
      const outcome = this.#core.route(stanza, senderOf(stanza, address));
      if (outcome instanceof Promise) await outcome;
    }
  }

  async #expire(now: EpochMs): Promise<EpochMs | null> {
    const { addresses, next } = await this.#core.store.expiredPublications(now);
    for (const text of addresses) {
      await this.#core.turns.run(text, () => this.#lapseOne(Jid.fromTrusted(text), now));
    }
    return next;
  }

  async #lapseOne(address: Jid, now: EpochMs): Promise<void> {
    const { before, after } = await this.#core.store.updatePublication(address.bareString, (current) =>
      current !== undefined && isOver(current, now) ? undefined : current,
    );
    if (after === undefined) await this.#notify(address, before, undefined);
  }

  // Notes without tuples say nothing of availability (JC-34); the tuples that were there before are gone all the same.
  #parse(document: Buffer | string, charset: string | undefined, address: Jid): Result<readonly TuplePresence[]> {
    const pidf = parsePidf(document, charset);
    if (!pidf.ok) return pidf;
    const { addressForm } = domainSettings(this.#core.config, address.domainpart);
    const tuples = pidfToTuples(pidf.value, address, addressForm);
    return tuples.ok ? ok(tuples.value ?? []) : tuples;
  }

  // A document is checked when it comes in; one that cannot be read any more counts as none.
  #tuplesOf(publication: Publication | undefined, address: Jid): readonly TuplePresence[] {
    if (publication === undefined) return [];
    const known = this.#read.get(address, publication.etag);
    if (known !== undefined) return known;
    const read = this.#parse(publication.document, undefined, address);
    const tuples = read.ok ? read.value : [];
    this.#read.keep(address, publication, tuples);
    return tuples;
  }
}

// A document that is about one resource has a stanza from that resource.
function senderOf(stanza: Element, address: Jid): Jid {
  const from = stanza.attrs.from as string;
  return from === address.bareString ? address : Jid.fromTrusted(from);
}

function isOver(publication: Publication, now: EpochMs): boolean {
  return publication.expiresAt !== null && publication.expiresAt <= now;
}
