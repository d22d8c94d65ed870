// SASL for the domain (docs/credentials.md points 2, 5, 7, 8): which mechanisms a stream is offered, and round each exchange
// the throttle, the audit and the log.

import type { Authenticator, ScramHash } from "../accounts/authenticator.ts";
import type { Throttle } from "../accounts/throttle.ts";
import type { AuditNotes } from "../audit.ts";
import type { Clock } from "../clock.ts";
import { type AuthConfig, ConfigError } from "../config.ts";
import type { Logger } from "../log.ts";
import type { Counters } from "../metrics/counters.ts";
import {
  failure,
  type MechanismExchange,
  type SaslContext,
  type SaslExchange,
  type SaslOffer,
  type SaslOutcome,
  type SaslServer,
  type Verdict,
} from "./mechanism.ts";
import { plainExchange } from "./plain.ts";
import { scramExchange } from "./scram.ts";

export type SaslParts = {
  readonly config: Pick<AuthConfig, "plain">;
  readonly authenticator: Authenticator;
  readonly domain: string;
  /** Kept over restarts: `await store.secret("sasl")`. */
  readonly secret: string;
  readonly throttle: Throttle;
  readonly audit: AuditNotes;
  readonly counters: Pick<Counters, "login">;
  readonly clock: Clock;
  readonly log: Logger;
};

// Best first; SHA-1 stays, because some clients know nothing else.
const SCRAM: readonly { name: string; hash: ScramHash; plus: boolean }[] = [
  { name: "SCRAM-SHA-256-PLUS", hash: "SHA-256", plus: true },
  { name: "SCRAM-SHA-1-PLUS", hash: "SHA-1", plus: true },
  { name: "SCRAM-SHA-256", hash: "SHA-256", plus: false },
  { name: "SCRAM-SHA-1", hash: "SHA-1", plus: false },
];

const HASHES: readonly ScramHash[] = ["SHA-256", "SHA-1"];

/** Throws ConfigError if nobody could ever log in: PLAIN is off, and the authenticator knows nothing else. */
export function createSaslServer(parts: SaslParts): SaslServer {
  const { config, authenticator, domain, secret } = parts;
  if (!config.plain && authenticator.scram === undefined) {
    throw new ConfigError([
      "auth.plain: must be true here, because passwords stored as bcrypt can verify nothing but PLAIN",
    ]);
  }
  // What a stream was shown holds for it, even if the list changes before it answers.
  const shown = new WeakMap<SaslContext, SaslOffer>();

  const makeOffer = async (context: SaslContext): Promise<SaslOffer> => {
    const hashes = await offeredHashes(parts, context);
    const plus = hashes.length > 0 && context.secure && context.bindings.size > 0;
    const offered = SCRAM.filter((mechanism) => hashes.includes(mechanism.hash) && (plus || !mechanism.plus));
    const names = offered.map(({ name }) => name);
    const offer: SaslOffer = {
      mechanisms: config.plain ? [...names, "PLAIN"] : names,
      bindings: plus ? [...context.bindings.keys()] : [],
    };
    shown.set(context, offer);
    return offer;
  };

  return {
    offer: makeOffer,
    async start(name, context) {
      const offer = shown.get(context) ?? (await makeOffer(context));
      if (!offer.mechanisms.includes(name)) {
        if (name !== "PLAIN") return undefined;
        // RFC 6120 section 6.5.9: known here, but not allowed
        return guarded(parts, name, context, { step: () => failure("mechanism-too-weak", "auth.plain is false") });
      }
      const chosen = SCRAM.find((mechanism) => mechanism.name === name);
      const source = authenticator.scram;
      if (chosen === undefined) return guarded(parts, name, context, plainExchange(authenticator, domain));
      if (source === undefined) return undefined;
      const { hash, plus } = chosen;
      const plusOffered = offer.bindings.length > 0;
      return guarded(parts, name, context, scramExchange({ hash, plus, plusOffered, source, domain, secret, context }));
    },
  };
}

// While accounts are left that lack the keys of a hash (only a bcrypt hash, or keys of the other one, from another server),
// nobody is offered it but who claims an account that has them: a client that chose it would not fall back. Where PLAIN is
// off and no hash serves everybody, all are offered: nobody would get in otherwise.
async function offeredHashes(
  { config, authenticator: { scram }, domain }: SaslParts,
  { claimed }: SaslContext,
): Promise<readonly ScramHash[]> {
  if (scram === undefined) return [];
  const localpart = claimed?.domainpart === domain ? claimed.localpart : undefined;
  const usable = await Promise.all(HASHES.map((hash) => scram.usable(localpart, hash)));
  const hashes = HASHES.filter((_, i) => usable[i]);
  return hashes.length === 0 && !config.plain ? HASHES : hashes;
}

/** Source: RFC 6120 section 6.5.10: the client learns no more than the condition. */
function guarded(parts: SaslParts, mechanism: string, context: SaslContext, inner: MechanismExchange): SaslExchange {
  const { throttle, clock, log, audit, counters, domain } = parts;
  const { address, stream } = context;
  const accountOf = (localpart: string): string => `${localpart}@${domain}`;
  let over = false;

  const judge = async (message: Buffer | undefined): Promise<Verdict> => {
    if (over) return failure("malformed-request", "the exchange is over");
    try {
      return await inner.step(message);
    } catch (err) {
      log.error({ stream, mechanism, address, err }, "login-error");
      return failure("temporary-auth-failure", "an error; see the log");
    }
  };

  return {
    async step(message): Promise<SaslOutcome> {
      const verdict = await judge(message);
      if (verdict.kind === "challenge") return verdict;
      over = true;
      if (verdict.kind === "success") {
        const { localpart } = verdict;
        await wait(clock, throttle.success(address));
        log.info({ stream, mechanism, address, localpart }, "login");
        audit.note({ event: "login", account: accountOf(localpart), address, detail: mechanism });
        counters.login(mechanism, "success");
        return verdict;
      }
      const { condition, reason, localpart } = verdict;
      log.info({ stream, mechanism, address, localpart, condition, reason }, "login-failed");
      counters.login(mechanism, condition);
      if (condition !== "temporary-auth-failure") {
        // Whoever has not been told wrong has not guessed: that does not slow down the account's owner.
        const delayMs = throttle.failure(address, condition === "not-authorized" ? localpart : undefined);
        const account = localpart === undefined ? "" : accountOf(localpart);
        audit.note({ event: "login-failed", account, address, detail: `${mechanism}: ${condition}: ${reason}` });
        await wait(clock, delayMs);
      }
      return { kind: "failure", condition };
    },
  };
}

function wait(clock: Clock, delayMs: number): Promise<void> {
  return delayMs <= 0 ? Promise.resolve() : new Promise((resolve) => void clock.after(delayMs, resolve));
}
