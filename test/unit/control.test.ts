// The control socket: the calls of Admin through it, its errors, its limits, and where it is.

import { chmod, mkdir, mkdtemp, rm, stat, symlink } from "node:fs/promises";
import { request } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Admin, AdminError } from "../../server/admin.ts";
import { controlPath } from "../../server/control/path.ts";
import { connectAdmin, serveControl } from "../../server/control.ts";

let folder: string;
const cleanups: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "balcony-control-"));
});

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  await rm(folder, { recursive: true });
});

/** An Admin that answers each call with what is set for it, and remembers the calls. */
function recordingAdmin(answers: Partial<Record<keyof Admin, unknown>> = {}): { admin: Admin; calls: unknown[][] } {
  const calls: unknown[][] = [];
  const admin = new Proxy({} as Admin, {
    get:
      (_, name: keyof Admin) =>
      async (...args: unknown[]) => {
        calls.push([name, ...args]);
        if (answers[name] instanceof Error) throw answers[name];
        return answers[name];
      },
  });
  return { admin, calls };
}

async function connected(admin: Admin): Promise<Admin> {
  const path = join(folder, "balcony.sock");
  const control = await serveControl(admin, path);
  cleanups.push(() => control.close());
  return (await connectAdmin(path)) as Admin;
}

test("many accounts in one call, and one of many bytes", async () => {
  const { admin, calls } = recordingAdmin({
    importUsers: [{ outcome: "created" }, { outcome: "refused", reason: "a name" }],
    exportUser: { user: { name: "juliet", keys: [], holdings: {} }, notTaken: ["block lists"] },
  });
  const remote = await connected(admin);
  const users = ["juliet", "r o"].map((name) => ({ name, keys: [], holdings: { vcard: "x".repeat(1_000_000) } }));
  expect(await remote.importUsers(users, { existing: "keep", check: true })).toEqual([
    { outcome: "created" },
    { outcome: "refused", reason: "a name" },
  ]);
  expect(await remote.exportUser("juliet")).toMatchObject({ notTaken: ["block lists"] });
  expect(calls).toEqual([
    ["importUsers", users, { existing: "keep", check: true }],
    ["exportUser", "juliet"],
  ]);
});

test("every call goes through, and its answer comes back", async () => {
  const presentity = {
    address: "r@example.net",
    formalName: "",
    policy: "confirm",
    allowFrom: [],
    createdAt: 1,
  } as const;
  const { admin, calls } = recordingAdmin({
    listUsers: ["juliet@localhost"],
    countBcryptOnly: 2,
    addToken: { id: "1", token: "t" },
    listTokens: [{ id: "1", scope: "domain:example.net", createdAt: 5 }],
    addPresentity: "created",
    listPresentities: [presentity],
  });
  const remote = await connected(admin);
  await remote.addUser("juliet", "secret ☃");
  await remote.setPassword("juliet", "other");
  expect(await remote.listUsers({ limit: 100 })).toEqual(["juliet@localhost"]);
  await remote.listUsers({ after: "a", limit: 1 });
  await remote.importUser("romeo", "$2b$");
  expect(await remote.countBcryptOnly()).toBe(2);
  expect(await remote.addToken("domain:example.net")).toEqual({ id: "1", token: "t" });
  expect(await remote.listTokens()).toHaveLength(1);
  await remote.revokeToken("1");
  expect(await remote.addPresentity("r@example.net", { policy: "allow" })).toBe("created");
  expect(await remote.listPresentities(undefined)).toEqual([presentity]);
  await remote.deletePresentity("r@example.net");
  expect(await remote.deleteUser("juliet")).toBeUndefined();
  expect(calls).toEqual([
    ["addUser", "juliet", "secret ☃"],
    ["setPassword", "juliet", "other"],
    ["listUsers", { limit: 100 }],
    ["listUsers", { after: "a", limit: 1 }],
    ["importUser", "romeo", "$2b$"],
    ["countBcryptOnly"],
    ["addToken", "domain:example.net"],
    ["listTokens"],
    ["revokeToken", "1"],
    ["addPresentity", "r@example.net", { policy: "allow" }],
    ["listPresentities", undefined],
    ["deletePresentity", "r@example.net"],
    ["deleteUser", "juliet"],
  ]);
});

test("an AdminError keeps its code and message; anything else tells nothing", async () => {
  const { admin } = recordingAdmin({
    addUser: new AdminError("exists", "juliet@localhost exists already"),
    deleteUser: new Error("secret detail"),
  });
  const remote = await connected(admin);
  const error = await remote.addUser("juliet", "secret").catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(AdminError);
  expect(error).toMatchObject({ code: "exists", message: "juliet@localhost exists already" });
  await expect(remote.deleteUser("juliet")).rejects.toThrow("the server could not do this; its log says why");
});

test.each([
  ["a call that there is not", JSON.stringify({ call: "__proto__", arguments: [] }), 404],
  ["bad arguments", JSON.stringify({ call: "addUser", arguments: ["juliet"] }), 400],
  ["no JSON", "{", 400],
  ["too much", JSON.stringify({ call: "addUser", arguments: ["juliet", "x".repeat(70_000)] }), 400],
])("%s is refused", async (_, body, status) => {
  const { admin, calls } = recordingAdmin();
  await connected(admin);
  expect(await post(join(folder, "balcony.sock"), body)).toBe(status);
  expect(calls).toEqual([]);
});

test("the socket is this user's alone, and gone after close; a stale one is replaced", async () => {
  const path = join(folder, "balcony.sock");
  const { admin } = recordingAdmin({ listUsers: [] });
  expect(await connectAdmin(path)).toBeUndefined();
  await leaveStaleSocket(path);
  expect(await connectAdmin(path)).toBeUndefined();
  const control = await serveControl(admin, path);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  await expect(serveControl(admin, path)).rejects.toThrow("another Balcony runs on this data folder");
  expect(await (await connectAdmin(path))?.listUsers({ limit: 1 })).toEqual([]);
  await control.close();
  expect(await connectAdmin(path)).toBeUndefined();
  await expect(stat(path)).rejects.toThrow("ENOENT");
});

test("a path too long for a socket: one among the temporary files, in a folder of mode 0700", async () => {
  const long = join(folder, "long".repeat(30));
  await mkdir(long);
  const path = await controlPath(long, true, folder);
  expect(Buffer.byteLength(path)).toBeLessThanOrEqual(100);
  expect((await stat(join(path, ".."))).mode & 0o777).toBe(0o700);
  expect(await controlPath(join(long, "..", "long".repeat(30)), false, folder)).toBe(path);
  const control = await serveControl(recordingAdmin().admin, path);
  cleanups.push(() => control.close());
  expect(await connectAdmin(path)).toBeDefined();
});

test("a folder for it that others could have made is refused", async () => {
  const long = join(folder, "long".repeat(30));
  await mkdir(long);
  const made = join(await controlPath(long, true, folder), "..");
  await chmod(made, 0o755);
  await expect(controlPath(long, false, folder)).rejects.toThrow("was not made by Balcony, or is open to others");
  await rm(made, { recursive: true });
  await symlink(long, made);
  await expect(controlPath(long, true, folder)).rejects.toThrow("was not made by Balcony");
});

test("no path is short enough: a clear error", async () => {
  const long = join(folder, "long".repeat(30));
  await mkdir(long);
  await expect(controlPath(long, true, long)).rejects.toThrow("set storage.path or TMPDIR to a shorter one");
});

function post(path: string, body: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath: path, method: "POST", path: "/" }, (incoming) => {
      incoming.resume().once("close", () => resolve(incoming.statusCode));
    });
    outgoing.once("error", reject);
    outgoing.end(body);
  });
}

/** As a killed server leaves it: a socket file that nobody listens on. */
async function leaveStaleSocket(path: string): Promise<void> {
  const { link } = await import("node:fs/promises");
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(`${path}.first`, resolve));
  await link(`${path}.first`, path);
  await new Promise((resolve) => server.close(resolve));
}
