// The CPIM message operation both ways (RFC 3860, RFC 3922 section 4; JC-25, JC-44, JC-45, JC-48).

import { setImmediate as nextTurn } from "node:timers/promises";
import type { Element } from "ltx";
import { STANZA_CONDITIONS, type StanzaCondition, type StanzaError, stanzaError } from "../server/errors.ts";
import type { Jid } from "../server/jid.ts";
import { NS } from "../server/namespaces.ts";
import { attr, child, elements, namespaceOf } from "../server/stanza.ts";
import { type EscapeForm, fromUri } from "./address.ts";
import type { MessageOutcome, MessageRequest } from "./bindings/binding.ts";
import { parseCpim, serializeCpim } from "./cpim.ts";
import { domainSettings } from "./domain-settings.ts";
import { recipientsOf } from "./envelope.ts";
import { append, type GatewayCore, isFailure } from "./host.ts";
import { cpimToMessages, messageToCpim } from "./map-message.ts";
import { mayReach } from "./presentities.ts";
import { transIdFrom } from "./trans-id.ts";

const SENT_KEPT = 10_000;
/** Of a message that begins its way here (RFC 3860 section 3.4.2; JC-48). */
const MAX_FORWARDS = 120;

export class MessageOperations {
  readonly #core: GatewayCore;
  // Messages from the foreign side that an XMPP client may still bounce, oldest first: presentity, user and TransID.
  readonly #sent = new Set<string>();

  constructor(core: GatewayCore) {
    this.#core = core;
  }

  /**
   * A message stanza to a presentity. It is on disk for the foreign side when this resolves.
   * @param accepted is called in the turn in which it is written
   * Errors: item-not-found, forbidden, not-acceptable (no CPIM form). Source: RFC 3922 section 4.1; JC-20, JC-21.
   */
  async toForeign(user: Jid, address: Jid, stanza: Element, accepted: () => void): Promise<StanzaError | undefined> {
    if (attr(stanza, "type") === "error") return this.#bounced(user, address, stanza);
    const presentity = await this.#core.presentity(address);
    if (isFailure(presentity)) return presentity;
    if (!mayReach(presentity, user)) return stanzaError("forbidden");
    const mapped = messageToCpim(stanza, domainSettings(this.#core.config, address.domainpart));
    if (!mapped.ok) return stanzaError("not-acceptable", mapped.reason);
    if (mapped.value === null) return undefined; // nothing in it that CPIM could carry
    const transId = transIdFrom(attr(stanza, "id"));
    const object = serializeCpim(mapped.value);
    const appended = append(this.#core, [
      { kind: "message", transId, source: user, destination: address, maxForwards: MAX_FORWARDS, object },
    ]);
    accepted();
    await appended;
    return undefined;
  }

  /**
   * A Message/CPIM object from the foreign side: Max-Forwards, the addresses, whether they are ours, whether the caller may,
   * the mapping, the recipients, in this order (RFC 3860 section 3.4.1). All recipients get it, or none does.
   * Errors: bad-request, not-acceptable, forbidden, item-not-found, service-unavailable.
   */
  async fromForeign(request: MessageRequest): Promise<MessageOutcome> {
    const transId = transIdFrom(request.transId);
    if (request.maxForwards === 0) return stanzaError("policy-violation", "Max-Forwards is 0 (RFC 3860 section 3.4.2)");
    const object = parseCpim(request.object, { outer: request.outerHeaders ? "required" : "optional" });
    if (!object.ok) return stanzaError("bad-request", object.reason);
    const source = fromUri(object.value.from.uri, ["im"], this.#formOf);
    if (!source.ok) return stanzaError("bad-request", `From: ${source.reason}`);
    const addressForm = this.#formOf(source.value.domainpart);
    const parties = recipientsOf(object.value, ["im"], addressForm);
    if (!parties.ok) return stanzaError("not-acceptable", parties.reason);
    const recipients = parties.value.to;
    const stranger = recipients.find(({ domainpart }) => domainpart !== this.#core.domain.domainpart);
    if (stranger !== undefined)
      return stanzaError("item-not-found", `${stranger.toString()} is not an address of this server`);
    if (!request.maySendAs(source.value))
      return stanzaError("forbidden", `this caller is not ${object.value.from.uri}`);
    const presentity = await this.#core.presentity(source.value);
    if (isFailure(presentity)) return presentity;
    const stanzas = cpimToMessages(object.value, { transId, addressForm });
    if (!stanzas.ok) return stanzaError("not-acceptable", stanzas.reason);
    for (const recipient of recipients) {
      const refused = await this.#unreachable(recipient, source.value);
      if (refused !== undefined) return refused;
    }
    for (const [index, stanza] of stanzas.value.entries()) {
      this.#remember(source.value, recipients[index] as Jid, transId);
      const refused = await this.#core.route(stanza, source.value);
      if (refused !== undefined) return refused;
    }
    // What a resource got leaves at the end of this turn of the event loop; success must not be told before it has left.
    await nextTurn();
    return { kind: "response", status: "success", transId };
  }

  readonly #formOf = (domainpart: string): EscapeForm => domainSettings(this.#core.config, domainpart).addressForm;

  async #unreachable(recipient: Jid, source: Jid): Promise<StanzaError | undefined> {
    if (!(await this.#core.accountExists(recipient.localpart as string))) {
      return stanzaError("item-not-found", `${recipient.toString()} is no user here`);
    }
    if (await this.#core.takesMessages(recipient, source)) return undefined;
    return stanzaError("service-unavailable", `${recipient.toString()} takes no messages at the moment`);
  }

  // An error that a client sends back becomes a response; one that answers nothing we sent is dropped.
  async #bounced(user: Jid, address: Jid, stanza: Element): Promise<undefined> {
    const transId = attr(stanza, "id");
    if (transId === undefined || !this.#sent.delete(keyOf(address, user, transId))) return undefined;
    await append(this.#core, [
      { kind: "response", presentity: address, transId, status: "failure", condition: conditionOf(stanza) },
    ]);
    return undefined;
  }

  #remember(source: Jid, recipient: Jid, transId: string): void {
    this.#sent.add(keyOf(source, recipient, transId));
    if (this.#sent.size > SENT_KEPT)
      for (const oldest of this.#sent) {
        this.#sent.delete(oldest);
        break;
      }
  }
}

// The contextual error that the client gave, or the one that stands for none (RFC 3922's draft, section 3.2.2).
function conditionOf(stanza: Element): StanzaCondition {
  const error = child(stanza, "error");
  const named = error === undefined ? [] : elements(error).filter((found) => namespaceOf(found) === NS.stanzas);
  return named.map(({ name }) => name).find(isStanzaCondition) ?? "service-unavailable";
}

function isStanzaCondition(name: string): name is StanzaCondition {
  return Object.hasOwn(STANZA_CONDITIONS, name);
}

function keyOf(presentity: Jid, user: Jid, transId: string): string {
  return `${presentity.bareString}\n${user.bareString}\n${transId}`;
}
