// The value that a parser or codec returns at a border, where bad input is expected.

export type Ok<T> = { readonly ok: true; readonly value: T };
export type Refusal = { readonly ok: false; readonly reason: string; readonly at?: string };
export type Result<T> = Ok<T> | Refusal;

export function ok<T>(value: T): Ok<T> {
  return { ok: true, value };
}

/** A refusal: `reason` is one line for a person; `at` names the place in the input, where that helps. */
export function refuse(reason: string, at?: string): Refusal {
  return at === undefined ? { ok: false, reason } : { ok: false, reason, at };
}
