// Data forms (XEP-0004 2.13.2) as queries carry them: a submitted one read, and the fields of the archive's.

import { Element } from "ltx";
import { type StanzaError, stanzaError } from "../errors.ts";
import { NS } from "../namespaces.ts";
import { attr, childrenOf, textOf } from "../stanza.ts";

/** The values of each field by its name, FORM_TYPE left out. */
export type SubmittedForm = ReadonlyMap<string, readonly string[]>;

/**
 * The form inside an element; empty if there is none.
 * @param formType what its FORM_TYPE must be (XEP-0068 1.3.0; XEP-0313 section 4.1)
 * Errors: bad-request.
 */
export function submittedForm(parent: Element, formType: string): SubmittedForm | StanzaError {
  const [form, ...others] = childrenOf(parent, "x", NS.dataForms);
  if (form === undefined) return new Map();
  if (others.length > 0) return stanzaError("bad-request", "more than one form");
  if (attr(form, "type") !== "submit") return stanzaError("bad-request", 'the form is not of type "submit"');
  const fields = new Map<string, readonly string[]>();
  for (const field of childrenOf(form, "field", NS.dataForms)) {
    const name = attr(field, "var");
    if (name === undefined) {
      if (attr(field, "type") === "fixed") continue; // section 3.3: a text for people
      return stanzaError("bad-request", "a field without a name");
    }
    if (fields.has(name)) return stanzaError("bad-request", `the field "${name}" twice`);
    fields.set(name, childrenOf(field, "value", NS.dataForms).map(textOf));
  }
  const types = fields.get("FORM_TYPE") ?? [];
  if (types.length !== 1 || types[0] !== formType) return stanzaError("bad-request", `FORM_TYPE is not ${formType}`);
  fields.delete("FORM_TYPE");
  return fields;
}

/** The fields that a query may have. Source: XEP-0313 1.1.3 section 4.1.5. */
export function archiveForm(): Element {
  const form = new Element("x", { xmlns: NS.dataForms, type: "form" });
  form.c("field", { type: "hidden", var: "FORM_TYPE" }).c("value").t(NS.archive);
  form.c("field", { type: "jid-single", var: "with" });
  for (const name of ["start", "end", "before-id", "after-id"]) form.c("field", { type: "text-single", var: name });
  const ids = form.c("field", { type: "list-multi", var: "ids" });
  ids.c("validate", { xmlns: NS.formValidation, datatype: "xs:string" }).c("open");
  form.c("field", { type: "boolean", var: "include-groupchat" });
  return form;
}
