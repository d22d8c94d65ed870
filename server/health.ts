// Whether the server does its work: what /healthz answers.

import type { Store } from "../storage/store.ts";
import type { Clock, Timer } from "./clock.ts";

const STORE_ANSWER_MS = 5_000;

export type HealthSources = {
  readonly store: Pick<Store, "accounts" | "statistics">;
  readonly clock: Clock;
  /** Those that the configuration asks for, by name. */
  readonly listeners: Readonly<Record<string, { readonly listening: boolean } | undefined>>;
};

/** What is wrong, one line each, without anything that a stranger should not read; empty: all is well. */
export async function healthProblems({ store, clock, listeners }: HealthSources): Promise<string[]> {
  const closed = Object.entries(listeners).flatMap(([name, listener]) =>
    listener === undefined || listener.listening ? [] : [`the port for ${name} is not open`],
  );
  const refused = store.statistics?.refusal === undefined ? [] : ["the store takes no writes; the log says why"];
  return [...closed, ...refused, ...((await answers(store, clock)) ? [] : ["the store does not answer"])];
}

// The smallest thing there is to ask: an account that cannot exist.
async function answers({ accounts }: HealthSources["store"], clock: Clock): Promise<boolean> {
  let timer: Timer | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = clock.after(STORE_ANSWER_MS, () => resolve(false));
  });
  const asked = accounts.get("").then(
    () => true,
    () => false,
  );
  return Promise.race([asked, late]).finally(() => timer?.cancel());
}
