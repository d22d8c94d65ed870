// What owners ask of their room (XEP-0045 1.35.1 section 10): its configuration, its end, and its vCard (XEP-0486 0.1.0).

import { createHash } from "node:crypto";
import { Element, parse } from "ltx";
import type { Config } from "../config.ts";
import { stanzaError } from "../errors.ts";
import { Jid } from "../jid.ts";
import { NS } from "../namespaces.ts";
import { attr, child, childrenOf, result, textOf } from "../stanza.ts";
import { serialize } from "../xml/serialize.ts";
import { affiliationAllows } from "./affiliation.ts";
import { configForm, type FormLimits, readConfigForm } from "./config-form.ts";
import type { FlowParts } from "./message-flow.ts";
import { tooFast } from "./rates.ts";
import type { ActiveRoom } from "./registry.ts";
import type { RoomReply } from "./requests.ts";
import type { Room } from "./room.ts";

export class RoomOwners {
  readonly #parts: FlowParts;
  readonly #config: Config["rooms"];

  constructor(parts: FlowParts) {
    this.#parts = parts;
    this.#config = parts.config;
  }

  handle(active: ActiveRoom, query: Element, from: Jid, get: boolean): RoomReply | Promise<RoomReply> {
    const { room } = active;
    const destroy = child(query, "destroy", NS.mucOwner);
    const privilege = destroy === undefined ? "change room configuration" : "destroy room";
    if (!affiliationAllows(room.affiliationOf(from), privilege)) return stanzaError("forbidden");
    if (get) {
      const answer = new Element("query", { xmlns: NS.mucOwner });
      return result(answer.cnode(configForm(room.config, this.#limits())).up());
    }
    if (!this.#parts.rates.take(`${room.address.toString()} ${from.bareString}`)) return tooFast();
    if (destroy !== undefined) return this.#destroy(active, destroy);
    const form = child(query, "x", NS.dataForms);
    if (form === undefined) return stanzaError("bad-request", "neither a form nor <destroy/>");
    return this.#configure(active, form);
  }

  #limits(): FormLimits {
    return { ...this.#config, archives: this.#parts.registry.archives };
  }

  async #configure(active: ActiveRoom, form: Element): Promise<RoomReply> {
    const { room } = active;
    const type = attr(form, "type");
    if (type === "cancel") {
      // Section 10.1.3: the room that was never set up goes; any other stays as it is.
      if (room.locked) return this.#destroy(active, new Element("destroy", { xmlns: NS.mucOwner }));
      return result();
    }
    if (type !== "submit") return stanzaError("bad-request", "a form to be submitted");
    const config = readConfigForm(form, room.config, this.#limits());
    if ("kind" in config) return config;
    const sends = room.configure(config);
    await this.#parts.registry.commit(active);
    return { ...result(), sends };
  }

  // Section 10.9
  async #destroy(active: ActiveRoom, asked: Element): Promise<RoomReply> {
    const told = new Element("destroy");
    const venue = Jid.parse(attr(asked, "jid") ?? "");
    if (attr(asked, "jid") !== undefined && venue.ok) told.attrs.jid = venue.value.toString();
    for (const name of ["reason", "password"]) {
      const given = child(asked, name, NS.mucOwner);
      if (given !== undefined) told.c(name).t(textOf(given).slice(0, this.#config.reasonCharacters));
    }
    const sends = active.room.destroy(told);
    this.#parts.registry.remove(active.room);
    await this.#parts.registry.commit(active);
    this.#parts.delivery.send(sends);
    return result();
  }

  // ---- vCard

  async vcard(active: ActiveRoom, vcard: Element, from: Jid, get: boolean): Promise<RoomReply> {
    const { room } = active;
    if (get) return this.#showVcard(room, from);
    if (!affiliationAllows(room.affiliationOf(from), "change room configuration")) {
      return stanzaError("forbidden", "only owners may do that");
    }
    if (!this.#parts.rates.take(`${room.address.toString()} ${from.bareString}`)) return tooFast();
    const xml = vcard.children.length === 0 ? "" : serialize(vcard);
    if (Buffer.byteLength(xml) > this.#config.vcardBytes) {
      return stanzaError(
        "policy-violation",
        `a vCard here may have ${this.#config.vcardBytes} bytes (rooms.vcardBytes)`,
      );
    }
    room.setAvatar(hashesOf(vcard), xml);
    await this.#parts.registry.commit(active);
    return { ...result(), sends: room.size > 0 ? [room.status([104])] : [] };
  }

  async #showVcard(room: Room, from: Jid): Promise<RoomReply> {
    if (room.affiliationOf(from) === "outcast") return stanzaError("forbidden");
    const xml = await this.#parts.core.store.rooms.vcard(room.address.toString());
    return result(xml === "" ? new Element("vCard", { xmlns: NS.vcard }) : (parse(xml) as Element));
  }
}

// XEP-0486 section 3.3 and XEP-0153 section 4.1: of the octets of each picture.
function hashesOf(vcard: Element): string[] {
  return childrenOf(vcard, "PHOTO", NS.vcard).flatMap((photo) => {
    const data = child(photo, "BINVAL", NS.vcard);
    if (data === undefined) return [];
    return [
      createHash("sha1")
        .update(Buffer.from(textOf(data), "base64"))
        .digest("hex"),
    ];
  });
}
