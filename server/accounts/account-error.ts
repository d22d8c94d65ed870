// What account operations throw: a code to branch on and a message that tells a person what to do.

export type AccountErrorCode =
  | "invalid-localpart"
  | "invalid-password"
  | "invalid-hash"
  | "exists"
  | "not-found"
  /** Too many passwords are being hashed; the same call may succeed a little later. */
  | "busy";

export class AccountError extends Error {
  readonly code: AccountErrorCode;

  constructor(code: AccountErrorCode, message: string) {
    super(message);
    this.name = "AccountError";
    this.code = code;
  }
}
