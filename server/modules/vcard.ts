// XEP-0054 1.3.0: vcard-temp, of accounts. vcards.ts keeps them.

import { stanzaError } from "../errors.ts";
import { NS } from "../namespaces.ts";
import { result } from "../stanza.ts";
import { defineModule, type Module } from "./module.ts";
import type { Vcards } from "./vcards.ts";

export function vcardModule(vcards: Vcards): Module {
  return defineModule({
    name: "vcard",
    spec: "XEP-0054 1.3.0",
    features: [{ var: NS.vcard, on: ["domain", "account"] }], // section 4
    setup: () => ({
      iq: [
        {
          type: "get",
          ns: NS.vcard,
          name: "vCard",
          to: ["account"],
          allow: "anyone", // section 5: it is world-readable
          async handle({ from, to }) {
            const vcard = await vcards.load(to);
            if (vcard !== undefined) return result(vcard);
            // Section 3.3: nobody else can tell an account without a vCard from one that is not there.
            return stanzaError(from.bareString === to.bareString ? "item-not-found" : "service-unavailable");
          },
        },
        {
          type: "set",
          ns: NS.vcard,
          name: "vCard",
          to: ["account"],
          refusal: "forbidden", // section 3.2
          handle: async ({ to, payload }) => (await vcards.save(to, payload)) ?? result(),
        },
      ],
    }),
  });
}
