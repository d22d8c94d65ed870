// Accounts and presentities that come and go while somebody watches them, and what the operator's calls let in.

import { describe, expect, it } from "vitest";
import { cpim, Foreign, pidf } from "../support/foreign.ts";
import { gatedStore } from "../support/gated-store.ts";
import { cleanUp, startServer } from "../support/server.ts";

const ROMEO = "romeo@example.net";
const JULIET = "juliet@example.com";
const PRESENTITY = `/presentities/${ROMEO}`;

async function stage() {
  const gated = gatedStore();
  const server = await startServer({ gateway: { domains: { "example.net": {} } } }, { store: gated.store });
  const foreign = await Foreign.of(server, "domain:example.net");
  await foreign.presentity(ROMEO, { subscriptions: "allow" });
  const events = await foreign.events(`${PRESENTITY}/events`);
  cleanUp(async () => events.close());
  const juliet = await server.online("juliet", { resource: "balcony" });
  return { gated, server, foreign, events, juliet };
}

describe("a user who is deleted", () => {
  it("watched and was watched: both are over, and the new account of that name has nothing of it", async () => {
    const { server, foreign, events, juliet } = await stage();
    juliet.send(`<presence to='${ROMEO}' type='subscribe' id='s1'/>`);
    await juliet.until(`<presence type='subscribed' from='${ROMEO}'/>`);
    await foreign.call("PUT", `${PRESENTITY}/subscriptions/${JULIET}`, { transId: "t1" });
    await juliet.until(`<presence type='subscribe' from='${ROMEO}'/>`);
    juliet.send(`<presence to='${ROMEO}' type='subscribed'/>`);
    await events.expect("response", { transId: "t1", status: "success" });
    await events.expect("notify");
    await server.admin.deleteUser("juliet");
    // She is seen to leave, or her end alone is told: never anything after it.
    let last = await events.next();
    if (last.event === "notify") last = await events.next();
    expect(last).toMatchObject({ event: "unsubscribe", data: { watcher: `pres:${JULIET}` } });
    await events.expect("terminated", { target: `pres:${JULIET}`, reason: "gone" });
    for (const list of ["watchers", "subscriptions"]) {
      expect((await foreign.call("GET", `${PRESENTITY}/${list}`)).text).toBe("[]");
    }
    await server.admin.addUser("juliet", "another");
    const other = await server.online("juliet", { password: "another" });
    await foreign.publish(ROMEO, pidf(ROMEO, { id: "orchard" }));
    await other.expectNothing();
    const fetched = await foreign.call("PUT", `${PRESENTITY}/subscriptions/${JULIET}`, { duration: 0 });
    expect(fetched.status).toBe(403);
  });

  it("had not yet decided: failure, and gone", async () => {
    const { server, foreign, events, juliet } = await stage();
    await foreign.call("PUT", `${PRESENTITY}/subscriptions/${JULIET}`, { transId: "t1" });
    await juliet.until(`<presence type='subscribe' from='${ROMEO}'/>`);
    await server.admin.deleteUser("juliet");
    await events.expect("response", { transId: "t1", status: "failure", condition: "item-not-found" });
    await events.expect("terminated", { reason: "gone" });
    expect((await foreign.call("PUT", `${PRESENTITY}/subscriptions/${JULIET}`, {})).status).toBe(404);
  });

  it("comes back at once, before the account is gone: that stream ends as well, and what it began", async () => {
    const { gated, server, foreign, juliet } = await stage();
    const gate = gated.hold("accounts", "delete");
    const deleted = server.admin.deleteUser("juliet");
    await gate.reached;
    await juliet.expectStreamError("not-authorized");
    const again = await server.online("juliet", { resource: "again" });
    again.send(`<presence to='${ROMEO}' type='subscribe' id='s1'/>`);
    await again.until(`<presence type='subscribed' from='${ROMEO}'/>`);
    await again.sync();
    gate.open();
    await deleted;
    await again.until(
      "<error xmlns='http://etherx.jabber.org/streams'><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></error>",
    );
    expect((await foreign.call("GET", `${PRESENTITY}/watchers`)).text).toBe("[]");
  });
});

describe("the operator's calls", () => {
  it("allowFrom is prepared, so that what was allowed gets through", async () => {
    const { server, juliet } = await stage();
    await server.admin.addPresentity("tybalt@example.net", { policy: "allow", allowFrom: ["Juliet@EXAMPLE.com"] });
    juliet.send("<presence to='tybalt@example.net' type='subscribe'/>");
    await juliet.until("<presence type='subscribed' from='tybalt@example.net'/>");
  });

  it.each([
    ["what is no address in allowFrom", { allowFrom: ["garb age"] }],
    ["a name with a line break", { formalName: "Romeo\r\nTo: <im:nurse@example.com>" }],
    ["a name that is too long", { formalName: "x".repeat(1024) }],
  ])("%s is refused, and nothing is made", async (_name, settings) => {
    const { server } = await stage();
    await expect(server.admin.addPresentity("tybalt@example.net", settings)).rejects.toMatchObject({ code: "invalid" });
    expect(await server.admin.listPresentities("example.net")).toHaveLength(1);
  });

  it.each(["domain:exmaple.net", "presentity:romeo@exmaple.net", "domain:example.com"])(
    "a token for %s, which is no gateway domain, would be worth nothing: refused",
    async (scope) => {
      const { server } = await stage();
      await expect(server.admin.addToken(scope)).rejects.toMatchObject({ code: "invalid" });
    },
  );
});

describe("a presentity that is made again", () => {
  it("after its deletion has neither watchers, nor a document, nor the tokens of the first", async () => {
    const { server, foreign, juliet } = await stage();
    const own = await Foreign.of(server, `presentity:${ROMEO}`);
    await foreign.publish(ROMEO, pidf(ROMEO, { id: "orchard" }));
    juliet.send(`<presence to='${ROMEO}' type='subscribe' id='s1'/>`);
    await juliet.until(`<presence from='${ROMEO}/orchard' type='{absent}'/>`);
    expect((await foreign.call("DELETE", PRESENTITY)).status).toBe(204);
    await juliet.until(`<presence from='${ROMEO}/orchard' type='unavailable'/>`);
    await juliet.until(`<presence from='${ROMEO}' type='unsubscribed'/>`);
    await juliet.sync();
    await foreign.presentity(ROMEO);
    expect((await own.message(cpim(ROMEO, JULIET, "it is not I"))).status).toBe(401);
    expect((await foreign.call("GET", `${PRESENTITY}/presence`)).status).toBe(404);
    await foreign.publish(ROMEO, pidf(ROMEO, { id: "orchard" }));
    await juliet.expectNothing();
  });
});
