// BlockingStore: every sentence of its docstrings.

import { describe, expect, it } from "vitest";
import { type Store, StoreLimitError } from "../../../storage/store.ts";
import { account, JULIET, NURSE, ROMEO } from "../records.ts";

export function blockingContract(store: () => Store): void {
  describe("block lists", () => {
    it("gives the addresses of each owner back in order", async () => {
      const { blocking } = store();
      expect(await blocking.list(JULIET)).toEqual([]);
      expect(await blocking.add(JULIET, [ROMEO, "example.net"], 10)).toEqual([ROMEO, "example.net"]);
      await blocking.add(NURSE, ["c@x"], 10);
      await blocking.add(JULIET, ["a@x/\u{1f339}"], 10);
      expect(await blocking.list(JULIET)).toEqual(["a@x/\u{1f339}", "example.net", ROMEO]);
      expect(await blocking.list(NURSE)).toEqual(["c@x"]);
    });

    it("says which are new, and has each of them once", async () => {
      const { blocking } = store();
      await blocking.add(JULIET, [ROMEO], 10);
      expect(await blocking.add(JULIET, ["a@x", ROMEO, "a@x"], 10)).toEqual(["a@x"]);
      expect(await blocking.list(JULIET)).toEqual(["a@x", ROMEO]);
    });

    it("refuses to grow past the limit, and adds none then", async () => {
      const { blocking } = store();
      await blocking.add(JULIET, ["a@x", "b@x"], 3);
      await expect(blocking.add(JULIET, ["c@x", "d@x"], 3)).rejects.toBeInstanceOf(StoreLimitError);
      expect(await blocking.list(JULIET)).toEqual(["a@x", "b@x"]);
      expect(await blocking.add(JULIET, ["a@x", "c@x"], 3)).toEqual(["c@x"]);
      expect(await blocking.add(JULIET, ["a@x"], 1)).toEqual([]); // a limit that was lowered since
      await expect(blocking.add(NURSE, ["a@x"], 0)).rejects.toMatchObject({ limit: "blockedAddresses" });
      expect(await blocking.list(NURSE)).toEqual([]);
    });

    it("removes those that are there, and says which", async () => {
      const { blocking } = store();
      await blocking.add(JULIET, ["a@x", "b@x", "c@x"], 10);
      await blocking.add(NURSE, ["a@x"], 10);
      expect(await blocking.remove(JULIET, ["c@x", "d@x", "a@x", "a@x"])).toEqual(["c@x", "a@x"]);
      expect(await blocking.remove(JULIET, ["a@x"])).toEqual([]);
      expect(await blocking.list(JULIET)).toEqual(["b@x"]);
      expect(await blocking.list(NURSE)).toEqual(["a@x"]);
    });

    it("is cleared for one owner, with what was there as the answer", async () => {
      const { blocking } = store();
      await blocking.add(JULIET, ["b@x", "a@x"], 10);
      await blocking.add(NURSE, ["a@x"], 10);
      expect(await blocking.clear(JULIET)).toEqual(["a@x", "b@x"]);
      expect(await blocking.clear(JULIET)).toEqual([]);
      expect(await blocking.list(JULIET)).toEqual([]);
      expect(await blocking.list(NURSE)).toEqual(["a@x"]);
    });

    it("goes with the account", async () => {
      const { accounts, blocking } = store();
      await accounts.create(account("juliet"));
      await blocking.add(JULIET, [ROMEO], 10);
      await blocking.add(NURSE, [ROMEO], 10);
      await accounts.delete("juliet", JULIET);
      expect(await blocking.list(JULIET)).toEqual([]);
      expect(await blocking.list(NURSE)).toEqual([ROMEO]);
    });
  });
}
