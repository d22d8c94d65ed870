// The PIDF document of a local user at this moment, for the watchers on the foreign side (RFC 3922 section 6.3).

import { createHash } from "node:crypto";
import type { Element } from "ltx";
import type { EpochMs } from "../server/clock.ts";
import type { Jid } from "../server/jid.ts";
import { attr } from "../server/stanza.ts";
import { type DomainSettings, domainSettings } from "./domain-settings.ts";
import type { GatewayHost, Resource } from "./host.ts";
import { aggregate, type ResourcePresence } from "./map-presence.ts";
import { serializePidf } from "./pidf.ts";

/** A resource that has just gone, with its unavailable presence: in this one document it is a closed tuple. */
export type Left = { readonly jid: Jid; readonly stanza: Element };

/** A document, and what is kept of it to know the next one by. */
export type UserDocument = {
  readonly text: string;
  readonly mark: { readonly lastDigest: string; readonly lastOpen: boolean };
};

/** One document, and what it was made of. */
type Made = {
  readonly settings: DomainSettings;
  readonly resources: readonly Resource[];
  readonly left: Left | undefined;
  readonly document: UserDocument;
};

/** Users whose last timestamps are kept, beyond which those that are past are forgotten. */
const TIMESTAMPS_KEPT = 10_000;

export class UserDocuments {
  readonly #host: GatewayHost;
  readonly #lastAt = new Map<string, EpochMs>();
  // The documents of this turn of the event loop, by user: one change is told to all watchers in one turn.
  readonly #made = new Map<string, Made[]>();

  constructor(host: GatewayHost) {
    this.#host = host;
  }

  /**
   * All available resources of the user, and the one that just left. Never without tuples (RFC 3922 section 6.3.2).
   * Watchers who may see the same at the same moment get the same document: it is made once for all of them.
   * @param watcher the presentity that it is for: its domain's settings count
   */
  of(user: Jid, watcher: Jid, left?: Left): UserDocument {
    const settings = domainSettings(this.#host.config, watcher.domainpart);
    const visible = this.#host.resources(user, watcher);
    let made = this.#made.get(user.bareString);
    for (const one of made ?? []) {
      if (one.settings === settings && sameResources(one.resources, visible) && sameLeft(one.left, left)) {
        return one.document;
      }
    }
    // What is copied: a session goes on changing.
    const resources = visible.map(({ jid, presence, priority }) => ({ jid, presence, priority }));
    const document = this.#make(user, settings, resources, left);
    if (made === undefined) {
      if (this.#made.size === 0) setImmediate(() => this.#made.clear());
      made = [];
      this.#made.set(user.bareString, made);
    }
    made.push({ settings, resources, left, document });
    return document;
  }

  #make(
    user: Jid,
    { addressForm, statusForms }: DomainSettings,
    visible: readonly Resource[],
    left: Left | undefined,
  ): UserDocument {
    const resources: ResourcePresence[] = [];
    for (const { jid, presence } of visible) {
      if (presence !== undefined) resources.push({ resource: jid.resourcepart, stanza: presence });
    }
    const gone = left?.jid.resourcepart;
    if (left !== undefined && !resources.some(({ resource }) => resource === gone)) {
      resources.push({ resource: gone, stanza: left.stanza });
    }
    const document = aggregate(user, resources, { timestamp: this.#timestamp(user), addressForm });
    if (!document.ok) throw new Error(`no PIDF for ${user.bareString}: ${document.reason}`);
    const text = serializePidf(document.value, { statusForms });
    const lastDigest = createHash("sha256").update(withoutTimestamps(text)).digest("base64url");
    return { text, mark: { lastDigest, lastOpen: document.value.tuples.some(({ basic }) => basic === "open") } };
  }

  // RFC 3863 section 4.1.7: successive documents never carry the same timestamp (JC-32).
  #timestamp(user: Jid): string {
    const key = user.bareString;
    const now = this.#host.clock.now();
    const at = Math.max(now, (this.#lastAt.get(key) ?? 0) + 1);
    if (this.#lastAt.size >= TIMESTAMPS_KEPT) {
      for (const [other, last] of this.#lastAt) if (last < now) this.#lastAt.delete(other);
    }
    this.#lastAt.set(key, at);
    return new Date(at).toISOString();
  }
}

// Presence stanzas are never edited, so that the same one says the same.
function sameResources(one: readonly Resource[], other: readonly Resource[]): boolean {
  return (
    one.length === other.length &&
    one.every(({ jid, presence }, n) => presence === other[n]?.presence && jid.equals((other[n] as Resource).jid))
  );
}

// Each watcher has a stanza of its own for the end, but those of one end share what is in them.
function sameLeft(one: Left | undefined, other: Left | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return (
    one.jid.equals(other.jid) &&
    one.stanza.children === other.stanza.children &&
    attr(one.stanza, "xml:lang") === attr(other.stanza, "xml:lang")
  );
}

// What two documents are compared by.
function withoutTimestamps(document: string): string {
  return document.replace(/\s*<timestamp>[^<]*<\/timestamp>/g, "");
}
