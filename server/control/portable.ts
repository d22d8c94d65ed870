// Accounts that go from one server to another, as the control socket carries them.

import * as z from "zod";
import type { ExportedUser, ImportOptions, ImportResult, PortableUser } from "../portable/user.ts";

const text = z.string();

const rosterItem = z.strictObject({
  contact: text,
  inRoster: z.boolean(),
  name: text,
  groups: z.array(text),
  state: z.enum(["none", "none+out", "none+in", "none+out+in", "to", "to+in", "from", "from+out", "both"]),
  approved: z.boolean(),
  pendingSubscribe: text,
});

const node = z.strictObject({
  name: text,
  config: text,
  affiliations: z.array(z.strictObject({ jid: text, affiliation: z.enum(["member", "outcast"]) })),
  subscriptions: z.array(z.strictObject({ jid: text, state: z.enum(["subscribed", "pending"]) })),
  items: z.array(z.strictObject({ id: text, publisher: text, at: z.number(), xml: text })),
});

export const portableUser: z.ZodType<PortableUser> = z.strictObject({
  name: text,
  password: text.exactOptional(),
  keys: z.array(
    z.strictObject({
      hash: z.enum(["SHA-1", "SHA-256"]),
      iterations: z.int().min(1),
      salt: text,
      storedKey: text,
      serverKey: text,
    }),
  ),
  holdings: z.strictObject({
    roster: z.array(rosterItem).exactOptional(),
    offline: z.array(z.strictObject({ xml: text, at: z.number() })).exactOptional(),
    vcard: text.exactOptional(),
    privateXml: z.array(z.strictObject({ ns: text, name: text, xml: text })).exactOptional(),
    nodes: z.array(node).exactOptional(),
  }),
});

export const exportedUser: z.ZodType<ExportedUser> = z.strictObject({ user: portableUser, notTaken: z.array(text) });

export const importOptions: z.ZodType<ImportOptions> = z.strictObject({
  existing: z.enum(["keep", "replace"]),
  check: z.boolean(),
});

export const importResult: z.ZodType<ImportResult> = z.union([
  z.strictObject({ outcome: z.enum(["created", "replaced", "kept"]) }),
  z.strictObject({ outcome: z.literal("refused"), reason: text }),
]);
