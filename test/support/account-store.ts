// AccountStore and AuditNotes over maps and arrays, for tests of what stands on them. `rows` may be read and tampered with.

import type { AuditEntry, AuditNotes } from "../../server/audit.ts";
import type { Account, AccountStore } from "../../storage/store.ts";

export function accountStore(): AccountStore & { readonly rows: Map<string, Account>; counted: number } {
  const rows = new Map<string, Account>();
  return {
    rows,
    counted: 0,
    async create(account) {
      if (rows.has(account.localpart)) return false;
      rows.set(account.localpart, account);
      return true;
    },
    async get(localpart) {
      return rows.get(localpart);
    },
    async setCredentials(localpart, credentials) {
      const account = rows.get(localpart);
      if (account !== undefined) rows.set(localpart, { ...account, credentials });
      return account !== undefined;
    },
    async delete(localpart) {
      return rows.delete(localpart);
    },
    async list({ after = "", limit }) {
      const names = [...rows.keys()].filter((name) => name > after).sort();
      return names.slice(0, limit).flatMap((name) => rows.get(name) ?? []);
    },
    async import({ account }, existing) {
      const known = rows.get(account.localpart);
      if (known !== undefined && existing === "keep") return "kept";
      rows.set(account.localpart, account);
      return known === undefined ? "created" : "replaced";
    },
    async countBcryptOnly() {
      return [...rows.values()].filter(({ credentials }) => credentials.every(({ kind }) => kind === "bcrypt")).length;
    },
    async countWithout(wanted) {
      if (wanted === "SCRAM-SHA-256") this.counted += 1;
      return [...rows.values()].filter(({ credentials }) => !credentials.some(({ kind }) => kind === wanted)).length;
    },
  };
}

export function auditNotes(): AuditNotes & { readonly entries: AuditEntry[] } {
  const entries: AuditEntry[] = [];
  return { entries, note: (entry) => void entries.push(entry) };
}
