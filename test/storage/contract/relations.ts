// GatewayStore: relations between presentities and users.

import { describe, expect, it } from "vitest";
import type { Store } from "../../../storage/store.ts";
import { AT, event, JULIET, NURSE, ROMEO, relation, subscription } from "../records.ts";

const PARIS = "paris@example.net";

export function relationsContract(store: () => Store): void {
  describe("relations", () => {
    it("gives back every part of a relation", async () => {
      const { gateway } = store();
      const full = relation(ROMEO, JULIET, {
        state: "from+out",
        approved: true,
        watch: { transId: "t0", subscriptId: "s0", since: 0 },
        subscription: { ...subscription(AT + 1), state: "pending", lastDigest: "d9", lastOpen: true },
      });
      const endless = { ...full, watch: null, subscription: { ...subscription(null), durationSeconds: null } };
      const bare = relation(ROMEO, JULIET);
      expect(await gateway.getRelation(ROMEO, JULIET)).toBeUndefined();
      for (const next of [full, endless, bare]) {
        await gateway.updateRelation(ROMEO, JULIET, () => ({ next }));
        expect(await gateway.getRelation(ROMEO, JULIET)).toStrictEqual(next);
      }
    });

    it("stores a change together with the events that it causes", async () => {
      const { gateway } = store();
      const [first, second] = [event(ROMEO, { type: "subscribe" }), event(ROMEO, { type: "notify", data: "{}" })];
      const next = relation(ROMEO, JULIET, { state: "none+in" });
      const step = await gateway.updateRelation(ROMEO, JULIET, () => ({ next, events: [first, second] }));
      expect(step).toMatchObject({ before: undefined, after: next, events: [first, second] });
      expect(step.events[0]?.id).toBeLessThan(step.events[1]?.id ?? 0);
      expect(await gateway.eventsAfter({ presentity: ROMEO }, 0, 10)).toEqual(step.events);
    });

    it("keeps the same object as it is, with or without events", async () => {
      const { gateway } = store();
      await gateway.updateRelation(ROMEO, JULIET, () => ({ next: relation(ROMEO, JULIET) }));
      const quiet = await gateway.updateRelation(ROMEO, JULIET, (now) => ({ next: now }));
      expect(quiet).toEqual({ before: relation(ROMEO, JULIET), after: relation(ROMEO, JULIET), events: [] });
      const told = await gateway.updateRelation(ROMEO, JULIET, (now) => ({ next: now, events: [event(ROMEO)] }));
      expect(told.events).toHaveLength(1);
      const none = await gateway.updateRelation(ROMEO, NURSE, (now) => ({ next: now, events: [event(ROMEO)] }));
      expect(none).toMatchObject({ before: undefined, after: undefined, events: [event(ROMEO)] });
      expect(await gateway.listRelations(ROMEO)).toEqual([relation(ROMEO, JULIET)]);
    });

    it("deletes", async () => {
      const { gateway } = store();
      await gateway.updateRelation(ROMEO, JULIET, () => ({ next: relation(ROMEO, JULIET) }));
      const gone = await gateway.updateRelation(ROMEO, JULIET, () => ({ next: undefined }));
      expect(gone).toEqual({ before: relation(ROMEO, JULIET), after: undefined, events: [] });
      expect(await gateway.getRelation(ROMEO, JULIET)).toBeUndefined();
      expect(await gateway.listRelations(ROMEO)).toEqual([]);
      expect(await gateway.listRelationsOfUser(JULIET)).toEqual([]);
    });

    it("rejects with what the callback throws or for another's relation: no change, no event", async () => {
      const { gateway } = store();
      const failing = gateway.updateRelation(ROMEO, JULIET, () => {
        throw new Error("no");
      });
      await expect(failing).rejects.toThrow("no");
      for (const next of [relation(PARIS, JULIET), relation(ROMEO, NURSE)]) {
        const wrong = gateway.updateRelation(ROMEO, JULIET, () => ({ next, events: [event(ROMEO)] }));
        await expect(wrong).rejects.toThrow(TypeError);
      }
      expect(await gateway.listRelations(ROMEO)).toEqual([]);
      expect(await gateway.eventsAfter({ presentity: ROMEO }, 0, 10)).toEqual([]);
    });

    it("runs updates of one turn one after the other", async () => {
      const { gateway } = store();
      const states = ["none+in", "from", "both"] as const;
      const steps = await Promise.all(
        states.map((state) =>
          gateway.updateRelation(ROMEO, JULIET, () => ({ next: relation(ROMEO, JULIET, { state }) })),
        ),
      );
      expect(steps.map(({ before }) => before?.state)).toEqual([undefined, "none+in", "from"]);
    });

    it("lists by either side, in order of the other", async () => {
      const { gateway } = store();
      for (const [address, user] of [
        [ROMEO, NURSE],
        [ROMEO, JULIET],
        [PARIS, JULIET],
      ] as const) {
        await gateway.updateRelation(address, user, () => ({ next: relation(address, user) }));
      }
      expect((await gateway.listRelations(ROMEO)).map(({ user }) => user)).toEqual([JULIET, NURSE]);
      expect((await gateway.listRelationsOfUser(JULIET)).map((one) => one.presentity)).toEqual([PARIS, ROMEO]);
      expect(await gateway.listRelations("nobody@example.net")).toEqual([]);
      expect(await gateway.listRelationsOfUser(ROMEO)).toEqual([]);
    });

    it("finds the subscriptions whose last notify told of an open tuple", async () => {
      const { gateway } = store();
      const of = (address: string, user: string, lastOpen: boolean) =>
        relation(address, user, { subscription: { ...subscription(null), lastOpen } });
      const kept = [of(PARIS, NURSE, true), of(ROMEO, JULIET, true), of(ROMEO, NURSE, true)];
      for (const next of [...kept.toReversed(), of(PARIS, JULIET, false), relation(ROMEO, ROMEO)]) {
        await gateway.updateRelation(next.presentity, next.user, () => ({ next }));
      }
      expect(await gateway.openSubscriptions()).toEqual(kept);
      await gateway.updateRelation(ROMEO, JULIET, () => ({ next: of(ROMEO, JULIET, false) }));
      await gateway.updateRelation(ROMEO, NURSE, () => ({ next: undefined }));
      expect(await gateway.openSubscriptions()).toEqual(kept.slice(0, 1));
    });

    it("finds subscriptions whose time has passed, and the next", async () => {
      const { gateway } = store();
      expect(await gateway.expiredSubscriptions(AT)).toEqual({ relations: [], next: null });
      const ends = { "a@x": 30, "b@x": 10, "c@x": null, "d@x": 20 };
      const of = (user: string, until: number | null) => relation(ROMEO, user, { subscription: subscription(until) });
      for (const [user, end] of Object.entries(ends)) {
        await gateway.updateRelation(ROMEO, user, () => ({ next: of(user, end) }));
      }
      await gateway.updateRelation(ROMEO, JULIET, () => ({ next: relation(ROMEO, JULIET) }));
      expect(await gateway.expiredSubscriptions(9)).toEqual({ relations: [], next: 10 });
      expect(await gateway.expiredSubscriptions(10)).toEqual({ relations: [of("b@x", 10)], next: 20 });
      expect(await gateway.expiredSubscriptions(30)).toEqual({
        relations: [of("b@x", 10), of("d@x", 20), of("a@x", 30)],
        next: null,
      });
      await gateway.updateRelation(ROMEO, "b@x", () => ({ next: relation(ROMEO, "b@x") }));
      await gateway.updateRelation(ROMEO, "d@x", () => ({ next: undefined }));
      expect(await gateway.expiredSubscriptions(20)).toEqual({ relations: [], next: 30 });
    });
  });
}
