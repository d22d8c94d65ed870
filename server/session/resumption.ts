// Sessions whose connection is gone and whose client may come back (XEP-0198 1.6.3 section 5), also after a restart.

import { createHash, randomBytes } from "node:crypto";
import { Element } from "ltx";
import type { SavedSession, SessionChange, UnackedStanza } from "../../storage/store.ts";
import type { EpochMs, Timer } from "../clock.ts";
import type { Config } from "../config.ts";
import { StreamError } from "../errors.ts";
import { Jid } from "../jid.ts";
import { NS } from "../namespaces.ts";
import type { Core } from "../router/routing.ts";
import { attr, managementFailed } from "../stanza.ts";
import type { Attach, SessionEnd, Stream } from "../stream/stream.ts";
import { Turns } from "../turns.ts";
import { serialize } from "../xml/serialize.ts";
import { AckRequests } from "./ack-requests.ts";
import type { SessionJournal } from "./journal.ts";
import { StreamManagement } from "./management.ts";
import type { Session, SessionState } from "./session.ts";
import { counterAttribute, parseCounter, type QueueLimits, type SharedDelivery, type UnackedEntry } from "./unacked.ts";

/** How long, and of how many ended sessions, it is known how many stanzas were handled. */
const ENDED_KEPT_MS = 24 * 3_600_000;
const ENDED_KEPT = 10_000;

/** Errors that say nothing against the client: it may come back as if the connection had been lost. */
const SURVIVED: ReadonlySet<string> = new Set(["connection-timeout", "internal-server-error", "system-shutdown"]);

export type ResumptionOwner = {
  /** The time for coming back is over. */
  expired(session: Session): void;
  /** The session has a connection again. */
  resumed(session: Session, afterRestart: boolean): void;
};

type Ended = { readonly owner: string; readonly inbound: number; readonly at: EpochMs };

export class Resumption {
  readonly journal: SessionJournal;
  readonly queueLimits: QueueLimits;
  readonly #core: Core;
  readonly #config: Config["streamManagement"];
  readonly #owner: ResumptionOwner;
  readonly #requests: AckRequests;
  readonly #sessions = new Map<string, Session>();
  readonly #ended = new Map<string, Ended>();
  readonly #timers = new Map<Session, Timer>();
  readonly #turns = new Turns();
  /** Their old connection is being closed because they are resumed on another. */
  readonly #moving = new Set<Session>();
  /** Their clients were not back since a restart. */
  readonly #restored = new Set<Session>();
  #stopped = false;

  constructor(core: Core, journal: SessionJournal, config: Config["streamManagement"], owner: ResumptionOwner) {
    this.#core = core;
    this.journal = journal;
    this.#config = config;
    this.#owner = owner;
    this.#requests = new AckRequests(core.clock);
    this.queueLimits = { maxStanzas: config.queueStanzas, maxBytes: config.queueBytes };
  }

  // ---- what a client says on a bound stream

  /** `<enable/>`, `<r/>` and `<a/>`. Throws StreamError. */
  handle(element: Element, session: Session): void {
    const { management } = session;
    if (element.name === "enable") this.#enable(element, session);
    else if (element.name === "r" && management !== undefined) management.answer(session.unwritten);
    else if (element.name === "a" && management !== undefined) acknowledge(element, management);
    else session.sendNonza(managementFailed("unexpected-request"));
  }

  // Section 3.
  #enable(request: Element, session: Session): void {
    if (session.management !== undefined) {
      session.sendNonza(managementFailed("unexpected-request"));
      throw new StreamError("policy-violation", "stream management is enabled already");
    }
    const resume = attr(request, "resume");
    const resumable = (resume === "true" || resume === "1") && this.#config.resumeSeconds > 0;
    const wanted = Number(attr(request, "max") ?? Number.NaN);
    const maxSeconds = wanted > 0 ? Math.min(wanted, this.#config.resumeSeconds) : this.#config.resumeSeconds;
    const token = randomBytes(24).toString("base64url");
    const management = this.#management(idOf(token), resumable, resumable ? Math.ceil(maxSeconds) : 0);
    const enabled = new Element("enabled", { xmlns: NS.sm });
    if (resumable) {
      Object.assign(enabled.attrs, { id: token, resume: "true", max: String(management.maxSeconds) });
      if (this.#config.location !== null) enabled.attrs.location = this.#config.location;
    }
    session.sendNonza(enabled);
    session.manage(management);
    this.#sessions.set(management.id, session);
    session.changed();
  }

  #management(id: string, resumable: boolean, maxSeconds: number, inbound = 0): StreamManagement {
    const { clock, limits } = this.#core;
    const ackTimeoutMs = this.#config.ackTimeoutSeconds * 1_000;
    const burstBytes = limits.outboxBytes / 2;
    const limitsAndTimes = { limits: this.queueLimits, burstBytes, ackTimeoutMs };
    const parts = { ...limitsAndTimes, journal: this.journal, requests: this.#requests, clock };
    return new StreamManagement({ id, resumable, maxSeconds, ...parts }, inbound);
  }

  // ---- the connection is lost, and comes back

  /** Whether a session goes on without its connection. */
  survives(session: Session, end: SessionEnd): boolean {
    if (session.management?.resumable !== true) return false;
    if (this.#moving.has(session) || end === "broken") return true;
    return end !== "closed" && SURVIVED.has(end.condition);
  }

  detach(session: Session): void {
    const { management } = session;
    if (management === undefined) return;
    session.detach();
    this.#core.log.info({ stream: session.stream, unacked: management.unacked }, "session-detached");
    if (!this.#moving.has(session)) this.#expireAfter(session, management.maxSeconds * 1_000);
  }

  #expireAfter(session: Session, delayMs: number): void {
    this.#timers.get(session)?.cancel();
    if (this.#stopped) return;
    const timer = this.#core.clock.after(delayMs, () => {
      this.#timers.delete(session);
      this.#core.log.info({ stream: session.stream }, "session-expired");
      this.#core.counters.resumptions.expired += 1;
      this.#owner.expired(session);
    });
    this.#timers.set(session, timer);
  }

  /**
   * `<resume/>` of a client that has logged in. Calls `attach` in the turn in which the session takes the new stream.
   * @returns `<failed/>` where it cannot be; undefined: done
   */
  resume(stream: Stream, localpart: string, request: Element, attach: Attach): Promise<Element | undefined> {
    const previd = attr(request, "previd");
    const h = parseCounter(attr(request, "h"));
    if (previd === undefined || h === undefined) return Promise.resolve(managementFailed("bad-request"));
    const id = idOf(previd);
    return this.#turns.run(id, async () => {
      const session = this.#sessions.get(id);
      if (session?.jid.localpart !== localpart) return this.#unknown(id, localpart);
      if (session.management?.resumable !== true) return managementFailed("feature-not-implemented");
      await this.#release(session);
      if (this.#sessions.get(id) !== session) return this.#unknown(id, localpart);
      try {
        return await this.#takeOver(session, session.management, { stream, previd, h, attach });
      } finally {
        if (session.detached && this.#sessions.get(id) === session) {
          this.#expireAfter(session, session.management.maxSeconds * 1_000);
        }
      }
    });
  }

  // The former stream may still be there, and in the middle of a stanza: that one must be counted.
  async #release(session: Session): Promise<void> {
    this.#timers.get(session)?.cancel();
    this.#timers.delete(session);
    this.#moving.add(session);
    try {
      if (!session.detached) session.close(new StreamError("conflict", "the session was resumed on another stream"));
      await session.settled();
    } finally {
      this.#moving.delete(session);
    }
  }

  async #takeOver(
    session: Session,
    management: StreamManagement,
    { stream, previd, h, attach }: { stream: Stream; previd: string; h: number; attach: Attach },
  ): Promise<Element | undefined> {
    if (management.sentBeforeRestart !== undefined) {
      management.renumber(h);
      session.changed(); // on disk with the new numbers, not behind them
    }
    management.acknowledge(h);
    // The client forgets what it is told was handled: so it must be on disk.
    await management.saveInbound();
    if (this.#sessions.get(management.id) !== session)
      return this.#unknown(management.id, session.jid.localpart as string);
    if (!attach(session)) return undefined;
    const afterRestart = this.#restored.delete(session);
    const resumed = new Element("resumed", { xmlns: NS.sm, previd, h: counterAttribute(management.inbound) });
    stream.sendNonza(serialize(resumed));
    session.attach(stream);
    this.#core.log.info({ stream: stream.id, jid: session.jid.toString(), afterRestart }, "session-resumed");
    this.#core.counters.resumptions.resumed += 1;
    this.#owner.resumed(session, afterRestart);
    return undefined;
  }

  #unknown(id: string, localpart: string): Element {
    this.#core.counters.resumptions.refused += 1;
    const ended = this.#ended.get(id);
    const known = ended !== undefined && Jid.fromTrusted(ended.owner).localpart === localpart;
    // Section 5: so a client need not send again what was handled.
    return managementFailed("item-not-found", known ? { h: counterAttribute(ended.inbound) } : {});
  }

  // ---- the end

  /**
   * The session has ended.
   * @returns its last change, to be written by the caller in one turn with where its unacknowledged stanzas go
   */
  remove(session: Session, end: SessionEnd): SessionChange | undefined {
    const { management } = session;
    if (management === undefined || this.#sessions.get(management.id) !== session) return undefined;
    const { id, inbound, resumable } = management;
    this.#sessions.delete(id);
    this.#restored.delete(session);
    this.#timers.get(session)?.cancel();
    this.#timers.delete(session);
    if (!resumable || end === "closed" || (end !== "broken" && end.condition === "not-authorized")) {
      return { id, remove: true };
    }
    const owner = session.jid.bareString;
    const at = this.#core.clock.now();
    const save = { id, owner, resourcepart: "", state: "", inbound, savedAt: at };
    this.#remember(id, { owner, inbound, at });
    return { id, save, ackedUpTo: Number.MAX_SAFE_INTEGER };
  }

  #remember(id: string, ended: Ended): void {
    this.#ended.set(id, ended);
    for (const [oldest, { at }] of this.#ended) {
      if (this.#ended.size <= ENDED_KEPT && at >= ended.at - ENDED_KEPT_MS) break;
      this.#ended.delete(oldest);
      this.journal.add({ id: oldest, remove: true });
    }
  }

  // ---- over a restart

  /**
   * Takes over the sessions that were there before a restart. Those whose time is over are given to `expired`.
   * @param make makes a session without a connection, and registers it; undefined: it has no place
   */
  async restore(make: (jid: Jid) => Session | undefined): Promise<void> {
    const deliveries = new Map<string, SharedDelivery>();
    const now = this.#core.clock.now();
    for (const saved of await this.#core.store.sessions.loadAll()) {
      const { id, owner, inbound, savedAt, state } = saved.session;
      if (state === "") this.#remember(id, { owner, inbound, at: savedAt });
      else this.#restoreOne(saved, make, deliveries, now);
    }
  }

  #restoreOne(
    { session: saved, unacked }: { session: SavedSession; unacked: readonly UnackedStanza[] },
    make: (jid: Jid) => Session | undefined,
    deliveries: Map<string, SharedDelivery>,
    now: EpochMs,
  ): void {
    const session = make(Jid.fromTrusted(saved.owner).withResource(saved.resourcepart));
    if (session === undefined) return;
    const state = JSON.parse(saved.state) as SessionState;
    const management = this.#management(saved.id, state.resumable, state.maxSeconds, saved.inbound);
    management.restore(
      unacked.map((stanza) => entryOf(stanza, deliveries)),
      state.sentBeforeRestart,
    );
    session.restore(state, management, now);
    session.changed(); // what the client can have had is known only now: a second restart must find it
    this.#sessions.set(saved.id, session);
    this.#restored.add(session);
    // The machine's clock may have been set back meanwhile.
    const awayMs = Math.max(0, now - (state.detachedAt ?? now));
    this.#expireAfter(session, Math.max(0, state.maxSeconds * 1_000 - awayMs));
  }

  /** Ends every timer. What is detached stays on disk. */
  stop(): void {
    this.#stopped = true;
    this.#requests.stop();
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }
}

function acknowledge(element: Element, management: StreamManagement): void {
  const h = parseCounter(attr(element, "h"));
  if (h === undefined) throw new StreamError("bad-format", "an <a/> has an h from 0 to 4294967295");
  management.acknowledge(h);
}

// The token itself is as good as a login: it is not on disk.
function idOf(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

function entryOf({ sequence, xml, at, delivery: id }: UnackedStanza, known: Map<string, SharedDelivery>): UnackedEntry {
  let delivery = id === "" ? undefined : known.get(id);
  if (id !== "" && delivery === undefined) {
    delivery = { id, holders: [], arrived: false };
    known.set(id, delivery);
  }
  return { sequence, text: xml, at, delivery, saved: "written", held: false };
}
