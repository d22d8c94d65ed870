// XEP-0352 1.0.0: Client State Indication, as it is announced and told; session/client-state.ts is what comes of it.

import { Element } from "ltx";
import { NS } from "../namespaces.ts";
import { defineModule } from "./module.ts";

export const clientState = defineModule({
  name: "client-state",
  spec: "XEP-0352 1.0.0",
  setup: () => ({
    streamFeatures: () => [new Element("csi", { xmlns: NS.clientState })], // section 4.1
    nonzas: [
      {
        ns: NS.clientState,
        // Section 4.2: neither is answered, and so neither is anything else in this namespace.
        handle(element, session) {
          if (element.name === "active") session.setActive(true);
          else if (element.name === "inactive") session.setActive(false);
        },
      },
    ],
  }),
});
