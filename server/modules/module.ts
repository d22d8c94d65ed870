// What a module is (one XEP, one file): data plus closures, all of which it returns.

import type { Element } from "ltx";
import type { Clock } from "../clock.ts";
import type { Config } from "../config.ts";
import type { Jid } from "../jid.ts";
import type { IqHandler, IqRequest, IqTarget } from "../router/dispatch.ts";
import type { HookParts } from "../router/hooks.ts";
import type { Component } from "../router/routing.ts";
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

/** Nodes whose names are not known beforehand. */
export type DiscoNodes = {
  readonly on: readonly IqTarget[];
  /** Undefined: it has no node of that name, or none that the asker may know of. */
  find(name: string, request: IqRequest): DiscoNode | undefined | Promise<DiscoNode | undefined>;
};

/** What service discovery says of the server or of an account besides features. */
export type DiscoPart = {
  readonly on: readonly IqTarget[];
  readonly identities?: readonly { readonly category: string; readonly type: string; readonly name?: string }[];
  /** Data forms (XEP-0128). */
  forms?(request: IqRequest): readonly Element[] | Promise<readonly Element[]>;
  /** Besides the services. */
  items?(request: IqRequest): readonly Element[] | Promise<readonly Element[]>;
};

/** A domain of this server's own besides that of the accounts, for example that of the rooms. */
export type ComponentPart = {
  readonly domainpart: string;
  readonly name: string;
  /** Whether it is there to be discovered; left out: always. */
  available?(): boolean;
  readonly component: ComponentHandler;
};

/** Takes every stanza for its domain; `services` of Component is the host's. Without `probe` nobody there has presence. */
export type ComponentHandler = Pick<Component, "handle"> & Partial<Pick<Component, "probe">>;

/** The narrow view of the server that a module gets. */
export type Host = {
  readonly config: Config;
  readonly clock: Clock;
  readonly version: string;
  /** Of all modules, once every one is set up. */
  features(target: IqTarget): readonly string[];
  /** The node of that name, of all modules. Left out: there are none. */
  node?(target: IqTarget, name: string): DiscoNode | undefined;
  /** One of the nodes whose names are not known beforehand. Left out: there are none. */
  findNode?(target: IqTarget, name: string, request: IqRequest): Promise<DiscoNode | undefined>;
  /** Of all modules. */
  discoParts(target: IqTarget): readonly DiscoPart[];
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
  /** Asked where no module has a node of that very name. */
  readonly openNodes?: readonly DiscoNodes[];
  readonly nonzas?: readonly NonzaHandler[];
  /** Stream features that are announced after login. */
  readonly streamFeatures?: () => readonly Element[];
  readonly disco?: readonly DiscoPart[];
  readonly components?: readonly ComponentPart[];
  readonly hooks?: HookParts;
  /** Called when the sessions from before a restart are there, and before a socket is open. */
  start?(): Promise<void>;
  stop?(): void | Promise<void>;
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
