// RFC 6120 chapter 6 over WebSocket (RFC 7395): the same tests.

import { underTest } from "../support/under-test.ts";

underTest.transport = "WebSocket";
await import("./rfc6120-6-sasl.test.ts");
