// The Store interface and its plain records. Imports nothing of server/ or gateway/.
//
// Every operation is one complete, atomic step: when its promise resolves, the change is committed (and, for SQLite, in
// the write-ahead log); when it rejects, nothing was changed. There are no open transaction handles. Callbacks given to
// `update` are pure and synchronous.

/** Milliseconds since 1970-01-01T00:00:00Z. */
export type EpochMs = number;

/** The nine states of RFC 6121 appendix A.1, seen from the owner of the roster. */
export type SubscriptionState =
  | "none"
  | "none+out"
  | "none+in"
  | "none+out+in"
  | "to"
  | "to+in"
  | "from"
  | "from+out"
  | "both";

/** A page of rows: `after` is the last key of the previous page, `limit` at most 100. */
export type PageRequest = { readonly after?: string; readonly limit: number };

// ---- accounts

/** One way to verify a password, its secret part sealed by accounts/seal.ts before it comes here. */
export type StoredCredential = {
  readonly kind: "SCRAM-SHA-1" | "SCRAM-SHA-256" | "bcrypt";
  /** Empty for bcrypt, whose hash carries its own. */
  readonly salt: Uint8Array;
  /** 0 for bcrypt. */
  readonly iterations: number;
  readonly keyId: string;
  readonly sealed: Uint8Array;
};

export type Account = {
  readonly localpart: string;
  readonly createdAt: EpochMs;
  readonly credentials: readonly StoredCredential[];
};

/**
 * What an account is filled with in one step: each part that is given takes the place of all there is of it. The caller
 * keeps to the limits, but for the quota of nodes.
 */
export type AccountHoldings = {
  /** Roster items, and requests that wait outside the roster; each contact once. */
  readonly roster?: readonly RosterItem[];
  /** Oldest first. */
  readonly offline?: readonly Omit<OfflineMessage, "id">[];
  readonly vcard?: string;
  /** Each namespace and name once. */
  readonly privateXml?: readonly PrivateElement[];
  /** With their items, the oldest first. Each name, and each id of a node's, once. */
  readonly nodes?: readonly (Pick<PubsubNode, "name" | keyof PubsubNodeState> & {
    readonly items: readonly PubsubItem[];
  })[];
};

/** An account that comes from elsewhere. */
export type ImportedAccount = {
  /** Without credentials: those of an account that is there stay. */
  readonly account: Account;
  /** Its bare JID. */
  readonly owner: string;
  readonly holdings: AccountHoldings;
  /** Of its nodes. */
  readonly quota: PubsubQuota;
};

export interface AccountStore {
  /** False if the account exists; nothing is changed then. */
  create(account: Account): Promise<boolean>;
  /**
   * Creates an account and fills it, in one step. One that exists: `keep` changes nothing, `replace` sets its credentials
   * and fills it. Rejects with StoreLimitError where the nodes are beyond the quota; nothing is changed then.
   */
  import(imported: ImportedAccount, existing: "keep" | "replace"): Promise<"created" | "replaced" | "kept">;
  get(localpart: string): Promise<Account | undefined>;
  /** Replaces all credentials; false if there is no such account. */
  setCredentials(localpart: string, credentials: readonly StoredCredential[]): Promise<boolean>;
  /**
   * Erases the account with its roster, offline messages, archive (as `ArchiveStore.removeOwner` does), saved sessions,
   * pubsub nodes, block list, affiliations with rooms, profile and push services; its uploads expire;
   * false if there is no such account.
   */
  delete(localpart: string, owner: string): Promise<boolean>;
  /** In order of localpart. */
  list(page: PageRequest): Promise<Account[]>;
  /** How many accounts have only a credential of kind bcrypt. */
  countBcryptOnly(): Promise<number>;
  /** How many accounts have credentials, but none of this kind. */
  countWithout(kind: "SCRAM-SHA-1" | "SCRAM-SHA-256"): Promise<number>;
}

// ---- rosters

/** What is known of one contact of one owner: a roster item, or a subscription request that waits outside the roster. */
export type RosterItem = {
  /** Bare JID. */
  readonly contact: string;
  /** False: not shown to clients (RFC 6121 appendix A.1, state "None + Pending In"). */
  readonly inRoster: boolean;
  readonly name: string;
  readonly groups: readonly string[];
  readonly state: SubscriptionState;
  /** Pre-approval (RFC 6121 section 3.4). */
  readonly approved: boolean;
  /** The complete pending subscribe stanza as XML (RFC 6121 section 3.1.3); empty if none. */
  readonly pendingSubscribe: string;
};

export type RosterSnapshot = { readonly version: number; readonly items: readonly RosterItem[] };

export type RosterChange = {
  readonly before: RosterItem | undefined;
  readonly after: RosterItem | undefined;
  /** The roster's version after the change. */
  readonly version: number;
};

export type RosterDelta = {
  readonly version: number;
  /** In order of change. A contact whose item is not `inRoster` or is undefined was removed or is not shown. */
  readonly changes: readonly {
    readonly contact: string;
    readonly version: number;
    readonly item: RosterItem | undefined;
  }[];
};

/** How many items one owner may have that are `inRoster`, and how many that are not. Each has a limit of its own. */
export type RosterLimits = { readonly items: number; readonly requests: number };

export interface RosterStore {
  load(owner: string): Promise<RosterSnapshot>;
  get(owner: string, contact: string): Promise<RosterItem | undefined>;
  /**
   * One read-change-write. The callback returns the same object for "no change", undefined to delete the item (a mark of
   * its removal is kept for `changesSince`). Rejects with StoreLimitError if there are as many as `limits` allow already.
   */
  update(
    owner: string,
    contact: string,
    change: (item: RosterItem | undefined) => RosterItem | undefined,
    limits?: RosterLimits,
  ): Promise<RosterChange>;
  /** Undefined: that version is unknown or too old, send the whole roster. */
  changesSince(owner: string, version: number): Promise<RosterDelta | undefined>;
}

/** A named limit of the store was reached; nothing was changed. */
export class StoreLimitError extends Error {
  readonly limit: string;
  constructor(limit: string, message: string) {
    super(message);
    this.name = "StoreLimitError";
    this.limit = limit;
  }
}

/** The medium takes no more, or fails: nothing was changed. The message tells the operator what to do. */
export class StoreWriteError extends Error {
  readonly reason: "full" | "failed";
  constructor(reason: "full" | "failed", message: string, cause: unknown) {
    super(message, { cause });
    this.name = "StoreWriteError";
    this.reason = reason;
  }
}

// ---- offline messages (XEP-0160)

export type OfflineMessage = { readonly id: number; readonly xml: string; readonly at: EpochMs };

export interface OfflineStore {
  /** False: the owner already has `quota` messages; nothing is stored then. */
  add(owner: string, xml: string, at: EpochMs, quota: number): Promise<boolean>;
  /** Oldest first, at most `limit`, ids above `afterId`. */
  load(owner: string, afterId: number, limit: number): Promise<OfflineMessage[]>;
  /** Removes those with an id up to and including `id`. */
  removeUpTo(owner: string, id: number): Promise<void>;
  /** Removes exactly these; false, and none is removed, if the owner does not have all of them. */
  remove(owner: string, ids: readonly number[]): Promise<boolean>;
  /**
   * Puts the owner's messages in the order of their times, after older ones were added behind. Their ids change then.
   * @param added so many at the end come before the others of the same time; for the rest those stay as they were
   */
  sort(owner: string, added: number): Promise<void>;
  count(owner: string): Promise<number>;
}

// ---- message archives (XEP-0313 version 1.1.3)

/** One archived message of one archive: an account's (bare JID) or, later, a room's. */
export type ArchivedMessage = {
  /** Bare JID of the archive. */
  readonly owner: string;
  /** Unique in the archive, never used again. */
  readonly id: string;
  /** Bare JID of the other side. */
  readonly with: string;
  readonly at: EpochMs;
  readonly xml: string;
};

/** Which messages: those that meet every condition given, or all. */
export type ArchiveQuery = {
  /** Bare JID of the other side. */
  readonly with?: string;
  /** The earliest and the latest time, both inclusive. */
  readonly start?: EpochMs;
  readonly end?: EpochMs;
  /** Only what comes after, or before, the message of that id, without it. */
  readonly afterId?: string;
  readonly beforeId?: string;
  /** Only these messages. The caller bounds how many it names. */
  readonly ids?: readonly string[];
  /** The last `limit` of what matches and not the first; in the order of the archive all the same. */
  readonly backward: boolean;
  /** At most 100. */
  readonly limit: number;
};

export type ArchivePage = {
  /** In the order of the archive. */
  readonly messages: readonly ArchivedMessage[];
  /** Nothing that matches is left in the direction of reading. */
  readonly complete: boolean;
};

/** What an account wants archived (XEP-0441 version 0.2.0). */
export type ArchivePreferences = {
  readonly default: "always" | "never" | "roster";
  readonly always: readonly string[];
  readonly never: readonly string[];
};

/** One end of an archive. */
export type ArchiveBound = { readonly id: string; readonly at: EpochMs };

/** An archive is in the order of adding, and its times never descend. */
export interface ArchiveStore {
  /**
   * An id for a message that is to be added, which tells nothing and was never given out (XEP-0359 version 0.7.0 section 6).
   * Others may be added, too; to add one of these costs least.
   */
  newId(): string;
  /**
   * Appends each message to the archive of its owner. A time before that of the message in front is stored as that one's:
   * a clock that is set back hides nothing from a client that asks for what is new. Rejects if an id is in its archive
   * already; none of the messages is stored then.
   */
  add(messages: readonly ArchivedMessage[]): Promise<void>;
  /** Undefined: `afterId`, `beforeId` or one of `ids` is not in the archive (section 4.1.3: item-not-found). */
  page(owner: string, query: ArchiveQuery): Promise<ArchivePage | undefined>;
  /** How many match, if less than `atMost`; otherwise `atMost`, beyond which it does not count. */
  count(owner: string, query: Pick<ArchiveQuery, "with" | "start" | "end">, atMost: number): Promise<number>;
  /** The oldest and the newest message; undefined: the archive is empty. */
  bounds(owner: string): Promise<{ readonly first: ArchiveBound; readonly last: ArchiveBound } | undefined>;
  /** Undefined: never set. */
  preferences(owner: string): Promise<ArchivePreferences | undefined>;
  /** Replaces them. */
  setPreferences(owner: string, preferences: ArchivePreferences): Promise<void>;
  /**
   * Removes what is older than `before` and, of each archive, what is beyond its newest `keepPerOwner`, always from the
   * oldest end: an archive has no gaps. Also the remains of what `removeOwner` erased. At most `limit` messages, so that
   * the loop is never blocked for long; resolves with how many. Less than `limit`: there is nothing left to prune.
   */
  prune(before: EpochMs, keepPerOwner: number, limit: number): Promise<number>;
  /**
   * Erases an archive and its preferences. The messages are out of reach at once; their room is freed by the next calls
   * of `prune`, whatever their age, because an archive may be too large to be removed in one step.
   */
  removeOwner(owner: string): Promise<void>;
  /** Puts another text in the place of a message's; its id, contact and time stay. False: it is not in the archive. */
  replace(owner: string, id: string, xml: string): Promise<boolean>;
}

// ---- rooms (XEP-0045 version 1.35.1)

/** A room as it is kept, without its people. */
export type SavedRoom = {
  /** Bare JID. */
  readonly address: string;
  /** Bare JID of who made it. */
  readonly creator: string;
  /** When somebody was in it last. */
  readonly usedAt: EpochMs;
  /** It goes when nobody is in it any more. */
  readonly temporary: boolean;
  /** The service lists it to everybody, under this name. */
  readonly listed: boolean;
  readonly name: string;
  /** JSON of the server's own. */
  readonly state: string;
};

/** A lasting association with a room; "none" is the absence of one. */
export type RoomAffiliation = {
  /** Bare JID, or a domain. */
  readonly jid: string;
  readonly affiliation: "owner" | "admin" | "member" | "outcast" | "none";
  /** Why; empty: not said. */
  readonly reason: string;
};

/** One client in a room. */
export type RoomOccupant = {
  /** Full JID. */
  readonly jid: string;
  readonly nick: string;
  readonly role: string;
  /** Its last presence, as XML. */
  readonly presence: string;
};

/** What happened to one room: the parts that are given, in the order in which they stand here. */
export type RoomChange = {
  readonly address: string;
  /** Creates the room, or replaces it but for its people and its vCard. Its address is that of the change. */
  readonly save?: SavedRoom;
  /** As XML; empty: none. */
  readonly vcard?: string;
  /** Each replaces what its JID had; "none" removes it. */
  readonly affiliations?: readonly RoomAffiliation[];
  /** Each replaces what its JID had. */
  readonly occupants?: readonly RoomOccupant[];
  /** Full JIDs of occupants that are gone. */
  readonly left?: readonly string[];
  /** Removes the room with all that is its own but the archive. */
  readonly remove?: boolean;
};

export type LoadedRoom = {
  readonly room: SavedRoom;
  /** In order of JID. */
  readonly affiliations: readonly RoomAffiliation[];
  /** In order of arrival. */
  readonly occupants: readonly RoomOccupant[];
};

export interface RoomStore {
  /** All changes in one step, in order. A change of a room that is not there does nothing. */
  apply(changes: readonly RoomChange[]): Promise<void>;
  load(address: string): Promise<LoadedRoom | undefined>;
  /** Empty: it has none. */
  vcard(address: string): Promise<string>;
  /** Rooms that are listed, in order of address. */
  listed(page: PageRequest): Promise<{ readonly address: string; readonly name: string }[]>;
  /** How many rooms somebody made, if less than `atMost`; otherwise `atMost`. */
  countCreated(creator: string, atMost: number): Promise<number>;
  /** Addresses of rooms that are temporary or have occupants, in order. */
  awake(page: PageRequest): Promise<string[]>;
  /** Addresses of rooms that are neither, and were used last before a time; longest unused first, at most `limit`. */
  unused(before: EpochMs, limit: number): Promise<string[]>;
}

// ---- stream-managed sessions (XEP-0198 version 1.6.3)

/** A stream-managed session as it is kept over a restart. */
export type SavedSession = {
  /** Lower-case hex of the SHA-256 of the secret resumption token. */
  readonly id: string;
  /** Bare JID. */
  readonly owner: string;
  readonly resourcepart: string;
  /** JSON of the server's own. */
  readonly state: string;
  /** How many stanzas of the client were handled. */
  readonly inbound: number;
  readonly savedAt: EpochMs;
};

/** One stanza that the client has not acknowledged. */
export type UnackedStanza = {
  /** Unique in its session, ascending; never wraps (the h of XEP-0198 is this modulo 2^32). */
  readonly sequence: number;
  readonly xml: string;
  readonly at: EpochMs;
  /** The same for all sessions that got the same message; empty: none. */
  readonly delivery: string;
};

/** What happened to one session: the parts that are given, in the order in which they stand here. */
export type SessionChange = {
  readonly id: string;
  /** Creates the session, or replaces it but for its unacknowledged stanzas. Its id is that of the change. */
  readonly save?: SavedSession;
  readonly inbound?: number;
  readonly append?: readonly UnackedStanza[];
  /** The deliveries of these sequences have arrived elsewhere: from now on theirs are empty. */
  readonly settled?: readonly number[];
  /** Removes the stanzas up to and including this sequence. */
  readonly ackedUpTo?: number;
  /** Removes the session and its stanzas. */
  readonly remove?: boolean;
};

export interface SessionStore {
  /**
   * All changes of one turn in one step, in order. A change of a session that is not saved (it may have been erased with
   * its account) does nothing. Rejects if a sequence is in its session already; nothing is changed then.
   */
  apply(changes: readonly SessionChange[]): Promise<void>;
  /** Every saved session, the first saved first, with its unacknowledged stanzas in order of sequence. */
  loadAll(): Promise<{ session: SavedSession; unacked: UnackedStanza[] }[]>;
}

// ---- personal publish-subscribe nodes (XEP-0060 version 1.30.0, XEP-0163)

/** Whom the owner of a node named; anybody else has no affiliation, and the owner is one without being named. */
export type PubsubAffiliation = { readonly jid: string; readonly affiliation: "member" | "outcast" };

/** An explicit subscription; the JID is bare or full. */
export type PubsubSubscription = { readonly jid: string; readonly state: "subscribed" | "pending" };

/** One node of an account's own service. */
export type PubsubNode = {
  /** Bare JID of the account. */
  readonly owner: string;
  readonly name: string;
  readonly createdAt: EpochMs;
  /** JSON of the server's own. */
  readonly config: string;
  readonly affiliations: readonly PubsubAffiliation[];
  readonly subscriptions: readonly PubsubSubscription[];
};

/** What can be changed of a node. */
export type PubsubNodeState = Pick<PubsubNode, "config" | "affiliations" | "subscriptions">;

export type PubsubItem = {
  /** Unique in its node. */
  readonly id: string;
  /** Full JID. */
  readonly publisher: string;
  readonly at: EpochMs;
  /** The payload; empty: there is none. */
  readonly xml: string;
};

/** Which items of a node: in order of publication, and one that was published again counts as new. */
export type PubsubItemQuery = {
  /** Only what comes after, or before, the item of that id, without it. */
  readonly afterId?: string;
  readonly beforeId?: string;
  /** Only what was published at that time or later. */
  readonly since: EpochMs;
  /** The last `limit` of what matches and not the first; in the order of the node all the same. */
  readonly backward: boolean;
  /** At most 100. */
  readonly limit: number;
};

/** What one account may keep. */
export type PubsubQuota = {
  readonly nodes: number;
  /** Of all its items: payloads, ids and PUBSUB_ITEM_OVERHEAD for each. */
  readonly bytes: number;
};

/** What comes of a publication. */
export type PubsubPublication = {
  /** Of the node if there is none yet. */
  readonly create: PubsubNodeState;
  /** Undefined: nothing is stored but the node. */
  readonly item: PubsubItem | undefined;
  /** So many of the newest items stay, the new one among them. */
  readonly keep: number;
  /** Items that were published before that time go. */
  readonly since: EpochMs;
};

export type PubsubPublished = { readonly node: PubsubNode; readonly created: boolean };

export interface PubsubStore {
  node(owner: string, name: string): Promise<PubsubNode | undefined>;
  /** In order of name. */
  nodes(owner: string, page: PageRequest): Promise<PubsubNode[]>;
  /** False: there is one of that name. Rejects with StoreLimitError if there are as many as the quota allows. */
  create(owner: string, name: string, state: PubsubNodeState, at: EpochMs, quota: PubsubQuota): Promise<boolean>;
  /**
   * One read-change-write. The callback returns the same object, or undefined, for "no change".
   * @param keep so many of the newest items stay
   * @returns undefined: there is no such node
   */
  update(
    owner: string,
    name: string,
    change: (node: PubsubNode) => PubsubNodeState | undefined,
    keep: (config: string) => number,
  ): Promise<{ readonly before: PubsubNode; readonly after: PubsubNode } | undefined>;
  /** With its items. Resolves with what it was; undefined: there was none. */
  remove(owner: string, name: string): Promise<PubsubNode | undefined>;
  /**
   * One read-change-write: `decide` sees the node, if there is one, and returns undefined for "nothing at all". An item
   * of the same id is replaced, and is the newest then. Rejects with StoreLimitError where the quota is exceeded.
   */
  publish(
    owner: string,
    name: string,
    decide: (node: PubsubNode | undefined) => PubsubPublication | undefined,
    quota: PubsubQuota,
  ): Promise<PubsubPublished | undefined>;
  /** False: there is no such item. */
  retract(owner: string, name: string, id: string): Promise<boolean>;
  /** Removes all items of a node. False: there is no such node. */
  purge(owner: string, name: string): Promise<boolean>;
  /** Undefined: `afterId` or `beforeId` is not in the node, or there is no node. */
  items(owner: string, name: string, query: PubsubItemQuery): Promise<PubsubItem[] | undefined>;
  /** Those that are there, in the order of the ids. The caller bounds how many it names. */
  itemsById(owner: string, name: string, ids: readonly string[]): Promise<PubsubItem[]>;
  /** How many items the node has, of whatever age. */
  count(owner: string, name: string): Promise<number>;
  /** The newest item of each node that one of the owners has under one of the names, if it has any. */
  lastItems(
    owners: readonly string[],
    names: ReadonlySet<string>,
  ): Promise<{ readonly node: PubsubNode; readonly item: PubsubItem }[]>;
}

// ---- capabilities of clients (XEP-0115 version 1.6.0, XEP-0390)

export interface CapabilityStore {
  /** The features that a verified hash stands for; undefined: it is not known. */
  get(hash: string): Promise<readonly string[] | undefined>;
  /** Beyond `limit` hashes, those that were put first make room. */
  put(hash: string, features: readonly string[], limit: number): Promise<void>;
}

// ---- block lists (XEP-0191 version 1.3)

export interface BlockingStore {
  /** The addresses that the owner blocks, in order. */
  list(owner: string): Promise<string[]>;
  /**
   * Resolves with those that were not in the list before, as they were given. Rejects with StoreLimitError if there would be more than `limit`
   * in all; none is added then.
   */
  add(owner: string, addresses: readonly string[], limit: number): Promise<string[]>;
  /** Resolves with those that were in the list, as they were given. */
  remove(owner: string, addresses: readonly string[]): Promise<string[]>;
  /** Removes all; resolves with them, in order. */
  clear(owner: string): Promise<string[]>;
}

// ---- profiles

/** Private XML (XEP-0049 version 1.2): all elements of one name and namespace, one after the other. */
export type PrivateElement = { readonly ns: string; readonly name: string; readonly xml: string };

/** How much private XML one account may have: kinds of elements, and bytes with names and namespaces. */
export type PrivateLimits = { readonly elements: number; readonly bytes: number };

/** When an account's last available resource went, and what it said then (XEP-0012 version 2.0). */
export type LastActivity = { readonly at: EpochMs; readonly status: string };

/** What accounts say of themselves. Owners are bare JIDs. */
export interface ProfileStore {
  /** The vCard (XEP-0054 version 1.3.0) as XML; undefined: there is none. */
  vcard(owner: string): Promise<string | undefined>;
  /** One read-change-write; undefined removes it. */
  updateVcard(
    owner: string,
    change: (xml: string | undefined) => string | undefined,
  ): Promise<{ readonly before: string | undefined; readonly after: string | undefined }>;
  privateXml(owner: string, ns: string, name: string): Promise<string | undefined>;
  /** All of it, in order of namespace and name. */
  allPrivateXml(owner: string): Promise<PrivateElement[]>;
  /**
   * Each element replaces those of its name and namespace; without XML it removes them. Rejects with StoreLimitError where
   * the account would come to have more than `limits` allow.
   */
  setPrivateXml(owner: string, elements: readonly PrivateElement[], limits: PrivateLimits): Promise<void>;
  lastActivity(owner: string): Promise<LastActivity | undefined>;
  setLastActivity(owner: string, activity: LastActivity): Promise<void>;
  /** All of an owner's, as `AccountStore.delete` does. */
  erase(owner: string): Promise<void>;
}

// ---- push services (XEP-0357 version 0.4.1)

/** Where an account wants to be told of what waits for it. Unique by address and node. */
export type PushService = {
  readonly jid: string;
  /** Empty: none. */
  readonly node: string;
  /** Of the client that enabled it. */
  readonly resourcepart: string;
  /** The publish options, a data form as XML; empty: none. */
  readonly options: string;
};

export interface PushStore {
  /** In order of address and node. */
  list(owner: string): Promise<PushService[]>;
  /** Adds it, or replaces the one of its address and node. False: the owner has `most` already; nothing is changed then. */
  put(owner: string, service: PushService, most: number): Promise<boolean>;
  /** Removes that node, or all of the address. Resolves with how many there were. */
  remove(owner: string, jid: string, node?: string): Promise<number>;
  /** All of an owner's, as `AccountStore.delete` does. */
  erase(owner: string): Promise<void>;
}

// ---- audit

export type AuditRecord = {
  readonly at: EpochMs;
  /** For example "login-failed", "password-changed", "token-added". */
  readonly event: string;
  readonly account: string;
  readonly address: string;
  readonly detail: string;
};

export interface AuditStore {
  add(record: AuditRecord): Promise<void>;
  /** Newest first. */
  list(limit: number): Promise<AuditRecord[]>;
}

// ---- gateway

export type PresentityPolicy = "confirm" | "allow" | "deny";

/** A foreign entity that the gateway stands for. */
export type Presentity = {
  /** Bare JID. */
  readonly address: string;
  /** The domainpart of the address. */
  readonly domain: string;
  readonly formalName: string;
  readonly policy: PresentityPolicy;
  /** Domains and bare JIDs that may watch or write to it; empty: everybody. */
  readonly allowFrom: readonly string[];
  readonly createdAt: EpochMs;
};

/** The presence document that a presentity published, soft state like RFC 3903. */
export type Publication = {
  readonly etag: string;
  /** The PIDF document as it came, UTF-8. */
  readonly document: string;
  readonly publishedAt: EpochMs;
  /** Null: until it is replaced. */
  readonly expiresAt: EpochMs | null;
};

/** The XMPP user watches the presentity (RFC 3922 section 6.1). */
export type Watch = {
  /** The id of the subscribe stanza, or one made for it (RFC 3922 section 6.1.1). */
  readonly transId: string;
  readonly subscriptId: string;
  readonly since: EpochMs;
};

/** The presentity watches the XMPP user: a CPP subscription (RFC 3922 section 6.2). */
export type CppSubscription = {
  readonly state: "pending" | "active";
  readonly subscriptId: string;
  /** Of the open or last request. */
  readonly transId: string;
  readonly since: EpochMs;
  /** While pending: when the request is given up (JC-50). Active: end of the granted time; null: no end. */
  readonly until: EpochMs | null;
  /** The granted duration; null: no end. */
  readonly durationSeconds: number | null;
  /** Of the last document that the presentity was notified of, without what changes by itself; empty: of none. */
  readonly lastDigest: string;
  /** Whether that document had an open tuple. */
  readonly lastOpen: boolean;
};

/** All that is kept between one presentity and one XMPP user. */
export type Relation = {
  /** Bare JID of the foreign side. */
  readonly presentity: string;
  /** Bare JID of the XMPP side. */
  readonly user: string;
  /** RFC 6121 appendix A.1, the presentity being the owner: authorisation, not CPP subscriptions. */
  readonly state: SubscriptionState;
  readonly approved: boolean;
  readonly watch: Watch | null;
  readonly subscription: CppSubscription | null;
};

export type NewGatewayEvent = {
  /** Bare JID of the presentity that it is for. */
  readonly presentity: string;
  readonly type: "message" | "notify" | "subscribe" | "unsubscribe" | "terminated" | "response";
  /** JSON. */
  readonly data: string;
  readonly at: EpochMs;
};

export type GatewayEvent = NewGatewayEvent & { readonly id: number };

/** Whose events: one presentity's, or all of a domain. */
export type EventScope = { readonly presentity: string } | { readonly domain: string };

export type Token = {
  readonly id: string;
  /** `domain:example.net` or `presentity:romeo@example.net`. */
  readonly scope: string;
  /** Lower-case hex of the token's SHA-256. */
  readonly sha256: string;
  readonly createdAt: EpochMs;
};

export type RelationStep = { readonly next: Relation | undefined; readonly events?: readonly NewGatewayEvent[] };

export interface GatewayStore {
  /**
   * Creates or replaces; says which. `createdAt` of an existing one is kept. Rejects with StoreLimitError if a new one
   * would exceed `maxPerDomain`.
   */
  putPresentity(presentity: Presentity, maxPerDomain?: number): Promise<"created" | "changed">;
  getPresentity(address: string): Promise<Presentity | undefined>;
  /** In order of address. */
  listPresentities(domain: string, page: PageRequest): Promise<Presentity[]>;
  /** With its publication, relations and presentity tokens; its events stay until they are pruned. */
  deletePresentity(address: string): Promise<boolean>;

  getPublication(address: string): Promise<Publication | undefined>;
  /** Replaces the publication (null: withdraws it) if `change` allows; returns before and after. */
  updatePublication(
    address: string,
    change: (current: Publication | undefined) => Publication | undefined,
  ): Promise<{ before: Publication | undefined; after: Publication | undefined }>;
  /** Publications whose time is over at `now`, and the next time one will be (null: none). */
  expiredPublications(now: EpochMs): Promise<{ addresses: string[]; next: EpochMs | null }>;

  getRelation(presentity: string, user: string): Promise<Relation | undefined>;
  /**
   * One read-change-write, with the events it causes in the same transaction. `next` being the same object is no change;
   * undefined deletes. Resolves with the events' ids filled in.
   */
  updateRelation(
    presentity: string,
    user: string,
    change: (relation: Relation | undefined) => RelationStep,
  ): Promise<{ before: Relation | undefined; after: Relation | undefined; events: GatewayEvent[] }>;
  /** In order of user. */
  listRelations(presentity: string): Promise<Relation[]>;
  /** The relations of one XMPP user, in order of presentity. */
  listRelationsOfUser(user: string): Promise<Relation[]>;
  /** Relations whose subscription's `until` has passed at `now`, and the next time one will (null: none). */
  expiredSubscriptions(now: EpochMs): Promise<{ relations: Relation[]; next: EpochMs | null }>;

  /** Relations whose last notify told of an open tuple: to be put right after a crash. In order of presentity and user. */
  openSubscriptions(): Promise<Relation[]>;

  appendEvents(events: readonly NewGatewayEvent[]): Promise<GatewayEvent[]>;
  /** Ids above `afterId`, oldest first, at most `limit`. */
  eventsAfter(scope: EventScope, afterId: number, limit: number): Promise<GatewayEvent[]>;
  /**
   * The highest id ever pruned for the scope (0: none): a consumer that asks for an id below it has missed events.
   * And the highest id given out so far.
   */
  eventBounds(scope: EventScope): Promise<{ prunedUpTo: number; last: number }>;
  /** Removes events older than `before`, but keeps the newest `keepPerPresentity` of each presentity. */
  pruneEvents(before: EpochMs, keepPerPresentity: number): Promise<number>;

  addToken(token: Token): Promise<void>;
  findToken(sha256: string): Promise<Token | undefined>;
  listTokens(): Promise<Token[]>;
  revokeToken(id: string): Promise<boolean>;
}

// ---- uploads (XEP-0363)

/** A file that somebody was given a slot for. Its octets are elsewhere. */
export type Upload = {
  /** Unguessable: who knows it may have the file. */
  readonly id: string;
  /** Bare JID. */
  readonly owner: string;
  /** What it counts against together with others of its owner. */
  readonly bucket: string;
  readonly name: string;
  /** Media type; empty: none was named. */
  readonly type: string;
  /** Octets. */
  readonly size: number;
  /** False: it is still awaited. */
  readonly complete: boolean;
  /** The end of the slot, or of the complete file; null: never. */
  readonly until: EpochMs | null;
  /** What `until` becomes when it is complete. */
  readonly keepUntil: EpochMs | null;
};

export type UploadQuota = {
  /** Of one bucket of one owner. */
  readonly bytes: number;
  readonly files: number;
  /** The oldest complete files make room for a new one; false: they stay, and the new one is refused. */
  readonly oldestGo: boolean;
};

export interface UploadStore {
  /**
   * Adds a slot; what has expired does not count against the quota. Undefined: it was added. Otherwise nothing was
   * changed, and `next` is when something of the bucket expires; null: never.
   */
  reserve(slot: Upload, now: EpochMs, quota: UploadQuota): Promise<{ readonly next: EpochMs | null } | undefined>;
  get(id: string): Promise<Upload | undefined>;
  /** The file of a slot that has not expired begins to come, and has until then. False: there is no such slot. */
  begin(id: string, now: EpochMs, until: EpochMs): Promise<boolean>;
  /** It has come. False: there is no slot, not any more. */
  complete(id: string, type: string): Promise<boolean>;
  /** Ids of what has expired, at most `limit`. Files of deleted accounts have. */
  expired(now: EpochMs, limit: number): Promise<string[]>;
  remove(ids: readonly string[]): Promise<void>;
}

/** What a store on disk did since it was opened, for monitoring. */
export type StoreStatistics = {
  readonly reads: number;
  readonly writes: number;
  readonly commits: number;
  /** Seconds spent in those commits, during which nothing else ran. */
  readonly commitSeconds: number;
  /** Writes that the medium refused. */
  readonly refused: number;
  /** What the last write was refused with; undefined: it was not, or there was none. */
  readonly refusal: StoreWriteError | undefined;
};

/** Who is told of a store's commits. */
export type CommitProbe = {
  /** One is about to be made. */
  committing(): void;
  /** It was made, and nobody was answered yet. */
  committed(): void;
};

export interface Store {
  readonly accounts: AccountStore;
  readonly roster: RosterStore;
  readonly offline: OfflineStore;
  readonly archive: ArchiveStore;
  readonly sessions: SessionStore;
  readonly pubsub: PubsubStore;
  readonly capabilities: CapabilityStore;
  readonly rooms: RoomStore;
  readonly blocking: BlockingStore;
  readonly profiles: ProfileStore;
  readonly pushes: PushStore;
  readonly audit: AuditStore;
  readonly gateway: GatewayStore;
  readonly uploads: UploadStore;
  /** A secret of this store's own, made at first use: 32 random octets as hex, for what must be stable over restarts. */
  secret(name: string): Promise<string>;
  /** Read whenever it is asked for; left out: it keeps none. */
  readonly statistics?: StoreStatistics;
  /** Resolves when everything written so far is committed and the store is closed. */
  close(): Promise<void>;
}
