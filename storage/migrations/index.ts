// All migrations in order; the last one's number is the schema version that this Balcony knows.

import { initial } from "./0001-initial.ts";
import { archiveAndSessions } from "./0002-archive-and-sessions.ts";
import type { Migration } from "./migration.ts";

/** Oldest first. */
export const migrations: readonly Migration[] = [initial, archiveAndSessions];
