// Tokens of the HTTP binding, found by the hash of what the caller shows.

import type { GatewayStore, Token } from "../store.ts";
import type { Run } from "./run.ts";
import { compareText, frozenCopy } from "./values.ts";

type Tokens = Pick<GatewayStore, "addToken" | "findToken" | "listTokens" | "revokeToken">;

/** Tokens by id and by hash; `erase` removes those of a scope. */
export function memoryTokens(run: Run): { readonly store: Tokens; readonly erase: (scope: string) => void } {
  const byId = new Map<string, Token>();
  const byHash = new Map<string, Token>();

  function remove(token: Token): void {
    byId.delete(token.id);
    byHash.delete(token.sha256);
  }

  const store: Tokens = {
    addToken: (token) =>
      run(() => {
        if (byId.has(token.id) || byHash.has(token.sha256)) throw new Error(`token ${token.id} exists already`);
        const kept = frozenCopy(token);
        byId.set(kept.id, kept);
        byHash.set(kept.sha256, kept);
      }),
    findToken: (sha256) => run(() => byHash.get(sha256)),
    listTokens: () =>
      run(() => [...byId.values()].sort((a, b) => a.createdAt - b.createdAt || compareText(a.id, b.id))),
    revokeToken: (id) =>
      run(() => {
        const token = byId.get(id);
        if (token !== undefined) remove(token);
        return token !== undefined;
      }),
  };
  function erase(scope: string): void {
    for (const token of [...byId.values()]) if (token.scope === scope) remove(token);
  }
  return { store, erase };
}
