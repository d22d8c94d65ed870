// Copies of records, so that no caller's later change reaches what is stored, and the order that SQLite sorts text in.

/** A deep copy whose objects and arrays are frozen. Octets, which cannot be frozen, are copied. */
export function frozenCopy<T>(value: T): T {
  return copy(value) as T;
}

function copy(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (Array.isArray(value)) return Object.freeze(value.map(copy));
  return Object.freeze(Object.fromEntries(Object.entries(value).map(([key, part]) => [key, copy(part)])));
}

/** Orders text by code point, as SQLite does; "<" would order it by UTF-16 code unit. */
export function compareText(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
