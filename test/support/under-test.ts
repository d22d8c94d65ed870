// What carries the streams of a protocol test. The tests themselves are the same: see test/protocol/over-websocket-*.test.ts.

/** Of one test file. `secure`: whether the server that was started last has TLS beneath its WebSockets. */
export const underTest: { transport: "TCP" | "WebSocket"; secure: boolean } = { transport: "TCP", secure: true };

/** For what only TCP has: STARTTLS, half-closed connections, pieces of stanzas. */
export const overWebSocket = (): boolean => underTest.transport === "WebSocket";
