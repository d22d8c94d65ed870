// The command line as a whole: which subcommands there are, and what is the same for all of them. What a subcommand
// needs is loaded only when it is called, so that `convert` and `--help` answer at once, and `serve` starts fast.

import { Command, CommanderError } from "commander";
import { VERSION } from "../version.ts";
import { EXIT, report, UsageError } from "./failure.ts";

type Subcommand = {
  readonly summary: string;
  readonly load: () => Promise<(command: Command) => void>;
};

const administration = () => import("./administration.ts");

const SUBCOMMANDS: Readonly<Record<string, Subcommand>> = {
  serve: { summary: "run the server", load: async () => (await import("./serve.ts")).defineServe },
  user: {
    summary: "add, list, change, delete or import accounts",
    load: async () => (await administration()).defineUser,
  },
  token: {
    summary: "add, list or revoke tokens of the HTTP binding",
    load: async () => (await administration()).defineToken,
  },
  presentity: {
    summary: "add, list or delete the gateway's foreign entities",
    load: async () => (await administration()).definePresentity,
  },
  audit: {
    summary: "print who logged in, and what was changed",
    load: async () => (await administration()).defineAudit,
  },
  backup: {
    summary: "copy everything the server keeps into one file, while it runs",
    load: async () => (await administration()).defineBackup,
  },
  restore: {
    summary: "put a backup into the data folder",
    load: async () => (await administration()).defineRestore,
  },
  import: {
    summary: "take over accounts and rosters of another server (XEP-0227)",
    load: async () => (await administration()).defineImport,
  },
  export: {
    summary: "write accounts and rosters to a file for another server (XEP-0227)",
    load: async () => (await administration()).defineExport,
  },
  config: { summary: "check the configuration", load: async () => (await administration()).defineConfig },
  doctor: {
    summary: "look whether all is well, and say what to do",
    load: async () => (await administration()).defineDoctor,
  },
  convert: {
    summary: "convert a stanza, Message/CPIM object or address (RFC 3922)",
    load: async () => () => {}, // reads its arguments itself, see run()
  },
};

const EXAMPLES = `
Exit codes: 0 done, 1 failed, 64 called wrongly; convert also 65, the input is refused.

Examples:
  balcony serve
  balcony user add juliet
  balcony presentity add romeo@example.net
  balcony token add domain:example.net
  balcony help user`;

/** Runs the program with these arguments, the ones behind its name; returns the exit code and never throws. */
export async function run(argv: readonly string[]): Promise<number> {
  const verbose = argv.includes("--verbose") || process.env.BALCONY_LOG_LEVEL === "debug";
  try {
    const args = argv[0] === "help" ? [...argv.slice(1), "--help"] : argv;
    const name = base().parseOptions([...args]).operands[0];
    if (name === "convert") {
      const { runConvert } = await import("./convert.ts");
      return await runConvert(args.slice(args.indexOf(name) + 1));
    }
    await (await program(name)).parseAsync([...args], { from: "user" });
    return EXIT.ok;
  } catch (error) {
    return error instanceof CommanderError ? misused(error) : report(error, verbose);
  }
}

/** With the whole of the subcommand `called`, and the names of the others. */
async function program(called: string | undefined): Promise<Command> {
  const whole = base();
  for (const [name, { summary, load }] of Object.entries(SUBCOMMANDS)) {
    const command = whole.command(name).description(summary);
    if (name === called) (await load())(command);
  }
  return whole;
}

function base(): Command {
  return new Command("balcony")
    .description("Balcony, an XMPP server with a CPIM presence service.")
    .version(VERSION, "-V, --version", "print the version")
    .option("-c, --config <file>", "configuration file (default: ./config.json if it exists)")
    .option("-v, --verbose", "log more, and show where an error comes from")
    .helpOption("-h, --help", "print this help")
    .helpCommand("help [command]", "print the help of a command")
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ outputError: () => {} }) // misused() writes it
    .exitOverride()
    .addHelpText("after", EXAMPLES);
}

/** Commander throws for help and version, too. */
function misused({ code, exitCode, message }: CommanderError): number {
  if (exitCode === 0) return EXIT.ok;
  if (code === "commander.help") return EXIT.usage; // the help was printed, for want of a subcommand
  const [what = "", hint] = message.replace(/^error: /, "").split("\n");
  const suggestion = hint === undefined ? "" : `; ${hint.replace(/^\(D(.*)\)$/, "d$1")}`;
  return report(new UsageError(`${what}${suggestion} (balcony --help shows all)`), false);
}
