// The SASL elements of one stream (RFC 6120 section 6.4): base64 in and out, one exchange at a time, failures counted.

import { Element } from "ltx";
import { type SaslCondition, StreamError } from "../errors.ts";
import type { Logger } from "../log.ts";
import { NS } from "../namespaces.ts";
import type { SaslContext, SaslExchange, SaslOutcome, SaslServer } from "../sasl/mechanism.ts";
import { attr, elements, textOf } from "../stanza.ts";

export type AuthenticationOwner = {
  readonly streamId: string;
  readonly sasl: SaslServer;
  readonly loginAttempts: number;
  readonly log: Logger;
  /** False: the client left while a step was under way. */
  isOpen(): boolean;
  send(element: Element): void;
  /** The login succeeded; `success` is to be sent unless this throws. */
  succeeded(localpart: string, success: Element): void;
};

export class Authentication {
  readonly #owner: AuthenticationOwner;
  #exchange: SaslExchange | undefined;
  #failures = 0;

  constructor(owner: AuthenticationOwner) {
    this.#owner = owner;
  }

  /** Forgets an exchange that is under way; failures stay counted. */
  reset(): void {
    this.#exchange = undefined;
  }

  /** An element in the SASL namespace. Throws StreamError after too many failures. */
  handle(element: Element, context: SaslContext): void | Promise<void> {
    switch (element.name) {
      case "auth":
        return this.#begin(element, context);
      case "response":
        if (this.#exchange === undefined) return this.fail("malformed-request");
        return this.#step(this.#exchange, element);
      case "abort":
        this.#exchange = undefined;
        return this.fail("aborted");
      default:
        return this.fail("malformed-request");
    }
  }

  /** Tells the client, and throws StreamError once it has failed too often. */
  fail(condition: SaslCondition): void {
    const failure = new Element("failure", { xmlns: NS.sasl });
    failure.c(condition);
    this.#owner.send(failure);
    this.#failures += 1;
    if (this.#failures >= this.#owner.loginAttempts) {
      // RFC 6120 section 6.4.5
      throw new StreamError("policy-violation", `${this.#failures} failed logins (limits.loginAttempts)`);
    }
  }

  async #begin(auth: Element, context: SaslContext): Promise<void> {
    this.#exchange = undefined; // RFC 6120 section 6.4.2: one that is under way is discarded
    const mechanism = attr(auth, "mechanism");
    if (mechanism === undefined) return this.fail("invalid-mechanism"); // section 6.5.7
    try {
      this.#exchange = await this.#owner.sasl.start(mechanism, context);
    } catch (error) {
      this.#owner.log.error({ stream: this.#owner.streamId, err: error }, "login-error");
      return this.fail("temporary-auth-failure");
    }
    if (this.#exchange === undefined) return this.fail("invalid-mechanism");
    return this.#step(this.#exchange, auth);
  }

  async #step(exchange: SaslExchange, element: Element): Promise<void> {
    const message = decodeMessage(textOf(element));
    if (message === null || elements(element).length > 0) {
      this.#exchange = undefined;
      return this.fail(message === null ? "incorrect-encoding" : "malformed-request");
    }
    // A <response/> always carries a message, if an empty one; an <auth/> may carry none.
    const outcome = await exchange.step(message ?? (element.name === "response" ? Buffer.alloc(0) : undefined));
    if (this.#owner.isOpen()) this.#tell(outcome);
  }

  #tell(outcome: SaslOutcome): void {
    switch (outcome.kind) {
      case "challenge":
        this.#owner.send(new Element("challenge", { xmlns: NS.sasl }).t(outcome.data.toString("base64")));
        return;
      case "failure":
        this.#exchange = undefined;
        this.fail(outcome.condition);
        return;
      case "success": {
        this.#exchange = undefined;
        const success = new Element("success", { xmlns: NS.sasl });
        if (outcome.data !== undefined) success.t(outcome.data.length === 0 ? "=" : outcome.data.toString("base64"));
        this.#owner.succeeded(outcome.localpart, success);
      }
    }
  }
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** The message in a SASL element: undefined if there is none, empty for "=", null if it is no base64 (RFC 6120 section 6.4.2). */
function decodeMessage(text: string): Buffer | undefined | null {
  if (text === "") return undefined;
  if (text === "=") return Buffer.alloc(0);
  if (!BASE64.test(text)) return null;
  const message = Buffer.from(text, "base64");
  return message.toString("base64") === text ? message : null; // section 13.9.1: padding bits are zero
}
