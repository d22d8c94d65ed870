// XEP-0215 1.0.0: External Service Discovery.

import { createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { ConfigInput } from "../../server/index.ts";
import { childrenOf } from "../../server/stanza.ts";
import type { ScriptedClient } from "../support/client.ts";
import { ScriptedComponent } from "../support/component.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { startServer, type TestServer } from "../support/server.ts";

const NS = "urn:xmpp:extdisco:2";
const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";
const STUN = { type: "stun", host: "stun.shakespeare.lit", port: 9998, transport: "udp" } as const;
const TURN = {
  type: "turn",
  host: "192.0.2.1",
  port: 3478,
  transport: "udp",
  secret: "north",
  ttlSeconds: 3600,
} as const;
const FTP = { type: "ftp", host: "ftp.shakespeare.lit", name: "Files", username: "guest", password: "g&st" } as const;

type Attrs = Record<string, string>;

function start(externalServices: ConfigInput["externalServices"], clock = new FakeClock()): Promise<TestServer> {
  return startServer({ externalServices, limits: { idleTimeoutSeconds: 0 } }, { clock });
}

async function services(client: ScriptedClient, request: string): Promise<Attrs[]> {
  const answer = await client.ask("get", request, "example.com");
  expect(answer.attrs.type).toBe("result");
  const [payload] = answer.getChildElements();
  return payload === undefined ? [] : childrenOf(payload, "service", NS).map(({ attrs }) => ({ ...(attrs as Attrs) }));
}

function refused(condition: string): string {
  return `<iq type='error'><error><${condition} xmlns='${STANZAS}'/></error></iq>`;
}

function credentials(content: string): string {
  return `<credentials xmlns='${NS}'>${content}</credentials>`;
}

describe("XEP-0215 section 3.1: all services", () => {
  it("are those of the configuration, in order, with credentials where they need them", async () => {
    const clock = new FakeClock();
    const juliet = await (await start([STUN, TURN, FTP], clock)).online("juliet");
    const expiry = Math.floor(clock.now() / 1000) + 3600;
    const [stun, turn, ftp, ...others] = await services(juliet, `<services xmlns='${NS}'/>`);
    expect(others).toEqual([]);
    expect(stun).toEqual({ type: "stun", host: "stun.shakespeare.lit", port: "9998", transport: "udp" });
    const { secret, ttlSeconds, ...address } = TURN;
    expect(turn).toEqual({
      ...address,
      port: "3478",
      restricted: "1",
      username: expect.stringMatching(new RegExp(`^${expiry}:[\\w-]{8,}$`)),
      // The TURN REST API: base64 of the HMAC-SHA1 of the user name, keyed with the shared secret.
      password: createHmac("sha1", "north")
        .update(turn?.username ?? "")
        .digest("base64"),
      expires: new Date(expiry * 1000).toISOString().replace(".000", ""),
    });
    expect(ftp).toEqual({ ...FTP, restricted: "1" });
  });

  it("the user name tells nobody who it is; it is the same for one account's clients, and another for others", async () => {
    const server = await start([TURN]);
    const name = async (user: string): Promise<string> => {
      const [turn] = await services(await server.online(user), `<services xmlns='${NS}'/>`);
      return turn?.username ?? "";
    };
    const [first, second, romeo] = [await name("juliet"), await name("juliet"), await name("romeo")];
    expect(first).toBe(second);
    expect(first).not.toBe(romeo);
    expect(first).not.toContain("juliet");
  });
});

describe("XEP-0215 section 3.2: selected services", () => {
  it("are those of the type, and the answer names it", async () => {
    const juliet = await (await start([STUN, TURN, FTP])).online("juliet");
    const answer = await juliet.ask("get", `<services xmlns='${NS}' type='turn'/>`, "example.com");
    const payload = answer.getChild("services", NS);
    expect(payload?.attrs.type).toBe("turn");
    expect(payload?.getChildElements().map(({ attrs }) => attrs.type)).toEqual(["turn"]);
    expect(await services(juliet, `<services xmlns='${NS}' type='gopher'/>`)).toEqual([]);
  });
});

describe("XEP-0215 section 3.3: credentials", () => {
  it("of each service at the host, of that type, or of that port alone", async () => {
    const juliet = await (await start([TURN, { ...TURN, port: 443, transport: "tcp" }, FTP])).online("juliet");
    const host = "host='192.0.2.1' type='turn'";
    const both = await services(juliet, credentials(`<service ${host}/>`));
    expect(both.map(({ port }) => port)).toEqual(["3478", "443"]);
    expect(both.every(({ username, password }) => username !== undefined && password !== undefined)).toBe(true);
    const one = await services(juliet, credentials(`<service ${host} port='443'/>`));
    expect(one.map(({ port }) => port)).toEqual(["443"]);
  });

  it.each([
    "<service host='stun.shakespeare.lit' type='stun'/>",
    "<service host='192.0.2.1' type='stun'/>",
    "<service host='192.0.2.1' type='turn' port='1'/>",
  ])("there are none (%s): item-not-found", async (service) => {
    const juliet = await (await start([STUN, TURN])).online("juliet");
    juliet.send(`<iq type='get' id='1' to='example.com'>${credentials(service)}</iq>`);
    await juliet.expect(refused("item-not-found"));
  });

  it.each([
    "",
    "<service host='192.0.2.1'/>",
    "<service type='turn'/>",
    "<service host='a' type='b'/><service host='a' type='b'/>",
  ])("[%s] is no request: bad-request", async (content) => {
    const juliet = await (await start([TURN])).online("juliet");
    juliet.send(`<iq type='get' id='1' to='example.com'>${credentials(content)}</iq>`);
    await juliet.expect(refused("bad-request"));
  });
});

describe("XEP-0215 section 2: who may ask", () => {
  it("only users of this server: forbidden for a component", async () => {
    const server = await startServer({
      externalServices: [TURN],
      components: [{ domain: "irc.example.com", secret: "secret" }],
      componentPort: 0,
      componentAddresses: ["127.0.0.1"],
    });
    const component = await ScriptedComponent.login(server, "irc.example.com");
    for (const request of [`<services xmlns='${NS}'/>`, credentials("<service host='192.0.2.1' type='turn'/>")]) {
      component.send(`<iq type='get' id='1' from='a@irc.example.com' to='example.com'>${request}</iq>`);
      await component.expect(refused("forbidden"));
    }
  });
});

describe("XEP-0215 section 5: support", () => {
  it.each([
    [[STUN], true],
    [[], false],
  ])("with %j it is announced by the server: %s", async (configured, announced) => {
    const juliet = await (await start(configured)).online("juliet");
    const info = await juliet.ask("get", "<query xmlns='http://jabber.org/protocol/disco#info'/>", "example.com");
    expect(info.toString().includes(`<feature var="${NS}"/>`)).toBe(announced);
  });
});

describe("the configuration", () => {
  it.each([
    [{ type: "turn", host: "a", secret: "s", username: "u", password: "p" }, "not both"],
    [{ type: "turn", host: "a", username: "u" }, "username and password go together"],
    [{ type: "turn", host: "a", ttl: 1 }, "unknown key"],
    [{ type: "turn" }, "externalServices.0.host"],
  ])("%j: %s", async (service, problem) => {
    await expect(startServer({ externalServices: [service as typeof STUN] })).rejects.toThrow(problem);
  });
});
