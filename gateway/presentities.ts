// The foreign entities that the gateway stands for, and who may reach them.

import { stanzaError } from "../server/errors.ts";
import type { Jid } from "../server/jid.ts";
import { type Presentity, StoreLimitError } from "../storage/store.ts";
import type { Failure, PresentityChange } from "./bindings/binding.ts";
import { type GatewayHost, isFailure } from "./host.ts";

/** Presentities that are kept in memory. */
const KEPT = 10_000;

/**
 * The presentities, those that were asked for kept in memory: a query would wait for the disk behind what others wrote in
 * the same turn, and so would every message. Whoever changes one does it here; nobody else has the store.
 */
export class Presentities {
  readonly #host: GatewayHost;
  readonly #known = new Map<string, Presentity>();
  /** How many changes began or ended so far: what was asked for across one of them may be out of date. */
  #changes = 0;

  constructor(host: GatewayHost) {
    this.#host = host;
  }

  /** Errors: item-not-found. */
  find(address: Jid): Presentity | Promise<Presentity | Failure> {
    return this.#known.get(address.bareString) ?? this.#load(address);
  }

  async #load(address: Jid): Promise<Presentity | Failure> {
    const changes = this.#changes;
    const found = await findPresentity(this.#host, address);
    if (!isFailure(found) && changes === this.#changes) this.#keep(found);
    return found;
  }

  #keep(presentity: Presentity): void {
    this.#known.set(presentity.address, presentity);
    if (this.#known.size <= KEPT) return;
    for (const oldest of this.#known.keys()) {
      this.#known.delete(oldest);
      break;
    }
  }

  /** See putPresentity. */
  put(address: Jid, change: PresentityChange): Promise<"created" | "changed" | Failure> {
    return this.#changing(address, () => putPresentity(this.#host, address, change));
  }

  /** Removes it with its publication, relations and tokens; false if there is no such presentity. */
  delete(address: Jid): Promise<boolean> {
    return this.#changing(address, () => this.#host.store.deletePresentity(address.bareString));
  }

  async #changing<T>(address: Jid, step: () => Promise<T>): Promise<T> {
    this.#forget(address);
    try {
      return await step();
    } finally {
      this.#forget(address);
    }
  }

  #forget({ bareString }: Jid): void {
    this.#changes += 1;
    this.#known.delete(bareString);
  }
}

/** item-not-found for what is no presentity. Source: RFC 3922 section 6.1.3. */
export async function findPresentity(host: GatewayHost, address: Jid): Promise<Presentity | Failure> {
  const found = await host.store.getPresentity(address.bareString);
  return found ?? stanzaError("item-not-found", `${address.bareString} is no presentity here`);
}

/** Registers or changes a presentity. What `change` leaves out stays as it was, or takes its default. */
export async function putPresentity(
  host: GatewayHost,
  address: Jid,
  change: PresentityChange,
): Promise<"created" | "changed" | Failure> {
  if (address.localpart === undefined) return stanzaError("bad-request", "a presentity needs a localpart");
  if (!Object.hasOwn(host.config.gateway.domains, address.domainpart)) {
    return stanzaError("item-not-found", `${address.domainpart} is not one of gateway.domains`);
  }
  const before = await host.store.getPresentity(address.bareString);
  const presentity: Presentity = {
    address: address.bareString,
    domain: address.domainpart,
    formalName: change.formalName ?? before?.formalName ?? "",
    policy: change.policy ?? before?.policy ?? "confirm",
    allowFrom: change.allowFrom ?? before?.allowFrom ?? [],
    createdAt: before?.createdAt ?? host.clock.now(),
  };
  try {
    return await host.store.putPresentity(presentity, host.config.gateway.presentitiesPerDomain);
  } catch (error) {
    if (error instanceof StoreLimitError) return stanzaError("resource-constraint", error.message);
    throw error;
  }
}

/** Whether the presentity's access rules let this XMPP user watch or write to it. */
export function mayReach(presentity: Presentity, user: Jid): boolean {
  const { allowFrom } = presentity;
  return allowFrom.length === 0 || allowFrom.includes(user.bareString) || allowFrom.includes(user.domainpart);
}
