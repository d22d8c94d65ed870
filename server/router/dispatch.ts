// The IQ table: (type, namespace, name, target) -> handler. Exact and constant time; a duplicate fails at start.

import type { Element } from "ltx";
import type { StanzaCondition } from "../errors.ts";
import { stanzaError } from "../errors.ts";
import type { Jid } from "../jid.ts";
import type { Session } from "../session/session.ts";
import { attr, elements, type IqReply, namespaceOf } from "../stanza.ts";

export type IqType = "get" | "set";
/** Whom it is asked of: the server, or a local account (its bare JID, or no `to`). */
export type IqTarget = "domain" | "account";

export type IqRequest = {
  readonly stanza: Element;
  readonly payload: Element;
  readonly from: Jid;
  /** The bare JID of the account, or the domain. */
  readonly to: Jid;
  /** The session that asks, where it is one of this server's. */
  readonly session: Session | undefined;
};

export type IqHandler = {
  readonly type: IqType;
  readonly ns: string;
  readonly name: string;
  readonly to: readonly IqTarget[];
  /**
   * Who may ask an account: its owner alone (the default), also whoever may see its presence, or anyone: then the handler
   * decides, and must not let strangers tell an account from none. Others get the answer that an account which does not
   * exist would give.
   */
  readonly allow?: "owner" | "subscriber" | "anyone";
  /**
   * What an asker who is not allowed gets, where a protocol names something else than service-unavailable. It must not
   * depend on the account.
   */
  readonly refusal?: StanzaCondition | ((request: IqRequest) => IqReply);
  handle(request: IqRequest): IqReply | Promise<IqReply>;
};

export class DispatchTable {
  readonly #handlers = new Map<string, IqHandler>();

  /** Throws if another handler has the same key: a mistake in the program. */
  add(handler: IqHandler): void {
    for (const target of handler.to) {
      const key = keyOf(handler.type, handler.ns, handler.name, target);
      if (this.#handlers.has(key)) throw new Error(`two handlers for ${key}`);
      this.#handlers.set(key, handler);
    }
  }

  find(type: IqType, payload: Element, target: IqTarget): IqHandler | undefined {
    return this.#handlers.get(keyOf(type, namespaceOf(payload), payload.name, target));
  }
}

function keyOf(type: string, ns: string, name: string, target: string): string {
  return `${type} ${target} ${name} ${ns}`;
}

/**
 * The payload of a get or set: exactly one child element. Anything else is bad-request.
 * Source: RFC 6120 section 8.2.3.
 */
export function payloadOf(iq: Element): Element | undefined {
  const children = elements(iq);
  return children.length === 1 ? children[0] : undefined;
}

/** RFC 6120 section 8.2.3: an iq has an id and one of four types. */
export function iqFault(iq: Element): ReturnType<typeof stanzaError> | undefined {
  const type = attr(iq, "type");
  if (attr(iq, "id") === undefined) return stanzaError("bad-request", "an iq needs an id");
  if (type === "get" || type === "set") {
    return payloadOf(iq) === undefined ? stanzaError("bad-request", "a get or set has exactly one child") : undefined;
  }
  return type === "result" || type === "error" ? undefined : stanzaError("bad-request", "unknown iq type");
}
