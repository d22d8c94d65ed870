// The Logger interface. Balcony is silent unless its embedder or the command line passes one (pino fits as it is).

/** An error stands under `err`: there pino, too, writes its stack. Never a password, a token or a message. */
export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(fields: LogFields, event: string): void;
  info(fields: LogFields, event: string): void;
  warn(fields: LogFields, event: string): void;
  error(fields: LogFields, event: string): void;
}

export function silentLogger(): Logger {
  const nothing = (): void => {};
  return { debug: nothing, info: nothing, warn: nothing, error: nothing };
}
