// XEP-0157 1.1.1: Contact Addresses for XMPP Services, as a form in what the server says of itself.

import { Element } from "ltx";
import type { Config } from "../config.ts";
import { NS } from "../namespaces.ts";
import { defineModule } from "./module.ts";

export const contactAddresses = defineModule({
  name: "contact-addresses",
  spec: "XEP-0157 1.1.1",
  setup: ({ config }) => ({ disco: [{ on: ["domain"], forms: () => forms(config.contacts) }] }),
});

function forms(contacts: Config["contacts"]): Element[] {
  const given = Object.entries(contacts).filter(([, addresses]) => addresses.length > 0);
  if (given.length === 0) return [];
  const form = new Element("x", { xmlns: NS.dataForms, type: "result" });
  form.c("field", { var: "FORM_TYPE", type: "hidden" }).c("value").t(NS.serverInfo);
  for (const [role, addresses] of given) {
    const field = form.c("field", { var: `${role}-addresses`, type: "list-multi" }); // section 7.1
    for (const address of addresses) field.c("value").t(address);
  }
  return [form];
}
