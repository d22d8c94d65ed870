// The archives of accounts: preferences (XEP-0441 0.2.0), what is stored of a message, and pruning (XEP-0313 1.1.3).

import { beforeEach, describe, expect, it, test } from "vitest";
import { Archive } from "../../server/archive/archive.ts";
import { known, PreferencesCache, verdict } from "../../server/archive/preferences.ts";
import { parseConfig } from "../../server/config.ts";
import { Jid } from "../../server/jid.ts";
import { silentLogger } from "../../server/log.ts";
import { Rosters } from "../../server/roster/rosters.ts";
import type { Core } from "../../server/router/routing.ts";
import { createMemoryStore } from "../../storage/memory.ts";
import { type ArchivePreferences, type Store, StoreWriteError } from "../../storage/store.ts";
import { archived, item, JULIET, NURSE, ROMEO } from "../storage/records.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { stanza } from "../support/stanza-match.ts";

const DAY_MS = 86_400_000;
const ALWAYS: ArchivePreferences = { default: "always", always: [], never: [] };
const NEVER: ArchivePreferences = { ...ALWAYS, default: "never" };
const romeo = Jid.fromTrusted(`${ROMEO}/orchard`);

let store: Store;
let clock: FakeClock;
let reads: number;

beforeEach(() => {
  store = createMemoryStore();
  clock = new FakeClock();
  reads = 0;
  const { preferences } = store.archive;
  store.archive.preferences = (owner) => {
    reads += 1;
    return preferences(owner);
  };
});

function newArchive(settings: Partial<ReturnType<typeof parseConfig>["archive"]> = {}): Archive {
  const rosters = new Rosters(store.roster, { items: 10, requests: 10 });
  const core = { store, clock, rosters, log: silentLogger() } as unknown as Core;
  return new Archive(core, { ...parseConfig({}).archive, ...settings });
}

describe("XEP-0441 section 2: whose messages are kept", () => {
  const jids = { always: ["a@x", "both@x", "room@x/a", "part@x"], never: ["n@x", "both@x", "room@x", "part@x/n"] };
  test.each<[string, string, boolean | "roster"]>([
    ["2.3.1: a bare entry, and the bare JID", "a@x", true],
    ["2.3.1: a bare entry, and a full JID", "a@x/r", true],
    ["2.3.1: never, and a full JID", "n@x/r", false],
    ["2.3.1: an entry with a resource, as it is", "room@x/a", true],
    ["2.3.1: an entry with a resource does not mean others", "room@x/b", false],
    ["2.3.1: an entry with a resource does not mean the bare JID", "room@x", false],
    ["never, where a bare JID is always", "part@x/n", false],
    ["always, where one resource is never", "part@x/m", true],
    ["in both lists: never", "both@x/r", false],
    ["2.1.1: in neither", "other@x", "roster"],
    ["2.1.1: not the domain of an entry", "x", "roster"],
  ])("%s (%s)", (_, contact, kept) => {
    expect(verdict(known({ default: "roster", ...jids }), Jid.fromTrusted(contact))).toBe(kept);
  });

  test("2.1.1: each default", () => {
    expect(verdict(known(ALWAYS), romeo)).toBe(true);
    expect(verdict(known(NEVER), romeo)).toBe(false);
    expect(verdict(known({ ...ALWAYS, default: "roster" }), romeo)).toBe("roster");
  });

  it("asks the store once, then answers at once", async () => {
    await store.archive.setPreferences(JULIET, { default: "always", always: [], never: [ROMEO] });
    const archive = newArchive();
    expect(await Promise.all([archive.keeps(JULIET, romeo), archive.keeps(JULIET, romeo)])).toEqual([false, false]);
    expect(archive.keeps(JULIET, romeo)).toBe(false);
    expect(archive.keeps(JULIET, Jid.fromTrusted(NURSE))).toBe(true);
    expect(reads).toBe(1);
  });

  test.each<["always" | "never" | "roster", boolean]>([
    ["always", true],
    ["never", false],
    ["roster", true],
  ])("an account without preferences: archive.default %s", async (policy, kept) => {
    await store.roster.update(JULIET, ROMEO, () => item(ROMEO));
    const archive = newArchive({ default: policy });
    expect(await archive.preferences(JULIET)).toEqual({ ...ALWAYS, default: policy });
    expect(await archive.keeps(JULIET, romeo)).toBe(kept);
  });

  it("2.1.1: by the roster: a contact is in it, a mere request is not", async () => {
    await store.roster.update(JULIET, ROMEO, () => item(ROMEO));
    await store.roster.update(JULIET, NURSE, () => item(NURSE, { inRoster: false, state: "none+in" }));
    const archive = newArchive({ default: "roster" });
    expect(await archive.keeps(JULIET, romeo)).toBe(true);
    expect(await archive.keeps(JULIET, Jid.fromTrusted(NURSE))).toBe(false);
    expect(await archive.keeps(JULIET, Jid.fromTrusted("paris@example.net"))).toBe(false);
  });

  it("2.1.1: at once where the roster is in memory", async () => {
    await store.roster.update(JULIET, ROMEO, () => item(ROMEO));
    const rosters = new Rosters(store.roster, { items: 10, requests: 10 });
    const core = { store, clock, rosters, log: silentLogger() } as unknown as Core;
    const archive = new Archive(core, { ...parseConfig({}).archive, default: "roster" });
    await rosters.load(JULIET);
    await archive.preferences(JULIET);
    expect(archive.keeps(JULIET, romeo)).toBe(true);
  });

  it("new preferences hold as soon as they are stored, and not before", async () => {
    const archive = newArchive();
    expect(await archive.keeps(JULIET, romeo)).toBe(true);
    const setting = archive.setPreferences(JULIET, NEVER);
    expect(archive.keeps(JULIET, romeo)).toBe(true);
    await setting;
    expect(archive.keeps(JULIET, romeo)).toBe(false);
    expect(await store.archive.preferences(JULIET)).toEqual(NEVER);
  });

  it("preferences that the store refuses change nothing", async () => {
    const archive = newArchive();
    await archive.preferences(JULIET);
    store.archive.setPreferences = () => Promise.reject(new StoreWriteError("full", "no room", undefined));
    await expect(archive.setPreferences(JULIET, NEVER)).rejects.toThrow("no room");
    expect(archive.keeps(JULIET, romeo)).toBe(true);
  });

  it("an answer that comes late does not undo what was set meanwhile", async () => {
    let answer: (stored: ArchivePreferences | undefined) => void = () => {};
    store.archive.preferences = () => new Promise((resolve) => (answer = resolve));
    const archive = newArchive();
    const asked = archive.keeps(JULIET, romeo);
    await archive.setPreferences(JULIET, NEVER);
    answer(undefined);
    expect(await asked).toBe(true);
    expect(archive.keeps(JULIET, romeo)).toBe(false);
  });

  it("a store that failed is asked again", async () => {
    const { preferences } = store.archive;
    store.archive.preferences = () => Promise.reject(new Error("broken"));
    const archive = newArchive();
    await expect(archive.keeps(JULIET, romeo)).rejects.toThrow("broken");
    store.archive.preferences = preferences;
    expect(await archive.keeps(JULIET, romeo)).toBe(true);
  });

  it("forgets a deleted account: the next of that name has none", async () => {
    const archive = newArchive();
    await archive.setPreferences(JULIET, NEVER);
    await store.archive.removeOwner(JULIET);
    archive.forget(JULIET);
    expect(await archive.keeps(JULIET, romeo)).toBe(true);
  });
});

describe("PreferencesCache", () => {
  const list = (size: number) =>
    known({ ...ALWAYS, always: Array.from({ length: size }, (_, n) => `${n}@example.com`) });

  it("keeps no more accounts and addresses than it may: the longest unused go", () => {
    const cache = new PreferencesCache(10);
    for (const owner of ["a", "b", "c"]) cache.set(owner, list(2));
    expect(cache.get("a")).toBeDefined();
    cache.set("d", list(2));
    expect(["a", "b", "c", "d"].map((owner) => cache.get(owner) !== undefined)).toEqual([true, false, true, true]);
  });

  it("counts what was replaced or deleted no more", () => {
    const cache = new PreferencesCache(4);
    for (let n = 0; n < 10; n += 1) cache.set("a", list(1));
    cache.set("b", list(1));
    expect(cache.get("a")).toBeDefined();
    cache.delete("b");
    cache.delete("b");
    cache.set("c", list(1));
    expect([cache.get("a"), cache.get("b"), cache.get("c")].map((found) => found !== undefined)).toEqual([
      true,
      false,
      true,
    ]);
  });

  it("what is too large by itself is not kept", () => {
    const cache = new PreferencesCache(4);
    cache.set("a", list(4));
    expect(cache.get("a")).toBeUndefined();
  });
});

describe("what is stored of a message", () => {
  const AT = Date.UTC(2010, 6, 10, 23, 8, 25);
  const entry = (xml: string, owner = JULIET) => newArchive().entry(owner, romeo, stanza(xml), "28482", AT);

  it("XEP-0313 section 3: who, when, its id, and the stanza, in the namespace that XEP-0297 section 3.2 asks for", () => {
    const xml = `<message from='${romeo}' to='${JULIET}' type='chat' id='1'><body>Hail &amp; well &lt;met&gt;</body></message>`;
    expect(entry(xml)).toEqual({
      owner: JULIET,
      id: "28482",
      with: ROMEO,
      at: AT,
      xml: xml.replace(" id='1'", " id='1' xmlns='jabber:client'"),
    });
  });

  it("section 3.5: an id in the owner's name is that of the result, and no other; ids of others stay", () => {
    const ids = (by: string) => `<stanza-id xmlns='urn:xmpp:sid:0' by='${by}' id='x'/>`;
    const { xml } = entry(`<message><body>a</body>${ids(JULIET)}${ids(ROMEO)}</message>`);
    expect(xml).toBe(`<message xmlns='jabber:client'><body>a</body>${ids(ROMEO)}</message>`);
  });

  it("section 8.4: no occupant says who it is; that it is a private message, or an invitation, stays", () => {
    const x = (content: string) => `<x xmlns='http://jabber.org/protocol/muc#user'>${content}</x>`;
    const claim = "<item affiliation='owner' jid='prince@example.com' role='moderator'/>";
    const invitation = "<invite from='romeo@example.net'><reason>now</reason></invite><password>p</password>";
    const message = stanza(`<message><body>a</body>${x(claim + invitation + claim)}<item jid='a'/></message>`);
    const before = message.toString();
    const { xml } = newArchive().entry(JULIET, romeo, message, "1", AT);
    expect(xml).toBe(`<message xmlns='jabber:client'><body>a</body>${x(invitation)}<item jid='a'/></message>`);
    expect(message.toString()).toBe(before);
    expect(entry(`<message>${x("")}</message>`).xml).toContain("<x xmlns='http://jabber.org/protocol/muc#user'/>");
  });
});

describe("XEP-0313 section 3.2: retention", () => {
  /** As many messages of an owner, one a day, the last of them half a day ago. */
  async function fill(owner: string, days: number): Promise<void> {
    const now = clock.now();
    await store.archive.add(
      Array.from({ length: days }, (_, n) => archived(owner, `${n}`, { at: now - (days - n - 0.5) * DAY_MS })),
    );
  }

  const left = (owner: string) => store.archive.count(owner, {}, 10_000);

  /** Lets the next timer fall due and its step be done. */
  async function step(): Promise<number> {
    const waited = await clock.nextDelay();
    clock.advance(waited);
    await clock.nextDelay();
    return waited;
  }

  it("removes what is too old, from the oldest end, not more than 100 messages in one turn", async () => {
    await fill(JULIET, 400);
    const removed: number[] = [];
    const { prune } = store.archive;
    store.archive.prune = async (before, keep, limit) => {
      const count = await prune(before, keep, limit);
      removed.push(count);
      return count;
    };
    const archive = newArchive({ retentionDays: 30 });
    archive.start();
    expect(clock.timers).toBe(1);
    for (let n = 0; n < 4; n += 1) await step();
    expect(removed).toEqual([100, 100, 100, 70]);
    expect((await store.archive.bounds(JULIET))?.first.id).toBe("370");
    expect(await left(JULIET)).toBe(30);
    archive.stop();
    expect(clock.timers).toBe(0);
  });

  it("goes on regularly", async () => {
    await fill(JULIET, 2);
    const archive = newArchive({ retentionDays: 2 });
    archive.start();
    await step();
    expect(await left(JULIET)).toBe(2);
    for (let waited = 0; waited < DAY_MS; ) waited += await step();
    expect(await left(JULIET)).toBe(1);
    archive.stop();
  });

  it("removes what is beyond the newest messagesPerAccount, of each account by itself", async () => {
    await fill(JULIET, 12);
    await fill(NURSE, 5);
    const archive = newArchive({ messagesPerAccount: 5, retentionDays: 0 });
    archive.start();
    await step();
    expect([await left(JULIET), await left(NURSE)]).toEqual([5, 5]);
    expect((await store.archive.bounds(JULIET))?.first.id).toBe("7");
    archive.stop();
  });

  it("retentionDays 0: nothing is too old", async () => {
    await store.archive.add([archived(JULIET, "1", { at: 1 })]);
    const archive = newArchive({ retentionDays: 0 });
    archive.start();
    await step();
    expect(await left(JULIET)).toBe(1);
    archive.stop();
  });

  it("a store that refuses is asked again later", async () => {
    await fill(JULIET, 12);
    const { prune } = store.archive;
    store.archive.prune = () => Promise.reject(new StoreWriteError("full", "no room", undefined));
    const archive = newArchive({ messagesPerAccount: 5 });
    archive.start();
    await step();
    store.archive.prune = prune;
    await step();
    expect(await left(JULIET)).toBe(5);
    archive.stop();
  });

  it("nothing is begun when it is stopped in the middle of a step", async () => {
    let answer: (removed: number) => void = () => {};
    store.archive.prune = () => new Promise((resolve) => (answer = resolve));
    const archive = newArchive();
    archive.start();
    clock.advance(0);
    archive.stop();
    answer(100);
    await new Promise((resolve) => setImmediate(resolve));
    expect(clock.timers).toBe(0);
  });
});
