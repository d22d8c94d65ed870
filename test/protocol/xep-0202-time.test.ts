// XEP-0202 2.0: Entity Time.

import { describe, expect, it } from "vitest";
import { FakeClock } from "../support/fake-clock.ts";
import { startServer } from "../support/server.ts";

const TIME = "urn:xmpp:time";

describe("XEP-0202 section 2", () => {
  it("utc is the server's clock in UTC, tzo its offset, both as XEP-0082 has them", async () => {
    const clock = new FakeClock(Date.parse("2026-12-19T17:58:35.987Z"));
    const server = await startServer({}, { clock });
    const juliet = await server.client("juliet");
    juliet.send(`<iq type='get' id='time_1' to='example.com'><time xmlns='${TIME}'/></iq>`);
    const answer = await juliet.expect(
      `<iq type='result' id='time_1' from='example.com'><time xmlns='${TIME}'><tzo>{any}</tzo><utc>{any}</utc></time></iq>`,
    );
    const time = answer.getChild("time", TIME);
    expect(time?.getChildText("utc")).toMatch(/^2026-12-19T17:58:35(\.\d+)?Z$/);
    const tzo = time?.getChildText("tzo") as string;
    expect(tzo).toMatch(/^(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/);
    const [, sign = "+", hours = "0", minutes = "0"] = /^([+-])(\d\d):(\d\d)$/.exec(tzo) ?? [];
    const offset = (Number(hours) * 60 + Number(minutes)) * (sign === "-" ? -1 : 1);
    expect(offset + new Date(clock.now()).getTimezoneOffset()).toBe(0);
  });

  it("section 4: is announced", async () => {
    const server = await startServer();
    const juliet = await server.client("juliet");
    const info = await juliet.ask("get", "<query xmlns='http://jabber.org/protocol/disco#info'/>", "example.com");
    expect(info.toString()).toContain(`var="${TIME}"`);
  });
});
