// What the gateway knows over restarts, on a real SQLite file: requests, TransIDs, SubscriptIDs, durations (RFC 3859 section
// 3.4: presence information and continual operations are kept in persistent storage).

import { expect, it } from "vitest";
import { FakeClock } from "../support/fake-clock.ts";
import { temporaryFolder } from "../support/folder.ts";
import { type EventStream, Foreign, pidf } from "../support/foreign.ts";
import { cleanUp, startServer, type TestServer } from "../support/server.ts";
import { JULIET, ROMEO, STANZAS, SUBSCRIPTION } from "../support/stage.ts";

const WATCHERS = `/presentities/${ROMEO}/watchers`;
const HOUR = 3_600_000;

type Life = { readonly server: TestServer; readonly foreign: Foreign };

class Lives {
  readonly clock = new FakeClock();
  #path = "";
  #token = "";
  #server: TestServer | undefined;

  async begin(): Promise<Life> {
    this.#path = await temporaryFolder();
    const life = await this.again(async (server) => {
      this.#token = (await server.admin.addToken("domain:example.net")).token;
    });
    await life.foreign.presentity(ROMEO);
    return life;
  }

  /** Stops the server, if one runs, and starts one on the same file. */
  async again(prepare = async (_server: TestServer): Promise<void> => {}): Promise<Life> {
    await this.#server?.stop();
    const gateway = { domains: { "example.net": {} }, heartbeatSeconds: 1_000_000 };
    const config = { storage: { path: this.#path }, gateway, limits: { idleTimeoutSeconds: 0 } };
    this.#server = await startServer(config, { clock: this.clock });
    await prepare(this.#server);
    return { server: this.#server, foreign: new Foreign(this.#server.addresses.http as number, this.#token) };
  }
}

async function begin(): Promise<Life & { lives: Lives }> {
  const lives = new Lives();
  return { ...(await lives.begin()), lives };
}

async function events(foreign: Foreign, after = "0"): Promise<EventStream> {
  const stream = await foreign.events(`/presentities/${ROMEO}/events?after=${after}`);
  cleanUp(async () => stream.close());
  return stream;
}

it("a user's request that waits for the presentity, with its TransID [PP-3.4a S-6.1e]", async () => {
  const { server, foreign, lives } = await begin();
  const juliet = await server.online("juliet");
  juliet.send(`<presence to='${ROMEO}' type='subscribe' id='s1'/>`);
  const { id } = await (await events(foreign)).expect("subscribe", { transId: "s1" });

  const later = await lives.again();
  expect((await later.foreign.call("GET", WATCHERS)).json()).toMatchObject([{ state: "pending", transId: "s1" }]);
  const again = await later.server.online("juliet");
  again.send(`<presence to='${ROMEO}' type='subscribe' id='s2'/>`);
  await again.expect(`<presence type='error' id='s2'><error><conflict xmlns='${STANZAS}'/></error></presence>`);
  await later.foreign.call("PUT", `${WATCHERS}/${JULIET}`, { state: "active" });
  await again.expect(`<presence type='subscribed' from='${ROMEO}' id='s1'/>`);
  expect((await events(later.foreign, id)).pending).toBe(0);
});

it("a presentity's request that waits for the user, with its TransID [PP-3.4a S-6.2e S-6.2g]", async () => {
  const { server, foreign, lives } = await begin();
  await server.client("juliet"); // she has an account, and is not online
  expect((await foreign.call("PUT", SUBSCRIPTION, { transId: "t1", duration: 7200 })).status).toBe(202);

  const later = await lives.again();
  expect((await later.foreign.call("PUT", SUBSCRIPTION, { transId: "t2" })).status).toBe(409);
  const juliet = await later.server.client("juliet", { resource: "balcony" });
  juliet.send("<presence/>");
  await juliet.until(`<presence type='subscribe' from='${ROMEO}' id='t1'/>`);
  lives.clock.advance(HOUR);
  juliet.send(`<presence type='subscribed' to='${ROMEO}'/>`);
  const stream = await events(later.foreign);
  await stream.expect("response", { transId: "t1", status: "success" });
  await stream.expect("notify", { transId: "t1" });
  const [listed] = (await later.foreign.call("GET", `/presentities/${ROMEO}/subscriptions`)).json<
    { expires: string }[]
  >();
  expect(Date.parse(listed?.expires as string) - lives.clock.now()).toBe(HOUR); // counted from the request
});

it("an active subscription of a presentity: the same SubscriptID, and its time goes on [PP-3.4a PP-3.4b S-6.2h]", async () => {
  const { server, foreign, lives } = await begin();
  const juliet = await server.online("juliet", { resource: "balcony" });
  await foreign.call("PUT", SUBSCRIPTION, { transId: "t1", duration: 3000 });
  juliet.send(`<presence type='subscribed' to='${ROMEO}'/>`);
  const stream = await events(foreign);
  await stream.expect("response");
  const { data } = await stream.expect("notify");
  const { subscription } = data;

  const later = await lives.again();
  const after = await events(later.foreign);
  for (const kind of ["response", "notify"]) await after.expect(kind);
  const offline = await after.expect("notify", { subscription }); // her session ended with the server
  expect(offline.data.object).toContain("<basic>closed</basic>");
  const again = await later.server.online("juliet", { resource: "balcony" });
  expect((await after.expect("notify", { subscription })).data.object).toContain("<basic>open</basic>");

  lives.clock.advance(HOUR);
  await after.expect("terminated", { reason: "expired" });
  await later.foreign.call("PUT", SUBSCRIPTION, { duration: 60 });
  expect((await after.expect("notify")).data.subscription).not.toBe(subscription);
  await again.sync();
});

it("what a user watches: told at the next login, and of every change [PP-3.4a S-6.1g]", async () => {
  const { server, foreign, lives } = await begin();
  const juliet = await server.online("juliet");
  await foreign.publish(ROMEO, pidf(ROMEO, { id: "orchard", im: "away" }));
  juliet.send(`<presence to='${ROMEO}' type='subscribe' id='s1'/>`);
  await (await events(foreign)).expect("subscribe");
  await foreign.call("PUT", `${WATCHERS}/${JULIET}`, { state: "active" });

  const later = await lives.again();
  const again = await later.server.client("juliet");
  again.send("<presence/>");
  await again.until(`<presence from='${ROMEO}/orchard'><show>away</show></presence>`);
  await later.foreign.publish(ROMEO, pidf(ROMEO, { id: "orchard", im: "busy" }));
  await again.until(`<presence from='${ROMEO}/orchard'><show>dnd</show></presence>`);
});

it("what ran out while the server was down is over when it comes back [S-6.2m S-6.2l]", async () => {
  const { server, foreign, lives } = await begin();
  const juliet = await server.online("juliet");
  const nurse = await server.client("nurse");
  await foreign.call("PUT", SUBSCRIPTION, { transId: "t1", duration: 3600 });
  juliet.send(`<presence type='subscribed' to='${ROMEO}'/>`);
  await foreign.call("PUT", `/presentities/${ROMEO}/subscriptions/${nurse.bare}`, { transId: "t2", duration: 3600 });
  await foreign.publish(ROMEO, pidf(ROMEO, { id: "orchard" }), "?expires=3600");
  await juliet.sync();

  await server.stop();
  lives.clock.advance(2 * HOUR);
  const later = await lives.again();
  const stream = await events(later.foreign);
  for (const kind of ["response", "notify", "notify"]) await stream.expect(kind); // her approval; the server's end
  const ended = [await stream.next(), await stream.next(), await stream.next()];
  expect(ended.map(({ event, data }) => [event, data.reason ?? data.status]).sort()).toEqual([
    ["response", "failure"],
    ["terminated", "expired"],
    ["terminated", "expired"],
  ]);
  expect((await later.foreign.call("GET", `/presentities/${ROMEO}/presence`)).status).toBe(404);
  const again = await later.server.client("nurse");
  await again.ask("get", "<query xmlns='jabber:iq:roster'/>");
  again.send("<presence id='hello'/>");
  expect((await again.untilNow()).map(({ attrs }) => attrs.type)).not.toContain("subscribe");
});
