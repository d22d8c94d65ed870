// Rooms over restarts and kills of the server: what was acknowledged is there, and whose session outlives it (XEP-0198
// section 5) is still in its rooms.

import type { Element } from "ltx";
import { describe, expect, it } from "vitest";
import { attr, child } from "../../server/stanza.ts";
import { balcony } from "../demo/programs.ts";
import { BuiltServer, TEST_ENV } from "../support/built-server.ts";
import { ScriptedClient } from "../support/client.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { temporaryFolder } from "../support/folder.ts";
import {
  ADMIN,
  admin,
  bodyOf,
  conditionOf,
  configure,
  itemOf,
  join,
  make,
  nickOf,
  ROOM,
  say,
  statuses,
} from "../support/rooms.ts";
import { cleanUp, startServer, type TestServer } from "../support/server.ts";

const PING = "<ping xmlns='urn:xmpp:ping'/>";

function on(path: string, clock = new FakeClock()): Promise<TestServer> {
  return startServer({ storage: { path }, c2s: { requireTls: false }, rooms: { unusedDays: 30 } }, { clock });
}

async function managed(server: TestServer, user: string): Promise<{ client: ScriptedClient; previd: string }> {
  const client = await server.client(user);
  const previd = (await client.enable()).attrs.id as string;
  client.send("<presence/>");
  await client.sync();
  return { client, previd };
}

async function cut(client: ScriptedClient): Promise<void> {
  client.ack();
  await client.askForAck();
  client.cut();
  await client.ended();
}

async function resumed(
  server: TestServer,
  user: string,
  previd: string,
  lost: ScriptedClient,
): Promise<ScriptedClient> {
  const client = await server.authenticated(user);
  await client.resumeSession(previd, lost);
  return client;
}

describe("a restart that was announced", () => {
  it("who comes back is in the room under the same nickname and role; who does not has left, and that is told", async () => {
    const folder = await temporaryFolder();
    const first = await on(folder);
    const { client: juliet, previd } = await managed(first, "juliet");
    const { client: romeo, previd: romeos } = await managed(first, "romeo");
    await make(juliet, "jule", { moderatedroom: "1" });
    await join(romeo, "rom");
    await admin(juliet, "<item nick='rom' role='participant'/>");
    const nurse = await first.online("nurse");
    await join(nurse, "angelica");
    romeo.send(`<presence to='${ROOM}/rom'><show>away</show></presence>`);
    for (const client of [juliet, romeo]) {
      await client.sync();
      await cut(client);
    }
    await first.stop();

    const second = await on(folder);
    const back = await resumed(second, "juliet", previd, juliet);
    const seen = (await back.untilNow()).filter(({ name }) => name === "presence");
    const about = (nick: string) => seen.filter((presence) => nickOf(presence) === nick);
    expect(about("angelica").map(({ attrs }) => attrs.type)).toContain("unavailable");
    const shown = about("rom").at(-1) as Element;
    expect([itemOf(shown).role, shown.getChildText("show")]).toEqual(["participant", "away"]);
    expect((await back.ask("get", PING, `${ROOM}/jule`)).attrs.type).toBe("result");
    const romeoBack = await resumed(second, "romeo", romeos, romeo);
    await romeoBack.sync();
    say(romeoBack, "still here");
    await back.until(`<message from='${ROOM}/rom'><body>still here</body></message>`);
  });

  it("a message that waits for a client over a restart is delivered once, behind what was before it", async () => {
    const folder = await temporaryFolder();
    const first = await on(folder);
    const { client: juliet, previd } = await managed(first, "juliet");
    await make(juliet, "jule");
    const romeo = await first.online("romeo");
    await join(romeo, "rom");
    await juliet.sync();
    await cut(juliet);
    say(romeo, "while away");
    await romeo.until("<message><body>while away</body></message>");
    await first.stop();
    const second = await on(folder);
    const back = await resumed(second, "juliet", previd, juliet);
    const messages = (await back.untilNow()).filter(({ name }) => name === "message");
    expect(messages.map(bodyOf)).toEqual(["while away"]);
  });

  it("a session whose time is over is out of its rooms, and a temporary room ends with it", async () => {
    const clock = new FakeClock();
    const folder = await temporaryFolder();
    const first = await on(folder, clock);
    const { client: juliet, previd } = await managed(first, "juliet");
    await make(juliet, "jule");
    await juliet.sync();
    await cut(juliet);
    await first.stop();
    clock.advance(700_000);
    const second = await on(folder, clock);
    clock.advance(1);
    const back = await second.authenticated("juliet");
    back.send(`<resume xmlns='urn:xmpp:sm:3' previd='${previd}' h='0'/>`);
    await back.expect("<failed xmlns='urn:xmpp:sm:3'/>");
    await back.bind();
    back.send("<presence/>");
    await back.sync();
    expect(conditionOf(await back.ask("get", "<query xmlns='http://jabber.org/protocol/disco#info'/>", ROOM))).toBe(
      "item-not-found",
    );
  });

  it("a persistent room is as it was: configuration, lists, subject, picture, history; a temporary one is gone", async () => {
    const folder = await temporaryFolder();
    const first = await on(folder);
    const juliet = await first.online("juliet");
    await make(juliet, "jule", { persistentroom: "1", membersonly: "1", whois: "anyone", roomname: "Cave" });
    await admin(
      juliet,
      "<item jid='romeo@example.com' affiliation='member'/><item jid='paris@example.com' affiliation='outcast'><reason>r</reason></item>",
    );
    juliet.send(`<message to='${ROOM}' type='groupchat'><subject>Spells</subject></message>`);
    say(juliet, "remember");
    await juliet.until("<message><body>remember</body></message>");
    await juliet.ask("set", "<vCard xmlns='vcard-temp'><PHOTO><BINVAL>AAAA</BINVAL></PHOTO></vCard>", ROOM);
    await juliet.sync();
    await make(juliet, "jule", {}, "heath@rooms.example.com");
    await first.stop();

    const second = await on(folder);
    const romeo = await second.online("romeo");
    const { self, subject, history } = await join(romeo, "rom");
    expect(itemOf(self)).toMatchObject({ affiliation: "member", role: "participant" });
    expect(statuses(self)).toContain(100);
    expect(subject.getChildText("subject")).toBe("Spells");
    expect(history.map(bodyOf)).toEqual(["remember"]);
    expect(child(history[0] as Element, "x", "http://jabber.org/protocol/muc#user")).toBeUndefined();
    const back = await second.online("juliet");
    const bans = await back.ask("get", `<query xmlns='${ADMIN}'><item affiliation='outcast'/></query>`, ROOM);
    expect(bans.toString()).toContain("paris@example.com");
    const vcard = await romeo.ask("get", "<vCard xmlns='vcard-temp'/>", ROOM);
    expect(vcard.toString()).toContain("AAAA");
    const gone = await romeo.ask(
      "get",
      "<query xmlns='http://jabber.org/protocol/disco#info'/>",
      "heath@rooms.example.com",
    );
    expect(conditionOf(gone)).toBe("item-not-found");
  });

  it("a persistent room that nobody entered for so long is removed", async () => {
    const clock = new FakeClock();
    const folder = await temporaryFolder();
    const first = await on(folder, clock);
    const juliet = await first.online("juliet");
    await make(juliet, "jule", { persistentroom: "1" });
    await first.stop();
    clock.advance(29 * 86_400_000);
    const second = await on(folder, clock);
    const again = await second.online("juliet");
    await join(again, "jule");
    await second.stop();
    clock.advance(29 * 86_400_000);
    const third = await on(folder, clock);
    clock.advance(1);
    const there = await third.online("juliet");
    expect(statuses((await join(there, "jule")).self)).not.toContain(201);
    await third.stop();
    clock.advance(31 * 86_400_000);
    const fourth = await on(folder, clock);
    clock.advance(1);
    const last = await fourth.online("juliet");
    expect(statuses((await join(last, "jule")).self)).toContain(201);
  });
});

describe("a kill of the server", () => {
  const environment = (folder: string) => ({
    ...TEST_ENV,
    BALCONY_DOMAIN: "example.com",
    BALCONY_STORAGE_PATH: folder,
    BALCONY_ROOMS_STANZAS_PER_SECOND: "0",
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

  it("messages of who stays in the room: none is lost, none comes twice, and the archive has each once", async () => {
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
    await make(romeo, "rom", { persistentroom: "1" });
    await join(juliet, "jule");
    await romeo.sync();
    await juliet.sync();
    // What juliet sent and the server has not counted yet.
    const sent: string[] = [];
    let counted = await juliet.askForAck();
    const got: string[] = [];
    const heard = (stanzas: readonly Element[]): void => {
      for (const stanza of stanzas) if (attr(stanza, "type") === "groupchat") got.push(bodyOf(stanza));
    };
    for (let round = 0; round < 3; round += 1) {
      for (let n = 0; n < 40; n += 1) {
        const xml = `<message to='${ROOM}' type='groupchat' id='${round}.${n}'><body>${round}.${n}</body></message>`;
        sent.push(xml);
        juliet.send(xml);
      }
      juliet.send("<r xmlns='urn:xmpp:sm:3'/>");
      await juliet.next();
      await server.stop("SIGKILL");
      await Promise.all([romeo.ended(), juliet.ended()]);
      heard(romeo.left());
      server = await start(folder);
      const [lostRomeo, lostJuliet] = [romeo, juliet];
      romeo = await ScriptedClient.authenticated(login(server, "romeo"));
      await romeo.resumeSession(romeoId, lostRomeo);
      juliet = await ScriptedClient.authenticated(login(server, "juliet"));
      const h = Number((await juliet.resumeSession(julietId, lostJuliet)).attrs.h);
      for (const xml of sent.slice(h - counted)) juliet.send(xml);
      await juliet.sync();
      counted = await juliet.askForAck();
      sent.length = 0;
      heard(await romeo.untilNow());
    }
    const expected = Array.from({ length: 120 }, (_, n) => `${Math.floor(n / 40)}.${n % 40}`);
    expect(got).toEqual(expected);
    const archived: string[] = [];
    for (let after = ""; ; ) {
      const set = `<set xmlns='http://jabber.org/protocol/rsm'><max>100</max>${after === "" ? "" : `<after>${after}</after>`}</set>`;
      juliet.send(`<iq type='set' id='all${after}' to='${ROOM}'><query xmlns='urn:xmpp:mam:2'>${set}</query></iq>`);
      let fin: Element | undefined;
      while (fin === undefined) {
        const stanza = await juliet.next();
        const text = stanza.toString();
        if (attr(stanza, "id") === `all${after}`) fin = stanza;
        const body = /<body>([^<]*)<\/body>/.exec(text)?.[1];
        if (child(stanza, "result", "urn:xmpp:mam:2") !== undefined && body !== undefined) archived.push(body);
      }
      if (fin.toString().includes('complete="true"')) break;
      after = /<last>([^<]*)<\/last>/.exec(fin.toString())?.[1] as string;
    }
    expect(archived).toEqual(expected);
  }, 90_000);

  it("what a result confirmed is there: configuration, lists, subject, and who came in", async () => {
    const folder = await temporaryFolder();
    for (const user of ["romeo", "juliet"]) await balcony(["user", "add", user], environment(folder), "secret\n");
    let server = await start(folder);
    const juliet = await ScriptedClient.login(login(server, "juliet"));
    const previd = (await juliet.enable()).attrs.id as string;
    juliet.send("<presence/>");
    await make(juliet, "jule", { persistentroom: "1", membersonly: "1" });
    await admin(juliet, "<item jid='romeo@example.com' affiliation='member'/>");
    juliet.send(`<message to='${ROOM}' type='groupchat'><subject>Spells</subject></message>`);
    await juliet.until("<message><subject>Spells</subject></message>");
    await juliet.askForAck();
    await server.stop("SIGKILL");
    await juliet.ended();
    server = await start(folder);
    const romeo = await ScriptedClient.login(login(server, "romeo"));
    romeo.send("<presence/>");
    await romeo.sync();
    const { others, subject, self } = await join(romeo, "rom");
    expect(itemOf(self).affiliation).toBe("member");
    expect(others.map(nickOf)).toEqual(["jule"]);
    expect(subject.getChildText("subject")).toBe("Spells");
    const back = await ScriptedClient.authenticated(login(server, "juliet"));
    await back.resumeSession(previd, juliet);
    await back.sync();
    expect(attr(await configure(back, { roomname: "Cave" }), "type")).toBe("result");
  }, 60_000);
});
