// What test/bench/overload.ts found: one who overloads the server, or does not read, costs the others little.

import { expect, it } from "vitest";
import type { ScriptedClient } from "../support/client.ts";
import { startServer } from "../support/server.ts";

/** Ids of all messages that come until the connection ends. */
async function untilEnd(client: ScriptedClient): Promise<string[]> {
  const ids: string[] = [];
  try {
    for (;;) {
      const stanza = await client.next();
      if (stanza.name === "message") ids.push(stanza.attrs.id as string);
    }
  } catch {
    return ids;
  }
}

// A store of so many messages takes no more of them, and is not asked about each of those behind.
it("accounts for all messages to a resource that stops reading: taken, stored, or returned to their sender", async () => {
  const server = await startServer({ limits: { outboxBytes: 65_536, offlineMessages: 5, bytesPerSecond: 0 } });
  const romeo = await server.online("romeo");
  const juliet = await server.online("juliet", { resource: "desk" });
  juliet.pause();
  const ids = Array.from({ length: 1_500 }, (_, n) => `m${n}`);
  const body = "x".repeat(20_000); // the kernel's own buffers hold some megabytes
  for (const id of ids)
    romeo.send(`<message to='${juliet.bare}' type='chat' id='${id}'><body>${body}</body></message>`);
  const returned = new Set<string>();
  const nextReturned = async (): Promise<void> => {
    const error = await romeo.until("<message type='error'/>");
    expect(error.getChild("error")?.getChild("service-unavailable")).toBeDefined();
    returned.add(error.attrs.id as string);
  };
  while (!returned.has("m1499")) await nextReturned();
  juliet.resume();
  const taken = await untilEnd(juliet);
  while (returned.size < ids.length - taken.length - 5) await nextReturned();
  await romeo.expectNothing();
  const again = await server.client("juliet");
  again.send("<presence/></stream:stream>");
  const stored = await untilEnd(again);
  expect(stored).toEqual(ids.slice(taken.length, taken.length + 5)); // the oldest that were not taken, in order
  expect([...taken, ...stored].sort()).toEqual(ids.filter((id) => !returned.has(id)).sort());
});
