// The accounts of the domain: made, changed and deleted by administration, verified by SASL. The built-in Authenticator.

import {
  type Account,
  type AccountHoldings,
  type AccountStore,
  type PageRequest,
  type PubsubQuota,
  type StoredCredential,
  StoreLimitError,
} from "../../storage/store.ts";
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

/** Neither password nor keys: an account that nobody can log in with until it gets a password. */
export type NewAccount = {
  readonly localpart: string;
  readonly password?: string | undefined;
  /** Keys of one hash or of both, the best first; not looked at where there is a password. */
  readonly keys: readonly (readonly [ScramHash, ScramKeys])[];
  readonly holdings: AccountHoldings;
};

export type ImportOutcome = "created" | "replaced" | "kept" | AccountError | StoreLimitError;

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
  /** How many accounts lack the keys of a hash. */
  #counts: { readonly readAt: EpochMs; readonly lacking: Promise<Readonly<Record<ScramHash, number>>> } | undefined;

  constructor(parts: AccountsParts) {
    this.#parts = parts;
    this.#log = parts.log ?? silentLogger();
    this.#credentials = new Credentials(parts.config, parts.seal);
    if (parts.config.storage === "bcrypt") return;
    this.scram = {
      iterations: parts.config.scramIterations,
      usable: (localpart, hash) => this.#scramUsable(localpart, hash),
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
    const deleted = await this.#write((store) => {
      this.#existing.delete(name); // from now on the store says that it is gone
      return store.delete(name, `${name}@${this.#parts.domain}`);
    });
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

  /**
   * Makes many accounts, with what they hold, in one commit. Of an account that exists, `keep` leaves all as it is, and
   * `replace` puts what is new, part by part, in the place of what is there.
   * @param check nothing is changed; resolves with what would be
   * @returns one outcome for each account, in order; AccountError: "invalid-localpart", "invalid-password";
   * StoreLimitError: its nodes are beyond the quota
   * Rejects with what the store rejects with; whoever calls again with `keep` makes what is missing.
   */
  async import(
    accounts: readonly NewAccount[],
    { existing, quota, check }: { existing: "keep" | "replace"; quota: PubsubQuota; check: boolean },
  ): Promise<ImportOutcome[]> {
    const made = await Promise.all(accounts.map((account) => orRefusal(() => this.#prepare(account, existing, check))));
    const { domain, clock } = this.#parts;
    const createdAt = clock.now();
    return this.#write((store) =>
      Promise.all(
        made.map((one): ImportOutcome | Promise<ImportOutcome> => {
          if (typeof one === "string" || one instanceof Error) return one;
          const { localpart, credentials, holdings } = one;
          const account = { localpart, createdAt, credentials };
          const imported = { account, owner: `${localpart}@${domain}`, holdings, quota };
          return orRefusal(() => store.import(imported, existing));
        }),
      ),
    );
  }

  // What is known already, and with `check` all, is an outcome. An account that will be kept makes no work: an import that is
  // started again comes to where it was at once.
  async #prepare(
    { localpart, password, keys, holdings }: NewAccount,
    existing: "keep" | "replace",
    check: boolean,
  ): Promise<Prepared | ImportOutcome> {
    const name = prepareName(localpart);
    const prepared = password === undefined ? undefined : prepareNew(password);
    const isThere = (await this.#parts.store.get(name)) !== undefined;
    if (isThere && existing === "keep") return "kept";
    if (check) return isThere ? "replaced" : "created";
    const credentials =
      prepared === undefined
        ? keys.map(([hash, pair]) => this.#credentials.fromScram(name, hash, pair))
        : await this.#credentials.makeInBulk(name, prepared);
    return { localpart: name, credentials, holdings };
  }

  /** The SCRAM keys of an account, the best first; empty: it has none. Throws AccountError "not-found", SealError. */
  async keysOf(localpart: string): Promise<(readonly [ScramHash, ScramKeys])[]> {
    const account = await this.#parts.store.get(localpart);
    if (account === undefined) throw notFound(localpart);
    return (["SHA-256", "SHA-1"] as const).flatMap((hash) => {
      const keys = this.#credentials.scramKeys(account, hash);
      return keys === undefined ? [] : [[hash, keys] as const];
    });
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
    if (account !== undefined && this.scram !== undefined && SCRAM_KINDS.some((kind) => lacks(account, kind))) {
      await this.#upgrade(account, password);
    }
    return "right";
  }

  async #scramUsable(localpart: string | undefined, hash: ScramHash): Promise<boolean> {
    if ((await this.#cachedCounts())[hash] === 0) return true;
    if (localpart === undefined) return false;
    const account = await this.#parts.store.get(localpart);
    return account === undefined || !lacks(account, `SCRAM-${hash}`);
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
        this.#counts = undefined;
      }
    });
    this.#writes = done.catch(() => {});
    return done;
  }

  async #cachedCounts(): Promise<Readonly<Record<ScramHash, number>>> {
    const readAt = this.#parts.clock.now();
    if (this.#counts === undefined || readAt - this.#counts.readAt >= COUNT_CACHE_MS) {
      this.#counts = { readAt, lacking: this.#readCounts() };
    }
    const counts = this.#counts;
    try {
      return await counts.lacking;
    } catch (error) {
      if (this.#counts === counts) this.#counts = undefined;
      throw error;
    }
  }

  async #readCounts(): Promise<Readonly<Record<ScramHash, number>>> {
    const { store } = this.#parts;
    const [sha256, sha1] = await Promise.all([store.countWithout("SCRAM-SHA-256"), store.countWithout("SCRAM-SHA-1")]);
    return { "SHA-256": sha256, "SHA-1": sha1 };
  }
}

type Prepared = {
  readonly localpart: string;
  readonly credentials: readonly StoredCredential[];
  readonly holdings: AccountHoldings;
};

async function orRefusal<T>(work: () => Promise<T>): Promise<T | AccountError | StoreLimitError> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof AccountError || error instanceof StoreLimitError) return error;
    throw error;
  }
}

const SCRAM_KINDS = ["SCRAM-SHA-256", "SCRAM-SHA-1"] as const;

/** An account without any credentials lacks nothing: nobody can log in with it whatever is offered. */
function lacks({ credentials }: Account, wanted: (typeof SCRAM_KINDS)[number]): boolean {
  return credentials.length > 0 && !credentials.some(({ kind }) => kind === wanted);
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
