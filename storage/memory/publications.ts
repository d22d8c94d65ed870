// Published presence documents: soft state, like RFC 3903.

import type { GatewayStore, Publication } from "../store.ts";
import type { Run } from "./run.ts";
import { compareText, frozenCopy } from "./values.ts";

type Publications = Pick<GatewayStore, "getPublication" | "updatePublication" | "expiredPublications">;

/** Publications by address; `erase` removes one. */
export function memoryPublications(run: Run): {
  readonly store: Publications;
  readonly erase: (address: string) => void;
} {
  const publications = new Map<string, Publication>();
  const store: Publications = {
    getPublication: (address) => run(() => publications.get(address)),
    updatePublication: (address, change) =>
      run(() => {
        const before = publications.get(address);
        const next = change(before);
        if (next === before) return { before, after: next };
        const after = frozenCopy(next);
        if (after === undefined) publications.delete(address);
        else publications.set(address, after);
        return { before, after };
      }),
    expiredPublications: (now) =>
      run(() => {
        const ends = [...publications].flatMap(([address, { expiresAt }]) =>
          expiresAt === null ? [] : { address, end: expiresAt },
        );
        ends.sort((a, b) => a.end - b.end || compareText(a.address, b.address));
        return {
          addresses: ends.filter(({ end }) => end <= now).map(({ address }) => address),
          next: ends.find(({ end }) => end > now)?.end ?? null,
        };
      }),
  };
  return { store, erase: (address) => publications.delete(address) };
}
