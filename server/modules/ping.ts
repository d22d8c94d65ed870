// XEP-0199 2.0.1: XMPP Ping.

import { NS } from "../namespaces.ts";
import { result } from "../stanza.ts";
import { defineModule } from "./module.ts";

export const ping = defineModule({
  name: "ping",
  spec: "XEP-0199 2.0.1",
  features: [{ var: NS.ping, on: ["domain", "account"] }],
  setup: () => ({
    iq: [
      {
        type: "get",
        ns: NS.ping,
        name: "ping",
        to: ["domain", "account"],
        allow: "subscriber",
        handle: () => result(),
      },
    ],
  }),
});
