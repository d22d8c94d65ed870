// The upgrade to WebSocket on the HTTP listener (RFC 6455 section 4.2, RFC 7395 section 3.1): who gets one, and who is told
// why not.

import type { IncomingMessage, Server } from "node:http";
import type { Socket } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import type { Origins } from "./origins.ts";
import { type Problem, problem, writeProblem } from "./problem.ts";
import type { RequestOrigin, TrustedProxies } from "./proxies.ts";
import { WEBSOCKET_PATH } from "./public-url.ts";

const SUBPROTOCOL = "xmpp";

export type WebSocketOwner = {
  /** Why such a client cannot be served; undefined: it can, and `connected` or `left` follows. */
  refuse(from: RequestOrigin): Problem | undefined;
  connected(ws: WebSocket, socket: Socket, from: RequestOrigin): void;
  /** The handshake came to nothing. */
  left(from: RequestOrigin): void;
};

export type UpgradeOptions = {
  readonly origins: Origins;
  readonly proxies: TrustedProxies;
};

/** Takes the upgrades of a server; those to anything else are answered as if they had not asked for one. */
export function addWebSocket(server: Server, { origins, proxies }: UpgradeOptions, owner: WebSocketOwner): void {
  const handshakes = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false, // it costs memory for each connection, and tells of what is inside by its length
    maxPayload: 0, // the transport bounds it, by what the stream says
    handleProtocols: () => SUBPROTOCOL,
  });

  server.on("upgrade", (request: IncomingMessage, socket: Socket, head: Buffer) => {
    if (!isForUs(request)) {
      withoutUpgrade(server, request, socket, head);
      return;
    }
    const ignore = (): void => {}; // 'close' follows
    socket.on("error", ignore);
    const from = proxies.originOf(request);
    const refused = badRequest(request, origins) ?? owner.refuse(from);
    if (refused !== undefined) {
      writeProblem(socket, refused);
      return;
    }
    let upgraded = false;
    socket.once("close", () => {
      if (!upgraded) owner.left(from);
    });
    handshakes.handleUpgrade(request, socket, head, (ws) => {
      upgraded = true;
      socket.off("error", ignore);
      owner.connected(ws, socket, from);
    });
  });
}

function isForUs({ url, headers, method }: IncomingMessage): boolean {
  const path = (url ?? "").split("?", 1)[0];
  return method === "GET" && path === WEBSOCKET_PATH && headers.upgrade?.toLowerCase() === "websocket";
}

function badRequest({ headers }: IncomingMessage, origins: Origins): Problem | undefined {
  if (!origins.allows(headers.origin)) {
    return problem(403, "forbidden", "pages of this origin may not connect; see http.origins");
  }
  const offered = String(headers["sec-websocket-protocol"] ?? "").split(",");
  if (offered.some((name) => name.trim() === SUBPROTOCOL)) return undefined;
  return problem(400, "bad-request", `the subprotocol "${SUBPROTOCOL}" is needed`);
}

const UPGRADE_HEADERS = new Set(["upgrade", "connection", "http2-settings"]);

// RFC 9110 section 7.8: a server may ignore what it is asked to become. Node has let go of the connection by now, so the
// request is read once more, without that.
function withoutUpgrade(server: Server, request: IncomingMessage, socket: Socket, head: Buffer): void {
  const { method, url, httpVersion, rawHeaders } = request;
  const lines = [`${method} ${url} HTTP/${httpVersion}`];
  for (let n = 0; n < rawHeaders.length; n += 2) {
    const name = rawHeaders[n] as string;
    if (!UPGRADE_HEADERS.has(name.toLowerCase())) lines.push(`${name}: ${rawHeaders[n + 1]}`);
  }
  if (/\bclose\b/i.test(request.headers.connection ?? "")) lines.push("Connection: close");
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"), head]));
  server.emit("connection", socket);
}
