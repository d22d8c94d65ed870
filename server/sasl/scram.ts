// SCRAM-SHA-1 and SCRAM-SHA-256, with and without channel binding (RFC 5802, RFC 7677, RFC 9266): the server's half.

import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { ScramHash, ScramKeys, ScramSource } from "../accounts/authenticator.ts";
import { SCRAM_HASHES } from "../accounts/scram-keys.ts";
import { prepareLocalpart } from "../jid.ts";
import { decodeUtf8, isOwnAuthzid } from "./identity.ts";
import { failure, type MechanismExchange, type SaslContext, type Verdict } from "./mechanism.ts";
import { type ClientFinal, type ClientFirst, parseClientFinal, parseClientFirst } from "./scram-messages.ts";

const NONCE_OCTETS = 18;
const SALT_OCTETS = 16; // as accounts/credentials.ts makes them

export type ScramOptions = {
  readonly hash: ScramHash;
  /** The mechanism's name ends in -PLUS. */
  readonly plus: boolean;
  /** Some -PLUS mechanism was advertised on this stream. */
  readonly plusOffered: boolean;
  readonly source: ScramSource;
  readonly domain: string;
  /** From which the salts of unknown users are made, so that they stay the same over restarts. */
  readonly secret: string;
  readonly context: Pick<SaslContext, "bindings">;
  /** For tests: the server's part of the nonce, printable ASCII without a comma. */
  readonly nonce?: () => string;
};

/** What is kept between the two messages of the client. */
type Pending = {
  readonly localpart: string;
  readonly known: boolean;
  readonly keys: ScramKeys;
  readonly nonce: string;
  /** client-first-message-bare "," server-first-message: the beginning of AuthMessage. */
  readonly transcript: string;
  /** gs2-header and channel binding data: what "c=" must hold. */
  readonly binding: Buffer;
};

/** One exchange: client-first, server-first, client-final, server-final. Source: RFC 5802 sections 3, 5 and 6. */
export function scramExchange(options: ScramOptions): MechanismExchange {
  let pending: Pending | undefined;
  return {
    async step(message): Promise<Verdict> {
      if (message === undefined && pending === undefined) return { kind: "challenge", data: Buffer.alloc(0) };
      const text = message === undefined ? undefined : decodeUtf8(message);
      if (text === undefined) return failure("incorrect-encoding", "not UTF-8", pending?.localpart);
      if (pending !== undefined) {
        const parsed = parseClientFinal(text);
        if (!parsed.ok) return failure(parsed.condition, parsed.reason, pending.localpart);
        return judgeFinal(options, pending, parsed.value);
      }
      const parsed = parseClientFirst(text);
      if (!parsed.ok) return failure(parsed.condition, parsed.reason);
      const judged = await judgeFirst(options, parsed.value);
      if ("kind" in judged) return judged;
      pending = judged.pending;
      return { kind: "challenge", data: Buffer.from(judged.serverFirst) };
    },
  };
}

async function judgeFirst(
  options: ScramOptions,
  first: ClientFirst,
): Promise<Verdict | { pending: Pending; serverFirst: string }> {
  const binding = bindingInput(options, first);
  if (!Buffer.isBuffer(binding)) return binding;
  const name = prepareLocalpart(first.username);
  if (!name.ok) return failure("not-authorized", "the user name is no localpart");
  const localpart = name.value;
  if (first.authzid !== undefined && !isOwnAuthzid(first.authzid, localpart, options.domain)) {
    return failure("invalid-authzid", "authzid is not the account's own", localpart);
  }
  const standIn = keysOfNobody(options, localpart);
  const real = await options.source.keys(localpart, options.hash);
  const keys = real ?? standIn;
  const nonce = first.nonce + (options.nonce?.() ?? randomBytes(NONCE_OCTETS).toString("base64"));
  const serverFirst = `r=${nonce},s=${keys.salt.toString("base64")},i=${keys.iterations}`;
  const transcript = `${first.bare},${serverFirst}`;
  return { pending: { localpart, known: real !== undefined, keys, nonce, transcript, binding }, serverFirst };
}

/** What "c=" has to hold, or why the gs2 flag is refused. Source: RFC 5802 sections 6 and 7. */
function bindingInput(
  { plus, plusOffered, context }: ScramOptions,
  { flag, gs2Header }: ClientFirst,
): Buffer | Verdict {
  const header = Buffer.from(gs2Header);
  switch (flag.kind) {
    case "unsupported":
      return plus ? failure("malformed-request", "-PLUS without channel binding") : header;
    case "not-offered":
      if (plus) return failure("malformed-request", "-PLUS without channel binding");
      // The client could bind, but saw no -PLUS: somebody in between took it out of the list.
      return plusOffered ? failure("not-authorized", "downgrade: -PLUS was offered but not seen") : header;
    case "bound": {
      if (!plus) return failure("malformed-request", "channel binding without -PLUS");
      const data = [...context.bindings].find(([type]) => type === flag.type)?.[1];
      if (data === undefined) return failure("malformed-request", "channel binding type not offered");
      return Buffer.concat([header, data]);
    }
  }
}

function judgeFinal({ hash }: ScramOptions, pending: Pending, final: ClientFinal): Verdict {
  const { localpart, keys } = pending;
  if (!equal(final.binding, pending.binding)) return failure("not-authorized", "channel binding differs", localpart);
  if (!equal(Buffer.from(final.nonce), Buffer.from(pending.nonce)))
    return failure("not-authorized", "nonce differs", localpart);
  const { digest, octets } = SCRAM_HASHES[hash];
  const authMessage = `${pending.transcript},${final.withoutProof}`;
  const signature = createHmac(digest, keys.storedKey).update(authMessage).digest();
  // ClientKey = ClientProof XOR ClientSignature; StoredKey = H(ClientKey)
  const clientKey = signature.map((octet, i) => octet ^ (final.proof[i] ?? 0));
  const proven = equal(createHash(digest).update(clientKey).digest(), keys.storedKey) && final.proof.length === octets;
  if (!proven || !pending.known) {
    return failure(
      "not-authorized",
      pending.known ? "wrong password" : "no such account, or no keys for it",
      localpart,
    );
  }
  const serverSignature = createHmac(digest, keys.serverKey).update(authMessage).digest("base64");
  return { kind: "success", localpart, data: Buffer.from(`v=${serverSignature}`) };
}

/** Keys that look like those of an account and that no proof fits. */
function keysOfNobody({ hash, source, secret }: ScramOptions, localpart: string): ScramKeys {
  const salt = createHmac("sha256", secret).update(`SCRAM-${hash}\0${localpart}`).digest().subarray(0, SALT_OCTETS);
  const key = randomBytes(SCRAM_HASHES[hash].octets);
  return { salt, iterations: source.iterations, storedKey: key, serverKey: key };
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
