// The templates of the kit for others.

export { difference, stanza } from "../../server/testing/template.ts";
