// What `balcony serve` says once it runs: where clients connect, and what to type next.

import { type Config, isLoopback } from "../config.ts";
import type { BalconyServer } from "../index.ts";
import { VERSION } from "../version.ts";

export type Invocation = {
  /** Such as `node dist/server/main.js`. */
  readonly program: string;
  /** ` --config FILE` if it was given, else empty. */
  readonly arguments: string;
  /** For a person: where the configuration is from. */
  readonly source: string;
  /** Environment variables that changed it. */
  readonly variables: readonly string[];
};

/** Lines for standard output. */
export function welcome(server: Pick<BalconyServer, "config" | "addresses" | "certificate">, by: Invocation): string[] {
  const { config } = server;
  return [
    `Balcony ${VERSION} serves ${config.domain}.`,
    "",
    ...row("Clients", clients(server)),
    ...row("Certificate", certificate(server)),
    ...(server.addresses.http === null ? [] : row("Gateway", gateway(config, server.addresses.http))),
    ...row("Data folder", [config.storage.path]),
    ...row("Settings", settings(by)),
    "",
    ...next(config, by),
    "Ctrl-C stops the server.",
  ];
}

function row(title: string, lines: readonly string[]): string[] {
  return lines.map((line, i) => `  ${(i === 0 ? title : "").padEnd(13)}${line}`);
}

function clients({ config, addresses }: Pick<BalconyServer, "config" | "addresses">): string[] {
  const local = config.c2s.addresses.every(isLoopback);
  const host = local ? (config.c2s.addresses[0] ?? "127.0.0.1") : config.domain;
  const direct = addresses.directTls === null ? "" : `, or port ${addresses.directTls} (direct TLS)`;
  return [
    `host ${host}, port ${addresses.c2s} (STARTTLS)${direct}`,
    `In Gajim or Conversations: add the account juliet@${config.domain}; under advanced settings`,
    `give host ${host} and port ${addresses.c2s}.`,
    ...(local ? ["Only programs on this machine reach it; for others set domain and c2s.addresses."] : []),
  ];
}

function certificate({ certificate }: Pick<BalconyServer, "certificate">): string[] {
  const until = certificate.notAfter.toISOString().slice(0, 10);
  if (!certificate.selfSigned) return [`valid until ${until}`];
  return [
    `self-signed, until ${until}: clients ask whether to trust it. Its SHA-256 fingerprint:`,
    certificate.fingerprintSha256,
  ];
}

function gateway({ http }: Config, port: number): string[] {
  const address = http.addresses[0] ?? "127.0.0.1";
  const host = address.includes(":") ? `[${address}]` : address;
  return [`${http.tls ? "https" : "http"}://${host}:${port}/cpim/v1`];
}

function settings({ source, variables }: Invocation): string[] {
  return variables.length === 0 ? [source] : [source, `and from the environment: ${variables.join(", ")}`];
}

function next(config: Config, by: Invocation): string[] {
  const [foreign] = Object.keys(config.gateway.domains);
  const commands: (readonly [string, string])[] = [
    ["user add juliet", `creates juliet@${config.domain}, asks for a password`],
    ...(foreign === undefined
      ? []
      : ([
          [`presentity add romeo@${foreign}`, "somebody behind the gateway"],
          [`token add domain:${foreign}`, `lets an HTTP client act for ${foreign}`],
        ] as const)),
  ];
  const typed = commands.map(([command]) => `  ${by.program} ${command}${by.arguments}`);
  const width = Math.max(...typed.map((line) => line.length));
  const same = by.variables.length === 0 ? "" : ", with the same environment variables";
  return [
    `Next, in another terminal, in this folder${same}:`,
    ...commands.map(([, what], i) => `${(typed[i] ?? "").padEnd(width)}   ${what}`),
    ...(foreign === undefined
      ? ["  (gateway.domains is empty: name a foreign domain there to have presentities)"]
      : []),
  ];
}
