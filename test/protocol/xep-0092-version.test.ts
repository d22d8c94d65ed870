// XEP-0092 1.1: Software Version.

import { describe, expect, it } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import { startServer } from "../support/server.ts";

const VERSION = "jabber:iq:version";

describe("XEP-0092 section 2", () => {
  it("a result has the required name and version of the software; the operating system is kept back (section 5)", async () => {
    const server = await startServer();
    const juliet = await server.client("juliet");
    juliet.send(`<iq type='get' id='version_1' to='example.com'><query xmlns='${VERSION}'/></iq>`);
    const answer = await juliet.expect(
      `<iq type='result' id='version_1' from='example.com' to='${juliet.full}'><query xmlns='${VERSION}'><name>Balcony</name><version>${packageJson.version}</version></query></iq>`,
    );
    expect(answer.getChild("query", VERSION)?.getChildElements()).toHaveLength(2);
  });

  it("section 4: is announced", async () => {
    const server = await startServer();
    const juliet = await server.client("juliet");
    const info = await juliet.ask("get", "<query xmlns='http://jabber.org/protocol/disco#info'/>", "example.com");
    expect(info.toString()).toContain(`var="${VERSION}"`);
  });

  it("it is asked for with a get, not with a set", async () => {
    const server = await startServer();
    const juliet = await server.client("juliet");
    const answer = await juliet.ask("set", `<query xmlns='${VERSION}'/>`, "example.com");
    expect(answer.attrs.type).toBe("error");
  });
});
