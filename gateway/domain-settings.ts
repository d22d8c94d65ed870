// The settings of one foreign domain (gateway.domains in the configuration; JC-01, JC-52).

import type { Config, GatewayConfig } from "../server/config.ts";

export type DomainSettings = GatewayConfig["domains"][string];

const DEFAULTS: DomainSettings = { addressForm: "rfc3922", statusForms: "all" };

/** The settings of a domain; the defaults for one that the configuration does not name (any more). */
export function domainSettings(config: Pick<Config, "gateway">, domainpart: string): DomainSettings {
  return config.gateway.domains[domainpart] ?? DEFAULTS;
}
