// One attacker of test/bench/overload.ts, in a process of its own: started with the kind of attack and the ports, tells what
// became of it over IPC, and goes on until it is told to stop.

import { connect, type Socket } from "node:net";
import { constants, setPriority } from "node:os";
import { connect as tlsConnect } from "node:tls";
import { ACCOUNT, HEADER, Puppet, plainAuth } from "./puppet.ts";

export type Attack = "half-open" | "slow-headers" | "wrong-passwords" | "flood" | "stalled-reader";

export type Order = { readonly attack: Attack; readonly c2s: number; readonly directTls: number };

/** An attacker is on another machine: here it must not take the processor from those whose delay is measured. */
setPriority(constants.priority.PRIORITY_LOW);

const PER_ADDRESS = 900; // limits.connectionsPerAddress is 1000

const counts: Record<string, number> = {};
let stopped = false;

function count(what: string, by = 1): void {
  counts[what] = (counts[what] ?? 0) + by;
}

/** Each thousand from an address of its own. */
function addressOf(index: number): string {
  return `127.0.9.${1 + Math.floor(index / PER_ADDRESS)}`;
}

function open(port: number, index: number): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1", localAddress: addressOf(index) });
    socket.once("connect", () => {
      count("connected");
      resolve(socket);
    });
    socket.on("error", () => {});
    socket.once("close", () => {
      if (!stopped) count("cut by the server");
      resolve(undefined);
    });
    socket.resume();
  });
}

async function openMany(
  port: number,
  from: number,
  to: number,
  opened: (socket: Socket) => void = () => {},
): Promise<void> {
  let next = from;
  const worker = async (): Promise<void> => {
    while (next < to && !stopped) {
      const socket = await open(port, next++);
      if (socket !== undefined) opened(socket);
    }
  };
  await Promise.all(Array.from({ length: 50 }, worker));
}

/** Connections that say nothing: half of them where TLS would begin. */
async function halfOpen({ c2s, directTls }: Order): Promise<void> {
  await openMany(c2s, 0, 5_000);
  await openMany(directTls, 5_000, 10_000);
}

/** A byte of the stream header every two seconds, from each of 2,000 connections. */
async function slowHeaders({ c2s }: Order): Promise<void> {
  await openMany(c2s, 0, 2_000, (socket) => {
    let at = 0;
    const timer = setInterval(() => {
      if (stopped || socket.destroyed) return clearInterval(timer);
      socket.write(HEADER[at++ % HEADER.length] ?? " ");
      count("bytes");
      return undefined;
    }, 2_000);
  });
}

/** A thousand logins at once, over and over, each on a connection of its own inside TLS; none waits for long. */
async function wrongPasswords({ directTls }: Order): Promise<void> {
  while (!stopped) {
    await Promise.all(Array.from({ length: 1_000 }, (_, index) => wrongPassword(directTls, index)));
    count("rounds");
  }
}

function wrongPassword(port: number, index: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = tlsConnect({
      port,
      host: "127.0.0.1",
      socket: connect({ port, host: "127.0.0.1", localAddress: addressOf(index) }),
      rejectUnauthorized: false,
    });
    let received = "";
    const over = (): void => {
      socket.destroy();
      resolve();
    };
    setTimeout(over, 3_000).unref();
    socket.on("error", over);
    socket.on("close", over);
    socket.on("secureConnect", () => {
      count("handshakes");
      socket.write(HEADER);
    });
    socket.on("data", (chunk: Buffer) => {
      received += chunk.toString();
      if (received.includes("</stream:features>")) {
        received = "";
        socket.write(plainAuth(`guess${index}`, "wrong"));
      } else if (received.includes("<failure")) {
        count(received.includes("temporary-auth-failure") ? "told to wait" : "refused");
        over();
      }
    });
  });
}

/** Messages from one account as fast as its connection takes them, to one that reads them. */
async function flood({ directTls }: Order): Promise<void> {
  const sink = await Puppet.login(directTls, ACCOUNT.sink);
  sink.onData((text) => count("messages received", text.split("</message>").length - 1));
  sink.send("<presence/>");
  await pour(directTls, sink.jid);
}

async function pour(directTls: number, to: string): Promise<void> {
  const flooder = await Puppet.login(directTls, ACCOUNT.flooder);
  const message = `<message to='${to}' type='chat'><body>${"x".repeat(100)}</body></message>`;
  const batch = message.repeat(100);
  while (!stopped && !flooder.closed) {
    await flooder.sendAll(batch);
    count("messages taken", 100);
  }
  if (flooder.closed) count("flooder closed");
}

/** One who does not read, and one who writes to him. */
async function stalledReader({ directTls }: Order): Promise<void> {
  const stalled = await Puppet.login(directTls, ACCOUNT.sink);
  stalled.send("<presence/>");
  stalled.pause();
  stalled.onClose(() => count("reader closed"));
  await pour(directTls, `${ACCOUNT.sink}@localhost`);
}

const ATTACKS: Readonly<Record<Attack, (order: Order) => Promise<void>>> = {
  "half-open": halfOpen,
  "slow-headers": slowHeaders,
  "wrong-passwords": wrongPasswords,
  flood,
  "stalled-reader": stalledReader,
};

process.on("message", (order: Order | "stop") => {
  if (order === "stop") {
    stopped = true;
    process.send?.({ counts });
    setTimeout(() => process.exit(0), 100);
    return;
  }
  void ATTACKS[order.attack](order).catch((error: Error) => count(`failed: ${error.message}`));
});
process.on("disconnect", () => process.exit(0));
