// The PIDF document of a local user at this moment, for the watchers on the foreign side (RFC 3922 section 6.3).

import { createHash } from "node:crypto";
import type { Element } from "ltx";
import type { EpochMs } from "../server/clock.ts";
import type { Jid } from "../server/jid.ts";
import { domainSettings } from "./domain-settings.ts";
import type { GatewayHost } from "./host.ts";
import { aggregate, type ResourcePresence } from "./map-presence.ts";
import { serializePidf } from "./pidf.ts";

/** A resource that has just gone, with its unavailable presence: in this one document it is a closed tuple. */
export type Left = { readonly jid: Jid; readonly stanza: Element };

/** A document, and what is kept of it to know the next one by. */
export type UserDocument = {
  readonly text: string;
  readonly mark: { readonly lastDigest: string; readonly lastOpen: boolean };
};

export class UserDocuments {
  readonly #host: GatewayHost;
  readonly #lastAt = new Map<string, EpochMs>();

  constructor(host: GatewayHost) {
    this.#host = host;
  }

  /**
   * All available resources of the user, and the one that just left. Never without tuples (RFC 3922 section 6.3.2).
   * @param watcher the presentity that it is for: its domain's settings count
   */
  of(user: Jid, watcher: Jid, left?: Left): UserDocument {
    const { addressForm, statusForms } = domainSettings(this.#host.config, watcher.domainpart);
    const resources: ResourcePresence[] = [];
    for (const { jid, presence } of this.#host.resources(user, watcher)) {
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
    const at = Math.max(this.#host.clock.now(), (this.#lastAt.get(key) ?? 0) + 1);
    this.#lastAt.set(key, at);
    return new Date(at).toISOString();
  }
}

// What two documents are compared by.
function withoutTimestamps(document: string): string {
  return document.replace(/\s*<timestamp>[^<]*<\/timestamp>/g, "");
}
