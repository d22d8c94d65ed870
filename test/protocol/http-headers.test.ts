// What every HTTP response says about itself, and what none does: whatever the answer, and whoever asks.

import { once } from "node:events";
import { request } from "node:http";
import { connect } from "node:net";
import { expect, test } from "vitest";
import { Foreign } from "../support/foreign.ts";
import { startServer } from "../support/server.ts";

const EXPECTED = {
  "x-content-type-options": "nosniff",
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
};
const ABSENT = /^(?:server|x-powered-by|strict-transport-security|set-cookie|access-control-.*)$/;

function judge(headers: Record<string, unknown>): void {
  expect(headers).toMatchObject(EXPECTED);
  expect(Object.keys(headers).filter((name) => ABSENT.test(name))).toEqual([]);
}

test("security headers on every kind of answer; no version, no cookie, no CORS", async () => {
  const server = await startServer({ gateway: { domains: { "example.net": {} } } });
  const { token } = await server.admin.addToken("domain:example.net");
  const foreign = new Foreign(server.addresses.http as number, token);
  await foreign.presentity("romeo@example.net");
  const base = "/cpim/v1";
  const from = { origin: "https://evil.example" };
  const preflight = {
    ...from,
    "access-control-request-method": "PUT",
    "access-control-request-headers": "authorization",
  };
  const bearer = { authorization: `Bearer ${token}`, ...from };
  for (const [method, path, headers, status] of [
    ["GET", "/healthz", from, 200],
    ["GET", "/metrics", from, 200],
    ["GET", "/", from, 404],
    ["GET", `${base}/openapi.json`, from, 200],
    ["GET", `${base}/presentities`, from, 401],
    ["GET", `${base}/presentities`, bearer, 200],
    ["GET", `${base}/presentities/romeo@example.net/events`, bearer, 200],
    ["GET", `${base}/presentities/romeo@example.com`, bearer, 403],
    ["DELETE", `${base}/presentities/romeo@example.net`, bearer, 204],
    ["OPTIONS", `${base}/presentities`, preflight, 404],
    ["TRACE", "/healthz", from, 404],
    ["GET", `/${"%ff".repeat(3)}`, from, 400],
    ["GET", `${base}/presentities/${"x".repeat(13_000)}`, bearer, 414],
  ] as const) {
    const outgoing = request({ port: server.addresses.http, host: "127.0.0.1", method, path, headers }).end();
    const [response] = await once(outgoing, "response");
    response.destroy();
    expect([method, path.slice(0, 60), response.statusCode]).toEqual([method, path.slice(0, 60), status]);
    judge(response.headers);
  }
});

test("also on what was no HTTP request", async () => {
  const server = await startServer();
  const socket = connect(server.addresses.http as number, "127.0.0.1");
  socket.write("<stream:stream>\r\n\r\n");
  let answer = "";
  socket.on("data", (chunk) => {
    answer += chunk.toString();
  });
  await once(socket, "close");
  const [head = ""] = answer.split("\r\n\r\n");
  const headers = head
    .split("\r\n")
    .slice(1)
    .map((line) => line.split(": ", 2));
  judge(Object.fromEntries(headers.map(([name = "", value]) => [name.toLowerCase(), value])));
});
