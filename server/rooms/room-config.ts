// What an owner can set up of a room (XEP-0045 1.35.1 section 10.1.3).

import type { Role } from "./affiliation.ts";

export type RoomConfig = {
  readonly name: string;
  readonly description: string;
  /** Of the discussion, for example "en"; empty: not said. */
  readonly language: string;
  readonly persistent: boolean;
  /** Listed by the service. */
  readonly public: boolean;
  readonly membersOnly: boolean;
  readonly moderated: boolean;
  /** Everybody in it sees real addresses, and not the moderators alone. */
  readonly nonAnonymous: boolean;
  /** Empty: none is needed. */
  readonly password: string;
  /** Participants may change the subject. */
  readonly changeSubject: boolean;
  /** Members of a members-only room may invite others, who become members. */
  readonly allowInvites: boolean;
  readonly privateMessages: "anyone" | "participants" | "moderators" | "none";
  /** Messages are kept, and those who may enter may read them (XEP-0313). */
  readonly archiving: boolean;
  /** 0: as many as the service allows. */
  readonly maxOccupants: number;
  /** Messages that are shown to who comes in. */
  readonly historyMessages: number;
  /** Roles whose presence is told to others. */
  readonly broadcast: readonly Role[];
};

/** Of an instant room (section 10.1.2), and what a form begins with. */
export const DEFAULT_CONFIG: RoomConfig = {
  name: "",
  description: "",
  language: "",
  persistent: false,
  public: false,
  membersOnly: false,
  moderated: false,
  nonAnonymous: false,
  password: "",
  changeSubject: false,
  allowInvites: false,
  privateMessages: "anyone",
  archiving: true,
  maxOccupants: 0,
  historyMessages: 20,
  broadcast: ["moderator", "participant", "visitor"],
};
