// What was acknowledged is on disk: over a kill, over a full disk, and beside another process.

import { describe, expect, it } from "vitest";
import { openDatabase } from "../../storage/sqlite/open.ts";
import { openSqliteStore, sqliteStore } from "../../storage/sqlite.ts";
import type { Store } from "../../storage/store.ts";
import { startChild } from "./children/child.ts";
import { AT, JULIET, NURSE } from "./records.ts";
import { temporaryFolder } from "./temporary.ts";

const MANY = 1_000_000;
const path = temporaryFolder();

async function texts(store: Store, owner: string): Promise<string[]> {
  return (await store.offline.load(owner, 0, MANY)).map(({ xml }) => xml);
}

async function archivedIds(store: Store, owner: string): Promise<string[]> {
  const ids: string[] = [];
  for (;;) {
    const afterId = ids.at(-1);
    const page = await store.archive.page(owner, {
      ...(afterId !== undefined && { afterId }),
      backward: false,
      limit: 100,
    });
    ids.push(...(page?.messages ?? []).map(({ id }) => id));
    if (page?.complete !== false) return ids;
  }
}

describe("kill -9 in the middle of writing", () => {
  it.each([
    ["one write a turn", 1],
    ["writes in groups", 20],
  ])("loses nothing that was acknowledged: %s", async (_, perTurn) => {
    const killAfterLines = 200;
    let count = 0;
    const child = startChild("writer.ts", [path(), JULIET, "0", String(perTurn), "100"], (_line, process) => {
      count += 1;
      if (count === killAfterLines) process.kill("SIGKILL");
    });
    expect(await child.ended).toBe("SIGKILL");
    const acknowledged = child.lines.filter((line) => line !== "ready");
    expect(acknowledged.length).toBeGreaterThanOrEqual(killAfterLines - 1);

    const store = openSqliteStore(path());
    const kept = await texts(store, JULIET);
    expect(kept.slice(0, acknowledged.length)).toEqual(acknowledged);
    // Nothing is there by half, either: the count is of the same transaction as the messages.
    expect(await store.offline.count(JULIET)).toBe(kept.length);
    expect(kept.length % perTurn).toBe(0);
    await store.close();
  });

  it.each([37, 111, 190])("keeps archive and sessions in step: after %i turns", async (killAfterLines) => {
    let count = 0;
    const child = startChild("session-writer.ts", [path(), JULIET], (_line, process) => {
      count += 1;
      if (count === killAfterLines) process.kill("SIGKILL");
    });
    expect(await child.ended).toBe("SIGKILL");

    const store = openSqliteStore(path());
    const [{ session, unacked } = { session: undefined, unacked: [] }] = await store.sessions.loadAll();
    const archive = await archivedIds(store, JULIET);
    expect(archive).toEqual(Array.from({ length: archive.length }, (_, n) => String(n + 1)));
    expect(unacked.map(({ sequence }) => String(sequence))).toEqual(archive);
    expect(session?.inbound).toBe(archive.length);
    // The first line tells of the session, each other one of a turn.
    expect(archive.length).toBeGreaterThanOrEqual(killAfterLines - 1);
    expect(archive.slice(0, child.lines.length - 1)).toEqual(child.lines.slice(1));
    await store.close();
  });
});

describe("a full disk", () => {
  it("rejects the turn that finds no room, and nothing else", async () => {
    const db = openDatabase(path());
    const store = sqliteStore(db);
    const pages = Number(db.pragma("page_count", { simple: true }));
    db.pragma(`max_page_count = ${pages + 20}`);
    const add = (n: number) => store.offline.add(JULIET, String(n).padEnd(3_000, "."), AT, MANY);
    const results: PromiseSettledResult<boolean>[] = [];
    for (let n = 0; n < 40; n++) results.push(...(await Promise.allSettled([add(n)])));
    const kept = results.flatMap(({ status }, n) => (status === "fulfilled" ? String(n).padEnd(3_000, ".") : []));
    expect(kept.length).toBeGreaterThan(0);
    expect(kept.length).toBeLessThan(40);
    for (const result of results) {
      if (result.status === "rejected")
        expect(result.reason).toMatchObject({ name: "StoreWriteError", reason: "full" });
    }
    expect(await texts(store, JULIET)).toEqual(kept);
    expect(await store.offline.count(JULIET)).toBe(kept.length);

    // What is written in one turn may belong together.
    const small = () => store.offline.add(JULIET, "small", AT, MANY);
    const turn = await Promise.allSettled([small(), add(50), small()]);
    expect(turn.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
    expect(await texts(store, JULIET)).toEqual(kept);

    await new Promise((resolve) => setImmediate(resolve)); // another turn
    db.pragma(`max_page_count = ${pages + 1_000}`);
    expect(await add(99)).toBe(true);
    await store.close();
    const again = openSqliteStore(path());
    expect(await texts(again, JULIET)).toEqual([...kept, String(99).padEnd(3_000, ".")]);
    await again.close();
  });

  it.skipIf(process.platform !== "linux")("that the operating system reports loses nothing acknowledged", async () => {
    const child = startChild("writer.ts", [path(), JULIET, "0", "10", "1000"], undefined, 1_000);
    expect(await child.ended).toBe(0);
    const acknowledged = child.lines.filter((line) => /^\d/.test(line));
    const failed = child.lines.filter((line) => line.startsWith("failed "));
    expect(acknowledged.length).toBeGreaterThan(100);
    expect(failed).toHaveLength(10); // the whole turn whose commit failed
    expect(failed[0]).toMatch(/^failed (full|failed)$/);
    // The store went on answering after it.
    expect(child.lines.at(-1)).toBe(`count ${acknowledged.length}`);

    const store = openSqliteStore(path());
    expect(await texts(store, JULIET)).toEqual(acknowledged);
    expect(await store.offline.count(JULIET)).toBe(acknowledged.length);
    await store.close();
  });
});

describe("two stores on one file", () => {
  it("see each other's changes", async () => {
    const [server, cli] = [openSqliteStore(path()), openSqliteStore(path())];
    await server.offline.add(JULIET, "1", AT, 10);
    await cli.offline.add(JULIET, "2", AT, 10);
    await server.offline.add(JULIET, "3", AT, 10);
    expect(await texts(cli, JULIET)).toEqual(["1", "2", "3"]);
    expect(await server.secret("name")).toBe(await cli.secret("name"));
    await cli.close();
    expect(await texts(server, JULIET)).toEqual(["1", "2", "3"]);
    await server.close();
  });

  it("write at the same time from two processes", async () => {
    const total = 500;
    const store = openSqliteStore(path());
    let start = (): void => undefined;
    const ready = new Promise<void>((resolve) => {
      start = resolve;
    });
    const child = startChild("writer.ts", [path(), NURSE, String(total), "5", "100"], (line) => {
      if (line === "ready") start();
    });
    await ready;
    for (let n = 0; n < total; n += 1) expect(await store.offline.add(JULIET, String(n), AT, total)).toBe(true);
    expect(await child.ended).toBe(0);
    expect(child.lines.at(-1)).toBe(`count ${total}`);
    expect(await store.offline.count(JULIET)).toBe(total);
    expect(await texts(store, NURSE)).toHaveLength(total);
    await store.close();
  });
});
