// Where a test kit (server/testing) looks into a server, and reaches into it. A server that runs for people has no probes.

import type { CommitProbe } from "../storage/store.ts";
import type { Transport } from "./transport/transport.ts";

export type Probes = {
  /** Returns what stands between a stream and its connection: sees, inside TLS, all that passes. */
  transport(connection: Transport): Transport;
  /** Whether STARTTLS is offered where c2s.requireTls is false. */
  readonly offerTls: boolean;
  /** Of the SQLite store in the data folder. */
  readonly commits: CommitProbe;
};
