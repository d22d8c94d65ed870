// GatewayStore: the event log.

import { describe, expect, it } from "vitest";
import type { EventScope, Store } from "../../../storage/store.ts";
import { event, presentity, ROMEO } from "../records.ts";

const PARIS = "paris@example.net";
const OTHER = "romeo@other.example";
const DOMAIN: EventScope = { domain: "example.net" };

export function eventsContract(store: () => Store): void {
  describe("events", () => {
    /** Appends one event for each address and gives their ids. */
    async function append(...addresses: string[]): Promise<number[]> {
      return (await store().gateway.appendEvents(addresses.map((address) => event(address)))).map(({ id }) => id);
    }

    async function idsAfter(scope: EventScope, after: number, limit = 100): Promise<number[]> {
      return (await store().gateway.eventsAfter(scope, after, limit)).map(({ id }) => id);
    }

    it("gives ids that grow, in order, and every part back", async () => {
      const { gateway } = store();
      const given = [event(ROMEO, { type: "response", data: '{"a":"ä\u{1f339}"}', at: 5 }), event(PARIS)];
      const kept = await gateway.appendEvents(given);
      expect(kept).toMatchObject(given);
      expect(await gateway.eventsAfter(DOMAIN, 0, 10)).toStrictEqual(kept);
      expect(await gateway.appendEvents([])).toEqual([]);
      const turns = await Promise.all([append(ROMEO), append(ROMEO, PARIS), append(ROMEO)]);
      const ids = [...kept.map(({ id }) => id), ...turns.flat()];
      expect(ids).toEqual([...new Set(ids)].sort((a, b) => a - b));
    });

    it("resumes after an id, for a presentity or a whole domain", async () => {
      const [a = 0, b = 0, c, d] = await append(ROMEO, PARIS, OTHER, ROMEO);
      expect(await idsAfter({ presentity: ROMEO }, 0)).toEqual([a, d]);
      expect(await idsAfter({ presentity: ROMEO }, a)).toEqual([d]);
      expect(await idsAfter({ presentity: ROMEO }, b)).toEqual([d]);
      expect(await idsAfter(DOMAIN, 0)).toEqual([a, b, d]);
      expect(await idsAfter(DOMAIN, a, 1)).toEqual([b]);
      expect(await idsAfter({ domain: "other.example" }, 0)).toEqual([c]);
      expect(await idsAfter({ domain: "example" }, 0)).toEqual([]);
      expect(await idsAfter(DOMAIN, 0, 0)).toEqual([]);
      expect(await idsAfter(DOMAIN, 0, -1)).toEqual([]);
      expect(await idsAfter(DOMAIN, d ?? 0)).toEqual([]);
    });

    it("takes a presentity without a localpart for one of its domain", async () => {
      const ids = await append("example.net", ROMEO);
      expect(await idsAfter(DOMAIN, 0)).toEqual(ids);
      expect(await idsAfter({ presentity: "example.net" }, 0)).toEqual(ids.slice(0, 1));
    });

    it("knows its bounds when nothing was pruned", async () => {
      const { gateway } = store();
      expect(await gateway.eventBounds(DOMAIN)).toEqual({ prunedUpTo: 0, last: 0 });
      const [, last] = await append(ROMEO, OTHER);
      expect(await gateway.eventBounds({ presentity: ROMEO })).toEqual({ prunedUpTo: 0, last });
      expect(await gateway.eventBounds(DOMAIN)).toEqual({ prunedUpTo: 0, last });
    });

    it("prunes what is old, but keeps the newest of each presentity", async () => {
      const { gateway } = store();
      const ages = [1, 2, 9, 3, 4]; // the third has an age of its own: clocks may step
      const romeo = await gateway.appendEvents(ages.map((at) => event(ROMEO, { at })));
      const paris = await gateway.appendEvents([1, 2].map((at) => event(PARIS, { at })));
      expect(await gateway.pruneEvents(1, 0)).toBe(0);
      expect(await gateway.pruneEvents(9, 2)).toBe(2);
      expect(await gateway.eventsAfter({ presentity: ROMEO }, 0, 10)).toEqual(romeo.slice(2));
      expect(await gateway.eventsAfter({ presentity: PARIS }, 0, 10)).toEqual(paris);
      expect(await gateway.pruneEvents(9, 2)).toBe(0);
      expect(await gateway.pruneEvents(9, 0)).toBe(4);
      expect(await gateway.eventsAfter(DOMAIN, 0, 10)).toEqual([romeo[2]]);
      expect(await gateway.pruneEvents(10, 0)).toBe(1);
      expect(await gateway.pruneEvents(10, 0)).toBe(0);
    });

    it("remembers the highest pruned id of each scope, and the last id even when all is pruned", async () => {
      const { gateway } = store();
      const [, b, , d, e, f] = await append(ROMEO, ROMEO, PARIS, PARIS, OTHER, ROMEO);
      await gateway.pruneEvents(Number.MAX_SAFE_INTEGER, 1);
      const bounds = (scope: EventScope) => gateway.eventBounds(scope);
      expect(await bounds({ presentity: ROMEO })).toEqual({ prunedUpTo: b, last: f });
      expect(await bounds({ presentity: PARIS })).toEqual({ prunedUpTo: (d ?? 0) - 1, last: f });
      expect(await bounds({ presentity: OTHER })).toEqual({ prunedUpTo: 0, last: f });
      expect(await bounds(DOMAIN)).toEqual({ prunedUpTo: (d ?? 0) - 1, last: f });
      await gateway.pruneEvents(Number.MAX_SAFE_INTEGER, 0);
      expect(await bounds({ presentity: ROMEO })).toEqual({ prunedUpTo: f, last: f });
      expect(await bounds({ domain: "other.example" })).toEqual({ prunedUpTo: e, last: f });
      expect(await bounds(DOMAIN)).toEqual({ prunedUpTo: f, last: f });
      const [next = 0] = await append(ROMEO);
      expect(next).toBeGreaterThan(f ?? 0);
    });

    it("never lowers the highest pruned id", async () => {
      const { gateway } = store();
      const [old, young] = await gateway.appendEvents([event(ROMEO, { at: 9 }), event(ROMEO, { at: 1 })]);
      expect(await gateway.pruneEvents(5, 0)).toBe(1);
      expect(await gateway.pruneEvents(10, 0)).toBe(1);
      expect(old?.id).toBeLessThan(young?.id ?? 0);
      expect((await gateway.eventBounds({ presentity: ROMEO })).prunedUpTo).toBe(young?.id);
    });

    it("keeps events and bounds of a presentity that is deleted", async () => {
      const { gateway } = store();
      await gateway.putPresentity(presentity(ROMEO));
      const ids = await append(ROMEO, ROMEO);
      await gateway.pruneEvents(Number.MAX_SAFE_INTEGER, 1);
      await gateway.deletePresentity(ROMEO);
      expect(await idsAfter({ presentity: ROMEO }, 0)).toEqual(ids.slice(1));
      expect((await gateway.eventBounds({ presentity: ROMEO })).prunedUpTo).toBe(ids[0]);
    });
  });
}
