// The foreign entities that the gateway stands for, and who may reach them.

import { stanzaError } from "../server/errors.ts";
import type { Jid } from "../server/jid.ts";
import { type Presentity, StoreLimitError } from "../storage/store.ts";
import type { Failure, PresentityChange } from "./bindings/binding.ts";
import type { GatewayHost } from "./host.ts";

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
