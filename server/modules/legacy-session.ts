// RFC 3921 section 3: session establishment, which RFC 6121 dropped and old clients still ask for. It does nothing.

import { NS } from "../namespaces.ts";
import { result } from "../stanza.ts";
import { defineModule } from "./module.ts";

export const legacySession = defineModule({
  name: "legacy-session",
  spec: "RFC 3921 section 3",
  setup: () => ({
    iq: [{ type: "set", ns: NS.session, name: "session", to: ["account", "domain"], handle: () => result() }],
  }),
});
