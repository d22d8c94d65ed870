// XEP-0012 2.0: Last Activity.

import { describe, expect, it } from "vitest";
import { createMemoryStore } from "../../storage/memory.ts";
import type { ScriptedClient } from "../support/client.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { temporaryFolder } from "../support/folder.ts";
import { gatedStore } from "../support/gated-store.ts";
import { befriend, startServer, type TestServer } from "../support/server.ts";

const LAST = "<query xmlns='jabber:iq:last'/>";
const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";

type Scene = { server: TestServer; clock: FakeClock; romeo: ScriptedClient; juliet: ScriptedClient };

/** Romeo may see Juliet's presence. */
async function couple(limits = {}): Promise<Scene> {
  const clock = new FakeClock();
  const server = await startServer({ limits: { idleTimeoutSeconds: 0, ...limits } }, { clock });
  const [romeo, juliet] = [await server.online("romeo"), await server.online("juliet", { resource: "balcony" })];
  await befriend(romeo, juliet);
  return { server, clock, romeo, juliet };
}

/** Her end has been told to him. */
async function gone({ romeo, juliet }: Scene): Promise<void> {
  await romeo.until(`<presence type='unavailable' from='${juliet.full}'/>`);
}

async function last(client: ScriptedClient, to: string): Promise<{ seconds: string; status: string }> {
  const answer = await client.ask("get", LAST, to);
  const query = answer.getChild("query", "jabber:iq:last");
  return { seconds: query?.attrs.seconds as string, status: query?.text() ?? "" };
}

async function expectForbidden(client: ScriptedClient, to: string): Promise<void> {
  const answer = await client.ask("get", LAST, to);
  expect(answer.toString().replaceAll(to, "X")).toBe(
    `<iq type="error" from="X" to="${client.full}" id="${answer.attrs.id}">` +
      `<error type="auth"><forbidden xmlns="${STANZAS}"/></error></iq>`,
  );
}

describe("XEP-0012 section 3: a user who is away", () => {
  it("seconds since the last resource left, and the status of its last presence", async () => {
    const scene = await couple();
    const { juliet, romeo, clock } = scene;
    juliet.send("<presence type='unavailable'><status>Heading Home</status></presence>");
    await juliet.close();
    await gone(scene);
    clock.advance(903_500);
    expect(await last(romeo, "juliet@example.com")).toEqual({ seconds: "903", status: "Heading Home" });
  });

  it("a connection that was cut has no status", async () => {
    const scene = await couple();
    scene.juliet.cut();
    await gone(scene);
    scene.clock.advance(5_000);
    expect(await last(scene.romeo, "juliet@example.com")).toEqual({ seconds: "5", status: "" });
  });

  it("one of two resources is still there: 0 and no text; then the last one counts", async () => {
    const scene = await couple();
    const { server, juliet, romeo, clock } = scene;
    const other = await server.online("juliet", { resource: "chamber" });
    juliet.send("<presence type='unavailable'><status>first</status></presence>");
    await juliet.close();
    await gone(scene);
    clock.advance(60_000);
    expect(await last(romeo, "juliet@example.com")).toEqual({ seconds: "0", status: "" });
    other.send("<presence type='unavailable'><status>second</status></presence>");
    await other.close();
    await romeo.until("<presence type='unavailable' from='juliet@example.com/chamber'/>");
    clock.advance(1_000);
    expect(await last(romeo, "juliet@example.com")).toEqual({ seconds: "1", status: "second" });
  });

  it("only the last of the resources is remembered", async () => {
    const store = createMemoryStore();
    const server = await startServer({}, { store });
    const [one, two] = [await server.online("juliet"), await server.online("juliet")];
    one.send("<presence type='unavailable'/>");
    await one.sync();
    expect(await store.profiles.lastActivity(one.bare)).toBeUndefined();
    two.send("<presence type='unavailable'/>");
    await two.sync();
    server.clock.advance(1_000);
    expect(await store.profiles.lastActivity(one.bare)).toBeDefined();
  });

  it("a connected resource without presence counts, too: 0", async () => {
    const scene = await couple();
    scene.juliet.send("<presence type='unavailable'/>");
    await gone(scene);
    scene.clock.advance(60_000);
    expect(await last(scene.romeo, "juliet@example.com")).toEqual({ seconds: "0", status: "" });
  });

  it("who may not see the presence gets forbidden, and the same of an account that is not there", async () => {
    const { server, juliet } = await couple();
    const stranger = await server.online("stranger");
    for (const to of [juliet.bare, "nobody@example.com"]) await expectForbidden(stranger, to);
    await juliet.close();
    await expectForbidden(stranger, "juliet@example.com");
  });

  it("it is his presence that she may see: she gets forbidden who only is seen", async () => {
    const server = await startServer();
    const [romeo, juliet] = [await server.online("romeo"), await server.online("juliet")];
    romeo.send(`<presence to='${juliet.bare}' type='subscribe'/>`);
    await juliet.until("<presence type='subscribe'/>");
    juliet.send(`<presence to='${romeo.bare}' type='subscribed'/>`);
    await juliet.sync();
    await romeo.sync();
    expect(await last(romeo, juliet.bare)).toEqual({ seconds: "0", status: "" });
    await expectForbidden(juliet, romeo.bare);
  });

  it("nothing is known of who was never there: item-not-found, to a subscriber", async () => {
    const { server, romeo, juliet } = await couple();
    await server.admin.addUser("nurse", "secret");
    const nurse = await server.client("nurse");
    romeo.send(`<presence to='${nurse.bare}' type='subscribe'/>`);
    await romeo.sync();
    nurse.send(`<presence to='${romeo.bare}' type='subscribed'/>`);
    await nurse.sync();
    await nurse.close();
    await juliet.sync();
    const answer = await romeo.ask("get", LAST, "nurse@example.com");
    expect(answer.getChild("error")?.getChild("item-not-found", STANZAS)).toBeDefined();
  });

  it("it is kept over a restart, also for those that were there at its end", async () => {
    const clock = new FakeClock();
    const config = { limits: { idleTimeoutSeconds: 0 }, storage: { path: await temporaryFolder() } };
    const before = await startServer(config, { clock });
    const [romeo, juliet] = [await before.online("romeo"), await before.online("juliet")];
    await befriend(romeo, juliet);
    await before.stop();
    clock.advance(10_000);
    const after = await startServer(config, { clock });
    const again = await after.client("romeo");
    expect(await last(again, "juliet@example.com")).toEqual({ seconds: "10", status: "" });
  });

  it("a long status is cut off (limits.statusCharacters), and a clock that was set back makes it 0 seconds", async () => {
    const scene = await couple({ statusCharacters: 3 });
    scene.juliet.send("<presence type='unavailable'><status>ab\u{1f339}cd</status></presence>");
    await scene.juliet.close();
    await gone(scene);
    scene.clock.jump(-60_000);
    expect(await last(scene.romeo, "juliet@example.com")).toEqual({ seconds: "0", status: "ab\u{1f339}" });
  });

  it("a client that came while its account was being deleted leaves nothing", async () => {
    const { store, hold } = gatedStore();
    const server = await startServer({}, { store });
    await server.admin.addUser("juliet", "secret");
    const gate = hold("accounts", "delete");
    const deleted = server.admin.deleteUser("juliet");
    await gate.reached;
    const juliet = await server.online("juliet", { password: "secret" });
    gate.open();
    await deleted;
    await juliet.ended();
    expect(await store.profiles.lastActivity("juliet@example.com")).toBeUndefined();
  });

  it("it goes with the account: an heir of the name begins anew", async () => {
    const { server, romeo, juliet } = await couple();
    await juliet.close();
    await romeo.until("<presence type='unavailable'/>");
    await server.admin.deleteUser("juliet");
    await server.admin.addUser("juliet", "secret");
    const heir = await server.client("juliet", { password: "secret" });
    romeo.send(`<presence to='${heir.bare}' type='subscribe'/>`);
    await romeo.sync();
    heir.send(`<presence to='${romeo.bare}' type='subscribed'/>`);
    await heir.sync();
    await heir.close();
    const answer = await romeo.ask("get", LAST, "juliet@example.com");
    expect(answer.getChild("error")?.getChild("item-not-found", STANZAS)).toBeDefined();
  });
});

describe("XEP-0012 section 4: a resource", () => {
  it("is asked itself by who may see its presence, and by nobody else", async () => {
    const { server, romeo, juliet } = await couple();
    romeo.send(`<iq type='get' id='last2' to='${juliet.full}'>${LAST}</iq>`);
    await juliet.until(`<iq type='get' id='last2' from='${romeo.full}'>${LAST}</iq>`);
    juliet.send(`<iq type='result' id='last2' to='${romeo.full}'><query xmlns='jabber:iq:last' seconds='123'/></iq>`);
    await romeo.until("<iq type='result' id='last2'><query xmlns='jabber:iq:last' seconds='123'/></iq>");
    const stranger = await server.online("stranger");
    expect((await stranger.ask("get", LAST, juliet.full)).attrs.type).toBe("error");
    await juliet.expectNothing();
  });
});

describe("XEP-0012 section 5: the server", () => {
  it("tells how long it has been running", async () => {
    const { romeo, clock } = await couple();
    const before = Number((await last(romeo, "example.com")).seconds);
    clock.advance(123_456_000);
    expect(await last(romeo, "example.com")).toEqual({ seconds: String(before + 123_456), status: "" });
  });
});
