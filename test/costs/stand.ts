// The server that is counted: createServer's own, on real sockets and SQLite. It offers no TLS, so that what is written is
// what is counted. The test kit's server looks at all that passes, which has costs of its own.

import { join } from "node:path";
import { type ConfigInput, createServer } from "../../server/index.ts";
import { openSqliteStore } from "../../storage/sqlite.ts";
import { temporaryFolder } from "../support/folder.ts";
import { cleanUp } from "../support/server.ts";
import { BareClient, type BareOptions } from "./bare-client.ts";

export type Stand = {
  /** Whoever says so is who they say. */
  online(user: string, options?: BareOptions): Promise<BareClient>;
  /** Two accounts who see each other's presence; before they are online. */
  befriend(one: string, other: string): Promise<void>;
};

export async function openStand(config: ConfigInput = {}): Promise<Stand> {
  const folder = await temporaryFolder();
  const store = openSqliteStore(join(folder, "balcony.sqlite"));
  const server = await createServer(
    {
      domain: "example.com",
      storage: { path: folder },
      c2s: { addresses: ["127.0.0.1"], port: 0, directTlsPort: null, requireTls: false },
      http: { port: null },
      archive: { enabled: false },
      limits: { connectionsPerAddress: 1_000, bytesPerSecond: 0 },
      ...config,
    },
    {
      store,
      authenticator: { exists: () => true, verifyPlain: async () => "right" },
      probes: {
        offerTls: false,
        commits: { committing() {}, committed() {} },
        transport: (connection) => connection,
      },
    },
  );
  cleanUp(() => server.stop({ cut: true }));
  await server.start();
  return {
    online: (user, options) => BareClient.online(server.addresses.c2s, user, options),
    async befriend(one, other) {
      await store.roster.update(`${one}@example.com`, `${other}@example.com`, () => friend(other));
      await store.roster.update(`${other}@example.com`, `${one}@example.com`, () => friend(one));
    },
  };
}

function friend(name: string) {
  return {
    contact: `${name}@example.com`,
    inRoster: true,
    name,
    groups: [],
    state: "both" as const,
    approved: false,
    pendingSubscribe: "",
  };
}

export const ROOM = "coven@rooms.example.com";

/** So many who are in a room with its first settings. */
export async function roomOf(stand: Stand, occupants: number): Promise<readonly BareClient[]> {
  const clients: BareClient[] = [];
  for (let n = 0; n < occupants; n += 1) {
    const client = await stand.online(`witch-${n}`);
    await client.ask(
      `<presence to='${ROOM}/witch-${n}'><x xmlns='http://jabber.org/protocol/muc'/></presence>`,
      "<subject",
    );
    if (n === 0) {
      const form = "<x xmlns='jabber:x:data' type='submit'/>"; // XEP-0045 section 10.1.2: an instant room
      const query = `<query xmlns='http://jabber.org/protocol/muc#owner'>${form}</query>`;
      await client.ask(`<iq type='set' id='open' to='${ROOM}'>${query}</iq>`, "id='open'");
    }
    clients.push(client);
  }
  return clients;
}
