// The messages of the soak: each has an id of its own, which is its body's first word wherever it turns up.

/**
 * What is expected of a message. `chat`, `full` (to one device) and `self`: archived, and at every device of both sides.
 * `no-store`: at the devices that are there. `refused`: nowhere, and its sender is told. `to-foreign` and `from-foreign`:
 * over the gateway.
 */
export const KINDS = ["chat", "full", "self", "no-store", "refused", "to-foreign", "from-foreign"] as const;
export type Kind = (typeof KINDS)[number];

export type Message = {
  readonly id: string;
  readonly kind: Kind;
  /** "user/resource" of a device, or the address of a presentity. */
  readonly sender: string;
  /** Localpart of the sending user; undefined: a presentity sent it. */
  readonly from: string | undefined;
  /** Localpart of the receiving user; undefined: a presentity, or nobody, is to have it. */
  readonly to: string | undefined;
  /** Place among all that the sender wrote, from 1. */
  readonly place: number;
};

const ID = /\b[df]-[a-z0-9]+-[a-z0-9]+-\d+\b/;

/** The id of device `user/resource`'s message, or a presentity's. */
export function messageId(from: "d" | "f", first: string, second: string, place: number): string {
  return `${from}-${first}-${second}-${place}`;
}

/** Undefined: nobody of the soak wrote this. */
export function idIn(text: string): string | undefined {
  return ID.exec(text)?.[0];
}

export function isArchived(kind: Kind): boolean {
  return kind !== "no-store" && kind !== "refused";
}

/** The users whose devices and archives have it, each once. */
export function usersOf({ from, to }: Message): readonly string[] {
  return [...new Set([from, to].filter((user) => user !== undefined))];
}
