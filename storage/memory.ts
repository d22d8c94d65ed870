// The memory store: maps, for tests and trials. Everything is gone with the process.

import { randomBytes } from "node:crypto";
import { memoryAccounts } from "./memory/accounts.ts";
import { memoryArchive } from "./memory/archive.ts";
import { memoryAudit } from "./memory/audit.ts";
import { memoryBlocking } from "./memory/blocking.ts";
import { memoryCapabilities } from "./memory/capabilities.ts";
import { memoryGateway } from "./memory/gateway.ts";
import { holdingsFiller } from "./memory/holdings.ts";
import { memoryOffline } from "./memory/offline.ts";
import { memoryProfiles } from "./memory/profiles.ts";
import { memoryPubsub } from "./memory/pubsub.ts";
import { memoryPushes } from "./memory/pushes.ts";
import { memoryRooms } from "./memory/rooms.ts";
import { memoryRoster } from "./memory/roster.ts";
import { runner } from "./memory/run.ts";
import { memorySessions } from "./memory/sessions.ts";
import { memoryUploads } from "./memory/uploads.ts";
import type { Store } from "./store.ts";

/** An empty store. Its operations are done at once and answered in a microtask; records that it returns are frozen. */
export function createMemoryStore(): Store {
  const { run, close } = runner();
  const roster = memoryRoster(run);
  const offline = memoryOffline(run);
  const archive = memoryArchive(run);
  const sessions = memorySessions(run);
  const pubsub = memoryPubsub(run);
  const rooms = memoryRooms(run);
  const blocking = memoryBlocking(run);
  const profiles = memoryProfiles(run);
  const pushes = memoryPushes(run);
  const uploads = memoryUploads(run);
  const accounts = memoryAccounts(run, {
    erase(owner) {
      for (const { erase } of [roster, offline, archive, sessions, pubsub, rooms, blocking, profiles, pushes, uploads])
        erase(owner);
    },
    fill: holdingsFiller({ roster, offline, profiles, pubsub }),
  });
  const secrets = new Map<string, string>();
  return {
    accounts,
    roster: roster.store,
    offline: offline.store,
    archive: archive.store,
    sessions: sessions.store,
    pubsub: pubsub.store,
    capabilities: memoryCapabilities(run),
    rooms: rooms.store,
    blocking: blocking.store,
    profiles: profiles.store,
    pushes: pushes.store,
    audit: memoryAudit(run),
    gateway: memoryGateway(run),
    uploads: uploads.store,
    secret: (name) =>
      run(() => {
        const secret = secrets.get(name) ?? randomBytes(32).toString("hex");
        secrets.set(name, secret);
        return secret;
      }),
    close: async () => close(),
  };
}
