// A message between its acceptance and its delivery (router/messages.ts).

import type { Element } from "ltx";
import type { ArchivedMessage } from "../../storage/store.ts";
import type { EpochMs } from "../clock.ts";
import type { Parcel, Saving } from "../session/parcel.ts";
import type { Session } from "../session/session.ts";
import type { SharedDelivery } from "../session/unacked.ts";

/** One message on its way: what is written of it, and to whom it goes when that is on disk. */
export class Mail {
  /** As its sender sent it. */
  readonly original: Element;
  /** As its recipient gets it. */
  stanza: Element;
  readonly at: EpochMs;
  readonly rows: ArchivedMessage[] = [];
  /** Resolves with whether the offline store took it. */
  stored: Promise<boolean> | undefined;
  /** Who is to have it: its recipients, and those with copies of what they received. */
  readonly receivers: Session[] = [];
  /** It is written into sessions that it goes to. */
  journaled = false;
  readonly #saving: Saving;
  readonly #parcels: { readonly parcel: Parcel; readonly wanted: boolean }[] = [];
  readonly #newDelivery: () => string;
  #wanted: SharedDelivery | undefined;

  /**
   * @param newDelivery makes an id for the delivery, unique on disk
   * @param saving "later": nobody is told of it yet that it is safe, and whoever is told so calls SessionJournal.flush
   */
  constructor(stanza: Element, at: EpochMs, newDelivery: () => string, saving: Saving) {
    this.#saving = saving;
    this.original = stanza;
    this.stanza = stanza;
    this.at = at;
    this.#newDelivery = newDelivery;
  }

  /** @param wanted the recipient must have it, by this session or by another one */
  add(session: Session, text: string, message: Element, wanted: boolean): void {
    const { management } = session;
    if (management?.savingOf(this.#saving) === "now") this.journaled = true;
    if (wanted) this.receivers.push(session);
    if (wanted) this.#wanted ??= { id: this.#newDelivery(), holders: [], arrived: false };
    const parcel = session.hold(text, message, this.at, wanted ? this.#wanted : undefined, this.#saving);
    this.#parcels.push({ parcel, wanted });
  }

  /** False: nobody who was to have it was there any more. */
  release(): boolean {
    let taken = this.#wanted === undefined;
    for (const { parcel, wanted } of this.#parcels) {
      const took = parcel.release();
      if (wanted && took) taken = true;
    }
    return taken;
  }

  /** Nobody gets it. */
  cancel(): void {
    for (const { parcel } of this.#parcels) parcel.cancel();
  }

  fail(error: unknown): never {
    this.cancel();
    throw error;
  }
}
