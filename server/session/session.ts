// A bound resource (RFC 6120 section 7): its address, what it last said of its presence, and its way out to the client.
// With stream management (XEP-0198) it outlives its connection, and a restart of the server.

import { type Element, parse } from "ltx";
import type { SessionChange } from "../../storage/store.ts";
import type { EpochMs } from "../clock.ts";
import { StreamError } from "../errors.ts";
import { Jid } from "../jid.ts";
import { attr, message as messageStanza, presencePriority } from "../stanza.ts";
import type { SessionEnd, StreamSession } from "../stream/stream.ts";
import { serialize } from "../xml/serialize.ts";
import { type ClientState, DeferredStanzas, type Importance, importance } from "./client-state.ts";
import type { SessionJournal } from "./journal.ts";
import type { StreamManagement } from "./management.ts";
import { DEFERRED, Managed, type Parcel, type Saving, Unmanaged } from "./parcel.ts";
import type { QueueLimits, SharedDelivery, UnackedEntry } from "./unacked.ts";

/** Where a session's stanzas go: its stream. */
export interface Outbox {
  /** The stream's id, for the log. */
  readonly id: string;
  readonly lang: string | undefined;
  readonly open: boolean;
  sendText(text: string, message?: Element): void;
  /** What is no stanza, and not counted. */
  sendNonza(text: string): void;
  drained(): Promise<void>;
  close(error?: StreamError): void;
  /** Whatever handling a stanza threw. */
  failed(error: unknown): void;
}

/** What the session hands on: each stanza, stamped; other elements; and its end. */
export type SessionOwner = {
  readonly journal: SessionJournal;
  /** What may be kept of presence and chat states for a client that is inactive. */
  readonly deferred: QueueLimits;
  /** Of what messages are delivered by: which sessions there are, their presence, connections and stream management. */
  readonly changes: { count: number };
  /** So many messages of one client may be on their way to the disk. */
  readonly inboxStanzas: number;
  now(): EpochMs;
  route(stanza: Element, session: Session): void | Promise<void>;
  /** A top-level element in a namespace of its own. False: nobody knows it. */
  nonza(element: Element, session: Session): boolean | Promise<boolean>;
  /** The connection is gone, or the session was closed without one. */
  ended(session: Session, end: SessionEnd): void;
};

/** Of a session, for the time after a restart. */
export type SessionState = {
  readonly resumable: boolean;
  readonly maxSeconds: number;
  readonly interested: boolean;
  readonly carbons: boolean;
  /** Left out: false. */
  readonly blockListAsked?: boolean;
  readonly flexibleOffline: boolean;
  readonly presence?: string;
  readonly arriving?: string;
  readonly directed: readonly string[];
  /** When the connection was lost; left out: it was there. */
  readonly detachedAt?: EpochMs;
  readonly sentBeforeRestart?: number;
};

const NOBODY: ReadonlyMap<string, Jid> = new Map();

export class Session implements StreamSession {
  readonly jid: Jid;
  priority = 0;
  /** It asked what waits for it, and wants nothing of it unasked (XEP-0013 section 2). */
  flexibleOffline = false;
  /** Available presence that it said last, and that begins to count when older messages are sent. */
  becoming: Element | undefined;
  #directed: Map<string, Jid> | undefined;
  #presence: Element | undefined;
  #arriving: Element | undefined;
  #interested = false;
  #carbons = false;
  #blockListAsked = false;
  #outbox: Outbox | undefined;
  #stream: string;
  #management: StreamManagement | undefined;
  #detachedAt: EpochMs | undefined;
  #ending = false;
  /** Undefined until the client was inactive or away for the first time. */
  #deferred: DeferredStanzas | undefined;
  /** The stanza at hand is counted already. */
  #counted = true;
  /** What the stanza at hand causes is being written. */
  #accepted = false;
  #handling: Promise<unknown> | undefined;
  /** Messages that were accepted and are not on disk yet; `#unwritten` resolves after the last of them. */
  #writing = 0;
  /** When the oldest of them was accepted, in changes of sessions. */
  #writingSince = 0;
  #unwritten: Promise<void> = Promise.resolve();
  readonly #owner: SessionOwner;

  /** @param outbox undefined: it is taken over from before a restart, and has no connection yet */
  constructor(jid: Jid, outbox: Outbox | undefined, owner: SessionOwner) {
    this.jid = jid;
    this.#outbox = outbox;
    this.#stream = outbox?.id ?? "";
    this.#owner = owner;
  }

  /** Entities outside the roster's `from` that have this resource's available presence (RFC 6121 section 4.6). */
  get directed(): ReadonlyMap<string, Jid> {
    return this.#directed ?? NOBODY;
  }

  direct(key: string, to: Jid): void {
    this.#directed ??= new Map();
    this.#directed.set(key, to);
  }

  /** False: it had none. */
  undirect(key: string): boolean {
    return this.#directed?.delete(key) ?? false;
  }

  undirectAll(): void {
    this.#directed = undefined;
  }

  /** The id of its stream, or of its last one, for the log. */
  get stream(): string {
    return this.#stream;
  }

  get available(): boolean {
    return this.#presence !== undefined;
  }

  /** The last presence without `to` that was available, stamped; undefined: not an available resource. */
  get presence(): Element | undefined {
    return this.#presence;
  }

  set presence(presence: Element | undefined) {
    this.#presence = presence;
    this.#owner.changes.count += 1;
    this.changed();
  }

  /** Available presence of a client whose connection was lost before it had the messages that waited for it. */
  get arriving(): Element | undefined {
    return this.#arriving;
  }

  set arriving(presence: Element | undefined) {
    if (this.#arriving === presence) return;
    this.#arriving = presence;
    this.changed();
  }

  /** It asked for the roster, so it gets roster pushes (RFC 6121 section 2.2). */
  get interested(): boolean {
    return this.#interested;
  }

  set interested(interested: boolean) {
    this.#interested = interested;
    this.changed();
  }

  /** It asked for copies of the account's other messages (XEP-0280). */
  get carbons(): boolean {
    return this.#carbons;
  }

  set carbons(carbons: boolean) {
    this.#carbons = carbons;
    this.changed();
  }

  /** It asked for the block list, so it is told of changes (XEP-0191 section 3.3). */
  get blockListAsked(): boolean {
    return this.#blockListAsked;
  }

  set blockListAsked(blockListAsked: boolean) {
    this.#blockListAsked = blockListAsked;
    this.changed();
  }

  /** Undefined: the client has not enabled it. */
  get management(): StreamManagement | undefined {
    return this.#management;
  }

  /** Its connection is gone, and the client may come back. */
  get detached(): boolean {
    return this.#outbox === undefined;
  }

  /** What its client said of itself last (XEP-0352), or that it is away. */
  get clientState(): ClientState {
    return this.detached ? "detached" : (this.#deferred?.state ?? "active");
  }

  // ---- what the client sends

  /** RFC 6120 section 8.1.2.1: `from` is stamped, and a false one ends the stream. */
  receive(element: Element): void | Promise<void> {
    if (attr(element, "xmlns") !== undefined) return this.#receiveNonza(element);
    const from = attr(element, "from");
    if (from !== undefined && from !== this.jid.toString()) {
      const parsed = Jid.parse(from);
      if (!parsed.ok || !(parsed.value.equals(this.jid) || parsed.value.equals(this.jid.bare()))) {
        throw new StreamError("invalid-from");
      }
    }
    const stanza = element; // nobody else has it yet: the one place where what was read is edited
    stanza.attrs.from = this.jid.toString();
    // RFC 6120 section 8.1.5: a stanza inherits the language of its stream
    const lang = this.#outbox?.lang;
    if (lang !== undefined) stanza.attrs["xml:lang"] ??= lang;
    // Only messages may go on while those before them are written: they wait for them before they go out.
    if (this.#writing === 0 || (stanza.name === "message" && this.#mayOvertake())) return this.#route(stanza);
    const handling = this.#unwritten.then(() => this.#route(stanza));
    this.#handling = handling;
    return handling;
  }

  #receiveNonza(element: Element): void | Promise<void> {
    const known = this.#owner.nonza(element, this);
    // RFC 6120 section 4.9.3.24, and the router's refusal of stanzas in other namespaces
    const check = (handled: boolean): void | Promise<void> => {
      if (!handled) return this.#route(element);
    };
    return known instanceof Promise ? known.then(check) : check(known);
  }

  // Where sessions came, left or changed since the oldest was accepted, what was decided for it may not hold: it may have to
  // find another way when it is on disk, and the next must not be there first.
  #mayOvertake(): boolean {
    return this.#writing < this.#owner.inboxStanzas && this.#writingSince === this.#owner.changes.count;
  }

  #route(stanza: Element): void | Promise<void> {
    this.#counted = false;
    this.#accepted = false;
    const outcome = this.#owner.route(stanza, this);
    if (!(outcome instanceof Promise)) {
      this.#count(false);
      return undefined;
    }
    if (this.#accepted && stanza.name === "message") {
      this.#goOn(outcome);
      return undefined;
    }
    const handling = outcome.then(() => this.#count(false));
    this.#handling = handling;
    return handling;
  }

  // The next message need not wait until this one is on disk: so those that a client sends at a time share a sync.
  #goOn(outcome: Promise<void>): void {
    if (this.#writing === 0) this.#writingSince = this.#owner.changes.count;
    this.#writing += 1;
    const done = outcome.catch((error: unknown) => this.#outbox?.failed(error));
    // One that is refused at once does not come before those that are still being written.
    this.#unwritten = Promise.all([this.#unwritten, done]).then(() => {
      this.#writing -= 1;
    });
  }

  /** Resolves when the messages that the client sent before are on disk, or refused; undefined: they are. */
  get unwritten(): Promise<void> | undefined {
    return this.#writing > 0 ? this.#unwritten : undefined;
  }

  #count(storing: boolean): void {
    if (this.#counted) return;
    this.#counted = true;
    this.#management?.handled(storing);
  }

  /** What the stanza at hand causes is being written in this turn: that it was handled goes to disk with it. */
  accepted(): void {
    this.#accepted = true;
    this.#count(true);
  }

  /** `<a/>`: it is not in order with anything, and something may wait for it. Throws StreamError. */
  acknowledged(element: Element): void {
    this.#receiveNonza(element);
  }

  /** Resolves when the stanza at hand, if there is one, and all before it were handled. */
  async settled(): Promise<void> {
    await this.#handling?.catch(() => {});
    await this.#unwritten;
  }

  // ---- what goes to the client

  send(stanza: Element): void {
    if (!this.#isDeferred(stanza, () => serialize(stanza))) this.#write(serialize(stanza), stanza.name !== "presence");
  }

  /** Available or unavailable presence that was serialized once for several recipients. */
  sendPresence(text: string, from: string): void {
    if (this.#deferred === undefined || !this.#defer("presence", text, from)) this.#write(text, false);
  }

  #isDeferred(stanza: Element, text: () => string): boolean {
    if (this.#deferred === undefined || this.#deferred.state === "active") return false;
    const { from = "", to = "" } = stanza.attrs as Record<string, string | undefined>;
    const kind = importance(stanza);
    return this.#defer(kind, text(), kind === "presence" ? from : `${from} ${to}`);
  }

  // XEP-0352 section 3.2
  #defer(kind: Importance, text: string, key: string): boolean {
    const deferred = this.#deferred as DeferredStanzas;
    const first = deferred.offer(kind, text, key);
    for (const before of first ?? []) this.#write(before, false);
    // What cannot be kept must not be left out: only a new session tells the client everything.
    if (!deferred.complete) queueMicrotask(() => this.#overflow());
    return first === undefined;
  }

  /** What the client says of itself: whether anybody looks at it (XEP-0352 section 4). */
  setActive(active: boolean): void {
    if (this.#deferred === undefined && active) return;
    this.#become(active ? "active" : "inactive");
  }

  #become(state: ClientState): void {
    this.#deferred ??= new DeferredStanzas(this.#owner.deferred);
    for (const text of this.#deferred.become(state)) this.#write(text, false);
  }

  #write(text: string, journaled: boolean): void {
    if (this.#management === undefined) this.#outbox?.sendText(text);
    else this.#queue(text, this.#owner.now(), { saving: journaled ? "later" : "never", held: false });
  }

  /**
   * A message that depends on nothing's being on disk.
   * @param message what it says; of a copy, the original
   * @param again the end of the connection must not lose it (Router.undelivered)
   */
  sendMessage(text: string, message: Element, again: boolean): void {
    if (this.#isDeferred(message, () => text)) return;
    if (this.#management === undefined) this.#outbox?.sendText(text, again ? message : undefined);
    else this.#queue(text, this.#owner.now(), { saving: "later", held: false });
  }

  /**
   * A message that waits for something, most often the disk. It goes out after it in the order of the calls; what is sent
   * to a managed session meanwhile stays behind it.
   * @param delivery undefined: it need not go elsewhere when this session ends without having acknowledged it
   * @param saving of a session that can be resumed it is always written with this turn's commit
   */
  hold(
    text: string,
    message: Element,
    at: EpochMs,
    delivery: SharedDelivery | undefined,
    saving: Saving = "now",
  ): Parcel {
    if (this.#isDeferred(message, () => text)) return DEFERRED;
    if (this.#management === undefined) return new Unmanaged(this, text, message, at, delivery);
    return new Managed(this, this.#management, this.#queue(text, at, { saving, held: true, delivery }));
  }

  /** A message that an unmanaged session was to have. False: its connection is gone. */
  releaseUnmanaged(text: string, message: Element, at: EpochMs, delivery: SharedDelivery | undefined): boolean {
    // Enabled meanwhile: the client counts it.
    if (this.#management !== undefined && !this.#ending) {
      this.#queue(text, at, { saving: "later", held: false, delivery });
      return true;
    }
    if (this.#outbox === undefined || !this.#outbox.open) return false;
    if (delivery !== undefined) delivery.arrived = true;
    this.#outbox.sendText(text, delivery === undefined ? undefined : message);
    return true;
  }

  /** A message that was held is not to be sent after all. */
  cancelManaged(management: StreamManagement, entry: UnackedEntry): void {
    management.cancel(entry, this.#filler());
  }

  #filler(): string {
    return serialize(messageStanza({ from: this.jid.domainpart, to: this.jid.toString(), type: "headline" }));
  }

  #queue(
    text: string,
    at: EpochMs,
    { saving, held, delivery }: { saving: Saving | "never"; held: boolean; delivery?: SharedDelivery | undefined },
  ): UnackedEntry {
    const management = this.#management as StreamManagement;
    const saved = saving === "never" ? saving : management.savingOf(saving) === "now" ? "written" : "later";
    const entry = management.push({ text, at, saved, held, delivery });
    // Not at once: who sends is in the middle of something.
    if (management.full && !this.#ending) queueMicrotask(() => this.#overflow());
    return entry;
  }

  #overflow(): void {
    if (this.#ending) return;
    this.close(new StreamError("policy-violation", "too much is unacknowledged (streamManagement.queueStanzas)"));
  }

  sendNonza(element: Element): void {
    this.#outbox?.sendNonza(serialize(element));
  }

  /**
   * Resolves when the client's side has taken so much of what was sent that more can follow, or the connection is gone:
   * for who has much to send.
   */
  async drained(): Promise<void> {
    await this.#outbox?.drained();
    await this.#management?.room();
  }

  // ---- its connection

  /** Stream management begins: from here on stanzas are counted (XEP-0198 section 3). */
  manage(management: StreamManagement): void {
    this.#management = management;
    this.#owner.changes.count += 1;
    if (this.#outbox !== undefined) this.#wire(this.#outbox);
  }

  /** The client is back, on another stream. */
  attach(outbox: Outbox): void {
    this.#outbox = outbox;
    this.#owner.changes.count += 1;
    this.#stream = outbox.id;
    this.#detachedAt = undefined;
    this.#wire(outbox);
    this.#become("active"); // XEP-0352 section 5.2
    this.changed();
  }

  #wire(outbox: Outbox): void {
    this.#management?.attach({
      stanza: (text) => outbox.sendText(text),
      nonza: (text) => outbox.sendNonza(text),
      drained: () => outbox.drained(),
      overdue: () => outbox.close(new StreamError("connection-timeout", "no acknowledgement came for too long")),
    });
  }

  /** The connection is gone for now. */
  detach(): void {
    this.#outbox = undefined;
    this.#owner.changes.count += 1;
    this.#detachedAt = this.#owner.now();
    this.#management?.detach();
    this.#become("detached");
    this.changed();
  }

  close(error?: StreamError): void {
    if (this.#outbox !== undefined) this.#outbox.close(error);
    else this.ended(error ?? "closed");
  }

  ended(end: SessionEnd): void {
    if (this.#ending) return;
    this.#owner.ended(this, end);
  }

  /** It ends for good: nothing is sent or saved any more. */
  finish(): void {
    this.#ending = true;
    this.#owner.changes.count += 1;
    this.#outbox = undefined;
    this.#management?.detach();
    if (this.#management !== undefined) this.#owner.journal.forget(this);
  }

  // ---- over a restart

  /** Something that is kept over a restart has changed. */
  changed(): void {
    if (this.#management !== undefined && !this.#ending) this.#owner.journal.touch(this);
  }

  /** Of what is saved of it. */
  get id(): string {
    return (this.#management as StreamManagement).id;
  }

  rewrite(): readonly SessionChange[] {
    const { id } = this;
    const append = (this.#management as StreamManagement).rows();
    return [
      { ...this.save(), ackedUpTo: Number.MAX_SAFE_INTEGER },
      { id, append },
    ];
  }

  save(): SessionChange {
    const { id, inbound } = this.#management as StreamManagement;
    const save = {
      id,
      owner: this.jid.bareString,
      resourcepart: this.jid.resourcepart ?? "",
      state: JSON.stringify(this.#state(this.#management as StreamManagement)),
      inbound,
      savedAt: this.#owner.now(),
    };
    return { id, save };
  }

  #state({ resumable, maxSeconds, sentBeforeRestart }: StreamManagement): SessionState {
    return {
      resumable,
      maxSeconds,
      interested: this.#interested,
      carbons: this.#carbons,
      blockListAsked: this.#blockListAsked,
      flexibleOffline: this.flexibleOffline,
      directed: [...this.directed.keys()],
      ...(this.#presence === undefined ? {} : { presence: serialize(this.#presence) }),
      ...(this.#arriving === undefined ? {} : { arriving: serialize(this.#arriving) }),
      ...(this.#detachedAt === undefined ? {} : { detachedAt: this.#detachedAt }),
      ...(sentBeforeRestart === undefined ? {} : { sentBeforeRestart }),
    };
  }

  /** What it was before the restart. */
  restore(state: SessionState, management: StreamManagement, now: EpochMs): void {
    this.#management = management;
    this.#interested = state.interested;
    this.#carbons = state.carbons;
    this.#blockListAsked = state.blockListAsked ?? false;
    this.flexibleOffline = state.flexibleOffline;
    this.#detachedAt = state.detachedAt ?? now;
    this.#become("detached");
    for (const key of state.directed) this.direct(key, Jid.fromTrusted(key));
    if (state.arriving !== undefined) this.#arriving = parse(state.arriving) as Element;
    if (state.presence === undefined) return;
    this.#presence = parse(state.presence) as Element;
    this.priority = presencePriority(this.#presence);
  }

  get detachedAt(): EpochMs | undefined {
    return this.#detachedAt;
  }
}
