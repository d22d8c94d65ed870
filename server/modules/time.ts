// XEP-0202 2.0: Entity Time.

import { Element } from "ltx";
import { NS } from "../namespaces.ts";
import { result } from "../stanza.ts";
import { defineModule } from "./module.ts";

export const time = defineModule({
  name: "time",
  spec: "XEP-0202 2.0",
  features: [{ var: NS.time, on: ["domain"] }],
  setup: (host) => ({
    iq: [
      {
        type: "get",
        ns: NS.time,
        name: "time",
        to: ["domain"],
        handle: () => {
          const now = new Date(host.clock.now());
          const payload = new Element("time", { xmlns: NS.time });
          payload.c("tzo").t(offset(-now.getTimezoneOffset()));
          payload.c("utc").t(now.toISOString().replace(/\.\d+Z$/, "Z"));
          return result(payload);
        },
      },
    ],
  }),
});

// XEP-0082: +hh:mm or -hh:mm
function offset(minutes: number): string {
  const sign = minutes < 0 ? "-" : "+";
  const absolute = Math.abs(minutes);
  return `${sign}${String(Math.floor(absolute / 60)).padStart(2, "0")}:${String(absolute % 60).padStart(2, "0")}`;
}
