// What a person at a terminal reads: the welcome of other set-ups, readable log lines, how to call the program.

import { expect, test } from "vitest";
import { createLogger, forPeople } from "../../server/cli/logger.ts";
import { howToCall, visible } from "../../server/cli/output.ts";
import { type Invocation, welcome } from "../../server/cli/welcome.ts";
import { parseConfig } from "../../server/config.ts";

const BY: Invocation = {
  program: "balcony",
  arguments: " --config b.json",
  source: "b.json",
  variables: ["BALCONY_DOMAIN"],
};

test("a public server: its domain is the host, a proper certificate has no fingerprint, no gateway", () => {
  const config = parseConfig({ domain: "example.org", storage: { path: "/var/lib/balcony" } });
  const lines = welcome(
    {
      config,
      addresses: { c2s: 5222, directTls: null, http: null, components: null },
      certificate: { fingerprintSha256: "AA:BB", selfSigned: false, notAfter: new Date("2030-01-02T03:04:05Z") },
    },
    BY,
  );
  expect(lines).toContain("  Clients      host example.org, port 5222 (STARTTLS)");
  expect(lines).toContain("  Certificate  valid until 2030-01-02");
  expect(lines).toContain("Next, in another terminal, in this folder, with the same environment variables:");
  expect(lines).toContain(
    "  balcony user add juliet --config b.json   creates juliet@example.org, asks for a password",
  );
  expect(lines.join("\n")).not.toMatch(/AA:BB|Gateway|token|on this machine/);
});

test("log lines for people: time, level, event, fields; nothing in them drives the terminal", () => {
  let written = "";
  const stream = forPeople({ write: (text) => (written += text) });
  const line = { level: "warn", time: "2026-01-01T10:11:12.000Z", msg: "login-failed", name: "a b\u001b[2J", n: 3 };
  stream.write(`${JSON.stringify(line)}\n`);
  expect(written).toMatch(/^\d\d:\d\d:12 warn {2}login-failed name="a b\\u001b\[2J" n=3\n$/);
  written = "";
  const error = { type: "Error", message: "broken disk", stack: "Error: broken disk\n    at x.ts:1" };
  stream.write(`${JSON.stringify({ ...line, error })}\n`);
  expect(written).toContain('error="broken disk"\nError: broken disk\n    at x.ts:1\n');
});

test("a level below is not logged", () => {
  expect(createLogger("silent", false)).toMatchObject({ level: "silent" });
});

test("text of others is made visible", () => {
  expect(visible("R\u009b\u202e\n☃")).toBe("R\\u{9b}\\u{202e}\\u{a}☃");
});

test.each([
  ["/usr/local/bin/balcony", "balcony"],
  ["/srv/app/node_modules/.bin/balcony", "npx balcony"],
  ["/srv/app/dist/server/main.js", "node dist/server/main.js"],
  ["/opt/balcony/dist/server/main.js", "node /opt/balcony/dist/server/main.js"],
  ["/opt/my balcony/main.js", "node '/opt/my balcony/main.js'"],
])("%s is called as %s", (program, call) => {
  expect(howToCall(program, "/srv/app")).toBe(call);
});
