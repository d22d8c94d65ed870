// Messages on their way to one client, between the decision that it gets them and what they wait for, most often the disk.

import type { Element } from "ltx";
import type { EpochMs } from "../clock.ts";
import type { StreamManagement } from "./management.ts";
import type { Session } from "./session.ts";
import type { SharedDelivery, UnackedEntry } from "./unacked.ts";

/** When a message for a managed session is on disk: with this turn's commit, or when somebody is told that it is safe. */
export type Saving = "now" | "later";

/** A message on its way to one client. Nobody sees it before what belongs to it is on disk. */
export interface Parcel {
  /** False: the connection is gone, and the message must find another way. */
  release(): boolean;
  /** It was refused after all. */
  cancel(): void;
}

/** The newest of such a kind is sent when the client wants it. */
export const DEFERRED: Parcel = { release: () => true, cancel() {} };

/** For a session whose client acknowledges nothing. */
export class Unmanaged implements Parcel {
  readonly #session: Session;
  readonly #text: string;
  readonly #message: Element;
  readonly #at: EpochMs;
  readonly #delivery: SharedDelivery | undefined;

  constructor(session: Session, text: string, message: Element, at: EpochMs, delivery: SharedDelivery | undefined) {
    this.#session = session;
    this.#text = text;
    this.#message = message;
    this.#at = at;
    this.#delivery = delivery;
  }

  release(): boolean {
    return this.#session.releaseUnmanaged(this.#text, this.#message, this.#at, this.#delivery);
  }

  cancel(): void {}
}

/** An entry of a managed session, which has its place in the queue already. */
export class Managed implements Parcel {
  readonly #session: Session;
  readonly #management: StreamManagement;
  readonly #entry: UnackedEntry;

  constructor(session: Session, management: StreamManagement, entry: UnackedEntry) {
    this.#session = session;
    this.#management = management;
    this.#entry = entry;
  }

  release(): boolean {
    this.#management.release(this.#entry);
    return true;
  }

  cancel(): void {
    this.#session.cancelManaged(this.#management, this.#entry);
  }
}
