// SASL PLAIN (RFC 4616): the password itself, in one message, inside TLS.

import type { Authenticator } from "../accounts/authenticator.ts";
import { prepareLocalpart } from "../jid.ts";
import { decodeUtf8, isOwnAuthzid } from "./identity.ts";
import { failure, type MechanismExchange, type Verdict } from "./mechanism.ts";

/** An exchange of `message = [authzid] NUL authcid NUL passwd`. Source: RFC 4616 section 2. */
export function plainExchange(authenticator: Authenticator, domain: string): MechanismExchange {
  return {
    async step(message): Promise<Verdict> {
      if (message === undefined) return { kind: "challenge", data: Buffer.alloc(0) };
      const text = decodeUtf8(message);
      if (text === undefined) return failure("incorrect-encoding", "not UTF-8");
      const [authzid = "", authcid = "", password = "", ...rest] = text.split("\0");
      if (authcid === "" || password === "" || rest.length > 0)
        return failure("malformed-request", "not a PLAIN message");
      const name = prepareLocalpart(authcid);
      if (!name.ok) return failure("not-authorized", "the user name is no localpart");
      const localpart = name.value;
      if (authzid !== "" && !isOwnAuthzid(authzid, localpart, domain)) {
        return failure("invalid-authzid", "authzid is not the account's own", localpart);
      }
      switch (await authenticator.verifyPlain(localpart, password)) {
        case "right":
          return { kind: "success", localpart };
        case "wrong":
          return failure("not-authorized", "wrong password or no such account", localpart);
        case "busy":
          return failure("temporary-auth-failure", "too many logins at once", localpart);
      }
    },
  };
}
