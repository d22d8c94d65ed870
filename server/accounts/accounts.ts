// The accounts of the domain: made, changed and deleted by administration, verified by SASL. The built-in Authenticator.

import type { Account, AccountStore, PageRequest, StoredCredential } from "../../storage/store.ts";
import type { Clock, EpochMs } from "../clock.ts";
import type { AuthConfig } from "../config.ts";
import { prepareLocalpart } from "../jid.ts";
import { type Logger, silentLogger } from "../log.ts";
import { AccountError } from "./account-error.ts";
import type { Authenticator, PlainVerdict, ScramHash, ScramKeys, ScramSource } from "./authenticator.ts";
import { whyNotBcrypt } from "./bcrypt.ts";
import { Credentials, hasOnlyBcrypt } from "./credentials.ts";
import { preparePassword } from "./password.ts";
import type { Seal } from "./seal.ts";

// The command line may import users beside a running server.
const COUNT_CACHE_MS = 5_000;

export type AccountsParts = {
  readonly config: AuthConfig;
  readonly store: AccountStore;
  readonly seal: Seal;
  readonly domain: string;
  readonly clock: Clock;
  readonly log?: Logger;
};

/** `form` is how the password is stored: "bcrypt" accounts can log in with PLAIN only. */
export type AccountSummary = {
  readonly localpart: string;
  readonly createdAt: EpochMs;
  readonly form: "scram" | "bcrypt" | "none";
};

const EXISTING_KEPT = 10_000;

/**
 * What administration calls takes a localpart as a person wrote it; what the Authenticator's part calls takes a prepared
 * one. Call `stop()` at the end. Source: docs/credentials.md points 1 to 3.
 */
export class Accounts implements Authenticator {
  readonly scram: ScramSource | undefined;
  readonly #parts: AccountsParts;
  readonly #log: Logger;
  readonly #credentials: Credentials;
  #writes: Promise<unknown> = Promise.resolve();
  /** Some of those that exist: every message to somebody who is away asks. */
  readonly #existing = new Set<string>();
  #count: { readonly value: number; readonly readAt: EpochMs } | undefined;

  constructor(parts: AccountsParts) {
    this.#parts = parts;
    this.#log = parts.log ?? silentLogger();
    this.#credentials = new Credentials(parts.config, parts.seal);
    if (parts.config.storage === "bcrypt") return;
    this.scram = {
      iterations: parts.config.scramIterations,
      usable: (localpart) => this.#scramUsable(localpart),
      keys: (localpart, hash) => this.#scramKeys(localpart, hash),
    };
  }

  // ---- administration

  /**
   * @returns the localpart as it was prepared
   * Throws AccountError: "invalid-localpart", "invalid-password", "exists", "busy".
   */
  async create(localpart: string, password: string): Promise<string> {
    const name = prepareName(localpart);
    const credentials = await this.#credentials.make(name, prepareNew(password));
    await this.#create(name, credentials);
    return name;
  }

  /** Throws AccountError: "invalid-localpart", "invalid-password", "not-found", "busy". */
  async setPassword(localpart: string, password: string): Promise<void> {
    const name = prepareName(localpart);
    const credentials = await this.#credentials.make(name, prepareNew(password));
    const changed = await this.#write((store) => store.setCredentials(name, credentials));
    if (!changed) throw notFound(name);
  }

  /** With its roster and offline messages. Throws AccountError: "invalid-localpart", "not-found". */
  async delete(localpart: string): Promise<void> {
    const name = prepareName(localpart);
    this.#existing.delete(name);
    const deleted = await this.#write((store) => store.delete(name, `${name}@${this.#parts.domain}`));
    this.#existing.delete(name); // it was asked for meanwhile
    if (!deleted) throw notFound(name);
  }

  /**
   * Makes an account from another application's bcrypt hash ($2a$, $2b$ or $2y$). Under auth.storage "scram" its first
   * login turns the hash into SCRAM keys; until then the server advertises PLAIN only.
   * @returns the localpart as it was prepared
   * Throws AccountError: "invalid-localpart", "invalid-hash", "exists".
   */
  async importBcrypt(localpart: string, hash: string): Promise<string> {
    const name = prepareName(localpart);
    const wrong = whyNotBcrypt(hash);
    if (wrong !== undefined) throw new AccountError("invalid-hash", wrong);
    await this.#create(name, [this.#credentials.fromBcrypt(name, hash)]);
    return name;
  }

  /** In order of localpart. */
  async list(page: PageRequest): Promise<AccountSummary[]> {
    const accounts = await this.#parts.store.list(page);
    return accounts.map((account) => ({
      localpart: account.localpart,
      createdAt: account.createdAt,
      form: account.credentials.length === 0 ? "none" : hasOnlyBcrypt(account) ? "bcrypt" : "scram",
    }));
  }

  /** How many accounts still wait for their upgrade to SCRAM. */
  countBcryptOnly(): Promise<number> {
    return this.#parts.store.countBcryptOnly();
  }

  /** Ends the bcrypt thread, if it was started. Later logins are refused as "busy". */
  stop(): Promise<void> {
    return this.#credentials.stop();
  }

  // ---- Authenticator

  exists(localpart: string): boolean | Promise<boolean> {
    if (this.#existing.has(localpart)) return true;
    return this.#parts.store.get(localpart).then((account) => {
      if (account === undefined) return false;
      if (this.#existing.size >= EXISTING_KEPT) this.#existing.clear();
      this.#existing.add(localpart);
      return true;
    });
  }

  /** Source: RFC 4616; docs/credentials.md points 2 and 7. */
  async verifyPlain(localpart: string, password: string): Promise<PlainVerdict> {
    const account = await this.#parts.store.get(localpart);
    try {
      if (!(await this.#credentials.verify(account, password))) return "wrong";
    } catch (error) {
      if (error instanceof AccountError && error.code === "busy") return "busy";
      throw error;
    }
    if (account !== undefined && this.scram !== undefined && hasOnlyBcrypt(account)) {
      await this.#upgrade(account, password);
    }
    return "right";
  }

  async #scramUsable(localpart: string | undefined): Promise<boolean> {
    if ((await this.#cachedCount()) === 0) return true;
    if (localpart === undefined) return false;
    const account = await this.#parts.store.get(localpart);
    return account === undefined || !hasOnlyBcrypt(account);
  }

  async #scramKeys(localpart: string, hash: ScramHash): Promise<ScramKeys | undefined> {
    const account = await this.#parts.store.get(localpart);
    return account === undefined ? undefined : this.#credentials.scramKeys(account, hash);
  }

  // The login is good whatever becomes of the upgrade: the next one tries again.
  async #upgrade(account: Account, password: string): Promise<void> {
    const { localpart } = account;
    try {
      const prepared = preparePassword(password, "try");
      if (!prepared.ok) return;
      const credentials = await this.#credentials.make(localpart, prepared.value);
      const upgraded = await this.#write(async (store) => {
        // The password may have been changed meanwhile; then this one must not come back.
        const current = await store.get(localpart);
        return current !== undefined && sameHash(current, account) && store.setCredentials(localpart, credentials);
      });
      if (upgraded) this.#log.info({ localpart }, "account-upgraded-to-scram");
    } catch (err) {
      this.#log.warn({ localpart, err }, "account-upgrade-failed");
    }
  }

  async #create(localpart: string, credentials: readonly StoredCredential[]): Promise<void> {
    const createdAt = this.#parts.clock.now();
    const created = await this.#write((store) => store.create({ localpart, createdAt, credentials }));
    if (!created) throw new AccountError("exists", `${localpart}@${this.#parts.domain} exists already`);
  }

  /** One write after the other; the count is read afresh after each. */
  #write<T>(step: (store: AccountStore) => Promise<T>): Promise<T> {
    const done = this.#writes.then(async () => {
      try {
        return await step(this.#parts.store);
      } finally {
        this.#count = undefined;
      }
    });
    this.#writes = done.catch(() => {});
    return done;
  }

  async #cachedCount(): Promise<number> {
    const now = this.#parts.clock.now();
    if (this.#count === undefined || now - this.#count.readAt >= COUNT_CACHE_MS) {
      this.#count = { value: await this.#parts.store.countBcryptOnly(), readAt: now };
    }
    return this.#count.value;
  }
}

function prepareName(localpart: string): string {
  const prepared = prepareLocalpart(localpart);
  if (prepared.ok) return prepared.value;
  throw new AccountError("invalid-localpart", `"${localpart}" cannot be the name of an account: ${prepared.reason}`);
}

function prepareNew(password: string): string {
  const prepared = preparePassword(password, "set");
  if (prepared.ok) return prepared.value;
  throw new AccountError("invalid-password", prepared.reason);
}

function notFound(localpart: string): AccountError {
  return new AccountError("not-found", `there is no account ${localpart}`);
}

// Sealed bytes are different at each sealing, so equal ones are the same row.
function sameHash(a: Account, b: Account): boolean {
  const [one, other] = [a.credentials[0], b.credentials[0]];
  return one !== undefined && other !== undefined && Buffer.compare(one.sealed, other.sealed) === 0;
}
