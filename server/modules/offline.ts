// XEP-0160 1.0.1: announces that messages for users who are away are kept; offline/offline.ts keeps them.

import { NS } from "../namespaces.ts";
import { defineModule } from "./module.ts";

export const offlineModule = defineModule({
  name: "offline",
  spec: "XEP-0160 1.0.1",
  features: [{ var: NS.offline, on: ["domain"] }],
  setup: () => ({}),
});
