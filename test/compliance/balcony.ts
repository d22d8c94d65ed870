// The built server as its command line starts it, with everything on that the scenes ask for.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findRunning } from "../../server/cli/with-admin.ts";
import { VERSION } from "../../server/version.ts";
import { BuiltServer } from "../support/built-server.ts";
import type { Target } from "./stage.ts";

const COMPONENT = { domain: "irc.example.com", secret: "secret" };
/** What an operator would have to set, besides the certificate, for all of it. */
const CONFIG = {
  domain: "example.com",
  http: { tls: true },
  components: [COMPONENT],
  componentPort: 0,
  componentAddresses: ["127.0.0.1"],
  externalServices: [
    { type: "stun", host: "stun.example.com", port: 3478, transport: "udp" },
    { type: "turn", host: "turn.example.com", port: 3478, transport: "udp", secret: "secret" },
  ],
  contacts: { abuse: ["mailto:abuse@example.com"] },
  gateway: { domains: { "example.net": {} } },
};

/** Runs it while `play` does something with it. */
export async function withBalcony<T>(play: (target: Target) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "balcony-compliance-"));
  const config = join(folder, "config.json");
  await writeFile(config, JSON.stringify({ ...CONFIG, storage: { path: join(folder, "data") } }));
  let server: BuiltServer | undefined;
  try {
    server = await BuiltServer.start({
      config,
      env: { BALCONY_C2S_ADDRESSES: "127.0.0.1", BALCONY_HTTP_ADDRESSES: "127.0.0.1" },
    });
    const admin = await findRunning(join(folder, "data"));
    if (admin === undefined) throw new Error("the server takes no commands");
    return await play({
      software: `Balcony ${VERSION}`,
      domain: CONFIG.domain,
      c2sPort: server.c2sPort,
      directTlsPort: server.directTlsPort,
      httpsPort: server.httpPort,
      component: { port: server.componentPort, ...COMPONENT },
      admin,
      addUser: (name, password) => admin.addUser(name, password),
    });
  } finally {
    await server?.stop("SIGTERM");
    await rm(folder, { recursive: true, force: true });
  }
}
