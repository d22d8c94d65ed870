// balcony convert: one stanza, Message/CPIM object or address from standard input, its counterpart to standard output.
// Loads the converter and nothing of the server, so that it starts at once.

import { type Conversion, convert, isConvertible, type Kind } from "../../gateway/convert.ts";
import { MAX_OBJECT_BYTES } from "../../gateway/cpim.ts";

export const CONVERT_USAGE = `Usage: balcony convert --from KIND --to KIND

Reads standard input, writes standard output. KINDs:
  xmpp -> cpim   one message or presence stanza to one Message/CPIM object, or to nothing where it has no counterpart
  cpim -> xmpp   one Message/CPIM object to stanzas, one per line
  jid -> im, jid -> pres, im -> jid, pres -> jid   one address

Exit status: 0 done, 64 bad usage, 65 the input is refused (the reason is on standard error).
`;

const EX_USAGE = 64; // sysexits.h
const MAX_REASON_CHARACTERS = 500;

/**
 * Runs the subcommand.
 * @param argv the arguments after "convert"
 * @returns the exit status: 0 done, 64 bad usage, 65 refused
 */
export async function runConvert(argv: readonly string[]): Promise<number> {
  if (argv.length === 1 && (argv[0] === "--help" || argv[0] === "-h")) {
    await write(process.stdout, CONVERT_USAGE);
    return 0;
  }
  const kinds = parseArguments(argv);
  if (kinds === undefined) {
    await write(process.stderr, CONVERT_USAGE);
    return EX_USAGE;
  }
  const conversion = convertSafely(kinds, await readInput(process.stdin));
  if (conversion.exit === 0) await write(process.stdout, conversion.output);
  else await write(process.stderr, `balcony convert: ${oneLine(conversion.reason)}\n`);
  return conversion.exit;
}

function parseArguments(argv: readonly string[]): { from: Kind; to: Kind } | undefined {
  const values = new Map<string, string>();
  const words = argv.flatMap((word) => (/^--(?:from|to)=/.test(word) ? word.split(/=(.*)/s, 2) : [word]));
  for (let i = 0; i < words.length; i += 2) {
    const [name = "", value] = words.slice(i, i + 2);
    if ((name !== "--from" && name !== "--to") || value === undefined || values.has(name)) return undefined;
    values.set(name, value);
  }
  const [from, to] = [values.get("--from"), values.get("--to")];
  return from !== undefined && to !== undefined && isConvertible(from, to)
    ? { from: from as Kind, to: to as Kind }
    : undefined;
}

// The converter refuses by value; anything thrown is a bug, which must still not leave half an answer behind.
function convertSafely({ from, to }: { from: Kind; to: Kind }, input: Buffer): Conversion {
  try {
    return convert(from, to, input);
  } catch (error) {
    return { exit: 65, reason: `cannot be converted: ${error instanceof Error ? error.message : "unknown failure"}` };
  }
}

// One octet past the limit is enough to know that it is too much.
async function readInput(stream: NodeJS.ReadableStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream) {
    const bytes = Buffer.from(chunk);
    chunks.push(bytes);
    length += bytes.length;
    if (length > MAX_OBJECT_BYTES) break;
  }
  return Buffer.concat(chunks);
}

function oneLine(reason: string): string {
  const text = [...reason.replace(/[\p{Cc}\u2028\u2029]+/gu, " ")];
  return text.length > MAX_REASON_CHARACTERS - 20
    ? `${text.slice(0, MAX_REASON_CHARACTERS - 21).join("")}…`
    : text.join("");
}

function write(stream: NodeJS.WritableStream, data: string | Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(data, (error) => (error ? reject(error) : resolve()));
  });
}
