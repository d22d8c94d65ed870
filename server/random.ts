// Unpredictable ids, many at a time: a call of the generator costs more than the bytes that it gives.

import { randomFillSync } from "node:crypto";

const pool = Buffer.alloc(4_096);
let used = pool.length;

/** As many random bytes as named, in base64url. For ids; a secret that opens something is made by `randomBytes` alone. */
export function randomId(bytes: number): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const id = pool.toString("base64url", used, used + bytes);
  pool.fill(0, used, used + bytes); // what was given away is known here no longer
  used += bytes;
  return id;
}
