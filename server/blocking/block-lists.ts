// Block lists in memory, beside the store: known without waiting for accounts that are online, and for others as long as
// there is room.

import type { BlockingStore } from "../../storage/store.ts";
import type { Jid } from "../jid.ts";
import { type BlockList, blocks, EMPTY_LIST } from "./rules.ts";

/** Of accounts that are offline: lists and their addresses, taken together. Memory. */
const KEPT_OF_OFFLINE = 100_000;

export type BlockListsOptions = {
  readonly domain: Jid;
  /** How many addresses one account may block. */
  readonly limit: number;
  /** Whether an account (bare JID) has a session. */
  isOnline(owner: string): boolean;
};

/** Runs in the turn in which a change is in force: nobody can have seen it before, and nobody misses it after. */
export type OnChange = (changed: readonly string[], apply: () => void) => void;

export class BlockLists {
  readonly #store: BlockingStore;
  readonly #options: BlockListsOptions;
  readonly #online = new Map<string, BlockList>();
  /** Longest unused first. */
  readonly #offline = new Map<string, BlockList>();
  #offlineSize = 0;
  readonly #loading = new Map<string, Promise<BlockList>>();

  constructor(store: BlockingStore, options: BlockListsOptions) {
    this.#store = store;
    this.#options = options;
  }

  /** The list of an account (bare JID). That of one that is online stays in memory until `release`. */
  of(owner: string): BlockList | Promise<BlockList> {
    const online = this.#online.get(owner);
    if (online !== undefined) return online;
    const offline = this.#offline.get(owner);
    if (offline === undefined) return this.#loading.get(owner) ?? this.#load(owner);
    this.#keep(owner, offline);
    return offline;
  }

  /** As `of`, as far as it is in memory. */
  peek(owner: string): BlockList | undefined {
    return this.#online.get(owner) ?? this.#offline.get(owner);
  }

  /** Whether a local user blocks an address. Anybody else blocks nobody. */
  blocks(user: Jid, other: Jid): boolean | Promise<boolean> {
    if (!this.#isLocalUser(user)) return false;
    const list = this.of(user.bareString);
    return list instanceof Promise ? list.then((found) => blocks(found, user, other)) : blocks(list, user, other);
  }

  /** As `blocks`, without waiting: a user whose list is not there yet blocks everybody. */
  blocksNow(user: Jid, other: Jid): boolean {
    const list = this.peek(user.bareString);
    if (list === EMPTY_LIST) return false;
    if (list === undefined) return this.#isLocalUser(user) && this.#options.isOnline(user.bareString);
    return blocks(list, user, other);
  }

  /** Whether one of two blocks the other, so that neither has the other's presence. */
  apart(one: Jid, other: Jid): boolean {
    return this.blocksNow(one, other) || this.blocksNow(other, one);
  }

  /** Rejects with StoreLimitError. */
  async add(owner: string, addresses: readonly string[], onChange: OnChange): Promise<void> {
    const added = await this.#store.add(owner, addresses, this.#options.limit);
    onChange(added, () => this.#change(owner, (list) => new Set([...list, ...added])));
  }

  /** @param addresses undefined: all */
  async remove(owner: string, addresses: readonly string[] | undefined, onChange: OnChange): Promise<void> {
    const removed = await (addresses === undefined ? this.#store.clear(owner) : this.#store.remove(owner, addresses));
    const gone = new Set(removed);
    onChange(removed, () => this.#change(owner, (list) => new Set([...list].filter((address) => !gone.has(address)))));
  }

  /** The account's last session is gone. */
  release(owner: string): void {
    const list = this.#online.get(owner);
    if (list === undefined) return;
    this.#online.delete(owner);
    this.#keep(owner, list);
  }

  /** The account is gone. */
  forget(owner: string): void {
    this.#online.delete(owner);
    this.#drop(owner);
  }

  #isLocalUser({ localpart, domainpart }: Jid): boolean {
    return localpart !== undefined && domainpart === this.#options.domain.domainpart;
  }

  #load(owner: string): Promise<BlockList> {
    const loading = this.#store
      .list(owner)
      .then((addresses) => {
        const list = addresses.length === 0 ? EMPTY_LIST : new Set(addresses);
        this.#keep(owner, list);
        return list;
      })
      .finally(() => this.#loading.delete(owner));
    this.#loading.set(owner, loading);
    return loading;
  }

  #keep(owner: string, list: BlockList): void {
    this.#drop(owner);
    if (this.#options.isOnline(owner)) {
      this.#online.set(owner, list);
      return;
    }
    this.#offline.set(owner, list);
    this.#offlineSize += 1 + list.size;
    for (const oldest of this.#offline.keys()) {
      if (this.#offlineSize <= KEPT_OF_OFFLINE) break;
      this.#drop(oldest);
    }
  }

  #drop(owner: string): void {
    const list = this.#offline.get(owner);
    if (list === undefined) return;
    this.#offline.delete(owner);
    this.#offlineSize -= 1 + list.size;
  }

  // A load that was asked for before the change has ended before it; one asked for after it sees the change.
  #change(owner: string, next: (list: BlockList) => BlockList): void {
    const list = this.peek(owner);
    if (list === undefined) return;
    const changed = next(list);
    this.#online.delete(owner);
    this.#keep(owner, changed.size === 0 ? EMPTY_LIST : changed);
  }
}
