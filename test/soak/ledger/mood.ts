// When a device does what: how soon it writes, acknowledges and looks after its connection, and when and how it leaves.

import type { Random } from "../../fuzz/random.ts";
import type { WorldOptions } from "./world.ts";

type Matter = "ping" | "acknowledge" | "message" | "leave" | "close" | "presence";

/**
 * `close` says goodbye, `vanish` and `blink` cut the connection for longer or for less than the server keeps the session,
 * `forget` cuts it and does not come back to the session.
 */
type Leaving = "close" | "vanish" | "blink" | "forget";

type Availability = "available" | "unavailable" | "negative";

export class Mood {
  readonly #random: Random;
  /** Its user is away more often than there. */
  readonly #wanders: boolean;
  readonly #options: WorldOptions;
  readonly #at = new Map<Matter, number>();
  #leaving: Leaving | undefined;
  #lazy = false;
  #availability: Availability = "available";

  constructor(random: Random, wanders: boolean, options: WorldOptions) {
    this.#random = random;
    this.#wanders = wanders;
    this.#options = options;
  }

  get leaving(): Leaving | undefined {
    return this.#leaving;
  }

  get takesMessages(): boolean {
    return this.#availability === "available";
  }

  /** A connection is there. */
  arrive(now: number): void {
    const random = this.#random;
    this.#leaving = undefined;
    this.#lazy = random.chance(0.3);
    this.later("ping", now, random.below(1_000));
    this.later("message", now, random.below(this.#options.messageMs));
    this.later("presence", now, 2_000 + random.below(10_000));
    this.#at.delete("acknowledge");
    this.#at.set("leave", now + this.#stayMs());
  }

  #stayMs(): number {
    if (!this.#wanders && this.#random.chance(0.4)) return Number.POSITIVE_INFINITY;
    return 500 + this.#random.below(this.#wanders ? 6_000 : 20_000);
  }

  later(matter: Matter, now: number, ms: number): void {
    this.#at.set(matter, now + ms);
  }

  due(matter: Matter, now: number): boolean {
    const at = this.#at.get(matter);
    if (at === undefined || at > now) return false;
    const random = this.#random;
    this.#at.delete(matter);
    if (matter === "ping") this.later(matter, now, 500 + random.below(2_000));
    if (matter === "message") this.later(matter, now, random.below(2 * this.#options.messageMs));
    if (matter === "leave" && this.#leaving === undefined) this.#leaving = this.#wayToLeave();
    return true;
  }

  #wayToLeave(): Leaving {
    return this.#random.weighted<Leaving>([
      [4, "close"],
      [3, "vanish"],
      [3, "blink"],
      [2, "forget"],
    ]);
  }

  /** A stanza came. */
  received(now: number): void {
    if (!this.#at.has("acknowledge")) this.later("acknowledge", now, this.#random.below(this.#lazy ? 4_000 : 1_000));
  }

  acknowledgesAtOnce(): boolean {
    return !this.#lazy && this.#random.chance(0.3);
  }

  /** When the server asks for it. */
  answers(): boolean {
    return this.#random.chance(this.#lazy ? 0.3 : 0.9);
  }

  /** Between two connections. */
  awayMs(): number {
    const random = this.#random;
    const expiryMs = this.#options.resumeSeconds * 1_000;
    if (this.#leaving === "vanish") return expiryMs + 200 + random.below(5_000);
    if (this.#leaving === "close") return random.below(this.#wanders ? 15_000 : 4_000);
    return random.chance(0.8) ? random.below(500) : random.below(this.#wanders ? 8_000 : 3_000);
  }

  /** Presence as it is now. @param first of a new session */
  presence(first: boolean): string {
    if (first) this.#availability = this.#random.chance(0.1) ? "negative" : "available";
    switch (this.#availability) {
      case "available":
        return "<presence/>";
      case "negative":
        return "<presence><priority>-1</priority></presence>";
      case "unavailable":
        return "<presence type='unavailable'/>";
    }
  }

  /** Undefined: it stays as it is. */
  changedPresence(now: number, calm: boolean): string | undefined {
    if (calm) {
      if (this.takesMessages) return undefined;
      this.#availability = "available";
    } else {
      if (!this.due("presence", now)) return undefined;
      this.later("presence", now, 1_000 + this.#random.below(8_000));
      this.#availability = this.takesMessages
        ? this.#random.pick(["unavailable", "negative", "available", "available"] as const)
        : "available";
    }
    return this.presence(false);
  }
}
