// The log of `balcony serve`, on standard error: a short line for each event at a terminal, else JSON, both by pino.

import { type DestinationStream, type LoggerOptions, pino, stdSerializers, stdTimeFunctions } from "pino";
import type { Config } from "../config.ts";
import type { Logger } from "../log.ts";
import { visible } from "./output.ts";

/**
 * Errors stand under `err`, with their stack. Written at once, so that the last line before a crash is there.
 * @param out in place of standard error, for JSON
 */
export function createLogger(level: Config["log"]["level"], terminal: boolean, out?: DestinationStream): Logger {
  const options: LoggerOptions = {
    level,
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { err: errorFields },
  };
  return pino(options, out ?? (terminal ? forPeople(process.stderr) : pino.destination({ dest: 2, sync: true })));
}

// Not what else an error may carry: a validator's has the input in it.
function errorFields(error: unknown): unknown {
  if (!(error instanceof Error)) return String(error);
  const { type, message, stack } = stdSerializers.err(error);
  const { code } = error as NodeJS.ErrnoException;
  return { type, message, stack, ...(code !== undefined && { code }) };
}

/** Takes pino's JSON lines and writes `12:03:04 info  session-bound jid=juliet@localhost/balcony`. */
export function forPeople(out: { write(text: string): unknown }): DestinationStream {
  return {
    write(line) {
      const { level, time, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
      const at = new Date(String(time)).toTimeString().slice(0, 8);
      const rest = Object.entries(fields).map(([key, value]) => ` ${key}=${field(value)}`);
      out.write(`${at} ${String(level).padEnd(5)} ${visible(String(msg))}${rest.join("")}\n${stackIn(fields)}`);
    },
  };
}

function field(value: unknown): string {
  if (isError(value)) return quoted(value.message);
  return quoted(typeof value === "string" ? value : JSON.stringify(value));
}

function quoted(text: string): string {
  return visible(/^[^\s"]+$/.test(text) ? text : JSON.stringify(text));
}

function stackIn(fields: Readonly<Record<string, unknown>>): string {
  return Object.values(fields)
    .filter(isError)
    .map(({ stack }) => `${stack.split("\n").map(visible).join("\n")}\n`)
    .join("");
}

function isError(value: unknown): value is { readonly message: string; readonly stack: string } {
  return typeof value === "object" && value !== null && "message" in value && "stack" in value;
}
