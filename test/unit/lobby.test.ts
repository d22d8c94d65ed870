// Connections before their first octet, over real sockets.

import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { Lobby } from "../../server/transport/lobby.ts";
import { FakeClock } from "../support/fake-clock.ts";

/** A lobby behind a port; `said` is what it called. */
async function lobby() {
  const clock = new FakeClock();
  const rooms = new Lobby(clock, 30_000);
  const said: string[] = [];
  const sockets: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    rooms.enter(
      socket,
      () => said.push(String(socket.read())),
      () => said.push("silent"),
    );
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const open = async (): Promise<{ client: Socket; inside: Socket }> => {
    const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
    client.on("error", () => {});
    onTestFinished(() => void client.destroy());
    const [inside] = (await once(server, "connection")) as [Socket];
    return { client, inside };
  };
  return { clock, said, open };
}

test("who says something is let in, with all that was said", async () => {
  const { clock, said, open } = await lobby();
  const { client, inside } = await open();
  client.write("hello");
  await once(inside, "readable");
  await new Promise((turn) => setImmediate(turn));
  expect(said).toEqual(["hello"]);
  expect(clock.timers).toBe(0);
});

test("who says nothing is told of when the time is over", async () => {
  const { clock, said, open } = await lobby();
  await open();
  clock.advance(29_999);
  expect(said).toEqual([]);
  clock.advance(1);
  expect(said).toEqual(["silent"]);
});

test.each(["end", "destroy", "resetAndDestroy"] as const)(
  "who leaves without a word (%s) is forgotten",
  async (leave) => {
    const { clock, said, open } = await lobby();
    const { client, inside } = await open();
    client.resume();
    client[leave]();
    await new Promise((closed) => inside.once("close", closed));
    expect(said).toEqual([]);
    expect(clock.timers).toBe(0);
  },
);

test("of many who speak at once, a few are let in at a time", async () => {
  const { said, open } = await lobby();
  const all: Awaited<ReturnType<typeof open>>[] = [];
  while (all.length < 20) all.push(await open());
  for (const { client } of all) client.write("x");
  const counts: number[] = [];
  while (said.length < 20) {
    counts.push(said.length);
    await new Promise((turn) => setImmediate(turn));
  }
  counts.push(20);
  for (const [turn, count] of counts.entries()) expect(count - (counts[turn - 1] ?? 0)).toBeLessThanOrEqual(2);
});
