// What a client has sent and the server has not said that it handled (XEP-0198 section 4), oldest first.

import type { Message } from "./message.ts";

/** `covered` is called when the server has handled it. */
export type Outgoing = { readonly xml: string; readonly message?: Message; readonly covered?: () => void };

export class Outbound {
  #waiting: Outgoing[] = [];
  #covered = 0;

  get waiting(): readonly Outgoing[] {
    return this.#waiting;
  }

  push(stanza: Outgoing): void {
    this.#waiting.push(stanza);
  }

  /** @returns false: the server says that it handled more than was sent, or less than it said before */
  cover(h: number): boolean {
    const count = h - this.#covered;
    if (!(count >= 0 && count <= this.#waiting.length)) return false;
    const covered = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    this.#covered = h;
    for (const stanza of covered) stanza.covered?.();
    return true;
  }
}
