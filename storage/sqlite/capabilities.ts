// What clients' capability hashes stand for (XEP-0115, XEP-0390).

import type { Database } from "better-sqlite3";
import { rows } from "../bounds.ts";
import type { CapabilityStore } from "../store.ts";
import type { Turn } from "./turn.ts";

export function sqliteCapabilities(db: Database, turn: Turn): CapabilityStore {
  const select = db.prepare<[string], string>("SELECT features FROM capability WHERE hash = ?").pluck();
  const insert = db.prepare<[string, string]>(
    "INSERT INTO capability (hash, features) VALUES (?, ?) ON CONFLICT DO UPDATE SET features = excluded.features",
  );
  // Numbers ascend with every hash that is new, so that those of the newest are the highest.
  const prune = db.prepare<[number]>("DELETE FROM capability WHERE number <= (SELECT max(number) FROM capability) - ?");
  return {
    get: (hash) =>
      turn.read(() => {
        const features = select.get(hash);
        return features === undefined ? undefined : JSON.parse(features);
      }),
    put: (hash, features, limit) =>
      turn.write(() => {
        insert.run(hash, JSON.stringify(features));
        prune.run(rows(limit));
      }),
  };
}
