// Runs one case of the HTTP fuzzer and says what is wrong with the answers: HTTP that can be read, no 500, problem details
// (RFC 9457) for every refusal.

import { connect } from "node:net";
import type { HttpCase } from "./http-case.ts";

const END_MS = 20_000;
const SILENCE_MS = 200;
const ACCIDENT = /TypeError|RangeError|SyntaxError|\[object |node:|\.[jt]s:\d|better-sqlite/;

type Response = { readonly status: number; readonly headers: ReadonlyMap<string, string>; readonly body: string };

export async function runHttpCase(each: HttpCase, port: number, token: string): Promise<string[]> {
  const octets = each.pieces.map((piece) =>
    Buffer.from(Buffer.from(piece, "base64").toString("latin1").replaceAll("TOKEN", token), "latin1"),
  );
  const { received, hung, cut } = await exchange(octets, port, each);
  const problems: string[] = [];
  const { responses, rest } = split(received);
  if (rest !== undefined && !(each.events && rest === "body")) problems.push(`not HTTP: ${rest}`);
  for (const response of responses) problems.push(...problemsOf(response));
  if (hung) problems.push(`hang: no end of the connection within ${END_MS} ms, after ${responses.length} responses`);
  // Who refuses a body without reading it may reset the connection, and the answer is lost (RFC 9112 section 9.6).
  if (each.requests !== undefined && responses.length === 0 && !cut) problems.push("no response to a request");
  return problems.map((problem) => `http: ${problem}`);
}

/**
 * Writes, waits for as many responses as there are requests (or for silence, where nobody knows how many), half-closes, and
 * waits for the server's end. An event stream is cut once it began.
 */
function exchange(
  octets: readonly Buffer[],
  port: number,
  each: HttpCase,
): Promise<{ received: string; hung: boolean; cut: boolean }> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    let received = "";
    let silence: NodeJS.Timeout | undefined;
    const done = (hung: boolean, cut = false): void => {
      clearTimeout(timer);
      clearTimeout(silence);
      socket.destroy();
      resolve({ received, hung, cut });
    };
    const timer = setTimeout(() => done(true), END_MS);
    const heard = (): void => {
      clearTimeout(silence);
      const { responses } = split(received);
      if (each.requests !== undefined && responses.length >= each.requests) socket.end();
      else if (each.requests === undefined) silence = setTimeout(() => socket.end(), SILENCE_MS);
    };
    socket.on("data", (chunk: Buffer) => {
      received += chunk.toString("latin1");
      if (each.events && received.includes("text/event-stream") && received.includes("\r\n\r\n")) done(false);
      else heard();
    });
    for (const event of ["end", "close"] as const) socket.on(event, () => done(false));
    socket.on("error", () => done(false, true));
    socket.on("connect", async () => {
      for (const piece of octets) {
        if (!socket.writable) break;
        socket.write(piece);
        if (octets.length > 1) await new Promise((turn) => setImmediate(turn));
      }
      heard();
    });
  });
}

function split(received: string): { responses: Response[]; rest: string | undefined } {
  const responses: Response[] = [];
  let left = received;
  while (left !== "") {
    const end = left.indexOf("\r\n\r\n");
    if (end < 0) return { responses, rest: left.slice(0, 100) };
    const [line = "", ...lines] = left.slice(0, end).split("\r\n");
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(line)?.[1]);
    if (Number.isNaN(status)) return { responses, rest: line.slice(0, 100) };
    const headers = new Map(
      lines.map((text) => [text.split(":", 1)[0]?.toLowerCase() ?? "", text.replace(/^[^:]*: */, "")]),
    );
    left = left.slice(end + 4);
    if (status === 100) continue;
    if (headers.get("content-type")?.startsWith("text/event-stream")) {
      return { responses: [...responses, { status, headers, body: "" }], rest: undefined }; // it has no end
    }
    const body = bodyOf(left, headers, status);
    if (body === undefined) return { responses, rest: "body" };
    responses.push({ status, headers, body: body.text });
    left = left.slice(body.length);
  }
  return { responses, rest: undefined };
}

function bodyOf(
  text: string,
  headers: ReadonlyMap<string, string>,
  status: number,
): { text: string; length: number } | undefined {
  if (status === 204 || status === 304) return { text: "", length: 0 };
  // The answer to a HEAD has none, whatever its headers say; no body of this server begins like the next answer.
  if (text === "" || text.startsWith("HTTP/1.1 ")) return { text: "", length: 0 };
  if (headers.get("transfer-encoding") === "chunked") return chunkedBody(text);
  const length = Number(headers.get("content-length") ?? "0");
  if (text.length < length) return undefined;
  return { text: Buffer.from(text.slice(0, length), "latin1").toString("utf8"), length };
}

function chunkedBody(text: string): { text: string; length: number } | undefined {
  let [out, at] = ["", 0];
  for (;;) {
    const line = text.indexOf("\r\n", at);
    if (line < 0) return undefined;
    const size = Number.parseInt(text.slice(at, line), 16);
    at = line + 2 + size + 2;
    if (Number.isNaN(size) || at > text.length) return undefined;
    if (size === 0) return { text: Buffer.from(out, "latin1").toString("utf8"), length: at };
    out += text.slice(line + 2, line + 2 + size);
  }
}

function problemsOf({ status, headers, body }: Response): string[] {
  const problems: string[] = [];
  const type = headers.get("content-type") ?? "";
  if (status >= 500 && status !== 503 && status !== 504 && status !== 507)
    problems.push(`${status} ${body.slice(0, 300)}`);
  if (ACCIDENT.test(body) && status >= 400) problems.push(`${status} says ${body.slice(0, 300)}`);
  if (status >= 400 && body !== "") {
    if (!type.startsWith("application/problem+json")) problems.push(`${status} as ${type}`);
    const details = parse(body) as { status?: unknown; condition?: unknown; detail?: unknown } | undefined;
    if (details?.status !== status || typeof details.condition !== "string" || typeof details.detail !== "string") {
      problems.push(`${status} without problem details: ${body.slice(0, 200)}`);
    }
  } else if (type.startsWith("application/json") && body !== "" && parse(body) === undefined) {
    problems.push(`${status} with JSON that cannot be read: ${body.slice(0, 200)}`);
  }
  return problems;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
