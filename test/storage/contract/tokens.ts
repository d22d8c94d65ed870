// GatewayStore: tokens.

import { describe, expect, it } from "vitest";
import type { Store } from "../../../storage/store.ts";
import { AT, ROMEO, token } from "../records.ts";

export function tokensContract(store: () => Store): void {
  describe("tokens", () => {
    it("finds a token by its hash, until it is revoked", async () => {
      const { gateway } = store();
      const own = token("t1", { scope: `presentity:${ROMEO}` });
      expect(await gateway.findToken(own.sha256)).toBeUndefined();
      await gateway.addToken(own);
      await gateway.addToken(token("t2"));
      expect(await gateway.findToken(own.sha256)).toStrictEqual(own);
      expect(await gateway.findToken("t1")).toBeUndefined();
      expect(await gateway.revokeToken("t1")).toBe(true);
      expect(await gateway.revokeToken("t1")).toBe(false);
      expect(await gateway.findToken(own.sha256)).toBeUndefined();
      expect(await gateway.findToken("hash-of-t2")).toStrictEqual(token("t2"));
    });

    it("lists them in order of creation", async () => {
      const { gateway } = store();
      expect(await gateway.listTokens()).toEqual([]);
      const tokens = [token("a", { createdAt: AT + 1 }), token("c"), token("b")];
      for (const one of tokens) await gateway.addToken(one);
      expect((await gateway.listTokens()).map(({ id }) => id)).toEqual(["b", "c", "a"]);
    });

    it("rejects a second token of the same id or hash", async () => {
      const { gateway } = store();
      await gateway.addToken(token("t1"));
      await expect(gateway.addToken(token("t1", { sha256: "other" }))).rejects.toThrow();
      await expect(gateway.addToken(token("t2", { sha256: "hash-of-t1" }))).rejects.toThrow();
      expect(await gateway.listTokens()).toEqual([token("t1")]);
    });
  });
}
