// XEP-0114 1.6 section 3: the handshake. The stream id and the result are the XEP's; the secret that makes it is "test".

import { expect, it } from "vitest";
import { handshakeOf, isRightHandshake } from "../../server/component-port/handshake.ts";

const EXAMPLE = "aaee83c26aeeafcbabeabfcbcd50df997e0a2a1e";

it("is the lower-case hex of SHA-1 over stream id and secret", () => {
  expect(handshakeOf("3BF96D32", "test")).toBe(EXAMPLE);
});

it.each<[string, boolean]>([
  [EXAMPLE, true],
  [EXAMPLE.toUpperCase(), false],
  [EXAMPLE.slice(1), false],
  [`${EXAMPLE}0`, false],
  [EXAMPLE.replace("a", "b"), false],
  ["é".repeat(20), false],
  ["", false],
])("%j is right: %s", (said, right) => {
  expect(isRightHandshake(said, "3BF96D32", "test")).toBe(right);
});
