// One message on its way to all who are in a room: nobody sees it before what belongs to it is on disk.

import type { EpochMs } from "../clock.ts";
import type { Jid } from "../jid.ts";
import type { Parcel } from "../session/parcel.ts";
import type { Delivery } from "./delivery.ts";
import type { SharedStanza } from "./shared-stanza.ts";

export class Broadcast {
  readonly #delivery: Delivery;
  readonly #stanza: SharedStanza;
  readonly #at: EpochMs;
  readonly #parcels: Parcel[] = [];

  constructor(delivery: Delivery, stanza: SharedStanza, at: EpochMs) {
    this.#delivery = delivery;
    this.#stanza = stanza;
    this.#at = at;
  }

  /** Its place in the order of what goes to that client is here. */
  add(to: Jid): void {
    this.#parcels.push(this.#delivery.hold(this.#stanza, to, this.#at));
  }

  release(): void {
    for (const parcel of this.#parcels) parcel.release();
  }

  cancel(): void {
    for (const parcel of this.#parcels) parcel.cancel();
  }
}
