// Pages of archives at the border of what is counted (XEP-0059 1.0 section 2.2: count and index may be left out, or
// approximate, where they would cost too much). What is in between: test/protocol/xep-0313-archive.test.ts.

import { beforeEach, describe, expect, it } from "vitest";
import { type AnsweredPage, readPage } from "../../server/archive/page.ts";
import type { Filter } from "../../server/archive/query.ts";
import { COUNTED_WITH_CONTACT } from "../../server/archive/standing.ts";
import { Jid } from "../../server/jid.ts";
import { createMemoryStore } from "../../storage/memory.ts";
import type { Store } from "../../storage/store.ts";
import { AT, archived, JULIET, NURSE, ROMEO } from "../storage/records.ts";

let store: Store;

beforeEach(() => {
  store = createMemoryStore();
});

/** Messages "0", "1" ... a second apart. */
async function fill(count: number, change: (n: number) => { with?: string; at?: number; xml?: string }): Promise<void> {
  await store.archive.add(
    Array.from({ length: count }, (_, n) => archived(JULIET, `${n}`, { at: AT + n * 1_000, ...change(n) })),
  );
}

async function page(
  filter: Filter,
  { max = 2, after = "", before = "", backward = false } = {},
): Promise<AnsweredPage> {
  const set = { max, after: after || undefined, before: before || undefined, backward };
  const found = await readPage(store.archive, JULIET, { filter, set, characters: 10_000, overhead: 100 });
  if (found === undefined) throw new Error("item-not-found");
  return found;
}

const romeo = Jid.fromTrusted(ROMEO);

describe("count and index", () => {
  it("of more messages with one contact than are counted: so many, and no index behind them", async () => {
    await fill(COUNTED_WITH_CONTACT + 10, () => ({}));
    expect(await page({ with: romeo })).toMatchObject({ count: COUNTED_WITH_CONTACT, index: 0 });
    expect(await page({ with: romeo }, { after: "99" })).toMatchObject({ count: COUNTED_WITH_CONTACT, index: 100 });
    expect(await page({ with: romeo }, { backward: true })).toMatchObject({
      count: COUNTED_WITH_CONTACT,
      index: undefined,
    });
    expect(await page({ with: romeo, afterId: "5" })).toMatchObject({ count: undefined, index: 0 });
    expect(await page({ with: romeo, beforeId: "20" })).toMatchObject({ count: 20, index: 0 });
  });

  it("of as many messages of all contacts: exact", async () => {
    await fill(COUNTED_WITH_CONTACT + 10, (n) => ({ with: n % 2 === 0 ? ROMEO : NURSE }));
    const count = COUNTED_WITH_CONTACT + 10;
    expect(await page({}, { backward: true })).toMatchObject({ count, index: count - 2 });
    expect(await page({ afterId: "5" }, { backward: true })).toMatchObject({ count: count - 6, index: count - 8 });
  });

  it("no index within more than a page of messages of one moment", async () => {
    await fill(300, (n) => ({ at: AT + (n < 250 ? 0 : 1_000) }));
    expect(await page({}, { after: "50" })).toMatchObject({ count: 300, index: 51 });
    expect(await page({}, { after: "200" })).toMatchObject({ count: 300, index: undefined });
    expect(await page({}, { after: "270" })).toMatchObject({ count: 300, index: 271 });
  });

  it("a message that bounds what matches need not match itself", async () => {
    await fill(20, (n) => ({ with: n % 2 === 0 ? ROMEO : NURSE }));
    expect(await page({ with: romeo, afterId: "3", beforeId: "13" })).toMatchObject({ count: 5, index: 0 });
    expect(await page({ with: romeo, afterId: "4", beforeId: "14" })).toMatchObject({ count: 4, index: 0 });
    expect(await page({ start: AT + 5_000, afterId: "2" })).toMatchObject({ count: 15, index: 0 });
    expect(await page({ end: AT + 5_000, beforeId: "12" }, { after: "1" })).toMatchObject({ count: 6, index: 2 });
  });

  it("of named messages: those of them that match", async () => {
    await fill(20, (n) => ({ with: n % 2 === 0 ? ROMEO : NURSE }));
    const ids = ["2", "4", "6", "8", "9"];
    expect(await page({ with: romeo, ids })).toMatchObject({ count: 4, index: 0, complete: false });
    expect(await page({ with: romeo, ids }, { after: "4" })).toMatchObject({ count: 4, index: 2, complete: true });
  });

  it("of one resource: left out, unless the page is all", async () => {
    const xml = (n: number): string => `<message from='${ROMEO}/${n % 3}' to='${JULIET}'><body>a</body></message>`;
    await fill(20, (n) => ({ xml: xml(n) }));
    const orchard = Jid.fromTrusted(`${ROMEO}/1`);
    expect(await page({ with: orchard })).toMatchObject({ count: undefined, index: 0, complete: false });
    expect(await page({ with: orchard }, { after: "1" })).toMatchObject({ count: undefined, index: undefined });
    expect(await page({ with: orchard }, { max: 100 })).toMatchObject({ count: 7, index: 0, complete: true });
  });
});

describe("both ends given in both ways", () => {
  it("the stricter of the form's and the set's ids holds, whichever it is", async () => {
    await fill(20, () => ({}));
    const ids = async (filter: Filter, set: object): Promise<string> =>
      (await page(filter, { max: 3, ...set })).messages.map(({ id }) => id).join(" ");
    expect(await ids({ afterId: "3" }, { after: "7" })).toBe("8 9 10");
    expect(await ids({ afterId: "7" }, { after: "3" })).toBe("8 9 10");
    expect(await ids({ beforeId: "7" }, { before: "12", backward: true })).toBe("4 5 6");
    expect(await ids({ beforeId: "12" }, { before: "7", backward: true })).toBe("4 5 6");
    expect(await ids({ afterId: "5" }, { after: "5" })).toBe("6 7 8");
    expect(await ids({}, { after: "3", before: "6" })).toBe("4 5");
  });
});
