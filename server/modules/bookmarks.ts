// XEP-0402 1.2.0 with XEP-0048 1.2: what is announced of the dialects of bookmarks. bookmarks/bookmarks.ts keeps them the same.

import { NS } from "../namespaces.ts";
import { defineModule } from "./module.ts";

export const bookmarksModule = defineModule({
  name: "bookmarks",
  spec: "XEP-0402 1.2.0",
  // Section 6: private XML, and the node of XEP-0048.
  features: [`${NS.bookmarks}#compat`, `${NS.bookmarks}#compat-pep`].map((feature) => ({
    var: feature,
    on: ["account"],
  })),
  setup: () => ({}),
});
