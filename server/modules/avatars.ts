// XEP-0398 1.0.0 with XEP-0084 1.1.4 and XEP-0153 1.1.1: avatars/avatars.ts converts, presence/photo-hashes.ts is what presence
// says of them. Here what is announced, and that the one leads to the other.

import type { Avatars } from "../avatars/avatars.ts";
import { avatarId } from "../avatars/payloads.ts";
import { NS } from "../namespaces.ts";
import type { Presence } from "../presence/presence.ts";
import { defineModule, type Module } from "./module.ts";
import type { Vcards } from "./vcards.ts";

export function avatarsModule(avatars: Avatars, vcards: Vcards, presence: Presence): Module {
  return defineModule({
    name: "avatars",
    spec: "XEP-0398 1.0.0",
    features: [{ var: NS.avatarConversion, on: ["account"] }], // section 2
    setup() {
      avatars.connect();
      vcards.onChange(({ account, photo }) => presence.photoChanged(account, photo && avatarId(photo.bytes)));
      return {};
    },
  });
}
