// Passwords come from a prompt or from standard input; never from the command line, which everybody on the machine sees.

import type { Command } from "commander";
import { Failure, UsageError } from "./failure.ts";
import { remark } from "./output.ts";

const MAX_LINE_BYTES = 4_096;

/** Makes a command say why it takes no password among its arguments, instead of "unknown option". */
export function refusePasswordArguments(command: Command): Command {
  return command
    .allowExcessArguments()
    .addOption(command.createOption("-p, --password [value]").hideHelp())
    .hook("preAction", (_, called) => {
      const expected = called.registeredArguments.length;
      if (called.args.length > expected || called.opts().password !== undefined) {
        throw new UsageError(
          "no password is taken from the command line, where other users and the shell's history see it; leave it out and type it when asked, or give it as the first line of standard input",
        );
      }
    });
}

/** Asks twice at a terminal; otherwise the first line of standard input. Throws Failure. */
export async function readNewPassword(user: string): Promise<string> {
  const password = process.stdin.isTTY ? await askTwice(user) : await firstLine(process.stdin);
  if (password === "") throw new Failure("the password is empty; nothing was changed");
  return password;
}

async function askTwice(user: string): Promise<string> {
  const { read } = await import("read");
  const ask = (prompt: string): Promise<string> =>
    Promise.race([read({ prompt, silent: true, output: process.stderr }), inputEnded()]).finally(() => remark(""));
  try {
    const first = await ask(`New password for ${user}: `);
    if (first !== (await ask("The same again: "))) throw new Failure("the two passwords differ; nothing was changed");
    return first;
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure("no password was given; nothing was changed", { cause: error });
  }
}

// Ctrl-D at a prompt leaves `read` waiting for ever.
function inputEnded(): Promise<never> {
  return new Promise((_, reject) => process.once("beforeExit", () => reject(new Error("end of input"))));
}

/** Without its line end; the rest is not waited for. Throws Failure: too long, not UTF-8, or no line at all. */
export async function firstLine(input: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of input) {
    const end = chunk.indexOf("\n");
    chunks.push(end < 0 ? chunk : chunk.subarray(0, end));
    bytes += chunk.length;
    if (end >= 0) return decode(chunks);
    if (bytes > MAX_LINE_BYTES) throw new Failure(`the first line of standard input is over ${MAX_LINE_BYTES} bytes`);
  }
  if (bytes === 0) throw new Failure("no password came on standard input; nothing was changed");
  return decode(chunks);
}

function decode(chunks: readonly Buffer[]): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks)).replace(/\r$/, "");
  } catch {
    throw new Failure("the password on standard input is not UTF-8; nothing was changed");
  }
}
