// XEP-0045 1.35.1 with XEP-0249, 0313, 0359, 0410, 0421, 0425 and 0486: rooms for many people, on a domain of their own.

import { roomsDomain } from "../config.ts";
import { RoomService } from "../rooms/service.ts";
import type { Core } from "../router/routing.ts";
import type { SessionJournal } from "../session/journal.ts";
import { defineModule, type Module } from "./module.ts";

export function roomsModule(core: Core, journal: SessionJournal): Module {
  return defineModule({
    name: "rooms",
    spec: "XEP-0045 1.35.1",
    setup: ({ config }) => {
      const domain = roomsDomain(config);
      const archives = config.archive.enabled;
      const { resumeSeconds } = config.streamManagement;
      const service = new RoomService({ core, config: config.rooms, domain, archives, resumeSeconds, journal });
      return {
        components: [{ domainpart: domain, name: "Rooms", component: service }],
        hooks: {
          notify: {
            accountDeleted: (account) => service.accountDeleted(account),
            resumed: (session, afterRestart) => {
              if (afterRestart) service.resumed(session);
            },
          },
        },
        start: () => service.start(),
        stop: () => service.stop(),
      };
    },
  });
}
