// The accounts of an import, as a server takes them over: one batch, one commit.

import type { AccountChanges } from "../account-changes.ts";
import type { Accounts, ImportOutcome } from "../accounts/accounts.ts";
import type { AuditEvent } from "../audit.ts";
import type { Config } from "../config.ts";
import { Jid } from "../jid.ts";
import type { ImportOptions, ImportResult, PortableKeys, PortableUser } from "./user.ts";

export type ImportParts = {
  readonly accounts: Accounts;
  readonly changes: AccountChanges;
  readonly audit: (event: AuditEvent, account: string, detail?: string) => Promise<void>;
  readonly config: Pick<Config, "domain" | "pubsub">;
};

/** Results in the order of the users. Rejects with what the store rejects with: some may be made then. */
export async function importUsers(
  { accounts, changes, audit, config }: ImportParts,
  users: readonly PortableUser[],
  { existing, check }: ImportOptions,
): Promise<ImportResult[]> {
  const { nodesPerAccount: nodes, bytesPerAccount: bytes } = config.pubsub;
  const addressOf = ({ name }: PortableUser): Jid | undefined => {
    const parsed = Jid.of(name, config.domain);
    return parsed.ok ? parsed.value : undefined;
  };
  // What their sessions still have to write belongs to the account as it was; and nobody may go on with a roster in memory
  // that is another on disk.
  const endStreams = (): void => {
    if (existing === "keep" || check) return;
    for (const address of users.map(addressOf)) if (address !== undefined) changes.endStreams(address);
  };
  endStreams();
  const accountsOf = users.map(({ name, password, keys, holdings }) => ({
    localpart: name,
    password,
    keys: keys.map((pair) => [pair.hash, octetsOf(pair)] as const),
    holdings,
  }));
  const outcomes = await accounts.import(accountsOf, { existing, quota: { nodes, bytes }, check }).finally(() => {
    for (const address of users.map(addressOf)) if (address !== undefined) changes.imported(address);
  });
  endStreams(); // clients come back at once
  if (!check) await record();
  return outcomes.map(resultOf);

  // One record for all that are new: those of a large import would leave no room for anything else.
  async function record(): Promise<void> {
    const named = (wanted: ImportOutcome): string[] =>
      users.filter((_, i) => outcomes[i] === wanted).map((user) => addressOf(user)?.bareString ?? "");
    const created = named("created");
    const [first = "", last = ""] = [created.at(0), created.at(-1)];
    if (created.length === 1) await audit("user-imported", first);
    else if (created.length > 1)
      await audit("user-imported", "", `${created.length} accounts, from ${first} to ${last}`);
    for (const account of named("replaced")) await audit("user-imported", account, "in the place of what there was");
  }
}

function octetsOf({ iterations, salt, storedKey, serverKey }: PortableKeys) {
  const octets = (text: string): Buffer => Buffer.from(text, "base64");
  return { iterations, salt: octets(salt), storedKey: octets(storedKey), serverKey: octets(serverKey) };
}

function resultOf(outcome: ImportOutcome): ImportResult {
  return outcome instanceof Error ? { outcome: "refused", reason: outcome.message } : { outcome };
}
