// The hashes of capabilities (XEP-0115 1.6.0, XEP-0390 0.3.2), by the XEPs' own examples.

import { type Element, parse } from "ltx";
import { describe, expect, it } from "vitest";
import {
  type Announced,
  announcedIn,
  capabilityHash,
  isVerified,
  verificationString,
} from "../../server/presence/caps-hash.ts";

const INFO = "http://jabber.org/protocol/disco#info";

const info = (content: string): Element => parse(`<query xmlns='${INFO}'>${content}</query>`) as Element;
const features = (...names: string[]): string => names.map((name) => `<feature var='${name}'/>`).join("");

const CAPS = "http://jabber.org/protocol/caps";
const ITEMS = "http://jabber.org/protocol/disco#items";
const MUC = "http://jabber.org/protocol/muc";
const SIMPLE = `<identity category='client' name='Exodus 0.9.1' type='pc'/>${features(MUC, CAPS, ITEMS, INFO)}`;
const COMPLEX = `<identity xml:lang='en' category='client' name='Psi 0.11' type='pc'/>
  <identity xml:lang='el' category='client' name='\u03a8 0.11' type='pc'/>
  ${features(CAPS, INFO, ITEMS, MUC)}
  <x xmlns='jabber:x:data' type='result'>
    <field var='FORM_TYPE' type='hidden'><value>urn:xmpp:dataforms:softwareinfo</value></field>
    <field var='ip_version'><value>ipv4</value><value>ipv6</value></field>
    <field var='os'><value>Mac</value></field>
    <field var='os_version'><value>10.5.1</value></field>
    <field var='software'><value>Psi</value></field>
    <field var='software_version'><value>0.11</value></field>
  </x>`;
const announced = (value: string, change: Partial<Announced> = {}): Announced => ({
  protocol: "caps",
  algorithm: "sha-1",
  value,
  node: `http://example.com#${value}`,
  ...change,
});

describe("XEP-0115 section 5: verification strings", () => {
  it("5.2: the simple example", () => {
    expect(verificationString(info(SIMPLE), "sha-1")).toBe("QgayPKawpkPSDYmwT/WM94uAlu0=");
  });

  it("5.3: the complex example", () => {
    expect(verificationString(info(COMPLEX), "sha-1")).toBe("q07IKJEyjvHSyhy//CH0CxmKi8w=");
  });

  it("5.4: an answer that fits is verified, another one or an unknown algorithm is not", () => {
    expect(isVerified(info(SIMPLE), announced("QgayPKawpkPSDYmwT/WM94uAlu0="))).toBe(true);
    expect(isVerified(info(COMPLEX), announced("q07IKJEyjvHSyhy//CH0CxmKi8w="))).toBe(true);
    expect(isVerified(info(SIMPLE), announced("q07IKJEyjvHSyhy//CH0CxmKi8w="))).toBe(false);
    expect(isVerified(info(SIMPLE), announced("QgayPKawpkPSDYmwT/WM94uAlu0=", { algorithm: "md5" }))).toBe(false);
    expect(isVerified(info(SIMPLE), announced("", { algorithm: "whirlpool" }))).toBe(false);
  });

  it.each([
    ["an identity", `<identity category='client' type='pc'/><identity category='client' type='pc'/>`],
    ["a feature", `<identity category='client' type='pc'/>${features("a", "b", "a")}`],
    ["a form", `<identity category='client' type='pc'/>${COMPLEX.slice(COMPLEX.indexOf("<x")).repeat(2)}`],
  ])("5.4: with %s twice it is ill-formed", (_, content) => {
    const ill = info(content);
    expect(isVerified(ill, announced(verificationString(ill, "sha-1") as string))).toBe(false);
  });

  it.each([
    ["two features in one", `<identity category='client' type='pc' name='x'/>${features("a&lt;b+notify")}`],
    ["features in a name", `<identity category='client' type='pc' name='x&lt;a&lt;b+notify'/>`],
    [
      "a feature as an identity",
      `<identity category='client' type='pc' name='x'/><identity category='urn:a' type='' xml:lang='b' name='c'/>`,
    ],
    [
      "features as a form",
      `<identity category='client' type='pc' name='x'/><x xmlns='jabber:x:data' type='result'>
       <field var='FORM_TYPE' type='hidden'><value>a</value></field><field var='b+notify'/></x>`,
    ],
  ])("9: an answer that passes for that of another client is not verified: %s", (_, content) => {
    const forged = info(content);
    expect(isVerified(forged, announced(verificationString(forged, "sha-1") as string))).toBe(false);
  });

  it("9: the forgeries above have the string of the honest client", () => {
    const honest = info(`<identity category='client' type='pc' name='x'/>${features("a", "b+notify")}`);
    const forged = info(`<identity category='client' type='pc' name='x&lt;a&lt;b+notify'/>`);
    expect(verificationString(forged, "sha-1")).toBe(verificationString(honest, "sha-1"));
    expect(isVerified(honest, announced(verificationString(honest, "sha-1") as string))).toBe(true);
  });
});

describe("XEP-0390 section 4: capability hashes", () => {
  const BOMBUS = `<identity category="client" name="BombusMod" type="mobile"/>${features(
    "http://jabber.org/protocol/si",
    "http://jabber.org/protocol/bytestreams",
    "http://jabber.org/protocol/chatstates",
    "http://jabber.org/protocol/disco#info",
    "http://jabber.org/protocol/disco#items",
    "urn:xmpp:ping",
    "jabber:iq:time",
    "jabber:iq:privacy",
    "jabber:iq:version",
    "http://jabber.org/protocol/rosterx",
    "urn:xmpp:time",
    "jabber:x:oob",
    "http://jabber.org/protocol/ibb",
    "http://jabber.org/protocol/si/profile/file-transfer",
    "urn:xmpp:receipts",
    "jabber:iq:roster",
    "jabber:iq:last",
  )}`;

  it("4.5.1: the simple example, with both hashes", () => {
    expect(capabilityHash(info(BOMBUS), "sha-256")).toBe("kzBZbkqJ3ADrj7v08reD1qcWUwNGHaidNUgD7nHpiw8=");
    expect(capabilityHash(info(BOMBUS), "sha3-256")).toBe("79mdYAfU9rEdTOcWDO7UEAt6E56SUzk/g6TnqUeuD9Q=");
  });

  it("4.1: a language may come from what the answer stands in", () => {
    const own = info(`<identity category='client' type='pc' xml:lang='en'/>`);
    const inherited = info(`<identity category='client' type='pc'/>`);
    expect(capabilityHash(inherited, "sha-256", "en")).toBe(capabilityHash(own, "sha-256"));
    expect(capabilityHash(inherited, "sha-256")).not.toBe(capabilityHash(own, "sha-256"));
  });

  it.each([
    ["a foreign element", "<other xmlns='urn:other'/>"],
    ["a form without a type", "<x xmlns='jabber:x:data' type='result'><field var='a'/></x>"],
    [
      "a form with items",
      "<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE'><value>a</value></field><item/></x>",
    ],
  ])("4.1: %s makes it an error", (_, content) => {
    expect(capabilityHash(info(content), "sha-256")).toBeUndefined();
  });
});

describe("what a presence announces", () => {
  const read = (content: string) => announcedIn(parse(`<presence>${content}</presence>`) as Element);

  it("XEP-0115 section 6.1: node and verification string", () => {
    expect(read(`<c xmlns='${CAPS}' hash='sha-1' node='http://a.example' ver='v='/>`)).toEqual(
      announced("v=", { node: "http://a.example#v=" }),
    );
  });

  it("XEP-0390 section 4.3: a capability hash node; it goes before XEP-0115", () => {
    const hashes = (algo: string) =>
      `<c xmlns='urn:xmpp:caps'><hash xmlns='urn:xmpp:hashes:2' algo='${algo}'>v=</hash></c>`;
    const caps = `<c xmlns='${CAPS}' hash='sha-1' node='n' ver='w'/>`;
    expect(read(caps + hashes("sha-256"))).toEqual(
      announced("v=", { protocol: "hashes", algorithm: "sha-256", node: "urn:xmpp:caps#sha-256.v=" }),
    );
    expect(read(caps + hashes("md5"))?.protocol).toBe("caps");
  });

  it.each([
    ["", "nothing"],
    [`<c xmlns='${CAPS}' node='n' ver='1.0' ext='a b'/>`, "the legacy format (section 4)"],
    [`<c xmlns='${CAPS}' hash='sha-1' node='' ver='v'/>`, "no node"],
    [`<c xmlns='${CAPS}' hash='sha-1' node='${"n".repeat(2_000)}' ver='v'/>`, "a node that is too long"],
  ])("%# counts as nothing: %s", (content) => {
    expect(read(content)).toBeUndefined();
  });
});
