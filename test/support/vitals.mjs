// Loaded into a server's process by test/support/built-server.ts, beside the program as it is: tells over the IPC channel,
// when asked, what the process holds once everything that can be freed is freed. Plain JavaScript: Node 20 loads it as it is.

import { monitorEventLoopDelay } from "node:perf_hooks";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc");
const delay = monitorEventLoopDelay({ resolution: 5 });
delay.enable();

process.on("message", (asked) => {
  if (asked.collect) for (let round = 0; round < 3; round += 1) collect();
  const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage();
  const handles = {};
  for (const kind of process.getActiveResourcesInfo()) handles[kind] = (handles[kind] ?? 0) + 1;
  process.send({ id: asked.id, rss, heapUsed, external, arrayBuffers, handles, longestPauseMs: delay.max / 1e6 });
  delay.reset();
});
process.on("disconnect", () => process.exit(1)); // who started it is gone
process.channel?.unref(); // it must not keep the server running
