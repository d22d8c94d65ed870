// XEP-0092 1.1: Software Version. The operating system is left out, as section 2 allows.

import { Element } from "ltx";
import { NS } from "../namespaces.ts";
import { result } from "../stanza.ts";
import { defineModule } from "./module.ts";

export const version = defineModule({
  name: "version",
  spec: "XEP-0092 1.1",
  features: [{ var: NS.version, on: ["domain"] }],
  setup: (host) => ({
    iq: [
      {
        type: "get",
        ns: NS.version,
        name: "query",
        to: ["domain"],
        handle: () => {
          const query = new Element("query", { xmlns: NS.version });
          query.c("name").t("Balcony");
          query.c("version").t(host.version);
          return result(query);
        },
      },
    ],
  }),
});
