// RFC 6120 chapter 7 over WebSocket (RFC 7395): the same tests.

import { underTest } from "../support/under-test.ts";

underTest.transport = "WebSocket";
await import("./rfc6120-7-bind.test.ts");
