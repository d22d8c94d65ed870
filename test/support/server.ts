// A whole server on port 0 with the memory store, and clients for it; stopped after each test that asked for one.

import { afterEach } from "vitest";
import { type BalconyServer, type ConfigInput, createServer, type ServerParts } from "../../server/index.ts";
import { type Login, ScriptedClient } from "./client.ts";

export type TestServer = BalconyServer & {
  /** Logs a user in, making the account first if it is new. The password is `secret`. */
  client(user: string, options?: Partial<Omit<Login, "port" | "user">>): Promise<ScriptedClient>;
  /** As `client`, with the roster asked for and initial presence sent; what comes of that is dropped. */
  online(user: string, options?: Partial<Omit<Login, "port" | "user">>): Promise<ScriptedClient>;
  /** As `client`, but without a bound resource: for resuming a session. */
  authenticated(user: string, options?: Partial<Omit<Login, "port" | "user">>): Promise<ScriptedClient>;
  /** An unauthenticated connection to the STARTTLS port. */
  connect(): Promise<ScriptedClient>;
};

const cleanups: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Runs after the current test, last registered first. */
export function cleanUp(action: () => Promise<void>): void {
  cleanups.push(action);
}

export async function startServer(config: ConfigInput = {}, parts: ServerParts = {}): Promise<TestServer> {
  const server = (await createServer(
    {
      domain: "example.com",
      storage: { path: ":memory:" },
      ...config,
      c2s: { addresses: ["127.0.0.1"], port: 0, directTlsPort: 0, ...config.c2s },
      http: { addresses: ["127.0.0.1"], port: 0, ...config.http },
      auth: { throttle: false, scramIterations: 4096, ...config.auth },
      limits: { bytesPerSecond: 0, ...config.limits },
    },
    parts,
  )) as TestServer;
  cleanUp(() => server.stop());
  await server.start();
  const known = new Set<string>();
  const login = async (user: string, options: Partial<Omit<Login, "port" | "user">>): Promise<Login> => {
    if (!known.has(user) && options.password === undefined) {
      known.add(user);
      await server.admin.addUser(user, "secret").catch((error: { code?: string }) => {
        if (error.code !== "exists") throw error;
      });
    }
    const port = options.tls === "direct" ? server.addresses.directTls : server.addresses.c2s;
    const tls = server.config.c2s.requireTls ? "starttls" : "none";
    return { port: port as number, domain: server.config.domain, user, password: "secret", tls, ...options };
  };
  server.client = async (user, options = {}) => ScriptedClient.login(await login(user, options));
  server.authenticated = async (user, options = {}) => ScriptedClient.authenticated(await login(user, options));
  server.online = async (user, options) => {
    const client = await server.client(user, options);
    await client.ask("get", "<query xmlns='jabber:iq:roster'/>");
    client.send("<presence/>");
    await client.sync();
    return client;
  };
  server.connect = () => ScriptedClient.connect(server.addresses.c2s, server.config.domain);
  return server;
}

/** Makes two online users see each other: `a` and `b` subscribed both ways, and nothing of that left unread. */
export async function befriend(a: ScriptedClient, b: ScriptedClient): Promise<void> {
  a.send(`<presence to='${b.bare}' type='subscribe'/>`);
  await b.until(`<presence type='subscribe' from='${a.bare}'/>`);
  b.send(`<presence to='${a.bare}' type='subscribed'/>`);
  b.send(`<presence to='${a.bare}' type='subscribe'/>`);
  await a.until(`<presence type='subscribe' from='${b.bare}'/>`);
  a.send(`<presence to='${b.bare}' type='subscribed'/>`);
  await b.until(`<presence type='subscribed' from='${a.bare}'/>`);
  await a.sync();
  await b.sync();
}
