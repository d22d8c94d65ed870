// The schema of the configuration: every key with its default, its bounds and what it is for. Sizes and durations carry
// their unit in the key. docs/configuration.md and config.example.json say the same; test/unit/config.test.ts compares.

import * as z from "zod";
import { prepareDomainpart } from "./jid.ts";

const port = z.int().min(0).max(65535);
const positive = z.int().min(1);
const seconds = z.number().min(0);
// The default stands before the transform, where z.toJSONSchema sees it.
const ownDomain = z
  .string()
  .default("localhost")
  .transform((text, context) => {
    const prepared = prepareDomainpart(text);
    if (prepared.ok) return prepared.value;
    context.addIssue({ code: "custom", message: `"${text}" is no domain: ${prepared.reason}` });
    return z.NEVER;
  });

export const c2s = z.strictObject({
  addresses: z
    .array(z.string().min(1))
    .optional()
    .describe('Where to listen. Left out: loopback while domain is "localhost", else every interface ("::").'),
  port: port.default(5222).describe("TCP port for STARTTLS. 0: any free port."),
  directTlsPort: port.nullable().default(5223).describe("TCP port for direct TLS (XEP-0368). 0: any; null: off."),
  requireTls: z
    .boolean()
    .default(true)
    .describe("false is for tests only: lets clients log in without TLS, on loopback addresses."),
});

const http = z.strictObject({
  addresses: z
    .array(z.string().min(1))
    .default(["127.0.0.1", "::1"])
    .describe("Where to listen. Addresses other than loopback need http.tls."),
  port: port
    .nullable()
    .default(5280)
    .describe("TCP port of the gateway's HTTP binding, of WebSocket and of uploads. 0: any; null: off."),
  tls: z.boolean().default(false).describe("Serve https with the server's certificate: tokens travel over it."),
  publicUrl: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe(
      'How clients reach this port, "https://chat.example.org", where a proxy stands before it. null: the domain with this ' +
        "port if http.tls is true, else not at all.",
    ),
  trustedProxies: z
    .array(z.string())
    .default([])
    .describe(
      "Addresses or networks of reverse proxies, whose X-Forwarded-For and X-Forwarded-Proto are believed. They must set both.",
    ),
  origins: z
    .array(z.string().min(1))
    .default(["*"])
    .describe(
      'Origins of the web pages that may use WebSocket and uploads, "https://chat.example.org". "*": any page.',
    ),
  websocket: z.boolean().default(true).describe("Serve XMPP over WebSocket (RFC 7395) at /xmpp-websocket, inside TLS."),
  websocketChannelBinding: z
    .boolean()
    .default(false)
    .describe(
      "Offer SCRAM-...-PLUS on a WebSocket inside this server's own TLS. No web page can use it, and stanza.js then fails.",
    ),
  websocketPingSeconds: z
    .number()
    .min(1)
    .default(30)
    .describe("Seconds between pings on each WebSocket, so that proxies keep it open."),
  metrics: z
    .enum(["loopback", "everyone", "off"])
    .default("loopback")
    .describe("Who may read /metrics (Prometheus): requests from loopback that no proxy passed on, all, or nobody."),
});

const tls = z.strictObject({
  certificateFile: z
    .string()
    .nullable()
    .default(null)
    .describe("PEM file, the server's own certificate first. null: a self-signed one is made in the data folder."),
  keyFile: z.string().nullable().default(null).describe("PEM file with its private key, without a passphrase."),
});

export const auth = z.strictObject({
  storage: z
    .enum(["scram", "bcrypt"])
    .default("scram")
    .describe("What is kept of a password: SCRAM keys, or a bcrypt hash that can serve PLAIN only."),
  plain: z.boolean().default(true).describe("Offer PLAIN, inside TLS only."),
  scramIterations: z
    .int()
    .min(4096)
    .max(10_000_000)
    .default(10_000)
    .describe("PBKDF2 rounds for passwords set from now on: what each guess costs a thief of the keys."),
  bcryptCost: z
    .int()
    .min(4)
    .max(15)
    .default(12)
    .describe("log2 of bcrypt's rounds for passwords set from now on. 12 takes 0.25 s a login."),
  bcryptQueue: positive
    .default(50)
    .describe("Logins that may wait for the bcrypt worker; more are told to try again later."),
  throttle: z.boolean().default(true).describe("Delay the answers to repeated failures: slows guessing down."),
  failuresPerMinute: positive.default(10).describe("Failures per address and per account before answers are delayed."),
  maxDelaySeconds: seconds.default(10).describe("The longest delay of an answer. No account is ever locked."),
  trustedAddresses: z
    .array(z.string())
    .default(["127.0.0.1", "::1"])
    .describe("Not throttled per address: proxies and this machine."),
});

export const limits = z.strictObject({
  stanzaBytesBeforeLogin: z
    .int()
    .min(10_000)
    .default(10_000)
    .describe(
      "Bytes of one element from who has not logged in, with the namespaces that it repeats when it is written: memory that strangers can hold.",
    ),
  stanzaBytes: z
    .int()
    .min(10_000)
    .default(262_144)
    .describe("Bytes of one stanza from a user, with the namespaces that it repeats when it is written: memory."),
  depth: positive.default(64).describe("How deep elements may be nested in a stanza."),
  attributes: positive.default(64).describe("Attributes of one element."),
  elements: positive
    .default(10_000)
    .describe("Elements in one stanza, and so also children of one element: work that a small stanza can cause."),
  xmlNameCharacters: positive.default(256).describe("Characters of the name of an XML element or attribute."),
  bytesPerSecond: z
    .int()
    .min(0)
    .default(1_048_576)
    .describe(
      "Bytes of one stream read in a second, on average; a faster client waits, nothing is lost. 0: as they come.",
    ),
  burstBytes: positive
    .default(8_388_608)
    .describe("Bytes that a stream which was silent may send at once before limits.bytesPerSecond slows it down."),
  handshakeTimeoutSeconds: seconds
    .default(30)
    .describe("Time from connecting to being logged in: frees connections that do nothing."),
  idleTimeoutSeconds: seconds
    .default(900)
    .describe("A stream that was silent for so long is pinged, then closed: finds dead connections. 0: never."),
  connections: positive.default(20_000).describe("Open client connections in all."),
  connectionsPerAddress: positive
    .default(1_000)
    .describe("Open client connections from one IP address: nobody takes all of them."),
  sessionsPerAccount: positive.default(32).describe("Resources that one account may have connected."),
  loginAttempts: positive.default(5).describe("Failed logins on one stream before it is closed: slows guessing down."),
  inboxStanzas: positive
    .default(1_000)
    .describe("Stanzas of one stream that may wait for a slow one before them; reading pauses then."),
  outboxBytes: z
    .int()
    .min(65_536)
    .default(8_388_608)
    .describe("Bytes not yet taken by a slow client before its stream is closed: memory per stream."),
  rosterItems: positive.default(2_000).describe("Contacts in one roster."),
  pendingRequests: positive
    .default(200)
    .describe("Subscription requests of strangers that wait for one user's answer; more are dropped."),
  nameCharacters: positive.default(1_023).describe("Characters of a contact's name, and of a group's."),
  groupsPerItem: positive.default(64).describe("Groups of one contact."),
  offlineMessages: positive
    .default(1_000)
    .describe(
      "Messages kept for one user who is away; the senders of more are told. Those that an ended session leaves " +
        "(streamManagement.queueStanzas) have room beside them.",
    ),
  blockedAddresses: positive.default(1_000).describe("Addresses that one user blocks (XEP-0191)."),
  reportsPerHour: z
    .int()
    .min(0)
    .default(20)
    .describe(
      "Reports of one user (XEP-0377) that are put on record in an hour; what comes with more is only blocked.",
    ),
  vcardBytes: positive.default(196_608).describe("Bytes of one account's vCard, which may have its picture."),
  privateXmlBytes: positive
    .default(1_048_576)
    .describe("Bytes of private XML (XEP-0049) of one account, names and namespaces included."),
  privateXmlElements: positive.default(200).describe("Kinds of private XML of one account, each with its own name."),
  statusCharacters: positive
    .default(1_023)
    .describe("Characters kept of the status with which somebody left (XEP-0012); the rest is cut off."),
  httpBodyBytes: z.int().min(10_000).default(262_144).describe("Bytes of one HTTP request's body: memory."),
  eventStreams: positive.default(1_000).describe("Open event streams (SSE) of the HTTP binding in all."),
});

const streamManagement = z.strictObject({
  resumeSeconds: z
    .int()
    .min(0)
    .max(604_800)
    .default(600)
    .describe("How long a client whose connection is lost may come back as if nothing had happened. 0: not at all."),
  queueStanzas: z
    .int()
    .min(100)
    .default(10_000)
    .describe("Stanzas that one client has not acknowledged before its session is ended: memory and disk."),
  queueBytes: z.int().min(65_536).default(8_388_608).describe("The same in bytes; at least twice limits.stanzaBytes."),
  ackTimeoutSeconds: positive
    .default(60)
    .describe(
      "Seconds that a client may leave a request for acknowledgement unanswered before its connection is closed.",
    ),
  location: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe(
      'Where clients should come back to, "host:port", in place of looking the domain up. null: nothing is said.',
    ),
});

const archive = z.strictObject({
  enabled: z
    .boolean()
    .default(true)
    .describe("Keep the messages of accounts, for their clients to look up (XEP-0313)."),
  default: z
    .enum(["always", "never", "roster"])
    .default("always")
    .describe("Which messages of an account that has not said so itself: all, none, or those with its contacts."),
  retentionDays: z.number().min(0).default(365).describe("Days that a message stays in an archive. 0: for ever."),
  messagesPerAccount: positive
    .default(200_000)
    .describe("Messages in the archive of one account; the oldest make room for new ones, within minutes."),
});

const rooms = z.strictObject({
  enabled: z.boolean().default(true).describe("Serve rooms for many people (XEP-0045)."),
  host: z
    .string()
    .min(1)
    .default("rooms")
    .describe(
      'The domain of the rooms: a label in front of `domain`, or with a dot in it a whole domain ("chat.example.org").',
    ),
  create: z
    .enum(["everyone", "accounts", "nobody"])
    .default("accounts")
    .describe("Who may make rooms: everybody who can reach them, users of this server, or nobody any more."),
  roomsPerUser: positive.default(100).describe("Rooms that one user made and that are there."),
  occupantsPerRoom: positive
    .default(2_000)
    .describe("Clients in one room; its owners and admins come in all the same."),
  affiliationsPerRoom: positive.default(5_000).describe("Owners, admins, members and banned addresses of one room."),
  stanzasPerSecond: z
    .number()
    .min(0)
    .default(5)
    .describe(
      "Stanzas from one user that a room passes on in a second, on average; more are refused. 0: as they come.",
    ),
  burstStanzas: positive.default(50).describe("Stanzas that a user who was silent may send to a room at once."),
  messageBytes: positive.default(65_536).describe("Bytes of one message to a room: each occupant gets a copy."),
  presenceBytes: positive.default(8_192).describe("Bytes of one presence in a room: kept for everybody who comes."),
  nickCharacters: positive.default(100).describe("Characters of a nickname."),
  nameCharacters: positive.default(200).describe("Characters of a room's name."),
  descriptionCharacters: positive.default(2_000).describe("Characters of a room's description."),
  subjectCharacters: positive.default(2_000).describe("Characters of a room's subject."),
  reasonCharacters: positive.default(500).describe("Characters of the reason for a kick, a ban, an invitation."),
  vcardBytes: positive.default(131_072).describe("Bytes of a room's vCard, which has its picture."),
  historyMessages: z
    .int()
    .min(0)
    .default(50)
    .describe("The most messages that a room shows to who comes in; kept in memory for each room that is in use."),
  unusedDays: z
    .number()
    .min(0)
    .default(0)
    .describe("Days after which a persistent room that nobody entered is removed. 0: it stays."),
});

const pubsub = z.strictObject({
  nodesPerAccount: positive
    .default(1_000)
    .describe("Nodes of one account's own service (PEP): bookmarks, avatar, keys ..."),
  itemsPerNode: positive
    .default(10_000)
    .describe('Items that a node keeps at most, and what "max" stands for; the oldest make room for new ones.'),
  itemBytes: positive.default(196_608).describe("Bytes of one item's payload; more is refused."),
  bytesPerAccount: z
    .int()
    .min(10_000)
    .default(33_554_432)
    .describe("Bytes of all items of one account, 200 for each item besides its payload and id: disk."),
  entitiesPerNode: positive
    .default(500)
    .describe(
      "Entities that one node has affiliations with, and those that are subscribed to it without being contacts.",
    ),
  capabilities: positive
    .default(5_000)
    .describe("Kinds of clients whose features are remembered by their hash; the oldest are asked for again."),
});

const push = z.strictObject({
  enabled: z
    .boolean()
    .default(true)
    .describe("Tell app servers of messages that wait (XEP-0357); they connect as one of `components`."),
  servicesPerAccount: positive.default(50).describe("Push services that one account may have enabled."),
  optionsBytes: positive.default(4_096).describe("Bytes of the node and the publish options of one of them."),
  errors: positive
    .default(10)
    .describe("Errors of a passing kind in a row, or answers that did not come, until a push service is disabled."),
  includeSender: z.boolean().default(false).describe("Tell app servers from whom the last message is."),
  includeBody: z
    .boolean()
    .default(false)
    .describe("Tell app servers what the last message says, where it is not encrypted. Users cannot know or choose."),
});

const addressesOf = (whom: string) =>
  z
    .array(
      z
        .string()
        .refine(isUri, { error: 'must be a URI, such as "mailto:admin@example.org" or "xmpp:admin@example.org"' }),
    )
    .default([])
    .describe(`URIs of ${whom}, which clients show (XEP-0157).`);

const contacts = z.strictObject({
  abuse: addressesOf("whom to tell of abuse"),
  admin: addressesOf("the administrators"),
  feedback: addressesOf("whom to tell an opinion"),
  sales: addressesOf("whom to ask about prices"),
  security: addressesOf("whom to tell of a weakness"),
  status: addressesOf("the page that says whether the service is up"),
  support: addressesOf("whom to ask for help"),
});

/** RFC 3986 section 3, in short. */
function isUri(text: string): boolean {
  return /^[A-Za-z][A-Za-z0-9+.-]*:[\x21-\x7e]+$/.test(text);
}

const externalService = z.strictObject({
  type: z.string().regex(/^[A-Za-z_][\w.-]*$/),
  host: z.string().regex(/^[\w.:-]+$/),
  port: z.int().min(1).max(65535).optional(),
  transport: z.enum(["udp", "tcp"]).optional(),
  name: z.string().min(1).optional(),
  secret: z.string().min(1).optional(),
  username: z.string().min(1).optional(),
  password: z.string().min(1).optional(),
  ttlSeconds: positive.default(86_400),
});

const component = z.strictObject({
  domain: z.string().min(1),
  secret: z.string().min(1),
  name: z.string().min(1).optional(),
});

const upload = z.strictObject({
  enabled: z
    .boolean()
    .default(true)
    .describe("Let accounts upload files for others (XEP-0363). It needs https: http.tls or http.publicUrl."),
  fileBytes: positive.default(104_857_600).describe("Bytes of one file."),
  bytesPerAccount: positive.default(1_073_741_824).describe("Bytes of all files of one account: disk."),
  filesPerAccount: positive.default(5_000).describe("Files of one account, and as many profile pictures."),
  retentionDays: z.number().min(0).default(30).describe("Days that a file is kept. 0: as long as the account."),
  profileFileBytes: positive
    .default(1_048_576)
    .describe("Bytes of one file for a profile, such as an avatar. Those are kept as long as the account."),
  profileBytesPerAccount: positive
    .default(10_485_760)
    .describe("Bytes of all such files of one account; the oldest make room for new ones."),
  slotSeconds: positive.default(300).describe("Seconds between asking for a slot and beginning to use it."),
  transferSeconds: positive.default(3_600).describe("Seconds that the transfer of one file may take."),
});

export const gatewayDomain = z.strictObject({
  addressForm: z
    .enum(["rfc3922", "xep0106"])
    .default("rfc3922")
    .describe(
      "How a JID carries & ' / of a foreign name: #26; #27; #2f; (RFC 3922), or \\26 \\27 \\2f as in XEP-0106, which has " +
        "seven more. Choose before such names are in use.",
    ),
  statusForms: z
    .enum(["all", "im"])
    .default("all")
    .describe(
      "How PIDF says away, dnd, xa and chat: as im:im, RPID activities and a jabber:client show, so that every watcher " +
        "understands one of them, or as im:im alone.",
    ),
});

export const gateway = z.strictObject({
  domains: z
    .record(z.string(), gatewayDomain)
    .default({})
    .describe('The foreign domains that Balcony stands for, each with its settings: {"example.net": {}}.'),
  eventRetentionDays: z.number().min(0).default(7).describe("Days that events are kept for a consumer that was away."),
  eventRetentionCount: positive.default(10_000).describe("Newest events of a presentity, kept however old they are."),
  heartbeatSeconds: z
    .number()
    .min(0.05)
    .default(15)
    .describe("Seconds between comments on a silent event stream, so that proxies keep it open."),
  subscriptionSeconds: positive.default(86_400).describe("The longest subscription duration granted."),
  pendingSeconds: positive
    .default(86_400)
    .describe("Seconds that a presentity's subscription request waits for the user's answer."),
  publicationMaxSeconds: positive
    .default(604_800)
    .describe("The longest time a publication with an expiry lives without a refresh."),
  presentitiesPerDomain: positive.default(100_000).describe("Presentities of one foreign domain."),
});

const log = z.strictObject({
  level: z
    .enum(["silent", "error", "warn", "info", "debug"])
    .default("info")
    .describe("What is logged, to standard error. Passwords, tokens and messages at no level."),
});

/** The whole configuration, as an embedder or a file gives it. */
export const schema = z.strictObject({
  domain: ownDomain.describe("The domain of the accounts: the part behind @."),
  storage: z
    .strictObject({
      path: z
        .string()
        .min(1)
        .default("./data")
        .describe('The data folder: database, keys, self-signed certificate. ":memory:": nothing is kept.'),
      durability: z
        .enum(["full", "normal"])
        .default("full")
        .describe('What was acknowledged outlives, "full": kill -9 and loss of power; "normal": kill -9 alone.'),
    })
    .prefault({}),
  c2s: c2s.prefault({}),
  http: http.prefault({}),
  tls: tls.prefault({}),
  auth: auth.prefault({}),
  limits: limits.prefault({}),
  archive: archive.prefault({}),
  streamManagement: streamManagement.prefault({}),
  pubsub: pubsub.prefault({}),
  rooms: rooms.prefault({}),
  push: push.prefault({}),
  contacts: contacts.prefault({}),
  externalServices: z
    .array(externalService)
    .default([])
    .describe("STUN, TURN and other services that clients may use (XEP-0215), each as described above."),
  components: z
    .array(component)
    .default([])
    .describe("Programs that serve domains of their own through this server (XEP-0114), as described above."),
  componentPort: port
    .nullable()
    .default(5347)
    .describe("TCP port for components, open where `components` has any. 0: any free port; null: off."),
  componentAddresses: z
    .array(z.string().min(1))
    .default(["127.0.0.1", "::1"])
    .describe("Where to listen for components. What they send and get travels in clear."),
  upload: upload.prefault({}),
  gateway: gateway.prefault({}),
  log: log.prefault({}),
});

/** The little of JSON Schema that the configuration's own comes out as. */
export type JsonSchema = {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly enum?: readonly unknown[];
  readonly minLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly default?: unknown;
  readonly description?: string;
};

/** The schema as JSON Schema, of the input side. */
export function configJsonSchema(): JsonSchema {
  return z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as JsonSchema;
}
