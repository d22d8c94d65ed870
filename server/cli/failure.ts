// How a command ends that could not do its work: one clear line on standard error, and the exit code.

export const EXIT = { ok: 0, failed: 1, usage: 64 } as const; // 64: EX_USAGE of sysexits.h

/** The message says what is wrong and what to do; there is nothing more to see. */
export class Failure extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "Failure";
  }
}

/** The command was called wrongly. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "UsageError";
  }
}

// By name, so that their modules need not be loaded to say what was wrong on the command line.
const MADE_FOR_PEOPLE = new Set([
  "Failure",
  "UsageError",
  "AdminError",
  "AccountError",
  "BackupError",
  "ConfigError",
  "ControlError",
  "ControlPathError",
  "FolderLockedError",
  "CertificateError",
  "ListenError",
  "PortableError",
  "SealError",
  "StoreLimitError",
  "StoreOpenError",
]);

const SYSTEM_ERRORS: Readonly<Record<string, string>> = {
  EACCES: "this user may not; give it access or choose another place",
  EPERM: "this user may not; give it access or choose another place",
  EROFS: "the file system is read-only; choose another place",
  ENOSPC: "the disk is full; make room and try again",
  ENOENT: "there is no such file or folder",
  EISDIR: "this is a folder, not a file",
  ENOTDIR: "a part of the path is a file; choose another place",
  EEXIST: "there is a file in its place; choose another place",
};

/** Writes what went wrong to standard error, with the stack if `verbose`; returns the exit code. */
export function report(error: unknown, verbose: boolean): number {
  const lines = explain(error, verbose).split("\n");
  for (const line of lines) process.stderr.write(`balcony: ${line}\n`);
  if (verbose && error instanceof Error) process.stderr.write(`${stackOf(error)}\n`);
  return error instanceof UsageError ? EXIT.usage : EXIT.failed;
}

function explain(error: unknown, verbose: boolean): string {
  if (!(error instanceof Error)) return String(error);
  if (MADE_FOR_PEOPLE.has(error.name)) return error.message;
  const { code = "", path } = error as NodeJS.ErrnoException;
  const known = SYSTEM_ERRORS[code];
  if (known !== undefined) return path === undefined ? known : `${path}: ${known}`; // Node does not say which file it wrote
  const [first = error.name] = error.message.split("\n");
  return verbose ? first : `${first} (unexpected; --verbose shows more)`;
}

function stackOf(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${stackOf(error.cause)}` : "";
  return `${error.stack ?? error.message}${cause}`;
}
