// What an import or export did not take, counted by kind: nothing is left out without a word.

// Names in a file can be of any number and length.
const MOST_KINDS = 100;
const MOST_CHARACTERS = 200;

export class Tally {
  readonly #counts = new Map<string, number>();

  /** @param kind in the plural, for a person */
  add(kind: string, count = 1): void {
    const short = kind.slice(0, MOST_CHARACTERS);
    const known = this.#counts.has(short) || this.#counts.size < MOST_KINDS ? short : "elements of other kinds";
    this.#counts.set(known, (this.#counts.get(known) ?? 0) + count);
  }

  /** The most frequent first. */
  get entries(): readonly { readonly kind: string; readonly count: number }[] {
    const counted = [...this.#counts].map(([kind, count]) => ({ kind, count }));
    return counted.sort((a, b) => b.count - a.count || (a.kind < b.kind ? -1 : 1));
  }
}
