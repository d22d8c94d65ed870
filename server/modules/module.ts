// What a module is (one XEP, one file): data plus closures, all of which it returns.

import type { Clock } from "../clock.ts";
import type { Config } from "../config.ts";
import type { Jid } from "../jid.ts";
import type { IqHandler, IqTarget } from "../router/dispatch.ts";

/** What service discovery says of one target. */
export type DiscoFeature = { readonly var: string; readonly on: readonly IqTarget[] };

/** The narrow view of the server that a module gets. */
export type Host = {
  readonly config: Config;
  readonly clock: Clock;
  readonly version: string;
  /** Of all modules, once every one is set up. */
  features(target: IqTarget): readonly string[];
  /** Services of this server, for disco#items: addresses and names. */
  services(): readonly { readonly jid: Jid; readonly name: string }[];
};

export type ModuleParts = {
  readonly iq?: readonly IqHandler[];
  stop?(): void;
};

export type Module = {
  readonly name: string;
  /** For example "XEP-0199 2.0.1". */
  readonly spec: string;
  readonly features?: readonly DiscoFeature[];
  setup(host: Host): ModuleParts;
};

export function defineModule(module: Module): Module {
  return module;
}
