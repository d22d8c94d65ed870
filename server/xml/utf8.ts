// Octets as they arrive, in whole characters of UTF-8 (RFC 3629 section 3): one that a chunk cuts is kept for the next.

import { isUtf8 } from "node:buffer";

export class Utf8Input {
  #partial: Buffer | null = null;

  /** Whether a character has begun that is not complete. */
  get unfinished(): boolean {
    return this.#partial !== null;
  }

  /** What the chunk completes. It may still be wrong: see `validLength`. */
  whole(chunk: Buffer): Buffer {
    let octets = chunk;
    if (this.#partial !== null) {
      octets = Buffer.concat([this.#partial, chunk]);
      this.#partial = null;
    }
    const incomplete = incompleteTail(octets);
    if (incomplete === 0) return octets;
    const end = octets.length - incomplete;
    this.#partial = Buffer.from(octets.subarray(end));
    return octets.subarray(0, end);
  }
}

/** How many octets from the start are whole characters in UTF-8. */
export function validLength(octets: Buffer): number {
  if (isUtf8(octets)) return octets.length;
  let [low, high] = [0, octets.length];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    const part = octets.subarray(0, middle);
    if (isUtf8(part.subarray(0, middle - incompleteTail(part)))) low = middle;
    else high = middle - 1;
  }
  return low - incompleteTail(octets.subarray(0, low));
}

/** The last border between characters that is not behind `at`. */
export function characterBorder(octets: Buffer, at: number): number {
  let border = at;
  while (((octets[border] as number) & 0xc0) === 0x80) border -= 1;
  return border;
}

// How many octets at the end begin a UTF-8 sequence that the chunk does not finish.
function incompleteTail(octets: Buffer): number {
  const length = octets.length;
  for (let back = 1; back <= 3 && back <= length; back++) {
    const octet = octets[length - back] as number;
    if (octet < 0x80) return 0;
    if (octet >= 0xc0) {
      const needed = octet >= 0xf0 ? 4 : octet >= 0xe0 ? 3 : 2;
      return needed > back ? back : 0;
    }
  }
  return 0;
}
