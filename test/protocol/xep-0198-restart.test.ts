// XEP-0198 1.6.3 section 5: "the sequence values are carried over from the previous session". Balcony carries them over a
// restart and a kill of the server, too: sessions and what their clients have not acknowledged are on disk.

import type { Element } from "ltx";
import { describe, expect, it } from "vitest";
import { createTestServer } from "../../server/testing/index.ts";
import { balcony } from "../demo/programs.ts";
import { BuiltServer, TEST_ENV } from "../support/built-server.ts";
import { ScriptedClient } from "../support/client.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { temporaryFolder } from "../support/folder.ts";
import { befriend, cleanUp, startServer, type TestServer } from "../support/server.ts";
import { overWebSocket } from "../support/under-test.ts";

const SM = "urn:xmpp:sm:3";
const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";

function chat(to: string, body: string): string {
  return `<message to='${to}' type='chat' id='${body}'><body>${body}</body></message>`;
}

function ids(elements: readonly { name: string; attrs: Record<string, unknown> }[]): unknown[] {
  return elements.filter(({ name }) => name === "message").map(({ attrs }) => attrs.id);
}

async function resumed(server: TestServer, user: string, previd: string, lost: ScriptedClient) {
  const client = await server.authenticated(user);
  const answer = await client.resumeSession(previd, lost);
  return { client, h: Number(answer.attrs.h) };
}

describe("a restart that was announced", () => {
  function on(path: string, clock: FakeClock) {
    return startServer({ storage: { path }, c2s: { requireTls: false } }, { clock });
  }

  it("the session goes on: counters, what was unacknowledged, what comes meanwhile, roster pushes, carbons", async () => {
    const clock = new FakeClock();
    const folder = await temporaryFolder();
    const first = await on(folder, clock);
    const romeo = await first.client("romeo", { resource: "phone" });
    await romeo.ask("set", "<enable xmlns='urn:xmpp:carbons:2'/>");
    const previd = (await romeo.enable()).attrs.id as string;
    await romeo.ask("get", "<query xmlns='jabber:iq:roster'/>");
    romeo.send("<presence><priority>5</priority></presence>");
    await romeo.sync();
    romeo.ack();
    const juliet = await first.client("juliet");
    juliet.send(chat("romeo@example.com", "before"));
    await juliet.sync();
    romeo.cut();
    await romeo.ended();
    juliet.send(chat("romeo@example.com", "while away"));
    await juliet.sync();
    await first.stop();

    const second = await on(folder, clock);
    const nurse = await second.client("nurse");
    nurse.send(chat("romeo@example.com", "after the restart"));
    await nurse.sync();
    const desk = await second.client("romeo", { resource: "desk" });
    await desk.ask("set", "<query xmlns='jabber:iq:roster'><item jid='paris@example.com'/></query>");
    desk.send(chat("nurse@example.com", "from the desk"));
    await desk.sync();
    const seenBefore = ids(romeo.left());
    const { client: back, h } = await resumed(second, "romeo", previd, romeo);
    expect(h).toBe(3);
    const got = await back.untilNow();
    expect([...seenBefore, ...ids(got)].slice(0, 3)).toEqual(["before", "while away", "after the restart"]);
    expect(got.some((el) => el.getChild("query", "jabber:iq:roster") !== undefined)).toBe(true);
    expect(got.filter((el) => el.getChild("sent", "urn:xmpp:carbons:2") !== undefined).length).toBe(1);
    expect(await back.askForAck()).toBe(4);
    back.ack();
    await back.sync();
  });

  it.each([
    ["acknowledged", true],
    ["unacknowledged", false],
  ])("a second restart before the client is back changes nothing (the rest %s)", async (_name, acked) => {
    const clock = new FakeClock();
    const folder = await temporaryFolder();
    let server = await on(folder, clock);
    const romeo = await server.client("romeo");
    const previd = (await romeo.enable()).attrs.id as string;
    romeo.send("<presence/>");
    await romeo.sync();
    for (let n = 0; n < 5; n++) await romeo.sync();
    if (acked) romeo.ack();
    await romeo.askForAck();
    romeo.cut();
    await romeo.ended();
    for (const round of ["one", "two", "three"]) {
      const juliet = await server.client("juliet");
      juliet.send(chat("romeo@example.com", round));
      await juliet.sync();
      await server.stop();
      server = await on(folder, clock);
    }
    const { client: back } = await resumed(server, "romeo", previd, romeo);
    expect(ids(await back.untilNow())).toEqual(["one", "two", "three"]);
    back.ack();
    await back.sync();
    back.cut();
    await back.ended();
    const { client: again } = await resumed(server, "romeo", previd, back);
    expect(ids(await again.untilNow())).toEqual([]);
  });

  it("time goes on over the restart: what was not resumed goes to the offline store, once, and the count is still told", async () => {
    const clock = new FakeClock(Date.parse("2026-01-01T00:00:00Z"));
    const folder = await temporaryFolder();
    const first = await on(folder, clock);
    const romeo = await first.client("romeo");
    const previd = (await romeo.enable()).attrs.id as string;
    romeo.send("<presence/>");
    await romeo.sync();
    romeo.ack();
    await romeo.askForAck();
    romeo.cut();
    await romeo.ended();
    const juliet = await first.client("juliet");
    juliet.send(chat("romeo@example.com", "late"));
    await juliet.sync();
    await first.stop();
    clock.advance(700_000);
    const second = await on(folder, clock);
    clock.advance(1);
    const back = await second.authenticated("romeo");
    back.send(`<resume xmlns='${SM}' previd='${previd}' h='${romeo.handled}'/>`);
    const failed = await back.expect(`<failed xmlns='${SM}'><item-not-found xmlns='${STANZAS}'/></failed>`);
    expect(failed.attrs.h).toBe("2");
    await back.bind();
    back.send("<presence/>");
    await back.until("<message id='late'><delay xmlns='urn:xmpp:delay' stamp='2026-01-01T00:00:00.000Z'/></message>");
    expect(ids(await back.untilNow())).toEqual([]);
    await second.stop();
    const third = await on(folder, clock);
    const once = await third.client("romeo");
    once.send("<presence/>");
    expect(ids(await once.untilNow())).toEqual([]);
  });

  it("contacts' presence is told anew: who is there, and who is not any more", async () => {
    const clock = new FakeClock();
    const folder = await temporaryFolder();
    const first = await on(folder, clock);
    const romeo = await first.online("romeo");
    const [juliet, nurse] = [await first.online("juliet"), await first.online("nurse")];
    await befriend(romeo, juliet);
    await befriend(romeo, nurse);
    const previd = (await romeo.enable()).attrs.id as string;
    await romeo.ask("get", "<query xmlns='jabber:iq:roster'/>");
    await romeo.sync();
    romeo.cut();
    await romeo.ended();
    await first.stop();
    const second = await on(folder, clock);
    await second.online("juliet");
    romeo.left();
    const { client: back } = await resumed(second, "romeo", previd, romeo);
    const presences = (await back.untilNow()).filter(({ name }) => name === "presence");
    const told = presences.map(({ attrs }) => `${String(attrs.from).replace(/\/.*/, "")} ${attrs.type ?? "available"}`);
    expect(told).toContain("juliet@example.com available");
    expect(told).toContain("nurse@example.com unavailable");
  });

  it("an account that is deleted while its client is away has no session left", async () => {
    const clock = new FakeClock();
    const folder = await temporaryFolder();
    const server = await on(folder, clock);
    const romeo = await server.client("romeo");
    const previd = (await romeo.enable()).attrs.id as string;
    romeo.cut();
    await romeo.ended();
    await server.admin.deleteUser("romeo");
    await server.admin.addUser("romeo", "secret");
    const back = await server.authenticated("romeo");
    back.send(`<resume xmlns='${SM}' previd='${previd}' h='0'/>`);
    const failed = await back.expect(`<failed xmlns='${SM}'><item-not-found xmlns='${STANZAS}'/></failed>`);
    expect(failed.attrs.h).toBeUndefined();
  });
});

describe.skipIf(overWebSocket())("a kill of the server in this process", () => {
  it("presence that was counted while messages waited for room is not forgotten, however often it is interrupted", async () => {
    const server = await createTestServer({ streamManagement: { queueStanzas: 100 } }, { onDisk: true });
    cleanUp(() => server.stop({ cut: true }));
    await server.addUser("romeo");
    const juliet = await server.client("juliet");
    for (let n = 0; n < 250; n++) juliet.send(chat("romeo@example.com", `${n}`));
    await juliet.sync();
    let romeo = await server.client("romeo");
    const previd = (await romeo.enable()).attrs.id as string;
    romeo.send("<presence/>");
    await romeo.until("<message id='24'/>"); // the rest waits until these are acknowledged
    romeo.cut();
    await romeo.ended();
    for (let turn = 0; turn < 3; turn++) await juliet.sync();
    server.clock.advance(10_000); // what the lost client asked for last has had its time
    await juliet.sync();
    for (let round = 0; round < 2; round++) {
      const { client } = await resumed(server, "romeo", previd, romeo);
      await client.sync(); // the presence goes on beside this
      await server.kill();
      await server.start();
      romeo = client;
    }
    const { client: back } = await resumed(server, "romeo", previd, romeo);
    const echo = ({ name, attrs }: Element): boolean => name === "presence" && attrs.from === back.full;
    do back.ack();
    while (!(await back.untilNow()).some(echo)); // RFC 6121 section 4.2.2: the user's own resources get it, too
    const nurse = await server.client("nurse");
    nurse.send(chat("romeo@example.com", "live"));
    const live = await back.until("<message id='live'/>");
    expect(live.getChild("delay", "urn:xmpp:delay")).toBeUndefined();
  });
});

describe.skipIf(overWebSocket())("a kill of the server", () => {
  const environment = (folder: string) => ({
    ...TEST_ENV,
    BALCONY_DOMAIN: "example.com",
    BALCONY_STORAGE_PATH: folder,
  });

  async function start(folder: string): Promise<BuiltServer> {
    const server = await BuiltServer.start({ env: environment(folder) });
    cleanUp(async () => {
      await server.stop("SIGKILL");
    });
    return server;
  }

  const login = (server: BuiltServer, user: string) =>
    ({ port: server.directTlsPort, domain: "example.com", user, password: "secret", tls: "direct" }) as const;

  it("what was acknowledged is there, what was not is sent again by the client, and nothing comes twice", async () => {
    const folder = await temporaryFolder();
    for (const user of ["romeo", "juliet"]) await balcony(["user", "add", user], environment(folder), "secret\n");
    let server = await start(folder);
    let romeo = await ScriptedClient.login(login(server, "romeo"));
    let juliet = await ScriptedClient.login(login(server, "juliet"));
    const romeoId = (await romeo.enable()).attrs.id as string;
    const julietId = (await juliet.enable()).attrs.id as string;
    for (const client of [romeo, juliet]) {
      client.send("<presence/>");
      await client.sync();
    }
    // What juliet sent and the server has not counted yet; her stanzas before were two.
    const sent: string[] = [];
    let counted = 2;
    const got: unknown[] = [];
    for (let round = 0; round < 4; round++) {
      for (let n = 0; n < 50; n++) {
        const xml = chat("romeo@example.com", `${round}.${n}`);
        sent.push(xml);
        juliet.send(xml);
      }
      juliet.send("<r xmlns='urn:xmpp:sm:3'/>");
      await juliet.next();
      await server.stop("SIGKILL");
      await Promise.all([romeo.ended(), juliet.ended()]);
      got.push(...ids(romeo.left()));
      server = await start(folder);
      const [lostRomeo, lostJuliet] = [romeo, juliet];
      romeo = await ScriptedClient.authenticated(login(server, "romeo"));
      await romeo.resumeSession(romeoId, lostRomeo);
      juliet = await ScriptedClient.authenticated(login(server, "juliet"));
      const h = Number((await juliet.resumeSession(julietId, lostJuliet)).attrs.h);
      for (const xml of sent.slice(h - counted)) juliet.send(xml);
      sent.splice(0, h - counted);
      counted = h;
      await juliet.sync();
      counted += sent.length + 1;
      sent.length = 0;
      got.push(...ids(await romeo.untilNow()));
    }
    expect(got).toEqual(Array.from({ length: 200 }, (_, n) => `${Math.floor(n / 50)}.${n % 50}`));
  }, 60_000);
});
