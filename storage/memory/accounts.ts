// Accounts and their credentials.

import { pageRows } from "../bounds.ts";
import type { Account, AccountStore } from "../store.ts";
import type { Run } from "./run.ts";
import { compareText, frozenCopy } from "./values.ts";

/** @param erase removes what else belongs to an owner (a bare JID) */
export function memoryAccounts(run: Run, erase: (owner: string) => void): AccountStore {
  const accounts = new Map<string, Account>();
  return {
    create: (account) =>
      run(() => {
        if (accounts.has(account.localpart)) return false;
        accounts.set(account.localpart, frozenCopy(account));
        return true;
      }),
    get: (localpart) => run(() => frozenCopy(accounts.get(localpart))),
    setCredentials: (localpart, credentials) =>
      run(() => {
        const account = accounts.get(localpart);
        if (account === undefined) return false;
        accounts.set(localpart, frozenCopy({ ...account, credentials }));
        return true;
      }),
    delete: (localpart, owner) =>
      run(() => {
        if (!accounts.delete(localpart)) return false;
        erase(owner);
        return true;
      }),
    list: ({ after = "", limit }) =>
      run(() => {
        const localparts = [...accounts.keys()].filter((localpart) => compareText(localpart, after) > 0);
        const page = localparts.sort(compareText).slice(0, pageRows(limit));
        return page.flatMap((localpart) => frozenCopy(accounts.get(localpart)) ?? []);
      }),
    countBcryptOnly: () => run(() => [...accounts.values()].filter(isBcryptOnly).length),
  };
}

function isBcryptOnly({ credentials }: Account): boolean {
  return credentials.length > 0 && credentials.every(({ kind }) => kind === "bcrypt");
}
