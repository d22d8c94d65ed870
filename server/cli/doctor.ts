// balcony doctor: looks whether all is well, and says what to do where it is not.

import { existsSync } from "node:fs";
import { createServer as createSocket } from "node:net";
import type { Command } from "commander";
import { systemClock } from "../clock.ts";
import { type Config, parseConfig } from "../config.ts";
import { loadCertificate } from "../transport/certificate.ts";
import { loadConfigFile } from "./config-file.ts";
import { Failure } from "./failure.ts";
import { print } from "./output.ts";
import { type CommonOptions, connectRunning, withAdmin } from "./with-admin.ts";

const DAY_MS = 86_400_000;
const EXPIRY_WARNING_DAYS = 14;

type Finding = { readonly state: "ok" | "warn" | "FAIL"; readonly text: string };

/** Describes `balcony doctor`. */
export function defineDoctor(doctor: Command): void {
  doctor
    .action(async (_: unknown, command: Command) => examine(command.optsWithGlobals<CommonOptions>()))
    .addHelpText(
      "after",
      `
It looks at the configuration, the certificate, the database, the accounts and the ports. Exit code 1: something fails.

Examples:
  balcony doctor
  balcony doctor --config /etc/balcony/config.json`,
    );
}

async function examine(options: CommonOptions): Promise<void> {
  const loaded = loadConfigFile(options.config, process.env);
  const config = parseConfig(loaded.config);
  let failures = 0;
  const tell = (findings: readonly Finding[]): void => {
    for (const { state, text } of findings) print(`${state.padEnd(4)}  ${text}`);
    failures += findings.filter(({ state }) => state === "FAIL").length;
  };
  tell([{ state: "ok", text: `configuration: ${loaded.source}` }]);
  tell(await orFailure("certificate", () => certificate(config)));
  const running = await orFailure("server", async () => {
    if ((await connectRunning(config.storage.path)) === undefined) return [];
    return [{ state: "ok", text: "server: it runs and answers" }];
  });
  tell(running);
  if (isMissing(config.storage.path)) {
    tell([{ state: "warn", text: `data folder: there is no ${config.storage.path} yet; "balcony serve" makes it` }]);
  } else if (config.storage.path !== ":memory:") {
    tell(
      await orFailure("database", () =>
        withAdmin(options, async (admin) => accounts(await admin.countBcryptOnly(), config)),
      ),
    );
  }
  if (running.length === 0) tell(await ports(config));
  if (failures > 0) throw new Failure(`${failures === 1 ? "one check" : `${failures} checks`} failed`);
}

function isMissing(dataFolder: string): boolean {
  return dataFolder !== ":memory:" && !existsSync(dataFolder);
}

async function orFailure(what: string, check: () => Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await check();
  } catch (error) {
    return [{ state: "FAIL", text: `${what}: ${(error as Error).message}` }];
  }
}

async function certificate(config: Config): Promise<Finding[]> {
  if (config.tls.certificateFile === null && isMissing(config.storage.path)) return [];
  const clock = systemClock();
  const folder = config.storage.path === ":memory:" ? null : config.storage.path;
  const { current } = await loadCertificate({ domain: config.domain, ...config.tls, folder, clock });
  const days = Math.floor((current.notAfter - clock.now()) / DAY_MS);
  const kind = current.selfSigned ? "self-signed; clients ask whether to trust it" : "from an authority";
  const until = `valid for ${days} days, until ${new Date(current.notAfter).toISOString().slice(0, 10)}`;
  const expiry: Finding =
    days < 0
      ? { state: "FAIL", text: "certificate: expired; get a new one, then send the server SIGHUP" }
      : days < EXPIRY_WARNING_DAYS
        ? { state: "warn", text: `certificate: ${until}; renew it, then send the server SIGHUP` }
        : { state: "ok", text: `certificate: ${kind}; ${until}` };
  return [expiry, ...current.warnings.map((text): Finding => ({ state: "warn", text: `certificate: ${text}` }))];
}

function accounts(bcryptOnly: number, config: Config): Finding[] {
  if (bcryptOnly === 0 || config.auth.storage === "bcrypt")
    return [{ state: "ok", text: "database: opens; accounts are in order" }];
  return [
    { state: "ok", text: "database: opens" },
    {
      state: "warn",
      text: `accounts: ${bcryptOnly} have a bcrypt hash only; until each has logged in once, clients are offered PLAIN and not SCRAM`,
    },
  ];
}

async function ports(config: Config): Promise<Finding[]> {
  const wanted = [
    { setting: "c2s.port", port: config.c2s.port, addresses: config.c2s.addresses },
    { setting: "c2s.directTlsPort", port: config.c2s.directTlsPort, addresses: config.c2s.addresses },
    { setting: "http.port", port: config.http.port, addresses: config.http.addresses },
  ];
  return Promise.all(
    wanted.flatMap(({ setting, port, addresses }) =>
      port === null || port === 0 ? [] : addresses.map((address) => portFinding(setting, address, port)),
    ),
  );
}

function portFinding(setting: string, host: string, port: number): Promise<Finding> {
  return new Promise((resolve) => {
    const socket = createSocket();
    const what = `${setting}: ${host} port ${port}`;
    socket.once("error", ({ code }: NodeJS.ErrnoException) => {
      const noIpv6 = host.includes(":") && (code === "EAFNOSUPPORT" || code === "EADDRNOTAVAIL");
      if (noIpv6) resolve({ state: "warn", text: `${what}: this machine has no such address` });
      else if (code === "EADDRINUSE")
        resolve({ state: "FAIL", text: `${what}: another program has it; stop that or choose another port` });
      else resolve({ state: "FAIL", text: `${what}: cannot be opened (${code})` });
    });
    socket.listen({ host, port }, () => socket.close(() => resolve({ state: "ok", text: `${what} is free` })));
  });
}
