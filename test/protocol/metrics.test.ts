// /metrics and /healthz of a running server: what they count, and who may ask.

import Fastify from "fastify";
import { describe, expect, test, vi } from "vitest";
import { addMetrics } from "../../server/http/operations.ts";
import { openDatabase } from "../../storage/sqlite/open.ts";
import { sqliteStore } from "../../storage/sqlite.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { temporaryFolder } from "../support/folder.ts";
import { Foreign } from "../support/foreign.ts";
import { readMetrics } from "../support/metrics.ts";
import { startServer, type TestServer } from "../support/server.ts";

const SASL = "urn:ietf:params:xml:ns:xmpp-sasl";
const GATEWAY = { gateway: { domains: { "example.net": {} } } };

/** What changed between two scrapes; gauges and what the scrapes themselves move are left out. */
async function changes(server: TestServer, action: () => Promise<void>): Promise<Record<string, number>> {
  const before = await readMetrics(server);
  await action();
  const after = await readMetrics(server);
  const moved = [...after].flatMap(([sample, value]) => {
    const change = value - (before.get(sample) ?? 0);
    const counts =
      sample.replace(/\{.*/, "").endsWith("_total") && !/^process|listener="http"|^balcony_http/.test(sample);
    return counts && change !== 0 ? [[sample.replace(/^balcony_/, ""), change] as const] : [];
  });
  return Object.fromEntries(moved);
}

async function gauges(server: TestServer, ...names: string[]): Promise<Record<string, number | undefined>> {
  const metrics = await readMetrics(server);
  return Object.fromEntries(names.map((name) => [name, metrics.get(`balcony_${name}`)]));
}

describe("what is counted", () => {
  test("connections, streams by state, sessions", async () => {
    const server = await startServer();
    const names = ["connected", "secured", "authenticated", "bound", "closing"].map(
      (state) => `streams{state="${state}"}`,
    );
    const none = Object.fromEntries(names.map((name) => [name, 0]));
    expect(await gauges(server, "sessions", ...names)).toEqual({ sessions: 0, ...none });
    const connected = await server.connect();
    await connected.open();
    const secured = await server.connect();
    await secured.open();
    await secured.startTls();
    const juliet = await server.client("juliet", { tls: "direct" });
    const open = { 'streams{state="connected"}': 1, 'streams{state="secured"}': 1, 'streams{state="bound"}': 1 };
    expect(await gauges(server, "sessions", ...names)).toEqual({ sessions: 1, ...none, ...open });
    expect(
      await gauges(server, 'connections{listener="STARTTLS"}', 'connections_total{listener="direct TLS"}'),
    ).toEqual({ 'connections{listener="STARTTLS"}': 2, 'connections_total{listener="direct TLS"}': 1 });
    await juliet.close();
    expect(await gauges(server, "sessions")).toEqual({ sessions: 0 });
  });

  test("logins by mechanism and outcome, stream errors by condition", async () => {
    const server = await startServer({ limits: { loginAttempts: 2 } });
    await server.admin.addUser("juliet", "secret");
    const attempt = async (password: string): Promise<void> => {
      const client = await server.connect();
      await client.open();
      await client.startTls();
      const response = Buffer.from(`\0juliet\0${password}`).toString("base64");
      client.write(`<auth xmlns='${SASL}' mechanism='PLAIN'>${response}</auth>`.repeat(2));
      await client.until("<error xmlns='http://etherx.jabber.org/streams'/>");
      await client.ended();
    };
    const moved = await changes(server, async () => {
      await server.client("juliet");
      await attempt("wrong");
    });
    expect(moved).toEqual({
      'connections_total{listener="STARTTLS"}': 2,
      'logins_total{mechanism="PLAIN",outcome="success"}': 1,
      'logins_total{mechanism="PLAIN",outcome="not-authorized"}': 2,
      'stream_errors_total{condition="policy-violation"}': 1,
    });
  });

  test("sessions without a connection, and what becomes of them (XEP-0198)", async () => {
    const clock = new FakeClock();
    const server = await startServer({}, { clock });
    const juliet = await server.client("juliet");
    const previd = (await juliet.enable()).attrs.id as string;
    const resume = `<resume xmlns='urn:xmpp:sm:3' previd='${previd}' h='0'/>`;
    juliet.cut();
    await vi.waitFor(async () => expect((await readMetrics(server)).get("balcony_sessions_detached")).toBe(1));
    expect((await readMetrics(server)).get("balcony_sessions")).toBe(1);
    const moved = await changes(server, async () => {
      const back = await server.authenticated("juliet");
      back.send(resume);
      await back.expect("<resumed xmlns='urn:xmpp:sm:3'/>");
      back.cut();
      await vi.waitFor(async () => expect((await readMetrics(server)).get("balcony_sessions_detached")).toBe(1));
      clock.advance(601_000);
      const late = await server.authenticated("juliet");
      late.send(resume);
      await late.expect("<failed xmlns='urn:xmpp:sm:3'/>");
    });
    expect(moved).toMatchObject({
      'resumptions_total{outcome="resumed"}': 1,
      'resumptions_total{outcome="expired"}': 1,
      'resumptions_total{outcome="refused"}': 1,
    });
  });

  test("stanzas both ways, refusals by condition, messages for users away", async () => {
    const server = await startServer({ limits: { offlineMessages: 1 } });
    const juliet = await server.client("juliet");
    await server.admin.addUser("romeo", "secret");
    const moved = await changes(server, async () => {
      juliet.send("<presence/>");
      juliet.send("<message to='romeo@example.com' type='chat'><body>1</body></message>");
      juliet.send("<message to='romeo@example.com' type='chat' id='2'><body>2</body></message>");
      await juliet.until("<message type='error' id='2'/>");
      juliet.send("<message to='a@elsewhere.example' type='chat' id='3'><body>3</body></message>");
      await juliet.until("<message type='error' id='3'/>");
      await juliet.sync();
      const romeo = await server.online("romeo");
      await romeo.close();
    });
    expect(moved).toMatchObject({
      'stanzas_received_total{kind="message"}': 3,
      'stanzas_received_total{kind="presence"}': 2,
      'stanzas_received_total{kind="iq"}': 3,
      'stanzas_sent_total{kind="message"}': 3,
      'stanzas_sent_total{kind="iq"}': 3,
      'stanza_errors_total{condition="service-unavailable"}': 1,
      'stanza_errors_total{condition="remote-server-not-found"}': 1,
      'offline_messages_total{outcome="stored"}': 1,
      'offline_messages_total{outcome="refused"}': 1,
      'offline_messages_total{outcome="delivered"}': 1,
    });
  });

  test("operations and events of the gateway, its consumers, HTTP responses", async () => {
    const server = await startServer(GATEWAY);
    const foreign = await Foreign.of(server, "domain:example.net");
    const juliet = await server.online("juliet");
    const moved = await changes(server, async () => {
      await foreign.presentity("romeo@example.net");
      juliet.send("<message to='romeo@example.net' type='chat'><body>hail</body></message>");
      await juliet.sync();
      expect((await foreign.message("no object")).status).toBeGreaterThanOrEqual(400);
    });
    expect(moved).toMatchObject({
      'gateway_operations_total{operation="putPresentity",outcome="done"}': 1,
      'gateway_operations_total{operation="message",outcome="refused"}': 1,
      'gateway_events_total{type="message"}': 1,
    });
    const events = await foreign.events("/domains/example.net/events");
    await events.next();
    expect(await gauges(server, "event_streams")).toEqual({ event_streams: 1 });
    const metrics = await readMetrics(server);
    expect(metrics.get('balcony_http_responses_total{status="2xx"}')).toBeGreaterThanOrEqual(1);
    expect(metrics.get('balcony_http_responses_total{status="4xx"}')).toBe(1);
    events.close();
  });

  test("reads, writes and commits of the store", async () => {
    const server = await startServer({ storage: { path: await temporaryFolder() } });
    const juliet = await server.online("juliet");
    const moved = await changes(server, async () => {
      const item = "<query xmlns='jabber:iq:roster'><item jid='nurse@example.org'/></query>";
      expect((await juliet.ask("set", item)).attrs.type).toBe("result");
    });
    expect(moved.store_commits_total).toBeGreaterThanOrEqual(1);
    expect(moved.store_commit_seconds_total).toBeGreaterThan(0);
    expect(moved['store_operations_total{kind="write"}']).toBeGreaterThanOrEqual(1);
  });

  test("the process, and each server of it for itself", async () => {
    const [one, other] = [await startServer(), await startServer()];
    await one.client("juliet");
    const [first, second] = [await readMetrics(one), await readMetrics(other)];
    expect([first.get("balcony_sessions"), second.get("balcony_sessions")]).toEqual([1, 0]);
    expect(first.get("process_resident_memory_bytes")).toBeGreaterThan(10_000_000);
    expect(first.get('nodejs_eventloop_lag_seconds{of="p99"}')).toBeGreaterThanOrEqual(0);
    expect(first.get("balcony_certificate_expiry_timestamp_seconds")).toBeGreaterThan(Date.now() / 1000);
    expect([...first.keys()].some((sample) => sample.startsWith("balcony_info{version="))).toBe(true);
  });
});

describe("who may read metrics", () => {
  const ask = (server: TestServer, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`http://127.0.0.1:${server.addresses.http}/metrics`, { headers });

  test.each([
    ["127.0.0.1", {}, 200],
    ["::1", {}, 200],
    ["::ffff:127.0.0.1", {}, 200],
    ["192.0.2.1", {}, 403],
    ["::ffff:192.0.2.1", {}, 403],
    ["2001:db8::1", {}, 403],
    ["127.0.0.1", { "x-forwarded-for": "127.0.0.1" }, 403],
    ["127.0.0.1", { forwarded: "for=127.0.0.1" }, 403],
    ["192.0.2.1", { "x-forwarded-for": "127.0.0.1" }, 403],
  ] as const)("from %s with %j: %i", async (remoteAddress, headers, status) => {
    const app = Fastify();
    addMetrics(app, { allowed: "loopback", text: () => "up 1\n" });
    expect((await app.inject({ url: "/metrics", remoteAddress, headers })).statusCode).toBe(status);
  });

  test("everyone, if so configured", async () => {
    const server = await startServer({ http: { metrics: "everyone" } });
    const response = await ask(server, { "x-forwarded-for": "192.0.2.1" });
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  });

  test("nobody, if so configured", async () => {
    expect((await ask(await startServer({ http: { metrics: "off" } }))).status).toBe(404);
  });
});

describe("health", () => {
  const ask = async (server: TestServer): Promise<{ status: number; body: unknown }> => {
    const response = await fetch(`http://127.0.0.1:${server.addresses.http}/healthz`);
    return { status: response.status, body: await response.json() };
  };

  test("well; then on a disk that takes no more; then well again", async () => {
    const folder = await temporaryFolder();
    const db = openDatabase(`${folder}/balcony.sqlite`);
    const server = await startServer({}, { store: sqliteStore(db) });
    await server.admin.addUser("juliet", "secret");
    const well = { status: 200, body: { status: "ok" } };
    expect(await ask(server)).toEqual(well);
    const pages = Number(db.pragma("page_count", { simple: true }));
    db.pragma(`max_page_count = ${pages}`);
    const many = Array.from({ length: 50 }, (_, n) => server.admin.addUser(`user${n}`, "secret"));
    expect((await Promise.allSettled(many)).some(({ status }) => status === "rejected")).toBe(true);
    expect(await ask(server)).toMatchObject({
      status: 503,
      body: { title: "Service Unavailable", detail: "the store takes no writes; the log says why" },
    });
    db.pragma(`max_page_count = ${pages + 10_000}`);
    await server.admin.addUser("nurse", "secret");
    expect(await ask(server)).toEqual(well);
  });

  test("a store that does not answer", async () => {
    const folder = await temporaryFolder();
    const db = openDatabase(`${folder}/balcony.sqlite`);
    const server = await startServer({}, { store: sqliteStore(db) });
    db.close();
    expect(await ask(server)).toMatchObject({ status: 503, body: { detail: "the store does not answer" } });
  });
});
