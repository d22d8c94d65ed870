// A test server of the kit for others (server/testing), stopped after each test that asked for one. Time stands still in it
// until the test advances its clock.

import { afterEach } from "vitest";
import { parseConfig } from "../../server/config.ts";
import type { ConfigInput, ServerParts } from "../../server/index.ts";
import { TestServer } from "../../server/testing/test-server.ts";
import { connectFramed } from "./framed-socket.ts";
import { overWebSocket, underTest } from "./under-test.ts";

export { befriend } from "../../server/testing/befriend.ts";
export type { TestServer } from "../../server/testing/test-server.ts";

const cleanups: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Runs after the current test, last registered first. */
export function cleanUp(action: () => Promise<void>): void {
  cleanups.push(action);
}

// What the kit changes for the sake of clients is as it is for everybody here: the tests are of the server.
const { c2s, limits, streamManagement } = parseConfig({});

export async function startServer(config: ConfigInput = {}, parts: ServerParts = {}): Promise<TestServer> {
  underTest.secure = config.c2s?.requireTls !== false;
  const server = new TestServer(
    {
      ...config,
      c2s: { requireTls: c2s.requireTls, ...config.c2s },
      limits: { idleTimeoutSeconds: limits.idleTimeoutSeconds, ...config.limits },
      streamManagement: { ackTimeoutSeconds: streamManagement.ackTimeoutSeconds, ...config.streamManagement },
      http: { tls: overWebSocket() && underTest.secure, websocketChannelBinding: true, ...config.http },
    },
    { offerTls: true, ...(overWebSocket() ? { dial: webSocket } : {}), ...parts },
  );
  cleanUp(() => server.stop({ cut: true })); // whoever is to see the server say goodbye stops it in the test
  await server.start();
  return server;
}

const webSocket = (server: TestServer) => connectFramed(server.addresses.http as number, underTest.secure);
