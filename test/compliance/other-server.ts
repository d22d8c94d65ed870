// Another server that runs on loopback, for a comparison: what it is told of on the command line.

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Target } from "./stage.ts";

export type OtherServer = {
  readonly domain: string;
  readonly addUser?: string;
  readonly httpsPort: string;
  readonly directTlsPort: string;
  readonly component?: string;
  readonly software: string;
};

export function otherServer(c2sPort: number, options: OtherServer): Target {
  const { domain, software } = options;
  const [port = "0", name = "", secret = ""] = options.component?.split(":") ?? [];
  return {
    software,
    domain,
    c2sPort,
    directTlsPort: Number(options.directTlsPort),
    httpsPort: Number(options.httpsPort),
    component: { port: Number(port), domain: name, secret },
    async addUser(user, password) {
      if (options.addUser === undefined) throw new Error("--add-user says how accounts are added");
      const values: Record<string, string> = { user, domain, password };
      const [command = "", ...args] = options.addUser
        .split(" ")
        .map((word) => word.replaceAll(/\{(\w+)\}/g, (whole, key: string) => values[key] ?? whole));
      await promisify(execFile)(command, args);
    },
  };
}
