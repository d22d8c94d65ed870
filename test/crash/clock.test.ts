// The machine's clock jumps back: what was stored with times that are now in the future is still there, in its order, and
// nothing expires, repeats or is refused because of it.

import { expect, it } from "vitest";
import { FakeClock } from "../support/fake-clock.ts";
import { temporaryFolder } from "../support/folder.ts";
import { cpim, Foreign, pidf } from "../support/foreign.ts";
import { befriend, startServer } from "../support/server.ts";

const LATER = Date.parse("2026-01-02T00:00:00Z");
const EARLIER = Date.parse("2026-01-01T00:00:00Z");
const ROMEO = "romeo@example.net";

it("between two runs of the server", async () => {
  const path = await temporaryFolder();
  const config = { storage: { path }, gateway: { domains: { "example.net": {} } }, limits: { idleTimeoutSeconds: 0 } };
  const first = await startServer(config, { clock: new FakeClock(LATER) });
  const foreign = await Foreign.of(first, "domain:example.net");
  await foreign.presentity(ROMEO, { subscriptions: "allow" });
  const juliet = await first.online("juliet");
  await first.admin.addUser("nurse", "secret");
  await first.admin.addUser("benvolio", "secret");
  await befriend(juliet, await first.online("benvolio", { password: "secret" }));
  juliet.send(`<presence to='${ROMEO}' type='subscribe'/>`);
  await juliet.until(`<presence from='${ROMEO}' type='subscribed'/>`);
  expect((await foreign.publish(ROMEO, pidf(ROMEO, { id: "a", note: "then" }), "?expires=600")).status).toBe(201);
  await juliet.until(`<presence from='${ROMEO}/a'><status>then</status></presence>`);
  juliet.send(`<message to='nurse@example.com' type='chat'><body>first</body></message>`);
  juliet.send(`<message to='${ROMEO}' type='chat'><body>before</body></message>`);
  await juliet.sync();
  await first.stop();

  const clock = new FakeClock(EARLIER);
  const second = await startServer(config, { clock });
  const again = await Foreign.of(second, "domain:example.net");
  const login = { password: "secret" };
  const back = await second.online("juliet", login);
  const benvolio = await second.online("benvolio", login);
  back.send("<presence><status>back</status></presence>");
  await benvolio.until(`<presence from='${back.full}'><status>back</status></presence>`);
  // What has not expired then is not gone now, and what is new comes behind what is old.
  expect((await again.call("GET", `/presentities/${ROMEO}/presence`)).text).toContain("then");
  back.send(`<message to='nurse@example.com' type='chat'><body>second</body></message>`);
  back.send(`<message to='${ROMEO}' type='chat'><body>after</body></message>`);
  await back.sync();
  expect((await again.message(cpim(ROMEO, "nurse@example.com", "third"))).status).toBe(200);
  const nurse = await second.client("nurse", login);
  nurse.send("<presence/>");
  for (const body of ["first", "second", "third"]) await nurse.until(`<message><body>${body}</body></message>`);
  const events = await again.events(`/presentities/${ROMEO}/events?after=0`);
  const bodies: string[] = [];
  const ids: number[] = [];
  while (bodies.length < 2) {
    const { id, event, data } = await events.next("the messages");
    ids.push(Number(id));
    if (event === "message") bodies.push(/before|after/.exec(String(data.object))?.[0] ?? "");
  }
  events.close();
  expect(bodies).toEqual(["before", "after"]);
  expect(ids).toEqual([...ids].sort((a, b) => a - b));
  // It expires at the time that it was given, whatever has happened to the clock meanwhile.
  for (let hour = 0; hour < 26; hour += 1) {
    clock.advance(3_600_000);
    await again.call("GET", `/presentities/${ROMEO}`);
  }
  await back.until(`<presence from='${ROMEO}/a' type='unavailable'/>`);
});

it("while the server runs", async () => {
  const clock = new FakeClock(LATER);
  const server = await startServer(
    { gateway: { domains: { "example.net": {} } }, auth: { throttle: true } },
    { clock },
  );
  const foreign = await Foreign.of(server, "domain:example.net");
  await foreign.presentity(ROMEO, { subscriptions: "allow" });
  const juliet = await server.online("juliet");
  await server.admin.addUser("nurse", "secret");
  juliet.send("<message to='nurse@example.com' type='chat'><body>first</body></message>");
  await juliet.sync();

  clock.jump(EARLIER - LATER);
  juliet.send("<message to='nurse@example.com' type='chat'><body>second</body></message>");
  await juliet.sync();
  expect((await foreign.publish(ROMEO, pidf(ROMEO, { id: "a" }))).status).toBe(201);
  const nurse = await server.client("nurse", { password: "secret", tls: "direct" });
  nurse.send("<presence/>");
  for (const body of ["first", "second"]) await nurse.until(`<message><body>${body}</body></message>`);
  // A silent stream is still found: the time it was silent for counts from the jump on.
  clock.advance(10_000);
  clock.advance(910_000);
  await juliet.until("<iq type='get'><ping xmlns='urn:xmpp:ping'/></iq>");
});
