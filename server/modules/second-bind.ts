// RFC 6120 section 7.6.2.2: a stream has one resource, and who asks for a second is told. stream/stream.ts binds the first.

import { stanzaError } from "../errors.ts";
import { NS } from "../namespaces.ts";
import { defineModule } from "./module.ts";

export const secondBind = defineModule({
  name: "second-bind",
  spec: "RFC 6120 section 7",
  setup: () => ({
    iq: [
      { type: "set", ns: NS.bind, name: "bind", to: ["account", "domain"], handle: () => stanzaError("not-allowed") },
    ],
  }),
});
