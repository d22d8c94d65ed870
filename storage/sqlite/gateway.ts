// The gateway's tables: presentities with their publications, relations, events and tokens.

import type { Database } from "better-sqlite3";
import type { GatewayStore } from "../store.ts";
import { sqliteEvents } from "./events.ts";
import { sqlitePresentities } from "./presentities.ts";
import { sqlitePublications } from "./publications.ts";
import { sqliteRelations } from "./relations.ts";
import { sqliteTokens } from "./tokens.ts";
import type { Turn } from "./turn.ts";

/** All of GatewayStore over one database. */
export function sqliteGateway(db: Database, turn: Turn): GatewayStore {
  const { append, ...events } = sqliteEvents(db, turn);
  return {
    ...sqlitePresentities(db, turn),
    ...sqlitePublications(db, turn),
    ...sqliteRelations(db, turn, append),
    ...events,
    ...sqliteTokens(db, turn),
  };
}
