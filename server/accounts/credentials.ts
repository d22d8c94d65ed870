// The stored forms of a password (docs/credentials.md points 1, 2 and 11): made, verified, sealed and unsealed.

import { randomBytes, timingSafeEqual } from "node:crypto";
import type { Account, StoredCredential } from "../../storage/store.ts";
import type { AuthConfig } from "../config.ts";
import { AccountError } from "./account-error.ts";
import type { ScramHash, ScramKeys } from "./authenticator.ts";
import { BCRYPT_MAX_OCTETS, Bcrypt, unmatchableHash } from "./bcrypt.ts";
import { Gate } from "./gate.ts";
import { preparePassword } from "./password.ts";
import { SCRAM_HASHES, scramKeys } from "./scram-keys.ts";
import type { Seal } from "./seal.ts";

const SALT_OCTETS = 16;
// node's thread pool has four threads; files and name look-ups need it too.
const PBKDF2_AT_A_TIME = 4;
const PBKDF2_QUEUE = 500; // at 10 000 iterations about a second's work
/** Of the passwords of an import: a thread is left for logins. */
const BULK_AT_A_TIME = 3;

type Settings = Pick<AuthConfig, "storage" | "scramIterations" | "bcryptCost" | "bcryptQueue">;

export class Credentials {
  readonly #settings: Settings;
  readonly #seal: Seal;
  readonly #bcrypt: Bcrypt;
  readonly #gate = new Gate(PBKDF2_AT_A_TIME, PBKDF2_QUEUE);
  readonly #bulkGate = new Gate(BULK_AT_A_TIME, Number.POSITIVE_INFINITY);

  constructor(settings: Settings, seal: Seal) {
    this.#settings = settings;
    this.#seal = seal;
    this.#bcrypt = new Bcrypt(settings.bcryptQueue);
  }

  /** Rows for a password that was prepared, in the form that auth.storage asks for. Throws AccountError. */
  async make(localpart: string, password: string): Promise<StoredCredential[]> {
    if (this.#settings.storage === "scram") {
      return [
        await this.#makeScram(localpart, password, "SHA-256"),
        await this.#makeScram(localpart, password, "SHA-1"),
      ];
    }
    if (Buffer.byteLength(password) > BCRYPT_MAX_OCTETS) {
      throw new AccountError(
        "invalid-password",
        `the password is over ${BCRYPT_MAX_OCTETS} octets, and bcrypt would ignore the rest; choose a shorter one`,
      );
    }
    return [this.fromBcrypt(localpart, await this.#bcrypt.hash(password, this.#settings.bcryptCost))];
  }

  /** As `make`, behind others of the same import; it waits as long as need be. */
  makeInBulk(localpart: string, password: string): Promise<StoredCredential[]> {
    return this.#bulkGate.run(() => this.make(localpart, password));
  }

  /** The row for SCRAM keys that were checked. */
  fromScram(
    localpart: string,
    hash: ScramHash,
    { salt, iterations, storedKey, serverKey }: ScramKeys,
  ): StoredCredential {
    const kind = `SCRAM-${hash}` as const;
    return { kind, salt, iterations, ...this.#seal.seal(Buffer.concat([storedKey, serverKey]), localpart, kind) };
  }

  /** The row for a bcrypt hash that was checked. */
  fromBcrypt(localpart: string, hash: string): StoredCredential {
    const sealed = this.#seal.seal(Buffer.from(hash), localpart, "bcrypt");
    return { kind: "bcrypt", salt: Buffer.alloc(0), iterations: 0, ...sealed };
  }

  /**
   * Tries a password as it came from the client. An unknown account (undefined) costs what one stored under auth.storage
   * does; accounts in the other form are told apart by time until they are upgraded.
   * Throws AccountError "busy", SealError.
   */
  async verify(account: Account | undefined, password: string): Promise<boolean> {
    const prepared = preparePassword(password, "try");
    if (!prepared.ok) return false;
    const scram = account?.credentials.find(({ kind }) => kind === "SCRAM-SHA-256" || kind === "SCRAM-SHA-1");
    const bcrypt = account?.credentials.find(({ kind }) => kind === "bcrypt");
    if (account !== undefined && scram !== undefined) {
      const hash = scram.kind === "SCRAM-SHA-256" ? "SHA-256" : "SHA-1";
      const { storedKey, salt, iterations } = this.#unsealScram(account.localpart, scram, hash);
      const tried = await this.#derive(hash, prepared.value, salt, iterations);
      return timingSafeEqual(tried.storedKey, storedKey);
    }
    if (account !== undefined && bcrypt !== undefined) {
      const hash = this.#seal.unseal(bcrypt, account.localpart, "bcrypt").toString();
      return this.#compare(prepared.value, password, hash);
    }
    if (this.#settings.storage === "bcrypt") {
      await this.#compare(prepared.value, password, unmatchableHash(this.#settings.bcryptCost));
    } else {
      await this.#derive("SHA-256", prepared.value, randomBytes(SALT_OCTETS), this.#settings.scramIterations);
    }
    return false;
  }

  /** Undefined: the account has no row for this hash. Throws SealError. */
  scramKeys(account: Account, hash: ScramHash): ScramKeys | undefined {
    const row = account.credentials.find(({ kind }) => kind === `SCRAM-${hash}`);
    return row === undefined ? undefined : this.#unsealScram(account.localpart, row, hash);
  }

  stop(): Promise<void> {
    return this.#bcrypt.stop();
  }

  // An imported hash was made by another application, which may not have prepared what it hashed.
  async #compare(prepared: string, password: string, hash: string): Promise<boolean> {
    if (await this.#bcrypt.compare(prepared, hash)) return true;
    return prepared !== password && (await this.#bcrypt.compare(password, hash));
  }

  async #makeScram(localpart: string, password: string, hash: ScramHash): Promise<StoredCredential> {
    const salt = randomBytes(SALT_OCTETS);
    const keys = await this.#derive(hash, password, salt, this.#settings.scramIterations);
    return this.fromScram(localpart, hash, keys);
  }

  #unsealScram(localpart: string, row: StoredCredential, hash: ScramHash): ScramKeys {
    const both = this.#seal.unseal(row, localpart, row.kind);
    const { octets } = SCRAM_HASHES[hash];
    return {
      salt: Buffer.from(row.salt),
      iterations: row.iterations,
      storedKey: both.subarray(0, octets),
      serverKey: both.subarray(octets),
    };
  }

  #derive(hash: ScramHash, password: string, salt: Buffer, iterations: number): Promise<ScramKeys> {
    return this.#gate.run(() => scramKeys(hash, password, salt, iterations));
  }
}

/** Whether an account can log in with PLAIN only. */
export function hasOnlyBcrypt(account: Account): boolean {
  return account.credentials.length > 0 && account.credentials.every(({ kind }) => kind === "bcrypt");
}
