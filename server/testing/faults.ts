// Scripted faults: what happens to the n-th element of some kind on its way between a client and the server.

import { type Crossing, crosses, type WireEntry } from "./wire.ts";

/** What becomes of an element. "lost" and "last": the connection ends, before it or behind it. */
export type Verdict = "pass" | "swallow" | "hold" | "lost" | "last";

export type FaultSpec = Crossing & {
  /** Which of the elements that are meant, from 1, which is the default; "every": each, until `cancel`. */
  readonly count?: number | "every";
};

export interface Fault {
  /** Resolves when it happens, first, with the element. */
  readonly happened: Promise<WireEntry>;
  /** It does not happen, or not again. */
  cancel(): void;
}

export interface Hold extends Fault {
  /** Lets the element go, and all that waits behind it. Before it happened: the same as `cancel`. */
  release(): void;
}

/** Each fault waits for its element from the call on; elements whose first half had passed before are not counted. */
export class Faults {
  readonly #rules = new Set<(entry: WireEntry) => Verdict>();
  readonly #held = new WeakMap<WireEntry, () => void>();

  /** Whether any is waiting. */
  get armed(): boolean {
    return this.#rules.size > 0;
  }

  /** Cuts the connection, without a word, right behind the element: it arrives, and nothing behind it does. */
  dropAfter(spec: FaultSpec): Fault {
    return this.add(spec, () => "last");
  }

  /** Cuts the connection right before the element: whoever sent it believes that it is on its way. */
  dropBefore(spec: FaultSpec): Fault {
    return this.add(spec, () => "lost");
  }

  /** Loses the element alone. With count "every" and no match: a connection that is dead, and that nobody has closed. */
  swallow(spec: FaultSpec): Fault {
    return this.add(spec, () => "swallow");
  }

  /** Holds the element, and all behind it in its direction, until it is released. */
  hold(spec: FaultSpec): Hold {
    const held: WireEntry[] = [];
    const { happened, cancel } = this.add(spec, (entry) => {
      held.push(entry);
      return "hold";
    });
    const release = (): void => {
      cancel();
      for (const entry of held.splice(0)) this.#held.get(entry)?.();
    };
    return { happened, cancel, release };
  }

  /** For the tap: what becomes of the element. */
  judge(entry: WireEntry): Verdict {
    for (const rule of this.#rules) {
      const verdict = rule(entry);
      if (verdict !== "pass") return verdict;
    }
    return "pass";
  }

  /** For the tap: how to let an element go that is held. */
  held(entry: WireEntry, release: () => void): void {
    this.#held.set(entry, release);
  }

  /** @param act runs in the turn in which the element passes */
  add({ count = 1, ...crossing }: FaultSpec, act: (entry: WireEntry) => Verdict): Fault {
    const fits = crosses(crossing);
    let seen = 0;
    let tell: (entry: WireEntry) => void = () => {};
    const happened = new Promise<WireEntry>((resolve) => {
      tell = resolve;
    });
    const rule = (entry: WireEntry): Verdict => {
      if (!fits(entry)) return "pass";
      seen += 1;
      if (count !== "every" && seen < count) return "pass";
      if (count !== "every") this.#rules.delete(rule);
      tell(entry);
      return act(entry);
    };
    this.#rules.add(rule);
    return { happened, cancel: () => void this.#rules.delete(rule) };
  }
}
