// Accounts and their credentials.

import { pageRows } from "../bounds.ts";
import type { Account, AccountStore, ImportedAccount } from "../store.ts";
import type { Run } from "./run.ts";
import { compareText, frozenCopy } from "./values.ts";

/** What belongs to an owner (a bare JID) besides the account. */
export type OtherMaps = {
  erase(owner: string): void;
  /** Throws before it changes anything. */
  fill(imported: ImportedAccount): void;
};

/** Accounts by localpart. */
export function memoryAccounts(run: Run, { erase, fill }: OtherMaps): AccountStore {
  const accounts = new Map<string, Account>();
  return {
    create: (account) =>
      run(() => {
        if (accounts.has(account.localpart)) return false;
        accounts.set(account.localpart, frozenCopy(account));
        return true;
      }),
    import: (imported, existing) =>
      run(() => {
        const { account } = imported;
        const known = accounts.get(account.localpart);
        if (known !== undefined && existing === "keep") return "kept";
        fill(imported);
        const credentials = account.credentials.length > 0 ? account.credentials : (known?.credentials ?? []);
        accounts.set(account.localpart, frozenCopy({ ...(known ?? account), credentials }));
        return known === undefined ? "created" : "replaced";
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
    countWithout: (wanted) =>
      run(() => {
        const lacking = ({ credentials }: Account): boolean =>
          credentials.length > 0 && !credentials.some(({ kind }) => kind === wanted);
        return [...accounts.values()].filter(lacking).length;
      }),
  };
}

function isBcryptOnly({ credentials }: Account): boolean {
  return credentials.length > 0 && credentials.every(({ kind }) => kind === "bcrypt");
}
