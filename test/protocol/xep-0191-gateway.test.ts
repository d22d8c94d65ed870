// XEP-0191 1.3 section 3.3 where the one who is blocked is a presentity behind the gateway, or its whole domain.

import { describe, expect, it } from "vitest";
import { conditionOf, query } from "../support/archive-client.ts";
import type { ScriptedClient } from "../support/client.ts";
import { cpim, pidf } from "../support/foreign.ts";
import {
  beWatched,
  eventsUntilNow,
  JULIET,
  ROMEO,
  relation,
  STANZAS,
  SUBSCRIPTION,
  stage,
  watch,
} from "../support/stage.ts";

const DOMAIN = "example.net";
const BODY = "<body>Art thou not Romeo?</body>";

async function change(client: ScriptedClient, name: "block" | "unblock", address: string): Promise<void> {
  const answer = await client.ask("set", `<${name} xmlns='urn:xmpp:blocking'><item jid='${address}'/></${name}>`);
  expect(answer.attrs.type).toBe("result");
}

describe.each([ROMEO, DOMAIN])("%s is blocked", (address) => {
  it("a message is refused as service-unavailable: nothing is delivered, stored or archived", async () => {
    const { juliet, foreign, server } = await stage();
    await change(juliet, "block", address);
    for (const there of [true, false]) {
      if (!there) await juliet.close();
      const answer = await foreign.message(cpim(ROMEO, JULIET, "But soft!"), { "CPIM-TransID": "r1" });
      expect(answer.status).toBe(503);
      expect(answer.text).toContain("service-unavailable");
      expect(answer.text).not.toContain("block");
      if (there) await juliet.expectNothing();
    }
    const back = await server.client("juliet", { resource: "balcony" });
    expect((await query(back)).results).toEqual([]);
    back.send("<presence/>");
    await back.expect("<presence/>");
    await back.expectNothing();
    await change(back, "unblock", address);
    expect((await foreign.message(cpim(ROMEO, JULIET, "But soft!"))).status).toBe(200);
    await back.expect(`<message from='${ROMEO}'/>`);
  });

  it("of several recipients none gets a message that one of them refuses", async () => {
    const { juliet, foreign, server } = await stage();
    const nurse = await server.online("nurse");
    await change(juliet, "block", address);
    const both = cpim(ROMEO, "nurse@example.com", "But soft!", `To: <im:${JULIET}>\r\n`);
    expect((await foreign.message(both)).status).toBe(503);
    await nurse.expectNothing();
  });

  it("presence that it publishes does not come, and does again after the unblocking", async () => {
    const scene = await stage();
    const { juliet, foreign } = scene;
    await watch(scene);
    await foreign.publish(ROMEO, pidf(ROMEO, { id: "t1", im: "away" }));
    await juliet.expect("<presence><show>away</show></presence>");
    await change(juliet, "block", address);
    await foreign.publish(ROMEO, pidf(ROMEO, { id: "t1", im: "busy" }));
    await juliet.expectNothing();
    const phone = await scene.server.client("juliet", { resource: "phone" });
    phone.send("<presence/>");
    await phone.expectAll(`<presence from='${phone.full}'/>`, `<presence from='${juliet.full}'/>`);
    await phone.expectNothing();
    await change(juliet, "unblock", address);
    await phone.until(`<presence type='{absent}' from='${ROMEO}/t1'/>`);
    await juliet.until(`<presence type='{absent}' from='${ROMEO}/t1'/>`);
  });

  it("its notifications say closed at the block, nothing while it lasts, and open after it", async () => {
    const scene = await stage();
    const { juliet, events, foreign } = scene;
    await beWatched(scene);
    await change(juliet, "block", address);
    const closed = await events.expect("notify");
    expect(closed.data.object).toContain("<basic>closed</basic>");
    expect(closed.data.object).not.toContain("<basic>open</basic>");
    juliet.send("<presence><show>away</show></presence>");
    await juliet.until("<presence><show>away</show></presence>");
    const fetched = await foreign.call("PUT", SUBSCRIPTION, { duration: 0 });
    expect(fetched.status).toBe(200);
    expect(fetched.text).toContain("<basic>closed</basic>");
    expect(fetched.text).not.toContain("<basic>open</basic>");
    await change(juliet, "unblock", address);
    const open = await events.expect("notify");
    expect(open.data.object).toContain("<basic>open</basic>");
    expect(open.data.object).toContain("away");
    expect((await relation(scene))?.subscription?.state).toBe("active");
  });

  it("its request to subscribe reaches nobody, and it cannot tell", async () => {
    const scene = await stage();
    const { juliet, foreign, server } = scene;
    await change(juliet, "block", address);
    const answer = await foreign.call("PUT", SUBSCRIPTION, { transId: "t1" });
    expect(answer.status).toBe(202);
    await juliet.expectNothing();
    const phone = await server.client("juliet", { resource: "phone" });
    phone.send("<presence/>");
    await phone.expectAll(`<presence from='${phone.full}'/>`, `<presence from='${juliet.full}'/>`);
    await phone.expectNothing();
  });

  it("nothing that is sent to it leaves", async () => {
    const scene = await stage();
    const { juliet, events, server } = scene;
    const nurse = await server.online("nurse");
    await change(juliet, "block", address);
    for (const stanza of [
      `<message to='${ROMEO}'>${BODY}</message>`,
      `<presence to='${ROMEO}' type='subscribe'/>`,
      `<presence to='${ROMEO}' type='probe'/>`,
    ]) {
      juliet.send(stanza);
      const error = await juliet.expect(
        `<${stanza.slice(1, stanza.indexOf(" "))} type='error' from='${ROMEO}'><error><not-acceptable xmlns='${STANZAS}'/><blocked xmlns='urn:xmpp:blocking:errors'/></error></${stanza.slice(1, stanza.indexOf(" "))}>`,
      );
      expect(conditionOf(error)).toBe("cancel/not-acceptable");
    }
    expect(await eventsUntilNow(scene, nurse)).toEqual([]);
    expect(events.pending).toBe(0);
    expect((await query(juliet)).results).toEqual([]);
  });
});

it("another presentity of the domain is not blocked", async () => {
  const { juliet, foreign } = await stage();
  await foreign.presentity("nurse@example.net");
  await change(juliet, "block", ROMEO);
  expect((await foreign.message(cpim("nurse@example.net", JULIET, "Anon!"))).status).toBe(200);
  await juliet.expect("<message from='nurse@example.net'/>");
});
