// JID <-> im: and pres: URI (RFC 3922 section 3).

import { domainToASCII } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fromUri, jidToUri, toUri } from "../../gateway/address.ts";
import { Jid } from "../../server/jid.ts";
import { runVectors } from "../support/vectors.ts";

describe("JID to URI", () => runVectors("jid-to-uri.json"));
describe("URI to JID", () => runVectors("uri-to-jid.json"));

const uri = fc.string({ unit: "binary", maxLength: 40 }).map((text) => {
  const octets = Buffer.from(text, "utf8");
  return `im:${[...octets].map((octet) => `%${octet.toString(16).padStart(2, "0")}`).join("")}@example.net`;
});

describe("round trips", () => {
  it.each(["rfc3922", "xep0106"] as const)(
    "a localpart survives the way out and back: %s [K-5 A-3.2.3 A-3.3.5]",
    (form) => {
      fc.assert(
        fc.property(fc.oneof(fc.string({ unit: "grapheme" }), fc.string(), escapeLike()), (local) => {
          const jid = Jid.of(local, "example.com");
          if (!jid.ok) return;
          const out = toUri(jid.value, "im", form);
          if (!out.ok) throw new Error(out.reason);
          expect(out.value).toMatch(/^im:[!-~]+@example\.com$/);
          const back = fromUri(out.value, ["im"], form);
          expect(back.ok && back.value.bareString).toBe(jid.value.bareString);
        }),
        { numRuns: 10_000 },
      );
    },
  );

  it("two URIs share a JID only if they differ by preparation [G-6]", () => {
    const canonical = (text: string): string =>
      decodeURIComponent(text.slice(3, text.indexOf("@")))
        .normalize("NFKC")
        .toLowerCase()
        .normalize("NFKC");
    const seen = new Map<string, string>();
    fc.assert(
      fc.property(
        fc.oneof(
          uri,
          escapeLike().map((name) => `im:${encodeURIComponent(name)}@example.net`),
        ),
        (text) => {
          const jid = fromUri(text, ["im"]);
          if (!jid.ok) return;
          const known = seen.get(jid.value.bareString) ?? canonical(text);
          seen.set(jid.value.bareString, known);
          expect(canonical(text)).toBe(known);
        },
      ),
      { numRuns: 10_000 },
    );
  });

  it("any text gives a value or a refusal [G-1]", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.constantFrom("im:", "pres:", ""), (text, scheme) => {
        expect(typeof fromUri(`${scheme}${text}`, ["im", "pres"]).ok).toBe("boolean");
        expect(typeof jidToUri(text, "im").ok).toBe("boolean");
      }),
      { numRuns: 10_000 },
    );
  });
});

describe("XEP-0106 escapes, where a gateway is set to them", () => {
  it.each([
    ["o'malley", "o\\27malley"],
    ["a&b/c", "a\\26b\\2fc"],
    ['a "b":<c>@d', "a\\20\\22b\\22\\3a\\3cc\\3e\\40d"],
    ["c:\\26", "c\\3a\\5c26"],
    ["a\\b", "a\\b"],
    ["at#26;t", "at#26;t"],
  ])("%s is %s", (name, local) => {
    const text = `im:${encodeURIComponent(name)}@example.net`;
    const jid = fromUri(text, ["im"], "xep0106");
    expect(jid.ok && jid.value.localpart).toBe(local);
    const back = jid.ok ? toUri(jid.value, "im", "xep0106") : jid;
    expect(back.ok && decodeURIComponent(back.value)).toBe(`im:${name}@example.net`);
  });
});

describe("the domain of a URI is in ASCII (RFC 3922 section 3.2)", () => {
  it("as node's IDNA has it, for any domain", () => {
    const label = fc.oneof(
      fc.constantFrom("xn--bcher-kva", "0x7f", "127", "1", "b\u00fccher", "a--b", "-", "x", "com", "localhost"),
      fc.string({ unit: fc.constantFrom(..."abxn019-\u00e9".split("")), minLength: 1, maxLength: 6 }),
    );
    const domain = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join("."));
    fc.assert(
      fc.property(domain, (text) => {
        const jid = Jid.of("a", text);
        if (!jid.ok) return;
        const uri = toUri(jid.value, "pres");
        expect(uri.ok && uri.value).toBe(`pres:a@${domainToASCII(jid.value.domainpart)}`);
      }),
      { numRuns: 10_000 },
    );
  });
});

function escapeLike(): fc.Arbitrary<string> {
  const piece = fc.constantFrom(
    "#",
    "2",
    "6",
    "7",
    "f",
    "F",
    ";",
    "&",
    "'",
    "/",
    "#26;",
    "#27;",
    "#2f;",
    "a",
    "＃",
    "；",
  );
  return fc.array(piece, { minLength: 1, maxLength: 12 }).map((pieces) => pieces.join(""));
}
