// The gateway's records: presentities with their publications, relations, events and tokens.

import { domainFull, pageRows } from "../bounds.ts";
import type { GatewayStore, Presentity } from "../store.ts";
import { memoryEvents } from "./events.ts";
import { memoryPublications } from "./publications.ts";
import { memoryRelations } from "./relations.ts";
import type { Run } from "./run.ts";
import { memoryTokens } from "./tokens.ts";
import { compareText, frozenCopy } from "./values.ts";

type Presentities = Pick<GatewayStore, "putPresentity" | "getPresentity" | "listPresentities" | "deletePresentity">;

/** All of GatewayStore. */
export function memoryGateway(run: Run): GatewayStore {
  const publications = memoryPublications(run);
  const events = memoryEvents(run);
  const relations = memoryRelations(run, events.append);
  const tokens = memoryTokens(run);
  const presentities = memoryPresentities(run, (address) => {
    publications.erase(address);
    relations.erase(address);
    tokens.erase(`presentity:${address}`);
  });
  return { ...presentities, ...publications.store, ...relations.store, ...events.store, ...tokens.store };
}

function memoryPresentities(run: Run, erase: (address: string) => void): Presentities {
  const presentities = new Map<string, Presentity>();
  return {
    putPresentity: (presentity, maxPerDomain) =>
      run(() => {
        const known = presentities.get(presentity.address);
        if (known === undefined && maxPerDomain !== undefined) {
          const here = [...presentities.values()].filter(({ domain }) => domain === presentity.domain).length;
          if (here >= maxPerDomain) throw domainFull(presentity.domain, maxPerDomain);
        }
        const createdAt = known?.createdAt ?? presentity.createdAt;
        presentities.set(presentity.address, frozenCopy({ ...presentity, createdAt }));
        return known === undefined ? "created" : "changed";
      }),
    getPresentity: (address) => run(() => presentities.get(address)),
    listPresentities: (domain, { after = "", limit }) =>
      run(() =>
        [...presentities.values()]
          .filter((presentity) => presentity.domain === domain && compareText(presentity.address, after) > 0)
          .sort((a, b) => compareText(a.address, b.address))
          .slice(0, pageRows(limit)),
      ),
    deletePresentity: (address) =>
      run(() => {
        if (!presentities.delete(address)) return false;
        erase(address);
        return true;
      }),
  };
}
