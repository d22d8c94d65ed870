#!/usr/bin/env node
// The program `balcony`.

import { run } from "./cli/program.ts";

// A reader that has seen enough (`balcony user list | head -1`) is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});

process.exitCode = await run(process.argv.slice(2));
