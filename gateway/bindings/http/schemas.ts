// The JSON of the HTTP binding (docs/http-binding.md) as schemas: what validates requests is what OpenAPI describes.

import * as z from "zod";
import { STANZA_CONDITIONS, type StanzaCondition } from "../../../server/errors.ts";
import { parseXmppAddress } from "./addresses.ts";

/** What OpenAPI says beside the types: descriptions, and the ids of what stands under components.schemas. */
export const docs = z.registry<{ id?: string; description?: string; type?: string; pattern?: undefined }>();

const MAX_DURATION_SECONDS = 0x7fff_ffff;
const MAX_PAGE = 100;

const condition = z.enum(Object.keys(STANZA_CONDITIONS) as StanzaCondition[]);
const at = z.iso.datetime().register(docs, { pattern: undefined });
const presUri = z.string().register(docs, { description: "A pres: URI." });
const imUri = z.string().register(docs, { description: "An im: URI." });
const duration = z.number().nullable().register(docs, { description: "Seconds granted; null: no end." });

// It comes back octet for octet, in headers too, and becomes the stanza id; RFC 3860 section 3.1 asks for 40 octets.
const transId = z
  .string()
  .regex(/^[!-~]{1,40}$/, "a TransID is 1 to 40 visible ASCII characters")
  .register(docs, { description: "Identifies the operation; its response carries the same." });

export const problemSchema = z
  .object({
    status: z.int(),
    title: z.string(),
    detail: z.string(),
    condition: condition.register(docs, {
      description: "The XMPP stanza error condition (RFC 6120 section 8.3.3) that says the same.",
    }),
  })
  .register(docs, { id: "Problem", description: "Problem details (RFC 9457)." });

// ---- parameters

const addr = z.string().register(docs, {
  description: "local@domain in im:/pres: form (RFC 3922 section 3), or such a URI; percent-encoded.",
});
const xmpp = z
  .string()
  .register(docs, { description: "An XMPP address: a JID, or an im:, pres: or xmpp: URI; percent-encoded." });
const domain = z.string().register(docs, { description: "A gateway domain." });

export const addrParams = z.object({ addr });
export const addrXmppParams = z.object({ addr, xmpp });
export const domainParams = z.object({ domain });

const wholeNumber = (name: string, min: number, max: number, description: string) =>
  z
    .string()
    .regex(/^[0-9]{1,16}$/, `${name} is a whole number from ${min} to ${max}`)
    .transform(Number)
    .pipe(z.int().min(min).max(max))
    .register(docs, { type: "integer", pattern: undefined, description });

export const listQuery = z.strictObject({
  domain: domain.exactOptional(),
  limit: wholeNumber("limit", 1, MAX_PAGE, "Rows of a page; absent: 100.").default(MAX_PAGE),
  after: z.string().register(docs, { description: "The last address of the page before." }).exactOptional(),
});

export const publishQuery = z.strictObject({
  expires: wholeNumber(
    "expires",
    1,
    MAX_DURATION_SECONDS,
    "Seconds after which every tuple counts as closed. Absent: it stays until it is replaced.",
  ).exactOptional(),
});

export const ifMatchHeaders = z.looseObject({
  "if-match": z.string().register(docs, { description: "The entity tag that must stand, or *." }).exactOptional(),
});

export const eventsQuery = z.strictObject({
  after: wholeNumber("after", 0, Number.MAX_SAFE_INTEGER, "As Last-Event-ID, which goes before it.").exactOptional(),
});

export const eventsHeaders = z.looseObject({
  "last-event-id": wholeNumber("Last-Event-ID", 0, Number.MAX_SAFE_INTEGER, "The last id seen.").exactOptional(),
});

export const messageHeaders = z.looseObject({
  "cpim-transid": transId.exactOptional(),
  "cpim-max-forwards": wholeNumber(
    "CPIM-Max-Forwards",
    0,
    MAX_DURATION_SECONDS,
    "0: the message fails. Absent: 120.",
  ).exactOptional(),
});

// ---- presentities

/** A presentity's name, whoever gives it: it may stand in a header of Message/CPIM. */
export const formalName = z
  .string()
  .max(1023)
  .regex(/^[^\p{Cc}\p{Cs}]*$/u, "a name holds no control characters");
const policy = z
  .enum(["confirm", "allow", "deny"])
  .register(docs, { description: "What becomes of subscription requests." });

const domainOrAddress = z.string().superRefine((text, context) => {
  // The wider form: which one counts depends on the presentity, and is seen to by the call.
  const parsed = parseXmppAddress(text, { domain: "allowed", form: "xep0106" });
  if (!parsed.ok) context.addIssue({ code: "custom", message: parsed.reason });
});

export const presentityChange = z.preprocess(
  (body) => body ?? {},
  z.strictObject({
    formalName: formalName.exactOptional(),
    subscriptions: policy.exactOptional(),
    allowFrom: z
      .array(domainOrAddress)
      .max(1000)
      .register(docs, { description: "XMPP domains and addresses that may watch and write to it; empty: everybody." })
      .exactOptional(),
  }),
);

export const presentitySchema = z
  .object({
    address: z.string().register(docs, { description: "As {addr}, not percent-encoded again." }),
    formalName: z.string(),
    subscriptions: policy,
    allowFrom: z.array(z.string()),
    createdAt: at,
  })
  .register(docs, { id: "Presentity" });

export const publishedSchema = z
  .object({
    etag: z.string(),
    expires: z.number().nullable().register(docs, { description: "Seconds granted; null: until it is replaced." }),
  })
  .register(docs, { id: "Published" });

export const pidfDocument = z.string().register(docs, { description: "A PIDF document (RFC 3863)." });

/** A body that the gateway reads, not HTTP. */
const octets = (description: string) =>
  z
    .preprocess((body) => body ?? Buffer.alloc(0), z.custom<Buffer>(Buffer.isBuffer))
    .register(docs, { type: "string", description });

export const pidfBody = octets(
  "A PIDF document (RFC 3863). Empty, with If-Match: the one that stands gets a new expiry.",
);

// ---- watchers and subscriptions

const relationState = z.enum(["pending", "active"]);

export const watcherSchema = z
  .object({ watcher: presUri, state: relationState, since: at, transId: z.string() })
  .register(docs, { id: "Watcher" });

export const watcherDecision = z.strictObject({ state: z.enum(["active", "denied"]) });

export const subscriptionRequest = z.preprocess(
  (body) => body ?? {},
  z.strictObject({
    duration: z
      .int()
      .min(0)
      .max(MAX_DURATION_SECONDS)
      .register(docs, { description: "Seconds. 0: a fetch. Absent: as long as the gateway grants." })
      .exactOptional(),
    transId: transId.exactOptional(),
  }),
);

export const subscriptionAnswer = z
  .object({
    status: z.enum(["success", "pending"]),
    transId: z.string(),
    duration,
  })
  .register(docs, { id: "SubscriptionAnswer" });

export const subscriptionSchema = z
  .object({
    target: presUri,
    state: relationState,
    since: at,
    expires: at.nullable().register(docs, { description: "When it ends, or is given up while pending; null: no end." }),
    duration,
    transId: z.string(),
  })
  .register(docs, { id: "Subscription" });

// ---- messages

export const messageAnswer = z
  .object({ status: z.enum(["success", "indeterminant"]), transId: z.string() })
  .register(docs, { id: "MessageAnswer" });

export const cpimBody = octets("A Message/CPIM object (RFC 3862), with or without its outer MIME block.");

// ---- events

export const eventLines = z.string().register(docs, { description: "Lines of Server-Sent Events." });

const watching = { transId: z.string(), watcher: presUri, target: presUri };

/** The JSON in the data of each type of event. */
export const eventData = {
  message: z
    .object({
      transId: z.string(),
      source: imUri,
      destination: imUri,
      maxForwards: z.number().register(docs, { description: "How often it may yet be relayed." }),
      contentType: z.literal("message/cpim"),
      object: z.string().register(docs, { description: "The whole object, its outer MIME block included." }),
    })
    .register(docs, { id: "EventMessage", description: "A message to the presentity `destination`." }),
  notify: z
    .object({
      transId: z.string(),
      target: presUri,
      watcher: presUri,
      contentType: z.literal("application/pidf+xml"),
      object: z.string().register(docs, { description: "The whole PIDF document, a tuple for each resource." }),
      subscription: z.string().register(docs, { description: "The same in every notify of one subscription." }),
    })
    .register(docs, { id: "EventNotify", description: "The presence of `target`, whom the presentity watches." }),
  subscribe: z
    .object(watching)
    .register(docs, { id: "EventSubscribe", description: "An XMPP user awaits the presentity's decision." }),
  unsubscribe: z
    .object(watching)
    .register(docs, { id: "EventUnsubscribe", description: "An XMPP user stopped watching the presentity." }),
  terminated: z
    .object({
      transId: z.string().exactOptional(),
      target: presUri,
      watcher: presUri,
      reason: z.enum(["cancelled", "denied", "expired", "gone"]),
    })
    .register(docs, { id: "EventTerminated", description: "The presentity's own subscription ended." }),
  response: z
    .object({
      transId: z.string(),
      status: z.enum(["success", "failure", "indeterminant"]),
      condition: condition.exactOptional(),
    })
    .register(docs, { id: "EventResponse", description: "What became of a message or a subscription request." }),
  reset: z
    .object({
      after: z.number().register(docs, { description: "The id resumed from." }),
      prunedUpTo: z.number().register(docs, { description: "Events up to this id are missing." }),
    })
    .register(docs, { id: "EventReset", description: "Events were missed: read everything anew." }),
};

/** What stands in the log, by the type of event. */
export type EventData = z.output<(typeof eventData)[Exclude<keyof typeof eventData, "reset">]>;
export type ResetData = z.output<typeof eventData.reset>;
