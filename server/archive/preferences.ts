// What an account wants archived (XEP-0441 0.2.0): the rules of section 2.3, and the preferences that are in memory.

import type { ArchivePreferences } from "../../storage/store.ts";
import type { Jid } from "../jid.ts";

/** Preferences that are ready to be asked. */
export type KnownPreferences = {
  readonly preferences: ArchivePreferences;
  readonly always: ReadonlySet<string>;
  readonly never: ReadonlySet<string>;
};

export function known(preferences: ArchivePreferences): KnownPreferences {
  return { preferences, always: new Set(preferences.always), never: new Set(preferences.never) };
}

/**
 * Whether messages with a contact are kept; "roster": if its bare JID is in the account's roster.
 * @param contact as it stands in the message, with its resourcepart
 * Source: XEP-0441 sections 2.1 and 2.3.1, which leave open what holds for an address that two entries match: the entry
 * with the resourcepart, and of equals `never`.
 */
export function verdict({ preferences, always, never }: KnownPreferences, contact: Jid): boolean | "roster" {
  for (const address of [contact.toString(), contact.bareString]) {
    if (never.has(address)) return false;
    if (always.has(address)) return true;
  }
  return preferences.default === "roster" ? "roster" : preferences.default === "always";
}

/** The preferences asked for last; the longest unused go first. */
export class PreferencesCache {
  readonly #byOwner = new Map<string, KnownPreferences>();
  readonly #most: number;
  #size = 0;

  /** @param most accounts and listed addresses that are kept, taken together: memory */
  constructor(most: number) {
    this.#most = most;
  }

  get(owner: string): KnownPreferences | undefined {
    const found = this.#byOwner.get(owner);
    if (found !== undefined) {
      this.#byOwner.delete(owner);
      this.#byOwner.set(owner, found);
    }
    return found;
  }

  set(owner: string, preferences: KnownPreferences): void {
    this.delete(owner);
    this.#byOwner.set(owner, preferences);
    this.#size += sizeOf(preferences);
    for (const oldest of this.#byOwner.keys()) {
      if (this.#size <= this.#most) break;
      this.delete(oldest);
    }
  }

  delete(owner: string): void {
    const found = this.#byOwner.get(owner);
    if (found === undefined) return;
    this.#byOwner.delete(owner);
    this.#size -= sizeOf(found);
  }
}

function sizeOf({ always, never }: KnownPreferences): number {
  return 1 + always.size + never.size;
}
