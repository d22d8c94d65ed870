// Round trips through the mapping lose only what the tables say, whatever is said (test/support/mapping-properties.ts).

import fc from "fast-check";
import { it } from "vitest";
import { PROPERTIES } from "../support/mapping-properties.ts";

it.each(PROPERTIES)("$name [K-5]", ({ property }) => {
  fc.assert(property, { numRuns: 10_000 });
});
