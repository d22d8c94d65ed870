// Fills an account in one step: what an import brings.

import { checkPubsubQuota, pubsubItemBytes } from "../bounds.ts";
import type { AccountHoldings, ImportedAccount } from "../store.ts";

type Part = Exclude<keyof AccountHoldings, undefined>;
type Filler<Name extends Part> = (owner: string, part: NonNullable<AccountHoldings[Name]>) => void;

export type Fillers = {
  readonly roster: { readonly fill: Filler<"roster"> };
  readonly offline: { readonly fill: Filler<"offline"> };
  readonly profiles: { readonly fillVcard: Filler<"vcard">; readonly fillPrivateXml: Filler<"privateXml"> };
  readonly pubsub: {
    fill(owner: string, part: NonNullable<AccountHoldings["nodes"]>, at: number): void;
  };
};

/** Throws StoreLimitError before it changes anything. */
export function holdingsFiller({ roster, offline, profiles, pubsub }: Fillers): (imported: ImportedAccount) => void {
  return ({ account, owner, holdings, quota }) => {
    const { nodes } = holdings;
    if (nodes !== undefined) {
      const bytes = nodes.flatMap(({ items }) => items).reduce((sum, item) => sum + pubsubItemBytes(item), 0);
      checkPubsubQuota(owner, quota, { nodes: 0, bytes: 0 }, { nodes: nodes.length, bytes });
      pubsub.fill(owner, nodes, account.createdAt);
    }
    if (holdings.roster !== undefined) roster.fill(owner, holdings.roster);
    if (holdings.offline !== undefined) offline.fill(owner, holdings.offline);
    if (holdings.vcard !== undefined) profiles.fillVcard(owner, holdings.vcard);
    if (holdings.privateXml !== undefined) profiles.fillPrivateXml(owner, holdings.privateXml);
  };
}
