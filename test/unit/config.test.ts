// The configuration: its messages, its file, its environment variables, and that the documents tell the same as the schema.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type LoadedConfig, loadConfigFile } from "../../server/cli/config-file.ts";
import { findJsonError } from "../../server/cli/json-error.ts";
import { environmentName, settings } from "../../server/cli/settings.ts";
import { ConfigError, parseConfig } from "../../server/config.ts";

function problemsOf(action: () => unknown): readonly string[] {
  try {
    action();
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe("messages name the path and what is allowed", () => {
  test.each<[unknown, string]>([
    [{ c2s: { port: 65536 } }, "c2s.port: must be a whole number from 0 to 65535"],
    [{ c2s: { port: "5222" } }, "c2s.port: must be a whole number from 0 to 65535"],
    [{ http: { port: 1.5 } }, "http.port: must be a whole number from 0 to 65535 or null"],
    [{ limits: { depth: 0 } }, "limits.depth: must be a whole number of at least 1"],
    [{ limits: { idleTimeoutSeconds: -1 } }, "limits.idleTimeoutSeconds: must be a number of at least 0"],
    [{ auth: { storage: "plain" } }, 'auth.storage: must be one of "scram", "bcrypt"'],
    [{ auth: { plain: "yes" } }, "auth.plain: must be true or false"],
    [{ tls: { keyFile: 1 } }, "tls.keyFile: must be a text or null"],
    [{ storage: { path: "" } }, "storage.path: must be a text that is not empty"],
    [{ c2s: { addresses: [""] } }, "c2s.addresses.0: must be a text that is not empty"],
    [{ c2s: 5222 }, "c2s: must be an object in { }"],
    [[], "(the whole configuration): must be an object in { }"],
    [{ domain: "no domain" }, 'domain: "no domain" is no domain: domainpart: not a domain name'],
    [{ c2s: { prot: 1 } }, 'c2s.prot: unknown key; did you mean "port"?'],
    [{ C2S: {} }, 'C2S: unknown key; did you mean "c2s"?'],
    [{ log: { colours: true } }, "log.colours: unknown key; the keys here are level"],
    [
      { gateway: { domains: { "example.net": { x: 1 } } } },
      "gateway.domains.example.net.x: unknown key; the keys here are addressForm, statusForms",
    ],
    [
      { gateway: { domains: { "example.net": { statusForms: "some" } } } },
      'gateway.domains.example.net.statusForms: must be one of "all", "im"',
    ],
    [{ gateway: { domains: { localhost: {} } } }, 'gateway.domains: "localhost" is the server\'s own domain'],
    [{ rooms: { host: "no host" } }, 'rooms.host: "no host.localhost" is no domain: domainpart: not a domain name'],
    [{ domain: "example.org", rooms: { host: "example.org" } }, 'rooms.host: "example.org" is in use already'],
    [
      { limits: { stanzaBytes: 50_000 }, streamManagement: { queueBytes: 65_536 } },
      "streamManagement.queueBytes must be at least twice limits.stanzaBytes, 100000",
    ],
    [{ tls: { keyFile: "key.pem" } }, "tls: certificateFile and keyFile go together; give both or neither"],
  ])("%j", (input, problem) => {
    expect(problemsOf(() => parseConfig(input))).toEqual([problem]);
  });

  test("each mistake has its line", () => {
    expect(problemsOf(() => parseConfig({ c2s: { port: -1 }, log: { level: "loud" } }))).toHaveLength(2);
  });

  test("no foreign domain is there that was not configured", () => {
    expect("constructor" in parseConfig({}).gateway.domains).toBe(false);
  });
});

describe("where it comes from", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "balcony-config-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function load(env: Record<string, string>, path?: string): LoadedConfig {
    return loadConfigFile(path, env, folder);
  }

  function write(name: string, config: unknown): string {
    writeFileSync(join(folder, name), typeof config === "string" ? config : JSON.stringify(config));
    return join(folder, name);
  }

  test("nothing given: a trial", () => {
    const { config, source } = load({});
    expect(config).toEqual({ gateway: { domains: { "example.net": {} } }, storage: { path: join(folder, "data") } });
    expect(source).toMatch(/^built-in settings for a trial/);
  });

  test("config.json of the folder, and a file that is given instead", () => {
    write("config.json", { domain: "here.example" });
    const other = write("other.json", { domain: "other.example" });
    expect(load({}).config.domain).toBe("here.example");
    expect(load({})).toMatchObject({ source: "config.json", variables: [] });
    expect(load({}, other)).toMatchObject({ source: other, config: { domain: "other.example" } });
  });

  test("paths are relative to the file; those of the environment to the folder of the call", () => {
    const home = mkdtempSync(join(folder, "home-"));
    const file = join(home, "c.json");
    writeFileSync(file, JSON.stringify({ tls: { certificateFile: "cert.pem", keyFile: "/etc/key.pem" } }));
    expect(load({}, file).config).toEqual({
      storage: { path: join(home, "data") },
      tls: { certificateFile: join(home, "cert.pem"), keyFile: "/etc/key.pem" },
    });
    expect(load({ BALCONY_STORAGE_PATH: "kept" }, file).config.storage?.path).toBe(join(folder, "kept"));
    expect(load({ BALCONY_STORAGE_PATH: ":memory:" }, file).config.storage?.path).toBe(":memory:");
  });

  test("variables go before the file, each read by its setting's type", () => {
    write("config.json", { domain: "a.example", c2s: { port: 1, requireTls: true }, log: { level: "warn" } });
    const loaded = load({
      BALCONY_DOMAIN: "b.example",
      BALCONY_C2S_PORT: "15222",
      BALCONY_C2S_DIRECT_TLS_PORT: "null",
      BALCONY_C2S_ADDRESSES: "127.0.0.1, ::1",
      BALCONY_C2S_REQUIRE_TLS: "false",
      BALCONY_AUTH_MAX_DELAY_SECONDS: "0.5",
      BALCONY_GATEWAY_DOMAINS: "example.net,example.com",
      HOME: "/root",
    });
    expect(loaded.config).toMatchObject({
      domain: "b.example",
      c2s: { port: 15222, directTlsPort: null, addresses: ["127.0.0.1", "::1"], requireTls: false },
      auth: { maxDelaySeconds: 0.5 },
      gateway: { domains: { "example.net": {}, "example.com": {} } },
      log: { level: "warn" },
    });
    expect(loaded.variables).toContain("BALCONY_GATEWAY_DOMAINS");
    expect(loaded.variables).toHaveLength(7);
  });

  test.each([
    [
      "BALCONY_C2S_PROT",
      "1",
      "BALCONY_C2S_PROT: no setting has this environment variable; did you mean BALCONY_C2S_PORT?",
    ],
    [
      "BALCONY_PASSWORD_OF_JULIET",
      "x",
      "BALCONY_PASSWORD_OF_JULIET: no setting has this environment variable; docs/configuration.md lists them all",
    ],
    ["BALCONY_C2S_PORT", "many", "BALCONY_C2S_PORT: must be a whole number from 0 to 65535"],
    ["BALCONY_C2S_PORT", "", "BALCONY_C2S_PORT: must be a whole number from 0 to 65535"],
    ["BALCONY_C2S_PORT", "null", "BALCONY_C2S_PORT: must be a whole number from 0 to 65535"],
    ["BALCONY_C2S_PORT", "70000", "BALCONY_C2S_PORT: c2s.port: must be a whole number from 0 to 65535"],
    ["BALCONY_HTTP_TLS", "1", "BALCONY_HTTP_TLS: must be true or false"],
    [
      "BALCONY_LOG_LEVEL",
      "loud",
      'BALCONY_LOG_LEVEL: log.level: must be one of "silent", "error", "warn", "info", "debug"',
    ],
  ])("%s=%s: %s", (name, value, problem) => {
    expect(problemsOf(() => load({ [name]: value }))).toEqual([problem]);
  });

  test("a mistake in the file names the file", () => {
    write("config.json", { c2s: { prot: 1 } });
    expect(problemsOf(() => load({}))).toEqual(['config.json: c2s.prot: unknown key; did you mean "port"?']);
    write("config.json", '{"domain": "a.example" "c2s": {}}');
    expect(problemsOf(() => load({}))).toEqual(['config.json, line 1, column 24: expected "," or "}"']);
  });

  test("a file that cannot be read says so", () => {
    expect(() => load({}, "none.json")).toThrow("there is no configuration file none.json");
    expect(() => load({}, ".")).toThrow(". is a folder");
  });
});

test.each([
  ["", 1, 1, "the text ends here, expected a value"],
  ['{\n  "a": 1,\n  "b": x\n}', 3, 8, "expected a value"],
  ['{"a": 1', 1, 8, 'the text ends here, expected "," or "}"'],
  ["{'a': 1}", 1, 2, 'expected a key in double quotes or "}"; texts stand in double quotes'],
  ['{"a": [1, 2,]}', 1, 12, 'no comma is allowed before "]"'],
  ['{"a" 1}', 1, 6, 'expected ":"'],
  ['{"a": "C:\\data"}', 1, 7, "this text has no end on its line, or a bad escape (\\\\ is a backslash)"],
  ['{"a": 01}', 1, 7, "expected a value"],
  ["{} // done", 1, 4, "nothing may follow the end of the object"],
  ["{\n  // port\n}", 2, 3, "JSON has no comments"],
])("where %j is no JSON", (text, line, column, reason) => {
  expect(() => JSON.parse(text)).toThrow();
  expect(findJsonError(text)).toEqual({ line, column, reason });
});

describe("the documents", () => {
  const root = join(import.meta.dirname, "../..");

  test("config.example.json has every setting with its default, and nothing else", () => {
    const example: unknown = JSON.parse(readFileSync(join(root, "config.example.json"), "utf8"));
    expect(parseConfig(example)).toEqual(parseConfig({ gateway: { domains: { "example.net": {} } } }));
    const paths = settings().flatMap((setting) => (setting.each.length === 0 ? [setting] : setting.each));
    expect(pathsOf(example)).toEqual(paths.map(({ path }) => path.join(".").replace("DOMAIN", "example.net")));
  });

  test("docs/configuration.md has a row for every setting, and no other", () => {
    const rows = readFileSync(join(root, "docs/configuration.md"), "utf8")
      .split("\n")
      .filter((line) => line.startsWith("| `"));
    expect(rows).toEqual(
      settings()
        .flatMap((setting) => [setting, ...setting.each])
        .map(({ path, default: value, allowed, description }) => {
          const shown = value === undefined ? "see right" : `\`${JSON.stringify(value)}\``;
          return `| \`${path.join(".")}\` | ${shown} | ${allowed} | ${description} |`;
        }),
    );
  });

  test("every setting is described, and has an environment variable of its own", () => {
    expect(settings().filter(({ description }) => description === "")).toEqual([]);
    expect(new Set(settings().map(({ path }) => environmentName(path))).size).toBe(settings().length);
  });
});

/** The settings of an object, in order; those of a setting that is an object itself (gateway.domains) are part of it. */
function pathsOf(node: unknown, path = ""): string[] {
  if (typeof node !== "object" || node === null || Array.isArray(node) || Object.keys(node).length === 0) return [path];
  return Object.entries(node).flatMap(([key, inner]) => pathsOf(inner, path === "" ? key : `${path}.${key}`));
}
