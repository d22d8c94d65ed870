// What a module is (one XEP, one file): data plus closures, all of which it returns.

import type { Element } from "ltx";
import type { Clock } from "../clock.ts";
import type { Config } from "../config.ts";
import type { Jid } from "../jid.ts";
import type { IqHandler, IqRequest, IqTarget } from "../router/dispatch.ts";
import type { Session } from "../session/session.ts";
import type { IqReply } from "../stanza.ts";

/** What service discovery says of one target. */
export type DiscoFeature = { readonly var: string; readonly on: readonly IqTarget[] };

/** A node of service discovery (XEP-0030 sections 3.2 and 4.2): its owner answers both questions, and decides who may ask. */
export type DiscoNode = {
  readonly node: string;
  readonly on: readonly IqTarget[];
  info(request: IqRequest): IqReply | Promise<IqReply>;
  items(request: IqRequest): IqReply | Promise<IqReply>;
};

/** The narrow view of the server that a module gets. */
export type Host = {
  readonly config: Config;
  readonly clock: Clock;
  readonly version: string;
  /** Of all modules, once every one is set up. */
  features(target: IqTarget): readonly string[];
  /** The node of that name, of all modules. Left out: there are none. */
  node?(target: IqTarget, name: string): DiscoNode | undefined;
  /** Services of this server, for disco#items: addresses and names. */
  services(): readonly { readonly jid: Jid; readonly name: string }[];
};

/** Elements at the top level of a stream that are no stanzas, in order with the stanzas around them. */
export type NonzaHandler = {
  /** Every element of this namespace comes here. */
  readonly ns: string;
  handle(element: Element, session: Session): void | Promise<void>;
};

export type ModuleParts = {
  readonly iq?: readonly IqHandler[];
  readonly nodes?: readonly DiscoNode[];
  readonly nonzas?: readonly NonzaHandler[];
  /** Stream features that are announced after login. */
  readonly streamFeatures?: () => readonly Element[];
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
