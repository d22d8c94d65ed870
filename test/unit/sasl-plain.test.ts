// RFC 4616: PLAIN.

import { describe, expect, test } from "vitest";
import type { Authenticator } from "../../server/accounts/authenticator.ts";
import { plainExchange } from "../../server/sasl/plain.ts";

const authenticator: Authenticator = {
  exists: async () => true,
  async verifyPlain(localpart, password) {
    if (localpart === "mercutio") return "busy";
    return localpart === "juliet" && password === "r0m30 µ" ? "right" : "wrong";
  },
};

async function step(message: string | Buffer | undefined) {
  const bytes = message === undefined ? undefined : Buffer.from(message);
  return plainExchange(authenticator, "example.org").step(bytes);
}

describe("PLAIN", () => {
  test.each([
    "\0juliet\0r0m30 µ",
    "\0JULIET\0r0m30 µ",
    "juliet@example.org\0juliet\0r0m30 µ",
    "Juliet@EXAMPLE.org\0juliet\0r0m30 µ",
  ])("%j succeeds", async (message) => {
    expect(await step(message)).toEqual({ kind: "success", localpart: "juliet" });
  });

  test("without an initial response it asks for one", async () => {
    expect(await step(undefined)).toEqual({ kind: "challenge", data: Buffer.alloc(0) });
  });

  test.each([
    ["", "malformed-request"],
    ["juliet", "malformed-request"],
    ["juliet\0r0m30", "malformed-request"],
    ["\0juliet\0", "malformed-request"],
    ["\0\0r0m30", "malformed-request"],
    ["\0juliet\0r0\0m30", "malformed-request"],
    [Buffer.from([0, 0x6a, 0, 0xff]), "incorrect-encoding"],
    ["romeo@example.org\0juliet\0r0m30 µ", "invalid-authzid"],
    ["juliet@example.org/balcony\0juliet\0r0m30 µ", "invalid-authzid"],
    ["juliet\0juliet\0r0m30 µ", "invalid-authzid"],
    ["\0juliet@example.org\0r0m30 µ", "not-authorized"],
    ["\0juliet\0wrong", "not-authorized"],
    ["\0nobody\0wrong", "not-authorized"],
    ["\0mercutio\0any", "temporary-auth-failure"],
  ])("%j: %s", async (message, condition) => {
    expect(await step(message)).toMatchObject({ kind: "failure", condition });
  });
});
