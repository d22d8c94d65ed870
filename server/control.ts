// The control socket: while a server runs it offers the Admin calls over HTTP on a Unix socket that only its own user can
// reach, so that the command line acts through it: sessions end, watchers are told. POST / {"call", "arguments"}.

import { unlink } from "node:fs/promises";
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import { type Admin, AdminError } from "./admin.ts";
import { adminErrorCode, CALLS, type FailureCode, failure, request } from "./control/calls.ts";
import { type Logger, silentLogger } from "./log.ts";

const MAX_REQUEST_BYTES = 65_536;
/** Where calls with many accounts go, and how long they are: an account of portable/users.ts at its largest. */
const BULK = "/bulk";
const MAX_BULK_BYTES = 67_108_864;
const MAX_ANSWER_BYTES = 67_108_864; // 100,000 presentities
const ANSWER_TIMEOUT_MS = 60_000;

/** The control socket cannot be opened or used; the message says what to do. */
export class ControlError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ControlError";
  }
}

/**
 * Offers `admin` on a socket of mode 0600 at `path`; what a crashed server left there is removed.
 * `close` lets calls that are under way end. Throws ControlError if another server answers there.
 */
export async function serveControl(
  admin: Admin,
  path: string,
  log: Logger = silentLogger(),
): Promise<{ close(): Promise<void> }> {
  if (await answers(path)) {
    throw new ControlError(`another Balcony runs on this data folder (it answers at ${path}); stop it first`);
  }
  await unlink(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
  });
  const options = { headersTimeout: 5_000, requestTimeout: 10_000, connectionsCheckingInterval: 1_000 };
  const server = createServer(options, (incoming, response) => {
    void answer(admin, incoming, response, log);
  });
  await listenPrivately(server, path);
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
      }),
  };
}

/** The Admin of the server that listens at `path`. Undefined: none does. Throws ControlError if this user may not. */
export async function connectAdmin(path: string): Promise<Admin | undefined> {
  if (!(await answers(path))) return undefined;
  return {
    addUser: (user, password) => ask(path, "addUser", [user, password]),
    setPassword: (user, password) => ask(path, "setPassword", [user, password]),
    deleteUser: (user) => ask(path, "deleteUser", [user]),
    listUsers: (page) => ask(path, "listUsers", [page]),
    importUser: (user, hash) => ask(path, "importUser", [user, hash]),
    importUsers: (users, options) => ask(path, "importUsers", [users, options]),
    exportUser: (user) => ask(path, "exportUser", [user]),
    countBcryptOnly: () => ask(path, "countBcryptOnly", []),
    addToken: (scope) => ask(path, "addToken", [scope]),
    listTokens: () => ask(path, "listTokens", []),
    revokeToken: (id) => ask(path, "revokeToken", [id]),
    addPresentity: (address, settings) => ask(path, "addPresentity", [address, settings]),
    listPresentities: (domain) => ask(path, "listPresentities", [domain]),
    deletePresentity: (address) => ask(path, "deletePresentity", [address]),
    listAudit: (limit) => ask(path, "listAudit", [limit]),
  };
}

// ---- the server's side

// Not chmod afterwards: the socket would be open to others for a moment. Binding to a path happens within listen().
function listenPrivately(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error) =>
      reject(new ControlError(`cannot listen at ${path}: ${error.message}`, { cause: error })),
    );
    const before = process.umask(0o177);
    try {
      server.listen(path, resolve);
    } finally {
      process.umask(before);
    }
  });
}

async function answer(admin: Admin, incoming: IncomingMessage, response: ServerResponse, log: Logger): Promise<void> {
  try {
    if (incoming.method === "GET") return send(response, 200, { value: null });
    const body = await read(incoming, incoming.url === BULK ? MAX_BULK_BYTES : MAX_REQUEST_BYTES);
    const called = body === undefined ? undefined : parseRequest(body);
    if (called === undefined) return refuse(response, 400, "bad-request", "not a call, or too long");
    const call = Object.hasOwn(CALLS, called.call) ? CALLS[called.call as keyof Admin] : undefined;
    if (call === undefined) return refuse(response, 404, "unknown-call", `there is no call ${called.call}`);
    const taken = call.takes.safeParse(called.arguments);
    if (!taken.success) return refuse(response, 400, "bad-request", `bad arguments of ${called.call}`);
    const value: unknown = await Reflect.apply(admin[called.call as keyof Admin], admin, taken.data);
    send(response, 200, { value: value ?? null });
  } catch (error) {
    if (error instanceof AdminError) return refuse(response, 409, error.code, error.message);
    log.error({ err: error }, "control-call-failed");
    refuse(response, 500, "failed", "the server could not do this; its log says why");
  }
}

function parseRequest(body: string): { call: string; arguments: unknown[] } | undefined {
  try {
    return request.safeParse(JSON.parse(body)).data;
  } catch {
    return undefined;
  }
}

function refuse(response: ServerResponse, status: number, code: FailureCode, message: string): void {
  send(response, status, { error: { code, message } });
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

// ---- the client's side

async function ask<Name extends keyof Admin>(
  path: string,
  name: Name,
  args: Parameters<Admin[Name]>,
): Promise<Awaited<ReturnType<Admin[Name]>>> {
  const url = name === "importUsers" ? BULK : "/";
  const { status, body } = await exchange(path, "POST", JSON.stringify({ call: name, arguments: args }), url);
  if (status !== 200) throw asError(failure.safeParse(body).data);
  const answered = CALLS[name].answers.safeParse((body as { value?: unknown }).value);
  if (!answered.success) throw otherVersion();
  return answered.data;
}

function asError(told: ReturnType<typeof failure.parse> | undefined): Error {
  if (told === undefined || told.error.code === "unknown-call") return otherVersion();
  const code = adminErrorCode(told.error.code);
  return code === undefined ? new ControlError(told.error.message) : new AdminError(code, told.error.message);
}

function otherVersion(): ControlError {
  return new ControlError("the running server is of another version; restart it, then try again");
}

async function answers(path: string): Promise<boolean> {
  try {
    await exchange(path, "GET", "");
    return true;
  } catch (error) {
    const code = ((error as Error).cause as NodeJS.ErrnoException | undefined)?.code;
    if (code === "ENOENT" || code === "ECONNREFUSED" || code === "ENOTSOCK") return false;
    if (code === "EACCES" || code === "EPERM") {
      throw new ControlError(`a server of another user runs here (${path}); call this as that user`, { cause: error });
    }
    throw error;
  }
}

function exchange(path: string, method: string, body: string, url = "/"): Promise<{ status: number; body: unknown }> {
  return new Promise((resolve, reject) => {
    const failed = (why: string, cause?: unknown): void =>
      reject(new ControlError(`the running server does not answer at ${path}: ${why}`, { cause }));
    // Not closed by the server: where that is faster than the end of a long request, node takes it for a failed one.
    const headers = { connection: "keep-alive" };
    const options = { socketPath: path, method, path: url, headers, agent: false as const, timeout: ANSWER_TIMEOUT_MS };
    const outgoing = httpRequest(options);
    outgoing.once("timeout", () => outgoing.destroy(new Error(`nothing came for ${ANSWER_TIMEOUT_MS / 1000} seconds`)));
    outgoing.once("error", (error) => failed(error.message, error));
    outgoing.once("response", (incoming) => {
      read(incoming, MAX_ANSWER_BYTES)
        .then((text) => {
          outgoing.destroy();
          if (text === undefined) return failed("its answer is too long");
          resolve({ status: incoming.statusCode ?? 0, body: JSON.parse(text) });
        })
        .catch((error: unknown) => failed("its answer cannot be read", error));
    });
    outgoing.end(body);
  });
}

/** Undefined: it is longer than `maxBytes`; the rest is not read. */
async function read(incoming: IncomingMessage, maxBytes: number): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming.iterator({ destroyOnReturn: false })) {
    bytes += chunk.length;
    if (bytes > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
