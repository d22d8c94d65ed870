// XEP-0352 1.0.0 section 3.2: what a client that nobody is looking at need not have at once, and what it gets instead.

import type { Element } from "ltx";
import { NS } from "../namespaces.ts";
import { attr, child, childrenOf, elements, namespaceOf, presenceType } from "../stanza.ts";
import type { QueueLimits } from "./unacked.ts";

/**
 * How soon an inactive client needs a stanza. `now`: it may wake its user, or it is part of an exchange. `presence` and
 * `chat-state`: a state, of which the newest word replaces those before it.
 */
export type Importance = "now" | "presence" | "chat-state";

/** Whatever else is in such an element, there is nothing in it to show. */
const SILENT: ReadonlySet<string> = new Set([NS.chatStates, NS.hints, NS.delay, NS.stanzaIds, NS.occupantIds]);

/** What is not known to be unimportant is important. A copy (XEP-0280) is as important as what it is a copy of. */
export function importance(stanza: Element): Importance {
  switch (stanza.name) {
    case "presence":
      return isDeferrablePresence(stanza) ? "presence" : "now";
    case "message":
      return isSilent(stanza, true) ? "chat-state" : "now";
    default:
      return "now";
  }
}

// Subscription requests and errors are for the user to see, and so is what becomes of the user's own place in a room
// (XEP-0045, status 110).
function isDeferrablePresence(stanza: Element): boolean {
  const type = presenceType(stanza);
  if ((type !== "available" && type !== "unavailable") || attr(stanza, "from") === undefined) return false;
  const room = child(stanza, "x", NS.mucUser);
  return room === undefined || !childrenOf(room, "status", NS.mucUser).some((status) => attr(status, "code") === "110");
}

function isSilent(message: Element, mayBeCopy: boolean): boolean {
  if (attr(message, "type") === "error") return false;
  return elements(message).every((el) => {
    const ns = namespaceOf(el);
    if (SILENT.has(ns) || (ns === NS.client && el.name === "thread")) return true;
    if (ns === NS.mucUser) return elements(el).length === 0; // only the mark of a private message
    return mayBeCopy && ns === NS.carbons && isSilentCopy(el);
  });
}

function isSilentCopy(carbon: Element): boolean {
  const forwarded = child(carbon, "forwarded", NS.forward);
  const message = forwarded === undefined ? undefined : child(forwarded, "message");
  return message !== undefined && isSilent(message, false);
}

/** `detached`: its connection is lost, and the session waits to be resumed (XEP-0198 section 5). */
export type ClientState = "active" | "inactive" | "detached";

const NONE: readonly string[] = [];

/**
 * What is kept back from one client. It decides, and the session sends: every stanza for the client is offered first.
 *
 * - active: everything goes at once.
 * - inactive: of each presence and each chat state the newest is kept. The next important stanza takes along what was
 *   kept before it, for then the client is awake anyway. So does a stanza for which there is no room.
 * - detached: chat states are dropped, since they will be out of date. Presence is kept until the session is resumed,
 *   beside the important stanzas, which are in the queue of what is unacknowledged: there it would only be repeated.
 *   Where it outgrows its room nothing of it is kept and `complete` is false. Leaving out only some would be a lie: the
 *   client would go on to show somebody who left. It has to begin a new session, which tells it everything.
 *
 * A new stream is active, and so is a resumed one (section 5.2).
 */
export class DeferredStanzas {
  readonly #limits: QueueLimits;
  /** In the order in which they came. */
  readonly #kept = new Map<string, { readonly kind: Importance; readonly text: string }>();
  #bytes = 0;
  #state: ClientState = "active";
  #complete = true;

  /** @param limits what may be kept; bytes are counted as characters, as in UnackedQueue */
  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  get state(): ClientState {
    return this.#state;
  }

  /** False: more came while it was detached than could be kept. Such a session must not be resumed. */
  get complete(): boolean {
    return this.#complete;
  }

  /** How many are kept. */
  get length(): number {
    return this.#kept.size;
  }

  /**
   * @param kind of the stanza: `importance`, or known from where it comes
   * @param key whose state it is: of two stanzas of one kind and key the newer replaces the older. The `from` of the
   *   presence or message; of a copy, its direction and the two addresses of the original.
   * @returns what must be sent first, in order, before the stanza itself; undefined: the stanza is not to be sent now
   */
  offer(kind: Importance, text: string, key: string): readonly string[] | undefined {
    if (this.#state === "active") return NONE;
    if (kind === "now") return this.#state === "inactive" ? this.#takeAll() : NONE;
    if (this.#state === "detached" && (kind === "chat-state" || !this.#complete)) return undefined;
    const id = `${kind} ${key}`;
    this.#drop(id);
    if (this.#kept.size < this.#limits.maxStanzas && this.#bytes + text.length <= this.#limits.maxBytes) {
      this.#kept.set(id, { kind, text });
      this.#bytes += text.length;
      return undefined;
    }
    const kept = this.#takeAll();
    if (this.#state === "inactive") return kept;
    this.#complete = false;
    return undefined;
  }

  /** @returns what must be sent now, in order. After a resumption: behind what the client had not acknowledged. */
  become(state: ClientState): readonly string[] {
    const before = this.#state;
    this.#state = state;
    if (state === "detached") {
      for (const [id, { kind }] of this.#kept) if (kind === "chat-state") this.#drop(id);
      return NONE;
    }
    return state === "active" || before === "detached" ? this.#takeAll() : NONE;
  }

  #drop(id: string): void {
    const old = this.#kept.get(id);
    if (old === undefined) return;
    this.#bytes -= old.text.length;
    this.#kept.delete(id);
  }

  #takeAll(): readonly string[] {
    if (this.#kept.size === 0) return NONE;
    const texts = [...this.#kept.values()].map(({ text }) => text);
    this.#kept.clear();
    this.#bytes = 0;
    return texts;
  }
}
