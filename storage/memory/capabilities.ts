// What clients' capability hashes stand for (XEP-0115, XEP-0390).

import { rows } from "../bounds.ts";
import type { CapabilityStore } from "../store.ts";
import type { Run } from "./run.ts";
import { frozenCopy } from "./values.ts";

export function memoryCapabilities(run: Run): CapabilityStore {
  const known = new Map<string, readonly string[]>();
  return {
    get: (hash) => run(() => known.get(hash)),
    put: (hash, features, limit) =>
      run(() => {
        known.set(hash, frozenCopy(features));
        for (const oldest of known.keys()) {
          if (known.size <= rows(limit)) break;
          known.delete(oldest);
        }
      }),
  };
}
