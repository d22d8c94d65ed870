// The configuration: checked by its schema (config-schema.ts), completed by its defaults, with messages that name the path
// of the bad key and what is allowed there.

import { distance } from "fastest-levenshtein";
import type * as z from "zod";
import {
  type auth,
  type c2s,
  configJsonSchema,
  type gateway,
  type gatewayDomain,
  type JsonSchema,
  type limits,
  schema,
} from "./config-schema.ts";
import { isNetwork } from "./http/proxies.ts";
import { prepareDomainpart } from "./jid.ts";

/** What an embedder or a file may say: any part of Config. */
export type ConfigInput = z.input<typeof schema>;
export type Limits = z.output<typeof limits>;
export type AuthConfig = z.output<typeof auth>;
export type GatewayConfig = z.output<typeof gateway>;
export type Config = Omit<z.output<typeof schema>, "c2s"> & {
  c2s: Omit<z.output<typeof c2s>, "addresses"> & { addresses: readonly string[] };
};

type Parsed = z.output<typeof schema>;

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
  // Without a prototype, so that `"constructor" in domains` is false.
  const { stanzaBytes } = config.limits;
  if (config.streamManagement.queueBytes < 2 * stanzaBytes) {
    problems.push(`streamManagement.queueBytes must be at least twice limits.stanzaBytes, ${2 * stanzaBytes}`);
  }
  const domains: Record<string, z.output<typeof gatewayDomain>> = Object.create(null);
  for (const [name, settings] of Object.entries(config.gateway.domains)) {
    const prepared = prepareDomainpart(name);
    if (!prepared.ok) problems.push(`gateway.domains: "${name}" is no domain: ${prepared.reason}`);
    else if (prepared.value === config.domain) problems.push(`gateway.domains: "${name}" is the server's own domain`);
    else domains[prepared.value] = settings;
  }
  const addresses = config.c2s.addresses ?? (config.domain === "localhost" ? ["127.0.0.1", "::1"] : ["::"]);
  if (!config.c2s.requireTls && !addresses.every(isLoopback)) {
    problems.push(
      'c2s.requireTls: false is only for loopback addresses; set c2s.addresses to ["127.0.0.1"] or require TLS',
    );
  }
  if (!config.http.tls && config.http.port !== null && !config.http.addresses.every(isLoopback)) {
    problems.push("http.tls: must be true where http.addresses are not loopback: tokens would travel in clear");
  }
  problems.push(...httpProblems(config.http));
  if (config.rooms.enabled) problems.push(...roomsProblems(config));
  const components = preparedComponents(config, problems);
  problems.push(...config.externalServices.flatMap(externalServiceProblems));
  if (problems.length > 0) throw new ConfigError(problems);
  return { ...config, c2s: { ...config.c2s, addresses }, components, gateway: { ...config.gateway, domains } };
}

/** The domain of the rooms, as rooms.host says it. */
export function roomsDomain({ domain, rooms: { host } }: Pick<Parsed, "domain" | "rooms">): string {
  const name = host.includes(".") ? host : `${host}.${domain}`;
  const prepared = prepareDomainpart(name);
  return prepared.ok ? prepared.value : name;
}

function roomsProblems(config: Parsed): string[] {
  const name = roomsDomain(config);
  const prepared = prepareDomainpart(name);
  if (!prepared.ok) return [`rooms.host: "${name}" is no domain: ${prepared.reason}`];
  const others = [config.domain, ...Object.keys(config.gateway.domains)];
  return others.includes(name) ? [`rooms.host: "${name}" is in use already`] : [];
}

/** The components with their domains prepared; what is wrong with them is added to `problems`. */
function preparedComponents(
  { domain, components, rooms, gateway: { domains } }: Parsed,
  problems: string[],
): Parsed["components"] {
  const taken = new Set(rooms.enabled ? [domain, roomsDomain({ domain, rooms })] : [domain]);
  for (const name of Object.keys(domains)) {
    const prepared = prepareDomainpart(name);
    if (prepared.ok) taken.add(prepared.value);
  }
  return components.map((component, index) => {
    const prepared = prepareDomainpart(component.domain);
    const at = `components.${index}.domain: "${component.domain}"`;
    if (!prepared.ok) {
      problems.push(`${at} is no domain: ${prepared.reason}`);
      return component;
    }
    if (taken.has(prepared.value)) problems.push(`${at} is in use already`);
    taken.add(prepared.value);
    return { ...component, domain: prepared.value };
  });
}

function externalServiceProblems(
  { secret, username, password }: Parsed["externalServices"][number],
  index: number,
): string[] {
  const at = `externalServices.${index}`;
  if (secret !== undefined && (username ?? password) !== undefined) {
    return [`${at}: give a secret, or a username and a password, not both`];
  }
  return (username === undefined) === (password === undefined) ? [] : [`${at}: username and password go together`];
}

function httpProblems({ publicUrl, trustedProxies, origins }: Config["http"]): string[] {
  const problems: string[] = [];
  if (publicUrl !== null && !isHttpsUrl(publicUrl)) {
    problems.push(
      `http.publicUrl: "${publicUrl}" must be an https URL without a query, such as "https://chat.example.org"`,
    );
  }
  for (const network of trustedProxies) {
    if (!isNetwork(network)) {
      problems.push(`http.trustedProxies: "${network}" is no IP address or network such as "10.0.0.0/8"`);
    }
  }
  for (const origin of origins) {
    if (origin !== "*" && (!URL.canParse(origin) || new URL(origin).origin !== origin.toLowerCase())) {
      problems.push(`http.origins: "${origin}" is no origin such as "https://chat.example.org", nor "*"`);
    }
  }
  return problems;
}

function isHttpsUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, search, hash, username } = new URL(text);
  return protocol === "https:" && search === "" && hash === "" && username === "" && !/[?#]/.test(text);
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
      const keys = known.length === 0 ? "no keys are known here" : `the keys here are ${known.join(", ")}`;
      return `${at(key)}: unknown key; ${nearest === undefined ? keys : `did you mean "${nearest}"?`}`;
    });
  }
  const node = issue.code === "custom" ? undefined : jsonSchemaAt(issue.path);
  return [`${path === "" ? "(the whole configuration)" : path}: ${node ? `must be ${allowed(node)}` : issue.message}`];
}

/** What may stand at a node of the schema, for "must be ..." */
export function allowed(node: JsonSchema): string {
  if (node.anyOf !== undefined) return node.anyOf.map(allowed).join(" or ");
  if (node.enum !== undefined) return `one of ${node.enum.map((value) => JSON.stringify(value)).join(", ")}`;
  if (Array.isArray(node.type)) return node.type.map((type: string) => allowed({ ...node, type })).join(" or ");
  switch (node.type) {
    case "integer":
      return `a whole number${range(node)}`;
    case "number":
      return `a number${range(node)}`;
    case "boolean":
      return "true or false";
    case "array":
      return node.items?.type === "object" ? "a list of objects in [ ]" : "a list of texts in [ ]";
    case "object":
      return "an object in { }";
    case "string":
      return node.minLength === undefined ? "a text" : "a text that is not empty";
    default:
      return String(node.type);
  }
}

function range({ minimum, maximum }: JsonSchema): string {
  if (minimum === undefined) return "";
  return maximum === undefined || maximum === Number.MAX_SAFE_INTEGER
    ? ` of at least ${minimum}`
    : ` from ${minimum} to ${maximum}`;
}

/** The one of `known` that was most likely meant; undefined: none is near. */
export function closest(key: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((name) => ({ name, far: distance(key.toLowerCase(), name.toLowerCase()) }))
    .sort((a, b) => a.far - b.far);
  const best = ranked[0];
  return best !== undefined && best.far <= Math.max(2, Math.floor(key.length / 3)) ? best.name : undefined;
}

/** The keys allowed at a path, from the same schema. */
function keysAt(path: readonly PropertyKey[]): string[] {
  const node = jsonSchemaAt(path);
  return node === undefined ? [] : Object.keys(node.properties ?? {});
}

function jsonSchemaAt(path: readonly PropertyKey[]): JsonSchema | undefined {
  let node: JsonSchema | undefined = configJsonSchema();
  for (const key of path) {
    const inner: JsonSchema | undefined = node.properties?.[String(key)];
    const rest: JsonSchema | undefined =
      typeof node.additionalProperties === "object" ? node.additionalProperties : undefined;
    node = inner ?? rest ?? node.items;
    if (node === undefined) return undefined;
  }
  return node;
}
