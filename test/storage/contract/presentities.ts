// GatewayStore: presentities and their publications.

import { describe, expect, it } from "vitest";
import type { Store } from "../../../storage/store.ts";
import { AT, event, JULIET, presentity, publication, ROMEO, relation, token } from "../records.ts";

export function presentitiesContract(store: () => Store): void {
  describe("presentities", () => {
    it("says whether it created or changed one, and keeps its first createdAt", async () => {
      const { gateway } = store();
      expect(await gateway.getPresentity(ROMEO)).toBeUndefined();
      expect(await gateway.putPresentity(presentity(ROMEO))).toBe("created");
      expect(await gateway.getPresentity(ROMEO)).toStrictEqual(presentity(ROMEO));
      const changed = presentity(ROMEO, { formalName: "Romeo", policy: "allow", allowFrom: ["example.com", JULIET] });
      expect(await gateway.putPresentity({ ...changed, createdAt: AT + 1 })).toBe("changed");
      expect(await gateway.getPresentity(ROMEO)).toStrictEqual(changed);
    });

    it("refuses a new one over maxPerDomain, not a change, nor one of another domain", async () => {
      const { gateway } = store();
      await gateway.putPresentity(presentity("a@example.net"), 1);
      await expect(gateway.putPresentity(presentity("b@example.net"), 1)).rejects.toMatchObject({
        name: "StoreLimitError",
        limit: "presentitiesPerDomain",
      });
      expect(await gateway.putPresentity(presentity("a@example.net"), 1)).toBe("changed");
      expect(await gateway.putPresentity(presentity("b@other.example"), 1)).toBe("created");
    });

    it("lists those of a domain in order of address, page by page", async () => {
      const { gateway } = store();
      for (const name of ["c", "a", "b"]) await gateway.putPresentity(presentity(`${name}@example.net`));
      await gateway.putPresentity(presentity("a@other.example"));
      await gateway.putPresentity(presentity("example.net"));
      const list = async (after: string | undefined, limit: number) =>
        (await gateway.listPresentities("example.net", { ...(after !== undefined && { after }), limit })).map(
          ({ address }) => address,
        );
      expect(await list(undefined, 2)).toEqual(["a@example.net", "b@example.net"]);
      expect(await list("b@example.net", 2)).toEqual(["c@example.net", "example.net"]);
      expect(await list("example.net", 2)).toEqual([]);
      expect(await list(undefined, -1)).toEqual([]);
    });

    it("deletes one with its publication, relations and own tokens, but not its events", async () => {
      const { gateway } = store();
      for (const address of [ROMEO, "paris@example.net"]) {
        await gateway.putPresentity(presentity(address));
        await gateway.updatePublication(address, () => publication("e1"));
        await gateway.updateRelation(address, JULIET, () => ({ next: relation(address, JULIET) }));
        await gateway.addToken(token(`own-${address}`, { scope: `presentity:${address}` }));
        await gateway.appendEvents([event(address)]);
      }
      await gateway.addToken(token("domain"));
      expect(await gateway.deletePresentity(ROMEO)).toBe(true);
      expect(await gateway.deletePresentity(ROMEO)).toBe(false);
      expect(await gateway.getPresentity(ROMEO)).toBeUndefined();
      expect(await gateway.getPublication(ROMEO)).toBeUndefined();
      expect(await gateway.getRelation(ROMEO, JULIET)).toBeUndefined();
      expect((await gateway.listRelationsOfUser(JULIET)).map((one) => one.presentity)).toEqual(["paris@example.net"]);
      expect(await gateway.findToken(`hash-of-own-${ROMEO}`)).toBeUndefined();
      expect((await gateway.listTokens()).map(({ id }) => id)).toEqual(["domain", "own-paris@example.net"]);
      expect(await gateway.getPublication("paris@example.net")).toBeDefined();
      expect(await gateway.eventsAfter({ presentity: ROMEO }, 0, 10)).toHaveLength(1);
    });

    it("is not reached by a later change of what was given", async () => {
      const allowFrom = ["example.com"];
      await store().gateway.putPresentity({ ...presentity(ROMEO), allowFrom });
      allowFrom.push("example.org");
      expect((await store().gateway.getPresentity(ROMEO))?.allowFrom).toEqual(["example.com"]);
    });
  });

  describe("publications", () => {
    it("replaces, keeps and withdraws, and tells before and after", async () => {
      const { gateway } = store();
      const [first, second] = [publication("e1"), publication("e2", AT + 1_000)];
      expect(await gateway.getPublication(ROMEO)).toBeUndefined();
      const update = (next: typeof first | undefined) => gateway.updatePublication(ROMEO, () => next);
      expect(await update(first)).toEqual({ before: undefined, after: first });
      expect(await update(second)).toEqual({ before: first, after: second });
      expect(await gateway.getPublication(ROMEO)).toStrictEqual(second);
      const same = await gateway.updatePublication(ROMEO, (now) => now);
      expect(same).toEqual({ before: second, after: second });
      expect(await update(undefined)).toEqual({ before: second, after: undefined });
      expect(await gateway.getPublication(ROMEO)).toBeUndefined();
      expect(await update(undefined)).toEqual({ before: undefined, after: undefined });
    });

    it("rejects with what the callback throws, and changes nothing", async () => {
      const { gateway } = store();
      await gateway.updatePublication(ROMEO, () => publication("e1"));
      const failing = gateway.updatePublication(ROMEO, () => {
        throw new Error("precondition failed");
      });
      await expect(failing).rejects.toThrow("precondition failed");
      expect(await gateway.getPublication(ROMEO)).toEqual(publication("e1"));
    });

    it("finds those whose time is over, and the next", async () => {
      const { gateway } = store();
      expect(await gateway.expiredPublications(AT)).toEqual({ addresses: [], next: null });
      const ends = { "a@x": 30, "b@x": 10, "c@x": null, "d@x": 20, "e@x": 10 };
      for (const [address, end] of Object.entries(ends)) {
        await gateway.updatePublication(address, () => publication("e", end));
      }
      expect(await gateway.expiredPublications(9)).toEqual({ addresses: [], next: 10 });
      expect(await gateway.expiredPublications(10)).toEqual({ addresses: ["b@x", "e@x"], next: 20 });
      expect(await gateway.expiredPublications(29)).toEqual({ addresses: ["b@x", "e@x", "d@x"], next: 30 });
      expect(await gateway.expiredPublications(30)).toEqual({ addresses: ["b@x", "e@x", "d@x", "a@x"], next: null });
      await gateway.updatePublication("b@x", () => publication("f", null));
      await gateway.updatePublication("e@x", () => undefined);
      expect(await gateway.expiredPublications(10)).toEqual({ addresses: [], next: 20 });
    });
  });
}
