// RFC 6121 chapter 8 over WebSocket (RFC 7395): the same tests.

import { underTest } from "../support/under-test.ts";

underTest.transport = "WebSocket";
await import("./rfc6121-8-delivery.test.ts");
