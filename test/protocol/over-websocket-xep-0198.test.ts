// XEP-0198 over WebSocket (RFC 7395): the same tests.

import { underTest } from "../support/under-test.ts";

underTest.transport = "WebSocket";
await import("./xep-0198-stream-management.test.ts");
await import("./xep-0198-restart.test.ts");
