// The contract of storage/store.ts as one suite, run against every store.

import { afterEach, beforeEach, describe } from "vitest";
import type { Store } from "../../storage/store.ts";
import { accountsContract } from "./contract/accounts.ts";
import { archiveContract } from "./contract/archive.ts";
import { archiveKeepingContract } from "./contract/archive-keeping.ts";
import { auditContract } from "./contract/audit.ts";
import { blockingContract } from "./contract/blocking.ts";
import { eventsContract } from "./contract/events.ts";
import { lifetimeContract } from "./contract/lifetime.ts";
import { offlineContract } from "./contract/offline.ts";
import { presentitiesContract } from "./contract/presentities.ts";
import { profilesContract } from "./contract/profiles.ts";
import { pubsubContract } from "./contract/pubsub.ts";
import { relationsContract } from "./contract/relations.ts";
import { roomsContract } from "./contract/rooms.ts";
import { rosterContract } from "./contract/roster.ts";
import { rosterVersionsContract } from "./contract/roster-versions.ts";
import { sessionsContract } from "./contract/sessions.ts";
import { tokensContract } from "./contract/tokens.ts";
import { uploadsContract } from "./contract/uploads.ts";

/** @param open gives an empty store; each test has its own, closed after it */
export function storeContract(name: string, open: () => Store): void {
  describe(name, () => {
    let store: Store;
    beforeEach(() => {
      store = open();
    });
    afterEach(() => store.close());
    const current = (): Store => store;
    accountsContract(current);
    rosterContract(current);
    rosterVersionsContract(current);
    offlineContract(current);
    archiveContract(current);
    archiveKeepingContract(current);
    sessionsContract(current);
    roomsContract(current);
    pubsubContract(current);
    blockingContract(current);
    profilesContract(current);
    auditContract(current);
    presentitiesContract(current);
    relationsContract(current);
    eventsContract(current);
    tokensContract(current);
    uploadsContract(current);
    lifetimeContract(current);
  });
}
