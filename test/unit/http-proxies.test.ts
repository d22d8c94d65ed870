// Who a request comes from where a proxy stands before the server.

import { Socket } from "node:net";
import { expect, test } from "vitest";
import { parseConfig } from "../../server/config.ts";
import { TrustedProxies } from "../../server/http/proxies.ts";

function originOf(trusted: string[], peer: string, headers: Record<string, string> = {}) {
  const socket = new Socket();
  Object.defineProperty(socket, "remoteAddress", { value: peer });
  return new TrustedProxies(trusted).originOf({ socket, headers });
}

test.each<[string, string[], string, string | undefined, string]>([
  ["nobody is trusted", [], "127.0.0.1", "192.0.2.1", "127.0.0.1"],
  ["who is not trusted is not believed", ["10.0.0.0/8"], "192.0.2.9", "192.0.2.1", "192.0.2.9"],
  ["one proxy", ["10.0.0.0/8"], "10.1.2.3", "192.0.2.1", "192.0.2.1"],
  [
    "in the IPv6 form that a socket for both families gives",
    ["10.0.0.0/8"],
    "::ffff:10.1.2.3",
    "::ffff:192.0.2.1",
    "192.0.2.1",
  ],
  [
    "what the client said itself comes before what the proxy adds",
    ["10.0.0.1"],
    "10.0.0.1",
    "127.0.0.1, 192.0.2.1",
    "192.0.2.1",
  ],
  ["two proxies", ["10.0.0.0/8"], "10.0.0.1", "203.0.113.5, 192.0.2.1, 10.0.0.2", "192.0.2.1"],
  ["nothing but proxies: the farthest", ["10.0.0.0/8"], "10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"],
  ["no address", ["10.0.0.1"], "10.0.0.1", "unknown", "10.0.0.1"],
  ["no header", ["10.0.0.1"], "10.0.0.1", undefined, "10.0.0.1"],
  ["IPv6", ["2001:db8::/32"], "2001:db8::1", "2001:db9::7", "2001:db9::7"],
])("%s", (_name, trusted, peer, header, address) => {
  const headers: Record<string, string> = header === undefined ? {} : { "x-forwarded-for": header };
  expect(originOf(trusted, peer, headers).address).toBe(address);
});

test.each<[string, string, boolean]>([
  ["10.0.0.1", "https", true],
  ["10.0.0.1", "wss", true],
  ["10.0.0.1", "http", false],
  ["10.0.0.1", "https, http", false],
  ["192.0.2.1", "https", false],
])("from %s, X-Forwarded-Proto %s: secure %s", (peer, proto, secure) => {
  expect(originOf(["10.0.0.1"], peer, { "x-forwarded-proto": proto }).secure).toBe(secure);
});

test.each([
  [{ trustedProxies: ["proxy.example.com"] }, /^http\.trustedProxies: "proxy\.example\.com" is no IP address/],
  [{ trustedProxies: ["10.0.0.0/33"] }, /^http\.trustedProxies/],
  [{ publicUrl: "http://example.com" }, /^http\.publicUrl: .* must be an https URL/],
  [{ publicUrl: "https://example.com/?a" }, /^http\.publicUrl/],
  [{ origins: ["chat.example.com"] }, /^http\.origins: "chat\.example\.com" is no origin/],
  [{ origins: ["https://chat.example.com/path"] }, /^http\.origins/],
])("the configuration says what is wrong: %j", (http, problem) => {
  expect(() => parseConfig({ http })).toThrow(problem);
});
