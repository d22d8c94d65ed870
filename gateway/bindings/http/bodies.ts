// Bodies of the three types that the HTTP binding takes; any other is 415. Which of them a call takes is its own matter.

import { isUtf8 } from "node:buffer";
import { errorCodes, type FastifyInstance } from "fastify";

const OCTETS = ["message/cpim", "application/pidf+xml"];

/** Gives `app` its parsers: octets stay as they are, JSON is strict UTF-8 (RFC 8259 section 8.1), and may be left out. */
export function parseBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(OCTETS, { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  app.addContentTypeParser<Buffer>("application/json", { parseAs: "buffer" }, (_request, body, done) => {
    if (body.length === 0) return done(null, null);
    try {
      if (!isUtf8(body)) throw new TypeError("not UTF-8");
      done(null, JSON.parse(body.toString("utf8")));
    } catch {
      done(new errorCodes.FST_ERR_CTP_INVALID_JSON_BODY());
    }
  });
}
