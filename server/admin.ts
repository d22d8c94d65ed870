// What an operator may do, as plain calls: the command line, the control socket and embedders all use these.

import type { AuditRecord, PresentityPolicy } from "../storage/store.ts";
import type { EpochMs } from "./clock.ts";
import type { ExportedUser, ImportOptions, ImportResult, PortableUser } from "./portable/user.ts";

export type TokenInfo = { readonly id: string; readonly scope: string; readonly createdAt: EpochMs };
export type PresentityInfo = {
  readonly address: string;
  readonly formalName: string;
  readonly policy: PresentityPolicy;
  readonly allowFrom: readonly string[];
  readonly createdAt: EpochMs;
};
export type PresentitySettings = {
  readonly formalName?: string;
  readonly policy?: PresentityPolicy;
  readonly allowFrom?: readonly string[];
};

/** A request that cannot be carried out; the message tells a person why and what to do. */
export class AdminError extends Error {
  readonly code: "exists" | "not-found" | "invalid" | "limit";
  constructor(code: AdminError["code"], message: string) {
    super(message);
    this.name = "AdminError";
    this.code = code;
  }
}

/** Every call rejects with AdminError. Users are named by localpart or bare JID, presentities by bare JID. */
export interface Admin {
  addUser(user: string, password: string): Promise<void>;
  setPassword(user: string, password: string): Promise<void>;
  /** Ends its sessions, tells its contacts, erases all it stored. */
  deleteUser(user: string): Promise<void>;
  /** Bare JIDs in order, at most `limit` (up to 100), from behind `after`. */
  listUsers(page: { readonly after?: string; readonly limit: number }): Promise<string[]>;
  /** Takes over a bcrypt hash ($2a$, $2b$, $2y$) from another application. */
  importUser(user: string, bcryptHash: string): Promise<void>;
  /**
   * Makes many accounts with all they hold, in one commit; the streams of those that are replaced end. The results stand in
   * the order of the users. What they hold is taken as it is: portable/users.ts checks it.
   */
  importUsers(users: readonly PortableUser[], options: ImportOptions): Promise<ImportResult[]>;
  /** An account with its SCRAM keys and all it holds. */
  exportUser(user: string): Promise<ExportedUser>;
  /** Accounts that can log in with PLAIN only, until they do once. */
  countBcryptOnly(): Promise<number>;
  /** `domain:example.net` or `presentity:romeo@example.net`; the token itself is told only here, only once. */
  addToken(scope: string): Promise<{ readonly id: string; readonly token: string }>;
  listTokens(): Promise<TokenInfo[]>;
  revokeToken(id: string): Promise<void>;
  addPresentity(address: string, settings: PresentitySettings): Promise<"created" | "changed">;
  listPresentities(domain: string | undefined): Promise<PresentityInfo[]>;
  deletePresentity(address: string): Promise<void>;
  /** The newest records of the audit trail, newest first; a limit from 1 to 10,000. */
  listAudit(limit: number): Promise<AuditRecord[]>;
}
