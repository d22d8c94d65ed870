// The rosters of accounts that are online, held in memory beside the store: broadcasts and privacy checks need no wait.

import type { RosterChange, RosterItem, RosterLimits, RosterStore } from "../../storage/store.ts";

/** Items by the contact's bare JID. */
export type Roster = ReadonlyMap<string, RosterItem>;

type Loaded = { version: number; readonly items: Map<string, RosterItem> };

export class Rosters {
  readonly #store: RosterStore;
  readonly #limits: RosterLimits;
  readonly #loaded = new Map<string, Loaded>();
  readonly #loading = new Map<string, Promise<Roster>>();

  constructor(store: RosterStore, limits: RosterLimits) {
    this.#store = store;
    this.#limits = limits;
  }

  /** The roster of an account that has been loaded and not released; undefined for any other. */
  peek(owner: string): Roster | undefined {
    return this.#loaded.get(owner)?.items;
  }

  /** The version of a loaded roster (RFC 6121 section 2.6). */
  version(owner: string): number {
    return this.#loaded.get(owner)?.version ?? 0;
  }

  /** Loads and keeps a roster until `release`. */
  load(owner: string): Roster | Promise<Roster> {
    const loaded = this.#loaded.get(owner);
    if (loaded !== undefined) return loaded.items;
    const running = this.#loading.get(owner);
    if (running !== undefined) return running;
    const loading = this.#store.load(owner).then(
      (snapshot) => {
        this.#loading.delete(owner);
        const items = new Map(snapshot.items.map((item) => [item.contact, item]));
        this.#loaded.set(owner, { version: snapshot.version, items });
        return items;
      },
      (error: unknown) => {
        this.#loading.delete(owner);
        throw error;
      },
    );
    this.#loading.set(owner, loading);
    return loading;
  }

  /** The account's last session is gone. */
  release(owner: string): void {
    this.#loaded.delete(owner);
  }

  /** One item, from memory where the roster is there. */
  item(owner: string, contact: string): RosterItem | undefined | Promise<RosterItem | undefined> {
    const loaded = this.#loaded.get(owner);
    return loaded === undefined ? this.#store.get(owner, contact) : loaded.items.get(contact);
  }

  /**
   * As RosterStore.update; what is in memory follows when the change is committed.
   * @param onCommit runs in the same turn as that: nobody can have seen the change before it, and nobody misses it after
   */
  async update(
    owner: string,
    contact: string,
    change: (item: RosterItem | undefined) => RosterItem | undefined,
    onCommit: (committed: RosterChange) => void = () => {},
  ): Promise<RosterChange> {
    // A load that was asked for before this change finishes before it does; one asked for after it sees the change.
    const committed = await this.#store.update(owner, contact, change, this.#limits);
    const loaded = this.#loaded.get(owner);
    if (loaded !== undefined) {
      loaded.version = committed.version;
      if (committed.after === undefined) loaded.items.delete(contact);
      else loaded.items.set(contact, committed.after);
    }
    onCommit(committed);
    return committed;
  }
}

/** What is known of a contact that nothing is stored of. */
export function emptyItem(contact: string): RosterItem {
  return { contact, inRoster: false, name: "", groups: [], state: "none", approved: false, pendingSubscribe: "" };
}

/** An item worth keeping, or undefined. */
export function keepIfUsed(item: RosterItem): RosterItem | undefined {
  return item.inRoster || item.approved || item.state !== "none" ? item : undefined;
}
