// Slows down guessing (docs/credentials.md point 8): a token bucket per address and per account, whose debt is a delay
// that grows up to a limit. Nobody is ever locked out.

import { BlockList, isIP, isIPv4, isIPv6 } from "node:net";
import type { Clock, EpochMs } from "../clock.ts";
import { type AuthConfig, ConfigError } from "../config.ts";

const MINUTE_MS = 60_000;
const FIRST_DELAY_MS = 500; // doubles with each further failure
const MAX_KEYS = 10_000; // of each kind; the one unused longest is forgotten
const V4_MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/** All results are the milliseconds to wait before the answer is sent; 0: at once. */
export interface Throttle {
  /** @param account undefined: it was not understood whose login it was */
  failure(address: string, account: string | undefined): number;
  /**
   * For a login that succeeded: nothing is counted, but an address that is slowed down waits here too. Else whoever
   * guesses could take silence for a failure, and need not wait for it. Other addresses log in at once even while
   * somebody guesses at the same account.
   */
  success(address: string): number;
}

type Settings = Pick<AuthConfig, "throttle" | "failuresPerMinute" | "maxDelaySeconds" | "trustedAddresses">;

/** Throws ConfigError for a trustedAddresses entry that is neither an address nor a subnet such as 10.0.0.0/8. */
export function createThrottle(settings: Settings, clock: Clock): Throttle {
  if (!settings.throttle) return { failure: () => 0, success: () => 0 };
  const trusted = trustedList(settings.trustedAddresses);
  const addresses = new Buckets(settings, clock);
  const accounts = new Buckets(settings, clock);
  const keyOf = (address: string): string | undefined => {
    const plain = plainAddress(address);
    return isTrusted(trusted, plain) ? undefined : addressKey(plain);
  };
  return {
    failure(address, account) {
      const key = keyOf(address);
      const forAddress = key === undefined ? 0 : addresses.add(key);
      const forAccount = account === undefined ? 0 : accounts.add(account);
      return Math.max(forAddress, forAccount);
    },
    success(address) {
      const key = keyOf(address);
      return key === undefined ? 0 : addresses.delayOfNext(key);
    },
  };
}

/** What counts as one address of a peer: `addressKey` of what a socket says. */
export function networkOf(address: string): string {
  return addressKey(plainAddress(address));
}

function plainAddress(address: string): string {
  return V4_MAPPED.exec(address)?.[1] ?? address.replace(/%.*$/, "");
}

/** The address itself, or for IPv6 its /64: one customer has all of it. */
export function addressKey(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = "", tail] = address.toLowerCase().split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  const groups = [...before, ...Array<string>(zeros).fill("0"), ...after];
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":")}::/64`;
}

/** Failures of one kind of key; they leak out at the rate of failuresPerMinute. */
class Buckets {
  readonly #capacity: number;
  readonly #maxDelayMs: number;
  readonly #most: number;
  readonly #clock: Clock;
  /** In order of use, oldest first. */
  readonly #buckets = new Map<string, { failures: number; at: EpochMs }>();

  constructor(settings: Settings, clock: Clock) {
    this.#capacity = settings.failuresPerMinute;
    this.#maxDelayMs = settings.maxDelaySeconds * 1000;
    // So many bring the longest delay. More are not kept, or it would last long after the last failure.
    this.#most = this.#capacity + 1 + Math.max(0, Math.ceil(Math.log2(this.#maxDelayMs / FIRST_DELAY_MS)));
    this.#clock = clock;
  }

  add(key: string): number {
    const failures = this.#failures(key) + 1;
    this.#buckets.delete(key);
    this.#buckets.set(key, { failures: Math.min(failures, this.#most), at: this.#clock.now() });
    const oldest = this.#buckets.keys().next();
    if (this.#buckets.size > MAX_KEYS && !oldest.done) this.#buckets.delete(oldest.value);
    return this.#delay(failures);
  }

  delayOfNext(key: string): number {
    return this.#delay(this.#failures(key) + 1);
  }

  #failures(key: string): number {
    const bucket = this.#buckets.get(key);
    if (bucket === undefined) return 0;
    const elapsed = Math.max(0, this.#clock.now() - bucket.at);
    return Math.max(0, bucket.failures - (elapsed / MINUTE_MS) * this.#capacity);
  }

  #delay(failures: number): number {
    const over = Math.ceil(failures - this.#capacity);
    return over <= 0 ? 0 : Math.min(this.#maxDelayMs, FIRST_DELAY_MS * 2 ** (over - 1));
  }
}

function trustedList(entries: readonly string[]): BlockList {
  const list = new BlockList();
  for (const entry of entries) {
    const [address = "", prefix] = entry.split("/");
    const family = isIPv4(address) ? "ipv4" : isIPv6(address) ? "ipv6" : undefined;
    const bits = prefix === undefined ? undefined : Number(prefix);
    const most = family === "ipv4" ? 32 : 128;
    if (family === undefined || (bits !== undefined && !(Number.isInteger(bits) && bits >= 0 && bits <= most))) {
      throw new ConfigError([`auth.trustedAddresses: "${entry}" is neither an address nor a subnet like 10.0.0.0/8`]);
    }
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, bits, family);
  }
  return list;
}

function isTrusted(list: BlockList, address: string): boolean {
  return isIP(address) !== 0 && list.check(address, isIPv6(address) ? "ipv6" : "ipv4");
}
