// XEP-0280 1.0.1: Message Carbons, switched on and off by each client for itself; router/carbons.ts has the rules.

import { stanzaError } from "../errors.ts";
import { NS } from "../namespaces.ts";
import type { IqHandler } from "../router/dispatch.ts";
import { result } from "../stanza.ts";
import { defineModule } from "./module.ts";

export const carbons = defineModule({
  name: "carbons",
  spec: "XEP-0280 1.0.1",
  // Section 3: a client asks its server. Not announced: urn:xmpp:carbons:rules:0 (section 6.2), see isCarbonEligible.
  features: [{ var: NS.carbons, on: ["domain"] }],
  setup: () => ({ iq: [switchTo("enable", true), switchTo("disable", false)] }),
});

// Section 10.1: asking again for what is so already is no error.
function switchTo(name: "enable" | "disable", carbons: boolean): IqHandler {
  return {
    type: "set",
    ns: NS.carbons,
    name,
    to: ["account"],
    refusal: "not-allowed", // sections 4.1 and 5.1
    handle({ session }) {
      if (session === undefined) return stanzaError("not-allowed");
      session.carbons = carbons;
      return result();
    },
  };
}
