// Time as a parameter: the one source of "now" and of timers, so that tests need not wait.

/** Milliseconds since 1970-01-01T00:00:00Z. */
export type EpochMs = number;

export interface Timer {
  cancel(): void;
}

export interface Clock {
  now(): EpochMs;
  /** Runs `action` once after `delayMs`; a delay of 0 is the next turn of the event loop. */
  after(delayMs: number, action: () => void): Timer;
}

/** The machine's clock. Timers do not keep the process alive by themselves. */
export function systemClock(): Clock {
  return {
    now: () => Date.now(),
    after(delayMs, action) {
      // Node fires at once for a delay past 2^31-1 ms; such a timer is split by its owner's next check instead.
      const handle = setTimeout(action, Math.min(delayMs, 0x7fff_ffff));
      handle.unref();
      return { cancel: () => clearTimeout(handle) };
    },
  };
}
