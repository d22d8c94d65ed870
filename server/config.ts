// The configuration: one JSON object, every key with its default, checked by one schema. Sizes and durations carry their
// unit in the key.

import { distance } from "fastest-levenshtein";
import { z } from "zod";
import { prepareDomainpart } from "./jid.ts";

const port = z.int().min(0).max(65535);
const positive = z.int().min(1);
const seconds = z.number().min(0);
const domainName = z.string().transform((text, context) => {
  const prepared = prepareDomainpart(text);
  if (prepared.ok) return prepared.value;
  context.addIssue({ code: "custom", message: `"${text}" is no domain: ${prepared.reason}` });
  return z.NEVER;
});

const c2s = z.strictObject({
  addresses: z
    .array(z.string().min(1))
    .optional()
    .describe("Where to listen. Default: loopback while domain is localhost, else every interface."),
  port: port.default(5222).describe("STARTTLS. 0: any free port."),
  directTlsPort: port.nullable().default(5223).describe("Direct TLS (XEP-0368). null: off."),
  requireTls: z
    .boolean()
    .default(true)
    .describe("false is for tests only: lets clients log in without TLS, on loopback listeners."),
});

const http = z.strictObject({
  addresses: z.array(z.string().min(1)).default(["127.0.0.1", "::1"]),
  port: port.nullable().default(5280).describe("The HTTP binding of the gateway. null: off."),
  tls: z.boolean().default(false).describe("Serve https with the server's certificate."),
});

const tls = z.strictObject({
  certificateFile: z.string().nullable().default(null).describe("PEM chain. null: a self-signed one is made."),
  keyFile: z.string().nullable().default(null),
});

const auth = z.strictObject({
  storage: z.enum(["scram", "bcrypt"]).default("scram"),
  plain: z.boolean().default(true).describe("Offer PLAIN, inside TLS only."),
  scramIterations: z.int().min(4096).max(10_000_000).default(10_000),
  bcryptCost: z.int().min(4).max(15).default(12),
  bcryptQueue: positive.default(50).describe("Logins that may wait for the bcrypt worker."),
  throttle: z.boolean().default(true).describe("Slow down repeated failures."),
  failuresPerMinute: positive.default(10).describe("Per address and per account, before answers are delayed."),
  maxDelaySeconds: seconds.default(10),
  trustedAddresses: z.array(z.string()).default(["127.0.0.1", "::1"]).describe("Exempt from per-address throttling."),
});

const limits = z.strictObject({
  stanzaBytesBeforeLogin: z.int().min(10_000).default(10_000),
  stanzaBytes: z.int().min(10_000).default(262_144),
  depth: positive.default(64),
  attributes: positive.default(64),
  elements: positive.default(10_000),
  handshakeTimeoutSeconds: seconds.default(30),
  idleTimeoutSeconds: seconds.default(900).describe("A silent stream is pinged, then closed. 0: never."),
  connections: positive.default(20_000),
  connectionsPerAddress: positive.default(1_000),
  sessionsPerAccount: positive.default(32),
  loginAttempts: positive.default(5).describe("Failed logins before the stream is closed."),
  inboxStanzas: positive.default(1_000).describe("Stanzas of one stream that may wait for a slow one before them."),
  outboxBytes: z.int().min(65_536).default(8_388_608).describe("Unsent output of one stream before it is closed."),
  rosterItems: positive.default(2_000),
  nameCharacters: positive.default(1_023),
  groupsPerItem: positive.default(64),
  offlineMessages: positive.default(1_000),
  httpBodyBytes: z.int().min(10_000).default(262_144),
  eventStreams: positive.default(1_000),
});

const gatewayDomain = z.strictObject({});

const gateway = z.strictObject({
  domains: z.record(z.string(), gatewayDomain).default({}).describe("The foreign domains that Balcony stands for."),
  eventRetentionDays: z.number().min(0).default(7),
  eventRetentionCount: positive.default(10_000).describe("Newest events of a presentity that are kept in any case."),
  heartbeatSeconds: z.number().min(0.05).default(15),
  subscriptionSeconds: positive.default(86_400).describe("Longest subscription duration granted."),
  pendingSeconds: positive.default(86_400).describe("How long a subscription request waits for the user's answer."),
  publicationMaxSeconds: positive.default(604_800),
  presentitiesPerDomain: positive.default(100_000),
});

const log = z.strictObject({
  level: z.enum(["silent", "error", "warn", "info", "debug"]).default("info"),
});

const schema = z.strictObject({
  domain: domainName.default("localhost"),
  storage: z
    .strictObject({ path: z.string().min(1).default("./data").describe('A folder, or ":memory:".') })
    .prefault({}),
  c2s: c2s.prefault({}),
  http: http.prefault({}),
  tls: tls.prefault({}),
  auth: auth.prefault({}),
  limits: limits.prefault({}),
  gateway: gateway.prefault({}),
  log: log.prefault({}),
});

/** What an embedder or a file may say: any part of Config. */
export type ConfigInput = z.input<typeof schema>;
export type Limits = z.output<typeof limits>;
export type AuthConfig = z.output<typeof auth>;
export type GatewayConfig = z.output<typeof gateway>;
export type Config = Omit<z.output<typeof schema>, "c2s"> & {
  c2s: Omit<z.output<typeof c2s>, "addresses"> & { addresses: readonly string[] };
};

/** A bad configuration: one line for each bad key, with its path and what is allowed there. */
export class ConfigError extends Error {
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.name = "ConfigError";
    this.problems = problems;
  }
}

/** Checks and completes a configuration. Throws ConfigError. */
export function parseConfig(input: unknown): Config {
  const parsed = schema.safeParse(input ?? {});
  if (!parsed.success) throw new ConfigError(parsed.error.issues.flatMap(describeIssue));
  const config = parsed.data;
  const problems: string[] = [];
  if ((config.tls.certificateFile === null) !== (config.tls.keyFile === null)) {
    problems.push("tls: certificateFile and keyFile go together; give both or neither");
  }
  const domains: Record<string, z.output<typeof gatewayDomain>> = {};
  for (const [name, settings] of Object.entries(config.gateway.domains)) {
    const prepared = prepareDomainpart(name);
    if (!prepared.ok) problems.push(`gateway.domains: "${name}" is no domain: ${prepared.reason}`);
    else if (prepared.value === config.domain) problems.push(`gateway.domains: "${name}" is the server's own domain`);
    else domains[prepared.value] = settings;
  }
  const addresses = config.c2s.addresses ?? (config.domain === "localhost" ? ["127.0.0.1", "::1"] : ["::"]);
  if (!config.c2s.requireTls && !addresses.every(isLoopback)) {
    problems.push("c2s.requireTls: false is only for loopback addresses; set c2s.addresses to [\"127.0.0.1\"] or require TLS");
  }
  if (!config.http.tls && config.http.port !== null && !config.http.addresses.every(isLoopback)) {
    problems.push("http.tls: must be true where http.addresses are not loopback: tokens would travel in clear");
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return { ...config, c2s: { ...config.c2s, addresses }, gateway: { ...config.gateway, domains } };
}

export function isLoopback(address: string): boolean {
  return address === "::1" || address === "localhost" || /^127\.\d+\.\d+\.\d+$/.test(address);
}

function describeIssue(issue: z.core.$ZodIssue): string[] {
  const path = issue.path.map(String).join(".");
  const at = (key: string): string => (path === "" ? key : `${path}.${key}`);
  if (issue.code === "unrecognized_keys") {
    const known = keysAt(issue.path);
    return issue.keys.map((key) => {
      const nearest = closest(key, known);
      const hint = nearest === undefined ? `the keys here are ${known.join(", ")}` : `did you mean "${nearest}"?`;
      return `${at(key)}: unknown key; ${hint}`;
    });
  }
  return [`${path === "" ? "(the whole configuration)" : path}: ${issue.message}`];
}

function closest(key: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((name) => ({ name, far: distance(key.toLowerCase(), name.toLowerCase()) }))
    .sort((a, b) => a.far - b.far);
  const best = ranked[0];
  return best !== undefined && best.far <= Math.max(2, Math.floor(key.length / 3)) ? best.name : undefined;
}

/** The keys allowed at a path, from the same schema: for hints, and for environment overrides. */
export function keysAt(path: readonly PropertyKey[]): string[] {
  const node = jsonSchemaAt(path);
  return node === undefined ? [] : Object.keys(node.properties ?? {});
}

type JsonSchema = { properties?: Record<string, JsonSchema>; additionalProperties?: JsonSchema | boolean; type?: string };

function jsonSchemaAt(path: readonly PropertyKey[]): JsonSchema | undefined {
  let node: JsonSchema | undefined = configJsonSchema();
  for (const key of path) {
    const inner: JsonSchema | undefined = node.properties?.[String(key)];
    const rest: JsonSchema | undefined = typeof node.additionalProperties === "object" ? node.additionalProperties : undefined;
    node = inner ?? rest;
    if (node === undefined) return undefined;
  }
  return node;
}

/** The schema as JSON Schema, of the input side. */
export function configJsonSchema(): JsonSchema {
  return z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as JsonSchema;
}
