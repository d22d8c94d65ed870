// New passwords and the end of accounts, with all that hangs on them: for administration (admin-calls.ts) and for the
// accounts' own users (XEP-0077).

import type { Gateway } from "../gateway/index.ts";
import type { Accounts } from "./accounts/accounts.ts";
import type { Archive } from "./archive/archive.ts";
import type { AuditTrail } from "./audit.ts";
import { StreamError } from "./errors.ts";
import type { Jid } from "./jid.ts";
import type { Offline } from "./offline/offline.ts";
import type { Subscriptions } from "./roster/subscriptions.ts";
import type { Core } from "./router/routing.ts";
import type { Session } from "./session/session.ts";
import { presence } from "./stanza.ts";

export type AccountChangeParts = {
  readonly core: Core;
  readonly accounts: Accounts;
  readonly subscriptions: Subscriptions;
  readonly gateway: Gateway;
  readonly archive: Archive | undefined;
  readonly offline: Pick<Offline, "forgetCount">;
  readonly audit: AuditTrail;
};

/** Every call rejects with AccountError. Accounts are bare JIDs. */
export interface AccountChanges {
  /** @param by the client that asks for it, whose stream stays; left out: administration */
  setPassword(account: Jid, password: string, by?: Session): Promise<void>;
  /**
   * Ends its sessions, tells its contacts, erases all it stored.
   * @param by the client that asks for it. Its stream stays until it is told, and then `dismiss` must end it.
   */
  remove(account: Jid, by?: Session): Promise<void>;
  dismiss(by: Session): void;
  /** Ends the streams of an account whose password and roster are about to be others, or are. */
  endStreams(account: Jid): void;
  /** What an account has may have been written by an import. */
  imported(account: Jid): void;
}

export function accountChanges(parts: AccountChangeParts): AccountChanges {
  const { core, accounts, subscriptions, gateway, archive, offline } = parts;

  const audit = (event: "password-changed" | "user-deleted", account: Jid, by: Session | undefined): Promise<void> => {
    const address = by === undefined ? "" : addressOf(core, by);
    return parts.audit.record({ event, account: account.bareString, address, detail: by ? "by the user" : "" });
  };

  // Those that have logged in and bound no resource yet, too.
  function closeStreams(user: Jid, error: StreamError, but: Session | undefined): void {
    for (const stream of [...core.streams]) {
      if (stream.localpart === user.localpart && (but === undefined || stream.session !== but)) stream.close(error);
    }
    for (const session of [...core.sessions.of(user.bareString)]) if (session.detached) session.close(error);
  }

  return {
    async setPassword(account, password, by) {
      await accounts.setPassword(account.localpart as string, password);
      await audit("password-changed", account, by);
      closeStreams(account, new StreamError("reset", "the password was changed; log in again"), by);
    },

    async remove(account, by) {
      // What follows from a session's end must come before the account's: nothing may be stored for it later.
      if (by?.available) await core.route(presence({ type: "unavailable", from: by.jid.toString() }), by.jid, by);
      closeStreams(account, deleted(), by);
      await gateway.userDeleted(account);
      await subscriptions.removeAll(account);
      await accounts.delete(account.localpart as string);
      archive?.forget(account.bareString);
      offline.forgetCount(account.bareString);
      // Clients come back at once, and may have done so before the account was gone.
      closeStreams(account, deleted(), by);
      await gateway.userDeleted(account);
      await core.hooks.notify("accountDeleted", account);
      await audit("user-deleted", account, by);
    },

    dismiss(by) {
      by.close(deleted());
      // What it had not acknowledged went there (XEP-0198), behind the account's end.
      const { bareString } = by.jid;
      core.store.offline
        .removeUpTo(bareString, Number.MAX_SAFE_INTEGER)
        .catch((err: unknown) => core.log.error({ account: bareString, err }, "account-leftovers"))
        .finally(() => offline.forgetCount(bareString));
    },

    imported(account) {
      offline.forgetCount(account.bareString);
    },

    endStreams(account) {
      closeStreams(account, new StreamError("reset", "the account was replaced; log in again"), undefined);
    },
  };
}

function deleted(): StreamError {
  return new StreamError("not-authorized", "the account was deleted");
}

function addressOf(core: Core, session: Session): string {
  for (const stream of core.streams) if (stream.session === session) return stream.transport.address;
  return "";
}
