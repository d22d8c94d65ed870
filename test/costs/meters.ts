// What is counted of a server that runs in this process: writes to its sockets, statements of its store, and what Node makes
// of promises, timers and ticks.

import { createHook } from "node:async_hooks";
import { createConnection, createServer, type Socket } from "node:net";
import Sqlite from "better-sqlite3";
import { cleanUp } from "../support/server.ts";

type Method = (this: unknown, ...args: unknown[]) => unknown;

function patch(prototype: object, name: string, around: (original: Method) => Method): void {
  const target = prototype as Record<string, Method>;
  const original = target[name];
  if (original === undefined) return;
  target[name] = around(original);
  cleanUp(async () => {
    target[name] = original;
  });
}

/** Where a method stands that an object has from its class. */
function ownerOf(value: object, method: string): object {
  for (let at: object | null = value; at !== null; at = Object.getPrototypeOf(at)) {
    if (Object.hasOwn(at, method)) return at;
  }
  throw new Error(`nothing has ${method}`);
}

type Handle = { getpeername?(out: { port?: number }): void };

const WRITES = ["writeBuffer", "writev", "writeUtf8String", "writeLatin1String", "writeAsciiString", "writeUcs2String"];

/** Write requests of the server, by the port at the other end; each is one system call while the peer's window has room. */
export async function countWrites(): Promise<ReadonlyMap<number, number>> {
  const counts = new Map<number, number>();
  const { _handle: handle } = (await anySocket()) as Socket & { _handle: object };
  for (const name of WRITES) {
    patch(ownerOf(handle, name), name, (original) => {
      return function (this: unknown, ...args) {
        const peer: { port?: number } = {};
        (this as Handle).getpeername?.(peer);
        if (peer.port !== undefined) counts.set(peer.port, (counts.get(peer.port) ?? 0) + 1);
        return original.apply(this, args);
      };
    });
  }
  return counts;
}

async function anySocket(): Promise<Socket> {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const socket = createConnection((server.address() as { port: number }).port, "127.0.0.1");
  await new Promise<void>((resolve) => socket.once("connect", resolve));
  cleanUp(async () => {
    socket.destroy();
    server.close();
  });
  return socket;
}

/** The text of every statement that SQLite runs, in order. */
export function recordStatements(): string[] {
  const statements: string[] = [];
  const db = new Sqlite(":memory:");
  const prepared = Object.getPrototypeOf(db.prepare("SELECT 1")) as object;
  db.close();
  for (const name of ["run", "get", "all", "iterate"]) {
    patch(prepared, name, (original) => {
      return function (this: unknown, ...args) {
        statements.push((this as { source: string }).source);
        return original.apply(this, args);
      };
    });
  }
  return statements;
}

export type Made = Readonly<Record<string, number>>;

/** What Node makes while a step runs, by kind: PROMISE, Timeout, Immediate, TickObject ... */
export async function made(step: () => Promise<void>): Promise<Made> {
  const counts: Record<string, number> = {};
  const hook = createHook({
    init(_id, kind) {
      counts[kind] = (counts[kind] ?? 0) + 1;
    },
  });
  hook.enable();
  try {
    await step();
  } finally {
    hook.disable();
  }
  return counts;
}
