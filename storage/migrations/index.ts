// All migrations in order; the last one's number is the schema version that this Balcony knows.

import { initial } from "./0001-initial.ts";
import { archiveAndSessions } from "./0002-archive-and-sessions.ts";
import { pubsubNodes } from "./0003-pubsub.ts";
import { rooms } from "./0004-rooms.ts";
import { blockLists } from "./0005-blocking.ts";
import { uploads } from "./0006-uploads.ts";
import { profilesAndPush } from "./0007-profiles-and-push.ts";
import { partialCredentials } from "./0008-partial-credentials.ts";
import { cheaperRows } from "./0009-cheaper-rows.ts";
import { movedRows } from "./0010-moved-rows.ts";
import type { Migration } from "./migration.ts";

/** Oldest first. */
export const migrations: readonly Migration[] = [
  initial,
  archiveAndSessions,
  pubsubNodes,
  rooms,
  blockLists,
  uploads,
  profilesAndPush,
  partialCredentials,
  cheaperRows,
  movedRows,
];
