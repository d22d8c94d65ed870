// Block lists in memory: read once, known without waiting for who is online, bounded for who is not.

import { beforeEach, describe, expect, it } from "vitest";
import { BlockLists } from "../../server/blocking/block-lists.ts";
import { Jid } from "../../server/jid.ts";
import { createMemoryStore } from "../../storage/memory.ts";
import type { BlockingStore } from "../../storage/store.ts";

const JULIET = Jid.fromTrusted("juliet@example.com");
const ROMEO = Jid.fromTrusted("romeo@example.net/orchard");
const owner = JULIET.bareString;

let store: BlockingStore;
let reads: string[];
let online: Set<string>;
let lists: BlockLists;

beforeEach(() => {
  store = createMemoryStore().blocking;
  reads = [];
  const { list } = store;
  store.list = (of) => {
    reads.push(of);
    return list(of);
  };
  online = new Set();
  const isOnline = (of: string): boolean => online.has(of);
  lists = new BlockLists(store, { domain: Jid.fromTrusted("example.com"), limit: 2, isOnline });
});

const add = (...addresses: string[]): Promise<void> => lists.add(owner, addresses, (_, apply) => apply());
const remove = (addresses?: string[]): Promise<void> => lists.remove(owner, addresses, (_, apply) => apply());

describe("reading", () => {
  it("asks the store once for callers at the same time, and not again", async () => {
    await store.add(owner, ["romeo@example.net"], 10);
    expect(await Promise.all([lists.blocks(JULIET, ROMEO), lists.blocks(JULIET, ROMEO)])).toEqual([true, true]);
    expect(lists.blocks(JULIET, ROMEO)).toBe(true);
    expect(lists.blocks(JULIET, Jid.fromTrusted("nurse@example.net"))).toBe(false);
    expect(reads).toEqual([owner]);
  });

  it("asks nothing about who is no user here", () => {
    expect(lists.blocks(ROMEO, JULIET)).toBe(false);
    expect(lists.blocks(Jid.fromTrusted("example.com"), JULIET)).toBe(false);
    expect(reads).toEqual([]);
  });

  it("tries again after the store failed", async () => {
    const { list } = store;
    store.list = () => Promise.reject(new Error("disk"));
    await expect(lists.blocks(JULIET, ROMEO)).rejects.toThrow("disk");
    store.list = list;
    expect(await lists.blocks(JULIET, ROMEO)).toBe(false);
  });
});

describe("without waiting", () => {
  it("somebody online whose list is not there yet blocks everybody; somebody offline has nobody to see it", async () => {
    expect(lists.blocksNow(JULIET, ROMEO)).toBe(false);
    online.add(owner);
    expect(lists.blocksNow(JULIET, ROMEO)).toBe(true);
    await lists.of(owner);
    expect(lists.blocksNow(JULIET, ROMEO)).toBe(false);
  });

  it("two are apart if either blocks the other", async () => {
    const nurse = Jid.fromTrusted("nurse@example.com");
    await lists.of(owner);
    await lists.of(nurse.bareString);
    expect([lists.apart(JULIET, nurse), lists.apart(nurse, JULIET)]).toEqual([false, false]);
    await add(nurse.bareString);
    expect([lists.apart(JULIET, nurse), lists.apart(nurse, JULIET)]).toEqual([true, true]);
  });
});

describe("changing", () => {
  it("holds in memory from the turn of the commit, for who is online and who is offline", async () => {
    for (const there of [true, false]) {
      if (there) online.add(owner);
      else online.clear();
      await lists.of(owner);
      await add("romeo@example.net");
      expect(lists.blocks(JULIET, ROMEO)).toBe(true);
      await remove(["romeo@example.net"]);
      expect(lists.blocks(JULIET, ROMEO)).toBe(false);
      await add("example.net");
      await remove();
      expect(lists.blocks(JULIET, ROMEO)).toBe(false);
      lists.release(owner);
    }
    expect(reads).toEqual([owner]);
  });

  it("says what is new, and refuses what is too much without a change", async () => {
    const said: (readonly string[])[] = [];
    await lists.add(owner, ["a@x", "b@x"], (added) => void said.push(added));
    await lists.add(owner, ["b@x"], (added) => void said.push(added));
    await expect(add("c@x")).rejects.toMatchObject({ limit: "blockedAddresses" });
    expect(said).toEqual([["a@x", "b@x"], []]);
    expect(lists.peek(owner)).toBeUndefined();
    expect([...(await lists.of(owner))]).toEqual(["a@x", "b@x"]);
  });

  it("a load that was asked for before a change does not undo it", async () => {
    const loading = lists.of(owner);
    await Promise.all([loading, add("romeo@example.net")]);
    expect(await lists.blocks(JULIET, ROMEO)).toBe(true);
  });
});

describe("memory", () => {
  it("keeps the lists of those online, whoever else is asked for, and forgets the longest unused of the others", async () => {
    online.add(owner);
    await lists.of(owner);
    const offline = (n: number): string => `user${n}@example.com`;
    for (let n = 0; n < 100_000; n += 1) await lists.of(offline(n));
    await lists.of(offline(0)); // used again
    await lists.of(offline(100_000));
    expect(lists.peek(owner)).toBeDefined();
    expect(lists.peek(offline(0))).toBeDefined();
    expect(lists.peek(offline(1))).toBeUndefined();
    online.delete(owner);
    lists.release(owner);
    expect(lists.peek(owner)).toBeDefined();
    lists.forget(owner);
    expect(lists.peek(owner)).toBeUndefined();
  });
});
