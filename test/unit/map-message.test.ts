// Message stanza <-> Message/CPIM object (RFC 3922 section 4).

import { Element } from "ltx";
import { describe, expect, it } from "vitest";
import { parseCpim, serializeCpim } from "../../gateway/cpim.ts";
import { cpimToMessages, messageToCpim } from "../../gateway/map-message.ts";
import { runVectors } from "../support/vectors.ts";

describe("XMPP to CPIM", () => runVectors("message-to-cpim.json"));
describe("CPIM to XMPP", () => runVectors("cpim-to-message.json"));

function object(text: string) {
  const parsed = parseCpim(Buffer.from(text.replaceAll("\n", "\r\n")));
  if (!parsed.ok) throw new Error(parsed.reason);
  return parsed.value;
}

const HELLO = object(`Content-type: Message/CPIM

From: <im:romeo@example.net>
To: <im:juliet@example.com>

Content-type: text/plain
Content-ID: <c1@example.net>

hello`);

describe("for the live gateway", () => {
  it("the TransID of the operation is the id, before the Content-ID [D-3.2.1e]", () => {
    const stanzas = cpimToMessages(HELLO, { transId: "t1" });
    expect(stanzas.ok && stanzas.value.map((stanza) => stanza.attrs.id)).toEqual(["t1"]);
  });

  it("a message is its sender's, its recipient's and its body [D-3.2.1a D-3.2.1b D-3.2.1c D-3.2.1d]", () => {
    const stanzas = cpimToMessages(HELLO);
    const [stanza] = stanzas.ok ? stanzas.value : [];
    expect(stanza?.attrs).toEqual({ from: "romeo@example.net", to: "juliet@example.com", id: "c1@example.net" });
    expect(stanza?.getChildText("body")).toBe("hello");
    const back = messageToCpim(stanza as Element);
    const parsed = back.ok && back.value !== null ? parseCpim(serializeCpim(back.value)) : undefined;
    expect(parsed).toMatchObject({
      ok: true,
      value: {
        from: { uri: "im:romeo@example.net" },
        to: [{ uri: "im:juliet@example.com" }],
        content: { body: Buffer.from("hello") },
      },
    });
  });

  it("each recipient's stanza is its own [F-4.2]", () => {
    const stanzas = cpimToMessages({ ...HELLO, to: [{ uri: "im:a@example.com" }, { uri: "im:b@example.com" }] });
    const [first, second] = stanzas.ok ? stanzas.value : [];
    expect(first?.children[0]).not.toBe(second?.children[0]);
    expect(first?.getChild("body")?.parent).toBe(first);
  });

  it("a content that is a secured object is refused where it would multiply beyond bounds [G-3]", () => {
    const body = Buffer.alloc(900_000, 0x61);
    const to = Array.from({ length: 100 }, (_, i) => ({ uri: `im:u${i}@example.com` }));
    const big = { ...HELLO, to, content: { ...HELLO.content, body, octets: body } };
    expect(cpimToMessages(big)).toMatchObject({ ok: false, at: "To" });
  });

  it("the stanza is left as it was [M-4.1.8a]", () => {
    const stanza = new Element("message", { from: "a@b.c/d", to: "e@f.g" });
    stanza.c("body").t("x\ny");
    const before = stanza.toString();
    messageToCpim(stanza);
    expect(stanza.toString()).toBe(before);
  });
});
